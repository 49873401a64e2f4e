"""The sodium and potassium doublets."""

import dataclasses

import numpy as np
import pytest

from exosk.exceptions import UnknownNameError
from exosk.opacities.alkali import ALKALIS, CLASSICAL_STRENGTH, alkali_cross_sections

each_alkali = pytest.mark.parametrize("name", sorted(ALKALIS))


@each_alkali
@pytest.mark.parametrize("temperature", [500.0, 1000.0, 2500.0])
@pytest.mark.parametrize("pressure", [1e-9, 1e-4, 0.1, 1.0])
def test_each_line_integrates_to_its_oscillator_strength(name, temperature, pressure):
    """pi e^2 / (m c^2) f, to half a per cent at 1 bar."""
    alkali = ALKALIS[name]
    for centre, log_gf in zip(alkali.wavenumber, alkali.log_gf, strict=True):
        # Both lines at one place, the second without strength.
        line = dataclasses.replace(alkali, wavenumber=(centre, centre), log_gf=(log_gf, -30.0))
        offset = np.geomspace(1e-5, 4500.0, 100_000)
        integral = 2 * np.trapezoid(
            line.monochromatic(centre + offset, temperature, pressure), offset
        )
        strength = CLASSICAL_STRENGTH * 10**log_gf / 2
        assert integral == pytest.approx(strength, rel=5e-3)


def test_the_classical_strength():
    """8.8528e-13 cm: 0.02654 cm^2 Hz over the speed of light."""
    assert pytest.approx(0.0265400 / 2.99792458e10, rel=1e-4) == CLASSICAL_STRENGTH


@each_alkali
def test_natural_widths_are_those_of_the_measured_lifetimes(name):
    """16.3 ns for both Na levels, 26.7 and 26.4 ns for K's (Volz & Schmoranzer 1996)."""
    lifetime = {"Na": (16.30e-9, 16.25e-9), "K": (26.7e-9, 26.4e-9)}[name]
    expected = 1 / (4 * np.pi * 2.99792458e10 * np.array(lifetime))
    assert np.allclose(ALKALIS[name].natural_width, expected, rtol=0.07)


@each_alkali
def test_continuous_where_the_wing_begins(name):
    alkali = ALKALIS[name]
    edge = alkali.wavenumber[0] - alkali.detuning * (1000 / 500) ** 0.6
    inside, outside = alkali.monochromatic(edge + np.array([1e-6, -1e-6]), 1000.0, 0.1)
    assert inside == pytest.approx(outside, rel=1e-5)


@each_alkali
def test_far_wings_fall_as_the_statistical_theory_says(name):
    line = dataclasses.replace(ALKALIS[name], log_gf=(0.0, -30.0))
    temperature, c2 = 1500.0, 1.438777
    offset = np.array([500.0, 1000.0])
    near, far = line.monochromatic(line.wavenumber[0] - offset, temperature, 1.0)
    expected = 2**-1.5 * np.exp(-c2 * 500 / temperature)
    assert far / near == pytest.approx(expected, rel=1e-3)
    assert np.all(line.monochromatic(line.wavenumber[0] - np.array([4501.0, 4600.0]), 500, 1) == 0)


# Wavenumber and cross section, from the expected values in Pyrat Bay 2.1.2's own tests: 1000 K,
# 1 bar, its line data, wings to 1000 cm-1.
PYRAT_BAY = {
    "Na": [
        (17391.263964, 3.1968863e-19),
        (17182.670425, 1.2159691e-18),
        (16992.430992, 1.1270663e-16),
        (16806.538534, 1.8565754e-18),
        (16528.750885, 2.8316264e-19),
    ],
    "K": [
        (13698.301041, 2.8003992e-19),
        (13333.395308, 1.5570997e-18),
        (13004.192604, 1.2244432e-16),
        (12820.837968, 3.3326917e-18),
        (12500.122949, 4.9615822e-19),
    ],
}


@each_alkali
def test_against_pyrat_bay(name):
    wavenumber, gf = {
        "Na": ((16960.87, 16978.07), (0.65464, 1.30918)),
        "K": ((12988.76, 13046.486), (0.701455, 1.40929)),
    }[name]
    log_gf = tuple(np.log10(gf))
    alkali = dataclasses.replace(ALKALIS[name], wavenumber=wavenumber, log_gf=log_gf)
    at, expected = np.array(PYRAT_BAY[name]).T
    assert np.allclose(alkali.monochromatic(at, 1000.0, 1.0, cutoff=1000.0), expected, rtol=0.005)


def test_the_geometric_mean_lies_below_the_mean():
    grid = np.geomspace(0.5, 0.7, 336)
    axes = (grid, np.array([800.0, 1500.0]), np.array([1e-3, 1.0]))
    mean = alkali_cross_sections("Na", *axes, mode="mean", samples_per_bin=200)
    geometric = alkali_cross_sections("Na", *axes, mode="log_mean", samples_per_bin=200)
    assert mean.shape == (2, 2, 336)
    assert np.all(geometric <= mean * (1 + 1e-12))
    # Far from the lines all are alike.
    far = np.abs(grid - 0.589) > 0.02
    assert np.allclose(geometric[..., far], mean[..., far], rtol=0.01)


def test_grids_elsewhere_hold_nothing():
    grid = np.geomspace(3.0, 4.0, 20)
    assert np.all(alkali_cross_sections("K", grid, [1000.0], [1.0]) == 0)


def test_other_alkalis_are_refused():
    with pytest.raises(UnknownNameError, match="did you mean"):
        alkali_cross_sections("na", np.array([0.5, 0.6]), [1000.0], [1.0])
