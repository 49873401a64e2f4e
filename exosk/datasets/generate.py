"""From priors to a training set, in batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.datasets.dataset import Dataset
from exosk.datasets.detectability import delta_chi2, errors_in
from exosk.exceptions import RangeError
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.quantities import abundance_name
from exosk.simulators.removal import without_molecule
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
    detectability: Any = False,
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
    detectability : bool, Instrument, Spectrum, float or array-like of shape (n_bins,)
        Simulate every spectrum without each molecule too, and keep how much it changes
        (:mod:`exosk.datasets.detectability`) at these 1-sigma errors; True takes those of `like`.
        With m molecules that takes 1 + m times as long.

    Returns
    -------
    Dataset
        Noise-free: noise is added afresh in training. Errors of `like` are kept as its
        reference errors.

    Raises
    ------
    RangeError
        If `n` is not positive, the simulator does not cover the bins, or `detectability` is
        True and `like` has no errors.
    GridError
        If `detectability` holds the errors of other bins.
    """
    if int(n) != n or n < 1:
        raise RangeError(f"the number of spectra must be a positive whole number, got {n}")
    grid = like if isinstance(like, SpectralGrid) else like.grid
    sigma = _reference_errors(like, grid, detectability)
    # A gas whose abundance is fixed is no question that the data set can answer.
    space = simulator.space
    molecules = tuple(m for m in simulator.molecules if abundance_name(m) in space)
    binned = simulate_in_bins(simulator, grid)
    theta = space.sample(int(n), random_state)
    depth = np.empty((len(theta), grid.n_bins), dtype=np.float32)
    wanted = detectability is not False and detectability is not None
    change = np.empty((len(theta), len(molecules))) if wanted else None
    for start in range(0, len(theta), _BATCH):
        rows = slice(start, start + _BATCH)
        whole = binned(theta[rows])
        depth[rows] = whole
        if change is not None:
            for k, molecule in enumerate(molecules):
                try:
                    without = binned(without_molecule(simulator, theta[rows], molecule))
                except RangeError as error:
                    # A lighter atmosphere reaches higher, and may not be bound.
                    raise RangeError(f"without {molecule}: {error}") from error
                change[rows, k] = delta_chi2(whole, without, sigma)
        if progress is not None:
            progress(len(theta[rows]))
    seed = int(random_state) if isinstance(random_state, int | np.integer) else None
    provenance = {**simulator.provenance, "n_spectra": int(n), "seed": seed}
    return Dataset(
        depth,
        theta,
        grid,
        space,
        molecules,
        provenance=provenance,
        delta_chi2=change,
        sigma=sigma,
    )


def _reference_errors(like: Any, grid: SpectralGrid, detectability: Any) -> np.ndarray | None:
    """Return the errors that the data set keeps: those given, or those of what it is like."""
    if detectability is None or isinstance(detectability, bool | np.bool_):
        if not isinstance(like, SpectralGrid):
            return errors_in(like, grid)
        if detectability:
            raise RangeError(
                "bins alone have no errors to detect a molecule at; give an Instrument or a "
                "Spectrum, or the errors: detectability=sigma"
            )
        return None
    return errors_in(detectability, grid)
