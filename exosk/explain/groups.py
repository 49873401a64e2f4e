"""Bins that are hidden and shown together: wavelength bands, windows, what goes together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import AgglomerativeClustering

from exosk.exceptions import GridError, RangeError
from exosk.explain.bands import bands_within, bins_in_bands
from exosk.grids import SpectralGrid

__all__ = ["Groups"]


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of bins. The depth of a bin and its error are of one group.

    Parameters
    ----------
    grid : SpectralGrid
        The bins.
    members : array-like of bool, shape (n_groups, n_bins)
        Which bins each group holds. Groups may overlap (:meth:`windows`); for methods that add up
        to a prediction each bin must be in one group (:attr:`is_partition`).
    names : tuple of str, optional
        What to call them; their ranges of wavelength by default.

    Raises
    ------
    GridError
        If the members are of other bins.
    RangeError
        If a group is empty, or a bin is in none.
    """

    grid: SpectralGrid
    members: np.ndarray
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        members = np.array(self.members, dtype=bool)
        if members.ndim != 2 or members.shape[1] != self.grid.n_bins:
            raise GridError(
                f"{self.grid.n_bins} bins but members of shape {members.shape}; give a row of "
                f"that many for each group"
            )
        if not members.any(axis=1).all() or not members.any(axis=0).all():
            raise RangeError("every group must hold a bin, and every bin be in a group")
        members.flags.writeable = False
        names = tuple(self.names) or tuple(_range_text(self.grid, row) for row in members)
        if len(names) != len(members):
            raise RangeError(f"{len(members)} groups but {len(names)} names")
        object.__setattr__(self, "members", members)
        object.__setattr__(self, "names", names)

    @classmethod
    def bins(cls, grid: SpectralGrid) -> Groups:
        """Each bin by itself."""
        return cls(grid, np.eye(grid.n_bins, dtype=bool))

    @classmethod
    def bands(cls, grid: SpectralGrid, width: float = 0.05) -> Groups:
        """Cut the grid into bands of equal width in the logarithm of wavelength.

        Parameters
        ----------
        grid : SpectralGrid
            The bins; each belongs to the band that its centre lies in.
        width : float, default=0.05
            Of a band in log wavelength, about; 0.05 is 5 %.

        Raises
        ------
        RangeError
            If the width is not positive.
        """
        low, high = np.log(grid.range)
        n_bands = max(1, round((high - low) / _checked(width)))
        place = np.log(grid.wavelength) - low
        return cls._of_labels(grid, np.floor(place / (high - low) * n_bands))

    @classmethod
    def windows(cls, grid: SpectralGrid, width: float = 0.1) -> Groups:
        """Lay a window about each bin; they overlap.

        Parameters
        ----------
        grid : SpectralGrid
            The bins.
        width : float, default=0.1
            Of a window in log wavelength; a bin is inside if its centre is.

        Raises
        ------
        RangeError
            If the width is not positive.
        """
        place = np.log(grid.wavelength)
        near = np.abs(place - place[:, np.newaxis]) <= _checked(width) / 2 + 1e-9
        # Windows that hold the same bins, at the ends of a range, are one.
        return cls(grid, near[np.sort(np.unique(near, axis=0, return_index=True)[1])])

    @classmethod
    def correlated(cls, grid: SpectralGrid, spectra: Any, n_groups: int = 20) -> Groups:
        """Join bins that go together in a set of spectra.

        Parameters
        ----------
        grid : SpectralGrid
            The bins.
        spectra : array-like of shape (n, n_bins)
            Noise-free, without missing bins. What all bins of one share, its level, is taken off.
        n_groups : int, default=20
            Number of groups. One of them may be in several stretches of wavelength, as the bands
            of one molecule are.

        Raises
        ------
        GridError
            If the spectra are of other bins.
        RangeError
            If there are not so many bins, or spectra are missing.
        """
        spectra = np.asarray(spectra, dtype=float)
        if spectra.ndim != 2 or spectra.shape[1] != grid.n_bins:
            raise GridError(f"{grid.n_bins} bins but spectra of shape {spectra.shape}")
        if not 1 <= n_groups <= grid.n_bins or len(spectra) < 3 or not np.isfinite(spectra).all():
            raise RangeError(
                f"{n_groups} groups of {grid.n_bins} bins from {len(spectra)} spectra; ask for "
                f"fewer groups, and give three spectra or more without missing bins"
            )
        shape = spectra - spectra.mean(axis=1, keepdims=True)
        shape -= shape.mean(axis=0)
        spread = np.maximum(shape.std(axis=0), 1e-12 * shape.std() + np.finfo(float).tiny)
        correlation = (shape / spread).T @ (shape / spread) / len(shape)
        clusters = AgglomerativeClustering(n_groups, metric="precomputed", linkage="average")
        return cls._of_labels(grid, clusters.fit_predict(1 - np.clip(correlation, -1, 1)))

    @classmethod
    def molecular(cls, grid: SpectralGrid, molecules: Iterable[str], width: float = 0.05) -> Groups:
        """Take each absorption band of molecules as a group, and bands of what lies between.

        Parameters
        ----------
        grid : SpectralGrid
            The bins.
        molecules : iterable of str
            In the order of precedence: bins in bands of two molecules are the first one's.
        width : float, default=0.05
            Of the bands between, in log wavelength, about.

        Raises
        ------
        UnknownNameError
            If no bands of a molecule are known.
        """
        between = cls.bands(grid, width).labels
        labels = [("", int(label)) for label in between]
        for molecule in reversed(list(molecules)):
            inside = bins_in_bands(molecule, grid)
            for k, (low, high) in enumerate(bands_within(molecule, grid)):
                here = inside & (grid.wavelength >= low) & (grid.wavelength <= high)
                for b in np.flatnonzero(here):
                    labels[b] = (molecule, k)
        # In the order of their first bins.
        order = list(dict.fromkeys(labels))
        members = np.array([[label == group for label in labels] for group in order])
        names = [
            f"{molecule} {_range_text(grid, row)}".strip()
            for (molecule, _), row in zip(order, members, strict=True)
        ]
        return cls(grid, members, tuple(names))

    @classmethod
    def _of_labels(cls, grid: SpectralGrid, labels: np.ndarray) -> Groups:
        """Make groups of labels, numbered by their first bins."""
        _, first, label = np.unique(labels, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))[label.ravel()]
        return cls(grid, rank == np.arange(len(first))[:, np.newaxis])

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        return f"Groups({len(self)} groups of {self.grid!r})"

    @property
    def is_partition(self) -> bool:
        """Whether each bin is in one group."""
        return bool((self.members.sum(axis=0) == 1).all())

    @property
    def labels(self) -> np.ndarray:
        """The group of each bin, the first that holds it, shape (n_bins,)."""
        return np.argmax(self.members, axis=0)

    def bins_of(self, chosen: Any) -> np.ndarray:
        """Return the bins that chosen groups hold.

        Parameters
        ----------
        chosen : array-like of bool, shape (n, n_groups)

        Returns
        -------
        ndarray of bool, shape (n, n_bins)
        """
        # float32: matrix products of booleans are slow.
        return (np.asarray(chosen, np.float32) @ self.members.astype(np.float32)) > 0

    def per_bin(self, values: Any) -> np.ndarray:
        """Share what groups have among their bins.

        Each bin gets an equal share of what its group has, the mean of these where groups overlap.
        Of a partition, the bins then have the same sum as the groups.

        Parameters
        ----------
        values : array-like of shape (..., n_groups)

        Returns
        -------
        ndarray of shape (..., n_bins)
        """
        share = np.asarray(values, dtype=float) / self.members.sum(axis=1)
        return (share @ self.members) / self.members.sum(axis=0)


def _checked(width: float) -> float:
    if not width > 0:
        raise RangeError(f"a width in log wavelength must be positive, got {width:g}")
    return width


def _range_text(grid: SpectralGrid, row: np.ndarray) -> str:
    """Write the stretches of wavelength that a group covers, in um."""
    order = np.argsort(grid.wavelength, kind="stable")
    inside = np.flatnonzero(row[order])
    runs = np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1)
    ends = [(grid.lower[order[run[0]]], grid.upper[order[run[-1]]]) for run in runs]
    return ", ".join(f"{low:.3g}-{high:.3g}" for low, high in ends)
