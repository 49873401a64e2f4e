"""Comparing simulators: variants of the built-in one, registered as plugins."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from exosk.evaluation.atmospheres import EXTREMES, comparison_atmospheres
from exosk.evaluation.simulators import compare_simulators
from exosk.exceptions import PluginError, UnknownNameError
from exosk.plugin import PluginManager
from exosk.simulators import get_simulator

RANGE = (1.2, 1.7)
ROUNDING = 1e-3  # ppm, of single precision
SMALL = {"n": 2, "molecules": ("H2O", "CH4"), "n_layers": 20, "wavelength_range": RANGE}

PLUGIN = '''
"""Variants of the built-in model, each with one thing that differs."""
import numpy as np
from exosk.plugin import hookimpl
from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.simulators import get_simulator
from exosk.simulators.quantities import default_space


class Variant:
    def __init__(self, offset=0.0, paired=False, hottest=np.inf, **options):
        self.model = get_simulator("builtin", **options)
        self.offset, self.paired, self.hottest = offset, paired, hottest
        self.space, self.molecules = self.model.space, self.model.molecules
        self.wavelength = self.pair(self.model.wavelength)
        self.provenance = {"simulator": "variant"}

    def simulate(self, theta):
        theta = np.asarray(theta)
        if (theta[:, self.space.index("temperature")] > self.hottest).any():
            raise RangeError("too hot for me")
        return self.pair(self.model.simulate(theta)) + self.offset

    def pair(self, samples):
        half = samples.shape[-1] // 2
        pairs = samples[..., : 2 * half].reshape(*samples.shape[:-1], half, 2)
        return pairs.mean(-1) if self.paired else samples

    def restrict(self, grid):
        return self


def shifted(**options):
    return Variant(offset=10e-6, **options)

def coarse(**options):
    return Variant(paired=True, **options)

def cool(**options):
    return Variant(hottest=2500.0, **options)

def clear(molecules, space=None, **options):
    space = space or default_space(molecules, optional=("log_p_cloud",))
    return Variant(molecules=molecules, space=space, **options)

def elsewhere(**options):
    model = Variant(**options)
    model.provenance["opacities"] = {"H2O": {"source": "somebody's own"}}
    return model

def simple(molecules, temperature_profile):
    return Variant(molecules=molecules, n_layers=20)

class Blank(Variant):
    def simulate(self, theta):
        return super().simulate(theta) * np.nan

class Wide(Variant):
    def simulate(self, theta):
        return super().simulate(theta)[:, 1:]

def broken(**options):
    raise OSError("no tables on this machine")


@hookimpl
def exosk_register_simulators():
    return {
        "twin": lambda **options: get_simulator("builtin", **options),
        "fewer": lambda **options: get_simulator("builtin", **options | {"n_layers": 10}),
        "shifted": shifted,
        "coarse": coarse,
        "cool": cool,
        "clear": clear,
        "simple": simple,
        "elsewhere": elsewhere,
        "broken": broken,
        "blank": Blank,
        "wide": Wide,
        "number": lambda **options: 3,
    }
'''


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    (folder / "exosk_test_variants.py").write_text(PLUGIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield PluginManager([EntryPoint("variants", "exosk_test_variants", "exosk")])


def compare(manager, *names, **options):
    return compare_simulators(names, manager=manager, **SMALL | options)


def test_a_simulator_does_not_differ_from_itself(manager):
    comparison = compare(manager, "twin")
    (twin,) = comparison.differences
    assert twin.resolution is None
    assert np.abs(twin.ppm).max() < ROUNDING
    assert twin.summary(comparison.atmospheres)["worst_share"] < 1e-5
    assert twin.wavelength[0] >= RANGE[0]
    assert twin.wavelength[-1] <= RANGE[1]


def test_level_and_shape_are_told_apart(manager):
    comparison = compare(manager, "shifted", "fewer")
    shifted, fewer = (each.summary(comparison.atmospheres) for each in comparison.differences)
    for number in ("median", "rms", "q95", "worst", "level"):
        assert shifted[number] == pytest.approx(10, abs=0.01)
    assert shifted["shape"] < 0.01
    # Too few layers change both.
    assert fewer["shape"] > 0.01
    assert fewer["rms"] ** 2 <= fewer["level"] ** 2 + fewer["shape"] ** 2 + 1e-9
    assert fewer["median"] <= fewer["q95"] <= abs(fewer["worst"])


def test_the_worst_is_where_it_says(manager):
    comparison = compare(manager, "fewer")
    (fewer,) = comparison.differences
    summary = fewer.summary(comparison.atmospheres)
    row = comparison.atmospheres.index(summary["worst_atmosphere"])
    column = int(np.argmin(np.abs(fewer.wavelength - summary["worst_wavelength"])))
    assert fewer.ppm[row, column] == summary["worst"]
    assert np.abs(fewer.ppm).max() == abs(summary["worst"])
    assert max(abs(a["worst"]) for a in fewer.by_atmosphere(comparison.atmospheres).values()) == (
        abs(summary["worst"])
    )


def test_other_wavelengths_are_compared_in_bins(manager):
    comparison = compare(manager, "coarse")
    (coarse,) = comparison.differences
    assert coarse.resolution == pytest.approx(100, rel=0.02)
    # Means of two samples each: what is left is where the bins' edges cut through them.
    assert 0 < coarse.summary(comparison.atmospheres)["worst_share"] < 0.05
    assert coarse.wavelength[0] > RANGE[0]


def test_an_atmosphere_refused_is_left_out_and_named(manager):
    comparison = compare(manager, "cool")
    (cool,) = comparison.differences
    assert cool.refused == {"hot": "RangeError: too hot for me"}
    hot = comparison.atmospheres.index("hot")
    assert np.isnan(cool.ppm[hot]).all()
    assert not np.isnan(np.delete(cool.ppm, hot, axis=0)).any()
    assert abs(cool.summary(comparison.atmospheres)["worst"]) < ROUNDING


def test_parameters_that_one_lacks_are_left_out_for_both(manager):
    comparison = compare(manager, "clear")
    (clear,) = comparison.differences
    assert clear.lacking == ("log_haze", "haze_slope")
    assert np.abs(clear.ppm).max() < ROUNDING


def test_settings_that_one_lacks_are_noted(manager):
    (simple,) = compare(manager, "simple").differences
    assert simple.notes == ("it takes no n_layers",)
    assert not simple.lacking
    assert np.abs(simple.ppm).max() < ROUNDING


def test_opacities_from_elsewhere_are_noted(manager):
    (elsewhere,) = compare(manager, "elsewhere").differences
    assert elsewhere.notes == ("its opacities of H2O are not the reference's",)
    (twin,) = compare(manager, "twin").differences
    assert twin.notes == ()


def test_a_failure_stops_no_other(manager):
    comparison = compare(manager, "broken", "blank", "wide", "number", "twin")
    assert [each.simulator for each in comparison.differences] == ["twin"]
    reasons = comparison.failures
    assert reasons["broken"] == "OSError: no tables on this machine"
    assert "no numbers" in reasons["blank"]
    assert "shape" in reasons["wide"]
    assert "int, which is no simulator" in reasons["number"]


def test_everything_but_spectra_goes_to_json(manager):
    comparison = compare(manager, "fewer", "cool", "broken")
    document = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert set(document["simulators"]) == {"fewer", "cool"}
    assert set(document["failures"]) == {"broken"}
    assert document["simulators"]["cool"]["refused"] == {"hot": "RangeError: too hot for me"}
    assert "hot" not in document["simulators"]["cool"]["by_atmosphere"]
    assert set(document["atmospheres"]) == {*EXTREMES, "draw 1", "draw 2"}
    assert document["simulators"]["fewer"]["seconds"] > 0


def test_all_that_are_installed_by_default(manager):
    comparison = compare_simulators(manager=manager, **SMALL)
    everything = {each.simulator for each in comparison.differences} | set(comparison.failures)
    assert everything == set(manager.names("simulators")) - {"builtin"}


def test_names_are_checked(manager):
    with pytest.raises(UnknownNameError, match="did you mean 'twin'"):
        compare(manager, "twinn")
    with pytest.raises(PluginError, match="no simulator to compare 'builtin' with"):
        compare(manager, "builtin")


def test_the_seed_sets_the_draws():
    space = get_simulator("builtin", molecules=("H2O",)).space
    names, theta = comparison_atmospheres(space, 3, 1)
    assert names == [*EXTREMES, "draw 1", "draw 2", "draw 3"]
    np.testing.assert_array_equal(theta, comparison_atmospheres(space, 3, 1)[1])
    other = comparison_atmospheres(space, 3, 2)[1]
    assert (theta[:-3] == other[:-3]).all()
    assert (theta[-3:] != other[-3:]).all()


@pytest.mark.parametrize("profile", ["isothermal", "guillot", "4-point"])
def test_the_extremes_are_within_reach(profile):
    """Bound, and within the tables, whatever the profile."""
    model = get_simulator(
        "builtin",
        molecules=("H2O", "CO2", "CO", "CH4", "Na", "K"),
        temperature_profile=profile,
        abundance_profiles={"H2O": "two-layer"},
        n_layers=20,
    )
    names, theta = comparison_atmospheres(model.space, 0)
    depth = model.simulate(theta)
    amplitude = dict(zip(names, 1e6 * np.ptp(depth, axis=1), strict=True))
    assert min(amplitude.values()) > 50
    assert amplitude["puffy"] == max(amplitude.values())
    assert depth[names.index("small")].max() < 0.002
