"""Each training spectrum several times, with other noise and the same parameters."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from exosk.augmentation import BinDropout, NoiseInjector, OffsetInjector
from exosk.exceptions import RangeError
from exosk.models import ForestRetriever, MoleculeDetector, sample_posterior
from exosk.models.replicated import Replicated
from exosk.preprocessing import SpectrumScaler
from exosk.spectra import SpectralGrid, Spectrum

NOISE = NoiseInjector(1e-4)


class Witness(LinearRegression):
    """Remember what it was fitted to and asked."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        return super().fit(X, y)

    def predict(self, X):
        self.asked_ = X
        return super().predict(X)


@pytest.fixture(scope="module")
def clean(toy):
    """Spectra without noise, and their parameters."""
    Y = toy.sample(400, random_state=0)[1]
    return 0.02 + np.asarray(Y) @ toy.A.T, Y


@pytest.fixture(scope="module")
def observed(toy):
    return toy.sample(400, random_state=1)


def test_copies_have_fresh_noise_and_the_same_parameters(toy, clean):
    X, Y = clean
    model = Replicated(Witness(), 4, NOISE, random_state=0).fit(X, Y)
    noise = model.estimator_.X_.reshape(4, *X.shape) - X
    np.testing.assert_allclose(noise.std(axis=(1, 2)), 1e-4, rtol=0.1)
    flat = np.corrcoef(noise.reshape(4, -1))
    np.testing.assert_allclose(flat, np.eye(4), atol=5 / X.size**0.5)
    np.testing.assert_array_equal(model.estimator_.y_, np.tile(Y, (4, 1)))
    assert model.estimator_.y_.space == toy.space


def test_observations_are_not_augmented(clean, observed):
    model = Replicated(Witness(), 2, NOISE, random_state=0).fit(*clean)
    model.predict(observed[0])
    np.testing.assert_array_equal(model.estimator_.asked_, observed[0])


def test_neither_are_held_out_folds(clean):
    X, Y = clean

    class Judge(Replicated):
        def predict(self, X):
            answer = super().predict(X)
            seen.append((len(self.estimator_.X_), self.estimator_.asked_))
            return answer

    seen = []
    folds = KFold(4)
    cross_val_score(Judge(Witness(), 3, NOISE), X, Y, cv=folds, scoring="r2")
    for (_, held_out), (n_fitted, asked) in zip(folds.split(X), seen, strict=True):
        assert n_fitted == 3 * 300
        np.testing.assert_array_equal(asked, X[held_out])


def test_a_whole_pipeline_may_augment(clean):
    X, Y = clean
    augmentation = make_pipeline(OffsetInjector(["a"] * 4 + ["b"] * 4), NOISE, SpectrumScaler())
    model = Replicated(ForestRetriever(5, random_state=0), 2, augmentation, random_state=0)
    model.fit(X, Y)
    assert model.n_features_in_ == 8
    assert model.estimator_.n_features_in_ == 10
    np.testing.assert_array_equal(
        model.predict(X), model.estimator_.predict(SpectrumScaler().fit_transform(X))
    )


def test_replicates_bring_a_forest_nearer_to_the_exact_posterior_mean(toy, clean, observed):
    X = observed[0]
    errors = []
    for n_replicates in (1, 10):
        forest = ForestRetriever(50, random_state=0)
        model = Replicated(forest, n_replicates, NOISE, random_state=0).fit(*clean)
        errors.append(((model.predict(X) - toy.mean(X)) ** 2).mean())
    assert errors[1] < 0.8 * errors[0]


def test_a_retriever_stays_one(toy, clean, observed):
    model = Replicated(ForestRetriever(5, random_state=0), 2, NOISE, random_state=0).fit(*clean)
    X = observed[0][:3]
    assert is_regressor(model)
    assert model.space_ == toy.space
    forest = model.estimator_
    np.testing.assert_array_equal(model.predict(X), forest.predict(X))
    np.testing.assert_array_equal(
        model.sample_posterior(X, 7, random_state=0), forest.sample_posterior(X, 7, random_state=0)
    )
    for mine, its in zip(model.posterior(X), forest.posterior(X), strict=True):
        np.testing.assert_array_equal(mine.weights, its.weights)
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 9))
    spectrum = Spectrum(grid, X[0], np.full(8, toy.sigma))
    assert sample_posterior(model, spectrum, 20).space == toy.space
    assert not hasattr(model, "predict_proba")
    assert not hasattr(model, "transform")


@pytest.mark.parametrize("searched", [False, True])
def test_so_does_a_pipeline_that_ends_in_one(toy, clean, observed, searched):
    inner = make_pipeline(SpectrumScaler(), ForestRetriever(5, random_state=0))
    if searched:
        inner = GridSearchCV(inner, {"forestretriever__min_samples_leaf": [2, 4]}, cv=2)
    X = observed[0][:3]
    model = Replicated(inner, 2, NOISE, random_state=0).fit(*clean)
    pipeline = getattr(model.estimator_, "best_estimator_", model.estimator_)
    scaled, forest = pipeline[:-1].transform(X), pipeline[-1]
    assert model.space_ == toy.space
    np.testing.assert_array_equal(model.predict(X), forest.predict(scaled))
    np.testing.assert_array_equal(
        model.sample_posterior(X, 7, random_state=0), forest.sample_posterior(scaled, 7, 0)
    )
    assert len(model.posterior(X)) == 3
    assert not hasattr(model, "predict_proba")


def test_options_are_handed_on(clean, observed):
    class Sure(Witness):
        def predict(self, X, return_std=False):
            mean = super().predict(X)
            return (mean, np.zeros_like(mean)) if return_std else mean

        def log_prob(self, X, Y, marginal=False):
            return np.zeros(np.shape(Y) if marginal else len(X))

    X, Y = observed
    model = Replicated(Sure(), 2, NOISE).fit(*clean)
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == Y.shape
    assert model.log_prob(X, Y).shape == (400,)
    assert model.log_prob(X, Y, marginal=True).shape == Y.shape


def test_a_detector_stays_one(clean, observed):
    presence = (np.asarray(clean[1]) > 0).astype(int)
    detector = MoleculeDetector(20, random_state=0)
    model = Replicated(detector, 3, NOISE, random_state=0).fit(clean[0], presence)
    assert is_classifier(model)
    assert len(model.classes_) == 2
    X = observed[0]
    np.testing.assert_array_equal(model.predict_proba(X), model.estimator_.predict_proba(X))
    truth = np.asarray(observed[1]) > 0
    assert ((model.predict(X) == truth).mean(axis=0) > 0.8).all()
    assert not hasattr(model, "posterior")


def test_seeds(clean, observed):
    def predicted(seed):
        return Replicated(LinearRegression(), 2, NOISE, seed).fit(*clean).predict(observed[0])

    np.testing.assert_array_equal(predicted(0), predicted(0))
    assert (predicted(0) != predicted(1)).all()


def test_settings_of_all_parts_are_searched_in_parallel(clean):
    forest = ForestRetriever(5, random_state=0)
    model = Replicated(forest, augmentation=NOISE, random_state=0)
    grid = {"augmentation__sigma": [1e-5, 1e-4], "n_replicates": [1, 2]}
    search = GridSearchCV(model, grid, cv=2).fit(*clean)
    parallel = clone(search).set_params(n_jobs=2).fit(*clean)
    np.testing.assert_array_equal(
        parallel.cv_results_["mean_test_score"], search.cv_results_["mean_test_score"]
    )
    restored = pickle.loads(pickle.dumps(parallel.best_estimator_))
    np.testing.assert_array_equal(restored.predict(clean[0]), parallel.predict(clean[0]))


def test_without_augmentation_copies_are_equal(clean):
    model = Replicated(Witness(), 3).fit(*clean)
    np.testing.assert_array_equal(model.estimator_.X_, np.tile(clean[0], (3, 1)))


def test_missing_bins_are_the_estimators_matter(clean):
    X, Y = clean
    with pytest.raises(ValueError, match="NaN"):
        Replicated(LinearRegression(), 2, BinDropout(0.2)).fit(X, Y)
    from sklearn.ensemble import HistGradientBoostingRegressor

    trees = HistGradientBoostingRegressor(max_iter=5)
    model = Replicated(trees, 2, BinDropout(0.2)).fit(X, np.asarray(Y)[:, 0])
    gappy = X.copy()
    gappy[:, 0] = np.nan
    assert np.isfinite(model.predict(gappy)).all()


@pytest.mark.parametrize("n_replicates", [0, -1, 2.0, "two", None])
def test_what_is_no_number_of_copies_is_refused(clean, n_replicates):
    with pytest.raises(RangeError, match="n_replicates must be an integer from 1 up"):
        Replicated(LinearRegression(), n_replicates).fit(*clean)


def test_bad_input_is_refused(clean):
    X, Y = clean
    model = Replicated(LinearRegression(), 2, NOISE)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, Y[:-1])
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X, Y)
    with pytest.raises(ValueError, match="expecting 8 features"):
        model.predict(X[:, :-1])
    with pytest.raises(ValueError, match="infinity"):
        model.predict(np.where(X > 0.02, np.inf, X))


MULTILABEL = {
    "check_classifiers_multilabel_output_format_predict_proba": (
        "it wants probabilities strictly between 0 and 1, and a forest whose leaves agree "
        "answers 0 or 1"
    )
}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Replicated(ForestRetriever(10, random_state=0), 2, NoiseInjector()), {}),
        (Replicated(MoleculeDetector(10, random_state=0), 2, NoiseInjector()), MULTILABEL),
        (Replicated(LogisticRegression(), 2), {}),
        (Replicated(SpectrumScaler(), 2), {}),
    ],
    ids=["retriever", "detector", "classifier", "transformer"],
)
def test_scikit_learns_checks(model, expected):
    check_estimator(model, expected_failed_checks=expected, on_skip=None)
