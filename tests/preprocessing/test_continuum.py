"""What is smooth, taken out."""

import numpy as np
import pytest

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.preprocessing import ContinuumRemover
from exosk.spectra import SpectralGrid

RNG = np.random.default_rng(0)
GRID = SpectralGrid.from_resolution(0.5, 5, 20)
N_BINS = GRID.n_bins
LOG = np.log(GRID.wavelength)
DEPTH = 0.02 + 1e-3 * RNG.standard_normal((12, N_BINS))
SIGMA = 1e-4 * RNG.uniform(0.3, 3, DEPTH.shape)
X = np.hstack([DEPTH, SIGMA])
GAPPY = X.copy()
GAPPY[::2, 3:7] = GAPPY[::2, N_BINS + 3 : N_BINS + 7] = np.nan
each_curve = pytest.mark.parametrize("through", ["middle", "lower", "upper"])


@each_curve
@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_polynomial_in_log_wavelength_goes(through, degree):
    smooth = 0.02 + 1e-3 * np.polynomial.Polynomial(RNG.standard_normal(degree + 1))(LOG)
    out = ContinuumRemover(degree, GRID, through).fit_transform(smooth[None])
    np.testing.assert_allclose(out, 0, atol=1e-15)


def test_a_haze_slope_is_a_line_in_log_wavelength():
    """Radius against wavelength of a Rayleigh-scattering, isothermal atmosphere."""
    radius = 0.14 - 4 * 1e-4 * LOG
    out = ContinuumRemover(1, GRID).fit_transform(radius[None] ** 2)
    assert np.abs(out).max() < 0.01 * np.ptp(radius**2)


@each_curve
@pytest.mark.parametrize("mode", ["subtract", "divide"])
@pytest.mark.parametrize("rows", [X, GAPPY, DEPTH], ids=["whole", "gaps", "no errors"])
def test_the_inverse_is_exact(through, mode, rows):
    model = ContinuumRemover(2, GRID, through, mode, keep=True).fit(rows)
    np.testing.assert_allclose(model.inverse_transform(model.transform(rows)), rows, rtol=1e-12)


def test_the_fit_is_numpy_s():
    model = ContinuumRemover(2, GRID).fit(GAPPY)
    out = model.transform(GAPPY)
    for row, given in zip(out, GAPPY, strict=True):
        there = ~np.isnan(given[:N_BINS])
        fit = np.polynomial.Polynomial.fit(
            LOG[there], given[:N_BINS][there], 2, w=1 / given[N_BINS:][there]
        )
        np.testing.assert_allclose(row[:N_BINS], given[:N_BINS] - fit(LOG), atol=1e-14)


def test_adding_a_continuum_changes_nothing():
    model = ContinuumRemover(1, GRID, "lower").fit(DEPTH)
    np.testing.assert_allclose(
        model.transform(DEPTH + 0.01 - 2e-3 * LOG), model.transform(DEPTH), atol=1e-14
    )


def test_an_envelope_lies_on_its_side():
    for through, side in (("lower", 1), ("upper", -1)):
        out = ContinuumRemover(1, GRID, through).fit_transform(DEPTH)
        assert ((side * out > 0).mean(axis=1) > 0.75).all()
    tight = ContinuumRemover(1, GRID, "lower", asymmetry=1e-4).fit_transform(DEPTH)
    assert ((tight < -1e-5).mean(axis=1) < 0.1).all()


def test_an_absorption_band_stands_on_the_lower_envelope():
    line = 0.02 - 1e-3 * LOG
    band = np.where(np.abs(GRID.wavelength - 1.4) < 0.1, 2e-3, 0)
    out = ContinuumRemover(1, GRID, "lower", asymmetry=1e-3).fit_transform([line + band])
    np.testing.assert_allclose(out[0], band, atol=2e-5)


def test_errors_are_kept_or_divided_and_cover_the_residuals():
    subtracted = ContinuumRemover(1, GRID).fit_transform(X)
    np.testing.assert_array_equal(subtracted[:, N_BINS:], SIGMA)
    divided = ContinuumRemover(1, GRID, mode="divide").fit_transform(X)
    continuum = DEPTH / divided[:, :N_BINS]
    np.testing.assert_allclose(divided[:, N_BINS:], SIGMA / continuum)
    # Drawn: the residuals' variance falls short of the errors' by the share of the fit.
    noisy = 0.02 + SIGMA[0] * np.random.default_rng(1).standard_normal((20_000, N_BINS))
    rows = np.hstack([noisy, np.broadcast_to(SIGMA[0], noisy.shape)])
    residual = ContinuumRemover(1, GRID).fit_transform(rows)[:, :N_BINS]
    ratio = np.var(residual, axis=0) / SIGMA[0] ** 2
    assert (ratio < 1.05).all()
    assert ratio.sum() == pytest.approx(N_BINS - 2, rel=0.01)


def test_few_bins_get_fewer_terms():
    row = np.full((1, N_BINS), np.nan)
    row[0, 4] = 0.02
    model = ContinuumRemover(2, GRID, keep=True).fit(DEPTH)
    out = model.transform(row)
    assert out[0, 4] == pytest.approx(0, abs=1e-15)
    np.testing.assert_allclose(out[0, -3:], [0.02, 0, 0])
    np.testing.assert_allclose(model.inverse_transform(out), row)


def test_names_and_precision():
    model = ContinuumRemover(1, GRID, keep=True).set_output(transform="pandas").fit(X)
    frame = model.transform(X.astype(np.float32))
    expected = GRID.feature_names() + GRID.feature_names("sigma") + ["continuum0", "continuum1"]
    assert list(frame) == expected
    assert (frame.dtypes == np.float32).all()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"degree": -1}, RangeError, "degree must be a whole number from 0 up"),
        ({"degree": 1.5}, RangeError, "degree must be a whole number from 0 up"),
        ({"degree": N_BINS * 2}, GridError, "lower the degree"),
        ({"through": "midle"}, UnknownNameError, "did you mean 'middle'"),
        ({"mode": "division"}, UnknownNameError, "unknown mode 'division'"),
        ({"asymmetry": 0.7}, RangeError, "asymmetry must lie between 0 and 0.5"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        ContinuumRemover(**options).fit(X)


def test_what_cannot_be_done_is_refused():
    zero = X.copy()
    zero[2, N_BINS + 1] = 0
    with pytest.raises(RangeError, match="error of bin 1 of spectrum 2 is 0"):
        ContinuumRemover(grid=GRID).fit_transform(zero)
    with pytest.raises(RangeError, match="continuum of spectrum 0 is not positive"):
        ContinuumRemover(mode="divide").fit_transform(DEPTH - 0.02)
    model = ContinuumRemover(grid=GRID).fit(X)
    with pytest.raises(RangeError, match="set keep=True"):
        model.inverse_transform(X)
    with pytest.raises(ValueError, match=r"expected .* columns and 2 coefficients"):
        ContinuumRemover(grid=GRID, keep=True).fit(X).inverse_transform(X)
