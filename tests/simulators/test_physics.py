"""Profiles, patchy clouds, the star and the instruments in the built-in model."""

import numpy as np
import pytest
import torch

from exosk.exceptions import RangeError, UnknownNameError
from exosk.parameters import ParameterSpace, Uniform
from exosk.simulators import TransmissionModel
from exosk.simulators.chemistry import EquilibriumChemistry
from exosk.simulators.quantities import make_parameter
from exosk.spectra import SpectralGrid

PPM = 1e-6
CENTERS = np.array([0.4, 0.6, 1.4, 2.1, 3.3, 4.4, 7.7, 15.0])
GRID = SpectralGrid(CENTERS * 0.998, CENTERS * 1.002)
MOLECULES = ("H2O", "CO2", "CH4")
VALUES = {
    "planet_radius": 1.1,
    "planet_mass": 0.9,
    "star_radius": 1.2,
    "temperature": 1130.0,
    "log_x_h2o": -3.2,
    "log_x_co2": -5.0,
    "log_x_ch4": -6.1,
}
GUILLOT = {"t_irr": 1500.0, "t_int": 150.0, "log_kappa_ir": -2.0, "log_gamma": -0.5}
SPOTS = {
    "star_temperature": 5400.0,
    "spot_temperature": 4700.0,
    "spot_fraction": 0.12,
    "faculae_temperature": 5700.0,
    "faculae_fraction": 0.2,
}


def depth(values=VALUES, free="planet_radius", **options):
    """One spectrum of stated values."""
    space = ParameterSpace([make_parameter(free, MOLECULES, Uniform(0.1, 3.0))])
    fixed = {name: x for name, x in values.items() if name != free}
    model = TransmissionModel(MOLECULES, space=space, fixed=fixed, grid=GRID, **options)
    return model.simulate([[values[free]]])[0].astype(float)


def without(values, *names):
    return {name: x for name, x in values.items() if name not in names}


def points(*temperatures):
    named = {f"temperature_{k + 1}": t for k, t in enumerate(temperatures)}
    return without(VALUES, "temperature") | named


def test_equal_points_are_the_isothermal_model():
    same = depth(points(1130.0, 1130.0, 1130.0), temperature_profile="3-point")
    # The same nodes of pressure, so that only the path through the code differs.
    assert np.allclose(same, depth(nodes_per_decade=5), rtol=0, atol=0.01 * PPM)


def test_a_step_between_equal_abundances_is_none():
    two = VALUES | {"log_x_h2o_top": VALUES["log_x_h2o"], "log_p_h2o": -3.0}
    found = depth(two, abundance_profiles={"H2O": "two-layer"})
    assert np.allclose(found, depth(nodes_per_decade=10), rtol=0, atol=0.01 * PPM)


@pytest.mark.parametrize(
    ("values", "options"),
    [
        (without(VALUES, "temperature") | GUILLOT, {"temperature_profile": "guillot"}),
        (points(1500.0, 1000.0, 800.0, 900.0), {"temperature_profile": "4-point"}),
        (
            VALUES | {"log_x_h2o_top": -7.0, "log_p_h2o": -3.3},
            {"abundance_profiles": {"H2O": "two-layer"}},
        ),
    ],
    ids=["guillot", "points", "two-layer"],
)
def test_profiles_converge_with_layers(values, options):
    coarse, fine = (depth(values, n_layers=n, **options) for n in (100, 400))
    assert np.abs(coarse - fine).max() < 1 * PPM


def test_a_patchy_deck_lies_between_a_clear_and_a_full_one():
    clear, full = depth(), depth(VALUES | {"log_p_cloud": -3.0})
    for share in (0.0, 0.3, 1.0):
        found = depth(VALUES | {"log_p_cloud": -3.0, "cloud_fraction": share})
        assert np.allclose(found, (1 - share) * clear + share * full, atol=0.01 * PPM)


def test_moving_a_deck_moves_the_depth_smoothly():
    """Within one layer and across its boundary, the second difference stays small."""
    decks = np.linspace(-3.05, -2.95, 41)
    found = np.array([depth(VALUES | {"log_p_cloud": p}) for p in decks])
    second = np.diff(found, n=2, axis=0)
    assert np.abs(second).max() < 0.05 * PPM


def test_spots_that_are_as_hot_as_the_star_do_nothing():
    even = SPOTS | {"spot_temperature": 5400.0, "faculae_temperature": 5400.0}
    assert np.allclose(depth(VALUES | even), depth(), rtol=1e-6)


def test_dark_spots_deepen_a_transit_most_in_the_blue():
    ratio = depth(VALUES | without(SPOTS, "faculae_temperature", "faculae_fraction")) / depth()
    assert (ratio > 1).all()
    assert (np.diff(ratio) < 0).all()
    # Rackham et al. (2018), eq. 2, with Planck's law in photons or energy alike.
    x = 14387.768775 / CENTERS[0]
    contrast = np.expm1(x / 5400.0) / np.expm1(x / 4700.0)
    assert ratio[0] == pytest.approx(1 / (1 - 0.12 * (1 - contrast)), rel=2e-4)


def test_a_neighbour_makes_every_transit_shallower_by_its_share():
    assert np.allclose(depth(VALUES | {"dilution": 0.2}), 0.8 * depth(), rtol=1e-6)


def test_an_offset_moves_the_samples_of_its_instrument_alone():
    instruments = {"niriss": (0.5, 2.5), "miri": (5.0, 12.0)}
    moved = depth(VALUES | {"offset_miri": 120.0}, instruments=instruments) - depth()
    model = TransmissionModel(MOLECULES, grid=GRID)
    inside = (model.wavelength > 5) & (model.wavelength < 12)
    assert np.allclose(moved[inside], 120 * PPM, atol=0.002 * PPM)
    assert (moved[~inside] == 0).all()


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"cloud_fraction": 0.5}, {}, "log_p_cloud is neither free nor fixed, but cloud_fraction"),
        ({"spot_fraction": 0.5}, {}, "spot_temperature is neither free nor fixed"),
        ({"log_p_cloud": -2.0, "cloud_fraction": 1.2}, {}, "cloud_fraction = 1.2 in row 0"),
        ({"dilution": -0.1}, {}, "dilution = -0.1 in row 0"),
        (SPOTS | {"spot_fraction": 0.9}, {}, "cover 1.1 of the star"),
        ({}, {"instruments": {"a": (1.0, 3.0), "b": (2.0, 4.0)}}, "a and b overlap"),
        ({}, {"instruments": {"a": (3.0, 1.0)}}, "need 0 < low < high"),
    ],
)
def test_what_means_nothing_is_refused(changes, options, message):
    with pytest.raises(RangeError, match=message):
        depth(VALUES | changes, **options)


def test_a_hot_layer_is_refused_by_name_and_row():
    with pytest.raises(RangeError, match="temperature = 3500 in row 0 is outside 100 to 3000 K"):
        depth(points(3500.0, 1000.0), temperature_profile="2-point")


def test_an_offset_without_its_instrument():
    with pytest.raises(UnknownNameError, match="offset_miri"):
        depth(VALUES | {"offset_miri": 1.0})


EVERYTHING = {
    "free": without(VALUES, "temperature")
    | GUILLOT
    | SPOTS
    | {
        "log_x_h2o_top": -6.0,
        "log_p_h2o": -2.3,
        "log_p_cloud": -2.03,
        "cloud_fraction": 0.6,
        "log_haze": 2.0,
        "haze_slope": -5.0,
        "dilution": 0.1,
        "offset_miri": 50.0,
    },
    "options": {
        "temperature_profile": "guillot",
        "abundance_profiles": {"H2O": "two-layer"},
        "instruments": {"miri": (5.0, 12.0)},
    },
}


BALANCED = {
    "free": {n: VALUES[n] for n in ("planet_radius", "planet_mass", "star_radius", "temperature")}
    | {"log_metallicity": 0.43, "c_o_ratio": 0.57},
    "options": {"chemistry": "equilibrium"},
}


@pytest.mark.parametrize(
    ("case", "name"),
    [(EVERYTHING, name) for name in EVERYTHING["free"]]
    + [(BALANCED, name) for name in ("temperature", "log_metallicity", "c_o_ratio")],
    ids=[*EVERYTHING["free"], "balanced-temperature", "log_metallicity", "c_o_ratio"],
)
def test_gradients_match_finite_differences(case, name):
    values = case["free"]
    space = ParameterSpace([make_parameter(n, MOLECULES) for n in values])
    model = TransmissionModel(MOLECULES, space=space, grid=GRID, **case["options"])
    theta = torch.tensor([list(values.values())], dtype=torch.float64, requires_grad=True)
    k = space.names.index(name)
    total = model.depth(theta).to(torch.float64).sum()
    (gradient,) = torch.autograd.grad(total, theta)
    # Depths are float32: their sum is known to about 5e-9.
    step = 3e-3 * max(abs(values[name]), 0.1)
    shift = torch.zeros_like(theta)
    shift[0, k] = step
    with torch.no_grad():
        high, low = (model.depth(theta + sign * shift).to(torch.float64).sum() for sign in (1, -1))
    expected = ((high - low) / (2 * step)).item()
    assert gradient[0, k].item() == pytest.approx(expected, rel=0.01, abs=5e-9 / step)


def test_equilibrium_abundances_are_those_of_the_chemistry():
    """Isothermal and at one pressure wherever light passes, the same as free abundances there."""
    values = BALANCED["free"]
    chemistry = EquilibriumChemistry(MOLECULES)
    tensors = {n: torch.tensor([x], dtype=torch.float64) for n, x in values.items()}
    pressure = torch.tensor([1e-5, 3e-5], dtype=torch.float64)
    log_x = chemistry(tensors, pressure, tensors["temperature"][:, None])[0].numpy()
    assert np.ptp(log_x[:, 0]) < 1e-3  # water hardly changes
    range_ = {"pressure_range": (1e-5, 3e-5), "reference_pressure": 3e-5, "nodes_per_decade": 20}
    mixed = depth(values, **range_, **BALANCED["options"])
    free = {n: x for n, x in values.items() if n not in EquilibriumChemistry.names}
    names = ("log_x_h2o", "log_x_co2", "log_x_ch4")
    ends = [depth(free | dict(zip(names, map(float, row), strict=True)), **range_) for row in log_x]
    low, high = np.minimum(*ends), np.maximum(*ends)
    assert (mixed > low - 0.1 * PPM).all()
    assert (mixed < high + 0.1 * PPM).all()


def test_carbon_rich_gas_has_no_water():
    wavelength = TransmissionModel(MOLECULES, grid=GRID).wavelength
    water = np.abs(wavelength - 1.4) < 0.01
    oxygen, carbon = (
        depth(BALANCED["free"] | {"c_o_ratio": x}, **BALANCED["options"]) for x in (0.5, 1.3)
    )
    assert (oxygen - carbon)[water].mean() > 50 * PPM


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"log_metallicity": 9.0}, "log_metallicity = 9 in row 0 is outside"),
        ({"c_o_ratio": 30.0}, "c_o_ratio = 30 in row 0 is outside"),
    ],
)
def test_elements_beyond_the_chemistry_are_refused(changes, message):
    with pytest.raises(RangeError, match=message):
        depth(BALANCED["free"] | changes, **BALANCED["options"])
