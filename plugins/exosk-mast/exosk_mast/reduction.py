r"""From a spectral time series to transit depths: a quick look, and not for science.

**For science use a published spectrum** (Exo.MAST's, the NASA Exoplanet Archive's, the authors'
own). What is done here is the least that gives depths:

1. The pipeline's fluxes (``x1dints``) are taken as they are, less what it flags and points that
   stand out from their neighbours in time.
2. The white light curve, of all wavelengths together, is fitted with the orbit that the caller
   gives: depth, limb darkening, a straight baseline, and by how much the transit is late.
3. So is the light curve of each channel, with the time of the transit held fixed.

See :mod:`exosk_mast.transit` for the fit and its errors. What it leaves out can move a depth by
more than its error: correction of 1/f noise and of background at the level of the detector; trends
other than a straight line (the ramps of MIRI, the orbits of HST, tilts of mirrors); stellar spots,
crossed or not; companions' and neighbours' light, and the night side's; wavelength shifts during
the observation; the uncertainty of the orbit; priors for limb darkening from models of stellar
atmospheres; and any covariance of the channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.spectra import SpectralGrid, Spectrum
from exosk_mast.addresses import CITATION, LICENCE
from exosk_mast.lightcurve import LimbDarkening
from exosk_mast.orbit import Orbit
from exosk_mast.timeseries import SpectralTimeSeries
from exosk_mast.transit import TransitFit, fit_transit

__all__ = ["CAVEAT", "quick_look_spectrum", "summary", "within"]

CAVEAT = (
    "Quick look, not for science: use a published spectrum. The depths lack corrections for "
    "detector noise, trends other than a straight line, stellar spots, other stars' light and the "
    "orbit's uncertainty, and their errors lack what these contribute."
)
_OUTLYING = 6.0  # robust standard deviations
_PRESENT = 0.5  # share of the values that a wavelength, or an integration, must have


def quick_look_spectrum(
    series: SpectralTimeSeries,
    orbit: Orbit,
    grid: SpectralGrid | None = None,
    *,
    n_channels: int = 20,
    limb_darkening: LimbDarkening | Sequence[Sequence[float]] = "free",
    fit_time: bool = True,
    window: float = 1.5,
    clip: float = 5.0,
    name: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Spectrum:
    """Reduce a spectral time series to transit depths. For science use a published spectrum.

    Parameters
    ----------
    series : SpectralTimeSeries
        From :func:`exosk_mast.read_time_series`.
    orbit : Orbit
        The published one; held fixed but for the time of the transit.
    grid : SpectralGrid, optional
        Channels. By default `n_channels` with equal numbers of wavelengths.
    n_channels : int, default=20
        See `grid`.
    limb_darkening : "free", (float, float) or array-like of shape (n_channels, 2)
        Fitted in each channel, or coefficients u1 and u2 of the quadratic law: of all channels, or
        of each.
    fit_time : bool, default=True
        Whether to fit by how much the transit is late, to the white light curve.
    window : float, default=1.5
        Leave out what is further from mid-transit than so many durations of the transit.
    clip : float, default=5
        See :func:`exosk_mast.fit_transit`.
    name : str, optional
        The planet's; the target's name by default.
    progress : callable, optional
        Called with the number of channels done since the last call.

    Returns
    -------
    Spectrum
        ``meta["notes"]`` says what this is and what it lacks; ``meta["quick_look"]`` has the orbit,
        the white light curve's fit, and of each channel limb darkening, scatter and the factor for
        red noise. A channel that could not be fitted is missing.

    Raises
    ------
    GridError
        If no channel has a wavelength of the series.
    RangeError
        If the series has no transit, or too few integrations.
    """
    channels = _channels(series, grid, n_channels)
    coefficients = _coefficients(limb_darkening, channels.grid.n_bins)
    near = within(series.time, orbit, window)
    time, flux = series.time[near], series.flux[near]
    relative, level = _relative(flux, channels.usable)
    white_ld: Any = limb_darkening if _is_one(limb_darkening) else "free"
    white = fit_transit(
        time,
        _band(relative, level, channels.usable),
        orbit,
        limb_darkening=white_ld,
        fit_time=fit_time,
        clip=clip,
    )
    shifted = replace(orbit, transit_time=orbit.transit_time + white.time_shift)
    fits: list[TransitFit | None] = []
    problems = []
    for k, members in enumerate(channels.members):
        try:
            light_curve = _band(relative, level, members)
            fits.append(
                fit_transit(time, light_curve, shifted, limb_darkening=coefficients[k], clip=clip)
            )
        except RangeError as error:
            fits.append(None)
            problems.append(f"The channel at {channels.grid.wavelength[k]:.4f} um: {error}.")
        if progress is not None:
            progress(1)
    if not any(fits):
        raise RangeError(problems[0])
    notes = [CAVEAT, *series.meta.get("notes", []), *problems]
    if not near.all():
        notes.append(f"{(~near).sum()} integrations far from the transit were left out.")
    return _spectrum(series, orbit, channels.grid, white, fits, notes, name)


def within(time: np.ndarray, orbit: Orbit, window: float) -> np.ndarray:
    """Return the mask of the times that are within so many durations of a mid-transit."""
    if not window >= 1:
        raise RangeError(
            f"window={window!r} durations of the transit leave no baseline; give 1 or more"
        )
    return np.abs(orbit.phase(time)) <= window * orbit.duration()


def summary(fit: TransitFit) -> dict[str, Any]:
    """Return a fit as JSON has it."""
    return {
        "depth": fit.depth,
        "depth_err": fit.depth_err,
        "limb_darkening": list(fit.limb_darkening),
        "time_shift": fit.time_shift,
        "time_shift_err": fit.time_shift_err,
        "scatter": fit.scatter,
        "beta": fit.beta,
        "n_points": fit.n_points,
        "n_clipped": fit.n_clipped,
    }


@dataclass(frozen=True)
class _Channels:
    """Bins, the wavelengths of each, and all that are of use."""

    grid: SpectralGrid
    members: list[np.ndarray]
    usable: np.ndarray


def _channels(series: SpectralTimeSeries, grid: SpectralGrid | None, n_channels: int) -> _Channels:
    present = np.isfinite(series.flux).mean(axis=0) > _PRESENT
    level = np.zeros(len(present))
    level[present] = np.nanmedian(series.flux[:, present], axis=0)
    usable = np.flatnonzero(present & (level > 0))
    if not usable.size:
        raise RangeError(f"{series!r} has no wavelength with a positive flux most of the time")
    wavelength = series.wavelength
    if grid is not None:
        members = [
            usable[(wavelength[usable] >= low) & (wavelength[usable] < high)]
            for low, high in zip(grid.lower, grid.upper)
        ]
        if not any(m.size for m in members):
            low, high = wavelength[usable[[0, -1]]]
            raise GridError(f"no channel has a wavelength of the series, {low:.3f}-{high:.3f} um")
        return _Channels(grid, members, usable)
    if not 1 <= n_channels <= usable.size:
        raise RangeError(
            f"n_channels={n_channels!r} is not between 1 and the {usable.size} wavelengths of the "
            f"series"
        )
    inner = (wavelength[1:] + wavelength[:-1]) / 2
    ends = 2 * wavelength[[0, -1]] - inner[[0, -1]] if inner.size else wavelength[[0, -1]]
    edges = np.concatenate([ends[:1], inner, ends[1:]])
    members = np.array_split(usable, int(n_channels))
    lower, upper = (np.array([edges[m[k] + s] for m in members]) for k, s in ((0, 0), (-1, 1)))
    return _Channels(SpectralGrid(lower, upper), members, usable)


def _relative(flux: np.ndarray, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each wavelength's flux by its median in time, without outliers, and the medians."""
    level = np.full(flux.shape[1], np.nan)
    some = usable[np.isfinite(flux[:, usable]).any(axis=0)]
    level[some] = np.nanmedian(flux[:, some], axis=0)
    relative = flux / level
    # Against the star as a whole, so that the transit is no outlier.
    seen = np.isfinite(relative[:, some]).any(axis=1)
    white = np.full(len(relative), np.nan)
    white[seen] = np.nanmedian(relative[np.ix_(seen, some)], axis=1)
    apart = relative[:, some] / white[:, None]
    apart -= np.nanmedian(apart, axis=0)
    outlying = np.abs(apart) > _OUTLYING * 1.4826 * np.nanmedian(np.abs(apart), axis=0)
    relative[:, some] = np.where(outlying, np.nan, relative[:, some])
    return relative, level


def _band(relative: np.ndarray, level: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the light curve of several wavelengths together.

    Their relative fluxes are averaged, by how bright each is: where one is missing for a time, the
    sum of what remains would jump.
    """
    if not members.size:
        return np.full(len(relative), np.nan)
    weight = np.where(np.isfinite(relative[:, members]), np.nan_to_num(level[members]), 0.0)
    there = weight.sum(axis=1)
    total = np.nansum(relative[:, members] * weight, axis=1)
    enough = there > _PRESENT * np.nansum(level[members])
    return np.divide(total, there, out=np.full(len(total), np.nan), where=enough & (there > 0))


def _is_one(limb_darkening: Any) -> bool:
    return isinstance(limb_darkening, str) or np.ndim(limb_darkening) == 1


def _coefficients(limb_darkening: Any, n_channels: int) -> list[Any]:
    if _is_one(limb_darkening):
        return [limb_darkening] * n_channels
    if np.shape(limb_darkening) != (n_channels, 2):
        raise RangeError(
            f"limb_darkening has the shape {np.shape(limb_darkening)}; give 'free', (u1, u2), or "
            f"two coefficients for each of the {n_channels} channels"
        )
    return [tuple(pair) for pair in limb_darkening]


def _spectrum(
    series: SpectralTimeSeries,
    orbit: Orbit,
    grid: SpectralGrid,
    white: TransitFit,
    fits: list[TransitFit | None],
    notes: list[str],
    name: str | None,
) -> Spectrum:
    depth, sigma = (
        np.array([np.nan if fit is None else getattr(fit, key) for fit in fits])
        for key in ("depth", "depth_err")
    )
    programme = series.meta.get("programme", "")
    about = {
        "orbit": orbit.to_dict(),
        "time_system": series.time_system,
        "white_light": summary(white),
        "channels": [None if fit is None else summary(fit) for fit in fits],
        "data": {key: value for key, value in series.meta.items() if key != "notes"},
    }
    meta: dict[str, Any] = {
        "notes": notes,
        "quick_look": about,
        "citation": CITATION,
        "licence": LICENCE,
    }
    if n_missing := int(np.isnan(depth).sum()):
        meta["missing_bins"] = n_missing
    return Spectrum(
        grid,
        depth,
        sigma,
        name=str(series.meta.get("target", "")) if name is None else name,
        instrument=series.label,
        reference=f"exosk-mast quick look of {series.label}, programme {programme}, by the orbit "
        f"given; not published",
        meta=meta,
    )
