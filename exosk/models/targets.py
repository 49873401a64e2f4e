r"""Parameters as a network sees them: standard normal before the data, whatever the prior is.

With F the distribution function of a parameter's prior,

.. math:: z = \Phi^{-1}(F(y))

is a standard normal variable, so a posterior without information is a Gaussian, and none leaks out
of the prior. Where y comes with a ParameterSpace, F is its prior's. Otherwise F is the empirical
distribution function of the training set, linear between quantiles. A value that many training
rows share (a prior cut off at a limit) has a probability of its own: F jumps there, and z is drawn
evenly from the jump, which makes a continuous variable of it again and loses nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from exosk.exceptions import RangeError
from exosk.parameters import Parameter, ParameterSpace, Uniform

__all__ = ["EmpiricalTargets", "PriorTargets", "make_targets", "unnamed_space"]

# Phi^-1 of what float64 can tell from 1.
_Z_MAX = 8.0
_N_QUANTILES = 200
# A value that a hundredth of the training rows share, and no fewer than five, has a probability of
# its own.
_ATOM_SHARE, _ATOM_ROWS = 0.01, 5
# Of the range seen in training: how far beyond it, on either side, a parameter may lie.
_BEYOND = 0.01


def make_targets(Y: np.ndarray, space: ParameterSpace | None) -> PriorTargets | EmpiricalTargets:
    """Choose by whether y brought a space along."""
    return EmpiricalTargets(Y) if space is None else PriorTargets(Y, space)


def unnamed_space(Y: np.ndarray) -> ParameterSpace:
    """Stand in for a space when y is a bare array: the range seen in training."""
    low, high = Y.min(axis=0), Y.max(axis=0)
    high = np.where(high > low, high, low + np.maximum(np.abs(low), 1))
    return ParameterSpace(
        [
            Parameter(f"parameter_{k}", Uniform(float(a), float(b)))
            for k, (a, b) in enumerate(zip(low, high, strict=True))
        ]
    )


class _Targets:
    """What the two have in common: from the unit cube to the normal, and back."""

    space: ParameterSpace

    def to_normal(self, Y: np.ndarray, jump: Any = 0.5) -> np.ndarray:
        """Map (n, d) to (n, d).

        Parameters
        ----------
        Y : ndarray of shape (n, d)
            Parameters.
        jump : float or array-like of shape (n, d), default=0.5
            Between 0 and 1: where in a jump of F.
        """
        below, above = self.unit_range(Y)
        z = special.ndtri(below + (above - below) * jump)
        return np.clip(z, -_Z_MAX, _Z_MAX)

    def normal_range(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (n, d) to the limits, twice (n, d), of the jumps of F; equal where it has none."""
        below, above = self.unit_range(Y)
        low, high = special.ndtri(below), special.ndtri(above)
        jump, z = below < above, np.clip(low, -_Z_MAX, _Z_MAX)
        return np.where(jump, low, z), np.where(jump, high, z)

    def from_normal(self, z: np.ndarray) -> np.ndarray:
        """Map (..., d) to (..., d)."""
        # Beyond, float64 rounds to 1, where a prior without an upper limit is infinite.
        return self.from_unit(special.ndtr(np.clip(z, -_Z_MAX, _Z_MAX)))

    def unit_range(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F to the left and to the right of each parameter, of shape (n, d)."""
        raise NotImplementedError

    def from_unit(self, unit: np.ndarray) -> np.ndarray:
        """Quantiles of (..., d)."""
        raise NotImplementedError


class PriorTargets(_Targets):
    """By the priors of a space.

    Parameters
    ----------
    Y : ndarray of shape (n, d)
        Training parameters.
    space : ParameterSpace
        Their priors.

    Raises
    ------
    RangeError
        If a parameter lies outside its prior.
    """

    def __init__(self, Y: np.ndarray, space: ParameterSpace) -> None:
        self.space = space
        low, high = space.bounds.T
        outside = np.argwhere((low > Y) | (high < Y))
        if outside.size:
            row, column = outside[0]
            raise RangeError(
                f"{space.names[column]} = {Y[row, column]:g} in row {row} of y lies outside its "
                f"prior, {low[column]:g} to {high[column]:g}"
            )

    @property
    def has_jumps(self) -> bool:
        """Whether a value has a probability of its own."""
        return False

    def unit_range(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F of (n, d), twice: it has no jumps."""
        unit = self.space.to_unit_cube(Y)
        return unit, unit

    def from_unit(self, unit: np.ndarray) -> np.ndarray:
        """Quantiles of (..., d)."""
        return self.space.from_unit_cube(unit)

    def log_density(self, Y: np.ndarray) -> np.ndarray:
        """Log density of each parameter's prior, shape (n, d)."""
        columns = [p.prior.distribution.logpdf(Y[:, k]) for k, p in enumerate(self.space)]
        return np.stack(columns, axis=-1)


class EmpiricalTargets(_Targets):
    """By the training set's own distribution.

    Parameters
    ----------
    Y : ndarray of shape (n, d)
        Training parameters.
    """

    def __init__(self, Y: np.ndarray) -> None:
        self.space = unnamed_space(Y)
        self.columns = [_knots(column) for column in Y.T]

    @property
    def has_jumps(self) -> bool:
        """Whether a value has a probability of its own."""
        return any((above > below).any() for _, below, above in self.columns)

    def unit_range(self, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """F to the left and to the right of (n, d)."""
        below, above = np.empty(Y.shape), np.empty(Y.shape)
        for k, (value, left, right) in enumerate(self.columns):
            segment = np.clip(np.searchsorted(value, Y[:, k], side="right") - 1, 0, len(value) - 1)
            following = np.minimum(segment + 1, len(value) - 1)
            step = np.where(following > segment, value[following] - value[segment], 1.0)
            share = np.clip((Y[:, k] - value[segment]) / step, 0, 1)
            between = right[segment] + share * (left[following] - right[segment])
            at = Y[:, k] == value[segment]
            below[:, k] = np.where(at, left[segment], between)
            above[:, k] = np.where(at, right[segment], between)
            outside = (Y[:, k] < value[0]) | (Y[:, k] > value[-1])
            edge = np.where(Y[:, k] < value[0], 0.0, 1.0)
            below[outside, k] = above[outside, k] = edge[outside]
        return below, above

    def from_unit(self, unit: np.ndarray) -> np.ndarray:
        """Quantiles of (..., d)."""
        columns = []
        for k, (value, left, right) in enumerate(self.columns):
            # Within a jump both ends have the same value, so the interpolant is flat there.
            knots, values = np.stack([left, right], 1).ravel(), np.repeat(value, 2)
            columns.append(np.interp(unit[..., k], knots, values))
        return np.stack(columns, axis=-1)

    def log_density(self, Y: np.ndarray) -> np.ndarray:
        """Log density of each parameter, shape (n, d); in a jump, log of its probability."""
        out = np.empty(Y.shape)
        with np.errstate(divide="ignore"):
            for k, (value, left, right) in enumerate(self.columns):
                y = Y[:, k]
                at = np.searchsorted(value, y, side="right") - 1
                inner = np.clip(at, 0, max(len(value) - 2, 0))
                following = np.minimum(inner + 1, len(value) - 1)
                step = np.where(following > inner, value[following] - value[inner], np.inf)
                out[:, k] = np.log((left[following] - right[inner]) / step)
                here = np.clip(at, 0, len(value) - 1)
                jump = (y == value[here]) & (right[here] > left[here])
                out[jump, k] = np.log(right[here] - left[here])[jump]
                out[(y < value[0]) | (y > value[-1]), k] = -np.inf
        return out


def _knots(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, and F to the left and to the right of each: quantiles, and what has a jump."""
    n = len(y)
    values, counts = np.unique(y, return_counts=True)
    if len(values) == 1:
        return values, np.zeros(1), np.ones(1)
    atoms = counts >= max(_ATOM_ROWS, _ATOM_SHARE * n)
    cumulative = np.cumsum(counts)
    # F between the rows: the smallest value at 0, the largest at 1, ties at their middle.
    middle = (cumulative - (counts + 1) / 2) / (n - 1)
    middle[0], middle[-1] = 0.0, 1.0
    edges = np.linspace(0, len(values) - 1, min(len(values), _N_QUANTILES + 1)).astype(int)
    chosen = np.union1d(edges, np.flatnonzero(atoms))
    left = np.where(atoms, (cumulative - counts) / n, middle)[chosen]
    right = np.where(atoms, cumulative / n, middle)[chosen]
    knots, beyond = values[chosen], _BEYOND * (values[-1] - values[0])
    if not atoms[0]:
        knots[0] -= beyond
    if not atoms[-1]:
        knots[-1] += beyond
    return knots, left, right


def uniform_jumps(n: int, dimension: int) -> np.ndarray:
    """Points of a jump to average a density over, shape (n, dimension): evenly spread."""
    return stats.qmc.Sobol(dimension, scramble=True, rng=0).random(n)
