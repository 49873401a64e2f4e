"""What y is: presence of molecules, or classes."""

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from exosk.models.labels import read_labels


@pytest.mark.parametrize(
    "y",
    [
        [[0, 1], [1, 1], [1, 0]],
        [[0.0, 1.0], [1.0, 1.0]],
        [[True, False], [False, True]],
        [[0], [1], [1]],
        [[1], [1]],
        [[0, 0], [0, 0]],
        [[1, 1, 1], [1, 1, 1]],
    ],
)
def test_a_table_of_0_and_1_is_presence(y):
    read, is_presence = read_labels(y)
    assert is_presence
    assert read.dtype.kind == "i"
    np.testing.assert_array_equal(read, y)


@pytest.mark.parametrize("y", [[0, 1, 1], ["a", "b", "a"], [3, 7, 9], [1, 1], [True, False]])
def test_a_list_is_classes(y):
    read, is_presence = read_labels(y)
    assert not is_presence
    np.testing.assert_array_equal(read, y)


def test_a_column_of_classes_is_taken_as_a_list():
    with pytest.warns(DataConversionWarning):
        read, is_presence = read_labels([["a"], ["b"]])
    assert not is_presence
    assert read.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    "y", [[[0, 1], [2, 0]], [0.3, 0.7], [[0.2, 0.9], [0.1, 0.5]], [[-8.0, -3.0]], [[1, 2], [2, 1]]]
)
def test_abundances_are_no_labels(y):
    with pytest.raises(ValueError):
        read_labels(y)
