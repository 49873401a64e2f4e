"""`exosk explain` from a shell."""

from __future__ import annotations

import json

import pytest

import exosk


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A small model, made as `exosk train` makes it."""
    from exosk.models.persistence import save_model
    from exosk.models.recipes import NoiseRange, fit_model

    spectrum = exosk.load_spectrum("wasp-12b")
    molecules = ("H2O", "CH4")
    space, fixed = exosk.space_for_spectrum(spectrum, molecules)
    simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    data = exosk.simulate_dataset(simulator, 400, spectrum, random_state=0)
    noise = NoiseRange(data.sigma)
    model = fit_model("detect", "mlp", data, noise, epochs=8, random_state=0)
    folder = tmp_path_factory.mktemp("model") / "detector"
    save_model(model, folder, data, sigma=data.sigma)
    data.save(folder.parent / "set.h5")
    return folder


@pytest.fixture
def explain(program, detector):
    def call(*arguments: str):
        return program("explain", str(detector), "wasp-12b", *arguments)

    return call


@pytest.mark.parametrize("background", ["simulated", "a set"])
def test_bands_and_a_figure(explain, detector, tmp_path, background):
    given = () if background == "simulated" else ("--background", str(detector.parent / "set.h5"))
    options = ("--molecule", "H2O", "--method", "occlusion", "--draws", "4", *given)
    done = explain(*options, "--out", str(tmp_path / "h2o.png"), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["method"] == "occlusion"
    assert len(document["groups"]) > 5
    low, high = exosk.load_spectrum("wasp-12b").grid.range
    assert low <= document["peak_um"] <= high
    assert (tmp_path / "h2o.png").read_bytes().startswith(b"\x89PNG")
    again = json.loads(explain(*options, "--json").stdout)
    assert again["groups"] == document["groups"]


def test_for_people(explain):
    done = explain("--molecule", "CH4", "--method", "inclusion", "--draws", "4")
    assert done.returncode == 0, done.stderr
    assert "with all hidden (inclusion)" in done.stdout


def test_a_data_set_is_explained_on_average(program, detector, tmp_path):
    options = ("--molecule", "H2O", "--method", "occlusion", "--draws", "4", "--n-spectra", "6")
    chosen = (str(detector), str(detector.parent / "set.h5"), *options)
    done = program("explain", *chosen, "--out", str(tmp_path / "all.png"), "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["n_spectra"] == 6
    assert document["spectrum"].endswith("set.h5")
    assert all(group["error"] >= 0 for group in document["groups"])
    assert "may have seen" in document["notes"][0] or "held out" in document["notes"][0]
    assert (tmp_path / "all.png").read_bytes().startswith(b"\x89PNG")
    said = program("explain", *chosen).stdout
    assert "mean spectrum of 6" in said


def test_several_observations_are_explained_on_average(program, detector):
    options = ("--molecule", "H2O", "--method", "occlusion", "--draws", "4", "--json")
    one = json.loads(program("explain", str(detector), "wasp-12b", *options).stdout)
    two = json.loads(program("explain", str(detector), "wasp-12b", "wasp-12b", *options).stdout)
    assert (one["n_spectra"], two["n_spectra"]) == (1, 2)
    assert two["spectra"] == ["wasp-12b", "wasp-12b"]
    assert [g["importance"] for g in two["groups"]] == [g["importance"] for g in one["groups"]]


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (("set.h5", "wasp-12b"), "give it alone"),
        (("set.h5", "--rebin"), "have no effect on it"),
        (("set.h5", "--range", "1", "2"), "have no effect on it"),
        (("absent.h5",), "absent.h5"),
    ],
)
def test_a_mistake_with_a_data_set(program, detector, others, words):
    chosen = [str(detector.parent / one) if one.endswith(".h5") else one for one in others]
    done = program("explain", str(detector), *chosen, "--molecule", "H2O")
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give --molecule, one of H2O, CH4"),
        (("--parameter", "temperature"), "give --molecule, one of H2O, CH4"),
        (("--molecule", "H2O", "--method", "guess"), "guess"),
        (("--molecule", "H2O", "--groups", "words"), "words"),
        (("--molecule", "H2O", "--groups", "windows"), "do not overlap"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(explain, arguments, words):
    done = explain(*arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
