"""Spectra in FITS files: the right table, its units, and refusals in one sentence."""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from exosk.exceptions import ExoskError, FileFormatError, UnitError, UnknownNameError
from exosk.sources import read_spectrum

WAVELENGTH = np.array([0.867, 0.925, 0.983, 1.041])
HALF = np.full(4, 0.029)
DEPTH = np.array([0.014441, 0.014422, 0.014402, 0.014428])
SIGMA = np.array([6.9e-5, 5.5e-5, 5.2e-5, 5.1e-5])


def spectrum_table(wavelength_unit="um", depth_unit="%", ratio=False) -> Table:
    per_um = {"um": 1.0, "micron": 1.0, "nm": 1e3, "Angstrom": 1e4}[wavelength_unit]
    per_one = {"%": 1e2, "ppm": 1e6, "": 1.0}[depth_unit]
    name = "rp_rs" if ratio else "transit_depth"
    value = np.sqrt(DEPTH) if ratio else DEPTH
    error = SIGMA / (2 * value) if ratio else SIGMA
    table = Table(
        {
            "wavelength": WAVELENGTH * per_um,
            "bin_width": 2 * HALF * per_um,
            name: value * per_one,
            f"{name}_err": error * per_one,
        }
    )
    units = (wavelength_unit, wavelength_unit, depth_unit, depth_unit)
    for column, unit in zip(table.colnames, units, strict=True):
        if unit:
            table[column].unit = unit
    return table


def hdu_of(table: Table, name: str = "") -> fits.BinTableHDU:
    """A table HDU whose units are written as they are; the standard has no ppm, files do."""
    units = [str(column.unit or "") for column in table.itercols()]
    bare = Table({name: table[name].data for name in table.colnames})
    hdu = fits.BinTableHDU(bare, name=name)
    for column, unit in zip(hdu.columns, units, strict=True):
        column.unit = unit
    return hdu


def write(path, *hdus, **cards):
    primary = fits.PrimaryHDU()
    primary.header.update(cards)
    fits.HDUList([primary, *hdus]).writeto(path)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "planet.dat"  # the content tells the format


def assert_same(spectrum) -> None:
    np.testing.assert_allclose(spectrum.wavelength, WAVELENGTH, rtol=1e-12)
    np.testing.assert_allclose(spectrum.half_width, HALF, rtol=1e-9)
    np.testing.assert_allclose(spectrum.depth, DEPTH, rtol=1e-9)
    np.testing.assert_allclose(spectrum.sigma, SIGMA, rtol=1e-9)


@pytest.mark.parametrize("wavelength_unit", ["um", "micron", "nm", "Angstrom"])
@pytest.mark.parametrize("depth_unit", ["%", "ppm", ""])
def test_the_same_data_in_any_unit(path, wavelength_unit, depth_unit):
    write(path, hdu_of(spectrum_table(wavelength_unit, depth_unit)))
    assert_same(read_spectrum(path))


def test_radius_ratios(path):
    write(path, hdu_of(spectrum_table("um", "", ratio=True)))
    assert_same(read_spectrum(path))


def test_ascii_tables(path):
    table = fits.TableHDU.from_columns(
        [
            fits.Column("wavelength", "E15.7", "um", array=WAVELENGTH),
            fits.Column("half_width", "E15.7", "um", array=HALF),
            fits.Column("depth", "E15.7", "percent", array=100 * DEPTH),
            fits.Column("depth_err", "E15.7", "percent", array=100 * SIGMA),
        ]
    )
    write(path, table)
    np.testing.assert_allclose(read_spectrum(path).depth, DEPTH, rtol=1e-6)


def test_columns_in_one_row_are_unfolded(path):
    plain = spectrum_table()
    row = Table({name: plain[name].data[np.newaxis] for name in plain.colnames})
    row["flag"] = [1]
    hdu = fits.BinTableHDU(row)
    for number, name in enumerate(plain.colnames, start=1):
        hdu.header[f"TUNIT{number}"] = str(plain[name].unit)
    write(path, hdu)
    assert_same(read_spectrum(path))


def test_missing_values(path):
    table = spectrum_table()
    table["transit_depth"][1] = np.nan
    write(path, hdu_of(table))
    assert np.flatnonzero(~read_spectrum(path).observed).tolist() == [1]


def test_units_must_be_stated(path):
    table = spectrum_table()
    table["wavelength"].unit = table["bin_width"].unit = None
    write(path, hdu_of(table))
    with pytest.raises(UnitError, match="wavelength_unit='um'"):
        read_spectrum(path)
    assert_same(read_spectrum(path, wavelength_unit="um"))


def test_metadata(path):
    hdu = hdu_of(spectrum_table())
    hdu.header.update({"INSTRUME": "WFC3", "BIBCODE": "2015ApJ...814...66K", "DOI": "N/A"})
    write(path, hdu, OBJECT="WASP-12 b", TELESCOP="HST", REFERENC="Kreidberg et al. 2015")
    spectrum = read_spectrum(path)
    assert (spectrum.name, spectrum.instrument) == ("WASP-12 b", "WFC3")
    assert spectrum.reference == "Kreidberg et al. 2015"
    assert spectrum.meta["facility"] == "HST"
    assert spectrum.meta["bibcode"] == "2015ApJ...814...66K"
    assert "doi" not in spectrum.meta


def test_the_one_table_with_a_spectrum_is_found(path):
    other = fits.BinTableHDU(Table({"time": [1.0], "flux": [2.0]}), name="LIGHT")
    image = fits.ImageHDU(np.zeros((4, 5)), name="PICTURE")
    write(path, other, image, hdu_of(spectrum_table(), name="SPEC"))
    assert_same(read_spectrum(path))


def test_two_spectra_are_asked_about(path):
    more = spectrum_table()
    more["transit_depth"] *= 2
    write(path, hdu_of(spectrum_table(), name="NRS1"), hdu_of(more, name="NRS2"))
    with pytest.raises(FileFormatError, match=r"HDUs 1 NRS1, 2 NRS2; .*table='NRS1'"):
        read_spectrum(path)
    for choice in ("NRS1", "nrs1", 1, "1"):
        assert_same(read_spectrum(path, table=choice))
    np.testing.assert_allclose(read_spectrum(path, table="NRS2").depth, 2 * DEPTH)
    with pytest.raises(UnknownNameError, match="did you mean 'NRS"):
        read_spectrum(path, table="NRS3")
    with pytest.raises(FileFormatError, match="no table and no 1-D spectrum"):
        read_spectrum(path, table=0)


def test_two_spectra_without_names(path):
    write(path, *[hdu_of(spectrum_table())] * 2)
    with pytest.raises(FileFormatError, match=r"table='1'"):
        read_spectrum(path)
    assert_same(read_spectrum(path, table="2"))


def test_names_of_ones_own(path):
    table = spectrum_table()
    table.rename_columns(table.colnames, ["x", "dx", "flux", "uncertainty"])
    write(path, hdu_of(table))
    columns = {"wavelength": "x", "full_width": "dx", "depth": "flux"}
    assert_same(read_spectrum(path, columns=columns))
    with pytest.raises(FileFormatError, match=r"no column of transit depths.*'flux'"):
        read_spectrum(path)


# One-dimensional images.


def image(unit: str | None = "%", wavelength: str | None = "um", errors: str = "ERR") -> list:
    flux = fits.PrimaryHDU(1.4 + np.arange(10) / 100)
    flux.header.update(CTYPE1="WAVE", CRVAL1=1.0, CDELT1=0.05, CRPIX1=1.0, OBJECT="Test b")
    if wavelength is None:
        flux.header["CTYPE1"] = "LINEAR"
    else:
        flux.header["CUNIT1"] = wavelength
    if unit is not None:
        flux.header["BUNIT"] = unit
    return [flux, *([fits.ImageHDU(np.full(10, 0.01), name=errors)] if errors else [])]


@pytest.mark.parametrize("errors", ["ERR", "STD", "UNCERT"])
def test_an_image_of_one_dimension(path, errors):
    pytest.importorskip("specutils")
    fits.HDUList(image(errors=errors)).writeto(path)
    spectrum = read_spectrum(path)
    np.testing.assert_allclose(spectrum.wavelength, 1 + 0.05 * np.arange(10))
    np.testing.assert_allclose(spectrum.depth, 0.014 + np.arange(10) / 1e4)
    np.testing.assert_allclose(spectrum.sigma, 1e-4)
    assert spectrum.name == "Test b"


def test_variances_beside_an_image(path):
    pytest.importorskip("specutils")
    hdus = image(errors="VAR")
    hdus[1].data = np.full(10, 1e-4)
    fits.HDUList(hdus).writeto(path)
    np.testing.assert_allclose(read_spectrum(path).sigma, 1e-4)


def test_what_an_images_header_does_not_say_is_asked(path):
    """Not Angstrom and fractions, which specutils takes."""
    pytest.importorskip("specutils")
    fits.HDUList(image(unit=None, wavelength=None)).writeto(path)
    with pytest.raises(UnitError, match="depth_unit='fraction', 'percent'"):
        read_spectrum(path)
    with pytest.raises(UnitError, match="wavelength_unit='um'"):
        read_spectrum(path, depth_unit="percent")
    spectrum = read_spectrum(path, depth_unit="percent", wavelength_unit="um")
    np.testing.assert_allclose(spectrum.wavelength, 1 + 0.05 * np.arange(10))
    np.testing.assert_allclose(spectrum.depth[0], 0.014)


def test_an_image_in_units_of_flux_or_without_errors(path):
    pytest.importorskip("specutils")
    fits.HDUList(image(unit="Jy")).writeto(path)
    with pytest.raises(UnitError, match="flux in Jy, not a transit depth"):
        read_spectrum(path)
    fits.HDUList(image(errors="")).writeto(path, overwrite=True)
    with pytest.raises(FileFormatError, match="no column of errors"):
        read_spectrum(path)


def test_an_image_without_specutils(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "specutils", None)
    fits.HDUList(image()).writeto(path)
    with pytest.raises(ExoskError, match=r"pip install 'exosk\[files\]'"):
        read_spectrum(path)


# What is refused.


def refused(path, **options) -> str:
    with pytest.raises(FileFormatError) as caught:
        read_spectrum(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    assert path.name in message
    return message


def extraction(n: int) -> list:
    columns = {"WAVELENGTH": WAVELENGTH, "FLUX": DEPTH, "FLUX_ERROR": SIGMA}
    return [fits.BinTableHDU(Table(columns), name="EXTRACT1D") for _ in range(n)]


@pytest.mark.parametrize("n", [1, 3])
def test_fluxes_of_the_star_are_refused(path, n):
    write(path, *extraction(n), TELESCOP="JWST")
    message = refused(path)
    assert "light curves" in message
    assert "published spectrum" in message


@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
def test_images_are_refused(path, kind):
    write(path, kind(np.zeros((40, 50), dtype="int32")))
    assert "images of (40, 50) pixels" in refused(path)


def test_headers_only_and_several_foreign_tables(path):
    write(path)
    assert "headers only" in refused(path)
    tables = [fits.BinTableHDU(Table({"x": [1.0]}), name=name) for name in ("ONE", "TWO")]
    path.unlink()
    write(path, *tables)
    assert "1 ONE, 2 TWO" in refused(path)


@pytest.mark.parametrize("keep", [10, 3000, 5760, 8000])
def test_truncated_files_are_refused(path, keep):
    write(path, hdu_of(spectrum_table()))
    content = path.read_bytes()
    assert len(content) == 8640
    path.write_bytes(content[:keep])
    assert any(word in refused(path) for word in ("cut off", "not a valid FITS file"))


def test_a_header_that_promises_too_much_is_refused_before_room_is_made(path):
    write(path, hdu_of(spectrum_table()))
    content = path.read_bytes()
    card = b"NAXIS2  =                    4"
    assert content.count(card) == 1
    path.write_bytes(content.replace(card, b"NAXIS2  = " + b"9" * 13 + b" " * 7))
    assert "cut off" in refused(path)


@pytest.mark.parametrize("seed", range(60))
def test_no_damage_gives_a_foreign_traceback(path, seed):
    rng = np.random.default_rng(seed)
    write(path, hdu_of(spectrum_table()))
    content = bytearray(path.read_bytes())
    for _ in range(rng.integers(1, 6)):
        at = int(rng.integers(9, len(content)))
        if rng.random() < 0.7:
            content[at] = int(rng.integers(256))
        else:
            del content[at : at + int(rng.integers(1, 200))]
    path.write_bytes(bytes(content))
    with contextlib.suppress(ExoskError):
        read_spectrum(path)
