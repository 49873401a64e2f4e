"""Where a molecule truly shows, and how near an importance comes."""

import numpy as np
import pytest

import exosk
from exosk.datasets.detectability import delta_chi2
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain import randomize_weights, score_importance, true_contribution
from exosk.explain.bands import bins_in_bands
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.simulators.removal import ABSENT


@pytest.fixture(scope="module")
def simulator():
    names = ("h2o", "co2", "ch4")
    space = ParameterSpace(
        [Parameter(f"log_x_{name}", Uniform(-100, -2), "log VMR") for name in names]
    )
    fixed = {"planet_radius": 1.2, "planet_mass": 0.3, "star_radius": 0.9, "temperature": 1000.0}
    return exosk.get_simulator("builtin", molecules=("H2O", "CO2", "CH4"), space=space, fixed=fixed)


@pytest.fixture(scope="module")
def prism():
    return exosk.get_instrument("nirspec-prism")


def test_carbon_dioxide_shows_at_4_3_um(simulator, prism):
    truth = true_contribution(simulator, [[-3.5, -4.5, -8]], "CO2", prism.grid, prism.sigma)[0]
    assert 4.2 < prism.grid.wavelength[np.argmax(truth)] < 4.5
    inside = bins_in_bands("CO2", prism.grid)
    assert truth[inside].sum() > 0.8 * truth.sum()


@pytest.mark.parametrize("molecule", ["H2O", "CO2", "CH4"])
def test_known_bands_are_where_molecules_show(simulator, prism, molecule):
    """Alone in the atmosphere, a gas contributes more to its own bands than to the rest."""
    theta = np.full((1, 3), ABSENT)
    theta[0, ("H2O", "CO2", "CH4").index(molecule)] = -5
    truth = true_contribution(simulator, theta, molecule, prism.grid, prism.sigma)[0]
    inside = bins_in_bands(molecule, prism.grid)
    assert truth[inside].mean() > 3 * truth[~inside].mean()


def test_it_adds_up_to_the_chi_squared(simulator, prism):
    theta = np.array([[-3.5, -4.5, -8], [-4, -6, -5]])
    truth = true_contribution(simulator, theta, "CO2", prism.grid, prism.sigma)
    twice = true_contribution(simulator, theta, "CO2", prism.grid, 2 * prism.sigma)
    assert truth == pytest.approx(4 * twice)
    # A level that is free explains some of it.
    binned = exosk.simulators.binned.simulate_in_bins(simulator, prism.grid)
    gone = theta.copy()
    gone[:, 1] = ABSENT
    assert (truth.sum(axis=1) >= delta_chi2(binned(theta), binned(gone), prism.sigma)).all()


def test_a_gas_that_is_not_there_tells_nothing(simulator, prism):
    truth = true_contribution(simulator, [[-3.5, ABSENT, -8]], "CO2", prism.grid, prism.sigma)
    assert (truth == 0).all()
    sigma = np.where(np.arange(prism.grid.n_bins) < 5, np.nan, prism.sigma)
    truth = true_contribution(simulator, [[-3.5, -4, -8]], "CO2", prism.grid, sigma)
    assert (truth[0, :5] == 0).all()
    with pytest.raises(UnknownNameError, match="'CO'"):
        true_contribution(simulator, [[-3.5, -4, -8]], "CO", prism.grid, prism.sigma)


def test_scores_of_known_importances():
    truth = np.arange(50.0)
    best, worst = score_importance(truth**3, truth), score_importance(-truth, truth)
    assert best.rank_correlation == pytest.approx(1)
    assert (best.overlap, best.above_chance) == (1, 1)
    assert worst.rank_correlation == pytest.approx(-1)
    assert worst.overlap == 0
    assert best.top == 0.2


def test_by_chance_it_is_chance():
    random = np.random.default_rng(0)
    scores = [score_importance(*random.standard_normal((2, 50))) for _ in range(600)]
    assert np.mean([s.overlap for s in scores]) == pytest.approx(0.2, abs=0.02)
    assert np.mean([s.above_chance for s in scores]) == pytest.approx(0, abs=0.025)
    assert np.mean([s.rank_correlation for s in scores]) == pytest.approx(0, abs=0.02)
    flat = score_importance(np.zeros(50), random.standard_normal(50))
    assert (flat.rank_correlation, flat.overlap) == (0, pytest.approx(0.2))


@pytest.mark.parametrize(
    ("importance", "truth", "top", "error"),
    [
        (np.ones(3), np.ones(4), 0.2, GridError),
        (np.ones((2, 3)), np.ones((2, 3)), 0.2, GridError),
        ([1.0, np.nan], [1.0, 2.0], 0.2, RangeError),
        ([1.0], [1.0], 0.2, RangeError),
        ([1.0, 2.0], [1.0, 2.0], 1.0, RangeError),
    ],
)
def test_refusals(importance, truth, top, error):
    with pytest.raises(error):
        score_importance(importance, truth, top)


def test_random_weights_know_nothing_and_the_model_keeps_its_own():
    random = np.random.default_rng(0)
    X = random.standard_normal((400, 6))
    y = (X[:, :2] > 0).astype(int)
    model = exosk.MLPDetector((16,), max_epochs=8, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    other = randomize_weights(model, 1)
    assert (model.predict_proba(X) == before).all()
    assert (other.predict_proba(X) == randomize_weights(model, 1).predict_proba(X)).all()
    assert (other.predict_proba(X) != randomize_weights(model, 2).predict_proba(X)).any()
    right, wrong = (np.mean((p > 0.5) == y) for p in (before, other.predict_proba(X)))
    assert right > 0.9 > 0.8 > wrong
    with pytest.raises(RangeError, match="shuffled labels"):
        randomize_weights(exosk.MoleculeDetector(5).fit(X, y))
