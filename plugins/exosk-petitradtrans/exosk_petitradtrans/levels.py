"""The pressures of petitRADTRANS's levels, and where the planet's radius belongs among them."""

from __future__ import annotations

import math

import numpy as np

from exosk.simulators import atmosphere
from exosk.units import JUPITER_MASS, JUPITER_RADIUS

__all__ = ["DECK", "levels_around", "planet_within"]

#: Between the two levels at a cloud deck, in ln P.
DECK = 1e-6


def levels_around(levels: np.ndarray, deck: float | None) -> np.ndarray:
    """Return as many pressures over the same range, of which two lie at an opaque deck.

    petitRADTRANS makes the levels below a deck opaque, and its sums see the deck's edge half-way
    between the last clear level and the first opaque one.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        In bar, top first.
    deck : float, optional
        In bar, within the levels.

    Returns
    -------
    ndarray of shape (n_levels,)
    """
    top, bottom = levels[[0, -1]]
    if deck is None or deck * (1 + DECK) >= bottom:
        return levels
    n = len(levels)
    if deck <= top * (1 + DECK):
        return np.concatenate([[top], np.geomspace(top * (1 + DECK), bottom, n - 1)])
    if n < 4:
        return np.array([top, deck, bottom])
    share = math.log(deck / top) / math.log(bottom / top)
    above = min(max(1 + round((n - 2) * share), 2), n - 2)
    below = np.geomspace(deck * (1 + DECK), bottom, n - above)
    return np.concatenate([np.geomspace(top, deck, above), below])


def planet_within(
    levels: np.ndarray,
    reference: float,
    mass: float,
    radius: float,
    temperature: np.ndarray,
    molar_mass: np.ndarray,
) -> tuple[float, float]:
    """Return a reference pressure within the levels, and the radius there.

    petitRADTRANS knows radii between its levels only. Beyond, the nearest level's temperature and
    composition are continued.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        In bar, top first.
    reference : float
        Where the radius is known, in bar.
    mass, radius : float
        In Jupiter's.
    temperature, molar_mass : ndarray of shape (n_levels,)
        In K and unified atomic mass units.

    Returns
    -------
    pressure, radius : float
        In bar and Jupiter's radius.
    """
    within = float(np.clip(reference, levels[0], levels[-1]))
    if within == reference:
        return reference, radius
    edge = 0 if reference < within else -1
    scale = atmosphere.inverse_scale(
        temperature[edge], molar_mass[edge] * atmosphere.ATOMIC_MASS, mass * JUPITER_MASS
    )
    inverse = 1 / (radius * JUPITER_RADIUS) + scale * math.log(within / reference)
    return within, 1 / inverse / JUPITER_RADIUS
