"""Sodium and potassium: the resonance doublets with their collisional wings.

The shape follows Burrows, Marley & Sharp (2000, ApJ 531, 438, section 2), in the form in which
Pyrat Bay (Cubillos & Blecic 2021, MNRAS 505, 2675) uses it:

* up to the detuning D = D0 (T / 500 K)^0.6 from line centre, with D0 = 30 cm^-1 for Na and 20
  for K, a Voigt profile with the Lorentzian half width

      gamma = gamma_0 (T / 2000 K)^-0.7 P / 1 atm + A / (4 pi c),

  the H2-broadened half width with gamma_0 = 0.071 (Na) and 0.14 cm^-1 per atm (K) (Iro, Bezard &
  Guillot 2005, A&A 436, 719) and the natural one, 1.6e-4 (Na) and 1.0e-4 cm^-1 (K), which is the
  larger below about 1 mbar and which Pyrat Bay leaves out;
* beyond it, the collisional part follows the statistical theory's |nu - nu0|^-3/2, continuous at
  D, times exp(-hc (|nu - nu0| - D) / kT), and the natural part goes on as a Lorentzian;
* nothing beyond 4500 cm^-1 from line centre (Baudino et al. 2017, ApJ 850, 150).

The profile is not renormalised. The -3/2 wing holds a little more than the Lorentzian it replaces,
so the line's strength, pi e^2 / (m c^2) f, is kept to 0.5 % at 1 bar from 500 K on (1.4 % for K
at 100 K) and to 4 % at 10 bar. Where gamma nears D (10 bar at 100 K, 100 bar at 500 K) it is not
kept and the shape means little. Newer wings (Allard et al. 2016, A&A 589, A21; 2019, A&A 628,
A120) differ from these by factors of a few far from the doublets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy import constants

from exosk.exceptions import UnknownNameError
from exosk.opacities.binning import Mode, bin_average, bin_samples
from exosk.opacities.line_by_line import ATMOSPHERE, voigt
from exosk.opacities.lines import SECOND_RADIATION_CONSTANT

__all__ = ["ALKALIS", "WING_CUTOFF", "Alkali", "alkali_cross_sections"]

WING_CUTOFF = 4500.0  # cm-1

_SPEED_OF_LIGHT = constants.c.cgs.value
# pi e^2 / (m c^2) in cm: integrated cross section over wavenumber per unit oscillator strength.
CLASSICAL_STRENGTH = float(
    np.pi * constants.alpha * constants.hbar.cgs.value / (constants.m_e.cgs.value * _SPEED_OF_LIGHT)
)


@dataclass(frozen=True)
class Alkali:
    """One element's resonance doublet, D1 then D2.

    Attributes
    ----------
    name : str
        Symbol.
    mass : float
        g/mol.
    wavenumber : tuple of float
        cm^-1, vacuum.
    log_gf : tuple of float
        log10 of lower statistical weight (2) times oscillator strength.
    upper_weight : tuple of int
        Statistical weight of the upper states, for the natural width.
    half_width : float
        H2-broadened half width at 2000 K, cm^-1 per atm.
    detuning : float
        Distance at 500 K at which the wing begins, cm^-1.
    """

    name: str
    mass: float
    wavenumber: tuple[float, float]
    log_gf: tuple[float, float]
    half_width: float
    detuning: float
    upper_weight: tuple[int, int] = (2, 4)

    @property
    def oscillator_strength(self) -> np.ndarray:
        """Oscillator strength of both lines; the ground state's weight is 2."""
        return 10.0 ** np.array(self.log_gf) / 2.0

    @property
    def natural_width(self) -> np.ndarray:
        """A / (4 pi c) of both lines, cm^-1, with A = 8 pi^2 e^2 nu^2 gf / (m c g_upper)."""
        centre = np.array(self.wavenumber)
        rate = 8 * np.pi * CLASSICAL_STRENGTH * _SPEED_OF_LIGHT * centre**2
        rate *= 10.0 ** np.array(self.log_gf) / np.array(self.upper_weight)
        return rate / (4 * np.pi * _SPEED_OF_LIGHT)

    def monochromatic(
        self,
        wavenumber: np.ndarray,
        temperature: float,
        pressure: float,
        *,
        cutoff: float = WING_CUTOFF,
    ) -> np.ndarray:
        """Cross section at given wavenumbers.

        Parameters
        ----------
        wavenumber : array of shape (n,)
            cm^-1.
        temperature, pressure : float
            K and bar.
        cutoff : float
            Where the wings end, cm^-1 from line centre.

        Returns
        -------
        ndarray of shape (n,)
            cm^2 per atom.
        """
        pressure_width = self.half_width * (temperature / 2000.0) ** -0.7 * pressure / ATMOSPHERE
        detuning = self.detuning * (temperature / 500.0) ** 0.6
        speed = np.sqrt(constants.k_B.cgs.value * temperature / (self.mass * constants.u.cgs.value))
        sigma = np.zeros(np.shape(wavenumber))
        for centre, strength, natural in zip(
            self.wavenumber, self.oscillator_strength, self.natural_width, strict=True
        ):
            offset = np.abs(wavenumber - centre)
            doppler = np.full(offset.shape, centre * speed / _SPEED_OF_LIGHT)
            lorentz = np.full(offset.shape, pressure_width + natural)
            profile = voigt(np.minimum(offset, detuning), doppler, lorentz)
            ratio = np.maximum(offset / detuning, 1.0)
            excess = detuning * (ratio - 1.0)
            statistical = ratio**-1.5 * np.exp(-SECOND_RADIATION_CONSTANT * excess / temperature)
            collisional = pressure_width / (pressure_width + natural)
            profile *= collisional * statistical + (1.0 - collisional) * ratio**-2
            sigma += np.where(offset <= cutoff, CLASSICAL_STRENGTH * strength * profile, 0.0)
        return sigma


# Vacuum wavenumbers and log gf as in the VALD and NIST compilations. For K, measured lifetimes
# (Wang et al. 1997, J. Phys. B 30, 5) give f 5 % below these.
ALKALIS: dict[str, Alkali] = {
    "Na": Alkali("Na", 22.98976928, (16956.170, 16973.366), (-0.194, 0.108), 0.071, 30.0),
    "K": Alkali("K", 39.0983, (12985.186, 13042.896), (-0.154, 0.149), 0.14, 20.0),
}


def alkali_cross_sections(
    name: str | Alkali,
    wavelength: np.ndarray,
    temperature: np.ndarray,
    pressure: np.ndarray,
    *,
    mode: Mode = "log_mean",
    samples_per_bin: int = 500,
) -> np.ndarray:
    """Cross sections of an alkali on a grid of pressure, temperature and wavelength.

    Parameters
    ----------
    name : {'Na', 'K'} or Alkali
        Which; one of one's own as an :class:`Alkali`.
    wavelength : array of shape (n_wavelength,)
        um, ascending.
    temperature : array of shape (n_temperature,)
        K.
    pressure : array of shape (n_pressure,)
        bar.
    mode : {'sample', 'mean', 'log_mean', 'power_mean'}
        What a grid point stands for; see :mod:`exosk.opacities.binning`.
    samples_per_bin : int
        Wavelengths evaluated per grid point in the mean modes.

    Returns
    -------
    ndarray of shape (n_pressure, n_temperature, n_wavelength)
        cm^2 per atom; zero beyond the wings.

    Raises
    ------
    UnknownNameError
        If the name or the mode is not known.
    """
    if isinstance(name, str) and name not in ALKALIS:
        raise UnknownNameError.suggest("alkali", name, ALKALIS)
    alkali = ALKALIS[name] if isinstance(name, str) else name
    wavelength = np.asarray(wavelength, dtype=np.float64)
    centre = np.array(alkali.wavenumber)
    low, high = 1e4 / (centre.max() + WING_CUTOFF), 1e4 / (centre.min() - WING_CUTOFF)
    # Two bins of margin, so that the outermost bins keep their own edges.
    reach = np.flatnonzero((wavelength >= low) & (wavelength <= high))
    result = np.zeros((len(pressure), len(temperature), wavelength.size))
    if reach.size == 0:
        return result
    near = slice(max(reach[0] - 2, 0), reach[-1] + 3)
    wavenumber = 1e4 / bin_samples(wavelength[near], mode, samples_per_bin)
    n_bins = wavelength[near].size
    for p, this_pressure in enumerate(pressure):
        for t, this_temperature in enumerate(temperature):
            sigma = alkali.monochromatic(wavenumber, float(this_temperature), float(this_pressure))
            result[p, t, near] = bin_average(sigma, n_bins, mode)
    return result
