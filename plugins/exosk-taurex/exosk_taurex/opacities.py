"""Opacities for TauREx, from exosk's tables or the user's TauREx files, held in memory.

Cross sections are interpolated by TauREx's own code: first linearly in log pressure, then, in its
mode "exp", ln(sigma) linearly in 1/T. The built-in model does the same in the other order, which
differs where the broadening of a line changes with temperature, by up to some ppm of depth. The
mode "exosk" takes TauREx's two functions in that order. For collision-induced absorption TauREx
leaves the interpolation to the table; here it is exosk's, ln(alpha) linear in 1/T.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from taurex.cache import CIACache, OpacityCache
from taurex.cia import CIA
from taurex.opacity import InterpolatingOpacity, Opacity
from taurex.util.math import interp_exp_only, interp_lin_only

from exosk.exceptions import FileFormatError, UnknownNameError
from exosk.opacities import LOG_FLOOR, CollisionTable, OpacityTable
from exosk.opacities.interpolation import bracket
from exosk_taurex.caches import lend_caches
from exosk_taurex.parameters import PASCAL

__all__ = ["HeldOpacity", "HeldPair", "read_opacity", "read_pair"]


class HeldOpacity(InterpolatingOpacity):
    """Cross sections of one molecule.

    Parameters
    ----------
    name : str
        The molecule.
    wavenumber : array of shape (n_wavenumber,)
        1/cm, ascending.
    temperature : array of shape (n_temperature,)
        K, ascending.
    pressure : array of shape (n_pressure,)
        Pa, ascending.
    cross_section : array of shape (n_pressure, n_temperature, n_wavenumber)
        cm^2. What is below exosk's floor is raised to it: TauREx takes logarithms.
    interpolation : {"exp", "linear", "exosk"}
        TauREx's mode of interpolation in temperature, or "exp" before pressure.

    Raises
    ------
    FileFormatError
        If a cross section is not finite.
    """

    def __init__(
        self,
        name: str,
        wavenumber: np.ndarray,
        temperature: np.ndarray,
        pressure: np.ndarray,
        cross_section: np.ndarray,
        interpolation: str = "exp",
    ) -> None:
        super().__init__(f"HeldOpacity:{name}", interpolation)
        if not np.isfinite(cross_section).all():
            raise FileFormatError(
                f"the cross sections of {name} contain NaN or infinity; TauREx would pass them on "
                f"to the spectrum, so take another file"
            )
        self._name = name
        self._wavenumber = np.asarray(wavenumber)
        self._temperature = np.asarray(temperature)
        self._pressure = np.asarray(pressure)
        self._cross_section = np.maximum(cross_section, 10.0**LOG_FLOOR)

    @classmethod
    def from_table(
        cls, table: OpacityTable, samples: np.ndarray, interpolation: str = "exp"
    ) -> HeldOpacity:
        """Take over the samples of an exosk table; bar become Pa, wavelengths wavenumbers."""
        return cls(
            table.name,
            1e4 / table.wavelength[samples][::-1],
            table.temperature,
            table.pressure * PASCAL,
            10.0 ** table.log_cross_section[..., samples][..., ::-1].astype(float),
            interpolation,
        )

    def select(self, samples: np.ndarray) -> HeldOpacity:
        """Keep some of the wavenumbers."""
        return HeldOpacity(
            self._name,
            self._wavenumber[samples],
            self._temperature,
            self._pressure,
            self._cross_section[..., samples],
            self._interp_mode,
        )

    @property
    def name(self) -> str:
        """The molecule, as exosk's tables say it."""
        return self._name

    @property
    def wavelength(self) -> np.ndarray:
        """In um, ascending, as exosk's tables say it."""
        return 1e4 / self._wavenumber[::-1]

    @property
    def moleculeName(self) -> str:
        """The molecule."""
        return self._name

    @property
    def wavenumberGrid(self) -> np.ndarray:
        """In 1/cm, ascending."""
        return self._wavenumber

    @property
    def temperatureGrid(self) -> np.ndarray:
        """In K."""
        return self._temperature

    @property
    def pressureGrid(self) -> np.ndarray:
        """In Pa."""
        return self._pressure

    @property
    def xsecGrid(self) -> np.ndarray:
        """In cm^2; TauREx divides by 10^4."""
        return self._cross_section

    def interp_bilinear_grid(
        self,
        temperature: float,
        pressure: float,
        t_idx_min: int,
        t_idx_max: int,
        p_idx_min: int,
        p_idx_max: int,
        wngrid_filter: Any = None,
    ) -> np.ndarray:
        """Interpolate to one temperature (K) and log10 pressure (Pa), in cm^2.

        TauREx finds the nodes around them and calls this; so do its readers' tables.
        """
        place = (t_idx_min, t_idx_max, p_idx_min, p_idx_max)
        if self._interp_mode != "exosk":
            return super().interp_bilinear_grid(temperature, pressure, *place, wngrid_filter)
        ends = self._temperature[[t_idx_min, t_idx_max]]
        below, above = (
            interp_exp_only(
                *(self._cross_section[p, t][wngrid_filter] for t in place[:2]), temperature, *ends
            )
            for p in place[2:]
        )
        ends = np.log10(self._pressure[[p_idx_min, p_idx_max]])
        return interp_lin_only(below, above, np.clip(pressure, *ends), *ends)


class HeldPair(CIA):
    """Collision-induced absorption of one pair, from an exosk table.

    Parameters
    ----------
    table : CollisionTable
        In cm^5 per molecule squared.
    """

    def __init__(self, table: CollisionTable) -> None:
        super().__init__(f"HeldPair:{table.name}", table.name)
        self._temperature = table.temperature
        self._wavenumber = 1e4 / table.wavelength[::-1]
        # ln m^5, by temperature: TauREx asks for one temperature a layer.
        in_m5 = table.log_coefficient[:, ::-1].astype(float) - 10
        self._log_coefficient = in_m5 * math.log(10.0)

    @property
    def wavenumberGrid(self) -> np.ndarray:
        """In 1/cm, ascending."""
        return self._wavenumber

    @property
    def temperatureGrid(self) -> np.ndarray:
        """In K."""
        return self._temperature

    def compute_cia(self, temperature: float) -> np.ndarray:
        """Return the coefficient in m^5 per molecule squared, by wavenumber."""
        low, weight = bracket(-1 / self._temperature, np.array([-1 / temperature]))
        high = np.minimum(low + 1, len(self._temperature) - 1)
        below, above = self._log_coefficient[low[0]], self._log_coefficient[high[0]]
        return np.exp(below + weight[0] * (above - below))


def read_opacity(name: str, path: str | os.PathLike[str], interpolation: str) -> HeldOpacity:
    """Read one molecule from the user's files, with TauREx's readers.

    Parameters
    ----------
    name : str
        The molecule.
    path : path
        A folder of TauREx's HDF5, pickle or Exo_Transmit files. TauREx executes what a pickle
        contains: keep those of strangers out of it.
    interpolation : {"exp", "linear", "exosk"}
        As for :class:`HeldOpacity`.

    Raises
    ------
    UnknownNameError
        If no file has the molecule.
    FileFormatError
        If the folder is absent or TauREx cannot read it.
    """
    folder = _folder(path)
    with lend_caches(xsec_path=str(folder), xsec_in_memory=True):
        cache = OpacityCache()
        try:
            known = {molecule.casefold(): molecule for molecule in cache.find_list_of_molecules()}
            found: Opacity | None = None
            if name.casefold() in known:
                found = cache[known[name.casefold()]]
        except Exception as error:  # TauREx's readers raise what h5py, pickle and NumPy do
            raise _unreadable(folder, error) from error
    if found is None:
        raise UnknownNameError.suggest(f"molecule in {folder}", name, known.values())
    order = np.argsort(found.wavenumberGrid)
    return HeldOpacity(
        found.moleculeName,
        np.asarray(found.wavenumberGrid)[order],
        found.temperatureGrid,
        found.pressureGrid,
        np.asarray(found.xsecGrid)[..., order],
        interpolation,
    )


def read_pair(name: str, path: str | os.PathLike[str]) -> CIA:
    """Read one pair of colliding gases from the user's files, with TauREx's readers.

    Parameters
    ----------
    name : str
        The pair, as in ``"H2-He"``.
    path : path
        A folder of HITRAN ``.cia`` or TauREx ``.db`` files.

    Raises
    ------
    UnknownNameError
        If no file has the pair.
    FileFormatError
        If the folder is absent or TauREx cannot read it.
    """
    folder = _folder(path)
    with lend_caches():
        cache = CIACache()
        try:
            cache.load_cia_from_path(str(folder), pair_filter=[name])
        except Exception as error:  # as above
            raise _unreadable(folder, error) from error
        found = dict(cache.cia_dict)
    if name not in found:
        raise UnknownNameError(
            f"no file of {folder} has the collision-induced absorption of {name}; TauREx looks "
            f"for {name}_<anything>.cia or {name}_<anything>.db"
        )
    return found[name]


def _folder(path: str | os.PathLike[str]) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise FileFormatError(
            f"{folder} is not a folder; give the one in which TauREx's opacity files are"
        )
    return folder


def _unreadable(folder: Path, error: Exception) -> FileFormatError:
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return FileFormatError(
        f"TauREx cannot read its files in {folder} ({reason}); take out or mend the broken one"
    )
