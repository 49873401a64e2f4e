r"""Sampling along the gradients of a simulator.

Particles are led from a proposal q, or from the prior itself, to the posterior through

.. math:: \pi_\beta \propto q^{1 - \beta}\, \left[p(\theta)\, p(x \mid \theta)\right]^\beta,

as in :mod:`exosk.inference.refine`, whose evidence is the same product of mean weights. Here they
move by Hamiltonian dynamics (Duane et al. 1987; Neal 2011, arXiv:1206.1901): a particle gets a
random momentum and slides along the surface of :math:`\log \pi_\beta`, so that it ends far from
where it began and is accepted nearly always, however many parameters there are. Masses are those
of the particles, lengths of steps are adapted to the acceptance that is wanted, and moves at one
temperature go on until the particles have forgotten where they were (Buchholz, Chopin & Jacob
2021, Bayesian Analysis 16, 745, arXiv:1808.07730).

Everything happens in :math:`z = \Phi^{-1}(F(\theta))`, with F the prior's distribution function and
p its density, where

.. math:: \frac{\partial \log L}{\partial z} = \frac{\partial \log L}{\partial \theta}\,
          \frac{\varphi(z)}{p(\theta)}.

Steps, evidence and its error are those of :mod:`exosk.inference.tempering`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from scipy import special
from sklearn.mixture import GaussianMixture
from sklearn.utils import check_random_state

from exosk.exceptions import ExoskError, RangeError
from exosk.inference.checkpoint import Checkpoint
from exosk.inference.likelihood import GaussianLikelihood, check_parameters
from exosk.inference.tempering import (
    from_normal,
    next_step,
    relative_variance,
    systematic,
    to_normal,
)
from exosk.models.mixture import Mixture
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = ["hmc_sample"]

_PRIOR_SHARE = 0.2
_N_COMPONENTS = 3
_N_FITTED = 4000
_N_LEAPFROG = 6
_ACCEPTED = 0.8  # what step lengths aim at
_ADAPTATION = 0.5
# A move of a quarter of a Gaussian's period forgets where it began.
_LONGEST = 0.5 * math.pi / _N_LEAPFROG
_JITTER = 0.2
# Moves at a temperature end when no direction of the particles keeps more than this correlation
# with where they were.
_REMEMBERED = 0.3
_MOST_MOVES = 10
# Of the particles' covariance, so that few that are effective still span all directions.
_SHRINKAGE = 1e-3


def hmc_sample(
    log_likelihood: GaussianLikelihood,
    start: Posterior | ParameterSpace,
    *,
    n_particles: int = 500,
    checkpoint: str | os.PathLike[str] | None = None,
    problem: Any = None,
    resume: bool = True,
    random_state: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Posterior:
    """Sample the posterior by tempered Hamiltonian Monte Carlo.

    Parameters
    ----------
    log_likelihood : GaussianLikelihood
        With ``value_and_gradient``, of a simulator with derivatives.
    start : Posterior or ParameterSpace
        An approximation to begin with, of which a fifth is replaced by the prior; or the prior.
    n_particles : int, default=500
        Samples to carry through.
    checkpoint : path-like, optional
        A file that the run is saved in after each temperature, and goes on from if it is there:
        a run that was killed ends with the same numbers as one that was not.
    problem : Mapping or str, optional
        What is fitted, as JSON has it, to tell a checkpoint of another problem; the likelihood's
        ``description`` by default.
    resume : bool, default=True
        Whether to go on from a checkpoint that is there; else it is overwritten.
    random_state : int, RandomState or None
        As in scikit-learn. A run that goes on has the random numbers of its beginning.
    progress : callable, optional
        Called with beta, from 0 to 1.

    Returns
    -------
    Posterior
        Of equal weights. ``meta`` has ``method``, ``log_evidence``, ``log_evidence_error``,
        ``n_simulations`` (of values with gradients), ``n_stages`` and the last ``acceptance``.

    Raises
    ------
    ExoskError
        If the likelihood has no derivatives, or is finite for no particle.
    RangeError
        If there are too few particles, or the parameters are not the likelihood's.
    FileFormatError
        If the checkpoint is damaged, of another problem, or no checkpoint.
    """
    space = start if isinstance(start, ParameterSpace) else start.space
    if not hasattr(log_likelihood, "value_and_gradient"):
        raise ExoskError(
            "Hamiltonian moves need a log likelihood with value_and_gradient, such as "
            "gaussian_log_likelihood makes of the built-in simulator"
        )
    check_parameters(log_likelihood, space)
    if n_particles < 2 * len(space) + 2:
        raise RangeError(
            f"{n_particles} particles are too few for {len(space)} parameters; take "
            f"{2 * len(space) + 2} or more, and hundreds for an answer"
        )
    store = None
    if checkpoint is not None:
        if problem is None:
            problem = getattr(log_likelihood, "description", None)
        settings = {"n_particles": n_particles}
        store = Checkpoint(checkpoint, "gradient-sampling", space, problem, settings)
    random = check_random_state(random_state)
    target = _Target(log_likelihood, space)
    if store and resume:
        state = _State.load(store, random := np.random.RandomState())
    else:
        state = _begin(target, start, n_particles, random)
    while state.beta < 1:
        _advance(target, state, random)
        if store is not None:
            state.save(store, random)
        if progress is not None:
            progress(state.beta)
    meta = {
        "method": "tempered Hamiltonian Monte Carlo",
        "log_evidence": state.log_evidence,
        "log_evidence_error": math.sqrt(state.variance),
        "n_simulations": state.n_simulations,
        "n_stages": state.n_stages,
        "acceptance": state.acceptance,
    }
    known = start.meta if isinstance(start, Posterior) else {}
    return Posterior(target.theta(state.z), space, meta=known | meta)


@dataclass
class _State:
    """All that the rest of a run depends on, beside the problem and the random numbers.

    `log_weight`, `mean` and `factor` are the proposal's (:class:`Mixture`). `log_q`, `log_p` and
    their gradients are those of the proposal, and of prior times likelihood, at the particles z.
    """

    log_weight: np.ndarray
    mean: np.ndarray
    factor: np.ndarray
    z: np.ndarray
    log_q: np.ndarray
    slope_q: np.ndarray
    log_p: np.ndarray
    slope_p: np.ndarray
    beta: float = 0.0
    log_evidence: float = 0.0
    variance: float = 0.0
    length: float = _LONGEST
    acceptance: float = 1.0
    n_simulations: int = 0
    n_stages: int = 0

    #: What belongs to each particle.
    OF_PARTICLES = ("z", "log_q", "slope_q", "log_p", "slope_p")

    def replace(self, rows: np.ndarray, source: dict[str, np.ndarray]) -> None:
        """Replace some particles."""
        for name in self.OF_PARTICLES:
            getattr(self, name)[rows] = source[name][rows]

    def keep(self, picks: np.ndarray) -> None:
        """Keep the picked particles."""
        for name in self.OF_PARTICLES:
            setattr(self, name, getattr(self, name)[picks])

    def save(self, store: Checkpoint, random: np.random.RandomState) -> None:
        """Write to a checkpoint."""
        _, keys, position, has_gauss, gauss = random.get_state()
        with store.write() as file:
            for field in fields(self):
                value = getattr(self, field.name)
                if isinstance(value, np.ndarray):
                    file.create_dataset(field.name, data=value, chunks=True, fletcher32=True)
                else:
                    file.attrs[field.name] = value
            file.create_dataset("keys", data=keys, chunks=True, fletcher32=True)
            file.attrs.update(position=position, has_gauss=has_gauss, gauss=gauss)

    @classmethod
    def load(cls, store: Checkpoint, random: np.random.RandomState) -> _State:
        """Read from a checkpoint, and set the random numbers to go on as they did."""
        with store.read() as file:
            kinds = {"int": int, "float": float}
            values = {
                field.name: kinds[str(field.type)](file.attrs[field.name])
                if str(field.type) in kinds
                else file[field.name][:]
                for field in fields(cls)
            }
            names = ("position", "has_gauss", "gauss")
            random.set_state(("MT19937", file["keys"][:], *(file.attrs[name] for name in names)))
            return cls(**values)


class _Target:
    """Densities and their gradients at z."""

    def __init__(self, log_likelihood: GaussianLikelihood, space: ParameterSpace) -> None:
        self._log_likelihood = log_likelihood
        self._space = space
        self._priors = [parameter.prior.distribution for parameter in space]

    @property
    def refusal(self) -> str:
        """Why the simulator refused an atmosphere, if it did."""
        return str(getattr(self._log_likelihood, "refusal", ""))

    def theta(self, z: np.ndarray) -> np.ndarray:
        """Map z to parameters."""
        return self._space.from_unit_cube(from_normal(z))

    def densities(self, z: np.ndarray, proposal: Mixture) -> dict[str, np.ndarray]:
        """Return what a state holds of particles at z; nothing is likely where z is no number."""
        sound = np.isfinite(z).all(axis=1)
        safe = np.where(sound[:, None], z, 0.0)
        log_q, slope_q = _log_density(proposal, safe)
        theta = self.theta(safe)
        value, slope = self._log_likelihood.value_and_gradient(theta)
        density = np.stack([p.pdf(theta[:, k]) for k, p in enumerate(self._priors)], axis=1)
        normal = np.exp(-0.5 * safe**2) / math.sqrt(2 * math.pi)
        log_prior = -0.5 * np.sum(safe**2 + math.log(2 * math.pi), axis=1)
        possible = sound & np.isfinite(value)
        return {
            "z": z,
            "log_q": log_q,
            "slope_q": slope_q,
            "log_p": np.where(possible, log_prior + value, -np.inf),
            "slope_p": np.nan_to_num(slope * normal / density) - safe,
        }


def _log_density(proposal: Mixture, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log density of the proposal and its gradient at (n, d)."""
    with torch.enable_grad():
        point = torch.tensor(z, requires_grad=True)
        log_q = proposal.log_prob(point[None])[0]
        (slope,) = torch.autograd.grad(log_q.sum(), point)
    return log_q.detach().numpy(), slope.numpy()


def _begin(
    target: _Target,
    start: Posterior | ParameterSpace,
    n_particles: int,
    random: np.random.RandomState,
) -> _State:
    """Draw particles from the proposal."""
    space = start if isinstance(start, ParameterSpace) else start.space
    d = len(space)
    weight, mean, factor = np.ones(1), np.zeros((1, d)), np.eye(d)[None]
    z = random.standard_normal((n_particles, d))
    if isinstance(start, Posterior):
        seen = to_normal(space.to_unit_cube(start.resample(_N_FITTED, random)))
        fit = GaussianMixture(_N_COMPONENTS, reg_covar=0.02, random_state=random).fit(seen)
        n_prior = int(_PRIOR_SHARE * n_particles)
        z[n_prior:] = fit.sample(n_particles - n_prior)[0]
        weight = np.r_[_PRIOR_SHARE, (1 - _PRIOR_SHARE) * fit.weights_]
        mean = np.concatenate([mean, fit.means_])
        factor = np.concatenate([factor, np.linalg.cholesky(fit.precisions_)])
    log_weight, mean, factor = np.log(weight)[None], mean[None], factor[None]
    of_particles = target.densities(z, _mixture(log_weight, mean, factor))
    if not np.isfinite(of_particles["log_p"]).any():
        raise ExoskError(
            "no draw to begin with has a finite likelihood; check the spectrum's errors and the "
            "priors" + (f" (the simulator says: {target.refusal})" if target.refusal else "")
        )
    state = _State(log_weight, mean, factor, **of_particles)  # type: ignore[arg-type]
    state.n_simulations = n_particles
    return state


def _mixture(*parts: np.ndarray) -> Mixture:
    return Mixture(*(torch.from_numpy(part) for part in parts))


def _advance(target: _Target, state: _State, random: np.random.RandomState) -> None:
    """Go to the next temperature."""
    log_ratio = state.log_p - state.log_q
    step = next_step(log_ratio, 1 - state.beta)
    log_weight = step * log_ratio
    n = len(log_weight)
    state.log_evidence += float(special.logsumexp(log_weight) - math.log(n))
    weight = special.softmax(log_weight)
    state.variance += relative_variance(weight)
    # 1 - (1 - beta) may be a little more than beta.
    state.beta = 1.0 if step >= 1 - state.beta else state.beta + step
    # Masses are of the weighted particles: of those resampled some are the same.
    root = _spread(state.z, weight)
    state.keep(systematic(weight, random))
    proposal = _mixture(state.log_weight, state.mean, state.factor)
    origin = np.linalg.solve(root, state.z.T).T
    for _ in range(_MOST_MOVES):
        _move(target, state, proposal, root, random)
        if _remembered(origin, np.linalg.solve(root, state.z.T).T) < _REMEMBERED:
            break
    state.n_stages += 1


def _spread(z: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Cholesky factor of the covariance of weighted particles."""
    offset = z - weight @ z
    covariance = (offset * weight[:, None]).T @ offset
    diagonal = np.maximum(np.diag(covariance), 1e-10)
    return np.linalg.cholesky((1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(diagonal))


def _remembered(before: np.ndarray, after: np.ndarray) -> float:
    """Largest correlation of a coordinate with what it was."""
    before, after = before - before.mean(axis=0), after - after.mean(axis=0)
    scale = np.sqrt((before**2).sum(axis=0) * (after**2).sum(axis=0))
    return float(np.max((before * after).sum(axis=0) / np.maximum(scale, 1e-300)))


def _move(
    target: _Target,
    state: _State,
    proposal: Mixture,
    root: np.ndarray,
    random: np.random.RandomState,
) -> None:
    """Move all particles once by Hamiltonian dynamics, and adapt the length of steps."""
    n, d = state.z.shape
    beta = state.beta
    momentum = random.standard_normal((n, d))
    length = state.length * (1 + _JITTER * random.uniform(-1, 1))
    accept = np.log(random.uniform(size=n))
    z, p = state.z, momentum
    slope = (1 - beta) * state.slope_q + beta * state.slope_p
    for _ in range(_N_LEAPFROG):
        p = p + 0.5 * length * slope @ root
        z = z + length * p @ root.T
        there = target.densities(z, proposal)
        slope = (1 - beta) * there["slope_q"] + beta * there["slope_p"]
        p = p + 0.5 * length * slope @ root
    state.n_simulations += _N_LEAPFROG * n
    before = (1 - beta) * state.log_q + beta * state.log_p
    after = (1 - beta) * there["log_q"] + beta * there["log_p"]
    gain = after - before + 0.5 * np.sum(momentum**2 - p**2, axis=1)
    gain = np.where(np.isfinite(gain), gain, -np.inf)
    state.replace(accept < gain, there)
    state.acceptance = float(np.exp(np.minimum(gain, 0)).mean())
    state.length *= math.exp(_ADAPTATION * (state.acceptance - _ACCEPTED))
    state.length = min(state.length, _LONGEST)
