"""The weights of a model's networks, apart from its structure.

An estimator that is a network keeps its torch modules in `members_` and nothing else of torch
anywhere; `export_weights` gives them as arrays, and `import_weights` builds the modules anew from
the estimator's parameters and fills them. Arrays are all that safetensors can hold.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.tree._tree import Tree

from exosk.exceptions import FileFormatError
from exosk.models.trusted import walk

__all__ = ["attach_weights", "detach_weights"]

_BETWEEN = "/"


def detach_weights(estimator: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Take the weights out of a copy of a fitted estimator.

    A search within it (GridSearchCV) is replaced by the best model that it found, and what draws
    the progress and the checkpoint of a training are left out.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Fitted, and left as it is.

    Returns
    -------
    (estimator, dict of str to ndarray)
        The same without weights, and the weights of all its networks; none if it has none.
    """
    # The copy shares with the original what is large and not changed.
    shared: dict[int, Any] = {}
    searches = []
    for _, value in walk(estimator):
        if isinstance(value, np.ndarray | Tree):
            shared[id(value)] = value
        elif _is_network(value) and hasattr(value, "members_"):
            shared[id(value.members_)] = value.members_
        elif hasattr(value, "best_estimator_"):
            searches.append(value)
    for search in reversed(searches):
        shared[id(search)] = copy.deepcopy(search.best_estimator_, shared)
    structure = copy.deepcopy(estimator, shared)
    weights: dict[str, np.ndarray] = {}
    for path, network in walk(structure):
        if not _is_network(network):
            continue
        network.progress = None
        if hasattr(network, "checkpoint"):
            network.checkpoint = None
        if hasattr(network, "members_"):
            for key, array in network.export_weights().items():
                weights[f"{path}{_BETWEEN}{key}"] = np.ascontiguousarray(array)
            network.members_ = None
    return structure, weights


def attach_weights(
    estimator: Any, weights: Mapping[str, np.ndarray], name: str, device: str | None = None
) -> None:
    """Put weights back where :func:`detach_weights` took them.

    Parameters
    ----------
    estimator : estimator or Pipeline
        As :func:`detach_weights` left it.
    weights : mapping of str to ndarray
        All of its networks.
    name : str
        What to call the model in an error.
    device : str, optional
        Where the networks shall compute, as in ``"cpu"``; where they were trained by default, or,
        if that was a GPU, on the first one that there is.

    Raises
    ------
    FileFormatError
        If the weights are not those of the estimator's networks.
    RangeError
        If the device is not there.
    """
    mine: dict[str, dict[str, np.ndarray]] = {}
    for key, array in weights.items():
        path, _, own = key.rpartition(_BETWEEN)
        mine.setdefault(path, {})[own] = array
    networks = {p: found for p, found in walk(estimator) if _is_network(found)}
    fitted = {path: found for path, found in networks.items() if hasattr(found, "members_")}
    if fitted.keys() != mine.keys():
        raise FileFormatError(f"{name} does not hold the weights of the model's networks")
    if fitted and device is not None:
        from exosk.models.training import choose_device  # with it comes torch

        choose_device(device)
    for path, network in fitted.items():
        if device is not None or str(network.device).startswith("cuda"):
            network.device = device or "auto"
        try:
            network.import_weights(mine[path])
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise FileFormatError(
                f"{name} does not hold the weights of the model's networks: {reason}"
            ) from error


def _is_network(value: Any) -> bool:
    return hasattr(value, "export_weights") and not isinstance(value, type)
