"""What exogan_task.py asks beside scores: strange spectra, ExoGAN's own, and two to look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from exogan_scores import N_SAMPLES, observe
from exosk_exogan import exogan_simulator, read_exogan_spectrum
from exosk_exogan.parameters import MOLECULES, exogan_space
from places import SHARED_DATA
from scipy import stats

import exosk
from exosk.rows import join_rows
from exosk.simulators.binned import simulate_in_bins

PPM = 1e6
# Errors, in ppm, that ExoGAN's spectrum is retrieved with: its file's, and what two codes with
# opacities of their own differ by (exogan_spectrum.py).
SAMPLE_PPM = (20.0, 60.0)


def add_absorber(data: exosk.Dataset, log_x: float, molecule: str = "NH3") -> exosk.Dataset:
    """Simulate the same planets with one gas more."""
    simulator = exogan_simulator(
        molecules=(*MOLECULES, molecule),
        fixed={"star_radius": 1.0, f"log_x_{molecule.lower()}": log_x},
    )
    depth = simulate_in_bins(simulator, data.grid)(np.asarray(data.Y))
    provenance = {**simulator.provenance, "n_spectra": len(data)}
    return exosk.Dataset(
        depth.astype(np.float32),
        np.asarray(data.Y),
        data.grid,
        exogan_space(),
        data.molecules,
        provenance=provenance,
    )


def fits(model: Any, usual: exosk.Dataset, strange: exosk.Dataset) -> dict[str, Any]:
    """How well completed spectra fit what was observed, with and without a gas never seen.

    Chi-squared of the posterior's mean spectrum with the errors of the bins and the generator's, of
    usual spectra and of strange ones, and how many of the latter are beyond 99 % of the former.
    """
    found = {}
    values = {}
    for name, data in (("usual", usual), ("strange", strange)):
        X = observe(data, 30)
        depth, _ = np.split(X, 2, axis=1)
        residual = depth - model.complete(X)
        variance = (30 / PPM) ** 2 + model.variance_ + (model.factor_**2).sum(axis=0)
        values[name] = (residual**2 / variance).mean(axis=1)
        found[name] = {
            "median_reduced_chi2": round(float(np.median(values[name])), 3),
            "99_percent": round(float(np.quantile(values[name], 0.99)), 3),
        }
    beyond = values["strange"] > np.quantile(values["usual"], 0.99)
    found["strange"]["share_beyond_99_percent_of_usual"] = round(float(beyond.mean()), 3)
    return found


def retrieve_sample(model: Any, grid: exosk.SpectralGrid) -> dict[str, Any]:
    """Retrieve the spectrum that comes with ExoGAN; its parameters are known."""
    path = SHARED_DATA / "exogan" / "input_spectrum.dat"
    if not path.exists():
        return {"skipped": "ExoGAN's spectrum (../shared/data/exogan) is not on this machine"}
    spectrum = read_exogan_spectrum(path)
    inside = spectrum.grid.upper <= grid.upper[-1] * (1 + 1e-9)
    depth = spectrum.depth[inside]
    # Its star is a hundredth of a percent smaller than one of exosk's solar radii.
    depth = depth * spectrum.meta["star_radius"] ** 2
    found: dict[str, Any] = {"truth": spectrum.meta["truth"]}
    for ppm in SAMPLE_PPM:
        X = join_rows(depth[None], np.full((1, len(depth)), ppm / PPM))
        draws, completed = model.sample_completion(X, 2 * N_SAMPLES, 0)
        low, middle, high = np.quantile(draws[0], stats.norm.cdf([-1, 0, 1]), axis=0)
        residual = PPM * (depth - completed[0].mean(axis=0))
        found[f"{ppm:g} ppm"] = {
            "residual_rms_ppm": round(float(np.sqrt((residual**2).mean())), 1),
            "efficiency": round(float(model.efficiency(X)[0]), 4),
            "posterior": {
                name: {
                    "median": round(float(middle[k]), 4),
                    "lower": round(float(low[k]), 4),
                    "upper": round(float(high[k]), 4),
                }
                for k, name in enumerate(exogan_space().names)
            },
        }
    return found


def examples(model: Any, data: exosk.Dataset, wfc3: np.ndarray) -> dict[str, Any]:
    """A spectrum to look at, completed from all of its bins and from WFC3's.

    The first test planet with all four gases above 1e-5.
    """
    gases = [name.startswith("log_x") for name in data.space.names]
    row = int(np.flatnonzero((np.asarray(data.Y)[:, gases] > -5).all(axis=1))[0])
    one = data[[row]]
    found: dict[str, Any] = {
        "row": row,
        "truth": dict(zip(data.space.names, np.asarray(one.Y)[0].tolist(), strict=True)),
        "depth": one.X[0].tolist(),
    }
    for name, seen in (("full", None), ("wfc3", wfc3)):
        X = observe(one, 30, seen)
        whole, sigma = np.split(observe(one, 30)[0], 2)
        mean, std = model.complete(X, return_std=True)
        found[name] = {
            "data": whole.tolist(),
            "sigma": sigma.tolist(),
            "seen": (np.ones(len(whole), dtype=bool) if seen is None else seen).tolist(),
            "completed": mean[0].tolist(),
            "std": std[0].tolist(),
            "samples": model.sample_posterior(X, N_SAMPLES, 0)[0].tolist(),
        }
    return found
