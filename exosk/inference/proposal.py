r"""Something to draw atmospheres from whose density is known.

A network or a flow knows its density. A forest or a GAN gives samples alone: there a mixture of
Gaussians is fitted to them in coordinates u that are nearly normal
(:mod:`exosk.inference.coordinates`), so that no draw leaves the prior, and

.. math:: q(\theta) = q_u(u) \left|\frac{\partial u}{\partial \theta}\right|.

**All densities here are of theta in its own units**, and logarithms natural.

Samples are whitened before the fit, so that what keeps components from collapsing is in units of
the posterior and not of the prior; the number of components is that with the least Bayesian
information criterion, which counts effective samples; and components are widened, a fifth of each
by much, since a proposal that is too wide costs draws and one whose tails are too thin the answer.
"""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state
from threadpoolctl import threadpool_limits

from exosk.exceptions import RangeError
from exosk.inference.coordinates import Coordinates, LatentCoordinates, PriorCoordinates
from exosk.models.final_step import FinalStep
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = [
    "MixtureProposal",
    "PriorProposal",
    "Proposal",
    "RetrieverProposal",
    "mixture_in",
    "mixture_proposal",
    "proposal_of",
]

_N_COMPONENTS = (1, 2, 4, 8)
# Effective samples a parameter that a further component wants.
_PER_COMPONENT = 10
# Samples of equal weight to fit to: as many, or so many for each that the weights are worth.
_MOST_FITTED, _FITTED_PER_EFFECTIVE = 2000, 4
# Of the posterior's variance: the least of a component.
_LEAST_VARIANCE = 0.01
# A component's share and factor in variance, for the bulk and for the tails.
_WIDENING = ((0.8, 1.1), (0.2, 2.5))


class Proposal(Protocol):
    """What importance sampling needs of a distribution."""

    @property
    def space(self) -> ParameterSpace:
        """The parameters that it is of."""
        ...

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw independently, shape (n, n_parameters)."""
        ...

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Log density at theta (n, n_parameters), in its units, shape (n,)."""
        ...


class PriorProposal:
    """The prior itself.

    Parameters
    ----------
    space : ParameterSpace
        Whose prior.
    """

    def __init__(self, space: ParameterSpace) -> None:
        self.space = space

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw independently, shape (n, n_parameters)."""
        return self.space.sample(n, random_state)

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Log density at theta (n, n_parameters), shape (n,)."""
        return self.space.log_prior(theta)


class RetrieverProposal:
    """A retriever's posterior of one spectrum, with the retriever's own density.

    In its coordinates, where it has some, it is standard normal.

    Parameters
    ----------
    retriever : retriever
        Fitted, with ``sample_posterior`` and ``log_prob``.
    X : ndarray of shape (1, n_columns)
        The spectrum.
    """

    def __init__(self, retriever: Any, X: Any) -> None:
        self.space: ParameterSpace = retriever.space_
        self._retriever = retriever
        self._X = X
        #: Where this is standard normal, if the retriever knows.
        self.coordinates: Coordinates | None = None
        if getattr(retriever, "has_latent", False):
            self.coordinates = LatentCoordinates(retriever, X)

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw independently, shape (n, n_parameters)."""
        samples = self._retriever.sample_posterior(self._X, n, random_state)
        return np.asarray(samples[0], dtype=float)

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Log density at theta (n, n_parameters), shape (n,)."""
        return np.asarray(self._retriever.log_prob(self._X, theta[None])[0], dtype=float)


class MixtureProposal:
    """A mixture of Gaussians in some coordinates.

    Parameters
    ----------
    coordinates : Coordinates
        In which it is one.
    mixture : GaussianMixture
        Fitted in ``y``, with ``u = center + root @ y``.
    center : ndarray of shape (n_parameters,)
        See `mixture`.
    root : ndarray of shape (n_parameters, n_parameters)
        See `mixture`; lower triangular.
    """

    def __init__(
        self,
        coordinates: Coordinates,
        mixture: GaussianMixture,
        center: np.ndarray,
        root: np.ndarray,
    ) -> None:
        self.space = coordinates.space
        #: Those that the mixture is of.
        self.coordinates = coordinates
        self._mixture, self._center, self._root = mixture, center, root

    def sample(self, n: int, random_state: Any = None) -> np.ndarray:
        """Draw independently, shape (n, n_parameters)."""
        random = check_random_state(random_state)
        self._mixture.random_state = random
        y, _ = self._mixture.sample(n)
        random.shuffle(y)  # they come sorted by component
        return self.coordinates.restore(self._center + y @ self._root.T)

    def log_density(self, theta: np.ndarray) -> np.ndarray:
        """Log density at theta (n, n_parameters), shape (n,)."""
        return self.log_density_at(*self.coordinates.normalize(theta))

    def log_density_at(self, u: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Do so where coordinates and their change of volume are known already."""
        out = np.full(len(u), -np.inf)
        inside = np.isfinite(change)
        if inside.any():
            y = linalg.solve_triangular(self._root, (u[inside] - self._center).T, lower=True).T
            log_q = self._mixture.score_samples(y) - np.log(np.diag(self._root)).sum()
            out[inside] = log_q + change[inside]
        return out


def proposal_of(model: Any, X: Any, *, random_state: Any = None) -> Proposal:
    """Make a proposal of a retriever's posterior.

    Parameters
    ----------
    model : retriever, or Pipeline or search that ends in one
        Fitted, with a ParameterSpace.
    X : array-like of shape (1, n_columns)
        The spectrum, as `model` takes it.
    random_state : int, RandomState or None
        As in scikit-learn; of the fit to samples, where the density is not known.

    Returns
    -------
    Proposal
        Exact where the model offers ``log_prob``, otherwise fitted to its samples.

    Raises
    ------
    RangeError
        If X is not one row.
    """
    if np.ndim(X) != 2 or len(X) != 1:
        raise RangeError(
            f"a proposal is of one spectrum, X of shape (1, n_columns); got shape {np.shape(X)}"
        )
    final = FinalStep(model)
    X = final.transform(X)
    if final.offers("log_prob"):
        return RetrieverProposal(final.estimator, X)
    posterior = final.estimator.posterior(X)[0]
    return mixture_proposal(
        posterior.samples, posterior.weights, posterior.space, random_state=random_state
    )


def mixture_proposal(
    samples: Any,
    weights: Any | None,
    space: ParameterSpace,
    *,
    coordinates: Coordinates | None = None,
    random_state: Any = None,
) -> MixtureProposal:
    """Fit a mixture of Gaussians to weighted samples.

    Parameters
    ----------
    samples : array-like of shape (n, n_parameters)
        In theta's units; those outside the prior are left out.
    weights : array-like of shape (n,) or None
        Non-negative; None for equal ones.
    space : ParameterSpace
        With the priors that the proposal shall respect.
    coordinates : Coordinates, optional
        In which to fit; by default those in which the prior of `space` is standard normal.
    random_state : int, RandomState or None
        As in scikit-learn.

    Returns
    -------
    MixtureProposal

    Raises
    ------
    RangeError
        If no sample of positive weight lies within the prior.
    """
    coordinates = coordinates or PriorCoordinates(space)
    posterior = Posterior(samples, space, weights)
    u, change = coordinates.normalize(posterior.samples)
    inside = np.isfinite(change) & np.isfinite(space.log_prior(posterior.samples))
    weights = np.where(inside, posterior.weights, 0.0)
    if not weights.any():
        raise RangeError(
            f"no sample lies within the priors of {', '.join(space.names)}; the proposal was made "
            f"for other priors"
        )
    return mixture_in(coordinates, u, weights, check_random_state(random_state))


def mixture_in(
    coordinates: Coordinates, u: np.ndarray, weights: np.ndarray, random: np.random.RandomState
) -> MixtureProposal:
    """Fit a mixture of Gaussians where the coordinates of samples are known already.

    Parameters
    ----------
    coordinates : Coordinates
        Whose they are.
    u : ndarray of shape (n, n_parameters)
        Numbers wherever the weight is not zero.
    weights : ndarray of shape (n,)
        Not all zero.
    random : RandomState
        Of the fit.
    """
    kept = weights > 0
    u, weights = u[kept], weights[kept] / weights[kept].sum()
    center = weights @ u
    covariance = (u - center).T @ ((u - center) * weights[:, None])
    # Parameters that hang together tightly, or hardly any samples: rounding must not make it
    # singular.
    covariance += np.diag(1e-6 * np.diag(covariance) + 1e-10)
    root = np.linalg.cholesky(covariance)
    y = linalg.solve_triangular(root, (u - center).T, lower=True).T
    size = 1 / np.sum(weights**2)
    n_fitted = int(np.clip(_FITTED_PER_EFFECTIVE * size, max(_N_COMPONENTS), _MOST_FITTED))
    seen = y[random.choice(len(y), size=n_fitted, p=weights)]
    return MixtureProposal(coordinates, _fit(seen, size, random), center, root)


def _fit(y: np.ndarray, size: float, random: np.random.RandomState) -> GaussianMixture:
    """Fit to y of shape (n, d), which is worth `size` independent samples."""
    d = y.shape[1]
    best, least = None, np.inf
    for k in _N_COMPONENTS:
        if k > 1 and size < _PER_COMPONENT * d * k:
            break
        mixture = GaussianMixture(
            k, reg_covar=_LEAST_VARIANCE, tol=3e-3, max_iter=50, random_state=random
        )
        # So small a fit gains nothing by threads, and on busy cores loses most of its time to them.
        with warnings.catch_warnings(), threadpool_limits(1):
            # A fit that could be better is still a proposal.
            warnings.simplefilter("ignore", ConvergenceWarning)
            mixture.fit(y)
        n_free = k * (d + d * (d + 1) / 2) + k - 1
        criterion = n_free * np.log(size) - 2 * size * mixture.score(y)
        if criterion >= least:
            break
        best, least = mixture, criterion
    return _widened(best)


def _widened(mixture: GaussianMixture) -> GaussianMixture:
    """Give every component a wider one at the same place."""
    share, variance = np.array(_WIDENING).T
    mixture.weights_ = np.outer(share, mixture.weights_).ravel()
    for name, factor in (
        ("means_", np.ones(len(share))),
        ("covariances_", variance),
        ("precisions_cholesky_", variance**-0.5),
    ):
        values = getattr(mixture, name)
        setattr(mixture, name, np.concatenate([values * one for one in factor]))
    return mixture
