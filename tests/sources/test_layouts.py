"""The tables of JWST pipelines mean what their pipelines mean by them."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import QTable

from exosk.exceptions import FileFormatError, GridError
from exosk.sources import as_spectrum, read_spectrum

WAVELENGTH = np.array([3.0, 3.1, 3.2, 3.3])
HALF = np.full(4, 0.05)
DEPTH = np.array([0.0210, 0.0211, 0.0212, 0.0213])
SIGMA = np.array([1.0e-4, 1.1e-4, 1.2e-4, 1.3e-4])
RATIO = np.sqrt(DEPTH)


def assert_same(spectrum) -> None:
    np.testing.assert_allclose(spectrum.wavelength, WAVELENGTH, rtol=1e-12)
    np.testing.assert_allclose(spectrum.half_width, HALF, rtol=1e-9)
    np.testing.assert_allclose(spectrum.depth, DEPTH, rtol=1e-6)
    np.testing.assert_allclose(spectrum.sigma, SIGMA, rtol=1e-6)


def eureka(key: str, value: np.ndarray, error: np.ndarray) -> QTable:
    """Stage 6's table, as ``savetable_S6`` makes it: no units, half widths, both errors."""
    names = ("wavelength", "bin_width", f"{key}_value", f"{key}_errorneg", f"{key}_errorpos")
    return QTable([WAVELENGTH, HALF, value, 0.9 * error, 1.1 * error], names=names)


@pytest.mark.parametrize(
    ("key", "value", "error"), [("rp^2", DEPTH, SIGMA), ("rp", RATIO, SIGMA / (2 * RATIO))]
)
def test_eureka(tmp_path, key, value, error):
    table = eureka(key, value, error)
    table.write(tmp_path / "S6_wasp39b_Table_Save.txt", format="ascii.ecsv")
    spectrum = read_spectrum(tmp_path / "S6_wasp39b_Table_Save.txt")
    assert_same(spectrum)
    assert "bin_width is half of a bin" in spectrum.meta["notes"][0]
    assert_same(as_spectrum(table))


def test_eurekas_widths_are_the_callers_to_contradict():
    table = eureka("rp^2", DEPTH, SIGMA)
    stated = as_spectrum(table, width="full")
    np.testing.assert_allclose(stated.half_width, HALF / 2)
    assert any("as stated" in note for note in stated.meta["notes"])


def test_a_column_named_alike_in_another_table_is_not_eurekas():
    table = QTable(
        [WAVELENGTH, 2 * HALF, DEPTH, SIGMA],
        names=("wavelength_um", "bin_width_um", "transit_depth", "transit_depth_err"),
    )
    assert_same(as_spectrum(table))
    table["bin_width_um"] = HALF
    assert "width='half'" in " ".join(as_spectrum(table).meta["notes"])
    table["bin_width_um"] = 4 * HALF
    with pytest.raises(GridError, match="overlap"):
        as_spectrum(table)


def exotedrf(columns: str = "wave,wave_err,dppm,dppm_err,order", what: str = "(Rp/R*)^2") -> str:
    """A Stage 4 table, with comments as ``save_transmission_spectrum`` writes them."""
    comments = [
        "# Target: WASP-39 b", "# Instrument: NIRISS/SOSS", "# Pipeline: exoTEDRF",
        "# Column wave_err: Wavelength bin halfwidth (micron)", f"# Column dppm: {what} (ppm)", "#",
    ]  # fmt: skip
    rows = zip(WAVELENGTH, HALF, DEPTH * 1e6, SIGMA * 1e6, [2, 2, 1, 1], strict=True)
    lines = [",".join(repr(float(x)) for x in row) for row in rows]
    return "\n".join([*comments, columns, *lines, ""])


@pytest.mark.parametrize("half", ["wave_err", "wave_error"])
def test_exotedrf(tmp_path, half):
    path = tmp_path / "spectrum.csv"
    path.write_text(exotedrf(f"wave,{half},dppm,dppm_err,order"))
    spectrum = read_spectrum(path)
    assert_same(spectrum)
    assert (spectrum.name, spectrum.instrument) == ("WASP-39 b", "NIRISS/SOSS")
    assert any(half in note for note in spectrum.meta["notes"])


def test_bins_of_bad_quality_are_missing(tmp_path):
    path = tmp_path / "spectrum.csv"
    path.write_text(exotedrf("wave,wave_error,dppm,dppm_err,quality").replace(",1.0\n", ",0\n"))
    spectrum = read_spectrum(path)
    assert spectrum.observed.tolist() == [False, False, True, True]
    assert any("quality is not 0" in note for note in spectrum.meta["notes"])


@pytest.mark.parametrize(
    "text",
    [
        exotedrf(what="(Fp/F*)"),
        "wavelength bin_width fp_value fp_errorneg fp_errorpos\n3.0 0.05 0.001 1e-4 1e-4\n",
    ],
    ids=["exotedrf", "eureka"],
)
def test_eclipses_are_refused(tmp_path, text):
    path = tmp_path / "eclipse.txt"
    path.write_text(text)
    with pytest.raises(FileFormatError, match="an eclipse"):
        read_spectrum(path)


UNIT, PER_UM = {"um": "$\\mu$m", "angstrom": "$\\AA$"}, {"um": 1.0, "angstrom": 1e4}


@pytest.mark.parametrize("unit", ["um", "angstrom"])
@pytest.mark.parametrize("kind", ["ratio", "depth", "depth, one error"])
def test_tiberius(tmp_path, unit, kind):
    """Names separated by commas in a comment, numbers by blanks, units in TeX."""
    head = f"# Wavelength bin centre ({UNIT[unit]}), wavelength bin full width ({UNIT[unit]}), "
    if kind == "ratio":
        names = "Rp/Rs, Rp/Rs +ve error, Rp/Rs -ve error, u1, u1 +ve error, u1 -ve error"
        error = SIGMA / (2 * RATIO)
        columns = [RATIO, 1.2 * error, 0.8 * error, *([np.full(4, 0.1)] * 3)]
    elif kind == "depth":
        names = "Transit depth, Transit depth +ve error, Transit depth -ve error"
        columns = [DEPTH, 1.2 * SIGMA, 0.8 * SIGMA]
    else:
        names, columns = "Transit depth, Transit depth error", [DEPTH, SIGMA]
    columns = [WAVELENGTH * PER_UM[unit], 2 * HALF * PER_UM[unit], *columns]
    rows = [" ".join(f"{x:.10f}" for x in row) for row in zip(*columns, strict=True)]
    path = tmp_path / "transmission_spectrum.txt"
    path.write_text("\n".join([head + names, *rows, ""]))
    assert_same(read_spectrum(path))
