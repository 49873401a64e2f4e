"""Scores of exogan_task.py: what each method makes of the test spectra."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score

import exosk
from exosk.benchmark import Cost, Entry, Score
from exosk.inference import ConformalRetriever
from exosk.preprocessing.bands import band_starts
from exosk.rows import join_rows

LEVELS = (0.68, 0.95)
# Within which a retrieval counts as right, as the original has it: half a decade of an abundance, a
# tenth of another parameter's value.
DEX, SHARE = 0.5, 0.1
N_SAMPLES = 256
# Asked for: coverage, and seconds of 200 completed spectra.
WITHIN, COMPLETED_IN = 0.05, 600
PPM = 1e6


def observe(
    data: exosk.Dataset, ppm: float, seen: np.ndarray | None = None, seed: int = 7
) -> np.ndarray:
    """Return rows with noise, and NaN in the bins that are not seen."""
    sigma = np.full(data.X.shape, ppm / PPM, dtype=np.float32)
    noisy = data.X + sigma * np.random.default_rng(seed).standard_normal(data.X.shape, np.float32)
    if seen is not None:
        noisy[:, ~seen] = sigma[:, ~seen] = np.nan
    return join_rows(noisy, sigma)


def score(draws: np.ndarray, truth: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Score posteriors' samples, (n, n_samples, n_parameters), against the truth."""
    mean = draws.mean(axis=1)
    rank = (draws < truth[:, None]).mean(axis=1)
    limit = [
        DEX if name.startswith("log_x") else SHARE * truth[:, k] for k, name in enumerate(names)
    ]
    right = np.stack([np.abs(mean - truth)[:, k] < limit[k] for k in range(len(names))], axis=1)
    found = {
        "r2": r2_score(truth, mean, multioutput="raw_values"),
        "rmse": np.sqrt(((mean - truth) ** 2).mean(axis=0)),
        "within_tolerance": right.mean(axis=0),
        **{
            f"coverage_{100 * level:g}": (np.abs(rank - 0.5) < level / 2).mean(axis=0)
            for level in LEVELS
        },
    }
    return {key: dict(zip(names, np.round(values, 4).tolist())) for key, values in found.items()}


def score_completion(
    depth: np.ndarray, missed: np.ndarray, data: exosk.Dataset, seen: np.ndarray, ppm: float
) -> dict[str, Any]:
    """Compare completed spectra, samples of shape (n, n_samples, n_bins), with the noise-free ones.

    By ExoGAN's bands: the error in ppm, what it is said to be, and the share of bins whose truth is
    within one and two of the latter.
    """
    mean = depth.mean(axis=1)
    std = np.sqrt(depth.var(axis=1) + missed)
    error = np.abs(mean - data.X)
    starts = band_starts(data.grid)[1].tolist()
    bands = []
    for first, last in zip(starts, [*starts[1:], data.grid.n_bins], strict=True):
        part = slice(first, last)
        bands.append(
            {
                "from_um": round(float(data.grid.lower[first]), 4),
                "to_um": round(float(data.grid.upper[last - 1]), 4),
                "share_seen": round(float(seen[part].mean()), 3),
                "rms_ppm": _ppm(error[:, part]),
                "median_ppm": round(PPM * float(np.median(error[:, part])), 2),
                "said_ppm": _ppm(std[:, part]),
                "within_1_sigma": round(float((error < std)[:, part].mean()), 4),
                "within_2_sigma": round(float((error < 2 * std)[:, part].mean()), 4),
                "within_noise": round(float((error < ppm / PPM)[:, part].mean()), 4),
            }
        )
    return {"bands": bands, "rms_ppm": _ppm(error), "said_ppm": _ppm(std)}


def _ppm(values: np.ndarray) -> float:
    return round(PPM * float(np.sqrt(np.mean(np.square(values, dtype=float)))), 2)


def evaluate_gan(
    model: Any, data: exosk.Dataset, ppm: float, seen: np.ndarray | None = None
) -> dict[str, Any]:
    """Score a GAN's parameters and completed spectra together."""
    X = observe(data, ppm, seen)
    started = time.perf_counter()
    draws, depth = model.sample_completion(X, N_SAMPLES, 0)
    seconds = time.perf_counter() - started
    whole = np.ones(data.grid.n_bins, dtype=bool) if seen is None else seen
    missed = model.variance_ + (model.factor_**2).sum(axis=0)
    return {
        "n": len(data),
        "seconds_per_200": round(200 * seconds / len(data), 1),
        **score(draws, np.asarray(data.Y), data.space.names),
        "completion": score_completion(depth, missed, data, whole, ppm),
    }


def evaluate_other(
    model: Any, data: exosk.Dataset, ppm: float, seen: np.ndarray | None = None
) -> dict[str, Any]:
    """Score another retriever's parameters."""
    X = observe(data, ppm, seen)
    started = time.perf_counter()
    draws = model.sample_posterior(X, N_SAMPLES, 0)
    seconds = time.perf_counter() - started
    return {
        "n": len(data),
        "seconds_per_200": round(200 * seconds / len(data), 1),
        **score(draws, np.asarray(data.Y), data.space.names),
    }


class Forest:
    """A forest for one noise and one instrument, as forests are."""

    def __init__(
        self, data: exosk.Dataset, ppm: float, seen: np.ndarray | None, n_jobs: int
    ) -> None:
        self.n_bins = data.grid.n_bins
        self.seen = np.ones(self.n_bins, dtype=bool) if seen is None else seen
        self.model = exosk.ForestRetriever(min_samples_leaf=5, n_jobs=n_jobs, random_state=0)
        self.scaler = exosk.SpectrumScaler("level")
        rows = observe(data, ppm, None, seed=8)[:, : self.n_bins][:, self.seen]
        self.model.fit(self.scaler.fit_transform(rows), data.Y)

    def sample_posterior(self, X: np.ndarray, n: int, random_state: Any) -> np.ndarray:
        rows = X[:, : self.n_bins][:, self.seen]
        return self.model.sample_posterior(self.scaler.transform(rows), n, random_state)


def evaluate_forest(
    training: exosk.Dataset,
    test: exosk.Dataset,
    ppm: float,
    seen: np.ndarray | None,
    n_jobs: int,
) -> dict[str, Any]:
    """Train a forest for one noise and one instrument, and score it."""
    started = time.perf_counter()
    forest = Forest(training, ppm, seen, n_jobs)
    seconds = time.perf_counter() - started
    found = evaluate_other(forest, test, ppm, seen)
    return {"n_training": len(training), "training_seconds": round(seconds), **found}


def evaluate_community(
    estimator: Any,
    noise: Any,
    training: exosk.Dataset,
    test: exosk.Dataset,
    ppm: float,
    seen: np.ndarray | None,
) -> dict[str, Any]:
    """Train a retriever of others on two noisy draws of each spectrum, and score it."""
    X = join_rows(training.X, np.full(training.X.shape, ppm / PPM, dtype=np.float32))
    model = exosk.Replicated(estimator, n_replicates=2, augmentation=noise, random_state=0)
    started = time.perf_counter()
    model.fit(X, training.Y)
    seconds = time.perf_counter() - started
    found = evaluate_other(model, test, ppm, seen)
    return {"n_training": len(training), "training_seconds": round(seconds), **found}


def scores_of(result: dict[str, Any], asked: dict[str, Any]) -> list[Entry]:
    """Return what each method is judged by, of tables of :func:`score`."""
    made = []
    for method, cases in result.items():
        found, training = cases["30 ppm"], cases.get("training", {})
        worst = max(found["coverage_68"].values(), key=lambda share: abs(share - LEVELS[0]))
        scores = [
            Score(f"R2 of {_written(name)}", value, at_least=asked[name][-1])
            for name, value in sorted(found["r2"].items(), key=lambda item: _written(item[0]))
        ]
        scores.append(
            Score("coverage of 68 %, worst", worst, at_least=LEVELS[0] - WITHIN,
                  at_most=LEVELS[0] + WITHIN)
        )  # fmt: skip
        seconds = found["seconds_per_200"]
        if "completion" in found:
            scores.append(Score("time of 200", seconds, "s", at_most=COMPLETED_IN))
        cost = Cost(
            training=training.get("seconds", found.get("training_seconds")),
            inference=seconds * found["n"] / 200,
        )
        made.append(
            (np.mean(list(found["r2"].values())), f"{method}, {found['n']} spectra", scores, cost)
        )
    return [Entry(*rest) for _, *rest in sorted(made, key=lambda one: -one[0])]


def _written(name: str) -> str:
    gas = name.removeprefix("log_x_")
    return gas.upper() if gas != name else name.replace("_", " ")


def conformal(
    model: Any, calibration: exosk.Dataset, test: exosk.Dataset, ppm: float
) -> dict[str, Any]:
    """Coverage of conformally corrected intervals."""
    corrected = ConformalRetriever(
        FrozenEstimator(model), calibration_size=len(calibration) - 1, random_state=0
    ).fit(observe(calibration, ppm, seed=9), calibration.Y)
    truth, names = np.asarray(test.Y), test.space.names
    ends = corrected.interval(observe(test, ppm), LEVELS)
    return {
        f"coverage_{100 * level:g}": dict(
            zip(
                names,
                np.round(((low <= truth) & (truth <= high)).mean(axis=0), 4).tolist(),
                strict=True,
            )
        )
        for level, (low, high) in zip(LEVELS, ends, strict=True)
    }


def kept(path: Path, make: Any, *arguments: Any) -> Any:
    """Return what an earlier run found, or find it."""
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        found = make(*arguments)
        path.write_text(json.dumps(found), "utf-8")
    return json.loads(path.read_text("utf-8"))
