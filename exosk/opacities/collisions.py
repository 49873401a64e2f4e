"""Collision-induced absorption of a pair of species.

Between temperatures, ln(coefficient) is linear in 1/T, as for cross sections
(:mod:`exosk.opacities.table`). Nothing is extrapolated: a value outside a table raises.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from exosk.opacities.axes import floored_log10, freeze, save_table, select_wavelengths
from exosk.opacities.hdf5 import Layout, read_table
from exosk.opacities.interpolation import bracket, check_within, interpolate_log10

__all__ = ["COLLISION_LOG_FLOOR", "CollisionTable"]

#: log10 cm^5 molecule^-2 that stands for "no absorption". These coefficients lie
#: near 1e-45, below float32's range: take the power of ten in float64 or scale by density first.
COLLISION_LOG_FLOOR = -60.0

_COLLISION = Layout(
    kind="exosk-collision",
    axes={"temperature": "K", "wavelength": "um"},
    values="log_coefficient",
    unit="log10(cm5 molecule-2)",
    floor=COLLISION_LOG_FLOOR,
)


@dataclass(frozen=True, eq=False)
class CollisionTable:
    """Collision-induced absorption of a pair of species over temperature and wavelength.

    The absorption coefficient in cm^-1 is the table's coefficient times both number densities.

    Parameters
    ----------
    name : str
        The pair, as in ``"H2-He"``; also readable as ``pair``.
    wavelength : array of shape (n_wavelength,)
        um, ascending.
    temperature : array of shape (n_temperature,)
        K, ascending.
    log_coefficient : array of shape (n_temperature, n_wavelength)
        log10 cm^5 molecule^-2, float32; `COLLISION_LOG_FLOOR` where there is no data.
    provenance : dict
        Source, version, licence, citation, known limits; must be JSON.

    Raises
    ------
    FileFormatError
        If the shapes do not belong together, or an axis is not ascending.
    RangeError
        If an axis is not positive or a value is not finite.
    """

    name: str
    wavelength: np.ndarray
    temperature: np.ndarray
    log_coefficient: np.ndarray
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        freeze(self, _COLLISION)

    @property
    def pair(self) -> tuple[str, str]:
        """The two colliding species."""
        first, _, second = self.name.partition("-")
        return first, second

    @classmethod
    def from_coefficient(
        cls,
        name: str,
        wavelength: ArrayLike,
        temperature: ArrayLike,
        coefficient: ArrayLike,
        provenance: dict[str, Any],
    ) -> CollisionTable:
        """Make a table of linear coefficients in cm^5 molecule^-2; zero becomes the floor."""
        return cls(
            name,
            np.asarray(wavelength),
            np.asarray(temperature),
            floored_log10(coefficient, COLLISION_LOG_FLOOR),
            provenance,
        )

    def coefficient(self, temperature: ArrayLike) -> np.ndarray:
        """Coefficients at given temperatures.

        Parameters
        ----------
        temperature : array of shape (n,)
            K.

        Returns
        -------
        ndarray of shape (n, n_wavelength)
            cm^5 molecule^-2, float64.

        Raises
        ------
        RangeError
            If a temperature lies outside the table.
        """
        temperature = np.atleast_1d(np.asarray(temperature, dtype=float))
        check_within(self.name, "temperature", temperature, self.temperature, "K")
        low, weight = bracket(-1.0 / self.temperature, -1.0 / temperature)
        high = np.minimum(low + 1, self.temperature.size - 1)
        return interpolate_log10(self.log_coefficient[low], self.log_coefficient[high], weight)

    def at_wavelengths(self, wavelength: ArrayLike) -> CollisionTable:
        """Resample to other wavelengths, with the logarithm linear in wavenumber in between.

        The bands are hundreds of wavenumbers wide, so that samples serve for averages.

        Parameters
        ----------
        wavelength : array of shape (n,)
            um, ascending.

        Raises
        ------
        RangeError
            If a wavelength lies outside the table.
        """
        wavelength = np.atleast_1d(np.asarray(wavelength, dtype=float))
        check_within(self.name, "wavelength", wavelength, self.wavelength, "um")
        low, weight = bracket(-1.0 / self.wavelength, -1.0 / wavelength)
        cube = self.log_coefficient
        between = cube[:, low] + weight * (cube[:, low + 1] - cube[:, low])
        return CollisionTable(self.name, wavelength, self.temperature, between, self.provenance)

    def select(self, low: float, high: float) -> CollisionTable:
        """Cut the table to two wavelengths (um); see :meth:`OpacityTable.select`."""
        keep = select_wavelengths(self.name, self.wavelength, low, high)
        return CollisionTable(
            self.name,
            self.wavelength[keep],
            self.temperature,
            self.log_coefficient[..., keep],
            self.provenance,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to HDF5 (see :mod:`exosk.opacities.hdf5`), atomically."""
        save_table(self, _COLLISION, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> CollisionTable:
        """Read what :meth:`save` wrote; raises as :meth:`OpacityTable.load` does."""
        stored = read_table(path, _COLLISION)
        return cls(
            stored.name,
            **stored.axes,
            log_coefficient=stored.log_values,
            provenance=stored.provenance,
        )
