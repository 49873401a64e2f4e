"""Cross sections of one absorber.

Between temperatures, ln(sigma) is linear in 1/T: a line's strength goes as exp(-E/kT), so this is
exact for a single lower-state energy (Hill, Yurchenko & Tennyson 2013, Icarus 226, 1673; the
``exp`` mode of TauREx). Between pressures, sigma itself is linear in log P, which keeps the
optical depth of an isothermal atmosphere linear in the tabulated cross sections. Nothing is
extrapolated: a value outside a table raises.
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

__all__ = ["LOG_FLOOR", "OpacityTable"]

#: log10 cm^2 per molecule that stands for "no opacity". 10**-38 is still a normal float32.
LOG_FLOOR = -38.0
_OPACITY = Layout(
    kind="exosk-opacity",
    axes={"pressure": "bar", "temperature": "K", "wavelength": "um"},
    values="log_cross_section",
    unit="log10(cm2 molecule-1)",
    floor=LOG_FLOOR,
)


@dataclass(frozen=True, eq=False)
class OpacityTable:
    """Absorption cross sections of one absorber over pressure, temperature and wavelength.

    Parameters
    ----------
    name : str
        The absorber, as in ``"H2O"``.
    wavelength : array of shape (n_wavelength,)
        um, ascending.
    temperature : array of shape (n_temperature,)
        K, ascending.
    pressure : array of shape (n_pressure,)
        bar, ascending.
    log_cross_section : array of shape (n_pressure, n_temperature, n_wavelength)
        log10 cm^2 per molecule, kept as float32; values below `LOG_FLOOR` are raised to it.
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
    pressure: np.ndarray
    log_cross_section: np.ndarray
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        freeze(self, _OPACITY)

    @classmethod
    def from_cross_section(
        cls,
        name: str,
        wavelength: ArrayLike,
        temperature: ArrayLike,
        pressure: ArrayLike,
        cross_section: ArrayLike,
        provenance: dict[str, Any],
    ) -> OpacityTable:
        """Make a table of linear cross sections in cm^2 per molecule; zero becomes the floor."""
        return cls(
            name,
            np.asarray(wavelength),
            np.asarray(temperature),
            np.asarray(pressure),
            floored_log10(cross_section, LOG_FLOOR),
            provenance,
        )

    def cross_section(self, temperature: ArrayLike, pressure: ArrayLike) -> np.ndarray:
        """Cross sections at given temperatures and pressures.

        Parameters
        ----------
        temperature : array of shape (n,)
            K.
        pressure : array of shape (n,)
            bar. The two are broadcast against each other.

        Returns
        -------
        ndarray of shape (n, n_wavelength)
            cm^2 per molecule.

        Raises
        ------
        RangeError
            If a temperature or pressure lies outside the table.
        """
        temperature, pressure = np.broadcast_arrays(
            np.atleast_1d(np.asarray(temperature, dtype=float)),
            np.atleast_1d(np.asarray(pressure, dtype=float)),
        )
        check_within(self.name, "temperature", temperature, self.temperature, "K")
        check_within(self.name, "pressure", pressure, self.pressure, "bar")
        t_low, t_weight = bracket(-1.0 / self.temperature, -1.0 / temperature)
        p_low, p_weight = bracket(np.log(self.pressure), np.log(pressure))
        result = np.zeros((temperature.size, self.wavelength.size))
        for index, weight in ((p_low, 1.0 - p_weight), (p_low + 1, p_weight)):
            index = np.minimum(index, self.pressure.size - 1)
            plane = self.log_cross_section
            result += weight[:, None] * interpolate_log10(
                plane[index, t_low],
                plane[index, np.minimum(t_low + 1, self.temperature.size - 1)],
                t_weight,
            )
        return result

    def at_pressures(self, pressure: ArrayLike) -> OpacityTable:
        """Resample the table to other pressures, with ln(sigma) linear in ln(P) in between.

        Pressure-broadened wings grow in proportion to P, of which a decade's worth of "linear in
        log P" makes up to 74 % too much halfway. Resampled to half decades by this rule, which is
        exact for wings, the error of :meth:`cross_section` falls to 17 %.

        Parameters
        ----------
        pressure : array of shape (n,)
            bar, ascending.

        Returns
        -------
        OpacityTable
            With the same temperatures and wavelengths.

        Raises
        ------
        RangeError
            If a pressure lies outside the table.
        """
        pressure = np.atleast_1d(np.asarray(pressure, dtype=float))
        check_within(self.name, "pressure", pressure, self.pressure, "bar")
        low, weight = bracket(np.log(self.pressure), np.log(pressure))
        high = np.minimum(low + 1, self.pressure.size - 1)
        cube = self.log_cross_section
        between = cube[low] + weight[:, None, None] * (cube[high] - cube[low])
        return OpacityTable(
            self.name, self.wavelength, self.temperature, pressure, between, self.provenance
        )

    def select(self, low: float, high: float) -> OpacityTable:
        """Cut the table to two wavelengths.

        Parameters
        ----------
        low, high : float
            um; points on the limits are kept.

        Returns
        -------
        OpacityTable
            With the same temperatures and pressures.

        Raises
        ------
        RangeError
            If a limit lies outside the table or no point between them.
        """
        keep = select_wavelengths(self.name, self.wavelength, low, high)
        return OpacityTable(
            self.name,
            self.wavelength[keep],
            self.temperature,
            self.pressure,
            self.log_cross_section[..., keep],
            self.provenance,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to HDF5 (see :mod:`exosk.opacities.hdf5`), atomically."""
        save_table(self, _OPACITY, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> OpacityTable:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            If the file is truncated, foreign, or in other units.
        FileNotFoundError
            If there is no such file.
        """
        stored = read_table(path, _OPACITY)
        return cls(
            stored.name,
            **stored.axes,
            log_cross_section=stored.log_values,
            provenance=stored.provenance,
        )
