"""What models are told of planets: the same priors as a retrieval's, for many at once."""

import numpy as np
import pytest

import exosk
from exosk.exceptions import RangeError
from exosk.parameters import Normal, Uniform
from exosk.pretrained.recipes import RECIPES, draw_systems
from exosk.pretrained.systems import COLUMNS, Systems

MOLECULES = ("H2O", "CO2")


@pytest.fixture(scope="module")
def spectrum():
    return exosk.load_spectrum("wasp-39b").without_missing()


@pytest.fixture(scope="module")
def space(spectrum):
    return exosk.space_for_spectrum(spectrum, MOLECULES)[0]


def test_an_observations_system_has_the_priors_of_its_retrieval(spectrum, space):
    system = Systems.of(spectrum, spectrum.meta["star_radius"], space)
    assert system.space(MOLECULES) == space


def test_priors_of_many_planets_are_those_of_each():
    systems = draw_systems(40, np.random.RandomState(0))
    unit = np.random.default_rng(0).uniform(size=(40, 3))
    together = [prior.ppf(unit[:, k]) for k, prior in enumerate(systems.priors().values())]
    for k in range(len(systems)):
        own = systems[np.array([k])].space(MOLECULES)
        alone = [
            own[name].prior.distribution.ppf(unit[k, j]) for j, name in enumerate(systems.priors())
        ]
        np.testing.assert_allclose([column[k] for column in together], alone, rtol=1e-9)


def test_what_the_user_states_of_mass_and_temperature_is_told(spectrum):
    priors = {"planet_mass": Normal(0.5, 0.05), "temperature": Uniform(450.0, 1350.0)}
    bare = spectrum.replace(meta={"star_radius": 0.9})
    space, _ = exosk.space_for_spectrum(bare, MOLECULES, priors=priors)
    system = Systems.of(bare, 0.9, space)
    assert system.mass == pytest.approx(0.5)
    assert system.mass_error == pytest.approx(0.05)
    assert system.temperature == pytest.approx(1000.0)


def test_depths_in_its_unit_do_not_depend_on_the_star(spectrum, space):
    """The same planet before two stars: depths differ, and what the model is told does not."""
    told = []
    for star_radius in (0.5, 1.7):
        depth = spectrum.depth * (spectrum.meta["star_radius"] / star_radius) ** 2
        seen = spectrum.replace(depth=depth)
        system = Systems.of(seen, star_radius, space)
        told.append(np.r_[depth / system.unit(star_radius), system.columns()[0]])
    np.testing.assert_allclose(told[0], told[1], rtol=1e-9)
    assert told[0][: len(spectrum)].min() == pytest.approx(1, rel=1e-9)


def test_columns_tell_the_system_apart():
    systems = draw_systems(200, np.random.RandomState(0))
    columns = systems.columns()
    assert columns.shape == (200, len(COLUMNS))
    np.testing.assert_allclose(10 ** columns[:, 0], systems.radius)
    np.testing.assert_allclose(10 ** columns[:, 1], systems.mass)
    np.testing.assert_allclose(10 ** (columns[:, 2] + columns[:, 1]), systems.mass_error)
    np.testing.assert_allclose(1000 * columns[:, 3], systems.temperature)


def test_drawn_planets_hold_their_hydrogen_and_known_ones_are_among_them():
    systems = draw_systems(5000, np.random.RandomState(0))
    assert len(systems) == 5000
    height = 8314.46 * systems.temperature / 2.3 * systems.radius / (24.79 * systems.mass)
    assert (height / 7.1492e7 < 0.04).all()
    # WASP-39 b, GJ 1214 b, WASP-43 b, K2-18 b.
    for radius, mass, kelvin in (
        (1.28, 0.28, 1166), (0.24, 0.0257, 596), (0.93, 1.78, 1427), (0.21, 0.0272, 255),
    ):  # fmt: skip
        distance = (
            np.log(systems.radius / radius) ** 2
            + np.log(systems.mass / mass) ** 2
            + np.log(systems.temperature / kelvin) ** 2
        )
        assert distance.min() < 0.3


def test_priors_without_mass_are_refused(spectrum, space):
    fixed = exosk.space_for_spectrum(spectrum, MOLECULES, fixed={"planet_mass": 0.3})[0]
    with pytest.raises(RangeError, match="no planet_mass"):
        Systems.of(spectrum, 0.9, fixed)
    with pytest.raises(RangeError, match="zero or less"):
        Systems.of(spectrum.replace(depth=spectrum.depth - 0.022), 0.9, space)
    with pytest.raises(RangeError, match="2 planets"):
        draw_systems(2, np.random.RandomState(0)).space(MOLECULES)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_errors_of_a_recipe_scatter_about_its_reference(recipe):
    sigma = recipe.draw_sigma(3000, np.random.RandomState(0))
    ratio = np.log(sigma / recipe.sigma(recipe.grid.wavelength))
    assert sigma.shape == (3000, recipe.grid.n_bins)
    assert (sigma > 0).all()
    assert np.abs(ratio.mean(axis=0)).max() < 0.1 * max(recipe.waviness, 0.1) * 5
    np.testing.assert_allclose(ratio.std(axis=0), recipe.waviness, rtol=0.1)
    assert np.abs(np.diff(ratio, axis=1)).max() < recipe.waviness, "neighbours go together"
