"""Lithium: its resonance doublet at 0.671 um, by the rules that exosk uses for Na and K."""

from functools import cache

import numpy as np

from exosk.opacities import OpacityTable
from exosk.opacities.alkali import ALKALIS, Alkali, alkali_cross_sections
from exosk.opacities.resampling import model_wavelength

SODIUM = ALKALIS["Na"]
CENTRES, LOG_GF = (14903.648, 14903.983), (-0.303, -0.002)  # of 7Li, cm-1 in vacuum
LITHIUM = Alkali("Li", 6.94, CENTRES, LOG_GF, SODIUM.half_width, SODIUM.detuning)
PROVENANCE = {
    "source": "computed from the wavenumbers and log gf of the doublet of 7Li",
    "citation": [
        "Sansonetti et al. 2011, PRL 107, 023001 (wavenumbers)",
        "NIST Atomic Spectra Database (log gf)",
        "Burrows, Marley & Sharp 2000, ApJ 531, 438 (wings)",
    ],
    "licence": "none needed: the numbers are facts",
    "limits": [
        "broadening and wings are sodium's, for want of lithium's own",
        "the doublet of 7Li only, and nothing beyond 4500 cm-1 from it",
    ],
}


@cache  # so that a second simulator need not wait for it
def lithium_table():
    """Cross sections on the wavelengths of exosk's own tables, so that they can be mixed."""
    axes = model_wavelength(), np.geomspace(100, 3000, 12), np.geomspace(1e-9, 1e3, 13)
    sigma = alkali_cross_sections(LITHIUM, *axes, samples_per_bin=50)
    return OpacityTable.from_cross_section("Li", *axes, sigma, PROVENANCE)
