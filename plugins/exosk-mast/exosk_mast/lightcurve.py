"""The light curve of a star before which a planet passes, and how red a noise is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exosk.exceptions import RangeError, UnknownNameError
from exosk_mast.orbit import Orbit

__all__ = ["LimbDarkening", "fixed_limb_darkening", "red_noise", "transit_shape"]

LimbDarkening = str | Sequence[float]
"""``"free"``, or the coefficients (u1, u2) of the quadratic law."""

_COARSE = 2 / 1440  # days; over a longer exposure the model is averaged
_N_SUB = 9
_N_BINS = 8  # fewer do not tell their scatter


def transit_shape(
    phase: np.ndarray, orbit: Orbit, depth: float, u1: float, u2: float, exposure: float = 0.0
) -> np.ndarray:
    """Return a star's relative flux during a transit.

    Parameters
    ----------
    phase : ndarray of shape (n,)
        Times since mid-transit, in days.
    orbit : Orbit
        The planet's.
    depth : float
        (Rp/Rs)^2; of a negative one the mirror image is returned.
    u1, u2 : float
        Coefficients of the quadratic law of limb darkening.
    exposure : float, default=0
        Length of an exposure in days.

    Returns
    -------
    ndarray of shape (n,)
        1 outside of the transit.
    """
    from exoplanet_core import quad_limbdark_light_curve

    radius = np.sqrt(abs(depth))
    if exposure > _COARSE:
        offsets = (np.arange(_N_SUB) + 0.5) / _N_SUB - 0.5
        times = phase[:, None] + exposure * offsets
    else:
        times = phase[:, None]
    apart = orbit.separation(times.ravel())
    near = apart < 1 + radius
    lost = np.zeros(apart.shape)
    if near.any():
        lost[near] = quad_limbdark_light_curve(u1, u2, apart[near], np.full(near.sum(), radius))
    return 1 + np.sign(depth) * lost.reshape(times.shape).mean(axis=1)


def red_noise(time: np.ndarray, residuals: np.ndarray, low: float, high: float) -> float:
    """Return by how much bins in time scatter more than independent points would.

    Parameters
    ----------
    time, residuals : ndarray of shape (n,)
        In days, ascending; and what a fit left over.
    low, high : float
        Shortest and longest bins, in days.

    Returns
    -------
    float
        Median over bins of several lengths; 1 at least.
    """
    n = len(time)
    step = np.median(np.diff(time)) if n > 1 else 0.0
    sigma = residuals.std()
    if not (step > 0 and sigma > 0):
        return 1.0
    longest = min(int(high / step), n // _N_BINS)
    shortest = min(max(int(low / step), 2), longest)
    ratios = []
    for size in np.unique(np.linspace(shortest, longest, 8).astype(int)):
        if size < 2:
            continue
        m = n // size
        means = residuals[: m * size].reshape(m, size).mean(axis=1)
        ratios.append(means.std() / (sigma / np.sqrt(size) * np.sqrt((m - 1) / m)))
    return float(max(1.0, np.median(ratios))) if ratios else 1.0


def fixed_limb_darkening(limb_darkening: LimbDarkening) -> tuple[float, float] | None:
    """Return u1 and u2, or None where they are free.

    Raises
    ------
    UnknownNameError
        If it is neither the word nor two numbers.
    RangeError
        If no star has such coefficients.
    """
    if isinstance(limb_darkening, str):
        if limb_darkening != "free":
            raise UnknownNameError.suggest("limb darkening", limb_darkening, ["free"])
        return None
    try:
        u1, u2 = (float(u) for u in limb_darkening)
    except (TypeError, ValueError):
        raise UnknownNameError(
            f"limb_darkening={limb_darkening!r} is neither 'free' nor the two coefficients (u1, "
            f"u2) of the quadratic law"
        ) from None
    # A star that is bright everywhere, and not brighter at its edge.
    if not (u1 + u2 <= 1 and u1 >= 0 and u1 + 2 * u2 >= 0):
        raise RangeError(
            f"limb darkening ({u1:g}, {u2:g}) is no star's: u1 >= 0, u1 + u2 <= 1 and u1 + 2 u2 "
            f">= 0 hold for the quadratic law (Kipping 2013)"
        )
    return u1, u2
