r"""Transmission spectra from a formula (Heng & Kitzmann 2017, MNRAS 470, 2972).

An isothermal atmosphere of constant gravity, and of one cross section at all pressures, has

.. math:: R = R_0 + H (\gamma + \ln\tau_0 + E_1(\tau_0)), \quad
          \tau_0 = \frac{P_0 \sigma}{m g} \sqrt{2 \pi R_0 / H}.
"""

import numpy as np
from astropy.constants import k_B, u
from scipy.special import exp1

from exosk.exceptions import RangeError
from exosk.opacities import get_opacity, rayleigh_h2
from exosk.opacities.masses import molar_mass
from exosk.simulators.binned import samples_for
from exosk.simulators.inputs import Inputs
from exosk.simulators.limits import check_opacities, check_values
from exosk.simulators.quantities import abundance_name
from exosk.units import GRAVITATIONAL_CONSTANT, JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

BAR = 1e6  # dyn cm-2
REFERENCE, SEEN = 10.0, 1e-3  # bar: where the radius is given, and where sigma is taken
H2_SHARE, BACKGROUND = 0.85, 2.3  # of H2 in the background gas; its mean molar mass


class AnalyticModel:
    """A simulator of clear, isothermal atmospheres, for a first look."""

    def __init__(self, molecules=("H2O",), *, space=None, fixed=None, grid=None):
        self._tables = [get_opacity(name) for name in molecules]
        check_opacities(self._tables)
        self.molecules = tuple(table.name for table in self._tables)
        self._inputs = Inputs("analytic", self.molecules, space=space, fixed=fixed, optional=())
        self.space = self._inputs.space
        self._needed = samples_for(grid, self._tables[0].wavelength)
        self.wavelength = self._tables[0].wavelength[self._needed]
        self.provenance = {
            "simulator": "analytic",
            "citation": "Heng & Kitzmann 2017, MNRAS 470, 2972",
            "fixed": self._inputs.fixed,
            "opacities": {table.name: table.provenance for table in self._tables},
        }

    def restrict(self, grid):
        return AnalyticModel(self.molecules, space=self.space, fixed=self._inputs.fixed, grid=grid)

    def simulate(self, theta):
        value = self._inputs.values(theta)
        check_values(value, first_row=0, pressure_range=(1e-9, REFERENCE))
        shares = [10 ** value[abundance_name(name)] for name in self.molecules]
        rest = 1 - sum(shares)
        if (rest < 0).any():
            raise RangeError("abundances add up to more than one; narrow the priors of log_x_*")
        sigma = rest[:, None] * H2_SHARE * rayleigh_h2(self.wavelength)
        for table, share in zip(self._tables, shares):
            found = table.cross_section(value["temperature"], SEEN)
            sigma += share[:, None] * found[:, self._needed]
        molar = sum(molar_mass(name) * x for name, x in zip(self.molecules, shares))
        mass = u.cgs.value * (molar + rest * BACKGROUND)
        radius = value["planet_radius"] * JUPITER_RADIUS
        gravity = GRAVITATIONAL_CONSTANT * value["planet_mass"] * JUPITER_MASS / radius**2
        height = k_B.cgs.value * value["temperature"] / (mass * gravity)
        if (height > radius / 20).any():
            raise RangeError("the planet is too light for its heat; narrow the prior of its mass")
        column = REFERENCE * BAR / (mass * gravity) * np.sqrt(2 * np.pi * radius / height)
        tau = column[:, None] * sigma
        top = radius[:, None] + height[:, None] * (np.euler_gamma + np.log(tau) + exp1(tau))
        return (top / (value["star_radius"] * SOLAR_RADIUS)[:, None]) ** 2
