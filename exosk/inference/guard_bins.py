r"""A guard for spectra in coarser bins than those that it learned from.

With W the (n_new, n_bins) matrix of averages, known spectra :math:`m + A^T a` become
:math:`W m + (A W^T)^T a`, and what the basis leaves out is averaged too. So a spectrum is judged in
bins of its own, with errors that are independent, where bringing it to finer bins would give
several of these the same noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from exosk.exceptions import GridError
from exosk.grids import SpectralGrid
from exosk.inference.guard_reference import ReferenceSpectra
from exosk.rows import RowLayout

__all__ = ["averaged", "merged_bins"]


def merged_bins(grid: SpectralGrid, finest: SpectralGrid) -> SpectralGrid:
    """Join neighbouring bins until none is finer than those of another grid.

    Parameters
    ----------
    grid : SpectralGrid
        Of an observation.
    finest : SpectralGrid
        How fine bins may be. Bins outside its range are left out.

    Returns
    -------
    SpectralGrid
        Each bin is a run of bins that touch, or one by itself.

    Raises
    ------
    GridError
        If no bin lies within the range.
    """
    low, high = finest.range
    width = np.interp(grid.wavelength, finest.wavelength, 2 * finest.half_width)
    edges: list[list[float]] = []
    for k in np.flatnonzero((grid.lower >= low) & (grid.upper <= high)):
        lower, upper = float(grid.lower[k]), float(grid.upper[k])
        # A tenth of a bin is rounding of published edges; bins of several instruments may overlap.
        gap = (lower - edges[-1][1]) / (upper - lower) if edges else 1.0
        if gap < -0.1 or (gap < 0.1 and edges[-1][1] - edges[-1][0] < 0.99 * width[k]):
            edges[-1][1] = max(edges[-1][1], upper)
        else:
            edges.append([max(lower, edges[-1][1]) if edges else lower, upper])
    if not edges:
        raise GridError(
            f"no bin of the spectrum lies within {low:.4g}-{high:.4g} um, which the guard knows"
        )
    lower, upper = np.array(edges).T
    return SpectralGrid(lower, upper)


def averaged(guard: Any, matrix: Any, grid: SpectralGrid) -> Any:
    """Return the guard for spectra in coarser bins, with depths and errors.

    A network's features are not asked there.

    Parameters
    ----------
    guard : SpectrumGuard
        Fitted to all bins of its grid.
    matrix : array or sparse array of shape (n_new, n_bins)
        What the new bins are averages of, as :class:`exosk.Rebinner` has it.
    grid : SpectralGrid
        The new bins.

    Returns
    -------
    SpectrumGuard
    """
    matrix = matrix.toarray() if sparse.issparse(matrix) else np.asarray(matrix, dtype=float)
    old, known, reference = guard._scale, guard.known_, guard._reference
    scale = np.sqrt(matrix**2 @ old**2)
    change = matrix * old / scale[:, None]
    new = type(guard)(grid, float(np.max(scale)), None)
    new.set_params(
        **{
            name: getattr(guard, name)
            for name in ("false_alarm_rate", "n_reference", "n_components", "n_gaussians")
        }
    )
    new.n_features_in_ = 2 * grid.n_bins
    new.layout_ = RowLayout(grid.n_bins, has_sigma=True)
    new._bins = np.ones(grid.n_bins, dtype=bool)
    new._scale, new.noise_range_ = scale, guard.noise_range_
    new.known_ = replace(
        known,
        mean=change @ known.mean,
        rest=np.sqrt(change**2 @ known.rest**2),
        basis=known.basis @ change.T,
    )
    rest = (reference.rest * reference.step[:, None].astype(float)) @ change.T
    new._reference = ReferenceSpectra.kept(reference.coefficients, rest, reference.seed)
    new._features = None
    return new
