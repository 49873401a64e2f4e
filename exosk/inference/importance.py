r"""From a proposal to the exact posterior, by importance sampling with the simulator's likelihood.

Draws of q, each with the weight

.. math:: w_i = \frac{p(\theta_i)\; p(x | \theta_i)}{q(\theta_i)},

are the posterior, however wrong q is, and the mean weight is the evidence; how wrong q is says only
how many draws that takes (:mod:`exosk.inference.weights`). A share :math:`\alpha` of the draws
comes from the prior, so that no weight exceeds the likelihood over :math:`\alpha` (Hesterberg 1995,
Technometrics 37, 185).

In several rounds the proposal learns from the weights (population Monte Carlo: Cappe et al. 2008,
Stat. Comput. 18, 447, arXiv:0710.4242). After each, a mixture of Gaussians is fitted to all
weighted draws and mixed with the first proposal, in shares that follow from the weights by
expectation maximisation, as there: what explains the posterior better is drawn from more. While a
few draws carry all the weight, weights are flattened for the fit, which makes it too wide and not
too narrow. At the end all draws are weighted as of one mixture of all proposals,

.. math:: q(\theta) = \sum_k \frac{N_k}{N}\, q_k(\theta),

with :math:`N_k` the draws from the k-th (the deterministic mixture: Owen & Zhou 2000, JASA 95,
135; Cornuet et al. 2012, Scand. J. Stat. 39, 798, arXiv:0907.1254). A mixture fits the draws that
it learned from better than others, and would give them weights that are too small, so draws are
made in two halves and each half's proposals learn from the other half.

With one round the evidence is unbiased at any number of draws. With several it is consistent, as
each :math:`q_k` depends on draws before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special
from sklearn.utils import check_random_state

from exosk.exceptions import ExoskError, RangeError
from exosk.inference.coordinates import Coordinates, PriorCoordinates, log_normal
from exosk.inference.proposal import (
    MixtureProposal,
    PriorProposal,
    Proposal,
    mixture_in,
    mixture_proposal,
)
from exosk.inference.refine import refine_posterior
from exosk.inference.tolerant import TolerantLikelihood
from exosk.inference.weights import appraise, effective_size, temper
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = ["importance_sample"]

# The least draws of a round from which a mixture can learn.
_LEAST_ROUND = 100
# Effective draws a parameter that a fit wants; weights are flattened until there are as many.
_FIT_EFFECTIVE = 20
# Of the draws that are not the prior's: the least share of the first proposal, which may know of
# modes that no draw has met, and of the mixture.
_LEAST_SHARE = 0.1
_SHARE_STEPS = 20
# Of the progress: when the fall-back begins, and when its particles are there.
_SAMPLED, _REFINED = 0.4, 0.9
# Of the fall-back: enough to fit a mixture to.
_N_PARTICLES = 1000
# What a likelihood counts.
_COUNTS = ("n_simulations", "n_not_finite", "n_refused")


def importance_sample(
    proposal: Proposal,
    log_likelihood: Callable[[np.ndarray], Any],
    space: ParameterSpace,
    *,
    n: int = 10_000,
    n_rounds: int = 1,
    n_effective: float | None = None,
    n_most: int | None = None,
    prior_share: float = 0.01,
    fall_back: bool = False,
    batch_size: int = 500,
    random_state: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Posterior:
    """Sample the exact posterior.

    Parameters
    ----------
    proposal : Proposal
        Where to look, such as :func:`exosk.inference.proposal.proposal_of` makes.
    log_likelihood : callable
        From (n, n_parameters) to (n,), as :func:`gaussian_log_likelihood` makes. Where it is NaN,
        and for rows that it refuses with RangeError, the likelihood is zero.
    space : ParameterSpace
        The priors. They may differ from those that the proposal was made for; the names may not.
    n : int, default=10000
        Draws, and so simulations, in all rounds together.
    n_rounds : int, default=1
        Rounds between which the proposal learns.
    n_effective : float, optional
        Go on with rounds of the same size until draws are worth so many.
    n_most : int, optional
        Draws after which to stop all the same; five times `n` by default.
    prior_share : float, default=0.01
        Share of the draws that come from the prior.
    fall_back : bool, default=False
        Where the verdict is "failed", whether to go on with :func:`refine_posterior`, which costs
        many more simulations, and to weigh draws from a mixture fitted to its particles.
    batch_size : int, default=500
        Rows that the likelihood is given at a time.
    random_state : int, RandomState or None
        As in scikit-learn.
    progress : callable, optional
        Called with the share done, from 0 to 1.

    Returns
    -------
    Posterior
        Weighted. ``meta`` has ``method``, what :func:`exosk.inference.weights.appraise` tells of
        the weights, ``efficiency_first`` (of the first round, by itself),
        ``efficiency_last`` (of the last round's draws, weighted as all are), ``n_rounds``,
        ``n_simulations``, ``n_not_finite`` and ``n_refused``. After a fall-back all of this is of
        the second attempt, and that of the first is under ``importance``. Where the second fails
        too, samples have equal weights, and ``method`` and the evidence are those of the tempered
        sampler.

    Raises
    ------
    RangeError
        If a number is out of its range, or the proposal has other parameters.
    ExoskError
        If no draw has a finite likelihood.
    """
    n, n_rounds = _checked(n, n_rounds, prior_share, proposal.space, space)
    random = check_random_state(random_state)
    tell: Callable[[float], None] = progress or (lambda share: None)
    part = _SAMPLED if fall_back else 1.0
    wanted = 0.0 if n_effective is None else n_effective
    most = max(n, n_most or 5 * n) if wanted else n
    likelihood = TolerantLikelihood(
        log_likelihood, batch_size, lambda done: tell(part * min(done / most, 1.0))
    )
    halves = [
        _Draws(space, likelihood, proposal) for _ in range(1 if n_rounds == 1 and most == n else 2)
    ]
    efficiencies: list[float] = []
    while True:
        k = len(efficiencies)
        if k > 0:
            _learn_from_each_other(halves, random)
        sizes = _apportion(n // n_rounds + (k < n % n_rounds), np.ones(len(halves)))
        for half, size in zip(halves, sizes, strict=True):
            half.add(size, prior_share, random)
        efficiencies.append(_joint_efficiency(halves, sizes))
        log_weights = np.concatenate([half.log_weights for half in halves])
        enough = effective_size(log_weights) >= wanted or len(log_weights) + n // n_rounds > most
        if k + 1 >= n_rounds and enough:
            break
    theta = np.concatenate([half.theta for half in halves])
    if not np.isfinite(log_weights).any():
        reason = f" (the simulator said: {likelihood.refusal})" if likelihood.refusal else ""
        raise ExoskError(
            f"no draw from the proposal or the prior has a finite likelihood{reason}; check the "
            f"spectrum's errors and the priors"
        )
    meta = {
        "method": "importance sampling" if len(halves) == 1 else "adaptive importance sampling",
        **appraise(log_weights),
        "efficiency_first": efficiencies[0],
        "efficiency_last": efficiencies[-1],
        "n_rounds": len(efficiencies),
        **{name: getattr(likelihood, name) for name in _COUNTS},
    }
    tell(part)
    if fall_back and meta["verdict"] == "failed":
        start = Posterior(theta, space, _flattened(log_weights, len(space)))
        return _fall_back(start, proposal, likelihood, n, meta, random, tell)
    tell(1.0)
    return Posterior(theta, space, special.softmax(log_weights), meta)


def _checked(
    n: int, n_rounds: int, prior_share: float, own: ParameterSpace, space: ParameterSpace
) -> tuple[int, int]:
    for name, value in (("n", n), ("n_rounds", n_rounds)):
        if int(value) != value or value < 1:
            raise RangeError(f"{name} must be a whole number from 1 up, got {value!r}")
    if n < _LEAST_ROUND * n_rounds:
        raise RangeError(
            f"{n} draws are too few for {n_rounds} round(s); use {_LEAST_ROUND * n_rounds} or more"
        )
    if not 0 <= prior_share < 1:
        raise RangeError(f"prior_share must be at least 0 and less than 1, got {prior_share}")
    if own.names != space.names:
        raise RangeError(
            f"the proposal is of {', '.join(own.names)} and the likelihood of "
            f"{', '.join(space.names)}; use a model that was trained for these parameters"
        )
    return int(n), int(n_rounds)


def _apportion(n: int, shares: np.ndarray) -> np.ndarray:
    """Share n out in whole numbers."""
    return np.diff(np.round(n * np.cumsum(shares) / np.sum(shares)), prepend=0).astype(int)


def _flattened(log_weights: np.ndarray, d: int) -> np.ndarray:
    """Weights of which enough count to fit d parameters' distribution to, shape (n,)."""
    return special.softmax(temper(log_weights, _FIT_EFFECTIVE * d))


class _Draws:
    """Draws, and the density of every proposal at each of them.

    The first proposal is the prior and the second the user's; what is learned follows.
    """

    def __init__(
        self, space: ParameterSpace, likelihood: TolerantLikelihood, proposal: Proposal
    ) -> None:
        self._space, self._likelihood = space, likelihood
        self._proposals: list[Any] = [PriorProposal(space), proposal]
        # Mixtures are fitted where the proposal is normal, if it says where.
        given: Coordinates | None = getattr(proposal, "coordinates", None)
        self._coordinates = given or PriorCoordinates(space)
        self._counts = np.zeros(2, dtype=int)
        # Of the user's proposal and, once there is one, the latest that was learned.
        self._shares = np.ones(1)
        self.theta = np.empty((0, len(space)))
        self._u, self._change = self.theta, np.empty(0)
        self._log_target = np.empty(0)
        self.log_density = np.empty((2, 0))

    @property
    def log_weights(self) -> np.ndarray:
        """Log of the target over the mixture of all proposals, shape (n,)."""
        used = self._counts > 0
        share = np.log(self._counts[used] / self._counts.sum())
        log_q = np.logaddexp.reduce(share[:, None] + self.log_density[used], axis=0)
        # Rounding alone makes a draw impossible where it was drawn.
        possible = np.isfinite(self._log_target) & np.isfinite(log_q)
        out = np.full(len(self.theta), -np.inf)
        out[possible] = self._log_target[possible] - log_q[possible]
        return out

    def add(self, n: int, prior_share: float, random: np.random.RandomState) -> None:
        """Draw n more, from the prior, the first proposal and the latest."""
        # At least one of the prior, or the share would bound no weight.
        n_prior = math.ceil(prior_share * n)
        counts = (n_prior, *_apportion(n - n_prior, self._shares))
        which = (0, 1, len(self._proposals) - 1)[: len(counts)]
        samples = []
        for k, n_drawn in zip(which, counts, strict=True):
            self._counts[k] += n_drawn
            if n_drawn > 0:
                samples.append(self._proposals[k].sample(int(n_drawn), random))
        theta = np.concatenate(samples)
        log_target = self._space.log_prior(theta)
        inside = np.isfinite(log_target)
        log_target[inside] += self._likelihood(theta[inside])
        u, change = self._coordinates.normalize(theta)
        log_density = np.stack([self._log_density_of(q, theta, u, change) for q in self._proposals])
        self.theta = np.concatenate([self.theta, theta])
        self._u = np.concatenate([self._u, u])
        self._change = np.concatenate([self._change, change])
        self._log_target = np.concatenate([self._log_target, log_target])
        self.log_density = np.concatenate([self.log_density, log_density], axis=1)

    def _log_density_of(
        self, proposal: Any, theta: np.ndarray, u: np.ndarray, change: np.ndarray
    ) -> np.ndarray:
        """Log density at theta, from coordinates where that spares a pass through a flow."""
        if getattr(proposal, "coordinates", None) is not self._coordinates:
            return np.asarray(proposal.log_density(theta))
        if isinstance(proposal, MixtureProposal):
            return proposal.log_density_at(u, change)
        return log_normal(u) + change

    def lesson(self, random: np.random.RandomState) -> MixtureProposal | None:
        """Fit a mixture to the weighted draws."""
        if not np.isfinite(self.log_weights).any():
            return None
        weights = _flattened(self.log_weights, len(self._space))
        # What the coordinates don't hold only the prior can draw.
        weights = np.where(np.isfinite(self._change), weights, 0.0)
        return mixture_in(self._coordinates, self._u, weights, random) if weights.any() else None

    def learn(self, mixture: MixtureProposal) -> None:
        """Draw from a mixture too from now on, which was fitted to other draws than these."""
        weights = _flattened(self.log_weights, len(self._space))
        self._proposals.append(mixture)
        self._counts = np.append(self._counts, 0)
        self.log_density = np.vstack(
            [self.log_density, mixture.log_density_at(self._u, self._change)]
        )
        self._shares = _shares(self.log_density[[1, -1]], weights)


def _shares(log_density: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Shares with which two densities (2, n) explain weighted draws best, by EM."""
    seen = weights > 0
    # What only the prior drew may be impossible for both.
    log_density = np.maximum(log_density[:, seen], np.finfo(float).min / 4)
    shares = np.full(2, 0.5)
    for _ in range(_SHARE_STEPS):
        owner = special.softmax(np.log(shares)[:, None] + log_density, axis=0)
        shares = np.clip(owner @ weights[seen], _LEAST_SHARE, 1 - _LEAST_SHARE)
    return shares


def _learn_from_each_other(halves: list[_Draws], random: np.random.RandomState) -> None:
    lessons = [half.lesson(random) for half in halves]
    if all(lesson is not None for lesson in lessons):
        for half, lesson in zip(halves, reversed(lessons), strict=True):
            half.learn(lesson)


def _joint_efficiency(halves: list[_Draws], sizes: np.ndarray) -> float:
    """Efficiency of the latest draws of each half."""
    latest = [half.log_weights[-size:] for half, size in zip(halves, sizes, strict=True)]
    return effective_size(np.concatenate(latest)) / int(sizes.sum())


def _fall_back(
    start: Posterior,
    proposal: Proposal,
    likelihood: TolerantLikelihood,
    n: int,
    failed: dict[str, Any],
    random: np.random.RandomState,
    tell: Callable[[float], None],
) -> Posterior:
    """Go on by tempered sequential Monte Carlo from where the weights point, and weigh again."""
    likelihood.progress, space = None, start.space  # the sampler tells of its own

    refined = refine_posterior(
        start,
        likelihood,
        n_particles=_N_PARTICLES,
        random_state=random,
        progress=lambda share: tell(_SAMPLED + (_REFINED - _SAMPLED) * share),
    )
    again = importance_sample(
        _closest_mixture(refined, proposal, random),
        likelihood,
        space,
        n=max(n, 4 * _LEAST_ROUND),
        n_rounds=4,
        random_state=random,
    )
    tell(1.0)
    counts = {name: getattr(likelihood, name) for name in _COUNTS} | {"importance": failed}
    reason = f"importance sampling failed at first ({failed['verdict_text']})"
    if again.meta["verdict"] != "failed":
        again.meta |= counts | {
            "method": "tempered sequential Monte Carlo, then importance sampling",
            "verdict_text": (
                f"{reason}; after tempered sequential Monte Carlo {again.meta['verdict_text']}"
            ),
        }
        return again
    refined.meta |= counts | {
        "method": "importance sampling, then tempered sequential Monte Carlo",
        "verdict": "usable",
        "verdict_text": (
            f"{reason}; the samples are of tempered sequential Monte Carlo, which started from its "
            f"draws"
        ),
    }
    return refined


def _closest_mixture(
    particles: Posterior, proposal: Proposal, random: np.random.RandomState
) -> MixtureProposal:
    """Fit a mixture in the proposal's coordinates and one in the prior's; return the better.

    Where a spectrum is none that the proposal was made for, its coordinates may be bad ones.
    """
    space = particles.space
    coordinates = [PriorCoordinates(space), getattr(proposal, "coordinates", None)]
    fits = [
        mixture_proposal(particles.samples, None, space, coordinates=c, random_state=random)
        for c in coordinates
        if c is not None and np.isfinite(c.normalize(particles.samples)[1]).all()
    ]
    return max(fits, key=lambda fit: float(fit.log_density(particles.samples).mean()))
