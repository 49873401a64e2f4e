"""The answer: weighted samples of a posterior distribution."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.exceptions import RangeError
from exosk.parameters import ParameterSpace
from exosk.storage import create_hdf5, open_hdf5

__all__ = ["Posterior"]

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
        weights = np.array(weights, dtype=float)
        if weights.shape != (len(self.samples),):
            raise RangeError(f"{len(self.samples)} samples but weights of shape {weights.shape}")
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise RangeError("weights must be finite, not negative, and not all zero")
        # Normalised weights stay as they are to the last bit, so that a file gives back what
        # was saved; the largest is 1 before they are summed, so that no sum overflows.
        if not np.isclose(weights.sum(), 1, rtol=0, atol=1e-12):
            weights = weights / weights.max()
            weights = weights / weights.sum()
        self.weights = weights

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
        header = json.dumps({"space": self.space.to_dict(), "meta": self.meta})
        with create_hdf5(path, "posterior", _VERSION) as file:
            # Attributes hold at most 64 kB; the provenance of many opacities passes that.
            file["header"] = np.bytes_(header)
            for name in ("samples", "weights"):
                file.create_dataset(
                    name,
                    data=getattr(self, name),
                    compression="gzip",
                    shuffle=True,
                    fletcher32=True,
                )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Posterior:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            If the file is none of ours, of a later version, or damaged.
        """
        with open_hdf5(path, "posterior", _VERSION) as file:
            header = json.loads(file["header"].asstr()[()])
            return cls(
                file["samples"][:],
                ParameterSpace.from_dict(header["space"]),
                file["weights"][:],
                header["meta"],
            )
