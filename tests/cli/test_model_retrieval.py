"""`exosk train --model gan` and `exosk retrieve --model`: a trained model's answer, as files."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import exosk
from exosk.cli import main
from exosk.models.gan import InpaintingGANRetriever
from exosk.models.persistence import load_model, save_model
from exosk.sources import write_spectrum


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A GAN and a forest for WASP-12 b's bins, of which the reference observation lacks one."""
    folder = tmp_path_factory.mktemp("models")
    spectrum = exosk.load_spectrum("wasp-12b")
    molecules = ("H2O", "CH4")
    space, fixed = exosk.space_for_spectrum(spectrum, molecules)
    simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    gone = np.arange(len(spectrum)) == 4
    gappy = spectrum.replace(depth=np.where(gone, np.nan, spectrum.depth))
    data = exosk.simulate_dataset(simulator, 60, gappy, random_state=0)
    data.save(folder / "set.h5")
    network = ("--model", "gan", "--epochs", "3", "--noise-scale", "0.5", "2")
    # The files, the bins and the words do not depend on how large its networks are.
    small = functools.partial(
        InpaintingGANRetriever, (32, 32), critic_hidden=(16,), n_generated=400
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exosk.models.gan.InpaintingGANRetriever", small)
        assert main(["train", str(folder / "set.h5"), *network, "--out", str(folder / "gan")]) == 0
    forest = exosk.ForestRetriever(10, random_state=0).fit(data.X, data.Y)
    save_model(forest, folder / "forest", data, sigma=spectrum)
    detector = exosk.MoleculeDetector(10, random_state=0).fit(data.X, data.presence())
    save_model(detector, folder / "detector", data, sigma=spectrum)
    return folder


@pytest.fixture
def retrieve(program, folder):
    def call(target: str, model: str, *arguments: str):
        return program("retrieve", target, "--model", str(folder / model), *arguments)

    return call


def test_a_gan_is_trained_for_all_bins_and_scored(folder):
    card = load_model(folder / "gan").card
    spectrum = exosk.load_spectrum("wasp-12b")
    expected = np.where(np.arange(13) == 4, np.delete(spectrum.sigma, 4).max(), spectrum.sigma)
    np.testing.assert_allclose(card.sigma, expected)
    assert card.estimator["class"].endswith("InpaintingGANRetriever")
    assert (card.kind, card.has_sigma, card.sigma_scale) == ("retriever", True, (0.5, 2))
    assert card.metrics["n"] == 9


def test_one_document_and_files_that_agree_with_it_from_a_shell(run, folder, tmp_path):
    model = str(folder / "gan")
    done = run("retrieve", "wasp-12b", "--model", model, "--json", "--out", "here")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no terminal, no progress
    document = json.loads(done.stdout)
    assert (document["target"], document["model"]) == ("WASP-12 b", model)
    assert document["bins"] == {"model": 13, "given": 13}
    assert document["noise_factor"] == pytest.approx(1)
    assert document["provenance"]["training_set"]["simulator"] == "builtin"
    assert sorted(document["files"]) == ["completed", "completion", "corner", "posterior"]
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == ["completed.ecsv", "completion.png", "corner.png", "posterior.h5"]
    posterior = exosk.Posterior.load(tmp_path / document["files"]["posterior"])
    assert posterior.summary() == document["parameters"]
    fitted, spectrum = load_model(folder / "gan"), exosk.load_spectrum("wasp-12b")
    assert fitted.predict(spectrum) == document["parameters"]
    depth, std = fitted.complete(spectrum)
    completed = exosk.load_spectrum(str(tmp_path / document["files"]["completed"]))
    assert completed.grid == fitted.card.grid
    np.testing.assert_array_equal(completed.depth, depth)
    np.testing.assert_array_equal(completed.sigma, std)
    pull = (spectrum.depth - depth) / spectrum.sigma
    assert document["completion"] == {
        "chi2_per_bin": pytest.approx((pull**2).mean()),
        "n_masked": 0,
    }


def test_a_spectrum_of_some_bins_is_completed_in_all(retrieve, folder, tmp_path):
    done = retrieve("wasp-12b", "gan", "--range", "1.1", "1.5", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    given = document["bins"]["given"]
    assert 0 < given < document["bins"]["model"] == 13
    assert document["completion"]["n_masked"] == 13 - given
    completed = exosk.load_spectrum(str(tmp_path / document["files"]["completed"]))
    assert completed.grid == load_model(folder / "gan").card.grid
    assert completed.observed.all()
    part = exosk.load_spectrum("wasp-12b").between(1.1, 1.5)
    inside = [completed.wavelength[k] for k in completed.meta["given_bins"]]
    np.testing.assert_allclose(inside, part.wavelength)


def test_other_bins_are_brought_to_the_models(retrieve, tmp_path):
    spectrum = exosk.load_spectrum("wasp-12b")
    middle = spectrum.wavelength
    halves = exosk.Spectrum(
        exosk.SpectralGrid(
            np.column_stack([spectrum.grid.lower, middle]).ravel(),
            np.column_stack([middle, spectrum.grid.upper]).ravel(),
        ),
        np.repeat(spectrum.depth, 2),
        np.repeat(spectrum.sigma * 2**0.5, 2),
    )
    write_spectrum(halves, tmp_path / "fine.ecsv")
    for model in ("gan", "forest"):
        fine, own = (
            json.loads(retrieve(target, model, "--json", "--out", model).stdout)
            for target in ("fine.ecsv", "wasp-12b")
        )
        assert fine["bins"] == own["bins"]
        for name, row in own["parameters"].items():
            width = row["upper"] - row["lower"]
            # Depths differ by rounding, and then a GAN draws other samples.
            assert fine["parameters"][name]["median"] == pytest.approx(
                row["median"], abs=0.3 * width
            )


def test_a_model_that_completes_nothing_writes_posterior_and_corner(retrieve, folder, tmp_path):
    done = retrieve("wasp-12b", "forest", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["completion"] is None
    assert sorted(document["files"]) == ["corner", "posterior"]
    expected = load_model(folder / "forest").predict(exosk.load_spectrum("wasp-12b"))
    assert document["parameters"] == expected
    names = sorted(path.name for path in (tmp_path / "retrieval-wasp-12b").iterdir())
    assert names == ["corner.png", "posterior.h5"]


def test_tables_for_people(retrieve):
    done = retrieve("wasp-12b", "gan", "--range", "1.1", "1.5")
    assert done.returncode == 0, done.stderr
    for word in (
        "WASP-12 b", "of the model's 13 bins", "log_x_h2o", "68 % interval", "R_jup",
        "chi-squared", "completion.png", "posterior.h5",
    ):  # fmt: skip
        assert word in done.stdout
    done = retrieve("wasp-12b", "forest")
    assert "13 of the model's 13 bins" in done.stdout
    assert "completed" not in done.stdout


def test_noise_out_of_range_is_refused_unless_allowed(retrieve, tmp_path):
    spectrum = exosk.load_spectrum("wasp-12b")
    write_spectrum(spectrum.replace(sigma=4 * spectrum.sigma), tmp_path / "noisy.ecsv")
    done = retrieve("noisy.ecsv", "gan")
    assert done.returncode == 2
    for word in ("4 times", "0.5 to 2", "--allow-noise"):
        assert word in done.stderr
    done = retrieve("noisy.ecsv", "gan", "--allow-noise", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["noise_factor"] == pytest.approx(4)


@pytest.mark.parametrize(
    ("target", "model", "arguments", "words"),
    [
        ("far.ecsv", "gan", (), ["27-33 um", "covers none of the model's", "13 bins"]),
        ("wasp-12b", "forest", ("--range", "1.1", "1.5"), ["cover", "target bin 0"]),
        ("wasp-12b", "detector", (), ["detects molecules", "exosk predict"]),
        ("wasp-12b", "nothing", (), ["nothing"]),
        ("wasp-12c", "gan", (), ["wasp-12c", "wasp-12b"]),
        ("wasp-12b", "gan", ("--n-spectra", "500"), ["--n-spectra", "no effect"]),
        ("wasp-12b", "gan", ("--no-refine", "--jobs", "1"), ["--[no-]refine and --jobs"]),
        ("wasp-12b", "gan", ("--molecules", "H2O"), ["--molecules", "--model"]),
        ("wasp-12b", "gan", ("--priors", "mine.toml"), ["--priors", "--model"]),
        ("wasp-12b", "gan", ("--star-radius", "1"), ["--star-radius", "--model"]),
        ("wasp-12b", "gan", ("--planet-mass", "1"), ["--planet-mass", "--model"]),
        ("wasp-12b", "gan", ("--temperature", "900"), ["--temperature", "--model"]),
        ("wasp-12b", "gan", ("--simulator", "taurex"), ["--simulator", "--model"]),
        ("wasp-12b", "gan", ("--out", "far.ecsv"), ["far.ecsv", "folder"]),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing_behind(
    retrieve, far_infrared, tmp_path, target, model, arguments, words
):
    done = retrieve(target, model, *arguments)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["far.ecsv"]


def test_what_is_about_a_model_goes_with_one(program, tmp_path):
    done = program("retrieve", "wasp-12b", "--allow-noise")
    assert done.returncode == 2
    assert "--model" in done.stderr
    assert list(tmp_path.iterdir()) == []
