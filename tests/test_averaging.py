"""The mean of a sampled function over an interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exosk.averaging import averaging_weights

POINTS = np.sort(np.random.default_rng(1).uniform(1, 2, 40))


def intervals():
    """Pairs of ends within the samples, of any width from a hair to all."""
    low, high = POINTS[0], POINTS[-1]
    start = st.floats(0, 0.999).map(lambda x: low + x * (high - low))
    share = st.floats(1e-4, 1)
    return st.tuples(start, share).map(lambda p: (p[0], p[0] + p[1] * (high - p[0])))


def exact_mean(points, values, a, b):
    """The trapezium rule on all nodes, by brute force."""
    nodes = np.unique(np.concatenate([[a, b], points[(points > a) & (points < b)]]))
    return np.trapezoid(np.interp(nodes, points, values), nodes) / (b - a)


@given(interval=intervals())
@settings(deadline=None, max_examples=100, derandomize=True)
def test_weights_average_the_interpolant(interval):
    a, b = interval
    weights = averaging_weights(POINTS, np.array([a]), np.array([b])).toarray()[0]
    assert weights.sum() == pytest.approx(1, abs=1e-9)
    assert (weights >= -1e-12).all()
    # Samples beyond the neighbours of the interval do not count.
    first, last = np.searchsorted(POINTS, a, "right") - 1, np.searchsorted(POINTS, b, "left")
    assert not weights[:first].any()
    assert not weights[last + 1 :].any()
    assert weights @ POINTS == pytest.approx((a + b) / 2, rel=1e-9)
    values = np.sin(30 * POINTS)
    assert weights @ values == pytest.approx(exact_mean(POINTS, values, a, b), abs=1e-9)


def test_the_whole_is_the_width_weighted_mean_of_its_parts():
    edges = np.sort(np.random.default_rng(2).uniform(POINTS[0], POINTS[-1], 12))
    parts = averaging_weights(POINTS, edges[:-1], edges[1:])
    whole = averaging_weights(POINTS, edges[:1], edges[-1:])
    share = np.diff(edges) / (edges[-1] - edges[0])
    np.testing.assert_allclose(share @ parts.toarray(), whole.toarray()[0], atol=1e-13)


def test_an_interval_between_two_samples_interpolates():
    weights = averaging_weights(np.array([1.0, 2.0, 3.0]), np.array([1.2]), np.array([1.4]))
    np.testing.assert_allclose(weights.toarray(), [[0.7, 0.3, 0.0]])
