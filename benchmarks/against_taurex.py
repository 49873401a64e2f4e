"""Does the built-in model agree with TauREx 3, and how much faster is it?

Needs the plugin ``exosk-taurex``. Both codes get the same opacities, atmospheres and layers.

Agreement, over random atmospheres of ExoGAN's priors and extremes, 0.3-30 um at R = 1000:

- *alike*: the plugin replaces the radii of TauREx's layers by the closed form of hydrostatic
  equilibrium, its annuli 2 r dz by differences of squares, and interpolates in temperature before
  pressure; the built-in model takes each layer's density as uniform, as TauREx does. What is left
  are optical depths: at most 1 ppm of absorption and Rayleigh scattering are asked for, and 5 ppm
  with collisions, clouds and haze. Decks lie on boundaries of layers here: TauREx makes layers
  whose middle is below the deck opaque, where the built-in model cuts the layer. With profiles,
  the built-in model mixes cross sections at some nodes of pressure and TauREx in every layer; 20
  nodes a decade are the layers' own pressures.
- *TauREx's interpolation*: the same but for TauREx's order, pressure before temperature.
- *as they are*: TauREx untouched against the built-in model's default, decks anywhere; and TauREx
  with up to 400 layers, where its differences of first order must halve at each doubling. What
  remains then is the order of interpolation.

Speed, one thread each, in one run: clear, isothermal and well mixed at R = 100 over 1-30 um (every
tenth sample of the tables) and at R = 1000 over 0.3-15 um; then four-point temperatures and a
two-layer abundance. TauREx runs with numba, after a warm-up; the two codes take turns.

Memory: peak of a process that simulates a large batch at R = 100.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from importlib import metadata
from typing import Any
from unittest import mock

import numpy as np
import torch
from against_taurex_figure import draw
from places import RESULTS, report
from tables import thinned

import exosk
from exosk.benchmark import Entry, Score, Task, describe_machine
from exosk.opacities import COLLISION_LOG_FLOOR, CollisionTable, OpacityTable, get_opacity
from exosk.simulators import Simulator, TransmissionModel
from exosk.simulators.quantities import default_space
from exosk.spectra import SpectralGrid

TASK = Task(
    title="Against TauREx 3",
    question="Does the built-in model agree with TauREx 3 on the same opacities (alike: with the "
    "same layers and interpolation too; asked for are 1 ppm of gases, 5 ppm of all), how many "
    "times faster is it on one thread, and how much memory does it take?",
    smoke=("--quick",),
    needs=("exosk_taurex",),
    minutes=10,
)

MOLECULES = ("H2O", "CO2", "CO", "CH4")
PPM = 1e6
N_LAYERS = 100
TOP, BOTTOM = 1e-9, 10.0  # bar
# Beyond the priors, each at 1e-4 of every molecule unless it says otherwise.
ORDINARY = {
    "planet_radius": 1.1,
    "planet_mass": 1.0,
    "star_radius": 1.0,
    "temperature": 1300.0,
    "log_x_h2o": -4.0,
    "log_x_co2": -4.0,
    "log_x_co": -4.0,
    "log_x_ch4": -4.0,
    "log_p_cloud": 1.0,
    "log_haze": -4.0,
    "haze_slope": -4.0,
}
EXTREMES = {
    "hot": {"planet_radius": 1.6, "planet_mass": 1.2, "temperature": 2950.0},
    "cold": {"planet_radius": 0.9, "planet_mass": 0.4, "temperature": 120.0},
    "small": {"planet_radius": 0.16, "planet_mass": 0.02, "temperature": 500.0,
              "star_radius": 0.3},
    "puffy": {"planet_radius": 1.8, "planet_mass": 0.25, "temperature": 1400.0},
    "steam": {"log_x_h2o": -0.3, "log_x_co2": -1.0, "temperature": 700.0},
    "cloudy": {"log_p_cloud": -5.0, "log_haze": 3.0, "haze_slope": -8.0},
}  # fmt: skip
CLOUDY = ("cloudy",)  # the last, left out where there is neither cloud nor haze
PROFILES = {"temperature_profile": "4-point", "abundance_profiles": {"H2O": "two-layer"}}
SHRINK = (100, 200, 400)


def atmospheres(names: list[str], n: int, *, leave_out: tuple[str, ...] = ()) -> np.ndarray:
    """Draws from ExoGAN's priors (the star's radius is 1), then the extremes."""
    space = default_space(MOLECULES)
    draws = space.sample(n, 0)
    value = {name: draws[:, k] for k, name in enumerate(space.names)} | {"star_radius": np.ones(n)}
    rows = np.stack([value[name] for name in names], -1)
    more = [ORDINARY | extreme for key, extreme in EXTREMES.items() if key not in leave_out]
    return np.concatenate([rows, [[row[name] for name in names] for row in more]])


@contextlib.contextmanager
def no_collisions() -> Iterator[None]:
    """Give both codes collision-induced absorption of nothing."""

    def look_up(name: str) -> OpacityTable | CollisionTable:
        table = get_opacity(name)
        if isinstance(table, CollisionTable):
            nothing = np.full(table.log_coefficient.shape, COLLISION_LOG_FLOOR)
            return CollisionTable(name, table.wavelength, table.temperature, nothing, {})
        return table

    with (
        mock.patch("exosk.simulators.transmission.get_opacity", look_up),
        mock.patch("exosk_taurex.shelf.get_opacity", look_up),
    ):
        yield


def pair(alike: bool, molecules: Any = MOLECULES, **options: Any) -> tuple[Simulator, Simulator]:
    """TauREx and the built-in model, with the same options; alike in their layers too, or not."""
    own = {"layers": "exact", "interpolation": "exosk"} if alike else {}
    density = {"layer_density": "uniform"} if alike else {}
    common = {"pressure_range": (TOP, BOTTOM), "n_layers": N_LAYERS} | options
    return (
        exosk.get_simulator("taurex", molecules=molecules, **own, **common),
        TransmissionModel(molecules, device="cpu", **density, **common),
    )


def on_boundaries(theta: np.ndarray, names: list[str]) -> np.ndarray:
    """Move cloud decks to the nearest boundary of layers."""
    theta = theta.copy()
    levels = np.linspace(np.log10(BOTTOM), np.log10(TOP), N_LAYERS + 1)
    k = names.index("log_p_cloud")
    nearest = np.abs(theta[:, k, None] - levels).argmin(1)
    theta[:, k] = levels[nearest]
    return theta


def agreement(n: int, grid: SpectralGrid | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Compare spectra; return what to report and what to draw."""
    whole = default_space(MOLECULES, fixed=())
    clear = default_space(MOLECULES, fixed=(), optional=())
    without = atmospheres(clear.names, n, leave_out=CLOUDY)
    anywhere = atmospheres(whole.names, n)
    in_clear = {"grid": grid, "space": clear, "fixed": {}}
    in_all = {"grid": grid, "space": whole, "fixed": {}}
    result, curves = {}, {}

    def case(label: str, models: tuple[Any, Any], theta: np.ndarray, asked: float | None) -> None:
        taurex, builtin = models
        difference = (builtin.simulate(theta) - taurex.simulate(theta)) * PPM
        worst = np.abs(difference).max(1)
        keys = list(EXTREMES)[: len(theta) - n] if len(theta) > n else []
        n_random = len(theta) - len(keys)
        result[label] = {
            "n_random": n_random,
            "max_random_ppm": round(float(worst[:n_random].max()), 4),
            "median_of_max_ppm": round(float(np.median(worst[:n_random])), 4),
            "max_extremes_ppm": {k: round(float(x), 4) for k, x in zip(keys, worst[n_random:])},
            "required_ppm": asked,
            "met": None if asked is None else bool(worst.max() <= asked),
        }
        curves[label] = (builtin.wavelength, difference, keys)
        show_agreement(label, result[label])

    with no_collisions():
        models = pair(True, **in_clear)
    case("absorption + Rayleigh, alike", models, without, 1.0)
    models = pair(True, **in_clear)
    case("+ collisions, alike", models, without, 5.0)
    other_order = (models[0].replace(interpolation="exp"), models[1])
    case("+ collisions, TauREx's interpolation", other_order, without, None)
    boundaries = on_boundaries(anywhere, whole.names)
    case("+ clouds and haze, alike", pair(True, **in_all), boundaries, 5.0)
    case("clear, as they are", pair(False, **in_clear), without, None)
    case("clouds and haze, as they are", pair(False, **in_all), anywhere, None)
    # So many nodes fit into memory at a tenth of the wavelengths only.
    tables = thinned(MOLECULES, 10, 0.3, 30.0)
    few = max(n // 5, 2)
    for label, more, asked in (
        ("profiles, alike, 20 nodes a decade", {"nodes_per_decade": 20}, 5.0),
        ("profiles, alike, default nodes", {}, None),
    ):
        models = pair(True, tables, fixed={"star_radius": 1.0}, **PROFILES, **more)
        space = models[0].space
        case(label, models, on_boundaries(space.sample(few, 0), space.names), asked)
    return result, curves


def show_agreement(label: str, case: dict[str, Any]) -> None:
    extremes = ", ".join(f"{k} {x:.2f}" for k, x in case["max_extremes_ppm"].items())
    asked = "" if case["met"] is None else (
        f"; asked {case['required_ppm']:g}: {'met' if case['met'] else 'NOT met'}"
    )  # fmt: skip
    print(
        f"{label}: {case['n_random']} random, largest {case['max_random_ppm']:.3f} ppm, median of "
        f"the largest {case['median_of_max_ppm']:.3f}; {extremes}{asked}",
        flush=True,
    )


def shrinking(grid: SpectralGrid | None) -> dict[str, Any]:
    """Both codes as they are, with more and more layers, against the built-in model's finest."""
    space = default_space(MOLECULES, fixed=())
    theta = atmospheres(space.names, 0)
    theta = on_boundaries(theta, space.names)
    result: dict[str, Any] = {key: {} for key in EXTREMES}
    options = {"space": space, "fixed": {}, "grid": grid}
    fine = pair(False, **options, n_layers=SHRINK[-1])[1].simulate(theta)
    for n_layers in SHRINK:
        taurex, builtin = pair(False, **options, n_layers=n_layers)
        depth, default = taurex.simulate(theta), builtin.simulate(theta)
        for k, key in enumerate(EXTREMES):
            result[key][str(n_layers)] = {
                "taurex_ppm": round(float(np.abs(depth - fine)[k].max() * PPM), 4),
                "builtin_ppm": round(float(np.abs(default - fine)[k].max() * PPM), 4),
            }
    print(f"\nLargest difference (ppm) from the built-in model with {SHRINK[-1]} layers")
    print("            TauREx as it is".ljust(40) + "built-in model")
    for key, by_layers in result.items():
        rows = ("taurex_ppm", "builtin_ppm")
        columns = ["  ".join(f"{n}: {by_layers[str(n)][r]:7.3f}" for n in SHRINK) for r in rows]
        print(f"{key:8s} {columns[0]}   {columns[1]}", flush=True)
    return result


def speed(n_taurex: int, n_builtin: int, n_rounds: int) -> dict[str, Any]:
    """Time both codes, in turns."""
    torch.set_num_threads(1)
    coarse, fine = thinned(MOLECULES, 10, 1.0, 30.0), thinned(MOLECULES, 1, 0.3, 15.0)
    cases: dict[str, tuple[list[OpacityTable], dict[str, Any], float | None]] = {
        "isothermal, R = 100, 1-30 um": (coarse, {}, 100.0),
        "isothermal, R = 1000, 0.3-15 um": (fine, {}, 50.0),
        "profiles, R = 100, 1-30 um": (coarse, PROFILES, 15.0),
        "profiles, R = 1000, 0.3-15 um": (fine, PROFILES, 15.0),
    }
    print(
        "\none thread each            wavelengths  TauREx ms  built-in ms  ratio  (processor time)"
    )
    result = {}
    for label, (tables, options, required) in cases.items():
        builtin = clear_model(TransmissionModel, tables, device="cpu", **options)
        taurex = clear_model(
            lambda molecules, **more: exosk.get_simulator("taurex", molecules=molecules, **more),
            tables,
            **options,
        )
        n = max(n_builtin * len(coarse[0].wavelength) // len(builtin.wavelength), 200)
        theta = builtin.space.sample(n, 1)
        taurex.simulate(theta[:2])
        builtin.simulate(theta[:200])
        wall, processor = [], []
        for _ in range(n_rounds):
            first = timed(taurex, theta[:n_taurex])
            second = timed(builtin, theta)
            wall.append((first[0], second[0]))
            processor.append((first[1], second[1]))
        wall_ms, processor_ms = (np.median(times, axis=0) * 1e3 for times in (wall, processor))
        ratio = float(np.median([a / b for a, b in wall]))
        result[label] = {
            "n_wavelengths": len(builtin.wavelength),
            "taurex_ms": round(float(wall_ms[0]), 3),
            "builtin_ms": round(float(wall_ms[1]), 4),
            "ratio": round(ratio, 1),
            "ratios": [round(a / b, 1) for a, b in wall],
            "ratio_of_processor_times": round(float(processor_ms[0] / processor_ms[1]), 1),
            "required": required,
            "met": None if required is None else ratio >= required,
        }
        case = result[label]
        asked = f", asked {required:g}: {'met' if case['met'] else 'NOT met'}" if required else ""
        print(
            f"{label:32s} {case['n_wavelengths']:5d} {case['taurex_ms']:10.1f} "
            f"{case['builtin_ms']:12.3f} {ratio:6.0f}  ({case['ratio_of_processor_times']:.0f})"
            f"{asked}",
            flush=True,
        )
    return result


def clear_model(make: Any, tables: list[OpacityTable], **options: Any) -> Simulator:
    """Make a simulator without clouds and haze, on a Sun."""
    model = make(tables, fixed={"star_radius": 1.0, "log_haze": 0.0}, **options)
    names = [n for n in model.space.names if n not in ("log_p_cloud", "haze_slope", "log_haze")]
    space = type(model.space)([model.space[name] for name in names])
    return make(tables, space=space, fixed={"star_radius": 1.0}, **options)


def timed(simulator: Simulator, theta: np.ndarray) -> tuple[float, float]:
    """Seconds a spectrum: of the clock, and of the processor."""
    started, worked = time.perf_counter(), time.process_time()
    simulator.simulate(theta)
    worked, elapsed = time.process_time() - worked, time.perf_counter() - started
    return elapsed / len(theta), worked / len(theta)


def peak_memory(n_spectra: int) -> dict[str, Any]:
    """Simulate one large batch with the built-in model; called in a process of its own."""
    import resource  # of Unix

    torch.set_num_threads(1)
    model = clear_model(TransmissionModel, thinned(MOLECULES, 10, 1.0, 30.0), device="cpu")
    depth = model.simulate(model.space.sample(n_spectra, 2))
    return {
        "n_spectra": n_spectra,
        "n_wavelengths": depth.shape[1],
        "result_mb": round(depth.nbytes / 1e6),
        # Linux counts in kB.
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3),
    }


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return what agreement, speed and memory are judged by; stages may be absent."""
    made = []
    for label, case in result.get("agreement", {}).items():
        largest = max([case["max_random_ppm"], *case["max_extremes_ppm"].values()])
        scores = [
            Score("largest difference", largest, "ppm", at_most=case["required_ppm"]),
            Score("of random atmospheres", case["max_random_ppm"], "ppm"),
            Score("median of the largest", case["median_of_max_ppm"], "ppm"),
        ]
        made.append(Entry(f"agreement: {label}", scores))
    if layers := result.get("layers"):
        for code, key in (("TauREx", "taurex_ppm"), ("built-in model", "builtin_ppm")):
            for n in SHRINK:
                off = [by_layers[str(n)][key] for by_layers in layers.values()]
                scores = [
                    Score("largest difference", max(off), "ppm"),
                    Score("median of the largest", round(float(np.median(off)), 4), "ppm"),
                ]
                label = f"{code} with {n} layers, from the built-in model with {SHRINK[-1]}"
                made.append(Entry(label, scores))
    for label, case in result.get("speed", {}).items():
        scores = [
            Score("times as fast", case["ratio"], at_least=case["required"]),
            Score("TauREx, a spectrum", case["taurex_ms"], "ms"),
            Score("built-in, a spectrum", case["builtin_ms"], "ms"),
        ]
        made.append(Entry(f"speed: {label}", scores))
    if case := result.get("memory"):
        scores = [Score("peak memory", case["peak_mb"], "MB", at_most=case["required_mb"])]
        made.append(Entry(f"memory: a batch of {case['n_spectra']:,} spectra", scores))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few of everything")
    parser.add_argument("--n-random", type=int, default=100)
    parser.add_argument("--n-memory", type=int, default=200_000)
    parser.add_argument("--only", choices=("agreement", "speed", "memory"))
    options = parser.parse_args()
    machine = describe_machine()
    machine["versions"] |= {name: metadata.version(name) for name in ("taurex", "numba")}
    quick = options.quick
    grid = SpectralGrid.from_resolution(1.0, 2.0, 30) if quick else None
    result: dict[str, Any] = {"molecules": MOLECULES}
    figures: list[str] = []
    wanted = (options.only,) if options.only else ("memory", "speed", "agreement")
    # NumPy, numba and torch read these when the processes that measure load them. Agreement comes
    # last: Linux counts the peak of this process as that of one that it starts.
    os.environ |= {f"{x}_NUM_THREADS": "1" for x in ("OMP", "OPENBLAS", "MKL", "NUMBA")}
    fresh = multiprocessing.get_context("spawn")
    if "memory" in wanted:
        with fresh.Pool(1) as pool:
            n = min(options.n_memory, 5000) if quick else options.n_memory
            result["memory"] = pool.apply(peak_memory, (n,))
        case = result["memory"]
        case |= {"required_mb": 2000, "met": case["peak_mb"] < 2000}
        print(
            f"\n{case['n_spectra']} spectra of {case['n_wavelengths']} wavelengths: peak memory "
            f"{case['peak_mb']} MB, of which {case['result_mb']} MB are the spectra; asked: below "
            f"2000 MB ({'met' if case['met'] else 'NOT met'})"
        )
    if "speed" in wanted:
        with fresh.Pool(1) as pool:
            result["speed"] = pool.apply(speed, (5, 500, 1) if quick else (30, 5000, 5))
        print()
    if "agreement" in wanted:
        result["agreement"], curves = agreement(5 if quick else options.n_random, grid)
        result["layers"] = shrinking(grid)
        draw(curves, RESULTS / "against_taurex.png")
        figures.append("against_taurex.png")
    report("against_taurex", TASK, machine, result, entries(result), figures)


if __name__ == "__main__":
    main()
