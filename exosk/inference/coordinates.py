r"""Coordinates in which a posterior is nearly normal, for whatever fits Gaussians to it.

In :math:`z = \Phi^{-1}(F(\theta))`, where F is the prior's distribution function, the prior is a
standard normal, and no Gaussian leaves it. A flow has better ones: where its own posterior of a
spectrum is a standard normal, the exact posterior has lost most of its bends and edges too, and
what is left is to move and to narrow (Hoffman et al. 2019, arXiv:1903.03704, sample there).
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from exosk.inference.tempering import from_normal, to_normal
from exosk.parameters import ParameterSpace

__all__ = ["Coordinates", "LatentCoordinates", "PriorCoordinates", "log_normal"]


class Coordinates(Protocol):
    """A bijection from the prior's support."""

    @property
    def space(self) -> ParameterSpace:
        """The parameters."""
        ...

    def normalize(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (n, d) to coordinates, and return the log of the change of volume, shape (n,).

        Outside the prior the log is minus infinity, and coordinates are no numbers.
        """
        ...

    def restore(self, u: np.ndarray) -> np.ndarray:
        """Map coordinates (n, d) back to parameters."""
        ...


class PriorCoordinates:
    """Where the prior is standard normal.

    Parameters
    ----------
    space : ParameterSpace
        Whose prior.
    """

    def __init__(self, space: ParameterSpace) -> None:
        self.space = space

    def normalize(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (n, d) to coordinates, and return the log of the change of volume."""
        z = to_normal(self.space.to_unit_cube(theta))
        change = self.space.log_prior(theta) - log_normal(z)
        return np.where(np.isfinite(change)[:, None], z, np.nan), change

    def restore(self, u: np.ndarray) -> np.ndarray:
        """Map coordinates (n, d) back to parameters."""
        return self.space.from_unit_cube(from_normal(u))


class LatentCoordinates:
    """Where a flow's posterior of one spectrum is standard normal.

    Parameters
    ----------
    retriever : FlowRetriever
        Fitted, of one member.
    X : ndarray of shape (1, n_columns)
        The spectrum.
    """

    def __init__(self, retriever: Any, X: Any) -> None:
        self.space: ParameterSpace = retriever.space_
        self._retriever, self._X = retriever, X

    def normalize(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (n, d) to coordinates, and return the log of the change of volume."""
        u, log_q = (each[0] for each in self._retriever.normalize(self._X, theta[None]))
        return u, log_q - log_normal(u)

    def restore(self, u: np.ndarray) -> np.ndarray:
        """Map coordinates (n, d) back to parameters."""
        return np.asarray(self._retriever.transport(self._X, u[None])[0])


def log_normal(u: np.ndarray) -> np.ndarray:
    """Log of the standard normal density at (n, d); zero where u is no number."""
    return np.nan_to_num(-0.5 * np.sum(u**2 + np.log(2 * np.pi), axis=1))
