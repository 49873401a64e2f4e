r"""How far an average over few monochromatic samples may be from the true one.

The opacity tables sample the spectrum at R = 1000 and lines are far narrower, so neighbouring
samples are as good as independent. The mean of the n that fall into a bin scatters around the
bin's true mean by the standard error

.. math:: \sigma_\mathrm{bin} = s / \sqrt{n},

with s the standard deviation of the monochromatic depths within the bin. The draw is the same for
every spectrum of one atmosphere, so it acts as an error of the model, and an honest likelihood adds
it in quadrature to that of the data. A variance estimated from three samples is itself uncertain by
its own size, so variances are averaged over neighbouring bins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.simulators import Simulator
from exosk.spectra import SpectralGrid

__all__ = ["sampling_error"]

# Bins to either side whose variances are averaged: with three samples a bin, about twenty
# degrees of freedom.
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
    matrix = grid.averaging_matrix(simulator.wavelength)
    depth = np.asarray(simulator.simulate(theta), dtype=float)
    mean = (matrix @ depth.T).T
    # Var = E[x^2] - E[x]^2 loses the digits; depths relative to one level do not.
    level = mean.mean(axis=1, keepdims=True)
    variance = (matrix @ ((depth - level) ** 2).T).T - (mean - level) ** 2
    # Unequal weights (a bin's edge cuts a sample) count as so many equal ones.
    effective = 1 / np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel()
    degrees = np.maximum(effective - 1, 0.5)
    pooled = _pooled(np.maximum(variance, 0) * effective, grid) / _pooled(degrees, grid)
    return np.sqrt(np.median(pooled / effective, axis=0))


def _pooled(values: np.ndarray, grid: SpectralGrid) -> np.ndarray:
    """Sum over each bin and its neighbours, not reaching across gaps in the grid."""
    center = grid.wavelength
    reach = (2 * _NEIGHBOURS + 0.5) * grid.half_width
    near = np.abs(center[:, None] - center[None, :]) <= np.maximum(reach[:, None], reach[None, :])
    return np.asarray(values @ near.astype(float))
