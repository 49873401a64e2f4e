"""The training sets of the Ariel data challenges, in the layout in which they were published.

A folder has ``SpectralData.hdf5``, a group ``Planet_ID`` for each planet with
``instrument_wlgrid`` and ``instrument_width`` (um), ``instrument_spectrum`` and
``instrument_noise``; ``AuxillaryTable.csv`` (their spelling) with the systems; and, for training,
``Ground Truth Package/FM_Parameter_Table.csv`` with the parameters that each spectrum was made
with. The challenges of 2022 and 2023 and the ABC database are of this layout (Changeat & Yip 2023,
RASTI 2, 45; Yip et al. 2022, arXiv:2206.14642).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy import units as u
from sklearn.utils import check_random_state

from exosk.datasets.dataset import Dataset
from exosk.exceptions import FileFormatError, RangeError
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.rows import join_rows
from exosk.simulators.quantities import abundance_name, make_parameter
from exosk.spectra import SpectralGrid, Spectrum
from exosk.units import canonical

__all__ = ["ArielSet", "read_ariel"]

CITATION = "Changeat & Yip 2023, RASTI 2, 45 (the ABC database); Yip et al. 2022, arXiv:2206.14642"
_SPECTRA, _SYSTEMS = "SpectralData.hdf5", "AuxillaryTable.csv"
_TRUTH = ("Ground Truth Package/FM_Parameter_Table.csv", "FM_Parameter_Table.csv")
_PLANET, _ID = "Planet_", "planet_ID"
# Columns of the truth, by exosk's names; abundances are `log_` and a formula.
_QUANTITIES = {"planet_radius": "planet_radius", "planet_temp": "temperature"}
# Of the table of systems: exosk's name, and the unit that the column's name says.
_KNOWN = {
    "star_radius_m": ("star_radius", u.m, "star_radius"),
    "star_temperature": ("star_temperature", u.K, "temperature"),
    "planet_mass_kg": ("planet_mass", u.kg, "planet_mass"),
}
_DISTANCE = "planet_distance"  # au, semi-major axis
_STEPS = {"planet_radius": 0.01, "temperature": 100.0}


@dataclass(frozen=True, eq=False)
class ArielSet:
    """Observations of simulated planets, each with errors of its own.

    Attributes
    ----------
    depth, sigma : ndarray of shape (n, n_bins)
        Transit depths as they were published, and their 1-sigma errors.
    grid : SpectralGrid
        The bins.
    names : list of str
        Of the planets.
    systems : list of dict
        What a Spectrum's `meta` says of planet and star.
    theta : ParameterArray of shape (n, n_parameters) or None
        What the spectra were made with; None for a test set.
    space : ParameterSpace or None
        The parameters of `theta`. Their priors are uniform over the range of the values.
    """

    depth: np.ndarray
    sigma: np.ndarray
    grid: SpectralGrid
    names: list[str]
    systems: list[dict[str, float]]
    theta: np.ndarray | None
    space: ParameterSpace | None

    def __len__(self) -> int:
        return len(self.depth)

    @property
    def X(self) -> np.ndarray:
        """Depths, then errors, shape (n, 2 n_bins)."""
        return join_rows(self.depth, self.sigma)

    def spectrum(self, k: int) -> Spectrum:
        """Return one observation."""
        return Spectrum(
            self.grid,
            self.depth[k],
            self.sigma[k],
            name=self.names[k],
            instrument="Ariel (simulated)",
            reference=CITATION,
            meta=dict(self.systems[k]),
        )

    def to_dataset(self) -> Dataset:
        """Return a training set of the depths, with the median errors for reference.

        Raises
        ------
        RangeError
            If there is no truth to train on.
        """
        if self.theta is None or self.space is None:
            raise RangeError("a test set has no parameters to train on; read the training set")
        prefix = "log_x_"
        molecules = tuple(n.removeprefix(prefix).upper() for n in self.space.names if prefix in n)
        return Dataset(
            self.depth,
            self.theta,
            self.grid,
            self.space,
            molecules,
            provenance={"source": "Ariel data challenge", "citation": CITATION,
                        "noise": "as published: noise that the depths contain stays"},
            sigma=np.median(self.sigma, axis=0),
        )  # fmt: skip


def read_ariel(
    folder: str | os.PathLike[str],
    limit: int | None = None,
    random_state: Any = None,
    *,
    width: str = "full",
    progress: Callable[[float], None] | None = None,
) -> ArielSet:
    """Read a training or test set of an Ariel data challenge.

    Parameters
    ----------
    folder : path-like
        With ``SpectralData.hdf5`` and ``AuxillaryTable.csv``.
    limit : int, optional
        How many planets to read, drawn at random; all when not given.
    random_state : int, RandomState or None
        Seed of the draw.
    width : {"full", "half"}, default="full"
        What ``instrument_width`` is of a bin.
    progress : callable, optional
        Called with the share done.

    Returns
    -------
    ArielSet
        In the order of the table of systems. Where the truth is not known of all, those of which
        it is.

    Raises
    ------
    FileFormatError
        If a file is missing or of another layout, or planets were observed in different bins.
    RangeError
        If `limit` or `width` make no sense.
    """
    folder = Path(folder)
    if width not in ("full", "half"):
        raise RangeError(f"width={width!r} is not known; give 'full' or 'half'")
    if limit is not None and limit < 1:
        raise RangeError(f"limit={limit}; read at least one planet")
    systems = _read_table(folder / _SYSTEMS)
    truth_path = next((folder / name for name in _TRUTH if (folder / name).exists()), None)
    truth = None if truth_path is None else _read_table(truth_path)
    names = [name for name in systems if truth is None or _is_whole(truth.get(name))]
    if not names:
        raise FileFormatError(f"{truth_path} knows the parameters of no planet of {_SYSTEMS}")
    if limit is not None and limit < len(names):
        chosen = check_random_state(random_state).choice(len(names), limit, replace=False)
        names = [names[k] for k in np.sort(chosen)]
    grid, depth, sigma = _read_spectra(folder / _SPECTRA, names, width, progress)
    theta, space = (None, None) if truth is None else _parameters(truth, names, truth_path)
    known = [_system(systems[name], folder / _SYSTEMS) for name in names]
    return ArielSet(depth, sigma, grid, names, known, theta, space)


def _read_table(path: Path) -> dict[str, dict[str, str]]:
    """Rows by the planet's name."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {row[_ID]: row for row in rows}
    except FileNotFoundError:
        raise FileFormatError(
            f"there is no {path}; a set of the Ariel challenge has {_SPECTRA} and {_SYSTEMS}"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise FileFormatError(f"{path} is no table with a column {_ID}: {error}") from error


def _is_whole(row: dict[str, str] | None) -> bool:
    return row is not None and all((text or "").strip() for key, text in row.items() if key)


def _read_spectra(
    path: Path, names: list[str], width: str, progress: Callable[[float], None] | None
) -> tuple[SpectralGrid, np.ndarray, np.ndarray]:
    first: list[np.ndarray] = []
    depth, sigma = [], []
    try:
        with h5py.File(path, "r") as file:
            for k, name in enumerate(names):
                group = file[f"{_PLANET}{name}"]
                bins = [group[f"instrument_{key}"][:] for key in ("wlgrid", "width")]
                first = first or bins
                if not all(map(np.array_equal, bins, first)):
                    raise FileFormatError(
                        f"{path}: {name} has other bins than {names[0]}; read sets of one "
                        f"instrument by themselves"
                    )
                depth.append(group["instrument_spectrum"][:])
                sigma.append(group["instrument_noise"][:])
                if progress is not None and k % 100 == 0:
                    progress(k / len(names))
    except FileFormatError:
        raise
    except (OSError, KeyError, ValueError, AttributeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path} is not of the Ariel challenge's layout: {reason}") from error
    center, extent = first
    order = np.argsort(center)
    half = extent[order] / (2 if width == "full" else 1)
    return (
        SpectralGrid.from_centers(center[order], half),
        canonical(np.array(depth)[:, order], "depth", "instrument_spectrum"),
        canonical(np.array(sigma)[:, order], "depth", "instrument_noise"),
    )


def _parameters(
    truth: dict[str, dict[str, str]], names: list[str], path: Path | None
) -> tuple[np.ndarray, ParameterSpace]:
    columns = [key for key in truth[names[0]] if key in _QUANTITIES or key.startswith("log_")]
    if not columns:
        raise FileFormatError(f"{path} has no column of a parameter, such as planet_temp, log_H2O")
    theta = np.array([[_number(truth[name], key, path) for key in columns] for name in names])
    parameters = [_parameter(key, theta[:, k]) for k, key in enumerate(columns)]
    return theta, ParameterSpace(parameters)


def _parameter(column: str, values: np.ndarray) -> Parameter:
    molecule = column.removeprefix("log_")
    name = _QUANTITIES.get(column) or abundance_name(molecule)
    step = _STEPS.get(name, 1.0)
    low, high = step * np.floor(values.min() / step), step * np.ceil(values.max() / step)
    return make_parameter(name, [molecule], Uniform(float(low), float(max(high, low + step))))


def _system(row: dict[str, str], path: Path) -> dict[str, float]:
    found = {}
    for column, (name, unit, kind) in _KNOWN.items():
        if (row.get(column) or "").strip():
            value = _number(row, column, path) * unit
            found[name] = float(canonical(value, kind, name))
    if {"star_radius", "star_temperature"} <= set(found) and (row.get(_DISTANCE) or "").strip():
        # Of a black planet that shares its heat with its night side.
        ratio = found["star_radius"] * u.R_sun / (_number(row, _DISTANCE, path) * u.au)
        share = float(np.sqrt(ratio.to_value(u.dimensionless_unscaled) / 2))
        found["equilibrium_temperature"] = found["star_temperature"] * share
    return found


def _number(row: dict[str, str], column: str, path: Path | None) -> float:
    try:
        value = float(row[column])
    except (KeyError, TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise FileFormatError(f"{path}: {column} of {row[_ID]} is {row.get(column)!r}, no number")
    return value
