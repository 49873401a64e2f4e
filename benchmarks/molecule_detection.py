"""Which molecules show? ROC curves of H2O, CO2, CO, CH4, Na and K with JWST PRISM and HST WFC3.

Atmospheres of ExoGAN's priors with abundances from 1e-12 to 0.1 and a cloud deck anywhere; errors
of the instrument's shape, with a signal-to-noise ratio per scale height drawn from 1 to 30. One
network an instrument, which is told the errors, serves that whole range; a forest stands beside it.

A molecule counts as present when its volume mixing ratio is above 1e-8 and taking it out changes
the spectrum by a delta chi-squared above 9 at the spectrum's own noise; the rule by abundance
alone is scored too, by a network trained for it. Asked for: on PRISM, at a signal-to-noise ratio
above 5, an area of 0.97 for H2O, CO2 and CH4; ECE at most 0.03; and at most 0.02 of the area lost
on spectra made by TauREx.

How near that comes to the best that can be done: detection_ceiling.py.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from places import HERE, RESULTS, report
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

import exosk
from exosk.benchmark import Cost, Entry, Score, Task, describe_machine, with_community
from exosk.datasets import DETECTABLE, Dataset
from exosk.evaluation import score_detections
from exosk.simulators.quantities import default_space

TASK = Task(
    title="Molecule detection",
    question="How well are six molecules found with PRISM and WFC3, for S/N of 1 to 30 per scale "
    "height, and what is lost on spectra that TauREx made?",
    smoke=("--n", "500", "--n-test", "400", "--n-other", "30", "--epochs", "2", "--trees", "10"),
    needs=("exosk_taurex",),
    kind="detector",
    minutes=60,
)

MOLECULES = ("H2O", "CO2", "CO", "CH4", "Na", "K")
INSTRUMENTS = {"JWST NIRSpec PRISM": "nirspec-prism", "HST WFC3 G141": "hst-wfc3-g141"}
SNR = (1.0, 30.0)
STRATA = ((1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (10.0, 30.0), (5.0, 30.0), (1.0, 30.0))
FIXED = {"star_radius": 1.0}
# Asked for: on PRISM, of these, above an S/N of 5; everywhere; and on TauREx's spectra.
AREA, ASKED, ABOVE = 0.97, ("H2O", "CO2", "CH4"), "5-30"
ECE, LOSS = 0.03, 0.02


@dataclass
class Observed:
    """Noisy spectra with their errors, and what is true of them."""

    data: Dataset
    sigma: np.ndarray
    snr: np.ndarray
    rows: np.ndarray
    presence: dict[str, np.ndarray]


def make_simulator(name: str) -> Any:
    """Give any simulator ExoGAN's planets, with clouds."""
    space = default_space(MOLECULES, fixed=FIXED, optional=("log_p_cloud",))
    return exosk.get_simulator(name, molecules=MOLECULES, space=space, fixed=FIXED)


def simulate(instrument: Any, n: int, seed: int, cache: Path | None) -> Dataset:
    """Simulate with the built-in model, or read what an earlier run simulated."""
    path = cache / f"{instrument.grid.n_bins}-{n}-{seed}.h5" if cache else None
    if path is not None and path.exists():
        return Dataset.load(path)
    data = exosk.simulate_dataset(
        make_simulator("builtin"), n, instrument, seed, detectability=instrument
    )
    if path is not None:
        data.save(path)
    return data


def observe(data: Dataset, instrument: Any, seed: int, noisy: bool = True) -> Observed:
    """Draw a signal-to-noise ratio for each spectrum, and its noise."""
    random = np.random.RandomState(seed)
    theta = np.asarray(data.Y)
    sigma = exosk.sigma_for_snr(theta, data.space, instrument, SNR, random, FIXED)
    signal = exosk.scale_height_depth(theta, data.space, FIXED)
    X = data.with_sigma(sigma)
    if noisy:
        X = exosk.NoiseInjector("columns", random, grid=data.grid).fit_transform(X)
    scale = np.median(sigma / instrument.sigma, axis=1)
    presence = {
        "detectable": data.presence(delta_chi2=DETECTABLE, scale=scale),
        "abundance": data.presence(),
    }
    return Observed(data, sigma, signal / np.median(sigma, axis=1), X, presence)


def train(
    observed: Observed, rule: str, seed: int, epochs: int, verbose: int
) -> tuple[Any, dict[str, Any]]:
    """Train the network, with noise that is new in every epoch."""
    model = exosk.MLPDetector(
        grid=observed.data.grid,
        augmentation=exosk.NoiseInjector("columns", grid=observed.data.grid),
        max_epochs=epochs,
        batch_size=512,
        random_state=seed,
        verbose=verbose,
    )
    started = time.perf_counter()
    model.fit(observed.rows, observed.presence[rule])
    history = model.history_[0]
    return model, {
        "seconds": round(time.perf_counter() - started, 1),
        "epochs": len(history),
        "loss": history[-1]["train_loss"],
        "validation_loss": min(row["valid_loss"] for row in history),
    }


def forest(grid: Any, n_trees: int, seed: int) -> Any:
    """Return a forest that sees shapes in units of the error too."""
    return make_pipeline(
        exosk.SpectrumScaler(grid=grid),
        exosk.MoleculeDetector(n_trees, max_features=0.1, n_jobs=2, random_state=seed),
    )


def train_replicated(detector: Any, observed: Observed, seed: int) -> tuple[Any, dict[str, Any]]:
    """Train a detector that adds no noise by itself, on two noisy draws of each spectrum."""
    grid = observed.data.grid
    model = exosk.Replicated(
        detector,
        n_replicates=2,
        augmentation=exosk.NoiseInjector("columns", grid=grid),
        random_state=seed,
    )
    started = time.perf_counter()
    model.fit(observed.rows, observed.presence["detectable"])
    return model, {"seconds": round(time.perf_counter() - started, 1)}


def score(model: Any, observed: Observed, rule: str) -> dict[str, Any]:
    """Score each molecule, in each range of the signal-to-noise ratio."""
    started = time.perf_counter()
    probability, presence = model.predict_proba(observed.rows), observed.presence[rule]
    found: dict[str, Any] = {}
    seconds = round(time.perf_counter() - started, 2)
    for low, high in STRATA:
        chosen = (observed.snr >= low) & (observed.snr < high)
        found[f"{low:g}-{high:g}"] = {
            molecule: _kept(score_detections(presence[chosen, k], probability[chosen, k]))
            for k, molecule in enumerate(MOLECULES)
        }
    return {"seconds_to_predict": seconds, "scores": found}


def _kept(scores: dict[str, Any]) -> dict[str, Any]:
    names = ("n", "prevalence", "auc", "auc_interval", "precision", "recall", "f1", "ece")
    kept = {name: scores[name] for name in names}
    return {
        name: [_number(v) for v in value] if isinstance(value, tuple | list) else _number(value)
        for name, value in kept.items()
    }


def _number(value: Any) -> Any:
    return None if value != value else round(float(value), 4)


def other_code(
    models: dict[str, Any], observed: Observed, instrument: Any, n: int, seed: int
) -> dict[str, Any]:
    """Score the same atmospheres and noise with TauREx's spectra in place of the built-in's."""
    simulator = make_simulator("taurex").restrict(instrument.grid)
    started = time.perf_counter()
    native = simulator.simulate(np.asarray(observed.data.Y[:n]))
    seconds = time.perf_counter() - started
    depth = instrument.grid.average(simulator.wavelength, native)
    n_bins = instrument.grid.n_bins
    own = observed.rows[:n]
    noise = own[:, :n_bins] - observed.data.X[:n]
    other = np.hstack([depth + noise, own[:, n_bins:]])
    presence = observed.presence["detectable"][:n]
    difference = np.abs(depth - observed.data.X[:n])
    found: dict[str, Any] = {
        "n": n,
        "seconds_to_simulate": round(seconds, 1),
        "median_difference_ppm": round(1e6 * float(np.median(difference)), 3),
        "largest_difference_ppm": round(1e6 * float(difference.max()), 2),
    }
    for name, model in models.items():
        ours, theirs = model.predict_proba(own), model.predict_proba(other)
        found[name] = {
            molecule: _loss(presence[:, k], ours[:, k], theirs[:, k], seed)
            for k, molecule in enumerate(MOLECULES)
        }
    return found


def _loss(y: np.ndarray, ours: np.ndarray, theirs: np.ndarray, seed: int) -> dict[str, Any]:
    """Area lost, with a 95 % interval from pairs drawn with replacement."""
    if min(y.sum(), len(y) - y.sum()) < 5:
        return {"n_present": int(y.sum()), "auc": None, "auc_taurex": None, "loss": None}
    random = np.random.default_rng(seed)
    present, absent = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    losses = []
    for _ in range(300):
        rows = np.concatenate([random.choice(part, len(part)) for part in (present, absent)])
        losses.append(roc_auc_score(y[rows], ours[rows]) - roc_auc_score(y[rows], theirs[rows]))
    return {
        "auc": _number(roc_auc_score(y, ours)),
        "auc_taurex": _number(roc_auc_score(y, theirs)),
        "loss": _number(roc_auc_score(y, ours) - roc_auc_score(y, theirs)),
        "loss_interval": [_number(v) for v in np.quantile(losses, (0.025, 0.975))],
    }


def print_table(title: str, scores: dict[str, Any], name: str) -> None:
    """Print one score of all molecules, a line a range of the signal-to-noise ratio."""
    print(f"\n{title}: {name}\n{'S/N':>8}" + "".join(f"{m:>8}" for m in MOLECULES))
    for stratum, entry in scores.items():
        numbers = "".join(f"{_text(entry[m][name]):>8}" for m in MOLECULES)
        print(f"{stratum:>8}{numbers}")


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return what each detector is judged by, instrument by instrument."""
    made = []
    for title, entry in result.items():
        if title not in INSTRUMENTS:
            continue
        simulated = entry["seconds_to_simulate"]
        lost = entry.get("taurex", {})
        for label, found in entry.items():
            if not isinstance(found, dict) or label == "taurex":
                continue
            areas = [found["scores"][ABOVE][m]["auc"] for m in ASKED]
            errors = [s["ece"] for s in found["scores"]["1-30"].values()]
            losses = [s["loss"] for s in lost.get(label, {}).values()]
            asked = AREA if "PRISM" in title and label != "forest" else None
            scores = [
                *(
                    Score(f"AUC of {m} above S/N 5", a, at_least=asked)
                    for m, a in zip(ASKED, areas)
                ),
                Score("largest ECE", _largest(errors), at_most=ECE),
                Score("most AUC lost on TauREx's", _largest(losses), at_most=LOSS),
            ]
            # Read from a cache it takes next to nothing, and says nothing.
            cost = Cost(simulated if simulated > 1 else None, found["seconds"],
                        found.get("seconds_to_predict"))  # fmt: skip
            made.append(Entry(f"{title}, {label}", scores, cost))
    return made


def _largest(values: list[float | None]) -> float | None:
    return max((v for v in values if v is not None), default=None)


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, keep."""
    machine = describe_machine()
    result: dict[str, Any] = {"molecules": MOLECULES, "snr": SNR, "delta_chi2": DETECTABLE}
    for title, name in INSTRUMENTS.items():
        instrument = exosk.get_instrument(name)
        started = time.perf_counter()
        training = simulate(instrument, arguments.n, 0, arguments.cache)
        testing = simulate(instrument, arguments.n_test, 1, arguments.cache)
        entry: dict[str, Any] = {
            "n_training": len(training),
            "n_test": len(testing),
            "seconds_to_simulate": round(time.perf_counter() - started, 1),
        }
        seen = observe(training, instrument, 2, noisy=False)
        tested = observe(testing, instrument, 3)
        models: dict[str, Any] = {}
        fits: dict[str, Callable[[], Any]] = {
            "network": lambda seen=seen: train(
                seen, "detectable", 0, arguments.epochs, arguments.verbose
            ),
            "forest": lambda seen=seen: train_replicated(
                forest(seen.data.grid, arguments.trees, 0), seen, 0
            ),
            "network, abundance rule": lambda seen=seen: train(
                seen, "abundance", 0, arguments.epochs, arguments.verbose
            ),
        }
        others = {
            label: lambda seen=seen, make=make: train_replicated(make(), seen, 0)
            for label, make in with_community({}, TASK.kind, HERE).items()
        }
        for label, fit in (fits | others).items():
            rule = "abundance" if "abundance" in label else "detectable"
            models[label], entry[label] = fit()
            entry[label] |= score(models[label], tested, rule)
            for what in ("auc", "ece"):
                print_table(f"{title}, {label}", entry[label]["scores"], what)
        if arguments.n_other:
            both = {label: m for label, m in models.items() if "abundance" not in label}
            entry["taurex"] = other_code(both, tested, instrument, arguments.n_other, 5)
            print(f"\n{title}, TauREx: {entry['taurex']}")
        result[title] = entry
    if not arguments.dry:
        from detection_figure import draw

        name = "molecule_detection"
        draw(result, RESULTS / f"{name}.png")
        report(name, TASK, machine, result, entries(result), [f"{name}.png"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=40_000, help="training spectra")
    parser.add_argument("--n-test", type=int, default=6_000)
    parser.add_argument("--n-other", type=int, default=600, help="spectra by TauREx; 0 for none")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--cache", type=Path, help="folder that keeps what was simulated")
    parser.add_argument("--verbose", type=int, default=0)
    parser.add_argument("--dry", action="store_true", help="keep no results")
    main(parser.parse_args())
