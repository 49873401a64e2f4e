r"""Spectra as a Gaussian of few dimensions, and what it says of bins that are hidden.

Bins of a spectrum are far from independent: one radius moves all of them, one temperature stretches
every band. A set of simulated spectra is described by its principal components (Tipping & Bishop
1999, J. R. Stat. Soc. B 61, 611): :math:`d = \mu + V t + r`, with t standard normal and r of the
variance :math:`\rho_b` in bin b that the components leave. Of a spectrum with errors
:math:`\sigma_b`, seen in the bins S alone, t is then Gaussian with

.. math:: \Lambda = 1 + V_S^T W_S V_S, \qquad
          \hat t = \Lambda^{-1} V_S^T W_S (y_S - \mu_S), \qquad
          W_b = 1 / (\sigma_b^2 + \rho_b) .

Hidden bins drawn from it agree with those that are seen, as the conditional Shapley values of Aas,
Jullum & Løland (2021, Artificial Intelligence 298, 103502, arXiv:1903.10464) ask for.
"""

from __future__ import annotations

import numpy as np

from exosk.exceptions import RangeError

__all__ = ["LatentGaussian"]

# Of the variance that is left out, relative to the largest: rounding of float32 spectra is below.
_FLOOR = 1e-12


class LatentGaussian:
    """Principal components of spectra, conditioned on the bins that are seen.

    Parameters
    ----------
    spectra : array-like of shape (n, n_bins)
        Noise-free, without missing bins.
    n_components : int, default=40
        At most so many dimensions.

    Raises
    ------
    RangeError
        If there are fewer than two spectra, or bins are missing.
    """

    def __init__(self, spectra: np.ndarray, n_components: int = 40) -> None:
        spectra = np.asarray(spectra, dtype=float)
        if spectra.ndim != 2 or len(spectra) < 2 or not np.isfinite(spectra).all():
            raise RangeError(
                f"background spectra must be two or more, without missing bins; got an array of "
                f"shape {spectra.shape}"
            )
        self.mean = spectra.mean(axis=0)
        rest = spectra - self.mean
        covariance = rest.T @ rest / (len(spectra) - 1)
        variance, axes = np.linalg.eigh(covariance)
        kept = np.argsort(variance)[::-1][: min(n_components, len(spectra) - 1)]
        kept = kept[variance[kept] > _FLOOR * variance.max()]
        #: Components times their standard deviations, shape (n_bins, n_components).
        self.axes = axes[:, kept] * np.sqrt(variance[kept])
        left = np.diag(covariance) - (self.axes**2).sum(axis=1)
        #: Variance that they leave, shape (n_bins,).
        self.rest = np.maximum(left, _FLOOR * max(covariance.max(), np.finfo(float).tiny))
        self._products = np.einsum("bi,bj->bij", self.axes, self.axes).reshape(len(self.mean), -1)

    @property
    def n_components(self) -> int:
        """Dimensions of t."""
        return self.axes.shape[1]

    def conditional(
        self, values: np.ndarray, variance: np.ndarray, seen: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find t from the bins that are seen.

        Parameters
        ----------
        values, variance : ndarray of shape (n_bins,)
            A spectrum with noise, and the noise's variance.
        seen : ndarray of bool, shape (n, n_bins)
            Which bins are seen, in each of n cases.

        Returns
        -------
        mean : ndarray of shape (n, n_components)
        root : ndarray of shape (n, n_components, n_components)
            A root R of the covariance, :math:`R R^T`.
        """
        weight = np.where(seen, 1 / (np.nan_to_num(variance) + self.rest), 0.0)
        shape = (len(seen), self.n_components, self.n_components)
        precision = np.eye(self.n_components) + (weight @ self._products).reshape(shape)
        force = (weight * np.nan_to_num(values - self.mean)) @ self.axes
        lower = np.linalg.cholesky(precision)
        root = np.swapaxes(np.linalg.inv(lower), 1, 2)
        mean = np.einsum("nij,nkj,nk->ni", root, root, force)
        return mean, root

    def draw(
        self,
        values: np.ndarray,
        variance: np.ndarray,
        seen: np.ndarray,
        latent: np.ndarray,
        residual: np.ndarray,
    ) -> np.ndarray:
        """Draw whole spectra without noise that agree with the bins that are seen.

        Parameters
        ----------
        values, variance, seen
            As for :meth:`conditional`.
        latent : ndarray of shape (n_draws, n_components)
            Standard normal numbers, the same for all cases: differences between cases are then
            those of what is seen.
        residual : ndarray of shape (n_draws, n_bins)
            Standard normal numbers, of what the components leave.

        Returns
        -------
        ndarray of shape (n, n_draws, n_bins)
        """
        mean, root = self.conditional(values, variance, seen)
        t = mean[:, None] + np.einsum("nij,dj->ndi", root, latent)
        return self.mean + t @ self.axes.T + residual * np.sqrt(self.rest)
