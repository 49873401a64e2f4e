"""The pretrained models: are they calibrated, how near do they come, and what of real planets?

Each model of ``exosk/pretrained`` is asked about planets and atmospheres that it has not seen:

- *calibration*: 1,000 spectra at the smallest, middle and largest noise, and at the middle with
  gaps (asked: every parameter's KS p above .05 over their number, coverage and TARP within three
  points);
- *importance*: unseen spectra made exact by importance sampling: efficiency, verdicts;
- *guard*: how often it raises the alarm where training and observation differ, at five per cent
  false alarms;
- *wasp39b*: ``exosk retrieve wasp-39b`` as a user runs it (asked: 20 s);
- *planets*: the 36 spectra of ``../shared/data/spectra``, against what was published; with
  ``--nested`` some of them against nested sampling too.

    python benchmarks/pretrained_task.py calibration importance guard wasp39b planets
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from places import RESULTS, SHARED_DATA, report
from planet_scores import entries
from posterior_task import divergence, keep, marginals
from threadpoolctl import threadpool_limits

import exosk
from exosk.augmentation import BinDropout, redraw
from exosk.benchmark import Task, describe_machine
from exosk.evaluation.expected_coverage import central_levels, coverage_test
from exosk.evaluation.sbc import posterior_ranks, rank_transform, uniformity_test
from exosk.evaluation.tarp import run_tarp
from exosk.pretrained import RECIPES, PretrainedModel, choose_pretrained, load_pretrained
from exosk.pretrained.build import rows, simulate
from exosk.pretrained.proposal import SystemProposal
from exosk.pretrained.systems import Systems
from exosk.retrieval import retrieve
from exosk.rows import join_rows
from exosk.simulators.quantities import abundance_name

TASK = Task(
    title="Pretrained models and real planets",
    question="Are the pretrained models calibrated on unseen planets, how near do they come, what "
    "does their guard notice, and what do they say of 36 observed spectra?",
    smoke=(
        "calibration", "importance", "guard", "--models", "wfc3", "--n", "40", "--exact", "1",
        "--guarded", "10", "--folder", "{work}",
    ),
    needs=("exosk_taurex",),
    data=("spectra",),
    minutes=90,
)  # fmt: skip

STAGES = ("calibration", "importance", "guard", "wasp39b", "planets")
N_CHECKED, N_SAMPLES, N_EXACT, N_GUARDED = 1000, 300, 20, 200
SEED = 77_000
# A delta chi-squared above which a fault shows.
SHOWS = 100.0


def unseen(model: PretrainedModel, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, Systems]:
    """Depths, places in the priors and systems that no training had."""
    depth, unit, systems, _ = simulate(model.recipe, n + n // 3 + 20, SEED + seed)
    return depth[:n], unit[:n], systems[np.arange(n)]


def calibration(name: str, n: int) -> dict[str, Any]:
    """Ranks, coverage and TARP at several noises."""
    model = load_pretrained(name)
    depth, unit, systems = unseen(model, n, 0)
    grid, (low, high) = model.grid, model.recipe.scale
    middle, found = float(np.sqrt(low * high)), {}
    for label, factor, gaps in (
        ("low", low, 0.0), ("middle", middle, 0.0), ("high", high, 0.0), ("gaps", middle, 0.3),
    ):  # fmt: skip
        random = np.random.RandomState(SEED)
        sigma = factor * model.recipe.draw_sigma(len(depth), random).astype(np.float32)
        noisy = depth + sigma * random.standard_normal(depth.shape).astype(np.float32)
        X = rows(noisy, sigma, systems)
        if gaps:
            n = 2 * grid.n_bins
            X[:, :n] = redraw(BinDropout((0, gaps), (0, gaps), grid=grid), X[:, :n], random)
        samples = model.fitted.estimator.sample_posterior(X, N_SAMPLES, random_state=0)
        transform = rank_transform(posterior_ranks(samples, unit, 0), N_SAMPLES, 0)
        space = model.fitted.card.space
        ranks = uniformity_test(transform, space.names)
        tarp = run_tarp(samples, unit, space, random_state=0)
        found[label] = {
            "noise_factor": factor,
            "smallest_ks": float(ranks.ks.min()),
            "asked_ks": 0.05 / len(space),
            "worst": ranks.worst,
            "parameters_below": int((ranks.ks < 0.05 / len(space)).sum()),
            "coverage": coverage_test(central_levels(transform), space.names).to_dict(),
            "tarp": tarp.to_dict(),
        }
    return found


def importance(name: str, n: int) -> list[dict[str, Any]]:
    """Make unseen spectra exact, with the reference errors of the model."""
    model = load_pretrained(name)
    depth, _, systems = unseen(model, n, 1)
    found = []
    for k in range(n):
        own = systems[np.array([k])]
        space, scale = own.space(model.molecules), own.unit()[0]
        sigma = model.recipe.sigma(model.grid.wavelength)
        random = np.random.RandomState([SEED, k])
        noisy = depth[k] + sigma * random.standard_normal(len(sigma))
        spectrum = exosk.Spectrum(model.grid, noisy * scale, sigma * scale)
        simulator = exosk.get_simulator(
            "builtin", molecules=model.molecules, space=space, fixed={"star_radius": 1.0}
        ).restrict(model.grid)
        row = rows(noisy[None], sigma[None], own)
        started = time.perf_counter()
        posterior = exosk.importance_sample(
            SystemProposal(model.fitted.estimator, row, space),
            exosk.gaussian_log_likelihood(simulator, spectrum),
            space,
            n=8000,
            n_rounds=4,
            n_effective=250,
            n_most=40_000,
            random_state=0,
        )
        found.append(posterior.meta | {"seconds": round(time.perf_counter() - started, 2)})
    return found


def strange_spectra(
    model: PretrainedModel, depth: np.ndarray, unit: np.ndarray, systems: Systems
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield what is wrong, and noise-free depths of the same planets."""
    wavelength, recipe = model.grid.wavelength, model.recipe
    step = wavelength > np.median(wavelength)
    for share in (0.02, 0.01, 0.005):
        yield f"a step of {share:.1%} of the depth", depth * (1 + share * step)
    for fraction in (0.05, 0.1, 0.2):
        contrast = _contrast(wavelength, 5000.0, 4000.0)
        yield f"spots of {fraction:.0%}, 1000 K cooler", depth / (1 - fraction * (1 - contrast))
    space = systems[np.array([0])].space(recipe.molecules)
    for molecule in ("NH3", "HCN", "H2S", "C2H2"):
        if molecule not in recipe.molecules:
            simulator = exosk.TransmissionModel(
                [*recipe.molecules, molecule],
                fixed={"star_radius": 1.0, f"log_x_{molecule.lower()}": -4.0},
                space=space,
            )
            yield f"{molecule} of 1e-4, not in the model", _again(simulator, model, unit, systems)
    taurex = exosk.get_simulator(
        "taurex", molecules=recipe.molecules, fixed={"star_radius": 1.0}, space=space
    )
    yield "spectra of TauREx", _again(taurex, model, unit, systems)


def _again(
    simulator: Any, model: PretrainedModel, unit: np.ndarray, systems: Systems
) -> np.ndarray:
    """Simulate the same planets by another simulator."""
    from exosk.simulators.binned import simulate_in_bins
    from exosk.simulators.halving import in_halves

    theta = simulator.space.from_unit_cube(unit)
    for name, prior in systems.priors().items():
        theta[:, simulator.space.index(name)] = prior.ppf(unit[:, simulator.space.index(name)])
    binned = simulate_in_bins(simulator.restrict(model.grid), model.grid)
    depth = in_halves(binned, theta, lambda error: np.full((1, model.grid.n_bins), 1.0))
    return depth / systems.unit()[:, None]


def _contrast(wavelength: np.ndarray, star: float, spot: float) -> np.ndarray:
    """Planck's law of a spot over that of the star."""
    x = 14387.77 / wavelength
    return np.expm1(x / star) / np.expm1(x / spot)


def guard(name: str, n: int) -> dict[str, Any]:
    """Share of alarms at a rate of false ones of five per cent; also where the fault shows."""
    model = load_pretrained(name)
    depth, unit, systems = unseen(model, n, 2)
    sigma = model.recipe.sigma(model.grid.wavelength)
    noise = sigma * np.random.RandomState(SEED).standard_normal(depth.shape)

    def alarms(noisy: np.ndarray) -> np.ndarray:
        return model.guard.predict(join_rows(noisy, sigma)) < 0

    found: dict[str, Any] = {"nothing": {"all": float(alarms(depth + noise).mean())}}
    for factor in (5.0, 2.0, 1.2, 1 / 1.2, 1 / 2, 1 / 5):
        rate = float(alarms(depth + factor * noise).mean())
        found[f"noise {factor:.2g} times that stated"] = {"all": rate}
    for what, strange in strange_spectra(model, depth, unit, systems):
        alarm = alarms(strange + noise)
        change = strange - depth
        # Beyond a constant, which is another radius.
        change -= np.average(change, axis=1, weights=sigma**-2)[:, None]
        shows = ((change / sigma) ** 2).sum(axis=1) > SHOWS
        shown = float(alarm[shows].mean()) if shows.any() else None
        found[what] = {"all": float(alarm.mean()), "n_shows": int(shows.sum()), "shows": shown}
    print(name, json.dumps(found, indent=1), flush=True)
    return found


def wasp39b() -> dict[str, Any]:
    """Time the program, start to end."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        program = Path(sys.executable).with_name("exosk")
        done = subprocess.run(
            [program, "retrieve", "wasp-39b", "--json", "--out", folder],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seconds = time.perf_counter() - started
    content = json.loads(done.stdout)
    keys = ("parameters", "molecules", "method", "reduced_chi2", "seconds_by_stage")
    sampler = content["provenance"]["sampler"]
    return {key: content[key] for key in keys} | {
        "seconds": round(seconds, 1),
        "sampler": {k: v for k, v in sampler.items() if k != "importance"},
        "guard": content["guard"]["verdict"],
    }


def planet(entry: dict[str, Any], nested: bool) -> dict[str, Any]:
    """Retrieve one observation, and compare it with what was published."""
    from real_spectra import published, read

    spectrum = read(entry)
    found: dict[str, Any] = {key: entry[key] for key in ("file", "planet", "instrument")}
    molecules = RECIPES[choose_pretrained(spectrum)].molecules
    space, fixed = exosk.space_for_spectrum(spectrum, molecules)
    simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    started = time.perf_counter()
    result = retrieve(spectrum, simulator, method="pretrained", odds=nested)
    found |= {
        "model": choose_pretrained(spectrum),
        "seconds": round(time.perf_counter() - started, 1),
        "published": published(entry),
        "probability": result.molecules,
        "parameters": result.posterior.summary(),
        "sampler": {k: v for k, v in result.posterior.meta.items() if k != "importance"},
        "reduced_chi2": result.reduced_chi2,
        "guard": result.guard["verdict"] if result.guard else None,
        "odds": result.odds.to_dict() if result.odds else None,
    }
    if nested:
        # The same likelihood, the model's error included, so that evidences can be compared.
        likelihood = exosk.gaussian_log_likelihood(
            simulator, result.spectrum, result.model_error, free_scale=True
        )
        started = time.perf_counter()
        other = exosk.nested_sample(likelihood, simulator.space, random_state=0)
        found["nested"] = {
            "seconds": round(time.perf_counter() - started, 1),
            "parameters": other.summary(),
            "probability": {
                m: float(other.weights @ (other[abundance_name(m)] > result.threshold))
                for m in molecules
            },
            "log_evidence": other.meta["log_evidence"],
            "divergence_mnat": divergence(marginals(result.posterior), marginals(other)),
        }
    return found


def main(arguments: argparse.Namespace) -> None:
    """Run the stages asked for; each keeps what it found, and is not repeated while it is there."""
    folder, machine, found = arguments.folder, describe_machine(), {}
    path = RESULTS / "pretrained_task.json"
    if path.exists():
        found = json.loads(path.read_text("utf-8"))["result"]
    with threadpool_limits(arguments.threads):
        for stage in arguments.stages:
            if stage == "wasp39b":
                found[stage] = wasp39b()
            elif stage == "planets":
                manifest = json.loads((SHARED_DATA / "spectra/manifest.json").read_text("utf-8"))
                found[stage] = [
                    keep(
                        folder / f"{Path(entry['file']).stem}.json",
                        partial(planet, entry, entry["file"] in arguments.nested),
                    )
                    for entry in manifest[: arguments.planets]
                ]
            else:
                ask, n = {
                    "calibration": (calibration, arguments.n),
                    "importance": (importance, arguments.exact),
                    "guard": (guard, arguments.guarded),
                }[stage]
                found[stage] = {
                    name: keep(folder / f"{stage}-{name}.json", partial(ask, name, n))
                    for name in arguments.models
                }
    report("pretrained_task", TASK, machine, found, entries(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=", ".join(STAGES))
    parser.add_argument("--models", nargs="+", default=list(RECIPES))
    parser.add_argument("--nested", nargs="*", default=[], help="files to sample by nested too")
    parser.add_argument("--folder", type=Path, default=RESULTS.parent / "pretrained_task")
    parser.add_argument("--n", type=int, default=N_CHECKED, help="spectra of the calibration")
    parser.add_argument("--exact", type=int, default=N_EXACT)
    parser.add_argument("--guarded", type=int, default=N_GUARDED)
    parser.add_argument("--planets", type=int, help="of the 36 files, how many")
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
