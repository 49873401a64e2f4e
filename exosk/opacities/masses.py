"""Molar masses of gases, from their chemical formulas."""

from __future__ import annotations

import re

from exosk.exceptions import UnknownNameError

__all__ = ["ATOMIC_WEIGHT", "molar_mass"]

# Standard atomic weights (CIAAW 2021).
ATOMIC_WEIGHT = {
    "H": 1.008,
    "He": 4.0026,
    "Li": 6.94,
    "C": 12.011,
    "N": 14.007,
    "O": 15.999,
    "F": 18.998,
    "Na": 22.990,
    "Mg": 24.305,
    "Al": 26.982,
    "Si": 28.085,
    "P": 30.974,
    "S": 32.06,
    "Cl": 35.45,
    "K": 39.098,
    "Ca": 40.078,
    "Ti": 47.867,
    "V": 50.942,
    "Cr": 51.996,
    "Mn": 54.938,
    "Fe": 55.845,
    "Ni": 58.693,
}


def molar_mass(formula: str) -> float:
    """Molar mass of a gas, in unified atomic mass units.

    Parameters
    ----------
    formula : str
        As in ``"C2H2"``.

    Raises
    ------
    UnknownNameError
        If it is no formula of elements that occur in planetary atmospheres.
    """
    atoms = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    if "".join(map("".join, atoms)) != formula or any(a not in ATOMIC_WEIGHT for a, _ in atoms):
        raise UnknownNameError(
            f"the molar mass of {formula!r} is not known; register the opacity under its chemical "
            f"formula, of the elements {', '.join(ATOMIC_WEIGHT)}"
        )
    return sum(ATOMIC_WEIGHT[atom] * int(count or 1) for atom, count in atoms)
