"""ExoGAN's 515 bins, R = 100 between 0.3 and 50 um.

Its file ``wnw_grid.txt`` lists the centres from the longest wavelength to the shortest; they are
0.3015 um times powers of 1.01, to the last digit. Here they ascend, as everywhere in exosk. The
file says nothing of edges; at constant resolving power they lie half-way in the logarithm.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.exceptions import GridError
from exosk.spectra import SpectralGrid
from exosk.units import canonical

__all__ = ["CENTRES", "N_BINS", "exogan_grid"]

N_BINS = 515
_FIRST, _STEP = 0.3015, 1.01

#: Centres of the bins, ascending, in um, shape (515,).
CENTRES = _FIRST * _STEP ** np.arange(N_BINS)
CENTRES.flags.writeable = False


def exogan_grid(low: Any = None, high: Any = None) -> SpectralGrid:
    """Return ExoGAN's bins, or those that lie wholly between two wavelengths.

    Parameters
    ----------
    low, high : float or Quantity, optional
        In um. All 515 bins (0.3000-50.42 um) by default; ``high=30`` gives the 462 that exosk's own
        opacities cover.

    Returns
    -------
    SpectralGrid
        Ascending; ExoGAN counts the same bins from the other end.

    Raises
    ------
    GridError
        If no bin lies between them.
    """
    edges = _FIRST * _STEP ** (np.arange(N_BINS + 1) - 0.5)
    lower, upper = edges[:-1], edges[1:]
    first, last = (
        end if given is None else canonical(given, "wavelength").item()
        for given, end in ((low, edges[0]), (high, edges[-1]))
    )
    inside = (lower >= first) & (upper <= last)
    if not inside.any():
        raise GridError(
            f"no bin of ExoGAN's grid lies between {first:g} and {last:g} um; take more of its "
            f"{edges[0]:.4g}-{edges[-1]:.4g} um"
        )
    return SpectralGrid(lower[inside], upper[inside])
