"""How near does a detector come to the best that can be done? Against Bayes' theorem, with WFC3.

The probability that Bayes' theorem gives is had by weighing draws of the prior with the likelihood
of a spectrum. That takes a prior of which enough draws are near any spectrum, so this is one planet
of known mass and temperature, radius known to 2.5 %, with six gases and a cloud deck that are as
free as in molecule_detection.py, seen at signal-to-noise ratios per scale height from 1 to 10. The
network learns on the same draws, with noise of its own.

Scores are of the spectra whose effective number of draws is a hundred or more; the share of those
is told. A gas counts as present as in molecule_detection.py, by both rules.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from places import report

import exosk
from exosk.benchmark import Cost, Entry, Score, Task, describe_machine
from exosk.datasets import DETECTABLE, Dataset
from exosk.evaluation import score_detections
from exosk.simulators.quantities import default_space

TASK = Task(
    title="The ceiling of detection",
    question="How near does a network come to Bayes' theorem, where that can be computed: WFC3, "
    "one planet, S/N of 1 to 10?",
    smoke=("--n", "5000", "--n-test", "600", "--epochs", "1", "--least", "2"),
    minutes=10,
)

MOLECULES = ("H2O", "CO2", "CO", "CH4", "Na", "K")
FIXED = {"star_radius": 1.0, "planet_mass": 1.0, "temperature": 1400.0}
RADIUS = exosk.Uniform(1.17, 1.23)
SNR = (1.0, 10.0)
STRATA = ((1.0, 2.0), (2.0, 5.0), (5.0, 10.0), (1.0, 10.0))
LEAST_EFFECTIVE = 100
# Present in fewer spectra, a molecule is not scored.
FEWEST = 5
_SCORES = ("n", "prevalence", "auc", "auc_interval", "log_loss", "brier", "ece")


def simulate(instrument: Any, n: int, seed: int) -> Dataset:
    """Draw atmospheres of the one planet."""
    space = default_space(
        MOLECULES, {"planet_radius": RADIUS}, fixed=FIXED, optional=("log_p_cloud",)
    )
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=FIXED)
    return exosk.simulate_dataset(simulator, n, instrument, seed, detectability=instrument)


def errors(data: Dataset, instrument: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the errors of each spectrum, and their ratio to the instrument's."""
    sigma = exosk.sigma_for_snr(np.asarray(data.Y), data.space, instrument, SNR, seed, FIXED)
    return sigma, np.median(sigma / instrument.sigma, axis=1)


def bayes(draws: Dataset, depth: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each molecule by both rules, and the effective number of draws."""
    prior = draws.X / draws.sigma
    abundant = draws.presence().astype(bool)
    probability = np.empty((len(depth), len(MOLECULES)))
    effective = np.empty(len(depth))
    for row, (spectrum, s) in enumerate(zip(depth / draws.sigma, scale, strict=True)):
        residual = (spectrum - prior) / s
        log_likelihood = -0.5 * np.einsum("ij,ij->i", residual, residual)
        weight = np.exp(log_likelihood - log_likelihood.max())
        weight /= weight.sum()
        effective[row] = 1 / (weight**2).sum()
        probability[row] = weight @ (abundant & (draws.delta_chi2 > DETECTABLE * s**2))
    # Weights add up to one but for rounding.
    return np.minimum(probability, 1.0), effective


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, keep."""
    machine = describe_machine()
    instrument = exosk.get_instrument("hst-wfc3-g141")
    draws = simulate(instrument, arguments.n, 0)
    test = simulate(instrument, arguments.n_test, 1)
    grid = draws.grid
    sigma, scale = errors(draws, instrument, 2)
    started = time.perf_counter()
    network = exosk.MLPDetector(
        grid=grid,
        augmentation=exosk.NoiseInjector("columns", grid=grid),
        max_epochs=arguments.epochs,
        random_state=0,
    ).fit(draws.with_sigma(sigma), draws.presence(delta_chi2=DETECTABLE, scale=scale))
    seconds = time.perf_counter() - started

    sigma, scale = errors(test, instrument, 3)
    rows = exosk.NoiseInjector("columns", 4, grid=grid).fit_transform(test.with_sigma(sigma))
    truth = test.presence(delta_chi2=DETECTABLE, scale=scale)
    optimal, effective = bayes(draws, rows[:, : grid.n_bins], scale)
    learned = network.predict_proba(rows)
    snr = exosk.scale_height_depth(np.asarray(test.Y), test.space, FIXED) / np.median(sigma, axis=1)
    result: dict[str, Any] = {
        "n_draws": len(draws),
        "n_test": len(test),
        "training_seconds": round(seconds, 1),
    }
    for low, high in STRATA:
        stratum = (snr >= low) & (snr < high)
        chosen = stratum & (effective >= arguments.least)
        entry: dict[str, Any] = {"share": round(float(chosen.sum() / max(1, stratum.sum())), 3)}
        result[f"{low:g}-{high:g}"] = entry
        if not chosen.any():
            continue
        print(f"\nS/N {low:g}-{high:g}: {chosen.sum()} spectra, {entry['share']:.0%} of all")
        for k, molecule in enumerate(MOLECULES):
            both = {}
            for name, probability in (("bayes", optimal), ("network", learned)):
                scores = score_detections(truth[chosen, k], probability[chosen, k])
                both[name] = {key: _plain(scores[key]) for key in _SCORES}
            entry[molecule] = both
            b, n = both["bayes"], both["network"]
            print(
                f"  {molecule:4s} present {b['prevalence']:.3f}   AUC Bayes {b['auc']} "
                f"network {n['auc']} {n['auc_interval']}   log loss {b['log_loss']} {n['log_loss']}"
            )
    report("detection_ceiling", TASK, machine, result, entries(result))


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return the scores of each molecule that is there often enough."""
    found = result["1-10"]
    made = []
    for molecule in MOLECULES:
        bayes, network = (found.get(molecule, {}).get(k, {}) for k in ("bayes", "network"))
        if not bayes or bayes["n"] * bayes["prevalence"] < FEWEST:
            continue
        scores = [
            Score(f"{what}, {who}", of[key])
            for key, what in (("auc", "AUC"), ("log_loss", "log loss"))
            for who, of in (("Bayes", bayes), ("network", network))
        ]
        made.append(Entry(molecule, scores, Cost(training=result["training_seconds"])))
    return made


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return None if value != value else round(float(value), 4)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=60_000, help="draws of the prior")
    parser.add_argument("--n-test", type=int, default=3_000)
    parser.add_argument("--least", type=int, default=LEAST_EFFECTIVE, help="effective draws")
    parser.add_argument("--epochs", type=int, default=25)
    main(parser.parse_args())
