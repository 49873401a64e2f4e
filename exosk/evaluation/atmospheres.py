"""Atmospheres on which simulators are compared: draws of the prior, and the corners of use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from exosk.parameters import Parameter, ParameterSpace

__all__ = ["EXTREMES", "comparison_atmospheres"]

# A clear atmosphere of a hot Jupiter, near solar composition.
_ORDINARY: dict[str, float] = {
    "planet_radius": 1.1,
    "planet_mass": 1.0,
    "star_radius": 1.0,
    "temperature": 1300.0,
    "t_int": 200.0,
    "log_kappa_ir": -2.0,
    "log_gamma": -0.2,
    "log_metallicity": 0.0,
    "c_o_ratio": 0.55,
    "log_x_h2o": -3.3,
    "log_x_co": -3.4,
    "log_x_ch4": -5.0,
    "log_p_cloud": 1.0,
    "log_haze": -4.0,
    "haze_slope": -4.0,
}
_TRACE = -6.0  # log10 mixing ratio of any other molecule
# From the bottom to the top of a profile of points, in terms of the temperature.
_BOTTOM, _TOP = 1.08, 0.85
# A two-layer abundance falls by a dex at 10 mbar.
_FALL, _CHANGE = 1.0, -2.0

#: What differs from an ordinary hot Jupiter, by the atmosphere's name.
EXTREMES: dict[str, dict[str, float]] = {
    "hot": {"temperature": 2700.0},
    "cold": {"temperature": 300.0, "log_x_co": -6.0, "log_x_ch4": -3.4},
    "small": {"planet_radius": 0.25, "planet_mass": 0.025, "temperature": 800.0, "log_x_h2o": -1.0},
    "puffy": {"planet_radius": 1.6, "planet_mass": 0.5, "temperature": 1600.0},
    "cloudy": {"log_p_cloud": -3.0, "log_haze": 3.0, "haze_slope": -6.0},
}


def comparison_atmospheres(
    space: ParameterSpace, n: int, random_state: Any = None
) -> tuple[list[str], np.ndarray]:
    """Return atmospheres with names.

    Parameters
    ----------
    space : ParameterSpace
        Of any simulator; what :data:`EXTREMES` does not know takes the median of its prior.
    n : int
        Number of draws of the prior beside the extremes.
    random_state : int, RandomState or None
        Of the draws.

    Returns
    -------
    names : list of str
        The extremes', then ``"draw 1"`` to ``"draw <n>"``.
    theta : ndarray of shape (n_extremes + n, n_parameters)
    """
    n_points = sum(re.fullmatch(r"temperature_\d+", name) is not None for name in space.names)
    rows = [
        [_value(parameter, _ORDINARY | changes, n_points) for parameter in space]
        for changes in EXTREMES.values()
    ]
    draws = space.sample(n, random_state) if n else np.empty((0, len(space)))
    return [*EXTREMES, *(f"draw {k + 1}" for k in range(n))], np.concatenate([rows, draws])


def _value(parameter: Parameter, known: Mapping[str, float], n_points: int) -> float:
    name = parameter.name
    if name in known:
        return known[name]
    if name == "t_irr":
        return known["temperature"]
    if point := re.fullmatch(r"temperature_(\d+)", name):
        height = (int(point[1]) - 1) / max(n_points - 1, 1)
        return known["temperature"] * (_BOTTOM + (_TOP - _BOTTOM) * height)
    if name.startswith("log_x_"):
        deep = name.removesuffix("_top")
        return known.get(deep, _TRACE) - (_FALL if deep != name else 0.0)
    if name.startswith("log_p_"):
        return _CHANGE
    return float(parameter.prior.distribution.median())
