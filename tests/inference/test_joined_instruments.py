"""Likelihoods, samplers and whole retrievals of several instruments with offsets."""

import numpy as np
import pytest
from scipy import stats

import exosk
from exosk.inference import gaussian_log_likelihood, nested_sample, sampling_error
from exosk.inference.comparison import lacking
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.preprocessing import join_spectra
from exosk.simulators import TransmissionModel
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.joined import JoinedSimulator
from exosk.spectra import SpectralGrid, Spectrum

SIGMA = 3e-5
SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(1.0, 1.2), "R_jup"),
        Parameter("temperature", Uniform(800.0, 1600.0), "K"),
        Parameter("log_x_h2o", Uniform(-8.0, -1.0), "log VMR"),
        Parameter("log_x_co2", Uniform(-8.0, -1.0), "log VMR"),
    ]
)
TRUTH = np.array([1.1, 1200.0, -3.5, -4.0])
FIXED = {"planet_mass": 1.0, "star_radius": 1.0}
FEW = SPACE[:1]
FEW_FIXED = {**FIXED, **dict(zip(SPACE.names[1:], TRUTH[1:], strict=True))}


def part(low, high, resolution, instrument):
    grid = SpectralGrid.from_resolution(low, high, resolution)
    n = grid.n_bins
    return Spectrum(grid, np.full(n, 0.01), np.full(n, SIGMA), instrument=instrument)


# The second lies over the first, the third over an end of the second.
JOINED = join_spectra(
    [part(1.1, 1.7, 40, "WFC3"), part(0.8, 3.0, 8, "PRISM"), part(2.5, 4.0, 15, "NIRCam")]
)
GRID = JOINED.grid
OWNER = np.array(JOINED.meta["instrument"])
NESTED = {"n_networks": 0, "random_state": 0}


class Flat:
    """A planet without an atmosphere: one depth, in ppm, at all wavelengths."""

    space = ParameterSpace([Parameter("level", Normal(0.0, 200.0))])
    molecules, wavelength, provenance = (), np.linspace(0.7, 4.2, 200), {"simulator": "flat"}

    def simulate(self, theta):
        return np.tile(0.01 + 1e-6 * np.asarray(theta), (1, len(self.wavelength)))

    def restrict(self, grid):
        return self


class _Gas(Flat):
    """The same of a gas that does nothing."""

    space = ParameterSpace([*Flat.space, SPACE["log_x_h2o"]])
    molecules = ("H2O",)


@pytest.fixture(scope="module")
def base():
    return TransmissionModel(("H2O", "CO2"), space=SPACE, fixed=FIXED, n_layers=30).restrict(GRID)


@pytest.fixture(scope="module")
def joined(base):
    return JoinedSimulator(base, JOINED)


def observe(base, *offsets, noise=1.0):
    """Make an observation of the truth with offsets of the second and third instrument."""
    depth = simulate_in_bins(base, GRID)([TRUTH])[0]
    depth = depth + 1e-6 * np.array([0.0, *offsets])[OWNER]
    depth += noise * SIGMA * np.random.default_rng(0).standard_normal(len(GRID))
    return JOINED.replace(depth=depth)


@pytest.mark.parametrize("free_scale", [False, True])
def test_gradients_are_those_of_differences(joined, base, free_scale):
    spectrum = observe(base, 100, -50)
    log_likelihood = gaussian_log_likelihood(joined, spectrum, 1e-4, free_scale=free_scale)
    assert log_likelihood.is_differentiable
    theta = np.array([[*TRUTH, 80.0, -90.0], [1.099, 1250.0, -3.3, -4.2, 60.0, 20.0]])
    value, gradient = log_likelihood.value_and_gradient(theta)
    np.testing.assert_allclose(value, log_likelihood(theta), rtol=1e-6)
    step = np.array([1e-4, 1.0, 3e-2, 3e-2, 1.0, 1.0])
    for k, h in enumerate(step):
        e = h * np.eye(6)[k]
        slope = (log_likelihood(theta + e) - log_likelihood(theta - e)) / (2 * h)
        np.testing.assert_allclose(
            gradient[:, k] * h, slope * h, atol=3e-3 * np.abs(gradient * step).max(), err_msg=str(k)
        )


def test_a_simulator_without_gradients_has_none_joined(base):
    joined = JoinedSimulator(Flat(), JOINED)
    assert not hasattr(joined, "depth")
    assert joined.fixed == {}
    assert not gaussian_log_likelihood(joined, JOINED).is_differentiable


def test_the_marginal_over_an_offset_is_a_gaussian_of_correlated_errors(joined, base):
    """Of one atmosphere, by quadrature: the covariance is diag(sigma^2) + s^2 1 1^T."""
    spectrum = observe(base, 60, 0)
    log_likelihood = gaussian_log_likelihood(joined, spectrum)
    spread = 40.0
    # The integrand is narrow beside the prior; the rule is centred on it.
    node, weight = np.polynomial.legendre.leggauss(200)
    offset = 60 + 120 * node
    terms = np.exp(
        log_likelihood(np.column_stack([np.tile(TRUTH, (200, 1)), offset, np.zeros(200)]))
        - log_likelihood([[*TRUTH, 60, 0]])
    ) * stats.norm(0, spread).pdf(offset)
    found = np.log(120 * weight @ terms) + log_likelihood([[*TRUTH, 60, 0]])[0]
    mine = np.equal(OWNER, 1)
    covariance = SIGMA**2 * np.eye(len(GRID)) + (1e-6 * spread) ** 2 * np.outer(mine, mine)
    mean = simulate_in_bins(base, GRID)([TRUTH])[0]
    expected = stats.multivariate_normal(mean, covariance).logpdf(spectrum.depth)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_evidence_of_a_linear_model_is_its_closed_form():
    """Level and two offsets have normal priors, so that the data have a normal distribution."""
    spread = 150.0
    joined = JoinedSimulator(Flat(), JOINED, Normal(0, spread))
    random = np.random.default_rng(1)
    depth = 0.01 + 1e-6 * np.array([0.0, 120.0, -200.0])[OWNER] + 5e-5
    spectrum = JOINED.replace(depth=depth + SIGMA * random.standard_normal(len(GRID)))
    design = np.column_stack(
        [np.full(len(GRID), 200.0), *(spread * np.equal(OWNER, k) for k in (1, 2))]
    )
    covariance = SIGMA**2 * np.eye(len(GRID)) + 1e-12 * design @ design.T
    expected = stats.multivariate_normal(np.full(len(GRID), 0.01), covariance)
    found = nested_sample(
        gaussian_log_likelihood(joined, spectrum), joined.space,
        n_live=200, n_eff=1000, **NESTED,
    )  # fmt: skip
    error = found.meta["log_evidence_error"]
    assert error < 0.1
    assert found.meta["log_evidence"] == pytest.approx(
        expected.logpdf(spectrum.depth), abs=4 * error
    )
    # And so has the posterior.
    gain = design.T @ np.linalg.inv(covariance) * 1e-6
    mean = np.array([200, spread, spread]) * (gain @ (spectrum.depth - 0.01))
    std = np.array([200, spread, spread]) * np.sqrt(1 - 1e-6 * np.diag(gain @ design))
    assert np.abs((found.mean - mean) / std).max() < 0.2
    np.testing.assert_allclose(found.std, std, rtol=0.15)


def test_injected_offsets_are_found_and_without_them_nothing_fits(base):
    """Radius, water and offsets at once, of two instruments that overlap and one beside."""
    names, truth = ["planet_radius", "log_x_h2o"], TRUTH[[0, 2]]
    space = ParameterSpace([SPACE[name] for name in names])
    fixed = {**FIXED, "temperature": TRUTH[1], "log_x_co2": TRUTH[3]}
    few = base.replace(space=space, fixed=fixed)
    spectrum = observe(base, 150, -100, noise=0.3)
    joined = JoinedSimulator(few, spectrum, Normal(0, 200))
    found = nested_sample(
        gaussian_log_likelihood(joined, spectrum), joined.space, n_live=100, n_eff=300, **NESTED
    )
    away = (found.mean - [*truth, 150, -100]) / found.std
    assert np.abs(away).max() < 2
    assert (found.std[2:] < 20).all()

    def chi2(simulator, theta):
        depth = simulate_in_bins(simulator, GRID)(theta)
        return (((depth - spectrum.depth) / SIGMA) ** 2).sum(axis=1).min() / len(GRID)

    everywhere = np.stack(np.meshgrid(np.linspace(1.0, 1.2, 60), np.linspace(-8, -1, 15)), -1)
    assert chi2(joined, found.resample(300, 0)) < 1
    assert chi2(few, everywhere.reshape(-1, 2)) > 5


def test_the_sampling_error_is_the_simulator_s(joined, base):
    theta = SPACE.sample(4, random_state=0)
    expected = sampling_error(base, theta, GRID)
    shifted = np.column_stack([theta, np.tile([300, -300], (4, 1))])
    found = sampling_error(joined, shifted, GRID)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_retrieval_finds_the_offsets_and_says_whose_they_are(base):
    few = base.replace(space=FEW, fixed=FEW_FIXED)
    spectrum = observe(base, 150, -100)
    gappy = spectrum.replace(depth=np.where(np.arange(len(GRID)) == 4, np.nan, spectrum.depth))
    joined = JoinedSimulator(few, gappy, Normal(0, 200))
    result = exosk.retrieve(gappy, joined, n_spectra=150, n_particles=150, n_jobs=1)
    assert result.posterior.space == joined.space
    away = (result.posterior.mean - [TRUTH[0], 150, -100]) / result.posterior.std
    assert np.abs(away).max() < 4
    assert result.reduced_chi2 < 1.5
    told = result.provenance["simulator"]["instruments"]
    assert [own["offset"] for own in told.values()] == [None, "offset_prism", "offset_nircam"]
    assert len(result.spectrum) == len(GRID) - 1
    assert [name for name, _ in result.spectrum.by_instrument()] == ["WFC3", "PRISM", "NIRCam"]


def test_a_molecule_can_be_left_out(base, joined):
    """As odds do: offsets stay, and the spectra are those of the simulator without it."""
    without, plain = lacking(joined, "H2O"), lacking(base, "H2O")
    assert without.space.names == [*plain.space.names, *joined.space.names[-2:]]
    theta = TRUTH[None, [0, 1, 3]]
    few = GRID[3:20]
    expected = simulate_in_bins(plain, few)(theta) + 1e-6 * np.array([0.0, 40, -70])[OWNER[3:20]]
    shifted = np.column_stack([theta, [[40, -70]]])
    np.testing.assert_allclose(simulate_in_bins(without, few)(shifted), expected, rtol=3e-7)
    log_likelihood = gaussian_log_likelihood(without, observe(base, 40, -70))
    value, gradient = log_likelihood.value_and_gradient(shifted)
    assert value == pytest.approx(log_likelihood(shifted), rel=1e-6)
    assert np.isfinite(gradient).all()
