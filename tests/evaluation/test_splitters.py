"""Folds that keep a parent's rows together."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from exosk.evaluation.splitters import ParentKFold
from exosk.exceptions import RangeError

RANDOM = np.random.default_rng(0)
N_PARENTS, N_DRAWS = 40, 3
PARENT = RANDOM.permutation(np.repeat(np.arange(N_PARENTS) * 7, N_DRAWS))
N = len(PARENT)
# Of 40 parents 6 hold the first molecule, 20 the second and 36 the third.
HELD = np.zeros((N_PARENTS, 3), dtype=int)
for molecule, count in enumerate((6, 20, 36)):
    HELD[RANDOM.permutation(N_PARENTS)[:count], molecule] = 1
PRESENCE = HELD[PARENT // 7]

each_way = pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shuffle": True, "random_state": 3},
        {"stratify": PRESENCE},
        {"stratify": PRESENCE, "shuffle": True, "random_state": 3},
        {"stratify": PRESENCE[:, 0]},
        {"n_splits": 2},
    ],
    ids=str,
)


@each_way
def test_every_row_is_held_out_once_and_no_parent_is_on_both_sides(settings):
    folds = list(ParentKFold(PARENT, **settings).split(np.zeros((N, 4))))
    assert (
        len(folds) == ParentKFold(PARENT, **settings).get_n_splits() == settings.get("n_splits", 5)
    )
    for train, test in folds:
        assert not set(PARENT[train]) & set(PARENT[test])
        np.testing.assert_array_equal(np.sort(np.r_[train, test]), np.arange(N))
    np.testing.assert_array_equal(np.sort(np.concatenate([t for _, t in folds])), np.arange(N))


@each_way
def test_folds_are_the_same_every_time(settings):
    splitter = ParentKFold(PARENT, **settings)
    for a, b in zip(splitter.split(np.zeros(N)), splitter.split(np.zeros(N))):
        np.testing.assert_array_equal(a[1], b[1])


@pytest.mark.parametrize("labels", [PRESENCE, PRESENCE[:, :1], PRESENCE[:, 0], 1 - PRESENCE])
def test_a_rare_molecule_is_in_every_fold(labels):
    splitter = ParentKFold(PARENT, stratify=labels)
    counts = [PRESENCE[test, 0].sum() / N_DRAWS for _, test in splitter.split(PARENT)]
    assert sorted(counts) == [1, 1, 1, 1, 2]


def test_many_spectra_of_one_row_each_are_stratified_quickly():
    rare = (RANDOM.random((20_000, 6)) < [0.0005, 0.3, 0.6, 0.999, 0.01, 0.5]).astype(int)
    splitter = ParentKFold(np.arange(20_000), stratify=rare)
    for _, test in splitter.split(rare):
        assert len(test) == 4000
        np.testing.assert_allclose(rare[test].mean(axis=0), rare.mean(axis=0), atol=0.01)
        assert rare[test, 0].any()
        assert not rare[test, 3].all()


def test_classes_too_rare_for_every_fold_warn_of_nothing():
    """Of 40 parents one holds it, which no stratification can share out."""
    lonely = (PARENT == 7).astype(int)
    for labels in (lonely, np.c_[lonely, lonely], np.zeros(N), PARENT):
        folds = list(ParentKFold(PARENT, stratify=labels).split(PARENT))
        assert {len(test) for _, test in folds} == {N // 5}
    alone = np.arange(40)
    assert len(list(ParentKFold(alone, stratify=alone).split(alone))) == 5


def test_it_serves_as_cv():
    """Draws of the same spectrum in training make a forest look better than it is."""
    X = RANDOM.standard_normal((N_PARENTS, 4))[PARENT // 7]
    X = X + 0.01 * RANDOM.standard_normal(X.shape)
    y = RANDOM.standard_normal(N_PARENTS)[PARENT // 7]
    forest = RandomForestRegressor(20, random_state=0)
    honest = cross_val_score(forest, X, y, cv=ParentKFold(PARENT)).mean()
    fooled = cross_val_score(forest, X, y, cv=KFold(5, shuffle=True, random_state=0)).mean()
    assert honest < 0.1 < 0.5 < fooled
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]}, cv=ParentKFold(PARENT, 4)).fit(X, y)
    assert search.n_splits_ == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parent": [0, 0, 1, 1]}, "2 parent spectra cannot be put into 5 folds"),
        ({"parent": []}, "0 parent spectra cannot"),
        ({"parent": PARENT, "n_splits": 1}, "whole number from 2 up, got 1"),
        ({"parent": PARENT, "n_splits": 2.5}, "whole number from 2 up, got 2.5"),
        ({"parent": PRESENCE}, r"one a row, got shape \(120, 3\)"),
        ({"parent": PARENT, "stratify": PRESENCE[:5]}, r"120 parents but labels of shape \(5, 3\)"),
        ({"parent": PARENT, "random_state": 1}, "does nothing without shuffle"),
    ],
)
def test_what_makes_no_folds_is_refused(arguments, message):
    with pytest.raises(RangeError, match=message):
        ParentKFold(**arguments)


def test_other_rows_are_refused():
    with pytest.raises(RangeError, match="folds are of 120 spectra but X has 100"):
        list(ParentKFold(PARENT).split(np.zeros((100, 2))))
    with pytest.raises(RangeError, match="X has 3"):
        list(ParentKFold(PARENT).split([1, 2, 3]))
