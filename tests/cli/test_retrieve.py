"""`exosk retrieve` from a shell: results, mistakes, interruptions."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import exosk

QUICK = ("--n-spectra", "150", "--no-refine")
SYSTEM = ("--star-radius", "1.66", "--planet-mass", "1.47", "--temperature", "2580")


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """One quick retrieval with --json, run from a shell."""
    folder = tmp_path_factory.mktemp("retrieval")
    done = subprocess.run(
        [sys.executable, "-m", "exosk", "retrieve", "wasp-12b", *QUICK, "--json", "--out", "here"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return folder, done


def test_json_is_one_document_with_what_scripts_rely_on(result):
    _, done = result
    document = json.loads(done.stdout)
    assert {
        "parameters",
        "molecules",
        "explanations",
        "reduced_chi2",
        "files",
        "seconds",
        "provenance",
    } <= document.keys()
    for row in document["parameters"].values():
        assert row.keys() == {"median", "lower", "upper", "unit"}
        assert row["lower"] <= row["median"] <= row["upper"]
    assert all(0 <= p <= 1 for p in document["molecules"].values())
    assert document["provenance"]["simulator"]["simulator"] == "builtin"
    assert done.stderr == ""  # no terminal, no progress


def test_molecules_are_explained_in_the_document_and_the_report(program, tmp_path):
    named = ("--explain", "ch4", "--molecules", "H2O,CH4", "--out", "here")
    done = program("retrieve", "wasp-12b", *QUICK, *named, "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    first = document["explanations"][0]
    assert (first["target"], first["method"]) == ("CH4", "refit")
    assert len(first["fits"]["without"]) == len(first["wavelength"])
    assert document["not_explained"] is None
    page = (tmp_path / "here" / "report.html").read_text()
    assert "CH₄, by best fits with and without it" in page
    silent = program("retrieve", "wasp-12b", *QUICK, "--no-explain", "--json", "--out", "there")
    assert json.loads(silent.stdout)["explanations"] == []
    assert 'id="explanation"' not in (tmp_path / "there" / "report.html").read_text()


def test_people_are_told_where_the_data_speak(program):
    named = ("--explain", "H2O", "--molecules", "H2O,CH4")
    done = program("retrieve", "wasp-12b", *QUICK, *named)
    assert done.returncode == 0, done.stderr
    assert "The data speak most for H2O at 1." in " ".join(done.stdout.split())


def test_the_files_are_there_and_agree_with_the_document(result):
    folder, done = result
    document = json.loads(done.stdout)
    assert sorted(document["files"]) == ["citations", "corner", "posterior", "report", "spectrum"]
    for path in document["files"].values():
        assert (folder / path).stat().st_size > 0
    posterior = exosk.Posterior.load(folder / document["files"]["posterior"])
    assert posterior.summary() == document["parameters"]
    names = sorted(path.name for path in (folder / "here").iterdir())
    expected = ["citations.bib", "corner.png", "posterior.h5", "report.html", "spectrum.png"]
    assert names == expected


def test_a_seed_reproduces_and_another_differs(result, run):
    first = json.loads(result[1].stdout)["parameters"]
    again = json.loads(run("retrieve", "wasp-12b", *QUICK, "--json").stdout)["parameters"]
    other = run("retrieve", "wasp-12b", *QUICK, "--json", "--seed", "1").stdout
    assert again == first
    assert json.loads(other)["parameters"] != first


def test_tables_for_people(run):
    done = run("retrieve", "WASP-12 b", *QUICK)
    assert done.returncode == 0, done.stderr
    for word in ("temperature", "R_jup", "log_x_h2o", "H2O", "probability", "report.html"):
        assert word in done.stdout


def test_a_file_of_ones_own(run, wfc3_file):
    done = run(
        "retrieve", wfc3_file.name, *QUICK, *SYSTEM, "--depth-unit", "percent", "--json",
        "--molecules", "h2o,ch4",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["molecules"]) == ["H2O", "CH4"]


def test_a_range_leaves_bins_out(run, far_infrared):
    done = run("retrieve", "wasp-12b", *QUICK, "--range", "1.1", "1.7", "--molecules", "H2O")
    assert done.returncode == 0, done.stderr
    assert "8 bins, 1.11-1.67 um" in done.stdout


def test_refining_makes_the_posterior_sharper_than_the_prior(run):
    done = run("retrieve", "wasp-12b", "--n-spectra", "300", "--json", "--molecules", "H2O")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    radius = document["parameters"]["planet_radius"]
    assert radius["upper"] - radius["lower"] < 0.1
    assert document["provenance"]["sampler"]["n_simulations"] > 1000
    assert document["reduced_chi2"] < 10


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wasp-39c"], ["wasp-39c", "wasp-39b"]),
        (["nothing.csv"], ["nothing.csv"]),
        (["mine.csv", *SYSTEM], ["percent", "--depth-unit"]),
        (["mine.csv", "--depth-unit", "percent"], ["star radius", "--star-radius"]),
        (["wasp-12b", "--molecules", "H20"], ["H20", "H2O"]),
        (["far.ecsv", *SYSTEM], ["27-33 um", "0.2998-30 um", "--range"]),
        (["far.ecsv", *SYSTEM, "--range", "1", "2"], ["no bin", "27-33 um"]),
        (["wasp-12b", "--priors", "absent.toml"], ["absent.toml"]),
        (["wasp-12b", "--priors", "hot.toml"], ["temperature", "3000"]),
        (["wasp-12b", "--priors", "odd.toml"], ["temprature", "temperature"]),
        (["wasp-12b", "--priors", "broken.toml"], ["broken.toml", "TOML"]),
        (["wasp-12b", "--priors", "reversed.toml"], ["low < high"]),
        (["wasp-12b", "--out", "mine.csv"], ["mine.csv", "folder"]),
        (["wasp-12b", "--n-spectra", "5"], ["--n-spectra"]),
        (["wasp-12b", "--column", "depth"], ["KEY=HEADER"]),
        (["wasp-12b", "--star-radius", "-1"], ["--star-radius", "positive"]),
        (["wasp-12b", "--explain", "H20"], ["H20", "H2O"]),
        (["wasp-12b", "--explain-by", "luck"], ["luck", "model"]),
        (["wasp-12b", "--explain", "H2O", "--no-explain"], ["--no-explain", "leave one out"]),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(
    run, wfc3_file, far_infrared, tmp_path, arguments, words
):
    prior = '{kind = "uniform", low = %s, high = %s}'
    (tmp_path / "hot.toml").write_text(f"[priors]\ntemperature = {prior % (3500, 4000)}\n")
    (tmp_path / "odd.toml").write_text(f"[priors]\ntemprature = {prior % (500, 900)}\n")
    (tmp_path / "reversed.toml").write_text(f"[priors]\ntemperature = {prior % (900, 500)}\n")
    (tmp_path / "broken.toml").write_text("[priors\n")
    done = run("retrieve", *arguments)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    for word in words:
        assert word in done.stderr


def test_an_interrupted_run_leaves_nothing_half_written(tmp_path: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "exosk", "retrieve", "wasp-12b", "--n-spectra", "200000"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts background jobs with SIGINT ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    folder = tmp_path / "retrieval-wasp-12b"
    deadline = time.monotonic() + 60
    while not folder.is_dir() and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(3)  # well into the simulation
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode not in (0, 2)
    assert "Traceback" not in errors
    assert list(folder.iterdir()) == []
