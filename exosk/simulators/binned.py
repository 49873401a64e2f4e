"""A simulator seen through an instrument's bins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.simulators.protocol import Simulator

__all__ = ["bin_matrix", "samples_for", "simulate_in_bins"]


def bin_matrix(simulator: Simulator, grid: SpectralGrid) -> sparse.csr_array:
    """Return the matrix that takes a simulator's output to bins.

    Parameters
    ----------
    simulator : Simulator
        Any; one that has a method ``bin_matrix`` says itself how its output is averaged.
    grid : SpectralGrid
        The bins.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_bins, n_wavelengths)
        The weights of a bin are on a run of samples without gaps.

    Raises
    ------
    GridError
        If the simulator does not cover the bins, or knows no such bins.
    """
    own = getattr(simulator, "bin_matrix", None)
    return grid.averaging_matrix(simulator.wavelength) if own is None else own(grid)


def simulate_in_bins(simulator: Simulator, grid: SpectralGrid) -> Callable[[Any], np.ndarray]:
    """Make a function from parameters to depths in bins.

    Parameters
    ----------
    simulator : Simulator
        Any; only that part of its native grid which the bins need is computed.
    grid : SpectralGrid
        The bins.

    Returns
    -------
    callable
        From (n, n_parameters) to (n, n_bins).

    Raises
    ------
    ExoskError
        If the simulator does not cover the bins.
    """
    simulator = simulator.restrict(grid)
    to_bins = bin_matrix(simulator, grid)

    def binned(theta: Any) -> np.ndarray:
        return np.asarray((to_bins @ simulator.simulate(theta).T).T)

    return binned


def samples_for(grid: SpectralGrid | None, wavelength: np.ndarray) -> np.ndarray:
    """Tell which native samples the bins need.

    Parameters
    ----------
    grid : SpectralGrid, optional
        The bins; all samples are needed when there are none.
    wavelength : ndarray of shape (n_wavelengths,)
        Native samples, ascending, in um.

    Returns
    -------
    ndarray of bool, shape (n_wavelengths,)

    Raises
    ------
    RangeError
        If a bin lies outside the samples' range.
    """
    if grid is None:
        return np.ones(len(wavelength), dtype=bool)
    low, high = grid.range
    if low < wavelength[0] or high > wavelength[-1]:
        raise RangeError(
            f"the bins span {low:.4g}-{high:.4g} um but the opacities only "
            f"{wavelength[0]:.4g}-{wavelength[-1]:.4g} um; leave out the bins beyond "
            f"(Spectrum.between, or --range on the command line)"
        )
    return grid.samples_needed(wavelength)
