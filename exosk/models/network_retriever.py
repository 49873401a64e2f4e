r"""Networks that retrieve: a mixture of Gaussians as the posterior of each spectrum.

The network is trained to give the true parameters a high density,

.. math:: \min_\phi\; \mathrm{E}_{p(y)\,p(x|y)} \left[-\log q_\phi(z(y) \mid x)\right],

over the prior and the noise, which is least when q is the posterior (Papamakarios & Murray 2016,
arXiv:1605.06376, "neural posterior estimation"). Parameters are standard normal before the data
(:mod:`exosk.models.targets`), so that q cannot leave the prior; an ensemble's posterior is the mean
of its members' (Lakshminarayanan et al. 2017, arXiv:1612.01474).
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from scipy import special, stats
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from exosk.exceptions import RangeError
from exosk.models.mixture import Mixture
from exosk.models.nets import MixtureHead
from exosk.models.network import SpectralNetwork
from exosk.models.targets import make_targets, uniform_jumps
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = ["NetworkRetriever"]

# Nodes of the quadrature over one Gaussian, for means and standard deviations: Gauss's, and others
# where parameters are no smooth function of the Gaussian variable.
_N_NODES, _N_SHARES = 24, 64
# Points of a jump over which a joint density is averaged.
_N_JUMPS = 16


class _MixtureLoss(nn.Module):
    """Mean negative log density of the targets."""

    def forward(self, mixture: Mixture, target: torch.Tensor) -> torch.Tensor:
        return -mixture.log_prob(target).mean()


class NetworkRetriever(MultiOutputMixin, RegressorMixin, SpectralNetwork):
    """Base of the networks that give posteriors.

    A subclass has the parameters of :class:`~exosk.models.network.SpectralNetwork` and
    ``n_components``, the Gaussians of one member's mixture.
    """

    def fit(self, X: Any, y: Any, groups: Any = None) -> NetworkRetriever:
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

        self._fit_members(X, draw, _MixtureLoss(), groups)
        return self

    @property
    def space_(self) -> ParameterSpace:
        """The parameters: those that y brought along, or unnamed ones."""
        check_is_fitted(self)
        return self._targets.space

    def _make_head(self, n_features: int) -> nn.Module:
        return MixtureHead(n_features, self._n_parameters, self.n_components)

    def mixtures(self, X: Any) -> list[Mixture]:
        """Return the ensemble's posteriors in coordinates in which the prior is standard normal.

        They are of a batch of spectra each; :mod:`exosk.models.targets` has the coordinates.
        """
        outputs = self._through_members(self._observed_rows(X))
        return [Mixture.average([part.cpu() for part in parts]) for parts in zip(*outputs)]

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
        moments = [self._moments(mixture) for mixture in self.mixtures(X)]
        mean, std = (np.concatenate(parts) for parts in zip(*moments))
        if self._single:
            mean, std = mean[:, 0], std[:, 0]
        return (mean, std) if return_std else mean

    def _moments(self, mixture: Mixture) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of each parameter, by quadrature."""
        weight, center, spread = mixture.marginals()
        if self._targets.has_jumps:
            # Equal shares: where y has a step, Gauss's central nodes stand for a quarter each.
            node = special.ndtri((np.arange(_N_SHARES) + 0.5) / _N_SHARES)
            node, node_weight = node / node.std(), np.full(_N_SHARES, 1 / _N_SHARES)
        else:
            node, node_weight = special.roots_hermitenorm(_N_NODES)
            node_weight = node_weight / node_weight.sum()
        z = center[..., None, :] + spread[..., None, :] * node[:, None]
        y = self._targets.from_normal(z)
        total = weight[..., None] * node_weight
        mean = np.einsum("nkq,nkqd->nd", total, y)
        # About the mean, lest a small spread on a large level be lost in rounding.
        variance = np.einsum("nkq,nkqd->nd", total, (y - mean[:, None, None]) ** 2)
        return mean, np.sqrt(variance)

    def posterior(self, X: Any, n: int = 2000) -> list[Posterior]:
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
            [self._targets.from_normal(m.sample(n, random)) for m in self.mixtures(X)]
        )

    def log_prob(self, X: Any, Y: Any, marginal: bool = False) -> np.ndarray:
        """Log density of the posterior at given parameters, in nats.

        At a value that has a probability of its own (see :mod:`exosk.models.targets`) it is the
        log of this probability.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.
        Y : array-like of shape (n, n_parameters)
            Parameters, one row a spectrum.
        marginal : bool, default=False
            Whether of each parameter by itself.

        Returns
        -------
        ndarray of shape (n,), or (n, n_parameters)
            Minus infinity outside the prior.
        """
        mixtures = self.mixtures(X)
        Y = self._checked_parameters(Y, sum(map(len, mixtures)))
        low, high = self._targets.normal_range(Y)
        ends = np.cumsum([len(mixture) for mixture in mixtures])[:-1]
        points = uniform_jumps(_N_JUMPS, Y.shape[1])
        log_q = np.concatenate(
            [
                m.marginal_log_mass(a, b) if marginal else _joint(m, a, b, points)
                for m, a, b in zip(mixtures, np.split(low, ends), np.split(high, ends), strict=True)
            ]
        )
        # From a density of z to one of y; a probability stays one.
        change = np.zeros(Y.shape)
        continuous = low == high
        change[continuous] = (self._targets.log_density(Y) - stats.norm.logpdf(low))[continuous]
        return log_q + (change if marginal else change.sum(axis=1))

    def _checked_parameters(self, Y: Any, n: int) -> np.ndarray:
        Y = np.asarray(Y, dtype=float)
        if Y.ndim == 1 and self._single:
            Y = Y[:, None]
        if Y.shape != (n, self._n_parameters):
            raise RangeError(
                f"Y has shape {Y.shape}; {n} spectra and {self._n_parameters} parameters want "
                f"{(n, self._n_parameters)}"
            )
        if np.isnan(Y).any():
            raise RangeError("Y contains NaN; leave these rows out")
        return Y


def _joint(mixture: Mixture, low: np.ndarray, high: np.ndarray, points: np.ndarray) -> np.ndarray:
    if (low == high).all():
        return mixture.log_prob(torch.as_tensor(low)).numpy()
    return mixture.log_mass(low, high, points)
