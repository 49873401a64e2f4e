"""What an inpainting GAN is trained on: arrays, or a store of which a part is in memory at a time.

A generator learns from whole spectra. Arrays are looked through before it begins; of a store, each
block of rows as it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from exosk.datasets.lazy import StoredSpectra
from exosk.exceptions import RangeError
from exosk.models.batches import block_rows
from exosk.rows import RowLayout

__all__ = [
    "ArrayRows",
    "GanData",
    "StoredRows",
    "TrainingRows",
    "refuse_errors",
    "whole_depths",
]

# Spectra whose structure tells the unit of the reconstruction's error.
_TYPICAL = 10_000


class TrainingRows(Protocol):
    """Spectra and what is shown of their parameters, an epoch at a time.

    Attributes
    ----------
    typical : ndarray of shape (n_some, n_bins)
        Depths of some of them.
    """

    typical: np.ndarray

    def __len__(self) -> int: ...

    def batches(
        self, size: int, random: np.random.RandomState
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give depths (size, n_bins) and parameters (size, n_parameters), in random order.

        All are of one size, since a batch's statistics are of so many rows; what is left of an
        epoch is left out.
        """


class ArrayRows:
    """Those of arrays.

    Parameters
    ----------
    depth : ndarray of shape (n, n_bins)
        Noise-free training spectra.
    parameters : ndarray of shape (n, n_parameters)
        As the networks see them.
    rows : ndarray of int, optional
        Which rows train; all by default.
    """

    def __init__(
        self, depth: np.ndarray, parameters: np.ndarray, rows: np.ndarray | None = None
    ) -> None:
        self.depth, self.parameters = depth, parameters
        self.rows = np.arange(len(depth)) if rows is None else rows
        self.typical = depth[self.rows[:_TYPICAL]]

    def __len__(self) -> int:
        return len(self.rows)

    def batches(
        self, size: int, random: np.random.RandomState
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the batches of an epoch."""
        order = self.rows[random.permutation(len(self))]
        for start in range(0, len(self) - size + 1, size):
            rows = order[start : start + size]
            yield self.depth[rows], self.parameters[rows]


class StoredRows:
    """Those of a store, read in blocks of neighbouring chunks, each while the last is used.

    Parameters
    ----------
    X : StoredSpectra
        Noise-free training spectra.
    shown : callable
        From row numbers to parameters, as the networks see them.
    rows : ndarray of int
        Which rows train.
    layout : RowLayout
        What the columns of X are.
    typical : ndarray of shape (n_some, n_bins)
        Depths of some of them.
    """

    def __init__(
        self,
        X: StoredSpectra,
        shown: Callable[[np.ndarray], np.ndarray],
        rows: np.ndarray,
        layout: RowLayout,
        typical: np.ndarray,
    ) -> None:
        self.X, self.shown, self.rows, self.layout = X, shown, rows, layout
        self.typical = typical[:_TYPICAL]

    def __len__(self) -> int:
        return len(self.rows)

    def batches(
        self, size: int, random: np.random.RandomState
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the batches of an epoch."""
        block = block_rows(size)
        order = self.X.order(self.rows, random, block)
        order = order[: len(order) - len(order) % size]
        blocks = [order[start : start + block] for start in range(0, len(order), block)]
        for k, rows in enumerate(blocks):
            depth = whole_depths(self.X.read(rows), self.layout, rows)
            if k + 1 < len(blocks):
                self.X.prefetch(blocks[k + 1])
            parameters = self.shown(rows)
            for start in range(0, len(rows), size):
                batch = slice(start, start + size)
                yield depth[batch], parameters[batch]


@dataclass(frozen=True, eq=False)
class GanData:
    """What a GAN learns from.

    Attributes
    ----------
    rows : TrainingRows
        What generator and critic are trained on.
    n : int
        Spectra in all, those that are held out among them.
    seen : ndarray of shape (n_seen, n_columns)
        Rows of X that noise and errors are learned from: all, or a sample of a store.
    depth : ndarray of shape (n_seen, n_bins)
        Their depths, of which means and spreads are learned.
    held_out, latent : ndarray of shape (n_held_out, n_bins) and (n_held_out, n_parameters)
        Depths that tell the generator's errors, and their parameters as standard normal variables.
    content : dict
        What it all is, by which a checkpoint is known.
    """

    rows: TrainingRows
    n: int
    seen: np.ndarray
    depth: np.ndarray
    held_out: np.ndarray
    latent: np.ndarray
    content: dict[str, Any]


def whole_depths(X: np.ndarray, layout: RowLayout, rows: np.ndarray | None = None) -> np.ndarray:
    """Return the depths of training spectra.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns)
        Depths, then errors if the layout says so.
    layout : RowLayout
        What the columns are.
    rows : ndarray of int, optional
        Their row numbers, to name one; from 0 up by default.

    Raises
    ------
    RangeError
        If a bin is missing, or an error is not positive.
    """
    depth = X[:, : layout.n_bins]
    missing = np.argwhere(np.isnan(depth))
    if missing.size:
        row, k = missing[0]
        raise RangeError(
            f"bin {k} of training spectrum {row if rows is None else rows[row]} is missing; a "
            f"generator learns from whole spectra, so simulate all bins (observations may lack any)"
        )
    if layout.has_sigma:
        refuse_errors(depth, X[:, layout.n_bins :], rows)
        layout.split(X)
    return depth


def refuse_errors(depth: np.ndarray, sigma: np.ndarray, rows: np.ndarray | None = None) -> None:
    """Refuse errors (n, n_bins) that are not positive where there is a depth.

    Raises
    ------
    RangeError
        Naming the first.
    """
    # NaN is not positive either.
    wrong = np.argwhere(~(sigma > 0) & ~np.isnan(depth))
    if wrong.size:
        row, k = wrong[0]
        raise RangeError(
            f"the error of bin {k} of spectrum {row if rows is None else rows[row]} is "
            f"{sigma[row, k]:g}; errors must be positive where there is a depth, so give it one, "
            f"or make the bin missing (NaN)"
        )
