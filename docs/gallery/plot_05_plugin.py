"""
Write a plugin
==============

A simulator of your own, behind the same names as exosk's: in lists, in scripts, on the command
line, and held to the same laws.
"""

from importlib.metadata import EntryPoint

import matplotlib.pyplot as plt
import numpy as np

import exosk
from exosk.exceptions import RangeError
from exosk.plugin import PluginManager, hookimpl
from exosk.simulators.inputs import Inputs
from exosk.simulators.limits import check_values
from exosk.units import GRAVITATIONAL_CONSTANT, JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

BOLTZMANN, ATOMIC_MASS = 1.380649e-16, 1.66053907e-24  # cgs

# %%
# The simulator
# -------------
# It has parameters, native wavelengths, the names of its molecules, a provenance, and two methods.
# This one knows haze alone: of a haze whose opacity falls as a power of the wavelength, the radius
# rises by a scale height for each e-fold of opacity (Lecavelier des Etangs et al. 2008, A&A 481,
# L83). ``Inputs`` takes care of which parameters are free, fixed, needed or misspelt, and
# ``check_values`` refuses what has no meaning.


class HazeModel:
    """Transmission spectra of a hydrogen atmosphere full of haze."""

    def __init__(self, *, space=None, fixed=None, grid=None):
        self._inputs = Inputs("haze", (), space=space, fixed=fixed, optional=("haze_slope",))
        self.space = self._inputs.space
        self.molecules = ()
        self.wavelength = np.geomspace(0.3, 5.0, 2000)
        if grid is not None:
            self.wavelength = self.wavelength[grid.samples_needed(self.wavelength)]
        self.provenance = {
            "simulator": "haze",
            "citation": "Lecavelier des Etangs et al. 2008, A&A 481, L83",
            "fixed": self._inputs.fixed,
            "opacities": {},
        }

    def restrict(self, grid):
        return HazeModel(space=self.space, fixed=self._inputs.fixed, grid=grid)

    def simulate(self, theta):
        value = self._inputs.values(theta)
        check_values(value, first_row=0, pressure_range=(1e-9, 10.0))
        radius = value["planet_radius"] * JUPITER_RADIUS
        gravity = GRAVITATIONAL_CONSTANT * value["planet_mass"] * JUPITER_MASS / radius**2
        height = BOLTZMANN * value["temperature"] / (2.3 * ATOMIC_MASS * gravity)
        if (height > radius / 20).any():
            raise RangeError("the planet is too light for its heat; narrow the prior of its mass")
        rise = np.outer(height * value["haze_slope"], np.log(self.wavelength))
        star = value["star_radius"] * SOLAR_RADIUS
        return ((radius[:, None] + rise) / star[:, None]) ** 2


# %%
# The hook
# --------
# A hook returns names and the factories behind them. In a distribution, ``pyproject.toml`` says
# which module has the hooks:
#
# .. code-block:: toml
#
#    [project.entry-points.exosk]
#    haze = "exosk_haze"
#
# Once installed, ``exosk.get_simulator("haze")`` has it. Here nothing is installed: the hooks are
# in this script, and a plugin manager is told so.


@hookimpl
def exosk_register_simulators():
    return {"haze": HazeModel}


manager = PluginManager([EntryPoint("haze", "__main__", "exosk")])
print(manager.names("simulators"))
for record in manager.records:
    print(f"{record.name:25s} {record.status}")

# %%
# It is a simulator
# -----------------
# Everything that takes one takes it: training sets, likelihoods, samplers.

simulator = manager.make("simulators", "haze", fixed={"planet_mass": 0.7, "star_radius": 1.1})
for parameter in simulator.space:
    print(f"{parameter.name:15s} {parameter.prior}")

instrument = exosk.Instrument(
    "a spectrograph", exosk.SpectralGrid.from_resolution(0.35, 1.0, 30), 60e-6
)
truth = np.array([[1.3, 1450.0, -6.0]])
spectrum = instrument.observe(simulator.wavelength, simulator.simulate(truth)[0], random_state=3)

likelihood = exosk.gaussian_log_likelihood(simulator, spectrum)
posterior = exosk.nested_sample(likelihood, simulator.space, n_live=300, n_eff=1000, random_state=0)
for (name, row), value in zip(posterior.summary().items(), truth[0], strict=True):
    print(f"{name:15s} {row['median']:9.3f} ({row['lower']:.3f} to {row['upper']:.3f}), is {value}")

# %%
# Temperature and slope are one: only their product is seen, as the posterior knows.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
draws = posterior.resample(200, random_state=0)
bands = np.quantile(simulator.simulate(draws), [0.025, 0.975], axis=0)
left.fill_between(simulator.wavelength, *(100 * bands), color="#8dbbdc", label="95 % of the model")
left.errorbar(spectrum.wavelength, 100 * spectrum.depth, 100 * spectrum.sigma, fmt=".", color="0.2")
left.set_xlim(0.33, 1.05)
left.set_ylim(1.37, 1.60)
left.set_xlabel("wavelength (µm)")
left.set_ylabel("transit depth (%)")
left.legend(frameon=False)
right.scatter(draws[:, 1], draws[:, 2], s=8, color="#0072b2")
right.scatter(truth[:, 1], truth[:, 2], marker="*", s=160, color="#d55e00", label="truth")
right.set_xlabel("temperature (K)")
right.set_ylabel("haze slope")
right.legend(frameon=False)
plt.show()

# %%
# The laws
# --------
# A plugin's tests subclass a suite that knows what simulators owe their users: units, shapes,
# refusals, repetition, citations.
#
# .. code-block:: python
#
#    from exosk.testing import SimulatorSuite
#
#    class TestHaze(SimulatorSuite):
#        def make(self):
#            return exosk.get_simulator("haze")
#
# :doc:`../plugins` goes through a whole distribution, with a molecule and an instrument beside.
