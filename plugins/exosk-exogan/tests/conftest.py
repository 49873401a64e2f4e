"""Chunks as Python 2 wrote them, made here byte by byte."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SHARED_DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
N_BINS = 515


@pytest.fixture(scope="session")
def exogan_folder() -> Path:
    """ExoGAN's own spectrum and grid, which are never copied into the project."""
    folder = SHARED_DATA / "exogan"
    if not folder.is_dir():
        pytest.skip("ExoGAN's files (../shared/data/exogan) are not on this machine")
    return folder


@pytest.fixture(autouse=True)
def no_settings_of_ones_own(tmp_path_factory, monkeypatch):
    """Neither opacity tables nor spectra of the developer's."""
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path_factory.getbasetemp() / "none"))
    monkeypatch.delenv("EXOSK_EXOGAN_DIR", raising=False)


@pytest.fixture
def python2():
    """Pickle as Python 2's cPickle does: `python2(content, protocol)`."""
    return lambda content, protocol=2: Python2Pickler(protocol).pickle(content)


@pytest.fixture
def write(tmp_path, python2):
    """Write bytes, or what Python 2 would pickle, as a chunk, and return its path."""

    def write(content: Any, name: str = "chunck_0.pkgz", protocol: int = 2) -> Path:
        data = content if isinstance(content, bytes) else python2(content, protocol)
        path = tmp_path / name
        path.write_bytes(gzip.compress(data, 1, mtime=0))
        return path

    return write


@pytest.fixture
def chunk():
    """Make the content of a chunk: `chunk(n, seed)`, of planets and depths within the priors."""

    def chunk(n: int = 5, seed: int = 0) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        entries = {}
        for k in range(n):
            param = {
                "planet_mass": 1.898e27 * rng.uniform(0.8, 2.0),
                "temperature_profile": rng.uniform(1000, 2000),
                "ch4_mixratio": 10 ** rng.uniform(-8, -1),
                "planet_radius": 6.9911e7 * rng.uniform(0.8, 1.5),
                "h2o_mixratio": 10 ** rng.uniform(-8, -1),
                "co2_mixratio": 10 ** rng.uniform(-8, -1),
                "co_mixratio": 10 ** rng.uniform(-8, -1),
            }
            entries[f"{seed}_{k}"] = {
                "param": param,
                "data": {"spectrum": rng.uniform(0.006, 0.03, N_BINS)},
            }
        return entries

    return chunk


class Python2Pickler:
    """The instructions that cPickle of Python 2 emits, for what chunks are made of.

    Text and bytes are both `str` there. The module of NumPy's functions is still
    ``numpy.core.multiarray``, and the bytes of an array are a `str`.
    """

    def __init__(self, protocol: int) -> None:
        self.protocol = protocol
        self.memo: dict[Any, int] = {}

    def pickle(self, content: Any) -> bytes:
        start = b"\x80\x02" if self.protocol == 2 else b""
        return start + self.save(content) + b"."

    def save(self, value: Any) -> bytes:
        for kind, save in (
            (bool, self.save_bool),
            (np.generic, self.save_scalar),
            (dict, self.save_dict),
            (list, self.save_list),
            (tuple, self.save_tuple),
            (str, self.save_str),
            (bytes, self.save_str),
            (int, self.save_int),
            (float, self.save_float),
            (np.ndarray, self.save_array),
            (np.dtype, self.save_dtype),
        ):
            if isinstance(value, kind):
                return save(value)
        assert value is None
        return b"N"

    def put(self, key: Any = None) -> bytes:
        number = len(self.memo)
        self.memo[object() if key is None else key] = number
        if self.protocol == 0:
            return b"p%d\n" % number
        return b"q" + bytes([number]) if number < 256 else b"r" + struct.pack("<i", number)

    def get(self, key: Any) -> bytes:
        number = self.memo[key]
        if self.protocol == 0:
            return b"g%d\n" % number
        return b"h" + bytes([number]) if number < 256 else b"j" + struct.pack("<i", number)

    def save_bool(self, value: bool) -> bytes:
        if self.protocol == 2:
            return b"\x88" if value else b"\x89"
        return b"I01\n" if value else b"I00\n"

    def save_int(self, value: int) -> bytes:
        if self.protocol == 0:
            return b"I%d\n" % value
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return b"J" + struct.pack("<i", value)

    def save_float(self, value: float) -> bytes:
        if self.protocol == 0:
            return b"F" + repr(value).encode() + b"\n"
        return b"G" + struct.pack(">d", value)

    def save_str(self, value: str | bytes) -> bytes:
        raw = value.encode("latin-1") if isinstance(value, str) else value
        if raw in self.memo:
            return self.get(raw)
        if self.protocol == 0:
            saved = b"S" + repr(raw).encode()[1:] + b"\n"
        elif len(raw) < 256:
            saved = b"U" + bytes([len(raw)]) + raw
        else:
            saved = b"T" + struct.pack("<i", len(raw)) + raw
        return saved + self.put(raw)

    def save_tuple(self, value: tuple) -> bytes:
        items = b"".join(self.save(item) for item in value)
        if not value:
            return b"(t" if self.protocol == 0 else b")"
        if self.protocol == 2 and len(value) <= 3:
            return items + bytes([0x84 + len(value)]) + self.put()
        return b"(" + items + b"t" + self.put()

    def save_list(self, value: list) -> bytes:
        if self.protocol == 0:
            return b"(l" + self.put() + b"".join(self.save(item) + b"a" for item in value)
        return b"]" + self.put() + b"(" + b"".join(map(self.save, value)) + b"e"

    def save_dict(self, value: dict) -> bytes:
        if self.protocol == 0:
            start = b"(d" + self.put()
            return start + b"".join(self.save(k) + self.save(v) + b"s" for k, v in value.items())
        start = b"}" + self.put() + b"("
        return start + b"".join(self.save(k) + self.save(v) for k, v in value.items()) + b"u"

    def save_dtype(self, value: np.dtype) -> bytes:
        if value in self.memo:
            return self.get(value)
        made = b"cnumpy\ndtype\n" + self.save((value.str[1:], 0, 1)) + b"R" + self.put(value)
        order = value.str[0] if value.str[0] in "<>" else "|"
        return made + self.save((3, order, None, None, None, -1, -1, 0)) + b"b"

    def save_scalar(self, value: np.generic) -> bytes:
        name = b"cnumpy.core.multiarray\nscalar\n"
        return name + self.save((value.dtype, value.tobytes())) + b"R" + self.put()

    def save_array(self, value: np.ndarray) -> bytes:
        name = b"cnumpy.core.multiarray\n_reconstruct\n("
        kind = b"cnumpy\nndarray\n" + self.save((0,)) + self.save("b") + b"tR" + self.put()
        return name + kind + self.save((1, value.shape, value.dtype, False, value.tobytes())) + b"b"
