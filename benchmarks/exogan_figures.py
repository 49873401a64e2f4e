"""Tables and figures of exogan_task.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from exosk_exogan import exogan_grid
from matplotlib import rc_context

from exosk.report import save_figure
from exosk.report.completion import plot_completion
from exosk.report.panels import COLORS, MARKERS, STYLE, clean, head, panel_figure

# R2 of the GANs that were measured before, and what is asked for.
PUBLISHED = {
    "planet_radius": (0.99, 1.00, 0.99),
    "planet_mass": (-0.52, -0.81, 0.0),
    "temperature": (-0.65, -1.09, 0.0),
    "log_x_h2o": (0.83, 0.89, 0.92),
    "log_x_co2": (0.84, 0.95, 0.95),
    "log_x_co": (0.16, 0.29, 0.50),
    "log_x_ch4": (0.82, 0.80, 0.90),
}
LABELS = {
    "planet_radius": r"$R_\mathrm{p}$",
    "planet_mass": r"$M_\mathrm{p}$",
    "temperature": "$T$",
    "log_x_h2o": r"H$_2$O",
    "log_x_co2": r"CO$_2$",
    "log_x_co": "CO",
    "log_x_ch4": r"CH$_4$",
}
_EXAMPLES = {"full": "all bins", "wfc3": "only WFC3's bins, 1.1-1.7 um"}


def without_samples(found: dict[str, Any]) -> dict[str, Any]:
    """Return results as they are kept: numbers, and no spectra."""
    return {
        method: {
            case: _training(value) if case == "training" else value
            for case, value in cases.items()
            if case != "examples"
        }
        for method, cases in found.items()
    }


def _training(value: dict[str, Any]) -> dict[str, Any]:
    """A training's numbers, and its last epoch."""
    history = value["history"]
    last = history[0][-1] if isinstance(history[0], list) else history[-1]
    return {key: kept for key, kept in value.items() if key != "history"} | {"last_epoch": last}


def print_tables(result: dict[str, Any]) -> None:
    """Print R2, tolerance and coverage of every method and case."""
    names = list(PUBLISHED)
    for score in ("r2", "within_tolerance", "coverage_68", "coverage_95"):
        print(
            f"\n{score:<42}" + "".join(f"{name.removeprefix('log_x_')[:9]:>10}" for name in names)
        )
        if score == "r2":
            for k, who in enumerate(("DCGAN, ExoGAN's set", "WGAN-GP", "asked for")):
                print(f"{who:<42}" + "".join(f"{PUBLISHED[name][k]:>10.2f}" for name in names))
        for method, cases in result.items():
            for case, found in cases.items():
                if score in found:
                    values = "".join(f"{found[score][name]:>10.3f}" for name in names)
                    print(f"{f'{method}, {case}':<42}{values}")
    for method, cases in result.items():
        if training := cases.get("training"):
            print(
                f"\n{method}: {training['n_training']} spectra, {training['seconds']} s, "
                f"{training['memory_gb']} GB"
            )
    if "gan" not in result:
        return
    for case in ("30 ppm", "WFC3, 30 ppm"):
        found = result["gan"][case]
        print(f"\ngan, {case}: 200 completions in {found['seconds_per_200']} s; ppm by band")
        for band in found["completion"]["bands"]:
            print(
                f"{band['from_um']:8.3f}-{band['to_um']:<8.3f} seen {band['share_seen']:.2f}  "
                f"rms {band['rms_ppm']:7.1f}  median {band['median_ppm']:7.1f}  "
                f"said {band['said_ppm']:7.1f}  within 1 sigma {band['within_1_sigma']:.3f}"
            )
    for case in ("fits", "ExoGAN's spectrum"):
        print(f"\n{case}: {result['gan'].get(case)}")


def draw(found: dict[str, Any], folder: Path) -> None:
    """Draw the scores, and two completed spectra."""
    folder.mkdir(exist_ok=True)
    _draw_scores(found, folder / "exogan_task.png")
    example = found["gan"]["examples"]
    grid = exogan_grid(high=30.0)
    for name, title in _EXAMPLES.items():
        part = {key: np.array(value) for key, value in example[name].items()}
        figure = plot_completion(
            grid,
            part["data"],
            part["sigma"],
            part["completed"],
            part["std"],
            masked=~part["seen"],
            truth=np.array(example["depth"]),
            title=f"A test planet with 30 ppm of noise, completed from {title}",
        )
        save_figure(figure, folder / f"exogan_task_{name}.png")


def _draw_scores(found: dict[str, Any], path: Path) -> None:
    """R2 and coverage against noise, and errors of completed spectra by band."""
    cases = found["gan"]
    steps = sorted(
        int(case.split()[0]) for case in cases if case.endswith(" ppm") and "," not in case
    )
    with rc_context(STYLE):
        figure, (left, middle, right) = panel_figure(
            3, size=(3.6, 3.2), gap=(0.85, 0.8), top=0.1, right=0.0
        )
        for k, (name, label) in enumerate(LABELS.items()):
            color, marker = COLORS[k], MARKERS[k]
            for method, line in (("gan", "-"), ("mlp", ":")):
                if method in found:
                    values = [found[method][f"{ppm} ppm"]["r2"][name] for ppm in steps]
                    style = {"marker": marker, "markersize": 3.5} if method == "gan" else {}
                    shown = label if method == "gan" else None
                    left.plot(steps, values, line, color=color, lw=1.2, label=shown, **style)
            for level in (68, 95):
                values = [cases[f"{ppm} ppm"][f"coverage_{level}"][name] for ppm in steps]
                middle.plot(steps, values, "-", color=color, marker=marker, markersize=3, lw=0.9)
        for level in (0.68, 0.95):
            middle.axhspan(level - 0.05, level + 0.05, color="0.92", zorder=0)
            middle.axhline(level, color="0.6", lw=0.8, zorder=1)
        left.set_ylim(0, 1.02)
        left.set_ylabel("R2 (solid: GAN; dotted: MLP)" if "mlp" in found else "R2")
        middle.set_ylim(0.5, 1.0)
        middle.set_ylabel("share within the 68 and 95 % intervals")
        for axis in (left, middle):
            axis.set_xlabel("noise (ppm)")
        left.legend(fontsize=8, ncols=2, frameon=False, loc="lower left")
        _draw_bands(right, cases)
        for axis in (left, middle, right):
            clean(axis)
        head(figure, "ExoGAN's task: 462 bins at R = 100, 0.3-29.8 um, seven parameters")
    save_figure(figure, path)


def _draw_bands(axis: Any, cases: dict[str, Any]) -> None:
    for k, (case, label) in enumerate({"30 ppm": "all bins", "WFC3, 30 ppm": "WFC3 alone"}.items()):
        bands = cases[case]["completion"]["bands"]
        edges = [band["from_um"] for band in bands] + [bands[-1]["to_um"]]
        for key, what, line in (("rms_ppm", "rms error", "-"), ("said_ppm", "said", ":")):
            values = [band[key] for band in bands]
            style = {"color": COLORS[k], "ls": line, "lw": 1.3}
            axis.stairs(values, edges, label=f"{label}, {what}", **style)
    axis.axhline(30, color="0.6", lw=0.8)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(top=8 * axis.get_ylim()[1])  # room for the legend
    ticks = [0.3, 0.5, 1, 2, 5, 10, 30]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlabel("wavelength (um)")
    axis.set_ylabel("error of completed spectra (ppm)")
    axis.legend(fontsize=8, frameon=False, loc="upper right", ncols=2)
