"""A simulator seen through an instrument's bins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exosk.grids import SpectralGrid
from exosk.simulators.protocol import Simulator

__all__ = ["simulate_in_bins"]


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
    to_bins = grid.averaging_matrix(simulator.wavelength)

    def binned(theta: Any) -> np.ndarray:
        return np.asarray((to_bins @ simulator.simulate(theta).T).T)

    return binned
