"""Does the built-in model reproduce the sample spectrum that comes with ExoGAN?

``input_spectrum.dat`` (Zingales & Waldmann 2018, AJ 156, 268) was made by TauREx 2 with k-tables
from ExoMol, at the parameters of ``input_spectrum.par``. Here the same planet is simulated with
exosk's own opacities, binned around the file's wavelengths, and compared where the tables reach.

TauREx 2's radius of Jupiter is 69,911 km, the mean one, and its Sun has 695,500 km
(``library_constants.py`` of the TauREx_public repository), where exosk has the IAU's 71,492 km and
695,700 km: the radii are converted, which takes away 372 of 405 ppm. The other 33 ppm, 0.2 % of the
radius or one and a half scale heights, are not explained: a scale height a fifth smaller than that
of the parameter file would fit level and contrast at once.

What else differs: line lists, k-tables against samples at R = 1000 (about ten a bin, whose error
:func:`exosk.inference.sampling_error` predicts), methane, of which our table has none at 1.65-2.0
um, the Rayleigh scattering of H2O, which TauREx includes, and collisions of H2 with He, for which
the k-table code that was read takes H2-H2's coefficient. The file's error column is a constant
20 ppm and no noise was added: its Rayleigh slope is smooth to 0.3 ppm.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import Any

import numpy as np
from places import RESULTS, SHARED_DATA, report
from scipy.optimize import least_squares

from exosk.benchmark import Entry, Score, Task, describe_machine
from exosk.inference import sampling_error
from exosk.simulators import TransmissionModel
from exosk.simulators.quantities import default_space
from exosk.spectra import SpectralGrid
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS

TASK = Task(
    title="ExoGAN's sample spectrum",
    question="How far is the built-in model from a spectrum that TauREx 2 made with other line "
    "lists (R = 100, 0.5-30 um), as it is and when parameters are fitted?",
    smoke=("--high", "3"),
    data=("exogan",),
    minutes=2,
)

LOW, HIGH = 0.5, 30.0  # um
TAUREX_JUPITER, TAUREX_SUN = 6.9911e9, 6.955e10  # cm
MOLECULES = ("H2O", "CO", "CO2", "CH4")
TRUTH = {
    "planet_radius": 0.88 * TAUREX_JUPITER / JUPITER_RADIUS,
    "planet_mass": 0.8,
    "temperature": 1117.0,
    "log_x_h2o": -1.0,
    "log_x_co": np.log10(2.15e-6),
    "log_x_co2": np.log10(1.29e-5),
    "log_x_ch4": np.log10(2.8e-3),
}
BOUNDS = {
    "planet_radius": (0.7, 1.0),
    "planet_mass": (0.3, 3.0),
    "temperature": (500.0, 2500.0),
    "log_x_h2o": (-4.0, -0.3),
    "log_x_co": (-8.0, -1.0),
    "log_x_co2": (-8.0, -1.0),
    "log_x_ch4": (-6.0, -1.0),
}
CASES = {
    "0.88 R_jup of the IAU (71,492 km)": "with_iau_radius_of_jupiter",
    "0.88 R_jup of TauREx (69,911 km)": "with_mean_radius_of_jupiter",
    "after a free offset": "after_free_offset",
    "after a free radius at 10 bar": "after_free_radius",
    "after free temperature and mass": "after_free_temperature_and_mass",
    "all seven parameters free": "after_all_seven_free",
}
BANDS = (0.5, 0.8, 1.1, 1.6, 2.1, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0)
PPM = 1e6


class Comparison:
    """The file's spectrum, and the model in its bins."""

    def __init__(self, high: float) -> None:
        path = SHARED_DATA / "exogan" / "input_spectrum.dat"
        wavelength, depth, _ = np.loadtxt(path)[::-1].T
        # Constant resolving power: edges half-way in the logarithm.
        inner = np.sqrt(wavelength[1:] * wavelength[:-1])
        first, last = wavelength[0] ** 2 / inner[0], wavelength[-1] ** 2 / inner[-1]
        edges = np.concatenate([[first], inner, [last]])
        kept = (edges[:-1] >= LOW) & (edges[1:] <= high)
        self.wavelength, self.depth = wavelength[kept], depth[kept]
        self.grid = SpectralGrid(edges[:-1][kept], edges[1:][kept])
        others = ("star_radius", "log_p_cloud", "log_haze", "haze_slope")
        space = default_space(MOLECULES, fixed=others)
        star = {"star_radius": TAUREX_SUN / SOLAR_RADIUS}
        self.simulator = TransmissionModel(MOLECULES, space=space, fixed=star, grid=self.grid)
        self._to_bins = self.grid.averaging_matrix(self.simulator.wavelength)

    def row(self, **changes: float) -> np.ndarray:
        values = TRUTH | changes
        return np.array([[values[name] for name in self.simulator.space.names]])

    def model(self, **changes: float) -> np.ndarray:
        """Depth in the bins, at the file's parameters but for the changes."""
        return np.asarray((self._to_bins @ self.simulator.simulate(self.row(**changes)).T).T[0])

    def fit(self, *free: str) -> tuple[dict[str, float], np.ndarray]:
        """Least squares over some parameters: their values and the residuals in ppm."""

        def residual(values: np.ndarray) -> np.ndarray:
            return (self.model(**dict(zip(free, values))) - self.depth) * PPM

        low, high = np.transpose([BOUNDS[name] for name in free])
        scale = 0.1 * (high - low)
        start = [TRUTH[name] for name in free]
        best = least_squares(residual, start, bounds=(low, high), x_scale=scale, diff_step=1e-4)
        values = {name: round(float(value), 4) for name, value in zip(free, best.x)}
        return values, residual(best.x)


def rms(values: np.ndarray) -> float:
    return round(float(np.sqrt(np.mean(np.square(values)))), 2)


def describe(residual: np.ndarray) -> dict[str, float]:
    return {
        "median_ppm": round(float(np.median(residual)), 2),
        "rms_ppm": rms(residual),
        "max_ppm": round(float(np.abs(residual).max()), 2),
    }


def at_lower_resolution(residual: np.ndarray, n: int = 5) -> np.ndarray:
    """Means of n neighbouring bins: sampling errors fall with sqrt(n), wrong opacities do not."""
    whole = residual[: len(residual) // n * n]
    return whole.reshape(-1, n).mean(axis=1)


def compare(high: float) -> tuple[dict[str, Any], Comparison, np.ndarray, np.ndarray]:
    """Make every comparison; also returns the residuals after an offset and the error predicted."""
    case = Comparison(high)
    model = case.model()
    iau = case.model(planet_radius=0.88)
    raw = (model - case.depth) * PPM
    shape = raw - raw.mean()
    predicted = sampling_error(case.simulator, case.row(), case.grid) * PPM
    radius, after_radius = case.fit("planet_radius")
    height, after_height = case.fit("temperature", "planet_mass")
    everything, after_everything = case.fit(*TRUTH)
    bands = []
    for low, high in itertools.pairwise(BANDS):
        inside = (case.wavelength >= low) & (case.wavelength < high)
        if not inside.any():
            continue
        part = shape[inside]
        bands.append(
            {
                "from_um": low,
                "to_um": high,
                "n_bins": int(inside.sum()),
                "mean_ppm": round(float(part.mean()), 1),
                "scatter_ppm": round(float(part.std()), 1),
                "max_ppm": round(float(np.abs(part).max()), 1),
                "sampling_error_ppm": rms(predicted[inside]),
            }
        )
    result = {
        "n_bins": len(case.wavelength),
        "with_iau_radius_of_jupiter": describe((iau - case.depth) * PPM),
        "with_mean_radius_of_jupiter": describe(raw),
        "after_free_offset": {**describe(shape), "offset_ppm": round(float(raw.mean()), 2)},
        "after_free_radius": {**describe(after_radius), **radius},
        "after_free_temperature_and_mass": {**describe(after_height), **height},
        "after_all_seven_free": {**describe(after_everything), **everything},
        "correlation": round(float(np.corrcoef(model, case.depth)[0, 1]), 4),
        "sampling_error_predicted_rms_ppm": rms(predicted),
        "normalised_scatter": round(float(np.std(shape / predicted)), 2),
        "at_r20_after_offset_rms_ppm": rms(at_lower_resolution(shape)),
        "at_r20_sampling_error_ppm": rms(predicted / np.sqrt(5)),
        "spectrum_scatter_ppm": round(float(np.std(case.depth) * PPM), 1),
        "bands": bands,
        "largest": [
            {"wavelength_um": round(float(case.wavelength[k]), 3), "ppm": round(float(shape[k]), 1)}
            for k in np.argsort(-np.abs(shape))[:10]
        ],
    }
    return result, case, shape, predicted


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return how far the model is off in each comparison, and how far it is expected to be."""
    made = []
    for label, key in CASES.items():
        found = result[key]
        scores = [
            Score("median difference", found["median_ppm"], "ppm"),
            Score("rms difference", found["rms_ppm"], "ppm"),
            Score("largest difference", found["max_ppm"], "ppm"),
        ]
        made.append(Entry(label, scores))
    others = [
        ("sampling error as predicted", "sampling_error_predicted_rms_ppm"),
        ("after a free offset, at R = 20", "at_r20_after_offset_rms_ppm"),
        ("sampling error as predicted, at R = 20", "at_r20_sampling_error_ppm"),
    ]
    for label, key in others:
        made.append(Entry(label, [Score("rms difference", result[key], "ppm")]))
    return made


def show(result: dict[str, Any]) -> None:
    print(f"ExoGAN's sample spectrum, {result['n_bins']} bins at R = 100, from {LOW} um\n")
    print("model - file, ppm                           median     rms     max")
    for label, key in CASES.items():
        median, root, worst = (result[key][f"{name}_ppm"] for name in ("median", "rms", "max"))
        found = [f"{k} {v:g}" for k, v in result[key].items() if not k.endswith("_ppm")]
        print(f"{label:40s} {median:9.1f} {root:7.1f} {worst:7.1f}  {', '.join(found[:3])}")
    print(
        f"correlation {result['correlation']}; the spectrum itself scatters by "
        f"{result['spectrum_scatter_ppm']} ppm\n"
        f"sampling error predicted {result['sampling_error_predicted_rms_ppm']} ppm rms, seen "
        f"{result['after_free_offset']['rms_ppm']}; at R = 20 predicted "
        f"{result['at_r20_sampling_error_ppm']}, seen {result['at_r20_after_offset_rms_ppm']}\n"
    )
    print("after the offset, ppm   bins    mean  scatter  predicted     max")
    for band in result["bands"]:
        print(
            f"{band['from_um']:7.1f} -{band['to_um']:5.1f} um {band['n_bins']:10d} "
            f"{band['mean_ppm']:7.1f} {band['scatter_ppm']:8.1f} "
            f"{band['sampling_error_ppm']:10.1f} {band['max_ppm']:7.1f}"
        )
    worst = ", ".join(f"{k['wavelength_um']} um {k['ppm']:+.0f}" for k in result["largest"])
    print(f"largest: {worst}")


def draw(case: Comparison, shape: np.ndarray, predicted: np.ndarray, offset: float) -> None:
    """Draw spectra and residuals into results/exogan_spectrum.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (above, below) = plt.subplots(
        2, 1, figsize=(9, 6), sharex=True, height_ratios=[2, 1], layout="constrained"
    )
    above.plot(case.wavelength, case.depth * 100, color="0.25", lw=1.3, label="TauREx 2, k-tables")
    label = f"exosk at the same parameters, {-offset:+.0f} ppm"
    above.plot(case.wavelength, case.depth * 100 + shape / 1e4, color="C1", lw=1.0, label=label)
    above.set_ylabel("transit depth (%)")
    above.set_title("ExoGAN's sample spectrum: 0.88 $R_J$, 0.8 $M_J$, 1117 K, 10 % H$_2$O")
    above.legend(frameon=False, loc="lower right")
    below.axhspan(-20, 20, color="0.93", lw=0, label="error bar of the file")
    below.fill_between(
        case.wavelength, -predicted, predicted, color="C0", alpha=0.35, lw=0,
        label=r"predicted sampling error, $1\sigma$",
    )  # fmt: skip
    below.plot(case.wavelength, shape, ".", color="C1", ms=4)
    below.set_ylabel("exosk - TauREx (ppm)")
    below.set_xlabel(r"wavelength ($\mu$m)")
    below.set_ylim(-75, 75)
    below.legend(frameon=False, loc="upper left", ncols=2, fontsize="small")
    below.set_xscale("log")
    ticks = [0.5, 0.7, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30]
    below.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    below.set_xticks([], minor=True)
    below.set_xlim(LOW, case.grid.upper[-1])
    RESULTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(RESULTS / "exogan_spectrum.png", dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--high", type=float, default=HIGH, help="end of the comparison, in um")
    options = parser.parse_args()
    if not (SHARED_DATA / "exogan").is_dir():
        sys.exit("ExoGAN's spectrum (../shared/data/exogan) is not on this machine: nothing to do")
    machine = describe_machine()
    result, case, shape, predicted = compare(options.high)
    show(result)
    draw(case, shape, predicted, result["after_free_offset"]["offset_ppm"])
    report("exogan_spectrum", TASK, machine, result, entries(result), ["exogan_spectrum.png"])


if __name__ == "__main__":
    main()
