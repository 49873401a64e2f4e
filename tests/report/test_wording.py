"""Numbers and names as text."""

import math

import pytest

from exosk.parameters import LogUniform, Normal, Parameter, Uniform
from exosk.report import wording


@pytest.mark.parametrize(
    ("value", "size", "text"),
    [
        (1.0000000000000007, 1000, "> 0.99"),
        (0.0, 1000, "< 0.01"),
        (1.0, 30, "> 0.96"),
        (0.5, 30, "0.50"),
        (math.nan, 30, "—"),
    ],
)
def test_probabilities_claim_no_more_than_the_samples_tell(value, size, text):
    assert wording.probability(value, size) == text


@pytest.mark.parametrize(
    ("value", "places", "sign", "text"),
    [
        (-1.25, 2, False, "−1.25"),
        (-0.001, 2, False, "0.00"),
        (-0.001, 1, True, "+0.0"),
        (2, 1, True, "+2.0"),
        (math.nan, 2, False, "—"),
    ],
)
def test_numbers(value, places, sign, text):
    assert wording.number(value, places, sign=sign) == text


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        (Uniform(-12, -1), "uniform, −12 to −1"),
        (Uniform(1.0568, 1.387), "uniform, 1.057 to 1.387"),
        (LogUniform(1e-6, 10), "log-uniform, 1e−06 to 10"),
        (Normal(0.281, 0.032, low=0.07), "normal, 0.281 ± 0.032"),
        (Normal(0.281, 0.032, low=0.25), "normal, 0.281 ± 0.032, above 0.250"),
    ],
)
def test_priors_in_words(prior, text):
    assert wording.prior_text(Parameter("x", prior)) == text


def test_names():
    assert wording.formula("C2H2") == "C₂H₂"
    assert wording.parameter_title("log_x_h2o", ["CO", "H2O"]) == "H₂O abundance"
    assert wording.parameter_title("some_thing") == "some thing"
    assert wording.join(["a"]) == "a"
    assert wording.join(["a", "b", "c"]) == "a, b and c"
