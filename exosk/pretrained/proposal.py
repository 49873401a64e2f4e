r"""A flow that knows systems, as a proposal for one planet.

The flow's parameters are places u in the priors of a planet, between 0 and 1. With the priors'
distribution functions F, :math:`\theta = F^{-1}(u)` and

.. math:: q(\theta) = q(u)\; p(\theta).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.inference.coordinates import Coordinates
from exosk.inference.proposal import RetrieverProposal
from exosk.parameters import ParameterSpace

__all__ = ["SystemProposal"]


class SystemProposal:
    """A flow's posterior of one spectrum of one planet.

    Parameters
    ----------
    flow : FlowRetriever
        Of places in the priors.
    row : ndarray of shape (1, n_columns)
        Spectrum and system.
    space : ParameterSpace
        The planet's priors.
    """

    def __init__(self, flow: Any, row: np.ndarray, space: ParameterSpace) -> None:
        self.space = space
        self._places = RetrieverProposal(flow, row)
        latent = self._places.coordinates
        #: Where the flow's posterior is standard normal.
        self.coordinates = None if latent is None else _SystemCoordinates(latent, space)

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw independently, shape (n, n_parameters)."""
        return self.space.from_unit_cube(self._places.sample(n, random_state))

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Log density at theta (n, n_parameters), in its units, shape (n,)."""
        log_prior = self.space.log_prior(theta)
        return log_prior + self._places.log_density(self.space.to_unit_cube(theta))


class _SystemCoordinates:
    """The flow's coordinates, from a planet's parameters."""

    def __init__(self, latent: Coordinates, space: ParameterSpace) -> None:
        self._latent, self.space = latent, space

    def normalize(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (n, d) to coordinates, and return the log of the change of volume."""
        log_prior = self.space.log_prior(theta)
        u, change = self._latent.normalize(self.space.to_unit_cube(theta))
        outside = ~np.isfinite(log_prior)
        u[outside], log_prior[outside] = np.nan, -np.inf
        return u, change + log_prior

    def restore(self, u: np.ndarray) -> np.ndarray:
        """Map coordinates (n, d) back to parameters."""
        return self.space.from_unit_cube(self._latent.restore(u))
