"""The sum of many line profiles, on nested grids: fine at line centres, coarse in the wings.

A profile V(x) is cut into parts that vanish beyond a radius and are smooth inside a smaller one,
and each is laid on a grid as coarse as it allows (multilevel summation, Skeel, Tezcan & Hardy
2002, J. Comput. Chem. 23, 673; for spectra, Fomin 1995, JQSRT 53, 663). In s = x^2, let T_r(s) be
the Taylor polynomial of V of second order about s = r^2, and V_r be V beyond r and T_r within.
With radii r_1 < r_2 = 2 r_1 < ... up to the cut-off c,

    V = (V - V_{r_1}) + (V_{r_1} - V_{r_2}) + ... + (V_{r_K} - T_c) + T_c    for |x| < c.

Part 0 is evaluated on the finest grid with step h, part k on one with step 2^k h and brought down
by cubic interpolation, and T_c, which ends in a step at the cut-off, on grids of at most
`EDGE_STEP`, by linear interpolation, the step spread over one cell. A line so costs some 30
evaluations a part whatever the reach of its wings. The grids are uniform in ln(wavenumber):
Doppler widths, which are proportional to wavenumber, are then the same everywhere. Beyond r_1 the
profile is the two-term continued fraction of Humlicek (1982, JQSRT 27, 437), a rational function
of s. Where the Lorentzian is many times wider than a part's radius, that part is nothing and is
left out.

Pressures share what is linear in them. Where y, the ratio of the widths, is below `DILUTE`, the
whole profile is a Gaussian plus P times a wing,

    Re w(x + iy) = exp(-x^2) - (2 y / sqrt pi) (1 - 2 x F(x)),    F Dawson's integral;

elsewhere the parts whose radius is more than `FAR_WING` Lorentzian half widths, to (1/30)^2 of
themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import numpy as np
from scipy.special import dawsn, wofz

from exosk.opacities.lines import LogGrid, Profiles

__all__ = ["PressureSums"]

#: y up to which a profile is taken as linear in it: the relative error is about y^2 in the core
#: and ten times that at the feet of the Gaussian.
DILUTE = 0.01
#: Half widths from line centre beyond which the wing is taken as proportional to pressure.
FAR_WING = 30.0
EDGE_STEP = 0.25  # cm-1, largest step of the grid on which wings end

# Steps of a level in its inner radius: cubic interpolation of 1/x^2 then errs by 7e-4 at most.
_PER_RADIUS = 8
# x^2 + y^2 beyond which the continued fraction is good to 1e-4, as in line_by_line.voigt.
_FAR = 225.0
# A part is left out where the Lorentzian half width is so many times its outer radius: it is
# then (1/8)^6, 4e-6, of the profile.
_WIDE = 8.0
_BLOCK = 1 << 13  # values worked on at once: a dozen arrays of them stay in a processor's cache

_Core = Callable[[np.ndarray, np.ndarray], np.ndarray]


class PressureSums:
    """Sums of Voigt profiles at one temperature and any pressure.

    Parameters
    ----------
    profiles : Profiles
        The lines.
    grid : LogGrid
        Where to evaluate. What is shared among pressures is worth more where it spans a factor
        of a few in wavenumber at most, because radii go with wavenumber and pressure widths do
        not.
    cutoff : float
        Where wings end, cm^-1 from line centre.
    """

    def __init__(self, profiles: Profiles, grid: LogGrid, cutoff: float) -> None:
        self._lines, self._grid, self._cutoff = profiles, grid, cutoff
        self._wide = profiles.lorentz / profiles.centre  # per bar, relative
        self._y = self._wide / (np.sqrt(2.0) * profiles.doppler)
        self._linear = _Parts(profiles, grid, cutoff, 1.0, dilute=True)
        self._shared: dict[int, np.ndarray] = {}

    def at(self, pressure: float) -> np.ndarray:
        """Cross section at a pressure.

        Parameters
        ----------
        pressure : float
            bar.

        Returns
        -------
        ndarray of shape (grid.size,)
            cm^2 per molecule.
        """
        if self._lines.centre.size == 0:
            return np.zeros(self._grid.size)
        if pressure * self._y.max() < DILUTE:
            total = self._gaussian + pressure * self._per_pressure
        else:
            exact = _Parts(self._lines, self._grid, self._cutoff, pressure)
            reach = FAR_WING * pressure * float(self._wide.max())
            n = exact.n_parts
            shared_from = next((k for k in range(1, n) if exact.radius(k) > reach), n)
            smooth = [exact.core(_voigt), *(exact.wing(k) for k in range(1, shared_from))]
            smooth += [pressure * self._share(k) for k in range(shared_from, n)]
            if reach < exact.edge.min():
                stepped = [pressure * part for part in self._edges]
            else:
                stepped = exact.edges()
            total = _collect(smooth, stepped, self._grid.size)
        # Cubic interpolation undershoots by 1e-4 of a wing where that ends.
        return np.maximum(total, 0.0, out=total)

    def _share(self, level: int) -> np.ndarray:
        if level not in self._shared:
            self._shared[level] = self._linear.wing(level)
        return self._shared[level]

    @cached_property
    def _edges(self) -> list[np.ndarray]:
        return self._linear.edges()

    @cached_property
    def _gaussian(self) -> np.ndarray:
        part = self._linear.core(lambda s, y: np.exp(-s), wings=False)
        return _collect([part], [], self._grid.size)

    @cached_property
    def _per_pressure(self) -> np.ndarray:
        wings = [self._share(k) for k in range(1, self._linear.n_parts)]
        smooth = [self._linear.core(_dilute), *(part.copy() for part in wings)]
        return _collect(smooth, [part.copy() for part in self._edges], self._grid.size)


def _voigt(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    return wofz(np.sqrt(s) + 1j * y).real


def _dilute(s: np.ndarray, y: np.ndarray) -> np.ndarray:
    x = np.sqrt(s)
    return (4.0 * x * dawsn(x) - 2.0) * y / np.sqrt(np.pi)


class _Fraction:
    """R(s) = y (a + s) / (s^2 + b s + a^2) / sqrt(pi), s in units of twice the Doppler variance."""

    def __init__(self, y: np.ndarray, y2: np.ndarray) -> None:
        self.a = 0.5 + y2
        self.b = 2.0 * y2 - 1.0
        self.a2 = self.a * self.a
        self.y = y / np.sqrt(np.pi)

    def taylor(self, s: np.ndarray) -> np.ndarray:
        """Coefficients of 1, s and s^2 of the polynomial about s, of shape (3, n_lines)."""
        below = s * (s + self.b) + self.a2
        slope_below = 2.0 * s + self.b
        value = (self.a + s) / below
        first = (1.0 - value * slope_below) / below
        second = -(first * slope_below + value) / below  # half the second derivative
        constant = value - s * (first - s * second)
        return self.y * np.array([constant, first - 2.0 * s * second, second])


class _Parts:
    """The parts of one sum, each on its own grid."""

    def __init__(
        self,
        lines: Profiles,
        grid: LogGrid,
        cutoff: float,
        pressure: float,
        *,
        dilute: bool = False,
    ) -> None:
        self.grid = grid
        self.centre = lines.centre if dilute else lines.centre + pressure * lines.shift
        self.variance = 2.0 * lines.doppler**2  # s = (relative offset)^2 / variance
        self.width = pressure * lines.lorentz / lines.centre
        self.y = self.width / np.sqrt(self.variance)
        if dilute:
            self.width = np.zeros_like(self.y)
        self.fraction = _Fraction(self.y, np.zeros_like(self.y) if dilute else self.y**2)
        self.amplitude = lines.strength / np.sqrt(np.pi * self.variance) / lines.centre
        self.edge = cutoff / lines.centre  # the cut-off, relative
        # r_1 is 2 per_radius steps of the finest grid, and lies where the fraction is good.
        reach = float(np.sqrt(_FAR * self.variance.max(initial=0.0)))
        self.per_radius = max(_PER_RADIUS, int(np.ceil(0.5 * reach / grid.step)))
        ratio = self.edge.max(initial=0.0) / self.radius(1)
        self.n_parts = 1 + max(0, int(np.ceil(np.log2(max(ratio, 1.0)))))

    def radius(self, number: int) -> float:
        """r_k, relative to the line's wavenumber."""
        return self.per_radius * 2.0**number * self.grid.step

    def core(self, core: _Core, *, wings: bool = True) -> np.ndarray:
        """V - V_{r_1}, or V - T_c where the cut-off is nearer; V alone without wings."""
        total = np.zeros(self.grid.nodes(0))
        outer = np.minimum(self.radius(1), self.edge)
        last = outer**2 / self.variance
        polynomial = self.fraction.taylor(last) if wings else np.zeros((3, last.size))
        chosen = np.flatnonzero(self.width < _WIDE * outer)
        for index, part, s in self._windows(0, chosen, outer):
            limit = last[part][:, None]
            value = core(s, self.y[part][:, None])
            c0, c1, c2 = polynomial[:, part, None]
            value -= (c2 * s + c1) * s + c0
            value[s >= limit] = 0.0
            value *= self.amplitude[part][:, None]
            _accumulate(total, index, value)
        return total

    def wing(self, level: int) -> np.ndarray:
        """V_{r_k} - V_{r_(k+1)}, or V_{r_k} - T_c where the cut-off is nearer."""
        total = np.zeros(self.grid.nodes(level))
        inner, outer = self.radius(level), np.minimum(self.radius(level + 1), self.edge)
        first, last = inner**2 / self.variance, outer**2 / self.variance
        fraction = self.fraction
        inside, polynomial = fraction.taylor(first), fraction.taylor(last)
        chosen = np.flatnonzero((inner < self.edge) & (self.width < _WIDE * outer))
        for index, part, s in self._windows(level, chosen, outer):
            np.minimum(s, last[part][:, None], out=s)
            below = s + fraction.b[part][:, None]
            below *= s
            below += fraction.a2[part][:, None]
            value = s + fraction.a[part][:, None]
            value /= below
            value *= fraction.y[part][:, None]
            c0, c1, c2 = inside[:, part, None]
            np.copyto(value, (c2 * s + c1) * s + c0, where=s < first[part][:, None])
            c0, c1, c2 = polynomial[:, part, None]
            c2 = s * c2
            c2 += c1
            c2 *= s
            value -= c2
            value -= c0
            value *= self.amplitude[part][:, None]
            _accumulate(total, index, value)
        return total

    def edges(self) -> list[np.ndarray]:
        """T_c with its step at the cut-off, each line on a grid of at most `EDGE_STEP`."""
        ratio = EDGE_STEP / (self.centre * self.grid.step)
        levels = np.floor(np.log2(np.maximum(ratio, 1.0))).astype(int)
        coefficients = self.fraction.taylor(self.edge**2 / self.variance) * self.amplitude
        totals = [np.zeros(self.grid.nodes(k)) for k in range(levels.max(initial=0) + 1)]
        for level in np.unique(levels):
            chosen = np.flatnonzero(levels == level)
            step = self.grid.step * 2.0 ** int(level)
            scale = np.sqrt(self.variance)
            for index, part, s in self._windows(level, chosen, self.edge + step):
                offset = np.sqrt(s)
                offset *= scale[part][:, None]
                # The share of the node's cell that lies within the cut-off.
                share = self.edge[part][:, None] - offset
                share /= step
                share += 0.5
                np.clip(share, 0.0, 1.0, out=share)
                c0, c1, c2 = coefficients[:, part, None]
                value = s * c2
                value += c1
                value *= s
                value += c0
                value *= share
                _accumulate(totals[level], index, value)
        return totals

    def _windows(
        self, level: int, chosen: np.ndarray, outer: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Blocks of lines: nodes in reach (n, width), lines (n,), and s at the nodes.

        Nodes that are not in a line's reach, because another's window is wider, have an infinite
        offset's s, 1e30.
        """
        step = self.grid.step * 2.0**level
        size = self.grid.nodes(level)
        centre, radius = self.centre[chosen], outer[chosen]
        origin = self.grid.start - step
        middle = (np.log(centre) - origin) / step
        # Lower sides reach farther in ln(wavenumber), below zero wavenumber for ever.
        down = np.log1p(-np.minimum(radius, 0.999)) / step
        low = np.maximum(np.floor(middle + down).astype(np.int64), 0)
        high = np.minimum(np.ceil(middle + np.log1p(radius) / step).astype(np.int64), size - 1)
        seen = high >= low
        chosen, centre, low, width = chosen[seen], centre[seen], low[seen], (high - low + 1)[seen]
        inverse, scale = 1.0 / centre, 1.0 / self.variance[chosen]
        node = np.exp(origin + step * np.arange(size))
        begin = 0
        while begin < chosen.size:
            block = slice(begin, begin + max(_BLOCK // int(width[begin]), 1))
            widest = int(width[block].max())
            index = low[block, None] + np.arange(widest)
            surplus = widest > int(width[block].min())
            if surplus:
                beyond = np.arange(widest) >= width[block, None]
                np.minimum(index, size - 1, out=index)
            s = node[index]
            s *= inverse[block, None]
            s -= 1.0
            s *= s
            s *= scale[block, None]
            if surplus:
                s[beyond] = 1e30
            yield index, chosen[block], s
            begin = block.stop


def _accumulate(target: np.ndarray, index: np.ndarray, value: np.ndarray) -> None:
    low = int(index[:, 0].min())
    high = int(index[:, -1].max()) + 1
    index = index - low
    target[low:high] += np.bincount(index.ravel(), value.ravel(), high - low)


def _collect(smooth: list[np.ndarray], stepped: list[np.ndarray], size: int) -> np.ndarray:
    """Bring all parts down to the finest grid; works in their arrays."""
    total = smooth.pop()
    while smooth:
        total = _refine(total, smooth.pop(), cubic=True)
    if stepped:
        edges = stepped.pop()
        while stepped:
            edges = _refine(edges, stepped.pop(), cubic=False)
        total += edges
    return total[1 : size + 1]


def _refine(coarse: np.ndarray, fine: np.ndarray, *, cubic: bool) -> np.ndarray:
    """Add a coarse grid's values to those of the grid of half its step.

    Both have one node before the grid's start, so that coarse node j is fine node 2 j - 1.
    """
    fine[1::2] += coarse[1 : 1 + fine.size // 2]
    middle = 0.5 * (coarse[:-1] + coarse[1:])
    if cubic:
        middle[1:-1] *= 1.125
        middle[1:-1] -= 0.0625 * (coarse[:-3] + coarse[3:])
    fine[0::2] += middle[: (fine.size + 1) // 2]
    return fine
