"""Files that must be refused: in one sentence, that says what is wrong and how to say it right."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from exosk.exceptions import (
    ExoskError,
    FileFormatError,
    GridError,
    UnitError,
    UnknownNameError,
)
from exosk.sources import read_spectrum, write_spectrum
from exosk.spectra import SpectralGrid, Spectrum

HEADER = "wavelength_um,bin_half_width_um,transit_depth,transit_depth_err"
ROWS = (
    "0.867,0.029,0.014441,6.9e-05",
    "0.925,0.029,0.014422,5.5e-05",
    "0.983,0.029,0.014402,5.2e-05",
    "1.041,0.029,0.014428,5.1e-05",
)
PLAIN = "\n".join([HEADER, *ROWS, ""])


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x.csv", PLAIN)
    return buffer.getvalue()


def scaled(header: str, factors: tuple[float, ...]) -> str:
    """The same table under another header, its columns multiplied."""
    rows = [
        ",".join(
            str(float(cell) * factor) for cell, factor in zip(row.split(","), factors, strict=True)
        )
        for row in ROWS
    ]
    return "\n".join([header, *rows, ""])


ECSV = """# %ECSV 1.0
# ---
# datatype:
# - {name: wavelength, unit: um, datatype: float64}
# - {name: transit_depth, datatype: float64}
# - {name: transit_depth_err, datatype: float64}
# schema: astropy-2.0
wavelength transit_depth transit_depth_err
"""

# name: (content, error, what the sentence must contain)
BAD: dict[str, tuple[str | bytes, type[ExoskError], tuple[str, ...]]] = {
    "percent, undeclared": (
        scaled(HEADER, (1, 1, 100, 100)), UnitError,
        ("look like percent values", "depth_unit='percent'", "--depth-unit percent")),
    "ppm, undeclared": (
        scaled(HEADER, (1, 1, 1e6, 1e6)), UnitError,
        ("look like ppm", "depth_unit='ppm'", "--depth-unit ppm")),
    "a depth of no unit": (
        PLAIN.replace("transit_depth,", "depth,"), UnitError, ("states no unit", "--depth-unit")),
    "ppm declared, fractions given": (
        PLAIN.replace("transit_depth", "transit_depth_ppm"), UnitError,
        ("cannot be in ppm", "depth_unit='fraction'")),
    "errors in another unit": (
        scaled(HEADER, (1, 1, 1, 1e6)), UnitError, ("in another unit", "transit_depth_err_ppm")),
    "nm, undeclared": (
        scaled(HEADER.replace("_um", ""), (1e3, 1e3, 1, 1)), UnitError,
        ("look like nm", "wavelength_unit='nm'", "--wavelength-unit nm")),
    "um, undeclared": (
        PLAIN.replace("_um", ""), UnitError, ("look like um", "--wavelength-unit um")),
    "nm under a header of um": (
        scaled(HEADER, (1e3, 1e3, 1, 1)), UnitError, ("cannot be in um", "--wavelength-unit nm")),
    "angstrom under a header of um": (
        scaled(HEADER, (1e4, 1e4, 1, 1)), UnitError, ("cannot be in um", "nm or angstrom")),
    "metres, undeclared": (
        scaled(HEADER.replace("_um", ""), (1e-6, 1e-6, 1, 1)), UnitError, ("look like m;",)),
    "an unknown unit": (
        PLAIN.replace("wavelength_um", "wavelength [furlong]"), UnitError,
        ("'furlong' is no unit of wavelength", "nm")),
    "two units": (
        PLAIN.replace("wavelength_um", "wavelength_um [nm]"), UnitError, ("two units",)),
    "full widths as half widths": (
        scaled(HEADER, (1, 2, 1, 1)), GridError, ("width='full'", "--width full")),
    "widths of neither kind": (
        PLAIN.replace("bin_half_width_um", "width"), UnitError,
        ("width='half'", "width='full'", "--width")),
    "some widths blank": (
        PLAIN.replace("0.925,0.029", "0.925,"), FileFormatError, ("line 3", "width")),
    "widths in another unit": (
        scaled(HEADER.replace("width_um", "width"), (1, 1e3, 1, 1)), UnitError,
        ("exceed the wavelengths", "bin_half_width_um")),
    "a width of zero": (PLAIN.replace("0.925,0.029", "0.925,0"), GridError, ("line 3",)),
    "no errors": (
        "wavelength_um,transit_depth\n0.9,0.01\n1.0,0.01\n", FileFormatError,
        ("no column of errors", "transit_depth_err")),
    "a blank error": (
        PLAIN.replace("5.5e-05", "").replace("5.1e-05", ""), FileFormatError,
        ("lines 3 and 5", "no error")),
    "a zero error": (PLAIN.replace("5.5e-05", "0"), UnitError, ("line 3", "zero")),
    "a negative error": (PLAIN.replace("5.5e-05", "-5.5e-05"), UnitError, ("negative", "line 3")),
    "lower errors of mixed signs": (
        "wavelength_um,transit_depth,err_up,err_low\n0.9,.01,1e-4,-1e-4\n1.0,.01,1e-4,1e-4\n",
        UnitError, ("err_low", "line 2")),
    "a one-sided error": (
        PLAIN.replace("transit_depth_err", "transit_depth_err_up"), FileFormatError,
        ("one-sided", "columns={'error': 'transit_depth_err_up'}")),
    "no wavelength in a row": (
        PLAIN.replace("0.925", ""), FileFormatError, ("no wavelength", "line 3")),
    "no depth at all": (
        "wavelength_um,transit_depth,transit_depth_err\n0.9,,\n1.0,,\n", FileFormatError,
        ("missing",)),
    "one bin twice": (PLAIN + ROWS[1], FileFormatError, ("lines 3 and 6", "same bin")),
    "two bins of one centre": (
        PLAIN + ROWS[1].replace("0.029", "0.010"), GridError, ("lines 3 and 6", "centred")),
    "centres outside their edges": (
        "wavelength_um,wavelength_low_um,wavelength_high_um,transit_depth,sigma\n"
        "1.0,1.1,1.2,0.01,1e-4\n1.25,1.2,1.3,0.01,1e-4\n", GridError, ("line 2", "edges")),
    "one edge": (
        "wavelength_low_um,transit_depth,sigma\n1.0,0.01,1e-4\n", FileFormatError,
        ("wavelength_high",)),
    "decimal commas between commas": (
        PLAIN.replace(".", ","), FileFormatError, ("fields", "decimal commas")),
    "decimal commas in quotes": (
        "\n".join(",".join(f'"{c.replace(".", ",")}"' for c in row.split(","))
                  for row in (HEADER, *ROWS)), FileFormatError, ("decimal comma", "';'")),
    "decimal commas between blanks": (
        PLAIN.replace(",", " ").replace(".", ","), FileFormatError, ("decimal comma",)),
    "commas and points mixed": (
        PLAIN.replace(",", ";").replace(".", ",").replace("0,867", "0.867"), FileFormatError,
        ("mixed",)),
    "thousands or decimals": (
        "wavelength_nm;transit_depth_ppm;transit_depth_err_ppm\n1,126;14,441;50\n1,185;14,422;60\n",
        FileFormatError, ("thousands",)),
    "empty": ("", FileFormatError, ("empty",)),
    "white space": (" \n\n", FileFormatError, ("empty",)),
    "comments only": ("# one\n# two\n", FileFormatError, ("no table",)),
    "header only": (HEADER + "\n", FileFormatError, ("no rows",)),
    "ECSV header only": (ECSV, FileFormatError, ("no rows",)),
    "one row without a width": (
        "wavelength_um,transit_depth,transit_depth_err\n0.9,0.01,1e-4\n", GridError,
        ("one bin", "bin_half_width_um")),
    "no header": ("\n".join(ROWS), FileFormatError, ("column names", "wavelength_um")),
    "no wavelength column": (
        "x,transit_depth,sigma\n1,0.01,1e-4\n", FileFormatError,
        ("no column of wavelengths", "'x'")),
    "no depth column": (
        "wavelength_um,flux,sigma\n1,0.01,1e-4\n", FileFormatError,
        ("no column of transit", "flux")),
    "two depth columns": (
        "wavelength_um,transit_depth,depth,sigma\n1,0.01,0.01,1e-4\n", FileFormatError,
        ("both look like", "columns={'depth': 'transit_depth'}", "--column depth=transit_depth")),
    "a depth and a ratio": (
        "wavelength_um,transit_depth,rp_rs,sigma\n1,0.01,0.1,1e-4\n", FileFormatError,
        ("both look like",)),
    "two error columns": (
        "wavelength_um,transit_depth,transit_depth_err,sigma\n1,0.01,1e-4,1e-4\n",
        FileFormatError, ("both look like", "error")),
    "two widths": (
        "wavelength_um,bin_half_width_um,bin_width_um,transit_depth,sigma\n1,.1,.2,0.01,1e-4\n",
        FileFormatError,
        ("both look like", "columns={'half_width': 'bin_half_width_um'}")),
    "ratios in percent": (
        "wavelength_um,Rp/Rs,sigma\n1,12.1,0.1\n1.1,12.2,0.1\n", UnitError,
        ("look like percent", "header")),
    "two upper errors": (
        "wavelength_um,transit_depth,err_up,depth_err_up,err_low\n1,0.01,1e-4,1e-4,1e-4\n",
        FileFormatError, ("columns={'error_up': 'depth_err_up'}",)),
    "a word for a number": (
        PLAIN.replace("0.014422", "deep"), FileFormatError, ("'deep'", "line 3")),
    "underscores in a number": (
        PLAIN.replace("0.014422", "0.0_14422"), FileFormatError, ("line 3",)),
    "infinity": (PLAIN.replace("0.014422", "inf"), FileFormatError, ("'inf'", "line 3")),
    "a short row": (PLAIN.replace(",5.5e-05", ""), FileFormatError, ("line 3", "3 fields")),
    "a long row": (
        PLAIN.replace("5.5e-05", "5.5e-05,7"), FileFormatError, ("line 3", "5 fields", "quote")),
    "an open quotation mark": (PLAIN.replace("0.925", '"0.925'), FileFormatError, ("line 3",)),
    "ECSV with a broken header": (
        ECSV.replace("datatype: float64}", "datatype: floaty", 1) + "1 0.01 1e-4\n",
        FileFormatError, ("not valid ECSV",)),
    "ECSV with a missing cell": (ECSV + "1.0 0.01\n", FileFormatError, ("not valid ECSV",)),
    "ECSV with text for numbers": (ECSV + "1.0 deep 1e-4\n", FileFormatError, ("not valid ECSV",)),
    "FITS": (b"SIMPLE  =                    T" + b" " * 50, FileFormatError, ("FITS",)),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(40), FileFormatError, ("HDF5",)),
    "netCDF": (b"CDF\x01" + bytes(40), FileFormatError, ("netCDF",)),
    "netCDF of 64-bit data": (b"CDF\x05" + bytes(40), FileFormatError, ("netCDF",)),
    "a pickle": (pickle.dumps([1.0]), FileFormatError, ("Python pickle",)),
    "zip": (zipped(), FileFormatError, ("zip",)),
    "gzip": (gzip.compress(PLAIN.encode()), FileFormatError, ("gzip",)),
    "zeros": (bytes(100), FileFormatError, ("binary",)),
    "random bytes": (
        np.random.default_rng(0).bytes(4000).replace(b"\0", b"\1"), FileFormatError, ("binary",)),
    "half of UTF-16": (b"\xff\xfew\0a\0v\0e", FileFormatError, ("UTF-16",)),
    "a web page": ("<!DOCTYPE html>\n<html></html>", FileFormatError, ("web page",)),
    "an IPAC table without rows": (
        "\\PL_NAME = x\n|CENTRALWAVELNG|PL_TRANDEP|\n|double|double|\n", FileFormatError,
        ("no rows",)),
    "an IPAC table that breaks off": (
        "|CENTRALWAVELNG|PL_TRANDEP|\n|        double|    double|\n  1.0  deep\n",
        FileFormatError, ("not a valid IPAC table",)),
}  # fmt: skip


def read_refused(path: Path, **options) -> ExoskError:
    """The error of a file that must be refused, after looking at its form."""
    with pytest.raises(ExoskError) as caught:
        read_spectrum(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400, message
    assert path.name in message or "folder" in message
    return caught.value


@pytest.mark.parametrize("case", BAD)
def test_refused(tmp_path, case):
    content, kind, contains = BAD[case]
    path = tmp_path / "planet.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    error = read_refused(path)
    assert type(error) is kind, error
    for part in contains:
        assert part in str(error)


@pytest.mark.parametrize(
    ("options", "contains"),
    [
        ({"depth_unit": "furlong"}, "'furlong'"),
        ({"wavelength_unit": "ppm"}, "'ppm'"),
        ({"width": "quarter"}, "'quarter'"),
        ({"bin_width": 0.1}, "leave out bin_width"),
        ({"bin_width": "wide"}, "'wide'"),
        ({"table": "SPEC"}, "leave out table"),
        ({"columns": {"color": "transit_depth"}}, "keys"),
        ({"columns": {"depth": "transit_dept"}}, "transit_depth"),
        ({"columns": {"depth": "bin_half_width_um"}}, "no unit of transit depth"),
        ({"wavelength_unit": "nm"}, "cannot be in nm"),
        ({"depth_unit": "ppm"}, "cannot be in ppm"),
    ],
)
def test_wrong_statements_are_refused(tmp_path, options, contains):
    path = tmp_path / "planet.csv"
    path.write_text(PLAIN)
    with pytest.raises(ExoskError, match=contains):
        read_spectrum(path, **options)


def test_missing_path_suggests_neighbours(tmp_path):
    (tmp_path / "wasp-39b.csv").write_text(PLAIN)
    with pytest.raises(UnknownNameError, match=r"did you mean 'wasp-39b\.csv'"):
        read_spectrum(tmp_path / "wasp39b.csv")
    with pytest.raises(UnknownNameError, match="no folder"):
        read_spectrum(tmp_path / "nowhere" / "wasp39b.csv")


def test_folder_is_refused(tmp_path):
    with pytest.raises(FileFormatError, match="is a folder"):
        read_spectrum(tmp_path)


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "planet.csv"
    path.write_text(PLAIN)
    path.chmod(0)
    if os.access(path, os.R_OK):  # the superuser reads everything

        def refuse(self: Path, mode: str) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileFormatError, match=r"planet\.csv cannot be read: permission denied"):
        read_spectrum(path)


def test_huge_file_is_refused(tmp_path):
    path = tmp_path / "planet.csv"
    with path.open("wb") as file:
        file.truncate(200_000_000)  # sparse: takes no room
    with pytest.raises(FileFormatError, match="larger than 67 MB"):
        read_spectrum(path)


def test_writing_into_a_file_as_a_folder_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    spectrum = Spectrum(SpectralGrid.from_edges([1, 2, 3]), [0.01, 0.01], [1e-4, 1e-4])
    with pytest.raises(FileFormatError, match="cannot be written"):
        write_spectrum(spectrum, tmp_path / "x" / "y.ecsv")


@pytest.mark.parametrize("seed", range(200))
def test_no_damage_gives_a_foreign_traceback(tmp_path, seed):
    """Whatever happens to a file, it is read or refused by an ExoskError."""
    rng = np.random.default_rng(seed)
    content = bytearray((ECSV + "1.0 0.01 1e-4\n1.1 0.01 1e-4\n" if seed % 2 else PLAIN).encode())
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(content)))
        match rng.integers(3):
            case 0:
                content[at] = int(rng.integers(1, 256))
            case 1:
                del content[at : at + int(rng.integers(1, 20))]
            case _:
                content[at:at] = bytes(rng.choice(list(b',;"#\n- {}[]'), size=2).tolist())
    path = tmp_path / "planet.csv"
    path.write_bytes(bytes(content))
    with contextlib.suppress(ExoskError):
        read_spectrum(path)
