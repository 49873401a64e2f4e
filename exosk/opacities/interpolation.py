"""Interpolation between a table's nodes, and the refusal to leave them."""

from __future__ import annotations

import numpy as np

from exosk.exceptions import RangeError

__all__ = ["bracket", "check_within", "interpolate_log10"]


def check_within(name: str, axis: str, values: np.ndarray, nodes: np.ndarray, unit: str) -> None:
    """Refuse values outside the nodes.

    Raises
    ------
    RangeError
        Naming the table, the value and the range.
    """
    # A rounding error at the border (log10 and back) is no extrapolation.
    outside = ~((values >= nodes[0] * (1 - 1e-9)) & (values <= nodes[-1] * (1 + 1e-9)))
    if np.any(outside):
        raise RangeError(
            f"{axis} {values[outside][0]:g} {unit} is outside the {name} table "
            f"({nodes[0]:g} to {nodes[-1]:g} {unit}), and opacities are not extrapolated"
        )


def bracket(nodes: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the index of the node below each value, and the weight of the node above.

    Parameters
    ----------
    nodes : array of shape (n_nodes,)
        Ascending.
    values : array of shape (n,)
        Between the first node and the last.

    Returns
    -------
    index, weight : ndarray of shape (n,)
        The index is at most n_nodes - 2, unless there is but one node.
    """
    if nodes.size == 1:
        return np.zeros(values.shape, dtype=int), np.zeros(values.shape)
    low = np.clip(np.searchsorted(nodes, values, side="right") - 1, 0, nodes.size - 2)
    weight = (values - nodes[low]) / (nodes[low + 1] - nodes[low])
    return low, np.clip(weight, 0.0, 1.0)


def interpolate_log10(low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Interpolate log10 values, of shape (n, n_wavelength), and take the power of ten."""
    log_value = low.astype(np.float64)
    log_value += weight[:, None] * (high - log_value)
    return 10.0**log_value
