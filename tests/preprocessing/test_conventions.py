"""What holds for every transformer of spectra."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from exosk.exceptions import GridError, RangeError
from exosk.preprocessing import (
    ContinuumRemover,
    Masker,
    Rebinner,
    SpectrumImputer,
    SpectrumScaler,
)
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_resolution(0.6, 5, 10)
N_BINS = GRID.n_bins
RNG = np.random.default_rng(0)
DEPTH = 0.02 + 1e-3 * RNG.standard_normal((12, N_BINS))
X = np.hstack([DEPTH, np.full(DEPTH.shape, 1e-4)])

WITH_GRID = [
    Rebinner(GRID[::2], grid=GRID),
    Rebinner(3, grid=GRID, weighting="inverse_variance"),
    *(SpectrumScaler(method, GRID) for method in ("spread", "level", "range", "bands", "bins")),
    Masker(GRID, hide=[(1.0, 2.0)]),
    Masker(GRID, hide=[(1.0, 2.0)], drop=True),
    *(SpectrumImputer(s, GRID, add_indicator=True) for s in ("linear", "mean", "neighbors")),
    ContinuumRemover(1, GRID, keep=True),
    ContinuumRemover(2, GRID, "lower", "divide"),
]
each = pytest.mark.parametrize("transformer", WITH_GRID, ids=repr)


# The default of each is in tests/test_conformance.py.
@parametrize_with_checks(
    [
        Rebinner(2),
        *(SpectrumScaler(method) for method in ("level", "range", "bins")),
        SpectrumImputer("mean", add_indicator=True),
        SpectrumImputer("neighbors"),
        ContinuumRemover(through="lower", keep=True),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@each
def test_tables_keep_their_index_and_name_every_column(transformer):
    model = clone(transformer).set_output(transform="pandas").fit(X)
    frame = model.transform(X)
    assert list(frame.columns) == list(model.get_feature_names_out())
    assert frame.columns.is_unique
    np.testing.assert_array_equal(frame, clone(transformer).fit(X).transform(X))


@each
def test_spectra_are_left_as_they_were_and_models_survive_pickling(transformer):
    given = X.copy()
    given[0, 2] = given[0, N_BINS + 2] = np.nan
    before = given.copy()
    model = clone(transformer).fit(given)
    out = model.transform(given)
    out[:] = 0
    np.testing.assert_array_equal(given, before)
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.transform(given), model.transform(given))


@each
@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda X: X[:, :-1], GridError, "bring the spectra to the model's bins"),
        (lambda X: X[:, :3], GridError, "which are neither the depths of"),
        (lambda X: np.where(np.arange(2 * N_BINS) == N_BINS + 1, -1e-4, X), RangeError, "-0.0001"),
        (
            lambda X: np.where(np.arange(2 * N_BINS) == N_BINS + 1, np.nan, X),
            RangeError,
            "the error of bin 1 of spectrum 0 is nan",
        ),
        (lambda X: np.where(np.arange(12)[:, None] == 3, np.nan, X), RangeError, "spectrum 3 has"),
        (lambda X: np.where(X > 0.021, np.inf, X), ValueError, "contains infinity"),
    ],
    ids=["a column short", "another grid", "negative", "no error", "empty", "infinite"],
)
def test_bad_spectra_are_refused_in_training_and_after(transformer, spoil, error, message):
    with pytest.raises(error, match=message):
        clone(transformer).fit(spoil(X))
    model = clone(transformer).fit(X)
    # The width is compared with that of training, by scikit-learn.
    with pytest.raises(ValueError, match=f"{message}|X has {spoil(X).shape[1]} features"):
        model.transform(spoil(X))
