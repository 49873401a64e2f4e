"""What an explanation found: importances of groups of bins, and of bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.explain.bands import BANDS, bins_in_bands
from exosk.explain.groups import Groups
from exosk.models.card import plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from exosk.spectra import Spectrum

__all__ = ["Explanation"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """Why a model answers as it does, of one spectrum or on average over many.

    Attributes
    ----------
    target : str
        The molecule or parameter.
    unit : str
        Of the importances and values: ``"log-odds"``, ``"probability"``, ``"log-likelihood"`` or
        the parameter's.
    method : str
        As in :data:`exosk.explain.METHODS`, or ``"refit"`` of
        :func:`~exosk.explain.explain_fits`.
    groups : Groups
        Bins that were hidden together.
    importances : ndarray of shape (n_spectra, n_groups)
        By how much each group moves each answer. Positive speaks for the molecule, or for a larger
        parameter.
    errors : ndarray of shape (n_spectra, n_groups)
        Their standard errors, of drawing what is hidden; NaN where they are not known. Of refits,
        what errors of one sigma in the depths change.
    value : ndarray of shape (n_spectra,)
        Answers to the whole spectra.
    base : ndarray of shape (n_spectra,)
        Answers with all hidden, as the method has it.
    meta : dict
        Settings, as JSON has them.
    fits : dict of str to ndarray of shape (n_bins,)
        Of refits, the best fits ``with`` and ``without`` the molecule.
    """

    target: str
    unit: str
    method: str
    groups: Groups
    importances: np.ndarray
    errors: np.ndarray
    value: np.ndarray
    base: np.ndarray
    meta: Mapping[str, Any] = field(default_factory=dict)
    fits: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.importances)

    def __repr__(self) -> str:
        what = f"{len(self)} spectra" if len(self) != 1 else "one spectrum"
        return f"Explanation({self.target} by {self.method}, {what}, {self.groups!r})"

    def __getitem__(self, rows: Any) -> Explanation:
        """Return the explanation of some of the spectra (index, slice, mask or indices)."""
        chosen = np.atleast_1d(np.arange(len(self))[rows])
        return replace(
            self,
            importances=self.importances[chosen],
            errors=self.errors[chosen],
            value=self.value[chosen],
            base=self.base[chosen],
        )

    @classmethod
    def joined(cls, parts: Sequence[Explanation]) -> Explanation:
        """Put explanations of several spectra together: of one target, by one method.

        Raises
        ------
        RangeError
            If there are none, or they are not alike.
        """
        if not parts:
            raise RangeError("there are no explanations to put together")
        first = parts[0]
        for other in parts[1:]:
            alike = (other.target, other.unit, other.method, other.groups.grid) == (
                first.target, first.unit, first.method, first.groups.grid
            )  # fmt: skip
            if not alike or not np.array_equal(other.groups.members, first.groups.members):
                raise RangeError(
                    f"{other!r} and {first!r} answer different questions; join those of one"
                )
        arrays = ("importances", "errors", "value", "base")
        together: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays
        }
        return replace(first, **together, fits={})

    @property
    def importance(self) -> np.ndarray:
        """Mean over the spectra, with sign, shape (n_groups,)."""
        return self.importances.mean(axis=0)

    @property
    def error(self) -> np.ndarray:
        """Standard error of :attr:`importance`, shape (n_groups,).

        Of several spectra it is that of the mean over them, whatever its cause.
        """
        if len(self) == 1:
            return self.errors[0]
        return self.importances.std(axis=0, ddof=1) / np.sqrt(len(self))

    @property
    def mean_absolute(self) -> np.ndarray:
        """Mean over the spectra, without sign, shape (n_groups,): global importance."""
        return np.abs(self.importances).mean(axis=0)

    @property
    def per_bin(self) -> np.ndarray:
        """Importance of each bin: its share of those of its groups, shape (n_bins,)."""
        return self.groups.per_bin(self.importance)

    @property
    def per_um(self) -> np.ndarray:
        """Importance for each um of wavelength, shape (n_bins,)."""
        return self.per_bin / (2 * self.groups.grid.half_width)

    @property
    def density(self) -> np.ndarray:
        """Importance for 10 % of wavelength (0.1 in its logarithm), shape (n_bins,).

        Bins of any width compare, and on a logarithmic axis areas are importances.
        """
        grid = self.groups.grid
        return 0.1 * self.per_bin / np.log(grid.upper / grid.lower)

    @property
    def peak(self) -> float:
        """Where :attr:`density` is largest, in um; the middle of a group that peaks as a whole."""
        density = self.density
        bin_ = int(np.argmax(density))
        level = density[bin_]
        same = self.groups.labels == self.groups.labels[bin_] if self.groups.is_partition else None
        if same is None or level <= 0:
            return float(self.groups.grid.wavelength[bin_])
        centers = np.log(self.groups.grid.wavelength[same])
        return float(np.exp((centers.min() + centers.max()) / 2))

    def in_bands(self) -> dict[str, float]:
        """Return the share of positive importance that lies in each molecule's bands.

        Bands of molecules overlap, so that shares may add up to more than one. Molecules without
        a bin in a band are left out.
        """
        grid, positive = self.groups.grid, np.maximum(self.per_bin, 0)
        total = positive.sum() or 1.0
        inside = {molecule: bins_in_bands(molecule, grid) for molecule in BANDS}
        return {
            molecule: float(positive[bins].sum() / total)
            for molecule, bins in inside.items()
            if bins.any()
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; what is not known is None."""
        grid = self.groups.grid
        groups = [
            {"name": name, "importance": mean, "error": error, "mean_absolute": absolute}
            for name, mean, error, absolute in zip(
                self.groups.names,
                self.importance.tolist(),
                self.error.tolist(),
                self.mean_absolute.tolist(),
                strict=True,
            )
        ]
        described: dict[str, Any] = plain(
            {
                "target": self.target,
                "unit": self.unit,
                "method": self.method,
                "n_spectra": len(self),
                "value": float(self.value.mean()),
                "base": float(self.base.mean()),
                "peak_um": self.peak,
                "share_in_bands": self.in_bands(),
                "groups": groups,
                "wavelength": grid.wavelength,
                "per_bin": self.per_bin,
                "settings": dict(self.meta),
            }
            | ({"fits": dict(self.fits)} if self.fits else {})
        )
        return described

    def plot(self, spectrum: Spectrum, **settings: Any) -> Figure:
        """Draw the importances under a spectrum; see :func:`exosk.explain.plot_explanation`."""
        from exosk.explain.figure import plot_explanation

        return plot_explanation(self, spectrum, **settings)
