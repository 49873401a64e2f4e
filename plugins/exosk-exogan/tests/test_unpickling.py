"""What a pickle may hold, and that nothing in one is run."""

import gzip
import pickle
import sys

import numpy as np
import pytest
from exosk_exogan.unpickling import load_plain

from exosk.exceptions import FileFormatError

PLAIN = {
    "text": "depth \xb5m",
    "numbers": [0, 255, 65000, -7, 2**31 - 1, 1.5, 1e-300, True, False, None],
    "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    "nested": {"a": {"b": [{}, []]}},
    "array": np.linspace(0.006, 0.03, 515),
    "again": np.linspace(1, 2, 515),
    "matrix": np.arange(6, dtype="<i4").reshape(2, 3),
    "big-endian": np.arange(4, dtype=">f8"),
    "single": np.float32([0.1, 0.2]),
    "flags": np.array([True, False]),
    "none": np.empty((0, 3)),
    "scalar": np.float64(0.1),
    "count": np.int64(7),
}


def same(found, expected):
    if isinstance(expected, np.ndarray):
        assert type(found) is np.ndarray
        assert found.dtype == expected.dtype.newbyteorder("=")
        assert np.array_equal(found, expected)
    elif isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            same(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert type(found) is type(expected)
        assert len(found) == len(expected)
        for pair in zip(found, expected):
            same(*pair)
    else:
        assert type(found) is type(expected)
        assert found == expected


@pytest.mark.parametrize("protocol", range(5))
def test_what_python_3_pickles_is_read(protocol, write):
    columns = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    content = PLAIN | {"columns": columns, "raw": b"\x00\xff"}
    if protocol < 3:
        del content["none"]  # for no bytes Python 3 calls a function
    data = pickle.dumps(content, protocol)
    found, n_bytes = load_plain(write(data))
    same(found, content)
    assert n_bytes == len(data)


@pytest.mark.parametrize("protocol", range(3))
def test_what_python_2_pickles_is_read(protocol, write, python2):
    data = python2(PLAIN, protocol)
    same(pickle.loads(data, encoding="latin1"), PLAIN)  # so these are bytes as Python reads them
    same(load_plain(write(data))[0], PLAIN)


def test_arrays_that_were_read_may_be_written_to(write):
    found = load_plain(write({"array": np.ones(3)}))[0]["array"]
    found[0] = 2
    assert found.tolist() == [2, 1, 1]


# Each makes the folder %s when the standard library loads it.
ATTACKS = {
    "os.mkdir": b"cos\nmkdir\n(S'%s'\ntR.",
    "os.system": b"cos\nsystem\n(S'mkdir %s'\ntR.",
    "protocol 2": b"\x80\x02cposix\nmkdir\nS'%s'\n\x85R.",
    "subprocess": b"csubprocess\ncheck_call\n((lS'mkdir'\naS'%s'\natR.",
    "eval": b'cbuiltins\neval\n(S\'__import__("os").mkdir("%s")\'\ntR.',
    "exec of Python 2": b"c__builtin__\nexec\n(S'import os; os.mkdir(\"%s\")'\ntR.",
    "an instance": b"(S'%s'\nios\nmkdir\n.",
    "an object": b"(cos\nmkdir\nS'%s'\no.",
    "a global from the stack": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93S'%s'\n\x85R.",
    "a global within a module": b"\x80\x04\x8c\x04gzip\x8c\x08os.mkdir\x93S'%s'\n\x85R.",
    "text that numpy runs": b"cnumpy.testing._private.utils\nrunstring\n"
    b"(S'import os; os.mkdir(\"%s\")'\n(dtR.",
    "a class of copyreg": b"ccopyreg\n__newobj__\n0cos\nmkdir\n(S'%s'\ntR.",
    "in a list": b"(lp0\ncos\nmkdir\n(S'%s'\ntRa.",
    "as a value": b"(dS'param'\ncos\nmkdir\n(S'%s'\ntRs.",
    "after an array": b"cnumpy\nndarray\n0cos\nmkdir\n(S'%s'\ntR.",
    "kept and called later": b"cos\nmkdir\np9\n0g9\n(S'%s'\ntR.",
    "a state": b"cfunctools\npartial\n(cos\nmkdir\ntR(cos\nmkdir\n(S'%s'\nt(dNtb(tR.",
    "an array of objects": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
    b"(I1\n(I1\ntcnumpy\ndtype\n(S'O8'\nI0\nI1\ntRI00\n(lcos\nmkdir\n(S'%s'\ntRatb.",
}


@pytest.mark.parametrize("name", list(ATTACKS))
def test_code_is_not_run(name, write, tmp_path):
    folder = tmp_path / "made"
    data = ATTACKS[name].replace(b"%s", str(folder).encode())
    pickle.loads(data)
    assert folder.is_dir(), "the standard library runs it"
    folder.rmdir()
    with pytest.raises(FileFormatError, match="is not a pickle of plain data") as told:
        load_plain(write(data))
    assert "nothing in it was run" in str(told.value)
    assert not folder.exists()


def test_code_within_a_chunk_is_not_run(write, tmp_path, chunk, python2):
    folder = tmp_path / "made"
    data = python2(chunk(3), 0)
    call = b"cos\nmkdir\n(S'%s'\ntR" % str(folder).encode()
    at = data.rindex(b"cnumpy.core.multiarray")
    data = data[:at] + call + b"0" + data[at:]
    pickle.loads(data, encoding="latin1")
    folder.rmdir()
    with pytest.raises(FileFormatError, match=r"it names os\.mkdir"):
        load_plain(write(data))
    assert not folder.exists()


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR"
DOUBLE = b"cnumpy\ndtype\n(S'f8'\nI0\nI1\ntR"
REFUSED = {
    "it names numpy.load": b"cnumpy\nload\n(S'x.npy'\ntR.",
    "it names numpy.fromfile": b"cnumpy\nfromfile\n(S'x'\ntR.",
    "it names numpy.ctypeslib.load_library": b"cnumpy.ctypeslib\nload_library\n(S'c'\nS'/'\ntR.",
    "it names numpy.core._internal._reconstruct": b"cnumpy.core._internal\n_reconstruct\n.",
    "it names numpy.ndarray.tofile": b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.",
    "it names numpy.memmap": b"cnumpy\nmemmap\n(S'x'\ntR.",
    "it names numpy.random._pickle": b"cnumpy.random._pickle\n__generator_ctor\n(tR.",
    "it names antigravity.fly": b"cantigravity\nfly\n.",
    "it names copy_reg._reconstructor": b"ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nNtR.",
    "the instruction EXT1": b"\x80\x02\x82\x01.",
    "the instruction PERSID": b"Pname\n.",
    "the instruction BINPERSID": b"S'name'\nQ.",
    "the instruction NEWOBJ": b"\x80\x02cnumpy\nndarray\n(K\x01t\x81.",
    "the instruction NEXT_BUFFER": b"\x80\x05\x97.",
    "the instruction EMPTY_SET": b"\x80\x04\x8f.",
    "the byte 0xff": b"\xff.",
    "it gives a _Part a state": b"cnumpy\nndarray\n(I1\nI2\nI3\nI4\nI5\ntb.",
    "it gives an object a state": b"cnumpy\nndarray\nN(dS'__setstate__'\ncnumpy\ndtype\ns\x86b.",
    "it gives a dict a state": b"(d(I1\nI2\nI3\nI4\nI5\ntb.",
    "it calls what is no function": b"S'_reconstruct'\n(tR.",
    "an array of a kind of its own": b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\ndtype\n"
    b"(I0\ntS'b'\ntR.",
    "the dtype 'O8'": b"cnumpy\ndtype\n(S'O8'\nI0\nI1\ntR.",
    "the dtype 'V8'": b"cnumpy\ndtype\n(S'V8'\nI0\nI1\ntR.",
    "the dtype a list": b"cnumpy\ndtype\n((lI0\nI1\ntR.",
    "the dtype 'f8,f8'": b"cnumpy\ndtype\n(S'f8,f8'\nI0\nI1\ntR.",
    "records": DOUBLE + b"(I3\nS'<'\nN(S'a'\nt(dI-1\nI-1\nI0\ntb.",
    "do not fit its shape": ARRAY + b"(I1\n(I9999999999\nt" + DOUBLE + b"I00\nS''\ntb.",
    "the shape of an array": ARRAY + b"(I1\n(I-1\nt" + DOUBLE + b"I00\nS''\ntb.",
    "numbers of the dtype _Part": ARRAY + b"(I1\n(I1\ntcnumpy\ndtype\nI00\nS''\ntb.",
    "adds items to a ndarray": ARRAY + b"I0\nI1\ns.",
    "adds items to a _Part": b"cnumpy\nndarray\nI0\na.",
    "a tuple as a key": b"(d(I1\ntI1\ns.",
    "a key without a value": b"(S'a'\nd.",
    "other than latin-1": b"c_codecs\nencode\n(S'a'\nS'rot13'\ntR.",
}


@pytest.mark.parametrize("reason", list(REFUSED))
def test_what_is_no_plain_data_is_refused(reason, write):
    with pytest.raises(FileFormatError, match="is not a pickle of plain data") as told:
        load_plain(write(REFUSED[reason]))
    assert reason in str(told.value)
    assert "\n" not in str(told.value)


def test_a_module_that_is_named_is_not_imported(write):
    with pytest.raises(FileFormatError):
        load_plain(write(REFUSED["it names antigravity.fly"]))
    assert "antigravity" not in sys.modules


def test_a_pickle_within_the_bytes_of_a_scalar_stays_closed(write, tmp_path):
    """NumPy itself opens it for a dtype of objects."""
    inner = b"cos\nmkdir\n(S'%s'\ntR." % str(tmp_path / "made").encode()
    text = repr(inner).encode()[1:]
    data = b"cnumpy.core.multiarray\nscalar\n(cnumpy\ndtype\n(S'O8'\nI0\nI1\ntRS" + text + b"\ntR."
    with pytest.raises(FileFormatError, match="the dtype 'O8'"):
        load_plain(write(data))
    assert not (tmp_path / "made").exists()


def test_numpys_own_dtypes_stay_as_they_are(write):
    """The byte order is set in a copy: otherwise one file would change every float."""
    load_plain(write(DOUBLE + b"(I3\nS'>'\nNNNI-1\nI-1\nI0\ntb."))
    assert np.dtype("f8").isnative
    assert np.dtype(float).isnative


def test_a_few_bytes_take_no_memory(write):
    """A memo of four thousand million places; keys that would take ages to hash; shared parts."""
    assert load_plain(write(b"Nr\xff\xff\xff\xff."))[0] is None
    doubled = b"(t" + b"2\x86" * 200
    with pytest.raises(FileFormatError):
        load_plain(write(b"\x80\x02" + doubled + b"."))
    nested = b"(t" + b"".join(b"p%d\ng%d\n\x86" % (k, k) for k in range(100))
    with pytest.raises(FileFormatError, match="a tuple as a key"):
        load_plain(write(b"\x80\x02}" + nested + b"Ns."))


def test_a_gzip_bomb_is_left_alone(tmp_path):
    path = tmp_path / "chunck_0.pkgz"
    path.write_bytes(gzip.compress(b"\x80\x02" + bytes(20_000_000), mtime=0))
    assert path.stat().st_size < 30_000
    with pytest.raises(FileFormatError, match="unpacks to more than 10 MB"):
        load_plain(path, max_bytes=10_000_000)


def test_a_file_cut_anywhere_is_refused(write, chunk):
    path = write(chunk(2))
    whole = path.read_bytes()
    for length in (0, 1, 5, 17, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match=r"chunck_0\.pkgz"):
            load_plain(path)


@pytest.mark.parametrize("protocol", range(3))
def test_a_pickle_cut_anywhere_is_refused(protocol, write, chunk, python2):
    data = python2(chunk(1), protocol)
    for length in range(0, len(data), 97):
        with pytest.raises(FileFormatError, match=r"chunck_0\.pkgz"):
            load_plain(write(data[:length]))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.pkgz", None, "there is no file"),
        ("text.pkgz", b"no gzip", "cannot be unpacked: Not a gzipped file"),
        ("more.pkgz", gzip.compress(b"N.N.", mtime=0), "2 bytes after the end"),
    ],
)
def test_what_is_no_gzipped_pickle_is_refused(name, content, message, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(FileFormatError, match=message):
        load_plain(tmp_path / name)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="cannot be unpacked: Is a directory"):
        load_plain(tmp_path)
