"""ExoGAN's seven parameters in exosk's names and units.

ExoGAN and TauREx 2, which made its spectra, have a Jupiter of 69,911 km (the mean radius) and
1.898e27 kg and a Sun of 695,500 km; exosk has the IAU's equatorial 71,492 km, 1.89812e27 kg and
695,700 km. A planet has 2.2 % fewer of exosk's Jupiter radii than of ExoGAN's, so what comes out of
its files is converted.
"""

from __future__ import annotations

from exosk.parameters import ParameterSpace, Uniform
from exosk.simulators.quantities import abundance_name, default_space
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

__all__ = [
    "CITATION",
    "MASS",
    "MOLECULES",
    "NOT_FREE",
    "RADIUS",
    "STAR_RADIUS",
    "exogan_space",
]

CITATION = "Zingales & Waldmann 2018, AJ 156, 268 (ExoGAN)"
MOLECULES = ("H2O", "CO2", "CO", "CH4")
#: Known to exosk's simulators; ExoGAN has one star, no clouds and no haze.
NOT_FREE = ("star_radius", "log_p_cloud", "log_haze", "haze_slope")

#: One Jupiter radius of ExoGAN, in exosk's.
RADIUS = float(6.9911e9 / JUPITER_RADIUS)
#: One Jupiter mass of ExoGAN, in exosk's.
MASS = float(1.898e30 / JUPITER_MASS)
#: One solar radius of ExoGAN, in exosk's.
STAR_RADIUS = float(6.955e10 / SOLAR_RADIUS)

_PRIORS = {
    "planet_radius": Uniform(0.8, 1.5),
    "planet_mass": Uniform(0.8, 2.0),
    "temperature": Uniform(1000.0, 2000.0),
    **{abundance_name(molecule): Uniform(-8.0, -1.0) for molecule in MOLECULES},
}


def exogan_space() -> ParameterSpace:
    """Return ExoGAN's priors (Zingales & Waldmann 2018, Table 2).

    Returns
    -------
    ParameterSpace
        ``planet_radius`` (0.8-1.5 R_jup), ``planet_mass`` (0.8-2 M_jup), ``temperature``
        (1000-2000 K) and ``log_x_h2o``, ``log_x_co2``, ``log_x_co``, ``log_x_ch4`` (-8 to -1), all
        uniform. Radii and masses are those of exosk's Jupiter.
    """
    return default_space(MOLECULES, _PRIORS, NOT_FREE)
