"""From priors to a training set, in batches.

A simulator may refuse some of its prior: abundances that add up to more than one, a planet that
cannot hold its air, a temperature beyond the opacities. Such a draw is left out, and another takes
its place, from the same stream of random numbers. So the set is drawn from that part of the prior
which the simulator can answer for, and is decided by its seed as ever. How many were left out is
kept with the set; where that is most of them, the prior is not what was meant, and it is an error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.datasets.dataset import Dataset
from exosk.datasets.detectability import delta_chi2, errors_in
from exosk.exceptions import RangeError
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.halving import in_halves
from exosk.simulators.quantities import abundance_name
from exosk.simulators.removal import without_molecule
from exosk.spectra import SpectralGrid, Spectrum

if TYPE_CHECKING:
    from exosk.instruments import Instrument
    from exosk.parameters import ParameterSpace
    from exosk.simulators import Simulator

__all__ = ["BATCH", "Recipe", "simulate_dataset"]

#: Spectra between two calls of `progress`; the native spectra of one batch are all that is held at
#: full resolution. The last bits of a spectrum depend on its batch, so that a shard of a store is
#: always cut into batches of this size.
BATCH = 256


@dataclass(frozen=True)
class Recipe:
    """What the spectra of a training set are made with.

    Attributes
    ----------
    simulator : Simulator
        From parameters to spectra.
    grid : SpectralGrid
        The bins.
    sigma : ndarray of shape (n_bins,) or None
        Reference errors.
    detectability : bool
        Whether each spectrum is simulated without each molecule too.
    """

    simulator: Simulator
    grid: SpectralGrid
    sigma: np.ndarray | None
    detectability: bool

    @classmethod
    def like(
        cls,
        simulator: Simulator,
        like: Spectrum | Instrument | SpectralGrid,
        detectability: Any = False,
    ) -> Recipe:
        """Make the recipe that arguments of :func:`simulate_dataset` ask for."""
        grid = like if isinstance(like, SpectralGrid) else like.grid
        sigma = _reference_errors(like, grid, detectability)
        return cls(simulator, grid, sigma, detectability is not False and detectability is not None)

    @property
    def space(self) -> ParameterSpace:
        """The parameters of the spectra, with their priors."""
        return self.simulator.space

    @property
    def molecules(self) -> tuple[str, ...]:
        """Absorbers of free abundance: a fixed one is no question that a data set can answer."""
        return tuple(m for m in self.simulator.molecules if abundance_name(m) in self.space)

    @functools.cached_property
    def binned(self) -> Callable[[Any], np.ndarray]:
        """From parameters (n, n_parameters) to depths (n, n_bins)."""
        return simulate_in_bins(self.simulator, self.grid)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "binned"}

    def draw(
        self,
        n: int,
        random_state: Any,
        provenance: dict[str, Any],
        progress: Callable[[int], None] | None = None,
    ) -> Dataset:
        """Draw parameters from the prior and simulate their spectra, a batch at a time.

        Parameters
        ----------
        n : int
            Number of spectra.
        random_state : int, RandomState or None
            As in scikit-learn.
        provenance : dict
            Of the data set, which has ``n_refused`` beside it if draws were refused.
        progress : callable, optional
            Called with the number of spectra done since the last call.

        Returns
        -------
        Dataset

        Raises
        ------
        RangeError
            If the simulator refuses more of the prior than it takes.
        """
        random = check_random_state(random_state)
        theta = self.space.sample(n, random)
        depth = np.empty((n, self.grid.n_bins), dtype=np.float32)
        change = np.empty((n, len(self.molecules))) if self.detectability else None
        tally = _Tally()

        def simulate(rows: np.ndarray) -> np.ndarray:
            whole = self.binned(theta[rows])
            if change is not None:
                for k, molecule in enumerate(self.molecules):
                    without = self._without(theta[rows], molecule)
                    change[rows, k] = delta_chi2(whole, without, self.sigma)
            depth[rows] = whole
            tally.n_taken += rows.size
            return np.zeros(rows.size)

        for start in range(0, n, BATCH):
            rows = batch = np.arange(start, min(start + BATCH, n))
            while (refused := np.isnan(in_halves(simulate, rows, tally.refuse))).any():
                rows = rows[refused]
                theta[rows] = self.space.sample(rows.size, random)
            if progress is not None:
                progress(batch.size)
        if tally.n_refused:
            provenance = {**provenance, "n_refused": tally.n_refused}
        return Dataset(
            depth,
            theta,
            self.grid,
            self.space,
            self.molecules,
            provenance=provenance,
            delta_chi2=change,
            sigma=self.sigma,
        )

    def _without(self, theta: np.ndarray, molecule: str) -> np.ndarray:
        try:
            return self.binned(without_molecule(self.simulator, theta, molecule))
        except RangeError as error:
            # A lighter atmosphere reaches higher, and may not be bound.
            raise RangeError(f"without {molecule}: {error}") from error


class _Tally:
    """How many draws a simulator took and refused; most of them must not be refused."""

    def __init__(self) -> None:
        self.n_taken = self.n_refused = 0
        self._first: RangeError | None = None

    def refuse(self, error: RangeError) -> np.ndarray:
        """Count a draw that is refused, and answer NaN in its place."""
        self.n_refused += 1
        self._first = self._first or error
        n = self.n_taken + self.n_refused
        # More than half, by four standard deviations of a fair coin: not by chance.
        if self.n_refused - self.n_taken > 4 * math.sqrt(n):
            raise RangeError(
                f"the simulator refuses {self.n_refused} of {n} draws from the priors; narrow "
                f"them. The first: {self._first}"
            ) from self._first
        return np.array([np.nan])


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
        reference errors. Draws that the simulator refuses, with or without a molecule, are left
        out and replaced by others: the parameters are drawn from the prior cut off to what it can
        answer for. If there were any, ``provenance["n_refused"]`` is their number.

    Raises
    ------
    RangeError
        If `n` is not positive, the simulator does not cover the bins or refuses more of the prior
        than it takes, or `detectability` is True and `like` has no errors.
    GridError
        If `detectability` holds the errors of other bins.
    """
    if int(n) != n or n < 1:
        raise RangeError(f"the number of spectra must be a positive whole number, got {n}")
    recipe = Recipe.like(simulator, like, detectability)
    seed = int(random_state) if isinstance(random_state, int | np.integer) else None
    provenance = {**simulator.provenance, "n_spectra": int(n), "seed": seed}
    return recipe.draw(int(n), random_state, provenance, progress)


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
