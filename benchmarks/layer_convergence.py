"""Are a hundred layers enough? The default layering against 200 and 400.

Asked for: within 1 ppm of 400 layers, over 100 random atmospheres of the default priors (ExoGAN's)
and some extremes, at every sample of 0.3-30 um.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from places import report

from exosk.benchmark import Entry, Score, Task, describe_machine

TASK = Task(
    title="Are a hundred layers enough?",
    question="How far is the built-in model's spectrum with 100 layers, its default, from that "
    "with 400, at any sample of 0.3-30 um at R = 1000?",
    smoke=("--n-random", "5"),
    minutes=1,
)

MOLECULES = ("H2O", "CO2", "CO", "CH4")
REQUIRED = 1.0  # ppm


def compare(n_random: int) -> dict[str, Any]:
    from exosk.evaluation.atmospheres import comparison_atmospheres
    from exosk.grids import SpectralGrid
    from exosk.simulators import TransmissionModel

    models = {n: TransmissionModel(MOLECULES, n_layers=n) for n in (100, 200, 400)}
    names, theta = comparison_atmospheres(models[100].space, n_random, 1)
    cases = {name: theta[[k]] for k, name in enumerate(names[:-n_random])}
    cases = {"random": theta[-n_random:], **cases}
    bins = SpectralGrid.from_resolution(0.35, 28.0, 100)
    matrix = bins.averaging_matrix(models[100].wavelength)
    rows = {}
    for label, theta in cases.items():
        depth = {n: 1e6 * model.simulate(theta).astype(float) for n, model in models.items()}
        error = np.abs(depth[100] - depth[400])
        in_bins = np.abs((matrix @ (depth[100] - depth[400]).T).T)
        where = np.unravel_index(error.argmax(), error.shape)
        rows[label] = {
            "feature_ppm": round(float(np.ptp(depth[400], axis=1).mean())),
            "rms_ppm": round(float(np.sqrt(np.mean(error**2))), 4),
            "largest_ppm": round(float(error.max()), 2),
            "at_um": round(float(models[100].wavelength[where[1]]), 3),
            "samples": error.size,
            "samples_above_1ppm": int((error > REQUIRED).sum()),
            "largest_in_r100_bins_ppm": round(float(in_bins.max()), 2),
            "rms_of_200_layers_ppm": round(
                float(np.sqrt(np.mean((depth[200] - depth[400]) ** 2))), 4
            ),
        }
    return rows


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return how far each atmosphere's spectrum is off."""
    made = []
    for label, row in result["cases"].items():
        n = row["samples"] // result["cases"]["hot"]["samples"]
        scores = [
            Score("largest difference", row["largest_ppm"], "ppm", at_most=REQUIRED),
            Score("samples above 1 ppm", row["samples_above_1ppm"]),
            Score("in bins of R = 100", row["largest_in_r100_bins_ppm"], "ppm"),
            Score("rms difference", row["rms_ppm"], "ppm"),
            Score("rms difference of 200 layers", row["rms_of_200_layers_ppm"], "ppm"),
            Score("contrast of the spectrum", row["feature_ppm"], "ppm"),
        ]
        made.append(Entry(f"{n} random" if label == "random" else label, scores))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n-random", type=int, default=100)
    options = parser.parse_args()
    machine = describe_machine()
    rows = compare(options.n_random)
    print(
        "100 against 400 layers, ppm   feature      rms   largest (at um)   above 1   R = 100 bins"
    )
    for label, row in rows.items():
        print(
            f"{label:28s} {row['feature_ppm']:9d} {row['rms_ppm']:8.4f} {row['largest_ppm']:9.2f} "
            f"({row['at_um']:6.2f}) {row['samples_above_1ppm']:5d}/{row['samples']:<7d} "
            f"{row['largest_in_r100_bins_ppm']:8.2f}"
        )
    result = {"molecules": MOLECULES, "cases": rows}
    report("layer_convergence", TASK, machine, result, entries(result))


if __name__ == "__main__":
    main()
