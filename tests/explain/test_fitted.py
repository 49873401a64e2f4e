"""Models from disk, and the command that explains them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import exosk
from exosk.cli.explain import explain as command
from exosk.exceptions import ExoskError, GridError, RangeError, UnknownNameError
from exosk.explain import background_of, explain_model
from exosk.explain.fitted import simulator_of
from exosk.models.persistence import load_model, save_model

MOLECULES = ("H2O", "CH4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A retriever and two detectors for WASP-12 b's own bins, one told the errors."""
    path = tmp_path_factory.mktemp("models")
    spectrum = exosk.load_spectrum("wasp-12b")
    space, fixed = exosk.space_for_spectrum(spectrum, MOLECULES)
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=fixed)
    data = exosk.simulate_dataset(simulator, 150, spectrum, random_state=0)
    data.save(path / "set.h5")
    retriever = exosk.ForestRetriever(10, random_state=0).fit(data.X, data.Y)
    save_model(retriever, path / "retriever", data, sigma=spectrum)
    detector = exosk.MoleculeDetector(10, random_state=0).fit(data.X, data.presence())
    save_model(detector, path / "detector", data, sigma=spectrum)
    told = exosk.MLPDetector((8,), grid=data.grid, max_epochs=2, random_state=0)
    told.fit(data.with_sigma(spectrum), data.presence())
    save_model(told, path / "told", data, sigma=spectrum, sigma_scale=(0.5, 4.0))
    return path


@pytest.fixture(scope="module")
def spectrum():
    return exosk.load_spectrum("wasp-12b")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command by itself."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.command()(command)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.mark.parametrize("name", ["detector", "told"])
@pytest.mark.parametrize("method", ["occlusion", "inclusion", "shap", "lime"])
def test_detectors(folder, spectrum, name, method):
    model = load_model(folder / name)
    found = explain_model(model, spectrum, "H2O", method=method, n_draws=4, n_background=50)
    assert found.unit == "log-odds"
    p = model.probabilities(spectrum)["H2O"]
    assert found.value[0] == pytest.approx(np.log(p / (1 - p)))
    assert np.isfinite(found.importance).all()


def test_retrievers(folder, spectrum):
    model = load_model(folder / "retriever")
    found = explain_model(model, spectrum, "log_x_h2o", n_draws=4, n_background=50)
    k = model.card.space.index("log_x_h2o")
    assert found.value[0] == pytest.approx(model.posterior(spectrum).mean[k])
    assert found.unit == "log VMR"
    with pytest.raises(RangeError, match="no spectrum is without it"):
        explain_model(model, spectrum, "log_x_h2o", against="without")
    with pytest.raises(UnknownNameError, match="parameter of the model"):
        explain_model(model, spectrum, "log_x_co2")


def test_the_background_is_what_the_model_was_trained_on(folder):
    card = load_model(folder / "told").card
    assert simulator_of(card).space == card.space
    background = background_of(card, "H2O", n=60)
    scale = np.exp(background.log_sigma) / card.sigma
    assert 0.5 <= scale.min() < 0.6 < 3.5 < scale.max() <= 4
    assert np.ptp(scale, axis=1) == pytest.approx(0, abs=1e-9)
    data = exosk.Dataset.load(folder / "set.h5")
    chosen = background_of(card, "H2O", data=data)
    assert (chosen.depth == data.X[data.presence()[:, 0] == 0]).all()
    with pytest.raises(GridError, match="in the model's bins"):
        background_of(card, data=exosk.Dataset(data.X[:, 1:], data.Y, data.grid[1:], data.space))


def test_spectra_that_are_not_for_the_model_are_refused(folder, spectrum):
    model = load_model(folder / "detector")
    with pytest.raises(UnknownNameError, match="did you mean"):
        explain_model(model, spectrum, "H2o")
    with pytest.raises(UnknownNameError, match="background"):
        explain_model(model, spectrum, "H2O", against="nothing")
    noisy = spectrum.replace(sigma=9 * spectrum.sigma)
    with pytest.raises(RangeError, match="errors of the spectrum"):
        explain_model(model, noisy, "H2O", n_background=30)
    assert (
        len(explain_model(model, noisy, "H2O", n_background=30, n_draws=2, allow_noise=True)) == 1
    )


def test_the_command(run, folder, tmp_path):
    arguments = (folder / "detector", "wasp-12b", "--molecule", "H2O", "--draws", "4")
    done = run(*arguments, "--json", "--out", "figure.png")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["target"] == "H2O"
    assert document["kind"] == "detector"
    assert len(document["per_bin"]) == len(document["wavelength"])
    assert (tmp_path / "figure.png").stat().st_size > 10_000
    again = json.loads(run(*arguments, "--json").stdout)
    assert again["per_bin"] == document["per_bin"], "the same seed, the same result"

    done = run(*arguments, "--background", folder / "set.h5", "--groups", "molecules")
    assert done.exit_code == 0, done.output
    assert "H2O 1.3" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


@pytest.mark.parametrize("groups", ["windows", "bands", "correlated", "molecules"])
def test_groups_of_the_command(run, folder, groups):
    done = run(
        folder / "retriever", "wasp-12b", "--parameter", "log_x_h2o", "--draws", "2",
        "--groups", groups, "--background", folder / "set.h5", "--method", "occlusion", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["unit"] == "log VMR"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("detector", (), "--molecule, one of H2O, CH4"),
        ("detector", ("--molecule", "H2O", "--parameter", "temperature"), "give --molecule"),
        ("retriever", ("--molecule", "H2O"), "--parameter, one of"),
        ("detector", ("--molecule", "CO"), "molecule of the model 'CO'"),
        ("detector", ("--molecule", "H2O", "--groups", "pixels"), "kind of groups"),
        ("detector", ("--molecule", "H2O", "--method", "gradients"), "method of explanation"),
        (
            "detector",
            ("--molecule", "H2O", "--method", "shap", "--groups", "windows"),
            "do not overlap",
        ),
    ],
)
def test_mistakes_are_said_in_a_sentence(run, folder, name, arguments, words):
    done = run(folder / name, "wasp-12b", "--background", folder / "set.h5", *arguments)
    assert isinstance(done.exception, ExoskError)
    assert words in str(done.exception)
