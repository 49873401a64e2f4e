r"""Normalising flows as heads: from features to a density of any shape.

A flow is a bijection f from parameters z to a standard normal variable, given the features h of a
spectrum, so that

.. math:: q(z \mid h) = \mathcal{N}(f(z; h); 0, 1)\,
          \left| \det \frac{\partial f(z; h)}{\partial z} \right|

(Rezende & Mohamed 2015, arXiv:1505.05770). Here f first whitens z with a mean and a triangular
matrix, which alone would make q a Gaussian: a posterior a thousand times narrower than the prior is
then of order one to what follows. This is couplings by monotonic rational-quadratic splines (Durkan
et al. 2019, arXiv:1906.04032), each of which reshapes one half of the variables given the other.
Both directions of a coupling cost one pass, where an autoregressive flow samples in as many as it
has variables.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import nn
from torch.distributions import Transform
from zuko.flows.coupling import GeneralCouplingTransform
from zuko.lazy import LazyTransform
from zuko.transforms import (
    AdditiveTransform,
    ComposedTransform,
    LULinearTransform,
    MonotonicRQSTransform,
)

from exosk.models.conditional_flow import ConditionalFlow

__all__ = ["FlowHead"]

# Of the logarithm of an inverse width, in units of the prior's: from ten times the prior to a
# ten-thousandth of it.
_LOG_SCALE = (-math.log(10.0), math.log(1e4))
# Beyond it splines are the identity; in whitened units hardly anything is there.
_BOUND = 6.0


class _Whitening(LazyTransform):
    """Take off a mean and a triangular matrix, both of the features."""

    def __init__(self, n_features: int, n_parameters: int) -> None:
        super().__init__()
        d = n_parameters
        self.sizes = [d, d, d * (d - 1) // 2]
        self.layer = nn.Linear(n_features, sum(self.sizes))
        with torch.no_grad():
            self.layer.weight.mul_(0.1)
            self.layer.bias.zero_()
        rows, columns = torch.tril_indices(d, d, -1)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, features: torch.Tensor) -> Transform:
        """Return the transform of each row of features."""
        mean, log_scale, below = self.layer(features).split(self.sizes, dim=-1)
        scale = torch.exp(log_scale.clamp(*_LOG_SCALE))
        matrix = torch.diag_embed(scale)
        # A row of the matrix goes with its own scale, so that a narrow Gaussian is no steeper to
        # learn than a wide one.
        matrix[..., self.rows, self.columns] = below * scale[..., self.rows]
        return ComposedTransform(AdditiveTransform(-mean), LULinearTransform(matrix))


class FlowHead(nn.Module):
    """A conditional flow.

    Parameters
    ----------
    n_features : int
        Of the body.
    n_parameters : int
        Dimension of the density.
    n_transforms : int
        Couplings.
    hidden : sequence of int
        Widths of the networks in each.
    n_knots : int
        Pieces of the splines.
    n_context : int
        Features that the couplings are told.
    """

    def __init__(
        self,
        n_features: int,
        n_parameters: int,
        n_transforms: int,
        hidden: Sequence[int],
        n_knots: int,
        n_context: int,
    ) -> None:
        super().__init__()
        self.n_parameters = n_parameters
        self.whitening = _Whitening(n_features, n_parameters)
        self.context = nn.Linear(n_features, n_context)
        spline = partial(MonotonicRQSTransform, bound=_BOUND)
        self.couplings = nn.ModuleList(
            GeneralCouplingTransform(
                n_parameters,
                n_context,
                mask,
                univariate=spline,
                shapes=[(n_knots,), (n_knots,), (n_knots - 1,)],
                hidden_features=tuple(hidden),
                activation=nn.SiLU,
            )
            for mask in _masks(n_parameters, n_transforms)
        )

    def forward(self, features: torch.Tensor) -> ConditionalFlow:
        """Map (n, n_features) to n posteriors."""
        return ConditionalFlow(self, features)

    def log_prob(self, z: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Log density at (..., d), given features (..., n_features) that broadcast with them."""
        return self.normalize(z, features)[1]

    def normalize(
        self, z: torch.Tensor, features: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (..., d) to where it is standard normal, and return its log density too."""
        normal, log_volume = self._transform(features).call_and_ladj(z)
        constant = 0.5 * self.n_parameters * math.log(2 * math.pi)
        return normal, log_volume - 0.5 * (normal**2).sum(-1) - constant

    def sample(self, normal: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Make samples of standard normal numbers, (..., d) both."""
        return self._transform(features).inv(normal)

    def _transform(self, features: torch.Tensor) -> Transform:
        context = self.context(features)
        couplings = (coupling(context) for coupling in self.couplings)
        return ComposedTransform(self.whitening(features), *couplings)


def _masks(n_parameters: int, n_transforms: int) -> list[torch.Tensor]:
    """Halve the parameters at random, always the same; every other half is the one left over."""
    random = torch.Generator().manual_seed(0)
    masks: list[torch.Tensor] = []
    for k in range(n_transforms):
        if k % 2:
            masks.append(~masks[-1])
        else:
            masks.append(torch.randperm(n_parameters, generator=random) % 2 == 0)
    return masks
