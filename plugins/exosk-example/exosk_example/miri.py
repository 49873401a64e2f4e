"""JWST MIRI with the low-resolution spectrometer, as it observed GJ 1214 b."""

import numpy as np

from exosk.instruments import Instrument
from exosk.spectra import SpectralGrid

# Errors of the transit depth in 14 bins of 0.5 um, in ppm (Kempton et al. 2023, table on Zenodo).
PPM = (35.6, 37.2, 36.6, 40.2, 42.0, 46.3, 50.1, 58.0, 61.2, 66.3, 79.0, 108.3, 150.5, 202.0)
REFERENCE = "errors of Kempton et al. 2023, Nature 620, 67 (zenodo 7703086), GJ 1214 b"


def make_miri_lrs(n_transits: int = 1) -> Instrument:
    """Bins between 5 and 12 um; errors fall with the square root of the number of transits."""
    grid = SpectralGrid.from_edges(np.linspace(5.0, 12.0, len(PPM) + 1))
    one = Instrument("JWST MIRI LRS", grid, 1e-6 * np.array(PPM), REFERENCE)
    return one.scaled(n_transits**-0.5)
