"""What opacities there are, without loading them: names, ranges, origins, and what is wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import ExoskError, FileFormatError
from exosk.opacities import library
from exosk.opacities.collisions import CollisionTable
from exosk.opacities.hdf5 import Header, read_header
from exosk.opacities.resampling import model_wavelength
from exosk.opacities.table import OpacityTable
from exosk.opacities.user_tables import user_tables
from exosk.plugin import default_manager

__all__ = ["Entry", "catalogue", "describe"]


@dataclass(frozen=True)
class Entry:
    """One opacity.

    Attributes
    ----------
    name : str
        By which it is asked for.
    origin : str
        ``"embedded"``, ``"user"`` or ``"plugin"``.
    kind : str
        ``"molecule"``, ``"atom"`` or ``"pair"``; empty if it cannot be read.
    ranges : dict of str to (float, float, int)
        Lowest and highest value and number of ``wavelength`` (um), ``temperature`` (K) and
        ``pressure`` (bar, not of pairs).
    card : dict
        Its provenance.
    path : Path, optional
        Of the user's own.
    replaces : str
        ``"embedded"`` if it stands in for a table that comes with exosk; else empty.
    problem : str
        Why it cannot be used, or not by the built-in model; else empty.
    """

    name: str
    origin: str
    kind: str = ""
    ranges: dict[str, tuple[float, float, int]] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None
    replaces: str = ""
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON takes it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "origin": self.origin,
            "replaces": self.replaces,
            "path": str(self.path) if self.path else None,
            "ranges": {
                axis: {"low": low, "high": high, "n": n}
                for axis, (low, high, n) in self.ranges.items()
            },
            "units": {"wavelength": "um", "temperature": "K", "pressure": "bar"},
            "card": self.card,
            "problem": self.problem,
        }


def catalogue() -> list[Entry]:
    """List the user's own tables, the embedded ones and those of plugins, by name.

    Embedded and own tables are described by their files' headers; a plugin's has to be made.
    An embedded table that the user's replaces is not listed on its own.
    """
    entries: dict[str, Entry] = {}
    embedded = {n.casefold() for n in (*library.embedded_names(), *library.collision_names())}
    for name, path in user_tables().items():
        replaces = "embedded" if name.casefold() in embedded else ""
        entries[name.casefold()] = _own(name, path, replaces)
    for name in (*library.embedded_names(), *library.collision_names()):
        resource = resources.files("exosk.opacities") / "embedded" / f"{name.lower()}.h5"
        if name.casefold() not in entries:
            with resources.as_file(resource) as path:
                header = read_header(path)
            entries[name.casefold()] = _from_header(header, name=name, origin="embedded")
    for name in default_manager().names("opacities"):
        if name.casefold() not in entries:
            entries[name.casefold()] = _of_plugin(name)
    return sorted(entries.values(), key=lambda entry: (entry.kind == "pair", entry.name.casefold()))


def describe(table: OpacityTable | CollisionTable, origin: str, **more: Any) -> Entry:
    """Describe a table that is loaded.

    Parameters
    ----------
    table : OpacityTable or CollisionTable
        Any.
    origin : str
        Where it is from.
    **more
        Further fields of :class:`Entry`.
    """
    axes: dict[str, np.ndarray] = {
        "wavelength": table.wavelength,
        "temperature": table.temperature,
    }
    if isinstance(table, OpacityTable):
        axes["pressure"] = table.pressure
    kind = "exosk-opacity" if isinstance(table, OpacityTable) else "exosk-collision"
    header = Header(kind, table.name, axes, table.provenance)
    return _from_header(header, name=table.name, origin=origin, **more)


def _from_header(header: Header, **fields: Any) -> Entry:
    if header.kind == "exosk-collision":
        kind = "pair"
    else:
        kind = "atom" if re.fullmatch(r"[A-Z][a-z]?[+-]?", header.name) else "molecule"
    order = [axis for axis in ("wavelength", "temperature", "pressure") if axis in header.axes]
    ranges: dict[str, tuple[float, float, int]] = {
        axis: (float(header.axes[axis][0]), float(header.axes[axis][-1]), header.axes[axis].size)
        for axis in order
    }
    return Entry(kind=kind, ranges=ranges, card=header.provenance, **fields)


def _own(name: str, path: Path, replaces: str) -> Entry:
    fields: dict[str, Any] = {
        "name": name,
        "origin": "user",
        "path": path,
        "replaces": replaces,
    }
    try:
        header = read_header(path)
        if header.kind != "exosk-opacity" or set(header.axes) != {
            "pressure",
            "temperature",
            "wavelength",
        }:
            raise FileFormatError(f"{path} is no table of cross sections")
        if header.name.casefold() != name.casefold():
            raise FileFormatError(f"{path} holds {header.name}; call it {header.name}.h5")
    except ExoskError as error:
        return Entry(**fields, problem=str(error))
    problem = ""
    if header.axes["temperature"].size < 2:
        problem = "one temperature only, between which nothing can be interpolated"
    elif not np.array_equal(header.axes["wavelength"], model_wavelength()):
        problem = (
            "on other wavelengths than the embedded tables, with which it cannot be mixed; bring "
            f"it over with `exosk opacity convert {path}`"
        )
    return _from_header(header, **fields, problem=problem)


def _of_plugin(name: str) -> Entry:
    try:
        return describe(default_manager().make("opacities", name), "plugin")
    except ExoskError as error:
        return Entry(name=name, origin="plugin", problem=str(error))
