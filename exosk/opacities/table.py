"""Opacity tables: cross sections of one absorber, and collision-induced absorption of a pair.

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

from exosk.exceptions import FileFormatError, RangeError
from exosk.opacities.hdf5 import Layout, StoredTable, read_table, write_table
from exosk.opacities.interpolation import bracket, check_within, interpolate_log10

__all__ = ["COLLISION_LOG_FLOOR", "LOG_FLOOR", "CollisionTable", "OpacityTable"]

#: log10 cm^2 per molecule that stands for "no opacity". 10**-38 is still a normal float32.
LOG_FLOOR = -38.0
#: The same for collision-induced absorption, in log10 cm^5 molecule^-2. These coefficients lie
#: near 1e-45, below float32's range: take the power of ten in float64 or scale by density first.
COLLISION_LOG_FLOOR = -60.0

_OPACITY = Layout(
    kind="exosk-opacity",
    axes={"pressure": "bar", "temperature": "K", "wavelength": "um"},
    values="log_cross_section",
    unit="log10(cm2 molecule-1)",
    floor=LOG_FLOOR,
)
_COLLISION = Layout(
    kind="exosk-collision",
    axes={"temperature": "K", "wavelength": "um"},
    values="log_coefficient",
    unit="log10(cm5 molecule-2)",
    floor=COLLISION_LOG_FLOOR,
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
        _freeze(self, _OPACITY)

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
            _log10(cross_section, LOG_FLOOR),
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
        keep = _select(self.name, self.wavelength, low, high)
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
        _save(self, _OPACITY, path)

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
        _freeze(self, _COLLISION)

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
            _log10(coefficient, COLLISION_LOG_FLOOR),
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

        Collision-induced bands are hundreds of wavenumbers wide, so that samples serve for averages.

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
        keep = _select(self.name, self.wavelength, low, high)
        return CollisionTable(
            self.name,
            self.wavelength[keep],
            self.temperature,
            self.log_coefficient[..., keep],
            self.provenance,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to HDF5 (see :mod:`exosk.opacities.hdf5`), atomically."""
        _save(self, _COLLISION, path)

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


def _freeze(table: OpacityTable | CollisionTable, layout: Layout) -> None:
    """Validate a table and make its arrays read-only (cached tables are shared)."""
    set_field = object.__setattr__
    for axis, unit in layout.axes.items():
        values = np.array(getattr(table, axis), dtype=np.float64)
        if values.ndim != 1 or values.size == 0:
            raise FileFormatError(f"{table.name}: {axis} must be a list of values in {unit}")
        if not np.all(np.isfinite(values)) or np.any(values <= 0):
            raise RangeError(f"{table.name}: {axis} must be finite and positive ({unit})")
        if np.any(np.diff(values) <= 0):
            raise FileFormatError(f"{table.name}: {axis} must ascend without repeats")
        values.setflags(write=False)
        set_field(table, axis, values)
    cube = np.array(getattr(table, layout.values), dtype=np.float32)
    expected = tuple(getattr(table, axis).size for axis in layout.axes)
    if cube.shape != expected:
        raise FileFormatError(
            f"{table.name}: {layout.values} has shape {cube.shape} where "
            f"({', '.join(layout.axes)}) calls for {expected}"
        )
    if not np.all(np.isfinite(cube)):
        raise RangeError(
            f"{table.name}: {layout.values} must be finite; use {layout.floor:g} for 'none'"
        )
    np.maximum(cube, np.float32(layout.floor), out=cube)
    cube.setflags(write=False)
    set_field(table, layout.values, cube)
    set_field(table, "provenance", dict(table.provenance))


def _save(
    table: OpacityTable | CollisionTable, layout: Layout, path: str | os.PathLike[str]
) -> None:
    axes = {axis: getattr(table, axis) for axis in layout.axes}
    stored = StoredTable(table.name, axes, getattr(table, layout.values), table.provenance)
    write_table(path, layout, stored)


def _log10(values: ArrayLike, floor: float) -> np.ndarray:
    # Clipping first keeps NaN a NaN, which the constructor refuses, where 0 is a lawful "none".
    return np.log10(np.maximum(np.asarray(values, dtype=np.float64), 10.0**floor))


def _select(name: str, wavelength: np.ndarray, low: float, high: float) -> np.ndarray:
    check_within(name, "wavelength", np.array([low, high]), wavelength, "um")
    keep = (wavelength >= low) & (wavelength <= high)
    if not keep.any():
        raise RangeError(f"the {name} table has no wavelength between {low:g} and {high:g} um")
    return keep
