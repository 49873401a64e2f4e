"""Long runs that go on where they were stopped, and with nothing but their own problem."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from exosk.exceptions import FileFormatError, RangeError
from exosk.parameters import ParameterSpace
from exosk.storage import create_hdf5, open_hdf5

__all__ = ["Checkpoint"]

_VERSION = 1


class Checkpoint:
    """A file that holds the state of one run: whole, or absent.

    Parameters
    ----------
    path : path-like
        Where the file is, or shall be.
    kind : str
        Of the run, as in ``"nested-sampling"``.
    space : ParameterSpace
        The priors.
    problem : Mapping or str, optional
        What is fitted, as JSON has it.
    settings : Mapping
        What may not change between the parts of one run, as JSON has it.

    Raises
    ------
    RangeError
        If `problem` is nothing that JSON has.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        kind: str,
        space: ParameterSpace,
        problem: Any,
        settings: Mapping[str, Any],
    ) -> None:
        self.path, self._kind = path, f"{kind}-checkpoint"
        self._marks = {
            "priors": _digest(space.to_dict()),
            "problem": _digest(problem),
            "settings": _digest(dict(settings)),
        }

    def __bool__(self) -> bool:
        """Whether there is something to go on with."""
        return os.path.exists(self.path)

    @contextlib.contextmanager
    def write(self) -> Iterator[h5py.File]:
        """Give a file for the state, which replaces the one before when the block ends well."""
        with create_hdf5(self.path, self._kind, _VERSION) as file:
            for name, mark in self._marks.items():
                file.attrs[name] = np.bytes_(mark)
            yield file

    @contextlib.contextmanager
    def read(self) -> Iterator[h5py.File]:
        """Give the file with the state.

        Raises
        ------
        FileFormatError
            If it is damaged, none of ours, or of another problem.
        """
        with open_hdf5(self.path, self._kind, _VERSION) as file:
            for name, mark in self._marks.items():
                if file.attrs[name] != np.bytes_(mark):
                    raise FileFormatError(
                        f"{self.path} is a run with other {name}; give another file, or the "
                        f"same {name} as then, or start afresh (resume=False)"
                        if name != "problem"
                        else f"{self.path} is a run on another problem (spectrum, simulator or "
                        f"errors); give another file, or start afresh (resume=False)"
                    )
            yield file


def _digest(content: Any) -> str:
    try:
        text = json.dumps(content, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise RangeError(f"a problem must be described in what JSON has: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()
