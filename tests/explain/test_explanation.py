"""What is found, as numbers, JSON and figures."""

import json

import numpy as np
import pytest

from exosk.exceptions import GridError
from exosk.explain import METHODS, Explanation, Groups, Target, explain, plot_explanation
from exosk.report import save_figure
from exosk.spectra import SpectralGrid, Spectrum


@pytest.fixture(scope="module")
def prism():
    return SpectralGrid.from_resolution(0.6, 5.3, 60)


@pytest.fixture(scope="module")
def explanation(prism):
    """All that speaks for CO2 lies at 4.3 um; a little speaks against it at 2 um."""
    groups = Groups.molecular(prism, ("CO2",))
    band = np.array([float("4.15" in n or "CO2 4" in n) for n in groups.names])
    other = np.array([float(n.startswith("CO2 1.9")) for n in groups.names])
    importance = (5 * band - other)[None]
    return Explanation(
        "CO2",
        "log-odds",
        "occlusion",
        groups,
        importance,
        np.full_like(importance, 0.1),
        np.array([3.0]),
        np.array([-1.0]),
    )


def test_bins_and_bands(explanation, prism):
    assert explanation.per_bin.sum() == pytest.approx(explanation.importance.sum())
    assert (explanation.per_um * (prism.upper - prism.lower)).sum() == pytest.approx(4)
    assert 4.15 < explanation.peak < 4.55
    shares = explanation.in_bands()
    assert shares["CO2"] == pytest.approx(1)
    assert shares["CH4"] == 0
    assert "SO2" in shares
    assert "C2H2" in shares


def test_json_has_all_of_it(explanation, prism):
    document = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    assert document["target"] == "CO2"
    assert document["wavelength"] == pytest.approx(prism.wavelength.tolist())
    assert document["per_bin"] == pytest.approx(explanation.per_bin.tolist())
    assert [g["name"] for g in document["groups"]] == list(explanation.groups.names)
    assert document["groups"][0]["error"] == pytest.approx(0.1)


def test_errors_that_are_not_known_are_none(world):
    found = explain(
        Target(world.model, 0, "CO2", "log-odds"),
        world.spectrum.to_row(),
        world.background,
        method="lime",
    )
    assert {g["error"] for g in found.to_dict()["groups"]} == {None}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("unit", ["log-odds", "K"])
def test_figures(world, method, unit, tmp_path):
    found = explain(
        Target(world.model, 0, "CO2" if unit == "log-odds" else "temperature", unit),
        np.tile(world.spectrum.to_row(), (2, 1)),
        world.background,
        method=method,
        n_draws=4,
    )
    for each, truth in ((found[0], None), (found, np.arange(world.grid.n_bins))):
        figure = each.plot(world.spectrum, truth=truth)
        save_figure(figure, tmp_path / "figure.png", dpi=40)
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
    marks, data = figure.axes[2], figure.axes[0]
    assert [text.get_text() for text in marks.get_yticklabels()][-1] == "CH₄"
    assert "Transit depth" in data.get_ylabel()


def test_the_figure_marks_the_bands_of_the_molecule(explanation, prism):
    spectrum = Spectrum(prism, np.full(prism.n_bins, 0.02), np.full(prism.n_bins, 1e-4))
    figure = plot_explanation(explanation, spectrum, molecules=("CO2", "Na", "unobtainium"))
    names = [text.get_text() for text in figure.axes[2].get_yticklabels()]
    assert names == ["CO₂"]
    heights = [bar.get_height() for bar in figure.axes[1].patches]
    assert max(heights) == pytest.approx(explanation.density.max())
    with pytest.raises(GridError, match="the explanation in"):
        plot_explanation(explanation, spectrum[:9])
    with pytest.raises(GridError, match="truth of shape"):
        plot_explanation(explanation, spectrum, truth=[1.0])
