"""From priors to a training set, in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.datasets.dataset import Dataset
from exosk.exceptions import RangeError
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.quantities import abundance_name
from exosk.spectra import SpectralGrid, Spectrum

if TYPE_CHECKING:
    from exosk.instruments import Instrument
    from exosk.simulators import Simulator

__all__ = ["simulate_dataset"]

# Spectra between two calls of `progress`; the native spectra of one batch are all that is
# held at full resolution.
_BATCH = 256


def simulate_dataset(
    simulator: Simulator,
    n: int,
    like: Spectrum | Instrument | SpectralGrid,
    random_state: Any = None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Draw parameters from the prior and simulate their spectra in an instrument's bins.

    Parameters
    ----------
    simulator : Simulator
        Any, such as :func:`exosk.get_simulator` makes.
    n : int
        Number of spectra.
    like : Spectrum, Instrument or SpectralGrid
        Whose bins to use. Missing bins of a spectrum are simulated too.
    random_state : int, RandomState or None
        As in scikit-learn; an int makes the set reproducible.
    progress : callable, optional
        Called with the number of spectra done since the last call.

    Returns
    -------
    Dataset
        Noise-free: noise is added afresh in training.

    Raises
    ------
    RangeError
        If `n` is not positive, or the simulator does not cover the bins.
    """
    if int(n) != n or n < 1:
        raise RangeError(f"the number of spectra must be a positive whole number, got {n}")
    grid = like if isinstance(like, SpectralGrid) else like.grid
    binned = simulate_in_bins(simulator, grid)
    theta = simulator.space.sample(int(n), random_state)
    depth = np.empty((len(theta), grid.n_bins), dtype=np.float32)
    for start in range(0, len(theta), _BATCH):
        rows = slice(start, start + _BATCH)
        depth[rows] = binned(theta[rows])
        if progress is not None:
            progress(len(theta[rows]))
    seed = int(random_state) if isinstance(random_state, int | np.integer) else None
    provenance = {**simulator.provenance, "n_spectra": int(n), "seed": seed}
    # A gas whose abundance is fixed is no question that the data set can answer.
    space = simulator.space
    molecules = tuple(m for m in simulator.molecules if abundance_name(m) in space)
    return Dataset(depth, theta, grid, space, molecules, provenance=provenance)
