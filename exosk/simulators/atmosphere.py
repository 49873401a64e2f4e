r"""Hydrostatic structure and slant paths of a spherical, isothermal, well-mixed atmosphere.

With gravity falling off as :math:`g = GM/r^2`, hydrostatic equilibrium of an ideal gas,

.. math:: \frac{d \ln P}{dr} = -\frac{\mu m_u}{k T} \frac{GM}{r^2},

has the closed form

.. math:: \frac{1}{r} = \frac{1}{r_0} + \frac{k T}{\mu m_u G M} \ln\frac{P}{P_0},

so radii need no integration and carry no discretisation error. The atmosphere is unbound above
the pressure where the right-hand side reaches zero.

All functions are batched over a leading axis, differentiable, and work in float64: a chord is
the small difference of two large squares.
"""

from __future__ import annotations

import re

import torch
from astropy import constants

from exosk.exceptions import UnknownNameError
from exosk.units import GRAVITATIONAL_CONSTANT

__all__ = [
    "BOLTZMANN",
    "hydrostatic_radius",
    "inverse_scale",
    "mean_molecular_mass",
    "molar_mass",
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
    abundances : tensor of shape (n, n_species)
        Volume mixing ratios of the trace gases; the background fills the rest.
    molar_masses : tensor of shape (n_species,)
        Their masses, in unified atomic mass units.
    background_mass : float
        Mean molar mass of the background.

    Returns
    -------
    tensor of shape (n,)
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


def hydrostatic_radius(
    log_pressure_ratio: torch.Tensor, reference_radius: torch.Tensor, scale: torch.Tensor
) -> torch.Tensor:
    """Radius at given pressures, in cm.

    Parameters
    ----------
    log_pressure_ratio : tensor of shape (n_levels,) or (n, n_levels)
        ln(P / P_reference).
    reference_radius : tensor of shape (n,)
        Radius at the reference pressure, in cm.
    scale : tensor of shape (n,)
        From :func:`inverse_scale`.

    Returns
    -------
    tensor of shape (n, n_levels)
        Infinite or negative where the atmosphere is unbound; callers check.
    """
    return 1 / (1 / reference_radius[:, None] + scale[:, None] * log_pressure_ratio)


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
