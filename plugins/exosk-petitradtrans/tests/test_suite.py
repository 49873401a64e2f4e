"""The laws of every simulator, through the entry point, and what is this one's own."""

import subprocess
import sys

import numpy as np
import pytest

import exosk
from exosk.exceptions import RangeError
from exosk.plugin import default_manager
from exosk.spectra import SpectralGrid
from exosk.testing import SimulatorSuite

GRID = SpectralGrid.from_resolution(1.1, 1.7, 20)


class TestLineByLine(SimulatorSuite):
    def make(self):
        return exosk.get_simulator(
            "petitradtrans", molecules=("H2O", "CO"), grid=GRID, input_data="exosk"
        )


class TestCorrelatedK(SimulatorSuite):
    def make(self):
        return exosk.get_simulator(
            "petitradtrans",
            molecules=("H2O", "CO"),
            grid=GRID,
            input_data="exosk",
            mode="c-k",
            temperature_profile="4-point",
        )


def test_it_is_found_by_its_entry_point():
    (record,) = (r for r in default_manager().records if r.name == "petitradtrans")
    assert (record.distribution, record.status) == ("exosk-petitradtrans", "loaded")


def test_its_hooks_are_light():
    code = "import sys, exosk_petitradtrans.hooks; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "petitRADTRANS", "h5py"} & set(run.stdout.split())


def test_an_unbound_atmosphere_is_refused_before_petitradtrans_runs(line_by_line, monkeypatch):
    monkeypatch.setattr(line_by_line._transit.radtrans, "calculate_transit_radii", None)
    theta = line_by_line.space.sample(2, 0)
    theta[1, line_by_line.space.index("planet_mass")] = 0.01
    with pytest.raises(RangeError, match="row 1 is not bound"):
        line_by_line.simulate(theta)


def test_the_papers_to_cite_are_named(line_by_line):
    assert "Molliere" in str(line_by_line.provenance["citation"])
    assert np.isfinite(line_by_line.simulate(line_by_line.space.sample(1, 0))).all()
