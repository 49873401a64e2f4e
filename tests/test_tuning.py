"""What the guide to tuning promises, and searches of every kind on the same pipelines."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline

import exosk
from exosk.evaluation import ParentKFold, noisy_scorer
from exosk.models import MLPRetriever

# Of Optuna, whose own search for scikit-learn uses what Optuna has deprecated.
pytestmark = [
    pytest.mark.filterwarnings("ignore:OptunaSearchCV is experimental"),
    pytest.mark.filterwarnings("ignore:`optuna.terminator` module has been deprecated"),
]

GUIDE = Path(__file__).resolve().parents[1] / "docs" / "tuning.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
SEARCHES = ("search", "detection", "randomized", "halving", "guided", "networks")


@pytest.fixture(scope="module")
def guide():
    """Run the guide from top to bottom, and keep what the first block found."""
    for package in ("optuna_integration", "distributed"):
        pytest.importorskip(package)
    scope: dict = {}
    for block in BLOCKS:
        exec(block, scope)
        scope.setdefault("first", dict(scope["search"].cv_results_))
    return scope


@pytest.fixture(scope="module")
def data():
    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))
    instrument = exosk.get_instrument("hst-wfc3-g141")
    return exosk.simulate_dataset(simulator, 400, instrument, random_state=0)


@pytest.fixture
def model(data):
    return make_pipeline(
        exosk.NoiseInjector(data.sigma, random_state=0),
        exosk.SpectrumScaler(),
        exosk.ForestRetriever(n_estimators=10, random_state=0),
    )


def scores(results: dict) -> dict:
    return {
        name: values for name, values in results.items() if name.startswith(("split", "mean_test"))
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", SEARCHES)
def test_every_search_of_the_guide_finds_settings(guide, name):
    found = guide[name]
    assert found.best_params_
    assert np.isfinite(found.best_score_)
    assert np.isfinite(found.predict(guide["test"].X)).all()


def test_the_guide_searches_the_settings_that_matter():
    text = "".join(BLOCKS)
    for setting in ("sigma", "method", "min_samples_leaf", "n_estimators"):
        assert f"__{setting}" in text
    for setting in ("learning_rate", "batch_size", "max_epochs", "hidden"):
        assert f'"{setting}"' in text


@pytest.mark.slow
def test_dask_gives_the_scores_of_the_serial_search(guide):
    """The guide's last fit ran on a cluster of two processes, its first in this one."""
    again = guide["search"].cv_results_
    assert again is not guide["first"]
    for name, values in scores(guide["first"]).items():
        np.testing.assert_array_equal(again[name], values)


@pytest.mark.parametrize("kind", ["forest", "network"])
def test_two_processes_give_the_scores_of_one(data, model, kind):
    grid = {"spectrumscaler__method": ["spread", "level"]}
    if kind == "network":
        model = MLPRetriever((16,), augmentation=model[:-1], max_epochs=2, random_state=0)
        grid = {f"augmentation__{name}": values for name, values in grid.items()}
    results = [
        GridSearchCV(
            model,
            grid,
            scoring=noisy_scorer(["r2", "neg_crps"], data.sigma),
            refit="r2",
            cv=ParentKFold(data.parent, 3),
            n_jobs=n_jobs,
        )
        .fit(data.X, data.Y)
        .cv_results_
        for n_jobs in (1, 2)
    ]
    for name, values in scores(results[0]).items():
        np.testing.assert_array_equal(results[1][name], values)


@pytest.mark.slow
def test_a_plain_score_picks_the_least_noise_and_a_noisy_one_the_instrument_s(guide):
    """Measured when this was designed: on clean folds, the less a model is hardened the better."""
    instrument, train = guide["instrument"], guide["train"]
    candidates = [instrument.scaled(factor) for factor in (0.1, 1, 10)]
    best = {}
    for name in ("r2", "neg_crps"):
        for noise in (0, instrument):
            search = GridSearchCV(
                guide["model"],
                {"noiseinjector__sigma": candidates},
                scoring=noisy_scorer(name, noise),
                cv=ParentKFold(train.parent, n_splits=3),
            ).fit(train.X, train.Y)
            best[name, noise == 0] = candidates.index(search.best_params_["noiseinjector__sigma"])
    assert best == {
        ("r2", True): 0,
        ("neg_crps", True): 0,
        ("r2", False): 1,
        ("neg_crps", False): 1,
    }
    chosen = guide["search"].best_params_["noiseinjector__sigma"]
    np.testing.assert_array_equal(chosen.sigma, instrument.sigma)


def test_the_model_of_a_fold_knows_its_parameters(data, model):
    """Their priors above all, beyond which a posterior must not reach."""
    folds = ParentKFold(data.parent, 3)
    scoring = noisy_scorer("neg_crps", data.sigma)
    results = cross_validate(
        model, data.X, data.Y, scoring=scoring, cv=folds, return_estimator=True
    )
    for fitted in results["estimator"]:
        assert fitted[-1].space_ == data.space


def test_held_out_folds_get_the_scorer_s_noise_and_no_other(data, model):
    """The pipeline's own noise is for training."""
    folds = ParentKFold(data.parent, 3)
    clean = cross_val_score(model, data.X, data.Y, scoring="r2", cv=folds)
    same = cross_val_score(model, data.X, data.Y, scoring=noisy_scorer("r2", 0.0), cv=folds)
    noisy = cross_val_score(model, data.X, data.Y, scoring=noisy_scorer("r2", data.sigma), cv=folds)
    np.testing.assert_allclose(clean, same, rtol=1e-9)
    assert (noisy < clean).all()
