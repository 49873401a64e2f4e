r"""Intervals that hold the truth as often as they say, whatever the retriever.

A retriever's own intervals are as honest as its model. Split conformal prediction asks instead how
often the truth fell where in the predictive distribution for spectra that the retriever never saw,
and reads off which of its quantiles hold the share that is wanted. With the probability integral
transform

.. math:: s_i = F(y_i | x_i)

of n such spectra (distributional conformal prediction: Chernozhukov, Wuthrich & Zhu 2021, PNAS
118, e2107794118), :math:`s_{(a)}` the a-th smallest, :math:`a = \lfloor (n + 1) \alpha / 2
\rfloor` and :math:`b = \lceil (n + 1) (1 - \alpha / 2) \rceil`, the interval

.. math:: [F^{-1}(s_{(a)} | x), \; F^{-1}(s_{(b)} | x)]

of a further spectrum holds the truth with a probability from :math:`1 - \alpha` to :math:`1 -
\alpha + 2 / (n + 1)`: in finite samples, and for any F, as long as the spectra are exchangeable
(with more than that where scores tie, as they do when F has a handful of samples).
Each tail is corrected by itself, so that a retriever that is biased is set right too.

Samples of F end somewhere, and a retriever that is too sure has truths beyond its last one. There
s goes on as the distance from that sample in units of the predictive standard deviation; the
argument holds for any such score. Where F has a step at the truth (a prior that was clipped has an
atom), s is drawn at random within the step.

Intervals that hold each parameter by itself hold all of them less often. For a box that holds all
d at once, one score of a spectrum is the largest of its parameters' distances from the middle,

.. math:: t_i = \max_k |2 s_{ik} - 1|,

and with :math:`t_{(c)}` the c-th smallest, :math:`c = \lceil (n + 1)(1 - \alpha) \rceil`, the box
of all y whose t is no larger, from :math:`F_k^{-1}((1 - t_{(c)}) / 2)` to :math:`F_k^{-1}((1 +
t_{(c)}) / 2)`, holds the truth with a probability from :math:`1 - \alpha` to :math:`1 - \alpha +
1 / (n + 1)`, by the same argument and however the parameters go together (Messoudi, Destercke &
Rousseau 2021, arXiv:2101.12002, compare such scores), with more than that where scores tie, again.
Where parameters go together the box comes out smaller than Bonferroni's. Both tails of all
parameters share one number, so a bias makes it wider, not wrong.

The probability is that over all spectra of the prior, each parameter by itself or all at once. It
is no promise for a single planet, nor for spectra of another kind than those of the calibration.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, MultiOutputMixin, RegressorMixin, clone
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.augmentation import redraw
from exosk.exceptions import RangeError
from exosk.models.final_step import FinalStep
from exosk.models.marginals import Marginals, marginals_of
from exosk.parameters import ParameterArray
from exosk.posterior import Posterior

__all__ = ["ConformalRetriever"]

# Of a parameter's spread: the least predictive standard deviation that distances are measured in.
_LEAST_SCALE = 1e-6
# Of scores.
_ROUNDING = 1e-9


def _offers_log_prob(self: ConformalRetriever) -> bool:
    return hasattr(FinalStep(getattr(self, "retriever_", self.retriever)).estimator, "log_prob")


class ConformalRetriever(MetaEstimatorMixin, MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Correct a retriever's intervals on spectra that it was not trained on.

    Parameters
    ----------
    retriever : retriever, Pipeline that ends in one, or search over either
        Whose intervals to correct; it is cloned.
    calibration_size : float or int, default=0.2
        Share or number of the training spectra to keep for the calibration. With n of them,
        coverage scatters from one calibration to the next by about ``sqrt(level (1 - level) / n)``.
    noise : transformer or Pipeline, optional
        An augmentation, drawn once for the calibration spectra
        (:func:`exosk.augmentation.redraw`). Needed where X has no noise and the retriever adds it
        by itself in training; spectra without noise would calibrate for observations that do not
        exist.
    random_state : int, RandomState or None, default=None
        Seed of the split, the noise, and ties.

    Attributes
    ----------
    retriever_ : retriever
        Fitted on the rest of the spectra.
    space_ : ParameterSpace
        The parameters.
    scores_ : ndarray of shape (n_calibration, n_parameters)
        The calibration spectra's scores s, ascending.
    joint_scores_ : ndarray of shape (n_calibration,)
        Their scores t over all parameters, ascending.
    bounds_ : ndarray of shape (n_parameters, 2)
        Where intervals end at the latest: the prior's bounds, or the parameters seen beyond.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    :meth:`predict`, :meth:`posterior`, :meth:`sample_posterior` and `log_prob` are the
    retriever's own: neither the correction of each parameter's interval nor that of all together
    says how parameters go together.
    """

    def __init__(
        self,
        retriever: Any,
        calibration_size: float | int = 0.2,
        noise: Any = None,
        random_state: Any = None,
    ) -> None:
        self.retriever = retriever
        self.calibration_size = calibration_size
        self.noise = noise
        self.random_state = random_state

    def fit(self, X: Any, y: Any, groups: Any = None) -> ConformalRetriever:
        """Train on one part of the spectra and calibrate on the other.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Spectra.
        y : array-like of shape (n, n_parameters) or (n,)
            Parameters.
        groups : array-like of shape (n,), optional
            Parents (:attr:`exosk.Dataset.parent`): spectra of one parent are never split, or the
            calibration would be of spectra that the retriever has as good as seen.
        """
        space = getattr(y, "space", None)
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2,
        )
        random = check_random_state(self.random_state)
        splitter = ShuffleSplit if groups is None else GroupShuffleSplit
        split = splitter(1, test_size=self.calibration_size, random_state=random)
        trained, kept = next(split.split(X, groups=groups))
        if space is not None:
            y = ParameterArray(y, space)
        self.retriever_ = clone(self.retriever).fit(X[trained], y[trained])
        final = FinalStep(self.retriever_).estimator
        if not hasattr(final, "posterior"):
            raise TypeError(
                f"{type(final).__name__} has no posterior to take intervals from; give a retriever "
                f"such as ForestRetriever"
            )
        self.space_ = final.space_
        Y = np.asarray(y, dtype=float).reshape(len(y), -1)
        seen = np.stack([Y.min(axis=0), Y.max(axis=0)], axis=1)
        bounds = self.space_.bounds
        self.bounds_ = np.stack(
            [np.minimum(bounds[:, 0], seen[:, 0]), np.maximum(bounds[:, 1], seen[:, 1])], axis=1
        )
        spread = Y.std(axis=0)
        self._least_scale = _LEAST_SCALE * np.where(spread > 0, spread, 1.0)
        X = X[kept] if self.noise is None else redraw(self.noise, X[kept], random)
        scores = self._scores(X, Y[kept], random)
        self.scores_ = np.sort(scores, axis=0)
        self.joint_scores_ = np.sort(np.abs(2 * scores - 1).max(axis=1))
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the retriever's posterior mean, and its standard deviation if asked for."""
        X = self._checked(X)
        if return_std:
            return self.retriever_.predict(X, return_std=True)
        return self.retriever_.predict(X)

    def posterior(self, X: Any) -> list[Posterior]:
        """Return the retriever's posterior of each spectrum, not corrected."""
        final = FinalStep(self.retriever_)
        posteriors: list[Posterior] = final.estimator.posterior(final.transform(self._checked(X)))
        return posteriors

    def sample_posterior(self, X: Any, n: int, random_state: Any = None) -> np.ndarray:
        """Draw from the retriever's posterior: shape (n_spectra, n, n_parameters)."""
        final = FinalStep(self.retriever_)
        X = final.transform(self._checked(X))
        return np.asarray(final.estimator.sample_posterior(X, n, random_state))

    @available_if(_offers_log_prob)
    def log_prob(self, X: Any, Y: Any, marginal: bool = False) -> np.ndarray:
        """Return the retriever's log density of the parameters, not corrected."""
        final = FinalStep(self.retriever_)
        X = final.transform(self._checked(X))
        return np.asarray(final.estimator.log_prob(X, Y, marginal=marginal))

    def interval(self, X: Any, level: Any = 0.68, *, joint: bool = False) -> np.ndarray:
        """Return the corrected interval of each parameter of each spectrum.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Observed spectra.
        level : float or sequence of float, default=0.68
            Probability that an interval holds the truth. A level too high for the number of
            calibration spectra gives intervals that reach to the bounds.
        joint : bool, default=False
            Whether it is the probability that all intervals of a spectrum hold their truths at
            once, and not that of each by itself.

        Returns
        -------
        ndarray of shape (2, n, n_parameters), or (n_levels, 2, n, n_parameters)
            Lower and upper ends; the latter for a sequence.

        Raises
        ------
        RangeError
            If a level does not lie between 0 and 1.
        """
        levels = np.atleast_1d(np.asarray(level, dtype=float))
        if not ((levels > 0) & (levels < 1)).all():
            raise RangeError(f"the level of an interval lies between 0 and 1, got {level}")
        X = self._checked(X)
        find = self._joint_scores if joint else self._ranks
        lower, upper = self.bounds_.T
        ends = np.empty((len(levels), 2, len(X), len(self.space_)))
        for rows, marginals in self._marginals(X):
            scale = self._scale(marginals)
            for k, (low, high) in enumerate(find(level) for level in levels):
                ends[k, 0, rows] = lower if low is None else _lower(marginals, scale, low)
                ends[k, 1, rows] = upper if high is None else _upper(marginals, scale, high)
        ends = np.clip(ends, lower, upper)
        return ends[0] if np.ndim(level) == 0 else ends

    def _ranks(self, level: float) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Scores between which an interval lies, (n_parameters,) each; None is no score."""
        n = len(self.scores_)
        # (n + 1) 0.05 / 2 may come out as 2.9999999, which must not cost a rank.
        low = math.floor((n + 1) * (1 - level) / 2 + 1e-9)
        high = math.ceil((n + 1) * (1 + level) / 2 - 1e-9)
        return (
            self.scores_[low - 1] if low > 0 else None,
            self.scores_[high - 1] if high <= n else None,
        )

    def _joint_scores(self, level: float) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Scores between which all intervals lie; None is no score."""
        n = len(self.joint_scores_)
        rank = math.ceil((n + 1) * level - 1e-9)
        if rank > n:
            return None, None
        # Of few samples F takes few values, and rounding must not cost a step of it.
        reach = np.full(len(self.space_), self.joint_scores_[rank - 1] + _ROUNDING)
        return (1 - reach) / 2, (1 + reach) / 2

    def pit(self, X: Any, Y: Any, random_state: Any = None) -> np.ndarray:
        """Return the truth's rank among the calibration scores, between 0 and 1.

        It is what the probability integral transform is to a distribution: uniform, if the
        spectra are like those of the calibration.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Spectra.
        Y : array-like of shape (n, n_parameters)
            The parameters behind them.
        random_state : int, RandomState or None
            Of ties.

        Returns
        -------
        ndarray of shape (n, n_parameters)
        """
        X = self._checked(X)
        random = check_random_state(random_state)
        scores = self._scores(X, np.asarray(Y, dtype=float).reshape(len(X), -1), random)
        ranks = np.empty_like(scores)
        for k, calibration in enumerate(self.scores_.T):
            first = np.searchsorted(calibration, scores[:, k], side="left")
            last = np.searchsorted(calibration, scores[:, k], side="right")
            ranks[:, k] = first + random.uniform(size=len(X)) * (last - first + 1)
        return ranks / (len(self.scores_) + 1)

    def _scores(self, X: np.ndarray, Y: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        scores = np.empty(Y.shape)
        for rows, marginals in self._marginals(X):
            truth, scale = Y[rows], self._scale(marginals)
            first, last = marginals.range
            beyond = np.maximum(truth - last, 0) - np.maximum(first - truth, 0)
            scores[rows] = marginals.pit(truth, random) + beyond / scale
        return scores

    def _marginals(self, X: np.ndarray) -> Any:
        final = FinalStep(self.retriever_)
        return marginals_of(final.estimator, final.transform(X))

    def _scale(self, marginals: Marginals) -> np.ndarray:
        return np.maximum(marginals.std, self._least_scale)

    def _checked(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        checked: np.ndarray = validate_data(
            self,
            X,
            reset=False,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        return checked

    def __sklearn_tags__(self) -> Any:
        """Take what the retriever takes."""
        tags = super().__sklearn_tags__()
        given = get_tags(self.retriever)
        tags.input_tags.allow_nan = given.input_tags.allow_nan
        tags.target_tags.multi_output = given.target_tags.multi_output
        return tags


def _lower(marginals: Marginals, scale: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Least value whose score (as of `ConformalRetriever._scores`) is no less than this."""
    return marginals.quantile(np.clip(score, 0, 1)) + _beyond(score) * scale


def _upper(marginals: Marginals, scale: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Value up to which scores are no larger than this."""
    return marginals.quantile(np.clip(score, 0, 1), upper=True) + _beyond(score) * scale


def _beyond(score: np.ndarray) -> np.ndarray:
    return np.minimum(score, 0.0) + np.maximum(score - 1.0, 0.0)
