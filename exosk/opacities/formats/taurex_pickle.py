"""TauREx's pickled tables, read without executing what a pickle can hold.

A pickle is a program: loading one with :func:`pickle.load` runs whatever it says. Here it may ask
for four functions of NumPy and an ordered dictionary, and gets stand-ins that remember their
arguments; an array is then made of the bytes, if its type is a plain number. Anything else is
refused before it is called. The table is a dictionary of ``wno`` (cm^-1), ``t`` (K), ``p`` (bar)
and ``xsecarr`` (pressure, temperature, wavenumber; cm^2), the units by TauREx's definition.
"""

from __future__ import annotations

import json
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.formats.assembly import (
    FileContent,
    assemble_table,
    damage_is_a_format_error,
)
from exosk.opacities.formats.file_units import StatedUnits, choose_unit
from exosk.opacities.formats.hdf5_fields import CARD, own_card
from exosk.opacities.formats.names import read_name
from exosk.opacities.table import OpacityTable
from exosk.storage import atomic_path

__all__ = ["load_arrays", "looks_like_pickle", "read_taurex_pickle", "write_taurex_pickle"]

KIND = "TauREx pickle"


class _Dtype:
    """Remembers a plain numerical type; NumPy's own would accept crafted states."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any) -> None:
        code = code.decode("ascii") if isinstance(code, bytes) else code
        if not (isinstance(code, str) and re.fullmatch(r"[fiuSU]\d{1,3}|b1", code)):
            raise FileFormatError(f"an array of type {code!r}")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "|", "="):
            raise FileFormatError(f"an array of byte order {order!r}")
        self.order = order

    def array(self, shape: Any, raw: Any, fortran: bool) -> np.ndarray:
        if isinstance(raw, str):  # of Python 2, read as latin-1
            raw = raw.encode("latin-1")
        flat = np.frombuffer(raw, dtype=np.dtype(self.order + self.code))
        return flat.reshape(shape, order="F" if fortran else "C").copy()


class _Array:
    """Stands in for an array until its state arrives."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:
        shape, dtype, fortran, raw = state[-4:]
        if not isinstance(dtype, _Dtype):
            raise FileFormatError("an array without a type")
        self.value = dtype.array(shape, raw, bool(fortran))


def _stand_ins() -> dict[tuple[str, str], Callable[..., Any]]:
    """Give what a pickled table may call, made anew so that no file can tamper with it."""

    def reconstruct(*_: Any) -> _Array:
        return _Array()

    def make_dtype(code: Any, *_: Any) -> _Dtype:
        return _Dtype(code)

    def scalar(dtype: _Dtype, raw: Any) -> np.ndarray:
        return dtype.array((), raw, False)

    def from_buffer(raw: Any, dtype: _Dtype, shape: Any, order: str = "C") -> np.ndarray:
        return dtype.array(shape, raw, order == "F")

    def encode(text: str, *_: Any) -> bytes:
        return text.encode("latin-1")

    def nothing(*_: Any) -> None:
        raise FileFormatError("an array built in another way than NumPy does")

    allowed: dict[tuple[str, str], Callable[..., Any]] = {
        ("numpy", "dtype"): make_dtype,
        ("numpy", "ndarray"): nothing,
        ("_codecs", "encode"): encode,
        ("collections", "OrderedDict"): lambda: OrderedDict(),
    }
    for package in ("numpy.core", "numpy._core"):
        allowed[f"{package}.multiarray", "_reconstruct"] = reconstruct
        allowed[f"{package}.multiarray", "scalar"] = scalar
        allowed[f"{package}.numeric", "_frombuffer"] = from_buffer
    return allowed


class _ArraysOnly(pickle.Unpickler):
    """Knows arrays, numbers and plain containers, and refuses every other name."""

    def __init__(self, file: Any) -> None:
        super().__init__(file, encoding="latin-1")
        self._allowed = _stand_ins()

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        """Give a stand-in for one of NumPy's functions.

        Raises
        ------
        FileFormatError
            For any other name; nothing of it has been imported or called.
        """
        try:
            return self._allowed[module, name]
        except KeyError:
            raise FileFormatError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to objects outside the file."""
        raise FileFormatError("an object outside the file")


def looks_like_pickle(head: bytes) -> bool:
    """Whether a file begins as a pickle does: with its protocol, or as protocols 0 and 1 do."""
    return bool(re.match(rb"\x80[\x02-\x05]|\((d|l)p?\d|\}q|\(\}|c[\w.]+\n[\w.]+\n", head))


def load_arrays(path: Path) -> dict[str, Any]:
    """Load a pickled dictionary of arrays and plain values, executing nothing.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict
        Its arrays are NumPy's.

    Raises
    ------
    FileFormatError
        If it holds anything else, or is damaged.
    """
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file).load()
    except FileFormatError as error:
        raise FileFormatError(
            f"the pickle {path} asks for {error}, which a table of arrays does not need; it was "
            "not executed: get the table as HDF5"
        ) from None
    except Exception as error:  # a damaged pickle may raise anything at all
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FileFormatError(
            f"{path} cannot be read as a {KIND} ({reason}); it may be truncated"
        ) from error
    if not isinstance(content, dict):
        raise FileFormatError(f"{path} is a pickle, but of no dictionary as TauREx's tables are")
    return {str(key): _plain(value) for key, value in content.items()}


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, _Array) else value


def read_taurex_pickle(path: Path, units: StatedUnits, name: str | None) -> OpacityTable:
    """Read cross sections from a pickle of TauREx 1, 2 or 3."""
    content = load_arrays(path)
    where = str(path)
    card: dict[str, Any] = {}
    with damage_is_a_format_error(path, KIND):
        if isinstance(content.get(CARD), str):
            card = own_card(content[CARD])
        return assemble_table(
            FileContent(
                path=path,
                kind=KIND,
                name=read_name(path, name, content.get("name")),
                spectral=content["wno"],
                temperature=content["t"],
                pressure=content["p"],
                values=content["xsecarr"],
                spectral_unit=choose_unit(
                    where, "spectral axis", stated=units.spectral, found=None, default="cm-1"
                ),
                pressure_unit=choose_unit(
                    where, "pressure", stated=units.pressure, found=None, default="bar"
                ),
                cross_section_unit=choose_unit(
                    where, "cross section", stated=units.cross_section, found=None, default="cm2"
                ),
                card=card,
            )
        )


def write_taurex_pickle(table: OpacityTable, path: Path) -> None:
    """Write cross sections that TauREx's ``PickleOpacity`` reads.

    TauREx takes the molecule's name from the file's, up to the first dot.

    Raises
    ------
    FileFormatError
        If the file's name would give it another molecule.
    """
    stem = re.split(r"[._]", path.name)[0]
    if stem != table.name:
        raise FileFormatError(
            f"TauREx would take {path.name} for a table of {stem!r}; call it {table.name}.pickle"
        )
    content = {
        "name": table.name,
        "wno": 1e4 / table.wavelength[::-1],
        "t": np.array(table.temperature),
        "p": np.array(table.pressure),
        "xsecarr": 10.0 ** table.log_cross_section[..., ::-1].astype(np.float64),
        CARD: json.dumps(table.provenance, sort_keys=True),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        pickle.dump(content, file, protocol=4)
