"""The parameters of exosk and those of TauREx.

TauREx works in SI units inside, and its fitting parameters are linear where exosk's are
logarithms:

====================== ============================== =========================================
exosk                  TauREx                         TauREx's unit
====================== ============================== =========================================
planet_radius          planet_radius                  its R_jup, at the bottom of the atmosphere
planet_mass            planet_mass                    its M_jup
star_radius            star_radius (of this plugin)   its R_sun
temperature            T                              K
temperature_1          T_surface                      K
temperature_2, ...     T_point1, ...                  K
temperature_<N>        T_top                          K
t_irr                  T_irr                          K
t_int                  T_int_guillot                  K
log_kappa_ir           kappa_irr                      m2/kg
log_gamma              kappa_v1 = kappa_v2            m2/kg; gamma times kappa_irr
log_x_h2o              H2O                            volume mixing ratio
log_x_h2o, two layers  H2O_surface                    volume mixing ratio
log_x_h2o_top          H2O_top                        volume mixing ratio
log_p_h2o              H2O_P                          Pa
log_metallicity        log_metallicity (this plugin)  dex above the Sun's
c_o_ratio              c_o_ratio (of this plugin)     number of C atoms per O atom
log_p_cloud            clouds_pressure                Pa
log_haze               haze_strength (of this plugin) Rayleigh cross sections of H2 at 0.35 um
haze_slope             haze_slope (of this plugin)    the power of wavelength
====================== ============================== =========================================

Radii and masses go through metres and kilograms, since a Jupiter is not the same in every version
of every code (TauREx 3.3 has the IAU's equatorial radius, 71492 km, as exosk has; earlier versions
had the mean radius, 69911 km).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from taurex.constants import MJUP, RJUP, RSOL

from exosk.exceptions import UnknownNameError
from exosk.simulators.quantities import abundance_names
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

__all__ = ["PASCAL", "from_taurex", "to_taurex"]

#: Pa in a bar.
PASCAL = 1e5


class _Conversion(NamedTuple):
    """TauREx's value is exosk's, or ten to its power, times a factor."""

    name: str
    factor: float = 1.0
    is_log: bool = False

    def forward(self, value: float) -> float:
        return (10.0**value if self.is_log else value) * self.factor

    def back(self, value: float) -> float:
        return math.log10(value / self.factor) if self.is_log else value / self.factor


# exosk's constants are in cgs units.
_KNOWN = {
    "planet_radius": _Conversion("planet_radius", JUPITER_RADIUS / 1e2 / RJUP),
    "planet_mass": _Conversion("planet_mass", JUPITER_MASS / 1e3 / MJUP),
    "star_radius": _Conversion("star_radius", SOLAR_RADIUS / 1e2 / RSOL),
    "temperature": _Conversion("T"),
    "t_irr": _Conversion("T_irr"),
    "t_int": _Conversion("T_int_guillot"),
    "log_kappa_ir": _Conversion("kappa_irr", 0.1, True),
    "log_metallicity": _Conversion("log_metallicity"),
    "c_o_ratio": _Conversion("c_o_ratio"),
    "log_p_cloud": _Conversion("clouds_pressure", PASCAL, True),
    "log_haze": _Conversion("haze_strength", 1.0, True),
    "haze_slope": _Conversion("haze_slope"),
}


def to_taurex(values: Mapping[str, float], molecules: Sequence[str]) -> dict[str, float]:
    """Convert exosk's parameters of one atmosphere to TauREx's fitting parameters.

    Parameters
    ----------
    values : mapping of str to float
        Every parameter, by exosk's names and in its canonical units. `planet_radius` is the
        radius at the bottom of the atmosphere, where TauREx has it.
    molecules : sequence of str
        The absorbers, as TauREx writes them (``"H2O"``).

    Returns
    -------
    dict of str to float
        What to set of a :class:`taurex.model.TransmissionModel`.

    Raises
    ------
    UnknownNameError
        If TauREx has no such parameter.
    """
    table = _table(values, molecules)
    result = {}
    for name, value in values.items():
        if name == "log_gamma":
            continue
        if name not in table:
            known = {*_KNOWN, *table, "temperature_1", "log_gamma"}
            raise UnknownNameError.suggest("parameter of TauREx", name, known)
        result[table[name].name] = table[name].forward(float(value))
    if "log_gamma" in values:
        visible = 10.0 ** float(values["log_gamma"]) * result["kappa_irr"]
        result |= {"kappa_v1": visible, "kappa_v2": visible}
    return result


def from_taurex(parameters: Mapping[str, float], molecules: Sequence[str]) -> dict[str, float]:
    """Convert TauREx's fitting parameters to exosk's, as :func:`to_taurex` does the other way.

    Parameters
    ----------
    parameters : mapping of str to float
        By TauREx's names and in its units. What exosk has no parameter for is left out.
    molecules : sequence of str
        The absorbers.

    Returns
    -------
    dict of str to float
        Values by exosk's names, in canonical units.
    """
    n_points = 2 + sum(bool(re.fullmatch(r"T_point\d+", name)) for name in parameters)
    names = [*_KNOWN, *(f"temperature_{k + 1}" for k in range(n_points))]
    for molecule in molecules:
        kind = "two-layer" if f"{molecule}_surface" in parameters else "constant"
        names += abundance_names(molecule, kind)
    table = _table(names, molecules)
    values = {
        name: conversion.back(parameters[conversion.name])
        for name, conversion in table.items()
        if conversion.name in parameters
    }
    if "kappa_v1" in parameters:
        values["log_gamma"] = math.log10(parameters["kappa_v1"] / parameters["kappa_irr"])
    return values


def _table(names: Iterable[str], molecules: Sequence[str]) -> dict[str, _Conversion]:
    """Return the conversions of the parameters that there are, by exosk's names."""
    names = set(names)
    table = {name: _KNOWN[name] for name in _KNOWN if name in names}
    n_points = sum(bool(re.fullmatch(r"temperature_\d+", name)) for name in names)
    for k in range(n_points):
        ends = {0: "T_surface", n_points - 1: "T_top"}
        table[f"temperature_{k + 1}"] = _Conversion(ends.get(k, f"T_point{k}"))
    for molecule in molecules:
        deep, top, change = abundance_names(molecule, "two-layer")
        layered = top in names
        table[deep] = _Conversion(f"{molecule}_surface" if layered else molecule, 1.0, True)
        if layered:
            table[top] = _Conversion(f"{molecule}_top", 1.0, True)
            table[change] = _Conversion(f"{molecule}_P", PASCAL, True)
    return table
