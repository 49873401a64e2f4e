r"""Simulation-based calibration: where truths fall among the samples of their posteriors.

Draw parameters from the prior, a spectrum from each, and L samples from the posterior of each
spectrum. Given the spectrum, the truth and L samples of the exact posterior are L + 1 draws from
one distribution, so that the rank of the truth,

.. math:: r = \#\{l : f(\theta_l, x) < f(\theta, x)\},

is uniform on 0 ... L, for any function f: a parameter (Talts et al. 2018, arXiv:1804.06788,
theorem 1), the log likelihood, or a log density (Modrak et al. 2023, arXiv:2211.02383, who show
that functions of the data see errors to which every parameter by itself is blind). Ties are ranked
at random. With u drawn evenly from :math:`[r, r + 1] / (L + 1)` a continuous uniform variable
remains, to which Kolmogorov and Smirnov's test applies without change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats
from sklearn.utils import check_random_state

from exosk.evaluation.document import as_json
from exosk.exceptions import RangeError

__all__ = [
    "LEAST_SPECTRA",
    "UniformityTest",
    "checked_columns",
    "checked_draws",
    "posterior_ranks",
    "rank_histogram",
    "rank_transform",
    "uniformity_test",
]

#: Fewer spectra than this decide nothing.
LEAST_SPECTRA = 20
# Spectra that a bin of the chi-squared test holds at least, and how many bins there are at most.
_LEAST_EXPECTED, _MOST_BINS = 10, 20


@dataclass(frozen=True, eq=False)
class UniformityTest:
    """Whether numbers are uniform that an exact posterior makes uniform.

    Attributes
    ----------
    names : tuple of str
        What each column belongs to.
    transform : ndarray of shape (n, n_columns)
        The numbers, between 0 and 1.
    ks, chi2 : ndarray of shape (n_columns,)
        p-values of Kolmogorov and Smirnov's test, and of chi-squared in bins of equal width.
    """

    names: tuple[str, ...]
    transform: np.ndarray
    ks: np.ndarray
    chi2: np.ndarray

    def __len__(self) -> int:
        return len(self.transform)

    @property
    def p_value(self) -> float:
        """Smallest p-value of Kolmogorov and Smirnov times the number of columns (Bonferroni)."""
        return min(1.0, float(self.ks.min()) * len(self.names))

    @property
    def worst(self) -> str:
        """Name of the column with the smallest p-value."""
        return self.names[int(np.argmin(self.ks))]

    @property
    def passed(self) -> bool:
        """Whether every p-value is above .05 / number of columns."""
        return self.p_value > 0.05

    def to_dict(self) -> dict[str, Any]:
        """Return the p-values for JSON."""
        columns = {
            name: {"ks": ks, "chi2": chi2}
            for name, ks, chi2 in zip(self.names, self.ks, self.chi2, strict=True)
        }
        found = {"n": len(self), "p_value": self.p_value, "passed": self.passed}
        return as_json(found | {"quantities": columns})


def posterior_ranks(samples: Any, truth: Any, random_state: Any = None) -> np.ndarray:
    """Rank truths among samples of their posteriors.

    Parameters
    ----------
    samples : array-like of shape (n, n_samples) or (n, n_samples, n_quantities)
        Independent draws of equal weight from the posterior of each spectrum; or a function of
        them and of the spectrum, such as the log likelihood.
    truth : array-like of shape (n,) or (n, n_quantities)
        The same of the truths.
    random_state : int, RandomState or None
        Of ties (a clipped prior has some), which are ranked at random.

    Returns
    -------
    ndarray of int, of the shape of `truth`
        From 0 to n_samples.

    Raises
    ------
    RangeError
        If shapes don't fit, there are no samples, or a number is NaN.
    """
    samples, truth = checked_draws(samples, truth, infinite=True)
    random = check_random_state(random_state)
    below = np.sum(samples < truth[:, None], axis=1)
    tied = np.sum(samples == truth[:, None], axis=1)
    return np.asarray(below + np.floor(random.uniform(size=truth.shape) * (tied + 1)).astype(int))


def rank_transform(ranks: Any, n_samples: int, random_state: Any = None) -> np.ndarray:
    """Spread ranks evenly over 0 to 1: uniform if they are, and without steps.

    Parameters
    ----------
    ranks : array-like of int
        From 0 to `n_samples`.
    n_samples : int
        Samples of each posterior.
    random_state : int, RandomState or None
        Of the place within a step.

    Returns
    -------
    ndarray of the shape of `ranks`
    """
    ranks = np.asarray(ranks, dtype=float)
    if not ((ranks >= 0) & (ranks <= n_samples)).all():
        raise RangeError(f"ranks among {n_samples} samples lie between 0 and {n_samples}")
    within = check_random_state(random_state).uniform(size=ranks.shape)
    return np.asarray((ranks + within) / (n_samples + 1))


def uniformity_test(transform: Any, names: Sequence[str] | None = None) -> UniformityTest:
    """Test each column for being uniform.

    Parameters
    ----------
    transform : array-like of shape (n,) or (n, n_columns)
        Numbers between 0 and 1: of :func:`rank_transform`, or probability integral transforms.
    names : sequence of str, optional
        What the columns belong to.

    Returns
    -------
    UniformityTest

    Raises
    ------
    RangeError
        If there are fewer than 20 spectra, or a number does not lie between 0 and 1.
    """
    transform, names = checked_columns(transform, names)
    counts, _ = rank_histogram(transform, _n_bins(len(transform)))
    return UniformityTest(
        names,
        transform,
        ks=np.array([stats.kstest(column, "uniform").pvalue for column in transform.T]),
        chi2=np.array([stats.chisquare(column).pvalue for column in counts.T]),
    )


def rank_histogram(transform: Any, n_bins: int = 20) -> tuple[np.ndarray, tuple[float, float]]:
    """Count numbers between 0 and 1 in bins of equal width.

    Parameters
    ----------
    transform : array-like of shape (n, n_columns)
        Of :func:`rank_transform`, or probability integral transforms.
    n_bins : int, default=20
        Number of bins.

    Returns
    -------
    counts : ndarray of shape (n_bins, n_columns)
    band : (float, float)
        Binomial quantiles that hold at least 95 % of the counts of exact posteriors.
    """
    transform = np.asarray(transform, dtype=float)
    edges = np.linspace(0, 1, n_bins + 1)
    counts = np.stack([np.histogram(column, edges)[0] for column in transform.T], axis=1)
    low, high = stats.binom.ppf([0.025, 0.975], len(transform), 1 / n_bins)
    return counts, (float(low), float(high))


def checked_draws(
    samples: Any, truth: Any, *, infinite: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and truths as arrays of fitting shapes.

    Parameters
    ----------
    samples : array-like of shape (n, n_samples, ...)
        Of the posterior of each spectrum.
    truth : array-like of shape (n, ...)
        Of each spectrum.
    infinite : bool, default=False
        Whether infinite numbers are allowed, as a log density has them.

    Raises
    ------
    RangeError
        If shapes don't fit, there are no samples, or a number is none.
    """
    samples, truth = np.asarray(samples, dtype=float), np.asarray(truth, dtype=float)
    if samples.ndim < 2 or samples.shape[:1] + samples.shape[2:] != truth.shape:
        raise RangeError(
            f"samples of shape {samples.shape} and truths of shape {truth.shape}; n truths of d "
            f"parameters, shape (n, d), want samples of shape (n, n_samples, d)"
        )
    if not samples.size:
        raise RangeError(
            f"samples of shape {samples.shape} hold nothing; draw at least one from each posterior"
        )
    for what, values in (("sample", samples), ("truth", truth)):
        bad = np.isnan(values) if infinite else ~np.isfinite(values)
        if bad.any():
            row = int(np.argwhere(bad)[0][0])
            raise RangeError(
                f"{int(bad.sum())} numbers of the {what}s are not finite, the first of spectrum "
                f"{row}; leave such spectra out"
            )
    return samples, truth


def checked_columns(values: Any, names: Sequence[str] | None) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return numbers between 0 and 1 as (n, n_columns), and the columns' names.

    Raises
    ------
    RangeError
        If there are fewer than 20 rows, a number lies elsewhere, or names are too few or many.
    """
    values = np.asarray(values, dtype=float)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) < LEAST_SPECTRA or not values.shape[1]:
        raise RangeError(
            f"numbers of shape {values.shape}; a test wants one row a spectrum, and at least "
            f"{LEAST_SPECTRA} spectra"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise RangeError("transforms of truths lie between 0 and 1, and some of these don't")
    names = (
        tuple(f"quantity_{k}" for k in range(values.shape[1])) if names is None else tuple(names)
    )
    if len(names) != values.shape[1]:
        raise RangeError(f"{len(names)} names for {values.shape[1]} columns")
    return values, names


def _n_bins(n: int) -> int:
    """Bins of the chi-squared test, of enough spectra each."""
    return int(np.clip(n // _LEAST_EXPECTED, 2, _MOST_BINS))
