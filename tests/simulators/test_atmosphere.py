"""Hydrostatics and geometry against units, derivatives and Pythagoras."""

import numpy as np
import pytest
import torch
from astropy import constants as const
from astropy import units as u

from exosk.exceptions import UnknownNameError
from exosk.simulators.atmosphere import (
    inverse_scale,
    mean_molecular_mass,
    molar_mass,
    potential,
)

TEMPERATURE = torch.tensor([500.0, 1400.0, 2800.0], dtype=torch.float64)
PLANET_MASS = torch.tensor([0.5, 1.0, 10.0], dtype=torch.float64) * const.M_jup.cgs.value
RADIUS = torch.tensor([1.4, 1.0, 0.8], dtype=torch.float64) * const.R_jup.cgs.value
MOLECULE = torch.full((3,), 2.3 * const.u.cgs.value, dtype=torch.float64)


def test_the_scale_height_is_kt_over_mu_g():
    height = (RADIUS**2 * inverse_scale(TEMPERATURE, MOLECULE, PLANET_MASS)).numpy() * u.cm
    gravity = const.G * (PLANET_MASS.numpy() * u.g) / (RADIUS.numpy() * u.cm) ** 2
    expected = const.k_B * (TEMPERATURE.numpy() * u.K) / (2.3 * const.u * gravity)
    assert np.allclose((height / expected).to_value(u.one), 1.0, rtol=1e-12)


def test_pressure_falls_as_hydrostatic_equilibrium_says():
    """d lnP / dr = -mu g(r) / kT, by central differences."""
    log_ratio = torch.linspace(0.0, -20.0, 2001, dtype=torch.float64)
    scale = inverse_scale(TEMPERATURE, MOLECULE, PLANET_MASS)
    radius = 1 / (1 / RADIUS[:, None] + potential(scale[:, None], log_ratio, 0.0)).numpy()
    step = float(log_ratio[1] - log_ratio[0])
    slope = 2 * step / (radius[:, 2:] - radius[:, :-2])
    middle = radius[:, 1:-1]
    gravity = const.G.cgs.value * PLANET_MASS.numpy()[:, None] / middle**2
    boltzmann = const.k_B.cgs.value * TEMPERATURE.numpy()[:, None]
    assert np.allclose(slope, -2.3 * const.u.cgs.value * gravity / boltzmann, rtol=1e-6)
    assert np.allclose(radius[:, 0], RADIUS, rtol=1e-15)


@pytest.mark.parametrize("reference", [2.3, 0.0, -3.0, -25.0])
def test_layers_of_one_temperature_are_one_layer(reference):
    log_levels = torch.linspace(2.3, -20.0, 101, dtype=torch.float64)
    scale = inverse_scale(TEMPERATURE, MOLECULE, PLANET_MASS)[:, None]
    together = potential(scale, log_levels, reference)
    apart = potential(scale.expand(-1, 100), log_levels, reference)
    assert torch.allclose(together, apart, rtol=1e-12, atol=1e-24)


def test_the_mean_mass_of_a_mixture():
    abundances = torch.tensor([[0.1, 0.3]], dtype=torch.float64)
    masses = torch.tensor([18.0, 44.0], dtype=torch.float64)
    mass = mean_molecular_mass(abundances, masses, 2.3).item()
    assert mass / const.u.cgs.value == pytest.approx(0.1 * 18 + 0.3 * 44 + 0.6 * 2.3, rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "mass"),
    [("H2", 2.016), ("He", 4.0026), ("CO", 28.010), ("CO2", 44.009), ("C2H2", 26.038),
     ("HCN", 27.026), ("Na", 22.990), ("TiO", 63.866)],
)  # fmt: skip
def test_molar_masses_follow_from_formulas(formula, mass):
    assert molar_mass(formula) == pytest.approx(mass, abs=1e-9)


@pytest.mark.parametrize("formula", ["water", "H2O-2", "Xx2", "h2o"])
def test_what_is_no_formula_has_no_mass(formula):
    with pytest.raises(UnknownNameError, match="chemical formula"):
        molar_mass(formula)
