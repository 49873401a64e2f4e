"""HITRAN's molecules: their numbers, partition sums and isotopologues' masses.

Partition sums are those of TIPS-2021 (Gamache et al. 2021, JQSRT 271, 107713), masses HITRAN's,
both from the distribution hitran-api (Kochanov et al. 2016, JQSRT 177, 15; the extra ``build``).
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from types import ModuleType

import numpy as np

from exosk.exceptions import PluginError, RangeError, UnknownNameError

__all__ = ["MOLECULES", "isotopologue_masses", "molecule_number", "partition_sums"]

#: Names in order of HITRAN's numbers, from 1 (https://hitran.org/docs/molec-meta).
# fmt: off
MOLECULES = (
    "H2O", "CO2", "O3", "N2O", "CO", "CH4", "O2", "NO", "SO2", "NO2", "NH3", "HNO3", "OH", "HF",
    "HCl", "HBr", "HI", "ClO", "OCS", "H2CO", "HOCl", "N2", "HCN", "CH3Cl", "H2O2", "C2H2",
    "C2H6", "PH3", "COF2", "SF6", "H2S", "HCOOH", "HO2", "O", "ClONO2", "NO+", "HOBr", "C2H4",
    "CH3OH", "CH3Br", "CH3CN", "CF4", "C4H2", "HC3N", "H2", "CS", "SO3", "C2N2", "COCl2", "SO",
    "CH3F", "GeH4", "CS2", "CH3I", "NF3",
)
# fmt: on


def molecule_number(name: str) -> int:
    """HITRAN's number of a molecule.

    Raises
    ------
    UnknownNameError
        If HITRAN has none of the name (in any case).
    """
    folded = [known.casefold() for known in MOLECULES]
    if name.casefold() not in folded:
        raise UnknownNameError.suggest("HITRAN molecule", name, MOLECULES)
    return folded.index(name.casefold()) + 1


def partition_sums(molecule: int) -> Callable[[int, float], float]:
    """Total internal partition sums of TIPS-2021.

    Parameters
    ----------
    molecule : int
        HITRAN's number of the molecule.

    Returns
    -------
    callable
        ``partition(isotopologue, temperature)``. It raises :class:`RangeError` where TIPS has no
        value.

    Raises
    ------
    PluginError
        If hitran-api is not installed.
    """
    hapi = _hapi()

    def partition(isotopologue: int, temperature: float) -> float:
        value = np.nan
        # Not hapi.partitionSum, which is TIPS-2025 from hapi 1.3 on. Both raise bare Exceptions,
        # for an isotopologue and for a temperature alike.
        with contextlib.suppress(Exception):
            value = float(hapi.PYTIPS2021(molecule, isotopologue, temperature))
        if not (np.isfinite(value) and value > 0):
            raise RangeError(
                f"TIPS-2021 has no partition sum of isotopologue {isotopologue} of "
                f"{MOLECULES[molecule - 1]} at {temperature:g} K; leave out the isotopologue or "
                "the temperature"
            )
        return value

    return partition


def isotopologue_masses(molecule: int) -> Mapping[int, float]:
    """Molar masses in g/mol by HITRAN's local isotopologue number."""
    return {i: float(values[3]) for (m, i), values in _hapi().ISO.items() if m == molecule}


def _hapi() -> ModuleType:
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # a banner of 20 lines
            import hapi  # type: ignore[import-untyped]
    except ImportError as error:
        raise PluginError(
            "computing opacities from lines needs hitran-api, which has the partition sums: "
            "install exosk[build]"
        ) from error
    return hapi
