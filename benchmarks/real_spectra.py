"""What do detectors say of 36 observed spectra, and does it agree with what was published?

For each file of ``../shared/data/spectra`` a training set is simulated in the file's own bins, with
priors of its planet (``systems.py``), six gases, a cloud deck and haze. A network and a forest
learn on it, with noise of the file's own errors and of the model's sampling error in quadrature, as
``exosk retrieve`` has it. They are asked two questions at once: is the abundance above 1e-8, and
is it so and does the gas show (a delta chi-squared above 9 at these errors)? Publications answer
the second, and the table is about that.

What was published is taken from the files' manifest, which marks all of it as recalled: written
down from memory and not checked against the papers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from places import RESULTS, SHARED_DATA, report
from real_spectra_report import MODELS, VISIBLE, against_retrievals, agreement, draw, write_table
from sklearn.pipeline import make_pipeline
from systems import SYSTEMS, archive_differences

import exosk
from exosk.benchmark import Cost, Entry, Score, Task, describe_machine
from exosk.datasets import DETECTABLE, Dataset
from exosk.evaluation import score_detections
from exosk.inference import sampling_error
from exosk.survey import read_claims

TASK = Task(
    title="Detectors on 36 observed spectra",
    question="Of which gases do detectors, trained for each spectrum, say that they show, and does "
    "it agree with what was published (as recalled)?",
    smoke=(
        "--only", "WASP-12b", "HATP-32b_damiano", "--n", "1200", "--n-test", "300",
        "--epochs", "3", "--jobs", "1",
    ),
    data=("spectra",),
    minutes=30,
)  # fmt: skip

MOLECULES = ("H2O", "CO2", "CO", "CH4", "Na", "K")
FOLDER = SHARED_DATA / "spectra"
#: Files that are not read as they are: how, and why.
READING: dict[str, tuple[dict[str, str], tuple[float, float] | None, str]] = {
    "HATP-38b_bruno_2017.csv": (
        {"width": "full"},
        None,
        "refused as it is: its column of half widths holds full ones, so that bins would overlap",
    ),
    "WASP-39b_HST-VLT-Spitzer_Wakeford2018.csv": (
        {},
        (0.30, 6.0),
        "its first bin begins at 0.29 um, where opacity tables have nothing: left out",
    ),
}
# Of gases, by what was published.
CLAIM_NAMES = {"yes": "seen", "weak": "weakly seen", "no": "not seen", "nothing": "not named"}
# Atmospheres of the prior that the sampling error is the median of.
_N_SAMPLING = 200


def published(entry: dict[str, Any]) -> dict[str, str]:
    """Sort what the manifest says of each gas into "yes", "weak" and "no"."""
    return read_claims(entry["reported_detections"], MOLECULES)


def read(entry: dict[str, Any]) -> exosk.Spectrum:
    """Read one file, with what its planet's priors need."""
    options, span, _ = READING.get(entry["file"], ({}, None, ""))
    spectrum = exosk.load_spectrum(FOLDER / entry["file"], **options).without_missing()
    if span:
        spectrum = spectrum.between(*span)
    return spectrum.replace(meta=spectrum.meta | SYSTEMS[entry["planet"]].meta())


def simulate(
    spectrum: exosk.Spectrum, n: int, seed: int, cache: Path | None, name: str
) -> tuple[Dataset, np.ndarray]:
    """Simulate a training set in the bins of a spectrum; also return the model's own error."""
    space, fixed = exosk.space_for_spectrum(spectrum, MOLECULES)
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=fixed)
    model_error = sampling_error(simulator, space.sample(_N_SAMPLING, seed), spectrum.grid)
    path = cache / f"{Path(name).stem}-{n}-{seed}.h5" if cache else None
    if path is not None and path.exists():
        return Dataset.load(path), model_error
    total = np.hypot(spectrum.sigma, model_error)
    data = exosk.simulate_dataset(simulator, n, spectrum, seed, detectability=total)
    if path is not None:
        data.save(path)
    return data, model_error


def examine(entry: dict[str, Any], settings: argparse.Namespace) -> dict[str, Any]:
    """Simulate, train and ask for one file."""
    import torch

    torch.set_num_threads(1)
    spectrum = read(entry)
    seed = settings.seed
    clock, started = [time.perf_counter()], time.process_time()
    data, model_error = simulate(spectrum, settings.n, seed, settings.cache, entry["file"])
    clock.append(time.perf_counter())
    train, test = data[settings.n_test :], data[: settings.n_test]
    found: dict[str, Any] = {
        "file": entry["file"],
        "planet": entry["planet"],
        "instrument": entry["instrument"],
        "publication": entry["publication"],
        "n_bins": len(spectrum),
        "range_um": [round(end, 3) for end in spectrum.grid.range],
        "reading": READING.get(entry["file"], (None, None, ""))[2],
        "published": published(entry),
        "published_as_recalled": entry["reported_detections"],
        "median_sigma_ppm": _round(1e6 * np.median(spectrum.sigma), 1),
        "median_model_error_ppm": _round(1e6 * np.median(model_error), 1),
    }
    total = np.asarray(data.sigma)
    noise = exosk.NoiseInjector(total, seed)
    noisy = noise.fit_transform(test.X)
    models = {"network": network(total, settings), "forest": forest(total, settings)}
    for label, model in models.items():
        before = time.perf_counter()
        model.fit(train.X, labels(train))
        training = time.perf_counter() - before
        found[label] = answers(model, spectrum, noisy, test)
        found[label]["training_seconds"] = round(training, 2)
    if np.median(model_error / spectrum.sigma) > 0.1:
        alone = network(spectrum.sigma, settings).fit(train.X, labels(train))
        found["network_without_model_error"] = answers(alone, spectrum, noisy, test)
    found["distance"] = distance(spectrum.depth, train.X, noisy, total)
    clock.append(time.perf_counter())
    found["cpu_seconds"] = round(time.process_time() - started, 1)
    found["seconds"] = [round(b - a, 1) for a, b in itertools.pairwise(clock)]
    return found


def labels(data: Dataset) -> np.ndarray:
    """Return both rules side by side: present and to be seen; present."""
    return np.hstack([data.presence(delta_chi2=DETECTABLE), data.presence()])


def network(sigma: np.ndarray, settings: argparse.Namespace) -> Any:
    """Make a network that sees new noise in every epoch."""
    return exosk.MLPDetector(
        augmentation=exosk.NoiseInjector(sigma),
        max_epochs=settings.epochs,
        n_members=settings.members,
        random_state=settings.seed,
    )


def forest(sigma: np.ndarray, settings: argparse.Namespace) -> Any:
    """Make a forest on one noisy draw of each spectrum."""
    return make_pipeline(
        exosk.NoiseInjector(sigma, settings.seed),
        exosk.SpectrumScaler(),
        exosk.MoleculeDetector(
            n_estimators=100, max_features="sqrt", n_jobs=1, random_state=settings.seed
        ),
    )


def answers(
    model: Any, spectrum: exosk.Spectrum, noisy: np.ndarray, test: Dataset
) -> dict[str, Any]:
    """Ask a model about the observation, and about simulated ones whose gases are known."""
    observed = model.predict_proba(spectrum.to_row())[0]
    held_out, truth = model.predict_proba(noisy), labels(test)
    result: dict[str, Any] = {}
    for rule, shift in (("detectable", 0), ("abundance", len(MOLECULES))):
        result[rule] = {}
        for k, molecule in enumerate(MOLECULES, start=shift):
            scores = score_detections(truth[:, k], held_out[:, k])
            prior = float(_share(truth[:, k]))
            result[rule][molecule] = {
                "probability": _round(observed[k]),
                "prior": _round(prior),
                "log_odds_gain": _round(_log_odds(observed[k]) - _log_odds(prior), 2),
                "auc": _round(scores["auc"]),
                "recall": _round(scores["recall"]),
                "ece": _round(scores["ece"]),
            }
    return result


def _share(truth: np.ndarray) -> float:
    """Share of simulated spectra, not quite 0 or 1 so that odds are finite."""
    return (truth.sum() + 0.5) / (len(truth) + 1)


def distance(
    depth: np.ndarray, simulated: np.ndarray, noisy: np.ndarray, sigma: np.ndarray
) -> dict[str, float]:
    """Tell whether the training set holds anything like the observation.

    The least chi-squared a bin over the training spectra, each free to move up and down, of the
    observation and of simulated observations; and the share of these that lie nearer.
    """
    weight = 1 / sigma**2
    root = np.sqrt(weight)

    def whitened(rows: np.ndarray) -> np.ndarray:
        return (rows - (rows @ weight)[:, np.newaxis] / weight.sum()) * root

    reference = whitened(np.asarray(simulated, dtype=float))
    rows = whitened(np.vstack([depth, noisy]))
    square = (rows**2).sum(1)[:, np.newaxis] - 2 * rows @ reference.T + (reference**2).sum(1)
    least = square.min(axis=1) / len(depth)
    return {
        "chi2_per_bin": _round(least[0], 2),
        "simulated_median": _round(np.median(least[1:]), 2),
        "share_nearer": _round((least[1:] < least[0]).mean()),
    }


def _log_odds(p: float) -> float:
    p = min(max(float(p), 1e-4), 1 - 1e-4)
    return float(np.log(p / (1 - p)))


def _round(value: Any, digits: int = 3) -> Any:
    return None if value != value else round(float(value), digits)


def _run(manifest: list[dict[str, Any]], settings: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Go through the files, the longest first, and say where things stand."""
    order = sorted(manifest, key=lambda entry: -entry["n_points"])
    jobs = Parallel(n_jobs=settings.jobs, return_as="generator", batch_size=1)(
        delayed(examine)(entry, settings) for entry in order
    )
    for done, result in enumerate(jobs, start=1):
        cells = result["network"]["detectable"]
        said = " ".join(f"{m} {cells[m]['probability']:.2f}" for m in MOLECULES)
        print(f"{done:2d}/{len(order)} {result['file']:45s} {said} {result['seconds']} s")
        sys.stdout.flush()
        yield result


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return how far each model agrees with what was published, and with what was simulated."""
    spectra = result["spectra"]
    # Both learn from the same spectra.
    simulation = sum(spectrum["seconds"][0] for spectrum in spectra)
    made = []
    for model in MODELS:
        cells = [cell for s in spectra for cell in s[model]["detectable"].values()]
        aucs = [c["auc"] for c in cells if c["prior"] >= VISIBLE and c["auc"] is not None]
        water = against_retrievals(spectra, model)
        scores = [
            Score(f"of {counts['n']} {CLAIM_NAMES[claim]}, above {limit}", counts[f"above_{limit}"])
            for claim, counts in result["agreement"][model].items()
            for limit in ((0.9, 0.5) if claim == "yes" else (0.5,))
        ]
        scores += [
            Score(f"AUC of H2O in {water['n']} WFC3 files, against retrievals", water["auc"]),
            Score("AUC, simulated, mean", round(float(np.mean(aucs)), 4) if aucs else None),
        ]
        spent = [s[model].get("training_seconds") for s in spectra]
        training = None if None in spent else round(sum(spent), 1)
        made.append(Entry(model, scores, Cost(round(simulation, 1), training)))
    return made


def main(settings: argparse.Namespace) -> None:
    """Examine, print, keep, draw."""
    if not FOLDER.is_dir():
        sys.exit("the observed spectra (../shared/data/spectra) are not on this machine")
    machine = describe_machine()
    manifest = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    if settings.only:
        chosen = tuple(settings.only)
        manifest = [entry for entry in manifest if entry["file"].startswith(chosen)]
    if settings.cache:
        settings.cache.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    results = list(_run(manifest, settings))
    names = list(SYSTEMS)
    results.sort(key=lambda r: (names.index(r["planet"]), -r["n_bins"], r["file"]))
    document = {
        "n_training": settings.n - settings.n_test,
        "n_test": settings.n_test,
        "epochs": settings.epochs,
        "members": settings.members,
        "seed": settings.seed,
        "delta_chi2": DETECTABLE,
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(sum(result["cpu_seconds"] for result in results), 1),
        "load_after": round(os.getloadavg()[0], 2),
        "archive_differences": archive_differences(SHARED_DATA / "nasa_archive"),
        "agreement": {model: agreement(results, model) for model in ("network", "forest")},
        "spectra": results,
    }
    print(json.dumps(document["agreement"], indent=1))
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_table(document, machine, RESULTS / "real_spectra.md")
    draw(document, RESULTS / "real_spectra.png")
    report("real_spectra", TASK, machine, document, entries(document), ["real_spectra.png"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000, help="spectra simulated for each file")
    parser.add_argument("--n-test", type=int, default=1_000, help="of them held out")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--members", type=int, default=2, help="networks that are averaged")
    parser.add_argument("--jobs", type=int, default=2, help="files at the same time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", help="files whose names begin so")
    parser.add_argument("--cache", type=Path, help="folder that keeps what was simulated")
    main(parser.parse_args())
