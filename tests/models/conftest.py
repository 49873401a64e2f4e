"""A known truth: parameters with a normal prior, spectra linear in them, Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from exosk.parameters import Normal, Parameter, ParameterArray, ParameterSpace


@dataclass(frozen=True)
class LinearGaussian:
    """x = 0.02 + A theta + noise, theta ~ N(0, 1): the posterior is N(K (x - 0.02), C).

    With C = (1 + A^T A / sigma^2)^-1 and K = C A^T / sigma^2.
    """

    A: np.ndarray
    sigma: float = 1e-4

    @property
    def space(self) -> ParameterSpace:
        return ParameterSpace([Parameter(f"t{k}", Normal(0, 1)) for k in range(self.A.shape[1])])

    def sample(self, n: int, random_state: int) -> tuple[np.ndarray, ParameterArray]:
        """Noisy spectra and their parameters."""
        Y = self.space.sample(n, random_state)
        noise = np.random.default_rng(random_state).standard_normal((n, len(self.A)))
        return 0.02 + Y @ self.A.T + self.sigma * noise, ParameterArray(Y, self.space)

    @property
    def covariance(self) -> np.ndarray:
        return np.linalg.inv(np.eye(self.A.shape[1]) + self.A.T @ self.A / self.sigma**2)

    def mean(self, X: np.ndarray) -> np.ndarray:
        """Mean of the exact posterior."""
        return (X - 0.02) @ self.A @ self.covariance / self.sigma**2


@pytest.fixture(scope="session")
def toy() -> LinearGaussian:
    phase = np.linspace(0, np.pi, 8)
    return LinearGaussian(1.5e-4 * np.column_stack([np.cos(phase), np.sin(phase)]))
