"""Signal-to-noise per scale height, against the formula, a simulator and astropy."""

import numpy as np
import pytest
from astropy import constants as const
from astropy import units as u
from scipy import stats

from exosk.augmentation import NoiseInjector, scale_height_depth, sigma_for_snr
from exosk.exceptions import RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.instruments import Instrument
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.rows import join_rows
from exosk.simulators import TransmissionModel
from exosk.simulators.quantities import default_space
from exosk.spectra import Spectrum

SPACE = default_space(["H2O", "CO2"])
THETA = SPACE.sample(2000, random_state=0)
SHAPE = np.array([2e-5, 1e-4, 5e-5, np.nan, 3e-5])


def named(**values):
    space = ParameterSpace([Parameter(name, Uniform(-1e4, 1e4)) for name in values])
    return np.array([list(values.values())], dtype=float), space


PLANET = {"planet_radius": 1.2, "planet_mass": 0.5}


def test_one_planet_by_hand():
    theta, space = named(**PLANET, temperature=1200, log_x_co2=-1)
    hydrogen, helium, co2 = 2 * 1.008, 4.0026, 12.011 + 2 * 15.999
    mu = 0.9 * (hydrogen + 0.17647 * helium) / 1.17647 + 0.1 * co2
    radius, mass = 1.2 * const.R_jup, 0.5 * const.M_jup
    gravity = const.G * mass / radius**2
    height = const.k_B * 1200 * u.K / (mu * const.u * gravity)
    expected = (2 * radius * height / (0.8 * const.R_sun) ** 2).to_value("")
    found = scale_height_depth(theta, space, {"star_radius": 0.8})
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_a_cloud_top_one_scale_height_higher_deepens_the_transit_by_it():
    """The simulator integrates the atmosphere; the formula knows none of that."""
    fixed = {"temperature": 1200.0, "star_radius": 1.0, "log_x_h2o": -12.0, **PLANET}
    space = ParameterSpace([Parameter("log_p_cloud", Uniform(-6, 1))])
    model = TransmissionModel(
        ["H2O"],
        space=space,
        fixed=fixed,
        grid=SpectralGrid.from_edges([0.9, 1.0]),
        reference_pressure=1e-2,
    )
    theta = np.array([[-2.0], [-2.0 - np.log10(np.e)]])
    low, high = model.simulate(theta).astype(float).mean(axis=1)
    expected = scale_height_depth(theta, space, fixed)
    # What the formula leaves out is of order H / R, half a percent here.
    assert high - low == pytest.approx(expected[0], rel=0.01)


def test_it_scales_as_it_should():
    def depth(**changes):
        return scale_height_depth(*named(**PLANET | {"temperature": 1000} | changes)).item()

    assert depth(temperature=2000) == pytest.approx(2 * depth())
    assert depth(planet_mass=1.0) == pytest.approx(depth() / 2)
    assert depth(planet_radius=2.4) == pytest.approx(8 * depth())
    assert depth(star_radius=2.0) == pytest.approx(depth() / 4)


def test_profiles_count_as_at_10_mbar():
    flat = scale_height_depth(*named(**PLANET, temperature=1000, log_x_h2o=-2))
    points = {f"temperature_{k + 1}": t for k, t in enumerate((3000, 1000, 1000, 1000, 500))}
    # Five points between 10 bar and 1e-9 bar: 10 mbar lies at 1.2 steps, between two of 1000 K.
    profile = scale_height_depth(*named(**PLANET, **points, log_x_h2o=-2))
    np.testing.assert_allclose(profile, flat)
    layers = named(**PLANET, temperature=1000, log_x_h2o=-2, log_x_h2o_top=-9, log_p_h2o=-5)
    np.testing.assert_allclose(scale_height_depth(*layers), flat, rtol=1e-6)
    above = named(**PLANET, temperature=1000, log_x_h2o=-1, log_x_h2o_top=-2, log_p_h2o=1)
    np.testing.assert_allclose(scale_height_depth(*above), flat, rtol=1e-6)


def test_guillots_profile_and_equilibrium_chemistry():
    profile = {"t_irr": 1500, "t_int": 100, "log_kappa_ir": -2, "log_gamma": -0.5}
    elements = {"log_metallicity": 0, "c_o_ratio": 0.5}
    found = scale_height_depth(*named(**PLANET, **profile, **elements)).item()
    cool, warm = (scale_height_depth(*named(**PLANET, temperature=t)).item() for t in (1000, 1500))
    assert cool < found < warm


def test_masses_of_all_molecules_are_found_by_their_parameters():
    for parameter, mass in (("log_x_na", 22.990), ("log_x_hcn", 27.026), ("log_x_tio", 63.866)):
        pure = scale_height_depth(*named(**PLANET, temperature=1000, **{parameter: 0.0}))
        empty = scale_height_depth(*named(**PLANET, temperature=1000))
        mu = (2 * 1.008 + 0.17647 * 4.0026) / 1.17647
        assert (empty / pure).item() == pytest.approx(mass / mu, rel=1e-4)


def test_ratios_are_log_uniform_and_errors_keep_their_shape():
    sigma = sigma_for_snr(THETA, SPACE, SHAPE, (1, 30), random_state=0)
    assert sigma.shape == (2000, 5)
    np.testing.assert_allclose(sigma / sigma[:, :1], np.tile(SHAPE / SHAPE[0], (2000, 1)))
    ratio = scale_height_depth(THETA, SPACE) / np.nanmedian(sigma, axis=1)
    assert stats.kstest(np.log(ratio) / np.log(30), stats.uniform.cdf).pvalue > 1e-3
    again = sigma_for_snr(THETA, SPACE, SHAPE, (1, 30), random_state=0)
    np.testing.assert_array_equal(again, sigma)


def test_one_ratio_for_all():
    sigma = sigma_for_snr(THETA, SPACE, SHAPE, snr=5)
    np.testing.assert_allclose(np.nanmedian(sigma, axis=1), scale_height_depth(THETA, SPACE) / 5)


def test_instruments_and_observations_have_a_shape():
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 5))
    error = SHAPE[[0, 1, 2, 4]]
    plain = sigma_for_snr(THETA, SPACE, error, random_state=0)
    for shape in (Instrument("it", grid, 3 * error), Spectrum(grid, np.full(4, 0.02), error)):
        np.testing.assert_allclose(sigma_for_snr(THETA, SPACE, shape, random_state=0), plain)


def test_noise_of_these_errors_has_the_signal_to_noise_asked_for():
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 6))
    sigma = sigma_for_snr(THETA, SPACE, np.full(5, 1e-4), snr=10, random_state=0)
    X = join_rows(np.full((2000, 5), 0.02), sigma)
    noise = NoiseInjector("columns", 0, grid=grid).fit_transform(X)[:, :5] - 0.02
    found = (noise / scale_height_depth(THETA, SPACE)[:, None]).std()
    assert found == pytest.approx(1 / 10, rel=0.03)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"temperature": 1000, "planet_mass": 1}, "planet_radius is neither in the space nor"),
        (PLANET, "temperature is neither in the space nor fixed"),
        (PLANET | {"t_irr": 1000}, "log_gamma, log_kappa_ir, t_int is neither"),
        (PLANET | {"temperature": -5}, "temperature is -5 in row 0, and must be positive"),
        (PLANET | {"temperature": 900, "planet_mass": 0}, "planet_mass is 0 in row 0"),
        (
            PLANET | {"temperature": 900, "log_x_h2o": 0.1},
            r"abundances add up to 1\.25893 in row 0",
        ),
        (PLANET | {"temperature": np.nan}, "theta must be finite"),
    ],
)
def test_what_has_no_scale_height_is_refused(values, message):
    theta, space = named(**values)
    with pytest.raises(RangeError, match=message):
        scale_height_depth(theta, space)


def test_unknown_molecules_and_widths_are_refused():
    with pytest.raises(UnknownNameError, match="log_x_xyz does not name a molecule"):
        scale_height_depth(*named(**PLANET, temperature=900, log_x_xyz=-3))
    with pytest.raises(RangeError, match="one column for each of planet_radius"):
        scale_height_depth(THETA[:, :-1], SPACE)


@pytest.mark.parametrize("snr", [0, -1, (30, 1), (1, 2, 3), "high"])
def test_what_is_no_ratio_is_refused(snr):
    with pytest.raises(RangeError, match="snr must be a number or"):
        sigma_for_snr(THETA, SPACE, SHAPE, snr)


@pytest.mark.parametrize("shape", [1e-4, [0, 1e-4], [-1e-4, 1e-4], [np.nan, np.nan], [[1e-4]]])
def test_what_is_no_shape_is_refused(shape):
    with pytest.raises(RangeError, match="one positive error for each bin"):
        sigma_for_snr(THETA, SPACE, shape)
