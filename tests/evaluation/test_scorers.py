"""A score with noise."""

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.evaluation import noisy_scorer
from exosk.exceptions import UnitError

RANDOM = np.random.default_rng(0)
Y = RANDOM.uniform(0, 0.01, (300, 2))
X = 0.02 + Y @ RANDOM.uniform(-1, 1, (2, 8))
SIGMA = 1e-3


@pytest.fixture
def model():
    return LinearRegression().fit(X, Y)


def test_seeds(model):
    scores = [noisy_scorer("r2", SIGMA, seed)(model, X, Y) for seed in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    scorer = noisy_scorer("r2", SIGMA)
    assert scorer(model, X, Y) == scorer(model, X, Y) == scores[0]


@pytest.mark.parametrize("scoring", ["r2", "neg_root_mean_squared_error"])
def test_noise_lowers_the_score(model, scoring):
    clean = get_scorer(scoring)(model, X, Y)
    scores = [noisy_scorer(scoring, sigma)(model, X, Y) for sigma in (0, 1e-4, 1e-3)]
    assert scores[0] == clean
    assert scores[0] > scores[1] > scores[2]


def test_the_noise_has_the_errors_given():
    """The error of a model that reads one bin is that bin's."""
    sigma = np.array([1e-3, 2e-3, *[0.0] * 6])

    class Reader(LinearRegression):
        def predict(self, X):
            return X[:, :2]

    X = np.full((5000, 8), 0.02)
    error = make_scorer(mean_absolute_error, multioutput="raw_values")
    seen = noisy_scorer(lambda *a: error(*a)[1] / error(*a)[0], sigma)(Reader(), X, X[:, :2])
    assert seen == pytest.approx(2, rel=0.1)


def test_it_picks_the_model_for_noise():
    """On clean folds the least regularised model wins, on noisy ones it does not."""
    search = {"ridge__alpha": [1e-12, 1e-4]}
    model = make_pipeline(NoiseInjector(0), Ridge())
    clean = GridSearchCV(model, search, scoring="r2").fit(X, Y)
    noisy = GridSearchCV(model, search, scoring=noisy_scorer("r2", SIGMA)).fit(X, Y)
    assert clean.best_params_["ridge__alpha"] == 1e-12
    assert noisy.best_params_["ridge__alpha"] == 1e-4
    assert noisy.best_score_ < clean.best_score_


def test_it_goes_to_other_processes():
    scorer = noisy_scorer("r2", np.full(8, SIGMA))
    one, two = (cross_val_score(LinearRegression(), X, Y, scoring=scorer, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_a_table_keeps_its_names(model):
    table = pd.DataFrame(X, columns=[f"depth_{k}" for k in range(8)])
    named = LinearRegression().fit(table, Y)
    scorer = noisy_scorer("r2", SIGMA)
    assert scorer(named, table, Y) == pytest.approx(scorer(model, X, Y))
    assert scorer(model, X.tolist(), Y) == pytest.approx(scorer(model, X, Y))


def test_errors_are_converted_and_missing_ones_add_nothing(model):
    percent = noisy_scorer("r2", 100 * SIGMA * u.percent)
    assert percent(model, X, Y) == pytest.approx(noisy_scorer("r2", SIGMA)(model, X, Y))
    gaps = noisy_scorer("r2", [np.nan] * 8)
    assert gaps(model, X, Y) == get_scorer("r2")(model, X, Y)
    with pytest.raises(UnitError, match=r"sigma = 120 .* looks like ppm"):
        noisy_scorer("r2", 120)
