"""One observed spectrum, in its bins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exosk.exceptions import GridError, UnitError
from exosk.grids import SpectralGrid, wavelength_difference
from exosk.units import canonical

__all__ = ["SpectralGrid", "Spectrum"]


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
        parameters here (``star_radius``, ``planet_mass``, ...).

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

    def without_missing(self) -> Spectrum:
        """Return the spectrum of the bins that were observed."""
        if self.observed.all():
            return self
        return self.replace(
            grid=self.grid[self.observed],
            depth=self.depth[self.observed],
            sigma=self.sigma[self.observed],
        )

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
        return self.replace(
            grid=self.grid[inside], depth=self.depth[inside], sigma=self.sigma[inside]
        )

    def replace(self, **changes: Any) -> Spectrum:
        """Return a copy with some attributes replaced."""
        names = ("grid", "depth", "sigma", "name", "instrument", "reference", "meta")
        return Spectrum(**{name: getattr(self, name) for name in names} | changes)

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
