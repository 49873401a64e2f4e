"""Figures: what must be on them, without looking."""

import dataclasses
import io

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from exosk.posterior import Posterior
from exosk.report import figures, plot_corner, plot_spectrum, save_figure


def texts(figure: Figure) -> str:
    found = [t.get_text() for t in figure.texts]
    for label in (figure._supxlabel, figure._suptitle):
        found.append(label.get_text() if label else "")
    for axis in figure.axes:
        found += [axis.get_xlabel(), axis.get_ylabel(), axis.get_title()]
        found += [label.get_text() for label in axis.get_yticklabels()]
    return "\n".join(found)


def test_the_spectrum_says_what_it_shows(each):
    text = texts(plot_spectrum(each))
    for label in ("Wavelength (µm)", "Transit depth (%)", "Residual (σ of data)", r"\chi^2"):
        assert label in text
    assert (each.spectrum.name or "unnamed") in text
    assert f"{each.reduced_chi2:.2f}" in text


def of_instruments(retrieval, *names):
    """The same retrieval, of bins that instruments share in turn."""
    index = [k % len(names) for k in range(len(retrieval.spectrum))]
    meta = {**retrieval.spectrum.meta, "instruments": list(names), "instrument": index}
    return dataclasses.replace(retrieval, spectrum=retrieval.spectrum.replace(meta=meta))


def test_instruments_are_told_apart_where_there_are_several(retrieval):
    joined = of_instruments(retrieval, "PRISM", "", "SOSS")
    figure = plot_spectrum(joined)
    legends = [axis.get_legend() for axis in figure.axes if axis.get_legend()]
    words = [text.get_text() for legend in legends for text in legend.get_texts()]
    for name in ("PRISM, 1σ", "instrument 2, 1σ", "SOSS, 1σ"):
        assert words.count(name) == 1
    assert "data, 1σ" not in words
    assert retrieval.spectrum.instrument not in texts(figure)
    # Each bin once, in its instrument's colour, over the model and in the residuals.
    colors: dict[str, list[float]] = {}
    for axis in figure.axes:
        for line in axis.lines:
            if line.get_marker() in ("o", "s", "D") and len(line.get_xdata()):
                colors.setdefault(line.get_color(), []).extend(line.get_xdata())
    assert len(colors) == 3
    for k, x in enumerate(colors.values()):
        expected = joined.spectrum.wavelength[k::3]
        np.testing.assert_allclose(np.sort(x), np.sort(np.tile(expected, 2)))


def test_one_instrument_is_just_the_data(retrieval):
    for one in (retrieval, of_instruments(retrieval, "PRISM")):
        legend = next(axis.get_legend() for axis in plot_spectrum(one).axes if axis.get_legend())
        assert legend.get_texts()[0].get_text() == "data, 1σ"


def test_a_wide_gap_breaks_the_axis_and_no_line_crosses_it(retrieval):
    figure = plot_spectrum(retrieval)
    assert len(figure.axes) == 6, "two stretches of marks, spectrum and residuals"
    for axis in figure.axes:
        for line in axis.lines:
            if line.get_transform() == axis.transData:
                x = np.asarray(line.get_xdata(), dtype=float)
                assert not ((x < 1).any() and (x > 2).any())


def test_only_molecules_of_the_model_with_bands_in_range_are_marked(retrieval):
    text = texts(plot_spectrum(retrieval))
    assert "H₂O" in text
    assert "CO₂" not in text, "not in the model"
    assert "K" not in text.split("\n"), "its band lies in the gap"


def test_the_corner_plot_has_a_panel_a_pair_with_labels(each):
    figure = plot_corner(each.posterior)
    n = len(each.posterior.space)
    assert len(figure.axes) == n * n
    text = texts(figure)
    for parameter in each.posterior.space:
        assert parameter.label in text


def test_titles_of_the_corner_plot_are_the_weighted_quantiles(retrieval):
    posterior = retrieval.posterior
    weights = np.where(posterior["temperature"] > 820, 1.0, 0.01)
    weighted = Posterior(posterior.samples, posterior.space, weights)
    k = posterior.space.index("temperature")
    n = len(posterior.space)
    title = plot_corner(weighted).axes[k * n + k].get_title()
    assert f"{weighted.median[k]:.0f}" in title


def test_a_parameter_that_never_varies_is_drawn_too(retrieval):
    posterior = retrieval.posterior
    samples = posterior.samples.copy()
    samples[:, 2] = 900.0
    figures.figure_png(plot_corner(Posterior(samples, posterior.space)), dpi=40)


def test_figures_use_no_pyplot_figure(retrieval):
    from matplotlib import pyplot

    before = pyplot.get_fignums()
    plot_spectrum(retrieval)
    plot_corner(retrieval.posterior)
    assert pyplot.get_fignums() == before


def test_a_saved_figure_is_a_png_or_absent(retrieval, tmp_path, monkeypatch):
    figure = plot_spectrum(retrieval)
    path = tmp_path / "new" / "spectrum.png"
    save_figure(figure, path)
    pixels = image.imread(io.BytesIO(path.read_bytes()), format="png")
    assert pixels.shape[1] == pytest.approx(160 * figure.get_figwidth(), abs=1)

    monkeypatch.setattr(Figure, "savefig", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        save_figure(figure, tmp_path / "other.png")
    assert sorted(p.name for p in tmp_path.rglob("*.png")) == ["spectrum.png"]
