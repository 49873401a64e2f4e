"""The figure and the files of a comparison of simulators."""

from __future__ import annotations

import dataclasses
import io
import json

import matplotlib.image
import numpy as np
import pytest

from exosk.evaluation.atmospheres import EXTREMES
from exosk.evaluation.comparison import Comparison, Difference
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.report.comparison import plot_comparison, ppm_text, write_comparison
from exosk.report.figures import figure_png


def difference(name: str, scale: float, refused: tuple[int, ...] = ()) -> Difference:
    """Differences of a known size, growing with wavelength, in each of seven atmospheres."""
    wavelength = np.geomspace(0.5, 12.0, 400)
    rows = np.arange(1.0, 8.0)[:, None]
    reference = 0.01 + 1e-4 * rows * np.sin(8 * np.log(wavelength)) ** 2
    depth = reference + 1e-6 * scale * rows * wavelength / 12.0
    depth[list(refused)] = np.nan
    names = [*EXTREMES, "draw 1", "draw 2"]
    return Difference(
        simulator=name,
        wavelength=wavelength,
        depth=depth,
        reference=np.where(np.isnan(depth), np.nan, reference),
        resolution=None,
        seconds=0.1,
        lacking=(),
        notes=(),
        refused={names[k]: "RangeError: too hot" for k in refused},
        provenance={"simulator": name},
    )


@pytest.fixture
def comparison() -> Comparison:
    return Comparison(
        reference="builtin",
        seconds=0.002,
        space=ParameterSpace([Parameter("temperature", Uniform(500.0, 3000.0), "K")]),
        atmospheres=(*EXTREMES, "draw 1", "draw 2"),
        theta=np.linspace(600, 2800, 7)[:, None],
        differences=(difference("one", 1.0), difference("two", 0.01, refused=(0,))),
        failures={"three": "OSError: no tables"},
        refused={},
        settings={
            "molecules": ["H2O"],
            "temperature_profile": "isothermal",
            "n_layers": 100,
            "range": [0.5, 12.0],
        },
        provenance={"simulator": "builtin"},
    )


def test_one_panel_for_spectra_and_one_a_simulator(comparison):
    figure = plot_comparison(comparison)
    top, *panels = figure.axes
    assert len(panels) == 2
    for axis, each in zip(panels, comparison.differences, strict=True):
        drawn = {tuple(line.get_ydata()) for line in axis.get_lines() if len(line.get_xdata()) > 2}
        assert {tuple(row) for row in each.ppm if np.isfinite(row).all()} <= drawn
        assert each.simulator in axis.texts[0].get_text()
    assert {text.get_text().split()[0] for text in top.texts} == set(EXTREMES)
    # One scale for all, or the eye compares what is not comparable.
    assert panels[0].get_ylim() == panels[1].get_ylim()


def test_a_simulator_without_clouds_is_not_drawn_over_cloudy_spectra(comparison):
    """Its reference had no clouds either, and is no spectrum of the atmosphere that is named."""
    whole, other = comparison.differences
    clear = dataclasses.replace(other, reference=2 * other.reference, lacking=("log_p_cloud",))
    alone = plot_comparison(dataclasses.replace(comparison, differences=(whole,)))
    both = plot_comparison(dataclasses.replace(comparison, differences=(clear, whole)))
    lines = [[line.get_ydata() for line in figure.axes[0].get_lines()] for figure in (alone, both)]
    assert len(lines[0]) == len(lines[1])
    for expected, found in zip(*lines, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert "lacks log_p_cloud" in both.axes[1].texts[0].get_text()


def test_no_difference_leaves_its_panel(comparison):
    for scale in (0.0, 1e-3, 1.0, 1e4):
        changed = dataclasses.replace(comparison, differences=(difference("one", scale),))
        figure = plot_comparison(changed)
        low, high = figure.axes[1].get_ylim()
        assert low < changed.differences[0].ppm.min()
        assert high > changed.differences[0].ppm.max()
        image = matplotlib.image.imread(io.BytesIO(figure_png(figure, 60)))
        assert image.std() > 0.05


def test_unlike_sizes_are_drawn_on_a_logarithmic_axis(comparison):
    sizes = (difference("one", 1.0), difference("two", 0.01), difference("three", 0.01))
    unlike = dataclasses.replace(comparison, differences=sizes)
    assert [axis.get_yscale() for axis in plot_comparison(unlike).axes[1:]] == ["symlog"] * 3
    alike = dataclasses.replace(comparison, differences=(difference("one", 1.0),))
    assert plot_comparison(alike).axes[1].get_yscale() == "linear"


def test_files(comparison, tmp_path):
    paths = write_comparison(comparison, tmp_path / "new")
    assert set(paths) == {"comparison", "figure"}
    document = json.loads(paths["comparison"].read_text())
    assert document["simulators"]["one"]["worst"] == pytest.approx(7.0)
    assert document["simulators"]["two"]["worst"] == pytest.approx(0.07)
    assert document["simulators"]["one"]["times_slower"] == pytest.approx(50)
    assert paths["figure"].read_bytes().startswith(b"\x89PNG")


def test_a_flat_spectrum_has_no_feature_to_take_a_share_of():
    steep = difference("one", 1.0)
    names = [*EXTREMES, "draw 1", "draw 2"]
    # Amplitudes go with the atmosphere's number, as the differences do.
    amplitude = 1e6 * np.ptp(steep.reference[0])
    assert steep.summary(names)["worst_share"] == pytest.approx(1 / amplitude, rel=1e-6)
    flat = dataclasses.replace(
        steep,
        reference=0.01 + 0.1 * (steep.reference - 0.01),
        depth=0.01 + 0.1 * (steep.depth - 0.01),
    )
    rows = 0.1 * amplitude * np.arange(1, 8)
    assert (rows < 50).any()
    assert (rows > 50).any()
    assert flat.summary(names)["worst_share"] == pytest.approx(1 / amplitude, rel=1e-6)
    none = dataclasses.replace(
        flat,
        reference=0.01 + 0.01 * (steep.reference - 0.01),
        depth=0.01 + 0.01 * (steep.depth - 0.01),
    )
    assert none.summary(names)["worst_share"] == 0


def test_without_a_simulator_there_is_no_figure(comparison, tmp_path):
    paths = write_comparison(dataclasses.replace(comparison, differences=()), tmp_path)
    assert set(paths) == {"comparison"}
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.json"]


@pytest.mark.parametrize(
    ("value", "text"), [(0.0364, "0.036"), (3.46, "3.5"), (638.7, "639"), (-17.2, "-17")]
)
def test_differences_have_two_digits(value, text):
    assert ppm_text(value) == text
    assert ppm_text(abs(value), signed=True) == "+" + text.removeprefix("-")
