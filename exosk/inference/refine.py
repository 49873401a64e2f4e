r"""From a retriever's posterior to the exact one, by tempered sequential Monte Carlo.

A trained retriever answers at once but not sharply. Where the simulator is at hand its answer
can be made exact: draw particles from a proposal :math:`q` fitted to it, and lead them through

.. math:: \pi_\beta(\theta) \propto q(\theta)^{1-\beta}\,
          \left[p(\theta)\, p(x \mid \theta)\right]^\beta, \qquad \beta: 0 \to 1,

in steps small enough that importance weights stay even; at each step particles are resampled by
weight and moved by Metropolis steps that leave :math:`\pi_\beta` unchanged (Del Moral, Doucet &
Jasra 2006, J. R. Stat. Soc. B 68, 411). The product of the mean weights is the evidence. The
proposal decides how long this takes, not where it ends; a share of the prior is mixed in, so that
nothing the prior allows is out of reach.

Everything happens in :math:`z = \Phi^{-1}(F(\theta))`, where F is the prior's distribution
function: there the prior is a standard normal and no move can leave its support.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state

from exosk.exceptions import ExoskError
from exosk.inference.tempering import (
    from_normal,
    next_step,
    relative_variance,
    systematic,
    to_normal,
)
from exosk.posterior import Posterior

__all__ = ["refine_posterior"]

_PRIOR_SHARE = 0.2
# Metropolis steps at each temperature; twice as many at the last, whose particles are the result.
_MOVES = 8


def refine_posterior(
    posterior: Posterior,
    log_likelihood: Callable[[np.ndarray], np.ndarray],
    *,
    n_particles: int = 1000,
    random_state: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Posterior:
    """Turn an approximate posterior into samples of the exact one.

    Parameters
    ----------
    posterior : Posterior
        The approximation, with the priors in its space.
    log_likelihood : callable
        From (n, n_parameters) to (n,), as :func:`gaussian_log_likelihood` makes.
    n_particles : int, default=1000
        Samples to carry through.
    random_state : int, RandomState or None
        As in scikit-learn.
    progress : callable, optional
        Called with beta, from 0 to 1.

    Returns
    -------
    Posterior
        Of equal weights. ``meta`` has ``log_evidence``, ``log_evidence_error`` (as if particles
        were independent), ``n_simulations``, ``n_stages`` and the last ``acceptance``.

    Raises
    ------
    ExoskError
        If no particle has a finite likelihood.
    """
    random = check_random_state(random_state)
    target = _Target(posterior, log_likelihood, n_particles, random)
    beta, log_evidence, variance, n_stages, acceptance, scale = 0.0, 0.0, 0.0, 0, 1.0, 1.0
    while beta < 1.0:
        step = next_step(target.log_ratio, 1.0 - beta)
        weights = step * target.log_ratio
        log_evidence += float(special.logsumexp(weights) - np.log(n_particles))
        beta = min(beta + step, 1.0)
        shares = special.softmax(weights)
        variance += relative_variance(shares)
        target.keep(systematic(shares, random))
        scale, acceptance = _move(target, beta, scale, random)
        n_stages += 1
        if progress is not None:
            progress(beta)
    meta = {
        "method": "tempered sequential Monte Carlo",
        "log_evidence": log_evidence,
        "log_evidence_error": float(np.sqrt(variance)),
        "n_simulations": target.n_simulations,
        "n_stages": n_stages,
        "acceptance": acceptance,
    }
    return Posterior(target.theta, posterior.space, meta=posterior.meta | meta)


class _Target:
    """The particles, and the two densities between which they are led."""

    def __init__(
        self,
        posterior: Posterior,
        log_likelihood: Callable[[np.ndarray], np.ndarray],
        n_particles: int,
        random: np.random.RandomState,
    ) -> None:
        self.space = posterior.space
        self._log_likelihood = log_likelihood
        self.n_simulations = 0
        seen = to_normal(self.space.to_unit_cube(posterior.resample(4000, random)))
        # Training draws repeat in a weighted posterior; some regularisation keeps a component
        # from collapsing onto one of them.
        self._mixture = GaussianMixture(3, reg_covar=0.02, random_state=random).fit(seen)
        n_prior = int(_PRIOR_SHARE * n_particles)
        near, _ = self._mixture.sample(n_particles - n_prior)
        self.z = np.vstack([near, random.standard_normal((n_prior, len(self.space)))])
        self.log_q, self.log_p = self.densities(self.z)
        if not np.isfinite(self.log_p).any():
            raise ExoskError(
                "no draw from the retriever's posterior or the prior has a finite likelihood; "
                "check the spectrum's errors and the priors"
            )

    @property
    def theta(self) -> np.ndarray:
        """The particles as parameters."""
        return self.to_theta(self.z)

    @property
    def log_ratio(self) -> np.ndarray:
        """Log of the target over the proposal."""
        return self.log_p - self.log_q

    def to_theta(self, z: np.ndarray) -> np.ndarray:
        """Map z to parameters."""
        return self.space.from_unit_cube(from_normal(z))

    def densities(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log densities of the proposal, and of prior times likelihood, at z."""
        log_prior = -0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=1)
        log_q = np.logaddexp(
            np.log1p(-_PRIOR_SHARE) + self._mixture.score_samples(z),
            np.log(_PRIOR_SHARE) + log_prior,
        )
        self.n_simulations += len(z)
        log_likelihood = self._log_likelihood(self.to_theta(z))
        return log_q, log_prior + np.where(np.isnan(log_likelihood), -np.inf, log_likelihood)

    def keep(self, picks: np.ndarray) -> None:
        """Keep the picked particles."""
        self.z, self.log_q, self.log_p = self.z[picks], self.log_q[picks], self.log_p[picks]


def _move(
    target: _Target, beta: float, scale: float, random: np.random.RandomState
) -> tuple[float, float]:
    """Move the particles by Metropolis steps; return the random walk's scale and its acceptance.

    Steps alternate between a random walk, which always gets somewhere, and draws from a mixture
    fitted to the particles, which forget where they started.
    """
    n, d = target.z.shape
    root = np.linalg.cholesky(np.cov(target.z.T) + 1e-10 * np.eye(d)) * 2.38 / np.sqrt(d)
    mixture = GaussianMixture(4, reg_covar=1e-4, random_state=random).fit(target.z)
    log_fit = mixture.score_samples(target.z)
    acceptance = 0.0
    for move in range(_MOVES if beta < 1 else 2 * _MOVES):
        walks = move % 2 == 0
        if walks:
            proposed = target.z + scale * random.standard_normal((n, d)) @ root.T
        else:
            proposed = mixture.sample(n)[0]
            random.shuffle(proposed)  # sample() returns them sorted by component
        log_q, log_p = target.densities(proposed)
        log_fit_proposed = mixture.score_samples(proposed)
        gain = (1 - beta) * (log_q - target.log_q) + beta * (log_p - target.log_p)
        if not walks:
            gain += log_fit - log_fit_proposed
        accepted = np.log(random.uniform(size=n)) < gain
        target.z[accepted] = proposed[accepted]
        target.log_q[accepted] = log_q[accepted]
        target.log_p[accepted] = log_p[accepted]
        log_fit[accepted] = log_fit_proposed[accepted]
        if walks:
            acceptance = float(accepted.mean())
            # Robbins-Monro towards the optimal acceptance of random walks in many dimensions.
            scale *= float(np.exp(acceptance - 0.234))
    return scale, acceptance
