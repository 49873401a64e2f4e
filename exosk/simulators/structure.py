"""The structure of atmospheres, laid out from their parameters, and refused where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from exosk.simulators import atmosphere as hydro
from exosk.simulators.inputs import Inputs
from exosk.simulators.layers import Layering, Shells
from exosk.simulators.limits import check_structure, check_values
from exosk.units import JUPITER_RADIUS

__all__ = ["check_atmospheres", "check_layers", "lay_out"]

_CHECKED_AT_ONCE = 4096


def lay_out(
    inputs: Inputs,
    value: Mapping[str, torch.Tensor],
    layers: Layering,
    masses: Mapping[str, float],
    he_h2_ratio: float,
) -> Shells:
    """Lay out atmospheres in hydrostatic equilibrium.

    Parameters
    ----------
    inputs : Inputs
        With the profiles of temperature and abundances.
    value : mapping of str to tensor of shape (n,)
        Every parameter.
    layers : Layering
        The layers' pressures; temperature and composition are those in their middles.
    masses : mapping of str to float
        Molar masses of the absorbers, H2 and He, in unified atomic mass units.
    he_h2_ratio : float
        Number of He atoms per H2 molecule in the background.
    """
    like = value["planet_mass"]
    pressure = torch.as_tensor(layers.pressure, device=like.device)
    x = torch.pow(10.0, inputs.log_abundances(value, pressure))
    mass = hydro.mean_molecular_mass(
        x,
        torch.tensor([masses[name] for name in inputs.abundances], dtype=x.dtype, device=x.device),
        (masses["H2"] + he_h2_ratio * masses["He"]) / (1 + he_h2_ratio),
    )
    return layers.shells(inputs.temperature(value, pressure), mass, value)


def check_atmospheres(
    inputs: Inputs,
    value: Mapping[str, np.ndarray],
    layers: Layering,
    levels: torch.Tensor,
    settings: Mapping[str, Any],
    masses: Mapping[str, float],
    temperature_range: tuple[float, float],
) -> np.ndarray:
    """Refuse atmospheres that have no answer, before they are computed.

    Parameters
    ----------
    inputs : Inputs
        The simulator's.
    value : mapping of str to ndarray of shape (n,)
        Every parameter, from :meth:`Inputs.values`.
    layers : Layering
        In which the atmosphere is laid out.
    levels : tensor of shape (n_levels,)
        Pressures at which temperatures and abundances are looked at, in bar.
    settings : mapping
        The simulator's ``pressure_range`` (bar) and ``he_h2_ratio``.
    masses : mapping of str to float
        Molar masses of the absorbers, H2 and He, in unified atomic mass units.
    temperature_range : tuple of float
        Of the opacity tables, in K.

    Returns
    -------
    ndarray of shape (n,)
        The radius at the bottom of each atmosphere, in Jupiter's.

    Raises
    ------
    RangeError
        Naming the thing, its value and the row: a parameter out of its range, a temperature out of
        the tables', abundances that add up to more than one, an atmosphere that is not bound.
    """
    pressure_range = settings["pressure_range"]
    radius = np.empty(len(value["planet_radius"]))
    for start in range(0, len(radius), _CHECKED_AT_ONCE):
        rows = slice(start, start + _CHECKED_AT_ONCE)
        block = {name: column[rows] for name, column in value.items()}
        check_values(block, first_row=start, pressure_range=pressure_range)
        columns = {
            name: torch.as_tensor(column, device=levels.device) for name, column in block.items()
        }
        temperature = inputs.temperature(columns, levels).cpu().numpy()
        if inputs.equilibrium is not None:
            inputs.equilibrium.check(block, temperature, start)
        shells = lay_out(inputs, columns, layers, masses, settings["he_h2_ratio"])
        check_structure(
            columns,
            first_row=start,
            temperature=temperature,
            temperature_range=temperature_range,
            total=torch.pow(10.0, inputs.log_abundances(columns, levels)).sum(-1).cpu().numpy(),
            inverse_radius=(shells.inverse_radius + shells.potential).cpu().numpy(),
            top=pressure_range[0],
        )
        radius[rows] = shells.radius[:, 0].cpu().numpy() / JUPITER_RADIUS
    return radius


def check_layers(
    inputs: Inputs,
    value: Mapping[str, np.ndarray],
    settings: Mapping[str, Any],
    masses: Mapping[str, float],
    temperature_range: tuple[float, float],
) -> np.ndarray:
    """Check atmospheres as :func:`check_atmospheres` does, for a code that works in NumPy.

    Temperatures and abundances are looked at at the boundaries of the layers.

    Parameters
    ----------
    inputs, value, masses, temperature_range
        As for :func:`check_atmospheres`.
    settings : mapping
        The simulator's ``n_layers``, ``pressure_range`` (bar), ``reference_pressure`` (bar) and
        ``he_h2_ratio``.

    Returns
    -------
    ndarray of shape (n,)
        The radius at the bottom of each atmosphere, in Jupiter's.
    """
    top, bottom = settings["pressure_range"]
    n_layers = settings["n_layers"]
    layers = Layering(n_layers, (top, bottom), settings["reference_pressure"], torch.device("cpu"))
    levels = torch.from_numpy(np.geomspace(bottom, top, n_layers + 1))
    return check_atmospheres(inputs, value, layers, levels, settings, masses, temperature_range)
