"""Figures and files of checks: what must be on them, without looking."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from exosk.evaluation.check_results import ModelChecks, StratumChecks
from exosk.evaluation.expected_coverage import central_levels, coverage_test
from exosk.evaluation.local import local_test
from exosk.evaluation.predictive import predictive_check
from exosk.evaluation.sbc import uniformity_test
from exosk.evaluation.tarp import tarp_test
from exosk.grids import SpectralGrid
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.report.check_figures import plot_checks, plot_predictive, write_checks
from exosk.report.figures import figure_png
from exosk.spectra import Spectrum


def texts(figure: Figure) -> str:
    found = [text.get_text() for text in figure.texts]
    for axis in figure.axes:
        found += [axis.get_xlabel(), axis.get_ylabel(), axis.get_title()]
        found += [text.get_text() for text in axis.texts]
        legend = axis.get_legend()
        found += [text.get_text() for text in legend.get_texts()] if legend else []
    return "\n".join(found)


def make_checks(n: int = 300, d: int = 3, power: float = 1.0, density: bool = True) -> ModelChecks:
    """Transforms of exact posteriors, or of others if `power` is not 1."""
    random = np.random.default_rng(0)
    space = ParameterSpace([Parameter(f"log_x_{k}", Uniform(-3, 3)) for k in "abcdefghijkl"[:d]])
    strata = []
    for label in ("errors x 1", "errors x 2, 20 % missing"):
        u = random.uniform(size=(n, d)) ** power
        levels = random.uniform(size=(n, 1)) ** power
        names = [*space.names, "joint density"] if density else space.names
        every = np.hstack([u, levels]) if density else u
        stratum = StratumChecks(
            label,
            1.0,
            0.0,
            uniformity_test(every, names),
            coverage_test(central_levels(u), space.names),
            coverage_test(levels, ["joint density"]) if density else None,
            tarp_test(random.uniform(size=(5, n))),
            local_test(
                every, random.standard_normal((n, 2)), names, n_permutations=99, random_state=0
            ),
        )
        strata.append(stratum)
    context = {"data": {"n_spectra": n, "n_bins": 6, "n_samples": 100}}
    return ModelChecks(space, tuple(strata), context)


@pytest.mark.parametrize("n", [20, 300])
@pytest.mark.parametrize("d", [1, 12])
@pytest.mark.parametrize("density", [True, False])
def test_any_number_of_spectra_and_parameters_is_drawn(n, d, density):
    figure_png(plot_checks(make_checks(n, d, density=density)), dpi=20)


def test_the_figure_says_what_it_shows():
    found = make_checks()
    text = texts(plot_checks(found))
    for label in ("300 test spectra", "SBC", "PIT", "Expected coverage", "TARP", "too sure"):
        assert label in text
    for label in ("Errors × 2, 20 % missing", "joint density", "log x a", "pass", "intervals: p"):
        assert label in text
    assert "fail" not in text
    assert "p < 0.001, fail" in texts(plot_checks(make_checks(power=2)))
    assert "density" not in texts(plot_checks(make_checks(density=False)))


def test_the_curve_is_the_coverage():
    found = make_checks()
    axis = plot_checks(found).axes[2]
    line = next(line for line in axis.lines if len(line.get_xdata()) > 100)
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    observed = found.strata[0].intervals.observed[0, 0]
    assert y[np.isclose(x, 0.5)][0] == pytest.approx(100 * (observed - 0.5))


def test_checks_are_written_whole(tmp_path):
    found = make_checks()
    paths = write_checks(found, tmp_path / "new")
    assert sorted(tmp_path.rglob("*.*")) == sorted(paths.values())
    assert json.loads(paths["checks"].read_text()) == found.to_dict()
    assert image.imread(paths["figure"]).shape[1] > 1000


def test_a_predictive_check_is_drawn():
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 21))
    space = ParameterSpace([Parameter("level", Uniform(0, 1))])
    random = np.random.default_rng(0)
    depth = 0.02 + 1e-4 * random.standard_normal(20)
    posterior = Posterior(0.02 + 2e-5 * random.standard_normal((100, 1)), space)
    found = predictive_check(
        posterior,
        lambda theta: np.repeat(theta, 20, axis=1),
        Spectrum(grid, depth, np.full(20, 1e-4)),
        n=200,
        random_state=0,
    )
    figure = plot_predictive(found)
    figure_png(figure, dpi=20)
    text = texts(figure)
    for label in ("20 bins", "Residual", "Chi-squared", "Lag-1 autocorrelation", "observation"):
        assert label in text
