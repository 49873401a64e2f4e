r"""TARP: tests of accuracy with random points (Lemos et al. 2023, arXiv:2302.03026).

For a spectrum with the true parameters :math:`\theta` draw a point :math:`\theta_r` by chance.
The share of posterior samples that lie nearer to it than the truth does,

.. math:: f = \frac{1}{L} \#\{l : d(\theta_l, \theta_r) < d(\theta, \theta_r)\},

is the credibility of the ball around the point that ends at the truth. Given the spectrum it is a
rank of the truth among the samples, and uniform if the posterior is exact (their theorem 2). It
asks for no density, and sees what each parameter by itself does not show: a correlation of the
wrong sign, say. The expected coverage is its distribution function (their algorithm 2).

Distances are taken in :math:`z = \Phi^{-1}(F(\theta))`, with F the prior's distribution function:
there the prior is a standard normal, whatever the parameters' units, and points are drawn from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from sklearn.utils import check_random_state

from exosk.evaluation.coverage import binomial_error
from exosk.evaluation.document import as_json
from exosk.evaluation.expected_coverage import LEVELS
from exosk.evaluation.sbc import (
    checked_draws,
    posterior_ranks,
    rank_transform,
    uniformity_test,
)
from exosk.exceptions import RangeError
from exosk.parameters import ParameterSpace

__all__ = ["TarpTest", "prior_normal", "run_tarp", "tarp_credibility", "tarp_test"]

# What float64 can tell from 0 and from 1.
_CUBE_EDGE = 1e-12
# Root of the variance of max(f, 1/2) for a uniform f: 5/12 - (5/8)^2.
_AREA_SCATTER = np.sqrt(5 / 12 - (5 / 8) ** 2)


@dataclass(frozen=True, eq=False)
class TarpTest:
    """Expected coverage of balls around random points.

    Attributes
    ----------
    credibility : ndarray of shape (n_references, n)
        Of the balls that end at the truths, one row a set of points.
    ks, chi2 : ndarray of shape (n_references,)
        p-values of Kolmogorov and Smirnov's test, and of chi-squared in bins of equal width. Balls
        in all directions mix regions that are too wide with others that are too narrow, which the
        former is nearly blind to.
    """

    credibility: np.ndarray
    ks: np.ndarray
    chi2: np.ndarray

    def coverage(self, levels: Any) -> np.ndarray:
        """Share of truths in balls of these credibilities, shape (n_references, n_levels)."""
        levels = np.asarray(levels, dtype=float)
        return np.asarray((self.credibility[:, :, None] <= levels).mean(axis=1))

    @property
    def p_value(self) -> float:
        """Of both tests and all sets of points.

        Of each set twice the smaller of its two; then twice the median over sets, which is a
        p-value whatever their dependence (Meinshausen, Meier & Buehlmann 2009, J. Am. Stat.
        Assoc. 104, 1671), so that no lucky set of points decides.
        """
        both = 2 * np.minimum(self.ks, self.chi2)
        factor = 1 if len(both) == 1 else 2
        return min(1.0, factor * float(np.median(both)))

    @property
    def area(self) -> float:
        r"""Area between curve and diagonal, :math:`\int_{1/2}^1 (C(\alpha) - \alpha) d\alpha`.

        Positive if the posterior is too wide, negative if it is too narrow; a bias may leave it
        near 0, since points lie on all sides, and shows in the p-value. The mean
        over sets of points.
        """
        return float(0.625 - np.maximum(self.credibility, 0.5).mean())

    @property
    def area_error(self) -> float:
        """Scatter of the area of an exact posterior with one set of points."""
        return float(_AREA_SCATTER / np.sqrt(self.credibility.shape[1]))

    @property
    def passed(self) -> bool:
        """Whether the p-value is above .05."""
        return self.p_value > 0.05

    @property
    def difference(self) -> float:
        """Observed share less level, where that is largest; the mean over sets of points."""
        every = self.coverage(LEVELS).mean(axis=0) - np.array(LEVELS)
        return float(every[np.argmax(np.abs(every))])

    def to_dict(self) -> dict[str, Any]:
        """Return areas, shares and p-values for JSON."""
        observed = self.coverage(LEVELS).mean(axis=0)
        error = binomial_error(LEVELS, self.credibility.shape[1])
        return as_json(
            {
                "n": self.credibility.shape[1],
                "n_references": len(self.ks),
                "p_value": self.p_value,
                "passed": self.passed,
                "ks": self.ks,
                "chi2": self.chi2,
                "area": self.area,
                "area_error": self.area_error,
                "largest_difference": self.difference,
                "coverage": [
                    {"level": level, "observed": share, "error": scatter}
                    for level, share, scatter in zip(LEVELS, observed, error, strict=True)
                ],
            }
        )


def run_tarp(
    samples: Any,
    truth: Any,
    space: ParameterSpace | None = None,
    *,
    n_references: int = 5,
    random_state: Any = None,
) -> TarpTest:
    """Test posteriors by balls around random points.

    Parameters
    ----------
    samples : array-like of shape (n, n_samples, n_parameters)
        Independent draws of equal weight from the posterior of each spectrum.
    truth : array-like of shape (n, n_parameters)
        The parameters behind the spectra.
    space : ParameterSpace, optional
        With the priors that the truths were drawn from; without, parameters are taken as they
        are, with a prior of about a standard normal.
    n_references : int, default=5
        Sets of random points, each with one point a spectrum.
    random_state : int, RandomState or None
        Of points and ties.

    Returns
    -------
    TarpTest

    Raises
    ------
    RangeError
        If shapes don't fit, a number is not finite, or there are fewer than 20 spectra.
    """
    samples, truth = checked_draws(samples, truth)
    if truth.ndim != 2:
        raise RangeError(f"truths must be of shape (n, n_parameters), not {truth.shape}")
    if n_references < 1:
        raise RangeError(f"n_references must be at least 1, got {n_references}")
    random = check_random_state(random_state)
    if space is not None:
        samples, truth = prior_normal(space, samples), prior_normal(space, truth)
    references = random.standard_normal((n_references, *truth.shape))
    return tarp_test(tarp_credibility(samples, truth, references, random))


def prior_normal(space: ParameterSpace, theta: Any) -> np.ndarray:
    """Map parameters (..., n_parameters) to where their prior is a standard normal."""
    unit = np.clip(space.to_unit_cube(theta), _CUBE_EDGE, 1 - _CUBE_EDGE)
    return np.asarray(special.ndtri(unit))


def tarp_credibility(
    samples: Any, truth: Any, references: Any, random_state: Any = None
) -> np.ndarray:
    """Share of samples that are nearer to the random point than the truth is.

    Parameters
    ----------
    samples : array-like of shape (n, n_samples, n_parameters)
        Draws from the posterior of each spectrum.
    truth : array-like of shape (n, n_parameters)
        The parameters behind the spectra.
    references : array-like of shape (n_references, n, n_parameters)
        Random points, in sets of one a spectrum.
    random_state : int, RandomState or None
        Of the place within a step of 1 / (n_samples + 1), and of ties.

    Returns
    -------
    ndarray of shape (n_references, n)
        Uniform if the posteriors are exact.
    """
    samples, truth = checked_draws(samples, truth)
    references = np.asarray(references, dtype=float)
    if references.ndim != 3 or references.shape[1:] != truth.shape:
        raise RangeError(
            f"random points of shape {references.shape}; truths of shape {truth.shape} want "
            f"(n_references, {truth.shape[0]}, {truth.shape[1]})"
        )
    random = check_random_state(random_state)
    found = np.empty(references.shape[:2])
    for k, points in enumerate(references):
        reach = np.sum((truth - points) ** 2, axis=-1)
        distance = np.sum((samples - points[:, None]) ** 2, axis=-1)
        ranks = posterior_ranks(distance, reach, random)
        found[k] = rank_transform(ranks, samples.shape[1], random)
    return found


def tarp_test(credibility: Any) -> TarpTest:
    """Test credibilities of balls for being uniform.

    Parameters
    ----------
    credibility : array-like of shape (n_references, n)
        Of :func:`tarp_credibility`.

    Returns
    -------
    TarpTest
    """
    credibility = np.atleast_2d(np.asarray(credibility, dtype=float))
    tested = uniformity_test(credibility.T)
    return TarpTest(credibility, tested.ks, tested.chi2)
