"""Results as JSON has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["as_json"]


def as_json(value: Any) -> Any:
    """Return plain numbers, lists and dictionaries; what is no number (NaN) becomes None.

    Parameters
    ----------
    value : object
        Arrays, numbers, text, and mappings and sequences of them.
    """
    if isinstance(value, Mapping):
        return {str(key): as_json(each) for key, each in value.items()}
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [as_json(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
