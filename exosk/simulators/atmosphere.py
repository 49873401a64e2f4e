r"""Hydrostatic structure of a spherical atmosphere.

With gravity falling off as :math:`g = GM/r^2`, hydrostatic equilibrium of an ideal gas,

.. math:: \frac{d \ln P}{dr} = -\frac{\mu m_u}{k T} \frac{GM}{r^2},

has the closed form

.. math:: \frac{1}{r} = \frac{1}{r_0} + \int_{P_0}^{P} \frac{k T}{\mu m_u G M}\, d\ln P,

which is exact layer by layer where temperature and composition are constant within
one. The atmosphere is unbound above the pressure where the right-hand side reaches zero.

All functions are batched over a leading axis, differentiable, and work in float64.
"""

from __future__ import annotations

import torch
from astropy import constants

from exosk.opacities.masses import molar_mass
from exosk.units import GRAVITATIONAL_CONSTANT

__all__ = [
    "BOLTZMANN",
    "inverse_scale",
    "layer_of",
    "mean_molecular_mass",
    "molar_mass",
    "potential",
    "potential_at",
]

BOLTZMANN: float = constants.k_B.cgs.value
ATOMIC_MASS: float = constants.u.cgs.value


def mean_molecular_mass(
    abundances: torch.Tensor, molar_masses: torch.Tensor, background_mass: float
) -> torch.Tensor:
    """Mean mass of a particle, in g.

    Parameters
    ----------
    abundances : tensor of shape (..., n_species)
        Volume mixing ratios of the trace gases; the background fills the rest.
    molar_masses : tensor of shape (n_species,)
        Their masses, in unified atomic mass units.
    background_mass : float
        Mean molar mass of the background.

    Returns
    -------
    tensor of shape (...)
    """
    filled = 1 - abundances.sum(-1)
    return ATOMIC_MASS * (abundances @ molar_masses + filled * background_mass)


def inverse_scale(
    temperature: torch.Tensor, molecular_mass: torch.Tensor, planet_mass: torch.Tensor
) -> torch.Tensor:
    """Return kT / (mu G M), in 1/cm: how much 1/r grows with each e-fold of pressure.

    The scale height at radius r is r^2 times this.
    """
    return BOLTZMANN * temperature / (molecular_mass * GRAVITATIONAL_CONSTANT * planet_mass)


def potential(scale: torch.Tensor, log_levels: torch.Tensor, reference: float) -> torch.Tensor:
    r"""Return :math:`\int kT/(\mu G M)\, d\ln P` from the reference to each level, in 1/cm.

    Parameters
    ----------
    scale : tensor of shape (n, n_layers) or (n, 1)
        From :func:`inverse_scale`, constant within a layer.
    log_levels : tensor of shape (n_layers + 1,)
        ln P of the layers' boundaries, bottom first.
    reference : float
        ln P where it is zero; beyond the boundaries the nearest layer is continued.

    Returns
    -------
    tensor of shape (n, n_layers + 1)
        1/r at the levels less 1/r at the reference.
    """
    if scale.shape[1] == 1:
        return scale * (log_levels - reference)
    steps = scale * (log_levels[1:] - log_levels[:-1])
    total = torch.cat([torch.zeros_like(steps[:, :1]), steps.cumsum(-1)], -1)
    k = layer_of(torch.tensor([reference], dtype=log_levels.dtype), log_levels.cpu())[0]
    return total - total[:, k, None] - scale[:, k, None] * (reference - log_levels[k])


def layer_of(log_pressure: torch.Tensor, log_levels: torch.Tensor) -> torch.Tensor:
    """Return the layer that holds each pressure; the nearest one for a pressure outside."""
    found = torch.searchsorted(-log_levels, -log_pressure.detach(), right=True) - 1
    return found.clamp(0, len(log_levels) - 2)


def potential_at(
    log_pressure: torch.Tensor,
    levels: torch.Tensor,
    scale: torch.Tensor,
    log_levels: torch.Tensor,
) -> torch.Tensor:
    """Return :func:`potential` (`levels`) at one pressure of each atmosphere, shape (n,)."""
    k = layer_of(log_pressure, log_levels)
    within = scale.expand(-1, len(log_levels) - 1).gather(1, k[:, None])[:, 0]
    return levels.gather(1, k[:, None])[:, 0] + within * (log_pressure - log_levels[k])
