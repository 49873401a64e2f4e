"""The picture of an ASPA: what is written on it, and what is grey."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from exosk.exceptions import RangeError
from exosk.preprocessing.aspa import AspaEncoder
from exosk.preprocessing.aspa_layout import AspaLayout
from exosk.preprocessing.exogan import EXOGAN_PARAMETERS, exogan_wavelength
from exosk.report.aspa_figure import plot_aspa
from exosk.report.figures import figure_png
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_centers(exogan_wavelength())
GREY = [0.82, 0.82, 0.82, 1.0]


def texts(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def legend(figure) -> list[str]:
    found = figure.axes[0].get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def extend(figure) -> str:
    return figure.axes[0].images[0].colorbar.extend


def test_every_area_of_exogans_picture_has_its_label():
    layout = AspaLayout.exogan()
    image = layout.paint(np.linspace(0, 1, layout.n_code)[None])[0]
    figure = plot_aspa(image, layout, EXOGAN_PARAMETERS, grid=GRID, title="a spectrum")
    found = texts(figure)
    assert set(EXOGAN_PARAMETERS) | {"mean", "maxima", "minima", "a spectrum"} <= set(found)
    assert found.count("maxima") == found.count("minima") == 2
    assert "1.26–1.82 µm" in found
    assert sum(text.endswith("µm") for text in found) == 14
    assert legend(figure) == []
    assert extend(figure) == "neither"
    assert figure_png(figure).startswith(b"\x89PNG")


def test_labels_stand_beside_what_they_name():
    """In a column above, in a row to the left, in the corner inside."""
    layout = AspaLayout.exogan()
    figure = plot_aspa(np.zeros((33, 33)), layout, EXOGAN_PARAMETERS, grid=GRID)
    FigureCanvasAgg(figure).draw()
    at = {text.get_text(): text for text in figure.axes[0].texts}
    for k, name in enumerate(EXOGAN_PARAMETERS):
        rows, columns = np.nonzero(layout.owner == layout.sections["parameters"].start + k)
        place = at[name].xy if hasattr(at[name], "xy") else at[name].get_position()
        if name == "log_x_h2o":
            assert place == (columns.mean(), rows.mean())
        elif columns.min() >= 23:
            assert place == (columns[0], 1)
        else:
            assert place == (0, rows[0])
    box = figure.bbox
    for text in figure.axes[0].texts:
        extent = text.get_window_extent()
        assert box.x0 <= extent.x0 < extent.x1 <= box.x1
        assert box.y0 <= extent.y0 < extent.y1 <= box.y1


def test_the_pixels_are_those_of_the_image_and_what_is_not_known_is_grey():
    layout = AspaLayout.of(6, [0, 3], 0)
    code = np.linspace(0, 1, layout.n_code)
    code[[2, 7]] = np.nan
    image = layout.paint(code[None])[0]
    figure = plot_aspa(image, layout)
    shown, grey = (np.ma.filled(x.get_array(), np.nan) for x in figure.axes[0].images)
    nothing = layout.owner < 0
    np.testing.assert_array_equal(shown, np.where(nothing, np.nan, image))
    np.testing.assert_array_equal(grey[np.isnan(image)], [GREY] * np.isnan(image).sum())
    assert (grey[~np.isnan(image)] == 0).all()
    assert legend(figure) == ["not known", "shows nothing"]


@pytest.mark.parametrize(
    ("value", "expected"), [(-0.5, "min"), (1.5, "max"), (None, "both"), (0.5, "neither")]
)
def test_the_colour_bar_tells_of_pixels_beyond_its_ends(value, expected):
    layout = AspaLayout.of(3)
    image = np.full((3, 3), 0.5)
    image[0, 0] = 1.5 if value is None else value
    image[0, 1] = -0.5 if value is None else 0.5
    assert extend(plot_aspa(image, layout)) == expected


def test_an_odd_band_says_what_each_line_is():
    found = texts(plot_aspa(np.zeros((4, 4)), AspaLayout.of(3, [0], 2), ["a", "b"]))
    assert found.count("maximum") == found.count("minimum") == 1
    assert found.count("band 0") == 2
    assert found.count("a") == 1
    assert found.count("b") == 2


@pytest.mark.parametrize(
    ("n_bins", "starts", "n_parameters"), [(1, [0], 0), (2, [0, 1], 1), (900, [0, 9, 800], 24)]
)
def test_any_layout_can_be_drawn(n_bins, starts, n_parameters):
    layout = AspaLayout.of(n_bins, starts, n_parameters)
    figure = plot_aspa(np.full(layout.owner.shape, np.nan), layout)
    assert figure_png(figure)
    for k in range(n_parameters):
        assert f"parameter {k}" in texts(figure)


def test_exogans_own_spectrum(shared_data):
    depth = np.loadtxt(shared_data / "exogan" / "input_spectrum.dat")[::-1, 1]
    encoder = AspaEncoder(GRID).fit([depth])
    image = encoder.encode([depth])[0]
    assert figure_png(plot_aspa(image, encoder.aspa_layout_, grid=GRID))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": np.zeros((1, 3, 3))}, r"shape \(1, 3, 3\), but the layout has 3 x 3 pixels"),
        ({"names": ["a", "b"]}, r"2 names for 1 parameters \(a, b\)"),
        ({"grid": GRID}, "the grid has 515 bins, but the layout 3"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    given = {"image": np.zeros((3, 3)), "layout": AspaLayout.of(3, [0], 1), **change}
    with pytest.raises(RangeError, match=message):
        plot_aspa(**given)
