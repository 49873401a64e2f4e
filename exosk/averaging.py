"""The mean of a sampled function over an interval, exactly and as weights."""

from __future__ import annotations

import numpy as np
from scipy import sparse

__all__ = ["averaging_weights"]


def averaging_weights(points: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> sparse.csr_array:
    """Return the matrix that averages the linear interpolant through samples over intervals.

    Parameters
    ----------
    points : ndarray of shape (n_points,)
        Ascending sample points.
    lower, upper : ndarray of shape (n_intervals,)
        Ends of the intervals, within the points.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_intervals, n_points)
        Rows sum to one.
    """
    rows = [_mean_of_interpolant(points, a, b) for a, b in zip(lower, upper, strict=True)]
    starts = np.cumsum([0, *(weights.size for _, weights in rows)])
    columns = np.concatenate([first + np.arange(weights.size) for first, weights in rows])
    values = np.concatenate([weights for _, weights in rows])
    return sparse.csr_array((values, columns, starts), shape=(len(rows), points.size))


def _mean_of_interpolant(points: np.ndarray, a: float, b: float) -> tuple[int, np.ndarray]:
    """Weights of the samples in the mean over [a, b] of their linear interpolant.

    Returns the index of the first sample that has a weight, and the weights. The integral of
    a piecewise-linear function is the trapezium rule on its own nodes joined by the ends of
    the interval, where the value is itself a weighted mean of two samples.
    """
    a, b = max(a, points[0]), min(b, points[-1])
    first = min(int(np.searchsorted(points, a, side="right")) - 1, points.size - 2)
    last = max(int(np.searchsorted(points, b, side="left")), first + 1)
    local = points[first : last + 1]
    nodes = np.concatenate([[a], local[1:-1], [b]])
    steps = np.diff(nodes)
    trapezium = np.zeros(nodes.size)
    trapezium[:-1] += steps / 2
    trapezium[1:] += steps / 2
    weights = np.zeros(local.size)
    weights[1:-1] = trapezium[1:-1]
    for node, share in ((a, trapezium[0]), (b, trapezium[-1])):
        left = 0 if node is a else local.size - 2
        fraction = (node - local[left]) / (local[left + 1] - local[left])
        weights[left] += share * (1 - fraction)
        weights[left + 1] += share * fraction
    return first, weights / (b - a)
