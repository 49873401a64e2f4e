"""What the settings of a network may be, checked in one place before it is trained."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from exosk.exceptions import RangeError, UnknownNameError
from exosk.models.nets import ConvolutionBody

__all__ = [
    "NORMALIZATIONS",
    "SCHEDULES",
    "Rule",
    "apply_rules",
    "check_settings",
    "is_number",
    "is_whole",
    "is_widths",
]

#: Ways in which the learning rate changes.
SCHEDULES = ("one-cycle", "plateau", "constant")
#: What features are normalised over: those of one spectrum, or those of one batch.
NORMALIZATIONS = ("layer", "batch")

#: A test of a value, and words for what passes it.
Rule = tuple[Callable[[Any], bool], str]


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse a setting that no network can be trained with.

    Parameters
    ----------
    settings : mapping
        From names to values: the parameters of a network estimator.

    Raises
    ------
    RangeError
        If a setting is out of its range, or two do not go together.
    UnknownNameError
        If a schedule or a normalization is not known.
    """
    apply_rules(settings, _RULES)
    for name, known in (("schedule", SCHEDULES), ("normalization", NORMALIZATIONS)):
        chosen = settings[name]
        if chosen not in known and not (name == "normalization" and chosen is None):
            raise UnknownNameError.suggest(name, chosen, known)
    if settings["normalization"] == "batch" and settings["batch_size"] == 1:
        raise RangeError("normalization='batch' needs a batch_size of 2 or more, got 1")
    if settings.get("kernel_size", 1) % 2 == 0:
        raise RangeError(f"kernel_size must be odd, got {settings['kernel_size']}")
    heads = ConvolutionBody.N_HEADS
    if settings.get("n_attention") and settings["filters"][-1] % heads:
        raise RangeError(
            f"with attention the last of filters must be a multiple of {heads}, got "
            f"{settings['filters'][-1]}"
        )


def apply_rules(settings: Mapping[str, Any], rules: Mapping[tuple[str, ...], Rule]) -> None:
    """Refuse settings that break a rule.

    Parameters
    ----------
    settings : mapping
        From names to values.
    rules : mapping
        From names of settings to a test of a value, and words for what passes it. Settings that
        are not there are not tested.

    Raises
    ------
    RangeError
        Naming the first such setting.
    """
    for names, (fits, wanted) in rules.items():
        for name in names:
            if name in settings and not fits(settings[name]):
                raise RangeError(f"{name} must be {wanted}, got {settings[name]!r}")


def is_whole(value: Any, low: int) -> bool:
    """Whether it is a whole number, and no less."""
    return isinstance(value, Integral) and value >= low


def is_number(value: Any) -> bool:
    """Whether it is a finite number."""
    return isinstance(value, Real) and bool(np.isfinite(float(value)))


def is_widths(value: Any) -> bool:
    """Whether they are widths of one layer or more."""
    several = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)
    return several and len(value) > 0 and all(is_whole(width, 1) for width in value)


_RULES: dict[tuple[str, ...], Rule] = {
    ("n_members", "max_epochs", "n_components", "kernel_size", "n_transforms", "n_context"): (
        lambda value: is_whole(value, 1),
        "a whole number from 1 up",
    ),
    ("batch_size",): (
        lambda value: value is None or is_whole(value, 1),
        "a whole number from 1 up, or None to go by the number of spectra",
    ),
    ("n_knots",): (lambda value: is_whole(value, 2), "a whole number from 2 up"),
    ("n_attention",): (lambda value: is_whole(value, 0), "a whole number from 0 up"),
    ("patience",): (
        lambda value: value is None or is_whole(value, 1),
        "a whole number from 1 up, or None to go on to the last epoch",
    ),
    ("hidden", "filters", "flow_hidden"): (
        is_widths,
        "a sequence of at least one width, whole numbers from 1 up",
    ),
    ("learning_rate",): (lambda value: is_number(value) and value > 0, "a positive number"),
    ("weight_decay",): (lambda value: is_number(value) and value >= 0, "a number from 0 up"),
    ("dropout", "validation_fraction"): (
        lambda value: is_number(value) and 0 <= value < 1,
        "a share from 0 up, less than 1",
    ),
    ("checkpoint",): (
        lambda value: value is None or isinstance(value, str | os.PathLike),
        "the path of a folder, or None",
    ),
    ("progress",): (lambda value: value is None or callable(value), "callable, or None"),
}
