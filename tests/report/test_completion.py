"""The figure of a completed spectrum: what must be on it, and what must not be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.report.completion import plot_completion
from exosk.report.figures import figure_png

GRID = SpectralGrid.from_resolution(0.5, 5, 10)
N_BINS = len(GRID)
SIGMA = np.full(N_BINS, 5e-5)
STD = np.full(N_BINS, 8e-5)
TRUTH = 0.015 + 3e-4 * np.sin(4 * GRID.wavelength)
DEPTH = TRUTH + SIGMA * np.random.default_rng(0).standard_normal(N_BINS)
COMPLETED = TRUTH + 3e-5
WFC3 = (GRID.lower > 1.1) & (GRID.upper < 1.8)
PART = np.where(WFC3, DEPTH, np.nan)


def draw(depth=PART, sigma=SIGMA, completed=COMPLETED, std=STD, grid=GRID, **more) -> Figure:
    return plot_completion(grid, depth, sigma, completed, std, **more)


def legends(figure: Figure) -> list[list[str]]:
    return [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes]


def points(axes) -> dict[str, np.ndarray]:
    """Places of data, by colour."""
    found = {}
    for container in axes.containers:
        line = container.lines[0]
        if len(line.get_xdata()):
            found[line.get_color()] = np.column_stack([line.get_xdata(), line.get_ydata()])
    return found


def spans(axes) -> list[tuple[float, float]]:
    """Ends of what is shaded across the whole height."""
    boxes = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    low, high = axes.get_ylim()
    return [(box.x0, box.x1) for box in boxes if box.y0 <= low and box.y1 >= high]


def test_the_panels_say_what_they_show():
    figure = draw(title="WASP-12 b")
    above, main, rest = figure.axes
    assert above.get_ylabel() == "Given depth (%)"
    assert main.get_ylabel() == "Completed depth (%)"
    assert rest.get_ylabel() == "Residual (σ)"
    assert rest.get_xlabel() == "Wavelength (µm)"
    assert f"WASP-12 b    {WFC3.sum()} of {N_BINS} bins given" == figure._suptitle.get_text()
    assert legends(figure) == [
        ["data, 1σ", "not given to the model"],
        ["data, 1σ", "completed: mean", "68 %", "95 %"],
        ["data, of their σ"],
    ]


def test_masked_bins_are_shaded_and_no_others():
    figure = draw()
    figure.canvas.draw()
    for axes in figure.axes:
        shaded = spans(axes)
        middle = GRID.wavelength
        inside = np.any([(low < middle) & (middle < high) for low, high in shaded], axis=0)
        np.testing.assert_array_equal(inside, ~WFC3)
        assert len(shaded) == 2


def test_a_whole_spectrum_has_nothing_shaded():
    figure = draw(depth=DEPTH)
    figure.canvas.draw()
    assert not any(spans(axes) for axes in figure.axes)
    assert "not given to the model" not in str(legends(figure))


def test_data_and_residuals_are_where_they_belong():
    above, main, rest = draw().axes
    for axes in (above, main):
        (given,) = points(axes).values()
        np.testing.assert_allclose(given, np.stack([GRID.wavelength, 100 * DEPTH], 1)[WFC3])
    (residual,) = points(rest).values()
    np.testing.assert_allclose(residual[:, 1], ((DEPTH - COMPLETED) / SIGMA)[WFC3])


def test_data_held_back_are_told_from_data_given():
    above, main, rest = draw(depth=DEPTH, masked=~WFC3).axes
    given, held = points(above).values()
    assert len(given) == WFC3.sum()
    assert len(held) == N_BINS - WFC3.sum()
    assert len(points(main)) == 1, "the completion is drawn over what was given alone"
    _, residual = points(rest).values()
    expected = (DEPTH - COMPLETED) / np.hypot(SIGMA, STD)
    np.testing.assert_allclose(residual[:, 1], expected[~WFC3])
    assert points(above).keys() == points(rest).keys(), "of one colour in both"


def test_the_truth_is_drawn_where_it_is_known_with_its_distance_in_masked_bins():
    figure = draw(truth=TRUTH)
    assert "truth" in legends(figure)[1]
    assert "truth where masked, of the completion's σ" in legends(figure)[2]
    drawn = [line for line in figure.axes[2].lines if len(line.get_xdata()) > 2]
    lines = [line for line in drawn if line.get_linestyle() == "-"]
    assert len(lines) == 2, "one on either side of what was given"
    for line in lines:
        np.testing.assert_allclose(line.get_ydata(), (TRUTH - COMPLETED)[0] / STD[0])
    assert "truth" not in str(legends(draw()))


def test_bands_are_normal_quantiles():
    bands = draw().axes[1].collections
    reach = sorted(
        {
            round(float(np.ptp(band.get_paths()[0].vertices[:, 1])), 6)
            for band in bands
            if band.get_paths() and len(band.get_paths()[0].vertices) > 4
        }
    )
    wave = np.ptp(100 * COMPLETED)
    expected = [wave + 2 * 100 * STD[0] * factor for factor in (0.994458, 1.959964)]
    np.testing.assert_allclose(reach, expected, rtol=1e-4)


def test_a_band_that_leaves_the_frame_says_so_and_leaves_room_for_the_data():
    figure = draw(std=np.full(N_BINS, 2e-2))
    assert legends(figure)[1][2:] == ["68 % (leaves the frame)", "95 % (leaves the frame)"]
    low, high = figure.axes[1].get_ylim()
    assert np.ptp(100 * TRUTH) > 0.35 * (high - low)


def test_no_line_crosses_a_gap_of_the_grid():
    kept = (GRID.upper < 1.0) | (GRID.lower > 2.0)
    arrays = (array[kept] for array in (DEPTH, SIGMA, COMPLETED, STD))
    figure = plot_completion(GRID[kept], *arrays, truth=TRUTH[kept])
    for line in figure.axes[1].lines:
        x = np.asarray(line.get_xdata(), dtype=float)
        if line.get_linestyle() == "-":
            assert not ((x < 1.01).any() and (x > 1.99).any())


@pytest.mark.parametrize("n", [1, 2, 7, 300])
def test_any_number_of_bins_can_be_drawn(n):
    grid = SpectralGrid.from_edges(np.geomspace(1.1, 1.7, n + 1))
    depth = np.full(n, 0.02)
    figure_png(plot_completion(grid, depth, 0.01 * depth, depth, 0.01 * depth), dpi=40)


def test_figures_use_no_pyplot_figure():
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    draw()
    assert pyplot.get_fignums() == before


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"std": STD[:-1]}, GridError, "std has the shape"),
        ({"masked": ~WFC3[:-1]}, GridError, "masked has the shape"),
        ({"truth": TRUTH[:-1]}, GridError, "truth has the shape"),
        ({"depth": np.full(N_BINS, np.nan)}, GridError, "all bins are masked"),
        ({"masked": np.zeros(N_BINS, dtype=bool)}, RangeError, "depth of bin 0 is nan"),
        ({"sigma": np.where(WFC3, np.nan, SIGMA)}, RangeError, "sigma of bin"),
        ({"sigma": np.zeros(N_BINS)}, RangeError, "error above 0"),
        ({"completed": PART}, RangeError, "completed must be a finite number"),
        ({"truth": PART}, RangeError, "truth must be a finite number"),
    ],
)
def test_what_cannot_be_drawn_is_refused(changes, error, words):
    with pytest.raises(error, match=words):
        draw(**changes)
