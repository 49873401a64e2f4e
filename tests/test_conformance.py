"""scikit-learn's own checks over every public estimator and transformer, and pandas output."""

from __future__ import annotations

import inspect
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

import exosk

# Small, because the checks fit them some hundred times.
TRANSFORMERS = [
    exosk.AspaEncoder(),
    exosk.BinDropout(),
    exosk.BinMerger(),
    exosk.ContaminationInjector(),
    exosk.ContinuumRemover(),
    exosk.CoverageDropout(),
    exosk.Masker(),
    exosk.NoiseInjector(),
    exosk.OffsetInjector(),
    exosk.Rebinner(),
    exosk.SpectrumImputer(),
    exosk.SpectrumScaler(),
]
_NET = {"max_epochs": 20, "batch_size": 32, "learning_rate": 0.02}
ESTIMATORS = [
    *TRANSFORMERS,
    exosk.ConformalRetriever(exosk.ForestRetriever(n_estimators=10, random_state=0)),
    exosk.ForestRetriever(n_estimators=10),
    exosk.MoleculeDetector(n_estimators=10),
    exosk.MLPRetriever((16,), n_components=2, **_NET),
    exosk.MLPDetector((16,), **_NET),
    exosk.CNNRetriever((4,), hidden=(16,), n_components=2, **_NET),
    exosk.CNNDetector((4,), hidden=(16,), **_NET),
    exosk.FlowRetriever((16,), n_transforms=2, n_knots=3, flow_hidden=(8,), n_context=4, **_NET),
    exosk.InpaintingGANRetriever(
        (16,),
        critic_hidden=(16,),
        gaps=False,
        n_generated=2000,
        n_moves=1,
        n_particles=64,  # with fewer the way to the posterior has more steps, and takes longer
        proposal=exosk.MLPRetriever((16,), n_components=1, **_NET | {"max_epochs": 5}),
        **_NET | {"max_epochs": 8, "learning_rate": 0.01},
    ),
    exosk.Replicated(
        exosk.ForestRetriever(n_estimators=10, random_state=0), 2, exosk.NoiseInjector()
    ),
    exosk.SpectrumGuard(false_alarm_rate=0.25, n_reference=50, n_gaussians=2),
]
each_transformer = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)

_HIDES = "it compares fit_transform, which hides bins, with transform, which must not"
_HIDING = {
    "check_transformer_general": _HIDES,
    "check_transformer_data_not_an_array": _HIDES,
}
EXPECTED_FAILURES: dict[str, dict[str, str]] = {
    "BinDropout": _HIDING,
    "BinMerger": dict.fromkeys(
        _HIDING, "it compares fit_transform, which merges bins, with transform, which must not"
    ),
    "CoverageDropout": _HIDING,
    "InpaintingGANRetriever": {
        "check_estimators_pickle": (
            "it puts NaN into training spectra; a generator learns from whole ones"
        ),
    },
    "SpectrumGuard": {
        "check_estimators_pickle": (
            "it puts NaN into training spectra; the guard learns from whole ones"
        ),
    },
}


def test_no_estimator_is_forgotten():
    public = [getattr(exosk, name) for name in exosk.__all__]
    estimators = {x for x in public if inspect.isclass(x) and issubclass(x, BaseEstimator)}
    assert estimators == {type(estimator) for estimator in ESTIMATORS}


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    grid = exosk.SpectralGrid.from_edges(np.linspace(1, 2, 7))
    X = 0.02 + 1e-3 * np.random.default_rng(0).standard_normal((40, 6))
    return pd.DataFrame(X, columns=grid.feature_names(), index=[f"star {k}" for k in range(40)])


@each_transformer
def test_tables_in_and_out(transformer, table):
    model = clone(transformer).set_output(transform="pandas")
    fitted = model.fit_transform(table)
    for frame in (fitted, model.transform(table)):
        assert list(frame.columns) == list(model.get_feature_names_out())
        if not isinstance(transformer, exosk.AspaEncoder):  # whose pixels come in other order
            assert list(frame.columns[:6]) == list(table.columns)
        assert list(frame.index) == list(table.index)
    plain = clone(transformer).fit(table).transform(table)
    np.testing.assert_array_equal(model.transform(table), plain)


def test_a_pipeline_of_tables(table):
    Y = table.to_numpy()[:, :2]
    model = make_pipeline(
        exosk.NoiseInjector(random_state=0),
        exosk.SpectrumScaler(),
        exosk.ForestRetriever(5, random_state=0),
    )
    tables = clone(model).set_output(transform="pandas").fit(table, Y)
    assert list(tables[-1].feature_names_in_) == [*table.columns, "level", "spread"]
    np.testing.assert_array_equal(
        tables.predict(table), model.fit(table.to_numpy(), Y).predict(table.to_numpy())
    )


def test_a_pipeline_is_cloned_pickled_and_searched_in_parallel(table):
    """With the space of Y at the end of each way."""
    space = exosk.ParameterSpace([exosk.Parameter("t", exosk.Uniform(0, 1), "K")] * 1)
    X = table.to_numpy()
    data = exosk.Dataset(X, X[:, :1], exosk.SpectralGrid.from_edges(np.linspace(1, 2, 7)), space)
    model = make_pipeline(
        exosk.NoiseInjector(np.full(6, 1e-4), random_state=0),
        exosk.SpectrumScaler(),
        exosk.ForestRetriever(random_state=0),
    )
    search = GridSearchCV(
        clone(model),
        {"forestretriever__n_estimators": [2, 5], "noiseinjector__sigma": [1e-5, 1e-4]},
        scoring=exosk.noisy_scorer("r2", 1e-4),
        cv=2,
    )
    parallel = clone(search).set_params(n_jobs=2).fit(data.X, data.Y)
    search.fit(data.X, data.Y)
    np.testing.assert_array_equal(
        parallel.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )
    assert parallel.best_estimator_[-1].space_ == space
    restored = pickle.loads(pickle.dumps(parallel.best_estimator_))
    assert restored[-1].space_ == space
    np.testing.assert_array_equal(restored.predict(X), parallel.predict(X))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_what_is_not_fitted_says_so(estimator, table):
    method = estimator.transform if estimator in TRANSFORMERS else estimator.predict
    with pytest.raises(NotFittedError):
        method(table)
