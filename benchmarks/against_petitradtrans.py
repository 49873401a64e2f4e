"""Does the built-in model agree with petitRADTRANS 3, and how much faster is it?

Needs the plugin ``exosk-petitradtrans``. Both codes get exosk's opacity tables, the same
atmospheres, 100 layers and the same wavelengths, 0.3-30 um at R = 1000. Asked for, of the same
opacities: differences of at most 20 ppm or 1 % of the spectrum's amplitude (its largest depth less
its smallest), over random atmospheres of ExoGAN's priors and extremes, that shrink with layers.

Why they differ, each measured here:

- *Radii*. petitRADTRANS integrates dP/rho between levels with a parabola in P. Where rho goes as P,
  a layer of thickness h in ln P comes out h^3/4 too thick (0.3 % at 100 layers, where h = 0.23),
  so that levels at low pressure lie too high; twice the layers leave an eighth.
- *Optical depths and annuli* are trapezoidal sums between levels. The path through the layer that
  a ray only grazes gets the mean of the densities at its ends, where most of the path lies near
  the lower end; the built-in model integrates both to second order.
- *Interpolation*. petitRADTRANS takes opacities linear in temperature and pressure, exosk ln(sigma)
  linear in 1/T, and the mixture's sigma in log P. The plugin hands tables over on finer nodes made
  by exosk's rule. What is left depends on the nodes of either code, not on layers, and is largest
  at single samples where water's table jumps by orders of magnitude between two nodes. The
  same opacities therefore mean fine nodes in both codes; samples and R = 100 bins as the codes are
  by default are there too. The table of layers is of fine nodes and every tenth wavelength.
- *Rayleigh scattering*. The same formula for H2, divided by a mass of 2 u where H2 has 2.016: 0.8 %
  more of it. For He petitRADTRANS's fit of the polarisability runs up to 36 % low around 0.6 um,
  which is 0.4 % of the sum of both.

Speed, one thread each, in one run, in turns: clear, isothermal and well mixed, at R = 100 over
1-30 um (every tenth sample), in petitRADTRANS's standard correlated-k mode (16 points in g, all
the same here), for which 200 times are asked, and in its line-by-line mode, which gives the same
spectra of these tables in less time; line by line also at R = 1000.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from itertools import pairwise
from typing import Any
from unittest import mock

import numpy as np
import torch
from places import RESULTS, report
from tables import thinned

import exosk
from exosk.benchmark import Entry, Score, Task, describe_machine
from exosk.opacities import rayleigh_h2, rayleigh_he
from exosk.opacities.masses import molar_mass
from exosk.parameters import ParameterSpace
from exosk.simulators import TransmissionModel, atmosphere
from exosk.simulators.quantities import default_space
from exosk.spectra import SpectralGrid
from exosk.units import JUPITER_RADIUS

TASK = Task(
    title="Against petitRADTRANS 3",
    question="Does the built-in model agree with petitRADTRANS 3 on the same opacities (allowed "
    "are 20 ppm or 1 % of a spectrum's amplitude), and how many times faster is it on one thread?",
    smoke=("--quick",),
    needs=("exosk_petitradtrans",),
    minutes=10,
)

MOLECULES = ("H2O", "CO2", "CO", "CH4")
PPM = 1e6
LAYERS = (100, 200, 400)
FINE = {"nodes_per_decade": 20, "temperature_step": 0.01}
REQUIRED_PPM, REQUIRED_SHARE, REQUIRED_RATIO = 20.0, 0.01, 200.0
ORDINARY = {
    "planet_radius": 1.1,
    "planet_mass": 1.0,
    "temperature": 1300.0,
    "log_x_h2o": -4.0,
    "log_x_co2": -4.0,
    "log_x_co": -4.0,
    "log_x_ch4": -4.0,
    "log_p_cloud": 1.0,
    "log_haze": -4.0,
    "haze_slope": -4.0,
    "star_radius": 1.0,
}
EXTREMES = {
    "hot": {"planet_radius": 1.6, "planet_mass": 1.2, "temperature": 2950.0},
    "cold": {"planet_radius": 0.9, "planet_mass": 0.4, "temperature": 120.0},
    "small": {"planet_radius": 0.16, "planet_mass": 0.02, "temperature": 500.0, "star_radius": 0.3},
    "puffy": {"planet_radius": 1.8, "planet_mass": 0.25, "temperature": 1400.0},
    "cloudy": {"log_p_cloud": -5.0, "log_haze": 3.0, "haze_slope": -8.0},
    "steam": {"log_x_h2o": -0.3, "log_x_co2": -1.0, "temperature": 700.0},
}


def atmospheres(space: ParameterSpace, n: int) -> np.ndarray:
    """Draws from ExoGAN's priors around a Sun, then the extremes."""
    draws = space.sample(n, 0)
    draws[:, space.index("star_radius")] = 1.0
    extremes = [[(ORDINARY | more)[name] for name in space.names] for more in EXTREMES.values()]
    return np.concatenate([draws, extremes])


def petitradtrans(**options: Any) -> Any:
    options = {"molecules": MOLECULES, "fixed": {}, "input_data": "exosk"} | options
    return exosk.get_simulator("petitradtrans", **options)


def agreement(n: int, low: float, high: float) -> tuple[dict[str, Any], Any]:
    """Compare spectra: as the codes are, and with nodes so fine that interpolation hardly matters.

    Fine nodes are computed in short ranges of wavelength, for the tables' size.
    """
    space = default_space(MOLECULES, fixed=())
    theta = atmospheres(space, n)
    cases = {
        "by default": ([low, high], {}),
        "fine nodes": (np.geomspace(low, high, 2 + round(np.log(high / low) / 0.3)), FINE),
    }
    result: dict[str, Any] = {"n_random": n, "required": "20 ppm or 1 % of the amplitude"}
    curves = None
    for case, (edges, nodes) in cases.items():
        parts = []
        for ends in pairwise(edges):
            common = {"space": space, "grid": SpectralGrid.from_edges(ends)}
            with cache_of_its_own():
                theirs = petitradtrans(**common, **nodes)
                pressures = {k: n for k, n in nodes.items() if k == "nodes_per_decade"}
                ours = TransmissionModel(MOLECULES, fixed={}, device="cpu", **common, **pressures)
                parts.append((ours.wavelength, ours.simulate(theta), theirs.simulate(theta)))
        wavelength, kept = np.unique(np.concatenate([part[0] for part in parts]), return_index=True)
        ours, theirs = (
            np.concatenate([part[k] for part in parts], axis=1).astype(float)[:, kept]
            for k in (1, 2)
        )
        curves = curves or (wavelength, (theirs - ours) * PPM)
        bins = SpectralGrid.from_resolution(low, high, 100).averaging_matrix(wavelength).T
        result[f"R = 1000 samples, {case}"] = judge(ours, theirs, n)
        result[f"R = 100 bins, {case}"] = judge(ours @ bins, theirs @ bins, n)
    print(f"\nlargest differences at {LAYERS[0]} layers, ppm; {n} random atmospheres, and extremes")
    names = ["median", "largest", *EXTREMES]
    print(" " * 30 + "".join(f"{name:>9s}" for name in names) + "  allowed")
    for label, row in result.items():
        if isinstance(row, dict):
            figures = "".join(f"{row['max_ppm'][name]:9.2f}" for name in names)
            print(f"{label:30s}{figures}  {row['share_of_allowed']:.0%} at worst")
    print(" " * 22 + "amplitude" + " " * 17 + "".join(f"{x:9.0f}" for x in row["amplitude_ppm"]))
    asked = result["R = 1000 samples, fine nodes"]
    print(
        f"asked: {REQUIRED_PPM:g} ppm or {REQUIRED_SHARE:.0%} of the amplitude, of the same "
        f"opacities: {'met' if asked['met'] else 'NOT met'}"
    )
    return result, curves


def judge(ours: np.ndarray, theirs: np.ndarray, n: int) -> dict[str, Any]:
    """Largest differences, of n random atmospheres and of each extreme, and what is allowed."""
    worst = np.abs(theirs - ours).max(1) * PPM
    amplitude = (ours.max(1) - ours.min(1)) * PPM
    allowed = np.maximum(REQUIRED_PPM, REQUIRED_SHARE * amplitude)
    figures = [np.median(worst[:n]), worst[:n].max(), *worst[n:]]
    return {
        "n_wavelengths": ours.shape[1],
        "max_ppm": dict(zip(["median", "largest", *EXTREMES], np.round(figures, 3).tolist())),
        "amplitude_ppm": amplitude[n:].round().tolist(),
        "share_of_allowed": round(float((worst / allowed).max()), 3),
        "n_atmospheres_beyond": int((worst > allowed).sum()),
        "met": bool((worst <= allowed).all()),
    }


@contextlib.contextmanager
def cache_of_its_own() -> Iterator[None]:
    """Keep the large files of a benchmark out of the user's cache."""
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, EXOSK_CACHE_DIR=folder),
    ):
        yield


def shrinking(n: int, step: int) -> dict[str, Any]:
    """Differences with more and more layers of petitRADTRANS, fine nodes in both codes."""
    space = default_space(MOLECULES, fixed=())
    theta = atmospheres(space, n)
    tables = thinned(MOLECULES, step, 0.3, 30.0)
    common = {"molecules": tables, "space": space, "fixed": {}}
    fine = {"nodes_per_decade": 10}
    truth = TransmissionModel(device="cpu", n_layers=400, **common, **fine).simulate(theta)
    nodes = fine | {"temperature_step": 0.02}
    names = [f"{n} random", *EXTREMES]
    print("\nlargest difference from the built-in model with 400 layers, ppm; fine nodes")
    print("layers   " + "".join(f"{name:>10s}" for name in names))
    result: dict[str, Any] = {}
    for n_layers in LAYERS:
        depth = petitradtrans(n_layers=n_layers, **common, **nodes).simulate(theta)
        worst = np.abs(depth - truth).max(1) * PPM
        figures = [worst[:n].max(), *worst[n:]]
        print(f"{n_layers:6d}   " + "".join(f"{x:10.2f}" for x in figures), flush=True)
        result[str(n_layers)] = dict(zip(names, (round(float(x), 3) for x in figures)))
    default = petitradtrans(n_layers=LAYERS[-1], **common).simulate(theta)
    coarse = TransmissionModel(device="cpu", n_layers=LAYERS[-1], **common).simulate(theta)
    for label, change in (("plugin's", default - depth), ("built-in's", coarse - truth)):
        worst = np.abs(change).max(1) * PPM
        figures = [worst[:n].max(), *worst[n:]]
        print(f"{label:9s}" + "".join(f"{x:10.2f}" for x in figures))
        result[f"{label} default nodes"] = dict(zip(names, (round(float(x), 3) for x in figures)))
    print("(the last two lines: what default nodes change in either code)")
    return result


def radii() -> dict[str, float]:
    """How much too high petitRADTRANS's uppermost level lies, as a share of its height."""
    from petitRADTRANS.radtrans import Radtrans

    mean, temperature, mass = 2.3, 1300.0, 1.9e30
    radius = 1.1 * JUPITER_RADIUS
    gravity = atmosphere.GRAVITATIONAL_CONSTANT * mass / radius**2
    scale = atmosphere.inverse_scale(temperature, mean * atmosphere.ATOMIC_MASS, mass)
    result = {}
    for n_layers in LAYERS:
        pressure = np.geomspace(1e-9, 10.0, n_layers + 1)
        theirs = Radtrans._compute_radius_hydrostatic_equilibrium(
            pressure,
            np.full(n_layers + 1, temperature),
            np.full(n_layers + 1, mean),
            gravity,
            10.0,
            radius,
        )
        exact = 1 / (1 / radius + scale * np.log(pressure / 10.0))
        result[str(n_layers)] = float((theirs[0] - radius) / (exact[0] - radius) - 1)
    print("height of the top too large by " + ", ".join(f"{x:.2%}" for x in result.values()))
    return result


def rayleigh() -> dict[str, list[float]]:
    """petitRADTRANS's Rayleigh cross sections over exosk's."""
    from petitRADTRANS.fortran_radtrans_core import fortran_radtrans_core as core

    wavelength = np.array([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 5.0])
    one, result = np.ones(1), {"wavelength_um": wavelength.tolist()}
    for gas, ours in (("H2", rayleigh_h2), ("He", rayleigh_he)):
        opacity = core.compute_rayleigh_scattering_opacities(
            gas, one, wavelength * 1e4, 2.3 * one, 1300 * one, 1e6 * one
        )[:, 0]
        ratio = opacity * molar_mass(gas) * atmosphere.ATOMIC_MASS / ours(wavelength)
        result[gas] = ratio.round(4).tolist()
        print(f"Rayleigh {gas}, over exosk's: {ratio.min():.3f} to {ratio.max():.3f}")
    return result


def speed(n_theirs: int, n_ours: int, n_rounds: int) -> dict[str, Any]:
    """Time both codes in turns; called in a process of its own."""
    torch.set_num_threads(1)
    clear = {"space": default_space(MOLECULES, optional=()), "fixed": {"star_radius": 1.0}}
    coarse, fine = thinned(MOLECULES, 10, 1.0, 30.0), thinned(MOLECULES, 1, 1.0, 30.0)
    cases = {
        "correlated-k, R = 100": (coarse, "c-k", REQUIRED_RATIO),
        "line by line, R = 100": (coarse, "lbl", None),
        "line by line, R = 1000": (fine, "lbl", None),
    }
    print("\none thread each         wavelengths  petitRADTRANS ms  built-in ms  ratio")
    result = {}
    for label, (tables, mode, required) in cases.items():
        builtin = TransmissionModel(tables, device="cpu", **clear)
        other = petitradtrans(molecules=tables, mode=mode, **clear)
        theta = clear["space"].sample(n_ours, 1)
        other.simulate(theta[:1])
        builtin.simulate(theta[:200])
        times = np.array(
            [(timed(other, theta[:n_theirs]), timed(builtin, theta)) for _ in range(n_rounds)]
        )
        ratios = times[:, 0] / times[:, 1]
        theirs, ours = np.median(times, axis=0) * 1e3
        ratio = float(np.median(ratios))
        result[label] = {
            "n_wavelengths": len(builtin.wavelength),
            "petitradtrans_ms": round(float(theirs), 2),
            "builtin_ms": round(float(ours), 4),
            "ratio": round(ratio, 1),
            "ratios": ratios.round(1).tolist(),
            "required": required,
            "met": None if required is None else ratio >= required,
        }
        met = result[label]["met"]
        asked = f", asked {required:g}: {'met' if met else 'NOT met'}" if required else ""
        print(
            f"{label:24s} {len(builtin.wavelength):10d} {theirs:17.1f} {ours:12.3f} {ratio:6.0f}"
            f"{asked}",
            flush=True,
        )
    return result


def timed(simulator: Any, theta: np.ndarray) -> float:
    """Seconds a spectrum."""
    started = time.perf_counter()
    simulator.simulate(theta)
    return (time.perf_counter() - started) / len(theta)


def draw(wavelength: np.ndarray, difference: np.ndarray) -> None:
    """Draw the differences by wavelength into results/against_petitradtrans.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    n = len(difference) - len(EXTREMES)
    figure, axis = plt.subplots(figsize=(9, 4), layout="constrained")
    low, high = difference[:n].min(0), difference[:n].max(0)
    axis.fill_between(wavelength, low, high, color="0.8", lw=0, label=f"{n} random")
    for name, curve in zip(EXTREMES, difference[n:]):
        axis.plot(wavelength, curve, lw=0.6, label=name)
    axis.set_yscale("symlog", linthresh=10)
    axis.set_xscale("log")
    axis.set_ylabel(r"petitRADTRANS $-$ built-in model (ppm)")
    axis.set_xlabel(r"wavelength ($\mu$m)")
    ticks = [0.3, 0.5, 1, 2, 3, 5, 10, 20, 30]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(wavelength[0], wavelength[-1])
    axis.legend(frameon=False, ncols=4, fontsize="small")
    RESULTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(RESULTS / "against_petitradtrans.png", dpi=130)
    plt.close(figure)


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return what agreement and speed are judged by; stages may be absent."""
    made = []
    for label, case in result.get("agreement", {}).items():
        if not isinstance(case, dict):
            continue
        # Of the same opacities.
        asked = 1.0 if label == "R = 1000 samples, fine nodes" else None
        scores = [
            Score(
                "largest difference over what is allowed", case["share_of_allowed"], at_most=asked
            ),
            Score("largest of random atmospheres", case["max_ppm"]["largest"], "ppm"),
            Score("median of the largest", case["max_ppm"]["median"], "ppm"),
            Score("largest of extremes", max(case["max_ppm"][name] for name in EXTREMES), "ppm"),
        ]
        made.append(Entry(f"agreement: {label}", scores))
    for n, row in result.get("layers", {}).items():
        random = next(value for name, value in row.items() if name.endswith("random"))
        scores = [
            Score("largest of random atmospheres", random, "ppm"),
            Score("largest of extremes", max(row[name] for name in EXTREMES), "ppm"),
        ]
        far = f"petitRADTRANS with {n} layers, from the built-in model with {LAYERS[-1]}"
        made.append(Entry(far if n.isdigit() else f"what the {n} change", scores))
    for label, case in result.get("speed", {}).items():
        scores = [
            Score("times as fast", case["ratio"], at_least=case["required"]),
            Score("petitRADTRANS, a spectrum", case["petitradtrans_ms"], "ms"),
            Score("built-in, a spectrum", case["builtin_ms"], "ms"),
        ]
        made.append(Entry(f"speed: {label}", scores))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few of everything")
    parser.add_argument("--n-random", type=int, default=100)
    parser.add_argument("--only", choices=("agreement", "speed"))
    options = parser.parse_args()
    quick = options.quick
    machine = describe_machine()
    machine["versions"]["petitRADTRANS"] = metadata.version("petitRADTRANS")
    result: dict[str, Any] = {"molecules": MOLECULES}
    figures: list[str] = []
    if options.only != "agreement":
        # NumPy and torch read these when the process that measures loads them.
        os.environ |= {f"{x}_NUM_THREADS": "1" for x in ("OMP", "OPENBLAS", "MKL")}
        with cache_of_its_own(), multiprocessing.get_context("spawn").Pool(1) as pool:
            result["speed"] = pool.apply(speed, (3, 500, 1) if quick else (20, 5000, 5))
        print()
    if options.only != "speed":
        ends = (1.0, 1.3) if quick else (0.3, 30.0)
        result["agreement"], curves = agreement(5 if quick else options.n_random, *ends)
        with cache_of_its_own():
            result["layers"] = shrinking(*((3, 60) if quick else (30, 10)))
        result["radii"], result["rayleigh"] = radii(), rayleigh()
        draw(*curves)
        figures.append("against_petitradtrans.png")
    report("against_petitradtrans", TASK, machine, result, entries(result), figures)


if __name__ == "__main__":
    main()
