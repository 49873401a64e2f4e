"""The guard as plain arrays and settings, so that it can lie beside a model's weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError, GridError
from exosk.grids import SpectralGrid
from exosk.inference.guard_features import FeatureDistance
from exosk.inference.guard_reference import ReferenceSpectra
from exosk.inference.guard_scores import KnownSpectra
from exosk.rows import RowLayout

__all__ = ["pack", "unpack"]

_VERSION = 1
_SETTINGS = ("false_alarm_rate", "n_reference", "n_components", "n_gaussians")


def pack(guard: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Take a fitted guard apart."""
    known, reference = guard.known_, guard._reference
    lower = np.tril_indices(known.factors.shape[1])
    arrays = {
        name: getattr(known, name).astype(np.float32)
        for name in ("mean", "rest", "basis", "weights", "centers")
    }
    arrays |= {
        "factors": known.factors[:, lower[0], lower[1]].astype(np.float32),
        "reference_coefficients": reference.coefficients,
        "reference_rest": reference.rest,
        "reference_step": reference.step,
        "scale": guard._scale,
        "bins": guard._bins,
        "noise_range": guard.noise_range_,
        "sigma": np.broadcast_to(np.asarray(guard.sigma, dtype=float), guard._bins.shape).copy(),
    }
    if guard._features is not None:
        arrays["feature_location"] = guard._features.location
        arrays["feature_whitening"] = guard._features.whitening
    if guard.grid is not None:
        arrays |= {"lower_um": guard.grid.lower.copy(), "upper_um": guard.grid.upper.copy()}
    settings = {"version": _VERSION, "seed": reference.seed, "n_columns": guard.n_features_in_}
    settings |= {name: getattr(guard, name) for name in _SETTINGS}
    return arrays, settings


def unpack(cls: Any, arrays: Mapping[str, Any], settings: Mapping[str, Any], embed: Any) -> Any:
    """Put a guard together; see :meth:`exosk.inference.SpectrumGuard.from_arrays`."""
    version = settings.get("version")
    if version != _VERSION:
        raise FileFormatError(
            f"the guard is of version {version!r} and this exosk reads {_VERSION}; update exosk, "
            f"or fit the guard anew"
        )
    try:
        return _built(cls, arrays, settings, embed)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(
            f"these are not the arrays and settings of a guard ({type(error).__name__}: {reason}); "
            f"fit it anew"
        ) from error


def _built(cls: Any, arrays: Mapping[str, Any], settings: Mapping[str, Any], embed: Any) -> Any:
    grid = None
    if "lower_um" in arrays:
        grid = SpectralGrid(arrays["lower_um"], arrays["upper_um"])
    guard = cls(grid, np.asarray(arrays["sigma"], dtype=float), embed)
    guard.set_params(**{name: settings[name] for name in _SETTINGS})
    guard.n_features_in_ = int(settings["n_columns"])
    guard.layout_ = RowLayout.of(guard.n_features_in_, grid)
    guard._bins = np.asarray(arrays["bins"], dtype=bool)
    guard._scale = np.asarray(arrays["scale"], dtype=float)
    guard.noise_range_ = np.asarray(arrays["noise_range"], dtype=float)
    mean, rest, basis, weights, centers = (
        np.asarray(arrays[name], dtype=float)
        for name in ("mean", "rest", "basis", "weights", "centers")
    )
    k = len(basis)
    factors = np.zeros((len(weights), k, k))
    lower = np.tril_indices(k)
    factors[:, lower[0], lower[1]] = arrays["factors"]
    guard.known_ = KnownSpectra(mean, rest, basis, weights, centers, factors)
    guard._reference = ReferenceSpectra(
        np.asarray(arrays["reference_coefficients"], dtype=np.float32),
        np.asarray(arrays["reference_rest"], dtype=np.int8),
        np.asarray(arrays["reference_step"], dtype=np.float32),
        int(settings["seed"]),
    )
    guard._features = None
    if "feature_location" in arrays:
        guard._features = FeatureDistance(
            np.asarray(arrays["feature_location"], dtype=np.float32),
            np.asarray(arrays["feature_whitening"], dtype=np.float32),
        )
    _check(guard)
    return guard


def _check(guard: Any) -> None:
    n_bins, (n, k) = int(guard._bins.sum()), guard._reference.coefficients.shape
    known, reference = guard.known_, guard._reference
    shapes = [
        (guard._bins.shape, (guard.layout_.n_bins,)),
        (guard._scale.shape, (n_bins,)),
        (known.mean.shape, (n_bins,)),
        (known.rest.shape, (n_bins,)),
        (known.basis.shape, (k, n_bins)),
        (known.centers.shape, (len(known.weights), k)),
        (reference.rest.shape, (n, n_bins)),
        (reference.step.shape, (n,)),
        (guard.noise_range_.shape, (2,)),
    ]
    for found, expected in shapes:
        if found != expected:
            raise GridError(f"an array has shape {found} where the others want {expected}")
    for array in (known.mean, known.basis, known.factors, known.centers, guard._scale):
        if not np.isfinite(array).all():
            raise GridError("an array holds NaN")
