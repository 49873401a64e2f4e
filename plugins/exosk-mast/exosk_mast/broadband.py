"""One depth in the band of TESS or of Kepler, to stand beside a spectrum of the same planet.

The files are found and fetched as all others of this plugin are, and read by lightkurve. lightkurve
can do both itself, by astroquery's means: its search asks a resolver at an address that cannot be
set, without a time-out, and its download has none of the guarantees that exosk gives (see
:func:`exosk_mast.fetch_products`), besides a second cache.

The depth is a quick look like those of :mod:`exosk_mast.reduction`: the pipelines' light curves
(PDCSAP, corrected for what they know of other stars' light), a straight baseline for each transit,
one depth for all.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.utils.exceptions import AstropyWarning

from exosk.downloads import Cache, CacheEntry, Client
from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.spectra import SpectralGrid, Spectrum
from exosk_mast.addresses import CITATION, LICENCE
from exosk_mast.lightcurve import LimbDarkening
from exosk_mast.orbit import Orbit
from exosk_mast.programmes import fetch_products, list_products, query, resolve
from exosk_mast.reduction import CAVEAT, summary, within
from exosk_mast.transit import fit_transit

__all__ = ["BANDS", "LightCurves", "broadband_spectrum", "fetch_light_curves", "read_light_curves"]

#: Shortest and longest wavelength of each band, in um.
BANDS = {"TESS": (0.6, 1.0), "Kepler": (0.42, 0.90)}

_RADIUS = 0.006  # degrees, a pixel of TESS
_COARSE = 5 / 1440  # days
# Of each mission: MAST's provenance, and the kind of file that has a light curve.
_PRODUCTS = {"TESS": ("SPOC", "LC"), "Kepler": ("Kepler", "LLC"), "K2": ("K2", "LLC")}
_PIPELINES = {
    "TESS": "SPOC pipeline, Jenkins et al. 2016, Proc. SPIE 9913, 99133E",
    "Kepler": "Kepler pipeline, Jenkins et al. 2010, ApJL 713, L87",
}
_PERIODS = (("sector", "SECTOR"), ("quarter", "QUARTER"), ("campaign", "CAMPAIGN"))


@dataclass(frozen=True, eq=False)
class LightCurves:
    """A star's light curves from one mission.

    Attributes
    ----------
    time, flux : ndarray of shape (n,)
        BJD_TDB in days, ascending; relative to the median of each file.
    mission : str
        A key of :data:`BANDS`.
    exposure : float
        Length of an exposure, in days.
    target : str
        The star, as the files have it.
    periods : list of str
        ``"sector 10"``, ``"quarter 3"``, ...
    files : list of str
        Their names.
    """

    time: np.ndarray
    flux: np.ndarray
    mission: str
    exposure: float
    target: str
    periods: list[str]
    files: list[str]


def fetch_light_curves(
    planet: str,
    mission: str = "TESS",
    *,
    limit: int | None = None,
    cache: Cache | None = None,
    progress: Callable[[str, int, int | None], None] | None = None,
    url: str | None = None,
    client: Client | None = None,
) -> list[CacheEntry]:
    """Fetch the light curves of a planet's star.

    Parameters
    ----------
    planet : str
        Name of the planet or star.
    mission : {"TESS", "Kepler", "K2"}, default="TESS"
        Files of 2 minutes' cadence by TESS, of half an hour's by Kepler.
    limit : int, optional
        As many files at most, the earliest.
    cache, progress, url, client
        See :func:`exosk_mast.fetch_products`.

    Returns
    -------
    list of CacheEntry
        The files, earliest first.

    Raises
    ------
    UnknownNameError
        If the object is not known, was not observed, or there is no such mission.
    DownloadError
        If MAST cannot be asked, or a file not be had.
    """
    if mission not in _PRODUCTS:
        raise UnknownNameError.suggest("mission with light curves", mission, _PRODUCTS)
    provenance, kind = _PRODUCTS[mission]
    from astropy.coordinates import SkyCoord

    place = SkyCoord(*resolve(planet, client), unit="deg")
    criteria = {
        "obs_collection": mission,
        "dataproduct_type": "timeseries",
        "provenance_name": provenance,
        "coordinates": place,
        "radius": _RADIUS,
    }
    observations = query(criteria, f"light curves of {planet} by {mission}", url, client)
    if not len(observations):
        raise UnknownNameError(f"MAST has no light curve of {planet} by {mission}")
    # A neighbour may be as near as a pixel.
    apart = SkyCoord(observations["s_ra"], observations["s_dec"], unit="deg").separation(place)
    star = observations["target_name"][np.argmin(apart)]
    observations = observations[observations["target_name"] == star]
    products = list_products(observations, kind, url=url, client=client)
    return fetch_products(products[:limit], cache, progress, url=url, client=client)


def read_light_curves(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> LightCurves:
    """Read light curves of one star by one mission, through lightkurve.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Files of the TESS or Kepler pipelines.

    Returns
    -------
    LightCurves
        Without what the pipelines flag.

    Raises
    ------
    UnknownNameError
        If there is no such file.
    FileFormatError
        If one is no light curve, or they are of two missions, stars or cadences.
    """
    files = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not files:
        raise FileFormatError("no file of a light curve was given")
    read = [_read_one(Path(path)) for path in files]
    first = read[0]
    for other in read[1:]:
        for what in ("mission", "target"):
            ours, theirs = getattr(first, what), getattr(other, what)
            if ours != theirs:
                raise FileFormatError(
                    f"{first.files[0]} has the {what} {ours!r} and {other.files[0]} {theirs!r}; "
                    f"give those of one"
                )
    exposures = [one.exposure for one in read]
    if max(exposures) > max(_COARSE, 2 * min(exposures)):
        shortest, longest = (86400 * f(exposures) for f in (min, max))
        raise FileFormatError(
            f"the light curves have exposures of {shortest:.0f} and {longest:.0f} s; give those "
            f"of one cadence"
        )
    time, flux = (np.concatenate([getattr(one, key) for one in read]) for key in ("time", "flux"))
    order = np.argsort(time, kind="stable")
    if (np.diff(time[order]) <= 0).any():
        raise FileFormatError("two of the light curves have the same times; give each once")
    return LightCurves(
        time[order],
        flux[order],
        first.mission,
        max(exposures),
        first.target,
        list(dict.fromkeys(period for one in read for period in one.periods)),
        [name for one in read for name in one.files],
    )


def broadband_spectrum(
    light_curves: LightCurves,
    orbit: Orbit,
    *,
    limb_darkening: LimbDarkening = "free",
    fit_time: bool = True,
    window: float = 1.5,
    clip: float = 5.0,
    name: str | None = None,
) -> Spectrum:
    """Fit one transit depth to light curves. For science use a published depth.

    Parameters
    ----------
    light_curves : LightCurves
        From :func:`read_light_curves`.
    orbit : Orbit
        The published one; the light curves are folded at its period.
    limb_darkening : "free" or (float, float), default="free"
        Fitted, or u1 and u2 of the quadratic law.
    fit_time : bool, default=True
        Whether to fit by how much the transits are late, all by the same.
    window, clip : float
        See :func:`exosk_mast.quick_look_spectrum`.
    name : str, optional
        The planet's; the star's by default.

    Returns
    -------
    Spectrum
        Of one bin, named after the mission, to be joined to another by
        :func:`exosk.join_spectra`.

    Raises
    ------
    RangeError
        If there is no transit, or there are too few points.
    """
    near = within(light_curves.time, orbit, window)
    if not near.any():
        raise RangeError(
            f"no light curve of {light_curves.target} covers a transit by the orbit given; check "
            f"the transit time and period"
        )
    time = light_curves.time[near]
    fit = fit_transit(
        time,
        light_curves.flux[near],
        orbit,
        limb_darkening=limb_darkening,
        fit_time=fit_time,
        exposure=light_curves.exposure,
        clip=clip,
    )
    n_transits = len(np.unique(orbit.epoch(time[np.isfinite(fit.model)])))
    mission, periods = light_curves.mission, ", ".join(light_curves.periods)
    low, high = BANDS[mission]
    about = {
        "orbit": orbit.to_dict(),
        "time_system": "BJD_TDB",
        "fit": summary(fit),
        "n_transits": n_transits,
        "data": {"target": light_curves.target, "files": light_curves.files},
    }
    return Spectrum(
        SpectralGrid(np.array([low]), np.array([high])),
        np.array([fit.depth]),
        np.array([fit.depth_err]),
        name=light_curves.target if name is None else name,
        instrument=mission,
        reference=f"exosk-mast quick look of {n_transits} transits by {mission} ({periods}); not "
        f"published",
        meta={
            "notes": [
                CAVEAT,
                f"The depth is one of the whole band of {mission}, here {low:g}-{high:g} um, "
                f"whose response is not even.",
            ],
            "quick_look": about,
            "citation": f"{CITATION}. {_PIPELINES[mission]}",
            "licence": LICENCE,
        },
    )


def _read_one(path: Path) -> LightCurves:
    import lightkurve
    from lightkurve.utils import LightkurveWarning

    try:
        with warnings.catch_warnings():
            # Of units and headers that are not quite FITS, and of flags that mask many points.
            warnings.simplefilter("ignore", AstropyWarning)
            warnings.simplefilter("ignore", LightkurveWarning)
            table = lightkurve.read(path).remove_nans()
            time = np.asarray(table.time.tdb.jd, dtype=float)
            flux = np.asarray(getattr(table.flux, "value", table.flux), dtype=float)
            meta: dict[str, Any] = dict(table.meta)
    except FileNotFoundError:
        raise UnknownNameError(f"there is no file {str(path)!r}") from None
    except Exception as error:  # lightkurve raises its own and several of astropy's
        reason = " ".join(str(error).split())[:160]
        what = f"{path.name} is no light curve of TESS's or Kepler's"
        raise FileFormatError(f"{what}: {reason}") from error
    mission = str(meta.get("TELESCOP") or meta.get("MISSION") or "")
    mission = {name.casefold(): name for name in BANDS}.get(mission.casefold(), "")
    if not mission or flux.ndim != 1 or len(flux) < 2:
        raise FileFormatError(f"{path.name} is no light curve of TESS's or Kepler's")
    level = np.median(flux)
    if not level > 0:
        raise FileFormatError(f"{path.name}: the median flux is {level:g}")
    periods = [f"{word} {meta[key]}" for word, key in _PERIODS if meta.get(key) not in (None, "")]
    target = str(meta.get("OBJECT") or meta.get("LABEL") or path.stem)
    exposure = float(np.median(np.diff(time)))
    return LightCurves(time, flux / level, mission, exposure, target, periods, [path.name])
