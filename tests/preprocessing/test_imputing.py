"""Filled bins, and their errors."""

import numpy as np
import pytest
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.pipeline import make_pipeline

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.preprocessing import SpectrumImputer, SpectrumScaler
from exosk.spectra import SpectralGrid

RNG = np.random.default_rng(0)
GRID = SpectralGrid.from_edges(np.cumsum(np.append(1.0, RNG.uniform(0.01, 0.05, 24))))
# Level, one feature of varying strength, a little more: what a neighbour tells.
FEATURE = np.exp(-(((GRID.wavelength - 1.3) / 0.08) ** 2))
LEVEL = RNG.uniform(0.01, 0.03, 200)
STRENGTH = RNG.uniform(0, 1e-3, 200)
DEPTH = LEVEL[:, None] + STRENGTH[:, None] * FEATURE + 1e-6 * RNG.standard_normal((200, 24))
SIGMA = 5e-5 * RNG.uniform(0.5, 2, DEPTH.shape)
HOLES = RNG.random(DEPTH.shape) < 0.15
HOLES[:, 0] = False
HOLES[7] = True
HOLES[7, [3, 20]] = False
GAPPY = np.where(HOLES, np.nan, DEPTH)
X = np.hstack([GAPPY, np.where(HOLES, np.nan, SIGMA)])

STRATEGIES = ("linear", "mean", "neighbors", IterativeImputer(max_iter=3, random_state=0))
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=str)


def filled(strategy, **options):
    return SpectrumImputer(strategy, **options).fit(np.hstack([DEPTH, SIGMA])).transform(X)


@each_strategy
def test_all_is_filled_and_nothing_else_changed(strategy):
    out = filled(strategy, grid=GRID)
    assert out.shape == X.shape
    assert np.isfinite(out).all()
    there = ~np.isnan(X)
    np.testing.assert_array_equal(out[there], X[there])


@each_strategy
@pytest.mark.parametrize("trained", ["whole", "gappy"])
def test_a_guess_is_better_than_the_spectrum_s_own_mean(strategy, trained):
    model = SpectrumImputer(strategy, grid=GRID).fit(DEPTH if trained == "whole" else GAPPY)
    guess = model.transform(GAPPY)[HOLES] - DEPTH[HOLES]
    level = np.broadcast_to(np.nanmean(GAPPY, axis=1, keepdims=True), DEPTH.shape)
    naive = level[HOLES] - DEPTH[HOLES]
    assert np.sqrt(np.mean(guess**2)) < 0.7 * np.sqrt(np.mean(naive**2))


@each_strategy
def test_filled_errors_cover_what_the_guess_is_off_by(strategy):
    out = filled(strategy, grid=GRID)
    off = np.abs(out[:, :24] - DEPTH)[HOLES]
    error = out[:, 24:][HOLES]
    assert np.mean(off < 2 * error) > 0.95
    largest = np.where(HOLES, 0, SIGMA).max(axis=1)
    row = np.broadcast_to(np.arange(200)[:, None], HOLES.shape)[HOLES]
    assert (error >= largest[row]).all()


@each_strategy
def test_adding_to_a_spectrum_adds_to_its_guess(strategy):
    """The level is the planet's radius; a guess does not depend on it."""
    model = SpectrumImputer(strategy, grid=GRID).fit(DEPTH)
    np.testing.assert_allclose(model.transform(GAPPY + 0.01), model.transform(GAPPY) + 0.01)


@each_strategy
def test_rows_do_not_know_of_each_other(strategy):
    model = SpectrumImputer(strategy, grid=GRID).fit(GAPPY)
    np.testing.assert_allclose(
        model.transform(GAPPY[:9]),
        np.vstack([model.transform(row[None]) for row in GAPPY[:9]]),
        rtol=1e-12,
    )


def test_linear_is_numpy_s_interpolation():
    out = SpectrumImputer(grid=GRID).fit(DEPTH).transform(GAPPY)
    for row, gappy in zip(out, GAPPY, strict=True):
        there = ~np.isnan(gappy)
        at = GRID.wavelength
        np.testing.assert_allclose(row, np.interp(at, at[there], gappy[there]), rtol=1e-13)


def test_the_mean_shape_is_found_whatever_is_missing():
    """Levels from the bins that are there; exact where spectra differ by nothing else."""
    same = LEVEL[:, None] + 1e-3 * FEATURE
    model = SpectrumImputer("mean", grid=GRID).fit(np.where(HOLES, np.nan, same))
    np.testing.assert_allclose(model.transform(np.where(HOLES, np.nan, same)), same, rtol=1e-7)


def test_a_bin_that_no_training_spectrum_has():
    never = GAPPY.copy()
    never[:, 5] = np.nan
    for strategy in ("linear", "mean", "neighbors"):
        model = SpectrumImputer(strategy, grid=GRID).fit(never)
        assert np.isfinite(model.transform(never)).all()
        assert (model.scatter_ > 0).all()


def test_indicators_say_what_was_missing():
    model = SpectrumImputer("mean", GRID, add_indicator=True).set_output(transform="pandas")
    frame = model.fit(X[8:]).transform(X)
    often = HOLES[8:].any(axis=0)
    assert often.sum() == 23
    np.testing.assert_array_equal(frame.to_numpy()[:, 48:], HOLES[:, often])
    names = np.array(GRID.feature_names())
    assert list(frame)[48:] == [f"missing_{name}" for name in names[often]]
    assert list(frame)[:24] == list(names)


def test_after_a_scaler():
    steps = SpectrumScaler(grid=GRID), SpectrumImputer("mean", GRID, n_extra=2, add_indicator=True)
    model = make_pipeline(*steps).set_output(transform="pandas").fit(X)
    frame = model.transform(X)
    assert np.isfinite(frame.to_numpy()).all()
    assert list(frame)[48:50] == ["level", "spread"]
    np.testing.assert_array_equal(frame["level"], model[0].transform(X)["level"])


def test_missing_extra_columns_get_the_median():
    rows = np.array([[0.01, 0.02, 1.0], [0.01, 0.02, 3.0], [0.01, 0.02, np.nan]])
    np.testing.assert_array_equal(SpectrumImputer(n_extra=1).fit_transform(rows)[:, 2], [1, 3, 2])
    rows[:, 2] = np.nan
    np.testing.assert_array_equal(SpectrumImputer(n_extra=1).fit_transform(rows)[:, 2], 0)


def test_single_precision_stays():
    out = SpectrumImputer("mean", grid=GRID).fit(X.astype(np.float32)).transform(X)
    assert out.dtype == np.float64
    assert SpectrumImputer(grid=GRID).fit_transform(X.astype(np.float32)).dtype == np.float32


def test_what_does_not_fit_is_refused():
    with pytest.raises(UnknownNameError, match="did you mean 'linear'"):
        SpectrumImputer("linar").fit(GAPPY)
    with pytest.raises(GridError, match="neither the depths of 5 bins"):
        SpectrumImputer(grid=GRID[:5]).fit(GAPPY)
    empty = GAPPY.copy()
    empty[[2, 4]] = np.nan
    with pytest.raises(RangeError, match=r"spectrum 2 has no bin.*leave it out \(2 are so\)"):
        SpectrumImputer().fit(GAPPY).transform(empty)
    adding = SpectrumImputer(SimpleImputer(add_indicator=True)).fit(GAPPY)
    with pytest.raises(RangeError, match=r"SimpleImputer made 48 columns of 24, .*add_indicator=F"):
        adding.transform(GAPPY)
