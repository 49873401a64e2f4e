"""A pickle is read, and never executed."""

import collections
import os
import pickle

import numpy as np
import pytest

from exosk.exceptions import FileFormatError
from exosk.opacities import read_opacity
from exosk.opacities.formats.taurex_pickle import load_arrays


class Malicious:
    """Makes a file when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(marker):
    code = f"open({str(marker)!r}, 'w').close()"
    return {
        "exec": Malicious(exec, code),
        "eval": Malicious(eval, code),
        "system": Malicious(os.system, f"touch {marker}"),
        "getattr": Malicious(getattr, str, "format"),
        "numpy's own": Malicious(np.lib.npyio.NpzFile, str(marker)),
        "save": Malicious(np.save, str(marker), 1),
    }


@pytest.mark.parametrize("attack", list(attacks("x")))
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_executed(attack, protocol, tmp_path):
    marker = tmp_path / "executed"
    content = {"wno": np.arange(3.0), "p": attacks(marker)[attack]}
    path = tmp_path / "SO2.pickle"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    for read in (load_arrays, read_opacity, lambda p: read_opacity(p, "taurex-pickle")):
        with pytest.raises(FileFormatError, match="not executed") as caught:
            read(path)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("executed*"))


def test_the_attacks_are_real(tmp_path):
    """The same bytes do harm where they are trusted."""
    marker = tmp_path / "executed"
    pickle.loads(pickle.dumps(attacks(marker)["exec"]))
    assert marker.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_of_every_protocol_are_the_ones_that_numpy_reads(protocol, tmp_path):
    content = {
        "wno": np.arange(4.0),
        "t": np.arange(3, dtype=">i4"),
        "p": np.float32([1, 2]),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "xsecarr": np.arange(24.0).reshape(2, 3, 4)[:, ::2],
        "name": "SO2",
        "scalar": np.float64(3.0),
        "more": [1, 2.5, None, (True, "x")],
        "ordered": collections.OrderedDict(a=1),
    }
    path = tmp_path / "x.pickle"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    again = load_arrays(path)
    assert set(again) == set(content)
    for key, value in content.items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(again[key], value)
            assert again[key].dtype == value.dtype
        else:
            assert again[key] == value


def test_a_pickle_of_python_2_is_read(tmp_path):
    """Arrays of Python 2 come as text and under numpy.core, from before its renaming."""
    old = (
        b"\x80\x02}q\x01U\x03wnoq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\n"
        b"q\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02\x85cnumpy\ndtype\nq\x06U\x02f8K\x00K\x01\x87Rq"
        b"\x07(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x10"
        + np.array([1.5, -2.5]).tobytes()
        + b"tbs."
    )
    (tmp_path / "x.pickle").write_bytes(old)
    assert np.array_equal(load_arrays(tmp_path / "x.pickle")["wno"], [1.5, -2.5])


@pytest.mark.parametrize(
    "content",
    [
        {"a": np.array([{}, []], dtype=object)},
        {"a": np.zeros(2, dtype=[("x", "f8"), ("y", "i4")])},
        {"a": np.array(["2020-01-01"], dtype="M8[D]")},
        {"a": {1, 2}, "b": object()},
        {"a": range(3)},
    ],
)
def test_what_is_no_plain_array_is_refused(content, tmp_path):
    path = tmp_path / "x.pickle"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(FileFormatError, match="not executed"):
        load_arrays(path)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04.",
        b"\x80\x04N.",
        b"\x80\x04]\x94.",
        b"\x80\xff}.",
        pickle.dumps({"a": np.arange(100.0)})[:-50],
        # An array whose bytes are too few, and one without a state.
        pickle.dumps({"a": np.arange(4.0)}, protocol=2).replace(b"K\x04\x85", b"K\x05\x85"),
        b"\x80\x02}U\x01acnumpy\nndarray\n)Rs.",
        # Building upon one of the stand-ins.
        b"\x80\x02}U\x01acnumpy\ndtype\nN}U\x01xK\x01s\x86bs.",
    ],
)
def test_a_damaged_pickle_is_one_sentence(content, tmp_path):
    path = tmp_path / "SO2.pickle"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"SO2\.pickle"):
        read_opacity(path, "taurex-pickle")
    # Nothing of it stays behind.
    path.write_bytes(pickle.dumps({"a": np.arange(4.0)}))
    assert np.array_equal(load_arrays(path)["a"], np.arange(4.0))
