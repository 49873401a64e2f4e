"""Files are whole or absent, and what is not ours or is damaged is refused in one sentence."""

import os
import stat

import h5py
import numpy as np
import pytest

from exosk.datasets import Dataset
from exosk.exceptions import FileFormatError
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.spectra import SpectralGrid
from exosk.storage import atomic_path

SPACE = ParameterSpace([Parameter("temperature", Uniform(0, 1), "K"), Parameter("b", Normal(0, 1))])


def posterior() -> Posterior:
    random = np.random.default_rng(0)
    return Posterior(random.random((50, 2)), SPACE, random.random(50), {"seed": 3})


def dataset() -> Dataset:
    random = np.random.default_rng(0)
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 6))
    X = random.random((20, 5)).astype(np.float32)
    return Dataset(X, random.random((20, 2)), grid, SPACE, parent=np.arange(20) // 2)


each_kind = pytest.mark.parametrize("make", [posterior, dataset])


# --- writing ---------------------------------------------------------------------------------


def test_the_file_appears_when_the_block_ends(tmp_path):
    target = tmp_path / "new" / "folder" / "result.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("whole")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
    assert target.read_text() == "whole"
    assert os.listdir(target.parent) == ["result.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("before", [None, "old"])
def test_an_interruption_changes_nothing(tmp_path, error, before):
    target = tmp_path / "result.txt"
    if before:
        target.write_text(before)

    def write() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert [path.read_text() for path in tmp_path.iterdir()] == ([before] if before else [])


def test_the_new_file_replaces_the_old(tmp_path):
    target = tmp_path / "result.txt"
    for text in ("first", "second"):
        with atomic_path(str(target)) as temporary:
            temporary.write_text(text)
    assert target.read_text() == "second"


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_file_has_an_ordinary_mode(tmp_path):
    (tmp_path / "ordinary").touch()
    with atomic_path(tmp_path / "result"):
        pass
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@each_kind
def test_a_result_that_cannot_be_written_leaves_the_old_one(tmp_path, make, monkeypatch):
    path = tmp_path / "result.h5"
    make().save(path)
    before = path.read_bytes()
    monkeypatch.setattr(h5py.File, "create_dataset", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make().save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["result.h5"]


# --- reading what is not whole ---------------------------------------------------------------


def refused(make, path) -> str:
    """Check that loading fails as it should; return the message."""
    with pytest.raises(FileFormatError) as caught:
        type(make()).load(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@each_kind
def test_no_file(tmp_path, make):
    assert refused(make, tmp_path / "absent.h5").startswith("there is no file")


@each_kind
def test_a_folder(tmp_path, make):
    refused(make, tmp_path)


@each_kind
@pytest.mark.parametrize("content", [b"", b"wavelength,depth\n1.1,0.01\n", b"\x89HDF\r\n\x1a\n"])
def test_no_hdf5(tmp_path, make, content):
    (tmp_path / "x.h5").write_bytes(content)
    refused(make, tmp_path / "x.h5")


@each_kind
def test_a_foreign_hdf5_file(tmp_path, make):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["X"] = [1.0]
    assert "but no exosk" in refused(make, tmp_path / "x.h5")


def test_one_kind_is_no_other(tmp_path):
    dataset().save(tmp_path / "x.h5")
    assert "no exosk posterior" in refused(posterior, tmp_path / "x.h5")
    posterior().save(tmp_path / "x.h5")
    assert "no exosk data set" in refused(dataset, tmp_path / "x.h5")


@each_kind
def test_a_later_version(tmp_path, make):
    make().save(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file.attrs["version"] = 99
    assert "written by a later exosk" in refused(make, tmp_path / "x.h5")


def _drop(name):
    return lambda file: file.__delitem__(name)


def _replace(name, value):
    def change(file):
        del file[name]
        file[name] = value

    return change


@pytest.mark.parametrize(
    ("make", "change"),
    [
        (posterior, _drop("samples")),
        (posterior, _drop("header")),
        (posterior, _replace("header", b"{}")),
        (posterior, _replace("header", b"not JSON")),
        (posterior, _replace("header", b"[1, 2]")),
        (posterior, _replace("header", 3.0)),
        (posterior, _replace("header", b'{"space": [{"name": "a"}], "meta": {}}')),
        (posterior, _replace("samples", np.zeros((50, 3)))),
        (posterior, _replace("weights", np.full(50, np.nan))),
        (posterior, lambda file: file.attrs.__delitem__("version")),
        (posterior, lambda file: file.attrs.__setitem__("version", "one")),
        (dataset, _drop("X")),
        (dataset, _drop("header")),
        (dataset, _replace("header", b"null")),
        (dataset, _replace("header", b'{"grid": {"lower_um": [2], "upper_um": [1]}}')),
        (dataset, _replace("Y", np.zeros((20, 1)))),
        (dataset, _replace("parent", np.arange(3))),
        (dataset, lambda file: (file.__delitem__("X"), file.create_group("X"))),
    ],
)
def test_parts_that_do_not_fit(tmp_path, make, change):
    make().save(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        change(file)
    refused(make, tmp_path / "x.h5")


def test_an_unknown_prior(tmp_path):
    posterior().save(tmp_path / "x.h5")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        text = file["header"].asstr()[()].replace("uniform", "cauchy")
        del file["header"]
        file["header"] = text
    assert "cauchy" in refused(posterior, tmp_path / "x.h5")


@each_kind
def test_truncation_anywhere(tmp_path, make):
    path = tmp_path / "x.h5"
    make().save(path)
    whole = path.read_bytes()
    for share in np.linspace(0, 1, 20, endpoint=False):
        path.write_bytes(whole[: int(share * len(whole))])
        refused(make, path)


@each_kind
def test_damage_anywhere_is_harmless_or_refused(tmp_path, make):
    """Checksums turn damage into an error; HDF5 without them crashes the whole process."""
    path = tmp_path / "x.h5"
    make().save(path)
    good = type(make()).load(path)
    whole = path.read_bytes()
    refusals = 0
    for position in range(0, len(whole), 41):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded = type(good).load(path)
        except FileFormatError:
            refusals += 1
            continue
        for name in ("samples", "weights", "X", "Y", "parent"):
            if hasattr(good, name):
                np.testing.assert_array_equal(getattr(loaded, name), getattr(good, name))
    assert refusals > 20
