"""The probability that each gas is present."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss, roc_auc_score

from exosk.models import MoleculeDetector


@pytest.fixture(scope="module")
def data(toy):
    X, Y = toy.sample(1200, random_state=0)
    return X, (np.asarray(Y) > 0).astype(int)


@pytest.fixture(scope="module")
def held_out(toy):
    X, Y = toy.sample(400, random_state=1)
    return X, (np.asarray(Y) > 0).astype(int)


@pytest.fixture(scope="module")
def detector(data):
    return MoleculeDetector(n_estimators=40, random_state=0).fit(*data)


def test_probabilities_and_labels(detector, held_out):
    X, y = held_out
    probability = detector.predict_proba(X)
    assert probability.shape == y.shape
    assert ((probability >= 0) & (probability <= 1)).all()
    np.testing.assert_array_equal(detector.predict(X), probability > 0.5)
    assert detector.score(X, y) > 0.4  # both labels right


def test_what_is_there_is_more_probable(detector, held_out):
    X, y = held_out
    probability = detector.predict_proba(X)
    for k in range(2):
        assert roc_auc_score(y[:, k], probability[:, k]) > 0.8
        assert log_loss(y[:, k], probability[:, k]) < 0.8 * np.log(2)


def test_probabilities_are_calibrated(detector, held_out):
    """Of the spectra given a probability near p, a share near p hold the molecule."""
    X, y = held_out
    p, y = detector.predict_proba(X).ravel(), y.ravel()
    for low, high in ((0.05, 0.35), (0.35, 0.65), (0.65, 0.95)):
        chosen = (p > low) & (p < high)
        error = 4 * 0.5 / chosen.sum() ** 0.5
        assert abs(y[chosen].mean() - p[chosen].mean()) < error


def test_a_single_molecule_is_a_table_of_one_column(data, held_out):
    """As the presence of a data set with one molecule is: probabilities that it is there."""
    model = MoleculeDetector(20, random_state=0).fit(data[0], data[1][:, :1])
    probability = model.predict_proba(held_out[0])
    assert probability.shape == model.predict(held_out[0]).shape == (400, 1)
    assert roc_auc_score(held_out[1][:, 0], probability[:, 0]) > 0.8
    plain = MoleculeDetector(20, calibrate=False, random_state=0).fit(data[0], data[1][:, :1])
    probability = plain.predict_proba(held_out[0])
    flat = MoleculeDetector(20, random_state=0).fit(data[0], data[1][:, 0])
    np.testing.assert_array_equal(flat.predict_proba(held_out[0])[:, 1], probability[:, 0])


def test_classes_are_an_ordinary_classification(data, held_out):
    names = np.array(["absent", "present"])[data[1][:, 0]]
    model = MoleculeDetector(20, random_state=0).fit(data[0], names)
    assert model.classes_.tolist() == ["absent", "present"]
    probability = model.predict_proba(held_out[0])
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert set(model.predict(held_out[0])) == {"absent", "present"}


@pytest.mark.parametrize("value", [0, 1])
def test_a_label_with_one_class(data, held_out, value):
    """A molecule that all training spectra hold, or none: as sure as the training set is."""
    one = np.full(len(data[0]), value)
    several = MoleculeDetector(10, random_state=0).fit(
        data[0], np.column_stack([data[1][:, 0], one])
    )
    np.testing.assert_array_equal(several.predict_proba(held_out[0])[:, 1], value)
    np.testing.assert_array_equal(several.predict(held_out[0])[:, 1], value)
    alone = MoleculeDetector(10, random_state=0).fit(data[0], one[:, None])
    np.testing.assert_array_equal(alone.predict_proba(held_out[0]), np.full((400, 1), value))


def test_a_seed_reproduces(data, held_out, detector):
    X = held_out[0]
    again = clone(detector).fit(*data)
    np.testing.assert_array_equal(again.predict_proba(X), detector.predict_proba(X))
    other = clone(detector).set_params(random_state=1, n_jobs=2).fit(*data)
    assert (other.predict_proba(X) != detector.predict_proba(X)).any()


@pytest.mark.parametrize("y", [[[0, 1], [2, 0]], [0.3, 0.7]])
def test_abundances_are_no_labels(y):
    with pytest.raises(ValueError):
        MoleculeDetector().fit([[1.0], [2.0]], y)
