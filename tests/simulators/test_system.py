"""Priors for one planet: what is stated wins, then the spectrum's meta, then a clear question."""

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u

from exosk.exceptions import ExoskError, RangeError, UnitError
from exosk.parameters import Normal, Uniform
from exosk.simulators import TransmissionModel
from exosk.simulators.system import space_for_spectrum
from exosk.spectra import SpectralGrid, Spectrum

META = {
    "star_radius": 0.9,
    "planet_mass": 0.28,
    "planet_mass_err": 0.03,
    "equilibrium_temperature": 1160.0,
}
MOLECULES = ("H2O", "CO2")


def spectrum(**meta) -> Spectrum:
    grid = SpectralGrid.from_edges([1.1, 1.3, 1.5, 1.7])
    return Spectrum(grid, [0.0212, 0.0210, np.nan], [1e-4, 1e-4, np.nan], meta=meta)


def test_the_spectrum_s_meta_gives_the_priors():
    space, fixed = space_for_spectrum(spectrum(**META), MOLECULES)
    assert fixed == {"star_radius": 0.9}
    assert space["planet_mass"].prior == Normal(0.28, 0.03, low=0.07)
    temperature = space["temperature"].prior
    assert (temperature.low, temperature.high) == pytest.approx((464.0, 1624.0))
    seen = np.sqrt(0.0210) * 0.9 * (const.R_sun / const.R_jup).to_value(u.one)
    radius = space["planet_radius"].prior
    assert (radius.low, radius.high) == pytest.approx((0.80 * seen, 1.05 * seen), rel=1e-6)
    assert {"log_x_h2o", "log_x_co2", "log_p_cloud", "log_haze", "haze_slope"} < set(space.names)
    TransmissionModel(MOLECULES, space=space, fixed=fixed, grid=spectrum().grid)


def test_what_is_stated_wins():
    priors = {"planet_mass": Uniform(0.2, 0.4), "log_x_h2o": Uniform(-6, -2)}
    stated = {"temperature": 900.0, "star_radius": 0.7, "log_p_cloud": -1.0}
    space, fixed = space_for_spectrum(spectrum(**META), MOLECULES, priors=priors, fixed=stated)
    assert fixed == stated
    assert space["planet_mass"].prior == Uniform(0.2, 0.4)
    assert space["log_x_h2o"].prior == Uniform(-6, -2)
    assert not {"temperature", "star_radius", "log_p_cloud"} & set(space.names)
    seen = np.sqrt(0.0210) * 0.7 * (const.R_sun / const.R_jup).to_value(u.one)
    assert space["planet_radius"].prior.high == pytest.approx(1.05 * seen, rel=1e-6)


def test_a_star_radius_may_be_free():
    priors = {"star_radius": Normal(0.9, 0.02), "planet_radius": Uniform(1.0, 1.4)}
    space, fixed = space_for_spectrum(spectrum(**META), MOLECULES, priors=priors)
    assert fixed == {}
    assert space["star_radius"].prior == priors["star_radius"]
    with pytest.raises(RangeError, match="free star radius needs a stated prior for planet_radius"):
        space_for_spectrum(spectrum(**META), MOLECULES, priors={"star_radius": Normal(0.9, 0.02)})


def test_a_mass_without_an_error_gets_ten_per_cent():
    meta = META | {"planet_mass_err": None}
    space, _ = space_for_spectrum(spectrum(**meta), MOLECULES)
    assert space["planet_mass"].prior.std == pytest.approx(0.028)


def test_temperatures_stay_within_the_tables():
    for equilibrium, limits in ((150.0, (100.0, 210.0)), (2800.0, (1120.0, 3000.0))):
        meta = META | {"equilibrium_temperature": equilibrium}
        prior = space_for_spectrum(spectrum(**meta), MOLECULES)[0]["temperature"].prior
        assert (prior.low, prior.high) == pytest.approx(limits)


@pytest.mark.parametrize(
    ("missing", "option"),
    [
        ("star_radius", "--star-radius"),
        ("planet_mass", "--planet-mass"),
        ("equilibrium_temperature", "--temperature"),
    ],
)
def test_what_nobody_said_is_asked_for(missing, option):
    meta = {key: value for key, value in META.items() if key != missing}
    with pytest.raises(ExoskError, match=f"{missing.replace('_', ' ')}; give it with {option}"):
        space_for_spectrum(spectrum(**meta), MOLECULES)


def test_a_mass_in_kilograms_is_noticed():
    with pytest.raises(UnitError, match="kg"):
        space_for_spectrum(spectrum(**META | {"planet_mass": 5e26}), MOLECULES)


@pytest.mark.parametrize(
    ("profiles", "temperatures", "others"),
    [
        ({"temperature_profile": "guillot"}, {"t_irr"}, {"t_int", "log_kappa_ir", "log_gamma"}),
        ({"temperature_profile": "2-point"}, {"temperature_1", "temperature_2"}, set()),
        ({"abundance_profiles": {"H2O": "two-layer"}}, {"temperature"}, {"log_x_h2o_top"}),
        ({"chemistry": "equilibrium"}, {"temperature"}, {"log_metallicity", "c_o_ratio"}),
    ],
    ids=["guillot", "points", "two-layer", "equilibrium"],
)
def test_profiles_bring_their_own_parameters(profiles, temperatures, others):
    space, _ = space_for_spectrum(spectrum(**META), MOLECULES, **profiles)
    assert temperatures | others <= set(space.names)
    equilibrium = META["equilibrium_temperature"]
    for name in temperatures:
        assert (space[name].prior.low, space[name].prior.high) == pytest.approx(
            (0.4 * equilibrium, 1.4 * equilibrium)
        )


def test_equilibrium_leaves_no_abundance_free():
    space, _ = space_for_spectrum(spectrum(**META), MOLECULES, chemistry="equilibrium")
    assert not [name for name in space.names if name.startswith("log_x_")]
    with pytest.raises(RangeError, match="leave out the abundance profile of H2O"):
        space_for_spectrum(
            spectrum(**META),
            MOLECULES,
            chemistry="equilibrium",
            abundance_profiles={"H2O": "two-layer"},
        )
