r"""k-tables: the distribution of the cross section within each bin, instead of one value.

In a bin of wavelength, :math:`g(k)` is the share of it where the cross section is below k; a
k-table gives k at some g with quadrature weights that add up to one (Lacis & Oinas 1991, JGR 96,
9027). A mean over the bin is a sum over g, whichever mean: the order of wavelengths does not
matter to it. exosk's simulator takes one value a wavelength, and so a k-table is reduced with the
means of :mod:`exosk.opacities.binning`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.opacities.binning import POWER
from exosk.opacities.table import LOG_FLOOR, OpacityTable

__all__ = ["KTable", "Reduction"]

Reduction = Literal["mean", "log_mean", "power_mean"]


@dataclass(frozen=True, eq=False)
class KTable:
    """Cross sections of one absorber, distributed over g in each bin.

    Parameters
    ----------
    name : str
        The absorber.
    wavelength_edges : array of shape (n_bins + 1,)
        um, ascending.
    temperature : array of shape (n_temperature,)
        K, ascending.
    pressure : array of shape (n_pressure,)
        bar, ascending.
    weights : array of shape (n_g,)
        Of the quadrature over g, from weak to strong; they add up to one.
    log_k : array of shape (n_pressure, n_temperature, n_bins, n_g)
        log10 cm^2 per molecule, kept as float32; values below `LOG_FLOOR` are raised to it.
    provenance : dict
        As an :class:`OpacityTable`'s.

    Raises
    ------
    FileFormatError
        If shapes do not belong together, an axis does not ascend, or weights do not add up.
    RangeError
        If an axis is not positive or a value is not finite.
    """

    name: str
    wavelength_edges: np.ndarray
    temperature: np.ndarray
    pressure: np.ndarray
    weights: np.ndarray
    log_k: np.ndarray
    provenance: dict[str, Any]

    def __post_init__(self) -> None:
        for axis in ("wavelength_edges", "temperature", "pressure", "weights"):
            values = np.array(getattr(self, axis), dtype=np.float64)
            if values.ndim != 1 or values.size == 0:
                raise FileFormatError(f"{self.name}: {axis} must be a list of numbers")
            if not np.all(np.isfinite(values)) or np.any(values <= 0):
                raise RangeError(f"{self.name}: {axis} must be finite and positive")
            if axis != "weights" and np.any(np.diff(values) <= 0):
                raise FileFormatError(f"{self.name}: {axis} must ascend without repeats")
            self._set(axis, values)
        if abs(self.weights.sum() - 1.0) > 1e-3:
            raise FileFormatError(
                f"{self.name}: the weights over g add up to {self.weights.sum():g} and not to one"
            )
        self._set("weights", self.weights / self.weights.sum())
        log_k = np.array(self.log_k, dtype=np.float32)
        expected = (
            self.pressure.size,
            self.temperature.size,
            self.wavelength_edges.size - 1,
            self.weights.size,
        )
        if log_k.shape != expected:
            raise FileFormatError(
                f"{self.name}: log_k has shape {log_k.shape} where (pressure, temperature, bins, "
                f"g) call for {expected}"
            )
        if not np.all(np.isfinite(log_k)):
            raise RangeError(f"{self.name}: log_k must be finite; use {LOG_FLOOR:g} for 'none'")
        np.maximum(log_k, np.float32(LOG_FLOOR), out=log_k)
        self._set("log_k", log_k)
        object.__setattr__(self, "provenance", dict(self.provenance))

    def _set(self, name: str, values: np.ndarray) -> None:
        values.setflags(write=False)
        object.__setattr__(self, name, values)

    @property
    def wavelength(self) -> np.ndarray:
        """Centres of the bins: the middle in wavenumber, in um."""
        return 2.0 / (1.0 / self.wavelength_edges[1:] + 1.0 / self.wavelength_edges[:-1])

    def to_opacity(self, mode: Reduction = "power_mean") -> OpacityTable:
        """Reduce to one value a bin, at the bins' centres.

        Parameters
        ----------
        mode : {'power_mean', 'mean', 'log_mean'}
            Which mean over g; see :mod:`exosk.opacities.binning`.

        Returns
        -------
        OpacityTable
            Its card says which mean, and over how many points of g.

        Raises
        ------
        UnknownNameError
            If there is no such mean; a k-table has no ``sample``.
        """
        if mode not in get_args(Reduction):
            raise UnknownNameError.suggest("mean over g", mode, get_args(Reduction))
        none = self.log_k <= LOG_FLOOR
        if mode == "log_mean":
            reduced = self.log_k.astype(np.float64) @ self.weights
            reduced = np.where(none.all(axis=-1), LOG_FLOOR, reduced)
        else:
            power = POWER if mode == "power_mean" else 1.0
            with np.errstate(divide="ignore"):
                k = np.where(none, 0.0, 10.0 ** (power * self.log_k.astype(np.float64)))
                reduced = np.maximum(np.log10(k @ self.weights) / power, LOG_FLOOR)
        ratio = self.wavelength_edges[1:] / self.wavelength_edges[:-1]
        card = {
            **self.provenance,
            "sampling": mode,
            "reduced_from": f"a k-table of {self.weights.size} points of g, by {mode} over g",
            "limits": [
                *self.provenance.get("limits", []),
                f"one value a bin, the {mode} of a k-table: R about "
                f"{1 / np.log(np.median(ratio)):.3g}",
            ],
        }
        return OpacityTable(
            self.name, self.wavelength, self.temperature, self.pressure, reduced, card
        )

    def at_weights(self, weights: np.ndarray) -> KTable:
        """Take other intervals of g, with the arithmetic mean over the bin unchanged.

        Each point of g stands for an interval as wide as its weight; a new point takes the mean
        of k over its own interval.

        Parameters
        ----------
        weights : array of shape (n_g,)
            Widths of the new intervals, from weak to strong; they add up to one.

        Returns
        -------
        KTable
        """
        new = np.asarray(weights, dtype=np.float64)
        old_edges = np.concatenate([[0.0], np.cumsum(self.weights)])
        new_edges = np.concatenate([[0.0], np.cumsum(new / new.sum())])
        overlap = np.minimum(old_edges[1:, None], new_edges[None, 1:]) - np.maximum(
            old_edges[:-1, None], new_edges[None, :-1]
        )
        share = np.maximum(overlap, 0.0)
        share /= share.sum(axis=0)
        k = 10.0 ** self.log_k.astype(np.float64) @ share
        return KTable(
            self.name,
            self.wavelength_edges,
            self.temperature,
            self.pressure,
            new,
            np.log10(k),
            self.provenance,
        )
