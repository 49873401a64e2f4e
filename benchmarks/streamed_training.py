"""Training from a store of a million spectra: memory, speed, and what size is good for.

ExoGAN's atmospheres and bins with 30 ppm of noise: the set of `generation.py million`, which is
made first where it is absent (half an hour). Asked for:

- less than 3 GB of memory, and at most 10 % more time a spectrum than from memory;
- the test scores of a flow and a CNN by the size of the training set, as a figure. Sets of all
  sizes are gone through until equally many spectra were seen (2,000,000 by flows, 1,000,000 by
  CNNs; small sets again and again, with new noise), so that what differs is the set and not the
  effort.

Each training runs in a process of its own and is kept, so that a later run goes on:

    python benchmarks/streamed_training.py memory size
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from generation import keep, make, watched
from places import HERE, RESULTS, report
from sklearn.metrics import r2_score

import exosk
from exosk.benchmark import Cost, Entry, Score, Task, describe_machine

TASK = Task(
    title="Training from a store of a million spectra",
    question="What do memory and speed suffer when training reads from a store, and what does the "
    "size of the set give? ExoGAN's atmospheres with 30 ppm of noise.",
    smoke=(
        "--folder", "{work}", "--n", "2000", "--n-test", "200", "--sizes", "1600",
        "--seen", "1600", "--kinds", "cnn",
    ),
    needs=("exosk_exogan",),
    minutes=120,
)  # fmt: skip

FOLDER = HERE / "generation"
N = 1_000_000
SIGMA = 3e-5
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
N_TEST, N_MEANS = 10_000, 2000
# Asked for: GB, and times the time from memory.
MOST_MEMORY, MOST_TIME = 3.0, 1.1
# In training; a convolution takes twice the time of a flow.
N_SEEN = {"flow": 2_000_000, "cnn": 1_000_000, "mlp": 2_000_000}


def parts(store: exosk.Store, n: int, n_test: int) -> tuple[Any, Any]:
    """X and y of the first `n` spectra, of which none is of the test set."""
    # The last ones of the set, twice as many as tests need, are read by no training.
    n = min(n, len(store) - 2 * n_test)
    return store.spectra()[:n], store.parameters()[:n]


def model(kind: str, epochs: int, **options: Any) -> Any:
    """Return the network, with its own settings but for the length of the training."""
    made = {"flow": exosk.FlowRetriever, "cnn": exosk.CNNRetriever, "mlp": exosk.MLPRetriever}[kind]
    return made(
        augmentation=exosk.NoiseInjector(SIGMA),
        max_epochs=epochs,
        patience=None,
        random_state=0,
        **options,
    )


def trained(
    folder: Path, kind: str, n: int, epochs: int, where: str, n_test: int
) -> dict[str, Any]:
    """Train, in this process, and tell what it took."""
    store = exosk.Store(folder)
    X, y = parts(store, n, n_test)
    if where == "memory":
        X, y = np.asarray(X), store.read(slice(len(y))).Y
    with watched() as memory:
        started, cpu = time.perf_counter(), time.process_time()
        network = model(kind, epochs).fit(X, y)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    found = {
        "kind": kind,
        "n": len(X),
        "epochs": epochs,
        "from": where,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu, 1),
        "cpu_microseconds_a_spectrum": round(1e6 * cpu / len(X) / epochs, 2),
        "gb": round(memory["gb_largest"], 2),
        "gb_resident": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    return found | scored(network, store, n_test)


def scored(network: Any, store: exosk.Store, n_test: int) -> dict[str, Any]:
    """Score a network on spectra that it has not seen, with noise."""
    test = store[len(store) - n_test :]
    X = exosk.NoiseInjector(SIGMA, random_state=1).fit_transform(test.X)
    # A mean takes thousands of samples of a flow, a density one evaluation.
    r2 = r2_score(test.Y[:N_MEANS], network.predict(X[:N_MEANS]), multioutput="raw_values")
    log_density = network.log_prob(X, test.Y)
    return {
        "mean_r2": round(float(r2.mean()), 4),
        "r2": dict(zip(test.space.names, np.round(r2, 4).tolist())),
        "joint_nll": round(float(-log_density.mean()), 3),
        "joint_nll_error": round(float(log_density.std() / np.sqrt(n_test)), 3),
    }


def apart(arguments: argparse.Namespace, kind: str, n: int, epochs: int, where: str) -> Any:
    """Train in a process of its own, whose memory is nobody else's."""
    name = f"{kind}-{n}-{epochs}-{where}.json"

    def run() -> Any:
        if not arguments.set:
            # Finished, if it is not.
            arguments.set = arguments.folder / f"set-{arguments.n}"
            make(arguments.set, arguments.n, n_jobs=arguments.jobs)
        command = [sys.executable, __file__, "one", "--set", str(arguments.set)]
        command += ["--n-test", str(arguments.n_test)]
        command += ["--one", kind, str(n), str(epochs), where]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    found = keep(arguments.folder / "training" / name, run)
    print(found, flush=True)
    return found


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train on the whole set from the store and from memory."""
    runs = [apart(arguments, "mlp", arguments.n, 2, where) for where in ("store", "memory")]
    stored, direct = (run["cpu_microseconds_a_spectrum"] for run in runs)
    return {"runs": runs, "store_over_memory": round(stored / direct, 3)}


def size(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Train on sets of all sizes."""
    return [
        apart(arguments, kind, n, max(1, (arguments.seen or N_SEEN[kind]) // n), "store")
        for n in arguments.sizes
        for kind in arguments.kinds
    ]


def figure(runs: list[dict[str, Any]]) -> None:
    """Draw scores by size."""
    import matplotlib.pyplot as plt

    from exosk.report.panels import COLORS, STYLE

    with plt.rc_context(STYLE):
        _, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.0), layout="constrained")
        for k, kind in enumerate(dict.fromkeys(run["kind"] for run in runs)):
            mine = [run for run in runs if run["kind"] == kind]
            n = [run["n"] for run in mine]
            options = {"marker": "o", "color": COLORS[k], "label": kind}
            left.semilogx(n, [run["mean_r2"] for run in mine], **options)
            right.semilogx(n, [run["joint_nll"] for run in mine], **options)
        left.set(xlabel="training spectra", ylabel="mean R2 of the test set")
        right.set(xlabel="training spectra", ylabel="joint NLL (nats)")
        left.legend()
        plt.savefig(RESULTS / "streamed_training.png", dpi=200)


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return the scores of each training; stages may be absent."""
    made = []
    found = result.get("memory", {})
    places = {"store": "the store", "memory": "memory"}
    for run in found.get("runs", []):
        asked = run["from"] == "store"
        scores = [
            Score("memory", run["gb"], "GB", at_most=MOST_MEMORY if asked else None),
            Score(
                "time over that from memory", found["store_over_memory"] if asked else None,
                at_most=MOST_TIME if asked else None,
            ),
        ]  # fmt: skip
        made.append(_entry(run, f"MLP, {run['n']:,} spectra, from {places[run['from']]}", scores))
    for run in result.get("size", []):
        name = {"flow": "flow", "cnn": "CNN", "mlp": "MLP"}[run["kind"]]
        scores = [Score("memory", run["gb"], "GB", at_most=MOST_MEMORY)]
        epochs = "1 epoch" if run["epochs"] == 1 else f"{run['epochs']} epochs"
        made.append(_entry(run, f"{name}, {run['n']:,} spectra, {epochs}", scores))
    return made


def _entry(run: dict[str, Any], label: str, scores: list[Score]) -> Entry:
    both = [
        Score("mean R2", run["mean_r2"]),
        Score("joint NLL", run["joint_nll"], error=run["joint_nll_error"]),
        Score("processor time a spectrum", run["cpu_microseconds_a_spectrum"], "us"),
    ]
    return Entry(label, both + scores, Cost(training=run["seconds"]))


def main(arguments: argparse.Namespace) -> None:
    """Run the stages asked for."""
    if arguments.stages == ["one"]:
        kind, n, epochs, where = arguments.one
        found = trained(arguments.set, kind, int(n), int(epochs), where, arguments.n_test)
        print(json.dumps(found))
        return
    machine = describe_machine()
    found: dict[str, Any] = {}
    if "memory" in arguments.stages:
        found["memory"] = memory(arguments)
    if "size" in arguments.stages:
        found["size"] = size(arguments)
        figure(found["size"])
    print(json.dumps(found, indent=2))
    pictures = ["streamed_training.png"] if "size" in found else []
    report("streamed_training", TASK, machine, found, entries(found), pictures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=["memory", "size"])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="keeps set and trainings")
    parser.add_argument("--n", type=int, default=N, help="spectra of the set")
    parser.add_argument("--set", type=Path, help="another one")
    parser.add_argument("--jobs", type=int, default=2, help="that make the set")
    parser.add_argument("--n-test", type=int, default=N_TEST)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seen", type=int, help="spectra of each training, of all epochs")
    parser.add_argument("--kinds", nargs="+", default=["flow", "cnn"])
    parser.add_argument("--one", nargs=4, help="of the stage `one`")
    main(parser.parse_args())
