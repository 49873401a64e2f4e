"""The instruments that come with exosk.

Their errors are those of a published observation, carried to other bins as photon noise
(error ~ 1/sqrt(bin width)). They stand for that observation of a star as bright as that one;
:meth:`exosk.instruments.Instrument.scaled` makes others of them.
"""

from __future__ import annotations

import numpy as np

from exosk.exceptions import RangeError
from exosk.instruments.instrument import Instrument
from exosk.spectra import SpectralGrid

__all__ = ["make_hst_wfc3_g141", "make_nirspec_prism"]

# Medians over five neighbouring bins of the published errors, as ppm in a bin of R = 100.
_PRISM_WAVELENGTH = (0.55, 0.6, 1.0, 1.2, 2.0, 2.4, 2.8, 3.2, 3.6, 4.0, 4.4, 4.8, 5.2)
_PRISM_PPM = (136.4, 75.8, 75.8, 50.5, 50.5, 52.8, 60.8, 67.2, 75.6, 86.8, 100.3, 112.8, 133.6)


def make_nirspec_prism(
    resolution: float = 100.0, low: float = 0.6, high: float = 5.3
) -> Instrument:
    """Make JWST NIRSpec PRISM, one transit of WASP-39 b.

    Parameters
    ----------
    resolution : float, default=100
        Resolving power of the bins.
    low, high : float, default=0.6, 5.3
        Wavelengths covered, in um; at most 0.55-5.3.

    Returns
    -------
    Instrument
        With the errors of Carter et al. (2024, Nature Astronomy 8, 1008) for one transit of
        WASP-39 b (their spectrum is saturated at 0.6-2 um, so errors there are larger than a
        fainter star's would be).
    """
    if not 0.55 <= low < high <= 5.35:
        raise RangeError(f"NIRSpec PRISM covers 0.55-5.35 um, not {low:g}-{high:g} um")
    grid = SpectralGrid.from_resolution(low, high, resolution)
    ppm = np.interp(grid.wavelength, _PRISM_WAVELENGTH, _PRISM_PPM)
    sigma = 1e-6 * ppm * np.sqrt(grid.wavelength / 100 / (2 * grid.half_width))
    reference = "errors of Carter et al. 2024, Nature Astronomy 8, 1008, WASP-39 b, one transit"
    return Instrument("JWST NIRSpec PRISM", grid, sigma, reference)


def make_hst_wfc3_g141(n_bins: int = 18, ppm: float = 45.0) -> Instrument:
    """Make HST WFC3 with the G141 grism.

    Parameters
    ----------
    n_bins : int, default=18
        Equal bins between 1.12 and 1.65 um.
    ppm : float, default=45
        Error in a bin of 0.069 um, as Kreidberg et al. (2015, ApJ 814, 66) reached for
        WASP-12 b from three transits.

    Returns
    -------
    Instrument
    """
    grid = SpectralGrid.from_edges(np.linspace(1.12, 1.65, int(n_bins) + 1))
    sigma = 1e-6 * ppm * np.sqrt(0.069 / (2 * grid.half_width))
    reference = "errors of Kreidberg et al. 2015, ApJ 814, 66, WASP-12 b"
    return Instrument("HST WFC3 G141", grid, sigma, reference)
