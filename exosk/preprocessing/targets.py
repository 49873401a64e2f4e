"""From what a user names as target bins to how they lie over the source."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.preprocessing.overlap import Overlap, grid_of
from exosk.units import canonical

__all__ = ["joined_bins", "lay_over"]


def joined_bins(target: Any) -> int:
    """Return how many neighbouring bins are joined to one; 0 if the target names bins.

    Raises
    ------
    RangeError
        If the target is a number, but not a whole one from 1 up.
    """
    if isinstance(target, bool | float | np.floating) or (
        isinstance(target, int | np.integer) and target < 1
    ):
        raise RangeError(
            f"target={target!r}: to join neighbouring bins, give a whole number from 1 up"
        )
    return int(target) if isinstance(target, int | np.integer) else 0


def lay_over(
    target: Any, n_source: int, grid: SpectralGrid | None, wavelength: Any, *, lenient: bool
) -> tuple[SpectralGrid | None, Overlap]:
    """Lay target bins over a source.

    Parameters
    ----------
    target : SpectralGrid, Spectrum, Instrument or int
        The bins to make, or how many neighbouring ones to join.
    n_source : int
        Number of source values.
    grid : SpectralGrid or None
        The source's bins.
    wavelength : array-like, Quantity or None
        The source's sample points, in um.
    lenient : bool
        Whether target bins may reach beyond the samples; they get no weights then.

    Returns
    -------
    target_grid : SpectralGrid or None
        None where bins without wavelengths are joined.
    overlap : Overlap

    Raises
    ------
    GridError
        If the target is no bins, or where the source lies is not told.
    """
    step = joined_bins(target)
    if wavelength is not None:
        if step:
            raise GridError(f"target={target} joins bins, but X is sampled; give the bins to make")
        return _over_samples(grid_of(target, "target"), wavelength, lenient)
    if not step:
        if grid is None:
            raise GridError(
                "to rebin to a grid, tell where the values of X lie: give grid (bins) or "
                "wavelength (samples)"
            )
        made = grid_of(target, "target")
        return made, Overlap.of_bins(grid.lower, grid.upper, made.lower, made.upper)
    if grid is None:
        return None, Overlap.of_neighbours(np.ones(n_source), step)
    first = np.arange(0, n_source, step)
    ends = np.minimum.reduceat(grid.lower, first), np.maximum.reduceat(grid.upper, first)
    return SpectralGrid(*ends), Overlap.of_neighbours(grid.upper - grid.lower, step)


def _over_samples(
    made: SpectralGrid, wavelength: Any, lenient: bool
) -> tuple[SpectralGrid, Overlap]:
    """Lay bins over samples; those that reach beyond them get no weights, if that is allowed."""
    points = np.atleast_1d(canonical(wavelength, "wavelength"))
    inside = np.ones(made.n_bins, dtype=bool)
    if lenient and points.ndim == 1:
        slack = 1e-9 * points[-1]
        inside = (made.lower >= points[0] - slack) & (made.upper <= points[-1] + slack)
    if inside.all() or not inside.any():
        return made, Overlap.of_weights(made.averaging_matrix(points))
    averaging = made[inside].averaging_matrix(points).tocoo()
    rows = np.flatnonzero(inside)[averaging.coords[0]]
    placed = sparse.coo_array(
        (averaging.data, (rows, averaging.coords[1])), shape=(made.n_bins, points.size)
    )
    return made, Overlap.of_weights(placed.tocsr())
