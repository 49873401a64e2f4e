"""Training from a store of a million spectra: memory, speed, and what size is good for.

ExoGAN's atmospheres and bins with 30 ppm of noise (the set of `generation.py million`). Asked for:

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
from generation import keep, watched
from machine import RESULTS, describe_machine, report
from sklearn.metrics import r2_score

import exosk

FOLDER = RESULTS.parent / "generation"
SIGMA = 3e-5
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
N_TEST, N_MEANS = 10_000, 2000
# In training; a convolution takes twice the time of a flow.
N_SEEN = {"flow": 2_000_000, "cnn": 1_000_000, "mlp": 2_000_000}
# The last of the set; no training reads them.
N_KEPT = 20_000


def parts(store: exosk.Store, n: int) -> tuple[Any, Any]:
    """X and y of the first `n` spectra, of which none is of the test set."""
    n = min(n, len(store) - N_KEPT)
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


def trained(folder: Path, kind: str, n: int, epochs: int, where: str) -> dict[str, Any]:
    """Train, in this process, and tell what it took."""
    store = exosk.Store(folder)
    X, y = parts(store, n)
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
    return found | scored(network, store)


def scored(network: Any, store: exosk.Store) -> dict[str, Any]:
    """Score a network on spectra that it has not seen, with noise."""
    test = store[len(store) - N_TEST :]
    X = exosk.NoiseInjector(SIGMA, random_state=1).fit_transform(test.X)
    # A mean takes thousands of samples of a flow, a density one evaluation.
    r2 = r2_score(test.Y[:N_MEANS], network.predict(X[:N_MEANS]), multioutput="raw_values")
    log_density = network.log_prob(X, test.Y)
    return {
        "mean_r2": round(float(r2.mean()), 4),
        "r2": dict(zip(test.space.names, np.round(r2, 4).tolist())),
        "joint_nll": round(float(-log_density.mean()), 3),
        "joint_nll_error": round(float(log_density.std() / np.sqrt(N_TEST)), 3),
    }


def apart(arguments: argparse.Namespace, kind: str, n: int, epochs: int, where: str) -> Any:
    """Train in a process of its own, whose memory is nobody else's."""
    name = f"{kind}-{n}-{epochs}-{where}.json"

    def run() -> Any:
        command = [sys.executable, __file__, "one", "--set", str(arguments.set)]
        command += ["--one", kind, str(n), str(epochs), where]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])

    found = keep(FOLDER / "training" / name, run)
    print(found, flush=True)
    return found


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train on the whole set from the store and from memory."""
    runs = [apart(arguments, "mlp", SIZES[-1], 2, where) for where in ("store", "memory")]
    stored, direct = (run["cpu_microseconds_a_spectrum"] for run in runs)
    return {"runs": runs, "store_over_memory": round(stored / direct, 3)}


def size(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Train on sets of all sizes."""
    return [
        apart(arguments, kind, n, max(1, N_SEEN[kind] // n), "store")
        for n in SIZES
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


def main(arguments: argparse.Namespace) -> None:
    """Run the stages asked for."""
    if arguments.stages == ["one"]:
        kind, n, epochs, where = arguments.one
        print(json.dumps(trained(arguments.set, kind, int(n), int(epochs), where)))
        return
    machine = describe_machine()
    (FOLDER / "training").mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    if "memory" in arguments.stages:
        found["memory"] = memory(arguments)
    if "size" in arguments.stages:
        found["size"] = size(arguments)
        figure(found["size"])
    print(json.dumps(found, indent=2))
    report("streamed_training", machine, found)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=["memory", "size"])
    parser.add_argument("--set", type=Path, default=FOLDER / "set-1000000")
    parser.add_argument("--kinds", nargs="+", default=["flow", "cnn"])
    parser.add_argument("--one", nargs=4, help="of the stage `one`")
    main(parser.parse_args())
