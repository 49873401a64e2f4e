"""Rayleigh scattering against measured refractive indices."""

import numpy as np
import pytest

from exosk.exceptions import RangeError, UnknownNameError
from exosk.opacities import rayleigh_cross_section, rayleigh_h2, rayleigh_he

LOSCHMIDT = 2.686780111e19  # cm-3 at STP
WAVELENGTH = np.array([0.3, 0.5, 1.0, 2.0, 5.0])


def from_refractive_index(a: float, b: float, king: float) -> np.ndarray:
    """n - 1 = a (1 + b / um^2) at STP, Allen's Astrophysical Quantities, 4th edition, 5.11."""
    n2 = (1 + a * (1 + b / WAVELENGTH**2)) ** 2
    lorentz_lorenz = (n2 - 1) / (n2 + 2)
    return 24 * np.pi**3 * king / (WAVELENGTH * 1e-4) ** 4 * (lorentz_lorenz / LOSCHMIDT) ** 2


def test_helium_agrees_to_two_per_cent():
    expected = from_refractive_index(3.48e-5, 2.3e-3, king=1.0)
    assert np.allclose(rayleigh_he(WAVELENGTH), expected, rtol=0.02, atol=0)


def test_hydrogen_agrees_to_eight_per_cent_and_is_low():
    # Depolarisation 0.022, so King factor (6 + 3 rho) / (6 - 7 rho).
    expected = from_refractive_index(13.58e-5, 7.52e-3, king=(6 + 0.066) / (6 - 0.154))
    ratio = rayleigh_h2(WAVELENGTH) / expected
    assert np.all((ratio > 0.92) & (ratio < 1.0))


@pytest.mark.parametrize("species", ["H2", "He"])
def test_far_from_resonance_it_goes_as_the_fourth_power(species):
    near, far = rayleigh_cross_section(species, [10.0, 20.0])
    assert near / far == pytest.approx(16, rel=1e-3)


def test_the_published_numbers():
    assert rayleigh_h2(1.0).item() == pytest.approx(8.14e-29 + 1.28e-30 + 1.61e-32)
    assert rayleigh_cross_section("he", 1.0) == rayleigh_he(1.0)


def test_outside_is_refused():
    with pytest.raises(RangeError, match=r"0\.1 um"):
        rayleigh_h2([0.1, 1.0])
    with pytest.raises(UnknownNameError, match="N2"):
        rayleigh_cross_section("N2", 1.0)
