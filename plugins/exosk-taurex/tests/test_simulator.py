"""The simulator as exosk sees it."""

import dataclasses
import logging
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher
from taurex.cache import CIACache, GlobalCache, OpacityCache
from taurex.contributions.cia import contribute_cia
from taurex.contributions.contribution import contribute_tau

from exosk import get_simulator
from exosk.exceptions import RangeError, UnknownNameError
from exosk.opacities import OpacityTable, get_opacity
from exosk.plugin import default_manager
from exosk.simulators import TransmissionModel
from exosk.spectra import SpectralGrid
from exosk.testing import SimulatorSuite

GRID = SpectralGrid.from_resolution(2.0, 2.6, 30)


def make(**options):
    arguments = {"molecules": ("H2O", "CO"), "grid": GRID, "fixed": {"star_radius": 1.0}}
    return get_simulator("taurex", **arguments | options)


class TestTaurex(SimulatorSuite):
    # TauREx stops summing rays that are opaque at all wavelengths asked for.
    tolerance = 2e-6

    def make(self):
        return make()


class TestTaurexWithExactLayersAndProfiles(SimulatorSuite):
    n = 2
    tolerance = 2e-6

    def make(self):
        return make(
            layers="exact",
            temperature_profile="3-point",
            abundance_profiles={"H2O": "two-layer"},
        )


def test_the_entry_point_is_found_and_its_distribution_named():
    (record,) = [r for r in default_manager().records if r.name == "taurex"]
    assert (record.distribution, record.status) == ("exosk-taurex", "loaded")
    assert "taurex" in default_manager().names("simulators")


def test_looking_for_plugins_loads_no_code_of_taurex():
    heavy = "{'taurex', 'torch', 'numba'}"
    command = f"import sys, exosk_taurex.hooks; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", command], check=True)


def test_taurex_sums_layers_with_numba():
    assert isinstance(contribute_tau, Dispatcher)
    assert isinstance(contribute_cia, Dispatcher)


def test_a_gas_that_fills_the_atmosphere_is_no_absorber():
    water = get_opacity("H2O").select(2.0, 2.6)
    hydrogen = dataclasses.replace(water, name="H2")
    with pytest.raises(RangeError, match="H2 fills the atmosphere in TauREx"):
        make(molecules=[hydrogen], grid=None)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": np.nan},
        {"temperature": 3100.0},
        {"temperature": 50.0},
        {"planet_radius": -1.0},
        {"planet_mass": 0.01},
        {"log_x_h2o": 0.1},
        {"log_x_h2o": -0.1, "log_x_co": -0.2},
        {"log_p_cloud": 1.5},
        {"log_p_cloud": -9.5},
    ],
    ids=lambda change: ", ".join(f"{name}={x}" for name, x in change.items()),
)
def test_what_the_built_in_model_refuses_is_refused_in_the_same_words(change, monkeypatch):
    model = make()
    builtin = TransmissionModel(("H2O", "CO"), grid=GRID, fixed={"star_radius": 1.0}, device="cpu")
    assert model.space == builtin.space
    theta = np.array([[1.1, 1.0, 1300.0, -4.0, -4.0, 0.0, 0.0, -4.0]] * 2)
    for name, x in change.items():
        theta[1, model.space.index(name)] = x
    monkeypatch.setattr(model.model, "model", lambda: pytest.fail("TauREx was run"))
    messages = []
    for simulator in (model, builtin):
        with pytest.raises(RangeError) as caught:
            simulator.simulate(theta)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("name", ["cloud_fraction", "spot_fraction", "dilution", "temprature"])
def test_parameters_that_taurex_does_not_have_are_refused(name):
    with pytest.raises(UnknownNameError, match="parameter of the TauREx simulator"):
        make(fixed={"star_radius": 1.0, name: 0.1})


@pytest.mark.parametrize(
    "options",
    [
        {"layers": "precise"},
        {"rayleigh": "exoskk"},
        {"interpolation": "cubic"},
        {"temperature_profile": "guilot"},
        {"molecules": ("H2O", "XY")},
    ],
    ids=str,
)
def test_unknown_choices_are_refused(options):
    with pytest.raises(UnknownNameError):
        make(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"molecules": ()}, "at least one molecule"),
        ({"molecules": ("H2O", "h2o")}, "named twice"),
        ({"molecules": ("H2O", "H2-He")}, "pair of colliding gases"),
        ({"n_layers": 1}, "at least 2 layers"),
        ({"he_h2_ratio": -0.1}, "not negative"),
        ({"reference_pressure": 0.0}, "positive reference pressure"),
        ({"pressure_range": (10.0, 1e-9)}, "top < bottom"),
        ({"pressure_range": (1e-12, 10.0)}, "outside the H2O table"),
        ({"grid": SpectralGrid.from_edges([0.1, 0.2])}, "bins span 0.1-0.2 um"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(RangeError, match=message):
        make(**options)


def test_two_simulators_with_different_tables_do_not_disturb_each_other():
    water = get_opacity("H2O").select(2.0, 2.6)
    dense = OpacityTable(
        "H2O",
        water.wavelength,
        water.temperature,
        water.pressure,
        water.log_cross_section + 1,
        {},
    )
    first, second = (make(molecules=[table], grid=None) for table in (water, dense))
    theta = first.space.sample(1, random_state=0)
    theta[0, first.space.index("log_p_cloud")] = 1.0
    before = first.simulate(theta)
    other = second.simulate(theta)
    assert (other > before).all()
    assert np.array_equal(first.simulate(theta), before)
    assert np.array_equal(second.simulate(theta), other)


def test_taurexs_caches_settings_and_log_are_left_as_they_were():
    marker = object()
    log = logging.getLogger("taurex")
    log.setLevel(logging.INFO)
    OpacityCache().opacity_dict["H2O"] = CIACache().cia_dict["H2-H2"] = marker
    GlobalCache()["opacity_method"] = "ktables"
    try:
        model = make()
        theta = model.space.sample(1, random_state=0)
        assert np.isfinite(model.simulate(theta)).all()
        theta[0, 0] = np.nan
        with pytest.raises(RangeError):
            model.simulate(theta)
        assert OpacityCache().opacity_dict == {"H2O": marker}
        assert CIACache().cia_dict == {"H2-H2": marker}
        assert GlobalCache()["opacity_method"] == "ktables"
        assert log.level == logging.INFO
    finally:
        log.setLevel(logging.NOTSET)
        OpacityCache().opacity_dict.clear()
        CIACache().cia_dict.clear()
        GlobalCache().variable_dict.clear()


def test_it_says_nothing(caplog, capfd):
    caplog.set_level(logging.DEBUG)
    model = make()
    caplog.clear()
    model.simulate(model.space.sample(1, random_state=0))
    assert not [r for r in caplog.records if r.name.startswith("taurex")]
    assert capfd.readouterr() == ("", "")


def test_other_processes_get_it():
    model = make(grid=SpectralGrid.from_edges([2.0, 2.05]))
    theta = model.space.sample(2, random_state=0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(model.simulate, (theta,))
    assert np.array_equal(there, model.simulate(theta))


def test_restricted_it_hands_taurex_fewer_wavenumbers():
    whole = make()
    part = whole.restrict(SpectralGrid([2.1, 2.4], [2.11, 2.41]))
    assert len(part.wavelength) < len(whole.wavelength) / 5
    part.simulate(part.space.sample(1, random_state=0))
    held = [*part.shelf.opacities.values(), *part.shelf.pairs.values()]
    assert all(np.array_equal(x.wavenumberGrid, part.model.nativeWavenumberGrid) for x in held)
    assert np.isin(part.wavelength, whole.wavelength).all()
    assert part.provenance["settings"] == whole.provenance["settings"]


def test_its_provenance_names_versions_and_the_paper():
    provenance = make().provenance
    assert provenance["simulator"] == "taurex"
    assert provenance["taurex"].startswith("3.3")
    assert "Al-Refaie et al. 2021, ApJ 917, 37" in provenance["citation"]
    assert set(provenance["opacities"]) == {"H2O", "CO", "H2-H2", "H2-He"}
    assert provenance["settings"]["layers"] == "taurex"
