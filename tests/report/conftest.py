"""A retrieval made by hand, of numbers that are easily judged, and a real one of few spectra."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.retrieval import Retrieval, retrieve
from exosk.simulators import get_simulator
from exosk.simulators.system import space_for_spectrum
from exosk.sources import load_spectrum
from exosk.spectra import SpectralGrid, Spectrum

SPACE = ParameterSpace(
    [
        Parameter("planet_radius", Uniform(1.0, 1.4), "R_jup", r"$R_\mathrm{p}\ (R_\mathrm{J})$"),
        Parameter("planet_mass", Normal(0.28, 0.03, low=0.07), "M_jup", r"$M_\mathrm{p}$"),
        Parameter("temperature", Uniform(400.0, 1600.0), "K", r"$T\ (\mathrm{K})$"),
        Parameter("log_x_h2o", Uniform(-12.0, -1.0), "log VMR", r"$\log$ H$_2$O"),
        Parameter("log_x_ch4", Uniform(-12.0, -1.0), "log VMR", r"$\log$ CH$_4$"),
        Parameter("log_x_k", Uniform(-12.0, -1.0), "log VMR", r"$\log$ K"),
    ]
)


def make_retrieval(n_samples: int = 1500) -> Retrieval:
    """H2O is found, CH4 has an upper limit, K is unconstrained; SO2's bins are too deep."""
    random = np.random.RandomState(0)
    grid = SpectralGrid(
        np.concatenate([np.linspace(0.52, 0.60, 5), np.linspace(2.5, 4.9, 25)]),
        np.concatenate([np.linspace(0.54, 0.62, 5), np.linspace(2.6, 5.0, 25)]),
    )
    model = 0.0215 + 1e-4 * np.sin(3 * grid.wavelength)
    sigma = np.full(len(grid), 5e-5)
    depth = model + sigma * random.standard_normal(len(grid))
    depth += 2e-4 * ((grid.wavelength > 3.9) & (grid.wavelength < 4.2))
    spectrum = Spectrum(
        grid,
        depth,
        sigma,
        name="WASP-39 b",
        instrument="a <b>made-up</b> instrument",
        reference="nobody & nobody else",
        meta={
            "planet": "WASP-39 b",
            "planet_radius": 1.279,
            "planet_radius_err": 0.04,
            "equilibrium_temperature": 1166.0,
            "star_radius": 0.939,
            "parameter_references": {"planet_radius": "Someone 2018"},
            "parameter_checks": {"planet_radius": "recalled"},
            "remarks": ["Handle <script>alert(1)</script> with care."],
            "licence": "none",
        },
    )
    samples = np.column_stack(
        [
            random.normal(1.2, 0.01, n_samples),
            random.normal(0.28, 0.03, n_samples),
            random.normal(800, 40, n_samples),
            random.normal(-4, 0.3, n_samples),
            random.uniform(-12, -7, n_samples),
            random.uniform(-12, -1, n_samples),
        ]
    )
    sampler = {"log_evidence": 12.5, "n_simulations": 54321, "n_stages": 6, "acceptance": 0.23}
    draws = model + 1e-5 * random.standard_normal((200, 1))
    return Retrieval(
        spectrum=spectrum,
        posterior=Posterior(samples, SPACE, meta=sampler),
        first_look=Posterior(samples[:100], SPACE),
        molecules={"H2O": 1.0, "CH4": float((samples[:, 4] > -8).mean()), "K": 0.64},
        detector={"H2O": 0.97, "CH4": 0.2, "K": 0.6},
        prior_presence={"H2O": 0.64, "CH4": 0.64, "K": 0.64},
        threshold=-8.0,
        model_depth=draws,
        best_depth=model,
        model_error=np.full(len(grid), 3e-5),
        reduced_chi2=2.5,
        reduced_chi2_with_model_error=1.8,
        scores=[{"name": name, "r2": 0.5, "coverage": 0.7} for name in SPACE.names],
        detector_auc={"H2O": 0.98, "CH4": 0.9, "K": float("nan")},
        n_test=150,
        provenance={
            "simulator": {
                "simulator": "builtin",
                "molecules": ["H2O", "CH4", "K"],
                "fixed": {"star_radius": 0.939},
                "settings": {"n_layers": 100, "pressure_range": [1e-9, 10.0]},
                "opacities": {
                    "H2O": {"citation": ["Waters 2001"], "limits": ["wet"], "source": "a well"},
                    "CH4": {"citation": "Waters 2001", "limits": ["wet", "smelly"]},
                    "K": {},
                },
            },
            "method": "forest, refined by sequential Monte Carlo",
            "n_spectra": 1000,
            "seed": 0,
            "versions": {"exosk": "0.1.0"},
        },
        seconds={"simulation": 1.0},
    )


def bare(retrieval: Retrieval) -> Retrieval:
    """Leave out all that a retrieval may lack: meta, sampler, opacities, model error."""
    spectrum = retrieval.spectrum.replace(name="", instrument="", reference="", meta={})
    return dataclasses.replace(
        retrieval,
        spectrum=spectrum,
        posterior=Posterior(retrieval.posterior.samples, retrieval.posterior.space),
        model_error=np.zeros(len(spectrum)),
        detector_auc={name: float("nan") for name in retrieval.molecules},
        provenance={},
        seconds={},
    )


def one_unconstrained_parameter(retrieval: Retrieval) -> Retrieval:
    """One molecule's abundance is all there is, and the data say nothing; three bins."""
    space = ParameterSpace([SPACE["log_x_k"]])
    samples = np.linspace(-12, -1, 400)[:, None]
    few = slice(10, 13)
    return dataclasses.replace(
        retrieval,
        spectrum=retrieval.spectrum.replace(
            grid=retrieval.spectrum.grid[few],
            depth=retrieval.spectrum.depth[few],
            sigma=retrieval.spectrum.sigma[few],
        ),
        posterior=Posterior(samples, space),
        first_look=Posterior(samples, space),
        molecules={"K": 0.64},
        model_depth=retrieval.model_depth[:, few],
        best_depth=retrieval.best_depth[few],
        model_error=retrieval.model_error[few],
        scores=[],
    )


@pytest.fixture(scope="session")
def retrieval() -> Retrieval:
    return make_retrieval()


@pytest.fixture(scope="session")
def real() -> Retrieval:
    """WASP-12 b, unrefined, from 200 spectra."""
    spectrum = load_spectrum("wasp-12b")
    molecules = ("H2O", "CH4")
    space, fixed = space_for_spectrum(spectrum, molecules)
    simulator = get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
    return retrieve(spectrum, simulator, n_spectra=200, refine=False, n_jobs=1)


@pytest.fixture(scope="session", params=["by hand", "bare", "one parameter", "real"])
def each(request: pytest.FixtureRequest, retrieval: Retrieval) -> Retrieval:
    """Every kind of retrieval that a report must survive."""
    if request.param == "real":
        return request.getfixturevalue("real")
    make = {"by hand": lambda r: r, "bare": bare, "one parameter": one_unconstrained_parameter}
    return make[request.param](retrieval)
