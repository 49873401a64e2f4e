"""A fitted model and spectra of few of its bins: what is missing, what is made of it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.pipeline import make_pipeline

from exosk.exceptions import GridError, RangeError
from exosk.models import ForestRetriever
from exosk.models.card import ModelCard
from exosk.models.fitted import FittedModel
from exosk.posterior import Posterior
from exosk.preprocessing import Rebinner, SpectrumScaler
from exosk.spectra import SpectralGrid, Spectrum

GRID = SpectralGrid.from_edges(np.geomspace(1, 2, 9))
SIGMA = np.linspace(0.8e-4, 1.2e-4, 8)


class LinearCompleter(BaseEstimator):
    """The exact posterior of the linear Gaussian toy, with any bins missing."""

    def __init__(self, toy=None):
        self.toy = toy

    def fit(self, X, y):
        self.n_features_in_, self.space_ = X.shape[1], self.toy.space
        return self

    def _of(self, row):
        seen = ~np.isnan(row)
        A = self.toy.A[seen]
        covariance = np.linalg.inv(np.eye(2) + A.T @ A / self.toy.sigma**2)
        return covariance @ A.T @ (row[seen] - 0.02) / self.toy.sigma**2, covariance

    def sample_posterior(self, X, n, random_state=None):
        rng = np.random.default_rng(random_state)
        return np.stack([rng.multivariate_normal(*self._of(row), size=n) for row in X])

    def posterior(self, X):
        return [Posterior(one, self.space_) for one in self.sample_posterior(X, 4000, 0)]

    def predict(self, X):
        raise AssertionError("a model that completes spectra need not be asked whether it can")

    def complete(self, X, return_std=False):
        A, parts = self.toy.A, [self._of(row) for row in X]
        depth = np.stack([0.02 + A @ mean for mean, _ in parts])
        std = np.stack([np.sqrt(np.diag(A @ C @ A.T)) for _, C in parts])
        return (depth, std) if return_std else depth


def card(toy, grid=GRID) -> ModelCard:
    return ModelCard(
        kind="retriever",
        grid=grid,
        space=toy.space,
        molecules=(),
        sigma=SIGMA,
        sigma_scale=(1.0, 1.0),
        has_sigma=False,
        presence={},
        estimator={},
        provenance={},
        n_training=100,
        seed=0,
        created="2024-01-01",
    )


@pytest.fixture(scope="module")
def training(toy):
    return toy.sample(100, 0)


@pytest.fixture(scope="module")
def completer(toy, training) -> FittedModel:
    return FittedModel(LinearCompleter(toy).fit(*training), card(toy))


@pytest.fixture(scope="module")
def forest(toy, training) -> FittedModel:
    return FittedModel(ForestRetriever(5, random_state=0).fit(*training), card(toy))


@pytest.fixture(scope="module")
def spectrum(training) -> Spectrum:
    return Spectrum(GRID, training[0][0], SIGMA, name="Toy b")


@pytest.fixture(scope="module")
def part(spectrum) -> Spectrum:
    """Three neighbouring bins of the eight."""
    seen = np.isin(np.arange(8), (2, 3, 4))
    return spectrum.replace(depth=np.where(seen, spectrum.depth, np.nan))


# --- bringing spectra into the model's bins --------------------------------------------------


def test_bins_that_are_less_than_half_covered_stay_missing_where_they_may(completer, spectrum):
    fine = Spectrum(
        SpectralGrid.from_edges(np.linspace(1.2, 1.5, 31)), np.full(30, 0.02), np.full(30, 1e-4)
    )
    rebinned = completer.rebin(fine, partial=True)
    covered = np.clip(np.minimum(GRID.upper, 1.5) - np.maximum(GRID.lower, 1.2), 0, None)
    np.testing.assert_array_equal(rebinned.observed, covered >= 0.5 * (GRID.upper - GRID.lower))
    assert rebinned.grid == GRID
    np.testing.assert_allclose(rebinned.depth[rebinned.observed], 0.02)
    np.testing.assert_array_equal(np.isnan(rebinned.sigma), ~rebinned.observed)
    with pytest.raises(GridError, match="cover"):
        completer.rebin(fine)
    assert completer.rebin(spectrum, partial=True) is spectrum


def test_a_spectrum_that_lacks_bins_covers_none_of_these(completer, part):
    halves = SpectralGrid.from_edges(np.geomspace(1, 2, 17))
    fine = Spectrum(halves, np.repeat(part.depth, 2), np.full(16, 1e-4))
    np.testing.assert_array_equal(completer.rebin(fine, partial=True).observed, part.observed)


@pytest.mark.parametrize("partial", [True, False])
def test_a_spectrum_of_other_wavelengths_is_refused(completer, partial):
    far = Spectrum(SpectralGrid.from_edges([5.0, 6.0, 7.0]), [0.02, 0.02], [1e-4, 1e-4])
    with pytest.raises(GridError, match="cover"):
        completer.rebin(far, partial=partial)


@pytest.mark.parametrize("n", [3, 8, 11, 60])
@pytest.mark.parametrize("partial", [True, False])
def test_means_over_bins_are_no_more_certain_than_before(completer, n, partial):
    """The summed variance of the bins made is that of their sum, covariances and all."""
    source = SpectralGrid.from_edges(np.geomspace(1.0, 1.6 if partial else 2.0, n + 1))
    sigma = np.linspace(1e-4, 2e-4, n)
    rebinned = completer.rebin(Spectrum(source, np.full(n, 0.02), sigma), partial=partial)
    rebinner = Rebinner(GRID, source, uncovered="missing").fit(np.full((1, n), 0.02))
    covariance = rebinner.covariance(sigma)
    assert np.nansum(rebinned.sigma**2) == pytest.approx(np.nansum(covariance))
    alone = np.sqrt(np.diagonal(covariance))[rebinned.observed]
    assert (rebinned.sigma[rebinned.observed] >= alone * (1 - 1e-12)).all()


def test_a_bin_cut_into_several_has_errors_that_are_larger_by_the_root_of_their_number(completer):
    coarse = SpectralGrid.from_edges(np.geomspace(1, 2, 3))
    rebinned = completer.rebin(Spectrum(coarse, [0.02, 0.03], [1e-4, 3e-4]))
    np.testing.assert_allclose(rebinned.depth, np.repeat([0.02, 0.03], 4))
    np.testing.assert_allclose(rebinned.sigma, np.repeat([2e-4, 6e-4], 4))


# --- answers where bins are missing ----------------------------------------------------------


def test_a_model_that_completes_spectra_gives_all_bins_and_the_exact_posterior(
    completer, part, toy
):
    assert completer.completes
    depth, std = completer.complete(part)
    expected, spread = completer.estimator.complete(part.to_row(), return_std=True)
    np.testing.assert_array_equal(depth, expected[0])
    np.testing.assert_array_equal(std, spread[0])
    posterior = completer.posterior(part)
    mean, covariance = completer.estimator._of(part.depth)
    np.testing.assert_allclose(posterior.mean, mean, atol=5 * np.sqrt(covariance.max() / 4000))
    assert posterior.meta == {"spectrum": "Toy b"}
    assert list(completer.predict(part)) == list(toy.space.names)


def test_any_other_model_refuses_both(forest, toy, training, part):
    assert not forest.completes
    with pytest.raises(RangeError, match="completes no spectra"):
        forest.complete(part)
    scaled = make_pipeline(SpectrumScaler(), LinearCompleter(toy)).fit(*training)
    model = FittedModel(scaled, card(toy))
    with pytest.raises(RangeError, match="changes spectra before it completes"):
        model.complete(part)


def test_a_spectrum_is_completed_under_the_same_conditions_as_it_is_retrieved(completer, part):
    noisy = part.replace(sigma=3 * part.sigma)
    with pytest.raises(RangeError, match="allow-noise"):
        completer.complete(noisy)
    depth, _ = completer.complete(noisy, allow_noise=True)
    assert np.isfinite(depth).all()
    other = Spectrum(GRID[:4], part.depth[:4], SIGMA[:4])
    with pytest.raises(GridError, match="4 bins"):
        completer.complete(other)
