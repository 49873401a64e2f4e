"""Where molecules absorb, as it shows at the resolution of transit spectra."""

from __future__ import annotations

import numpy as np

from exosk.exceptions import UnknownNameError
from exosk.grids import SpectralGrid

__all__ = ["BANDS", "bands_within", "bins_in_bands"]

#: Main bands between 0.3 and 30 um, by molecule: shortest and longest wavelength of each, in um.
BANDS: dict[str, tuple[tuple[float, float], ...]] = {
    "H2O": ((0.90, 0.98), (1.09, 1.19), (1.32, 1.50), (1.76, 2.02), (2.45, 3.05), (5.0, 7.6)),
    "CO2": ((1.95, 2.08), (2.66, 2.84), (4.15, 4.55), (13.0, 17.5)),
    "CO": ((2.29, 2.45), (4.42, 5.00)),
    "CH4": ((1.14, 1.20), (1.62, 1.78), (2.18, 2.48), (3.12, 3.60), (7.2, 8.3)),
    "Na": ((0.575, 0.603),),
    "K": ((0.752, 0.784),),
    "SO2": ((3.94, 4.15), (7.10, 7.65), (8.2, 9.4)),
    "NH3": ((1.46, 1.58), (1.92, 2.06), (2.18, 2.36), (2.85, 3.12), (5.7, 6.7), (8.8, 12.0)),
    "HCN": ((2.95, 3.12), (6.6, 7.6), (12.5, 15.5)),
    "H2S": ((2.55, 2.78), (3.6, 4.2), (7.0, 9.6)),
    "C2H2": ((1.50, 1.55), (2.96, 3.12), (7.2, 8.0), (12.6, 14.8)),
    "PH3": ((2.85, 3.1), (4.05, 4.7), (8.3, 11.0)),
}


def bands_within(molecule: str, grid: SpectralGrid) -> list[tuple[float, float]]:
    """Return the bands of a molecule that a grid has bins in.

    Raises
    ------
    UnknownNameError
        If no bands of the molecule are known.
    """
    if molecule not in BANDS:
        raise UnknownNameError.suggest("molecule with known bands", molecule, BANDS)
    return [band for band in BANDS[molecule] if _inside(grid, band).any()]


def bins_in_bands(molecule: str, grid: SpectralGrid) -> np.ndarray:
    """Tell which bins have their centre in a band of a molecule, shape (n_bins,).

    Raises
    ------
    UnknownNameError
        If no bands of the molecule are known.
    """
    inside = np.zeros(grid.n_bins, dtype=bool)
    for band in bands_within(molecule, grid):
        inside |= _inside(grid, band)
    return inside


def _inside(grid: SpectralGrid, band: tuple[float, float]) -> np.ndarray:
    return (grid.wavelength >= band[0]) & (grid.wavelength <= band[1])
