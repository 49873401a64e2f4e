"""`exosk predict` from a shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import exosk
from exosk.models import ForestRetriever, MoleculeDetector
from exosk.models.persistence import load_model, save_model
from exosk.sources import write_spectrum


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A retriever and a detector for WASP-12 b's own bins."""
    folder = tmp_path_factory.mktemp("models")
    spectrum = exosk.load_spectrum("wasp-12b")
    molecules = ("H2O", "CH4")
    space, fixed = exosk.space_for_spectrum(spectrum, molecules)
    simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    data = exosk.simulate_dataset(simulator, 100, spectrum, random_state=0)
    retriever = ForestRetriever(10, random_state=0).fit(data.X, data.Y)
    save_model(retriever, folder / "retriever", data, sigma=spectrum)
    detector = MoleculeDetector(10, random_state=0).fit(data.X, data.presence())
    save_model(detector, folder / "detector", data, sigma=spectrum)
    return folder


@pytest.fixture
def predict(program, models):
    def call(name: str, *arguments: str):
        return program("predict", str(models / name), *arguments)

    return call


def test_from_a_shell(run, models):
    done = run("predict", str(models / "detector"), "wasp-12b", "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list(json.loads(done.stdout)["spectra"][0]["molecules"]) == ["H2O", "CH4"]


@pytest.fixture
def fine(tmp_path) -> Path:
    """The same spectrum in bins half as wide."""
    spectrum = exosk.load_spectrum("wasp-12b")
    middle = spectrum.wavelength
    lower = np.column_stack([spectrum.grid.lower, middle]).ravel()
    upper = np.column_stack([middle, spectrum.grid.upper]).ravel()
    halves = exosk.Spectrum(
        exosk.SpectralGrid(lower, upper),
        np.repeat(spectrum.depth, 2),
        np.repeat(spectrum.sigma * 2**0.5, 2),
        name="fine",
    )
    path = tmp_path / "fine.ecsv"
    write_spectrum(halves, path)
    return path


def test_parameters_as_one_document(predict, models, tmp_path):
    done = predict("retriever", "wasp-12b", "--json", "--out", "found")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (answer,) = document["spectra"]
    spectrum = exosk.load_spectrum("wasp-12b")
    model = load_model(models / "retriever")
    assert answer["parameters"] == model.predict(spectrum)
    assert answer["noise_factor"] == 1
    posterior = exosk.Posterior.load(tmp_path / answer["file"])
    assert posterior.summary() == answer["parameters"]
    assert posterior.space == model.card.space


def test_molecules_of_several_spectra(predict, models, tmp_path, wfc3_file):
    arguments = ("--depth-unit", "percent", "--json")
    done = predict("detector", "wasp-12b", wfc3_file.name, *arguments)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [answer["spectrum"] for answer in document["spectra"]] == ["wasp-12b", wfc3_file.name]
    assert document["presence"] == {"threshold": -8.0, "delta_chi2": None}
    expected = load_model(models / "detector").predict(exosk.load_spectrum("wasp-12b"))
    assert document["spectra"][0]["molecules"] == expected
    # The file holds the same spectrum.
    assert document["spectra"][1]["molecules"] == expected


def test_tables_for_people(predict, tmp_path):
    done = predict("retriever", "wasp-12b", "--out", "found")
    assert done.returncode == 0, done.stderr
    for word in ("WASP-12 b", "log_x_h2o", "68 % interval", "R_jup", "found/wasp-12b.h5"):
        assert word in done.stdout
    done = predict("detector", "wasp-12b")
    for word in ("H2O", "CH4", "wasp-12b", "above 1e-8"):
        assert word in done.stdout


def test_samples_of_equal_weight_by_seed(predict, tmp_path):
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        arguments = ("--n-samples", "50", "--seed", seed, "--out", name)
        assert predict("retriever", "wasp-12b", *arguments).returncode == 0
    a, b, c = (exosk.Posterior.load(tmp_path / name / "wasp-12b.h5") for name in "abc")
    assert len(a) == 50
    np.testing.assert_array_equal(a.weights, np.full(50, 1 / 50))
    np.testing.assert_array_equal(a.samples, b.samples)
    assert (a.samples != c.samples).any()


def test_two_spectra_of_one_name_have_a_file_each(predict, tmp_path):
    (tmp_path / "deep").mkdir()
    for path in (tmp_path / "one.ecsv", tmp_path / "deep" / "one.ecsv"):
        write_spectrum(exosk.load_spectrum("wasp-12b"), path)
    done = predict("retriever", "one.ecsv", "deep/one.ecsv", "--out", "found")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == ["one-2.h5", "one.h5"]


def test_other_bins_are_refused_with_the_remedy_and_rebinned_on_request(predict, fine, tmp_path):
    done = predict("retriever", fine.name)
    assert done.returncode == 2
    for word in ("26 bins", "takes 13", "--rebin"):
        assert word in done.stderr
    done = predict("retriever", fine.name, "--rebin", "--json")
    assert done.returncode == 0, done.stderr
    expected = json.loads(predict("retriever", "wasp-12b", "--json").stdout)
    found = json.loads(done.stdout)
    assert found["spectra"][0]["noise_factor"] == pytest.approx(1)
    assert found["spectra"][0]["parameters"] == expected["spectra"][0]["parameters"]


def test_noise_out_of_range_is_refused_unless_allowed(predict, tmp_path):
    spectrum = exosk.load_spectrum("wasp-12b")
    write_spectrum(spectrum.replace(sigma=3 * spectrum.sigma), tmp_path / "noisy.ecsv")
    done = predict("retriever", "noisy.ecsv")
    assert done.returncode == 2
    for word in ("3 times", "--noise-scale", "--allow-noise"):
        assert word in done.stderr
    assert predict("retriever", "noisy.ecsv", "--allow-noise").returncode == 0


def test_of_several_the_wrong_one_is_named(predict, fine):
    done = predict("retriever", "wasp-12b", fine.name)
    assert done.returncode == 2
    assert f"{fine.name}: the spectrum is in 26 bins" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        ("nowhere", ("wasp-12b",), ["nowhere", "not a model"]),
        ("retriever", ("wasp-12c",), ["wasp-12c", "wasp-12b"]),
        ("retriever", ("nothing.csv",), ["nothing.csv"]),
        ("retriever", ("mine.csv",), ["percent", "--depth-unit"]),
        ("retriever", ("wasp-12b", "--range", "1.1", "1.7"), ["8 bins", "takes 13"]),
        ("retriever", ("wasp-12b", "--range", "1.1", "1.7", "--rebin"), ["cover"]),
        ("detector", ("wasp-12b", "--out", "found"), ["--out"]),
        ("retriever", ("wasp-12b", "--column", "depth"), ["KEY=HEADER"]),
        ("damaged", ("wasp-12b",), ["model.skops", "damaged"]),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(
    predict, models, wfc3_file, model, arguments, words
):
    if model == "damaged" and not (models / model).exists():
        import shutil

        shutil.copytree(models / "retriever", models / "damaged")
        with (models / "damaged" / "model.skops").open("ab") as file:
            file.write(b"x")
    done = predict(model, *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr
