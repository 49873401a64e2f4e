"""Errors that name the thing, the value and the remedy."""

import pytest

from exosk import exceptions
from exosk.exceptions import ExoskError, UnknownNameError

CHILDREN = [getattr(exceptions, name) for name in exceptions.__all__ if name != "ExoskError"]


@pytest.mark.parametrize("error", CHILDREN)
def test_each_is_ours_and_a_built_in_one(error):
    """Callers catch either ExoskError or what scientific Python would raise."""
    assert issubclass(error, ExoskError)
    assert issubclass(error, (ValueError, LookupError, RuntimeError, OSError))


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("H20", ["H2O", "CO2", "CH4"], "unknown molecule 'H20'; did you mean 'H2O'?"),
        ("h2o2", ["H2O", "CO2"], "unknown molecule 'h2o2'; did you mean 'H2O' or 'CO2'?"),
        ("Xe", ["H2O", "CH4"], "unknown molecule 'Xe'; known: CH4, H2O."),
        ("H2O", [], "unknown molecule 'H2O'; none is known."),
        ("H20", (name for name in ["H2O"]), "unknown molecule 'H20'; did you mean 'H2O'?"),
    ],
)
def test_the_nearest_names_are_suggested(name, known, expected):
    assert str(UnknownNameError.suggest("molecule", name, known)) == expected
