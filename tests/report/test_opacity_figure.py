"""The picture of a table: three temperatures, one pressure, and both said."""

import numpy as np
import pytest

from exosk.opacities import LOG_FLOOR, OpacityTable, load_embedded
from exosk.report.figures import figure_png
from exosk.report.opacity_figure import plot_opacity


def labels(figure) -> list[str]:
    return [line.get_label() for line in figure.axes[0].get_lines()]


def title(figure) -> str:
    return figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize("name", ["H2O", "Na", "CO"])
def test_an_embedded_table_is_drawn_in_bins(name):
    figure = plot_opacity(load_embedded(name))
    assert labels(figure) == ["500 K", "1000 K", "1500 K"]
    assert "at 1 mbar" in title(figure)
    assert "R = 100" in figure.axes[0].get_title(loc="right")
    assert figure_png(figure).startswith(b"\x89PNG")


def test_a_line_of_the_figure_is_the_geometric_mean():
    table = load_embedded("H2O")
    line = plot_opacity(table).axes[0].get_lines()[1]
    x, y = line.get_data()
    k = int(np.argmin(np.abs(x - 2.7)))
    edges = np.sqrt(x[k - 1 : k + 1] * x[k : k + 2])
    inside = (table.wavelength >= edges[0]) & (table.wavelength < edges[1])
    expected = np.log10(table.cross_section(1000.0, 1e-3)[0, inside]).mean()
    assert np.log10(y[k]) == pytest.approx(expected, abs=1e-6)


def table(log_sigma=-20.0, **changes) -> OpacityTable:
    axes = {
        "wavelength": np.geomspace(1, 2, 30),
        "temperature": np.array([100.0, 300.0]),
        "pressure": np.array([0.1, 1.0]),
        **changes,
    }
    shape = tuple(axes[a].size for a in ("pressure", "temperature", "wavelength"))
    return OpacityTable("SO2", **axes, log_cross_section=np.full(shape, log_sigma), provenance={})


def test_outside_the_table_the_nearest_is_drawn_and_named():
    figure = plot_opacity(table())
    assert labels(figure) == ["100 K", "300 K"]
    assert "at 100 mbar" in title(figure)
    assert figure.axes[0].get_title(loc="right") == ""


def test_a_table_without_opacity_can_be_drawn():
    figure = plot_opacity(table(LOG_FLOOR))
    assert "no absorption" in [text.get_text() for text in figure.axes[0].texts]
    assert figure_png(figure)
    figure_png(plot_opacity(table(temperature=np.array([296.0]))))
