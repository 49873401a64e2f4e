"""Refusing atmospheres that the physics or the tables have no answer for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from exosk.exceptions import RangeError
from exosk.opacities import CollisionTable, OpacityTable
from exosk.simulators.quantities import PLANET

__all__ = ["check_opacities", "check_structure", "check_values"]


def check_opacities(absorbers: Sequence[OpacityTable | CollisionTable]) -> None:
    """Check that tables are what the built-in model can add up.

    Raises
    ------
    RangeError
        If there is no absorber, one is a pair's or named twice, or wavelengths differ.
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
    names = [table.name for table in absorbers]
    for name in names:
        if names.count(name) > 1:
            raise RangeError(f"{name} is named twice among the molecules; name it once")
    for table in absorbers:
        if not np.array_equal(table.wavelength, first.wavelength):
            raise RangeError(
                f"{first.name} has {first.wavelength.size} wavelengths and {table.name} "
                f"{table.wavelength.size} others; resample one table onto the other's"
            )


def check_values(
    value: Mapping[str, np.ndarray], *, first_row: int, pressure_range: tuple[float, float]
) -> None:
    """Check the parameters of a batch of atmospheres, each on its own.

    Parameters
    ----------
    value : mapping of str to ndarray of shape (n,)
        Every parameter, free or fixed.
    first_row : int
        Row of theta that the batch begins with, for messages.
    pressure_range : tuple of float
        Top and bottom of the atmosphere, in bar.

    Raises
    ------
    RangeError
        Naming the parameter, its value and the row.
    """
    top, bottom = np.log10(pressure_range)
    for name, column in value.items():
        if not np.isfinite(column).all():
            raise RangeError(f"{name} contains NaN or infinity; every value must be a number")
        limits: tuple[float, float, str] | None = None
        if name in PLANET or name.endswith("temperature") or name in ("t_irr", "c_o_ratio"):
            limits = (float(np.finfo(float).tiny), np.inf, "(it must be positive)")
        elif name == "t_int":
            limits = (0.0, np.inf, "(it must not be negative)")
        elif name.startswith("log_p_"):
            limits = (top, bottom, "log bar, where the atmosphere is")
        elif name.endswith("_fraction"):
            limits = (0.0, 1.0, "(it is a fraction)")
        elif name == "dilution":
            limits = (0.0, 1.0 - 1e-9, "(it is the neighbour's share of the light)")
        if limits is not None:
            _refuse(name, column, *limits, first_row)
    covered = sum(value[f"{s}_fraction"] for s in ("spot", "faculae") if f"{s}_fraction" in value)
    _refuse_any(
        np.atleast_1d(covered) > 1 + 1e-9,
        np.atleast_1d(covered),
        first_row,
        "spots and faculae of row {row} cover {found:.3g} of the star, more than all of it",
    )


def check_structure(
    value: Mapping[str, torch.Tensor],
    *,
    first_row: int,
    temperature: np.ndarray,
    temperature_range: tuple[float, float],
    total: np.ndarray,
    inverse_radius: np.ndarray,
    top: float,
) -> None:
    """Check temperatures and abundances at every height, and that the atmosphere is bound.

    Parameters
    ----------
    value : mapping of str to tensor of shape (n,)
        Every parameter.
    first_row : int
        Row of theta that the batch begins with.
    temperature : ndarray of shape (n, n_levels)
        In K.
    temperature_range : tuple of float
        Of the opacity tables, in K.
    total : ndarray of shape (n, n_levels)
        Sum of the trace gases' volume mixing ratios.
    inverse_radius : ndarray of shape (n, n_levels)
        1/r of the layers' boundaries, bottom first; zero or less where unbound.
    top : float
        Pressure of the uppermost boundary, in bar.

    Raises
    ------
    RangeError
        Naming the thing, its value and the row.
    """
    coldest, hottest = np.nanmin(temperature, axis=1), np.nanmax(temperature, axis=1)
    for found in (coldest, hottest):
        _refuse(
            "temperature",
            found,
            *temperature_range,
            "K, the range of the opacity tables",
            first_row,
        )
    most = total.max(axis=1)
    _refuse_any(
        most > 1 + 1e-9,
        most,
        first_row,
        "the volume mixing ratios of row {row} add up to {found:.3g}, above one; lower them, or "
        "narrow their priors",
    )
    outermost = inverse_radius.min(axis=1)
    unbound = ~(outermost > 0)
    if unbound.any():
        k = int(np.argmax(unbound))
        raise RangeError(
            f"the atmosphere of row {first_row + k} is not bound up to {top:g} bar: a planet of "
            f"{float(value['planet_mass'][k]):.3g} M_jup and "
            f"{float(value['planet_radius'][k]):.3g} R_jup cannot hold it at "
            f"{hottest[k]:.0f} K; narrow the priors"
        )


def _refuse_any(bad: np.ndarray, found: np.ndarray, first_row: int, message: str) -> None:
    """Raise with the first bad row and what was found there."""
    if bad.any():
        k = int(np.argmax(bad))
        raise RangeError(message.format(row=first_row + k, found=found[k]))


def _refuse(
    name: str, column: np.ndarray, low: float, high: float, what: str, first_row: int
) -> None:
    """Raise when a column leaves [low, high], beyond rounding."""
    # Zero is no rounding error of a positive number.
    slack = 1e-9 * max(abs(low), 1.0) if np.isfinite(high) else 0.0
    outside = np.flatnonzero(~((column >= low - slack) & (column <= high * (1 + 1e-9) + slack)))
    if outside.size:
        k = outside[0]
        raise RangeError(
            f"{name} = {column[k]:g} in row {first_row + k} is outside {low:g} to {high:g} {what}"
        )
