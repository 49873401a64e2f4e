"""Planets whose spectra are measured with: what the priors of a simulator need to know of each.

Values are published ones, rounded; where they come from stands beside them. Priors are wider than
what publications disagree by (temperatures from 0.4 to 1.4 of the one given, radii over a quarter),
so that another choice would hardly change a result. ``recalled`` marks what was written down from
memory and not looked up. Values of the NASA Exoplanet Archive's composite table are compared with
it where its answer is at hand (:func:`archive_differences`). The others are those with which
Cubillos & Blecic (2021, MNRAS 505, 2675) retrieved the same spectra, equilibrium temperatures
included, or, of HD 189733 b, K2-18 b and WASP-39 b, the publication's own.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from astropy import constants

# Of the mass; publications disagree by that much.
MASS_ERROR = 0.15


class System(NamedTuple):
    """One planet: star's radius (R_sun), mass (M_jup), equilibrium temperature (K), source."""

    star_radius: float
    planet_mass: float
    equilibrium_temperature: float
    source: str

    def meta(self) -> dict[str, float]:
        """Return what :func:`exosk.space_for_spectrum` looks for in a spectrum's meta."""
        return {
            "star_radius": self.star_radius,
            "planet_mass": self.planet_mass,
            "planet_mass_err": MASS_ERROR * self.planet_mass,
            "equilibrium_temperature": self.equilibrium_temperature,
        }


_EARTH_IN_JUPITERS = (constants.M_earth / constants.M_jup).value
_ARCHIVE = "NASA Exoplanet Archive, composite table"
SYSTEMS = {
    "GJ 1214 b": System(0.216, 0.0257, 596, "Cloutier et al. 2021, recalled"),
    "GJ 436 b": System(0.455, 0.080, 633, "Lanotte et al. 2014"),
    "HAT-P-3 b": System(0.833, 0.596, 1158, "Torres et al. 2008"),
    "HAT-P-17 b": System(0.838, 0.534, 780, "Howard et al. 2012"),
    "HAT-P-18 b": System(0.717, 0.196, 841, "Esposito et al. 2014"),
    "HAT-P-32 b": System(1.367, 0.680, 1836, _ARCHIVE),
    "HAT-P-38 b": System(0.923, 0.267, 1080, "Sato et al. 2012"),
    "HAT-P-41 b": System(1.683, 0.800, 1900, "Hartman et al. 2012"),
    "HD 149026 b": System(1.368, 0.359, 1673, "Torres et al. 2008"),
    "HD 189733 b": System(0.78, 1.14, 1200, "Sing et al. 2016"),
    "HD 209458 b": System(1.16, 0.69, 1450, "Southworth 2010, recalled"),
    "K2-18 b": System(0.44, 0.0272, 255, "Benneke et al. 2019"),
    "WASP-12 b": System(1.69, 1.47, 2601, _ARCHIVE),
    "WASP-29 b": System(0.808, 0.244, 973, "Hellier et al. 2010"),
    "WASP-39 b": System(0.939, 0.281, 1166, "Mancini et al. 2018"),
    "WASP-43 b": System(0.600, 1.78, 1427, _ARCHIVE),
    "WASP-63 b": System(1.88, 0.38, 1537, "Hellier et al. 2012"),
    "WASP-67 b": System(0.87, 0.42, 1037, "Hellier et al. 2012"),
    "WASP-69 b": System(0.801, 0.260, 971, _ARCHIVE),
    "WASP-74 b": System(1.64, 0.95, 1917, "Hellier et al. 2015"),
    "WASP-80 b": System(0.586, 0.538, 825, _ARCHIVE),
    "WASP-101 b": System(1.29, 0.50, 1558, "Hellier et al. 2014"),
    "WASP-103 b": System(1.436, 1.49, 2509, "Gillon et al. 2014"),
    "XO-1 b": System(0.934, 0.918, 1207, "Torres et al. 2008"),
}


def archive_differences(folder: Path) -> dict[str, float]:
    """Compare with the archive's answers in a folder (``pscomppars_*.csv``).

    Returns
    -------
    dict of str to float
        Of each planet that both have, the largest relative difference of the three values.
    """
    found = {}
    for path in sorted(folder.glob("pscomppars_*.csv")):
        for row in csv.DictReader(path.read_text("utf-8").splitlines()):
            if system := SYSTEMS.get(row["pl_name"]):
                theirs = (
                    float(row["st_rad"]),
                    float(row["pl_bmasse"]) * _EARTH_IN_JUPITERS,
                    float(row["pl_eqt"]),
                )
                off = (abs(ours / value - 1) for ours, value in zip(system, theirs, strict=False))
                found[row["pl_name"]] = round(float(max(off)), 4)
    return found
