"""Shape, level and spread of a spectrum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exosk.preprocessing import SpectrumScaler

X = 0.02 + 1e-3 * np.random.default_rng(0).standard_normal((20, 12))


def missing(X):
    gappy = X.copy()
    gappy[::3, 2] = np.nan
    gappy[1, 3:] = np.nan
    return gappy


@pytest.mark.parametrize("X", [X, missing(X)], ids=["whole", "gaps"])
def test_shape_has_no_mean_and_unit_spread(X):
    scaled = SpectrumScaler().fit_transform(X)
    shape, level, spread = scaled[:, :-2], scaled[:, -2], scaled[:, -1]
    np.testing.assert_allclose(np.nanmean(shape, axis=1), 0, atol=1e-9)
    np.testing.assert_allclose(np.nanstd(shape, axis=1), 1, rtol=1e-9)
    np.testing.assert_allclose(level, np.nanmean(X, axis=1))
    np.testing.assert_allclose(spread, np.nanstd(X, axis=1))
    np.testing.assert_array_equal(np.isnan(shape), np.isnan(X))


@pytest.mark.parametrize("X", [X, missing(X)], ids=["whole", "gaps"])
def test_the_inverse_is_exact(X):
    scaler = SpectrumScaler().fit(X)
    np.testing.assert_allclose(scaler.inverse_transform(scaler.transform(X)), X, rtol=1e-14)


@given(factor=st.floats(0.01, 100), offset=st.floats(-0.01, 0.1))
@settings(deadline=None, max_examples=50, derandomize=True)
def test_the_shape_does_not_know_level_and_spread(factor, offset):
    scaler = SpectrumScaler().fit(X)
    before, after = scaler.transform(X), scaler.transform(factor * X + offset)
    np.testing.assert_allclose(after[:, :-2], before[:, :-2], atol=1e-8)
    np.testing.assert_allclose(after[:, -2], factor * before[:, -2] + offset, atol=1e-12)
    np.testing.assert_allclose(after[:, -1], factor * before[:, -1], rtol=1e-8)


@pytest.mark.parametrize("level", [0.0, 0.1, 0.0213, 1 / 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_flat_spectrum_becomes_zeros(level, dtype):
    flat = np.full((1, 7), level, dtype=dtype)
    scaled = SpectrumScaler().fit_transform(flat)
    np.testing.assert_array_equal(scaled[0, :-2], 0)
    assert scaled[0, -1] == 0
    assert scaled[0, -2] == pytest.approx(level, rel=1e-6)
    assert scaled.dtype == dtype


def test_rows_do_not_know_of_each_other():
    scaler = SpectrumScaler().fit(X)
    np.testing.assert_array_equal(
        scaler.transform(X), np.vstack([scaler.transform(row[None]) for row in X])
    )
    np.testing.assert_array_equal(scaler.transform(X), SpectrumScaler().fit(X[:1]).transform(X))


def test_an_empty_spectrum_is_named():
    gappy = X.copy()
    gappy[4] = np.nan
    with pytest.raises(ValueError, match="spectrum 4 has no bin that is not missing; leave it ou"):
        SpectrumScaler().fit(X).transform(gappy)


def test_names():
    scaler = SpectrumScaler().fit(X)
    assert scaler.get_feature_names_out()[[0, -2, -1]].tolist() == ["x0", "level", "spread"]
    names = [f"depth_{k}" for k in range(12)]
    assert scaler.get_feature_names_out(names).tolist() == [*names, "level", "spread"]
    with pytest.raises(ValueError, match="should have length 12"):
        scaler.get_feature_names_out(["a"])


def test_the_inverse_wants_what_transform_gives():
    with pytest.raises(ValueError, match="expected 12 bins, level and spread"):
        SpectrumScaler().fit(X).inverse_transform(X)
