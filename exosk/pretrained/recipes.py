"""What the pretrained models were made for: bins, molecules, noise, planets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.gaussian_process.kernels import RBF

from exosk.grids import SpectralGrid
from exosk.pretrained.systems import Systems

__all__ = ["RECIPES", "Recipe", "draw_systems"]

# Smallest radii in transit (R_jup), gravities (m/s2), equilibrium temperatures (K) and errors of
# masses, from and to: all but the densest of the planets whose atmospheres have been seen.
_RADIUS, _GRAVITY = (0.14, 2.3), (1.8, 100.0)
_TEMPERATURE, _MASS_ERROR = (240.0, 2700.0), (0.02, 0.4)
# Scale height over radius: above, a planet loses its hydrogen at once.
_MOST_HEIGHT = 0.04
# k_B / (2.3 u) in m2/s2/K, and G M_jup / R_jup^2 in m/s2.
_GAS, _JUPITER_GRAVITY = 8314.46 / 2.3, 24.79
_JUPITER_METRES = 7.1492e7


@dataclass(frozen=True)
class Recipe:
    """How one model is made.

    Parameters
    ----------
    title : str
        For people.
    grid : SpectralGrid
        Its bins.
    molecules : tuple of str
        Absorbers.
    sigma : callable
        From wavelengths in um to reference errors, over the depth.
    scale : (float, float)
        Smallest and largest factor on them.
    waviness : float
        Scatter of the errors' shape, in log.
    windows : int
        Most stretches that a spectrum is seen in; 1 hides bins and short gaps alone.
    merged : int
        Most bins that are seen as one.
    n_spectra, n_epochs : int
        What is simulated, and how often the flow sees it.
    hidden : tuple of int
        Widths of the layers that read a spectrum.
    n_transforms : int
        Couplings of the flow.
    """

    title: str
    grid: SpectralGrid
    molecules: tuple[str, ...]
    sigma: Callable[[np.ndarray], np.ndarray]
    scale: tuple[float, float]
    waviness: float
    windows: int
    merged: int
    n_spectra: int
    n_epochs: int
    hidden: tuple[int, ...] = (384, 384, 384)
    n_transforms: int = 8

    def draw_sigma(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Draw reference errors of other shapes, over the depth, shape (n, n_bins)."""
        place = np.log(self.grid.wavelength)[:, None]
        # An e-fold of wavelength has some three bends.
        covariance = RBF(0.3)(place) + 1e-6 * np.eye(len(place))
        root = np.linalg.cholesky(covariance).astype(np.float32)
        wave = random.standard_normal((n, len(place))).astype(np.float32) @ root.T
        return self.sigma(self.grid.wavelength) * np.exp(self.waviness * wave)


def draw_systems(n: int, random: np.random.RandomState) -> Systems:
    """Draw planets that could be: radii, gravities and errors even in the logarithm."""
    radius = _log_uniform(_RADIUS, 3 * n, random)
    gravity = _log_uniform(_GRAVITY, 3 * n, random)
    temperature = random.uniform(*_TEMPERATURE, 3 * n)
    height = _GAS * temperature / gravity / (radius * _JUPITER_METRES)
    kept = np.flatnonzero(height < _MOST_HEIGHT)[:n]
    mass = gravity[kept] / _JUPITER_GRAVITY * radius[kept] ** 2
    error = mass * _log_uniform(_MASS_ERROR, len(kept), random)
    return Systems(radius[kept], mass, error, temperature[kept])


def _log_uniform(limits: tuple[float, float], n: int, random: np.random.RandomState) -> np.ndarray:
    return np.exp(random.uniform(*np.log(limits), n))


def _prism_errors(wavelength: np.ndarray) -> np.ndarray:
    """Of WASP-39 b through NIRSpec PRISM (Carter et al. 2024), in bins of R = 100."""
    nodes = [0.5, 0.55, 1.0, 2.2, 3.0, 4.0, 4.6, 5.0, 5.5]
    errors = [0.016, 0.012, 0.003, 0.0024, 0.0022, 0.0034, 0.0048, 0.006, 0.0075]
    return np.interp(wavelength, nodes, errors)


def _flat(error: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda wavelength: np.full(len(wavelength), error)


#: From the most special to the most general.
RECIPES = {
    "wfc3": Recipe(
        "HST WFC3 G141",
        SpectralGrid.from_resolution(1.08, 1.72, 100),
        ("H2O", "CH4", "NH3", "HCN", "CO2", "CO"),
        _flat(0.006),
        scale=(0.2, 4.0),
        waviness=0.2,
        windows=1,
        merged=5,
        n_spectra=150_000,
        n_epochs=30,
        hidden=(256, 256, 256),
        n_transforms=6,
    ),
    "prism": Recipe(
        "JWST NIRSpec PRISM",
        SpectralGrid.from_resolution(0.5, 5.5, 100),
        ("H2O", "CO2", "CO", "CH4", "Na", "K", "SO2"),
        _prism_errors,
        scale=(0.3, 5.0),
        waviness=0.2,
        windows=2,
        merged=3,
        n_spectra=300_000,
        n_epochs=28,
    ),
    "wide": Recipe(
        "any instruments of 0.5-12 um",
        SpectralGrid.from_resolution(0.5, 12.0, 100),
        ("H2O", "CO2", "CO", "CH4", "NH3", "HCN", "SO2", "H2S", "Na", "K"),
        _flat(0.005),
        scale=(0.15, 6.0),
        waviness=0.5,
        windows=4,
        merged=12,
        n_spectra=260_000,
        n_epochs=24,
    ),
}
