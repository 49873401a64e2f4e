r"""The posterior of a generator's latent variables, given a spectrum and its errors.

With standard normal variables z and a generator G, a spectrum x with errors :math:`\sigma` has

.. math::
    p(z \mid x) \propto \mathcal{N}(z; 0, 1)\, \mathcal{N}(x; G(z), C), \qquad
    C = \mathrm{diag}(\sigma^2 + v) + F^T F,

where v and F describe by how much generated spectra miss simulated ones; a missing bin has no part
in it. Samples start from a proposal q, a network's, and go to the posterior through

.. math:: \pi_\gamma \propto q^{1 - \gamma}\, p(z \mid x)^\gamma

(Neal 2001, Stat. Comput. 11, 125; Del Moral et al. 2006, J. R. Stat. Soc. B 68, 411): each step of
:math:`\gamma` is as large as leaves half of the samples effective, and is followed by Hamiltonian
moves (Neal 2011, arXiv:1206.1901) whose masses are those of the samples. A good proposal is one
step away.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from exosk.models.mixture import Mixture

__all__ = ["GeneratorLikelihood", "LatentSamples", "row_generators", "sample_latent"]

_EFFECTIVE = 0.5
_MOST_STEPS = 200
_BISECTIONS = 30
_N_LEAPFROG = 10
_ACCEPTED = 0.75  # what step lengths aim at
_ADAPTATION = 0.5
# Of one step: a move of a quarter of a Gaussian's period forgets where it began, one of a whole
# period comes back there.
_LONGEST = 0.5 * math.pi / _N_LEAPFROG
_JITTER = 0.2
# Of the samples' covariance, so that few of them that are effective still span all directions. Ten
# times more makes moves too long for posteriors a thousand times narrower one way than another.
_SHRINKAGE = 5e-4


class GeneratorLikelihood:
    """How well generated spectra fit observed ones.

    Parameters
    ----------
    decode : callable
        From latent variables (n, d) to depths (n, n_bins) and parameters.
    depth, sigma : tensor of shape (n, n_bins)
        Observed spectra and their errors; NaN is a missing bin.
    factor : tensor of shape (rank, n_bins)
        F above.
    variance : tensor of shape (n_bins,)
        v above, positive.
    """

    def __init__(
        self,
        decode: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]],
        depth: torch.Tensor,
        sigma: torch.Tensor,
        factor: torch.Tensor,
        variance: torch.Tensor,
    ) -> None:
        self.decode, self.factor = decode, factor
        missing = torch.isnan(depth)
        self.depth = torch.where(missing, 0.0, depth)
        weight = 1 / (torch.nan_to_num(sigma) ** 2 + variance)
        self.weight = torch.where(missing, 0.0, weight)
        # By Woodbury's identity with a small matrix a spectrum.
        small = torch.einsum("rb,nb,sb->nrs", factor, self.weight, factor)
        identity = torch.eye(len(factor), dtype=small.dtype, device=small.device)
        self.cholesky = torch.linalg.cholesky(identity + small)

    def __len__(self) -> int:
        return len(self.depth)

    def __getitem__(self, rows: torch.Tensor) -> GeneratorLikelihood:
        """Return that of some of the spectra."""
        part = object.__new__(GeneratorLikelihood)
        part.decode, part.factor = self.decode, self.factor
        part.depth, part.weight = self.depth[rows], self.weight[rows]
        part.cholesky = self.cholesky[rows]
        return part

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Log likelihood of (n, m, d), shape (n, m), but for a constant of each spectrum."""
        n, m, d = z.shape
        made, _ = self.decode(z.reshape(n * m, d))
        return -0.5 * self.chi_squared(made.view(n, m, -1) - self.depth[:, None])

    def chi_squared(self, residual: torch.Tensor) -> torch.Tensor:
        """Squared length, in units of the errors, of (n, m, n_bins); shape (n, m)."""
        weighted = residual * self.weight[:, None]
        along = torch.linalg.solve_triangular(
            self.cholesky, (weighted @ self.factor.T).transpose(1, 2), upper=False
        )
        return (weighted * residual).sum(-1) - (along**2).sum(1)


@dataclass(frozen=True)
class LatentSamples:
    """What :func:`sample_latent` found.

    Attributes
    ----------
    z : tensor of shape (n, n_samples, d)
        Samples of equal weight.
    efficiency : ndarray of shape (n,)
        Share of the proposal's samples that are effective after weighting: 1 where the proposal is
        the posterior.
    n_steps : ndarray of int, shape (n,)
        Steps from the proposal to the posterior.
    """

    z: torch.Tensor
    efficiency: np.ndarray
    n_steps: np.ndarray


def row_generators(rows: np.ndarray) -> list[np.random.Generator]:
    """Give each row random numbers of its own, always the same whatever other rows there are."""
    contents = [row.tobytes() for row in np.ascontiguousarray(rows, dtype=np.float64)]
    return [np.random.default_rng([zlib.crc32(c), zlib.adler32(c)]) for c in contents]


def sample_latent(
    likelihood: GeneratorLikelihood,
    proposal: Mixture,
    generators: Sequence[np.random.Generator],
    n_samples: int,
    n_particles: int = 128,
    n_moves: int = 5,
) -> LatentSamples:
    """Draw from the posterior of each spectrum.

    Parameters
    ----------
    likelihood : GeneratorLikelihood
        Of n spectra.
    proposal : Mixture
        One of each spectrum.
    generators : sequence of numpy.random.Generator
        One of each spectrum.
    n_samples : int
        How many to return of each.
    n_particles : int, default=128
        Samples that move together.
    n_moves : int, default=5
        Hamiltonian moves after each step, and between samples that are returned.

    Returns
    -------
    LatentSamples
    """
    sampler = _Sampler(likelihood, proposal, generators, n_particles)
    sampler.anneal(n_moves)
    n_rounds = -(-n_samples // n_particles)
    rounds = []
    for k in range(n_rounds):
        if k:
            sampler.move(n_moves)
        rounds.append(sampler.z)
    z = torch.cat(rounds, dim=1)
    if z.shape[1] > n_samples:
        # Particles of one round are as good as each other.
        z = z[:, :n_samples]
    return LatentSamples(z, sampler.efficiency, sampler.n_steps)


class _Sampler:
    """Particles of each spectrum on their way."""

    def __init__(
        self,
        likelihood: GeneratorLikelihood,
        proposal: Mixture,
        generators: Sequence[np.random.Generator],
        n_particles: int,
    ) -> None:
        self.likelihood, self.generators = likelihood, generators
        self.like = likelihood.depth
        n, d = len(likelihood), proposal.mean.shape[-1]
        uniform, normal = self._uniform(n_particles), self._normal(n_particles, d)
        z = proposal.transport(uniform.cpu().double().numpy(), normal.cpu().double().numpy())
        self.z = torch.as_tensor(z).to(self.like)
        self.proposal = Mixture(
            *(part.to(self.like) for part in (proposal.log_weight, proposal.mean, proposal.factor))
        )
        self.gamma = torch.zeros(n).to(self.like)
        self.length = torch.full((n,), _LONGEST).to(self.like)
        self.efficiency = np.zeros(n)
        self.n_steps = np.zeros(n, dtype=int)

    def _normal(self, *shape: int) -> torch.Tensor:
        drawn = np.stack([g.standard_normal(shape) for g in self.generators])
        return torch.as_tensor(drawn).to(self.like)

    def _uniform(self, *shape: int) -> torch.Tensor:
        return torch.as_tensor(np.stack([g.random(shape) for g in self.generators])).to(self.like)

    def anneal(self, n_moves: int) -> None:
        """Go from the proposal to the posterior."""
        for step in range(_MOST_STEPS):
            active = torch.nonzero(self.gamma < 1).flatten()
            if not len(active):
                return
            part = self._part(active)
            part._step(last=step == _MOST_STEPS - 1)
            if not step:
                self.efficiency[active.cpu().numpy()] = part.efficiency
            part.move(n_moves)
            self.z[active], self.gamma[active] = part.z, part.gamma
            self.length[active] = part.length
            self.n_steps[active.cpu().numpy()] += 1

    def _part(self, rows: torch.Tensor) -> _Sampler:
        part = object.__new__(_Sampler)
        part.likelihood, part.like = self.likelihood[rows], self.like
        part.generators = [self.generators[k] for k in rows.tolist()]
        q = self.proposal
        part.proposal = Mixture(q.log_weight[rows], q.mean[rows], q.factor[rows])
        part.z, part.gamma, part.length = self.z[rows], self.gamma[rows], self.length[rows]
        return part

    @torch.no_grad()
    def _step(self, last: bool) -> None:
        """Raise gamma as far as half of the particles allow, and resample."""
        posterior, proposal = self._log_densities(self.z)
        ratio = posterior - proposal
        self.efficiency = _effective(ratio).cpu().numpy()
        rest = 1 - self.gamma
        low, high = torch.zeros_like(rest), rest.clone()
        if not last:
            for _ in range(_BISECTIONS):
                middle = (low + high) / 2
                enough = _effective(middle[:, None] * ratio) >= _EFFECTIVE
                low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
            whole = _effective(rest[:, None] * ratio) >= _EFFECTIVE
            step = torch.where(whole, rest, low.clamp(min=1e-6))
        else:
            step = rest
        weight = torch.softmax(step[:, None] * ratio, dim=1)
        self.gamma = torch.where(step >= rest, 1.0, self.gamma + step)
        m = weight.shape[1]
        points = (torch.arange(m).to(self.like) + self._uniform(1)) / m
        cumulative = weight.cumsum(1)
        cumulative /= cumulative[:, -1:].clone()
        chosen = torch.searchsorted(cumulative.contiguous(), points).clamp(max=m - 1)
        # The masses are of the weighted particles: of those resampled some are the same.
        self.root = _spread(self.z, weight)
        self.z = torch.gather(self.z, 1, chosen[..., None].expand_as(self.z))

    def _log_densities(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        prior = -0.5 * (z**2).sum(-1)
        return prior + self.likelihood.log_prob(z), self.proposal.log_prob(z)

    def move(self, n_moves: int) -> None:
        """Move all particles by Hamiltonian dynamics, at their gamma."""
        if not hasattr(self, "root"):
            equal = torch.full_like(self.z[..., 0], 1 / self.z.shape[1])
            self.root = _spread(self.z, equal)
        m, d = self.z.shape[1:]
        log_p, gradient = self._gradient(self.z)
        for _ in range(n_moves):
            momentum, jitter = self._normal(m, d), self._uniform(1)
            accept = self._uniform(m).log()
            length = (self.length * (1 + _JITTER * (2 * jitter[:, 0] - 1)))[:, None, None]
            z, its, p = self.z, gradient, momentum
            proposed = log_p
            for _ in range(_N_LEAPFROG):
                p = p + 0.5 * length * its
                z = z + length * (p @ self.root.transpose(1, 2))
                proposed, its = self._gradient(z)
                p = p + 0.5 * length * its
            gain = proposed - log_p + 0.5 * (momentum**2).sum(-1) - 0.5 * (p**2).sum(-1)
            gain = torch.nan_to_num(gain, nan=-torch.inf)
            taken = accept < gain
            self.z = torch.where(taken[..., None], z, self.z)
            log_p = torch.where(taken, proposed, log_p)
            gradient = torch.where(taken[..., None], its, gradient)
            share = gain.clamp(max=0).exp().mean(1)
            self.length = self.length * torch.exp(_ADAPTATION * (share - _ACCEPTED))
            self.length = self.length.clamp(max=_LONGEST)

    def _gradient(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log density at gamma, and its gradient in the whitened coordinates."""
        z = z.detach().requires_grad_()
        with torch.enable_grad():
            posterior, proposal = self._log_densities(z)
            gamma = self.gamma[:, None]
            log_p = gamma * posterior + (1 - gamma) * proposal
            (gradient,) = torch.autograd.grad(log_p.sum(), z)
        return log_p.detach(), gradient @ self.root


def _effective(log_weight: torch.Tensor) -> torch.Tensor:
    """Effective share of weighted samples, shape (n,)."""
    weight = torch.softmax(log_weight, dim=1)
    return 1 / ((weight**2).sum(1) * weight.shape[1])


def _spread(z: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Cholesky factor (n, d, d) of the covariance of weighted samples."""
    offset = z - torch.einsum("nm,nmd->nd", weight, z)[:, None]
    covariance = torch.einsum("nm,nmi,nmj->nij", weight, offset, offset)
    diagonal = covariance.diagonal(dim1=1, dim2=2).clamp(min=1e-10)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * torch.diag_embed(diagonal)
    return torch.linalg.cholesky(covariance)
