r"""How far an average over few monochromatic samples may be from the true one.

The opacity tables sample the spectrum at R = 1000 and lines are far narrower, so neighbouring
samples are as good as independent. The mean of the n that fall into a bin scatters around the
bin's true mean by the standard error

.. math:: \sigma_\mathrm{bin} = s / \sqrt{n},

with s the standard deviation of the monochromatic depths around the smooth spectrum. Half the
mean squared difference of neighbouring samples estimates :math:`s^2` (von Neumann 1941, Ann. Math.
Stat. 12, 367): slopes and bands, which an average integrates rightly, hardly enter it, where in
the plain variance they would make up most of a photometric bin's. The draw is the same for every
spectrum of one atmosphere, so it acts as an error of the model, and an honest likelihood adds it
in quadrature to that of the data. A variance estimated from three samples is itself uncertain by
its own size, so variances are averaged over neighbouring bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.simulators import Simulator
from exosk.simulators.binned import bin_matrix
from exosk.spectra import SpectralGrid

__all__ = ["sampling_error"]

# Bins to either side whose variances are averaged: with three samples a bin, some twenty
# differences.
_NEIGHBOURS = 3


def sampling_error(simulator: Simulator, theta: Any, grid: SpectralGrid) -> np.ndarray:
    """Estimate the error that coarse opacity sampling leaves in each bin.

    Parameters
    ----------
    simulator : Simulator
        Whose native grid is sampled, not averaged.
    theta : array-like of shape (n, n_parameters)
        Atmospheres to estimate it for; the median over them is returned.
    grid : SpectralGrid
        The bins.

    Returns
    -------
    ndarray of shape (n_bins,)
        1-sigma error of the transit depth.
    """
    simulator = simulator.restrict(grid)
    matrix = bin_matrix(simulator, grid)
    depth = np.asarray(simulator.simulate(theta), dtype=float)
    # A row of the matrix has weights on a run of samples without gaps.
    first, last = matrix.indices[matrix.indptr[:-1]], matrix.indices[matrix.indptr[1:] - 1]
    square = np.cumsum(np.diff(depth, axis=1, prepend=depth[:, :1]) ** 2 / 2, axis=1)
    within = square[:, last] - square[:, first]
    variance = _pooled(within, grid) / _pooled((last - first).astype(float), grid)
    # Unequal weights (a bin's edge cuts a sample) count as so many equal ones.
    effective = 1 / np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    return np.sqrt(np.median(variance / effective, axis=0))


def _pooled(values: np.ndarray, grid: SpectralGrid) -> np.ndarray:
    """Sum over each bin and its neighbours, not reaching across gaps in the grid."""
    center = grid.wavelength
    reach = (2 * _NEIGHBOURS + 0.5) * grid.half_width
    near = np.abs(center[:, None] - center[None, :]) <= np.maximum(reach[:, None], reach[None, :])
    return np.asarray(values @ near.astype(float))
