r"""What a model says when it sees some groups of bins and others are hidden.

Of a spectrum x seen in the bins S the value is the mean over the hidden bins,

.. math:: v(S) = \mathrm{E}\left[f(x_S, X_{\bar S})\right],

with :math:`X_{\bar S}` from a background that agrees with :math:`x_S`. Every method is a way to ask
for such values and to share out their differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.explain.background import Background
from exosk.explain.groups import Groups
from exosk.explain.targets import Target

__all__ = ["Coalitions"]

# Numbers in the rows that are made at once: 64 MB.
_CHUNK = 8_000_000


@dataclass(frozen=True, eq=False)
class Coalitions:
    """A model's answers about one spectrum, parts of which are hidden.

    Parameters
    ----------
    target : Target
        What is asked.
    row : ndarray of shape (n_columns,)
        The spectrum, as the model takes it.
    groups : Groups
        Bins that are hidden together.
    background : Background
        What stands in for them.
    n_draws : int
        How often hidden bins are drawn.
    random_state : int
        Seed of the draws, which are the same for all values.

    Raises
    ------
    GridError
        If groups and background are of different bins.
    RangeError
        If `n_draws` is not positive.
    """

    target: Target
    row: np.ndarray
    groups: Groups
    background: Background
    n_draws: int = 32
    random_state: int = 0

    def __post_init__(self) -> None:
        if self.groups.grid != self.background.grid:
            raise GridError(
                f"groups are of {self.groups.grid!r} and the background of {self.background.grid!r}"
            )
        if self.n_draws < 1:
            raise RangeError(f"hidden bins must be drawn at least once, got n_draws={self.n_draws}")

    def draws(self, seen: np.ndarray) -> np.ndarray:
        """Return the answers to each draw.

        Parameters
        ----------
        seen : ndarray of bool, shape (n, n_bins)
            Which bins are not hidden, in each of n cases.

        Returns
        -------
        ndarray of shape (n, n_draws)
            The same number n_draws times where nothing is hidden.
        """
        step = max(1, _CHUNK // (self.n_draws * max(len(self.row), 1)))
        parts = []
        for start in range(0, len(seen), step):
            rows = self.background.fill(
                self.row, seen[start : start + step], self.n_draws, self.random_state
            )
            parts.append(self.target(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape[:2]))
        values = np.concatenate(parts)
        return np.broadcast_to(values, (len(seen), self.n_draws))

    def of_groups(self, chosen: Any) -> np.ndarray:
        """Return v of chosen groups.

        Parameters
        ----------
        chosen : array-like, shape (n, n_groups)
            1 for a group that is seen, 0 for one that is hidden.

        Returns
        -------
        ndarray of shape (n,)
        """
        chosen = np.asarray(chosen) > 0
        # Permutations that start alike ask for the same groups; nothing is asked twice.
        different, place = np.unique(chosen, axis=0, return_inverse=True)
        return self.draws(self.groups.bins_of(different)).mean(axis=1)[np.ravel(place)]

    @property
    def full(self) -> float:
        """The model's answer to the whole spectrum."""
        return float(self.target(self.row[np.newaxis])[0])

    def hidden(self) -> np.ndarray:
        """Return the answers to each draw when all is hidden, shape (n_draws,)."""
        return self.draws(np.zeros((1, self.groups.grid.n_bins), dtype=bool))[0]
