r"""How the bins of one grid lie over those of another.

A target bin :math:`[a, b]` shares the length

.. math:: L_{ij} = \max(0, \min(b_i, u_j) - \max(a_i, l_j))

with source bin :math:`[l_j, u_j]`. A spectrum that is constant within source bins has the mean
:math:`\sum_j L_{ij} d_j / \sum_j L_{ij}` over the target bin, exactly. Source bins of several
instruments may overlap, so which share of a target bin they cover is no sum of lengths: the edges
of all source bins cut the axis into cells, and a cell is covered when any source bin over it has
a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from exosk.exceptions import GridError
from exosk.grids import SpectralGrid
from exosk.instruments import Instrument
from exosk.spectra import Spectrum

__all__ = ["Overlap", "grid_of", "overlap_lengths", "times"]

# Edges that differ by less are the same edge in two files.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Overlap:
    """Weights of source values in target bins, and what the values cover.

    Attributes
    ----------
    weights : sparse array of shape (n_target, n_source)
        Rows sum to one, or are empty where nothing lies over the target bin.
    cells : sparse array of shape (n_cells, n_source)
        1 where a source value covers a cell.
    share : sparse array of shape (n_target, n_cells)
        Which share of a target bin a cell makes up.
    """

    weights: sparse.csr_array
    cells: sparse.csr_array
    share: sparse.csr_array

    @classmethod
    def of_bins(
        cls, lower: np.ndarray, upper: np.ndarray, to_lower: np.ndarray, to_upper: np.ndarray
    ) -> Overlap:
        """Lay target bins (`to_lower` to `to_upper`) over source bins (`lower` to `upper`)."""
        lengths = overlap_lengths(lower, upper, to_lower, to_upper)
        return cls(_normalised(lengths), *_cover(lower, upper, to_lower, to_upper))

    @classmethod
    def of_weights(cls, weights: sparse.csr_array) -> Overlap:
        """Take weights as they are, rows summing to one: a value covers what its weight is."""
        return cls(weights, sparse.eye_array(weights.shape[1], format="csr"), weights)

    @classmethod
    def of_neighbours(cls, width: np.ndarray, step: int) -> Overlap:
        """Join every `step` neighbouring source bins, whatever gaps and overlaps they have."""
        first = np.arange(0, width.size, step)
        members = sparse.csr_array(
            (width, np.arange(width.size), np.append(first, width.size)),
            shape=(first.size, width.size),
        )
        return cls.of_weights(_normalised(members))

    def coverage(self, present: np.ndarray) -> np.ndarray:
        """Return the share of each target bin that values cover.

        Parameters
        ----------
        present : ndarray of bool, shape (n, n_source)
            Which values are there.

        Returns
        -------
        ndarray of shape (n, n_target)
        """
        return times(times(present.astype(float), self.cells) > 0, self.share)

    def totals(self, value: np.ndarray, least: float) -> np.ndarray:
        """Return the sum of weights in each target bin.

        Parameters
        ----------
        value : ndarray of shape (n, n_source)
            What multiplies the weight of each source value; 0 where it is missing.
        least : float
            Smallest share of a target bin that must be covered.

        Returns
        -------
        ndarray of shape (n, n_target)
            NaN where less is covered.
        """
        total = times(value, self.weights)
        total[self.coverage(value > 0) < least] = np.nan
        return total

    def matrices(self, value: np.ndarray, least: float) -> np.ndarray:
        """Return normalised weights, shape (n, n_target, n_source); arguments as `totals`."""
        weights = self.weights.toarray() * value[:, np.newaxis]
        return weights / self.totals(value, least)[:, :, np.newaxis]


def overlap_lengths(
    lower: np.ndarray, upper: np.ndarray, to_lower: np.ndarray, to_upper: np.ndarray
) -> sparse.csr_array:
    """Return the length that each target bin shares with each source bin.

    Parameters
    ----------
    lower, upper : ndarray of shape (n_source,)
        Edges of the source bins, which may overlap and leave gaps.
    to_lower, to_upper : ndarray of shape (n_target,)
        Edges of the target bins.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_target, n_source)
    """
    columns, lengths = [], []
    for a, b in zip(to_lower, to_upper):
        length = np.minimum(upper, b) - np.maximum(lower, a)
        shared = np.flatnonzero(length > _ROUNDING * b)
        columns.append(shared)
        lengths.append(length[shared])
    starts = np.cumsum([0, *(row.size for row in columns)])
    return sparse.csr_array(
        (np.concatenate(lengths), np.concatenate(columns), starts),
        shape=(len(to_lower), lower.size),
    )


def grid_of(thing: Any, what: str) -> SpectralGrid:
    """Return the bins of a SpectralGrid, Spectrum or Instrument; `what` names it in errors."""
    if isinstance(thing, SpectralGrid):
        return thing
    if isinstance(thing, Spectrum | Instrument):
        return thing.grid
    raise GridError(
        f"{what} must be a SpectralGrid, Spectrum or Instrument, not {type(thing).__name__}"
    )


def _cover(
    lower: np.ndarray, upper: np.ndarray, to_lower: np.ndarray, to_upper: np.ndarray
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Cut the axis into cells: which source bins cover each, and its share of each target."""
    edges = np.unique(np.concatenate([lower, upper]))
    middle = (edges[1:] + edges[:-1]) / 2
    rows = [np.flatnonzero((lo < middle) & (middle < up)) for lo, up in zip(lower, upper)]
    starts = np.cumsum([0, *(row.size for row in rows)])
    covered = sparse.csr_array(
        (np.ones(starts[-1]), np.concatenate(rows), starts), shape=(lower.size, middle.size)
    )
    lengths = overlap_lengths(edges[:-1], edges[1:], to_lower, to_upper)
    widths = np.repeat(to_upper - to_lower, np.diff(lengths.indptr))
    lengths.data = lengths.data / widths
    return covered.T.tocsr(), lengths


def _normalised(weights: sparse.csr_array) -> sparse.csr_array:
    """Divide rows by their sums; a single weight becomes exactly 1."""
    sums = np.asarray(weights.sum(axis=1))
    weights.data = weights.data / np.repeat(sums, np.diff(weights.indptr))
    return weights


def times(values: Any, matrix: sparse.csr_array) -> np.ndarray:
    """Return ``values @ matrix.T``, shape (n, n_rows of the matrix)."""
    return np.ascontiguousarray((matrix @ values.T).T)
