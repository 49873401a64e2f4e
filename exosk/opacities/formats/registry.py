"""The known formats: what a file is, told by its content, and who reads and writes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from exosk.exceptions import FileFormatError, UnitError, UnknownNameError
from exosk.opacities.formats import (
    exo_transmit,
    exomolop,
    helios_k,
    petitradtrans,
    taurex_pickle,
)
from exosk.opacities.formats.file_units import StatedUnits
from exosk.opacities.formats.ktable import KTable
from exosk.opacities.table import OpacityTable

__all__ = ["FORMATS", "Format", "find_format", "read_opacity", "write_opacity"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_HEAD = 65536  # bytes; two lines of axes and one more


@dataclass(frozen=True)
class Probe:
    """What is seen of a file before it is read."""

    head: bytes
    keys: frozenset[str]
    kind: str

    @property
    def is_hdf5(self) -> bool:
        """Whether the file says it is HDF5."""
        return self.head.startswith(_HDF5_MAGIC)


@dataclass(frozen=True)
class Format:
    """One format of opacity files.

    Attributes
    ----------
    name : str
        By which it is asked for.
    description : str
        What it is.
    suffix : str
        Of a written file.
    matches : callable
        Whether a :class:`Probe` is of this format.
    read : callable
        ``read(path, stated_units, name)`` gives an OpacityTable or a KTable.
    write : callable, optional
        ``write(table, path)``.
    writes_ktables : bool
        Whether `write` takes a KTable.
    """

    name: str
    description: str
    suffix: str
    matches: Callable[[Probe], bool]
    read: Callable[[Path, StatedUnits, str | None], OpacityTable | KTable]
    write: Callable[[Any, Path], None] | None = None
    writes_ktables: bool = False


def _read_exosk(path: Path, units: StatedUnits, name: str | None) -> OpacityTable:
    if units != StatedUnits():
        raise UnitError(f"{path} is exosk's own format, which says its units; state none")
    table = OpacityTable.load(path)
    if name and name != table.name:
        raise FileFormatError(
            f"{path} holds {table.name} and not {name}; leave the name out, or convert the "
            "table that it was made from"
        )
    return table


def _save_exosk(table: OpacityTable, path: Path) -> None:
    table.save(path)


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            "exosk",
            "exosk's own HDF5",
            ".h5",
            lambda probe: probe.kind == "exosk-opacity",
            _read_exosk,
            _save_exosk,
        ),
        Format(
            "petitradtrans",
            "petitRADTRANS 3 line-by-line HDF5",
            ".xsec.petitRADTRANS.h5",
            lambda probe: exomolop.FIELDS | {"temperature_grid_type"} <= probe.keys,
            exomolop.read_exomolop,
            petitradtrans.write_line_by_line,
        ),
        Format(
            "petitradtrans-ck",
            "petitRADTRANS 3 or ExoMolOP k-table HDF5",
            ".ktable.petitRADTRANS.h5",
            lambda probe: probe.keys >= petitradtrans.FIELDS,
            petitradtrans.read_ktable,
            petitradtrans.write_correlated_k,
            writes_ktables=True,
        ),
        Format(
            "taurex",
            "ExoMolOP/TauREx HDF5",
            ".taurex.h5",
            lambda probe: probe.keys >= exomolop.FIELDS,
            exomolop.read_exomolop,
            exomolop.write_taurex,
        ),
        Format(
            "taurex-pickle",
            "TauREx pickle",
            ".pickle",
            lambda probe: not probe.is_hdf5 and taurex_pickle.looks_like_pickle(probe.head),
            taurex_pickle.read_taurex_pickle,
            taurex_pickle.write_taurex_pickle,
        ),
        Format(
            "helios-k",
            "HELIOS-K k-table HDF5",
            ".h5",
            lambda probe: probe.keys >= helios_k.FIELDS,
            helios_k.read_helios_k,
        ),
        Format(
            "exo-transmit",
            "Exo_Transmit text",
            ".dat",
            lambda probe: not probe.is_hdf5 and exo_transmit.looks_like_exo_transmit(probe.head),
            exo_transmit.read_exo_transmit,
        ),
    )
}


def find_format(path: str | os.PathLike[str]) -> Format:
    """Tell a file's format by its content.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is in no known format.
    """
    path = Path(path)
    probe = _probe(path)
    for entry in FORMATS.values():
        if entry.matches(probe):
            return entry
    if probe.kind == "exosk-collision":
        raise FileFormatError(
            f"{path} holds the collision-induced absorption of a pair, and not cross sections"
        )
    seen = f" (it holds {', '.join(sorted(probe.keys)[:8])})" if probe.keys else ""
    known = ", ".join(f"{entry.name} ({entry.description})" for entry in FORMATS.values())
    raise FileFormatError(f"{path} is in no known format of opacities{seen}; known: {known}")


def read_opacity(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    name: str | None = None,
    pressure_unit: str | None = None,
    cross_section_unit: str | None = None,
    spectral_unit: str | None = None,
) -> OpacityTable | KTable:
    """Read a table of cross sections, or a k-table, of any known format.

    Parameters
    ----------
    path : path-like
        The file.
    format : str, optional
        A key of :data:`FORMATS`; found by the file's content by default.
    name : str, optional
        The absorber's formula, where the file says none or another one.
    pressure_unit, cross_section_unit, spectral_unit : str, optional
        Units (``"Pa"``, ``"m2"``, ``"um"``), which win over the file's own. Where a file does not
        say the first two, and its format does not define them, they are needed.

    Returns
    -------
    OpacityTable or KTable
        In um, bar and cm^2 per molecule, with ascending axes. A k-table becomes cross sections
        by :meth:`KTable.to_opacity`.

    Raises
    ------
    FileFormatError
        If the file is missing, unknown, truncated, malformed, or holds NaN or negative values.
    UnitError
        If a unit is not said, not known, or cannot be true.
    UnknownNameError
        If there is no such format.
    """
    path = Path(path)
    if format is None:
        entry = find_format(path)
    else:
        entry = _format(format)
        _probe(path)
    return entry.read(path, StatedUnits(pressure_unit, cross_section_unit, spectral_unit), name)


def write_opacity(
    table: OpacityTable | KTable, path: str | os.PathLike[str], format: str = "exosk"
) -> None:
    """Write a table in a format that exosk, TauREx or petitRADTRANS reads.

    Parameters
    ----------
    table : OpacityTable or KTable
        What to write.
    path : path-like
        Where to; replaced whole or not at all.
    format : {'exosk', 'taurex', 'taurex-pickle', 'petitradtrans', 'petitradtrans-ck'}
        In which format.

    Raises
    ------
    UnknownNameError
        If there is no such format.
    FileFormatError
        If it is not written, or takes no k-table.
    """
    entry = _format(format)
    if entry.write is None:
        written = ", ".join(known.name for known in FORMATS.values() if known.write)
        raise FileFormatError(f"{entry.name} is read but not written; choose one of {written}")
    if isinstance(table, KTable) and not entry.writes_ktables:
        raise FileFormatError(
            f"the k-table of {table.name} must be reduced to cross sections (to_opacity) before "
            f"it is written as {entry.name}"
        )
    entry.write(table, Path(path))


def _format(name: str) -> Format:
    try:
        return FORMATS[name]
    except KeyError:
        raise UnknownNameError.suggest("format of opacities", name, FORMATS) from None


def _probe(path: Path) -> Probe:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except (FileNotFoundError, NotADirectoryError):
        raise FileFormatError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise FileFormatError(f"{path} is a folder; name a file in it") from None
    if not head:
        raise FileFormatError(f"{path} is empty")
    if not head.startswith(_HDF5_MAGIC):
        return Probe(head, frozenset(), "")
    try:
        with h5py.File(path, "r") as hdf5:
            kind = hdf5.attrs.get("format", "")
            kind = kind.decode(errors="replace") if isinstance(kind, bytes) else str(kind)
            return Probe(head, frozenset(map(str, hdf5)), kind)
    except (OSError, RuntimeError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"{path} is a truncated or damaged HDF5 file ({reason}); fetch it again"
        ) from error
