"""ExoGAN's task: seven parameters of clear hot Jupiters, R = 100 from 0.3 to 50 um.

Zingales & Waldmann (2018, AJ 156, 268, arXiv:1806.02906) complete spectra of planets with H2O, CO2,
CO and CH4 of 1e-8 to 0.1, 0.8-2 Jupiter masses, 0.8-1.5 Jupiter radii and 1000-2000 K. Here 200,000
spectra are drawn continuously from these priors (the original is a regular grid), up to 29.8 um,
where exosk's opacities end: 462 of 515 bins. 1,000 other spectra test at 30 ppm of noise, with all
bins and with WFC3's alone; some of them at the original's eleven steps from 0 to 100 ppm. Zero
noise is given as 1 ppm: a likelihood has none without errors.

Asked for: R2 of Rp .99, CO2 .95, H2O .92, CH4 .90, CO .50, T and Mp above 0; intervals within five
points of nominal at 30 ppm; 200 completions in ten minutes; two hours of training, on two cores.

Each stage keeps what it made in a folder, and is not repeated while that is there:

    python benchmarks/exogan_task.py data train --only gan
    python benchmarks/exogan_task.py evaluate
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from exogan_cases import add_absorber, examples, fits, retrieve_sample
from exogan_figures import PUBLISHED, draw, print_tables, without_samples
from exogan_scores import (
    conformal,
    evaluate_community,
    evaluate_forest,
    evaluate_gan,
    evaluate_other,
    kept,
    scores_of,
)
from exosk_exogan import exogan_grid, simulate_exogan
from places import HERE, RESULTS, report
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

import exosk
from exosk.benchmark import Entry, Task, describe_machine, with_community
from exosk.rows import join_rows

TASK = Task(
    title="ExoGAN's task",
    question="Which retriever learns most of seven parameters of clear hot Jupiters, at 30 ppm in "
    "462 bins of 0.3-29.8 um? Inference is of 1,000 spectra; a GAN completes them too.",
    smoke=(
        "--folder", "{work}", "--only", "gan", "mlp", "forest", "--n-training", "1200",
        "--epochs", "2", "--test", "12", "--sweep", "2",
    ),
    needs=("exosk_exogan",),
    kind="retriever",
    minutes=180,
)  # fmt: skip

HIGH = 30.0  # um, where the opacities end
N_TRAINING, N_TEST = 200_000, 1000
REFERENCE = 30e-6
SCALE = (1 / 30, 100 / 30)  # 1 to 100 ppm
NOISE_PPM = (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
WFC3 = (1.1, 1.7)  # um
GRID = exogan_grid(high=HIGH)
IN_WFC3 = (GRID.lower >= WFC3[0]) & (GRID.upper <= WFC3[1])
FOREST_ROWS, N_PUBLISHED = 20_000, 10
AMMONIA = -4.0  # log VMR
UNSEEN_NOISE, UNSEEN_ABSORBER = "300 ppm, unseen", "30 ppm, unseen NH3"
# Of a GAN that has learned for a moment, so is its descent.
BRIEF = {"n_restarts": 8, "n_iterations": 40, "n_moves": 1, "n_particles": 32}
# A descent of the published kind takes minutes a spectrum.
EVALUATED_WITH = {
    "as published": {"n_restarts": 4, "n_iterations": 300},
}


def make_data(folder: Path, n_training: int, n_test: int) -> None:
    """Simulate training, test and calibration spectra."""
    sizes = {"training": n_training, "test": n_test, "calibration": 2 * n_test}
    for seed, (name, n) in enumerate(sizes.items()):
        path = folder / f"{name}.h5"
        if not path.exists():
            started = time.perf_counter()
            data = simulate_exogan(n, high=HIGH, random_state=seed)
            data.save(path)
            seconds = time.perf_counter() - started
            (folder / f"{name}.json").write_text(json.dumps({"seconds": seconds}), "utf-8")
            print(f"{name}: {n} spectra, {seconds:.0f} s", flush=True)


def noise() -> Any:
    """Noise of 1 to 100 ppm, drawn afresh for each spectrum and epoch."""
    return exosk.NoiseInjector("columns", scale=SCALE, grid=GRID)


def noise_and_gaps() -> Any:
    """The same, and whole stretches missing."""
    return make_pipeline(noise(), exosk.CoverageDropout(grid=GRID))


def gan(**changes: Any) -> Any:
    """Make the default, told the errors."""
    settings: dict[str, Any] = {"max_epochs": 30, "verbose": 1, "random_state": 0} | changes
    return exosk.InpaintingGANRetriever(grid=GRID, augmentation=noise(), **settings)


def cnn() -> Any:
    """Convolutions, for a fifth of the rows: they take long without a GPU."""
    return exosk.CNNRetriever(
        grid=GRID, augmentation=noise_and_gaps(), max_epochs=12, verbose=1, random_state=0
    )


def mlp() -> Any:
    """Fully connected, for the same rows: what the GAN's first guess is, on simulated spectra."""
    return exosk.MLPRetriever(
        grid=GRID, augmentation=noise_and_gaps(), max_epochs=15, verbose=1, random_state=0
    )


def flow() -> Any:
    """A normalising flow, for a fraction of the rows."""
    return exosk.FlowRetriever(
        grid=GRID, augmentation=noise_and_gaps(), max_epochs=25, verbose=1, random_state=0
    )


def short_gan(**changes: Any) -> Any:
    """Make a GAN that is trained for a few minutes, to compare others with."""
    proposal = exosk.MLPRetriever(max_epochs=VARIANT_PROPOSAL_EPOCHS)
    return gan(max_epochs=VARIANT_EPOCHS, proposal=proposal, n_generated=VARIANT_ROWS, **changes)


def published() -> Any:
    """ExoGAN, but for its mixing of pictures, on a tenth of the spectra: it learns slowly here."""
    encoder = exosk.AspaEncoder(scaling="exogan")
    return exosk.InpaintingGANRetriever.as_published(
        GRID, encoder=encoder, augmentation=noise(), n_restarts=16, verbose=1, random_state=0
    )


# Beside the default: what each of its differences from the original brings, all on 50,000 spectra
# and fifteen passes.
VARIANTS: dict[str, dict[str, Any]] = {
    "gan, short": {},
    "gan, short, no critic": {"adversarial_weight": 0.0},
    "gan, short, 16 latent variables": {"n_latent": 16},
}
VARIANT_ROWS, VARIANT_EPOCHS, VARIANT_PROPOSAL_EPOCHS = 50_000, 15, 10

METHODS: dict[str, Callable[[], Any]] = {
    "gan": gan,
    "mlp": mlp,
    "cnn": cnn,
    "flow": flow,
    "as published": published,
    **{name: (lambda changes=changes: short_gan(**changes)) for name, changes in VARIANTS.items()},
}
ROWS = {"as published": 20_000, "cnn": 40_000, "flow": 60_000} | dict.fromkeys(
    VARIANTS, VARIANT_ROWS
)


def slug(name: str) -> str:
    """Return the name as that of a folder."""
    return name.replace(", ", "-").replace(" ", "-")


def shorten(model: Any, n_training: int, epochs: int) -> Any:
    """Have a network learn for some epochs only, and a GAN's first guess too."""
    if "proposal" in model.get_params():
        first = exosk.MLPRetriever(max_epochs=epochs)
        model.set_params(proposal=first, n_generated=n_training)
    return model.set_params(max_epochs=epochs)


def train(folder: Path, only: list[str], epochs: int | None) -> None:
    """Fit what is not there yet, on one thread, and keep it with its seconds."""
    data = exosk.Dataset.load(folder / "training.h5")
    for name, make in METHODS.items():
        place = folder / slug(name)
        if place.exists() or (only and name not in only):
            continue
        part = data[: ROWS.get(name, N_TRAINING)]
        X = join_rows(part.X, np.full(part.X.shape, REFERENCE, dtype=np.float32))
        model = make() if epochs is None else shorten(make(), len(part), epochs)
        started = time.perf_counter()
        model.fit(X, part.Y)
        seconds = time.perf_counter() - started
        exosk.save_model(model, place, part, sigma=REFERENCE, sigma_scale=SCALE, metrics={}, seed=0)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # kB on Linux
        kept = {
            "n_training": len(part),
            "seconds": round(seconds),
            "memory_gb": round(memory, 2),
            "machine": describe_machine(),
            "history": model.history_,
        }
        (folder / f"{place.name}.json").write_text(json.dumps(kept), "utf-8")
        print(f"{name}: {seconds:.0f} s, {memory:.1f} GB at most", flush=True)


def evaluate(
    folder: Path, only: list[str], n_test: int, n_sweep: int, n_jobs: int, brief: bool
) -> dict[str, Any]:
    """Score all that was trained; what was scored before is not scored again."""
    test = exosk.Dataset.load(folder / "test.h5")[:n_test]
    found: dict[str, Any] = {}

    def add(method: str, case: str, make: Callable[..., Any], *arguments: Any) -> None:
        path = folder / "scores" / f"{slug(method)}-{slug(case)}.json"
        result = kept(path, make, *arguments)
        found.setdefault(method, {})[case] = result
        print(f"{method}, {case}: {result.get('r2', '')}", flush=True)

    few = {"as published": test[:N_PUBLISHED]} | dict.fromkeys(VARIANTS, test[:n_sweep])
    for method in METHODS:
        place = folder / slug(method)
        if not place.exists() or (only and method not in only):
            continue
        training = json.loads((folder / f"{place.name}.json").read_text("utf-8"))
        found[method] = {"training": training}
        model = exosk.load_model(place).estimator
        model.set_params(verbose=0, **EVALUATED_WITH.get(method, {}))
        if brief and "n_particles" in model.get_params():
            model.set_params(**BRIEF)
        score = evaluate_other if method in ("mlp", "cnn", "flow") else evaluate_gan
        some = few.get(method, test)
        add(method, "30 ppm", score, model, some, 30)
        add(method, "WFC3, 30 ppm", score, model, some, 30, IN_WFC3)
        if method in few or method in ("cnn", "flow"):
            continue
        for ppm in NOISE_PPM:
            if ppm != 30:
                add(method, f"{ppm} ppm", score, model, test[:n_sweep], ppm)
        add(method, UNSEEN_NOISE, score, model, test[:n_sweep], 300)
        ammonia = with_ammonia(folder, n_sweep)
        add(method, UNSEEN_ABSORBER, score, model, ammonia, 30)
        if method == "gan":
            calibration = exosk.Dataset.load(folder / "calibration.h5")[:n_test]
            add(method, "fits", fits, model, test[:n_sweep], ammonia)
            add(method, "ExoGAN's spectrum", retrieve_sample, model, GRID)
            add(method, "examples", examples, model, test, IN_WFC3)
            add(method, "conformal", conformal, model, calibration, test, 30)
    for method, make in with_community({}, TASK.kind, HERE).items():
        training = exosk.Dataset.load(folder / "training.h5")[:FOREST_ROWS]
        for case, seen in (("30 ppm", None), ("WFC3, 30 ppm", IN_WFC3)):
            add(method, case, evaluate_community, make(), noise(), training, test, 30, seen)
    if not only or "forest" in only:
        training = exosk.Dataset.load(folder / "training.h5")[:FOREST_ROWS]
        for case, seen in (("30 ppm", None), ("WFC3, 30 ppm", IN_WFC3)):
            add("forest", case, evaluate_forest, training, test, 30, seen, n_jobs)
    return found


def with_ammonia(folder: Path, n: int) -> exosk.Dataset:
    """The first test planets with a gas that no training spectrum has."""
    path = folder / "ammonia.h5"
    if not path.exists():
        test = exosk.Dataset.load(folder / "test.h5")[:n]
        add_absorber(test, AMMONIA).save(path)
    return exosk.Dataset.load(path)


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return the scores of each method."""
    return scores_of(result, PUBLISHED)


def main(arguments: argparse.Namespace) -> None:
    """Run the stages asked for."""
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    machine = describe_machine()
    with threadpool_limits(arguments.threads):
        if "data" in arguments.stages:
            make_data(folder, arguments.n_training, arguments.test)
        if "train" in arguments.stages:
            train(folder, arguments.only, arguments.epochs)
        if "evaluate" in arguments.stages:
            found = evaluate(
                folder,
                arguments.only,
                arguments.test,
                arguments.sweep,
                arguments.threads,
                arguments.epochs is not None,
            )
            result = without_samples(found)
            path = RESULTS / "exogan_task.json"
            if arguments.only and path.exists():
                # What an earlier run found of the others; its figures stay as well.
                result = json.loads(path.read_text("utf-8"))["result"] | result
            else:
                draw(found, RESULTS)
            print_tables(result)
            figures = sorted(path.name for path in RESULTS.glob("exogan_task*.png"))
            report("exogan_task", TASK, machine, result, entries(result), figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "stages", nargs="*", default=["data", "train", "evaluate"], help="data, train, evaluate"
    )
    parser.add_argument("--folder", type=Path, default=RESULTS.parent / "exogan_task")
    parser.add_argument("--only", nargs="*", default=[], help="methods to train or evaluate")
    parser.add_argument("--n-training", type=int, default=N_TRAINING)
    parser.add_argument("--epochs", type=int, help="fewer than each method's own")
    parser.add_argument("--test", type=int, default=N_TEST, help="test spectra of main questions")
    parser.add_argument("--sweep", type=int, default=300, help="test spectra of side questions")
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
