"""Posteriors of JWST spectra: how fast a flow learns them, and how near it comes to the exact ones.

A planet like WASP-39 b through NIRSpec PRISM: 112 bins of 0.5-5.4 um, four gases and a cloud deck,
eight free parameters; errors of 0.5 to 3 times the observation's, and random gaps. One flow learns
100,000 spectra. Then

- 10,000 samples of one spectrum are timed on one core (asked: 0.2 s);
- 1,000 unseen spectra check its calibration at three sizes of the noise and with gaps (asked: every
  parameter's KS p above .05 / 8, TARP and coverage within three points);
- 100 unseen spectra are made exact by importance sampling (asked: median efficiency of .1, no
  failure unannounced);
- 20 of these are sampled by nested sampling too (asked: evidences within 0.2, mean Jensen-Shannon
  divergence of the marginals 20 mnat), and once more with twice the live points where the evidences
  differ by more;
- the observation itself is fitted by nested sampling (asked: three minutes on two cores), and by
  the flow and importance sampling;
- a smaller run of it is timed with the built-in simulator and with TauREx (the plugin).

Each stage keeps what it made in a folder, and is not repeated while that is there:

    python benchmarks/posterior_task.py data train
    python benchmarks/posterior_task.py speed calibration importance nested observed
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
from evidence_scores import entries
from places import RESULTS, report
from scipy.spatial.distance import jensenshannon
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

import exosk
from exosk.benchmark import Task, describe_machine
from exosk.evaluation.checks import check_model

TASK = Task(
    title="Posteriors of PRISM spectra",
    question="How fast does a flow learn posteriors of eight parameters, is it calibrated, and how "
    "near do it and importance sampling come to nested sampling?",
    smoke=(
        "data", "train", "speed", "calibration", "importance", "nested", "--folder", "{work}",
        "--n-training", "1500", "--epochs", "3", "--n", "60", "--exact", "2", "--nested", "1",
        "--n-live", "60",
    ),
    needs=("exosk_taurex",),
    minutes=150,
)  # fmt: skip

MOLECULES = ("H2O", "CO2", "CO", "CH4")  # and radius, mass, temperature, cloud
FIXED = {"log_haze": -4.0, "haze_slope": -4.0}
N_TRAINING, N_TEST = 100_000, 2000
SCALE = (0.5, 3.0)
N_EXACT, N_NESTED = 100, 20
N_DRAWS, N_ROUNDS = 10_000, 5
N_BINS = 50  # of the marginals whose divergence is taken
N_LIVE = 1000  # of the runs that importance sampling is compared with
N_LIVE_TAUREX = 200
# Of the likelihood, after which a run is given up: some of nautilus's find no way to the end.
MOST_CALLS = 150_000
STAGES = (
    "data", "train", "speed", "calibration", "importance", "nested", "again", "observed", "taurex",
)  # fmt: skip


def observation() -> exosk.Spectrum:
    """The spectrum whose bins and errors all others have."""
    return exosk.load_spectrum("wasp-39b").without_missing()


def forward_model() -> Any:
    """The simulator with the priors of this planet."""
    spectrum = observation()
    space, fixed = exosk.space_for_spectrum(spectrum, MOLECULES, fixed=FIXED)
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=fixed)
    return simulator.restrict(spectrum.grid)


def make_data(folder: Path, n_training: int) -> None:
    """Simulate training and test spectra."""
    for seed, (name, n) in enumerate({"training": n_training, "test": N_TEST}.items()):
        path = folder / f"{name}.h5"
        if not path.exists():
            started = time.perf_counter()
            data = exosk.simulate_dataset(forward_model(), n, observation(), random_state=seed)
            data.save(path)
            seconds = time.perf_counter() - started
            keep(folder / f"simulation-{name}.json", lambda seconds=seconds: {"seconds": seconds})
            print(f"{name}: {n} spectra, {seconds:.0f} s", flush=True)


def train(folder: Path, epochs: int) -> None:
    """Fit the flow on one thread, and keep it."""
    place = folder / "flow"
    if place.exists():
        return
    data = exosk.Dataset.load(folder / "training.h5")
    augmentation = make_pipeline(
        exosk.NoiseInjector("columns", scale=SCALE, grid=data.grid),
        exosk.BinDropout((0, 0.3), (0, 0.3), grid=data.grid),
    )
    flow = exosk.FlowRetriever(
        grid=data.grid,
        augmentation=augmentation,
        max_epochs=epochs,
        validation_fraction=0.05,
        verbose=1,
        random_state=0,
    )
    started = time.perf_counter()
    flow.fit(data.with_sigma(data.sigma), data.Y)
    seconds = time.perf_counter() - started
    exosk.save_model(flow, place, data, sigma=data.sigma, sigma_scale=SCALE, metrics={}, seed=None)
    keep(
        folder / "training.json",
        lambda: {
            "n_training": len(data),
            "epochs": epochs,
            "seconds": round(seconds),
            "memory_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2),
            "megabytes": round(sum(f.stat().st_size for f in place.iterdir()) / 1e6, 2),
            "last_epoch": flow.history_[0][-1],
        },
    )


def speed(folder: Path) -> dict[str, Any]:
    """Time 10,000 samples of one spectrum on one core; the best of several runs."""
    flow, X = load(folder).estimator, observation().to_row(sigma=True)
    seconds = []
    with threadpool_limits(1):
        for seed in range(7):
            started = time.perf_counter()
            flow.sample_posterior(X, 10_000, seed)
            seconds.append(time.perf_counter() - started)
    return {"seconds_10000_samples": round(min(seconds), 3)}


def calibration(folder: Path, n: int) -> dict[str, Any]:
    """Check the flow where the truth is known."""
    model, test = load(folder), exosk.Dataset.load(folder / "test.h5")
    return check_model(model, test, n=n, missing=0.2, random_state=0).to_dict()


def exact(folder: Path, k: int) -> dict[str, Any]:
    """Sample one unseen spectrum by importance, and keep weights' verdict and marginals."""
    flow = load(folder).estimator
    spectrum, simulator = unseen(folder, k), forward_model()
    started = time.perf_counter()
    posterior = exosk.importance_sample(
        exosk.proposal_of(flow, spectrum.to_row(sigma=True)),
        exosk.gaussian_log_likelihood(simulator, spectrum),
        simulator.space,
        n=N_DRAWS,
        n_rounds=N_ROUNDS,
        random_state=0,
    )
    alone = flow.sample_posterior(spectrum.to_row(sigma=True), 10_000, 0)[0]
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "meta": posterior.meta,
        "marginals": marginals(posterior),
        "flow_marginals": marginals(exosk.Posterior(alone, simulator.space)),
    }


def nested(folder: Path, k: int, n_live: int = N_LIVE) -> dict[str, Any]:
    """Sample one unseen spectrum by nested sampling."""
    spectrum, simulator = unseen(folder, k), forward_model()
    started = time.perf_counter()
    try:
        posterior = exosk.nested_sample(
            exosk.gaussian_log_likelihood(simulator, spectrum),
            simulator.space,
            n_live=n_live,
            n_eff=1500,
            n_like_max=MOST_CALLS * n_live // N_LIVE,
            random_state=0,
        )
    except exosk.ExoskError as error:
        return {"seconds": round(time.perf_counter() - started, 2), "gave_up": str(error)}
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "meta": posterior.meta,
        "marginals": marginals(posterior),
    }


def observed(folder: Path) -> dict[str, Any]:
    """Time a posterior and evidence of the observation, by nested sampling and by the flow."""
    spectrum, simulator = observation(), forward_model()
    likelihood = exosk.gaussian_log_likelihood(simulator, spectrum, free_scale=True)
    started = time.perf_counter()
    sampled = exosk.nested_sample(likelihood, simulator.space, random_state=0)
    middle = time.perf_counter()
    proposal = exosk.proposal_of(load(folder).estimator, spectrum.to_row(sigma=True))
    weighted = exosk.importance_sample(
        proposal, likelihood, simulator.space, n=N_DRAWS, n_rounds=N_ROUNDS, random_state=0
    )
    return {
        "parameters": simulator.space.names,
        "nested": sampled.meta | {"seconds": round(middle - started, 1)},
        "importance": weighted.meta | {"seconds": round(time.perf_counter() - middle, 1)},
        "divergence_mnat": divergence(marginals(sampled), marginals(weighted)),
    }


def taurex() -> dict[str, Any]:
    """Time a smaller run of nested sampling with the built-in simulator and with TauREx."""
    spectrum, found = observation(), {}
    for name in ("builtin", "taurex"):
        simulator = exosk.get_simulator(
            name,
            molecules=MOLECULES,
            space=forward_model().space,
            fixed=forward_model().fixed,
        ).restrict(spectrum.grid)
        likelihood = exosk.gaussian_log_likelihood(simulator, spectrum, free_scale=True)
        likelihood(simulator.space.sample(2, 0))  # numba compiles
        started = time.perf_counter()
        posterior = exosk.nested_sample(
            likelihood, simulator.space, n_live=N_LIVE_TAUREX, n_eff=1000, random_state=0
        )
        found[name] = {
            "seconds": round(time.perf_counter() - started, 1),
            "meta": posterior.meta,
            "summary": posterior.summary(),
        }
        print(name, found[name]["seconds"], posterior.meta, flush=True)
    return found


def unseen(folder: Path, k: int) -> exosk.Spectrum:
    """Test spectrum k with noise of the observation's size."""
    test, spectrum = exosk.Dataset.load(folder / "test.h5"), observation()
    noise = np.random.default_rng([7, k]).standard_normal(len(spectrum))
    return spectrum.replace(depth=np.asarray(test.X[k], dtype=float) + spectrum.sigma * noise)


def differing(folder: Path) -> list[int]:
    """Spectra whose evidence by nested sampling is not that by importance, to 0.2."""
    found = []
    for path in sorted((folder / "nested").glob("*.json")):
        one, other = (
            json.loads((folder / kind / path.name).read_text("utf-8"))
            for kind in ("importance", "nested")
        )
        if "meta" in other and abs(_difference(one, other)) > 0.2:
            found.append(int(path.stem))
    return found


def _difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    return float(one["meta"]["log_evidence"] - other["meta"]["log_evidence"])


def marginals(posterior: exosk.Posterior) -> list[list[float]]:
    """Histograms of each parameter's place in its prior."""
    unit = posterior.space.to_unit_cube(posterior.samples)
    edges = np.linspace(0, 1, N_BINS * 4 + 1)
    return [
        np.round(np.histogram(column, edges, weights=posterior.weights)[0], 6).tolist()
        for column in unit.T
    ]


def divergence(one: list[list[float]], other: list[list[float]]) -> float:
    """Mean Jensen-Shannon divergence of the marginals, in mnat."""
    each = []
    for a, b in zip(one, other, strict=True):
        # In bins that hold much the same share of both, that a narrow one is not lost in two.
        both = np.cumsum(np.add(a, b)) / np.sum(np.add(a, b))
        which = np.minimum((both * N_BINS).astype(int), N_BINS - 1)
        p, q = (np.bincount(which, weights=x, minlength=N_BINS) for x in (a, b))
        each.append(jensenshannon(p, q) ** 2)
    return 1e3 * float(np.mean(each))


def load(folder: Path) -> exosk.FittedModel:
    """Read the flow."""
    return exosk.load_model(folder / "flow")


def keep(path: Path, make: Callable[[], Any]) -> Any:
    """Return what an earlier run found, or find it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(make()), "utf-8")
    return json.loads(path.read_text("utf-8"))


def summary(folder: Path) -> dict[str, Any]:
    """Put together what the stages left."""
    found: dict[str, Any] = {}
    for name in (
        "simulation-training", "training", "speed", "calibration", "observed", "taurex",
    ):  # fmt: skip
        if (folder / f"{name}.json").exists():
            found[name] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    runs = {
        kind: [json.loads(p.read_text("utf-8")) for p in sorted((folder / kind).glob("*.json"))]
        for kind in ("importance", "nested")
    }
    if runs["importance"]:
        metas = [run["meta"] for run in runs["importance"]]
        verdicts = [meta["verdict"] for meta in metas]
        first = [meta["efficiency_first"] for meta in metas]
        found["importance"] = {
            "n": len(metas),
            "median_efficiency_of_the_flow": float(np.median(first)),
            "median_efficiency": float(np.median([m["efficiency"] for m in metas])),
            "verdicts": {word: verdicts.count(word) for word in ("good", "usable", "failed")},
            "median_seconds": float(np.median([run["seconds"] for run in runs["importance"]])),
        }
    if runs["nested"]:
        pairs = [
            (one, other)
            for one, other in zip(runs["importance"], runs["nested"], strict=False)
            if "gave_up" not in other
        ]
        ended = [other for _, other in pairs]
        difference = [_difference(a, b) for a, b in pairs]
        found["nested"] = {
            "n": len(pairs),
            "log_evidence_differences": np.round(difference, 3).tolist(),
            "within_0.2": int(sum(abs(d) <= 0.2 for d in difference)),
            "divergence_mnat": float(
                np.mean([divergence(a["marginals"], b["marginals"]) for a, b in pairs])
            ),
            "divergence_of_the_flow_mnat": float(
                np.mean([divergence(a["flow_marginals"], b["marginals"]) for a, b in pairs])
            ),
            "of_those_that_differ_with_twice_the_live_points": {
                path.stem: round(
                    _difference(runs["importance"][int(path.stem)], json.loads(path.read_text())), 3
                )
                for path in sorted((folder / "again").glob("*.json"))
            },
            "gave_up": len(runs["nested"]) - len(ended),
            "median_seconds": float(np.median([run["seconds"] for run in ended])),
            "median_simulations": float(np.median([run["meta"]["n_simulations"] for run in ended])),
        }
    return found


def main(arguments: argparse.Namespace) -> None:
    """Run the stages asked for."""
    folder, machine = arguments.folder, describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    stages: dict[str, Callable[[], Any]] = {
        "data": lambda: make_data(folder, arguments.n_training),
        "train": lambda: train(folder, arguments.epochs),
        "speed": lambda: keep(folder / "speed.json", lambda: speed(folder)),
        "calibration": lambda: keep(
            folder / "calibration.json", lambda: calibration(folder, arguments.n)
        ),
        "importance": lambda: [
            keep(folder / "importance" / f"{k:03d}.json", lambda k=k: exact(folder, k))
            for k in range(arguments.exact)
        ],
        "nested": lambda: [
            keep(
                folder / "nested" / f"{k:03d}.json", lambda k=k: nested(folder, k, arguments.n_live)
            )
            for k in range(arguments.nested)
        ],
        "again": lambda: [
            keep(folder / "again" / f"{k:03d}.json", lambda k=k: nested(folder, k, 2 * N_LIVE))
            for k in differing(folder)
        ],
        "observed": lambda: keep(folder / "observed.json", lambda: observed(folder)),
        "taurex": lambda: keep(folder / "taurex.json", taurex),
    }
    with threadpool_limits(arguments.threads):
        for stage in arguments.stages:
            stages[stage]()
    found = summary(folder)
    print(json.dumps({k: v for k, v in found.items() if k != "calibration"}, indent=2))
    report("posterior_task", TASK, machine, found, entries(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=", ".join(STAGES))
    parser.add_argument("--folder", type=Path, default=RESULTS.parent / "posterior_task")
    parser.add_argument("--n-training", type=int, default=N_TRAINING)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--n", type=int, default=1000, help="spectra of the calibration")
    parser.add_argument("--exact", type=int, default=N_EXACT)
    parser.add_argument("--nested", type=int, default=N_NESTED)
    parser.add_argument("--n-live", type=int, default=N_LIVE)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
