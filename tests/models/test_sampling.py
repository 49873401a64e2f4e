"""From a fitted model and one spectrum to its posterior."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.exceptions import GridError
from exosk.models import ForestRetriever, sample_posterior
from exosk.parameters import Normal, Parameter, ParameterSpace
from exosk.preprocessing import SpectrumScaler
from exosk.rows import join_rows
from exosk.spectra import SpectralGrid, Spectrum

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 9))


@pytest.fixture(scope="module")
def data(toy):
    return toy.sample(500, random_state=0)


@pytest.fixture(scope="module")
def spectrum(toy):
    return Spectrum(GRID, toy.sample(1, random_state=5)[0][0], np.full(8, toy.sigma))


@pytest.fixture(scope="module")
def pipeline(data):
    steps = NoiseInjector(1e-5, 0), SpectrumScaler(), ForestRetriever(20, random_state=0)
    return make_pipeline(*steps).fit(*data)


def test_a_pipeline_is_its_steps_and_then_the_retriever(pipeline, spectrum, toy):
    posterior = sample_posterior(pipeline, spectrum, n=None)
    by_hand = pipeline[-1].posterior(pipeline[1].transform(spectrum.to_row()))[0]
    np.testing.assert_array_equal(posterior.samples, by_hand.samples)
    np.testing.assert_array_equal(posterior.weights, by_hand.weights)
    assert posterior.space == toy.space
    np.testing.assert_allclose(posterior.mean, pipeline.predict(spectrum.to_row())[0])


def test_samples_stand_for_the_weighted_posterior(pipeline, spectrum):
    weighted = sample_posterior(pipeline, spectrum, n=None)
    equal = sample_posterior(pipeline, spectrum, n=20_000, random_state=0)
    assert len(equal) == 20_000
    np.testing.assert_allclose(equal.mean, weighted.mean, atol=5 * weighted.std.max() / 20_000**0.5)
    np.testing.assert_allclose(equal.std, weighted.std, rtol=0.05)


def test_a_bare_retriever_serves_too(data, spectrum):
    model = ForestRetriever(10, random_state=0).fit(*data)
    np.testing.assert_allclose(
        sample_posterior(model, spectrum, n=None).mean, model.predict(spectrum.to_row())[0]
    )
    alone = make_pipeline(ForestRetriever(10, random_state=0)).fit(*data)
    np.testing.assert_array_equal(
        sample_posterior(alone, spectrum, n=None).mean,
        sample_posterior(model, spectrum, n=None).mean,
    )


def test_a_search_stands_for_its_best(data, spectrum, toy):
    search = GridSearchCV(ForestRetriever(random_state=0), {"n_estimators": [2, 5]}, cv=2)
    search.fit(*data)
    found, best = (
        sample_posterior(model, spectrum, 50, random_state=0)
        for model in (search, search.best_estimator_)
    )
    np.testing.assert_array_equal(found.samples, best.samples)
    assert found.space == toy.space


def test_seeds(pipeline, spectrum):
    first, again, other = (
        sample_posterior(pipeline, spectrum, 100, random_state=seed).samples for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_parameters_may_be_named_afterwards(data, spectrum):
    model = ForestRetriever(5).fit(data[0], np.asarray(data[1]))
    space = ParameterSpace([Parameter("a", Normal(0, 1)), Parameter("b", Normal(0, 1))])
    assert sample_posterior(model, spectrum, 10).space.names == ["parameter_0", "parameter_1"]
    for n in (10, None):
        assert sample_posterior(model, spectrum, n, space=space).space == space


def test_other_bins_are_refused(pipeline, toy):
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 6))
    spectrum = Spectrum(grid, np.full(5, 0.01), np.full(5, 1e-4))
    with pytest.raises(GridError, match=r"fitted on 8 columns, .* neither the 5 depths"):
        sample_posterior(pipeline, spectrum)


def test_an_unfitted_model_is_refused(spectrum):
    for model in (ForestRetriever(), make_pipeline(SpectrumScaler(), ForestRetriever())):
        with pytest.raises(NotFittedError):
            sample_posterior(model, spectrum)


def test_a_model_that_is_told_the_errors_gets_them(data, toy, spectrum):
    X = join_rows(data[0], np.full(8, toy.sigma))
    scaled = make_pipeline(SpectrumScaler(grid=GRID), ForestRetriever(5, random_state=0))
    posterior = sample_posterior(scaled.fit(X, data[1]), spectrum, n=None)
    np.testing.assert_allclose(posterior.mean, scaled.predict(spectrum.to_row(sigma=True))[0])
