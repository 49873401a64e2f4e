"""What every augmentation obeys: observations and held-out folds are never touched."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from exosk.augmentation import (
    BinDropout,
    BinMerger,
    ContaminationInjector,
    CoverageDropout,
    NoiseInjector,
    OffsetInjector,
    redraw,
)
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.rows import join_rows

GRID = SpectralGrid.from_edges([1.0, 1.2, 1.5, 2.0, 3.0])
DEPTHS = np.random.default_rng(0).uniform(0.01, 0.03, (300, 4))
ROWS = join_rows(DEPTHS, np.full(4, 1e-4))
AUGMENTATIONS = {
    "noise": NoiseInjector(1e-4, 0, grid=GRID),
    "own noise": NoiseInjector("columns", 0, scale=(0.5, 5), correlation=RBF(0.3), grid=GRID),
    "offsets": OffsetInjector(["a", "a", "b", "b"], random_state=0, grid=GRID),
    "contamination": ContaminationInjector(5000, 0.1, (3500, 4500), random_state=0, grid=GRID),
    "dropout": BinDropout(0.2, random_state=0, grid=GRID),
    "coverage": CoverageDropout(whole=0, random_state=0, grid=GRID),
    "merging": BinMerger((1, 4), whole=0, random_state=0, grid=GRID),
}
each_augmentation = pytest.mark.parametrize(
    "augmentation", AUGMENTATIONS.values(), ids=AUGMENTATIONS
)


class Witness(LinearRegression):
    """Remember what it was shown."""

    fitted: list[np.ndarray] = []
    asked: list[np.ndarray] = []

    def fit(self, X, y):
        self.fitted.append(X)
        return super().fit(np.nan_to_num(X), y)

    def predict(self, X):
        self.asked.append(X)
        return super().predict(np.nan_to_num(X))


@pytest.fixture
def witness():
    Witness.fitted, Witness.asked = [], []
    return Witness()


@each_augmentation
def test_training_spectra_are_changed_and_observations_are_not(augmentation):
    model = clone(augmentation)
    trained = model.fit_transform(ROWS)
    assert trained.shape == ROWS.shape
    assert (trained[:, :4] != DEPTHS).any()
    observed = model.transform(ROWS)
    np.testing.assert_array_equal(observed, ROWS)
    observed[:] = 0
    assert ROWS.all(), "a copy"


@each_augmentation
def test_held_out_folds_are_as_they_were(augmentation, witness):
    folds = KFold(5)
    cross_val_score(make_pipeline(augmentation, witness), ROWS, DEPTHS[:, 0], cv=folds)
    assert len(Witness.asked) == 5
    for (training, held_out), fitted, asked in zip(
        folds.split(ROWS), Witness.fitted, Witness.asked
    ):
        np.testing.assert_array_equal(asked, ROWS[held_out])
        assert fitted.shape == ROWS[training].shape
        assert (fitted != ROWS[training]).any()


@each_augmentation
def test_a_search_scores_on_spectra_as_they_are(augmentation, witness):
    model = make_pipeline(augmentation, witness)
    search = GridSearchCV(model, {"witness__fit_intercept": [True, False]}, cv=KFold(3))
    search.fit(ROWS, DEPTHS[:, 0])
    held_out = [ROWS[test] for _ in range(2) for _, test in KFold(3).split(ROWS)]
    for asked, expected in zip(Witness.asked, held_out, strict=True):
        np.testing.assert_array_equal(asked, expected)
    search.predict(ROWS[:5])
    np.testing.assert_array_equal(Witness.asked[-1], ROWS[:5])


def test_the_number_of_jobs_does_not_change_the_noise():
    steps = [AUGMENTATIONS[name] for name in ("noise", "own noise", "offsets")]
    model = make_pipeline(*steps, LinearRegression())
    grid = {"noiseinjector-1__random_state": [0, 1], "noiseinjector-2__random_state": [0, 1]}
    search = GridSearchCV(model, grid, cv=3)
    one = clone(search).fit(ROWS, DEPTHS[:, 0]).cv_results_["mean_test_score"]
    two = clone(search).set_params(n_jobs=2).fit(ROWS, DEPTHS[:, 0])
    np.testing.assert_array_equal(two.cv_results_["mean_test_score"], one)
    assert len(set(one)) == 4


@each_augmentation
def test_missing_bins_stay_missing(augmentation):
    gappy = ROWS.copy()
    gappy[::2, 1] = np.nan
    gappy[::4, 5] = np.nan
    changed = clone(augmentation).fit_transform(gappy)
    assert np.isnan(changed[np.isnan(gappy)]).all()
    if not isinstance(augmentation, BinDropout | CoverageDropout):
        np.testing.assert_array_equal(np.isnan(changed), np.isnan(gappy))


@each_augmentation
def test_spectra_do_not_share_a_draw_and_epochs_neither(augmentation):
    same = np.tile(ROWS[:1], (50, 1))
    rng = np.random.RandomState(0)
    epochs = np.concatenate([redraw(augmentation, same, rng) for _ in range(2)])
    distinct = {row.tobytes() for row in np.nan_to_num(epochs)}
    # Four bins leave few ways to hide some of them, or to merge them.
    few = isinstance(augmentation, BinDropout | CoverageDropout | BinMerger)
    assert len(distinct) == 100 or (few and len(distinct) > 5)


@each_augmentation
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precision_is_kept(augmentation, dtype):
    model = clone(augmentation)
    assert model.fit_transform(ROWS.astype(dtype)).dtype == dtype
    assert model.transform(ROWS.astype(dtype)).dtype == dtype


@each_augmentation
def test_a_fitted_one_survives_pickling(augmentation):
    model = pickle.loads(pickle.dumps(clone(augmentation).fit(ROWS)))
    np.testing.assert_array_equal(model.transform(ROWS), ROWS)
    np.testing.assert_array_equal(
        model.fit_transform(ROWS), clone(augmentation).fit_transform(ROWS)
    )


@each_augmentation
def test_columns_have_the_grids_names(augmentation):
    frame = clone(augmentation).set_output(transform="pandas").fit_transform(ROWS)
    assert list(frame.columns) == GRID.feature_names() + GRID.feature_names("sigma")


@each_augmentation
@pytest.mark.parametrize("columns", [3, 5, 12])
def test_the_wrong_width_is_refused(augmentation, columns):
    with pytest.raises(GridError, match=f"X has {columns} columns"):
        clone(augmentation).fit(np.full((5, columns), 0.02))


@each_augmentation
def test_infinities_and_empty_spectra_are_refused(augmentation):
    bad = ROWS.copy()
    bad[3, :4] = np.nan
    with pytest.raises(RangeError, match="spectrum 3 has no bin that is not missing"):
        clone(augmentation).fit_transform(bad)
    bad[3, :4] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        clone(augmentation).fit(bad)


COMPARED = "it compares fit_transform, which hides bins, with transform, which must not"
EXPECTED_FAILURES = {
    "check_transformer_general": COMPARED,
    "check_transformer_data_not_an_array": COMPARED,
}


@pytest.mark.parametrize(
    "augmentation",
    [NoiseInjector(scale=(0.5, 2)), OffsetInjector(), ContaminationInjector(), BinDropout(0, 0)],
    ids=repr,
)
def test_scikit_learns_checks(augmentation):
    check_estimator(augmentation, on_skip=None)


def test_scikit_learns_checks_of_missing_bins():
    check_estimator(BinDropout(), expected_failed_checks=EXPECTED_FAILURES, on_skip=None)
