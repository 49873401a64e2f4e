"""From a file's arrays to a table: one unit, one order, and nothing that cannot be true.

What every reader shares. A reader finds the arrays and says in which units they are; here the
shapes are compared, the axes put in ascending order, and values refused that no unit error could
leave standing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import ExoskError, FileFormatError, UnitError
from exosk.opacities.formats.file_units import UnitChoice, to_bar, to_cm2, to_um
from exosk.opacities.formats.ktable import KTable
from exosk.opacities.table import LOG_FLOOR, OpacityTable

__all__ = ["FileContent", "assemble_ktable", "assemble_table", "damage_is_a_format_error"]

# The strongest molecular lines, resolved and cold, stay below 1e-13 cm2; resonance lines of
# atoms reach 1e-11 (Na D at 500 K and low pressure: 3e-12). Mass opacities, in cm2/g, start
# where cross sections end.
_LARGEST_MOLECULE, _LARGEST_ATOM = 1e-12, 1e-9  # cm2
_PRESSURES = 1e-12, 1e5  # bar; 1e5 is deeper than any table, and 1 bar in Pa
_WAVELENGTHS = 0.05, 1000.0  # um
_TEMPERATURES = 1.0, 1e5  # K


@dataclass(frozen=True)
class FileContent:
    """What a reader found in a file.

    Attributes
    ----------
    path : Path
        The file.
    kind : str
        Its format, in words, as in ``"ExoMolOP/TauREx HDF5"``.
    name : str
        The absorber.
    spectral : array of shape (n_spectral,)
        Wavelengths or wavenumbers; edges of bins for k-tables.
    temperature, pressure : array
        K, and in `pressure_unit`.
    values : array or h5py.Dataset of shape (n_pressure, n_temperature, n_spectral[, n_g])
        Linear, in `cross_section_unit`.
    spectral_unit, pressure_unit, cross_section_unit : UnitChoice
        And who said so.
    weights : array of shape (n_g,), optional
        Of k-tables.
    negative_is_none : bool
        Whether negative values stand for none, as in tables that were interpolated carelessly,
        instead of for a mistake; the card then counts them.
    card : dict
        What the file says of itself (citation, version), for the provenance.
    """

    path: Path
    kind: str
    name: str
    spectral: Any
    temperature: Any
    pressure: Any
    values: Any
    spectral_unit: UnitChoice
    pressure_unit: UnitChoice
    cross_section_unit: UnitChoice
    weights: Any = None
    negative_is_none: bool = False
    card: dict[str, Any] = field(default_factory=dict)


@contextmanager
def damage_is_a_format_error(path: Path, kind: str) -> Iterator[None]:
    """Turn what HDF5 or NumPy raise on a damaged file into one sentence.

    Raises
    ------
    FileFormatError
        Naming the file.
    """
    try:
        yield
    except ExoskError:
        raise
    except KeyError as error:
        raise FileFormatError(f"{path} is no complete {kind} file: {error}") from error
    except (OSError, ValueError, TypeError, LookupError, RuntimeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{path} cannot be read as a {kind} file ({reason}); it may be truncated"
        ) from error


def assemble_table(content: FileContent) -> OpacityTable:
    """Make a table of cross sections.

    Parameters
    ----------
    content : FileContent
        Of three axes.

    Raises
    ------
    FileFormatError
        If shapes do not belong together, an axis has no order, or values are NaN or negative.
    UnitError
        If the values can only be in another unit.
    """
    wavelength, w_order = _spectral_axis(content)
    temperature, t_order = _temperature_axis(content)
    pressure, p_order = _pressure_axis(content)
    shape = (p_order.size, t_order.size, np.shape(content.spectral)[0])
    log_sigma = _log10_values(content, shape)
    log_sigma = _reordered(log_sigma, p_order, t_order, w_order)
    return OpacityTable(
        content.name, wavelength, temperature, pressure, log_sigma, _provenance(content)
    )


def assemble_ktable(content: FileContent) -> KTable:
    """Make a k-table; parameters and errors as those of :func:`assemble_table`."""
    edges, _ = _spectral_axis(content)
    temperature, t_order = _temperature_axis(content)
    pressure, p_order = _pressure_axis(content)
    weights = np.asarray(content.weights, dtype=np.float64)
    n_bins = np.shape(content.spectral)[0] - 1
    if edges.size != n_bins + 1:
        raise FileFormatError(f"{content.path} repeats an edge of its bins")
    shape = (p_order.size, t_order.size, n_bins, weights.size)
    log_k = _log10_values(content, shape)
    wavelength = to_um(content.spectral, content.spectral_unit.unit)
    bins = np.arange(n_bins) if wavelength[-1] > wavelength[0] else np.arange(n_bins)[::-1]
    log_k = _reordered(log_k, p_order, t_order, bins)
    return KTable(content.name, edges, temperature, pressure, weights, log_k, _provenance(content))


def _spectral_axis(content: FileContent) -> tuple[np.ndarray, np.ndarray]:
    raw = _axis(content, "spectral axis", content.spectral)
    if np.any(raw <= 0):
        raise FileFormatError(
            f"{content.path} has a spectral axis with {raw.min():g} {content.spectral_unit.unit}; "
            "it must be positive"
        )
    wavelength = to_um(raw, content.spectral_unit.unit)
    order = _order(content, "spectral axis", wavelength)
    wavelength = wavelength[order]
    # petitRADTRANS's own tables may repeat the last wavenumber.
    keep = np.concatenate([[True], np.diff(wavelength) > 0])
    repeated = np.flatnonzero(~keep)
    if repeated.size > 1 or not set(repeated) <= {1, wavelength.size - 1}:
        raise FileFormatError(f"{content.path} repeats values on its spectral axis")
    wavelength, order = wavelength[keep], order[keep]
    low, high = _WAVELENGTHS
    if wavelength[-1] < low or wavelength[0] > high:
        raise UnitError(
            f"{content.path} would reach from {wavelength[0]:.3g} to {wavelength[-1]:.3g} um if "
            f"its spectral axis were in {content.spectral_unit}; "
            f"{_likely_spectral(raw)}: state it with spectral_unit=, or --spectral-unit"
        )
    return wavelength, order


def _likely_spectral(raw: np.ndarray) -> str:
    for unit, factor in {"um": 1.0, "cm-1": None, "nm": 1e-3, "m": 1e6}.items():
        um = np.sort(1e4 / raw if factor is None else raw * factor)
        if um[0] >= _WAVELENGTHS[0] and um[-1] <= _WAVELENGTHS[1]:
            return f"it looks like {unit}"
    return "it is in no unit that exosk knows"


def _temperature_axis(content: FileContent) -> tuple[np.ndarray, np.ndarray]:
    raw = _axis(content, "temperature", content.temperature)
    low, high = _TEMPERATURES
    if raw.min() < low or raw.max() > high:
        raise UnitError(
            f"{content.path} has temperatures from {raw.min():g} to {raw.max():g}, which cannot "
            "be K; convert them"
        )
    order = _order(content, "temperature", raw)
    return raw[order], order


def _pressure_axis(content: FileContent) -> tuple[np.ndarray, np.ndarray]:
    raw = _axis(content, "pressure", content.pressure)
    bar = to_bar(raw, content.pressure_unit.unit)
    low, high = _PRESSURES
    if bar.min() < low or bar.max() > high:
        if np.any(raw <= 0):
            looks = "it looks like log10 of a pressure: convert it"
        else:
            likely = "Pa" if bar.max() > high else "bar"
            looks = f"it looks like {likely}: state it with pressure_unit=, or --pressure-unit"
        raise UnitError(
            f"{content.path} would reach from {bar.min():.3g} to {bar.max():.3g} bar if its "
            f"pressure were in {content.pressure_unit}; {looks}"
        )
    order = _order(content, "pressure", bar)
    return bar[order], order


def _axis(content: FileContent, what: str, values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise FileFormatError(
            f"{content.path} has a {what} of shape {array.shape}; it must be a list of numbers"
        )
    if not np.all(np.isfinite(array)):
        raise FileFormatError(f"{content.path} has NaN or infinity on its {what}")
    return array


def _order(content: FileContent, what: str, values: np.ndarray) -> np.ndarray:
    step = np.diff(values)
    if np.all(step >= 0):
        order = np.arange(values.size)
    elif np.all(step <= 0):
        order = np.arange(values.size)[::-1]
    else:
        raise FileFormatError(f"the {what} of {content.path} neither ascends nor descends")
    if what != "spectral axis" and np.any(step == 0):
        raise FileFormatError(f"{content.path} repeats a {what}")
    return order


def _reordered(values: np.ndarray, *orders: np.ndarray) -> np.ndarray:
    for axis, order in enumerate(orders):
        # A table of a gigabyte is copied only where it must be.
        if not np.array_equal(order, np.arange(values.shape[axis])):
            values = np.take(values, order, axis=axis)
    return values


def _log10_values(content: FileContent, shape: tuple[int, ...]) -> np.ndarray:
    """Log10 cm2 per molecule, pressure by pressure: the linear values are never all held."""
    found = tuple(np.shape(content.values))
    if found != shape:
        axes = "pressure, temperature, wavelength" + (", g" if len(shape) == 4 else "")
        raise FileFormatError(
            f"{content.path} holds values of shape {found} where its axes ({axes}) call for {shape}"
        )
    atom = re.fullmatch(r"[A-Z][a-z]?[+-]?", content.name)
    largest = _LARGEST_ATOM if atom else _LARGEST_MOLECULE
    factor = to_cm2(content.cross_section_unit.unit)
    log_values = np.empty(shape, dtype=np.float32)
    negative = 0
    for row in range(shape[0]):
        plane = np.asarray(content.values[row], dtype=np.float64) * factor
        if not np.all(np.isfinite(plane)):
            raise FileFormatError(
                f"{content.path} has a cross section that is NaN or infinite; 0 stands for none"
            )
        if content.negative_is_none and plane.max() >= 0:
            negative += int((plane < 0).sum())
            np.maximum(plane, 0.0, out=plane)
        if plane.min() < 0:
            logs = " (are they logarithms?)" if plane.max() < 0 else ""
            raise FileFormatError(
                f"{content.path} has a negative cross section, {plane.min() / factor:.3g}{logs}; "
                "they must be linear, and zero or above"
            )
        if plane.max() > largest:
            raise UnitError(_too_large(content, plane.max(), factor, largest))
        log_values[row] = np.log10(np.maximum(plane, 10.0**LOG_FLOOR))
    if negative:
        content.card["limits"] = [
            *content.card.get("limits", []),
            f"{negative} negative values are taken for none",
        ]
    return log_values


def _too_large(content: FileContent, found: float, factor: float, largest: float) -> str:
    if factor > 1 and found / factor <= largest:
        remedy = "it looks like cm2: state cross_section_unit=, or --cross-section-unit"
    else:
        remedy = "it looks like cm2/g or cm2/mol: convert it to cm2 per molecule"
    return (
        f"{content.path} has a cross section of {found:.3g} cm2 per molecule if it is in "
        f"{content.cross_section_unit}, more than any line of {content.name} ({largest:g}); "
        f"{remedy}"
    )


def _provenance(content: FileContent) -> dict[str, Any]:
    with content.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    card = {
        "source": f"{content.path.name} ({content.kind})",
        "source_version": "not given in the file",
        "licence": "that of the source; not given in the file",
        "citation": ["not given in the file; cite the table's authors"],
        "sampling": "that of the source",
        "limits": [],
    }
    card.update(content.card)
    return {
        **card,
        "source_sha256": digest,
        "read_as": content.kind,
        "units": {
            "pressure": str(content.pressure_unit),
            "cross_section": str(content.cross_section_unit),
            "spectral_axis": str(content.spectral_unit),
        },
    }
