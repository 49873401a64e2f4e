"""Training rows, block by block and batch by batch, with noise that is new in every epoch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

__all__ = ["DrawnRows", "EpochBatches", "block_rows"]

Draw = Callable[[np.ndarray, np.random.RandomState], tuple[np.ndarray, np.ndarray]]

# Rows that are drawn at once: memory does not grow with the training set beyond the set itself.
_BLOCK = 16_384


def block_rows(batch_size: int) -> int:
    """Return how many rows are drawn at once, in whole batches."""
    return max(1, _BLOCK // batch_size) * batch_size


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
    shuffle : callable, optional
        From a random state to the row numbers in random order; any order by default.
    prefetch : callable, optional
        Takes row numbers that will be drawn next.
    """

    def __init__(
        self,
        draw: Draw,
        n: int,
        random: np.random.RandomState,
        fresh: bool = True,
        shuffle: Callable[[np.random.RandomState], np.ndarray] | None = None,
        prefetch: Callable[[np.ndarray], None] | None = None,
    ) -> None:
        self.draw = draw
        self.n = n
        self.random = random
        self.fresh = fresh
        self.shuffle = shuffle
        self.prefetch = prefetch
        self._kept: tuple[torch.Tensor, torch.Tensor] | None = None

    def __len__(self) -> int:
        return self.n

    def order(self) -> np.ndarray:
        """Return the row numbers in the order of one epoch."""
        if not self.fresh:
            return np.arange(self.n)
        return (
            self.random.permutation(self.n) if self.shuffle is None else self.shuffle(self.random)
        )

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
        step = block_rows(self.batch_size) // self.batch_size
        spans = [ends[first : first + step + 1] for first in range(0, len(self), step)]
        blocks = [order[mine[0] : mine[-1]] for mine in spans]
        for k, mine in enumerate(spans):
            X, target = self.rows.take(blocks[k])
            if self.rows.prefetch is not None and self.rows.fresh and k + 1 < len(blocks):
                self.rows.prefetch(blocks[k + 1])
            for start, end in itertools.pairwise(mine):
                yield X[start - mine[0] : end - mine[0]], target[start - mine[0] : end - mine[0]]
