"""Depths that a formula gives: grey gases, power laws of wavelength, clouds, nothing at all."""

import numpy as np
import pytest
from astropy import constants as const
from scipy.special import exp1

from exosk.simulators.atmosphere import molar_mass

R_JUP, R_SUN = const.R_jup.cgs.value, const.R_sun.cgs.value
MU = (molar_mass("H2") + 0.17647 * molar_mass("He")) / 1.17647  # of the background
# Heavy and cold: gravity hardly changes over its thin atmosphere, as the formulas assume.
THIN = {"planet_mass": 10.0, "temperature": 500.0}


def scale_height(planet_mass, temperature, radius, mu=MU):
    gravity = const.G.cgs.value * planet_mass * const.M_jup.cgs.value / radius**2
    return const.k_B.cgs.value * temperature / (mu * const.u.cgs.value * gravity)


def transit_radius(depth):
    return np.sqrt(depth) * R_SUN


def test_nothing_that_absorbs_leaves_the_bare_disc(laboratory, evaluate):
    depth = evaluate(laboratory(), temperature=[400.0, 2000.0])
    assert np.allclose(depth, (R_JUP / R_SUN) ** 2, rtol=2e-7, atol=0)


@pytest.mark.parametrize("log_x", [-7.0, -5.0, -3.0])
def test_a_grey_gas_has_the_analytic_transit_radius(laboratory, make_absorber, evaluate, log_x):
    """R = R0 + H (ln tau0 + gamma + E1(tau0)): de Wit & Seager 2013; Heng & Kitzmann 2017, eq. 2.

    tau0 = n0 sigma sqrt(2 pi R0 H) is the optical depth of the chord at R0. In other words the
    chord at the transit radius has an optical depth of exp(-gamma) = 0.56.
    """
    sigma = 1e-20
    model = laboratory(make_absorber(cross_section=sigma), n_layers=400)
    radius = transit_radius(evaluate(model, log_x_h2o=log_x, **THIN)[0])
    x = 10**log_x
    mu = x * molar_mass("H2O") + (1 - x) * MU
    height = scale_height(**THIN, radius=R_JUP, mu=mu)
    density = 10 * 1e6 / (const.k_B.cgs.value * THIN["temperature"])
    tau = density * x * sigma * np.sqrt(2 * np.pi * R_JUP * height)
    expected = R_JUP + height * (np.log(tau) + np.euler_gamma + exp1(tau))
    assert np.ptp(radius) < 1e-6 * height + 1e-7 * R_JUP
    assert radius[0] == pytest.approx(expected, abs=0.03 * height)  # to first order in H / R


def rayleigh(wavelength):
    return 5.31e-27 * (wavelength / 0.35) ** -4.0


def slope_in_scale_heights(model, depth):
    """dR/dln(lambda) over the scale height at the transit radius."""
    radius = transit_radius(depth)
    slope = np.gradient(radius, np.log(model.wavelength)) / scale_height(**THIN, radius=radius)
    # Redward, Rayleigh scattering alone would let light through to the bottom.
    return slope[1:-1][model.wavelength[1:-1] < 0.55]


def test_rayleigh_scattering_has_a_slope_of_four_scale_heights(laboratory, evaluate):
    """Lecavelier des Etangs et al. 2008, A&A 481, L83, eq. 1: dR/dln(lambda) = -4 H."""
    model = laboratory(rayleigh=rayleigh, n_layers=400)
    slope = slope_in_scale_heights(model, evaluate(model, **THIN)[0])
    assert np.mean(slope) == pytest.approx(-4.0, rel=0.01)
    assert np.allclose(slope, -4.0, rtol=0.1)


@pytest.mark.parametrize("gamma", [-8.0, -4.0, -1.5])
def test_a_haze_has_the_slope_it_was_given(laboratory, evaluate, gamma):
    model = laboratory(n_layers=400)
    depth = evaluate(model, log_haze=3.0, haze_slope=gamma, **THIN)[0]
    assert np.mean(slope_in_scale_heights(model, depth)) == pytest.approx(gamma, rel=0.015)


def test_a_haze_of_unit_strength_is_hydrogen(laboratory, evaluate):
    """log_haze = 0 with a slope of -4 is H2's own scattering, as its definition says."""
    hazy = evaluate(laboratory(), log_haze=0.0, haze_slope=-4.0)
    scattering = evaluate(laboratory(rayleigh=rayleigh))
    assert np.allclose(hazy, scattering, rtol=0, atol=0.01e-6)


def test_a_cloud_deck_is_the_disc_below_it(laboratory, evaluate):
    """Under a transparent sky the depth is the disc up to the deck, however layers fall."""
    log_p = np.linspace(-8.9, 1.0, 40)
    depth = evaluate(laboratory(), log_p_cloud=log_p)[:, 0]
    height = scale_height(1.0, 1000.0, R_JUP)
    # Hydrostatic equilibrium with g(r): 1/r is linear in ln P.
    deck = 1 / (1 / R_JUP + height / R_JUP**2 * (log_p - 1.0) * np.log(10))
    assert np.allclose(depth, (deck / R_SUN) ** 2, rtol=3e-7, atol=0)
