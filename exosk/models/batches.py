"""Training rows, batch by batch, with noise that is new in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

__all__ = ["DrawnRows", "EpochBatches"]

Draw = Callable[[np.random.RandomState], tuple[np.ndarray, np.ndarray]]


class DrawnRows(Dataset):
    """A training set that is drawn anew for each epoch.

    Parameters
    ----------
    draw : callable
        From a random state to X and targets.
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

    def epoch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return X and targets of one epoch, in single precision."""
        if self._kept is not None:
            return self._kept
        X, target = self.draw(self.random)
        order = self.random.permutation(self.n) if self.fresh else slice(None)
        drawn = (
            torch.tensor(X[order], dtype=torch.float32),
            torch.tensor(target[order], dtype=torch.float32),
        )
        if not self.fresh:
            self._kept = drawn
        return drawn


class EpochBatches:
    """Slices of one epoch, where torch's own loader would collect row by row.

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
        return len(self._starts())

    def _starts(self) -> list[int]:
        starts = list(range(0, len(self.rows), self.batch_size))
        if len(starts) > 1 and len(self.rows) - starts[-1] == 1:
            starts.pop()
        return starts

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        X, target = self.rows.epoch()
        starts = self._starts()
        for start, end in zip(starts, [*starts[1:], len(self.rows)], strict=True):
            yield X[start:end], target[start:end]
