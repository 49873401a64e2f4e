"""petitRADTRANS, imported without traces and run unattended.

Left to itself, petitRADTRANS writes a configuration into the home folder when it is imported,
starts MPI, looks for missing opacities over the network, asks at the terminal which of several
files to take, and prints what it does. None of this suits a library that works in batch jobs.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn
from unittest import mock

from exosk.exceptions import FileFormatError, PluginError

__all__ = ["configured_input_data", "petitradtrans", "unattended"]

_LOCK = threading.RLock()
_HOME = ".petitradtrans"
_CONFIGURATION = "petitradtrans_config_file.ini"


@functools.cache
def petitradtrans() -> tuple[ModuleType, ModuleType]:
    """Import petitRADTRANS.

    Returns
    -------
    tuple of module
        ``petitRADTRANS.radtrans`` and ``petitRADTRANS.opacities.opacities``.

    Raises
    ------
    PluginError
        If it cannot be imported.
    """
    with _LOCK, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _import_configuration()
            # Its own switch: MPI is for its retrievals, and starting it without mpiexec fails
            # on some clusters.
            with mock.patch.dict(os.environ, pRT_emcee_mode="True"):
                from petitRADTRANS import radtrans
                from petitRADTRANS.opacities import opacities
        except Exception as error:  # a broken build raises anything
            raise PluginError(
                f"petitRADTRANS cannot be imported ({type(error).__name__}: {error}); install it "
                f"as the README of exosk-petitradtrans says"
            ) from error
    return radtrans, opacities


def _import_configuration() -> None:
    """Import petitRADTRANS's configuration; where there is none, write none."""
    home = Path.home()
    if (home / _HOME / _CONFIGURATION).is_file():
        import petitRADTRANS.config  # noqa: F401

        return
    with tempfile.TemporaryDirectory() as elsewhere, mock.patch.dict(os.environ, HOME=elsewhere):
        from petitRADTRANS.config import petitradtrans_config_parser as configuration
    # From here on it is as petitRADTRANS would have made it, in memory.
    kind = type(configuration)
    if not kind._directory.startswith(elsewhere):
        return  # someone had imported it before
    kind._directory = str(home / _HOME)
    kind._config_file = str(home / _HOME / _CONFIGURATION)
    for option, path in configuration["Paths"].items():
        configuration["Paths"][option] = path.replace(elsewhere, str(home))
    for option, path in kind._default_config["Paths"].items():
        kind._default_config["Paths"][option] = path.replace(elsewhere, str(home))
    save = kind.save

    def save_with_folder(self: Any) -> None:
        os.makedirs(self.directory, exist_ok=True)
        save(self)

    kind.save = save_with_folder


def configured_input_data() -> Path | None:
    """Return the user's folder of petitRADTRANS input data, if there is one with line opacities."""
    petitradtrans()
    from petitRADTRANS.config import petitradtrans_config_parser

    folder = Path(petitradtrans_config_parser.get_input_data_path())
    return folder if (folder / "opacities" / "lines").is_dir() else None


@contextlib.contextmanager
def unattended(task: str, remedy: str) -> Iterator[None]:
    """Let petitRADTRANS neither ask, nor search the network, nor print.

    Parameters
    ----------
    task : str
        What it does, as in ``"loading the opacities of H2O"``.
    remedy : str
        What the user can do when a file is missing or ambiguous.

    Raises
    ------
    FileFormatError
        Where petitRADTRANS would have asked or searched, and if a file is missing or damaged.
    """
    petitradtrans()
    from petitRADTRANS import _input_data

    def several(*_: Any, introduction_message: str = "", **__: Any) -> NoReturn:
        files = [line.partition(": ")[2] for line in introduction_message.splitlines()[2:]]
        raise _Refused(f"several files match: {', '.join(files)}" if files else "several match")

    def absent(full_path: str, *_: Any, filename: str | None = None, **__: Any) -> NoReturn:
        raise _Refused(f"there is no file of {filename or 'the species'} in {full_path}")

    def asked(prompt: object = "") -> NoReturn:
        raise _Refused(f"it would have asked: {prompt}")

    with _LOCK, contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(_input_data, "user_input", several))
        stack.enter_context(mock.patch.object(_input_data, "_get_input_file_from_keeper", absent))
        stack.enter_context(mock.patch.object(builtins, "input", asked))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        try:
            yield
        except (_Refused, OSError, LookupError, ValueError, TypeError) as error:
            if isinstance(error, FileFormatError):
                raise
            # Its own messages go on with advice that does not hold here.
            reason = str(error).partition("\n")[0].strip()
            raise FileFormatError(f"petitRADTRANS failed {task}: {reason}; {remedy}") from error


class _Refused(Exception):
    """petitRADTRANS wanted something that only a person or the network can give."""
