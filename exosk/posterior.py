"""The answer: weighted samples of a posterior distribution."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from sklearn.utils import check_random_state

from exosk.exceptions import FileFormatError, RangeError
from exosk.parameters import ParameterSpace
from exosk.storage import atomic_path

__all__ = ["Posterior"]

_FORMAT = "exosk-posterior"
_VERSION = 1


class Posterior:
    """Weighted samples of the parameters given one spectrum.

    Parameters
    ----------
    samples : array-like of shape (n_samples, n_parameters)
        Parameters in canonical units.
    space : ParameterSpace
        Names, units and priors of the columns.
    weights : array-like of shape (n_samples,), optional
        Non-negative, in any normalisation; equal by default.
    meta : mapping, optional
        Provenance, as JSON has it.

    Raises
    ------
    RangeError
        If shapes disagree, a sample is not finite, or no weight is positive.
    """

    def __init__(
        self,
        samples: Any,
        space: ParameterSpace,
        weights: Any | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.samples = np.asarray(samples, dtype=float)
        self.space = space
        self.meta = dict(meta or {})
        if self.samples.ndim != 2 or self.samples.shape[1] != len(space) or not len(self.samples):
            raise RangeError(
                f"samples must be of shape (n_samples, {len(space)}) with at least one row; "
                f"got {self.samples.shape}"
            )
        if not np.isfinite(self.samples).all():
            raise RangeError("posterior samples must be finite numbers")
        if weights is None:
            weights = np.ones(len(self.samples))
        weights = np.asarray(weights, dtype=float)
        if weights.shape != (len(self.samples),):
            raise RangeError(f"{len(self.samples)} samples but weights of shape {weights.shape}")
        if not np.isfinite(weights).all() or (weights < 0).any() or weights.sum() <= 0:
            raise RangeError("weights must be finite, not negative, and not all zero")
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return len(self.samples)

    def __repr__(self) -> str:
        return (
            f"Posterior({len(self)} samples of {', '.join(self.space.names)}; "
            f"effective size {self.effective_size:.0f})"
        )

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the samples of one parameter, by name."""
        return self.samples[:, self.space.index(name)]

    @property
    def effective_size(self) -> float:
        """Kish's effective sample size, (sum w)^2 / sum w^2."""
        return float(1.0 / np.sum(self.weights**2))

    @property
    def mean(self) -> np.ndarray:
        """Posterior mean, shape (n_parameters,)."""
        return self.weights @ self.samples

    @property
    def std(self) -> np.ndarray:
        """Posterior standard deviation, shape (n_parameters,)."""
        return np.sqrt(self.weights @ (self.samples - self.mean) ** 2)

    @property
    def median(self) -> np.ndarray:
        """Posterior median of each parameter, shape (n_parameters,)."""
        return self.quantiles(0.5)

    def quantiles(self, q: Any) -> np.ndarray:
        """Weighted quantiles of each parameter.

        Parameters
        ----------
        q : float or array-like of shape (n_quantiles,)
            Probabilities in [0, 1].

        Returns
        -------
        numpy.ndarray of shape (n_quantiles, n_parameters), or (n_parameters,) for one q
        """
        # The weighted inverse distribution function is the only method numpy has for weights.
        return np.quantile(self.samples, q, axis=0, weights=self.weights, method="inverted_cdf")

    def interval(self, level: float = 0.68) -> np.ndarray:
        """Lower and upper ends of the central interval of each parameter.

        Returns
        -------
        numpy.ndarray of shape (2, n_parameters)
        """
        if not 0 < level < 1:
            raise RangeError(f"the level of an interval lies between 0 and 1, got {level}")
        return self.quantiles([(1 - level) / 2, (1 + level) / 2])

    def resample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw samples of equal weight, with replacement.

        Parameters
        ----------
        n : int
            How many.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        numpy.ndarray of shape (n, n_parameters)
        """
        picks = check_random_state(random_state).choice(len(self), size=n, p=self.weights)
        return self.samples[picks]

    def summary(self, level: float = 0.68) -> dict[str, dict[str, Any]]:
        """Return ``{name: {median, lower, upper, unit}}`` for tables and JSON."""
        lower, upper = self.interval(level)
        median = self.median
        return {
            parameter.name: {
                "median": float(median[k]),
                "lower": float(lower[k]),
                "upper": float(upper[k]),
                "unit": parameter.unit,
            }
            for k, parameter in enumerate(self.space)
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an HDF5 file, whole or not at all."""
        with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
            file.attrs.update(
                format=_FORMAT,
                version=_VERSION,
                space=json.dumps(self.space.to_dict()),
                meta=json.dumps(self.meta),
            )
            file.create_dataset("samples", data=self.samples, compression="gzip", shuffle=True)
            file.create_dataset("weights", data=self.weights, compression="gzip", shuffle=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Posterior:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            If the file is none of ours, of a later version, or damaged.
        """
        try:
            with h5py.File(path, "r") as file:
                attributes = dict(file.attrs)
                if attributes.get("format") != _FORMAT:
                    raise FileFormatError(f"{path} is an HDF5 file but no exosk posterior")
                if attributes["version"] > _VERSION:
                    raise FileFormatError(
                        f"{path} was written by a later exosk (posterior version "
                        f"{attributes['version']}, this one reads up to {_VERSION}); upgrade exosk"
                    )
                return cls(
                    file["samples"][:],
                    ParameterSpace.from_dict(json.loads(attributes["space"])),
                    file["weights"][:],
                    json.loads(attributes["meta"]),
                )
        except FileNotFoundError:
            raise FileFormatError(f"there is no file {path}") from None
        except (OSError, KeyError, ValueError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(f"{path} is not a readable exosk posterior: {error}") from error
