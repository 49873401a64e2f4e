"""Atmospheres without one of their gases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.exceptions import RangeError, UnknownNameError
from exosk.simulators.quantities import abundance_names

if TYPE_CHECKING:
    from exosk.simulators.protocol import Simulator

__all__ = ["ABSENT", "without_molecule"]

#: log10 volume mixing ratio of a gas that is not there. Zero to float32, in which cross sections
#: are multiplied, and a normal number in float64: every simulator takes it, and none sees it.
ABSENT = -99.0


def without_molecule(simulator: Simulator, theta: Any, molecule: str) -> np.ndarray:
    """Take a gas out of atmospheres; H2 and He fill its place.

    The mean molecular mass falls with it, as it does in a simulator that never knew the gas.

    Parameters
    ----------
    simulator : Simulator
        Whose parameters these are.
    theta : array-like of shape (n, n_parameters)
        The atmospheres.
    molecule : str
        A gas whose abundance is free.

    Returns
    -------
    ndarray of shape (n, n_parameters)
        A copy, with :data:`ABSENT` for the abundance, deep and at the top.

    Raises
    ------
    UnknownNameError
        If no abundance of that name is free.
    RangeError
        If its abundance is free in one part of the atmosphere and fixed in another.
    """
    space = simulator.space
    deep, top, _ = abundance_names(molecule, "two-layer")
    if deep not in space:
        free = [m for m in simulator.molecules if abundance_names(m)[0] in space]
        raise UnknownNameError.suggest("molecule of free abundance", molecule, free)
    if top in getattr(simulator, "fixed", {}):
        raise RangeError(
            f"{molecule} cannot be taken out while {top} is fixed; make it free, as {deep} is"
        )
    theta = np.array(theta, dtype=float)
    theta[:, [space.index(name) for name in (deep, top) if name in space]] = ABSENT
    return theta
