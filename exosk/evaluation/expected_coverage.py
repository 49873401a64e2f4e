r"""Expected coverage: how often regions of a posterior hold the truth, over the prior.

For each truth let v be the level of the smallest region, of one family, that holds it. A region of
level :math:`\alpha` holds the truth if :math:`v \le \alpha`, which happens with the probability
:math:`\alpha` if the posterior is exact. Two families serve here:

- central intervals of one parameter, by its probability integral transform or rank u:
  :math:`v = 2 |u - 1/2|`;
- regions of highest density of all parameters together, by the posterior's own density q:
  :math:`v = P_{\theta' \sim q}(q(\theta' | x) > q(\theta | x))` (Hermans et al. 2022,
  arXiv:2110.06581, equation 2; by samples as in Deistler et al. 2022, arXiv:2210.04815).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from exosk.evaluation.coverage import binomial_error
from exosk.evaluation.document import as_json
from exosk.evaluation.sbc import checked_columns, posterior_ranks, rank_transform
from exosk.exceptions import RangeError

__all__ = ["LEVELS", "CoverageTest", "central_levels", "coverage_test", "density_levels"]

#: Levels at which coverage is tested.
LEVELS = (0.5, 0.68, 0.95)


@dataclass(frozen=True, eq=False)
class CoverageTest:
    """How often regions hold the truth, against how often they should.

    Attributes
    ----------
    names : tuple of str
        What each column belongs to.
    reached : ndarray of shape (n, n_columns)
        Level of the smallest region that holds each truth.
    levels : tuple of float
        Levels that are tested.
    observed, p_values : ndarray of shape (n_levels, n_columns)
        Shares of truths inside; two-sided p-values of the exact binomial test.
    error : ndarray of shape (n_levels,)
        Scatter of the shares of an exact posterior.
    """

    names: tuple[str, ...]
    reached: np.ndarray
    levels: tuple[float, ...]
    observed: np.ndarray
    p_values: np.ndarray
    error: np.ndarray

    @property
    def p_value(self) -> float:
        """Smallest p-value times their number (Bonferroni)."""
        return min(1.0, float(self.p_values.min()) * self.p_values.size)

    @property
    def difference(self) -> float:
        """Observed share less level, where that is largest."""
        every = self.observed - np.array(self.levels)[:, None]
        return float(every.flat[np.argmax(np.abs(every))])

    @property
    def worst(self) -> str:
        """Name of the column with the largest difference."""
        every = np.abs(self.observed - np.array(self.levels)[:, None])
        return self.names[int(np.argmax(every.max(axis=0)))]

    def to_dict(self) -> dict[str, Any]:
        """Return shares, errors and p-values for JSON."""
        columns = {
            name: [
                {"level": level, "observed": share, "error": error, "p_value": p}
                for level, share, error, p in zip(
                    self.levels, self.observed[:, k], self.error, self.p_values[:, k], strict=True
                )
            ]
            for k, name in enumerate(self.names)
        }
        found = {"p_value": self.p_value, "largest_difference": self.difference}
        return as_json(found | {"coverage": columns})


def density_levels(
    log_density: Any, log_density_truth: Any, random_state: Any = None
) -> np.ndarray:
    """Level of the smallest region of highest density that holds each truth.

    Parameters
    ----------
    log_density : array-like of shape (n, n_samples)
        Of the posterior of each spectrum, at its own samples.
    log_density_truth : array-like of shape (n,)
        At the truth.
    random_state : int, RandomState or None
        Of ties.

    Returns
    -------
    ndarray of shape (n,)
        Uniform if the posterior is exact; mostly near 1 if it is too narrow.
    """
    random = check_random_state(random_state)
    ranks = posterior_ranks(log_density, log_density_truth, random)
    return 1 - rank_transform(ranks, np.shape(log_density)[1], random)


def central_levels(transform: Any) -> np.ndarray:
    """Level of the smallest central interval that holds each truth, of the transform's shape."""
    return 2 * np.abs(np.asarray(transform, dtype=float) - 0.5)


def coverage_test(
    reached: Any, names: Sequence[str] | None = None, levels: Sequence[float] = LEVELS
) -> CoverageTest:
    """Compare how often regions hold the truth with their levels.

    Parameters
    ----------
    reached : array-like of shape (n,) or (n, n_columns)
        Level of the smallest region that holds each truth, as :func:`density_levels` and
        :func:`central_levels` tell.
    names : sequence of str, optional
        What the columns belong to.
    levels : sequence of float, default=(0.5, 0.68, 0.95)
        Between 0 and 1.

    Returns
    -------
    CoverageTest
    """
    reached, names = checked_columns(reached, names)
    levels = tuple(float(level) for level in levels)
    if not levels or not all(0 < level < 1 for level in levels):
        raise RangeError(f"levels of regions lie between 0 and 1, got {levels}")
    n = len(reached)
    inside = np.stack([np.sum(reached <= level, axis=0) for level in levels])
    p_values = [
        [stats.binomtest(int(k), n, level).pvalue for k in row]
        for level, row in zip(levels, inside, strict=True)
    ]
    return CoverageTest(
        names, reached, levels, inside / n, np.array(p_values), binomial_error(levels, n)
    )
