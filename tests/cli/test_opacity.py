"""`exosk opacity` from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from exosk.opacities import OpacityTable, load_embedded, read_opacity, write_opacity
from exosk.opacities.resampling import model_wavelength


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch) -> Path:
    """Keep the tests' tables apart from those of whoever runs them."""
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path / "own"))
    return tmp_path / "own"


@pytest.fixture
def foreign(tmp_path) -> Path:
    """Cross sections of SO2 as ExoMolOP gives them: R = 4000, 1-10 um, 1e-5 to 100 bar."""
    wavelength = np.geomspace(1.0, 10.0, 9211)
    temperature, pressure = np.array([300.0, 1000.0, 2000.0]), np.geomspace(1e-5, 100.0, 8)
    band = -19.0 - (np.log(wavelength / 4.05) / 0.02) ** 2
    cube = np.maximum(band, -30.0) * np.ones((8, 3, 1))
    table = OpacityTable("SO2", wavelength, temperature, pressure, cube, {"source": "mine"})
    path = tmp_path / "32S-16O2__Mine.R4000_1-10mu.xsec.TauREx.h5"
    write_opacity(table, path, "taurex")
    return path


def test_a_foreign_table_is_used_by_the_next_command(run, foreign, own_folder):
    """From a shell, where it is another process."""
    done = run("opacity", "convert", foreign.name)
    assert done.returncode == 0, done.stderr
    assert "--molecules H2O,SO2" in done.stdout
    assert "no data below 1 um and above 10 um" in done.stdout
    assert (own_folder / "SO2.h5").exists()
    done = run(
        *("simulate", "--n", "3", "--instrument", "nirspec-prism"),
        *("--molecules", "H2O,SO2", "--json"),
    )
    assert done.returncode == 0, done.stderr
    assert "log_x_so2" in json.dumps(json.loads(done.stdout)["parameters"])


def test_convert_answers_in_json(program, foreign, tmp_path):
    done = program(
        "opacity", "convert", foreign.name, "--json", "--name", "SO", "--average", "mean"
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["name"] == "SO"
    assert document["files"]["table"] == str(tmp_path / "own" / "SO.h5")
    assert document["card"]["sampling"] == "mean"
    assert document["ranges"]["pressure"]["low"] == 1e-9
    assert any("constant below 1e-05 bar" in limit for limit in document["card"]["limits"])
    assert not document["replaced"]
    again = program("opacity", "convert", foreign.name, "--json", "--name", "SO")
    assert json.loads(again.stdout)["replaced"]
    table = read_opacity(document["files"]["table"])
    assert np.array_equal(table.wavelength, model_wavelength())


@pytest.mark.parametrize(
    ("to", "file"),
    [
        ("taurex", "K.taurex.h5"),
        ("taurex-pickle", "K.pickle"),
        ("petitradtrans", "K-NatAbund__exosk.R1002_0.3-30mu.xsec.petitRADTRANS.h5"),
        ("petitradtrans-ck", "K-NatAbund__exosk.R1002_0.3-30mu.ktable.petitRADTRANS.h5"),
        ("exosk", "own/K.h5"),
    ],
)
def test_an_embedded_table_goes_to_any_code(program, to, file, tmp_path):
    done = program("opacity", "convert", "K", "--to", to)
    assert done.returncode == 0, done.stderr
    table = read_opacity(tmp_path / file)
    if to == "petitradtrans-ck":
        table = table.to_opacity("log_mean")
    expected = load_embedded("K").log_cross_section
    assert np.allclose(table.log_cross_section, expected, rtol=0, atol=3e-4)


def test_the_file_to_write_is_named_once(program, tmp_path):
    assert program("opacity", "convert", "K", "a.h5", "--to", "taurex").returncode == 0
    assert program("opacity", "convert", "K", "--out", "b.h5", "--to", "taurex").returncode == 0
    assert (tmp_path / "a.h5").exists()
    assert (tmp_path / "b.h5").exists()
    done = program("opacity", "convert", "K", "a.h5", "--out", "b.h5")
    assert done.returncode == 2
    assert "once" in done.stderr


def test_units_are_asked_for_and_taken(program, foreign):
    with h5py.File(foreign, "r+") as file:
        del file["p"].attrs["units"]
        file["p"][...] = file["p"][()] * 1e5
    done = program("opacity", "convert", foreign.name)
    assert done.returncode == 2
    assert "--pressure-unit" in done.stderr
    done = program("opacity", "convert", foreign.name, "--pressure-unit", "Pa", "--json")
    assert json.loads(done.stdout)["ranges"]["pressure"]["high"] == 100.0


def test_pressures_that_are_not_covered_are_refused_unless_accepted(program, foreign, own_folder):
    table = read_opacity(foreign)
    write_opacity(
        OpacityTable(
            "SO2",
            table.wavelength,
            table.temperature,
            table.pressure[:5],
            table.log_cross_section[:5],
            {},
        ),
        foreign,
        "taurex",
    )
    done = program("opacity", "convert", foreign.name)
    assert done.returncode == 2
    assert "--extend-pressure" in done.stderr
    assert not own_folder.exists()
    assert program("opacity", "convert", foreign.name, "--extend-pressure").returncode == 0
    assert program("opacity", "convert", foreign.name, "--grid", "own").returncode == 0


def test_list_names_all_and_says_what_is_wrong(program, foreign, own_folder):
    program("opacity", "convert", foreign.name)
    program("opacity", "convert", foreign.name, "--name", "CO2")
    (own_folder / "CO.h5").write_bytes(b"\x89HDF\r\n\x1a\nbroken")
    done = program("opacity", "list")
    assert done.returncode == 0, done.stderr
    for word in ("H2O", "Na", "H2-He", "SO2", "embedded", "user", str(own_folder)):
        assert word in done.stdout
    assert "CO2: your own table replaces the embedded one." in done.stdout
    assert "CO.h5' cannot be read" in done.stdout
    listed = {
        e["name"]: e for e in json.loads(program("opacity", "list", "--json").stdout)["opacities"]
    }
    assert listed["SO2"]["origin"] == "user"
    assert listed["CO2"]["replaces"] == "embedded"
    assert listed["CO"]["problem"]
    assert listed["H2O"]["ranges"]["wavelength"]["n"] == 4616
    assert not listed["H2O"]["problem"]


def test_info_of_a_name_and_of_a_file(program, foreign, tmp_path):
    done = program("opacity", "info", "h2o", "--json", "--figure", "h2o.png")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["card"] == load_embedded("H2O").provenance
    assert document["origin"] == "embedded"
    assert (tmp_path / "h2o.png").read_bytes().startswith(b"\x89PNG")
    done = program("opacity", "info", foreign.name)
    assert done.returncode == 0, done.stderr
    for words in ("SO2 (molecule, file)", "9211 points", "pressure: bar (from the file)", "mine"):
        assert words in done.stdout
    assert "H2-He (pair, embedded)" in program("opacity", "info", "H2-He").stdout


def test_info_of_a_k_table(program, shared_data):
    done = program("opacity", "info", str(shared_data / "opacity" / "NH3.h5"), "--json")
    assert json.loads(done.stdout)["k_table"] == {"points_of_g": 8}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("info", "kryptonite"), "unknown molecule"),
        (("info", "absent.h5"), "there is no file absent.h5"),
        (("info", "H2O", "--pressure-unit", "Pa"), "goes with a file"),
        (("info", "H2-He", "--figure", "x.png"), "is a pair"),
        (("convert", "H2-He"), "is a pair"),
        (("convert", "K", "--to", "nemesis"), "nemesis"),
        (("convert", "{foreign}", "--format", "exosc"), "did you mean 'exosk'"),
        (("convert", "{foreign}", "--name", "my gas"), "molar mass"),
        (("convert", "{foreign}", "--cross-section-unit", "barn"), "'barn'"),
        (("convert", "{foreign}", "--spectral-unit", "m"), "it looks like"),
    ],
)
def test_mistakes_are_answered_in_one_sentence(program, foreign, own_folder, arguments, words):
    done = program("opacity", *(word.format(foreign=foreign.name) for word in arguments))
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert not own_folder.exists()


def test_help_teaches(program):
    for command in ("list", "info", "convert", "build"):
        done = program("opacity", command, "--help")
        assert done.returncode == 0
        assert "Examples" in done.stdout
