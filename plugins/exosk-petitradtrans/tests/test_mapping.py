"""Units and compositions go to petitRADTRANS and come back."""

import numpy as np
import pytest
from astropy import constants
from exosk_petitradtrans import mapping

MASSES = {"H2O": 18.015, "CO": 28.01, "H2": 2.016, "He": 4.0026}
RATIOS = {
    "H2O": np.array([1e-3, 0.2]),
    "CO": np.array([1e-9, 0.3]),
    **mapping.background(np.array([1e-3 + 1e-9, 0.5]), 0.17647),
}


def test_a_planet_comes_back():
    there = mapping.planet_to_cgs(1.3, 0.9)
    np.testing.assert_allclose(mapping.planet_from_cgs(*there), (1.3, 0.9), rtol=1e-14)


def test_jupiter_has_its_gravity_and_radius():
    gravity, radius = mapping.planet_to_cgs(1.0, 1.0)
    assert radius == pytest.approx(constants.R_jup.cgs.value)
    assert gravity == pytest.approx(2479, rel=1e-3)  # cm/s^2 at the equator, without rotation


def test_a_depth_comes_back():
    radius = np.array([7e9, 7.1e9])
    depth = mapping.depth(radius, 0.8)
    np.testing.assert_allclose(mapping.radius(depth, 0.8), radius, rtol=1e-14)
    assert depth[0] == pytest.approx((7e9 / 0.8 / constants.R_sun.cgs.value) ** 2)


def test_mixing_ratios_come_back():
    fractions = mapping.mass_fractions(RATIOS, MASSES)
    np.testing.assert_allclose(sum(fractions.values()), 1.0, rtol=1e-14)
    for name, x in mapping.mixing_ratios(fractions, MASSES).items():
        np.testing.assert_allclose(x, RATIOS[name], rtol=1e-12)


def test_the_background_fills_up_to_one_in_its_ratio():
    np.testing.assert_allclose(sum(RATIOS.values()), 1.0, rtol=1e-14)
    np.testing.assert_allclose(RATIOS["He"] / RATIOS["H2"], 0.17647)


def test_the_mean_mass_is_that_of_a_particle():
    assert mapping.mean_molar_mass(RATIOS, MASSES)[1] == pytest.approx(
        0.2 * 18.015 + 0.3 * 28.01 + 0.5 * (2.016 + 0.17647 * 4.0026) / 1.17647
    )


def test_haze_is_a_multiple_of_hydrogens_scattering_per_gram():
    opacity = mapping.haze_opacity(np.array([0.35, 0.7]), 2.0, -4.0, np.ones(1), np.array([2.0]))
    assert opacity[0, 0] == pytest.approx(100 * 5.31e-27 / 2 / constants.u.cgs.value)
    assert opacity[1, 0] == pytest.approx(opacity[0, 0] / 16)
