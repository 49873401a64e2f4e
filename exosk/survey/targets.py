"""What a survey looks at: folders, files, names, or all that is at hand."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from exosk.exceptions import ExoskError, FileFormatError, RangeError, UnknownNameError
from exosk.sources import fold_name, load_spectrum, read_spectrum, search_spectra
from exosk.sources.load import SYSTEM, listings_named, registered_sources
from exosk.spectra import Spectrum

__all__ = ["SurveyTarget", "gather_targets", "read_systems"]

#: A file of this name in a folder says what its spectra are of.
MANIFEST = "manifest.json"
_SUFFIXES = (".csv", ".ecsv", ".tbl", ".txt", ".dat", ".fits", ".nc", ".h5")
_READING = ("depth_unit", "wavelength_unit", "width", "columns", "range")


@dataclass(frozen=True)
class SurveyTarget:
    """One observation.

    Attributes
    ----------
    label : str
        Its file or name, which tells it from the others.
    source : str
        A registered source, or empty for a file.
    path : Path or None
        The file.
    planet, instrument, publication : str
        What it is of, where something besides the file says so.
    reported : dict of str to str
        What was published of molecules; see :func:`exosk.survey.read_claims`.
    reading : dict
        Arguments of :func:`exosk.sources.read_spectrum`, and ``range``, a pair in um.
    """

    label: str
    source: str = ""
    path: Path | None = None
    planet: str = ""
    instrument: str = ""
    publication: str = ""
    reported: dict[str, str] = field(default_factory=dict)
    reading: dict[str, Any] = field(default_factory=dict)

    @property
    def slug(self) -> str:
        """A file name for what is found of it, which no other target has."""
        where = f"{self.source}\n{self.label}\n{self.path or ''}"
        clean = re.sub(r"[^A-Za-z0-9.]+", "-", Path(self.label).stem).strip("-.")[:60]
        return f"{clean.lower()}-{hashlib.sha256(where.encode()).hexdigest()[:8]}"

    def load(self) -> Spectrum:
        """Read it.

        Raises
        ------
        ExoskError
            If it cannot be read.
        """
        reading = dict(self.reading)
        span = reading.pop("range", None)
        if self.path is not None:
            spectrum = read_spectrum(self.path, **reading)
        else:
            sources = dict(registered_sources([]))
            if self.source not in sources:
                raise UnknownNameError.suggest("source", self.source, sources)
            spectrum = sources[self.source].load(self.label)
        if span is not None:
            spectrum = spectrum.between(*span)
        stated = {"name": self.planet, "instrument": self.instrument, "reference": self.publication}
        return spectrum.replace(**{key: text for key, text in stated.items() if text})


def gather_targets(
    wanted: Iterable[str | os.PathLike[str]] = (),
    published: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[list[SurveyTarget], list[str]]:
    """Find the observations that a survey is of.

    Parameters
    ----------
    wanted : iterable of str or path-like
        Folders, files, and names of planets or observations. Without any, all that is at hand: the
        embedded observations and those that were fetched.
    published : mapping, optional
        From labels of targets to entries such as a manifest has.

    Returns
    -------
    targets : list of SurveyTarget
        Each once.
    failures : list of str
        Which sources could not be asked, and why.

    Raises
    ------
    UnknownNameError
        If something is neither a file nor the name of anything.
    FileFormatError
        If a folder holds no spectra, or its manifest is none.
    """
    targets: list[SurveyTarget] = []
    failures: list[str] = []
    wanted = list(wanted)
    if not wanted:
        targets = _at_hand(failures)
    for one in wanted:
        path = Path(one).expanduser()
        if path.is_dir():
            targets += _in_folder(path)
        elif path.is_file():
            targets += _of_files([path], path.parent)
        elif isinstance(one, str) and os.sep not in one:
            targets += _named(one, failures)
        else:
            raise UnknownNameError(f"there is no file {path}")
    told = published or {}
    targets = [_told(target, told[target.label]) if target.label in told else target
               for target in targets]  # fmt: skip
    return list({target.slug: target for target in targets}.values()), failures


def read_systems(path: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Read what is known of planets and stars from a CSV file.

    Parameters
    ----------
    path : path-like
        With the columns ``planet``, ``star_radius`` (R_sun), ``planet_mass`` (M_jup),
        ``equilibrium_temperature`` (K), and errors such as ``planet_mass_err``; others are kept if
        they are numbers.

    Returns
    -------
    dict of str to dict
        By the planet's name as :func:`exosk.sources.fold_name` has it.

    Raises
    ------
    FileFormatError
        If it is no such file.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FileFormatError(f"{path} cannot be read as a table of planets: {error}") from error
    if not rows or "planet" not in rows[0]:
        raise FileFormatError(
            f"{path} has no column `planet`; a table of systems has planet, {', '.join(SYSTEM)}"
        )
    return {fold_name(row["planet"]): _numbers(row, path) for row in rows}


def _numbers(row: Mapping[str, str], path: Any) -> dict[str, float]:
    values = {}
    for name, text in row.items():
        if name in ("planet", None) or not (text or "").strip():
            continue
        try:
            values[name] = float(text)
        except ValueError:
            if name.removesuffix("_err") in SYSTEM:
                raise FileFormatError(
                    f"{path}: {name} of {row['planet']} is {text!r}, which is no number"
                ) from None
    return values


def _at_hand(failures: list[str]) -> list[SurveyTarget]:
    targets = []
    for label, source in registered_sources(failures):
        # Of an archive, what was fetched; whatever asks nobody is at hand whole.
        try:
            names = source.at_hand() if hasattr(source, "at_hand") else []
        except (ExoskError, OSError) as error:
            failures.append(f"{label} could not be asked: {error}")
            continue
        targets += [SurveyTarget(name, label) for name in names]
    return targets


def _named(name: str, failures: list[str]) -> list[SurveyTarget]:
    listed, told = search_spectra()
    failures.extend(told)
    found = listings_named(name, listed)
    if not found:
        try:  # a source may know more than it lists
            load_spectrum(name)
        except UnknownNameError as error:
            planets = sorted({one.planet for _, one in listed})
            raise UnknownNameError.suggest("planet or file", name, planets) from error
    return [SurveyTarget(one.name, label) for label, one in found]


def _in_folder(folder: Path) -> list[SurveyTarget]:
    files = sorted(
        path for path in folder.iterdir() if path.is_file() and path.suffix.lower() in _SUFFIXES
    )
    if not files:
        raise FileFormatError(
            f"{folder} holds no spectra; their files end in {', '.join(_SUFFIXES)}"
        )
    return _of_files(files, folder)


def _of_files(files: Iterable[Path], folder: Path) -> list[SurveyTarget]:
    manifest = folder / MANIFEST
    told = read_manifest(manifest) if manifest.exists() else {}
    targets = [SurveyTarget(path.name, path=path) for path in files]
    return [_told(t, told[t.label]) if t.label in told else t for t in targets]


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Mapping[str, Any]]:
    """Read what is said of observations: a JSON list of entries with the key ``file``.

    Other keys are ``planet``, ``instrument``, ``publication``, ``reported_detections`` (from
    molecules to words) and ``reading`` (how the file is to be read: ``depth_unit``, ``width``,
    ``range``, ...).

    Returns
    -------
    dict of str to mapping
        By file, or by the name of an observation.

    Raises
    ------
    FileFormatError
        If it is no such list.
    """
    try:
        entries = json.loads(Path(path).read_text("utf-8"))
        return {str(entry["file"]): dict(entry) for entry in entries}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise FileFormatError(f"{path} is no list of entries with a key `file`: {error}") from error


def _told(target: SurveyTarget, entry: Mapping[str, Any]) -> SurveyTarget:
    reading = dict(entry.get("reading") or {})
    unknown = sorted(set(reading) - set(_READING))
    if unknown:
        raise RangeError(
            f"{target.label}: `reading` has {', '.join(unknown)}; it may have {', '.join(_READING)}"
        )
    return SurveyTarget(
        target.label,
        target.source,
        target.path,
        str(entry.get("planet", target.planet)),
        str(entry.get("instrument", target.instrument)),
        str(entry.get("publication", target.publication)),
        {str(k): str(v) for k, v in (entry.get("reported_detections") or {}).items()},
        reading,
    )
