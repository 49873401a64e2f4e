"""The parameters of simulators: names, units, labels and default priors.

Every simulator takes the same names, so that one prior file and one posterior serve them all.
Without a system at hand the priors of planet and temperature are ExoGAN's (Zingales & Waldmann
2018, AJ 156, 268, Table 2), those of the haze MacDonald & Madhusudhan's (2017, MNRAS 469, 1979),
and those of Guillot's profile within Line et al.'s (2013, ApJ 775, 137, Table 1), narrow enough
that most atmospheres stay below 3000 K, where opacity tables end, down to 10 bar.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from exosk.exceptions import UnknownNameError
from exosk.parameters import Parameter, ParameterSpace, Prior, Uniform

__all__ = [
    "CONTAMINATION",
    "OPTIONAL",
    "PLANET",
    "abundance_name",
    "abundance_names",
    "default_space",
    "make_parameter",
    "offset_name",
]

_KELVIN = Uniform(1000.0, 2000.0)
_QUANTITIES: dict[str, Parameter] = {
    p.name: p
    for p in (
        Parameter("planet_radius", Uniform(0.8, 1.5), "R_jup", r"$R_\mathrm{p}\ (R_\mathrm{J})$"),
        Parameter("planet_mass", Uniform(0.8, 2.0), "M_jup", r"$M_\mathrm{p}\ (M_\mathrm{J})$"),
        Parameter("star_radius", Uniform(0.1, 3.0), "R_sun", r"$R_\star\ (R_\odot)$"),
        Parameter("temperature", _KELVIN, "K", r"$T\ (\mathrm{K})$"),
        Parameter("t_irr", _KELVIN, "K", r"$T_\mathrm{irr}\ (\mathrm{K})$"),
        Parameter("t_int", Uniform(50.0, 300.0), "K", r"$T_\mathrm{int}\ (\mathrm{K})$"),
        Parameter("log_kappa_ir", Uniform(-4.0, -1.0), "log cm2/g", r"$\log\kappa_\mathrm{IR}$"),
        Parameter("log_gamma", Uniform(-1.0, 1.0), "dex", r"$\log\gamma$"),
        Parameter("log_metallicity", Uniform(-1.0, 2.0), "dex", r"$\log Z/Z_\odot$"),
        Parameter("c_o_ratio", Uniform(0.1, 1.5), "", "C/O"),
        Parameter("log_p_cloud", Uniform(-6.0, 1.0), "log bar", r"$\log P_\mathrm{cloud}$"),
        Parameter("cloud_fraction", Uniform(0.0, 1.0), "", r"$\phi_\mathrm{cloud}$"),
        Parameter("log_haze", Uniform(-4.0, 6.0), "dex", r"$\log a_\mathrm{haze}$"),
        Parameter("haze_slope", Uniform(-10.0, 0.0), "", r"$\gamma_\mathrm{haze}$"),
        Parameter("dilution", Uniform(0.0, 0.5), "", r"$f_\mathrm{dilution}$"),
        Parameter("star_temperature", Uniform(3000.0, 7000.0), "K", r"$T_\star\ (\mathrm{K})$"),
        Parameter("spot_temperature", Uniform(2500.0, 6500.0), "K", r"$T_\mathrm{spot}$"),
        Parameter("spot_fraction", Uniform(0.0, 0.5), "", r"$f_\mathrm{spot}$"),
        Parameter("faculae_temperature", Uniform(3000.0, 8000.0), "K", r"$T_\mathrm{fac}$"),
        Parameter("faculae_fraction", Uniform(0.0, 0.5), "", r"$f_\mathrm{fac}$"),
    )
}
_ABUNDANCE_PRIOR = Uniform(-12.0, -1.0)
_BREAK_PRIOR = Uniform(-6.0, 1.0)
_OFFSET_PRIOR = Uniform(-500.0, 500.0)

#: What every simulator needs beside temperature and abundances.
PLANET = ("planet_radius", "planet_mass", "star_radius")
#: Clouds and haze, free in a default space of a code that has them.
OPTIONAL = ("log_p_cloud", "log_haze", "haze_slope")
#: What the star's surface and its neighbours do to a spectrum.
CONTAMINATION = (
    "dilution",
    "star_temperature",
    "spot_temperature",
    "spot_fraction",
    "faculae_temperature",
    "faculae_fraction",
)


def abundance_name(molecule: str) -> str:
    """Return the parameter of a molecule: ``"H2O"`` -> ``"log_x_h2o"``."""
    return f"log_x_{molecule.lower()}"


def abundance_names(molecule: str, profile: str = "constant") -> tuple[str, ...]:
    """Return all parameters of a molecule's abundance profile, the deep abundance first."""
    name = abundance_name(molecule)
    return (name,) if profile == "constant" else (name, f"{name}_top", f"log_p_{molecule.lower()}")


def offset_name(instrument: str) -> str:
    """Return the parameter of an instrument's offset: ``"miri"`` -> ``"offset_miri"``."""
    return f"offset_{instrument.lower()}"


def make_parameter(name: str, molecules: Iterable[str], prior: Prior | None = None) -> Parameter:
    """Return a parameter that simulators know, with a prior of one's own if given.

    Raises
    ------
    UnknownNameError
        If there is no such parameter for these molecules.
    """
    known = dict(_QUANTITIES)
    for molecule in molecules:
        digits = "".join(f"$_{c}$" if c.isdigit() else c for c in molecule)
        deep, top, change = abundance_names(molecule, "two-layer")
        known[deep] = Parameter(deep, _ABUNDANCE_PRIOR, "log VMR", rf"$\log$ {digits}")
        known[top] = Parameter(top, _ABUNDANCE_PRIOR, "log VMR", rf"$\log$ {digits} (top)")
        known[change] = Parameter(change, _BREAK_PRIOR, "log bar", rf"$\log P$ of {digits}")
    if found := re.fullmatch(r"temperature_(\d+)", name):
        known[name] = Parameter(name, _KELVIN, "K", rf"$T_{{{found[1]}}}\ (\mathrm{{K}})$")
    elif name.startswith("offset_"):
        known[name] = Parameter(name, _OFFSET_PRIOR, "ppm", rf"offset of {name[7:]} (ppm)")
    if name not in known:
        raise UnknownNameError.suggest("parameter of a simulator", name, known)
    parameter = known[name]
    return parameter if prior is None else Parameter(name, prior, parameter.unit, parameter.label)


def default_space(
    molecules: Iterable[str],
    priors: Mapping[str, Prior] | None = None,
    fixed: Iterable[str] = ("star_radius",),
    *,
    atmosphere: Iterable[str] | None = None,
    optional: Iterable[str] = OPTIONAL,
) -> ParameterSpace:
    """Return every parameter that is not fixed.

    Parameters
    ----------
    molecules : iterable of str
        The absorbers.
    priors : mapping of str to prior, optional
        Those that differ from the defaults.
    fixed : iterable of str
        Parameters to leave out.
    atmosphere : iterable of str, optional
        Parameters of the temperature and abundance profiles; an isothermal, well-mixed
        atmosphere by default.
    optional : iterable of str
        What may be left out, and is free here.
    """
    molecules = tuple(molecules)
    priors = priors or {}
    if atmosphere is None:
        atmosphere = ("temperature", *(abundance_name(m) for m in molecules))
    names = [*PLANET, *atmosphere, *optional]
    return ParameterSpace(
        [make_parameter(n, molecules, priors.get(n)) for n in names if n not in set(fixed)]
        + [make_parameter(n, molecules, priors[n]) for n in priors if n not in names]
    )
