"""Every pixel of an ASPA: ExoGAN's own picture, and the general form."""

import dataclasses

import numpy as np
import pytest

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.preprocessing.aspa_layout import AspaLayout
from exosk.preprocessing.exogan import (
    EXOGAN_PARAMETERS,
    exogan_bins,
    exogan_wavelength,
    filling_order,
)
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_centers(exogan_wavelength())
# First points of ExoGAN's bands in its descending grid, as its code has them.
FIRST = [0, 162, 195, 208, 241, 255, 318, 334, 371, 384, 394, 406, 420, 440]
SPACE_ORDER = (
    "planet_radius",
    "planet_mass",
    "temperature",
    "log_x_h2o",
    "log_x_co2",
    "log_x_co",
    "log_x_ch4",
)
COUNTS = (0, 1, 2, 3, 7, 12)
SIZES = [
    (n_bins, starts, n_parameters)
    for n_bins, starts in [
        (1, [0]),
        (2, [0, 1]),
        (3, [0]),
        (3, [0, 1, 2]),
        (4, [0, 2]),
        (8, [0, 1, 7]),
        (9, [0]),
        (50, [0, 10, 20, 21, 30]),
        (515, range(14)),
        (4000, [0, 5, 3999]),
    ]
    for n_parameters in COUNTS
]
each_size = pytest.mark.parametrize(("n_bins", "starts", "n_parameters"), SIZES, ids=str)


def published_pixels(n_shown: int = 515) -> list[list[tuple]]:
    """What each pixel shows, by loops over the published picture.

    A bin is ("depth", its place in the ascending grid), a band's extreme ("maximum", its place in
    the descending list of bands); of the longest wavelengths some may show nothing.
    """
    picture = [[("nothing",)] * 33 for _ in range(33)]
    for k in range(23 * 23):
        shown = ("mean",) if k >= 515 else ("depth", 514 - k)
        if k < 515 - n_shown:
            shown = ("nothing",)
        picture[k // 23][k % 23] = shown
    for band in range(7):
        for row in range(23):
            picture[row][23 + band] = ("maximum" if row < 12 else "minimum", band)
    for band in range(7, 14):
        for column in range(23):
            shown = ("maximum" if column < 12 else "minimum", band)
            picture[23 + band - 7][column] = shown
    for k, name in enumerate(["log_x_co2", "log_x_co", "log_x_ch4"]):
        for row in range(23):
            picture[row][30 + k] = (name,)
    for k, name in enumerate(["planet_mass", "planet_radius", "temperature"]):
        for column in range(23):
            picture[30 + k][column] = (name,)
    for row in range(23, 33):
        for column in range(23, 33):
            picture[row][column] = ("log_x_h2o",)
    return picture


def what_is_shown(layout: AspaLayout, names: tuple, row: int, column: int) -> tuple:
    owner = layout.owner[row, column]
    if owner < 0:
        return ("nothing",)
    section, places = next(
        (name, places)
        for name, places in layout.sections.items()
        if places.start <= owner < places.stop
    )
    k = int(owner) - places.start
    if section == "depth":
        return ("depth", k)
    if section in ("maximum", "minimum"):
        return (section, layout.n_bands - 1 - k)
    return ("mean",) if section == "mean" else (names[k],)


@pytest.mark.parametrize("names", [EXOGAN_PARAMETERS, SPACE_ORDER])
def test_exogans_picture_pixel_by_pixel(names):
    layout = AspaLayout.exogan(names)
    expected = published_pixels()
    assert layout.side == 33
    for row in range(33):
        for column in range(33):
            assert what_is_shown(layout, names, row, column) == expected[row][column]


def test_exogans_bands_start_where_its_code_says():
    layout = AspaLayout.exogan()
    for k in range(515):
        descending = 514 - k
        band = max(i for i in range(14) if FIRST[i] <= descending)
        assert layout.band_of_bin[k] == 13 - band


def test_the_general_form_of_exogans_sizes_is_exogans():
    starts = np.unique(AspaLayout.exogan().band_of_bin, return_index=True)[1]
    assert AspaLayout.of(515, starts, 7) == AspaLayout.exogan()
    order = filling_order(SPACE_ORDER)
    assert AspaLayout.of(515, starts, 7, order=order) == AspaLayout.exogan(SPACE_ORDER)
    assert AspaLayout.exogan() != AspaLayout.exogan(SPACE_ORDER)
    assert AspaLayout.exogan() != "a picture"


def test_the_wavelengths_are_exogans(shared_data):
    theirs = np.loadtxt(shared_data / "exogan" / "wnw_grid.txt")
    np.testing.assert_allclose(exogan_wavelength(), theirs[::-1], rtol=1e-12)


def test_part_of_exogans_grid_keeps_its_pixels():
    part = GRID[:462]
    layout = AspaLayout.exogan(grid=part)
    expected = published_pixels(462)
    assert (layout.n_bins, layout.n_bands, layout.side) == (462, 14, 33)
    for row in range(33):
        for column in range(33):
            shown = what_is_shown(layout, EXOGAN_PARAMETERS, row, column)
            assert shown == expected[row][column]
    np.testing.assert_array_equal(layout.band_of_bin, AspaLayout.exogan().band_of_bin[:462])


def test_bins_are_exogans_however_their_edges_are_made():
    centers = exogan_wavelength()
    middle = np.sqrt(centers[1:] * centers[:-1])
    edges = np.concatenate([[centers[0] / 1.01**0.5], middle, [centers[-1] * 1.01**0.5]])
    np.testing.assert_array_equal(exogan_bins(SpectralGrid.from_edges(edges)), np.arange(515))
    np.testing.assert_array_equal(exogan_bins(GRID[10:20:3]), [10, 13, 16, 19])
    assert exogan_bins(SpectralGrid.from_resolution(0.3, 50, 90)) is None
    assert exogan_bins(SpectralGrid.from_centers(0.3015 * 1.01 ** np.arange(-3, 5.0))) is None
    assert exogan_bins(SpectralGrid.from_edges([1.0, 1.5, 2.0])) is None


@each_size
def test_every_element_has_pixels_and_is_read_back(n_bins, starts, n_parameters):
    layout = AspaLayout.of(n_bins, list(starts), n_parameters)
    n_code = n_bins + 2 * len(starts) + 1 + n_parameters
    assert layout.n_code == n_code
    assert layout.owner.shape == (layout.side, layout.side)
    assert set(range(n_code)) <= set(layout.owner.ravel().tolist()) <= set(range(-1, n_code))
    # Each bin has one pixel; without parameters the corner is all that shows nothing.
    assert (np.bincount(layout.owner[layout.owner >= 0])[:n_bins] == 1).all()
    corner = (len(starts) + 1) // 2
    assert (layout.owner < 0).sum() == (0 if n_parameters else corner**2)
    code = np.random.default_rng(0).standard_normal((3, n_code))
    images = layout.paint(code)
    assert images.shape == (3, layout.side, layout.side)
    np.testing.assert_allclose(layout.read(images), code, rtol=1e-13)
    np.testing.assert_allclose(layout.read(images.reshape(3, -1)), code, rtol=1e-13)
    assert (images[:, layout.owner < 0] == 0).all()


@pytest.mark.parametrize(("n_bins", "starts", "n_parameters"), SIZES[: -len(COUNTS)], ids=str)
def test_the_matrix_reads_too(n_bins, starts, n_parameters):
    layout = AspaLayout.of(n_bins, list(starts), n_parameters)
    images = np.random.default_rng(1).standard_normal((4, layout.side, layout.side))
    np.testing.assert_allclose(
        images.reshape(4, -1) @ layout.averaging, layout.read(images), atol=1e-12
    )


def test_reading_is_averaging():
    layout = AspaLayout.exogan()
    images = np.random.default_rng(2).random((2, 33, 33))
    code = layout.read(images)
    for n in range(2):
        for k in range(layout.n_code):
            assert code[n, k] == pytest.approx(np.mean(images[n][layout.owner == k]))


def test_what_is_not_known_is_nan_and_the_rest_of_an_element_is_averaged():
    layout = AspaLayout.of(3, [0], 2)
    code = np.arange(1.0, 1 + layout.n_code)[None]
    code[0, [1, -1]] = np.nan
    images = layout.paint(code)
    assert np.isnan(images).sum() == np.isin(layout.owner, [1, layout.n_code - 1]).sum()
    np.testing.assert_array_equal(layout.read(images), code)
    maximum = np.flatnonzero(layout.owner.ravel() == 3)
    flat = images.reshape(1, -1)
    flat[0, maximum[0]] = np.nan
    flat[0, maximum[1:]] = 10.0
    assert layout.read(flat)[0, 3] == 10.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_type_is_kept(dtype):
    layout = AspaLayout.of(5, [0, 2], 3)
    code = np.ones((2, layout.n_code), dtype)
    assert layout.paint(code).dtype == dtype
    assert layout.read(layout.paint(code)).dtype == dtype
    assert layout.read(np.ones((1, layout.side, layout.side), dtype=int)).dtype == float
    assert layout.read(np.empty((0, layout.side, layout.side))).shape == (0, layout.n_code)


def test_it_cannot_be_changed():
    layout = AspaLayout.exogan()
    with pytest.raises(ValueError, match="read-only"):
        layout.owner[0, 0] = 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        layout.n_parameters = 3


def test_abundances_come_first():
    names = ["temperature", "log_p_cloud", "log_x_nh3", "log_x_h2o", "planet_mass", "log_x_co"]
    assert [names[k] for k in filling_order(names)] == [
        "log_x_h2o",
        "log_x_co",
        "log_x_nh3",
        "planet_mass",
        "temperature",
        "log_p_cloud",
    ]
    assert filling_order([]).tolist() == []


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: AspaLayout.of(0), GridError, "has 1 bin and 0"),
        (lambda: AspaLayout.of(3, [0], -1), GridError, "got 3 and -1"),
        (lambda: AspaLayout.of(3, []), GridError, r"got \[\]"),
        (lambda: AspaLayout.of(3, [1, 2]), GridError, "must start at bin 0"),
        (lambda: AspaLayout.of(3, [0, 2, 1]), GridError, r"got \[0, 2, 1\]"),
        (lambda: AspaLayout.of(3, [0, 3]), GridError, "ascend below 3"),
        (lambda: AspaLayout.of(3, [0], 2, order=[0, 0]), RangeError, r"once; got \[0, 0\]"),
        (lambda: AspaLayout.of(3, [0], 2, order=[0]), RangeError, "parameters 0 to 1"),
        (lambda: AspaLayout.exogan(["log_x_nh3"]), UnknownNameError, "did you mean"),
        (lambda: AspaLayout.exogan(EXOGAN_PARAMETERS[:6]), RangeError, "each once"),
        (
            lambda: AspaLayout.exogan(grid=SpectralGrid.from_resolution(1, 2, 30)),
            GridError,
            "whole powers of 1.01",
        ),
        (lambda: AspaLayout.exogan(grid=GRID[:300]), GridError, r"no bin in band 11 .*\(3 are"),
        (lambda: AspaLayout.of(3).paint(np.zeros((2, 5))), RangeError, r"\(n, 6\), got \(2, 5\)"),
        (lambda: AspaLayout.of(3).paint(np.zeros(6)), RangeError, r"got \(6,\)"),
        (lambda: AspaLayout.of(3).read(np.zeros((2, 4, 4))), RangeError, r"\(n, 3, 3\) or \(n, 9"),
        (lambda: AspaLayout.of(3).read(np.zeros(9)), RangeError, r"got \(9,\)"),
    ],
)
def test_what_cannot_be_laid_out_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
