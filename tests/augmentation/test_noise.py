"""Noise in training, and never in prediction."""

import numpy as np
import pytest
from astropy import units as u
from scipy import stats
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF, Matern, WhiteKernel
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.exceptions import GridError, RangeError, UnitError
from exosk.grids import SpectralGrid
from exosk.instruments import Instrument
from exosk.rows import join_rows
from exosk.spectra import Spectrum

SIGMA = np.array([1e-5, 5e-5, 2e-4])
X = np.random.default_rng(0).uniform(0.01, 0.03, (4000, 3))


def test_the_noise_is_gaussian_of_the_errors_given():
    noise = NoiseInjector(SIGMA, random_state=0).fit_transform(X) - X
    pulls = noise / SIGMA
    assert stats.kstest(pulls.ravel(), stats.norm.cdf).pvalue > 0.01
    np.testing.assert_allclose(pulls.std(axis=0), 1, atol=5 / 8000**0.5)
    np.testing.assert_allclose(np.corrcoef(pulls.T), np.eye(3), atol=5 / 4000**0.5)


def test_transform_leaves_observations_alone():
    injector = NoiseInjector(SIGMA, random_state=0).fit(X)
    transformed = injector.transform(X)
    np.testing.assert_array_equal(transformed, X)
    transformed[0] = 0
    assert X[0].all()


def test_in_a_pipeline_only_fit_adds_noise():
    seen = []

    class Spy(LinearRegression):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

        def predict(self, X):
            seen.append(X)
            return super().predict(X)

    model = make_pipeline(NoiseInjector(SIGMA, random_state=0), Spy()).fit(X, X[:, 0])
    model.predict(X)
    fitted, predicted = seen
    assert (fitted != X).all()
    np.testing.assert_array_equal(predicted, X)


def test_seeds():
    first, again, other = (NoiseInjector(SIGMA, seed).fit_transform(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()
    fresh = NoiseInjector(SIGMA)
    assert (fresh.fit_transform(X) != fresh.fit_transform(X)).all()


def test_one_error_serves_all_bins_and_zero_adds_nothing():
    np.testing.assert_array_equal(NoiseInjector(1e-4).fit(X).sigma_, [1e-4] * 3)
    np.testing.assert_array_equal(NoiseInjector(0).fit_transform(X), X)


def test_missing_bins():
    """NaN in X stays; NaN in sigma, where the observation has no bin, adds no noise."""
    gappy = X.copy()
    gappy[::2, 1] = np.nan
    noisy = NoiseInjector([1e-4, 1e-4, np.nan], random_state=0).fit_transform(gappy)
    np.testing.assert_array_equal(np.isnan(noisy), np.isnan(gappy))
    np.testing.assert_array_equal(noisy[:, 2], gappy[:, 2])
    assert (noisy[:, 0] != gappy[:, 0]).all()


def test_units_are_converted():
    ppm = u.def_unit("ppm", 1e-6 * u.dimensionless_unscaled)
    np.testing.assert_allclose(NoiseInjector(SIGMA * 1e6 * ppm).fit(X).sigma_, SIGMA)


@pytest.mark.parametrize(
    ("sigma", "error", "message"),
    [
        (np.ones(4) * 1e-4, RangeError, r"sigma has shape \(4,\) but the spectra have 3 bins"),
        ([[1e-4] * 3], RangeError, "give one error for each bin, or a single number"),
        (-1e-4, RangeError, "sigma must not be negative, got -0.0001"),
        (np.inf, UnitError, "sigma = inf"),
        (50.0, UnitError, "sigma = 50 .* looks like ppm"),
        ("small", UnitError, "sigma is not a number"),
    ],
)
def test_nonsense_is_refused_in_fit_not_before(sigma, error, message):
    injector = clone(NoiseInjector(sigma))
    with pytest.raises(error, match=message):
        injector.fit(X)


# --- errors that X, an instrument or an observation brings ------------------------------------

GRID = SpectralGrid.from_edges([1.0, 1.2, 1.5, 2.0])
# Of a seed's draws, which are right, one in a thousand tests would say that they are not. (Over
# 300 seeds the p-values of the factors are uniform.)
ALPHA = 1e-3


def test_each_spectrum_gets_noise_of_its_own_errors():
    own = np.random.default_rng(1).uniform(1e-5, 1e-3, X.shape)
    noisy = NoiseInjector("columns", 0, grid=GRID).fit_transform(join_rows(X, own))
    np.testing.assert_array_equal(noisy[:, 3:], own)
    pulls = (noisy[:, :3] - X) / own
    assert stats.kstest(pulls.ravel(), stats.norm.cdf).pvalue > ALPHA


def test_errors_beside_the_depths_get_no_noise():
    injector = NoiseInjector(SIGMA, 0, grid=GRID)
    noisy = injector.fit_transform(join_rows(X, SIGMA))
    assert injector.n_features_in_ == 6
    np.testing.assert_array_equal(noisy[:, 3:], np.broadcast_to(SIGMA, X.shape))
    np.testing.assert_array_equal(noisy[:, :3], NoiseInjector(SIGMA, 0).fit_transform(X))


@pytest.mark.parametrize("columns", [True, False])
def test_a_range_of_noise_is_log_uniform_and_the_errors_say_so(columns):
    injector = NoiseInjector("columns" if columns else SIGMA, 0, scale=(0.5, 8), grid=GRID)
    noisy = injector.fit_transform(join_rows(X, SIGMA))
    factor = noisy[:, 3:] / SIGMA
    np.testing.assert_allclose(factor, factor[:, :1] * [[1, 1, 1]], rtol=1e-12)
    uniform = np.log(factor[:, 0] / 0.5) / np.log(16)
    assert stats.kstest(uniform, stats.uniform.cdf).pvalue > ALPHA
    pulls = (noisy[:, :3] - X) / noisy[:, 3:]
    assert stats.kstest(pulls.ravel(), stats.norm.cdf).pvalue > ALPHA
    # And they do not go together: a spectrum's factor says nothing of its noise.
    assert abs(np.corrcoef(factor[:, 0], pulls[:, 0])[0, 1]) < 5 / len(X) ** 0.5


def test_a_range_of_noise_without_error_columns():
    noise = NoiseInjector(1e-4, 0, scale=(0.1, 10)).fit_transform(np.full((20_000, 2), 0.02)) - 0.02
    # Of log-uniform factors between a and b: <f^2> = (b^2 - a^2) / (2 ln(b / a)).
    expected = 1e-8 * (100 - 0.01) / (2 * np.log(100))
    assert np.mean(noise**2) == pytest.approx(expected, rel=0.05)


def test_instruments_and_observations_bring_errors_and_bins():
    instrument = Instrument("it", GRID, SIGMA)
    spectrum = Spectrum(GRID, [0.02, np.nan, 0.02], SIGMA)
    np.testing.assert_array_equal(NoiseInjector(instrument).fit(X).sigma_, SIGMA)
    np.testing.assert_array_equal(NoiseInjector(spectrum).fit(X).sigma_, [SIGMA[0], 0, SIGMA[2]])
    noisy = clone(NoiseInjector(instrument, 0)).fit_transform(join_rows(X, SIGMA))
    np.testing.assert_array_equal(noisy[:, 3:], np.broadcast_to(SIGMA, X.shape))


def test_names_come_from_the_grid():
    named = NoiseInjector(SIGMA, grid=GRID).set_output(transform="pandas")
    frame = named.fit_transform(join_rows(X, SIGMA))
    assert list(frame.columns) == GRID.feature_names() + GRID.feature_names("sigma")
    assert list(NoiseInjector(SIGMA).fit(X).get_feature_names_out()) == ["x0", "x1", "x2"]
    given = named.get_feature_names_out([f"a{k}" for k in range(6)])
    assert list(given) == [f"a{k}" for k in range(6)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(dtype):
    noisy = NoiseInjector(SIGMA, 0, scale=(1, 2), correlation=np.eye(3))
    assert noisy.fit_transform(X.astype(dtype)).dtype == dtype
    assert noisy.transform(X.astype(dtype)).dtype == dtype


# --- correlated noise -------------------------------------------------------------------------


def drawn_correlation(injector, X=X):
    return np.corrcoef((injector.fit_transform(X) - X).T)


def test_a_covariance_matrix_is_that_of_the_noise():
    root = np.array([[2.0, 0, 0], [1, 1, 0], [-1, 0.5, 0.3]]) * 1e-4
    covariance = root @ root.T
    sigma = np.sqrt(np.diag(covariance))
    injector = NoiseInjector(sigma, 0, correlation=covariance)
    noise = injector.fit_transform(X) - X
    # The error of a sample covariance: sqrt((C_ii C_jj + C_ij^2) / n).
    error = np.sqrt((np.outer(sigma**2, sigma**2) + covariance**2) / len(X))
    assert (abs(np.cov(noise.T) - covariance) < 4 * error).all()
    correlation = covariance / np.outer(sigma, sigma)
    same = NoiseInjector(sigma, 0, correlation=correlation).fit_transform(X) - X
    np.testing.assert_allclose(same, noise, atol=1e-12)


@pytest.mark.parametrize("length", [0.05, 0.3])
def test_a_kernel_has_its_length_and_its_white_part(length):
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 41))
    kernel = 0.6 * Matern(length, nu=1.5) + WhiteKernel(0.4)
    X = np.full((20_000, 40), 0.02)
    found = drawn_correlation(NoiseInjector(1e-4, 0, correlation=kernel, grid=grid), X)
    distance = abs(np.subtract.outer(grid.wavelength, grid.wavelength)) * 3**0.5 / length
    expected = 0.6 * (1 + distance) * np.exp(-distance)  # Rasmussen & Williams 2006, eq. 4.17
    np.fill_diagonal(expected, 1)
    np.testing.assert_allclose(found, expected, atol=5 / 20_000**0.5)


def test_correlated_noise_keeps_the_errors_of_each_spectrum():
    own = np.random.default_rng(1).uniform(1e-5, 1e-3, X.shape)
    injector = NoiseInjector("columns", 0, correlation=RBF(0.3), grid=GRID)
    pulls = (injector.fit_transform(join_rows(X, own))[:, :3] - X) / own
    np.testing.assert_allclose(pulls.std(axis=0), 1, atol=0.05)
    points = GRID.wavelength[:, None]
    np.testing.assert_allclose(np.corrcoef(pulls.T), RBF(0.3)(points), atol=0.08)


def test_bins_that_go_wholly_together():
    noise = NoiseInjector(SIGMA, 0, correlation=np.ones((3, 3))).fit_transform(X) - X
    np.testing.assert_allclose(noise / SIGMA, (noise / SIGMA)[:, :1] * [[1, 1, 1]], atol=1e-3)


def test_a_kernels_length_can_be_searched():
    injector = NoiseInjector(1e-4, correlation=RBF(0.3), grid=GRID)
    longer = clone(injector).set_params(correlation__length_scale=1.0)
    assert drawn_correlation(longer.set_params(random_state=0))[0, 2] > 0.5
    assert injector.correlation.length_scale == 0.3


@pytest.mark.parametrize(
    ("correlation", "grid", "error", "message"),
    [
        (np.eye(4), None, GridError, r"shape \(4, 4\), but the spectra have 3 bins"),
        (np.diag([1, 0, 1]), None, RangeError, "a variance that is not positive"),
        (np.full((3, 3), np.nan), None, RangeError, "not a number"),
        ([[1, 0.5, 0], [0, 1, 0], [0, 0, 1]], None, RangeError, "not symmetric"),
        (np.eye(3) * 2 - 1, None, RangeError, "negative eigenvalue -1,"),
        ("red", None, RangeError, "must be a matrix or a kernel"),
        (RBF(0.3), None, GridError, "a kernel needs the wavelengths of the bins; give grid"),
    ],
)
def test_what_is_no_correlation_is_refused(correlation, grid, error, message):
    with pytest.raises(error, match=message):
        NoiseInjector(1e-4, correlation=correlation, grid=grid).fit(X)


@pytest.mark.parametrize(
    ("injector", "error", "message"),
    [
        (NoiseInjector("columns"), GridError, "sigma='columns' wants errors in X"),
        (NoiseInjector("columns", grid=GRID), GridError, "Dataset.with_sigma"),
        (NoiseInjector(1e-4, grid=GRID[:2]), GridError, "Rebinner"),
        (NoiseInjector(1e-4, grid="prism"), GridError, "must be a SpectralGrid or None, not str"),
        (
            NoiseInjector(Instrument("it", GRID, SIGMA), grid=GRID[:2]),
            GridError,
            "which is not the grid",
        ),
        (NoiseInjector(1e-4, scale=(2, 1)), RangeError, r"scale must be .* got \(2, 1\)"),
        (NoiseInjector(1e-4, scale=(0, 1)), RangeError, "0 < low <= high"),
        (NoiseInjector(1e-4, scale=3), RangeError, "scale must be two factors"),
    ],
)
def test_what_does_not_fit_together_is_refused(injector, error, message):
    with pytest.raises(error, match=message):
        injector.fit_transform(X)


def test_a_spectrum_without_bins_is_named():
    gappy = X.copy()
    gappy[5] = np.nan
    gappy[3, 0] = np.nan
    injector = NoiseInjector().fit(X)
    for method in (injector.fit, injector.fit_transform, injector.transform):
        with pytest.raises(RangeError, match="spectrum 5 has no bin that is not missing"):
            method(gappy)


def test_a_negative_error_is_named():
    own = np.full(X.shape, 1e-4)
    own[7, 2] = -1e-4
    with pytest.raises(RangeError, match=r"the error of bin 2 of spectrum 7 is -0\.0001"):
        NoiseInjector("columns", grid=GRID).fit_transform(join_rows(X, own))
