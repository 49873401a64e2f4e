"""Priors and spaces: laws that every prior obeys."""

import copy
import json
import pickle

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from exosk.exceptions import RangeError, UnknownNameError
from exosk.parameters import (
    LogUniform,
    Normal,
    Parameter,
    ParameterArray,
    ParameterSpace,
    Uniform,
    prior_from_dict,
)

# Each prior with its distribution, written independently.
PRIORS = {
    "uniform": (Uniform(-12, -1), stats.uniform(-12, 11)),
    "loguniform": (LogUniform(0.1, 1000), stats.reciprocal(0.1, 1000)),
    "normal": (Normal(1.2, 0.3), stats.norm(1.2, 0.3)),
    "half normal": (Normal(0, 2, low=0), stats.halfnorm(0, 2)),
    "cut normal": (Normal(5, 1, low=4, high=5.5), stats.truncnorm(-1, 0.5, 5, 1)),
}
SPACE = ParameterSpace(
    [Parameter(f"p{k}", prior, "K") for k, (prior, _) in enumerate(PRIORS.values())]
)
each_prior = pytest.mark.parametrize(("prior", "truth"), PRIORS.values(), ids=PRIORS)


@each_prior
def test_samples_follow_the_prior(prior, truth):
    sample = ParameterSpace([Parameter("x", prior)]).sample(5000, random_state=0)[:, 0]
    assert stats.kstest(sample, truth.cdf).pvalue > 0.01
    assert sample.mean() == pytest.approx(truth.mean(), abs=5 * truth.std() / 5000**0.5)
    low, high = truth.support()
    assert low <= sample.min() <= sample.max() <= high


@each_prior
def test_density_is_the_prior_and_nothing_outside(prior, truth):
    space = ParameterSpace([Parameter("x", prior)])
    inside = truth.ppf([0.1, 0.5, 0.9])
    np.testing.assert_allclose(space.log_prior(inside[:, None]), truth.logpdf(inside))
    low, high = space.bounds[0]
    assert (low, high) == pytest.approx(truth.support())
    outside = [edge for edge in (low - 1, high + 1) if np.isfinite(edge)]
    assert (space.log_prior(np.reshape(outside, (-1, 1))) == -np.inf).all()


@each_prior
def test_a_prior_survives_json(prior, truth):
    parameter = Parameter("x", prior, "bar", r"$P$")
    assert Parameter.from_dict(json.loads(json.dumps(parameter.to_dict()))) == parameter


@given(
    unit=st.lists(st.floats(1e-6, 1 - 1e-6), min_size=len(SPACE), max_size=len(SPACE)),
)
@settings(deadline=None, max_examples=50, derandomize=True)
def test_the_unit_cube_and_back(unit):
    theta = SPACE.from_unit_cube(unit)
    np.testing.assert_allclose(SPACE.to_unit_cube(theta), unit, atol=1e-9)
    assert np.isfinite(SPACE.log_prior(theta))


def test_the_corners_of_the_cube_are_the_bounds():
    corners = SPACE.from_unit_cube(np.stack([np.zeros(len(SPACE)), np.ones(len(SPACE))]))
    np.testing.assert_allclose(corners.T, SPACE.bounds)


def test_a_seed_reproduces_and_another_differs():
    first = SPACE.sample(20, random_state=1)
    np.testing.assert_array_equal(first, SPACE.sample(20, random_state=1))
    assert (first != SPACE.sample(20, random_state=2)).all()
    np.testing.assert_array_equal(first, SPACE.sample(20, random_state=np.random.RandomState(1)))


def test_log_prior_adds_up_and_keeps_leading_axes():
    theta = SPACE.sample(6, random_state=0).reshape(2, 3, -1)
    density = SPACE.log_prior(theta)
    assert density.shape == (2, 3)
    parts = [SPACE[k : k + 1].log_prior(theta[..., k : k + 1]) for k in range(len(SPACE))]
    np.testing.assert_allclose(density, np.sum(parts, axis=0))
    assert SPACE.to_unit_cube(theta).shape == theta.shape


def test_a_space_is_a_sequence():
    assert SPACE.names == [f"p{k}" for k in range(len(SPACE))]
    assert SPACE.units == ["K"] * len(SPACE)
    assert SPACE.labels[0] == "p0"
    assert Parameter("log_x_h2o", Uniform(0, 1)).label == "log x h2o"
    assert SPACE["p1"] is SPACE[1] is list(SPACE)[1]
    assert SPACE[1:3].names == ["p1", "p2"]
    assert "p1" in SPACE
    assert "q" not in SPACE
    assert ParameterSpace.from_dict(json.loads(json.dumps(SPACE.to_dict()))) == SPACE
    assert hash(SPACE) == hash(ParameterSpace(list(SPACE)))
    assert repr(SPACE) == "ParameterSpace(p0, p1, p2, p3, p4)"


def test_priors_are_replaced_by_name():
    changed = SPACE.replace(p2=Uniform(0, 1))
    assert changed["p2"].prior == Uniform(0, 1)
    assert changed["p2"].unit == "K"
    assert changed[:2] == SPACE[:2]
    with pytest.raises(UnknownNameError, match="did you mean 'p0'"):
        SPACE.replace(p_0=Uniform(0, 1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Uniform(2, 1), "finite low < high, got 2 and 1.*fixed, not given a prior"),
        (lambda: Uniform(1, 1), "known exactly is fixed"),
        (lambda: Uniform(0, np.inf), "finite low < high"),
        (lambda: LogUniform(0, 1), "finite 0 < low < high"),
        (lambda: Normal(0, 0), "finite mean and std > 0"),
        (lambda: Normal(np.nan, 1), "finite mean and std > 0"),
        (lambda: Normal(0, 1, low=1, high=-1), "has no weight between its limits 1 and -1"),
        (lambda: Normal(0, 1, low=6), "has no weight"),
        (lambda: ParameterSpace([]), "at least one parameter"),
        (lambda: ParameterSpace([SPACE[0], SPACE[0]]), "named twice: p0"),
        (lambda: SPACE.from_unit_cube([0.5] * 4), r"must have 5 columns \(p0.*shape \(4,\)"),
        (lambda: SPACE.log_prior(0.5), "must have 5 columns"),
        (lambda: SPACE.from_unit_cube([0.5] * 4 + [1.1]), "must lie between 0 and 1"),
        (lambda: SPACE.to_unit_cube([0.5] * 4 + [np.nan]), "contain NaN"),
        (lambda: prior_from_dict({"low": 1}, "x"), "uniform prior of x takes the numbers low, hi"),
        (lambda: prior_from_dict({"low": "a", "high": 2}, "x"), "takes the numbers"),
        (lambda: prior_from_dict({"low": 3, "high": 2}, "x"), "prior of x: a uniform prior needs"),
        (lambda: prior_from_dict([1, 2], "x"), "the prior of x must be a table such as"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(RangeError, match=message):
        make()


def test_an_unknown_kind_of_prior_is_named():
    with pytest.raises(UnknownNameError, match="kind of prior for x 'unifrom'; did you mean 'unif"):
        prior_from_dict({"kind": "unifrom"}, "x")
    assert prior_from_dict({"low": 1, "high": 2}, "x") == Uniform(1, 2)


# --- arrays that remember their space --------------------------------------------------------


@pytest.fixture
def array() -> ParameterArray:
    return ParameterArray(SPACE.sample(8, random_state=0), SPACE)


@pytest.mark.parametrize(
    "rows", [slice(2, 5), [3, 1], np.arange(8) > 3, (slice(0, 2),), (slice(0, 2), slice(None))]
)
def test_rows_keep_the_space(array, rows):
    assert array[rows].space == SPACE


@pytest.mark.parametrize(
    "which",
    [
        (slice(None), slice(0, 2)),
        (slice(None), [4, 3, 2, 1, 0]),
        (slice(None), slice(None, None, -1)),
        (slice(None), 0),
        0,
        (..., slice(0, 2)),
        None,
    ],
)
def test_columns_lose_it(array, which):
    """Also when they are as many as before: their order may differ."""
    assert getattr(array[which], "space", None) is None


def test_it_is_an_ordinary_array_otherwise(array):
    values = np.asarray(array)
    np.testing.assert_array_equal(array * 2, values * 2)
    assert isinstance(array[0, 0], float)
    assert array.mean(axis=0).shape == (len(SPACE),)


@pytest.mark.parametrize(
    "send",
    [
        copy.copy,
        copy.deepcopy,
        lambda a: pickle.loads(pickle.dumps(a)),
        lambda a: pickle.loads(pickle.dumps(a, protocol=5)),
        lambda a: joblib.Parallel(n_jobs=2)([joblib.delayed(_same)(a)] * 2)[0],
    ],
    ids=["copy", "deepcopy", "pickle", "pickle 5", "joblib"],
)
def test_it_travels_with_its_space(array, send):
    sent = send(array)
    assert sent.space == SPACE
    np.testing.assert_array_equal(sent, array)


def _same(array):
    return array
