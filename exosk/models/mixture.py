r"""Mixtures of Gaussians, one for each spectrum.

.. math:: q(z) = \sum_k w_k\, \mathcal{N}(z; \mu_k, (L_k L_k^T)^{-1}),

with the lower triangular :math:`L_k` a factor of the precision, so that a density needs no inverse
(Bishop 1994, Mixture density networks; Williams 1996, Neural Computation 8, 843 for the factor).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Mixture"]


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
        """Log density at (n, d), shape (n,)."""
        d = self.mean.shape[-1]
        # z^T L for a row vector is L^T z.
        whitened = torch.einsum("nki,nkij->nkj", z[:, None] - self.mean, self.factor)
        diagonal = self.factor.diagonal(dim1=-2, dim2=-1)
        log_normal = (
            diagonal.log().sum(-1) - 0.5 * (whitened**2).sum(-1) - 0.5 * d * math.log(2 * math.pi)
        )
        return torch.logsumexp(self.log_weight + log_normal, dim=-1)

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
        cumulative = self.log_weight.exp().cumsum(-1).numpy()
        cumulative[:, -1] = 1.0
        uniform = random.uniform(size=(n_mixtures, n))
        component = (uniform[:, :, None] > cumulative[:, None, :]).sum(-1)
        rows = np.arange(n_mixtures)[:, None]
        normal = torch.as_tensor(random.standard_normal((n_mixtures, n, d, 1)))
        upper = self.factor.transpose(-1, -2)[rows, component]
        offset = torch.linalg.solve_triangular(upper, normal, upper=True).squeeze(-1)
        return (self.mean[rows, component] + offset).numpy()
