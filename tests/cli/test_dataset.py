"""`exosk dataset` from a shell."""

from __future__ import annotations

import json
import os

import pytest

import exosk
from exosk.datasets import Store

COMMAND = ("simulate", "--n", "50", "--instrument", "hst-wfc3-g141", "--molecules", "H2O")


@pytest.fixture
def stored(program, tmp_path):
    """A store of 50 spectra in three shards."""
    done = program(*COMMAND, "--shard-size", "20", "--jobs", "1", "--out", "set")
    assert done.returncode == 0, done.stderr
    return tmp_path / "set"


def answer(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_info(program, stored):
    document = answer(program("dataset", "info", "set", "--json"))
    assert document["n_spectra"] == document["n_spectra_when_finished"] == 50
    assert document["n_shards"] == document["n_shards_when_finished"] == 3
    assert document["n_bytes"] == sum(path.stat().st_size for path in stored.glob("shard-*"))
    assert document["provenance"]["simulator"] == "builtin"
    assert document["units"]["wavelength"] == "um"
    shown = program("dataset", "info", "set").stdout
    assert "3 of 3, 20 spectra each" in shown
    assert "builtin" in shown


def test_info_of_a_file_and_of_a_store_that_is_not_finished(program, stored):
    assert program("dataset", "sample", "set", "--n", "7", "--out", "few").returncode == 0
    assert answer(program("dataset", "info", "few/dataset.h5", "--json"))["n_spectra"] == 7
    assert "spectra        7\n" in program("dataset", "info", "few/dataset.h5").stdout
    (stored / "shard-000002.h5").unlink()
    assert program("dataset", "repair", "set", "--no-simulate").returncode == 0
    document = answer(program("dataset", "info", "set", "--json"))
    assert (document["n_spectra"], document["n_spectra_when_finished"]) == (40, 50)
    assert "40 of 50, not finished" in program("dataset", "info", "set").stdout
    done = program("dataset", "sample", "set", "--n", "7")
    assert done.returncode == 2
    assert "not finished: 2 of 3 shards" in done.stderr
    assert program("dataset", "sample", "set", "--n", "7", "--partial").returncode == 0


def test_verify_and_repair(program, stored):
    before = {path.name: path.read_bytes() for path in stored.iterdir()}
    document = answer(program("dataset", "verify", "set", "--json"))
    assert document["ok"]
    assert document["n_whole"] == 3
    content = bytearray(before["shard-000001.h5"])
    content[1000] ^= 1
    (stored / "shard-000001.h5").write_bytes(content)
    os.truncate(stored / "shard-000002.h5", 10)
    (stored / "notes.txt").touch()
    done = program("dataset", "verify", "set", "--json")
    assert done.returncode == 1
    assert list(json.loads(done.stdout)["problems"]) == ["1", "2"]
    shown = program("dataset", "verify", "set")
    assert shown.returncode == 1
    assert "shard-000001.h5 is damaged: its checksum is another" in shown.stdout
    assert "notes.txt does not belong there" in shown.stdout
    assert "1 of 3 shards are as they were made" in shown.stdout
    (stored / "notes.txt").unlink()
    document = answer(program("dataset", "repair", "set", "--jobs", "1", "--json"))
    assert list(document["damaged"]) == ["1", "2"]
    assert not document["changed"]
    assert {path.name: path.read_bytes() for path in stored.iterdir()} == before
    assert "0 shards were damaged or lost" in program("dataset", "repair", "set").stdout


def test_verify_a_file(program, tmp_path):
    assert program(*COMMAND, "--out", "one").returncode == 0
    assert answer(program("dataset", "verify", "one/dataset.h5", "--json"))["ok"]
    os.truncate(tmp_path / "one" / "dataset.h5", 500)
    assert program("dataset", "verify", "one/dataset.h5").returncode == 1


def test_split_and_merge(program, tmp_path, stored):
    document = answer(program("dataset", "split", "set", "--out", "parts", "--json"))
    assert document["n_spectra"] == {"training": 34, "validation": 8, "test": 8}
    parts = [document["files"][name] for name in ("training", "test")]
    done = program("dataset", "merge", *parts, "--out", "merged", "--shard-size", "10")
    assert done.returncode == 0, done.stderr
    assert len(Store(tmp_path / "merged")) == 42
    done = program("dataset", "merge", "set", "merged", "--out", "twice")
    assert done.returncode == 2
    assert "42 spectra of set 2 are in an earlier one too" in done.stderr
    assert not (tmp_path / "twice").exists()


def test_a_file_becomes_a_store(program, tmp_path):
    assert program(*COMMAND, "--out", "one").returncode == 0
    arguments = ("merge", "one/dataset.h5", "--out", "store", "--compress", "--json")
    document = answer(program("dataset", *arguments))
    assert document["n_spectra"] == {"store": 50}
    data = exosk.Dataset.load(tmp_path / "one" / "dataset.h5")
    assert (Store(tmp_path / "store").X == data.X).all()


def test_sample(program, tmp_path, stored):
    document = answer(program("dataset", "sample", "set", "--n", "9", "--seed", "4", "--json"))
    data = exosk.Dataset.load(tmp_path / document["files"]["dataset"])
    assert len(data) == document["n_spectra"] == 9
    assert (data.X == Store(stored).sample(9, 4).X).all()


@pytest.mark.parametrize(("to", "package"), [("zarr", "zarr"), ("parquet", "pyarrow")])
def test_export(program, tmp_path, stored, to, package):
    pytest.importorskip(package)
    document = answer(program("dataset", "export", "set", "--to", to, "--out", "x", "--json"))
    assert document == {"files": {to: "x"}, "n_spectra": 50}
    assert (tmp_path / "x").exists()
    again = program("dataset", "export", "set", "--to", to, "--out", "x")
    assert again.returncode == 2
    assert "exists; choose another name" in again.stderr


@pytest.mark.parametrize("command", ["info", "verify", "repair"])
def test_there_is_no_store(program, command):
    done = program("dataset", command, "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
