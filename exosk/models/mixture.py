r"""Mixtures of Gaussians, one for each spectrum.

.. math:: q(z) = \sum_k w_k\, \mathcal{N}(z; \mu_k, (L_k L_k^T)^{-1}),

with the lower triangular :math:`L_k` a factor of the precision, so that a density needs no inverse
(Bishop 1994, Mixture density networks; Williams 1996, Neural Computation 8, 843 for the factor).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special, stats

__all__ = ["Mixture", "marginal_log_mass"]


@dataclass(frozen=True)
class Mixture:
    """Mixtures of k Gaussians in d dimensions.

    Parameters
    ----------
    log_weight : tensor of shape (n, k)
        Normalised.
    mean : tensor of shape (n, k, d)
    factor : tensor of shape (n, k, d, d)
        Lower triangular factors of the precisions.
    """

    log_weight: torch.Tensor
    mean: torch.Tensor
    factor: torch.Tensor

    def __len__(self) -> int:
        return len(self.mean)

    def cpu(self) -> Mixture:
        """Return the mixtures in main memory."""
        return Mixture(self.log_weight.cpu(), self.mean.cpu(), self.factor.cpu())

    @classmethod
    def average(cls, mixtures: list[Mixture]) -> Mixture:
        """Return the mixture of several, equally weighted: what an ensemble believes."""
        log_weight = torch.cat([m.log_weight for m in mixtures], dim=1) - math.log(len(mixtures))
        return cls(
            log_weight,
            torch.cat([m.mean for m in mixtures], dim=1),
            torch.cat([m.factor for m in mixtures], dim=1),
        )

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Log density at (n, d), shape (n,); or at several points each, (n, m, d), shape (n, m)."""
        d, several = self.mean.shape[-1], z.ndim == 3
        points = z if several else z[:, None]
        # z^T L for a row vector is L^T z.
        offset = points[:, :, None] - self.mean[:, None]
        whitened = torch.einsum("nmki,nkij->nmkj", offset, self.factor)
        diagonal = self.factor.diagonal(dim1=-2, dim2=-1)
        constant = self.log_weight + diagonal.log().sum(-1) - 0.5 * d * math.log(2 * math.pi)
        log_q = torch.logsumexp(constant[:, None] - 0.5 * (whitened**2).sum(-1), dim=-1)
        return log_q if several else log_q[:, 0]

    def log_mass(self, low: np.ndarray, high: np.ndarray, points: np.ndarray) -> np.ndarray:
        r"""Log of density in some coordinates, and of probability in others.

        From the last coordinate to the first, each is Gaussian given those after it, since
        :math:`(L^T (z - \mu))_j` is standard normal and knows none before. Where a coordinate is
        an interval its probability is taken, and points inside stand for it in those that follow
        (Genz 1992, J. Comput. Graph. Stat. 1, 141).

        Parameters
        ----------
        low, high : ndarray of shape (n, d)
            Limits; the density is taken in coordinates where they are equal.
        points : ndarray of shape (m, d)
            Of the unit cube: where in an interval, to average over.

        Returns
        -------
        ndarray of shape (n,)
        """
        mean, factor = self.mean.numpy(), self.factor.numpy()
        n, k, d = mean.shape
        offset, log_mass = np.zeros((len(points), n, k, d)), np.zeros((len(points), n, k))
        for j in reversed(range(d)):
            scale = factor[..., j, j]
            pull = np.einsum("mnki,nki->mnk", offset[..., j + 1 :], factor[..., j + 1 :, j])
            one, other = (scale * (z[:, None, j] - mean[..., j]) + pull for z in (low, high))
            interval = low[:, j] < high[:, j]
            log_mass += np.where(interval[:, None], 0, stats.norm.logpdf(one) + np.log(scale))
            if interval.any():
                log_probability, inside = _interval(
                    one[:, interval], other[:, interval], points[:, j, None, None]
                )
                log_mass[:, interval] += log_probability
                one[:, interval] = inside
            offset[..., j] = (one - pull) / scale
        total = special.logsumexp(self.log_weight.numpy() + log_mass, axis=(0, 2))
        return total - np.log(len(points))

    def marginal_log_mass(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Do as :meth:`log_mass` does for each coordinate by itself, shape (n, d)."""
        return marginal_log_mass(*self.marginals(), low, high)

    def marginals(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return weights (n, k), means (n, k, d) and standard deviations (n, k, d)."""
        identity = torch.eye(self.mean.shape[-1], dtype=self.factor.dtype).expand_as(self.factor)
        inverse = torch.linalg.solve_triangular(self.factor, identity, upper=False)
        # Sigma = L^-T L^-1, whose diagonal is the sum of squares down the columns of L^-1.
        std = (inverse**2).sum(-2).sqrt()
        return self.log_weight.exp().numpy(), self.mean.numpy(), std.numpy()

    def sample(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Draw n samples of each mixture, shape (len(self), n, d)."""
        n_mixtures, _, d = self.mean.shape
        uniform = random.uniform(size=(n_mixtures, n))
        return self.transport(uniform, random.standard_normal((n_mixtures, n, d)))

    def transport(self, uniform: np.ndarray, normal: np.ndarray) -> np.ndarray:
        """Make samples of random numbers.

        Parameters
        ----------
        uniform : ndarray of shape (len(self), n)
            Between 0 and 1; they choose the components.
        normal : ndarray of shape (len(self), n, d)
            Standard normal.

        Returns
        -------
        ndarray of shape (len(self), n, d)
        """
        cumulative = self.log_weight.exp().cumsum(-1).numpy()
        cumulative[:, -1] = 1.0
        component = (uniform[:, :, None] > cumulative[:, None, :]).sum(-1)
        rows = np.arange(len(self))[:, None]
        upper = self.factor.transpose(-1, -2)[rows, component]
        offset = torch.linalg.solve_triangular(
            upper, torch.as_tensor(normal)[..., None].to(upper), upper=True
        )
        return (self.mean[rows, component] + offset.squeeze(-1)).numpy()


def marginal_log_mass(
    weight: np.ndarray, mean: np.ndarray, std: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """Log of density or probability of one-dimensional mixtures of Gaussians.

    Parameters
    ----------
    weight : ndarray of shape (n, k)
        Of the k Gaussians.
    mean, std : ndarray of shape (n, k, d)
    low, high : ndarray of shape (n, d)
        Limits; the density is taken where they are equal.

    Returns
    -------
    ndarray of shape (n, d)
    """
    one, other = ((z[:, None] - mean) / std for z in (low, high))
    log_mass = stats.norm.logpdf(one) - np.log(std)
    interval = np.broadcast_to((low < high)[:, None], one.shape)
    if interval.any():
        log_mass[interval] = _interval(one[interval], other[interval], 0.5)[0]
    return special.logsumexp(log_mass, axis=1, b=weight[..., None])


def _interval(low: np.ndarray, high: np.ndarray, point: Any) -> tuple[np.ndarray, np.ndarray]:
    """Log probability of a standard normal interval, and a quantile of what is inside."""
    # By the lower tail, where float64 has no lack of digits.
    flip = np.where(low > 0, -1.0, 1.0)
    a, b = np.minimum(flip * low, flip * high), np.maximum(flip * low, flip * high)
    below, above = special.log_ndtr(a), special.log_ndtr(b)
    with np.errstate(divide="ignore"):
        log_probability = above + np.log1p(-np.exp(below - above))
        inside = special.ndtri_exp(np.logaddexp(below, np.log(point) + log_probability))
    return log_probability, flip * np.clip(inside, a, b)
