"""Several noisy copies of each training spectrum, for estimators that see their data once."""

from __future__ import annotations

from copy import deepcopy
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import check_consistent_length, check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.augmentation import redraw, reseeded
from exosk.datasets.lazy import in_memory
from exosk.exceptions import RangeError
from exosk.models.final_step import FinalStep

__all__ = ["Replicated"]


def _estimator_has(name: str) -> Any:
    def check(self: Replicated) -> bool:
        estimator = getattr(self, "estimator_", self.estimator)
        return hasattr(estimator, name) or FinalStep(estimator).offers(name)

    return check


class Replicated(MetaEstimatorMixin, BaseEstimator):
    """Fit an estimator to several draws of the noise of each training spectrum.

    A network draws fresh noise every epoch; a forest sees its data once, and with one draw for
    each spectrum it takes part of that noise for structure. Here it sees each spectrum
    `n_replicates` times, with the same parameters and other noise. In prediction nothing is
    augmented and nothing repeated.

    Parameters
    ----------
    estimator : estimator
        A retriever, detector or any other, or a Pipeline that ends in one. What is learned from
        noisy spectra (a scaler's means, say) belongs here rather than into the augmentation. If
        it splits its data (a search, early stopping), copies of one spectrum are on both sides.
    n_replicates : int, default=5
        Copies of each training spectrum.
    augmentation : transformer or Pipeline, optional
        Whose ``fit_transform`` augments, as that of :class:`exosk.NoiseInjector` does, and whose
        ``transform`` is applied in prediction. None repeats spectra as they are.
    random_state : int, RandomState or None, default=None
        Seed of the augmentation, of which every draw differs; the estimator has its own.
    max_spectra : int, default=100000
        Of a store (:meth:`exosk.Store.spectra`), as many drawn at random are learned from.

    Attributes
    ----------
    estimator_ : estimator
        Fitted to all copies.
    augmentation_ : transformer or None
        Fitted, for prediction.
    classes_, space_
        The estimator's.
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> from exosk import ForestRetriever, NoiseInjector
    >>> X = np.linspace(0.01, 0.02, 40).reshape(20, 2)
    >>> model = Replicated(ForestRetriever(10), 3, NoiseInjector(1e-4), random_state=0)
    >>> model.fit(X, X[:, 0]).predict(X).shape
    (20,)
    """

    def __init__(
        self,
        estimator: Any,
        n_replicates: int = 5,
        augmentation: Any = None,
        random_state: Any = None,
        max_spectra: int = 100_000,
    ) -> None:
        self.estimator = estimator
        self.n_replicates = n_replicates
        self.augmentation = augmentation
        self.random_state = random_state
        self.max_spectra = max_spectra

    def fit(self, X: Any, y: Any = None) -> Replicated:
        """Fit the estimator to all copies.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Spectra without noise.
        y : array-like of shape (n,) or (n, n_outputs)
            What belongs to them; the space of a data set's Y is kept.

        Raises
        ------
        RangeError
            If `n_replicates` is not a number from 1 up.
        """
        if not (isinstance(self.n_replicates, Integral) and self.n_replicates >= 1):
            raise RangeError(
                f"n_replicates must be an integer from 1 up, got {self.n_replicates!r}"
            )
        X, y = in_memory(X, y, self.max_spectra, self.random_state)
        X = self._checked(X, reset=True)
        if y is not None:
            check_consistent_length(X, y)
            # A selection of rows, by which parameters keep their space.
            y = np.asanyarray(y)[np.tile(np.arange(len(X)), self.n_replicates)]
        if self.augmentation is None:
            self.augmentation_ = None
            drawn = np.tile(X, (self.n_replicates, 1))
        else:
            rng = check_random_state(self.random_state)
            drawn = np.concatenate(
                [redraw(self.augmentation, X, rng) for _ in range(self.n_replicates)]
            )
            self.augmentation_ = reseeded(self.augmentation, rng).fit(X)
        self.estimator_ = clone(self.estimator).fit(drawn, y)
        return self

    @available_if(_estimator_has("transform"))
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, and transform `X` as it is."""
        return self.fit(X, y).transform(X)

    @available_if(_estimator_has("predict"))
    def predict(self, X: Any, **options: Any) -> Any:
        """Predict; `options`, such as ``return_std``, are the estimator's."""
        return self._ask("predict", X, **options)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Return the estimator's probabilities."""
        return self._ask("predict_proba", X)

    @available_if(_estimator_has("posterior"))
    def posterior(self, X: Any) -> Any:
        """Return the posterior of each spectrum."""
        return self._ask("posterior", X)

    @available_if(_estimator_has("sample_posterior"))
    def sample_posterior(self, X: Any, n: int, random_state: Any = None) -> np.ndarray:
        """Draw `n` samples of each spectrum's posterior: (n_spectra, n, n_parameters)."""
        return self._ask("sample_posterior", X, n, random_state)

    @available_if(_estimator_has("log_prob"))
    def log_prob(self, X: Any, Y: Any, **options: Any) -> np.ndarray:
        """Return the log density of the posterior at `Y`; `options` are the estimator's."""
        return self._ask("log_prob", X, Y, **options)

    @available_if(_estimator_has("transform"))
    def transform(self, X: Any) -> Any:
        """Transform by the estimator."""
        return self._ask("transform", X)

    @available_if(_estimator_has("score"))
    def score(self, X: Any, y: Any = None) -> float:
        """Return the estimator's score on spectra that are taken as they are."""
        return self._ask("score", X, y)

    @property
    def classes_(self) -> Any:
        """The estimator's classes."""
        return self.estimator_.classes_

    @property
    def space_(self) -> Any:
        """The parameters that the estimator learned from Y."""
        return FinalStep(self.estimator_).estimator.space_

    def _ask(self, method: str, X: Any, *arguments: Any, **options: Any) -> Any:
        """Hand observations, which are not augmented, to the estimator."""
        check_is_fitted(self, "estimator_")
        X = self._checked(X, reset=False)
        if self.augmentation_ is not None:
            X = np.asarray(self.augmentation_.transform(X))
        if hasattr(self.estimator_, method):
            return getattr(self.estimator_, method)(X, *arguments, **options)
        # A pipeline has nothing of what only a retriever offers.
        last = FinalStep(self.estimator_)
        return getattr(last.estimator, method)(last.transform(X), *arguments, **options)

    def _checked(self, X: Any, *, reset: bool) -> np.ndarray:
        checked: np.ndarray = validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",  # the estimator refuses missing bins, if it must
        )
        return checked

    def __sklearn_tags__(self) -> Any:
        """Answer as the estimator would."""
        tags = super().__sklearn_tags__()
        own = get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "target_tags"):
            setattr(tags, name, deepcopy(getattr(own, name)))
        tags.transformer_tags = deepcopy(own.transformer_tags)
        tags.non_deterministic = own.non_deterministic
        tags.input_tags.allow_nan = own.input_tags.allow_nan
        return tags
