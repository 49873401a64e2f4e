r"""Marginal posteriors of many spectra at once: weighted samples, sorted.

With samples :math:`x_1 \le \dots \le x_K` and weights that sum to one, the distribution function
F of a marginal is a staircase. What follows from it is exact: quantiles, the probability integral
transform, and the continuous ranked probability score (Gneiting & Raftery 2007, J. Am. Stat.
Assoc. 102, 359, equation 21)

.. math:: \mathrm{CRPS}(F, y) = E|X - y| - \tfrac12 E|X - X'|
          = \sum_k w_k |x_k - y| - \sum_k F(x_k) (1 - F(x_k)) (x_{k+1} - x_k).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from exosk.posterior import Posterior

__all__ = ["Marginals", "marginals_of"]


class Marginals:
    """Sorted weighted samples of each parameter of each spectrum.

    Parameters
    ----------
    posteriors : sequence of Posterior
        One a spectrum, of equally many parameters; numbers of samples may differ.

    Attributes
    ----------
    samples, weights, cumulative : ndarray of shape (n, n_parameters, n_samples)
        Ascending samples, their weights, and the sum of weights up to each.
    """

    def __init__(self, posteriors: Sequence[Posterior]) -> None:
        n, longest = len(posteriors), max(len(posterior) for posterior in posteriors)
        samples = np.empty((n, posteriors[0].samples.shape[1], longest))
        weights = np.zeros((n, longest))
        for k, posterior in enumerate(posteriors):
            size = len(posterior)
            samples[k, :, :size] = posterior.samples.T
            samples[k, :, size:] = posterior.samples[:1].T  # without weight, and no outlier
            weights[k, :size] = posterior.weights
        order = np.argsort(samples, axis=-1)
        self.samples = np.take_along_axis(samples, order, axis=-1)
        self.weights = np.take_along_axis(weights[:, None], order, axis=-1)
        cumulative = np.minimum(np.cumsum(self.weights, axis=-1), 1.0)
        # Rounding must not leave a probability beyond the last sample with a weight.
        cumulative[cumulative > 1 - 1e-9] = 1.0
        self.cumulative = cumulative

    @property
    def mean(self) -> np.ndarray:
        """Shape (n, n_parameters)."""
        return np.sum(self.weights * self.samples, axis=-1)

    @property
    def std(self) -> np.ndarray:
        """Shape (n, n_parameters)."""
        square = (self.samples - self.mean[..., None]) ** 2
        return np.sqrt(np.sum(self.weights * square, axis=-1))

    @property
    def effective_size(self) -> np.ndarray:
        """Kish's effective number of samples, shape (n, n_parameters)."""
        return 1.0 / np.sum(self.weights**2, axis=-1)

    @property
    def range(self) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest sample with a weight, shapes (n, n_parameters)."""
        return self.quantile(0.0), self.quantile(1.0)

    def quantile(self, q: Any, *, upper: bool = False) -> np.ndarray:
        """Inverse of the distribution function.

        Parameters
        ----------
        q : float or array-like that broadcasts to (n, n_parameters)
            Probabilities in [0, 1].
        upper : bool, default=False
            Where the staircase has a step at exactly q, take the step's right end, not its left.

        Returns
        -------
        ndarray of shape (n, n_parameters)
        """
        q = np.broadcast_to(np.asarray(q, dtype=float), self.samples.shape[:2])[..., None]
        # The first sample that has a weight is the quantile of 0.
        below = self.cumulative <= np.minimum(q, np.nextafter(1, 0)) if upper else (
            self.cumulative < np.maximum(q, np.nextafter(0, 1))
        )  # fmt: skip
        which = below.sum(axis=-1, keepdims=True)
        return np.take_along_axis(self.samples, which, axis=-1)[..., 0]

    def cdf(self, truth: Any) -> tuple[np.ndarray, np.ndarray]:
        """Probability below the truth, and up to and including it.

        Parameters
        ----------
        truth : array-like of shape (n, n_parameters)
            True parameters.

        Returns
        -------
        tuple of two ndarray of shape (n, n_parameters)
        """
        truth = np.asarray(truth, dtype=float)[..., None]
        below = np.sum(self.weights * (self.samples < truth), axis=-1)
        up_to = np.sum(self.weights * (self.samples <= truth), axis=-1)
        first, last = self.range
        # Sums round; beyond all samples the probability is 0 or 1 and nothing near it.
        truth = truth[..., 0]
        below[truth > last], up_to[truth >= last] = 1.0, 1.0
        below[truth <= first], up_to[truth < first] = 0.0, 0.0
        return np.clip(below, 0.0, 1.0), np.clip(up_to, 0.0, 1.0)

    def pit(self, truth: Any, random: np.random.RandomState) -> np.ndarray:
        """Probability integral transform of the truth, at random within a step.

        It is uniform if the marginals are exact, even where they have atoms (a prior that was
        clipped, say), in which the truth equals samples (Czado, Gneiting & Held 2009,
        Biometrics 65, 1254).

        Returns
        -------
        ndarray of shape (n, n_parameters)
        """
        below, up_to = self.cdf(truth)
        return below + random.uniform(size=below.shape) * (up_to - below)

    def crps(self, truth: Any) -> np.ndarray:
        """Continuous ranked probability score, in each parameter's own unit; smaller is better.

        Returns
        -------
        ndarray of shape (n, n_parameters)
        """
        truth = np.asarray(truth, dtype=float)[..., None]
        distance = np.sum(self.weights * np.abs(self.samples - truth), axis=-1)
        inner = self.cumulative[..., :-1]
        return distance - np.sum(inner * (1 - inner) * np.diff(self.samples, axis=-1), axis=-1)


def marginals_of(
    retriever: Any, X: Any, batch_size: int = 500
) -> Iterator[tuple[slice, Marginals]]:
    """Ask a retriever for posteriors, so many spectra at a time.

    All samples of tens of thousands of spectra do not fit into memory.

    Parameters
    ----------
    retriever : retriever
        Fitted.
    X : array-like of shape (n, n_features)
        Spectra, as the retriever takes them.
    batch_size : int, default=500
        Spectra at a time.

    Yields
    ------
    slice, Marginals
        Which rows, and their marginals.
    """
    for start in range(0, len(X), batch_size):
        rows = slice(start, min(start + batch_size, len(X)))
        part = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
        yield rows, Marginals(retriever.posterior(part))
