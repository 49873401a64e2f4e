"""Folds of a cross-validation that keep the rows of one parent spectrum together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

from exosk.exceptions import RangeError

__all__ = ["ParentKFold"]


class ParentKFold(BaseCrossValidator):
    """K folds, none of which shares a parent spectrum with another.

    Rows of one parent (several draws of its noise, or a spectrum at several signal-to-noise
    ratios) are alike. With some of them in training and others held out, a model is asked what it
    has been told. scikit-learn's GroupKFold, which does the work, wants the groups handed to every
    ``fit``; here they belong to the folds, as the labels do by which folds are made alike.

    Parameters
    ----------
    parent : array-like of shape (n,)
        Which spectrum each row comes from: :attr:`exosk.Dataset.parent`.
    n_splits : int, default=5
        Number of folds.
    stratify : array-like of shape (n, n_molecules) of 0 and 1, or (n,) of classes, optional
        What all folds shall hold in equal shares, such as :meth:`exosk.Dataset.presence`. A
        spectrum counts for the rarest of its molecules (or of its lacks, where most have it), so
        that rare ones are shared out evenly and the others nearly so.
    shuffle : bool, default=False
        Whether to deal out parents at random.
    random_state : int, RandomState or None, default=None
        Seed of that; a halving search wants a number.

    Raises
    ------
    RangeError
        If there are fewer parents than folds, or labels of another number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> parent = np.repeat([0, 1, 2, 3], 2)
    >>> for train, test in ParentKFold(parent, n_splits=2).split(parent):
    ...     print(parent[test])
    [1 1 3 3]
    [0 0 2 2]
    """

    def __init__(
        self,
        parent: Any,
        n_splits: int = 5,
        *,
        stratify: Any = None,
        shuffle: bool = False,
        random_state: Any = None,
    ) -> None:
        self.parent = np.asarray(parent)
        self.n_splits = n_splits
        self.stratify = stratify
        self.shuffle = shuffle
        self.random_state = random_state
        if self.parent.ndim != 1:
            raise RangeError(f"parents must be one a row, got shape {self.parent.shape}")
        if int(n_splits) != n_splits or n_splits < 2:
            raise RangeError(f"n_splits must be a whole number from 2 up, got {n_splits}")
        n_parents = len(np.unique(self.parent))
        if n_parents < n_splits:
            raise RangeError(
                f"{n_parents} parent spectra cannot be put into {n_splits} folds; simulate more, "
                f"or lower n_splits"
            )
        if stratify is not None and np.shape(stratify)[:1] != self.parent.shape:
            raise RangeError(
                f"{len(self.parent)} parents but labels of shape {np.shape(stratify)}; give one "
                f"row of labels for each row"
            )
        if shuffle is False and random_state is not None:
            raise RangeError("random_state does nothing without shuffle=True")

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds."""
        return int(self.n_splits)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the rows to train on, and those held out, of each fold.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            The rows that the parents belong to.
        y, groups : ignored

        Yields
        ------
        tuple of two ndarray of int

        Raises
        ------
        RangeError
            If X has another number of rows.
        """
        n = X.shape[0] if hasattr(X, "shape") else len(X)
        if n != len(self.parent):
            raise RangeError(
                f"these folds are of {len(self.parent)} spectra but X has {n}; make them from the "
                f"parents of the rows that are split (for a part of a data set: part.parent)"
            )
        rows = np.zeros((n, 1))
        settings = {"shuffle": self.shuffle, "random_state": self.random_state}
        if self.stratify is None:
            yield from GroupKFold(self.n_splits, **settings).split(rows, groups=self.parent)
            return
        strata = _strata(np.asarray(self.stratify), self.parent, self.n_splits)
        if len(np.unique(self.parent)) == n:  # a hundred times as fast, where it will do
            yield from StratifiedKFold(self.n_splits, **settings).split(rows, strata)
        else:
            folds = StratifiedGroupKFold(self.n_splits, **settings)
            yield from folds.split(rows, strata, self.parent)


def _strata(labels: np.ndarray, parent: np.ndarray, n_splits: int) -> np.ndarray:
    """Return one class a row: the rarest label that it has and that can be in every fold."""
    if labels.ndim == 1:
        labels = labels[:, np.newaxis] == np.unique(labels)
    labels = labels.astype(bool)
    rare = labels != (labels.mean(axis=0) > 0.5)
    n_parents = np.array([len(np.unique(parent[column])) for column in rare.T])
    strata = np.full(len(labels), labels.shape[1])
    # From common to rare: the rarest writes last.
    for k in sorted(np.flatnonzero(n_parents >= n_splits), key=lambda k: -n_parents[k]):
        strata[rare[:, k]] = k
    classes, counts = np.unique(strata, return_counts=True)
    few = np.isin(strata, classes[counts < n_splits])
    return np.where(few, classes[np.argmax(counts)], strata)
