"""The density of a marginal posterior that is known by samples only."""

from __future__ import annotations

import numpy as np

from exosk.models.marginals import Marginals
from exosk.parameters import ParameterSpace

__all__ = ["kernel_log_density"]

# A bandwidth that is no width at all (all samples alike) would make the density infinite.
_LEAST_BANDWIDTH = 1e-3
_REACH = 6.0  # bandwidths


def kernel_log_density(
    marginals: Marginals, truth: np.ndarray, space: ParameterSpace
) -> np.ndarray:
    """Log density of the true parameters by weighted kernels, in nats.

    Gaussian kernels of Silverman's bandwidth (1986, equation 3.31, with Kish's effective number
    of samples) that are reflected at the bounds of the prior, where a density need not vanish.
    N samples can't tell a density much below 1/N of the prior's from none; the prior counts as one
    sample among them, so that a single truth beyond all samples costs log N and not everything.

    Parameters
    ----------
    marginals : Marginals
        Of n spectra.
    truth : ndarray of shape (n, n_parameters)
        Where to take the density, in the parameters' units.
    space : ParameterSpace
        The priors.

    Returns
    -------
    ndarray of shape (n, n_parameters)
        Minus infinity for a truth outside the prior and far from all samples.
    """
    size = marginals.effective_size
    spread = marginals.std
    middle = (marginals.quantile(0.75) - marginals.quantile(0.25)) / 1.349
    spread = np.where(middle > 0, np.minimum(spread, middle), spread)
    low, high = space.bounds.T
    finite = np.where(np.isfinite(high - low), high - low, 1.0)
    bandwidth = np.maximum(0.9 * spread * size**-0.2, _LEAST_BANDWIDTH * finite)
    everywhere = np.ones(truth.shape, dtype=bool)
    total = _kernels(marginals, truth, bandwidth, everywhere).reshape(truth.shape)
    for bound in (low, high):
        # Beyond some bandwidths the reflection adds nothing.
        near = np.isfinite(bound) & (np.abs(truth - bound) < _REACH * bandwidth)
        mirrored = 2 * np.where(np.isfinite(bound), bound, 0.0) - truth
        total[near] += _kernels(marginals, mirrored, bandwidth, near)
    log_prior = np.stack(
        [p.prior.distribution.logpdf(truth[:, k]) for k, p in enumerate(space)], axis=1
    )
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log(size * total), log_prior) - np.log(size + 1)


def _kernels(
    marginals: Marginals, place: np.ndarray, bandwidth: np.ndarray, where: np.ndarray
) -> np.ndarray:
    """Sum the weighted kernels at the places that `where` selects, shape (n_selected,)."""
    h = bandwidth[where]
    z = (place[where][:, None] - marginals.samples[where]) / h[:, None]
    z *= z
    z *= -0.5
    kernels = np.exp(z, out=z)
    return np.einsum("nk,nk->n", marginals.weights[where], kernels) / (h * np.sqrt(2 * np.pi))
