"""What stands in for bins that are hidden: spectra of the simulator, never independent pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.datasets import Dataset, Store
from exosk.datasets.detectability import errors_in
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain.latent import LatentGaussian
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.halving import in_halves
from exosk.simulators.removal import without_molecule

if TYPE_CHECKING:
    from exosk.instruments import Instrument
    from exosk.simulators import Simulator
    from exosk.spectra import Spectrum

__all__ = ["FILLINGS", "Background"]

#: Ways to fill hidden bins.
FILLINGS = ("conditional", "level", "missing")
# Of the log of errors: what is seen of them has no noise.
_EXACT = 1e-8
# With fewer spectra a covariance of hundreds of bins says little.
_LEAST = 20
# Spectra that are read of a store, over those that are wanted: some show the molecule.
_READ = 8


@dataclass(frozen=True, eq=False)
class Background:
    """Spectra that hidden bins are filled from.

    A detector is asked what speaks for a molecule: against spectra without it, made by
    :meth:`simulate` or chosen by :meth:`of_dataset`. A background of all spectra asks what sets
    this one apart from the others.

    Parameters
    ----------
    grid : SpectralGrid
        The bins.
    depth : array-like of shape (n, n_bins)
        Noise-free transit depths, in the unit of the rows that are explained.
    log_sigma : array-like of shape (n, n_bins), optional
        Natural logarithms of the errors that spectra are observed with. With them a hidden bin
        gets another error as well as another depth; without, it keeps its own.
    sigma : array-like of shape (n_bins,), optional
        1-sigma errors of rows that hold none. Without, hidden bins are filled without noise.
    filling : {"conditional", "level", "missing"}, default="conditional"
        How:

        - ``"conditional"``: drawn from a Gaussian with the spectra's mean and covariance, given
          the bins that are seen (:mod:`exosk.explain.latent`).
        - ``"level"``: those of a random spectrum, moved up or down to the bins that are seen.
        - ``"missing"``: NaN, for models that were trained to do without bins. Where every bin is
          hidden, a random spectrum.

    Raises
    ------
    GridError
        If the spectra are of other bins.
    RangeError
        If there are fewer than 20, or bins are missing.
    UnknownNameError
        If the filling is not known.
    """

    grid: SpectralGrid
    depth: np.ndarray
    log_sigma: np.ndarray | None = None
    sigma: np.ndarray | None = None
    filling: str = "conditional"

    def __post_init__(self) -> None:
        if self.filling not in FILLINGS:
            raise UnknownNameError.suggest("filling of hidden bins", self.filling, FILLINGS)
        for name in ("depth", "log_sigma"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, self._checked(given, name))
        if self.sigma is not None:
            object.__setattr__(self, "sigma", errors_in(self.sigma, self.grid))

    def _checked(self, given: Any, name: str) -> np.ndarray:
        spectra = np.asarray(given, dtype=float)
        if spectra.ndim != 2 or spectra.shape[1] != self.grid.n_bins:
            raise GridError(f"{self.grid.n_bins} bins but background {name} of {spectra.shape}")
        if len(spectra) < _LEAST or not np.isfinite(spectra).all():
            raise RangeError(
                f"a background must be {_LEAST} spectra or more without missing bins, got "
                f"{len(spectra)}; simulate more"
            )
        return spectra

    @classmethod
    def of_dataset(
        cls,
        data: Dataset | Store,
        without: str | None = None,
        *,
        n: int = 5000,
        random_state: Any = 0,
        **settings: Any,
    ) -> Background:
        """Choose from a data set.

        Parameters
        ----------
        data : Dataset or Store
            Noise-free spectra. Of a store, eight times `n` at random are read.
        without : str, optional
            Only spectra in which this molecule does not show: it changes them by a delta
            chi-squared below 1 where the set knows that, or its mixing ratio is below 1e-8.
        n : int, default=5000
            At most so many, at random.
        random_state : int, RandomState or None, default=0
            Seed of the choice.
        **settings
            `log_sigma`, `sigma` (the set's by default), `filling`.

        Raises
        ------
        UnknownNameError
            If the set does not vary the molecule's abundance.
        RangeError
            If too few spectra are without it.
        """
        if without is not None and without not in data.molecules:
            raise UnknownNameError.suggest("molecule", without, data.molecules)
        if isinstance(data, Store):
            data = data.sample(min(len(data), _READ * n), _seed(random_state))
        rows = np.arange(len(data))
        if without is not None:
            k = data.molecules.index(without)
            present = (
                data.presence()[:, k] == 1 if data.delta_chi2 is None else data.delta_chi2[:, k] > 1
            )
            rows = np.flatnonzero(~present)
            if len(rows) < _LEAST:
                raise RangeError(
                    f"{without} shows in all but {len(rows)} of {len(data)} spectra, too few for "
                    f"a background without it; simulate some: Background.simulate(simulator, "
                    f"grid, without={without!r})"
                )
        if len(rows) > n:
            rows = np.sort(np.random.default_rng(_seed(random_state)).choice(rows, n, False))
        return cls(data.grid, data.X[rows], **{"sigma": data.sigma} | settings)

    @classmethod
    def simulate(
        cls,
        simulator: Simulator,
        like: Spectrum | Instrument | SpectralGrid,
        without: str | None = None,
        *,
        n: int = 2000,
        random_state: Any = 0,
        **settings: Any,
    ) -> Background:
        """Draw atmospheres from the simulator's priors, and take a molecule out of them.

        Parameters
        ----------
        simulator : Simulator
            Any.
        like : Spectrum, Instrument or SpectralGrid
            Whose bins, and errors, to use.
        without : str, optional
            A molecule whose opacity is taken out of all of them.
        n : int, default=2000
            Number of atmospheres; those that the simulator refuses are left out.
        random_state : int, RandomState or None, default=0
            Seed of the atmospheres.
        **settings
            `log_sigma`, `sigma`, `filling`.

        Raises
        ------
        UnknownNameError
            If no abundance of that molecule is free.
        """
        grid = like if isinstance(like, SpectralGrid) else like.grid
        theta = simulator.space.sample(n, random_state)
        if without is not None:
            theta = without_molecule(simulator, theta, without)
        own = {} if isinstance(like, SpectralGrid) else {"sigma": like.sigma}
        # Corners of a prior may hold what has no spectrum.
        missing = np.full((1, grid.n_bins), np.nan)
        depth = in_halves(simulate_in_bins(simulator, grid), theta, lambda error: missing)
        return cls(grid, depth[np.isfinite(depth).all(axis=1)], **own | settings)

    def with_sigma(self, sigma: Any) -> Background:
        """Return the same spectra with other errors of rows that hold none."""
        other = replace(self, sigma=sigma)
        # What was learned of the depths is theirs too; a property that is cached lives there.
        if self.filling == "conditional":
            other.__dict__["_depths"] = self._depths
        return other

    @cached_property
    def _depths(self) -> LatentGaussian:
        return LatentGaussian(self.depth)

    @cached_property
    def _errors(self) -> LatentGaussian:
        return LatentGaussian(np.asarray(self.log_sigma))

    def fill(
        self, row: np.ndarray, seen: np.ndarray, n_draws: int, random_state: Any = 0
    ) -> np.ndarray:
        """Fill what is hidden of a spectrum.

        Parameters
        ----------
        row : ndarray of shape (n_columns,)
            Depths, or depths and errors, or these and columns that are neither, which stay. NaN is
            a bin that was not observed, and stays so.
        seen : ndarray of bool, shape (n, n_bins)
            Which bins are not hidden, in each of n cases.
        n_draws : int
            Draws of each case. The random numbers of all cases are the same, so that cases differ
            by what is seen.
        random_state : int, RandomState or None, default=0
            Seed of the draws.

        Returns
        -------
        ndarray of shape (n, n_draws, n_columns)

        Raises
        ------
        GridError
            If the row has other bins.
        """
        layout = RowLayout.of(len(row), self.grid, extra=True)
        depth, error = layout.split(row[np.newaxis])
        n_bins, random = layout.n_bins, np.random.default_rng(_seed(random_state))
        rows = np.tile(np.asarray(row, dtype=float), (len(seen), n_draws, 1))
        hidden = (~seen & ~np.isnan(depth))[:, np.newaxis]
        if self.filling == "missing":
            # No model takes a spectrum without a bin; then it is a random one.
            some = (seen & ~np.isnan(depth)).any(axis=1)
            left_out = hidden & some[:, np.newaxis, np.newaxis]
            for start in (0, n_bins)[: 1 + layout.has_sigma]:
                block = rows[..., start : start + n_bins]
                block[np.broadcast_to(left_out, block.shape)] = np.nan
            hidden = hidden & ~some[:, np.newaxis, np.newaxis]
        if error is not None:
            own = error[0]
        else:
            own = np.zeros(n_bins) if self.sigma is None else self.sigma
        sigma = own
        if error is not None and self.log_sigma is not None:
            sigma = self._drawn_errors(own, seen, n_draws, random)
        draw = self._conditional if self.filling == "conditional" else self._level
        drawn = draw(depth[0], own, seen & ~np.isnan(depth), n_draws, random)
        noisy = drawn + np.nan_to_num(sigma) * random.standard_normal((n_draws, n_bins))
        rows[..., :n_bins] = np.where(hidden, noisy, rows[..., :n_bins])
        if layout.has_sigma:
            rows[..., n_bins : 2 * n_bins] = np.where(hidden, sigma, rows[..., n_bins : 2 * n_bins])
        return rows

    def _drawn_errors(
        self, error: np.ndarray, seen: np.ndarray, n_draws: int, random: np.random.Generator
    ) -> np.ndarray:
        """Return errors that go with those that are seen, shape (n, n_draws, n_bins)."""
        known = ~np.isnan(error) & (error > 0)
        values = np.log(np.where(known, error, 1.0))
        latent = random.standard_normal((n_draws, self._errors.n_components))
        rest = random.standard_normal((n_draws, len(values)))
        variance = np.full(len(values), _EXACT)
        return np.exp(self._errors.draw(values, variance, seen & known, latent, rest))

    def _conditional(
        self,
        depth: np.ndarray,
        sigma: np.ndarray,
        seen: np.ndarray,
        n_draws: int,
        random: np.random.Generator,
    ) -> np.ndarray:
        latent = random.standard_normal((n_draws, self._depths.n_components))
        rest = random.standard_normal((n_draws, len(depth)))
        return self._depths.draw(depth, np.nan_to_num(sigma) ** 2, seen, latent, rest)

    def _level(
        self,
        depth: np.ndarray,
        sigma: np.ndarray,
        seen: np.ndarray,
        n_draws: int,
        random: np.random.Generator,
    ) -> np.ndarray:
        others = self.depth[random.choice(len(self.depth), n_draws, n_draws > len(self.depth))]
        weight = np.ones_like(depth)
        known = sigma > 0
        weight[known] = 1 / sigma[known] ** 2
        weight = np.where(seen, weight, 0.0)
        shift = weight @ np.nan_to_num(depth - others).T
        total = weight.sum(axis=1, keepdims=True)
        shift = np.where(total > 0, shift / np.where(total > 0, total, 1), 0.0)
        return others + shift[..., np.newaxis]


def _seed(random_state: Any) -> Any:
    """Turn what scikit-learn takes into what NumPy's Generator takes."""
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31))
    return random_state
