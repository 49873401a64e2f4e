"""Where opacities come from: exosk's tables in the cache, or a folder of petitRADTRANS's data."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import h5py
import numpy as np

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.opacities import CollisionTable, OpacityTable, get_opacity
from exosk.opacities.masses import molar_mass
from exosk.simulators.absorbers import pressure_nodes
from exosk.simulators.binned import samples_for
from exosk.simulators.limits import check_opacities
from exosk_petitradtrans.engine import configured_input_data, petitradtrans, unattended
from exosk_petitradtrans.tables import cache_folder, collision_file, line_file

__all__ = ["Opacities", "exosk_opacities", "input_folder", "user_opacities"]

_Table = TypeVar("_Table", OpacityTable, CollisionTable)

_PAIRS = ("H2-H2", "H2-He")
_FULL_RESOLUTION = 1e6  # of petitRADTRANS's line-by-line tables
# Bins lie at c-k's wavelengths to within this, which is far below a bin's width at R = 1000.
_MISPLACED = 1e-4
_MARGIN = 0.02
# Of ln T in collision-induced absorption, whose tables are small.
_PAIR_STEP = 0.05
_ROUNDING = 5e-10


class Opacities(NamedTuple):
    """What a Radtrans object is made of.

    `species` maps molecules to petitRADTRANS's names, `masses` gases to the molar masses that
    belong to them; `wavelength` (um, ascending) is what it must compute, or None if the files
    decide.
    """

    folder: Path
    species: dict[str, str]
    pairs: list[str]
    masses: dict[str, float]
    boundaries: tuple[float, float]
    wavelength: np.ndarray | None
    temperature_range: tuple[float, float]
    sampling: int
    provenance: dict[str, Any]


def input_folder(input_data: str | Path) -> Path | None:
    """Return the folder of petitRADTRANS's data to take, or None for exosk's own tables.

    Raises
    ------
    FileFormatError
        If there is no such folder.
    """
    if input_data == "exosk":
        return None
    if input_data in ("auto", "user"):
        folder = configured_input_data()
        if folder is None and input_data == "user":
            raise FileFormatError(
                "petitRADTRANS has no folder of input data configured that exists; give its path "
                "as input_data, or take exosk's tables with input_data='exosk'"
            )
        return folder
    folder = Path(input_data).expanduser().absolute()
    if not (folder / "opacities").is_dir():
        raise FileFormatError(
            f"{folder} is no folder of petitRADTRANS input data (it has no folder 'opacities'); "
            f"give the folder named input_data, or take exosk's tables with input_data='exosk'"
        )
    return folder


def exosk_opacities(
    sources: Sequence[str | OpacityTable],
    grid: SpectralGrid | None,
    mode: str,
    pressure_range: tuple[float, float],
    nodes_per_decade: int,
    temperature_step: float,
) -> Opacities:
    """Put exosk's tables into the cache, no more of them than the bins need.

    Raises
    ------
    RangeError
        If a table does not reach over the atmosphere or the bins, or c-k mode cannot hold it.
    """
    tables = [get_opacity(m) if isinstance(m, str) else m for m in sources]
    check_opacities(tables)
    first = tables[0]
    needed = np.flatnonzero(samples_for(grid, first.wavelength))
    ends = first.wavelength[needed[[0, -1]]]
    wavelength = first.wavelength[needed[0] : needed[-1] + 1]
    if mode == "c-k":
        _check_spacing(wavelength)
    nodes = pressure_nodes(pressure_range, nodes_per_decade)
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    species = {}
    for table in tables:
        part = table.select(*ends).at_pressures(nodes)
        species[table.name] = line_file(_refine(part, temperature_step), mode, folder)
    pairs = [
        _refine(get_opacity(name).at_wavelengths(_beyond(wavelength)), _PAIR_STEP)
        for name in _PAIRS
    ]
    low = max(table.temperature[0] for table in tables)
    high = min(table.temperature[-1] for table in tables)
    return Opacities(
        folder=folder,
        species=species,
        pairs=[collision_file(pair, folder) for pair in pairs],
        masses={gas: molar_mass(gas) for gas in [*species, "H2", "He"]},
        boundaries=_boundaries(wavelength, mode),
        wavelength=wavelength,
        temperature_range=(float(low), float(high)),
        sampling=1,
        provenance={table.name: table.provenance for table in [*tables, *pairs]},
    )


def _beyond(wavelength: np.ndarray) -> np.ndarray:
    """Move the ends outwards by less than a table's own rounding.

    petitRADTRANS takes collision-induced absorption for none where a wavelength, converted to a
    frequency and back, lies outside its table by the last digit.
    """
    outwards = np.zeros(wavelength.shape)
    outwards[0], outwards[-1] = -_ROUNDING, _ROUNDING
    return wavelength * (1 + outwards)


def _refine(table: _Table, step: float) -> _Table:
    """Add temperatures by exosk's rule, so that petitRADTRANS's linear ones follow it closely.

    Between exosk's nodes the logarithm is linear in 1/T: for collision-induced absorption between
    1000 and 2000 K, for one, that is far from linear in T.
    """
    old = table.temperature
    parts = [max(1, math.ceil(math.log(b / a) / step)) for a, b in pairwise(old)]
    between = [1 / np.linspace(1 / a, 1 / b, n + 1)[:-1] for (a, b), n in zip(pairwise(old), parts)]
    low = np.repeat(np.arange(len(parts)), parts)
    weight = np.concatenate([np.arange(n) / n for n in parts])[:, None]
    field = "log_cross_section" if isinstance(table, OpacityTable) else "log_coefficient"
    cube = getattr(table, field)
    fine = cube[..., low, :] + weight * (cube[..., low + 1, :] - cube[..., low, :])
    return dataclasses.replace(
        table,
        temperature=np.concatenate([*between, old[-1:]]),
        **{field: np.concatenate([fine, cube[..., -1:, :]], axis=-2)},
    )


def _check_spacing(wavelength: np.ndarray) -> None:
    """Refuse samples that do not lie in the middles of contiguous bins."""
    wavenumber = 1 / wavelength
    middle = (wavenumber[:-2] + 2 * wavenumber[1:-1] + wavenumber[2:]) / 4
    worst = np.max(np.abs(middle / wavenumber[1:-1] - 1), initial=0.0)
    if wavelength.size < 2 or worst > _MISPLACED:
        raise RangeError(
            "mode 'c-k' needs at least two wavelengths with even steps, and those of the tables "
            f"lie up to {worst:.1e} off the middles of their bins; choose mode='lbl'"
        )


def _boundaries(wavelength: np.ndarray, mode: str) -> tuple[float, float]:
    """Limits for which petitRADTRANS takes these samples and no others.

    Line by line it rounds outwards, so that they lie a quarter of a step inside; in c-k mode it
    takes bins whose middle is inside, and fills up with empty ones to the limits.
    """
    low, high = wavelength[[0, -1]]
    first, last = (wavelength[[1, -1]] / wavelength[[0, -2]]) ** (0.25 if mode == "lbl" else -0.25)
    return float(low * first), float(high / last)


def user_opacities(
    folder: Path,
    sources: Sequence[str | OpacityTable],
    grid: SpectralGrid | None,
    mode: str,
    names: Mapping[str, str],
    resolution: float | None,
) -> Opacities:
    """Find the files of a user's folder, by petitRADTRANS's rules for names.

    Raises
    ------
    FileFormatError
        If a file is missing, or several would do.
    RangeError
        If the files do not cover the bins, or a table was given in place of a name.
    """
    opacities = petitradtrans()[1]
    kind = opacities.CorrelatedKOpacity if mode == "c-k" else opacities.LineByLineOpacity
    for source in sources:
        if not isinstance(source, str):
            raise RangeError(
                f"{source.name} is a table, but opacities come from petitRADTRANS's data in "
                f"{folder}; name the molecule, or choose input_data='exosk'"
            )
    if not sources or len(set(sources)) < len(sources):
        raise RangeError(
            f"the model needs at least one molecule, and each once; got ({', '.join(sources)})"
        )
    unknown = [molecule for molecule in names if molecule not in sources]
    if unknown:
        raise UnknownNameError.suggest("molecule of the model", unknown[0], sources)
    species = {molecule: names.get(molecule, molecule) for molecule in sources}
    sampling = 1
    if resolution is not None and mode == "lbl":
        sampling = max(1, round(_FULL_RESOLUTION / resolution))
    elif resolution is not None:
        species = {m: f"{name}.R{resolution:.0f}" for m, name in species.items()}
    files = {m: _find(kind, name, folder) for m, name in species.items()}
    pairs = [pair.replace("-", "--") for pair in _PAIRS]
    provenance: dict[str, Any] = {
        pair: str(_find(opacities.CIAOpacity, pair, folder)) for pair in pairs
    }
    found = {molecule: _read_limits(path) for molecule, path in files.items()}
    low = max(limits["wavelength"][0] for limits in found.values())
    high = min(limits["wavelength"][1] for limits in found.values())
    if grid is not None:
        if grid.range[0] < low or grid.range[1] > high:
            raise RangeError(
                f"the bins span {grid.range[0]:.4g}-{grid.range[1]:.4g} um but the opacities in "
                f"{folder} only {low:.4g}-{high:.4g} um; leave out the bins beyond"
            )
        low = max(low, grid.range[0] * (1 - _MARGIN))
        high = min(high, grid.range[1] * (1 + _MARGIN))
    masses = {m: limits["mass"] for m, limits in found.items()}
    return Opacities(
        folder=folder,
        species=species,
        pairs=pairs,
        masses=masses | {gas: molar_mass(gas) for gas in ("H2", "He")},
        boundaries=(low * (1 + 1e-9), high * (1 - 1e-9)),
        wavelength=None,
        temperature_range=(
            max(limits["temperature"][0] for limits in found.values()),
            min(limits["temperature"][1] for limits in found.values()),
        ),
        sampling=sampling,
        provenance=provenance | {m: str(path) for m, path in files.items()},
    )


def _find(kind: Any, name: str, folder: Path) -> Path:
    """Find one file, as petitRADTRANS would."""
    remedy = (
        "put the file there, or say in species={molecule: name} which of several to take, as in "
        "'H2O__POKAZATEL', or take exosk's tables with input_data='exosk'"
    )
    with unattended(f"to find the opacities of {name} in {folder}", remedy):
        return Path(kind.find(name, path_input_data=str(folder), search_online=False))


def _read_limits(path: Path) -> dict[str, Any]:
    """Range of wavelengths (um) and temperatures (K), and the molar mass, of a file of lines."""
    try:
        with h5py.File(path, "r") as file:
            edges, temperature = file["bin_edges"], file["t"][()]
            ends = sorted(1e4 / edges[[0, -1]].astype(float))
            return {
                "wavelength": ends,
                "temperature": (float(temperature.min()), float(temperature.max())),
                "mass": float(np.ravel(file["mol_mass"][()])[0]),
            }
    except (OSError, RuntimeError, LookupError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{path} is no readable petitRADTRANS opacity file: {reason}; replace it"
        ) from error
