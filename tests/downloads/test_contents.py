"""What comes in a file's place, cut short or swollen, is known for what it is."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pytest
from astropy.io import fits

from exosk.downloads import check_contents, safe_name
from exosk.exceptions import DownloadError

MIB = 1 << 20


def fits_bytes(compressed=False):
    data = np.random.default_rng(0).normal(size=(100, 100)).astype(np.float32)
    hdu = fits.CompImageHDU(data) if compressed else fits.ImageHDU(data)
    table = fits.BinTableHDU.from_columns([fits.Column("wave", "D", array=np.arange(500.0))])
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu, table]).writeto(stream)
    return stream.getvalue()


def zip_bytes(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return stream.getvalue()


def check(tmp_path, data, limit=10 * MIB):
    path = tmp_path / "file"
    path.write_bytes(data)
    check_contents(path, "the label", limit)


@pytest.mark.parametrize(
    "data",
    [
        b"wavelength,depth\n1,2\n",
        rb"\PL_NAME = WASP-39 b",
        gzip.compress(b"1,2\n" * 1000),
        zip_bytes(a__b="text"),
        fits_bytes(),
        fits_bytes(compressed=True),
    ],
    ids=["csv", "ipac", "gzip", "zip", "fits", "compressed fits"],
)
def test_files_pass(tmp_path, data):
    check(tmp_path, data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"<!DOCTYPE html><title>Down</title>", "web page"),
        (b"\n <HTML>", "web page"),
        (gzip.compress(b"1,2\n" * 1000)[:-20], "cut short"),
        (gzip.compress(bytes(20 * MIB)), "unpack to more than 10 MiB"),
        (gzip.compress(b"1" * 1000)[:10] + b"\xff" * 50, "damaged"),
        (zip_bytes(a="1" * 1000)[:60], "damaged"),
        (zip_bytes(a=bytes(20 * MIB)), "unpack to more than 10 MiB"),
        (zip_bytes(**{"..__evil": "1"}), "outside its"),
        (zip_bytes(__etc__evil="1"), "outside its"),
        (fits_bytes()[:-2880], "cut short"),
        (fits_bytes()[:4000], "cut short"),
    ],
)
def test_what_is_no_file_is_told(tmp_path, data, reason):
    with pytest.raises(DownloadError, match=rf"the label.*{reason}"):
        check(tmp_path, data)


def test_a_flipped_byte_in_a_zip_is_found(tmp_path):
    data = bytearray(zip_bytes(a=np.random.default_rng(0).bytes(1000)))
    data[200] ^= 1
    with pytest.raises(DownloadError, match="damaged"):
        check(tmp_path, bytes(data))


def test_a_fits_bomb_is_not_opened(tmp_path):
    # Headers that announce a hundred gigabytes, packed into nothing.
    image = fits.CompImageHDU(np.zeros((100, 100), np.float32))
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(stream)
    data = stream.getvalue().replace(
        b"ZNAXIS1 =                  100", b"ZNAXIS1 =            300000000"
    )
    assert b"300000000" in data
    with pytest.raises(DownloadError, match="unpack to more than"):
        check(tmp_path, data)


def test_a_table_that_is_announced_and_not_there(tmp_path):
    data = fits_bytes().replace(
        b"NAXIS2  =                  500", b"NAXIS2  =          50000000000"[:30]
    )
    with pytest.raises(DownloadError, match=r"more than|cut short"):
        check(tmp_path, data)


@pytest.mark.parametrize("name", ["a.tbl", "WASP_39_b_3.11466_3491_1.tbl", "x1dints.fits"])
def test_ordinary_names_stay(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name", ["../a", "/etc/passwd", "a/b", "..", ".hidden", "a\\b", "a\0b", ""]
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(DownloadError):
        safe_name(name)


@pytest.mark.parametrize("name", ["a b?c*.tbl", "é" * 300, "a" * 500 + ".fits", "x." + "y" * 500])
def test_any_name_becomes_one_that_every_system_takes(name):
    try:
        clean = safe_name(name)
    except DownloadError:
        assert name == "é" * 300
        return
    assert len(clean.encode()) <= 120
    assert safe_name(clean) == clean
