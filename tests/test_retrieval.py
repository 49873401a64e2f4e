"""A retrieval from end to end, of an observation whose truth is known."""

import json

import numpy as np
import pytest

from exosk.exceptions import RangeError, UnknownNameError
from exosk.explain import explain_fits
from exosk.explain.bands import bins_in_bands
from exosk.instruments import Instrument
from exosk.instruments.builtin import make_hst_wfc3_g141
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.retrieval import Retrieval, retrieve
from exosk.simulators import TransmissionModel
from exosk.simulators.system import space_for_spectrum
from exosk.sources import load_spectrum
from exosk.spectra import Spectrum

# Of a hot Saturn with a cloud deck; the rest is fixed, so that WFC3 can tell them.
TRUTH = {"planet_radius": 1.20, "temperature": 1100.0, "log_x_h2o": -3.3, "log_p_cloud": -1.5}
SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(1.10, 1.30), "R_jup"),
        Parameter("temperature", Uniform(600.0, 1600.0), "K"),
        Parameter("log_x_h2o", Uniform(-9.0, -1.0), "log VMR"),
        Parameter("log_x_ch4", Uniform(-9.0, -1.0), "log VMR"),
        Parameter("log_p_cloud", Uniform(-5.0, 1.0), "log bar"),
    ]
)
SETTINGS = {"n_spectra": 800, "n_particles": 250, "n_jobs": 1}


@pytest.fixture(scope="module")
def instrument() -> Instrument:
    return make_hst_wfc3_g141(n_bins=15)


@pytest.fixture(scope="module")
def simulator(instrument) -> TransmissionModel:
    fixed = {"star_radius": 0.95, "planet_mass": 0.6}
    return TransmissionModel(("H2O", "CH4"), space=SPACE, fixed=fixed, grid=instrument.grid)


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return np.array([(TRUTH | {"log_x_ch4": -8.5})[name] for name in SPACE.names])


@pytest.fixture(scope="module")
def observation(instrument, simulator, truth) -> Spectrum:
    depth = simulator.simulate(truth[None])[0]
    return instrument.observe(simulator.wavelength, depth, random_state=2)


@pytest.fixture(scope="module")
def told() -> list[tuple[str, float]]:
    return []


@pytest.fixture(scope="module")
def result(observation, simulator, told) -> Retrieval:
    return retrieve(
        observation,
        simulator,
        **SETTINGS,
        random_state=0,
        progress=lambda stage, share: told.append((stage, share)),
    )


def test_the_truth_lies_within_the_99_per_cent_interval(result, truth):
    low, high = result.posterior.interval(0.99)
    assert ((low <= truth) & (truth <= high)).all()
    # And something was learned: of the radius and of water, which WFC3 sees.
    prior = np.array([p.prior.distribution.std() for p in SPACE])
    learned = dict(zip(SPACE.names, result.posterior.std / prior))
    assert learned["planet_radius"] < 0.5
    assert learned["log_x_h2o"] < 0.7


def test_the_fit_is_as_good_as_the_noise_allows(result, observation):
    """The best of the posterior's draws: fewer residuals than bins by the parameters that fit."""
    assert 0.3 < result.reduced_chi2 < 2.5
    assert result.reduced_chi2_with_model_error <= result.reduced_chi2
    assert np.abs(result.residuals).max() < 4
    low, _, _, _, high = result.bands()
    assert (low < observation.depth + 3 * observation.sigma).all()
    assert (high > observation.depth - 3 * observation.sigma).all()


def test_everything_in_it_is_finite_and_has_its_shape(result, observation):
    n = len(observation)
    assert len(result.posterior) == SETTINGS["n_particles"]
    assert result.model_depth.shape[1] == n
    assert result.best_depth.shape == result.model_error.shape == (n,)
    for array in (result.posterior.samples, result.model_depth, result.model_error):
        assert np.isfinite(array).all()
    assert (result.model_error > 0).all()
    assert result.model_error.max() < 60e-6
    assert result.n_test == pytest.approx(0.15 * SETTINGS["n_spectra"], abs=1)
    assert [score["name"] for score in result.scores] == SPACE.names
    assert all(0 <= score["coverage"] <= 1 and score["r2"] <= 1 for score in result.scores)
    for share in (result.molecules, result.detector, result.prior_presence, result.detector_auc):
        assert set(share) == {"H2O", "CH4"}
        assert all(0 <= value <= 1 for value in share.values())


def test_it_tells_water_from_what_is_not_there(result):
    assert result.molecules["H2O"] > 0.95
    assert result.molecules["CH4"] < result.molecules["H2O"]
    assert result.detector["H2O"] > result.prior_presence["H2O"]
    assert result.scores[SPACE.index("planet_radius")]["r2"] > 0.5


def test_progress_rises_within_each_stage(result, told):
    stages = list(dict.fromkeys(stage for stage, _ in told))
    work = ["simulating training spectra", "training", "refining with the simulator"]
    assert stages == [*work, "explaining"]
    for wanted in stages:
        shares = [share for stage, share in told if stage == wanted]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_result(result, observation, simulator):
    again = retrieve(observation, simulator, **SETTINGS, random_state=0)
    assert np.array_equal(again.posterior.samples, result.posterior.samples)
    assert np.array_equal(again.first_look.weights, result.first_look.weights)
    assert again.molecules == result.molecules
    assert again.scores == result.scores
    assert again.reduced_chi2 == result.reduced_chi2


def test_its_provenance_is_json_and_says_how_to_repeat_it(result):
    said = json.loads(json.dumps(result.provenance))
    assert said["seed"] == 0
    assert said["n_spectra"] == SETTINGS["n_spectra"]
    assert said["simulator"]["simulator"] == "builtin"
    assert {"exosk", "torch"} < set(said["versions"])
    assert {"simulation", "training", "refinement", "explanation"} < set(result.seconds)


def test_missing_bins_are_left_out(observation, simulator):
    depth, sigma = observation.depth.copy(), observation.sigma.copy()
    depth[[3, 9]] = np.nan
    gappy = observation.replace(depth=depth, sigma=sigma)
    result = retrieve(gappy, simulator, n_spectra=200, refine=False, n_jobs=1)
    assert len(result.spectrum) == len(observation) - 2
    assert result.model_depth.shape[1] == len(observation) - 2
    assert np.isfinite(result.model_depth).all()


def test_without_refinement_it_is_the_forest_s_own_posterior(observation, simulator, truth):
    result = retrieve(observation, simulator, n_spectra=400, refine=False, n_jobs=1)
    assert np.array_equal(result.posterior.samples, result.first_look.samples)
    assert np.array_equal(result.posterior.weights, result.first_look.weights)
    assert (result.model_error == 0).all()
    assert "refinement" not in result.seconds
    low, high = result.posterior.interval(0.99)
    assert ((low <= truth) & (truth <= high)).all()


def test_too_few_spectra_are_refused(observation, simulator):
    with pytest.raises(RangeError, match="99 spectra are too few"):
        retrieve(observation, simulator, n_spectra=99)


def test_an_observation_beyond_the_opacities_is_refused(observation, simulator):
    far = observation.grid.from_edges(np.linspace(31.0, 35.0, len(observation) + 1))
    with pytest.raises(RangeError, match="leave out the bins beyond"):
        retrieve(observation.replace(grid=far), simulator, n_spectra=200)


@pytest.mark.parametrize(
    ("fixed", "asked"),
    [({"log_x_ch4": -6.0}, ["H2O"]), ({"log_x_ch4": -6.0, "log_x_h2o": -3.0}, [])],
)
def test_a_fixed_abundance_is_no_question(fixed, asked):
    spectrum = load_spectrum("wasp-12b")
    space, values = space_for_spectrum(spectrum, ("H2O", "CH4"), fixed=fixed)
    simulator = TransmissionModel(("H2O", "CH4"), space=space, fixed=values)
    result = retrieve(spectrum, simulator, n_spectra=120, refine=False)
    assert list(result.molecules) == list(result.detector) == asked


# --- other methods ---------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["flow+is", "nested", "hmc"])
def other(request, observation, simulator) -> Retrieval:
    return retrieve(observation, simulator, **SETTINGS, method=request.param, odds=True)


def test_exact_methods_agree(other, result):
    """Means within some tenths of a standard deviation, evidences within their errors."""
    std = result.posterior.std
    assert (abs(other.posterior.mean - result.posterior.mean) < 0.5 * std).all()
    np.testing.assert_allclose(other.posterior.std, std, rtol=0.4)
    mine, theirs = (each.posterior.meta for each in (result, other))
    error = np.hypot(mine["log_evidence_error"], theirs["log_evidence_error"])
    assert abs(mine["log_evidence"] - theirs["log_evidence"]) < 0.2 + 4 * error


def test_odds_are_for_what_is_there_and_not_for_what_is_not(other):
    assert other.odds["H2O"].log_odds > 5
    assert other.odds["CH4"].log_odds < 1
    assert json.loads(json.dumps(other.odds.to_dict()))["odds"][0]["molecule"] == "H2O"


def test_what_was_not_trained_is_not_there(other):
    trained = other.method != "nested"
    assert bool(other.scores) == bool(other.detector) == trained
    assert (other.first_look is None) == (other.guard is None) == (not trained)
    assert (other.n_test > 0) == trained
    assert json.loads(json.dumps(other.provenance))["n_spectra"] == (800 if trained else 0)


def test_the_model_could_have_made_its_own_spectrum(other):
    assert other.predictive.passed
    assert other.guard is None or not other.guard["outside"]


@pytest.fixture(scope="module")
def network(observation, simulator) -> Retrieval:
    asked = {"explain": ["H2O"], "explain_by": "both"}
    return retrieve(observation, simulator, n_spectra=400, method="flow", n_jobs=1, **asked)


def test_a_network_by_itself_is_not_refined(network, truth):
    result = network
    assert "n_simulations" not in result.posterior.meta
    assert (result.model_error == 0).all()
    low, high = result.posterior.interval(0.99)
    assert ((low <= truth) & (truth <= high)).all()


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"method": "nestled"}, UnknownNameError, "nested"),
        ({"method": "flow", "refine": False}, RangeError, "refine=False is about the forest"),
        ({"method": "flow", "odds": True}, RangeError, "odds compare evidences"),
        ({"refine": False, "odds": True}, RangeError, "odds compare evidences"),
        ({"checkpoint": "run.h5"}, RangeError, "keeps no checkpoint"),
        ({"explain": ["CO2"]}, UnknownNameError, "molecule of free abundance 'CO2'"),
        ({"explain_by": "luck"}, UnknownNameError, "both, fits, model"),
        ({"method": "nested", "explain_by": "both"}, RangeError, "asks a model"),
    ],
)
def test_options_that_do_not_go_together_are_refused(observation, simulator, options, error, says):
    with pytest.raises(error, match=says):
        retrieve(observation, simulator, **options)


# --- explanations ----------------------------------------------------------------------------


def test_what_is_found_is_explained_and_nothing_else(result, simulator, observation):
    assert [(one.target, one.method) for one in result.explanations] == [("H2O", "refit")]
    water = result.explanations[0]
    assert water.groups.grid == observation.grid
    assert water.value[0] > 5
    assert water.importance.sum() == pytest.approx(water.value[0])
    # The fit with water is at least as good as the best draw of the posterior.
    pull = (observation.depth - water.fits["with"]) / np.hypot(
        observation.sigma, result.model_error
    )
    freedom = len(observation) - len(simulator.space)
    assert (pull**2).sum() / freedom < result.reduced_chi2_with_model_error + 0.05


def test_without_noise_water_shows_in_its_band(result, simulator, observation, truth):
    """Where WFC3 sees it; the noise of one spectrum would be in the contributions."""
    depth = simulator.simulate(truth[None])[0]
    clean = observation.replace(depth=observation.grid.average(simulator.wavelength, depth))
    (water,) = explain_fits(simulator, clean, ["H2O"], result.posterior.resample(60, 0))
    # More than by chance: a band shows by its contrast, so what is beside it speaks as well.
    assert water.in_bands()["H2O"] > bins_in_bands("H2O", observation.grid).mean()
    assert 1.32 < water.peak < 1.55


def test_molecules_are_named_and_none_is_explained_on_demand(observation, simulator):
    quick = {"n_spectra": 200, "refine": False, "n_jobs": 1}
    named = retrieve(observation, simulator, **quick, explain=["ch4", "CH4"])
    assert named.explanations[0].target == "CH4"
    assert len({one.target for one in named.explanations}) == len(named.explanations)
    assert abs(named.explanations[0].value[0]) < 5
    silent = retrieve(observation, simulator, **quick, explain=None)
    assert silent.explanations == ()
    assert np.array_equal(silent.posterior.weights, named.posterior.weights)


def test_every_exact_method_is_explained_alike(other, result):
    """By the same simulator, from another posterior."""
    mine, theirs = (each.explanations[0] for each in (result, other))
    assert (theirs.target, theirs.method) == ("H2O", "refit")
    assert theirs.value[0] == pytest.approx(mine.value[0], rel=0.2)
    assert np.corrcoef(theirs.importance, mine.importance)[0, 1] > 0.9


@pytest.mark.parametrize("method", ["forest", "flow"])
def test_a_trained_model_is_asked_on_demand(observation, simulator, network, method):
    settings = {"n_spectra": 200, "refine": False, "explain": ["H2O"], "explain_by": "model"}
    result = network if method == "flow" else retrieve(observation, simulator, **settings)
    found = next(one for one in result.explanations if one.method == "shap")
    assert (found.target, found.unit) == ("H2O", "log VMR")
    # Shapley values add up to the answer, less what it is with all hidden; to within the noise
    # of few samples where the mean is of samples.
    total = found.value[0] - found.base[0]
    noise = 1e-6 if method == "forest" else 3 * 3.0 / np.sqrt(50)
    assert found.importance.sum() == pytest.approx(total, abs=noise)
    assert np.ptp(found.importance) > 0


def test_a_pretrained_model_is_asked_in_the_observation_s_bins():
    """As it is in a retrieval: its answer to the whole spectrum is the mean of its posterior."""
    from exosk.retrieval.explained import _Mean
    from exosk.retrieval.ready import find_ready_model

    spectrum = load_spectrum("wasp-39b")
    molecules = ("H2O", "CO2", "CO", "CH4", "Na", "K", "SO2")
    space, fixed = space_for_spectrum(spectrum, molecules)
    ready = find_ready_model(spectrum, TransmissionModel(molecules, space=space, fixed=fixed))
    model = ready.answerer()
    row = spectrum.to_row()
    drawn = model.sample_posterior(row, 4000, random_state=0)[0]
    expected = ready.proposal().sample(4000, 1)
    names = [space.index(name) for name in ("planet_radius", "log_x_h2o", "log_x_co2")]
    spread = expected.std(axis=0)[names]
    assert (abs(drawn.mean(axis=0) - expected.mean(axis=0))[names] < 0.1 * spread).all()
    # A flat spectrum has no CO2 to tell of.
    flat = np.full_like(row, row.mean())
    answers = _Mean(model, space).predict(np.vstack([row, flat]))
    column = space.index("log_x_co2")
    assert answers[1, column] < answers[0, column]
