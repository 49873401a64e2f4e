r"""How strange a spectrum is, beside those that a simulator makes.

Noise-free training spectra lie close to a plane of few dimensions: their level, and the leading
principal components of what is left without it. With A the (k, n_bins) basis, m the mean spectrum
and a the coefficients, an observation with errors of variance :math:`D = \mathrm{diag}(\sigma^2)`
is :math:`y = m + A^T a + \epsilon`. The training spectra's coefficients are described by a mixture
of Gaussians (curved as their distribution is), so that

.. math:: p(y) = \sum_j \pi_j\, N(y;\; m + A^T \mu_j,\; S_j), \qquad S_j = A^T C_j A + D

in the bins that are observed (Bovy, Hogg & Roweis 2011, Ann. Appl. Stat. 5, 1657, "extreme
deconvolution"). With :math:`W = D^{-1}`, :math:`G = A W A^T`, :math:`M_j = C_j^{-1} + G`,
:math:`r = y - m - A^T \mu_j` and j the component that is most probable,

.. math:: S_j^{-1} r = W (r - A^T \hat a), \qquad \hat a = M_j^{-1} A W r
          \qquad\text{(Woodbury)},

and the Mahalanobis distance falls into a part outside the basis and one within,

.. math:: r^T S_j^{-1} r = (r - A^T \hat a)^T W (r - A^T \hat a) + \hat a^T C_j^{-1} \hat a.

The part outside tells whether the stated errors are those of the data, and the part within whether
the coefficients are ones that training spectra have. Of a feature that no training spectrum has,
with shape v, the most powerful test is :math:`|v^T S_j^{-1} r| / (v^T S_j^{-1} v)^{1/2}`; v runs
over boxes: single bins, bands of all places and many widths, and steps.

How such numbers are distributed is not asked of the model, whose Gaussians only come near the
truth, but of reference spectra (:func:`pool_p_values`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

__all__ = ["PARTS", "KnownSpectra", "ObservedBins", "Strangeness", "pool_p_values"]

# One number of each, larger where it is stranger.
PARTS = ("excess", "deficit", "shape", "correlation", "bin", "band")

# What the basis leaves out of a training spectrum, as a root mean square over bins in units of the
# smallest errors: all but a hundredth of the spectra stay below.
_LEFT_OUT, _LEFT_OUT_SHARE = 0.1, 0.99
# Training spectra for each principal component, and for each dimension of a Gaussian, at least.
_ROWS_PER_AXIS, _ROWS_PER_DIMENSION = 5, 2
# Added to every Gaussian's variances, in squares of the smallest errors: far less than noise adds.
_REGULARIZATION = 0.1
_MAX_ITERATIONS = 50
# Below this number of degrees of freedom the basis makes any spectrum in the observed bins.
_LEAST_FREEDOM = 0.01


@dataclass(frozen=True, eq=False)
class KnownSpectra:
    """The distribution of noise-free spectra, in units in which each bin's smallest error is one.

    Parameters
    ----------
    mean, rest : ndarray of shape (n_bins,)
        Mean spectrum; root mean square of what the basis leaves out.
    basis : ndarray of shape (n_coefficients, n_bins)
        Orthonormal; the first is the level.
    weights, centers : ndarray of shape (n_gaussians,) and (n_gaussians, n_coefficients)
        Of the mixture of Gaussians that describes coefficients.
    factors : ndarray of shape (n_gaussians, n_coefficients, n_coefficients)
        Lower Cholesky factors of their covariances.
    """

    mean: np.ndarray
    rest: np.ndarray
    basis: np.ndarray
    weights: np.ndarray
    centers: np.ndarray
    factors: np.ndarray

    @classmethod
    def learn(
        cls, x: np.ndarray, level: np.ndarray, n_components: int, n_gaussians: int, random: Any
    ) -> KnownSpectra:
        """Learn from noise-free spectra.

        Parameters
        ----------
        x : ndarray of shape (n, n_bins)
            Depths, in units of each bin's smallest error.
        level : ndarray of shape (n_bins,)
            A constant depth in these units.
        n_components, n_gaussians : int
            Principal components and Gaussians at most.
        random : RandomState
            Of the mixture's first guess.
        """
        mean = x.mean(axis=0)
        level = level / np.linalg.norm(level)
        left = x - mean
        left = left - np.outer(left @ level, level)
        axes = np.linalg.eigh(left.T @ left)[1][:, ::-1].T
        most = min(n_components, len(x) // _ROWS_PER_AXIS, x.shape[1] - 1)
        basis = np.vstack([level, axes[: _enough_axes(left, axes[:most])]])
        # In single precision, as they are kept on disk, so that what is read again is the same.
        mean, basis = _single(mean), _single(basis)
        coefficients = (x - mean) @ basis.T
        rest = np.sqrt(np.mean((x - mean - coefficients @ basis) ** 2, axis=0))
        mixture = _fit_mixture(coefficients, n_gaussians, random)
        factors = np.linalg.cholesky(mixture.covariances_)
        return cls(
            mean,
            _single(rest),
            basis,
            _single(mixture.weights_),
            _single(mixture.means_),
            _single(factors),
        )

    @property
    def covariances(self) -> np.ndarray:
        """Of the Gaussians, shape (n_gaussians, n_coefficients, n_coefficients)."""
        return self.factors @ np.swapaxes(self.factors, 1, 2)

    def coefficients(self, x: np.ndarray) -> np.ndarray:
        """Project complete noise-free spectra, (n, n_bins), onto the basis."""
        return (x - self.mean) @ self.basis.T


def _single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32).astype(np.float64)


def _enough_axes(left: np.ndarray, axes: np.ndarray) -> int:
    """Count the leading axes after which little is left."""
    of_axis = (left @ axes.T) ** 2
    square = np.sum(left**2, axis=1)
    for n_axes in range(len(axes)):
        remaining = square - of_axis[:, :n_axes].sum(axis=1)
        if np.quantile(remaining, _LEFT_OUT_SHARE) <= _LEFT_OUT**2 * left.shape[1]:
            return n_axes
    return len(axes)


def _fit_mixture(coefficients: np.ndarray, n_gaussians: int, random: Any) -> GaussianMixture:
    """Fit Gaussians, starting from clusters that tell small features apart as well as large."""
    n, k = coefficients.shape
    n_clusters = int(np.clip(n // (_ROWS_PER_DIMENSION * (k + 1)), 1, n_gaussians))
    # A planet's size shifts a spectrum and bends nothing; noise is about one in these units.
    compressed = np.arcsinh(coefficients[:, 1:] if k > 1 else coefficients)
    with warnings.catch_warnings():
        # A few steps from a good start do; spectra may also repeat.
        warnings.simplefilter("ignore", ConvergenceWarning)
        label = KMeans(n_clusters, n_init=1, random_state=random).fit_predict(compressed)
        members = [coefficients[label == j] for j in np.unique(label)]
        ridge = _REGULARIZATION * np.eye(k)
        covariances = [np.cov(rows.T, ddof=0).reshape(k, k) + ridge for rows in members]
        return GaussianMixture(
            len(members),
            reg_covar=_REGULARIZATION,
            tol=1e-2,
            max_iter=_MAX_ITERATIONS,
            weights_init=[len(rows) / n for rows in members],
            means_init=[rows.mean(axis=0) for rows in members],
            precisions_init=np.linalg.inv(covariances),
            random_state=random,
        ).fit(coefficients)


@dataclass(frozen=True, eq=False)
class Strangeness:
    """Of some spectra in the same bins with the same errors.

    Parameters
    ----------
    parts : ndarray of shape (n, n_parts)
        In the order of `PARTS`.
    ratio : ndarray of shape (n,)
        Root of the part of chi-squared outside the basis over what is expected of it: how many
        times larger than stated the errors seem.
    first, last : ndarray of shape (n,)
        Observed bins, the latter included, between which the strangest band lies.
    strangest : ndarray of shape (n,)
        The strangest single bin.
    """

    parts: np.ndarray
    ratio: np.ndarray
    first: np.ndarray
    last: np.ndarray
    strangest: np.ndarray


class ObservedBins:
    """The known spectra as seen in some bins with some errors.

    Parameters
    ----------
    known : KnownSpectra
        What there is without noise.
    sigma : ndarray of shape (n_bins,)
        Errors, in units of each bin's smallest.
    observed : ndarray of bool, shape (n_bins,)
        Which bins there are.
    """

    def __init__(self, known: KnownSpectra, sigma: np.ndarray, observed: np.ndarray) -> None:
        self._centers = known.centers
        self._mean = known.mean[observed]
        self._basis = known.basis[:, observed]
        self._weight = 1 / (sigma[observed] ** 2 + known.rest[observed] ** 2)
        self._seen = self._basis * self._weight
        self._gram = self._seen @ self._basis.T
        self._pull = known.centers @ self._gram
        covariances = known.covariances
        self._inverses = np.linalg.inv(np.linalg.inv(covariances) + self._gram)
        spread = np.eye(len(self._gram)) + covariances @ self._gram
        self._log_norm = np.log(known.weights) - 0.5 * np.linalg.slogdet(spread)[1]
        self._components: dict[int, _Component] = {}

    def scores(self, x: np.ndarray) -> Strangeness:
        """Score spectra of shape (n, n_observed), in units of each bin's smallest error."""
        left = x - self._mean
        component = np.argmax(self._log_densities(left), axis=1)
        parts, ratio = np.empty((len(x), len(PARTS))), np.empty(len(x))
        places = np.empty((3, len(x)), dtype=int)
        for j in np.unique(component):
            if j not in self._components:
                self._components[j] = _Component(
                    self._basis, self._weight, self._gram, self._inverses[j]
                )
            rows = component == j
            away = left[rows] - self._centers[j] @ self._basis
            parts[rows], ratio[rows], places[:, rows] = self._components[j].scores(away)
        return Strangeness(parts, ratio, *places)

    def _log_densities(self, left: np.ndarray) -> np.ndarray:
        """Log of each weighted Gaussian, (n, n_gaussians), less what all have in common."""
        seen = left @ self._seen.T
        log_p = np.empty((len(left), len(self._inverses)))
        for j, (center, pull) in enumerate(zip(self._centers, self._pull, strict=True)):
            off = seen - pull
            gained = np.einsum("nk,nk->n", off @ self._inverses[j], off)
            log_p[:, j] = self._log_norm[j] + seen @ center + 0.5 * (gained - pull @ center)
        return log_p


class _Component:
    """One Gaussian of the mixture, in the observed bins; `inverse` is that of M_j."""

    def __init__(
        self, basis: np.ndarray, weight: np.ndarray, gram: np.ndarray, inverse: np.ndarray
    ) -> None:
        self._basis, self._weight = basis, weight
        seen = basis * weight
        self._fit = seen.T @ inverse
        shrink = inverse @ gram
        n, used, square = len(weight), np.trace(shrink), np.sum(shrink * shrink.T)
        # Means and standard deviations of the two parts of chi-squared, were all as modelled.
        self._outside = n - used, np.sqrt(max(2 * (n - 2 * used + square), 1e-12))
        self._within = used, np.sqrt(max(2 * square, 1e-12))
        self._boxes = _Boxes(np.diag(weight) - self._fit @ seen, weight)

    def scores(self, away: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Parts, ratio and places (as of `Strangeness`) of spectra less the centre."""
        residual = away - (away @ self._fit) @ self._basis
        weighted = residual * self._weight
        outside = np.sum(residual * weighted, axis=1)
        within = np.sum(away * weighted, axis=1) - outside
        shape = (within - self._within[0]) / self._within[1]
        bin_, band, places = self._boxes.largest(weighted)
        if self._outside[0] < _LEAST_FREEDOM:
            z = correlation = np.zeros(len(away))
            ratio = np.ones(len(away))
        else:
            z = (outside - self._outside[0]) / self._outside[1]
            correlation = _correlation(residual * np.sqrt(self._weight))
            ratio = np.sqrt(outside / self._outside[0])
        return np.stack([z, -z, shape, correlation, bin_, band], axis=1), ratio, places


def _correlation(whitened: np.ndarray) -> np.ndarray:
    """Correlation of each residual with its neighbour's."""
    square = np.sum(whitened**2, axis=1)
    both = np.sum(whitened[:, 1:] * whitened[:, :-1], axis=1)
    return both / np.where(square > 0, square, 1.0)


class _Boxes:
    """Shapes that are one in a run of bins and nought elsewhere."""

    def __init__(self, inverse: np.ndarray, weight: np.ndarray) -> None:
        n = len(weight)
        total = np.zeros((n + 1, n + 1))
        np.cumsum(np.cumsum(inverse, axis=0), axis=1, out=total[1:, 1:])
        alone = np.concatenate([[0.0], np.cumsum(weight)])
        self._runs = []
        for first, last in _runs(n):
            power = (
                total[last, last] - total[first, last] - total[last, first] + total[first, first]
            )
            # The basis makes some shapes (a constant is one), which nothing can be said of.
            known = power <= 1e-6 * (alone[last] - alone[first])
            norm = np.where(known, np.inf, np.sqrt(np.where(known, 1.0, power)))
            self._runs.append((first, last, norm))

    def largest(self, weighted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Largest score of a single bin and of a band, and (first, last, bin) where they are."""
        n = len(weighted)
        total = np.zeros((n, weighted.shape[1] + 1))
        np.cumsum(weighted, axis=1, out=total[:, 1:])
        best, place = np.full((2, n), -np.inf), np.zeros((3, n), dtype=int)
        for k, (first, last, norm) in enumerate(self._runs):
            score = np.abs(total[:, last] - total[:, first]) / norm
            where = np.argmax(score, axis=1)
            score = score[np.arange(n), where]
            if k == 0:
                best[0], place[2] = score, where
                if len(self._runs) > 1:
                    continue
            better = score > best[1]
            best[1, better] = score[better]
            place[0, better], place[1, better] = first[where[better]], last[where[better]] - 1
        return best[0], best[1], place


def _runs(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """First bins, and those after the last: singles, bands of growing width, then steps."""
    widths, width = [1], 2
    while width <= n // 2:
        widths += [width] + ([width + width // 2] if width + width // 2 <= n // 2 else [])
        width *= 2
    runs = [(np.arange(n - w + 1), np.arange(n - w + 1) + w) for w in widths]
    if n > 2:
        ends = np.arange(1, n)
        runs.append((np.zeros(n - 1, dtype=int), ends))
    return runs


def pool_p_values(reference: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rank each spectrum in a pool with the reference spectra.

    A spectrum's rank in each part, counted from the strangest, is no more than an order within the
    pool, and so is the order of the smallest ranks. If the spectrum is like those of the
    reference, each place in the last order is as likely as any other, whatever the parts are and
    however they hang together.

    Parameters
    ----------
    reference : ndarray of shape (n_reference, n_parts)
        Parts of the reference spectra, larger where stranger.
    scores : ndarray of shape (n, n_parts)
        Of the spectra in question.

    Returns
    -------
    p, parts : ndarray of shape (n,) and (n, n_parts)
        Probability that a spectrum of the reference's kind is at least as strange, over all
        parts and by each.
    """
    n_reference, n_parts = reference.shape
    pool = n_reference + 1
    ordered = np.sort(reference, axis=0)

    def at_least(values: np.ndarray) -> np.ndarray:
        counts = [np.searchsorted(ordered[:, k], values[:, k]) for k in range(n_parts)]
        return n_reference - np.stack(counts, axis=1)

    own = 1 + at_least(scores)
    others = at_least(reference)
    key = _smallest(own)
    p = np.empty(len(scores))
    for row, score in enumerate(scores):
        keys = _smallest(others + (score >= reference))
        p[row] = (1 + np.sum(keys <= key[row] + 1e-12)) / pool
    return p, own / pool


def _smallest(ranks: np.ndarray) -> np.ndarray:
    """Order by the smallest rank, and among equals by all."""
    logs = np.log(ranks)
    return logs.min(axis=1) + 1e-3 * logs.mean(axis=1)
