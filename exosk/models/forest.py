r"""Random-forest retrieval: the posterior is the training set, weighted by shared leaves.

A forest grown to predict parameters from spectra puts spectra that are alike, as far as the
parameters go, into the same leaves. The weight of training spectrum i for an observation x is

.. math:: w_i(x) = \frac{1}{B} \sum_{b=1}^{B}
          \frac{\mathbf{1}[x_i \in L_b(x)]}{|L_b(x)|},

the share of trees (b) that put the two together, each leaf :math:`L_b(x)` shared out equally among
its members (Meinshausen 2006, JMLR 7, 983). Training parameters are draws from the prior, so with
these weights they are draws from an approximation of the posterior (Raynal et al. 2019,
Bioinformatics 35, 1720). Forests were brought to retrieval by Marquez-Neila et al. (2018, Nature
Astronomy 2, 719). The leaves have a finite size, so the posterior is broader than the exact one,
not narrower.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.datasets.lazy import in_memory
from exosk.models.targets import unnamed_space
from exosk.posterior import Posterior

__all__ = ["ForestRetriever"]


class ForestRetriever(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Retrieve parameters with a random forest, posterior and all.

    Parameters
    ----------
    n_estimators : int, default=100
        Number of trees.
    min_samples_leaf : int, default=3
        Smallest leaf. Smaller leaves make a sharper and rougher posterior.
    max_features : float, int or str, default=0.33
        Bins to choose from at each split, as in scikit-learn's forests.
    max_depth : int, optional
        Deepest level; unlimited by default.
    min_impurity_decrease : float, default=0.0
        Least gain of a split, in units of the parameters' variance. HELA's forest, which brings
        parameters to 0-100 and stops at a gain of 0.01, is ``ForestRetriever(1000,
        min_samples_leaf=1, max_features="sqrt", min_impurity_decrease=1.2e-5)``.
    n_jobs : int, optional
        Parallel jobs, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the forest.
    max_spectra : int, default=100000
        Of a store (:meth:`exosk.Store.spectra`), as many drawn at random are learned from.

    Attributes
    ----------
    forest_ : RandomForestRegressor
        The trees, grown on parameters scaled to unit variance.
    space_ : ParameterSpace
        The parameters: those that Y brings along (a data set's does), or unnamed ones.
    n_features_in_ : int
        Number of columns of X.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        min_samples_leaf: int = 3,
        max_features: float | int | str = 0.33,
        max_depth: int | None = None,
        min_impurity_decrease: float = 0.0,
        n_jobs: int | None = None,
        random_state: Any = None,
        max_spectra: int = 100_000,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_depth = max_depth
        self.min_impurity_decrease = min_impurity_decrease
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.max_spectra = max_spectra

    def fit(self, X: Any, y: Any) -> ForestRetriever:
        """Grow the forest.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Spectra, with noise. NaN is a missing bin: a split sends it where that serves best.
        y : array-like of shape (n, n_parameters) or (n,)
            Parameters.
        """
        X, y = in_memory(X, y, self.max_spectra, self.random_state)
        space = getattr(y, "space", None)
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=np.float64,
            ensure_all_finite="allow-nan",
        )
        self._single = y.ndim == 1
        Y = np.asarray(y, dtype=float).reshape(len(y), -1)
        self.space_ = space if space is not None else unnamed_space(Y)
        # One variance for all, or the temperature (in K) would decide every split.
        center, spread = Y.mean(axis=0), Y.std(axis=0)
        # The spread of a constant is rounding, which must not have a share of the splits.
        spread[np.ptp(Y, axis=0) == 0] = np.inf
        targets = (Y - center) / spread
        self.forest_ = RandomForestRegressor(
            n_estimators=self.n_estimators,
            min_samples_leaf=self.min_samples_leaf,
            max_features=self.max_features,
            max_depth=self.max_depth,
            min_impurity_decrease=self.min_impurity_decrease,
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        ).fit(X, targets[:, 0] if Y.shape[1] == 1 else targets)
        self._Y = Y
        self._share_out(self.forest_.apply(X))
        return self

    def weights(self, X: Any) -> sparse.csr_array:
        """Weigh the training spectra for each observation.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Observed spectra.

        Returns
        -------
        scipy.sparse.csr_array of shape (n, n_training)
            Rows sum to one.
        """
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        return sparse.csr_array(self._indicator(self.forest_.apply(X)) @ self._shares)

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the posterior mean.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Observed spectra.
        return_std : bool, default=False
            Whether the posterior standard deviation is returned too.

        Returns
        -------
        ndarray of shape (n, n_parameters), or (n,) if y was; or two of these
        """
        weights = self.weights(X)
        mean = np.asarray(weights @ self._Y)
        # About the training mean, lest a small spread on a large level be lost in rounding.
        center = self._Y.mean(axis=0)
        variance = np.asarray(weights @ (self._Y - center) ** 2) - (mean - center) ** 2
        std = np.sqrt(np.maximum(variance, 0))
        if self._single:
            mean, std = mean[:, 0], std[:, 0]
        return (mean, std) if return_std else mean

    def posterior(self, X: Any) -> list[Posterior]:
        """Return the weighted posterior of each observation.

        Its samples are the training parameters whose weight is not zero.
        """
        weights = self.weights(X)
        rows = (slice(a, b) for a, b in itertools.pairwise(weights.indptr))
        return [
            Posterior(self._Y[weights.indices[row]], self.space_, weights.data[row]) for row in rows
        ]

    def sample_posterior(self, X: Any, n: int, random_state: Any = None) -> np.ndarray:
        """Draw samples of equal weight.

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_features)
            Observed spectra.
        n : int
            Samples of each.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        ndarray of shape (n_spectra, n, n_parameters)
        """
        random = check_random_state(random_state)
        return np.stack([posterior.resample(n, random) for posterior in self.posterior(X)])

    def _share_out(self, leaves: np.ndarray) -> None:
        """Share out each leaf among the training rows in it; leaves are (n, n_trees)."""
        # Leaves of all trees numbered in one go; each training row lies in one a tree.
        counts = [tree.tree_.node_count for tree in self.forest_.estimators_]
        inside = (leaves >= 0) & (leaves < counts)
        if leaves.shape != (len(self._Y), len(counts)) or not inside.all():
            raise ValueError("the leaves of the training spectra are not those of the forest")
        self._first_leaf = np.cumsum([0, *counts])
        members = self._indicator(leaves)
        sizes = np.asarray(members.sum(axis=0)).ravel()
        share = sparse.diags_array(1 / np.maximum(sizes, 1) / len(counts))
        self._shares = (members @ share).T.tocsr()

    def __getstate__(self) -> dict[str, Any]:
        """Keep the leaves alone: the shares follow from them, and take six times the room."""
        state = dict(super().__getstate__())
        if "_shares" in state:
            first_leaf = state.pop("_first_leaf")
            numbers = state.pop("_shares").tocsc().indices
            leaves = numbers.reshape(len(self._Y), -1) - first_leaf[:-1]
            state["_leaves"] = leaves.astype(np.min_scalar_type(int(leaves.max())))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Undo :meth:`__getstate__`."""
        state = dict(state)
        leaves = state.pop("_leaves", None)
        super().__setstate__(state)
        if leaves is not None:
            self._share_out(leaves)

    def _indicator(self, leaves: np.ndarray) -> sparse.csr_array:
        """Which leaf of which tree each row lies in: (n, n_leaves of all trees), 0 or 1."""
        n, n_trees = leaves.shape
        columns = (leaves + self._first_leaf[:-1]).ravel()
        starts = np.arange(0, n * n_trees + 1, n_trees)
        shape = (n, int(self._first_leaf[-1]))
        return sparse.csr_array((np.ones(n * n_trees), columns, starts), shape=shape)

    def __sklearn_tags__(self) -> Any:
        """NaN is a missing bin."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
