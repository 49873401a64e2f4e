"""One observed spectrum, in its bins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exosk.exceptions import GridError, UnitError
from exosk.grids import SpectralGrid, wavelength_difference
from exosk.units import canonical

__all__ = ["SpectralGrid", "Spectrum", "find_bins"]

# Edges that agree to this are one bin's, read from different files; as equal grids have it.
_SAME_EDGE = 1e-9
# Ends of instruments' ranges are rounded to this in files, in um.
_ROUNDED = 1e-6


@dataclass(frozen=True, eq=False)
class Spectrum:
    """One observed transmission spectrum.

    Parameters
    ----------
    grid : SpectralGrid
        The bins.
    depth : array-like of shape (n_bins,)
        Transit depth (Rp/Rs)^2, a plain fraction. NaN is a missing bin.
    sigma : array-like of shape (n_bins,)
        1-sigma errors of the depth; NaN only where the depth is missing.
    name : str, default=""
        What was observed, as in ``"WASP-39 b"``.
    instrument, reference : str, default=""
        With what, and where it was published.
    meta : dict, optional
        Anything else worth keeping, as JSON has it; readers put the system's published
        parameters here (``star_radius``, ``planet_mass``, ...). Where several instruments were
        joined, ``"instruments"`` are their names and ``"instrument"`` is the index into these of
        each bin; both follow the bins that are selected (:meth:`by_instrument`).

    Raises
    ------
    GridError
        If the lengths differ or every bin is missing.
    UnitError
        If depths or errors are in another unit, or an error is not positive.
    """

    grid: SpectralGrid
    depth: np.ndarray
    sigma: np.ndarray
    name: str = ""
    instrument: str = ""
    reference: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        depth = np.array(canonical(self.depth, "depth", "transit depth"))
        sigma = np.array(canonical(self.sigma, "depth", "transit depth error"))
        for label, array in (("depths", depth), ("errors", sigma)):
            if array.shape != (self.grid.n_bins,):
                raise GridError(f"{self.grid.n_bins} bins but {label} of shape {array.shape}")
        missing = np.isnan(depth)
        if missing.all():
            raise GridError("every transit depth is missing")
        bad = np.flatnonzero(~missing & ~(sigma > 0))
        if bad.size:
            k = bad[0]
            raise UnitError(
                f"the error of bin {k} ({self.grid.wavelength[k]:.4f} um) is {sigma[k]:g}; "
                f"errors must be positive ({bad.size} of {depth.size} are not)"
            )
        sigma[missing] = np.nan
        for label, array in (("depth", depth), ("sigma", sigma)):
            array.flags.writeable = False
            object.__setattr__(self, label, array)

    @classmethod
    def from_arrays(
        cls,
        wavelength: Any,
        depth: Any,
        sigma: Any,
        half_width: Any | None = None,
        **info: Any,
    ) -> Spectrum:
        """Build a spectrum from arrays in any order of wavelength.

        Parameters
        ----------
        wavelength, depth, sigma : array-like or Quantity of shape (n_bins,)
            Bin centres (um), transit depths and errors (fractions).
        half_width : array-like or Quantity, optional
            Half of each bin's width, in um; half-way between neighbours when not given.
        **info
            `name`, `instrument`, `reference`, `meta`.
        """
        centers = np.atleast_1d(canonical(wavelength, "wavelength"))
        order = np.argsort(centers, kind="stable")
        if half_width is not None:
            half_width = np.broadcast_to(
                wavelength_difference(half_width, "bin half width"), centers.shape
            )
            half_width = half_width[order]
        grid = SpectralGrid.from_centers(centers[order], half_width)
        columns = []
        for label, values in (("transit depth", depth), ("transit depth error", sigma)):
            column = np.atleast_1d(canonical(values, "depth", label))
            if column.shape != centers.shape:
                raise GridError(f"{centers.size} wavelengths but {label} of shape {column.shape}")
            columns.append(column[order])
        depths, errors = columns
        return cls(grid, depths, errors, **info)

    @property
    def wavelength(self) -> np.ndarray:
        """Bin centres, in um."""
        return self.grid.wavelength

    @property
    def half_width(self) -> np.ndarray:
        """Half widths of the bins, in um."""
        return self.grid.half_width

    @property
    def observed(self) -> np.ndarray:
        """Mask of the bins that are not missing, shape (n_bins,)."""
        return ~np.isnan(self.depth)

    def __len__(self) -> int:
        return self.grid.n_bins

    def __repr__(self) -> str:
        label = ", ".join(part for part in (self.name, self.instrument) if part)
        return f"Spectrum({label or 'unnamed'}: {self.grid!r})"

    def __getitem__(self, which: Any) -> Spectrum:
        """Return the spectrum of the selected bins (slice, mask or indices).

        Raises
        ------
        GridError
            If none is selected, or none of these was observed.
        """
        depth, sigma = np.atleast_1d(self.depth[which]), np.atleast_1d(self.sigma[which])
        return self.replace(grid=self.grid[which], depth=depth, sigma=sigma)

    # One bin after the other is no sequence of spectra to join, though Python would make it one.
    __iter__ = None

    def by_instrument(self) -> list[tuple[str, np.ndarray]]:
        """Tell the bins of each instrument.

        Returns
        -------
        list of (str, ndarray of bool of shape (n_bins,))
            Instruments that have bins, by name. They are those of ``meta["instruments"]``, or of
            a file's ``meta["instrument_ranges_um"]`` where each bin lies in one range only; all
            bins are one instrument's where nothing tells them apart.
        """
        known = _indexed(self.meta, len(self)) or _ranged(self.meta, self.wavelength)
        members = [(name, bins) for name, bins in known if bins.any()]
        return members or [(self.instrument, np.ones(len(self), dtype=bool))]

    def without_missing(self) -> Spectrum:
        """Return the spectrum of the bins that were observed."""
        return self if self.observed.all() else self[self.observed]

    def between(self, low: Any, high: Any) -> Spectrum:
        """Return the spectrum of the bins that lie wholly between two wavelengths, in um.

        Raises
        ------
        GridError
            If no bin does.
        """
        low, high = (canonical(x, "wavelength").item() for x in (low, high))
        inside = (self.grid.lower >= low) & (self.grid.upper <= high)
        if not inside.any():
            first, last = self.grid.range
            raise GridError(
                f"no bin lies between {low:g} and {high:g} um; the spectrum covers "
                f"{first:.4g}-{last:.4g} um"
            )
        return self[inside]

    def replace(self, **changes: Any) -> Spectrum:
        """Return a copy with some attributes replaced.

        In another grid each bin keeps its instrument; where some are not bins of this spectrum,
        as after averaging, `meta` no longer tells instruments apart.
        """
        if "grid" in changes and "meta" not in changes:
            changes["meta"] = self._meta_in(changes["grid"])
        names = ("grid", "depth", "sigma", "name", "instrument", "reference", "meta")
        return Spectrum(**{name: getattr(self, name) for name in names} | changes)

    def _meta_in(self, grid: SpectralGrid) -> dict[str, Any]:
        """Return the metadata that are true of these bins."""
        if not isinstance(self.meta.get("instrument"), list):
            return self.meta
        place = find_bins(grid, self.grid)
        if _indexed(self.meta, len(self)) and (place >= 0).all():
            return self.meta | {"instrument": [self.meta["instrument"][k] for k in place]}
        return {k: v for k, v in self.meta.items() if k not in ("instruments", "instrument")}

    def to_row(self, sigma: bool = False) -> np.ndarray:
        """Return one row of X: depths, or depths then errors.

        Parameters
        ----------
        sigma : bool, default=False
            Whether the errors follow the depths.

        Returns
        -------
        numpy.ndarray of shape (1, n_bins) or (1, 2 n_bins)
        """
        columns = [self.depth, self.sigma] if sigma else [self.depth]
        return np.concatenate(columns)[np.newaxis]

    @classmethod
    def from_row(
        cls, row: Any, grid: SpectralGrid, sigma: Any | None = None, **info: Any
    ) -> Spectrum:
        """Build a spectrum from one row of X.

        Parameters
        ----------
        row : array-like of shape (n_bins,), (2 n_bins,) or the same with a leading axis of 1
            Depths, or depths then errors; the grid's length tells which.
        grid : SpectralGrid
            The bins.
        sigma : array-like of shape (n_bins,), optional
            The errors when the row has none.
        **info
            `name`, `instrument`, `reference`, `meta`.
        """
        values = np.asarray(row, dtype=float).ravel()
        if values.size == 2 * grid.n_bins:
            return cls(grid, values[: grid.n_bins], values[grid.n_bins :], **info)
        if values.size != grid.n_bins:
            raise GridError(
                f"a row of {values.size} values fits neither {grid.n_bins} bins nor depths and "
                f"errors of {grid.n_bins} bins"
            )
        if sigma is None:
            raise GridError("the row has no errors; give sigma")
        return cls(grid, values, sigma, **info)


def find_bins(grid: SpectralGrid, among: SpectralGrid) -> np.ndarray:
    """Find bins by their edges.

    Parameters
    ----------
    grid : SpectralGrid
        The bins to find.
    among : SpectralGrid
        Where. Bins may have the same centre but for rounding, as of two instruments.

    Returns
    -------
    ndarray of int, shape (grid.n_bins,)
        Index of each bin in `among`; -1 where it is none of them.
    """
    near = np.searchsorted(among.wavelength, grid.wavelength)[:, None] + np.arange(-2, 3)
    near = np.clip(near, 0, among.n_bins - 1)
    apart = np.maximum(
        np.abs(among.lower[near] / grid.lower[:, None] - 1),
        np.abs(among.upper[near] / grid.upper[:, None] - 1),
    )
    best = apart.argmin(axis=1)
    rows = np.arange(grid.n_bins)
    return np.where(apart[rows, best] <= _SAME_EDGE, near[rows, best], -1)


def _indexed(meta: dict[str, Any], n_bins: int) -> list[tuple[str, np.ndarray]]:
    """Bins of each instrument by their index; nothing where there is none for such bins."""
    names, index = meta.get("instruments"), meta.get("instrument")
    if not (isinstance(names, list) and isinstance(index, list) and len(index) == n_bins):
        return []
    owner = np.asarray(index)
    if owner.dtype.kind != "i" or owner.min() < 0 or owner.max() >= len(names):
        return []
    return [(str(name), owner == k) for k, name in enumerate(names)]


def _ranged(meta: dict[str, Any], wavelength: np.ndarray) -> list[tuple[str, np.ndarray]]:
    """Bins of each instrument by its range; nothing where these leave a bin or two have it."""
    try:
        ranges = [
            (str(n), float(a), float(b)) for n, (a, b) in meta["instrument_ranges_um"].items()
        ]
    except (KeyError, AttributeError, TypeError, ValueError):  # a file may say anything
        return []
    members = [
        (name, (wavelength >= low - _ROUNDED) & (wavelength <= high + _ROUNDED))
        for name, low, high in ranges
    ]
    once = np.sum([bins for _, bins in members], axis=0) == 1
    return members if np.all(once) else []
