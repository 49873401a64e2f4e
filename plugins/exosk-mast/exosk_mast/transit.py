r"""A transit's depth from a light curve, by least squares.

The model of each transit is :math:`(c_0 + c_1 t)\,[1 + F(t)]`, a straight baseline times the light
curve of a limb-darkened star (Agol, Luger & Foreman-Mackey 2020, AJ 159, 123, by the library
exoplanet-core; quadratic law). Baselines enter linearly: for given parameters of the transit they
are solved for exactly, and what is minimised is what they leave over (variable projection, Golub &
Pereyra 1973), so that the depth's error contains theirs. Free limb darkening is sampled in
:math:`q_1 = (u_1 + u_2)^2` and :math:`q_2 = u_1 / 2 (u_1 + u_2)`, between 0 and 1 (Kipping 2013,
MNRAS 435, 2152). The depth may become negative, as the mirror image of a transit, so that a planet
too small to be seen has a depth of zero on average; not where the time of the transit is fitted.

Errors are from the covariance at the minimum, scaled by the scatter that was found, and by
:math:`\beta \ge 1`, by how much bins about as long as ingress scatter more than independent points
would (time averaging: Pont et al. 2006, MNRAS 373, 231; Winn et al. 2008, ApJ 683, 1076).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import OptimizeResult, least_squares
from scipy.stats import median_abs_deviation

from exosk.exceptions import RangeError
from exosk_mast.lightcurve import (
    LimbDarkening,
    fixed_limb_darkening,
    red_noise,
    transit_shape,
)
from exosk_mast.orbit import Orbit

__all__ = ["TransitFit", "fit_transit"]

_DEEPEST, _HIGHEST = 0.2, -0.05  # bounds of the depth; what exosk takes for one
_START = (0.3, 0.3)  # q1, q2
_LEAST = 10  # points, beside those that parameters take


@dataclass(frozen=True, eq=False)
class TransitFit:
    """A fitted transit.

    Attributes
    ----------
    depth, depth_err : float
        (Rp/Rs)^2 and its 1-sigma error, plain fractions.
    limb_darkening : tuple of float
        u1 and u2, fitted or as given.
    time_shift, time_shift_err : float
        By how much the transit is later than the orbit says, in days; 0 and 0 where that was not
        fitted.
    scatter : float
        Standard deviation of the residuals, relative to the star's flux.
    beta : float
        By how much red noise enlarged the errors; 1 for none.
    n_points, n_clipped : int
        How many points were fitted, and how many had been left out as outliers.
    model, residuals : ndarray of shape (n,)
        Relative flux at all times given, and what is left over; NaN where there was no flux.
    """

    depth: float
    depth_err: float
    limb_darkening: tuple[float, float]
    time_shift: float
    time_shift_err: float
    scatter: float
    beta: float
    n_points: int
    n_clipped: int
    model: np.ndarray
    residuals: np.ndarray


def fit_transit(
    time: Any,
    flux: Any,
    orbit: Orbit,
    *,
    limb_darkening: LimbDarkening = "free",
    fit_time: bool = False,
    exposure: float = 0.0,
    clip: float = 5.0,
) -> TransitFit:
    """Fit one transit, or several of one planet with one depth.

    Parameters
    ----------
    time : array-like of shape (n,)
        BJD_TDB in days.
    flux : array-like of shape (n,)
        In any unit; NaN is missing. Each transit has a baseline of its own.
    orbit : Orbit
        Held fixed.
    limb_darkening : "free" or (float, float), default="free"
        Fitted, or u1 and u2 of the quadratic law.
    fit_time : bool, default=False
        Whether to fit by how much the transits are late, up to half their duration.
    exposure : float, default=0
        Length of an exposure in days, over which the model is averaged where that matters.
    clip : float, default=5
        Points further than so many robust standard deviations from a first fit are left out.

    Returns
    -------
    TransitFit

    Raises
    ------
    RangeError
        If there are too few points, or none within a transit or outside.
    UnknownNameError
        If `limb_darkening` is no such thing.
    """
    time, flux = (np.asarray(values, dtype=float) for values in (time, flux))
    if time.ndim != 1 or time.shape != flux.shape:
        raise RangeError(f"a light curve has times {time.shape} and fluxes {flux.shape}")
    fixed = fixed_limb_darkening(limb_darkening)
    problem = _Problem(orbit, time, flux, fixed, fit_time, exposure)
    good = problem.usable()
    result = problem.solve(good)
    spread = median_abs_deviation(problem.residuals(result.x, good), scale="normal")
    kept = good.copy()
    kept[good] = np.abs(problem.residuals(result.x, good)) <= clip * max(spread, 1e-12)
    if kept.sum() < good.sum() and problem.is_enough(kept):
        result = problem.solve(kept)
    else:
        kept = good
    return problem.describe(result, kept, int(good.sum() - kept.sum()))


class _Problem:
    """One light curve, what is free, and what is left over for given parameters."""

    def __init__(
        self,
        orbit: Orbit,
        time: np.ndarray,
        flux: np.ndarray,
        fixed: tuple[float, float] | None,
        fit_time: bool,
        exposure: float,
    ) -> None:
        self.orbit, self.time, self.fixed, self.fit_time = orbit, time, fixed, fit_time
        self.exposure = exposure
        self.length = orbit.duration()
        self.phase = orbit.phase(time)
        self.ramp = self.phase / self.length
        _, self.event = np.unique(orbit.epoch(time), return_inverse=True)
        self.n_events = int(self.event.max(initial=-1)) + 1
        self.flux = self._relative(flux)
        self.inside = orbit.separation(self.phase) < 1
        self.scale = 1e-3

    def _relative(self, flux: np.ndarray) -> np.ndarray:
        """Divide each transit's fluxes by their median, for numbers near 1."""
        relative = np.full(flux.shape, np.nan)
        for k in range(self.n_events):
            those = (self.event == k) & np.isfinite(flux) & np.isfinite(self.time)
            level = np.median(flux[those]) if those.any() else 0.0
            if level > 0:
                relative[those] = flux[those] / level
        return relative

    @property
    def n_free(self) -> int:
        return 1 + 2 * (self.fixed is None) + self.fit_time

    def is_enough(self, good: np.ndarray) -> bool:
        """Tell whether points determine the parameters."""
        inside, outside = (good & self.inside).sum(), (good & ~self.inside).sum()
        n_lines = len(np.unique(self.event[good]))
        enough = good.sum() >= self.n_free + 2 * n_lines + _LEAST
        return bool(enough and inside >= 3 and outside >= 3)

    def usable(self) -> np.ndarray:
        """Return the mask of points that can be fitted.

        Transits that lack points within or outside say nothing of the depth, and are left out.
        """
        good = np.isfinite(self.flux)
        for k in range(self.n_events):
            those = good & (self.event == k)
            if (those & self.inside).sum() < 3 or (those & ~self.inside).sum() < 3:
                good[those] = False
        if not self.is_enough(good):
            n = np.isfinite(self.flux)
            raise RangeError(
                f"the light curve has {n.sum()} points, {(n & self.inside).sum()} of them within a "
                f"transit by the orbit given, which is too few for a depth: check the transit "
                f"time, period and time system, or take more observations"
            )
        return good

    def unpack(self, x: np.ndarray) -> tuple[float, float, float, float]:
        """Return depth, u1, u2 and the shift in time."""
        depth = float(x[0]) * self.scale
        if self.fixed is None:
            root = np.sqrt(x[1])
            u1, u2 = 2 * root * x[2], root * (1 - 2 * x[2])
        else:
            u1, u2 = self.fixed
        return depth, float(u1), float(u2), float(x[-1]) * self.length if self.fit_time else 0.0

    def shape(self, x: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the transit without a baseline, at some of the points."""
        depth, u1, u2, shift = self.unpack(x)
        phase = self.phase[which] - shift
        return transit_shape(phase, self.orbit, depth, u1, u2, self.exposure)

    def baselines(self, m: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return level and slope of each transit's best baseline, given the transit's shape."""
        k, t, y = self.event[good], self.ramp[good], self.flux[good]

        def total(values: np.ndarray) -> np.ndarray:
            return np.bincount(k, values, self.n_events)

        s0, s1, s2 = total(m * m), total(m * m * t), total(m * m * t * t)
        b0, b1 = total(m * y), total(m * y * t)
        determinant = s0 * s2 - s1 * s1
        determinant[determinant == 0] = 1.0  # of transits without points
        return (s2 * b0 - s1 * b1) / determinant, (s0 * b1 - s1 * b0) / determinant

    def model(self, x: np.ndarray, good: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Return the relative flux at some points, with the baselines of the good ones."""
        m = self.shape(x, good)
        level, slope = self.baselines(m, good)
        m = m if which is good else self.shape(x, which)
        k = self.event[which]
        return m * (level[k] + slope[k] * self.ramp[which])

    def residuals(self, x: np.ndarray, good: np.ndarray) -> np.ndarray:
        """Return what is left over at the good points."""
        return self.flux[good] - self.model(x, good, good)

    def solve(self, good: np.ndarray) -> OptimizeResult:
        """Minimise the sum of squares."""
        outside, inside = (
            np.median(self.flux[good & which]) for which in (~self.inside, self.inside)
        )
        guess = float(np.clip(1 - inside / outside, 1e-5, 0.8 * _DEEPEST))
        self.scale = max(guess, 1e-4)
        # With the time free as well, any bump beside the transit would be one of negative depth.
        highest = 0.0 if self.fit_time else _HIGHEST
        start, low, high = [guess / self.scale], [highest / self.scale], [_DEEPEST / self.scale]
        if self.fixed is None:
            start, low, high = [*start, *_START], [*low, 1e-6, 0.0], [*high, 1.0, 1.0]
        if self.fit_time:
            start, low, high = [*start, 0.0], [*low, -0.5], [*high, 0.5]
        return least_squares(
            self.residuals, start, jac="3-point", bounds=(low, high), x_scale="jac", args=(good,)
        )

    def describe(self, result: OptimizeResult, good: np.ndarray, n_clipped: int) -> TransitFit:
        """Return the fit with its errors."""
        rest = self.residuals(result.x, good)
        n_lines = len(np.unique(self.event[good]))
        freedom = good.sum() - self.n_free - 2 * n_lines
        variance = float(rest @ rest) / freedom
        order = np.argsort(self.time[good], kind="stable")
        ingress = 0.1 * self.length
        beta = red_noise(self.time[good][order], rest[order], ingress, 4 * ingress)
        # A limb darkening at its bound is known no better than by the curvature there.
        errors = np.sqrt(np.diag(np.linalg.pinv(result.jac.T @ result.jac)) * variance) * beta
        depth, u1, u2, shift = self.unpack(result.x)
        depth_err = float(errors[0]) * self.scale
        if self.fit_time and (abs(result.x[-1]) > 0.499 or depth < depth_err):
            raise RangeError(
                f"the transit is more than half its duration ({self.length * 12:.2f} h) from where "
                f"the orbit has it, or is not seen; check the transit time, period and time "
                f"system, or hold the time fixed with fit_time=False"
            )
        if not (np.isfinite(depth_err) and depth_err > 0):
            raise RangeError("the light curve does not determine a depth; it may have no noise")
        there = np.isfinite(self.flux) & np.isin(self.event, self.event[good])
        model = np.full(self.time.shape, np.nan)
        model[there] = self.model(result.x, good, there)
        return TransitFit(
            depth,
            depth_err,
            (u1, u2),
            shift,
            float(errors[-1]) * self.length if self.fit_time else 0.0,
            float(np.sqrt(variance)),
            beta,
            int(good.sum()),
            n_clipped,
            model,
            self.flux - model,
        )
