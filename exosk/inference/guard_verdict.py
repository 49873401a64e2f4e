"""What the guard found, for a program and in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from exosk.grids import SpectralGrid
from exosk.inference.guard_scores import Strangeness

__all__ = ["ROUNDING", "explanations", "is_alarm", "judged", "sentence"]

# Of a p-value that is compared with a rate.
ROUNDING = 1e-9

_PLACED = ("excess", "correlation", "bin", "band")


def explanations(
    names: Sequence[str],
    p: np.ndarray,
    parts: np.ndarray,
    how_far: np.ndarray,
    found: Strangeness,
    noise: float,
    bins: np.ndarray,
    grid: SpectralGrid | None,
) -> list[dict[str, Any]]:
    """Put together what is known of each of n spectra, as JSON has it.

    Parameters
    ----------
    names : sequence of str
        Of the parts.
    p, parts : ndarray of shape (n,) and (n, n_parts)
        The p-value over all parts, and that of each. The stated errors make one more, which is
        1 unless they lie beyond those of the training.
    how_far : ndarray of shape (n, n_parts)
        How far beyond the reference each part lies; it decides between equal p-values.
    found : Strangeness
        Where and how strange they are.
    noise : float
        By which factor their errors lie beyond those of the training; 1 within.
    bins : ndarray of shape (n_observed,)
        Which of the grid's bins are observed.
    grid : SpectralGrid or None
        The bins.

    Returns
    -------
    list of dict
    """
    result = []
    for row in range(len(p)):
        telling = min(range(len(names)), key=lambda k: (parts[row, k], -how_far[row, k]))
        one: dict[str, Any] = {
            "p_value": float(p[row]),
            "parts": dict(zip(names, parts[row].tolist(), strict=True))
            | {"errors": 1.0 if noise == 1 else float(p[row])},
            "most_telling": "errors" if noise != 1 else names[telling],
            "error_ratio": float(found.ratio[row]),
            "noise_ratio": float(noise),
        }
        places = {
            "bin": (bins[found.strangest[row]], bins[found.strangest[row]]),
            "band": (bins[found.first[row]], bins[found.last[row]]),
        }
        for name, (first, last) in places.items():
            one[name] = [int(first), int(last)]
            if grid is not None:
                one[f"{name}_um"] = [float(grid.lower[first]), float(grid.upper[last])]
        result.append(one)
    return result


def is_alarm(p: float, false_alarm_rate: float) -> bool:
    """Whether a p-value is an alarm at this rate."""
    return p <= false_alarm_rate * (1 + ROUNDING)


def judged(found: dict[str, Any], false_alarm_rate: float) -> dict[str, Any]:
    """Add to what a guard found the sentence (``verdict``), and whether it is an alarm."""
    return found | {
        "verdict": sentence(found, false_alarm_rate),
        "outside": is_alarm(found["p_value"], false_alarm_rate),
    }


def sentence(found: dict[str, Any], false_alarm_rate: float) -> str:
    """Say it in words.

    Parameters
    ----------
    found : dict
        As :func:`explanations` gives it.
    false_alarm_rate : float
        p-values up to here are alarms.
    """
    p = found["p_value"]
    if is_alarm(p, false_alarm_rate):
        return f"outside what this model knows: {_reason(found)} (p = {p:.2g})"
    return f"like the spectra that this model was trained on (p = {p:.2g})"


def _reason(found: dict[str, Any]) -> str:
    name, ratio, noise = found["most_telling"], found["error_ratio"], found["noise_ratio"]
    if name == "errors":
        if noise > 1:
            return f"its errors are {noise:.2g} times as large as any of the training"
        return f"its errors are {1 / noise:.2g} times smaller than any of the training"
    if name == "deficit":
        return f"it scatters only {ratio:.2g} times as much as its errors say"
    if name == "excess":
        reason = f"it scatters {ratio:.2g} times as much as its errors say"
    elif name == "shape":
        reason = "it combines features as no training spectrum does"
    elif name == "embedding":
        reason = "the network sees in it what it saw in no training spectrum"
    elif name == "correlation":
        reason = "neighbouring bins depart together from any training spectrum"
    elif name == "bin":
        reason = "a single bin departs from any training spectrum"
    else:
        reason = "a run of bins departs from any training spectrum"
    if name not in _PLACED:
        return reason
    return f"{reason}, {'' if name == 'bin' else 'most of all '}at {_where(found, name)}"


def _where(found: dict[str, Any], name: str) -> str:
    which = "bin" if name == "bin" else "band"
    if f"{which}_um" not in found:
        first, last = found[which]
        return f"bin {first}" if first == last else f"bins {first} to {last}"
    low, high = found[f"{which}_um"]
    places = int(np.clip(1 - np.floor(np.log10(high - low)), 0, 4))
    return f"{low:.{places}f}-{high:.{places}f} um"
