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

from exosk.parameters import Parameter, ParameterSpace, Uniform
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
    n_jobs : int, optional
        Parallel jobs, as in joblib.
    random_state : int, RandomState or None, default=None
        Seed of the forest.

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
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_estimators = n_estimators
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.max_depth = max_depth
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> ForestRetriever:
        """Grow the forest.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Spectra, with noise.
        y : array-like of shape (n, n_parameters) or (n,)
            Parameters.
        """
        space = getattr(y, "space", None)
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        self._single = y.ndim == 1
        Y = np.asarray(y, dtype=float).reshape(len(y), -1)
        self.space_ = space if space is not None else _unnamed_space(Y)
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
            n_jobs=self.n_jobs,
            random_state=self.random_state,
        ).fit(X, targets[:, 0] if Y.shape[1] == 1 else targets)
        self._Y = Y
        leaves = self.forest_.apply(X)
        # Leaves of all trees numbered in one go; each training row lies in one a tree.
        self._first_leaf = np.cumsum([0, *(t.tree_.node_count for t in self.forest_.estimators_)])
        members = self._indicator(leaves)
        sizes = np.asarray(members.sum(axis=0)).ravel()
        share = sparse.diags_array(1 / np.maximum(sizes, 1) / len(self.forest_.estimators_))
        self._shares = (members @ share).T.tocsr()
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
        X = validate_data(self, X, reset=False, dtype=np.float64)
        return sparse.csr_array(self._indicator(self.forest_.apply(X)) @ self._shares)

    def predict(self, X: Any) -> np.ndarray:
        """Return the posterior mean: shape (n, n_parameters), or (n,) if y was."""
        mean = np.asarray(self.weights(X) @ self._Y)
        return mean[:, 0] if self._single else mean

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

    def _indicator(self, leaves: np.ndarray) -> sparse.csr_array:
        """Which leaf of which tree each row lies in: (n, n_leaves of all trees), 0 or 1."""
        n, n_trees = leaves.shape
        columns = (leaves + self._first_leaf[:-1]).ravel()
        starts = np.arange(0, n * n_trees + 1, n_trees)
        shape = (n, int(self._first_leaf[-1]))
        return sparse.csr_array((np.ones(n * n_trees), columns, starts), shape=shape)


def _unnamed_space(Y: np.ndarray) -> ParameterSpace:
    """Stand in for a space when y is a bare array: the range seen in training."""
    low, high = Y.min(axis=0), Y.max(axis=0)
    high = np.where(high > low, high, low + np.maximum(np.abs(low), 1))
    return ParameterSpace(
        [
            Parameter(f"parameter_{k}", Uniform(float(a), float(b)))
            for k, (a, b) in enumerate(zip(low, high, strict=True))
        ]
    )
