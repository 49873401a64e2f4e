"""The parts of TauREx's model, where exosk means something that TauREx's own cannot say.

Everything else is TauREx's: its Isothermal, NPoint and Guillot2010 profiles represent exosk's of
the same names exactly (NPoint without smoothing; Guillot2010 with one visible stream).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from taurex.constants import AMU, RSOL
from taurex.contributions import Contribution
from taurex.data.fittable import fitparam
from taurex.data.profiles.chemistry import TaurexChemistry
from taurex.data.profiles.chemistry.gas.arraygas import ArrayGas
from taurex.data.profiles.chemistry.gas.twolayergas import TwoLayerGas
from taurex.data.stellar import BlackbodyStar
from taurex.model import OneDForwardModel
from taurex.planet import Planet

from exosk.opacities import rayleigh_h2, rayleigh_he
from exosk.simulators.atmosphere import molar_mass
from exosk.simulators.chemistry import EquilibriumChemistry
from exosk.simulators.profiles import log_abundances
from exosk.simulators.quantities import abundance_names
from exosk_taurex.parameters import PASCAL

__all__ = [
    "GasesInEquilibrium",
    "GasesOfExosk",
    "LogisticGas",
    "PowerLawHaze",
    "QuietPlanet",
    "RayleighOfExosk",
    "SizedStar",
]

# H2's Rayleigh cross section at 0.35 um (Lecavelier des Etangs et al. 2008, A&A 481, L83), the unit
# of exosk's haze (MacDonald & Madhusudhan 2017, MNRAS 469, 1979, eq. 6).
_HAZE_CROSS_SECTION = 5.31e-31  # m^2
_HAZE_WAVELENGTH = 0.35  # um


class QuietPlanet(Planet):
    """TauREx's planet; its own transmission model still uses what it warns of."""

    @property
    def fullRadius(self) -> float:
        """Radius in m, without the warning that this property is deprecated."""
        return self.get_planet_radius(unit="m")


class SizedStar(BlackbodyStar):
    """TauREx's star, whose radius can be set as a fitting parameter."""

    @fitparam(
        param_name="star_radius",
        param_latex=r"$R_\star$",
        default_fit=False,
        default_bounds=[0.1, 3.0],
    )
    def radiusInSun(self) -> float:
        """Radius in TauREx's solar radii."""
        return self._radius / RSOL

    @radiusInSun.setter
    def radiusInSun(self, value: float) -> None:
        """Set the radius in TauREx's solar radii."""
        self._radius = value * RSOL


class GasesOfExosk(TaurexChemistry):
    """TauREx's chemistry with exosk's molar masses (CIAAW 2021; TauREx's are older)."""

    def get_molecular_mass(self, molecule: str) -> float:
        """Mass of a molecule in kg."""
        return molar_mass(molecule) * AMU


class GasesInEquilibrium(GasesOfExosk):
    """TauREx's chemistry with abundances from exosk's table of chemical equilibrium.

    Parameters
    ----------
    molecules : sequence of str
        The absorbers.
    equilibrium : EquilibriumChemistry
        Made for these; its parameters are fitting parameters here.
    **options
        TauREx's.
    """

    def __init__(
        self, molecules: Sequence[str], equilibrium: EquilibriumChemistry, **options: Any
    ) -> None:
        super().__init__(**options)
        self._equilibrium = equilibrium
        self._elements = {"log_metallicity": 0.0, "c_o_ratio": 0.5}
        for molecule in molecules:
            self.addGas(ArrayGas(molecule))
        for name, bounds in (("log_metallicity", [-1.0, 2.0]), ("c_o_ratio", [0.1, 1.5])):

            def read(self: GasesInEquilibrium, name: str = name) -> float:
                return self._elements[name]

            def write(self: GasesInEquilibrium, value: float, name: str = name) -> None:
                self._elements[name] = value

            self.add_fittable_param(name, name, read, write, "linear", False, bounds)

    def initialize_chemistry(
        self,
        nlayers: int,
        temperature_profile: np.ndarray,
        pressure_profile: np.ndarray,
        altitude_profile: np.ndarray | None = None,
    ) -> None:
        """Look up abundances at the layers' temperatures (K) and pressures (Pa)."""
        log_x = self._equilibrium(
            {name: torch.tensor([x], dtype=torch.float64) for name, x in self._elements.items()},
            torch.as_tensor(np.ascontiguousarray(pressure_profile)) / PASCAL,
            torch.as_tensor(np.ascontiguousarray(temperature_profile))[None],
        )
        for gas, x in zip(self._gases, 10.0 ** log_x[0].numpy().T):
            gas._mix_ratio_array = x
        super().initialize_chemistry(
            nlayers, temperature_profile, pressure_profile, altitude_profile
        )


class LogisticGas(TwoLayerGas):
    """TauREx's two-layer gas with exosk's step between the layers.

    TauREx's own smooths over a share of the layers, so that the profile depends on their number,
    and calls ``numpy.int``, which NumPy no longer has.
    """

    def initialize_profile(
        self,
        nlayers: int | None = None,
        temperature_profile: np.ndarray | None = None,
        pressure_profile: np.ndarray | None = None,
        altitude_profile: np.ndarray | None = None,
    ) -> None:
        """Evaluate exosk's profile at the layers' pressures, in Pa."""
        numbers = (self._mix_surface, self._mix_top, self._mix_ratio_pressure / PASCAL)
        names = abundance_names(self.molecule, "two-layer")
        value = {n: torch.tensor([x], dtype=torch.float64).log10() for n, x in zip(names, numbers)}
        pressure = torch.as_tensor(np.ascontiguousarray(pressure_profile)) / PASCAL
        log_x = log_abundances(value, {self.molecule: "two-layer"}, pressure)
        self._mix_profile = 10.0 ** log_x[0, :, 0].numpy()


class RayleighOfExosk(Contribution):
    """Rayleigh scattering by H2 and He with exosk's cross sections."""

    def __init__(self) -> None:
        super().__init__("Rayleigh")

    def prepare_each(
        self, model: OneDForwardModel, wngrid: np.ndarray
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield each gas's cross section times its abundance, in m^2, (n_layers, n_wavenumber)."""
        for gas, cross_section in (("H2", rayleigh_h2), ("He", rayleigh_he)):
            mix = model.chemistry.get_gas_mix_profile(gas)
            yield gas, mix[:, None] * cross_section(1e4 / wngrid) * 1e-4


class PowerLawHaze(Contribution):
    """A haze whose cross section is a power of wavelength, per H2 molecule; TauREx has none.

    (MacDonald & Madhusudhan 2017, MNRAS 469, 1979, eq. 6.)
    """

    def __init__(self, strength: float = 1.0, slope: float = -4.0) -> None:
        super().__init__("PowerLawHaze")
        self._strength = strength
        self._slope = slope

    def prepare_each(
        self, model: OneDForwardModel, wngrid: np.ndarray
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the cross section per particle, in m^2, (n_layers, n_wavenumber)."""
        power = (1e4 / wngrid / _HAZE_WAVELENGTH) ** self._slope
        mix = model.chemistry.get_gas_mix_profile("H2")
        yield "Haze", mix[:, None] * (self._strength * _HAZE_CROSS_SECTION * power)

    @fitparam(
        param_name="haze_strength",
        param_latex="$a$",
        default_mode="log",
        default_fit=False,
        default_bounds=[1e-4, 1e6],
    )
    def hazeStrength(self) -> float:
        """Cross section at 0.35 um in those of H2."""
        return self._strength

    @hazeStrength.setter
    def hazeStrength(self, value: float) -> None:
        """Set the strength."""
        self._strength = value

    @fitparam(
        param_name="haze_slope",
        param_latex=r"$\gamma$",
        default_fit=False,
        default_bounds=[-10.0, 0.0],
    )
    def hazeSlope(self) -> float:
        """Power of the wavelength."""
        return self._slope

    @hazeSlope.setter
    def hazeSlope(self, value: float) -> None:
        """Set the power."""
        self._slope = value
