"""Whole models with good settings: what `exosk train` fits.

Each takes noise-free spectra (with errors beside them, if it is to be told the noise) and adds
noise by itself: a network afresh every epoch, a forest once for each of several copies, a GAN to
what its generator made.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import check_random_state

from exosk.augmentation import NoiseInjector
from exosk.datasets import Dataset, Store
from exosk.exceptions import RangeError, UnknownNameError
from exosk.preprocessing import Masker, SpectrumImputer, SpectrumScaler
from exosk.spectra import SpectralGrid

__all__ = ["KINDS", "TASKS", "NoiseRange", "fit_model", "noise_in_training", "spectra_to_score"]

#: Kinds of models, and what they can be trained for.
KINDS, TASKS = ("forest", "mlp", "cnn", "flow", "gan"), ("retrieve", "detect")

# Scores of so many spectra are good to a per cent. A GAN walks through its latent space for every
# spectrum, a second or two: scores of its are good to a few per cent and take some minutes.
_MOST_TESTED, _MOST_BY_GAN = 20_000, 200

# Spectra of a store that a forest, which needs all in memory, learns from.
_MOST_BY_FOREST = 100_000

# A forest gets as many copies of each spectrum as come to this many rows, and no more than five:
# with fewer rows it takes noise for structure, with more it only takes longer. On 2,800 simulated
# WASP-39b spectra five copies raise its mean R2 from .466 to .494.
_ROWS, _MOST_COPIES = 20_000, 5


@dataclass(frozen=True, eq=False)
class NoiseRange:
    """The noise that a model is trained for.

    Parameters
    ----------
    sigma : ndarray of shape (n_bins,)
        Reference 1-sigma errors; NaN is a bin that observations lack.
    low, high : float, default=1
        Smallest and largest factor on them. If they differ, the model is told the errors of each
        spectrum, beside its depths.
    """

    sigma: np.ndarray
    low: float = 1.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.low <= self.high < np.inf:
            raise RangeError(
                f"the noise range must be two positive factors, low <= high; got {self.low:g} and "
                f"{self.high:g}"
            )

    @property
    def is_told(self) -> bool:
        """Whether X holds errors."""
        return self.low < self.high

    @property
    def present(self) -> np.ndarray:
        """Mask of the bins that observations have, shape (n_bins,)."""
        return ~np.isnan(self.sigma)

    def everywhere(self) -> NoiseRange:
        """Return the same noise in all bins: those that have none get the largest error."""
        sigma = np.where(self.present, self.sigma, np.nanmax(self.sigma))
        return NoiseRange(sigma, self.low, self.high)

    def factors(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw factors on the errors, log-uniform, shape (n,)."""
        limits = np.log(self.low), np.log(self.high)
        return np.exp(check_random_state(random_state).uniform(*limits, n))

    def rows(self, data: Dataset | Store, factors: np.ndarray | None = None) -> Any:
        """Return noise-free X, with errors beside it if the model is told them.

        Parameters
        ----------
        data : Dataset or Store
            Of the spectra. Those of a store are read when they are needed, and bins that
            observations lack are missing only where errors tell so.
        factors : ndarray of shape (n,), optional
            On the errors of each spectrum; 1 by default.
        """
        if isinstance(data, Store):
            return data.spectra(self.sigma, factors) if self.is_told else data.spectra()
        if not self.is_told:
            return np.where(self.present, data.X, data.X.dtype.type(np.nan))
        factors = np.ones(len(data)) if factors is None else factors
        return data.with_sigma(factors[:, np.newaxis] * self.sigma)

    def observe(self, data: Dataset, random_state: Any = None) -> tuple[np.ndarray, np.ndarray]:
        """Return X with noise, as observations of the spectra would be, and the factors drawn.

        Parameters
        ----------
        data : Dataset
            Spectra to test a model on.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        X : ndarray of shape (n, n_bins) or (n, 2 n_bins)
        factors : ndarray of shape (n,)
        """
        random = check_random_state(random_state)
        factors = self.factors(len(data), random)
        injector = self.injector(data.grid, random, drawn=True)
        return injector.fit_transform(self.rows(data, factors)), factors

    def injector(
        self, grid: SpectralGrid, random_state: Any = None, *, drawn: bool = False
    ) -> NoiseInjector:
        """Make the transformer that adds the noise.

        Parameters
        ----------
        grid : SpectralGrid
            All bins, or those of :attr:`present`.
        random_state : int, RandomState or None
            Of the noise.
        drawn : bool, default=False
            Whether errors in X have their factors already.
        """
        if self.is_told:
            scale = None if drawn else (self.low, self.high)
            return NoiseInjector("columns", random_state, scale=scale, grid=grid)
        sigma = self.sigma if grid.n_bins == len(self.sigma) else self.sigma[self.present]
        return NoiseInjector(self.low * sigma, random_state, grid=grid)


def fit_model(
    task: str,
    kind: str,
    data: Dataset | Store,
    noise: NoiseRange,
    *,
    presence: Mapping[str, Any] | None = None,
    n_jobs: int | None = None,
    epochs: int | None = None,
    random_state: int = 0,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Pipeline:
    """Train a model with good settings.

    Parameters
    ----------
    task : {"retrieve", "detect"}
        Parameters, or molecules.
    kind : {"forest", "mlp", "cnn", "flow", "gan"}
        What to train. Flows and GANs retrieve only. A GAN learns all bins, those too that
        observations will lack, and completes their spectra.
    data : Dataset or Store
        Noise-free training spectra. Of a store networks have a part in memory at a time, and a
        forest learns from 100,000 at most.
    noise : NoiseRange
        What observations will have. For bins that they lack a GAN takes the largest error.
    presence : mapping, optional
        For detection: when a molecule counts as present, as in :meth:`exosk.Dataset.presence`.
        With `delta_chi2`, labels are those of the noise that a spectrum is given: where this has a
        range, each spectrum is taken at several factors.
    n_jobs : int, optional
        Parallel jobs of a forest.
    epochs : int, optional
        Most passes of a network through the spectra.
    random_state : int, default=0
        Seed of everything.
    checkpoint : path-like, optional
        A folder that a network's training is written to after each epoch, and goes on from.
    progress : callable, optional
        Called with the share of a network's training that is done.

    Returns
    -------
    Pipeline
        Fitted; it takes rows of all bins (:meth:`NoiseRange.rows`).

    Raises
    ------
    UnknownNameError
        If there is no such task or kind.
    RangeError
        If molecules are to be detected and none is free in the data, or by a GAN, or a forest is to
        go on from a checkpoint.
    """
    for name, value, known in (("task", task, TASKS), ("model", kind, KINDS)):
        if value not in known:
            raise UnknownNameError.suggest(name, value, known)
    if kind in ("flow", "gan") and task == "detect":
        raise RangeError(
            f"a {kind} retrieves parameters and detects no molecules; detect with forest, mlp or "
            f"cnn"
        )
    if kind == "forest" and checkpoint is not None:
        raise RangeError("a forest does not go on from a checkpoint; networks do (mlp, cnn, flow)")
    noise = noise_in_training(kind, noise)
    random = check_random_state(random_state)
    if kind == "forest" and isinstance(data, Store):
        data = data.sample(min(_MOST_BY_FOREST, len(data)), random)
    data, X, y, drawn = _training_set(task, data, noise, dict(presence or {}), random)
    grid = data.grid
    steps: list[Any] = []
    if not noise.present.all():
        steps.append(Masker(grid, keep=noise.present, drop=True))
        grid = grid[noise.present]
    # For spectra that lack other bins as well, where these are not what a model is for.
    if kind != "gan":
        steps.append(SpectrumImputer(grid=grid))
    injector = noise.injector(grid, drawn=drawn)
    if kind == "forest":
        copies = 1 if drawn else _copies(len(data))
        steps.append(_forest(task, grid, injector, copies, n_jobs, random_state))
    else:
        options = {"progress": progress, "checkpoint": checkpoint, "random_state": random_state}
        if epochs is not None:
            options["max_epochs"] = epochs
        steps.append(_network(task, kind, grid, injector, options))
    model = make_pipeline(*steps)
    if kind == "forest":
        return model.fit(X, y)
    # A store knows its parents by itself.
    groups = {} if isinstance(data, Store) else {f"{model.steps[-1][0]}__groups": data.parent}
    model.fit(X, y, **groups)
    model[-1].set_params(progress=None, checkpoint=None)
    return model


def noise_in_training(kind: str, noise: NoiseRange) -> NoiseRange:
    """Return the noise that a kind of model is trained with, for that of observations.

    A GAN learns all bins; the others leave out those that observations lack.
    """
    return noise.everywhere() if kind == "gan" else noise


def spectra_to_score(kind: str, held_out: Dataset | Store, random_state: Any = None) -> Dataset:
    """Return held-out spectra in memory, drawn at random if there are more than it takes.

    Those are 20,000, or as many as a kind of model has time for.
    """
    most = _MOST_BY_GAN if kind == "gan" else _MOST_TESTED
    n = len(held_out)
    if n <= most:
        return held_out.read() if isinstance(held_out, Store) else held_out
    return held_out[check_random_state(random_state).permutation(n)[:most]]


def _training_set(
    task: str, data: Dataset | Store, noise: NoiseRange, presence: dict[str, Any], random: Any
) -> tuple[Dataset | Store, Any, Any, bool]:
    """Return the data, X, y, and whether errors have their factors already."""
    if task == "retrieve":
        y = data.parameters() if isinstance(data, Store) else data.Y
        return data, noise.rows(data), y, False
    if not data.molecules:
        raise RangeError("the abundance of no molecule is free in the data set; nothing to detect")
    if presence.get("delta_chi2") is None:
        return data, noise.rows(data), data.presence(**presence), False
    if noise.is_told and isinstance(data, Dataset):
        data = data[np.tile(np.arange(len(data)), _copies(len(data)))]
    factors = noise.factors(len(data), random)
    return data, noise.rows(data, factors), data.presence(**presence, scale=factors), True


def _copies(n: int) -> int:
    return int(np.clip(_ROWS // n, 1, _MOST_COPIES))


def _forest(
    task: str, grid: SpectralGrid, injector: Any, copies: int, n_jobs: int | None, seed: int
) -> Any:
    from exosk.models.detector import MoleculeDetector
    from exosk.models.forest import ForestRetriever
    from exosk.models.replicated import Replicated

    # A leaf that holds copies of one spectrum alone is too sure, and doubles the file.
    if task == "retrieve":
        forest: Any = ForestRetriever(min_samples_leaf=3 + copies)
    else:
        forest = MoleculeDetector(min_samples_leaf=max(5, 3 * copies))
    return Replicated(
        forest.set_params(n_jobs=n_jobs, random_state=seed),
        n_replicates=copies,
        augmentation=make_pipeline(injector, SpectrumScaler(grid=grid)),
        random_state=seed,
    )


def _network(
    task: str,
    kind: str,
    grid: SpectralGrid,
    injector: Any,
    options: Mapping[str, Any],
) -> Any:
    # With them comes torch.
    from exosk.models.cnn import CNNDetector, CNNRetriever
    from exosk.models.flow import FlowRetriever
    from exosk.models.gan import InpaintingGANRetriever
    from exosk.models.mlp import MLPDetector, MLPRetriever

    network = {
        ("retrieve", "mlp"): MLPRetriever,
        ("retrieve", "cnn"): CNNRetriever,
        ("retrieve", "flow"): FlowRetriever,
        ("retrieve", "gan"): InpaintingGANRetriever,
        ("detect", "mlp"): MLPDetector,
        ("detect", "cnn"): CNNDetector,
    }[task, kind]
    return network(grid=grid, augmentation=injector, **options)
