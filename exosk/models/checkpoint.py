"""Trainings that go on where they were killed, with the result that they would have had.

After each epoch all that the next depends on is written to a file: weights, optimiser, schedule,
early stopping, history and the state of every random number generator. The file is whole or absent,
and is read without unpickling anything.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.history import History

from exosk.exceptions import FileFormatError, RangeError
from exosk.models.batches import DrawnRows
from exosk.storage import atomic_path

__all__ = [
    "PASSING",
    "TrainingCheckpoint",
    "digest_of",
    "from_tensors",
    "load_state",
    "marks_of",
    "save_state",
    "to_tensors",
]

#: Settings that change nothing of a result.
PASSING = ("checkpoint", "device", "progress", "verbose")

_VERSION = 1
_STOPPING = ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")


class TrainingCheckpoint(Callback):
    """The state of one network's training, in a file.

    It has to be the last of the callbacks: it sets what the others make when training begins.

    Parameters
    ----------
    path : Path
        The file.
    rows : DrawnRows
        The training rows, whose draws go on.
    marks : mapping of str to str
        Digests of what the training is of; a file with others is refused.

    Raises
    ------
    FileFormatError
        When it is read, if the file is no checkpoint, damaged or of a later version.
    RangeError
        If it is of another training.
    """

    def __init__(self, path: Path, rows: DrawnRows, marks: Mapping[str, str]) -> None:
        self.path = path
        self.rows = rows
        self.marks = marks
        self._state: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        """Return the state in the file, from which training goes on, or None without a file."""
        self._state = load_state(self.path, self.marks)
        return self._state

    def on_train_begin(self, net: NeuralNet, **unused: Any) -> None:
        """Set everything as it was after the last epoch that was written."""
        state, self._state = self._state, None
        if state is None:
            return
        net.module_.load_state_dict(state["module"])
        net.optimizer_.load_state_dict(state["optimizer"])
        net.history = History(json.loads(state["history"]))
        callbacks = dict(net.callbacks_)
        if state["schedule"] is not None:
            callbacks["schedule"].lr_scheduler_.load_state_dict(state["schedule"])
            callbacks["schedule"].batch_idx_ = state["batch_idx"]
        for name, value in (state["stopping"] or {}).items():
            setattr(callbacks["early_stopping"], name, value)
        self.rows.random.set_state(from_tensors(state["draws"]))
        torch.set_rng_state(state["torch"])

    def on_epoch_end(self, net: NeuralNet, **unused: Any) -> None:
        """Write the state."""
        self.save(net, complete=False)

    def save(self, net: NeuralNet, complete: bool) -> None:
        """Write the state, of a training that is over or not."""
        callbacks = dict(net.callbacks_)
        schedule, stopping = callbacks.get("schedule"), callbacks.get("early_stopping")
        state = {
            "complete": complete,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": json.dumps(net.history.to_list(), default=lambda number: number.item()),
            "schedule": None if schedule is None else schedule.lr_scheduler_.state_dict(),
            "batch_idx": 0 if schedule is None else int(schedule.batch_idx_),
            "stopping": None if stopping is None else _state_of(stopping),
            "draws": to_tensors(self.rows.random.get_state()),
            "torch": torch.get_rng_state(),
        }
        save_state(self.path, self.marks, state)


def load_state(path: Path, marks: Mapping[str, str]) -> dict[str, Any] | None:
    """Read the state of a training, as :func:`save_state` wrote it; None where there is no file.

    Raises
    ------
    FileFormatError
        If the file is no checkpoint, damaged or of a later version.
    RangeError
        If it is of another training.
    """
    if not path.exists():
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickles that torch did not write
            state = torch.load(path, map_location="cpu", weights_only=True)
        version, found = state["version"], state["marks"]
    except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError,
            zipfile.BadZipFile, pickle.UnpicklingError) as error:  # fmt: skip
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else "damaged"
        raise FileFormatError(
            f"{path} is no checkpoint of a training ({reason}); remove it to begin anew"
        ) from error
    if version > _VERSION:
        raise FileFormatError(f"{path} was written by a later exosk; upgrade exosk")
    for name, mark in marks.items():
        if found.get(name) != mark:
            raise RangeError(
                f"{path} is of a training with other {name}; give another checkpoint, or "
                f"remove that one to begin anew"
            )
    return dict(state)


def save_state(path: Path, marks: Mapping[str, str], state: Mapping[str, Any]) -> None:
    """Write the state of a training, whole or not at all.

    Parameters
    ----------
    path : Path
        The file.
    marks : mapping of str to str
        Digests of what the training is of (:func:`marks_of`).
    state : mapping
        Tensors, numbers, text, and lists and mappings of them.
    """
    with atomic_path(path) as temporary:
        torch.save({"version": _VERSION, "marks": dict(marks)} | _plain(state), temporary)


def marks_of(settings: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of what a training is of.

    Parameters
    ----------
    settings : mapping
        From names to values: the parameters of an estimator.
    content : mapping
        From names to what :func:`digest_of` takes: what it is trained on.

    Raises
    ------
    RangeError
        If the random state is not a number: another run would not draw the same.
    """
    if not isinstance(settings["random_state"], Integral):
        raise RangeError(
            "a training that is to go on from a checkpoint needs a random_state that is a "
            f"number; got {settings['random_state']!r}"
        )
    lasting = {name: value for name, value in settings.items() if name not in PASSING}
    marks = {name: digest_of(value) for name, value in content.items()}
    return marks | {"settings": str(joblib.hash(lasting))}


def digest_of(value: Any) -> str:
    """Return a digest of an array, of columns of a store, or of what JSON has."""
    value = getattr(value, "digest", value)
    digest = hashlib.sha256()
    if isinstance(value, np.ndarray):
        digest.update(f"{value.shape} {value.dtype}".encode())
        digest.update(np.ascontiguousarray(value).data)
    else:
        digest.update(json.dumps(value, sort_keys=True, default=repr).encode())
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, which torch reads without unpickling."""
    if isinstance(value, OrderedDict):
        return value  # of a module: tensors alone, and versions of its parts beside them
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    return value.item() if isinstance(value, np.generic) else value


def _state_of(stopping: Any) -> dict[str, Any]:
    return {name: getattr(stopping, name) for name in _STOPPING if hasattr(stopping, name)}


def to_tensors(state: Any) -> dict[str, Any]:
    """Return the state of NumPy's generator as what torch reads without unpickling."""
    name, keys, position, has_gauss, gauss = state
    return {
        "name": name,
        "keys": torch.from_numpy(keys.astype(np.int64)),
        "numbers": [int(position), int(has_gauss)],
        "gauss": float(gauss),
    }


def from_tensors(state: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the state of NumPy's generator, as :func:`to_tensors` got it."""
    position, has_gauss = state["numbers"]
    keys = state["keys"].numpy().astype(np.uint32)
    return state["name"], keys, position, has_gauss, state["gauss"]
