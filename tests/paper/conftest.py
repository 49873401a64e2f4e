"""Results made by hand, in the form that `exosk benchmark run` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from exosk.benchmark import Cost, Entry, Result, Score, write_result
from exosk.paper import networks, writing
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.retrieval import Retrieval
from exosk.simulators.system import space_for_spectrum
from exosk.sources import load_spectrum

MACHINE = {
    "date": "2026-11-28 12:02 UTC",
    "processor": "A & B 100%_fast #1",
    "n_cores": 2,
    "load_1min": 0.5,
    "versions": {"exosk": "0.1.0"},
}


def made_result(task: str, entries: list[Entry], folder: Path, **more: Any) -> Result:
    """Write a result and return it."""
    settings = {
        "title": task.replace("_", " "),
        "question": "Which is best, at 5 um & 30 ppm?",
        "size": "full",
        "arguments": [],
        "machine": MACHINE,
        "result": {},
    }
    result = Result(task=task, entries=entries, path=folder / f"{task}.json", **settings | more)
    write_result(result)
    return result


def entry(method: str, value: float | None, seconds: float, **more: Any) -> Entry:
    """Make a method of two scores."""
    scores = [Score("mean R2", value, at_least=0.672, **more), Score("NLL of H2O", 11.3 + seconds)]
    return Entry(method, scores, Cost(None, seconds, seconds / 3))


def write_png(path: Path) -> None:
    """Write a small picture."""
    figure = Figure(figsize=(2, 1))
    FigureCanvasAgg(figure)
    figure.add_subplot().plot([0, 1])
    figure.savefig(path, dpi=40)


def write_results(folder: Path) -> Path:
    """Write tasks of many methods, of many scores, of one score, and of no known name."""
    write_png(folder / "hela curves.png")
    methods = [
        entry("forest_1 (50 %)", 0.6501, 20.0, error=0.0021),
        entry("flow, 3 members & dropout", 0.67198, 91.4),
        entry("σ-net <new>", 0.6704, 44.0),
        entry("gave up", None, 4.0),
    ]
    made_result("hela", methods, folder, figures=[folder / "hela curves.png"])
    scores = [Score(f"R2 of x_{k}", 0.1 * k, at_least=0.5) for k in range(9)]
    made_result(
        "exogan_task",
        [Entry("gan", scores, Cost(training=3.0)), Entry("mlp", scores[:8], Cost(training=1.0))],
        folder,
    )
    many = [Score(f"coverage at {k} um", 0.68, error=0.0123) for k in range(50)]
    made_result("posterior_task", [Entry("flow", many)], folder)
    made_result(
        "forward_model",
        [Entry("2 threads", [Score("time of 10,000", 6.04, "s", at_most=60.0)], Cost(6.0))],
        folder,
        size="by hand",
        arguments=["--n_spectra", "5"],
    )
    made_result("my_own", [Entry("a", [Score("loss", 1e-9)])], folder)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the results."""
    place = tmp_path / "results"
    place.mkdir()
    return write_results(place)


@pytest.fixture
def planet() -> Retrieval:
    """Return a retrieval of WASP-39 b as one would look, without the seconds that it takes."""
    spectrum = load_spectrum("wasp-39b")
    space = ParameterSpace(
        [
            Parameter("planet_radius", Uniform(1.0, 1.4), "R_jup"),
            Parameter("planet_mass", Normal(0.28, 0.03, low=0.07), "M_jup"),
            Parameter("temperature", Uniform(400.0, 1600.0), "K"),
            Parameter("log_x_h2o", Uniform(-12.0, -1.0), "log VMR"),
        ]
    )
    random = np.random.RandomState(0)
    samples = random.normal([1.2, 0.28, 800, -4], [0.01, 0.03, 40, 0.3], (500, 4))
    draws = spectrum.depth + 1e-5 * random.standard_normal((50, 1))
    return Retrieval(
        spectrum=spectrum,
        posterior=Posterior(
            samples,
            space,
            meta={"verdict": "usable", "n_simulations": 54321, "pareto_k": 0.4, "efficiency": 0.1},
        ),
        first_look=None,
        molecules={"H2O": 1.0},
        detector={},
        prior_presence={"H2O": 0.64},
        threshold=-8.0,
        model_depth=draws,
        best_depth=spectrum.depth + 1e-5,
        model_error=np.full(len(spectrum), 3e-5),
        reduced_chi2=2.5,
        reduced_chi2_with_model_error=1.8,
        scores=[],
        detector_auc={},
        n_test=0,
        provenance={
            "simulator": {
                "simulator": "builtin",
                "settings": {"n_layers": 100, "pressure_range": [1e-9, 10.0]},
                "opacities": {"H2O": {"citation": "Gordon et al. 2022, JQSRT 277, 107949"}},
            },
            "versions": {"exosk": "0.1.0"},
        },
        seconds={"refinement": 14.0},
        method="pretrained",
    )


@pytest.fixture(scope="session")
def trained() -> dict[str, Any]:
    """Fit the networks once."""
    spectrum = load_spectrum("wasp-39b")
    space, _ = space_for_spectrum(spectrum, ("H2O", "CO2"))
    return networks.example_networks(spectrum, space)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, trained: dict[str, Any]) -> None:
    """Leave out what takes seconds, in tests that are about texts and files."""
    monkeypatch.setattr(writing, "example_networks", lambda *_: trained)
    figures = {f"figures/model-{name}.pdf": b"%PDF" for name in trained}
    monkeypatch.setattr(writing, "made_figures", lambda *_: dict(figures))
