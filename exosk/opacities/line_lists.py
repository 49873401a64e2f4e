"""Read HITRAN line lists: 160-character records, HAPI tables, arrays in npz files.

HITRAN's format of 160 characters is Rothman et al. 2005, JQSRT 96, 139, table 1. A HAPI table
(Kochanov et al. 2016, JQSRT 177, 15) is a .data file of such records and a .header file, JSON,
that says where each field stands and which others follow the record. Where these are widths by H2
and He they replace those by air, mixed by number:

    gamma = sum_b x_b gamma_b,    n = sum_b x_b gamma_b n_b / gamma,    delta = sum_b x_b delta_b;

n so mixed gives the mixture's slope at 296 K. Without a shift by H2 none is applied.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import ExoskError, FileFormatError, RangeError
from exosk.opacities.hitran import MOLECULES, molecule_number
from exosk.opacities.lines import LineList

__all__ = ["HELIUM_FRACTION", "LineFile", "read_line_list"]

HELIUM_FRACTION = 0.15  # of the broadeners, by number; H2 is the rest

_RECORD = 160
_FIELDS = {  # HAPI's name: (first character, end)
    "molec_id": (0, 2),
    "local_iso_id": (2, 3),
    "nu": (3, 15),
    "sw": (15, 25),
    "gamma_air": (35, 40),
    "gamma_self": (40, 45),
    "elower": (45, 55),
    "n_air": (55, 59),
    "delta_air": (59, 67),
}
# HITRAN numbers isotopologue 10 as 0, 11 as A, 12 as B.
_ISOTOPOLOGUE = {str(i % 10): i for i in range(1, 11)} | {"A": 11, "B": 12}
_NPZ = ("nu", "S", "gair", "gself", "E", "nair", "iso")


@dataclass(frozen=True, eq=False)
class LineFile:
    """A line list with what must be known of its file.

    Attributes
    ----------
    lines : LineList
        The lines.
    molecule : int
        HITRAN's number of the molecule.
    broadening : str
        By which gas the lines are broadened, for the table's card.
    sha256 : str
        Of the file (the .data file of a HAPI table).
    file : str
        The file's name.
    unassigned : float
        Share of the strength at 296 K in lines whose lower state HITRAN does not know (energy -1).
        They are kept with a lower state of energy 0.
    """

    lines: LineList
    molecule: int
    broadening: str
    sha256: str
    file: str
    unassigned: float = 0.0

    @property
    def name(self) -> str:
        """The molecule's name."""
        return MOLECULES[self.molecule - 1]


def read_line_list(
    path: str | os.PathLike[str],
    *,
    molecule: str | None = None,
    helium_fraction: float = HELIUM_FRACTION,
) -> LineFile:
    """Read a HITRAN line list of one molecule.

    Parameters
    ----------
    path : path-like
        A .par file, the .data or .header file of a HAPI table, or an .npz file with the arrays
        nu, S, gair, gself, E, nair, iso and, if known, dair and molec_id.
    molecule : str, optional
        The molecule that is expected; needed for an .npz file without molec_id.
    helium_fraction : float
        Share of He among the broadeners, used where the list has widths by both H2 and He.

    Returns
    -------
    LineFile
        The lines and what is known of them.

    Raises
    ------
    FileFormatError
        If the file is missing, empty, truncated, foreign, or of another molecule.
    RangeError
        If a value is not finite or negative where it cannot be, or the share is not one.
    UnknownNameError
        If HITRAN has no such molecule.
    """
    path = Path(path)
    if not 0.0 <= helium_fraction <= 1.0:
        raise RangeError(f"the share of helium must lie between 0 and 1, got {helium_fraction:g}")
    wanted = None if molecule is None else molecule_number(molecule)
    if path.suffix == ".header":
        path = path.with_suffix(".data")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"the line list {path} cannot be read: {error.strerror}") from error
    if not content.strip():
        raise FileFormatError(f"the line list {path} is empty; fetch it again")
    if path.suffix == ".npz":
        numbers, columns, broadening = _read_npz(path, content, wanted)
    else:
        numbers, columns, broadening = _read_records(path, content, helium_fraction)
    found = np.unique(numbers)
    if found.size != 1 or not 1 <= found[0] <= len(MOLECULES):
        raise FileFormatError(
            f"{path} holds lines of the HITRAN molecules {', '.join(map(str, found[:5]))} where "
            f"one of 1 to {len(MOLECULES)} is expected; select the lines of one"
        )
    if wanted is not None and int(found[0]) != wanted:
        raise FileFormatError(
            f"{path} holds lines of {MOLECULES[int(found[0]) - 1]} (HITRAN's molecule "
            f"{int(found[0])}), not of {MOLECULES[wanted - 1]} ({wanted})"
        )
    unknown = columns["elower"] < 0
    strength = columns["intensity"]
    for name in ("intensity", "gamma_foreign", "gamma_self"):
        if np.any(columns[name] < 0):
            raise RangeError(f"{path} has a negative {name}; fetch the list again")
    share = float(strength[unknown].sum() / max(strength.sum(), 1e-300))
    columns["elower"] = np.maximum(columns["elower"], 0.0)
    try:
        lines = LineList(**columns)
    except ExoskError as error:
        raise type(error)(f"{path}: {error}") from error
    digest = hashlib.sha256(content).hexdigest()
    return LineFile(lines, int(found[0]), broadening, digest, path.name, share)


def _read_npz(
    path: Path, content: bytes, wanted: int | None
) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    try:
        # From memory: numpy leaves the file of a broken archive open.
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, zipfile.BadZipFile) as error:
        raise FileFormatError(
            f"{path} cannot be read as arrays ({error}); it may be truncated: fetch it again"
        ) from error
    missing = [key for key in _NPZ if key not in arrays]
    if missing:
        raise FileFormatError(
            f"{path} has no {', '.join(missing)}; a line list needs the arrays {', '.join(_NPZ)}"
        )
    if "molec_id" not in arrays and wanted is None:
        raise FileFormatError(f"{path} does not say its molecule; name it (--molecule)")
    if any(arrays[key].dtype.kind not in "fiu" for key in arrays):
        raise FileFormatError(f"{path} holds arrays that are not numbers")
    columns = {
        "wavenumber": arrays["nu"],
        "intensity": arrays["S"],
        "gamma_foreign": arrays["gair"],
        "gamma_self": arrays["gself"],
        "elower": arrays["E"],
        "n_foreign": arrays["nair"],
        "delta_foreign": arrays.get("dair", np.zeros(arrays["nu"].shape)),
        "isotopologue": arrays["iso"],
    }
    shapes = {values.shape for values in columns.values()}
    if len(shapes) != 1 or columns["wavenumber"].ndim != 1:
        raise FileFormatError(f"{path} holds arrays of different lengths: {sorted(shapes)}")
    number = arrays.get("molec_id", np.array(wanted))
    return np.atleast_1d(number), columns, _BY_AIR


_BY_AIR = "widths by air (the list has none by H2 and He)"


def _read_records(
    path: Path, content: bytes, helium_fraction: float
) -> tuple[np.ndarray, dict[str, np.ndarray], str]:
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path} is not a text file of HITRAN records (byte {error.start} is not ASCII)"
        ) from error
    records = [record for record in text.splitlines() if record.strip()]
    header = _read_header(path)
    fields, length = _positions(path, header)
    for i, record in enumerate(records):
        if len(record) < length:
            raise FileFormatError(
                f"record {i + 1} of {len(records)} in {path} has {len(record)} characters where a "
                f"HITRAN record has {length}; the file is truncated or no HITRAN line list"
            )
    try:
        numbers = np.array([int(record[slice(*fields["molec_id"])]) for record in records])
        isotopologue = [_ISOTOPOLOGUE[r[slice(*fields["local_iso_id"])].strip()] for r in records]
        value = {
            name: np.array([float(record[slice(*fields[name])]) for record in records])
            for name in list(_FIELDS)[2:]
        }
    except (ValueError, KeyError) as error:
        raise FileFormatError(f"{path} does not hold HITRAN records ({error})") from error
    columns = {
        "wavenumber": value["nu"],
        "intensity": value["sw"],
        "gamma_foreign": value["gamma_air"],
        "gamma_self": value["gamma_self"],
        "elower": value["elower"],
        "n_foreign": value["n_air"],
        "delta_foreign": value["delta_air"],
        "isotopologue": np.array(isotopologue),
    }
    extra = _read_extra(path, header, records, length)
    return numbers, columns, _mix_broadeners(columns, extra, helium_fraction)


def _read_header(path: Path) -> dict[str, Any]:
    header = path.with_suffix(".header")
    if path.suffix != ".data" or not header.exists():
        return {}
    try:
        content = json.loads(header.read_text("ascii"))
        if not isinstance(content, dict) or not isinstance(content["position"], dict):
            raise TypeError("no table of positions")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{header} is not the header of a HAPI table ({error}); fetch it again, or remove it "
            "to read the records by HITRAN's own format"
        ) from error
    return content


def _positions(path: Path, header: dict[str, Any]) -> tuple[dict[str, tuple[int, int]], int]:
    """Where the fields of a record stand, and its length without what follows it."""
    if not header:
        return _FIELDS, _RECORD
    try:
        starts = {name: int(start) for name, start in header["position"].items()}
        widths = {
            n: int(header["format"][n].strip("%").split(".")[0].rstrip("sdfE")) for n in starts
        }
        fields = {name: (starts[name], starts[name] + widths[name]) for name in _FIELDS}
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise FileFormatError(
            f"the header of {path} does not place the fields that a line list needs ({error})"
        ) from error
    return fields, max(start + widths[name] for name, start in starts.items())


def _read_extra(
    path: Path, header: dict[str, Any], records: list[str], length: int
) -> dict[str, np.ndarray]:
    """Read what follows the records; NaN where HAPI's '#' says that no value is known."""
    names = [str(name).lower() for name in header.get("extra", [])]
    if not names:
        return {}
    separator = header.get("extra_separator", ",")
    rows = [[text.strip() for text in r[length:].split(separator)[1:]] for r in records]
    short = [i for i, row in enumerate(rows) if len(row) < len(names)]
    if short:
        raise FileFormatError(
            f"record {short[0] + 1} in {path} gives {len(rows[short[0]])} of the "
            f"{len(names)} further values that its header names; the file is truncated"
        )
    extra = {}
    for column, name in enumerate(names):
        if name.split("_")[0] not in ("gamma", "n", "delta"):
            continue
        try:
            texts = [row[column] for row in rows]
            extra[name] = np.array([float("nan" if t in ("#", "") else t) for t in texts])
        except ValueError as error:
            raise FileFormatError(f"{path}: {name} is not a number ({error})") from error
    return extra


def _mix_broadeners(
    columns: dict[str, np.ndarray], extra: dict[str, np.ndarray], helium_fraction: float
) -> str:
    """Put the widths by H2 and He in place of those by air; returns what was done."""
    present = [gas for gas in ("h2", "he") if {f"gamma_{gas}", f"n_{gas}"} <= set(extra)]
    shares = {"h2": 1.0 - helium_fraction, "he": helium_fraction}
    if len(present) == 1:
        shares = {present[0]: 1.0}
    if not present:
        return _BY_AIR
    gamma = sum(shares[gas] * extra[f"gamma_{gas}"] for gas in present)
    slope = sum(shares[gas] * extra[f"gamma_{gas}"] * extra[f"n_{gas}"] for gas in present)
    none = np.zeros(gamma.shape)
    shift = sum(shares[g] * np.nan_to_num(extra.get(f"delta_{g}", none)) for g in present)
    known = np.isfinite(gamma) & np.isfinite(slope) & (gamma > 0)
    columns["gamma_foreign"] = np.where(known, gamma, columns["gamma_foreign"])
    exponent = slope / np.where(known, gamma, 1.0)
    columns["n_foreign"] = np.where(known, exponent, columns["n_foreign"])
    columns["delta_foreign"] = np.where(known, shift, columns["delta_foreign"])
    said = {"h2": "H2", "he": "He"}
    mixed = " and ".join(f"{100 * shares[gas]:.0f} % {said[gas]}" for gas in present)
    by_air = int(np.sum(~known))
    return f"widths by {mixed}" + (f" ({by_air:,} lines by air)" if by_air else "")
