"""The NASA Exoplanet Archive's spectra: what was published is read, in the right unit."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u

from exosk.exceptions import ExoskError, FileFormatError, GridError
from exosk.sources import read_spectrum, write_spectrum

STEMS = (
    "3491_1", "3491_2", "3717_1", "3717_2", "3868_1", "3868_2", "3939_1", "4132_1", "4988_1",
    "4988_2", "4988_3", "4988_4", "5040_1", "5077_1", "5078_1", "5087_1", "5295_1",
)  # fmt: skip
# One point of a broad filter, whose width the file does not have.
LONE = "3491_1"
# Files whose widths are half widths, whatever the archive calls them.
HALF = {"3717_2", "4988_1", "5078_1"}
ROUNDED = {"3868_2", "3939_1"}


def plain_parse(path: Path) -> dict[str, list[str]]:
    """The columns of an IPAC table by the places of its bars, without any library."""
    lines = path.read_text().splitlines()
    header = [line for line in lines if line.startswith("|")]
    bars = [k for k, letter in enumerate(header[0]) if letter == "|"]
    names = [header[0][a + 1 : b].strip() for a, b in itertools.pairwise(bars)]
    rows = [line for line in lines if line.strip() and line[0] not in "\\|"]
    cut = [[row[a:b].strip() for a, b in itertools.pairwise(bars)] for row in rows]
    return dict(zip(names, map(list, zip(*cut, strict=True)), strict=True))


def numbers(cells: list[str]) -> np.ndarray:
    return np.array([np.nan if cell == "null" else float(cell) for cell in cells])


@pytest.fixture(scope="module")
def archive(shared_data) -> Path:
    folder = shared_data / "nasa_archive"
    assert len(list(folder.glob("*.tbl"))) == len(STEMS)
    return folder


@pytest.fixture(params=STEMS)
def case(archive, request):
    """Path, raw columns, and what must be stated to read the file."""
    path = archive / f"WASP_39_b_3.11466_{request.param}.tbl"
    return path, plain_parse(path), {"bin_width": 0.06} if request.param == LONE else {}


def test_all_files_are_read_with_the_right_counts_and_units(case):
    path, raw, options = case
    spectrum = read_spectrum(path, **options)
    published = raw["PL_TRANDEP_AUTHORS"][0] != "Calculated"
    quantity = "PL_TRANDEP" if published else "PL_RATROR"
    value = numbers(raw[quantity])
    depth = value / 100 if published else value**2
    assert len(spectrum) == np.isfinite(value).sum()
    assert spectrum.observed.all()
    wavelength = np.sort(numbers(raw["CENTRALWAVELNG"]))
    np.testing.assert_allclose(spectrum.wavelength[[0, -1]], wavelength[[0, -1]], rtol=2e-6)
    if np.isfinite(numbers(raw["BANDWIDTH"])).any():
        np.testing.assert_allclose(spectrum.wavelength, wavelength, rtol=2e-6)
    # Edges half-way between centres need not be symmetric about them.
    assert (spectrum.grid.lower < wavelength).all()
    assert (spectrum.grid.upper > wavelength).all()
    np.testing.assert_allclose(np.sort(spectrum.depth), np.sort(depth), rtol=1e-12)
    # Whatever was published, the archive's percents are the same to its rounding.
    np.testing.assert_allclose(
        np.sort(spectrum.depth), np.sort(numbers(raw["PL_TRANDEP"]) / 100), rtol=3e-4
    )
    up, low = numbers(raw[f"{quantity}ERR1"]), numbers(raw[f"{quantity}ERR2"])
    assert (low < 0).all()
    sigma = (up - low) / 2
    sigma = sigma / 100 if published else 2 * value * sigma
    np.testing.assert_allclose(np.sort(spectrum.sigma), np.sort(sigma), rtol=1e-12)
    notes = " ".join(spectrum.meta["notes"])
    assert ("calculated from it" in notes) == ("4988" not in path.name)


def test_widths_are_the_files_or_said_not_to_be(case):
    path, raw, options = case
    stem = path.stem.partition("11466_")[2]
    width = numbers(raw["BANDWIDTH"])
    spectrum = read_spectrum(path, **options)
    notes = " ".join(spectrum.meta["notes"])
    if np.isnan(width).all():
        assert ("as stated" if stem == LONE else "no bin widths") in notes
    else:
        # Some widths were rounded to zero, which is none.
        expected = np.where(width > 0, width / 2, np.nan)[
            np.argsort(numbers(raw["CENTRALWAVELNG"]))
        ]
        there = np.isfinite(expected)
        np.testing.assert_allclose(spectrum.half_width[there], expected[there], rtol=1e-9)
        assert (~there).any() == ("There is no bin width" in notes)
    assert ("width='half'" in notes) == (stem in HALF)
    assert ("separate measurements" in notes) == (stem in ROUNDED)


@pytest.mark.parametrize("stem", sorted(HALF))
def test_the_remedy_for_half_widths_fills_the_spectrum(archive, stem):
    path = archive / f"WASP_39_b_3.11466_{stem}.tbl"
    full, half = read_spectrum(path), read_spectrum(path, width="half")
    np.testing.assert_allclose(half.half_width, 2 * full.half_width, rtol=1e-9)
    gaps = half.grid.lower[1:] - half.grid.upper[:-1]
    assert abs(np.median(gaps / half.half_width[1:])) < 0.05
    assert "width='half'" not in " ".join(half.meta["notes"])


def test_a_lone_point_asks_for_its_width(archive):
    path = archive / f"WASP_39_b_3.11466_{LONE}.tbl"
    with pytest.raises(GridError, match=r"one bin and no width.*bin_width=0\.1"):
        read_spectrum(path)
    for width in (0.06, 60 * u.nm):
        spectrum = read_spectrum(path, bin_width=width)
        np.testing.assert_allclose(spectrum.grid.range, [0.324, 0.384])


def test_metadata_have_exosks_names(case):
    path, raw, options = case
    spectrum = read_spectrum(path, **options)
    assert spectrum.name == "WASP-39 b"
    assert spectrum.instrument
    assert "2" in spectrum.reference
    assert spectrum.meta["facility"]
    assert len(spectrum.meta["bibcode"]) == 19
    assert spectrum.meta["star_radius"] == float(raw["ST_RAD"][0])
    assert spectrum.meta["star_radius_err"] == pytest.approx(float(raw["ST_RADERR1"][0]))
    assert "Faedi" in spectrum.meta["parameter_references"]["star_radius"]
    assert ("remarks" in spectrum.meta) == ("4988" in path.name)


def test_what_was_read_survives_writing(case, tmp_path):
    path, _, options = case
    spectrum = read_spectrum(path, **options)
    write_spectrum(spectrum, tmp_path / "x.ecsv")
    again = read_spectrum(tmp_path / "x.ecsv")
    for array in ("wavelength", "half_width", "depth", "sigma"):
        np.testing.assert_array_equal(getattr(again, array), getattr(spectrum, array))
    assert again.meta == spectrum.meta


# Tables of our own: every rule once.

NAMES = (
    "CENTRALWAVELNG", "BANDWIDTH", "PL_TRANDEP", "PL_TRANDEPERR1", "PL_TRANDEPERR2",
    "PL_TRANDEPLIM", "PL_TRANDEP_AUTHORS", "PL_RATROR", "PL_RATRORERR1", "PL_RATRORERR2",
    "PL_RATRORLIM", "PL_RATROR_AUTHORS", "ST_RAD",
)  # fmt: skip
UNITS = {"CENTRALWAVELNG": "microns", "BANDWIDTH": "microns", "PL_TRANDEP": "%",
         "ST_RAD": "solar radii"}  # fmt: skip
ROWS = [
    [wavelength, "0.1", "2.25", "0.03", "-0.05", "0", "Someone", "0.15", "0.001", "-0.001", "0",
     "Calculated", "0.9"]
    for wavelength in ("1.0", "1.1", "1.2", "1.3")
]  # fmt: skip


def ipac(rows: list[list[str]], spec_type: str = "Transmission", names=NAMES) -> str:
    """Text of an IPAC table in the archive's manner."""
    kinds = ["char" if "AUTHORS" in name else "double" for name in names]
    header = [names, kinds, [UNITS.get(name, "") for name in names], ["null"] * len(names)]
    lines = ["|" + "|".join(cell.rjust(20) for cell in line) + "|" for line in header]
    lines += [" " + " ".join(cell.rjust(20) for cell in row) + " " for row in rows]
    return "\n".join(
        ["\\PL_NAME = Test b", f"\\SPEC_TYPE = {spec_type}", "\\NOTE = None", "\\", *lines, ""]
    )


def changed(**changes: list[str]) -> list[list[str]]:
    """The rows, with some columns replaced."""
    rows = [list(row) for row in ROWS]
    for name, cells in changes.items():
        for row, cell in zip(rows, cells, strict=True):
            row[NAMES.index(name)] = cell
    return rows


@pytest.fixture
def read(tmp_path):
    """Read a text as a file of an uninformative name."""

    def _read(text: str, **options):
        path = tmp_path / "planet.txt"
        path.write_text(text)
        return read_spectrum(path, **options)

    return _read


def test_the_plain_case(read):
    spectrum = read(ipac(ROWS))
    np.testing.assert_allclose(spectrum.depth, 0.0225)
    np.testing.assert_allclose(spectrum.sigma, 0.0004)
    np.testing.assert_allclose(spectrum.half_width, 0.05)
    assert spectrum.name == "Test b"
    assert spectrum.meta["star_radius"] == 0.9
    assert "remarks" not in spectrum.meta


def test_the_published_ratio_is_preferred_to_a_calculated_depth(read):
    # A star's radius that the publication did not use may have gone into what was calculated.
    rows = changed(
        PL_TRANDEP=["9.9"] * 4, PL_TRANDEP_AUTHORS=["Calculated"] * 4,
        PL_RATROR_AUTHORS=["Someone"] * 4,
    )  # fmt: skip
    np.testing.assert_allclose(read(ipac(rows)).depth, 0.0225)
    np.testing.assert_allclose(read(ipac(rows)).sigma, 2 * 0.15 * 0.001)
    stated = read(ipac(rows), columns={"depth": "PL_TRANDEP"})
    np.testing.assert_allclose(stated.depth, 0.099)
    np.testing.assert_allclose(stated.sigma, 0.0004)


def test_the_caller_may_choose_the_ratio(read):
    spectrum = read(ipac(ROWS), columns={"rp_rs": "PL_RATROR"})
    np.testing.assert_allclose(spectrum.depth, 0.0225)
    np.testing.assert_allclose(spectrum.sigma, 2 * 0.15 * 0.001)


def test_only_calculated_values_are_read_and_said_to_be(read):
    spectrum = read(ipac(changed(PL_TRANDEP_AUTHORS=["Calculated"] * 4)))
    np.testing.assert_allclose(spectrum.depth, 0.0225)
    assert "calculated by the archive" in spectrum.meta["notes"][0]


def test_two_published_quantities_must_agree(read):
    both = {"PL_RATROR_AUTHORS": ["Someone"] * 4}
    assert "agrees" in read(ipac(changed(**both))).meta["notes"][0]
    apart = changed(PL_RATROR=["0.16"] * 4, **both)
    with pytest.raises(FileFormatError, match="both published, differ"):
        read(ipac(apart))
    # Either word of the caller settles it.
    np.testing.assert_allclose(read(ipac(apart), columns={"depth": "PL_TRANDEP"}).depth, 0.0225)
    np.testing.assert_allclose(read(ipac(apart), columns={"rp_rs": "PL_RATROR"}).depth, 0.0256)


@pytest.mark.parametrize("flag", ["1", "-1"])
def test_limits_are_missing_bins(read, flag):
    spectrum = read(ipac(changed(PL_TRANDEPLIM=["0", flag, "0", "null"])))
    assert np.isnan(spectrum.depth).tolist() == [False, True, False, False]
    assert spectrum.meta["missing_bins"] == 1
    assert any("limit in row 2" in note for note in spectrum.meta["notes"])


def test_limits_of_the_quantity_that_is_not_read_do_not_matter(read):
    assert read(ipac(changed(PL_RATRORLIM=["2"] * 4))).observed.all()


def test_a_file_of_limits_only_is_refused(read):
    with pytest.raises(FileFormatError, match=r"marked as a limit.*PL_TRANDEP"):
        read(ipac(changed(PL_RATRORLIM=["2"] * 4)), columns={"rp_rs": "PL_RATROR"})


def test_a_null_row_is_no_bin_and_a_null_depth_is_a_missing_one(read):
    empty = [["null"] * len(NAMES)]
    spectrum = read(ipac(empty + changed(PL_TRANDEP=["2.25", "null", "2.25", "2.25"])))
    assert len(spectrum) == 4
    assert np.isnan(spectrum.depth).tolist() == [False, True, False, False]
    assert any("row 1; left out" in note for note in spectrum.meta["notes"])
    # Its ratio is known, which is said.
    assert any("only PL_RATROR is known" in note for note in spectrum.meta["notes"])
    with pytest.raises(FileFormatError, match="no row with a wavelength"):
        read(ipac(empty))


def test_some_widths_missing(read):
    rows = changed(BANDWIDTH=["0.1", "null", "0", "0.1"])
    spectrum = read(ipac(rows))
    np.testing.assert_allclose(spectrum.half_width, 0.05)
    assert "rows 2 and 3" in " ".join(spectrum.meta["notes"])
    stated = read(ipac(rows), bin_width=0.02)
    np.testing.assert_allclose(stated.half_width, [0.05, 0.01, 0.01, 0.05])
    with pytest.raises(FileFormatError, match="leave out bin_width"):
        read(ipac(ROWS), bin_width=0.02)


def test_two_measurements_of_one_bin_are_kept_and_a_copy_is_refused(read):
    twice = changed(
        CENTRALWAVELNG=["1.0", "1.1", "1.1", "1.3"], PL_TRANDEP=["2.2", "2.3", "2.4", "2"]
    )
    spectrum = read(ipac(twice))
    assert len(spectrum) == 4
    np.testing.assert_allclose(spectrum.depth, [0.022, 0.023, 0.024, 0.02])
    assert 0 < spectrum.wavelength[2] - spectrum.wavelength[1] < 1e-5
    with pytest.raises(FileFormatError, match="the same bin"):
        read(ipac([*ROWS, ROWS[0]]))


@pytest.mark.parametrize("kind", ["Eclipse", "Direct Imaging"])
def test_other_kinds_of_spectra_are_refused(read, kind):
    with pytest.raises(FileFormatError, match=f"'{kind}', not a transmission spectrum"):
        read(ipac(ROWS, spec_type=kind))


def test_without_the_columns_of_a_transit(read):
    names = ("CENTRALWAVELNG", "BANDWIDTH", "ESPECLIPDEP")
    with pytest.raises(FileFormatError, match="no column of transit depths"):
        read(ipac([["1.0", "0.1", "0.05"]], names=names))


def test_the_same_columns_as_csv(read):
    text = "\n".join(",".join(row) for row in [list(NAMES), *ROWS])
    spectrum = read(text)
    np.testing.assert_allclose(spectrum.depth, 0.0225)
    np.testing.assert_allclose(spectrum.half_width, 0.05)
    assert any("in percent, as the archive has it" in note for note in spectrum.meta["notes"])


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_gives_a_foreign_traceback(read, seed):
    rng = np.random.default_rng(seed)
    content = list(ipac(ROWS))
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(len(content)))
        if rng.random() < 0.5:
            content[at] = chr(int(rng.integers(9, 126)))
        else:
            del content[at : at + int(rng.integers(1, 30))]
    with contextlib.suppress(ExoskError):
        read("".join(content))
