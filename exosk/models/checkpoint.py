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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.history import History

from exosk.exceptions import FileFormatError, RangeError
from exosk.models.batches import DrawnRows
from exosk.storage import atomic_path

__all__ = ["TrainingCheckpoint", "digest_of"]

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

    def load(self) -> dict[str, Any] | None:
        """Return the state in the file, or None where there is no file."""
        if not self.path.exists():
            return None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about pickles that torch did not write
                state = torch.load(self.path, map_location="cpu", weights_only=True)
            version, marks = state["version"], state["marks"]
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, ValueError,
                zipfile.BadZipFile, pickle.UnpicklingError) as error:  # fmt: skip
            reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else "damaged"
            raise FileFormatError(
                f"{self.path} is no checkpoint of a training ({reason}); remove it to begin anew"
            ) from error
        if version > _VERSION:
            raise FileFormatError(f"{self.path} was written by a later exosk; upgrade exosk")
        for name, mark in self.marks.items():
            if marks.get(name) != mark:
                raise RangeError(
                    f"{self.path} is of a training with other {name}; give another checkpoint, or "
                    f"remove that one to begin anew"
                )
        return dict(state)

    def on_train_begin(self, net: NeuralNet, **unused: Any) -> None:
        """Set everything as it was after the last epoch that was written."""
        state = self.load()
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
        self.rows.random.set_state(_from_tensors(state["draws"]))
        torch.set_rng_state(state["torch"])

    def on_epoch_end(self, net: NeuralNet, **unused: Any) -> None:
        """Write the state."""
        self.save(net, complete=False)

    def save(self, net: NeuralNet, complete: bool) -> None:
        """Write the state, of a training that is over or not."""
        callbacks = dict(net.callbacks_)
        schedule, stopping = callbacks.get("schedule"), callbacks.get("early_stopping")
        state = {
            "version": _VERSION,
            "marks": dict(self.marks),
            "complete": complete,
            "module": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "history": json.dumps(net.history.to_list(), default=lambda number: number.item()),
            "schedule": None if schedule is None else schedule.lr_scheduler_.state_dict(),
            "batch_idx": 0 if schedule is None else int(schedule.batch_idx_),
            "stopping": None if stopping is None else _state_of(stopping),
            "draws": _to_tensors(self.rows.random.get_state()),
            "torch": torch.get_rng_state(),
        }
        with atomic_path(self.path) as temporary:
            torch.save(state, temporary)


def digest_of(value: Any) -> str:
    """Return a digest of an array, or of what JSON has."""
    digest = hashlib.sha256()
    if isinstance(value, np.ndarray):
        digest.update(f"{value.shape} {value.dtype}".encode())
        digest.update(np.ascontiguousarray(value).data)
    else:
        digest.update(json.dumps(value, sort_keys=True, default=repr).encode())
    return digest.hexdigest()


def _state_of(stopping: Any) -> dict[str, Any]:
    state = {name: getattr(stopping, name) for name in _STOPPING if hasattr(stopping, name)}
    return {
        name: float(value) if isinstance(value, np.floating) else value
        for name, value in state.items()
    }


def _to_tensors(state: Any) -> dict[str, Any]:
    """Numpy's generator as tensors and numbers, which torch reads without unpickling."""
    name, keys, position, has_gauss, gauss = state
    return {
        "name": name,
        "keys": torch.from_numpy(keys.astype(np.int64)),
        "numbers": [int(position), int(has_gauss)],
        "gauss": float(gauss),
    }


def _from_tensors(state: Mapping[str, Any]) -> tuple[Any, ...]:
    position, has_gauss = state["numbers"]
    keys = state["keys"].numpy().astype(np.uint32)
    return state["name"], keys, position, has_gauss, state["gauss"]
