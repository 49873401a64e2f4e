"""A TauREx model, put together from TauREx's parts for one simulator's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from taurex.contributions import (
    AbsorptionContribution,
    CIAContribution,
    Contribution,
    RayleighContribution,
    SimpleCloudsContribution,
)
from taurex.data.profiles.chemistry import ConstantGas
from taurex.data.profiles.pressure.pressureprofile import LogPressureProfile
from taurex.data.profiles.temperature import Guillot2010, Isothermal, NPoint
from taurex.model import TransmissionModel
from taurex.temperature import TemperatureProfile

from exosk.simulators.inputs import Inputs
from exosk.simulators.profiles import PointProfile
from exosk_taurex.components import (
    GasesInEquilibrium,
    GasesOfExosk,
    LogisticGas,
    PowerLawHaze,
    QuietPlanet,
    RayleighOfExosk,
    SizedStar,
)
from exosk_taurex.layers import ExactPlanet, ExactTransmissionModel, SampledTransmissionModel
from exosk_taurex.parameters import PASCAL
from exosk_taurex.shelf import PAIRS

__all__ = ["assemble"]


def assemble(
    wavenumber: np.ndarray, inputs: Inputs, settings: Mapping[str, Any]
) -> TransmissionModel:
    """Build TauREx's model; its caches must hold the opacities.

    Parameters
    ----------
    wavenumber : ndarray of shape (n_wavenumber,)
        1/cm, ascending.
    inputs : Inputs
        The simulator's parameters.
    settings : mapping
        Those of :class:`exosk_taurex.simulator.TaurexSimulator`.

    Returns
    -------
    taurex.model.TransmissionModel
        Its fitting parameters are what :func:`exosk_taurex.parameters.to_taurex` gives.
    """
    exact = settings["layers"] == "exact"
    top, bottom = (p * PASCAL for p in settings["pressure_range"])
    background = {"fill_gases": ["H2", "He"], "ratio": [settings["he_h2_ratio"]]}
    if inputs.equilibrium is not None:
        chemistry = GasesInEquilibrium(tuple(inputs.abundances), inputs.equilibrium, **background)
    else:
        chemistry = GasesOfExosk(**background)
        for molecule, profile in inputs.abundances.items():
            chemistry.addGas((ConstantGas if profile == "constant" else LogisticGas)(molecule))
    contributions: list[Contribution] = [
        AbsorptionContribution(),
        CIAContribution(cia_pairs=list(PAIRS)),
        RayleighOfExosk() if settings["rayleigh"] == "exosk" else RayleighContribution(),
    ]
    if "log_p_cloud" in inputs:
        contributions.append(SimpleCloudsContribution())
    if "log_haze" in inputs:
        contributions.append(PowerLawHaze())
    model = (ExactTransmissionModel if exact else SampledTransmissionModel)(
        wavenumber,
        planet=(ExactPlanet if exact else QuietPlanet)(),
        star=SizedStar(),
        pressure_profile=LogPressureProfile(settings["n_layers"], top, bottom),
        temperature_profile=_temperature(inputs.temperature, top, bottom),
        chemistry=chemistry,
        contributions=contributions,
    )
    model.build()
    return model


def _temperature(profile: Any, top: float, bottom: float) -> TemperatureProfile:
    """Return TauREx's own profile, set up so that it is exosk's."""
    if isinstance(profile, PointProfile):
        inner = np.exp(profile.log_pressure[1:-1]) * PASCAL
        return NPoint(
            P_surface=bottom,
            P_top=top,
            temperature_points=[1000.0] * len(inner),
            pressure_points=list(inner),
            smoothing_window=0,
            limit_slope=np.inf,
        )
    return Isothermal() if profile.names == ("temperature",) else Guillot2010()
