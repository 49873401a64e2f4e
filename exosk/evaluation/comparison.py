"""What a comparison of simulators found."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from exosk.parameters import ParameterSpace

__all__ = ["Comparison", "Difference"]

_PPM = 1e6
# An atmosphere whose depths span less than this, in ppm, shows nothing to take a share of.
_FLAT = 50.0


@dataclasses.dataclass(frozen=True)
class Difference:
    """One simulator beside the reference.

    Attributes
    ----------
    simulator : str
        Its name.
    wavelength : ndarray of shape (n_wavelengths,)
        In um.
    depth, reference : ndarray of shape (n_atmospheres, n_wavelengths)
        Transit depths of both; NaN where either refused the atmosphere.
    resolution : float or None
        Of the bins that were averaged over; None where samples are native.
    seconds : float
        For one spectrum, on one thread, once it is set up.
    lacking : tuple of str
        Parameters of the reference that it lacks; both went without.
    notes : tuple of str
        What else it lacks.
    refused : mapping of str to str
        Reasons by the names of atmospheres that it has no answer for.
    provenance : mapping
        The simulator's own.
    """

    simulator: str
    wavelength: np.ndarray
    depth: np.ndarray
    reference: np.ndarray
    resolution: float | None
    seconds: float
    lacking: tuple[str, ...]
    notes: tuple[str, ...]
    refused: Mapping[str, str]
    provenance: Mapping[str, Any]

    @property
    def ppm(self) -> np.ndarray:
        """Its depths less the reference's, in ppm, shape (n_atmospheres, n_wavelengths)."""
        return _PPM * (self.depth - self.reference)

    def summary(self, atmospheres: Sequence[str]) -> dict[str, Any]:
        """Return the difference in a few numbers, in ppm.

        Returns
        -------
        dict
            ``median``, ``rms`` and ``q95`` of its size; ``worst`` (signed), with
            ``worst_wavelength`` and ``worst_atmosphere``; ``level``, the largest of the
            atmospheres' means (signed); ``shape``, the rms about each atmosphere's mean;
            ``worst_share``, the largest share of an atmosphere's own feature amplitude (from the
            least to the greatest depth, where that is 50 ppm or more).
        """
        ppm, names = self.ppm, np.array(atmospheres)
        done = np.isfinite(ppm).all(axis=1)
        ppm, names = ppm[done], names[done]
        size, mean = np.abs(ppm), ppm.mean(axis=1)
        row, column = np.unravel_index(size.argmax(), size.shape)
        amplitude = _PPM * np.ptp(self.reference[done], axis=1)
        clear = amplitude >= _FLAT
        shape = ppm - mean[:, None]
        return {
            "median": float(np.median(size)),
            "rms": float(np.sqrt((ppm**2).mean())),
            "q95": float(np.quantile(size, 0.95)),
            "worst": float(ppm[row, column]),
            "worst_wavelength": float(self.wavelength[column]),
            "worst_atmosphere": str(names[row]),
            "level": float(mean[np.abs(mean).argmax()]),
            "shape": float(np.sqrt((shape**2).mean())),
            "worst_share": float(np.max((size.max(axis=1) / amplitude)[clear], initial=0.0)),
        }

    def by_atmosphere(self, atmospheres: Sequence[str]) -> dict[str, dict[str, float]]:
        """Return rms, worst and mean difference and the feature amplitude of each, in ppm."""
        found = {}
        for name, ppm, reference in zip(atmospheres, self.ppm, self.reference, strict=True):
            if np.isfinite(ppm).all():
                found[name] = {
                    "rms": float(np.sqrt((ppm**2).mean())),
                    "worst": float(ppm[np.abs(ppm).argmax()]),
                    "level": float(ppm.mean()),
                    "amplitude": float(_PPM * np.ptp(reference)),
                }
        return found


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several simulators beside one.

    Attributes
    ----------
    reference : str
        The simulator that the others are compared with.
    seconds : float
        It takes for one spectrum, on one thread.
    space : ParameterSpace
        Its parameters.
    atmospheres : tuple of str
        Names.
    theta : ndarray of shape (n_atmospheres, n_parameters)
        Their parameters.
    differences : tuple of Difference
        Of each of the others that ran.
    failures : mapping of str to str
        Reasons of those that did not.
    refused : mapping of str to str
        Reasons of the atmospheres that the reference has no answer for.
    settings : mapping
        Molecules, profile, layers, seed and so on, as JSON has it.
    provenance : mapping
        The reference's own.
    """

    reference: str
    seconds: float
    space: ParameterSpace
    atmospheres: tuple[str, ...]
    theta: np.ndarray
    differences: tuple[Difference, ...]
    failures: Mapping[str, str]
    refused: Mapping[str, str]
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return all but the spectra, for JSON."""
        return {
            "reference": self.reference,
            "seconds": self.seconds,
            "settings": dict(self.settings),
            "atmospheres": {
                name: dict(zip(self.space.names, map(float, row), strict=True))
                for name, row in zip(self.atmospheres, self.theta, strict=True)
            },
            "simulators": {
                each.simulator: {
                    **each.summary(self.atmospheres),
                    "seconds": each.seconds,
                    "times_slower": each.seconds / self.seconds,
                    "resolution": each.resolution,
                    "n_wavelengths": len(each.wavelength),
                    "by_atmosphere": each.by_atmosphere(self.atmospheres),
                    "lacking": list(each.lacking),
                    "notes": list(each.notes),
                    "refused": dict(each.refused),
                    "provenance": dict(each.provenance),
                }
                for each in self.differences
            },
            "failures": dict(self.failures),
            "refused": dict(self.refused),
            "provenance": {"exosk": metadata.version("exosk"), **self.provenance},
        }
