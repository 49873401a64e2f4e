"""Opening a pickle without running what is in it.

A pickle is a program: it may name any function of any module and call it. This one names nothing
but NumPy's arrays, dtypes and scalars, and none of these is looked up or called as the file says:
the few that are admitted are made here, from arguments that were checked. Everything else that a
pickle can do (classes, instances, sets, extensions, persistent names, sub-classes) is absent.

Pickles of Python 2 are read as those of Python 3 are, protocols 0 to 4: in them text and the bytes
of arrays are both ``str``, and come as latin-1.
"""

from __future__ import annotations

import enum
import gzip
import io
import math
import os
import pickle
import pickletools
import re
import zlib
from typing import Any, ClassVar

import numpy as np

from exosk.exceptions import FileFormatError

__all__ = ["MAX_BYTES", "load_plain"]

#: A chunk of ExoGAN's holds 10,000 spectra of 515 numbers: 41 MB, at most four times that as text.
MAX_BYTES = 512 * 1024**2


class _Part(enum.Enum):
    """What a pickle may name; a pickle gets this, never the thing itself."""

    ARRAY = "ndarray"
    NEW_ARRAY = "_reconstruct"
    SCALAR = "scalar"
    DTYPE = "dtype"
    ENCODE = "encode"


_NAMES = {
    ("numpy", "ndarray"): _Part.ARRAY,
    ("numpy", "dtype"): _Part.DTYPE,
    # By which Python 3 writes bytes in protocols that have none.
    ("_codecs", "encode"): _Part.ENCODE,
    **{
        (f"numpy.{core}.multiarray", part.value): part
        for core in ("core", "_core")
        for part in (_Part.NEW_ARRAY, _Part.SCALAR)
    },
}
_KEYS = (str, bytes, int, float, np.generic)
_NUMBER = re.compile(r"\?|b1|[iuf][1248]")
_BYTE_ORDER = ("<", ">", "=", "|")

_CODES = {code.name: ord(code.code) for code in pickletools.opcodes}
# Those that the standard library may obey; what fills containers, calls and sets states is below.
_INERT = """
    PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT
    BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
    BINBYTES SHORT_BINBYTES BINBYTES8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST
    EMPTY_DICT GET BINGET LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL
"""
_CHECKED = ("REDUCE", "BUILD", "APPEND", "APPENDS", "SETITEM", "SETITEMS", "DICT")


class _Dispatch(dict):
    """The opcodes that are obeyed; another one is an error."""

    def __missing__(self, code: int) -> Any:
        known = pickletools.code2op.get(chr(code))
        what = f"the instruction {known.name}" if known else f"the byte {code:#04x}"
        raise pickle.UnpicklingError(f"it holds {what}, which no plain data needs")


# The unpickler in Python rather than the one in C: its instructions are a table, of which this
# class keeps those that are needed, and a file of ten bytes cannot make it reserve gigabytes for
# its memo.
class _PlainUnpickler(pickle._Unpickler):
    """Reads numbers, text, tuples, lists, dictionaries and numeric NumPy arrays."""

    dispatch: ClassVar[dict] = _Dispatch(
        {_CODES[name]: pickle._Unpickler.dispatch[_CODES[name]] for name in _INERT.split()}
    )

    def find_class(self, module: str, name: str) -> _Part:
        """Return the stand-in of a name; nothing is imported."""
        part = _NAMES.get((module, name))
        if part is None:
            raise pickle.UnpicklingError(
                f"it names {module[:60]}.{name[:60]}, where only NumPy arrays and plain containers "
                f"are admitted"
            )
        return part

    def load_reduce(self) -> None:
        """Make one of the things that are admitted."""
        arguments = self.stack.pop()
        part = self.stack[-1]
        if not isinstance(part, _Part) or part is _Part.ARRAY or type(arguments) is not tuple:
            raise pickle.UnpicklingError("it calls what is no function")
        self.stack[-1] = _MAKE[part](*arguments)

    def load_build(self) -> None:
        """Fill an array or a dtype with what belongs to it."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(state) is not tuple or len(state) < 5:
            raise pickle.UnpicklingError("it gives an object a state, and no array has that one")
        if type(target) is np.ndarray:
            _fill_array(target, *state)
        elif isinstance(target, np.dtype):
            _fill_dtype(target, *state)
        else:
            raise pickle.UnpicklingError(f"it gives a {type(target).__name__} a state")

    def load_append(self) -> None:
        """Add to a list."""
        value = self.stack.pop()
        self._container(list, self.stack).append(value)

    def load_appends(self) -> None:
        """Add several values to a list."""
        values = self.pop_mark()
        self._container(list, self.stack).extend(values)

    def load_setitem(self) -> None:
        """Add to a dictionary."""
        value, key = self.stack.pop(), self.stack.pop()
        self._add(self._container(dict, self.stack), [key, value])

    def load_setitems(self) -> None:
        """Add several items to a dictionary."""
        items = self.pop_mark()
        self._add(self._container(dict, self.stack), items)

    def load_dict(self) -> None:
        """Make a dictionary of what was pushed since the mark."""
        made: dict[Any, Any] = {}
        self._add(made, self.pop_mark())
        self.append(made)

    @staticmethod
    def _container(kind: type, stack: list[Any]) -> Any:
        # Otherwise an array could be indexed with whatever the file says.
        if type(stack[-1]) is not kind:
            raise pickle.UnpicklingError(f"it adds items to a {type(stack[-1]).__name__}")
        return stack[-1]

    @staticmethod
    def _add(target: dict[Any, Any], items: list[Any]) -> None:
        keys, values = items[::2], items[1::2]
        if len(keys) != len(values):
            raise pickle.UnpicklingError("a dictionary has a key without a value")
        for key in keys:
            # The hash of a tuple of tuples of the same tuple may take for ever.
            if not isinstance(key, _KEYS):
                raise pickle.UnpicklingError(f"a dictionary has a {type(key).__name__} as a key")
        target.update(zip(keys, values))


for _name in _CHECKED:
    _PlainUnpickler.dispatch[_CODES[_name]] = getattr(_PlainUnpickler, f"load_{_name.lower()}")


def _new_array(kind: Any, _shape: Any, _code: Any) -> np.ndarray:
    """Make an empty array, which its state fills."""
    if kind is not _Part.ARRAY:
        raise pickle.UnpicklingError("it holds an array of a kind of its own")
    return np.empty(0, dtype=np.int8)


def _new_dtype(code: Any, _align: Any = False, _copy: Any = True) -> np.dtype:
    """Make the dtype of a number, whose state is its byte order."""
    if type(code) is not str or not _NUMBER.fullmatch(code):
        what = repr(code[:20]) if isinstance(code, str) else f"a {type(code).__name__}"
        raise pickle.UnpicklingError(f"it holds an array of the dtype {what}, not of numbers")
    return np.dtype(code, False, True)  # a copy, which may be filled


def _new_scalar(dtype: Any, raw: Any) -> np.generic:
    """Make a NumPy number."""
    return np.frombuffer(_bytes_of(1, dtype, raw), dtype)[0]


def _encode(text: Any, encoding: Any) -> bytes:
    """Make bytes of the text that stands for them."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError("it encodes text by other than latin-1")
    return text.encode("latin-1")


_MAKE: dict[_Part, Any] = {
    _Part.NEW_ARRAY: _new_array,
    _Part.DTYPE: _new_dtype,
    _Part.SCALAR: _new_scalar,
    _Part.ENCODE: _encode,
}


def _bytes_of(n: int, dtype: Any, raw: Any) -> bytes:
    """Return the bytes of so many numbers."""
    if not isinstance(dtype, np.dtype):
        raise pickle.UnpicklingError(f"it holds numbers of the dtype {type(dtype).__name__}")
    data = raw.encode("latin-1") if type(raw) is str else raw  # Python 2 has one type for both
    if type(data) is not bytes or len(data) != n * dtype.itemsize:
        raise pickle.UnpicklingError("the bytes of an array do not fit its shape")
    return data


def _fill_array(
    array: np.ndarray, _version: Any, shape: Any, dtype: Any, in_columns: Any, raw: Any
) -> None:
    if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
        raise pickle.UnpicklingError("the shape of an array is none")
    data = _bytes_of(math.prod(shape), dtype, raw)
    array.__setstate__((1, shape, dtype, bool(in_columns), data))


def _fill_dtype(dtype: np.dtype, _version: Any, order: Any, *rest: Any) -> None:
    if order not in _BYTE_ORDER or any(part is not None for part in rest[:3]):
        raise pickle.UnpicklingError("it holds an array of records, not of numbers")
    dtype.__setstate__((3, order, None, None, None, -1, -1, 0))


def load_plain(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> tuple[Any, int]:
    """Open a gzipped pickle of plain data.

    Parameters
    ----------
    path : path-like
        The file.
    max_bytes : int
        Most bytes that it may have when it is unpacked.

    Returns
    -------
    content : object
        Numbers, text, bytes, None, tuples, lists, dictionaries and numeric NumPy arrays.
    n_bytes : int
        How long the pickle was.

    Raises
    ------
    FileFormatError
        If the file cannot be read, is no whole gzip file, is larger than that, or is no pickle of
        such data. Nothing of it was run.
    """
    data = _unpack(path, max_bytes)
    stream = io.BytesIO(data)
    try:
        content = _PlainUnpickler(stream, encoding="latin1").load()
    except EOFError:
        raise FileFormatError(f"{path} is cut off: its pickle does not end") from None
    except Exception as error:  # a damaged pickle raises a dozen kinds
        reason = " ".join(str(error).split())[:200] or "it makes no sense"
        if not isinstance(error, pickle.UnpicklingError):
            reason = f"it is damaged ({type(error).__name__}: {reason})"
        raise FileFormatError(
            f"{path} is not a pickle of plain data: {reason}; nothing in it was run"
        ) from error
    if left := len(data) - stream.tell():
        raise FileFormatError(f"{path} has {left} bytes after the end of its pickle")
    return content, len(data)


def _unpack(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            data = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise FileFormatError(f"there is no file {path}") from None
    except EOFError:
        raise FileFormatError(f"{path} is cut off: its gzip stream does not end") from None
    except (OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileFormatError(f"{path} cannot be unpacked: {reason}") from error
    if len(data) > max_bytes:
        raise FileFormatError(
            f"{path} unpacks to more than {max_bytes / 1e6:.0f} MB, as no chunk does, and was left "
            f"alone"
        )
    return data
