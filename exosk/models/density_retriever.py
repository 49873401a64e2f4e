r"""What retrievers that learn a density have in common, whatever its form.

A network is trained to give the true parameters a high density,

.. math:: \min_\phi\; \mathrm{E}_{p(y)\,p(x|y)} \left[-\log q_\phi(z(y) \mid x)\right],

over the prior and the noise, which is least when q is the posterior (Papamakarios & Murray 2016,
arXiv:1605.06376, "neural posterior estimation"). Parameters are standard normal before the data
(:mod:`exosk.models.targets`), so that q cannot leave the prior; an ensemble's posterior is the mean
of its members' (Lakshminarayanan et al. 2017, arXiv:1612.01474).
"""

from __future__ import annotations

from numbers import Integral
from typing import Any, Protocol

import numpy as np
import torch
from scipy import stats
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from exosk.datasets.lazy import StoredSpectra, check_parameters_of
from exosk.exceptions import RangeError
from exosk.models.network import SpectralNetwork
from exosk.models.targets import make_targets, uniform_jumps
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = ["Density", "DensityRetriever"]

# Points of a jump over which a joint density is averaged.
_N_JUMPS = 16
# Samples of a posterior that nobody asked a number of.
_N_SAMPLES = 2000
# Rows of a store that are looked through for jumps.
_MOST_SEEN = 50_000


class Density(Protocol):
    """Posteriors of n spectra, in coordinates z in which the prior is standard normal."""

    def __len__(self) -> int: ...

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Log density at (n, d), shape (n,); or at several points each, (n, m, d), shape (n, m)."""

    def log_mass(self, low: np.ndarray, high: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Log of density where `low` equals `high`, (n, d) both, and of probability between."""

    def marginal_log_mass(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Do as :meth:`log_mass` does for each coordinate by itself, shape (n, d)."""

    def sample(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Draw n samples of each, shape (len(self), n, d)."""


class _NegativeLogDensity(nn.Module):
    """Mean over the spectra, at the targets."""

    def forward(self, density: Density, target: torch.Tensor) -> torch.Tensor:
        return -density.log_prob(target).mean()


class DensityRetriever(MultiOutputMixin, RegressorMixin, SpectralNetwork):
    """Base of the networks that give posteriors.

    A subclass has the parameters of :class:`~exosk.models.network.SpectralNetwork`, makes a head
    whose output is a :class:`Density`, and says how an ensemble's are averaged, and what mean and
    spread they have.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> DensityRetriever:
        """Train.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Spectra, without noise where `augmentation` adds it. NaN is a missing bin.
        y : array-like of shape (n, n_parameters) or (n,)
            Parameters. Those of a data set bring their priors along.
        groups : array-like of shape (n,), optional
            Parents of the spectra (:attr:`exosk.Dataset.parent`), where several are of one: they
            train or validate together.

        Raises
        ------
        GridError
            If X has not the columns of `grid`.
        RangeError
            If an error is negative, every bin of a spectrum is missing, a parameter lies outside
            its prior, or a setting out of its range.
        """
        if isinstance(X, StoredSpectra):
            return self._fit_stored(X, y)
        space = getattr(y, "space", None)
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        self._single = y.ndim == 1
        Y = np.asarray(y, dtype=float).reshape(len(y), -1)
        self._targets = make_targets(Y, space)
        self._n_parameters = Y.shape[1]
        if self._targets.has_jumps:

            def draw(rows: np.ndarray, random: np.random.RandomState) -> np.ndarray:
                return self._targets.to_normal(Y[rows], random.uniform(size=Y[rows].shape))
        else:
            z = self._targets.to_normal(Y)

            def draw(rows: np.ndarray, random: np.random.RandomState) -> np.ndarray:
                return z[rows]

        self._fit_members(X, draw, _NegativeLogDensity(), Y, groups)
        return self

    def _fit_stored(self, X: StoredSpectra, y: Any) -> DensityRetriever:
        """Train on a store, of which some rows are in memory at a time."""
        check_parameters_of(X, y)
        self.n_features_in_ = X.shape[1]
        self._single, self._n_parameters = False, y.shape[1]
        # Jumps, where many rows share a value, show in some of them.
        self._targets = make_targets(y.read(slice(_MOST_SEEN)), y.space)

        def draw(rows: np.ndarray, random: np.random.RandomState) -> np.ndarray:
            Y = y.read(rows)
            jump = random.uniform(size=Y.shape) if self._targets.has_jumps else 0.5
            return self._targets.to_normal(Y, jump)

        self._fit_members(X, draw, _NegativeLogDensity(), X.digest)
        return self

    @property
    def space_(self) -> ParameterSpace:
        """The parameters: those that y brought along, or unnamed ones."""
        check_is_fitted(self)
        return self._targets.space

    def densities(self, X: Any) -> list[Any]:
        """Return the ensemble's posteriors in coordinates in which the prior is standard normal.

        They are of a batch of spectra each; :mod:`exosk.models.targets` has the coordinates.
        """
        outputs = self._through_members(self._observed_rows(X))
        return [self._average([part.cpu() for part in parts]) for parts in zip(*outputs)]

    def _average(self, parts: list[Any]) -> Any:
        """Return the posteriors of an ensemble, given those of its members."""
        raise NotImplementedError

    def _moments(self, density: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each parameter, (len(density), n_parameters) each."""
        raise NotImplementedError

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the posterior mean.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.
        return_std : bool, default=False
            Whether the posterior standard deviation is returned too.

        Returns
        -------
        ndarray of shape (n, n_parameters), or (n,) if y was; or two of these
        """
        moments = [self._moments(density) for density in self.densities(X)]
        mean, std = (np.concatenate(parts) for parts in zip(*moments))
        if self._single:
            mean, std = mean[:, 0], std[:, 0]
        return (mean, std) if return_std else mean

    def posterior(self, X: Any, n: int = _N_SAMPLES) -> list[Posterior]:
        """Return `n` samples of the posterior of each spectrum, always the same."""
        samples = self.sample_posterior(X, n, random_state=0)
        return [Posterior(one, self.space_) for one in samples]

    def sample_posterior(self, X: Any, n: int, random_state: Any = None) -> np.ndarray:
        """Draw samples of equal weight.

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_columns)
            Observed spectra.
        n : int
            Samples of each.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        ndarray of shape (n_spectra, n, n_parameters)
        """
        if not (isinstance(n, Integral) and n > 0):
            raise RangeError(f"n must be a whole number from 1 up, got {n!r}")
        random = check_random_state(random_state)
        return np.concatenate(
            [self._targets.from_normal(m.sample(n, random)) for m in self.densities(X)]
        )

    def log_prob(self, X: Any, Y: Any, marginal: bool = False) -> np.ndarray:
        """Log density of the posterior at given parameters, in nats.

        At a value that has a probability of its own (see :mod:`exosk.models.targets`) it is the
        log of this probability.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.
        Y : array-like of shape (n, n_parameters) or (n, n_points, n_parameters)
            Parameters, one row or several of each spectrum.
        marginal : bool, default=False
            Whether of each parameter by itself.

        Returns
        -------
        ndarray of shape (n,) or (n, n_points), with n_parameters more if marginal
            Minus infinity outside the prior.

        Raises
        ------
        RangeError
            If Y has another shape, or holds NaN.
        """
        densities = self.densities(X)
        Y = self._checked_parameters(Y, sum(map(len, densities)))
        points = Y if Y.ndim == 3 else Y[:, None]
        flat = points.reshape(-1, points.shape[-1])
        low, high = (each.reshape(points.shape) for each in self._targets.normal_range(flat))
        ends = np.cumsum([len(density) for density in densities])[:-1]
        log_mass = _marginal if marginal else _joint
        log_q = np.concatenate(
            [
                log_mass(density, a, b)
                for density, a, b in zip(
                    densities, np.split(low, ends), np.split(high, ends), strict=True
                )
            ]
        )
        # From a density of z to one of y; a probability stays one.
        change, continuous = np.zeros(points.shape), low == high
        log_density = self._targets.log_density(flat).reshape(points.shape)
        change[continuous] = (log_density - stats.norm.logpdf(low))[continuous]
        log_q += change if marginal else change.sum(axis=-1)
        return log_q if Y.ndim == 3 else log_q[:, 0]

    def embed(self, X: Any) -> np.ndarray:
        """Return what the networks make of spectra, before it becomes a posterior.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.

        Returns
        -------
        ndarray of shape (n, n_features)
            The features of all members, side by side.
        """
        outputs = self._through_members(self._observed_rows(X), features=True)
        return np.concatenate(
            [torch.cat([part.cpu() for part in parts]).numpy() for parts in outputs], axis=1
        )

    def _checked_parameters(self, Y: Any, n: int) -> np.ndarray:
        Y = np.asarray(Y, dtype=float)
        if Y.ndim == 1 and self._single:
            Y = Y[:, None]
        if Y.ndim not in (2, 3) or (len(Y), Y.shape[-1]) != (n, self._n_parameters) or not Y.size:
            raise RangeError(
                f"Y has shape {Y.shape}; {n} spectra and {self._n_parameters} parameters want "
                f"{(n, self._n_parameters)}, or {(n, 'n_points', self._n_parameters)}"
            )
        if np.isnan(Y).any():
            raise RangeError("Y contains NaN; leave these rows out")
        return Y


def _joint(density: Density, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Log density, and probability in jumps, at (n, m, d); shape (n, m)."""
    if (low == high).all():
        return density.log_prob(torch.as_tensor(low)).numpy()
    points = uniform_jumps(_N_JUMPS, low.shape[-1])
    return np.stack(
        [density.log_mass(low[:, k], high[:, k], points) for k in range(low.shape[1])], axis=1
    )


def _marginal(density: Density, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Do the same for each parameter by itself, shape (n, m, d)."""
    return np.stack(
        [density.marginal_log_mass(low[:, k], high[:, k]) for k in range(low.shape[1])], axis=1
    )
