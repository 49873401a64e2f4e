"""Spectral bins.

A :class:`SpectralGrid` is a list of bins with edges, because a transit depth is always an
average over one. Averaging a finely sampled spectrum into the bins integrates its
piecewise-linear interpolant exactly; it is linear in the spectrum, so it is one sparse matrix
that serves any number of spectra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy import units as u
from scipy import sparse

from exosk.averaging import averaging_weights
from exosk.exceptions import GridError, UnitError
from exosk.units import canonical

__all__ = ["SpectralGrid", "wavelength_difference"]

# Neighbouring bins of one published spectrum touch, give or take rounding; those of several
# instruments overlap here and there. When most of them overlap by a quarter or more, full
# widths were given as half widths (HAT-P-38b of Bruno et al. 2018 circulates like that).
_SUSPECT_OVERLAP = 0.25


@dataclass(frozen=True, eq=False)
class SpectralGrid:
    """Spectral bins in ascending order of their centres.

    Parameters
    ----------
    lower, upper : array-like of shape (n_bins,)
        Edges of each bin, in um. Bins may leave gaps, and may overlap where several
        instruments were joined.

    Raises
    ------
    GridError
        If there are no bins, an edge is not finite and positive, a bin has no width, the
        centres do not ascend, or most bins overlap their neighbours.
    """

    lower: np.ndarray
    upper: np.ndarray

    def __post_init__(self) -> None:
        lower = np.atleast_1d(canonical(self.lower, "wavelength", "lower bin edges"))
        upper = np.atleast_1d(canonical(self.upper, "wavelength", "upper bin edges"))
        if lower.ndim != 1 or lower.shape != upper.shape or lower.size == 0:
            raise GridError(
                f"a grid needs as many lower as upper edges and at least one bin; got shapes "
                f"{lower.shape} and {upper.shape}"
            )
        if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
            raise GridError("bin edges must be finite numbers; a wavelength or width is missing")
        narrow = np.flatnonzero(upper <= lower)
        if narrow.size:
            k = narrow[0]
            raise GridError(f"bin {k} runs from {lower[k]:g} to {upper[k]:g} um: it has no width")
        centers = (lower + upper) / 2
        backwards = np.flatnonzero(np.diff(centers) <= 0)
        if backwards.size:
            k = backwards[0]
            raise GridError(
                f"bins must ascend, but bin {k} at {centers[k]:g} um is followed by "
                f"{centers[k + 1]:g} um; sort them (Spectrum.from_arrays does)"
            )
        if lower.size > 2:
            width = np.minimum(np.diff(centers) * 2, upper[1:] - lower[1:])
            overlap = (upper[:-1] - lower[1:]) / width
            if np.median(overlap) >= _SUSPECT_OVERLAP:
                raise GridError(
                    f"neighbouring bins overlap by {np.median(overlap):.0%} of their width, as "
                    f"when full widths are given as half widths; if so, halve them "
                    f"(for a file: width='full', or --width full on the command line)"
                )
        for name, array in (("lower", lower), ("upper", upper)):
            array = array.copy()  # the caller's own stays writable
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def from_edges(cls, edges: Any) -> SpectralGrid:
        """Build contiguous bins from their ``n_bins + 1`` ascending edges, in um."""
        edges = canonical(edges, "wavelength", "bin edges")
        if edges.ndim != 1 or edges.size < 2:
            raise GridError(f"at least two bin edges are needed, got shape {edges.shape}")
        return cls(edges[:-1].copy(), edges[1:].copy())

    @classmethod
    def from_centers(cls, wavelength: Any, half_width: Any | None = None) -> SpectralGrid:
        """Build bins from their centres and half widths, in um.

        Without half widths the edges lie half-way between neighbouring centres, and the
        outermost bins are symmetric about theirs.
        """
        centers = np.atleast_1d(canonical(wavelength, "wavelength"))
        if half_width is not None:
            # Differences of wavelengths may be smaller than any wavelength.
            half = wavelength_difference(half_width, "bin half width")
            if half.shape not in ((), centers.shape):
                raise GridError(f"{centers.size} wavelengths but {half.size} half widths")
            return cls(centers - half, centers + half)
        if centers.size < 2:
            raise GridError("a single wavelength needs a bin width; give half_width")
        middle = (centers[1:] + centers[:-1]) / 2
        first, last = 2 * centers[0] - middle[0], 2 * centers[-1] - middle[-1]
        return cls.from_edges(np.concatenate([[first], middle, [last]]))

    @classmethod
    def from_resolution(cls, low: Any, high: Any, resolution: float) -> SpectralGrid:
        """Build contiguous bins of constant resolving power between two wavelengths, in um.

        The number of bins is rounded, so that the outer edges are exactly `low` and `high`;
        the resolving power comes out within one bin of what was asked.
        """
        low, high = (canonical(x, "wavelength").item() for x in (low, high))
        if not (0 < low < high and resolution > 0):
            raise GridError(
                f"need 0 < low < high and resolution > 0; got {low:g}, {high:g}, {resolution:g}"
            )
        n_bins = max(1, round(float(np.log(high / low)) * resolution))
        return cls.from_edges(np.geomspace(low, high, n_bins + 1))

    @property
    def wavelength(self) -> np.ndarray:
        """Bin centres, in um, shape (n_bins,)."""
        return (self.lower + self.upper) / 2

    @property
    def half_width(self) -> np.ndarray:
        """Half of each bin's width, in um, shape (n_bins,)."""
        return (self.upper - self.lower) / 2

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return int(self.lower.size)

    @property
    def range(self) -> tuple[float, float]:
        """Shortest and longest wavelength covered, in um."""
        return float(self.lower.min()), float(self.upper.max())

    def __len__(self) -> int:
        return self.n_bins

    def __eq__(self, other: object) -> bool:
        """Two grids are equal when their edges agree to a part in 10^9 (file rounding)."""
        if not isinstance(other, SpectralGrid):
            return NotImplemented
        return self.n_bins == other.n_bins and bool(
            np.allclose(self.lower, other.lower, rtol=1e-9, atol=0)
            and np.allclose(self.upper, other.upper, rtol=1e-9, atol=0)
        )

    __hash__ = None  # type: ignore[assignment]  # equality within a tolerance cannot hash

    def __getitem__(self, which: Any) -> SpectralGrid:
        """Return the grid of the selected bins (slice, mask or indices)."""
        return SpectralGrid(np.atleast_1d(self.lower[which]), np.atleast_1d(self.upper[which]))

    def __repr__(self) -> str:
        low, high = self.range
        return f"SpectralGrid({self.n_bins} bins, {low:.4g}-{high:.4g} um)"

    def feature_names(self, prefix: str = "depth") -> list[str]:
        """Column names such as ``depth_1.4020um``, one a bin."""
        return [f"{prefix}_{center:.4f}um" for center in self.wavelength]

    def samples_needed(self, wavelength: Any) -> np.ndarray:
        """Tell which sample points :meth:`averaging_matrix` gives weight to.

        Parameters
        ----------
        wavelength : array-like of shape (n_wavelengths,)
            Ascending sample points that cover every bin, in um.

        Returns
        -------
        ndarray of bool, shape (n_wavelengths,)
            A matrix made for these samples alone gives the same averages.
        """
        matrix = self.averaging_matrix(wavelength)
        needed = np.zeros(matrix.shape[1], dtype=bool)
        needed[matrix.indices] = True
        return needed

    def averaging_matrix(self, wavelength: Any) -> sparse.csr_array:
        """Return the matrix that averages a sampled spectrum into the bins.

        Parameters
        ----------
        wavelength : array-like of shape (n_wavelengths,)
            Ascending sample points, in um.

        Returns
        -------
        scipy.sparse.csr_array of shape (n_bins, n_wavelengths)
            Rows sum to one. ``matrix @ depth`` is the mean over each bin of the
            piecewise-linear interpolant through the samples, exactly: averaging a constant
            gives that constant, a straight line its value at the bin's centre.

        Raises
        ------
        GridError
            If the samples do not ascend or do not cover every bin.
        """
        points = canonical(wavelength, "wavelength")
        if points.ndim != 1 or points.size < 2 or not (np.diff(points) > 0).all():
            raise GridError("sample wavelengths must be one ascending list of at least two")
        low, high = self.range
        # A grid may end where the samples do, up to the rounding of either.
        slack = 1e-9 * high
        if low < points[0] - slack or high > points[-1] + slack:
            raise GridError(
                f"bins cover {low:g}-{high:g} um but the samples only "
                f"{points[0]:g}-{points[-1]:g} um"
            )
        return averaging_weights(points, self.lower, self.upper)

    def average(self, wavelength: Any, values: Any) -> np.ndarray:
        """Average spectra of shape (..., n_wavelengths) into bins, shape (..., n_bins)."""
        matrix = self.averaging_matrix(wavelength)
        values = np.asarray(values, dtype=float)
        return np.asarray((matrix @ values.reshape(-1, values.shape[-1]).T).T).reshape(
            *values.shape[:-1], self.n_bins
        )

    def to_dict(self) -> dict[str, list[float]]:
        """Return a plain dictionary for JSON."""
        return {"lower_um": self.lower.tolist(), "upper_um": self.upper.tolist()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> SpectralGrid:
        """Build the grid that :meth:`to_dict` described."""
        return cls(np.array(content["lower_um"]), np.array(content["upper_um"]))


def wavelength_difference(value: Any, name: str) -> np.ndarray:
    """Convert a difference of wavelengths to um."""
    if isinstance(value, u.Quantity):
        try:
            return np.asarray(value.to_value(u.um), dtype=float)
        except u.UnitConversionError as error:
            raise UnitError(f"{name} is in {value.unit}; give it in um") from error
    return np.asarray(value, dtype=float)
