"""`exosk retrieve --join` and `--offset`: several instruments, and offsets between them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exosk
from exosk.cli.joining import choose_offsets, make_simulator
from exosk.cli.options import System
from exosk.parameters import Normal, Uniform
from exosk.sources import write_spectrum

QUICK = ("--n-spectra", "150", "--no-refine", "--molecules", "H2O", "--json")
SYSTEM = ("--star-radius", "1.66", "--planet-mass", "1.47", "--temperature", "2580")
PRISM = "offset_jwst_nirspec_prism"


@pytest.fixture
def prism(tmp_path):
    """Another instrument's spectrum of WASP-12 b, over the first one's and beyond."""
    grid = exosk.SpectralGrid.from_resolution(0.9, 3.0, 10)
    n = grid.n_bins
    spectrum = exosk.Spectrum(
        grid, np.full(n, 0.0144), np.full(n, 1e-4), instrument="JWST NIRSpec PRISM"
    )
    write_spectrum(spectrum, tmp_path / "prism.ecsv")
    return "prism.ecsv"


@pytest.fixture
def of_two(tmp_path):
    """One file of two instruments."""
    rows = [f"{1.1 + 0.1 * k:.2f},0.05,0.0144,1e-4,WFC3" for k in range(6)]
    rows += [f"{x},0.4,0.0146,1e-4,Spitzer" for x in (3.6, 4.5)]
    header = "wavelength_um,bin_half_width_um,transit_depth,transit_depth_err,instrument"
    (tmp_path / "two.csv").write_text("\n".join([header, *rows]) + "\n")
    return "two.csv"


def priors(done):
    """Priors of a run, by the parameter."""
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    told = {p["name"]: p["prior"] for p in document["provenance"]["priors"]}
    assert list(document["parameters"]) == list(told)
    return told, document["provenance"]["simulator"]


def test_spectra_are_joined_and_have_an_offset(program, prism):
    done = program("retrieve", "wasp-12b", "--join", prism, *QUICK)
    told, simulator = priors(done)
    (reference,) = {*simulator["instruments"]} - {"JWST NIRSpec PRISM"}
    n_bins = len(exosk.load_spectrum("wasp-12b"))
    assert simulator["instruments"][reference]["n_bins"] == n_bins
    assert simulator["instruments"]["JWST NIRSpec PRISM"] == {
        "n_bins": 12,
        "range_um": pytest.approx([0.9, 3.0]),
        "offset": PRISM,
    }
    assert told[PRISM] == {"kind": "uniform", "low": -500, "high": 500}


def test_the_width_of_offsets_may_be_stated(program, of_two):
    told, _ = priors(program("retrieve", of_two, "--offset", "80", *SYSTEM, *QUICK))
    assert told["offset_spitzer"] == {"kind": "normal", "mean": 0.0, "std": 80.0}
    assert "offset_wfc3" not in told


def test_without_the_flags_there_are_none(program, of_two, prism):
    told, simulator = priors(program("retrieve", of_two, *SYSTEM, *QUICK))
    assert not [name for name in told if name.startswith("offset")]
    assert "instruments" not in simulator
    told, _ = priors(program("retrieve", "wasp-12b", "--join", prism, "--offset", "0", *QUICK))
    assert PRISM not in told


def test_a_pretrained_model_has_no_offsets(program, wfc3_file, prism):
    """It stops at once for want of a star, after it has said why a forest would be trained."""
    reading = ("--depth-unit", "percent")
    done = program("retrieve", wfc3_file.name, "--join", prism, *reading)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "A forest is trained: pretrained models know no offsets between instruments" in said
    assert "--star-radius" in said
    done = program("retrieve", "wasp-12b", "--join", prism, "--method", "pretrained")
    assert done.returncode == 2
    assert "pretrained models know no offsets" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wasp-12b", "--offset", "50"], ["offsets are between instruments", "--join"]),
        (["two.csv", "--offset", "50", "--range", "1", "2"], ["are of one (WFC3)", "--offset 0"]),
        (["wasp-12b", "--offset", "-5"], ["--offset"]),
        (["wasp-12b", "--join", "wasp-12b"], ["have a bin at"]),
        (["wasp-12b", "--join", "absent.csv"], ["absent.csv"]),
        (["wasp-12b", "--offset", "5", "--model", "model"], ["--offset", "no effect"]),
    ],
)
def test_mistakes_are_told(program, of_two, arguments, words):
    done = program("retrieve", *arguments)
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "Traceback" not in said
    for word in words:
        assert word in said


def spectrum_of_three():
    grids = [(1.1, 1.7, 30), (2.9, 5.0, 20), (0.5, 0.9, 12)]
    names = ["HST WFC3", "JWST NIRSpec G395H", "HST STIS"]
    spectra = []
    for (low, high, resolution), name in zip(grids, names, strict=True):
        grid = exosk.SpectralGrid.from_resolution(low, high, resolution)
        depth = np.full(grid.n_bins, 0.02)
        spectra.append(exosk.Spectrum(grid, depth, np.full(grid.n_bins, 1e-4), instrument=name))
    meta = {"star_radius": 0.9, "planet_mass": 0.3, "equilibrium_temperature": 1100.0}
    return exosk.join_spectra([spectra[0].replace(meta=meta), *spectra[1:]])


def test_stated_priors_and_values_of_offsets_win():
    spectrum = spectrum_of_three()
    system = System(("H2O",), {"offset_hst_stis": 25.0}, {"offset_hst_wfc3": Uniform(-40.0, 40.0)})
    simulator = make_simulator(system, spectrum, choose_offsets(spectrum, 60.0, joined=True))
    assert simulator.space["offset_hst_wfc3"].prior == Uniform(-40.0, 40.0)
    assert simulator.fixed["offset_hst_stis"] == 25.0
    # Of most bins but for WFC3, whose offset is stated: so it has none.
    assert "offset_jwst_nirspec_g395h" not in {*simulator.space.names, *simulator.fixed}


def test_all_but_the_instrument_of_most_bins_have_offsets():
    spectrum = spectrum_of_three()
    most = max(spectrum.by_instrument(), key=lambda pair: pair[1].sum())[0]
    assert most == "HST WFC3"
    simulator = make_simulator(System(("H2O",)), spectrum, choose_offsets(spectrum, 60.0, False))
    names = [name for name in simulator.space.names if name.startswith("offset")]
    assert names == ["offset_jwst_nirspec_g395h", "offset_hst_stis"]
    assert {simulator.space[name].prior for name in names} == {Normal(0.0, 60.0)}
