"""One Radtrans object, and its calculation of transit radii."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk_petitradtrans.engine import petitradtrans, unattended
from exosk_petitradtrans.inputs import Opacities

__all__ = ["Transit"]

_BAR = 1e6  # dyn cm^-2


class Transit:
    """petitRADTRANS with its opacities loaded.

    Parameters
    ----------
    opacities : Opacities
        Files, names and wavelengths.
    levels : ndarray of shape (n_levels,)
        Pressures in bar, top first.
    mode : {"c-k", "lbl"}
        Of its opacities.

    Attributes
    ----------
    radtrans : petitRADTRANS.radtrans.Radtrans
        The object itself.
    wavelength : ndarray of shape (n_wavelengths,)
        In um, ascending.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    RangeError
        If petitRADTRANS takes other wavelengths than the tables have.
    """

    def __init__(self, opacities: Opacities, levels: np.ndarray, mode: str) -> None:
        species = opacities.species
        remedy = f"check the files in {opacities.folder}, or delete them if exosk wrote them"
        with unattended(f"to load the opacities of {', '.join(species)}", remedy):
            self.radtrans = petitradtrans()[0].Radtrans(
                pressures=levels,
                wavelength_boundaries=np.array(opacities.boundaries),
                line_species=list(species.values()),
                gas_continuum_contributors=list(opacities.pairs),
                rayleigh_species=["H2", "He"],
                line_opacity_mode=mode,
                line_by_line_opacity_sampling=opacities.sampling,
                path_input_data=str(opacities.folder),
            )
        self._species = species
        self._lock = threading.Lock()
        computed, expected = self.radtrans.get_wavelengths() * 1e4, opacities.wavelength
        self.wavelength = computed if expected is None else expected
        if computed.shape != self.wavelength.shape or not np.allclose(
            computed, self.wavelength, rtol=1e-3, atol=0
        ):
            raise RangeError(
                f"petitRADTRANS took {computed.size} wavelengths where the tables have "
                f"{self.wavelength.size}; choose mode='lbl', or tables with even steps"
            )

    def radii(
        self, pressure: np.ndarray, mass_fractions: Mapping[str, np.ndarray], **arguments: Any
    ) -> np.ndarray:
        """Compute transit radii, in cm.

        Parameters
        ----------
        pressure : ndarray of shape (n_levels,)
            As many as at first, in bar.
        mass_fractions : mapping of str to ndarray of shape (n_levels,)
            By molecule, and of H2 and He.
        **arguments
            Of ``Radtrans.calculate_transit_radii``, in its units.

        Raises
        ------
        RangeError
            If the levels' radii do not ascend with height.
        """
        with self._lock:
            self._set_levels(pressure)
            _, radii, more = self.radtrans.calculate_transit_radii(
                mass_fractions={self._species.get(m, m): w for m, w in mass_fractions.items()},
                return_radius_hydrostatic_equilibrium=True,
                **arguments,
            )
        if not (np.diff(more["radius_hydrostatic_equilibrium"]) < 0).all():
            raise RangeError(
                f"the atmosphere is not bound up to {pressure[0]:g} bar in petitRADTRANS's layers; "
                f"narrow the priors, or begin at a higher pressure"
            )
        return radii

    def _set_levels(self, pressure: np.ndarray) -> None:
        """Hand over levels, which petitRADTRANS advises against for no reason that applies here.

        Its opacities do not depend on them.
        """
        levels = pressure * _BAR
        if not np.array_equal(levels, self.radtrans.pressures):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.radtrans.pressures = levels
