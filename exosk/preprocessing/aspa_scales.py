"""How the maxima, minima, means and parameters of an ASPA become pixels: offsets and scales."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exosk.exceptions import RangeError, UnknownNameError
from exosk.parameters import ParameterSpace
from exosk.preprocessing.exogan import ABUNDANCE_SCALE, MAXIMUM_SCALE, PARAMETER_SCALES

__all__ = [
    "band_extremes",
    "learnt_scales",
    "parameter_ends",
    "published_scales",
    "refuse_dark",
    "refuse_outside",
]

_OPEN = 1e-9  # quantile that stands for the end of a prior without one: six standard deviations
_ROUNDING = 1e-6  # of a parameter's range: what single precision may do to a value on its end


def band_extremes(depth: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return least and greatest depth of each band, twice (n, n_bands); NaN where it has none.

    Parameters
    ----------
    depth : ndarray of shape (n, n_bins)
        Transit depths; NaN is missing.
    starts : ndarray of int, shape (n_bands,)
        First bin of each band.
    """
    with np.errstate(invalid="ignore"):
        low = np.fmin.reduceat(depth, starts, axis=1)
        high = np.fmax.reduceat(depth, starts, axis=1)
    return low, high


def published_scales(n_bands: int, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return ExoGAN's offsets and scales.

    Parameters
    ----------
    n_bands : int
        Number of bands.
    names : sequence of str
        Names of the parameters.

    Returns
    -------
    offset, scale : ndarray of shape (2 n_bands + 1 + n_parameters,)
        Of maxima, minima, mean and parameters. Those of the minima, which ExoGAN takes the
        reciprocal of, are 0 and 1.

    Raises
    ------
    UnknownNameError
        If ExoGAN has no constant for a parameter.
    """
    scales = [MAXIMUM_SCALE] * n_bands + [1.0] * n_bands + [MAXIMUM_SCALE]
    for name in names:
        if name not in PARAMETER_SCALES and not name.startswith("log_x_"):
            raise UnknownNameError(
                f"ExoGAN's encoding has no scale for {name!r}, only for abundances (log_x_...), "
                f"{', '.join(PARAMETER_SCALES)}; use scaling='range', or name the columns of a "
                f"plain y by a space"
            )
        scales.append(PARAMETER_SCALES.get(name, ABUNDANCE_SCALE))
    return np.zeros(len(scales)), np.array(scales)


def learnt_scales(
    depth: np.ndarray, starts: np.ndarray, bands: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least value of each element in training, and its range.

    Parameters
    ----------
    depth : ndarray of shape (n, n_bins)
        Transit depths; NaN is missing. A band with gaps counts with what it has.
    starts, bands : ndarray of int, shape (n_bands,)
        First bin of each band, and its number.
    ends : ndarray of shape (n_parameters, 2)
        Least and greatest value of each parameter.

    Returns
    -------
    offset, scale : ndarray of shape (2 n_bands + 1 + n_parameters,)
        Of maxima, minima, mean and parameters; the scale of what does not vary is 1.

    Raises
    ------
    RangeError
        If a band has no value in any spectrum.
    """
    low, high = band_extremes(depth, starts)
    empty = np.flatnonzero(np.isnan(low).all(axis=0))
    if empty.size:
        raise RangeError(
            f"no training spectrum has a value in band {bands[empty[0]]} ({empty.size} such "
            f"bands), so its range is not known; leave its bins out, with Masker(drop=True) say"
        )
    seen = np.hstack([high, low, np.nanmean(depth, axis=1, keepdims=True, dtype=float)])
    least = np.concatenate([np.nanmin(seen, axis=0), ends[:, 0]])
    span = np.concatenate([np.nanmax(seen, axis=0), ends[:, 1]]) - least
    return least, np.where(span > 0, span, 1.0)


def parameter_ends(
    theta: np.ndarray | None, space: ParameterSpace | None, names: Sequence[str]
) -> np.ndarray:
    """Return least and greatest value of each parameter, shape (n_parameters, 2).

    Parameters
    ----------
    theta : ndarray of shape (n, n_parameters) or None
        Those of training; NaN is not known.
    space : ParameterSpace or None
        Their priors, whose ends are taken where there are priors.
    names : sequence of str
        Names of the parameters.

    Raises
    ------
    RangeError
        If there is no prior, and no value.
    """
    if space is not None:
        priors = [parameter.prior.distribution for parameter in space]
        closed = np.array([prior.ppf([_OPEN, 1 - _OPEN]) for prior in priors])
        return np.where(np.isfinite(space.bounds), space.bounds, closed)
    if theta is None:
        return np.empty((0, 2))
    unknown = np.flatnonzero(np.isnan(theta).all(axis=0))
    if unknown.size:
        raise RangeError(
            f"{names[unknown[0]]} is NaN in all rows of y, so its range is not known; leave the "
            f"column out, or give a space"
        )
    return np.stack([np.nanmin(theta, axis=0), np.nanmax(theta, axis=0)], axis=1)


def refuse_outside(theta: np.ndarray, names: Sequence[str], ends: np.ndarray, remedy: str) -> None:
    """Refuse parameters that an encoding cannot show.

    Parameters
    ----------
    theta : ndarray of shape (n, n_parameters)
        Parameters; NaN is not known.
    names : sequence of str
        Their names.
    ends : ndarray of shape (n_parameters, 2)
        Least and greatest value that can be shown.
    remedy : str
        What else to do than to leave a row out.

    Raises
    ------
    RangeError
        If there are more or fewer parameters, or one lies outside.
    """
    if theta.shape[1] != len(names):
        raise RangeError(
            f"the parameters have {theta.shape[1]} columns, but the encoding shows {len(names)} "
            f"({', '.join(names) or 'none'})"
        )
    low, high = ends.T
    slack = _ROUNDING * (high - low)
    outside = np.argwhere((theta < low - slack) | (theta > high + slack))
    if outside.size:
        row, k = outside[0]
        raise RangeError(
            f"{names[k]} = {theta[row, k]:g} in row {row} lies outside the encoding's range, "
            f"{low[k]:g} to {high[k]:g}; leave it out, or {remedy}"
        )


def refuse_dark(depth: np.ndarray) -> None:
    """Refuse depths that have no reciprocal, or a negative one.

    Raises
    ------
    RangeError
        Naming the first such depth.
    """
    wrong = np.argwhere(depth <= 0)
    if wrong.size:
        row, k = wrong[0]
        raise RangeError(
            f"the depth of bin {k} of spectrum {row} is {depth[row, k]:g}, but ExoGAN's encoding "
            f"takes reciprocals of depths; they must be positive, or use scaling='range'"
        )
