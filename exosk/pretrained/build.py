"""The recipe of the pretrained models: ``python -m exosk.pretrained.build prism``.

Planets are drawn (:mod:`exosk.pretrained.recipes`), atmospheres from each one's own priors, and
their spectra simulated once without noise. A flow learns where in its prior each parameter lies,
from spectra with fresh noise of many sizes and many coverages in each epoch.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from exosk.augmentation import BinDropout, BinMerger, CoverageDropout, NoiseInjector, redraw
from exosk.datasets import Dataset
from exosk.exceptions import RangeError
from exosk.inference import SpectrumGuard
from exosk.models import FlowRetriever, save_model
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.pretrained.recipes import RECIPES, Recipe, draw_systems
from exosk.pretrained.store import FOLDER, save_guard
from exosk.pretrained.systems import COLUMNS, Systems
from exosk.rows import join_rows
from exosk.simulators import TransmissionModel
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.halving import in_halves
from exosk.simulators.quantities import default_space
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS

_BATCH = 1024
_N_CHECKED = 1000
_GUARD_SPECTRA, _N_GAUSSIANS = 40_000, 150
# Of the reference radius: scatter about the smallest that a spectrum shows, which noise makes.
_SCATTER = 0.01
# In reference depths: atmospheres beyond it are lost to space.
_LIMIT = 3.0


def simulate(
    recipe: Recipe, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, Systems, dict[str, Any]]:
    """Simulate atmospheres of random planets.

    Returns
    -------
    depth : ndarray of shape (m, n_bins)
        In units of each planet's reference depth; m is n less the atmospheres that don't hold.
    unit : ndarray of shape (m, n_parameters)
        Where in its prior each parameter is.
    systems : Systems
    provenance : dict
    """
    random = check_random_state(seed)
    systems = draw_systems(n, random)
    simulator = TransmissionModel(recipe.molecules, fixed={"star_radius": 1.0}).restrict(
        recipe.grid
    )
    unit = random.uniform(1e-9, 1 - 1e-9, (len(systems), len(simulator.space)))
    theta = simulator.space.from_unit_cube(unit)
    for name, prior in systems.priors().items():
        k = simulator.space.index(name)
        theta[:, k] = prior.ppf(unit[:, k])
    binned = simulate_in_bins(simulator, recipe.grid)

    def refuse(error: RangeError) -> np.ndarray:
        return np.full((1, recipe.grid.n_bins), np.nan)

    depth = np.concatenate(
        [
            in_halves(binned, theta[start : start + _BATCH], refuse)
            for start in range(0, len(theta), _BATCH)
        ]
    )
    systems = replace(systems, radius=_smallest_radius(depth, random))
    depth /= systems.unit()[:, None]
    k = simulator.space.index("planet_radius")
    unit[:, k] = systems.priors()["planet_radius"].cdf(theta[:, k])
    # What no prior of the system holds, and what the simulator refuses, is NaN or an end.
    kept = (unit[:, k] > 0) & (unit[:, k] < 1) & (depth.max(axis=1) < _LIMIT)
    return depth[kept].astype(np.float32), unit[kept], systems[kept], dict(simulator.provenance)


def _smallest_radius(depth: np.ndarray, random: np.random.RandomState) -> np.ndarray:
    """Of the bins that some instrument sees, in R_jup before a star of one solar radius."""
    n, n_bins = depth.shape
    ends = np.sort(random.randint(0, n_bins, (n, 2)), axis=1)
    place = np.arange(n_bins)
    seen = (place >= ends[:, :1]) & (place <= ends[:, 1:])
    smallest = np.sqrt(np.where(seen, depth, np.inf).min(axis=1))
    smallest *= np.exp(_SCATTER * random.standard_normal(n))
    return smallest * SOLAR_RADIUS / JUPITER_RADIUS


def rows(depth: np.ndarray, sigma: np.ndarray, systems: Systems) -> np.ndarray:
    """Put together what the network takes: depths, errors, system."""
    return np.hstack([join_rows(depth, sigma), systems.columns().astype(depth.dtype)])


def augmentation(recipe: Recipe) -> ColumnTransformer:
    """Noise, coarse bins and gaps, of depths and errors; the system stays as it is."""
    grid = recipe.grid
    coverage = (
        BinDropout((0, 0.3), (0, 0.6), grid=grid)
        if recipe.windows == 1
        else CoverageDropout((0.08, 1.0), recipe.windows, (0, 0.2), whole=0.25, grid=grid)
    )
    steps = make_pipeline(
        NoiseInjector("columns", scale=recipe.scale, grid=grid),
        BinMerger((1, recipe.merged), whole=0.4, grid=grid),
        coverage,
    )
    return ColumnTransformer(
        [("spectrum", steps, slice(0, 2 * grid.n_bins))], remainder="passthrough"
    )


def make_flow(recipe: Recipe, seed: int, **settings: Any) -> FlowRetriever:
    """Return the flow that learns, untrained."""
    return FlowRetriever(
        recipe.hidden,
        n_transforms=recipe.n_transforms,
        grid=recipe.grid,
        augmentation=augmentation(recipe),
        batch_size=256,
        patience=None,
        validation_fraction=0.02,
        verbose=1,
        random_state=seed,
        **settings,
    )


def training_set(recipe: Recipe, n: int, seed: int) -> tuple[Dataset, np.ndarray]:
    """Simulate what a flow learns: a data set, and the rows of X."""
    depth, unit, systems, provenance = simulate(recipe, n, seed)
    names = default_space(recipe.molecules).names
    space = ParameterSpace([Parameter(name, Uniform(0.0, 1.0)) for name in names])
    provenance |= {"n_spectra": len(depth), "seed": seed, "recipe": recipe.title}
    sigma = recipe.sigma(recipe.grid.wavelength)
    data = Dataset(
        depth, unit, recipe.grid, space, recipe.molecules, provenance=provenance, sigma=sigma
    )
    errors = recipe.draw_sigma(len(depth), check_random_state(seed + 1))
    return data, rows(depth, errors.astype(np.float32), systems)


def make_guard(recipe: Recipe, seed: int) -> SpectrumGuard:
    """Learn what spectra of such planets look like, with errors of all sizes."""
    data, X = training_set(recipe, _GUARD_SPECTRA, seed)
    n, n_bins = len(data), recipe.grid.n_bins
    scale = np.exp(check_random_state(seed).uniform(*np.log(recipe.scale), (n, 1)))
    whole = np.hstack([X[:, :n_bins], X[:, n_bins : 2 * n_bins] * scale])
    guard = SpectrumGuard(recipe.grid, n_gaussians=_N_GAUSSIANS, random_state=seed)
    return guard.fit(whole)


def check(flow: FlowRetriever, recipe: Recipe, n: int, seed: int) -> dict[str, Any]:
    """Score a flow on unseen spectra with noise and gaps: loss, coverage and R2 by parameter."""
    data, X = training_set(recipe, n, seed)
    seen = redraw(augmentation(recipe), X, seed)
    truth = np.asarray(data.Y)
    samples = flow.sample_posterior(seen, 1000, random_state=seed)
    ranks = (samples < truth[:, None]).mean(axis=1)
    mean = samples.mean(axis=1)
    r2 = 1 - ((mean - truth) ** 2).mean(axis=0) / truth.var(axis=0)
    covered = {
        f"coverage_{level:.0%}": (np.abs(ranks - 0.5) < level / 2).mean(axis=0)
        for level in (0.5, 0.68, 0.95)
    }
    by_parameter = {
        name: {"r2": round(float(r2[k]), 3)}
        | {key: round(float(share[k]), 3) for key, share in covered.items()}
        for k, name in enumerate(data.space.names)
    }
    loss = float(-flow.log_prob(seen, truth).mean())
    return {"n": len(data), "negative_log_density": round(loss, 3), "parameters": by_parameter}


def finish(flow: FlowRetriever, name: str, data: Dataset, seed: int, folder: Path) -> None:
    """Score, strip and keep a trained flow, and a guard beside it."""
    recipe = RECIPES[name]
    metrics = check(flow, recipe, _N_CHECKED, seed + 10_000)
    metrics["validation_loss"] = flow.history_[0][-1]["valid_loss"]
    # It is not needed to predict, and would make the model depend on its code.
    flow.set_params(augmentation=None, verbose=0)
    flow.augmentation_ = None
    save_model(
        flow,
        folder / name,
        data,
        sigma=data.sigma,
        sigma_scale=recipe.scale,
        metrics=metrics,
        seed=seed,
        columns=COLUMNS,
    )
    save_guard(make_guard(recipe, seed + 20_000), name, folder)


def main(arguments: argparse.Namespace) -> None:
    """Make one model."""
    recipe, seed = RECIPES[arguments.name], arguments.seed
    with threadpool_limits(arguments.threads):
        started = time.perf_counter()
        data, X = training_set(recipe, arguments.n or recipe.n_spectra, seed)
        print(f"{len(data)} spectra in {time.perf_counter() - started:.0f} s", flush=True)
        started = time.perf_counter()
        flow = make_flow(recipe, seed, max_epochs=arguments.epochs or recipe.n_epochs)
        flow.fit(X, data.Y)
        print(f"trained in {time.perf_counter() - started:.0f} s", flush=True)
        finish(flow, arguments.name, data, seed, arguments.folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=list(RECIPES))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--n", type=int, help="spectra; the recipe's number by default")
    parser.add_argument("--epochs", type=int, help="the recipe's number by default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
