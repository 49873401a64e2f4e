"""Do explanations point at the wavelengths where a molecule truly shows?

Detectors of H2O, CO2 and CH4 (a fully connected network, a convolutional one, a forest) on JWST
PRISM and HST WFC3, for ExoGAN's priors with clouds and a signal-to-noise ratio per scale height of
1 to 30. Of atmospheres in which a molecule shows (delta chi-squared above 50, mixing ratio below
0.01) and is detected, each method says which bins speak for it. The simulator says which do: it is
asked for the same atmosphere without the molecule. Scores are Spearman's rank correlation over
bins, and the overlap of the top 20 % of bins, of each spectrum (local) and of means over spectra
(global), each spectrum's importances and contributions over their sum. By chance the overlap is
0.2.

The best method is chosen on one half of the spectra, and scored on the other. It is scored again
with networks that know nothing: with weights drawn anew, and trained on shuffled labels (Adebayo
et al. 2018). Asked for: an overlap of 0.7 for each molecule and instrument, near chance for models
that know nothing, and for WASP-39 b the peak of CO2's importance at 4.3 um and of H2O's in its
bands.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from explanations_figure import draw, draw_observed
from explanations_scores import entries
from places import RESULTS, report
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

import exosk
from exosk.benchmark import Task, describe_machine
from exosk.datasets import DETECTABLE, Dataset
from exosk.explain import (
    Background,
    Explanation,
    Groups,
    Target,
    explain,
    explain_spectrum,
    randomize_weights,
    score_importance,
    true_contribution,
)
from exosk.simulators.quantities import abundance_name, default_space
from exosk.simulators.system import space_for_spectrum

TASK = Task(
    title="Explanations against physics",
    question="Do explanations of detectors point where a molecule truly shows, which the simulator "
    "knows? Overlap of the top 20 % of bins, over all spectra, on spectra that chose no method.",
    smoke=("--n", "800", "--n-spectra", "3", "--epochs", "4", "--estimators", "mlp",
           "--molecules", "CH4", "--only", "WFC3", "--background", "500"),
    full=("--cache", "explanations"),
    minutes=90,
)  # fmt: skip

MOLECULES = ("H2O", "CO2", "CO", "CH4", "Na", "K")
EXPLAINED = ("H2O", "CO2", "CH4")
INSTRUMENTS = {"JWST NIRSpec PRISM": "nirspec-prism", "HST WFC3 G141": "hst-wfc3-g141"}
SNR = (1.0, 30.0)
FIXED = {"star_radius": 1.0}
# A molecule that shows: delta chi-squared, and the mixing ratio (log10) up to which it changes
# little but opacity.
SHOWS, DILUTE = 50.0, -2.0
N_BACKGROUND = 4000
WINDOWS, BANDS = (0.05, 0.1), (0.025, 0.05)
# Draws of what is hidden, and orders of groups, of each spectrum; networks of random weights.
N_DRAWS, N_ORDERS, N_RANDOM = 64, 4, 8
# The way of README's figure: fine enough to tell a band from the window beside it.
SHOWN = "shap 0.025, without"


@dataclass
class Bench:
    """An instrument, its data and where molecules show in them."""

    title: str
    simulator: Any
    instrument: Any
    training: Dataset
    testing: Dataset
    n_background: int = N_BACKGROUND

    def observe(self, data: Dataset, seed: int, noisy: bool) -> tuple[np.ndarray, ...]:
        """Return rows, errors, and labels by delta chi-squared at these errors."""
        random = np.random.RandomState(seed)
        theta = np.asarray(data.Y)
        sigma = exosk.sigma_for_snr(theta, data.space, self.instrument, SNR, random, FIXED)
        X = data.with_sigma(sigma)
        if noisy:
            X = exosk.NoiseInjector("columns", random, grid=data.grid).fit_transform(X)
        scale = np.median(sigma / self.instrument.sigma, axis=1)
        return X, sigma, data.presence(delta_chi2=DETECTABLE, scale=scale)

    def shown(self, molecule: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows in which the molecule shows, and true contributions of their bins."""
        X, sigma, _ = self.observe(self.testing, seed, noisy=True)
        scale = np.median(sigma / self.instrument.sigma, axis=1)
        k, data = self.testing.molecules.index(molecule), self.testing
        abundance = np.asarray(data.Y)[:, data.space.index(abundance_name(molecule))]
        rows = np.flatnonzero((data.delta_chi2_at(scale)[:, k] > SHOWS) & (abundance < DILUTE))
        truth = true_contribution(
            self.simulator, np.asarray(data.Y)[rows], molecule, data.grid, sigma[rows]
        )
        return X[rows], truth / truth.sum(axis=1, keepdims=True)

    def backgrounds(self, molecule: str) -> dict[str, Background]:
        """Return spectra of all atmospheres, and of the same without the molecule."""
        settings = {"n": self.n_background, "random_state": 5}
        return {
            "all": Background.simulate(self.simulator, self.instrument, **settings),
            "without": Background.simulate(self.simulator, self.instrument, molecule, **settings),
        }


def prepare(title: str, n: int, n_background: int, cache: Path | None) -> Bench:
    """Simulate, or read what an earlier run simulated."""
    name = INSTRUMENTS[title]
    space = default_space(MOLECULES, fixed=FIXED, optional=("log_p_cloud",))
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=FIXED)
    instrument = exosk.get_instrument(name)
    sets = []
    for seed, size in ((0, n), (1, 2000)):
        path = cache / f"{name}-{size}-{seed}.h5" if cache else None
        if path is not None and path.exists():
            sets.append(Dataset.load(path))
            continue
        sets.append(
            exosk.simulate_dataset(simulator, size, instrument, seed, detectability=instrument)
        )
        if path is not None:
            sets[-1].save(path)
    return Bench(title, simulator, instrument, *sets, n_background)


def make_detector(kind: str, grid: Any, seed: int = 0, epochs: int = 25) -> Any:
    """Return an estimator that is not fitted."""
    noise = exosk.NoiseInjector("columns", grid=grid)
    if kind == "forest":
        steps = make_pipeline(
            exosk.SpectrumScaler(grid=grid),
            exosk.MoleculeDetector(60, max_features=0.1, random_state=seed),
        )
        return exosk.Replicated(steps, n_replicates=2, augmentation=noise, random_state=seed)
    make = {"mlp": exosk.MLPDetector, "cnn": exosk.CNNDetector}[kind]
    return make(grid=grid, augmentation=noise, max_epochs=epochs, batch_size=512, random_state=seed)


def fit_detectors(
    bench: Bench, kinds: list[str], epochs: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit the detectors and one that learns shuffled labels; their areas under the ROC curve."""
    X, _, y = bench.observe(bench.training, 2, noisy=False)
    Xt, _, yt = bench.observe(bench.testing, 3, noisy=True)
    models: dict[str, Any] = {}
    scores: dict[str, Any] = {}
    for kind in kinds:
        started = time.perf_counter()
        models[kind] = make_detector(kind, bench.training.grid, 0, epochs).fit(X, y)
        p = models[kind].predict_proba(Xt)
        scores[kind] = {
            m: round(float(roc_auc_score(yt[:, k], p[:, k])), 4)
            for k, m in enumerate(bench.training.molecules)
            if m in EXPLAINED
        } | {"seconds": round(time.perf_counter() - started, 1)}
        print(f"  {kind}: {scores[kind]}", flush=True)
    shuffled = np.random.RandomState(7).permutation(y)
    models["shuffled"] = make_detector("mlp", bench.training.grid, 1, epochs).fit(X, shuffled)
    return models, scores


def ways(grid: Any) -> dict[str, dict[str, Any]]:
    """Return settings of each method."""
    found: dict[str, dict[str, Any]] = {}
    for width in WINDOWS:
        for method in ("inclusion", "occlusion"):
            found[f"{method} {width:g}"] = {
                "method": method,
                "groups": Groups.windows(grid, width),
                "n_draws": N_DRAWS,
            }
    for width in BANDS:
        for method in ("shap", "lime"):
            found[f"{method} {width:g}"] = {
                "method": method,
                "groups": Groups.bands(grid, width),
                "n_draws": N_DRAWS // 4,
                "n_samples": N_ORDERS if method == "shap" else None,
            }
    return found


def score(found: Explanation, truth: np.ndarray) -> dict[str, float]:
    """Score the explanation of each spectrum, and the mean of all."""
    bins = _relative(found)
    local = [score_importance(one, true) for one, true in zip(bins, truth, strict=True)]
    overall = score_importance(bins.mean(axis=0), truth.mean(axis=0))
    return {
        "n": len(truth),
        "overlap": round(float(np.mean([s.overlap for s in local])), 3),
        "rank_correlation": round(float(np.mean([s.rank_correlation for s in local])), 3),
        "global_overlap": round(overall.overlap, 3),
        "global_rank_correlation": round(overall.rank_correlation, 3),
        "chance": round(overall.top, 3),
    }


def _relative(found: Explanation) -> np.ndarray:
    """Return importances of bins over their sum without signs, so that all spectra count alike."""
    bins = found.groups.per_bin(found.importances)
    total = np.abs(bins).sum(axis=1, keepdims=True)
    return np.asarray(bins / np.where(total > 0, total, 1))


def explain_molecule(
    bench: Bench, models: dict[str, Any], molecule: str, n: int, cache: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score all methods on one half of the spectra, and the best on the other half."""
    X, truth = bench.shown(molecule, 3)
    backgrounds = bench.backgrounds(molecule)
    table: dict[str, Any] = {}
    figure: dict[str, Any] = {}
    n_asked = n
    for kind in (k for k in models if k != "shuffled"):
        kept = (
            cache / f"{INSTRUMENTS[bench.title]}-{molecule}-{kind}-{n_asked}.json"
            if cache
            else None
        )
        if kept is not None and kept.exists():
            table[kind], figure[kind] = json.loads(kept.read_text("utf-8"))
            continue
        # Forests and convolutions take many times as long.
        n = n_asked if kind == "mlp" else max(8, n_asked // 4)
        target = Target.molecule(models[kind], molecule, bench.training.molecules)
        detected = np.flatnonzero(target(X) > 0)[: 2 * n]
        first, second = detected[::2], detected[1::2]
        scores: dict[str, Any] = {}
        for name, settings in ways(bench.training.grid).items():
            for against, background in backgrounds.items():
                started = time.perf_counter()
                found = explain(target, X[first], background, **settings)
                scores[f"{name}, {against}"] = score(found, truth[first]) | {
                    "seconds_a_spectrum": round((time.perf_counter() - started) / len(first), 3)
                }
        # By both numbers: with few bins many methods overlap alike.
        best = max(scores, key=lambda k: scores[k]["global_overlap"] + scores[k]["overlap"])
        name, against = best.split(", ")
        again = explain(target, X[second], backgrounds[against], **ways(bench.training.grid)[name])
        table[kind] = {
            "methods": scores,
            "best": best,
            "confirmed": score(again, truth[second]),
        }
        figure[kind] = {
            "importance": _relative(again).mean(axis=0).tolist(),
            "truth": truth[second].mean(axis=0).tolist(),
        }
        if kind != "forest":
            table[kind]["know_nothing"] = know_nothing(
                bench,
                models,
                kind,
                molecule,
                (X[second], truth[second]),
                backgrounds[against],
                name,
            )
        print(f"  {molecule}, {kind}: {best}: {table[kind]['confirmed']}", flush=True)
        if kept is not None:
            kept.write_text(json.dumps([table[kind], figure[kind]]), "utf-8")
    return table, figure


def know_nothing(
    bench: Bench,
    models: dict[str, Any],
    kind: str,
    molecule: str,
    shown: tuple[np.ndarray, np.ndarray],
    background: Background,
    name: str,
) -> dict[str, Any]:
    """Score the method for models that know nothing, on the same spectra."""
    X, truth = shown
    settings = ways(bench.training.grid)[name]
    few = 12 if kind == "mlp" else 4
    found = []
    for seed in range(N_RANDOM):
        target = Target.molecule(
            randomize_weights(models[kind], seed), molecule, bench.training.molecules
        )
        found.append(score(explain(target, X[:few], background, **settings), truth[:few]))
    target = Target.molecule(models["shuffled"], molecule, bench.training.molecules)
    return {
        "random_weights": {
            key: [round(float(np.mean([f[key] for f in found])), 3),
                  round(float(np.std([f[key] for f in found], ddof=1) / len(found) ** 0.5), 3)]
            for key in found[0]
            if key not in ("n", "chance")
        },
        "shuffled_labels": score(explain(target, X, background, **settings), truth),
    }  # fmt: skip


def explain_wasp_39b(n: int, epochs: int) -> dict[str, Any]:
    """Train a detector for WASP-39 b, and ask where the importance of its molecules peaks."""
    spectrum = exosk.load_spectrum("wasp-39b")
    space, fixed = space_for_spectrum(spectrum, MOLECULES)
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=fixed)
    data = exosk.simulate_dataset(simulator, n, spectrum, 0, detectability=spectrum)
    model = exosk.MLPDetector(
        grid=data.grid,
        augmentation=exosk.NoiseInjector(spectrum),
        max_epochs=epochs,
        batch_size=512,
        random_state=0,
    ).fit(data.X, data.presence(delta_chi2=DETECTABLE))
    found: dict[str, Any] = {}
    shown: dict[str, Explanation] = {}
    for molecule in ("H2O", "CO2"):
        target = Target.molecule(model, molecule, data.molecules)
        for against, without in (("all", None), ("without", molecule)):
            background = Background.simulate(simulator, spectrum, without, n=N_BACKGROUND)
            for name, settings in ways(data.grid).items():
                explanation = explain_spectrum(target, spectrum, background, **settings)
                found[f"{molecule}, {name}, {against}"] = {
                    "log_odds": round(float(explanation.value[0]), 2),
                    "peak_um": round(explanation.peak, 3),
                    "share_in_own_bands": round(explanation.in_bands()[molecule], 3),
                }
                if f"{name}, {against}" == SHOWN:
                    shown[molecule] = explanation
    draw_observed(shown, spectrum, RESULTS / "explanations_wasp39b.png")
    return found


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, keep."""
    machine = describe_machine()
    if arguments.cache:
        arguments.cache.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"instruments": {}}
    drawn: dict[str, Any] = {}
    for title in INSTRUMENTS:
        if arguments.only and arguments.only not in title:
            continue
        print(title, flush=True)
        bench = prepare(title, arguments.n, arguments.background, arguments.cache)
        models, areas = fit_detectors(bench, arguments.estimators.split(","), arguments.epochs)
        entry: dict[str, Any] = {"n_training": arguments.n, "auc": areas}
        drawn[title] = {"wavelength": bench.training.grid.wavelength.tolist()}
        for molecule in arguments.molecules.split(","):
            entry[molecule], drawn[title][molecule] = explain_molecule(
                bench, models, molecule, arguments.n_spectra, arguments.cache
            )
        result["instruments"][title] = entry
    if not arguments.only or arguments.only == "WASP-39":
        result["wasp-39b"] = explain_wasp_39b(arguments.n, arguments.epochs)
        for name, entry in result["wasp-39b"].items():
            print(f"  WASP-39 b, {name}: {entry}", flush=True)
    result["drawn"] = drawn
    if not arguments.dry:
        name = "explanations"
        if drawn:
            draw(result, RESULTS / f"{name}.png")
        figures = [f"{name}.png"] if drawn else []
        figures += ["explanations_wasp39b.png"] if "wasp-39b" in result else []
        report(name, TASK, machine, result, entries(result), figures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20_000, help="training spectra")
    parser.add_argument("--n-spectra", type=int, default=40, help="explained, and again to confirm")
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--estimators", default="mlp,cnn,forest")
    parser.add_argument("--molecules", default=",".join(EXPLAINED))
    parser.add_argument("--background", type=int, default=N_BACKGROUND, help="spectra to fill from")
    parser.add_argument("--only", help="part of an instrument's name, or WASP-39")
    parser.add_argument("--cache", type=Path, help="folder that keeps what was done")
    parser.add_argument("--dry", action="store_true", help="keep no results")
    main(parser.parse_args())
