"""Training rows, block by block and batch by batch, with noise that is new in every epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

__all__ = ["DrawnRows", "EpochBatches"]

Draw = Callable[[np.ndarray, np.random.RandomState], tuple[np.ndarray, np.ndarray]]

# Rows that are drawn at once: memory does not grow with the training set beyond the set itself.
_BLOCK = 16_384


class DrawnRows(Dataset):
    """A training set that is drawn anew for each epoch.

    Parameters
    ----------
    draw : callable
        From row numbers and a random state to their X and targets.
    n : int
        Number of rows.
    random : RandomState
        What the draws come from.
    fresh : bool, default=True
        Whether every epoch has a draw of its own, and an order of its own; or all the first.
    """

    def __init__(
        self, draw: Draw, n: int, random: np.random.RandomState, fresh: bool = True
    ) -> None:
        self.draw = draw
        self.n = n
        self.random = random
        self.fresh = fresh
        self._kept: tuple[torch.Tensor, torch.Tensor] | None = None

    def __len__(self) -> int:
        return self.n

    def order(self) -> np.ndarray:
        """Return the row numbers in the order of one epoch."""
        return self.random.permutation(self.n) if self.fresh else np.arange(self.n)

    def take(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Return X and targets of some rows, in single precision."""
        if self.fresh:
            return self._drawn(rows)
        if self._kept is None:
            self._kept = self._drawn(np.arange(self.n))
        X, target = self._kept
        return X[rows], target[rows]

    def _drawn(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        X, target = self.draw(rows, self.random)
        # What float32 cannot hold becomes infinite, and the loss tells.
        return torch.as_tensor(X).to(torch.float32), torch.as_tensor(target).to(torch.float32)


class EpochBatches:
    """Slices of blocks, where torch's own loader would collect row by row.

    Parameters
    ----------
    rows : DrawnRows
        The training set.
    batch_size : int
        Rows of a batch. A last batch of a single row goes with the one before.
    **unused
        What else skorch hands to an iterator.
    """

    def __init__(self, rows: DrawnRows, batch_size: int, **unused: Any) -> None:
        self.rows = rows
        self.batch_size = batch_size

    def __len__(self) -> int:
        return len(self._ends()) - 1

    def _ends(self) -> list[int]:
        """Where batches begin and end."""
        ends = [*range(0, len(self.rows), self.batch_size), len(self.rows)]
        if len(ends) > 2 and ends[-1] - ends[-2] == 1:
            ends.pop(-2)
        return ends

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order, ends = self.rows.order(), self._ends()
        step = max(1, _BLOCK // self.batch_size)
        for first in range(0, len(self), step):
            mine = ends[first : first + step + 1]
            X, target = self.rows.take(order[mine[0] : mine[-1]])
            for start, end in itertools.pairwise(mine):
                yield X[start - mine[0] : end - mine[0]], target[start - mine[0] : end - mine[0]]
