"""Scorers that add noise before they score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import brier_score_loss, check_scoring, get_scorer, log_loss
from sklearn.utils import check_random_state

from exosk.augmentation import NoiseInjector, redraw
from exosk.exceptions import GridError, RangeError
from exosk.models.final_step import FinalStep
from exosk.models.marginals import marginals_of
from exosk.spectra import SpectralGrid
from exosk.units import canonical

__all__ = ["noisy_scorer"]

Scoring = str | Callable[..., Any] | Iterable[str] | Mapping[str, str | Callable[..., Any]]


def noisy_scorer(
    scoring: Scoring,
    sigma: Any,
    random_state: Any = 0,
    n_draws: int = 1,
    *,
    scale: tuple[float, float] | None = None,
    grid: SpectralGrid | None = None,
) -> Callable[..., Any]:
    """Make a scorer that judges a model on spectra with an instrument's noise.

    A cross-validation fold holds noise-free spectra, since noise is only added in training. A
    plain score on them prefers the model that was trained with the least noise, which is the
    wrong one for an observation.

    Parameters
    ----------
    scoring : str, callable, list of str or dict
        Any that scikit-learn takes, several at once too. Of retrievers also ``"neg_nll"``, the
        mean log density of the true parameters (nats, in their units), and ``"neg_crps"``, minus
        the continuous ranked probability score, averaged over parameters in units of their
        priors' standard deviations. As for all scorers, greater is better. Of detectors,
        ``"neg_log_loss"`` and ``"neg_brier_score"`` are averaged over molecules.
    sigma : float, array-like or Quantity of shape (n_bins,), Instrument, Spectrum, "columns" or \
transformer
        1-sigma errors of the depth (a plain fraction); NaN, where the observation has no value,
        adds no noise. With ``"columns"`` X holds errors beside the depths, and each spectrum gets
        noise of its own. A transformer of :mod:`exosk.augmentation`, or a pipeline of them, adds
        whatever it adds in training.
    random_state : int, RandomState or None, default=0
        Seed of the noise; the same for all candidates by default, so that they are compared on
        equal terms.
    n_draws : int, default=1
        Draws of the noise over which a score is averaged.
    scale : (float, float), optional
        Multiply the errors of each spectrum with a factor of its own, drawn log-uniformly between
        these two (error columns are multiplied too).
    grid : SpectralGrid, optional
        The bins of X. With it X may hold errors after the depths, which get no noise.

    Returns
    -------
    callable
        With the signature ``(estimator, X, y)``; of several scorings it returns a dict, which
        scikit-learn's searches take with ``refit="name"``.

    Raises
    ------
    UnitError
        If the errors look like percent or ppm.
    RangeError
        If an error is negative or `n_draws` is no positive number.
    GridError
        If errors shall be read from X and there is no grid, or they are of another one.

    Notes
    -----
    What cannot be scored (errors of another number of bins, say) fails when the search scores. By
    default a search then warns, writes NaN and goes on; ``error_score="raise"`` stops it.

    Examples
    --------
    >>> from sklearn.model_selection import GridSearchCV
    >>> import exosk
    >>> search = GridSearchCV(
    ...     exosk.ForestRetriever(),
    ...     {"min_samples_leaf": [1, 3, 10]},
    ...     scoring=exosk.noisy_scorer(["r2", "neg_crps"], 1e-4),
    ...     refit="neg_crps",
    ... )
    """
    if int(n_draws) != n_draws or n_draws < 1:
        raise RangeError(f"n_draws must be a positive whole number, got {n_draws}")
    if hasattr(sigma, "fit_transform"):
        if scale is not None or grid is not None:
            raise RangeError("scale and grid belong to errors; a transformer has its own")
        noise = sigma
    else:
        _check_errors(sigma, grid)
        noise = NoiseInjector(sigma, scale=scale, grid=grid)
    return _NoisyScorer(_scorer(scoring), noise, random_state, int(n_draws))


class _NoisyScorer:
    """A class, for a function in a function cannot be pickled with a search that holds it."""

    def __init__(
        self, score: Callable[..., Any], noise: Any, random_state: Any, n_draws: int
    ) -> None:
        self._score = score
        self._noise = noise
        self._random_state = random_state
        self._n_draws = n_draws

    def __repr__(self) -> str:
        return f"noisy_scorer({self._score!r}, {self._noise!r}, n_draws={self._n_draws})"

    def __call__(self, estimator: Any, X: Any, y: Any = None, **arguments: Any) -> Any:
        rng = check_random_state(self._random_state)
        scores = [
            self._score(estimator, self._noisy(X, rng), y, **arguments)
            for _ in range(self._n_draws)
        ]
        if isinstance(scores[0], Mapping):
            return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
        return float(np.mean(scores))

    def _noisy(self, X: Any, rng: np.random.RandomState) -> Any:
        noisy = redraw(self._noise, X, rng)
        # A table keeps the names that the model was fitted with.
        return type(X)(noisy, index=X.index, columns=X.columns) if hasattr(X, "iloc") else noisy


def _check_errors(sigma: Any, grid: SpectralGrid | None) -> None:
    """Refuse here what a search would only report as a failed score, and go on with NaN."""
    if isinstance(sigma, str) and sigma == "columns":
        if grid is None:
            raise GridError("to read errors from X its bins must be known; give grid")
        return
    theirs = getattr(sigma, "grid", grid)
    if grid is not None and theirs != grid:
        raise GridError(
            f"sigma is of {theirs!r}, which is not the grid, {grid!r}; rebin one of them"
        )
    errors = canonical(getattr(sigma, "sigma", sigma), "depth", "sigma")
    if (errors < 0).any():
        raise RangeError(f"sigma must not be negative, got {errors[errors < 0].flat[0]:g}")


def _scorer(scoring: Scoring) -> Callable[..., Any]:
    """Return what scikit-learn calls a scorer, for its names and ours."""
    if isinstance(scoring, str):
        return _OURS[scoring] if scoring in _OURS else check_scoring(scoring=scoring)
    if callable(scoring):
        return check_scoring(scoring=scoring)
    named = scoring if isinstance(scoring, Mapping) else {name: name for name in scoring}
    return check_scoring(
        scoring={k: _scorer(one) if isinstance(one, str) else one for k, one in named.items()}
    )


class _PerMolecule:
    """A loss of probabilities, averaged over molecules.

    scikit-learn's takes the columns of a table for the classes of one label, which sum to one.
    """

    def __init__(self, name: str, loss: Callable[..., float]) -> None:
        self._name = name
        self._loss = loss

    def __repr__(self) -> str:
        return repr(self._name)

    def __call__(self, estimator: Any, X: Any, y: Any, **arguments: Any) -> float:
        labels = np.asarray(y)
        if labels.ndim < 2:
            return float(get_scorer(self._name)(estimator, X, y, **arguments))
        shares = estimator.predict_proba(X)
        if isinstance(shares, list):  # scikit-learn's forests: the shares of each label's classes
            classes = estimator.classes_
            shares = np.stack([p @ (c == 1) for p, c in zip(shares, classes, strict=True)], 1)
        columns = zip(labels.T, shares.T, strict=True)
        losses = [self._loss(one, p, **arguments) for one, p in columns]
        return -float(np.mean(losses))


def _neg_nll(estimator: Any, X: Any, y: Any) -> float:
    final = FinalStep(estimator)
    if not final.offers("log_prob"):
        raise RangeError(
            f"{type(final.estimator).__name__} gives no density of its parameters; score it by "
            f"neg_crps"
        )
    return float(np.mean(final.estimator.log_prob(final.transform(X), y)))


def _neg_crps(estimator: Any, X: Any, y: Any) -> float:
    final = FinalStep(estimator)
    if not final.offers("posterior"):
        raise RangeError(f"{type(final.estimator).__name__} has no posterior; score its values")
    truth = np.asarray(y, dtype=float).reshape(len(y), -1)
    crps = np.empty(truth.shape)
    for rows, marginals in marginals_of(final.estimator, final.transform(X)):
        crps[rows] = marginals.crps(truth[rows])
    spread = np.array([p.prior.distribution.std() for p in final.estimator.space_])
    return -float(np.mean(crps / spread))


_OURS: dict[str, Callable[..., float]] = {
    "neg_crps": _neg_crps,
    "neg_nll": _neg_nll,
    # With the labels named, a molecule that no spectrum of a fold holds has a loss as well.
    "neg_brier_score": _PerMolecule("neg_brier_score", partial(brier_score_loss, pos_label=1)),
    "neg_log_loss": _PerMolecule("neg_log_loss", partial(log_loss, labels=[0, 1])),
}
