"""The plugin's three things obey exosk's laws, and are right."""

from importlib import metadata, resources

import numpy as np
import pytest

import exosk
from exosk.opacities import get_opacity
from exosk.spectra import SpectralGrid
from exosk.testing import InstrumentSuite, OpacitySuite, SimulatorSuite

VISIBLE = SpectralGrid.from_edges(np.geomspace(0.5, 0.8, 20))


class TestLithium(OpacitySuite):
    def make(self):
        return exosk.get_opacity("Li")


class TestMiriLrs(InstrumentSuite):
    def make(self):
        return exosk.get_instrument("miri-lrs")


class TestAnalytic(SimulatorSuite):
    def make(self):
        return exosk.get_simulator("analytic", molecules=("H2O", "Li"), grid=VISIBLE)


def test_lithium_absorbs_as_strongly_as_its_oscillator_strength_says():
    """The integral over wavenumber is pi e^2 / (m c^2) f with f = 0.747 (Yan & Drake 1995)."""
    from exosk_example.lithium import LITHIUM

    nu = np.linspace(14803, 15003, 400_001)
    strength = np.trapezoid(LITHIUM.monochromatic(nu, 1500.0, 1e-3), nu)
    assert strength == pytest.approx(8.8526e-13 * 0.747, rel=0.005)
    # The lines' shares are 1 : 2, and both have a lifetime of 27.1 ns (Volz & Schmoranzer 1996).
    lifetime = 1e9 / (4 * np.pi * 2.99792458e10 * LITHIUM.natural_width)
    assert lifetime == pytest.approx([27.11, 27.11], rel=0.01)


def test_lithium_is_seen_at_0_671_um_and_nowhere_far_from_it():
    table = get_opacity("Li")
    sigma = table.cross_section(1500.0, 1e-3)[0]
    assert table.wavelength[np.argmax(sigma)] == pytest.approx(0.67096, abs=0.0005)
    assert sigma[table.wavelength > 1.0].max() < 1e-37


def test_the_built_in_model_sees_it():
    model = exosk.get_simulator("builtin", molecules=("H2O", "Li"), grid=VISIBLE)
    theta = np.repeat(model.space.sample(1, random_state=0), 2, axis=0)
    theta[:, model.space.index("log_p_cloud")] = 1.0
    theta[:, model.space.index("log_x_li")] = -12.0, -7.0
    without, with_lithium = model.simulate(theta)
    excess = with_lithium - without
    assert excess.max() > 1e-4
    assert model.wavelength[np.argmax(excess)] == pytest.approx(0.671, abs=0.001)


def test_more_transits_make_smaller_errors():
    one, four = (exosk.get_instrument("miri-lrs", n_transits=n) for n in (1, 4))
    np.testing.assert_allclose(one.sigma, 2 * four.sigma)
    assert one.grid.range == (5.0, 12.0)


def test_the_formula_agrees_with_the_built_in_model_where_it_should():
    """With scattering alone, which knows no pressure, on a planet whose gravity hardly falls."""
    planet = {"temperature": 1000.0, "log_x_h2o": -12.0, "planet_radius": 1.0, "planet_mass": 30.0}
    clear = {"log_p_cloud": 1.0, "log_haze": -30.0, "haze_slope": -4.0}
    blue = SpectralGrid.from_edges(np.geomspace(0.35, 0.45, 20))
    radii = []
    for name, fixed in (("analytic", {}), ("builtin", clear)):
        simulator = exosk.get_simulator(name, molecules=("H2O",), grid=blue, fixed=fixed)
        theta = [[planet[parameter] for parameter in simulator.space.names]]
        radii.append(np.sqrt(simulator.simulate(theta)[0]))
    height = (radii[0][0] - radii[0][-1]) / (4 * np.log(0.45 / 0.35))
    assert np.abs(radii[0] - radii[1]).max() < 0.03 * height


@pytest.mark.parametrize(
    ("theta", "message"),
    [
        ({"temperature": 4000.0}, "temperature"),
        ({"log_x_h2o": 0.1}, "add up to more than one"),
        ({"planet_mass": 0.001}, "too light for its heat"),
    ],
)
def test_what_it_refuses_it_names(theta, message):
    model = exosk.get_simulator("analytic")
    row = model.space.sample(1, random_state=0)
    for name, value in theta.items():
        row[:, model.space.index(name)] = value
    with pytest.raises(exosk.ExoskError, match=message):
        model.simulate(row)


def test_it_is_under_150_lines():
    files = [f for f in resources.files("exosk_example").iterdir() if f.name.endswith(".py")]
    assert sum(len(f.read_text(encoding="utf-8").splitlines()) for f in files) < 150


def test_it_is_registered_under_its_name():
    (entry,) = [e for e in metadata.entry_points(group="exosk") if e.name == "example"]
    assert entry.dist.name == "exosk-example"
