r"""What stands between a planet's spectrum and the one observed: star, neighbour, instruments.

Unocculted spots and faculae make the star behind the planet brighter or darker than the disc
(Rackham, Apai & Giampapa 2018, ApJ 853, 122, eqs 2-3):

.. math:: D_\mathrm{obs} = \frac{D}{1 - f_\mathrm{spot}(1 - F_\mathrm{spot}/F_\mathrm{phot})
          - f_\mathrm{fac}(1 - F_\mathrm{fac}/F_\mathrm{phot})}

with the surfaces' spectra taken as black bodies: the lines of a cool spot are not modelled. Light
of a neighbour, a share `dilution` of all, makes a transit shallower by that share.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import torch
from astropy import constants

from exosk.exceptions import RangeError
from exosk.simulators.quantities import offset_name

__all__ = ["contaminate", "instrument_masks"]

_SECOND_RADIATION = float((constants.h * constants.c / constants.k_B).to_value("um K"))
_SURFACES = ("spot", "faculae")


def contaminate(
    depth: torch.Tensor,
    value: Mapping[str, torch.Tensor],
    wavelength: torch.Tensor,
    masks: Mapping[str, torch.Tensor],
) -> torch.Tensor:
    """Apply stellar contamination, dilution and offsets, in this order, where they have values.

    Parameters
    ----------
    depth : tensor of shape (n, n_wavelengths)
        Of the planet before an even star.
    value : mapping of str to tensor of shape (n,)
        Parameters; offsets in ppm.
    wavelength : tensor of shape (n_wavelengths,)
        In um.
    masks : mapping of str to tensor of shape (n_wavelengths,)
        From :func:`instrument_masks`.

    Returns
    -------
    tensor of shape (n, n_wavelengths)
    """
    surfaces = [name for name in _SURFACES if f"{name}_fraction" in value]
    if surfaces:
        photosphere = _planck(value["star_temperature"], wavelength)
        disc = torch.ones_like(depth)
        for name in surfaces:
            contrast = photosphere / _planck(value[f"{name}_temperature"], wavelength)
            disc = disc - value[f"{name}_fraction"][:, None] * (1 - contrast)
        depth = depth / disc.to(depth.dtype)
    if "dilution" in value:
        depth = depth * (1 - value["dilution"])[:, None].to(depth.dtype)
    for name, mask in masks.items():
        if name in value:
            depth = depth + (value[name][:, None] * 1e-6).to(depth.dtype) * mask.to(depth.dtype)
    return depth


def _planck(temperature: torch.Tensor, wavelength: torch.Tensor) -> torch.Tensor:
    """Reciprocal of a black body's spectrum, but for a factor that ratios do not see."""
    return torch.expm1(_SECOND_RADIATION / (wavelength * temperature[:, None]))


def instrument_masks(
    instruments: Mapping[str, tuple[float, float]] | None, wavelength: np.ndarray
) -> dict[str, torch.Tensor]:
    """Tell which samples each instrument sees, by the name of its offset.

    Parameters
    ----------
    instruments : mapping of str to (float, float), optional
        Shortest and longest wavelength of each, in um, as in ``{"miri": (5, 12)}``.
    wavelength : ndarray of shape (n_wavelengths,)
        In um.

    Raises
    ------
    RangeError
        If two ranges overlap, or one is empty: an offset would be ambiguous.
    """
    ranges = sorted((low, high, name) for name, (low, high) in (instruments or {}).items())
    for low, high, name in ranges:
        if not 0 < low < high:
            raise RangeError(f"instrument {name} spans {low:g} to {high:g} um; need 0 < low < high")
    for (_, end, first), (start, _, second) in itertools.pairwise(ranges):
        if start < end:
            raise RangeError(
                f"instruments {first} and {second} overlap between {start:g} and {end:g} um; an "
                f"offset needs ranges of its own"
            )
    return {
        offset_name(name): torch.from_numpy((wavelength >= low) & (wavelength < high))
        for low, high, name in ranges
    }
