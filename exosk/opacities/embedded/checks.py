"""How far the embedded tables are from what they stand for.

Three errors are measured when the tables are built: that of the 16-bit quantisation, that of the
interpolation in temperature and pressure, and that of representing many lines by one value per
R = 1000 grid point. The last is expressed in ppm of transit depth, on a hot Saturn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy import constants

from exosk.opacities.binning import Mode, bin_average
from exosk.opacities.table import OpacityTable

__all__ = [
    "IMPORTANT",
    "Errors",
    "HotSaturn",
    "halved_grid_errors",
    "midpoint_errors",
    "midpoint_report",
    "quantisation_errors",
    "sampling_errors",
    "sampling_scatter",
]

#: Cross sections, cm^2, below which an error does not matter: with a volume mixing ratio of 1e-3
#: an absorber of 1e-27 needs 3 bar of a hot Saturn's limb for an optical depth of one.
IMPORTANT = 1e-27


@dataclass(frozen=True)
class Errors:
    """Relative errors of a table, in per cent, and where the worst one is."""

    median: float
    percentile_99: float
    largest: float
    where: str

    def __str__(self) -> str:
        """One line."""
        return (
            f"median {self.median:.3g} %, 99th percentile {self.percentile_99:.3g} %, "
            f"largest {self.largest:.3g} % at {self.where}"
        )


def _errors(
    approximate: np.ndarray,
    exact: np.ndarray,
    pressure: np.ndarray,
    temperature: np.ndarray,
    wavelength: np.ndarray,
    threshold: float,
) -> Errors:
    relative = 100 * np.abs(approximate / np.where(exact > 0, exact, 1.0) - 1)
    relative[exact <= threshold] = np.nan
    if np.all(np.isnan(relative)):
        return Errors(0.0, 0.0, 0.0, f"nowhere (nothing above {threshold:g} cm2)")
    p, t, w = np.unravel_index(np.nanargmax(relative), relative.shape)
    where = f"{temperature[t]:.0f} K, {pressure[p]:.1e} bar, {wavelength[w]:.4f} um"
    median, high = np.nanpercentile(relative, [50, 99])
    return Errors(float(median), float(high), float(relative[p, t, w]), where)


def quantisation_errors(table: OpacityTable, source: OpacityTable) -> Errors:
    """Error of the stored values, `table`, at the source's nodes, over all values not 'none'."""
    exact = 10.0 ** source.log_cross_section.astype(np.float64)
    stored = 10.0 ** table.log_cross_section.astype(np.float64)
    axes = (source.pressure, source.temperature, source.wavelength)
    return _errors(stored, exact, *axes, threshold=1.0001e-38)


def midpoint_errors(
    table: OpacityTable,
    temperature: np.ndarray,
    pressure: np.ndarray,
    exact: np.ndarray,
    threshold: float = IMPORTANT,
) -> Errors:
    """Interpolation error at given temperatures and pressures.

    Parameters
    ----------
    table : OpacityTable
        The table to interpolate.
    temperature, pressure : array of shape (n_temperature,), (n_pressure,)
        K and bar; all their combinations are tested.
    exact : array of shape (n_pressure, n_temperature, n_wavelength)
        Cross sections there, cm^2.
    threshold : float
        Smaller cross sections are left out.
    """
    grid_p, grid_t = np.meshgrid(pressure, temperature, indexing="ij")
    found = table.cross_section(grid_t.ravel(), grid_p.ravel()).reshape(exact.shape)
    return _errors(found, exact, pressure, temperature, table.wavelength, threshold)


def midpoint_report(
    table: OpacityTable, build: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> dict[str, Errors]:
    """Interpolation errors at true midpoints of the shared grid, from 450 K on and up to 10 bar.

    Parameters
    ----------
    table : OpacityTable
        On the grid of all embedded tables.
    build : callable
        ``build(temperature, pressure)``: exact cross sections in cm^2, pressure first.
    """
    nodes_p, nodes_t = table.pressure[[3, 6, 9]], table.temperature[[4, 9, 19]]
    middle_t = 0.5 * (table.temperature[1:] + table.temperature[:-1])[[3, 6, 9, 14, 19, 24]]
    middle_p = np.sqrt(table.pressure[1:] * table.pressure[:-1])[:10]
    # The simulator first resamples to half decades; its own midpoints are quarter decades.
    halves = np.geomspace(table.pressure[0], table.pressure[-1], 2 * table.pressure.size - 1)
    quarter = table.pressure[:10] * 10**0.25
    exact = build(nodes_t, np.sort(np.concatenate([quarter, middle_p])))
    fine = table.at_pressures(halves)
    return {
        "temperature": midpoint_errors(table, middle_t, nodes_p, build(middle_t, nodes_p)),
        "pressure": midpoint_errors(table, nodes_t, middle_p, exact[1::2]),
        "pressure, resampled to half decades": midpoint_errors(fine, nodes_t, quarter, exact[::2]),
    }


def halved_grid_errors(table: OpacityTable, axis: str, threshold: float = IMPORTANT) -> Errors:
    """Error at every second node when the table does without it.

    An upper bound of the interpolation error: the true spacing is half of what is tested here.
    Tested from 400 K on and up to 10 bar; colder nodes are far apart in 1/T.

    Parameters
    ----------
    table : OpacityTable
        The full table.
    axis : {'temperature', 'pressure'}
        Which nodes to drop.
    threshold : float
        Smaller cross sections are left out.
    """
    kept = {"temperature": table.temperature, "pressure": table.pressure}
    dropped = dict(kept)
    size = kept[axis].size
    # The end nodes stay, so that every dropped one has two neighbours.
    drop = np.arange(1, size - 1, 2)
    keep = np.setdiff1d(np.arange(size), drop)
    number = {"pressure": 0, "temperature": 1}[axis]
    cube = table.log_cross_section
    kept[axis], dropped[axis] = kept[axis][keep], dropped[axis][drop]
    coarse = OpacityTable(
        table.name,
        table.wavelength,
        kept["temperature"],
        kept["pressure"],
        np.take(cube, keep, axis=number),
        {},
    )
    exact = 10.0 ** np.take(cube, drop, axis=number).astype(np.float64)
    warm, thin = dropped["temperature"] >= 400.0, dropped["pressure"] <= 10.0
    return midpoint_errors(
        coarse,
        dropped["temperature"][warm],
        dropped["pressure"][thin],
        exact[thin][:, warm],
        threshold,
    )


@dataclass(frozen=True)
class HotSaturn:
    """An isothermal limb like WASP-39b's: shells with a constant scale height.

    Enough for a difference of depths between two sets of opacities; the simulator proper lets
    gravity fall with height.
    """

    temperature: float = 1000.0  # K
    radius: float = 1.28  # Jupiter radii, at the bottom
    scale_height: float = 900.0  # km
    star_radius: float = 0.932  # Sun's
    n_layers: int = 100
    bottom: float = 10.0  # bar
    top: float = 1e-9

    def depth(
        self,
        cross_section: np.ndarray,
        pressure: np.ndarray,
        mixing_ratio: float,
        continuum: float | np.ndarray = 0.0,
    ) -> np.ndarray:
        """Transit depth with one absorber and a continuum.

        Parameters
        ----------
        cross_section : array of shape (n_pressure, n_wavelength)
            cm^2 per molecule at `pressure`, this planet's temperature.
        pressure : array of shape (n_pressure,)
            bar.
        mixing_ratio : float
            Of the absorber.
        continuum : float or array of shape (n_pressure, n_wavelength)
            Further cross section per molecule of atmosphere, cm^2.

        Returns
        -------
        ndarray of shape (n_wavelength,)
            (Rp/Rs)^2.
        """
        levels = np.geomspace(self.bottom, self.top, self.n_layers + 1)
        height = self.scale_height * 1e5 * np.log(self.bottom / levels)
        radius = self.radius * constants.R_jup.cgs.value + height
        middle = 0.5 * (radius[1:] + radius[:-1])
        layer_pressure = np.sqrt(levels[1:] * levels[:-1])
        density = layer_pressure * 1e6 / (constants.k_B.cgs.value * self.temperature)
        # Chords through the spheres at the levels; negative squares are spheres never reached.
        chord = np.sqrt(np.maximum(radius**2 - middle[:, None] ** 2, 0.0))
        path = 2 * np.diff(chord, axis=1)
        nodes = np.log(pressure)
        below = np.searchsorted(nodes, np.log(layer_pressure), side="right") - 1
        below = np.clip(below, 0, nodes.size - 2)
        above = (np.log(layer_pressure) - nodes[below]) / (nodes[below + 1] - nodes[below])
        weights = np.zeros((self.n_layers, nodes.size))
        weights[np.arange(self.n_layers), below] = 1 - above
        weights[np.arange(self.n_layers), below + 1] = above
        column = (path * density) @ weights
        star = self.star_radius * constants.R_sun.cgs.value
        area = 2 * middle * np.diff(radius)
        total = np.empty(cross_section.shape[1])
        for start in range(0, total.size, 20_000):  # 100 layers of it are 16 MB
            part = slice(start, start + 20_000)
            extra = continuum[:, part] if isinstance(continuum, np.ndarray) else continuum
            absorbed = -np.expm1(-column @ (mixing_ratio * cross_section[:, part] + extra))
            total[part] = (radius[0] ** 2 + area @ absorbed) / star**2
        return total


def sampling_errors(
    fine: np.ndarray,
    n_bins: int,
    pressure: np.ndarray,
    mixing_ratio: float,
    continuum: float | np.ndarray = 0.0,
    planet: HotSaturn | None = None,
    per_band: int = 10,
) -> dict[str, tuple[float, float]]:
    """Error of transit depths in R = 100 bands when R = 1000 values replace resolved lines.

    Parameters
    ----------
    fine : array of shape (n_pressure, n_bins * n_samples)
        Resolved cross sections at the wavelengths of :func:`exosk.opacities.binning.bin_samples`.
    n_bins : int
        Grid points of the coarse grid.
    pressure : array of shape (n_pressure,)
        bar.
    mixing_ratio : float
        Of the absorber.
    continuum : float or array of shape (n_pressure, n_bins)
        Cross section per molecule of atmosphere, cm^2, constant over each bin.
    planet : HotSaturn, optional
        The atmosphere.
    per_band : int
        Grid points a band; 10 make R = 100 of R = 1000.

    Returns
    -------
    dict of str to (float, float)
        For each mode the root mean square and the largest error, ppm. 'sample' is averaged over
        20 positions of the samples in their bins, because one alone is a matter of luck.
    """
    planet = planet or HotSaturn()
    n_samples = fine.shape[1] // n_bins
    n_bands = n_bins // per_band

    def bands(depth: np.ndarray) -> np.ndarray:
        per_bin = depth.reshape(n_bins, -1).mean(axis=1)
        return 1e6 * per_bin[: n_bands * per_band].reshape(n_bands, per_band).mean(axis=1)

    def coarse_depth(cross_section: np.ndarray) -> np.ndarray:
        return bands(planet.depth(cross_section, pressure, mixing_ratio, continuum))

    wide = np.repeat(continuum, n_samples, axis=1) if np.ndim(continuum) else continuum
    truth = bands(planet.depth(fine, pressure, mixing_ratio, wide))
    result: dict[str, tuple[float, float]] = {}
    modes: tuple[Mode, ...] = ("mean", "log_mean", "power_mean")
    errors = {m: [coarse_depth(bin_average(fine, n_bins, m)) - truth] for m in modes}
    phases = ((np.arange(20) + 0.5) / 20 * n_samples).astype(int)
    errors["sample"] = [coarse_depth(fine[:, phase::n_samples]) - truth for phase in phases]
    for mode, difference in errors.items():
        rms = float(np.sqrt(np.mean(np.square(difference))))
        result[mode] = (rms, float(np.max(np.abs(difference))))
    return result


def sampling_scatter(
    cross_section: np.ndarray,
    pressure: np.ndarray,
    mixing_ratio: float,
    part: np.ndarray | slice = slice(None),
    per_band: int = 10,
) -> float:
    """Estimate the sampling error of monochromatic samples where no resolved lines are known.

    Neighbouring samples differ by chance, so half the mean square of their differences in
    transit depth estimates the variance of one, and a tenth of it that of a band's mean. The slope
    of the spectrum adds to it: a slight overestimate.

    Parameters
    ----------
    cross_section : array of shape (n_pressure, n_wavelength)
        cm^2 per molecule at the temperature of the standard :class:`HotSaturn`.
    pressure : array of shape (n_pressure,)
        bar.
    mixing_ratio : float
        Of the absorber.
    part : mask or slice
        The wavelengths to look at.
    per_band : int
        Grid points a band.

    Returns
    -------
    float
        Root mean square over the wavelengths at which the absorber matters, ppm.
    """
    cross_section = cross_section[:, part]
    depth = 1e6 * HotSaturn().depth(cross_section, pressure, mixing_ratio, continuum=1e-27)
    matters = cross_section[pressure <= 1.0].max(axis=0) > IMPORTANT
    pairs = matters[1:] & matters[:-1]
    variance = 0.5 * np.mean(np.diff(depth)[pairs] ** 2) if pairs.any() else 0.0
    return float(np.sqrt(variance / per_band))
