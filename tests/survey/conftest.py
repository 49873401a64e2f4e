"""Simulated WFC3 spectra of two planets, as a user would have them in a folder."""

from __future__ import annotations

import json

import numpy as np
import pytest

import exosk
from exosk.simulators.binned import simulate_in_bins
from exosk.sources import write_spectrum

SYSTEM = {"star_radius": 1.0, "planet_mass": 0.5, "planet_mass_err": 0.05,
          "equilibrium_temperature": 1300.0}  # fmt: skip


def observe(name, log_h2o, seed):
    grid = exosk.SpectralGrid.from_edges(np.linspace(1.12, 1.65, 19))
    values = {
        "planet_radius": 1.2,
        "planet_mass": 0.5,
        "temperature": 1100.0,
        "log_x_h2o": log_h2o,
        "log_p_cloud": 0.0,
        "log_haze": -4.0,
        "haze_slope": -4.0,
    }
    simulator = exosk.get_simulator("builtin", molecules=("H2O",), fixed={"star_radius": 1.0})
    theta = np.array([[values[name] for name in simulator.space.names]])
    depth = simulate_in_bins(simulator, grid)(theta)[0]
    sigma = np.full(grid.n_bins, 30e-6)
    noisy = depth + sigma * np.random.default_rng(seed).standard_normal(grid.n_bins)
    return exosk.Spectrum(grid, noisy, sigma, name, "HST WFC3", "simulated", dict(SYSTEM))


@pytest.fixture(scope="session")
def observed():
    return {"wet.ecsv": observe("Wet b", -3.0, 0), "dry.ecsv": observe("Dry b", -11.0, 1)}


@pytest.fixture
def spectra(tmp_path, observed, monkeypatch):
    monkeypatch.setenv("EXOSK_OFFLINE", "1")
    monkeypatch.setenv("EXOSK_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "spectra"
    for name, spectrum in observed.items():
        write_spectrum(spectrum, folder / name)
    manifest = [
        {"file": "wet.ecsv", "reported_detections": {"H2O": "10 sigma"}},
        {
            "file": "dry.ecsv",
            "instrument": "WFC3 G141",
            "reported_detections": {"H2O": "no molecule"},
            "reading": {"range": [1.1, 1.6]},
        },
    ]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder
