"""What the model refuses, and what it says to do instead."""

import numpy as np
import pytest

from exosk.exceptions import ExoskError, RangeError, UnknownNameError
from exosk.opacities import OpacityTable
from exosk.parameters import Uniform
from exosk.simulators import TransmissionModel, get_simulator
from exosk.simulators.quantities import default_space, make_parameter
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_edges([1.3, 1.4, 1.5])
GOOD = {
    "planet_radius": 1.0,
    "planet_mass": 1.0,
    "temperature": 1000.0,
    "log_x_h2o": -4.0,
    "log_p_cloud": 0.0,
    "log_haze": 0.0,
    "haze_slope": -4.0,
}


@pytest.fixture(scope="module")
def model() -> TransmissionModel:
    return TransmissionModel(("H2O",), grid=GRID)


def row(model, **values) -> np.ndarray:
    return np.array([[(GOOD | values)[name] for name in model.space.names]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 90.0}, r"temperature = 90 in row 1 is outside 100 to 3000 K"),
        ({"temperature": 3001.0}, r"temperature = 3001 .*opacity tables"),
        ({"temperature": np.nan}, r"temperature contains NaN"),
        ({"log_x_h2o": np.inf}, r"log_x_h2o contains NaN or infinity"),
        ({"log_x_h2o": 0.01}, r"mixing ratios of row 1 add up to 1.02, above one"),
        ({"log_p_cloud": 1.1}, r"log_p_cloud = 1.1 .*outside -9 to 1 log bar"),
        ({"log_p_cloud": -9.5}, r"log_p_cloud = -9.5"),
        ({"planet_mass": 0.0}, r"planet_mass = 0 .*must be positive"),
        ({"planet_mass": -1e-12}, r"planet_mass = -1e-12 .*must be positive"),
        ({"planet_radius": -1.0}, r"planet_radius = -1 .*must be positive"),
        ({"planet_mass": 0.02, "temperature": 2500.0}, r"row 1 is not bound .*narrow the priors"),
    ],
)
def test_an_impossible_atmosphere(model, values, message):
    theta = np.concatenate([row(model), row(model, **values)])
    with pytest.raises(RangeError, match=message) as caught:
        model.simulate(theta)
    assert isinstance(caught.value, ExoskError)


def test_the_borders_themselves_are_allowed(model):
    borders = [{"temperature": 100.0}, {"temperature": 3000.0}, {"log_p_cloud": 1.0}]
    borders += [{"log_p_cloud": -9.0}, {"log_x_h2o": 0.0}]
    theta = np.concatenate([row(model, **values) for values in borders])
    assert np.isfinite(model.simulate(theta)).all()


@pytest.mark.parametrize("theta", [np.zeros((2, 3)), np.zeros(7), np.zeros((1, 7, 1))])
def test_rows_of_the_wrong_width(model, theta):
    with pytest.raises(RangeError, match=r"shape \(n, 7\), one column for each of planet_radius"):
        model.simulate(theta)


def test_a_misspelt_molecule():
    with pytest.raises(UnknownNameError, match="'C02'; did you mean 'CO2'"):
        TransmissionModel(("H2O", "C02"))


def test_a_pair_is_no_molecule():
    with pytest.raises(RangeError, match=r"pair of colliding gases.*leave it out"):
        TransmissionModel(("H2O", "H2-He"))


def test_a_name_without_a_molar_mass(laboratory, make_absorber):
    with pytest.raises(UnknownNameError, match=r"molar mass of 'POKAZATEL'.*chemical formula"):
        laboratory(make_absorber("POKAZATEL"))


@pytest.mark.parametrize("molecules", [(), ("H2O", "h2o")])
def test_no_molecule_or_one_twice(molecules):
    with pytest.raises(RangeError, match=r"at least one molecule|named twice"):
        TransmissionModel(molecules)


def test_a_misspelt_simulator():
    with pytest.raises(UnknownNameError, match="did you mean 'builtin'"):
        get_simulator("buildin")


def test_a_misspelt_fixed_parameter():
    with pytest.raises(UnknownNameError, match="did you mean 'temperature'"):
        TransmissionModel(("H2O",), fixed={"temprature": 1000.0})


def test_an_abundance_of_a_molecule_that_is_not_there():
    space = default_space(("H2O", "CO2"))
    with pytest.raises(UnknownNameError, match="log_x_co2"):
        TransmissionModel(("H2O",), space=space)
    with pytest.raises(UnknownNameError, match="log_x_co2"):
        make_parameter("log_x_co2", ("H2O",), Uniform(-5, -1))


@pytest.mark.parametrize("missing", ["star_radius", "planet_mass", "log_x_h2o"])
def test_a_parameter_that_is_neither_free_nor_fixed(missing):
    space = default_space(("H2O",), fixed={"star_radius", missing})
    model = TransmissionModel(("H2O",), grid=GRID)
    if missing == "star_radius":  # has a default, which a space of one's own does not take away
        assert model.replace(space=space, fixed={}).fixed["star_radius"] == 1.0
        return
    with pytest.raises(RangeError, match=f"{missing} is neither free nor fixed.*prior.*value"):
        model.replace(space=space)


@pytest.mark.parametrize(("low", "high"), [(0.2, 0.4), (25.0, 31.0), (40.0, 50.0)])
def test_bins_beyond_the_opacities(model, low, high):
    with pytest.raises(RangeError, match=r"opacities only 0\.2998-30 um; leave out the bins"):
        model.restrict(SpectralGrid.from_edges([low, high]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pressure_range": (1e-10, 10.0)}, "outside the H2O table"),
        ({"pressure_range": (1e-9, 1e4)}, "outside the H2O table"),
        ({"pressure_range": (10.0, 1e-9)}, "0 < top < bottom"),
        ({"n_layers": 1}, "at least 2 layers"),
        ({"reference_pressure": 0.0}, "positive reference pressure"),
    ],
)
def test_settings_out_of_range(options, message):
    with pytest.raises(RangeError, match=message):
        TransmissionModel(("H2O",), grid=GRID, **options)


def test_tables_on_different_wavelengths(laboratory, make_absorber):
    other = make_absorber("CO2", wavelength=np.geomspace(0.3, 1.0, 61))
    with pytest.raises(RangeError, match="61 others; resample"):
        laboratory(make_absorber("H2O"), other)


def test_tables_at_different_temperatures_hold_where_both_do(laboratory, make_absorber):
    table = make_absorber("CO2")
    narrow = OpacityTable(
        "CO2", table.wavelength, [200.0, 1500.0], table.pressure, table.log_cross_section, {}
    )
    model = laboratory(make_absorber("H2O"), narrow)
    theta = model.space.sample(1, random_state=0)
    theta[0, model.space.names.index("temperature")] = 1600.0
    with pytest.raises(RangeError, match="temperature = 1600 in row 0 is outside 200 to 1500 K"):
        model.simulate(theta)


def test_a_parameter_that_is_both_free_and_fixed():
    space = default_space(("H2O",))
    with pytest.raises(RangeError, match="temperature is both free and fixed; choose one"):
        TransmissionModel(("H2O",), space=space, fixed={"temperature": 1000.0})


def test_less_helium_than_none():
    with pytest.raises(RangeError, match=r"he_h2_ratio must not be negative, got -0\.1"):
        TransmissionModel(("H2O",), grid=GRID, he_h2_ratio=-0.1)
