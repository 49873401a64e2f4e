"""Simulators that are what their arguments make them."""

import copy
import json
import pickle

import pytest

import exosk
from exosk.simulators.configured import ConfiguredSimulator
from exosk.simulators.inputs import Inputs
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_edges([1.0, 2.0])


class Plain(ConfiguredSimulator):
    """No physics at all, and something that no other process can have."""

    def __init__(self, molecules, *, space=None, fixed=None, grid=None, ranges=None):
        self._sources = tuple(molecules)
        self._grid = grid
        self._inputs = Inputs("a test", [m.upper() for m in molecules], space=space, fixed=fixed)
        self._settings = {"ranges": dict(ranges or {})}
        self.stays_here = lambda: None

    @property
    def provenance(self):
        return self._describe("plain", ["exosk"], ("one paper", "another"), {"H2O": "a table"})


@pytest.fixture
def simulator():
    return Plain(["h2o"], fixed={"planet_mass": 1.0}, ranges={"miri": (5.0, 12.0)})


def test_molecules_are_spelt_as_its_parameters_have_them(simulator):
    assert simulator.molecules == ("H2O",)
    assert "log_x_h2o" in simulator.space


@pytest.mark.parametrize(
    "again",
    [lambda s: s.replace(), lambda s: pickle.loads(pickle.dumps(s)), copy.deepcopy],
    ids=["replaced", "pickled", "copied"],
)
def test_made_again_it_is_the_same(simulator, again):
    other = again(simulator.restrict(GRID))
    assert type(other) is Plain
    assert other.space == simulator.space
    assert other.provenance == simulator.provenance
    assert other._arguments()["grid"] == GRID


def test_what_is_not_replaced_stays(simulator):
    other = simulator.replace(fixed={"planet_mass": 2.0, "star_radius": 0.5})
    assert other.fixed["planet_mass"] == 2.0
    assert other.provenance["settings"] == simulator.provenance["settings"]
    assert simulator.fixed["planet_mass"] == 1.0


def test_its_provenance_is_what_json_gives_back(simulator):
    said = simulator.provenance
    assert json.loads(json.dumps(said)) == said
    assert said["settings"] == {"ranges": {"miri": [5.0, 12.0]}}
    assert said["citation"] == ["one paper", "another"]
    assert said["exosk"] == exosk.__version__
