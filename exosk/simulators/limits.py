"""Refusing atmospheres that the physics or the tables have no answer for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from exosk.exceptions import RangeError
from exosk.opacities import CollisionTable, OpacityTable
from exosk.simulators import atmosphere as hydro
from exosk.simulators.quantities import abundance_name
from exosk.units import JUPITER_MASS, JUPITER_RADIUS

__all__ = ["check_atmospheres", "check_opacities"]


def check_opacities(
    absorbers: Sequence[OpacityTable | CollisionTable],
    pairs: Sequence[OpacityTable | CollisionTable],
) -> None:
    """Check that tables are what the built-in model can add up.

    Raises
    ------
    RangeError
        If there is no absorber, one is a pair's, or wavelengths differ.
    """
    if not absorbers:
        raise RangeError("the model needs at least one molecule")
    first = absorbers[0]
    for table in absorbers:
        if isinstance(table, CollisionTable):
            raise RangeError(
                f"{table.name} is a pair of colliding gases, not a molecule; the absorption of "
                f"H2-H2 and H2-He is always part of the built-in model, so leave it out"
            )
    for table in [*absorbers, *pairs]:
        if not np.array_equal(table.wavelength, first.wavelength):
            raise RangeError(
                f"{first.name} has {first.wavelength.size} wavelengths and {table.name} "
                f"{table.wavelength.size} others; resample one table onto the other's"
            )


def check_atmospheres(
    value: Mapping[str, np.ndarray],
    molecules: Sequence[str],
    temperature_range: tuple[float, float],
    pressure_range: tuple[float, float],
    reference_pressure: float,
    background_mass: float,
) -> None:
    """Check a batch of atmospheres of the built-in model.

    Parameters
    ----------
    value : mapping of str to ndarray of shape (n,)
        Every parameter, free or fixed.
    molecules : sequence of str
        The absorbers.
    temperature_range : tuple of float
        Of the opacity tables, in K.
    pressure_range : tuple of float
        Top and bottom of the atmosphere, in bar.
    reference_pressure : float
        Where the radius is given, in bar.
    background_mass : float
        Mean molar mass of the background gas.

    Raises
    ------
    RangeError
        Naming the parameter, its value and the row.
    """
    for name, column in value.items():
        if not np.isfinite(column).all():
            raise RangeError(f"{name} contains NaN or infinity; every value must be a number")
    _refuse(value, "temperature", *temperature_range, "K, the range of the opacity tables")
    for name in ("planet_radius", "planet_mass", "star_radius"):
        _refuse(value, name, float(np.finfo(float).tiny), np.inf, "(it must be positive)")
    if "log_p_cloud" in value:
        top, bottom = np.log10(pressure_range)
        _refuse(value, "log_p_cloud", top, bottom, "log bar, where the atmosphere is")
    abundances = np.stack([10 ** value[abundance_name(m)] for m in molecules], -1)
    total = abundances.sum(axis=-1)
    if (total > 1 + 1e-9).any():
        k = int(np.argmax(total))
        raise RangeError(f"the volume mixing ratios of row {k} add up to {total[k]:.3g}, above one")
    _check_bound(
        value, abundances, molecules, pressure_range[0], reference_pressure, background_mass
    )


def _check_bound(
    value: Mapping[str, np.ndarray],
    abundances: np.ndarray,
    molecules: Sequence[str],
    top: float,
    reference_pressure: float,
    background_mass: float,
) -> None:
    """Refuse an atmosphere whose top would lie at infinity."""
    masses = torch.tensor([hydro.molar_mass(m) for m in molecules], dtype=torch.float64)
    mass = hydro.mean_molecular_mass(torch.tensor(abundances), masses, background_mass)
    scale = hydro.inverse_scale(
        torch.tensor(value["temperature"]), mass, torch.tensor(value["planet_mass"] * JUPITER_MASS)
    ).numpy()
    inverse = 1 / (value["planet_radius"] * JUPITER_RADIUS) + scale * np.log(
        top / reference_pressure
    )
    if (inverse <= 0).any():
        k = int(np.argmin(inverse))
        raise RangeError(
            f"the atmosphere of row {k} is not bound up to {top:g} bar: a planet of "
            f"{value['planet_mass'][k]:.3g} M_jup and {value['planet_radius'][k]:.3g} R_jup "
            f"cannot hold it at {value['temperature'][k]:.0f} K; narrow the priors"
        )


def _refuse(value: Mapping[str, np.ndarray], name: str, low: float, high: float, what: str) -> None:
    """Raise when a column leaves [low, high], beyond rounding."""
    column = value[name]
    # Zero is no rounding error of a positive number.
    slack = 1e-9 * max(abs(low), 1.0) if np.isfinite(high) else 0.0
    outside = np.flatnonzero((column < low - slack) | (column > high * (1 + 1e-9) + slack))
    if outside.size:
        k = outside[0]
        raise RangeError(f"{name} = {column[k]:g} in row {k} is outside {low:g} to {high:g} {what}")
