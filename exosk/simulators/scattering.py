"""What scatters light out of the beam: the background gas, and a haze of small particles."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch

from exosk.opacities import rayleigh_cross_section

__all__ = ["Scatterers"]

_LN10 = math.log(10.0)
# Haze: a times H2's Rayleigh cross section at 0.35 um, with a slope of its own
# (Lecavelier des Etangs et al. 2008; MacDonald & Madhusudhan 2017, eq. 6).
_HAZE_CROSS_SECTION = 5.31e-27  # cm^2
_HAZE_WAVELENGTH = 0.35  # um


class Scatterers(torch.nn.Module):
    """Rayleigh scattering by H2 and He, and haze.

    Parameters
    ----------
    wavelength : ndarray of shape (n_wavelengths,)
        In um.
    background : mapping of str to float
        Shares of H2 and He in the background, which add up to one.
    """

    def __init__(self, wavelength: np.ndarray, background: Mapping[str, float]) -> None:
        super().__init__()
        scattering = sum(
            share * rayleigh_cross_section(gas, wavelength) for gas, share in background.items()
        )
        self.register_buffer("scattering", torch.as_tensor(scattering, dtype=torch.float32))
        log_wavelength = torch.from_numpy(np.log(wavelength / _HAZE_WAVELENGTH))
        self.register_buffer("log_wavelength", log_wavelength)
        self._hydrogen = background["H2"]

    def forward(self, value: Mapping[str, torch.Tensor], background: torch.Tensor) -> torch.Tensor:
        """Add up what scatters.

        Parameters
        ----------
        value : mapping of str to tensor of shape (n,)
            Parameters; there is no haze without ``log_haze``.
        background : tensor of shape (n, n_nodes) or (n, 1)
            Volume mixing ratio of H2 and He together.

        Returns
        -------
        tensor of shape (n, n_nodes or 1, n_wavelengths)
            Cross section per particle of the mixture, in cm^2.
        """
        sigma = background.to(torch.float32)[:, :, None] * self.scattering
        if "log_haze" in value:
            strength = (
                math.log(_HAZE_CROSS_SECTION)
                + (value["log_haze"] * _LN10)[:, None]
                + (background * self._hydrogen).log()
            )
            slope = value["haze_slope"][:, None] * self.log_wavelength
            sigma = sigma + (strength[:, :, None] + slope[:, None, :]).to(torch.float32).exp()
        return sigma
