"""A world in which the right answer is a formula: Gaussian spectra, and models that are linear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from exosk.explain import Background
from exosk.spectra import SpectralGrid, Spectrum


@dataclass
class Linear:
    """A retriever and a detector whose answer is linear in the depths."""

    weight: np.ndarray

    def predict(self, X):
        n_bins = len(self.weight)
        return np.nan_to_num(np.asarray(X)[:, :n_bins] - 0.01) @ self.weight[:, None]

    def predict_proba(self, X):
        return 1 / (1 + np.exp(-self.predict(X)))


@dataclass
class World:
    """Spectra of a level and two bands, which go together within and not between."""

    grid: SpectralGrid
    depth: np.ndarray
    sigma: np.ndarray
    spectrum: Spectrum
    model: Linear
    background: Background


@pytest.fixture(scope="session")
def grid() -> SpectralGrid:
    return SpectralGrid.from_resolution(1.0, 2.0, 26)


@pytest.fixture(scope="session")
def world(grid) -> World:
    random = np.random.default_rng(0)
    x = grid.wavelength
    shapes = np.stack([np.ones_like(x), (x < 1.25).astype(float), (x > 1.6).astype(float)])
    depth = 0.01 + 1e-4 * random.standard_normal((4000, 3)) @ shapes
    depth += 1e-6 * random.standard_normal(depth.shape)
    sigma = np.full(grid.n_bins, 2e-5)
    seen = depth[0] + sigma * random.standard_normal(grid.n_bins)
    model = Linear(2e4 * random.standard_normal(grid.n_bins))
    background = Background(grid, depth[1:], sigma=sigma)
    return World(grid, depth[1:], sigma, Spectrum(grid, seen, sigma, "test"), model, background)
