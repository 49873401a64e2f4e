"""Rayleigh scattering by H2 and He.

Both are fits, in powers of wavelength, to polarisabilities computed from first principles, used
here from 0.2 um on, far from the resonances (H2's Lyman bands lie below 0.11 um). Against measured
refractive indices (Allen's Astrophysical Quantities, 13.58e-5 and 3.48e-5 at STP) with King factors
of 1.037 and 1, He is 1 % low and H2 5-7 % low: the fit is kept because the codes that exosk is
compared with (petitRADTRANS, Pyrat Bay) use it too. 7 % of the cross section moves the transit
radius by 0.07 scale heights at every wavelength alike, which the reference radius absorbs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from exosk.exceptions import RangeError, UnknownNameError

__all__ = ["rayleigh_cross_section", "rayleigh_h2", "rayleigh_he"]

_SHORTEST = 0.2  # um


def rayleigh_h2(wavelength: ArrayLike) -> np.ndarray:
    """Rayleigh cross section of molecular hydrogen.

    sigma = 8.14e-13 / L^4 + 1.28e-6 / L^6 + 1.61 / L^8, with L in Angstrom (Dalgarno & Williams
    1962, ApJ 136, 690, eq. 3). The anisotropy of the molecule is included.

    Parameters
    ----------
    wavelength : array
        um, at least 0.2.

    Returns
    -------
    ndarray
        cm^2 per molecule, of the same shape.

    Raises
    ------
    RangeError
        Below 0.2 um.
    """
    inverse_square = _inverse_square_angstrom(wavelength)
    return inverse_square**2 * (8.14e-13 + inverse_square * (1.28e-6 + inverse_square * 1.61))


def rayleigh_he(wavelength: ArrayLike) -> np.ndarray:
    """Rayleigh cross section of helium.

    sigma = 5.484e-14 / L^4 * (1 + 2.44e5 / L^2)^2, with L in Angstrom: the refractive index of
    Chan & Dalgarno (1965, Proc. Phys. Soc. 85, 227) to second order in 1/L^2. The next
    term adds 0.15 % at 0.3 um.

    Parameters
    ----------
    wavelength : array
        um, at least 0.2.

    Returns
    -------
    ndarray
        cm^2 per atom, of the same shape.

    Raises
    ------
    RangeError
        Below 0.2 um.
    """
    inverse_square = _inverse_square_angstrom(wavelength)
    return 5.484e-14 * inverse_square**2 * (1.0 + 2.44e5 * inverse_square) ** 2


def rayleigh_cross_section(species: str, wavelength: ArrayLike) -> np.ndarray:
    """Rayleigh cross section of a gas by name.

    Parameters
    ----------
    species : {'H2', 'He'}
        In any case.
    wavelength : array
        um, at least 0.2.

    Returns
    -------
    ndarray
        cm^2 per particle, of the same shape.

    Raises
    ------
    UnknownNameError
        For another gas.
    RangeError
        Below 0.2 um.
    """
    known = {"H2": rayleigh_h2, "He": rayleigh_he}
    for name, function in known.items():
        if name.casefold() == species.casefold():
            return function(wavelength)
    raise UnknownNameError.suggest("Rayleigh scatterer", species, known)


def _inverse_square_angstrom(wavelength: ArrayLike) -> np.ndarray:
    wavelength = np.asarray(wavelength, dtype=np.float64)
    if not np.all(wavelength >= _SHORTEST):
        raise RangeError(
            f"the Rayleigh fits hold from {_SHORTEST} um on, not at {np.min(wavelength):g} um"
        )
    return (wavelength * 1e4) ** -2
