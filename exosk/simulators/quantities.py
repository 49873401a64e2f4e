"""The built-in model's parameters: names, units, labels and default priors.

Without a system at hand the priors of planet and temperature are ExoGAN's (Zingales & Waldmann
2018, AJ 156, 268, Table 2), and those of the haze MacDonald & Madhusudhan's (2017, MNRAS 469,
1979).
"""

from __future__ import annotations

from collections.abc import Iterable

from exosk.exceptions import UnknownNameError
from exosk.parameters import Parameter, ParameterSpace, Prior, Uniform

__all__ = ["abundance_name", "default_space", "make_parameter"]

_QUANTITIES: dict[str, Parameter] = {
    p.name: p
    for p in (
        Parameter("planet_radius", Uniform(0.8, 1.5), "R_jup", r"$R_\mathrm{p}\ (R_\mathrm{J})$"),
        Parameter("planet_mass", Uniform(0.8, 2.0), "M_jup", r"$M_\mathrm{p}\ (M_\mathrm{J})$"),
        Parameter("star_radius", Uniform(0.1, 3.0), "R_sun", r"$R_\star\ (R_\odot)$"),
        Parameter("temperature", Uniform(1000.0, 2000.0), "K", r"$T\ (\mathrm{K})$"),
        Parameter("log_p_cloud", Uniform(-6.0, 1.0), "log bar", r"$\log P_\mathrm{cloud}$"),
        Parameter("log_haze", Uniform(-4.0, 6.0), "dex", r"$\log a_\mathrm{haze}$"),
        Parameter("haze_slope", Uniform(-10.0, 0.0), "", r"$\gamma_\mathrm{haze}$"),
    )
}
_ABUNDANCE_PRIOR = Uniform(-12.0, -1.0)
REQUIRED = ("planet_radius", "planet_mass", "star_radius", "temperature")
OPTIONAL = ("log_p_cloud", "log_haze", "haze_slope")


def abundance_name(molecule: str) -> str:
    """Return the parameter of a molecule: ``"H2O"`` -> ``"log_x_h2o"``."""
    return f"log_x_{molecule.lower()}"


def make_parameter(name: str, molecules: Iterable[str], prior: Prior | None = None) -> Parameter:
    """Return a parameter of the built-in model, with a prior of one's own if given.

    Raises
    ------
    UnknownNameError
        If the model has no such parameter for these molecules.
    """
    known = dict(_QUANTITIES)
    for molecule in molecules:
        key = abundance_name(molecule)
        digits = "".join(f"$_{c}$" if c.isdigit() else c for c in molecule)
        known[key] = Parameter(key, _ABUNDANCE_PRIOR, "log VMR", rf"$\log$ {digits}")
    if name not in known:
        raise UnknownNameError.suggest("parameter of the built-in model", name, known)
    found = known[name]
    return found if prior is None else Parameter(name, prior, found.unit, found.label)


def default_space(
    molecules: Iterable[str],
    priors: dict[str, Prior] | None = None,
    fixed: Iterable[str] = ("star_radius",),
) -> ParameterSpace:
    """Return every parameter of the built-in model that is not fixed.

    Parameters
    ----------
    molecules : iterable of str
        The absorbers.
    priors : dict of str to prior, optional
        Those that differ from the defaults.
    fixed : iterable of str
        Parameters to leave out.
    """
    molecules = tuple(molecules)
    priors = priors or {}
    names = [
        "planet_radius",
        "planet_mass",
        "star_radius",
        "temperature",
        *(abundance_name(m) for m in molecules),
        *OPTIONAL,
    ]
    return ParameterSpace(
        [make_parameter(n, molecules, priors.get(n)) for n in names if n not in set(fixed)]
        + [make_parameter(n, molecules) for n in priors if n not in names]
    )
