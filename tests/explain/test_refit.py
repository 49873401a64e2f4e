"""Best fits with and without a gas, where least squares has a formula."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from scipy import optimize, sparse

from exosk.exceptions import RangeError, UnknownNameError
from exosk.explain import Groups, explain_fits
from exosk.inference import gaussian_log_likelihood
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.simulators import TransmissionModel
from exosk.spectra import SpectralGrid, Spectrum

SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(0.5, 1.5), "R_jup"),
        Parameter("log_x_h2o", Uniform(-6.0, 0.0), "log VMR"),
        Parameter("log_x_co2", Uniform(-6.0, 0.0), "log VMR"),
    ]
)


@dataclass
class Linear:
    """Depths that are linear in the radius and in the amounts of two gases."""

    grid: SpectralGrid
    space: ParameterSpace = SPACE
    molecules: tuple[str, ...] = ("H2O", "CO2")
    provenance: dict = field(default_factory=lambda: {"simulator": "linear"})
    most: float = np.inf

    @property
    def wavelength(self):
        return self.grid.wavelength

    @property
    def shapes(self):
        """What each of the three adds in each bin, shape (3, n_bins)."""
        x = self.wavelength
        h2o = 0.2 * np.exp(-((x - 1.4) ** 2) / 0.002) + 0.2 * np.exp(-((x - 1.15) ** 2) / 0.002)
        co2 = 0.2 * np.exp(-((x - 1.7) ** 2) / 0.002)
        return 0.01 * np.stack([np.ones_like(x), h2o, co2])

    def restrict(self, grid):
        return self

    def bin_matrix(self, grid):
        return sparse.eye_array(grid.n_bins, format="csr")

    def simulate(self, theta):
        theta = np.asarray(theta, dtype=float)
        if (theta[:, 0] > self.most).any():
            raise RangeError("too large a planet")
        return np.hstack([theta[:, :1], 10 ** theta[:, 1:]]) @ self.shapes


@pytest.fixture(scope="module")
def simulator(grid):
    return Linear(grid)


@pytest.fixture(scope="module")
def observed(grid, simulator):
    """With water; carbon dioxide is there in name only."""
    random = np.random.default_rng(3)
    sigma = np.linspace(5e-5, 1e-4, grid.n_bins)
    depth = simulator.simulate([[1.0, -0.5, -5.5]])[0]
    return Spectrum(grid, depth + sigma * random.standard_normal(grid.n_bins), sigma, "test")


@pytest.fixture(scope="module")
def draws():
    random = np.random.default_rng(4)
    centre = np.array([1.0, -0.6, -2.0])
    return centre + [0.01, 0.1, 0.3] * random.standard_normal((40, 3))


def least_squares(simulator, observed, columns):
    """Best depths as scipy solves it, of amounts that are not negative."""
    shapes = simulator.shapes[columns] / observed.sigma
    amounts, _ = optimize.nnls(shapes.T, observed.depth / observed.sigma)
    return amounts @ simulator.shapes[columns]


def test_it_is_the_difference_of_two_least_squares(simulator, observed, draws):
    bins = Groups.bins(observed.grid)
    (found,) = explain_fits(simulator, observed, ["H2O"], draws, groups=bins)
    full = least_squares(simulator, observed, [0, 1, 2])
    without = least_squares(simulator, observed, [0, 2])
    np.testing.assert_allclose(found.fits["with"], full, atol=3e-6)
    np.testing.assert_allclose(found.fits["without"], without, atol=3e-6)
    pull = (observed.depth - np.stack([full, without])) / observed.sigma
    expected = (pull[1] ** 2 - pull[0] ** 2) / 2
    np.testing.assert_allclose(found.importance, expected, atol=0.02 * expected.max())
    assert found.value[0] == pytest.approx(expected.sum(), rel=1e-3)
    assert found.in_bands()["H2O"] > 0.6


def test_importances_add_up_to_the_likelihoods_difference(simulator, observed, draws):
    """Whatever the likelihood, and whatever the groups."""
    likelihood = gaussian_log_likelihood(simulator, observed, 5e-5, free_scale=True)
    settings = {"model_error": 5e-5, "log_likelihood": likelihood}
    (found,) = explain_fits(simulator, observed, ["H2O"], draws, **settings)
    ends = [
        [found.meta["parameters"][name] for name in SPACE.names],
        [found.meta["parameters_without"].get(name, -99.0) for name in SPACE.names],
    ]
    high, low = likelihood(np.array(ends))
    assert found.importance.sum() == pytest.approx(high - low, rel=1e-6)
    assert found.value[0] == pytest.approx(high - low, rel=1e-6)
    assert 0 < high - low < found.meta["delta_chi2"] / 2 * (1 + 1e-9)
    coarse = Groups.bands(observed.grid, 0.2)
    (again,) = explain_fits(simulator, observed, ["H2O"], draws, **settings, groups=coarse)
    assert again.importance.sum() == pytest.approx(found.importance.sum(), rel=1e-6)


def test_half_the_error_says_four_times_as_much(simulator, observed, draws):
    (found,) = explain_fits(simulator, observed, ["H2O"], draws)
    sharp = observed.replace(sigma=observed.sigma / 2)
    (again,) = explain_fits(simulator, sharp, ["H2O"], draws)
    assert again.value[0] == pytest.approx(4 * found.value[0], rel=1e-3)
    assert again.error.max() == pytest.approx(4 * found.error.max() / 2, rel=0.01)


def test_nothing_speaks_for_a_gas_that_is_not_there(simulator, observed, draws):
    """A trace of it fits as well as none: never worse, and hardly better."""
    wet, dry = explain_fits(simulator, observed, ["H2O", "CO2"], draws)
    assert wet.value[0] > 50
    assert -1e-3 < dry.value[0] < 3


def test_fits_stay_within_the_priors(grid, simulator, observed, draws):
    narrow = Linear(grid, SPACE.replace(planet_radius=Uniform(0.9, 0.99)))
    inside = draws - [0.05, 0, 0]
    (found,) = explain_fits(narrow, observed, ["H2O"], inside)
    for fit in (found.meta["parameters"], found.meta["parameters_without"]):
        low, high = narrow.space.bounds[[SPACE.index(name) for name in fit]].T
        values = np.array(list(fit.values()))
        assert ((values >= low) & (values <= high)).all()
    assert found.meta["parameters"]["planet_radius"] == pytest.approx(0.99, abs=1e-3)
    # A normal prior pulls, and does not stop.
    pulled = Linear(grid, SPACE.replace(planet_radius=Normal(0.9, 1e-6)))
    (found,) = explain_fits(pulled, observed, ["H2O"], draws - [0.1, 0, 0])
    assert found.meta["parameters"]["planet_radius"] == pytest.approx(0.9, abs=1e-4)


def test_draws_that_the_simulator_refuses_are_passed_over(grid, simulator, observed, draws):
    (expected,) = explain_fits(simulator, observed, ["H2O"], draws)
    wary = Linear(grid, most=1.1)
    strange = np.vstack([draws, np.add(draws, [0.3, 0, 0])])
    (found,) = explain_fits(wary, observed, ["H2O"], strange)
    assert found.value[0] == pytest.approx(expected.value[0], rel=1e-2)
    with pytest.raises(RangeError, match="refuses all 40 atmospheres"):
        explain_fits(wary, observed, ["H2O"], np.add(draws, [0.4, 0, 0]))


def test_what_it_says_is_json_and_a_figure(simulator, observed, draws):
    told = []
    both = explain_fits(simulator, observed, ["H2O", "CO2"], draws, progress=told.append)
    assert told == [0.5, 1.0]
    said = json.loads(json.dumps(both[0].to_dict(), allow_nan=False))
    assert said["method"] == "refit"
    assert said["fits"].keys() == {"with", "without"}
    figure = both[0].plot(observed)
    legends = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    words = [text.get_text() for legend in legends for text in legend.texts]
    assert "best fit without H₂O" in words
    assert "speaks for H₂O" in words


def test_what_is_refused(grid, simulator, observed, draws):
    with pytest.raises(UnknownNameError, match="CO2"):
        explain_fits(simulator, observed, ["CO"], draws)
    depth = observed.depth.copy()
    depth[3] = np.nan
    with pytest.raises(RangeError, match="without_missing"):
        explain_fits(simulator, observed.replace(depth=depth), ["H2O"], draws)
    assert explain_fits(simulator, observed, [], draws) == []


def test_a_gas_of_two_layers_is_taken_out_of_both(grid):
    """Its place is taken by what else there is, and the fit with it is no worse."""
    simulator = TransmissionModel(
        ("H2O", "CH4"),
        fixed={"star_radius": 1.0, "planet_mass": 1.0},
        abundance_profiles={"H2O": "two-layer"},
        grid=grid,
    )
    assert "log_x_h2o_top" in simulator.space
    theta = simulator.space.sample(30, 1)
    theta[:, simulator.space.index("log_x_h2o")] = -3
    theta[:, simulator.space.index("log_x_h2o_top")] = -3
    theta[:, simulator.space.index("log_p_cloud")] = 0.5
    depth = grid.average(simulator.wavelength, simulator.simulate(theta[:1]))[0]
    spectrum = Spectrum(grid, depth, np.full(grid.n_bins, 5e-5))
    (found,) = explain_fits(simulator, spectrum, ["H2O"], theta)
    assert "log_x_h2o_top" not in found.meta["parameters_without"]
    assert found.value[0] > 5
