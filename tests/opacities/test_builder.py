"""From a line list to a table that the built-in model uses, in Python and from a shell."""

import json
import os

import numpy as np
import pytest

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.opacities import OpacityTable, get_opacity, load_embedded
from exosk.opacities.builder import (
    build_opacity,
    kept_strength,
    valid_temperature,
    wavelength_grid,
)
from exosk.opacities.line_lists import LineFile, read_line_list
from exosk.opacities.lines import LineList

pytest.importorskip("hapi", reason="hitran-api has the partition sums")


def ocs(path) -> None:
    """A few lines like those of carbonyl sulfide's 4.85 um band (HITRAN's molecule 19)."""
    rng = np.random.default_rng(0)
    n = 40
    np.savez(
        path,
        molec_id=19,
        nu=np.sort(rng.uniform(2030.0, 2090.0, n)),
        S=10.0 ** rng.uniform(-20, -18, n),
        gair=np.full(n, 0.08),
        gself=np.full(n, 0.1),
        E=rng.uniform(0.0, 300.0, n),
        nair=np.full(n, 0.7),
        iso=np.ones(n, dtype=int),
    )


@pytest.fixture
def line_file(tmp_path):
    path = tmp_path / "lines_OCS.npz"
    ocs(path)
    return path


AXES = {"temperature": [300.0, 500.0], "pressure": [1e-9, 1e-3, 10.0]}


def test_a_table_is_made_with_its_card(line_file):
    calls = []
    table = build_opacity(line_file, progress=lambda *args: calls.append(args), **AXES)
    assert isinstance(table, OpacityTable)
    assert table.name == "OCS"
    assert np.array_equal(table.wavelength, load_embedded("H2O").wavelength)
    assert table.log_cross_section.shape == (3, 2, 4616)
    assert calls[-1] == (6, 6)
    band = table.select(4.79, 4.92).cross_section(400.0, 1e-3)
    assert np.all(band > 1e-24)
    assert np.all(table.select(5.2, 8.0).cross_section(400.0, 1e-3) <= 1e-38)
    card = table.provenance
    assert json.loads(json.dumps(card)) == card
    for entry in ("source", "source_version", "licence", "citation", "limits"):
        assert card[entry], entry
    assert card["sampling"] == "power_mean"
    assert card["valid_wavelength"] == pytest.approx([4.79, 4.92], abs=0.02)
    assert card["valid_temperature"][0] == 300.0
    limits = " ".join(card["limits"])
    for words in ("296 K", "no data below", "no data above", "not zero opacity", "by air"):
        assert words in limits


def test_strength_is_what_the_lines_hold(line_file):
    """Mean mode, all lines: the sum over bins is the list's strength at its own temperature."""
    file = read_line_list(line_file)
    wavelength = wavelength_grid(1000.0, 4.7, 5.0)
    table = build_opacity(
        file, wavelength=wavelength, temperature=[296.0], pressure=[0.1], mode="mean"
    )
    sigma = 10.0 ** table.log_cross_section[0, 0].astype(float)
    width = 1e4 / wavelength / 1000.0
    assert np.sum(sigma * width) == pytest.approx(file.lines.intensity.sum(), rel=5e-3)


def test_kept_strength_of_an_oscillator_with_and_without_its_hot_bands():
    """A harmonic oscillator's band keeps its strength; without the hot bands it falls."""
    quantum, c2 = 700.0, 1.438776877
    v = np.arange(40)

    def partition(isotopologue: int, temperature: float) -> float:
        return 1.0 / (1.0 - np.exp(-c2 * quantum / temperature))

    ladder = 1e-18 * (v + 1) * np.exp(-c2 * quantum * v / 296.0)
    n = v.size
    ones = np.ones(n)
    lines = LineList(
        quantum + 0.01 * v, ladder, 0.1 * ones, 0.1 * ones, quantum * v, ones, 0 * ones, ones
    )
    bands = [(600.0, 800.0)]
    for temperature in (100.0, 500.0, 1000.0):
        kept = kept_strength(lines, temperature, partition, bands)
        assert np.allclose(kept, 1.0, atol=1e-3)
    fundamental = lines.select(v == 0)
    expected = (1 - np.exp(-c2 * quantum / 800.0)) ** 2 / (1 - np.exp(-c2 * quantum / 296.0)) ** 2
    assert kept_strength(fundamental, 800.0, partition, bands)[0] == pytest.approx(expected)
    grid = np.arange(100.0, 3001.0, 100.0)
    assert valid_temperature(lines, grid, partition, bands) == (100.0, 3000.0)
    low, high = valid_temperature(fundamental, grid, partition, bands)
    assert low == 100.0
    assert kept_strength(fundamental, high, partition, bands)[0] >= 0.9
    assert kept_strength(fundamental, high + 50.0, partition, bands)[0] < 0.9


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"mode": "median"}, UnknownNameError, "mean"),
        ({"molecule": "CO"}, FileFormatError, "OCS"),
        ({"temperature": [300.0, 200.0]}, RangeError, "temperature"),
        ({"temperature": []}, RangeError, "temperature"),
        ({"pressure": [-1.0, 1.0]}, RangeError, "pressure"),
        ({"temperature": [300.0, np.nan]}, RangeError, "temperature"),
        ({"wavelength": [1.0]}, RangeError, "wavelength"),
        ({"wavelength": [1.0, 1.1, 1.2]}, RangeError, "none on the wavelengths"),
        ({"cutoff": 0.0}, RangeError, "cut-off"),
        ({"temperature": [300.0, 9000.0]}, RangeError, "9000 K"),
    ],
)
def test_what_cannot_be_built_is_refused(line_file, arguments, error, words):
    with pytest.raises(error, match=words):
        build_opacity(line_file, **{**AXES, **arguments})


def test_an_isotopologue_without_partition_sum_is_named(line_file):
    file = read_line_list(line_file)
    lines = file.lines
    strange = LineList(
        *(getattr(lines, field) for field in list(lines.__dataclass_fields__)[:-1]),
        np.full(len(lines), 12),
    )
    with pytest.raises(RangeError, match="isotopologue 12 of OCS"):
        build_opacity(LineFile(strange, 19, "", "", "x"), **AXES)


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path / "own"))
    return tmp_path / "own"


def invoke(capsys, *arguments: str) -> tuple[int, str, str]:
    """Run the command in this process: the work is real, an interpreter's start is not needed."""
    import typer

    from exosk.cli.opacity_build import build
    from exosk.exceptions import ExoskError

    app = typer.Typer()
    app.command()(build)
    try:
        app([str(a) for a in arguments], standalone_mode=False)
        status = 0
    except ExoskError as error:
        print(error)
        status = 2
    output = capsys.readouterr()
    return status, output.out, output.err


def test_a_built_molecule_is_used_by_the_model_at_once(line_file, own_folder, capsys):
    from exosk.grids import SpectralGrid
    from exosk.simulators import TransmissionModel

    status, out, _ = invoke(
        capsys, line_file, "--temperatures", "500:1500:500", "--mode", "log_mean", "--json"
    )
    assert status == 0
    document = json.loads(out)
    assert document["files"]["table"] == str(own_folder / "OCS.h5")
    assert document["n_lines"] == 40
    assert get_opacity("ocs").name == "OCS"
    grid = SpectralGrid.from_resolution(4.5, 5.2, 100)
    model = TransmissionModel(("H2O", "OCS"), grid=grid)
    theta = model.space.sample(1, 0)
    theta[:, model.space.names.index("temperature")] = 900.0
    theta[:, model.space.names.index("log_x_ocs")] = -3.0
    less = theta.copy()
    less[:, model.space.names.index("log_x_ocs")] = -12.0
    assert np.all(np.isfinite(model.simulate(theta)))
    assert np.max(model.simulate(theta) - model.simulate(less)) > 0


def test_a_table_of_ones_own_grid_goes_where_one_says(line_file, own_folder, tmp_path, capsys):
    path = tmp_path / "mine.h5"
    arguments = ("--resolution", "100", "--temperatures", "400", "--pressures", "0.01,0.1")
    status, out, _ = invoke(capsys, line_file, *arguments, "--out", path, "--name", "COS")
    assert status == 0
    assert "COS written" in out
    table = OpacityTable.load(path)
    assert table.name == "COS"
    assert np.allclose(np.diff(np.log(table.wavelength)), 0.01)
    assert list(table.temperature) == [400.0]
    assert list(table.pressure) == [0.01, 0.1]
    assert not own_folder.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--resolution", "100"), "--out"),
        (("--pressures", "0.001,1"), "1e-09 to 10 bar"),
        (("--temperatures", "500"), "two or more"),
        (("--temperatures", "500:400:10"), "LOW:HIGH:STEP"),
        (("--temperatures", "warm"), "warm"),
        (("--temperatures", ""), "--temperatures"),
        (("--molecule", "CO"), "not of CO"),
        (("--name", "H20?"), "H20?"),
        (("--jobs", "0"), "--jobs"),
        (("--helium", "15"), "between 0 and 1"),
        (("--cutoff", "-1"), "cut-off"),
    ],
)
def test_mistakes_on_the_command_line_are_said_before_the_work(
    line_file, own_folder, capsys, arguments, words
):
    status, out, _ = invoke(capsys, line_file, *arguments)
    assert status == 2
    assert words in out
    assert not own_folder.exists()


def test_partition_sums_come_without_a_banner(capfd):
    """In a fresh process: hapi prints twenty lines when it is imported."""
    import subprocess
    import sys

    code = "from exosk.opacities.hitran import partition_sums as p; print(p(5)(1, 296.0))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    # Gamache et al. 2021: 107.42 for 12C16O.
    assert float(done.stdout) == pytest.approx(107.42, rel=1e-3)
