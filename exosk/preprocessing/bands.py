"""Wavelength bands within which a spectrum is scaled by itself.

ExoGAN (Zingales & Waldmann 2018, AJ 156, 268, arXiv:1806.02906) normalises a spectrum in 14 bands
between 0.3 and 50 um. A weak feature in one is then not flattened by a strong one in another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.units import canonical

__all__ = ["EXOGAN_BAND_EDGES", "band_starts"]

# The 13 edges between ExoGAN's 14 bands, in um. Its public code gives the first point of each band
# in its 515-point grid (0.3015 um * 1.01^k, k = 514 ... 0): 162, 195, 208, 241, 255, 318, 334, 371,
# 384, 394, 406, 420, 440. An edge lies half-way between that point and the one before it. The code
# sets the last four points, below 0.314 um, to zero; here they belong to the last band.
EXOGAN_BAND_EDGES = (
    0.6328,
    0.7721,
    0.8875,
    1.0000,
    1.1047,
    1.2572,
    1.8168,
    2.1303,
    3.9874,
    4.5834,
    6.3649,
    7.2439,
    10.0595,
)


def band_starts(grid: SpectralGrid | None, edges: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Cut a grid into bands.

    Parameters
    ----------
    grid : SpectralGrid
        The bins; each belongs to the band that its centre lies in.
    edges : array-like or Quantity of shape (n_bands - 1,), optional
        Ascending edges between bands, in um; the outermost bands are open. ExoGAN's by default.

    Returns
    -------
    bands : ndarray of int
        Numbers of the bands that have bins, in ascending wavelength.
    starts : ndarray of int
        First bin of each of them.

    Raises
    ------
    GridError
        If there is no grid.
    RangeError
        If the edges do not ascend.
    """
    if grid is None:
        raise GridError("bands are ranges of wavelength, so the bins must be known; give the grid")
    edges = np.atleast_1d(canonical(EXOGAN_BAND_EDGES if edges is None else edges, "wavelength"))
    if edges.ndim != 1 or not (np.diff(edges) > 0).all() or not np.isfinite(edges).all():
        raise RangeError(f"the edges between bands must ascend; got {edges.tolist()}")
    return np.unique(np.searchsorted(edges, grid.wavelength), return_index=True)
