"""What an instrument does to a spectrum: it averages into bins, and it adds noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.spectra import SpectralGrid, Spectrum
from exosk.units import canonical

__all__ = ["Instrument"]


@dataclass(frozen=True, eq=False)
class Instrument:
    """Bins, and the 1-sigma error that one observation has in each.

    Parameters
    ----------
    name : str
        As in ``"JWST NIRSpec PRISM"``.
    grid : SpectralGrid
        The bins.
    sigma : array-like or Quantity of shape (n_bins,), or float
        Errors of the transit depth, a plain fraction.
    reference : str, default=""
        Where bins and errors come from.
    """

    name: str
    grid: SpectralGrid
    sigma: np.ndarray
    reference: str = ""

    def __post_init__(self) -> None:
        sigma = np.array(canonical(self.sigma, "depth", f"error of {self.name}"))
        if sigma.shape not in ((), (self.grid.n_bins,)):
            raise GridError(f"{self.grid.n_bins} bins but errors of shape {sigma.shape}")
        if not (np.isfinite(sigma).all() and (sigma > 0).all()):
            raise RangeError(f"the errors of {self.name} must be positive numbers")
        object.__setattr__(self, "sigma", np.broadcast_to(sigma, (self.grid.n_bins,)))

    def __repr__(self) -> str:
        return f"Instrument({self.name}: {self.grid!r}, median error {np.median(self.sigma):.3g})"

    @classmethod
    def from_spectrum(cls, spectrum: Spectrum) -> Instrument:
        """Take the bins and errors of an observation; missing bins are left out."""
        whole = spectrum.without_missing()
        name = spectrum.instrument or spectrum.name or "observation"
        return cls(name, whole.grid, whole.sigma, spectrum.reference)

    def scaled(self, factor: float) -> Instrument:
        """Return the instrument with all errors multiplied, as by 1/sqrt(number of transits)."""
        return Instrument(self.name, self.grid, self.sigma * float(factor), self.reference)

    def rebinned(self, grid: SpectralGrid) -> Instrument:
        """Return the instrument with other bins, and errors as photon noise would have them.

        The variance per unit of wavelength is interpolated, so that an error goes with
        1/sqrt(bin width).

        Raises
        ------
        RangeError
            If a bin lies outside the instrument's range.
        """
        low, high = self.grid.range
        if grid.wavelength[0] < low or grid.wavelength[-1] > high:
            raise RangeError(
                f"{self.name} covers {low:.3g}-{high:.3g} um, not "
                f"{grid.wavelength[0]:.3g}-{grid.wavelength[-1]:.3g} um"
            )
        density = self.sigma**2 * self.grid.half_width
        variance = np.interp(grid.wavelength, self.grid.wavelength, density) / grid.half_width
        return Instrument(self.name, grid, np.sqrt(variance), self.reference)

    def observe(self, wavelength: Any, depth: Any, random_state: Any = None) -> Spectrum:
        """Observe one noise-free native spectrum.

        Parameters
        ----------
        wavelength, depth : array-like of shape (n_wavelengths,)
            Native samples, in um and as a fraction.
        random_state : int, RandomState or None
            Seed of the noise.

        Returns
        -------
        Spectrum
        """
        # Here, since scikit-learn and pandas with it would slow down every look-up of a name.
        from sklearn.utils import check_random_state

        noise = check_random_state(random_state).standard_normal(self.grid.n_bins) * self.sigma
        observed = self.grid.average(wavelength, depth) + noise
        return Spectrum(self.grid, observed, self.sigma, instrument=self.name)
