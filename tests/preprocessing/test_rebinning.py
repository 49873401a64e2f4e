"""Depths and errors in other bins: laws, and integrals made another way."""

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.instruments import Instrument
from exosk.preprocessing import Rebinner, join_spectra
from exosk.spectra import SpectralGrid, Spectrum

RNG = np.random.default_rng(0)
FINE = SpectralGrid.from_edges(np.cumsum(np.append(1.0, RNG.uniform(0.005, 0.02, 120))))
EVEN = SpectralGrid.from_edges(np.linspace(1, 2, 121))
LOW, HIGH = FINE.range
COARSE = SpectralGrid.from_edges(np.sort(np.append(RNG.uniform(LOW, HIGH, 9), [LOW, HIGH])))
DEPTH = 0.02 + 1e-3 * RNG.standard_normal((6, 120))
SIGMA = 1e-4 * RNG.uniform(0.5, 2, (6, 120))
X = np.hstack([DEPTH, SIGMA])


def nested(grid, step):
    """Every step-th edge of contiguous bins."""
    return SpectralGrid.from_edges(np.append(grid.lower, grid.upper[-1])[::step])


def by_cumulative_integral(grid, depth, target):
    """The mean of a step function, from its integral, which is linear between edges."""
    edges = np.append(grid.lower, grid.upper[-1])
    integral = np.append(0, np.cumsum(depth * (grid.upper - grid.lower)))
    ends = np.interp(target.upper, edges, integral) - np.interp(target.lower, edges, integral)
    return ends / (target.upper - target.lower)


def test_bins_agree_with_the_integral_of_a_step_function():
    out = Rebinner(COARSE, grid=FINE).fit_transform(DEPTH)
    for row, depth in zip(out, DEPTH, strict=True):
        np.testing.assert_allclose(row, by_cumulative_integral(FINE, depth, COARSE), rtol=1e-12)


@given(
    widths=st.lists(st.floats(1e-3, 0.5), min_size=2, max_size=30),
    inner=st.lists(st.floats(0, 1), max_size=30),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_whatever_the_bins_the_integral_is_conserved_and_agrees(widths, inner, seed):
    edges = 0.5 + np.cumsum([0, *widths])
    grid = SpectralGrid.from_edges(edges)
    cuts = np.unique(np.round(edges[0] + np.array([0, *inner, 1]) * np.ptp(edges), 6))
    cuts[[0, -1]] = edges[[0, -1]]
    target = SpectralGrid.from_edges(cuts)
    depth = 0.02 + 1e-3 * np.random.default_rng(seed).standard_normal((1, grid.n_bins))
    out = Rebinner(target, grid=grid).fit_transform(depth)
    np.testing.assert_allclose(out[0], by_cumulative_integral(grid, depth[0], target), rtol=1e-8)
    total = depth @ (grid.upper - grid.lower)
    np.testing.assert_allclose(out @ (target.upper - target.lower), total, rtol=1e-8)


def test_finer_bins_take_the_depth_of_the_bin_they_lie_in():
    finer = SpectralGrid.from_edges(np.linspace(*FINE.range, 1000))
    out = Rebinner(finer, grid=FINE).fit_transform(DEPTH[:1])
    np.testing.assert_allclose(out[0], by_cumulative_integral(FINE, DEPTH[0], finer), rtol=1e-11)


def test_samples_agree_with_numerical_integration():
    wavelength = np.sort(np.append(RNG.uniform(LOW, HIGH, 60), [LOW, HIGH]))
    values = 0.02 + 1e-3 * RNG.standard_normal((2, 62))
    out = Rebinner(COARSE, wavelength=wavelength).fit_transform(values)
    for row, sampled in zip(out, values, strict=True):
        for mean, a, b in zip(row, COARSE.lower, COARSE.upper, strict=True):
            kinks = wavelength[(wavelength > a) & (wavelength < b)]
            whole, _ = integrate.quad(
                lambda x, y=sampled: np.interp(x, wavelength, y),
                a,
                b,
                points=kinks if kinks.size else None,
                limit=200,
            )
            assert mean == pytest.approx(whole / (b - a), rel=1e-9)


def test_a_constant_stays_that_constant():
    constant = np.full((2, 120), 0.0123)
    np.testing.assert_allclose(Rebinner(COARSE, grid=FINE).fit_transform(constant), 0.0123)
    native = Rebinner(COARSE, wavelength=np.linspace(LOW, HIGH, 120))
    np.testing.assert_allclose(native.fit_transform(constant), 0.0123)


def test_the_integral_is_conserved():
    out = Rebinner(COARSE, grid=FINE).fit_transform(DEPTH)
    np.testing.assert_allclose(
        out @ (COARSE.upper - COARSE.lower), DEPTH @ (FINE.upper - FINE.lower), rtol=1e-13
    )


@pytest.mark.parametrize("weighting", ["overlap", "inverse_variance"])
def test_a_spectrum_in_its_own_bins_is_the_same(weighting):
    gappy = X.copy()
    gappy[::2, 5:9] = gappy[::2, 125:129] = np.nan
    for target in (FINE, 1):
        out = Rebinner(target, grid=FINE, weighting=weighting).fit_transform(gappy)
        np.testing.assert_allclose(out, gappy, rtol=1e-15)


# By inverse variance, bins of one width only: a wide bin's variance is not that of its members.
@pytest.mark.parametrize(
    ("grid", "weighting"), [(FINE, "overlap"), (EVEN, "overlap"), (EVEN, "inverse_variance")]
)
def test_two_steps_to_nested_bins_are_one(grid, weighting):
    middle, coarse = nested(grid, 4), nested(grid, 12)
    once = Rebinner(coarse, grid=grid, weighting=weighting).fit_transform(X)
    half_way = Rebinner(middle, grid=grid, weighting=weighting).fit_transform(X)
    twice = Rebinner(coarse, grid=middle, weighting=weighting).fit_transform(half_way)
    np.testing.assert_allclose(twice, once, rtol=1e-12)


def test_inverse_variance_weights_are_the_textbook_s():
    out = Rebinner(nested(EVEN, 120), grid=EVEN, weighting="inverse_variance").fit_transform(X)
    weight = SIGMA**-2.0
    np.testing.assert_allclose(out[:, 0], np.average(DEPTH, weights=weight, axis=1), rtol=1e-12)
    np.testing.assert_allclose(out[:, 1], weight.sum(axis=1) ** -0.5, rtol=1e-12)


def test_inverse_variance_has_the_smaller_error():
    weighted, overlap = (
        Rebinner(nested(EVEN, 12), grid=EVEN, weighting=weighting).fit_transform(X)[:, 10:]
        for weighting in ("inverse_variance", "overlap")
    )
    assert (weighted < overlap).all()


def test_rows_do_not_know_of_each_other():
    gappy = X.copy()
    gappy[2, 7] = gappy[2, 127] = np.nan
    model = Rebinner(COARSE, grid=FINE).fit(gappy)
    np.testing.assert_array_equal(
        model.transform(gappy), np.vstack([model.transform(row[None]) for row in gappy])
    )


def test_the_target_may_be_a_spectrum_or_an_instrument():
    expected = Rebinner(COARSE, grid=FINE).fit_transform(X)
    for target in (
        Spectrum(COARSE, np.full(10, 0.02), np.full(10, 1e-4)),
        Instrument("x", COARSE, 1e-4),
    ):
        np.testing.assert_array_equal(Rebinner(target, grid=FINE).fit_transform(X), expected)


def test_samples_may_have_a_unit_and_errors():
    wavelength = np.linspace(LOW, HIGH, 120)
    plain = Rebinner(COARSE, wavelength=wavelength).fit(X)
    np.testing.assert_allclose(
        Rebinner(COARSE, wavelength=wavelength * 1000 * u.nm).fit_transform(X),
        plain.transform(X),
        rtol=1e-12,
    )
    W = COARSE.averaging_matrix(wavelength).toarray()
    np.testing.assert_allclose(plain.transform(X)[:, 10:] ** 2, SIGMA**2 @ W.T**2, rtol=1e-12)


# Missing bins


def test_a_missing_bin_is_left_out_of_the_mean():
    gappy = X.copy()
    gappy[:, 1] = gappy[:, 121] = np.nan
    target = nested(FINE, 3)
    out = Rebinner(target, grid=FINE).fit_transform(gappy)
    width = FINE.upper - FINE.lower
    kept = [0, 2]
    expected = DEPTH[:, kept] @ width[kept] / width[kept].sum()
    error = np.sqrt((SIGMA[:, kept] * width[kept]) ** 2 @ [1, 1]) / width[kept].sum()
    np.testing.assert_allclose(out[:, 0], expected, rtol=1e-13)
    np.testing.assert_allclose(out[:, 40], error, rtol=1e-13)
    np.testing.assert_allclose(out[:, 1:40], Rebinner(target, grid=FINE).fit_transform(X)[:, 1:40])


@pytest.mark.parametrize(("least", "there"), [(0.5, True), (0.75, True), (0.76, False), (1, False)])
def test_a_target_bin_needs_its_share(least, there):
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 9))
    row = np.full((1, 8), 0.02)
    row[0, 0] = np.nan
    out = Rebinner(nested(grid, 4), grid=grid, min_coverage=least).fit_transform(row)
    np.testing.assert_allclose(out, [[0.02 if there else np.nan, 0.02]])


def test_a_missing_sample_counts_by_its_weight():
    row = np.full((1, 11), 0.02)
    row[0, 2] = np.nan
    grid = SpectralGrid.from_edges([1.0, 1.3, 2.0])
    at = np.linspace(1, 2, 11)
    out = [
        Rebinner(grid, wavelength=at, min_coverage=c).fit_transform(row)[0, 0] for c in (0.6, 0.7)
    ]
    np.testing.assert_allclose(out, [0.02, np.nan])


def test_a_spectrum_of_which_nothing_is_left_is_named():
    gappy = np.full((2, 120), np.nan)
    gappy[0] = 0.02
    gappy[1, ::8] = 0.02
    with pytest.raises(RangeError, match="spectrum 1 has no bin that is not missing in the target"):
        Rebinner(COARSE, grid=FINE).fit(DEPTH).transform(gappy)


# Coverage


def test_a_target_bin_outside_the_source_is_refused_or_missing():
    target = SpectralGrid.from_edges([LOW, HIGH, HIGH + 0.5])
    with pytest.raises(GridError, match=r"cover 0% of target bin 1 \(.*uncovered='missing'"):
        Rebinner(target, grid=FINE).fit(X)
    model = Rebinner(target, grid=FINE, uncovered="missing").fit(X)
    out = model.transform(X)
    np.testing.assert_allclose(model.coverage_, [1, 0])
    assert np.isnan(out[:, [1, 3]]).all()
    assert np.isfinite(out[:, [0, 2]]).all()
    gappy = X.copy()
    gappy[:, 3] = gappy[:, 123] = np.nan
    assert (np.isnan(model.transform(gappy)) == np.isnan(out)).all()


def test_bins_beyond_the_samples_are_refused_or_missing():
    target = SpectralGrid.from_edges([LOW, HIGH, HIGH + 0.5])
    at = np.linspace(LOW, HIGH, 120)
    with pytest.raises(GridError, match="but the samples only"):
        Rebinner(target, wavelength=at).fit(X)
    out = Rebinner(target, wavelength=at, uncovered="missing").fit_transform(X)
    np.testing.assert_allclose(
        out[:, 0], Rebinner(target[:1], wavelength=at).fit_transform(X)[:, 0]
    )
    assert np.isnan(out[:, [1, 3]]).all()


def test_half_a_bin_is_enough_unless_all_is_asked_for():
    target = SpectralGrid.from_edges([HIGH - 0.1, HIGH + 0.05])
    model = Rebinner(target, grid=FINE).fit(X)
    assert model.coverage_[0] == pytest.approx(2 / 3)
    with pytest.raises(GridError, match="less than min_coverage=1"):
        Rebinner(target, grid=FINE, min_coverage=1).fit(X)


# Several instruments


def test_joined_instruments_with_a_gap_and_an_overlap():
    one = Spectrum.from_arrays([1.1, 1.3, 1.5], [0.01, 0.02, 0.03], [1e-4] * 3, 0.1)
    two = Spectrum.from_arrays([1.45, 1.55, 3.0], [0.05, 0.06, 0.07], [2e-4] * 3, [0.05, 0.05, 0.5])
    joined = join_spectra([one, two])
    row = joined.to_row(sigma=True)
    target = SpectralGrid([1.0, 1.4, 2.5], [1.4, 1.6, 3.5])
    out = Rebinner(target, grid=joined.grid).fit_transform(row)[0]
    both = (0.2 * 0.03 + 0.1 * 0.05 + 0.1 * 0.06) / 0.4
    np.testing.assert_allclose(out[:3], [0.015, both, 0.07])
    error = np.sqrt((0.2 * 1e-4) ** 2 + 2 * (0.1 * 2e-4) ** 2) / 0.4
    np.testing.assert_allclose(out[3:], [1e-4 / np.sqrt(2), error, 2e-4])
    # Without the first instrument's bin the second still covers all of it.
    k = int(np.argmin(np.abs(joined.grid.wavelength - 1.5)))
    row[0, [k, k + 6]] = np.nan
    out = Rebinner(target, grid=joined.grid, min_coverage=1).fit_transform(row)[0]
    assert out[1] == pytest.approx(0.055)
    with pytest.raises(GridError, match="cover 0% of target bin 0"):
        Rebinner(SpectralGrid.from_edges([2.0, 2.4]), grid=joined.grid).fit(row)
    # Neighbours are joined by their place, not by what else lies over them.
    np.testing.assert_array_equal(Rebinner(1, grid=joined.grid).fit_transform(row), row)


# Joining neighbours


def test_a_number_joins_neighbours():
    out = Rebinner(3).fit_transform(np.arange(8.0)[None])
    np.testing.assert_allclose(out, [[1, 4, 6.5]])
    with_grid = Rebinner(3, grid=FINE).fit(X)
    assert with_grid.target_grid_ == nested(FINE, 3)
    np.testing.assert_allclose(
        with_grid.transform(X), Rebinner(nested(FINE, 3), grid=FINE).fit_transform(X), rtol=1e-12
    )


def test_a_search_chooses_the_bins():
    y = DEPTH[:, :60].mean(axis=1)
    search = GridSearchCV(
        make_pipeline(Rebinner(), KNeighborsRegressor(1)), {"rebinner__target": [1, 60, 120]}, cv=2
    ).fit(DEPTH, y)
    assert search.best_params_["rebinner__target"] in (1, 60, 120)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# Names and output


def test_columns_are_named_by_the_target():
    model = Rebinner(COARSE, grid=FINE).set_output(transform="pandas").fit(X)
    frame = model.transform(X)
    assert list(frame) == COARSE.feature_names() + COARSE.feature_names("sigma")
    assert list(Rebinner(COARSE, grid=FINE).fit(DEPTH).get_feature_names_out()) == (
        COARSE.feature_names()
    )
    assert list(Rebinner(2).fit(np.zeros((1, 3))).get_feature_names_out()) == ["x0-x1", "x2"]
    assert list(Rebinner().fit(np.zeros((1, 3))).get_feature_names_out()) == ["x0", "x1", "x2"]


def test_single_precision_stays():
    assert Rebinner(COARSE, grid=FINE).fit_transform(X.astype(np.float32)).dtype == np.float32


# What is refused


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"target": COARSE}, GridError, "give grid .bins. or wavelength"),
        ({"target": "x", "grid": FINE}, GridError, "target must be a SpectralGrid, Spectrum or"),
        ({"target": 0, "grid": FINE}, RangeError, "target=0: to join neighbouring bins"),
        ({"target": 1.5, "grid": FINE}, RangeError, "give a whole number from 1 up"),
        ({"target": 2, "wavelength": np.linspace(1, 2, 120)}, GridError, "but X is sampled"),
        (
            {"target": COARSE, "wavelength": np.linspace(1, 2, 9)},
            GridError,
            "240 columns but 9 wavelengths",
        ),
        (
            {"target": COARSE, "grid": FINE, "wavelength": np.linspace(1, 2, 120)},
            GridError,
            "give either grid",
        ),
        ({"target": COARSE, "grid": COARSE}, GridError, "240 columns, which are neither"),
        (
            {"target": COARSE, "wavelength": np.ones((2, 60)), "uncovered": "missing"},
            GridError,
            "one ascending list",
        ),
        ({"grid": FINE, "min_coverage": 0}, RangeError, "min_coverage must be above 0"),
        ({"grid": FINE, "weighting": "overlaps"}, UnknownNameError, "did you mean 'overlap'"),
        ({"grid": FINE, "uncovered": "mising"}, UnknownNameError, "did you mean 'missing'"),
        ({"weighting": "inverse_variance"}, RangeError, "needs errors in X"),
    ],
)
def test_what_does_not_fit_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        Rebinner(**options).fit(X)


def test_zero_errors_are_no_weights():
    bad = X.copy()
    bad[1, 123] = 0
    assert np.isfinite(Rebinner(COARSE, grid=FINE).fit_transform(bad)).all()
    with pytest.raises(RangeError, match="error of bin 3 of spectrum 1 is 0"):
        Rebinner(COARSE, grid=FINE, weighting="inverse_variance").fit_transform(bad)


def test_covariance_wants_a_fitted_rebinner():
    with pytest.raises(NotFittedError):
        Rebinner(COARSE, grid=FINE).covariance(SIGMA[0])
