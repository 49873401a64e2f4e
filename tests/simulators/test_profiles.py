"""Temperature and abundance profiles: limits, closed forms and what they refuse."""

import numpy as np
import pytest
import torch
from scipy import special

from exosk.exceptions import RangeError, UnknownNameError
from exosk.simulators.profiles import (
    Guillot,
    PointProfile,
    check_abundance_profiles,
    log_abundances,
    temperature_profile,
)

RANGE = (1e-9, 10.0)
PRESSURE = torch.logspace(1, -9, 101, dtype=torch.float64)


def values(**numbers):
    return {name: torch.tensor([float(x)], dtype=torch.float64) for name, x in numbers.items()}


def guillot(**changes):
    numbers = {
        "planet_mass": 1.0,
        "planet_radius": 1.0,
        "t_irr": 1500.0,
        "t_int": 200.0,
        "log_kappa_ir": -2.0,
        "log_gamma": -0.5,
    }
    return Guillot()(values(**numbers | changes), PRESSURE)[0].numpy()


def test_guillot_without_a_star_is_the_milne_eddington_atmosphere():
    found = guillot(t_irr=1e-3)
    gravity = 2478.5  # of Jupiter's nominal equatorial radius and mass, cm s^-2
    tau = 1e-2 * PRESSURE.numpy() * 1e6 / gravity
    assert np.allclose(found, (0.75 * 200.0**4 * (2 / 3 + tau)) ** 0.25, rtol=1e-4)


def test_guillot_as_written_by_line_et_al():
    gamma, gravity = 10**-0.5, 2478.5
    tau = 1e-2 * PRESSURE.numpy() * 1e6 / gravity
    shape = 2 / 3 + 2 / (3 * gamma) * (1 + (gamma * tau / 2 - 1) * np.exp(-gamma * tau))
    shape += 2 * gamma / 3 * (1 - tau**2 / 2) * special.expn(2, gamma * tau)
    expected = (0.75 * 200.0**4 * (2 / 3 + tau) + 0.75 * 1500.0**4 * shape) ** 0.25
    assert np.allclose(guillot(), expected, rtol=1e-4)


def test_guillot_is_finite_at_any_depth():
    for gamma in (-3.0, 0.0, 2.0):
        assert np.isfinite(guillot(log_gamma=gamma, log_kappa_ir=2.0)).all()


@pytest.mark.parametrize("n_points", [2, 3, 7])
def test_points_lie_on_their_profile(n_points):
    profile = PointProfile(n_points, RANGE)
    truth = np.linspace(500.0, 1700.0, n_points) ** 1.01
    at = torch.logspace(1, -9, n_points, dtype=torch.float64)
    found = profile(values(**dict(zip(profile.names, truth))), at)
    assert np.allclose(found, truth)


def test_equal_points_are_isothermal_to_the_edges_and_beyond():
    profile = PointProfile(4, RANGE)
    pressure = torch.tensor([1e-12, 1e-9, 1e-3, 10.0, 100.0], dtype=torch.float64)
    assert np.allclose(profile(values(**dict.fromkeys(profile.names, 1234.0)), pressure), 1234.0)


def test_a_two_layer_abundance_keeps_both_ends_and_turns_at_its_pressure():
    profiles = check_abundance_profiles({"h2o": "two-layer"}, ("H2O", "CO"))
    value = values(log_x_h2o=-3, log_x_h2o_top=-7, log_p_h2o=-2, log_x_co=-4)
    pressure = torch.tensor([10.0, 1e-2, 1e-9], dtype=torch.float64)
    found = log_abundances(value, profiles, pressure)[0].numpy()
    assert np.allclose(found, [[-3, -4], [-5, -4], [-7, -4]], atol=1e-9)


@pytest.mark.parametrize("name", ["guilot", "isotermal", "point", "-point"])
def test_a_misspelt_profile(name):
    with pytest.raises(UnknownNameError, match="temperature profile"):
        temperature_profile(name, RANGE)


def test_one_point_is_no_profile():
    with pytest.raises(RangeError, match="at least 2 points"):
        temperature_profile("1-point", RANGE)


def test_profiles_of_other_molecules_or_shapes():
    with pytest.raises(UnknownNameError, match="molecule of the model"):
        check_abundance_profiles({"NH3": "two-layer"}, ("H2O",))
    with pytest.raises(UnknownNameError, match="did you mean 'two-layer'"):
        check_abundance_profiles({"H2O": "two-layers"}, ("H2O",))
