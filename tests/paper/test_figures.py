"""Figures of the paper: networks from their modules, scores beside costs."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from exosk.benchmark import Cost, Entry, Score, read_results
from exosk.models import CNNRetriever
from exosk.paper.diagrams import plot_network
from exosk.paper.figures import made_figures
from exosk.paper.layers import paths_of
from exosk.paper.networks import DEFAULTS, settings_of
from exosk.paper.performance import plot_performance, score_to_plot
from exosk.parameters import ParameterArray, ParameterSpace
from exosk.report.figures import figure_png

from .conftest import entry, made_result


def count(net: torch.nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


def test_no_weight_is_left_out(trained):
    for name in ("mlp", "cnn", "flow"):
        net = trained[name].members_[0]
        (path,) = paths_of(trained[name])
        assert path.n_weights == count(net)
    gan = trained["gan"].members_[0]
    generator, critic = paths_of(trained["gan"])
    assert (generator.n_weights, critic.n_weights) == (count(gan.generator), count(gan.critic))


def test_layers_have_the_sizes_of_the_settings(trained):
    (path,) = paths_of(trained["cnn"])
    shapes = [layer.shape for layer in path.layers if layer.name.startswith("Conv")]
    assert [shape[0] for shape in shapes] == list(CNNRetriever().filters)
    (flow,) = paths_of(trained["flow"])
    couplings = [layer for layer in flow.layers if layer.name == "Coupling"]
    assert sum(layer.repeats for layer in couplings) == trained["flow"].n_transforms
    (mlp,) = paths_of(trained["mlp"])
    widths = [w for layer in mlp.layers if layer.name == "Linear"
              for w in layer.shape * layer.repeats]  # fmt: skip
    assert widths == list(trained["mlp"].hidden)


def test_attention_and_pictures_are_drawn_too(trained):
    """Of networks that no default has."""
    space = ParameterSpace(list(trained["mlp"].space_)[:2])
    random = np.random.RandomState(0)
    X = 0.02 + 1e-4 * random.standard_normal((40, 16))
    model = CNNRetriever((8,), n_attention=1, max_epochs=1, random_state=0)
    model.fit(X, ParameterArray(space.sample(40, random), space))
    (path,) = paths_of(model)
    assert "Attention" in [layer.name for layer in path.layers]
    assert path.n_weights <= count(model.members_[0])
    plot_network([path])


@pytest.mark.slow
def test_figures_are_drawn_and_the_same_each_time(folder, trained, planet):
    results = read_results(folder)
    files = made_figures(results, planet, trained)
    assert {"figures/performance-hela.pdf", "figures/planet.pdf"} < files.keys()
    assert all(content.startswith(b"%PDF") for content in files.values())
    # Type 3 fonts are refused by journals.
    assert not any(b"/Type3" in content for content in files.values())
    again = made_figures({}, None, trained)
    assert all(files[name] == content for name, content in again.items())


def test_a_diagram_is_no_empty_page(trained):
    picture = Image.open(io.BytesIO(figure_png(plot_network(paths_of(trained["flow"])), 50)))
    assert len(picture.convert("RGB").getcolors(1 << 20)) > 20


def test_scores_beside_costs(tmp_path):
    made = made_result("t", [entry("a", 0.7, 3.0), entry("b", 0.6, 3.0), entry("c", 0.5, 9e5)],
                       tmp_path)  # fmt: skip
    assert score_to_plot(made) == "mean R2"
    axes = plot_performance(made, "mean R2").axes[0]
    points = [line.get_xydata()[0] for line in axes.lines if len(line.get_xydata()) == 1]
    assert sorted(y for _, y in points) == [0.5, 0.6, 0.7]
    assert sorted(x for x, _ in points) == pytest.approx([4.0, 4.0, 1.2e6])


def test_what_is_a_time_or_of_two_methods_is_not_plotted(tmp_path):
    times = [Entry(m, [Score("time", 3.0, "s", at_most=5.0)], Cost(3.0)) for m in "abc"]
    assert score_to_plot(made_result("t", times, tmp_path)) is None
    two = [entry("a", 0.7, 3.0), entry("b", 0.6, 3.0)]
    assert score_to_plot(made_result("t", two, tmp_path)) is None


def test_settings_are_those_of_the_estimators():
    for kind in DEFAULTS.values():
        parameters = kind().get_params(deep=False)
        found = settings_of(kind)
        assert found
        assert all(parameters[name] == value for name, value in found.items())
