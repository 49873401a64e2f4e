"""Networks whose posterior is a mixture of Gaussians: exact moments, exact marginals."""

from __future__ import annotations

import numpy as np
from scipy import special
from torch import nn

from exosk.models.density_retriever import DensityRetriever
from exosk.models.mixture import Mixture
from exosk.models.nets import MixtureHead

__all__ = ["MixtureRetriever"]

# Nodes of the quadrature over one Gaussian, for means and standard deviations: Gauss's, and others
# where parameters are no smooth function of the Gaussian variable.
_N_NODES, _N_SHARES = 24, 64


class MixtureRetriever(DensityRetriever):
    """Base of the networks that give mixtures.

    A subclass has the parameters of :class:`~exosk.models.network.SpectralNetwork` and
    ``n_components``, the Gaussians of one member's mixture.
    """

    def _make_head(self, n_features: int) -> nn.Module:
        return MixtureHead(n_features, self._n_parameters, self.n_components)

    def _average(self, parts: list[Mixture]) -> Mixture:
        return Mixture.average(parts)

    def _moments(self, mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each parameter, by quadrature."""
        weight, center, spread = mixture.marginals()
        if self._targets.has_jumps:
            # Equal shares: where y has a step, Gauss's central nodes stand for a quarter each.
            node = special.ndtri((np.arange(_N_SHARES) + 0.5) / _N_SHARES)
            node, node_weight = node / node.std(), np.full(_N_SHARES, 1 / _N_SHARES)
        else:
            node, node_weight = special.roots_hermitenorm(_N_NODES)
            node_weight = node_weight / node_weight.sum()
        z = center[..., None, :] + spread[..., None, :] * node[:, None]
        y = self._targets.from_normal(z)
        total = weight[..., None] * node_weight
        mean = np.einsum("nkq,nkqd->nd", total, y)
        # About the mean, lest a small spread on a large level be lost in rounding.
        variance = np.einsum("nkq,nkqd->nd", total, (y - mean[:, None, None]) ** 2)
        return mean, np.sqrt(variance)
