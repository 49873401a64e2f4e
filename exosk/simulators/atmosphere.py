r"""Hydrostatic structure and slant paths of a spherical atmosphere.

With gravity falling off as :math:`g = GM/r^2`, hydrostatic equilibrium of an ideal gas,

.. math:: \frac{d \ln P}{dr} = -\frac{\mu m_u}{k T} \frac{GM}{r^2},

has the closed form

.. math:: \frac{1}{r} = \frac{1}{r_0} + \int_{P_0}^{P} \frac{k T}{\mu m_u G M}\, d\ln P,

which is exact layer by layer where temperature and composition are constant within
one. The atmosphere is unbound above the pressure where the right-hand side reaches zero.

All functions are batched over a leading axis, differentiable, and work in float64: a chord is
the small difference of two large squares.
"""

from __future__ import annotations

import re

import numpy as np
import torch
from astropy import constants

from exosk.exceptions import UnknownNameError
from exosk.units import GRAVITATIONAL_CONSTANT

__all__ = [
    "BOLTZMANN",
    "inverse_scale",
    "layer_of",
    "mean_molecular_mass",
    "molar_mass",
    "path_moments",
    "potential",
    "potential_at",
    "slant_paths",
]

BOLTZMANN: float = constants.k_B.cgs.value
ATOMIC_MASS: float = constants.u.cgs.value

# Standard atomic weights (CIAAW 2021).
ATOMIC_WEIGHT = {
    "H": 1.008,
    "He": 4.0026,
    "C": 12.011,
    "N": 14.007,
    "O": 15.999,
    "F": 18.998,
    "Na": 22.990,
    "Mg": 24.305,
    "Al": 26.982,
    "Si": 28.085,
    "P": 30.974,
    "S": 32.06,
    "Cl": 35.45,
    "K": 39.098,
    "Ca": 40.078,
    "Ti": 47.867,
    "V": 50.942,
    "Cr": 51.996,
    "Mn": 54.938,
    "Fe": 55.845,
    "Ni": 58.693,
}


def molar_mass(formula: str) -> float:
    """Molar mass of a gas, in unified atomic mass units.

    Parameters
    ----------
    formula : str
        As in ``"C2H2"``.

    Raises
    ------
    UnknownNameError
        If it is no formula of elements that occur in planetary atmospheres.
    """
    atoms = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    if "".join(map("".join, atoms)) != formula or any(a not in ATOMIC_WEIGHT for a, _ in atoms):
        raise UnknownNameError(
            f"the molar mass of {formula!r} is not known; register the opacity under its chemical "
            f"formula, of the elements {', '.join(ATOMIC_WEIGHT)}"
        )
    return sum(ATOMIC_WEIGHT[atom] * int(count or 1) for atom, count in atoms)


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


def slant_paths(radius: torch.Tensor) -> torch.Tensor:
    r"""Length of each line of sight within each shell, in cm.

    A ray whose closest approach :math:`b_i` is the middle of shell i crosses the shell between
    :math:`r_j` and :math:`r_{j+1}` twice, over

    .. math:: \ell_{ij} = 2\left(\sqrt{r_{j+1}^2 - b_i^2} - \sqrt{\max(r_j^2 - b_i^2, 0)}\right)

    for :math:`j \ge i`.

    Parameters
    ----------
    radius : tensor of shape (n, n_layers + 1)
        Radii of the layer boundaries, ascending, in cm.

    Returns
    -------
    tensor of shape (n, n_layers, n_layers)
        First the ray, then the shell; zero below the diagonal.
    """
    middle = (radius[:, 1:] + radius[:, :-1]) / 2
    # (r - b)(r + b) keeps the digits that r^2 - b^2 loses. What a ray does not cross is
    # negative here; a square micron in place of zero keeps the gradient of the root finite.
    square = (radius[:, None, :] - middle[:, :, None]) * (radius[:, None, :] + middle[:, :, None])
    half = square.clamp(min=1e-8).sqrt()
    return 2 * (half[:, :, 1:] - half[:, :, :-1])


def path_moments(n_layers: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean of ln P along each slant path within a shell, and its variance.

    Where a ray crosses shell j, pressure falls as :math:`e^{-y}` with y counted from the middle
    of the shell in scale heights. In a shallow atmosphere :math:`y + (j - i)\,h \propto s^2`
    along the ray i, so that the moments depend on j - i alone: with a and b the half-chords
    in units of :math:`\sqrt{H r}`, the mean of s^2 is (a^2 + ab + b^2)/3. The ray starts in the
    middle of its own shell and sees the upper half of it, a mean pressure h/6 below the middle's.

    Parameters
    ----------
    n_layers : int
        Number of shells.
    step : float
        ln P across one of them.

    Returns
    -------
    mean, variance : ndarray of shape (n_layers, n_layers)
        Of y; first the ray, then the shell; zero below the diagonal.
    """
    order = np.arange(n_layers, dtype=float)
    low, high = np.sqrt(np.maximum(2 * order - 1, 0)), np.sqrt(2 * order + 1)
    second = (low**2 + low * high + high**2) / 3
    fourth = sum(low**k * high ** (4 - k) for k in range(5)) / 5
    mean = (second - 2 * order) * step / 2
    variance = (fourth - second**2) * (step / 2) ** 2
    place = np.arange(n_layers) - np.arange(n_layers)[:, None]
    crossed = place >= 0
    return np.where(crossed, mean[place], 0.0), np.where(crossed, variance[place], 0.0)
