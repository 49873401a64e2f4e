"""What read_spectrum accepts, and the laws that reading and writing obey."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable, Table
from astropy.time import Time

from exosk.exceptions import FileFormatError, GridError
from exosk.sources import read_spectrum, write_spectrum
from exosk.spectra import SpectralGrid, Spectrum

WAVELENGTH = np.array([0.867, 0.925, 0.983, 1.041])
HALF = np.array([0.029, 0.029, 0.029, 0.029])
DEPTH = np.array([0.014441, 0.014422, 0.014402, 0.014428])
SIGMA = np.array([6.9e-5, 5.5e-5, 5.2e-5, 5.1e-5])

PLAIN = """wavelength_um,bin_half_width_um,transit_depth,transit_depth_err
0.867,0.029,0.014441,6.9e-05
0.925,0.029,0.014422,5.5e-05
0.983,0.029,0.014402,5.2e-05
1.041,0.029,0.014428,5.1e-05
"""


def table(header: str, *columns: np.ndarray, separator: str = ",") -> str:
    """Text of a table whose numbers have all their digits."""
    rows = (separator.join(repr(float(x)) for x in row) for row in zip(*columns, strict=True))
    return "\n".join([header, *rows, ""])


@pytest.fixture
def write(tmp_path: Path):
    """Write text or bytes to a file of the given name and return its path."""

    def _write(content: str | bytes, name: str = "planet.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def assert_same(spectrum: Spectrum) -> None:
    np.testing.assert_allclose(spectrum.wavelength, WAVELENGTH, rtol=1e-12)
    np.testing.assert_allclose(spectrum.half_width, HALF, rtol=1e-9)
    np.testing.assert_allclose(spectrum.depth, DEPTH, rtol=1e-9)
    np.testing.assert_allclose(spectrum.sigma, SIGMA, rtol=1e-9)


# Its column of half widths holds full widths.
FULL_AS_HALF = "HATP-38b_bruno_2017.csv"

RATIO = np.sqrt(DEPTH)
SAME_DATA = {
    "plain": (PLAIN, {}),
    "percent named": (
        table("wavelength_um,bin_half_width_um,transit_depth_percent,transit_depth_err_percent",
              WAVELENGTH, HALF, DEPTH * 100, SIGMA * 100), {}),
    "percent stated": (
        table("wavelength_um,bin_half_width_um,transit_depth,transit_depth_err",
              WAVELENGTH, HALF, DEPTH * 100, SIGMA * 100), {"depth_unit": "percent"}),
    "percent as astropy unit": (
        table("wavelength_um,bin_half_width_um,depth,err",
              WAVELENGTH, HALF, DEPTH * 100, SIGMA * 100), {"depth_unit": u.percent}),
    "ppm in brackets": (
        table("Wavelength [um],bin half width [um],Depth (ppm),Depth err (ppm)",
              WAVELENGTH, HALF, DEPTH * 1e6, SIGMA * 1e6), {}),
    "ppm stated": (
        table("wavelength_um,bin_half_width_um,transit_depth,sigma",
              WAVELENGTH, HALF, DEPTH * 1e6, SIGMA * 1e6), {"depth_unit": "ppm"}),
    "errors in their own unit": (
        table("wavelength_um,bin_half_width_um,transit_depth,transit_depth_err_ppm",
              WAVELENGTH, HALF, DEPTH, SIGMA * 1e6), {}),
    "nm": (
        table("wavelength_nm,bin_half_width_nm,transit_depth,transit_depth_err",
              WAVELENGTH * 1e3, HALF * 1e3, DEPTH, SIGMA), {}),
    "nm with widths in um": (
        table("wavelength_nm,bin_half_width_um,transit_depth,transit_depth_err",
              WAVELENGTH * 1e3, HALF, DEPTH, SIGMA), {}),
    "nm stated": (
        table("wavelength,half_width,transit_depth,transit_depth_err",
              WAVELENGTH * 1e3, HALF * 1e3, DEPTH, SIGMA), {"wavelength_unit": "nm"}),
    "angstrom": (
        table("wavelength (Angstrom),half_width,transit_depth,transit_depth_err",
              WAVELENGTH * 1e4, HALF * 1e4, DEPTH, SIGMA), {}),
    "angstrom stated over a wrong header": (
        table("wavelength_um,bin_half_width_um,transit_depth,transit_depth_err",
              WAVELENGTH * 1e4, HALF * 1e4, DEPTH, SIGMA), {"wavelength_unit": u.AA}),
    "full widths named": (
        table("wavelength_um,bin_width_um,transit_depth,transit_depth_err",
              WAVELENGTH, HALF * 2, DEPTH, SIGMA), {}),
    "full widths stated": (
        table("wavelength_um,bin_half_width_um,transit_depth,transit_depth_err",
              WAVELENGTH, HALF * 2, DEPTH, SIGMA), {"width": "full"}),
    "vague widths stated": (
        table("wavelength_um,width,transit_depth,transit_depth_err",
              WAVELENGTH, HALF, DEPTH, SIGMA), {"width": "half"}),
    "edges": (
        table("wavelength_low_um,wavelength_high_um,transit_depth,transit_depth_err",
              WAVELENGTH - HALF, WAVELENGTH + HALF, DEPTH, SIGMA), {}),
    "Rp/Rs": (
        table("wavelength_um,bin_half_width_um,Rp/Rs,Rp/Rs err",
              WAVELENGTH, HALF, RATIO, SIGMA / (2 * RATIO)), {}),
    "Rp/Rs stated": (
        table("wavelength_um,bin_half_width_um,depth,sigma",
              WAVELENGTH, HALF, RATIO, SIGMA / (2 * RATIO)), {"depth_unit": "rp_rs"}),
    "squared ratio": (
        table("wavelength_um,bin_half_width_um,(Rp/Rs)^2 [%],(Rp/Rs)^2 err [%]",
              WAVELENGTH, HALF, DEPTH * 100, SIGMA * 100), {}),
    "asymmetric errors": (
        table("wavelength_um,bin_half_width_um,transit_depth,err_up,err_low",
              WAVELENGTH, HALF, DEPTH, SIGMA * 1.2, SIGMA * -0.8), {}),
    "asymmetric errors without sign": (
        table("wavelength_um,bin_half_width_um,transit_depth,err1,err2",
              WAVELENGTH, HALF, DEPTH, SIGMA * 0.9, SIGMA * 1.1), {}),
    "unsorted": (
        table("wavelength_um,bin_half_width_um,transit_depth,transit_depth_err",
              *(x[[2, 0, 3, 1]] for x in (WAVELENGTH, HALF, DEPTH, SIGMA))), {}),
    "no widths": (
        table("wavelength_um,transit_depth,transit_depth_err", WAVELENGTH, DEPTH, SIGMA), {}),
    "own names": (
        table("x,dx,y,dy", WAVELENGTH, HALF, DEPTH, SIGMA),
        {"columns": {"wavelength": "x", "half_width": "dx", "depth": "y", "error": "dy"},
         "wavelength_unit": "um", "depth_unit": "fraction"}),
    "semicolons and decimal commas": (PLAIN.replace(",", ";").replace(".", ","), {}),
    "tabs and decimal commas": (PLAIN.replace(",", "\t").replace(".", ","), {}),
    "blanks": (PLAIN.replace(",", "   "), {}),
    "header in a comment": ("# " + PLAIN.replace(",", " "), {}),
    "byte order mark": (b"\xef\xbb\xbf" + PLAIN.encode(), {}),
    "UTF-16": (PLAIN.encode("utf-16"), {}),
    "CRLF": (PLAIN.replace("\n", "\r\n"), {}),
    "latin-1": ("# \u00e9toile\n".encode("latin-1") + PLAIN.encode(), {}),
    "micro sign in latin-1": (
        PLAIN.replace("wavelength_um", "wavelength (\u00b5m)").encode("latin-1"), {}),
    "comments and blank lines": (
        "# one\n\n" + PLAIN.replace("\n0.925", "\n# two\n\n0.925") + "\n,,,\n", {}),
    "quoted": (
        "\n".join(",".join(f'"{c}"' for c in row.split(",")) for row in PLAIN.split()), {}),
    "trailing commas": (PLAIN.replace("\n", ",,\n"), {}),
    "unknown columns": (
        "\n".join(row + (",chi2" if k == 0 else ",1.5") for k, row in enumerate(PLAIN.split())),
        {}),
    "capitals": (PLAIN.upper(), {}),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME_DATA)
def test_the_same_data_give_the_same_spectrum(write, case):
    content, options = SAME_DATA[case]
    assert_same(read_spectrum(write(content), **options))


@pytest.mark.parametrize(
    ("case", "note"),
    [
        ("unsorted", "sorted"),
        ("no widths", "half-way"),
        ("asymmetric errors", "averaged"),
        ("Rp/Rs", "squares"),
        ("semicolons and decimal commas", "Decimal commas"),
        ("latin-1", "latin-1"),
        ("full widths stated", "as stated"),
        ("unknown columns", "chi2"),
    ],
)
def test_decisions_are_noted(write, case, note):
    content, options = SAME_DATA[case]
    assert note in " ".join(read_spectrum(write(content), **options).meta["notes"])


def test_own_layout_needs_no_notes(write):
    assert read_spectrum(write(PLAIN)).meta == {}


def test_blank_depths_are_missing_bins(write):
    spectrum = read_spectrum(write(PLAIN.replace("0.014422,5.5e-05", ",")))
    assert np.isnan(spectrum.depth).tolist() == [False, True, False, False]
    assert np.isnan(spectrum.sigma).tolist() == [False, True, False, False]
    assert spectrum.meta["missing_bins"] == 1
    for blank in ("nan", "NaN", "null", "--"):
        again = read_spectrum(write(PLAIN.replace("0.014422", blank)))
        np.testing.assert_array_equal(again.depth, spectrum.depth)


def test_one_row_with_a_width_is_a_spectrum(write):
    spectrum = read_spectrum(write("\n".join(PLAIN.split()[:2])))
    assert len(spectrum) == 1


def test_attributes(write):
    rows = PLAIN.split()
    labels = ["instrument", "STIS", "WFC3, G102", "WFC3, G102", "STIS"]
    unquoted = "\n".join(f"{row},{label}" for row, label in zip(rows, labels, strict=True))
    quoted = "\n".join(f'{row},"{label}"' for row, label in zip(rows, labels, strict=True))
    for content in (unquoted, quoted):
        spectrum = read_spectrum(write(content, "k2-18b.csv"))
        assert spectrum.name == "k2-18b"
        assert spectrum.instrument == "STIS, WFC3, G102"
        assert spectrum.meta["instrument_ranges_um"] == {
            "STIS": [0.867, 1.041],
            "WFC3, G102": [0.925, 0.983],
        }
    stated = read_spectrum(write(quoted), name="K2-18 b", instrument="HST", reference="B19")
    assert (stated.name, stated.instrument, stated.reference) == ("K2-18 b", "HST", "B19")


def test_ecsv_of_others(tmp_path):
    content = Table(
        {
            "Wavelength": WAVELENGTH * 1e3 * u.nm,
            "bin_width": 2 * HALF * u.um,
            "depth": DEPTH * 100 * u.percent,
            "depth_err": SIGMA * 100 * u.percent,
        },
        meta={"target": "WASP-12 b", "star_radius": 1.657 * u.R_sun, "instrument": ["A", "B"]},
    )
    content.write(tmp_path / "x.ecsv")
    spectrum = read_spectrum(tmp_path / "x.ecsv")
    assert_same(spectrum)
    assert spectrum.name == "WASP-12 b"
    assert spectrum.instrument == "A, B"
    assert spectrum.meta["star_radius"] == {"value": 1.657, "unit": "solRad"}
    json.dumps(spectrum.meta)


def test_ecsv_in_ppm(tmp_path):
    content = Table(
        {"wavelength": WAVELENGTH, "half_width": HALF, "transit_depth": DEPTH * 1e6,
         "transit_depth_err": SIGMA * 1e6, "flux": DEPTH})  # fmt: skip
    for name, unit in (
        ("wavelength", "micron"), ("transit_depth", "ppm"), ("transit_depth_err", "ppm"),
        ("flux", "counts per fortnight"),
    ):  # fmt: skip
        content[name].unit = u.Unit(unit, parse_strict="silent")
    content.write(tmp_path / "x.ecsv")
    assert_same(read_spectrum(tmp_path / "x.ecsv"))


def test_ecsv_with_other_kinds_of_columns(tmp_path):
    content = QTable(
        {"wavelength": WAVELENGTH * u.um, "half_width": HALF * u.um, "transit_depth": DEPTH,
         "transit_depth_err": SIGMA, "night": Time([2459000.5] * 4, format="jd"),
         "pair": np.ones((4, 2)), "visit": ["a", "b", "c", "d"]})  # fmt: skip
    content.write(tmp_path / "x.ecsv")
    spectrum = read_spectrum(tmp_path / "x.ecsv")
    assert_same(spectrum)
    assert spectrum.meta["notes"] == ["Columns not used: night, pair, visit."]
    with pytest.raises(FileFormatError, match="not a number"):
        read_spectrum(tmp_path / "x.ecsv", columns={"error": "pair"})


def test_ecsv_with_masked_rows(tmp_path):
    content = Table(
        {"wavelength_um": WAVELENGTH, "bin_half_width_um": HALF, "transit_depth": DEPTH,
         "transit_depth_err": SIGMA}, masked=True)  # fmt: skip
    content["transit_depth"].mask[1] = True
    content.write(tmp_path / "x.ecsv", serialize_method="null_value")
    assert np.flatnonzero(np.isnan(read_spectrum(tmp_path / "x.ecsv").depth)).tolist() == [1]


@pytest.mark.parametrize("seed", range(5))
def test_round_trip_is_exact(tmp_path, seed):
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.01, 0.3, size=40)) + 0.3
    depth = rng.normal(0.01, 0.001, size=39)
    depth[rng.integers(39)] = np.nan
    spectrum = Spectrum(
        SpectralGrid.from_edges(edges),
        depth,
        rng.uniform(1e-6, 1e-3, size=39),
        name="K2-18 b: \u00e9, \u03bb #1",
        instrument="HST STIS, 'Spitzer'",
        reference="Molli\u00e8re et al.",
        meta={"star_radius": 1 / 3, "list": [1, 2.5, "x"], "nested": {"a": None, "b": True}},
    )
    first, second = tmp_path / "one.ecsv", tmp_path / "two.ecsv"
    write_spectrum(spectrum, first)
    back = read_spectrum(first)
    for array in ("depth", "sigma", "wavelength", "half_width"):
        np.testing.assert_array_equal(getattr(back, array), getattr(spectrum, array))
    assert (back.name, back.instrument, back.reference) == (
        spectrum.name, spectrum.instrument, spectrum.reference)  # fmt: skip
    assert spectrum.meta.items() <= back.meta.items()
    # What reading adds (the count of missing bins) it adds once.
    write_spectrum(back, second)
    assert read_spectrum(second).meta == back.meta
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["one.ecsv", "two.ecsv"]


def test_all_shared_spectra_are_read(shared_data):
    entries = json.loads((shared_data / "spectra" / "manifest.json").read_text())
    assert len(entries) == 36
    for entry in entries:
        path = shared_data / "spectra" / entry["file"]
        if entry["file"] == FULL_AS_HALF:
            with pytest.raises(GridError, match="width='full'"):
                read_spectrum(path)
            spectrum = read_spectrum(path, width="full")
        else:
            spectrum = read_spectrum(path)
        assert len(spectrum) == entry["n_points"], path.name
        low, high = spectrum.wavelength[[0, -1]]
        np.testing.assert_allclose([low, high], entry["wavelength_um"], atol=1e-4)
        assert 100 * spectrum.depth.min() == pytest.approx(entry["depth_percent"][0], abs=1e-4)
        assert 100 * spectrum.depth.max() == pytest.approx(entry["depth_percent"][1], abs=1e-4)
        assert 1e6 * np.median(spectrum.sigma) == pytest.approx(entry["median_err_ppm"], abs=0.1)
