"""The last layer: numbers that a loss, or a posterior, is made from."""

from __future__ import annotations

import math

import torch
from torch import nn

from exosk.models.mixture import Mixture

__all__ = ["LogitHead", "MixtureHead"]

# Of the logarithm of a component's inverse width, in units of the prior's: from ten times the
# prior to a ten-thousandth of it.
_LOG_SCALE = (-math.log(10.0), math.log(1e4))


class LogitHead(nn.Linear):
    """One logit an output."""


class MixtureHead(nn.Module):
    """A mixture of Gaussians with full covariances.

    Parameters
    ----------
    n_features : int
        Of the body.
    n_parameters : int
        Dimension of the Gaussians.
    n_components : int
        Number of Gaussians.
    """

    def __init__(self, n_features: int, n_parameters: int, n_components: int) -> None:
        super().__init__()
        d, self.n_components = n_parameters, n_components
        self.n_parameters = d
        self.sizes = [1, d, d, d * (d - 1) // 2]
        self.layer = nn.Linear(n_features, n_components * sum(self.sizes))
        with torch.no_grad():
            # Components that start in different places divide the work between them.
            bias = self.layer.bias.view(n_components, -1)
            bias.zero_()
            bias[:, 1 : 1 + d].normal_()
            self.layer.weight.mul_(0.1)
        rows, columns = torch.tril_indices(d, d, -1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, features: torch.Tensor) -> Mixture:
        """Map (n, n_features) to n mixtures."""
        parts = self.layer(features).view(len(features), self.n_components, -1)
        logit, mean, log_scale, below = parts.split(self.sizes, dim=-1)
        scale = torch.exp(log_scale.clamp(*_LOG_SCALE))
        factor = torch.diag_embed(scale)
        # A row of the factor goes with its own scale, so that a narrow Gaussian is no steeper to
        # learn than a wide one.
        factor[..., self.rows, self.columns] = below * scale[..., self.rows]
        return Mixture(torch.log_softmax(logit.squeeze(-1), dim=-1), mean, factor)
