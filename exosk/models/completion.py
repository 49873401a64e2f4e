r"""Completing a spectrum by descent in a generator's latent space, from many starts.

ExoGAN (Zingales & Waldmann 2018, arXiv:1806.02906, after Yeh et al. 2017, arXiv:1607.07539) moves
each start z downhill on

.. math:: \sum_p m_p |G_p(z) - a_p| + \lambda \log(1 + e^{-D(G(z))})

with the mask m of the pixels of the ASPA a that are known. Errors have no part in it, and all
starts complete the same noise, so the scatter of the ends is that of the optimiser. The other
descent here gives each start r noise of its own on the spectrum and a place :math:`z_r` of its own
drawn from the prior,

.. math::
    \tfrac12 (x + e_r - G(z))^T C^{-1} (x + e_r - G(z)) + \tfrac12 |z - z_r|^2, \qquad
    e_r \sim \mathcal{N}(0, C),

whose ends are samples of the posterior where G is linear and close to it where it is nearly so
(Bardsley et al. 2014, SIAM J. Sci. Comput. 36, A1895).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from exosk.models.adversarial import GanNet
from exosk.models.latent import GeneratorLikelihood

__all__ = ["complete_pictures", "descend_with_noise"]

# As published: Adam's rate, and the weight of the critic's opinion.
_PUBLISHED_RATE, _LAMBDA = 0.01, 0.1
_RATE = 0.05
# Uniform variables are kept off their ends, where the normal ones that stand for them are infinite.
# At an end they still feel the slope, so what ran into it finds its way back.
_END = 1 - 1e-6


def complete_pictures(
    net: GanNet,
    pictures: torch.Tensor,
    generators: Sequence[np.random.Generator],
    n_latent: int,
    n_restarts: int,
    n_iterations: int,
) -> torch.Tensor:
    """Complete pictures as published.

    Parameters
    ----------
    net : GanNet
        Of pictures, in evaluation mode.
    pictures : tensor of shape (n, n_pixels)
        NaN where not known.
    generators : sequence of numpy.random.Generator
        One a spectrum.
    n_latent, n_restarts, n_iterations : int

    Returns
    -------
    tensor of shape (n, n_restarts, n_latent)
        Latent variables, standard normal.
    """
    known = ~torch.isnan(pictures)
    target = torch.where(known, pictures, 0.0)

    def normal(u: torch.Tensor) -> torch.Tensor:
        return math.sqrt(2.0) * torch.erfinv(u.clamp(-_END, _END))

    def loss(u: torch.Tensor) -> torch.Tensor:
        made = net(normal(u.flatten(0, 1)))
        opinion = nn.functional.softplus(-net.critic(made)).view(u.shape[:2])
        miss = (made.view(*u.shape[:2], -1) - target[:, None]).abs() * known[:, None]
        return miss.sum(-1) + _LAMBDA * opinion

    start = np.stack([g.uniform(-1, 1, (n_restarts, n_latent)) for g in generators])
    end = _descend(
        loss, torch.as_tensor(start).to(pictures), n_iterations, _PUBLISHED_RATE, limit=_END
    )
    return normal(end)


def descend_with_noise(
    likelihood: GeneratorLikelihood,
    generators: Sequence[np.random.Generator],
    n_latent: int,
    n_restarts: int,
    n_iterations: int,
) -> torch.Tensor:
    """Complete spectra with fresh noise at each start.

    Parameters
    ----------
    likelihood : GeneratorLikelihood
        Of n spectra.
    generators : sequence of numpy.random.Generator
        One a spectrum.
    n_latent, n_restarts, n_iterations : int

    Returns
    -------
    tensor of shape (n, n_restarts, n_latent)
        Latent variables, standard normal.
    """
    like = likelihood.depth
    rank, n_bins = likelihood.factor.shape
    normal = [
        np.stack([g.standard_normal((n_restarts, size)) for g in generators])
        for size in (n_latent, n_bins, rank)
    ]
    place, single, common = (torch.as_tensor(part).to(like) for part in normal)
    error = torch.where(likelihood.weight > 0, likelihood.weight.clamp(min=1e-30).rsqrt(), 0.0)
    noise = single * error[:, None] + common @ likelihood.factor

    def loss(z: torch.Tensor) -> torch.Tensor:
        made, _ = likelihood.decode(z.flatten(0, 1))
        residual = made.view(*z.shape[:2], -1) - likelihood.depth[:, None] - noise
        return 0.5 * likelihood.chi_squared(residual) + 0.5 * ((z - place) ** 2).sum(-1)

    return _descend(loss, place, n_iterations, _RATE)


def _descend(
    loss: Callable[[torch.Tensor], torch.Tensor],
    start: torch.Tensor,
    n_iterations: int,
    rate: float,
    limit: float | None = None,
) -> torch.Tensor:
    """Adam on each start by itself, within limits if there are any."""
    place = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([place], lr=rate)
    with torch.enable_grad():
        for _ in range(n_iterations):
            optimizer.zero_grad()
            loss(place).sum().backward()
            optimizer.step()
            if limit is not None:
                with torch.no_grad():
                    place.clamp_(-limit, limit)
    return place.detach()
