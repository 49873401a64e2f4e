"""What is ExoGAN's own: its grid, its parameters and the constants of its pixels.

From the public code of Zingales & Waldmann (2018, AJ 156, 268, arXiv:1806.02906). Its 14 bands are
in :mod:`exosk.preprocessing.bands`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from exosk.grids import SpectralGrid

__all__ = [
    "ABUNDANCE_SCALE",
    "EXOGAN_PARAMETERS",
    "MAXIMUM_SCALE",
    "MINIMUM_SCALE",
    "PARAMETER_SCALES",
    "exogan_bins",
    "exogan_wavelength",
    "filling_order",
]

#: ExoGAN's parameters in the order in which they fill the picture: the corner, columns from the
#: left, rows from the top.
EXOGAN_PARAMETERS = (
    "log_x_h2o",
    "log_x_co2",
    "log_x_co",
    "log_x_ch4",
    "planet_mass",
    "planet_radius",
    "temperature",
)

_SHORTEST, _STEP, _N_BINS = 0.3015, 1.01, 515  # of ExoGAN's grid: um, ratio, points
# Of a bin's width: how far a centre may lie from ExoGAN's. Edges half-way between centres, in
# wavelength or in its logarithm, move it by less than a hundredth.
_SAME_BIN = 0.1


# The constants of its pixels: maxima and means are divided by one, the other is divided by minima.
MAXIMUM_SCALE, MINIMUM_SCALE = 0.0301803471629, 0.00650370296635
# What parameters are divided by, and log abundances.
PARAMETER_SCALES = {"temperature": 2000.0, "planet_radius": 1.5, "planet_mass": 2.0}
ABUNDANCE_SCALE = -8.0


def exogan_wavelength() -> np.ndarray:
    """Return ExoGAN's 515 wavelengths, 0.3015 um times powers of 1.01, ascending, in um."""
    return _SHORTEST * _STEP ** np.arange(_N_BINS)


def exogan_bins(grid: SpectralGrid) -> np.ndarray | None:
    """Tell which of ExoGAN's 515 bins a grid has.

    Parameters
    ----------
    grid : SpectralGrid
        Any bins.

    Returns
    -------
    ndarray of int, shape (n_bins,), or None
        Their places in the ascending grid; None if one of them is not ExoGAN's.
    """
    place = np.log(grid.wavelength / _SHORTEST) / math.log(_STEP)
    bins = np.rint(place).astype(int)
    theirs = (np.abs(place - bins) < _SAME_BIN) & (bins >= 0) & (bins < _N_BINS)
    return bins if theirs.all() and (np.diff(bins) > 0).all() else None


def filling_order(names: Sequence[str]) -> np.ndarray:
    """Order parameters as ExoGAN does: abundances, then mass, radius and temperature.

    Parameters
    ----------
    names : sequence of str
        Names of the parameters.

    Returns
    -------
    ndarray of int, shape (n_parameters,)
        Which parameter fills the corner, which the columns, which the rows. Abundances of other
        gases come after ExoGAN's four, other parameters at the end.
    """
    rank = {name: k for k, name in enumerate(EXOGAN_PARAMETERS)}
    other_gas = rank["log_x_ch4"] + 0.5

    def key(k: int) -> float:
        return rank.get(names[k], other_gas if names[k].startswith("log_x_") else len(rank))

    return np.array(sorted(range(len(names)), key=key), dtype=int)
