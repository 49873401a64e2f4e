"""A score with noise."""

import pickle

import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from scipy import special, stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.evaluation import noisy_scorer
from exosk.exceptions import GridError, RangeError, UnitError
from exosk.instruments import Instrument
from exosk.models import ForestRetriever, MoleculeDetector
from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.preprocessing import SpectrumScaler
from exosk.rows import join_rows
from exosk.spectra import SpectralGrid, Spectrum

RANDOM = np.random.default_rng(0)
Y = RANDOM.uniform(0, 0.01, (300, 2))
X = 0.02 + Y @ RANDOM.uniform(-1, 1, (2, 8))
SIGMA = 1e-3
GRID = SpectralGrid.from_edges(np.linspace(1, 2, 9))
SPACE = ParameterSpace([Parameter("a", Uniform(0, 0.01)), Parameter("b", Uniform(0, 0.01))])


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


# Where errors come from


class Seen(BaseEstimator):
    """Keeps what it is asked about."""

    def predict(self, X):
        self.seen = np.array(X)
        return np.zeros((len(X), 2))


def noise_seen(X, *arguments, **settings) -> np.ndarray:
    model = Seen()
    noisy_scorer("r2", *arguments, **settings)(model, X, np.resize(Y, (len(X), 2)))
    return model.seen - X


def test_an_instrument_or_observation_has_the_errors():
    sigma = np.linspace(1e-4, 1e-3, 8)
    plain = noise_seen(X, sigma)
    depth = np.full(8, 0.02)
    for source in (Instrument("toy", GRID, sigma), Spectrum(GRID, depth, sigma)):
        np.testing.assert_array_equal(noise_seen(X, source), plain)
    assert np.std(noise_seen(np.tile(X, (40, 1)), sigma), axis=0) == pytest.approx(sigma, rel=0.05)


def test_errors_in_x_are_each_spectrum_s_own_and_get_no_noise():
    sigma = np.outer(np.linspace(1e-4, 1e-3, 300), np.ones(8))
    noise = noise_seen(join_rows(X, sigma), "columns", grid=GRID)
    assert not noise[:, 8:].any()
    assert np.std(noise[:, :8] / sigma) == pytest.approx(1, rel=0.05)
    beside = noise_seen(join_rows(X, sigma), 1e-3, grid=GRID)
    assert not beside[:, 8:].any()
    assert np.std(beside[:, :8]) == pytest.approx(1e-3, rel=0.05)


def test_errors_range():
    """The log of factors log-uniform between 1 and 100 is on average that of 10, and uniform."""
    rows = np.tile(X, (100, 1))
    noise = noise_seen(rows, 1e-4, scale=(1, 100))
    factor = np.log10(np.mean((noise / 1e-4) ** 2, axis=1)) / 2
    # Of 8 squared standard normal numbers, the logarithm of the mean is below 0 on average.
    bias, variance = (special.polygamma(k, 4) for k in (0, 1))
    bias = (bias - np.log(4)) / 2 / np.log(10)
    assert np.mean(factor) == pytest.approx(1 + bias, abs=0.02)
    assert np.var(factor) == pytest.approx(1 / 3 + variance / (2 * np.log(10)) ** 2, rel=0.03)
    told = noise_seen(join_rows(X, np.full(8, 1e-4)), "columns", grid=GRID, scale=(2, 3))
    factors = 1 + told[:, 8:] / 1e-4
    assert 2 <= factors.min() < factors.max() <= 3
    assert np.ptp(factors, axis=1) == pytest.approx(0, abs=1e-9)


def test_a_transformer_adds_what_it_adds_in_training():
    noise = make_pipeline(NoiseInjector(1e-3), NoiseInjector(2e-3))
    seen = noise_seen(np.tile(X, (20, 1)), noise)
    assert np.std(seen) == pytest.approx(np.sqrt(5) * 1e-3, rel=0.02)
    with pytest.raises(RangeError, match="a transformer has its own"):
        noisy_scorer("r2", noise, scale=(1, 2))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sigma": -1e-4}, RangeError, "must not be negative, got -0.0001"),
        ({"sigma": "columns"}, GridError, "bins must be known; give grid"),
        (
            {"sigma": Instrument("toy", GRID, 1e-4), "grid": GRID[:4]},
            GridError,
            "which is not the grid",
        ),
        ({"sigma": "colums"}, UnitError, "sigma is not a number: 'colums'"),
        ({"sigma": 1e-4, "n_draws": 0}, RangeError, "positive whole number, got 0"),
        ({"sigma": 1e-4, "scoring": "r3"}, ValueError, "r3"),
        ({"sigma": 1e-4, "scoring": r2_score}, ValueError, "make_scorer"),
    ],
)
def test_nonsense_is_refused_before_a_search_begins(arguments, error, message):
    with pytest.raises(error, match=message):
        noisy_scorer(**{"scoring": "r2"} | arguments)


# Several draws, several scores


def test_draws_are_averaged(model):
    one = [noisy_scorer("r2", SIGMA, seed)(model, X, Y) for seed in range(40)]
    many = [noisy_scorer("r2", SIGMA, seed, n_draws=10)(model, X, Y) for seed in range(40)]
    assert np.mean(many) == pytest.approx(np.mean(one), abs=4 * np.std(one) / np.sqrt(40))
    assert np.std(many) < 0.6 * np.std(one)


def test_several_scores_are_of_the_same_noise(model):
    names = ["r2", "neg_mean_squared_error"]
    several = noisy_scorer(names, SIGMA)(model, X, Y)
    assert several == {name: noisy_scorer(name, SIGMA)(model, X, Y) for name in names}
    own = noisy_scorer({"mine": "r2", "constant": lambda *_: 1.0}, SIGMA, n_draws=3)(model, X, Y)
    assert own["constant"] == 1
    assert own["mine"] == noisy_scorer("r2", SIGMA, n_draws=3)(model, X, Y)


def test_a_search_refits_the_best_by_one_of_several():
    scorer = noisy_scorer(["r2", "neg_mean_absolute_error"], SIGMA)
    model = make_pipeline(NoiseInjector(0), Ridge())
    search = GridSearchCV(model, {"ridge__alpha": [1e-12, 1e-4]}, scoring=scorer, refit="r2")
    search.fit(X, Y)
    assert search.best_params_["ridge__alpha"] == 1e-4
    assert "mean_test_neg_mean_absolute_error" in search.cv_results_


def test_a_search_that_holds_it_can_be_pickled():
    scorer = pickle.loads(pickle.dumps(noisy_scorer(["r2", "neg_crps"], SIGMA)))
    forest = ForestRetriever(5, random_state=0).fit(X, ParameterArray(Y, SPACE))
    assert scorer(forest, X, Y) == noisy_scorer(["r2", "neg_crps"], SIGMA)(forest, X, Y)
    assert repr(scorer).startswith("noisy_scorer(MultiMetricScorer(")


@pytest.mark.parametrize(
    "scoring", ["roc_auc", "neg_log_loss", "neg_brier_score", "average_precision", "accuracy"]
)
def test_detectors_are_scored_by_their_probabilities(scoring):
    presence = (Y > 0.005).astype(int)
    model = make_pipeline(NoiseInjector(1e-4, 0), MoleculeDetector(20, random_state=0))
    model.fit(X, presence)
    scores = [noisy_scorer(scoring, s)(model, X, presence) for s in (0, 1e-3, 1e-2)]
    assert scores[0] > scores[1] > scores[2]
    table = pd.DataFrame(X, columns=GRID.feature_names())
    named = MoleculeDetector(20, random_state=0).fit(table, presence)
    assert np.isfinite(noisy_scorer(scoring, 1e-3)(named, table, presence))


def test_probabilities_of_several_molecules_are_scored_one_by_one():
    """scikit-learn's own would take them for the shares of one sum."""
    presence = (Y > 0.005).astype(int)
    model = MoleculeDetector(20, random_state=0).fit(X, presence)
    p = model.predict_proba(X)
    assert noisy_scorer("neg_brier_score", 0)(model, X, presence) == pytest.approx(
        -np.mean((p - presence) ** 2)
    )
    likelihood = np.clip(np.where(presence == 1, p, 1 - p), np.finfo(float).eps, 1)
    expected = np.mean(np.log(likelihood))
    assert noisy_scorer("neg_log_loss", 0)(model, X, presence) == pytest.approx(expected)
    never = np.c_[presence, np.zeros(len(X), dtype=int)]
    model = MoleculeDetector(20, random_state=0).fit(X, never)
    assert noisy_scorer("neg_log_loss", 0)(model, X, never) == pytest.approx(
        expected * 2 / 3, rel=0.1
    )
    forest = RandomForestClassifier(20, random_state=0).fit(X, never)
    p = np.stack([share[:, -1] for share in forest.predict_proba(X)[:2]] + [np.zeros(len(X))], 1)
    brier = noisy_scorer("neg_brier_score", 0)(forest, X, never)
    assert brier == pytest.approx(-np.mean((p - never) ** 2))
    single = presence[:, 0]
    model = MoleculeDetector(20, random_state=0).fit(X, single)
    plain = get_scorer("neg_log_loss")(model, X, single)
    assert noisy_scorer("neg_log_loss", 0)(model, X, single) == plain


# Scores of posteriors


class Exact(RegressorMixin, BaseEstimator):
    """Spectra of one bin, y + noise of width 0.001, under a broad prior: a Gaussian posterior."""

    def __init__(self, width=1e-3):
        self.width = width

    def fit(self, X, y):
        self.space_ = SPACE[:1]
        self.n_features_in_ = 1
        return self

    def predict(self, X):
        return X[:, 0]

    def posterior(self, X):
        quantiles = stats.norm.ppf((np.arange(400) + 0.5) / 400)
        return [Posterior((x + self.width * quantiles)[:, None], self.space_) for x in X[:, 0]]

    def log_prob(self, X, y, marginal=False):
        return stats.norm.logpdf(np.ravel(y), X[:, 0], self.width)


TRUTH = RANDOM.uniform(0.003, 0.007, (4000, 1))


def test_scores_of_an_exact_posterior_are_the_formulas():
    """Of a Gaussian: NLL = ln(s sqrt(2 pi e)), CRPS = s/sqrt(pi) on average."""
    model = Exact().fit(TRUTH, TRUTH)
    for y in (TRUTH, TRUTH[:, 0]):
        scores = noisy_scorer(["neg_nll", "neg_crps"], 1e-3)(model, TRUTH, y)
        nll = np.log(1e-3 * np.sqrt(2 * np.pi * np.e))
        assert scores["neg_nll"] == pytest.approx(-nll, abs=0.05)
        crps = 1e-3 / np.sqrt(np.pi) / (0.01 / np.sqrt(12))
        assert scores["neg_crps"] == pytest.approx(-crps, rel=0.05)


@pytest.mark.parametrize("scoring", ["neg_nll", "neg_crps"])
def test_they_are_best_where_the_width_is_right(scoring):
    search = GridSearchCV(
        make_pipeline(NoiseInjector(0), Exact()),
        {"exact__width": [3e-4, 1e-3, 3e-3]},
        scoring=noisy_scorer(scoring, 1e-3),
        cv=2,
    ).fit(TRUTH, TRUTH)
    assert search.best_params_ == {"exact__width": 1e-3}


def test_a_pipeline_and_a_search_are_asked_for_their_last_step():
    pipeline = make_pipeline(SpectrumScaler(), ForestRetriever(10, random_state=0))
    pipeline.fit(X, ParameterArray(Y, SPACE))
    search = GridSearchCV(pipeline, {"forestretriever__min_samples_leaf": [3]}, cv=2)
    search.fit(X, ParameterArray(Y, SPACE))
    scorer = noisy_scorer("neg_crps", 1e-3)
    assert scorer(search, X, Y) == scorer(pipeline, X, Y)
    assert -1 < scorer(pipeline, X, Y) < 0


def test_a_model_without_a_density_is_told_what_to_be_scored_by():
    with pytest.raises(RangeError, match="LinearRegression gives no density"):
        noisy_scorer("neg_nll", SIGMA)(LinearRegression().fit(X, Y), X, Y)
    with pytest.raises(RangeError, match="LinearRegression has no posterior"):
        noisy_scorer("neg_crps", SIGMA)(LinearRegression().fit(X, Y), X, Y)
