"""Names and units, both ways."""

import numpy as np
import pytest
from exosk_taurex.parameters import from_taurex, to_taurex
from taurex.constants import MJUP, RJUP, RSOL

from exosk import get_simulator
from exosk.exceptions import UnknownNameError
from exosk.opacities import OpacityTable
from exosk.simulators.quantities import default_space, make_parameter
from exosk.spectra import SpectralGrid
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

MOLECULES = ("H2O", "CO2")
PLANET = {"planet_radius": 1.3, "planet_mass": 0.7, "star_radius": 0.9}
ATMOSPHERES = {
    "isothermal": {"temperature": 1234.0, "log_x_h2o": -3.5, "log_x_co2": -4.5},
    "points": {f"temperature_{k}": 1000.0 + 100 * k for k in range(1, 5)},
    "two points": {"temperature_1": 1500.0, "temperature_2": 900.0},
    "guillot": {"t_irr": 1500.0, "t_int": 200.0, "log_kappa_ir": -2.0, "log_gamma": -0.4},
    "two layers": {"log_x_h2o": -3.0, "log_x_h2o_top": -6.0, "log_p_h2o": -2.0},
    "equilibrium": {"temperature": 1234.0, "log_metallicity": 0.7, "c_o_ratio": 0.9},
    "clouds and haze": {"log_p_cloud": -2.5, "log_haze": 3.0, "haze_slope": -6.0},
}
GRID = SpectralGrid.from_edges([2.0, 2.05])


@pytest.mark.parametrize("atmosphere", ATMOSPHERES)
def test_parameters_come_back_from_taurex(atmosphere):
    values = PLANET | ATMOSPHERES[atmosphere]
    again = from_taurex(to_taurex(values, MOLECULES), MOLECULES)
    assert set(again) == set(values)
    assert all(again[name] == pytest.approx(values[name], rel=1e-12) for name in values)


def test_what_is_handed_over_has_taurexs_units():
    found = to_taurex(PLANET | ATMOSPHERES["guillot"] | {"log_p_cloud": -2.0}, MOLECULES)
    assert found["planet_radius"] * RJUP == pytest.approx(1.3 * JUPITER_RADIUS / 100)
    assert found["planet_mass"] * MJUP == pytest.approx(0.7 * JUPITER_MASS / 1000)
    assert found["star_radius"] * RSOL == pytest.approx(0.9 * SOLAR_RADIUS / 100)
    assert found["clouds_pressure"] == pytest.approx(1000.0)  # 10 mbar
    assert found["kappa_irr"] == pytest.approx(1e-3)  # 0.01 cm2/g in m2/kg


def test_an_unknown_parameter_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'planet_radius'"):
        to_taurex({"planet_radios": 1.0}, MOLECULES)


@pytest.mark.parametrize("atmosphere", [a for a in ATMOSPHERES if a != "two layers"])
def test_every_name_is_a_fitting_parameter_of_the_model_and_holds_what_was_set(atmosphere):
    values = {"temperature": 1300.0} | PLANET | ATMOSPHERES[atmosphere]
    chemistry = "equilibrium" if atmosphere == "equilibrium" else "free"
    if chemistry == "free":
        values = {"log_x_h2o": -4.0, "log_x_co2": -5.0} | values
    profile = {"points": "4-point", "two points": "2-point", "guillot": "guillot"}
    if atmosphere in profile:
        del values["temperature"]
    model = get_simulator(
        "taurex",
        molecules=MOLECULES,
        space=space_of(values),
        fixed={},
        grid=GRID,
        temperature_profile=profile.get(atmosphere, "isothermal"),
        chemistry=chemistry,
    )
    model.simulate([list(values.values())])
    held = {name: model.model[name] for name in to_taurex(values, MOLECULES)}
    again = from_taurex(held, MOLECULES)
    assert all(again[name] == pytest.approx(values[name], rel=1e-12) for name in values)
    assert model.model.planet.get_planet_radius(unit="m") == pytest.approx(
        1.3 * JUPITER_RADIUS / 100
    )


def space_of(values):
    known = default_space(MOLECULES)
    return type(known)([make_parameter(name, MOLECULES) for name in values])


def test_taurex_sees_a_tables_pressures_in_pascal():
    """A cross section that has one value below a pressure and another above shows the unit."""
    wavelength, pressure = np.array([2.0, 2.01, 2.02]), np.array([1e-9, 1e-2, 1.1e-2, 1e3])
    sigma = np.full((4, 2, 3), 1e-22)
    sigma[2:] = 1e-20
    table = OpacityTable.from_cross_section(
        "H2O", wavelength, np.array([100.0, 3000.0]), pressure, sigma, {}
    )
    model = get_simulator("taurex", molecules=[table], nodes_per_decade=40)
    (held,) = model.shelf.opacities.values()
    for bar, expected in ((1e-3, 1e-22), (0.9e-2, 1e-22), (1.3e-2, 1e-20), (1.0, 1e-20)):
        assert held.opacity(1000.0, bar * 1e5) * 1e4 == pytest.approx(expected, rel=1e-5)
    # And the layers are those of exosk's pressures.
    model.simulate(model.space.sample(1, random_state=0))
    assert model.model.pressure.pressure_profile_levels[[0, -1]] == pytest.approx([1e6, 1e-4])
    assert model.model.pressure.profile[0] == pytest.approx(10 ** (1 - 0.05) * 1e5)


def test_masses_of_molecules_are_exosks():
    model = get_simulator("taurex", molecules=["H2O"], grid=GRID, fixed={"log_x_h2o": -12.0})
    model.simulate(model.space.sample(1, random_state=0))
    ratio = 0.17647
    expected = (2.016 + ratio * 4.0026) / (1 + ratio) * 1.66053906892e-27
    assert model.model.chemistry.muProfile == pytest.approx(expected, rel=1e-9)
