r"""How temperature and abundances change with pressure.

Profiles are functions of the parameters alone and know no layers: a simulator asks for them at
the pressures it needs. They are batched over atmospheres and differentiable; a code that works
in NumPy asks with tensors and takes ``.numpy()``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from scipy import special

from exosk.exceptions import RangeError, UnknownNameError
from exosk.simulators.quantities import abundance_names
from exosk.units import GRAVITATIONAL_CONSTANT, JUPITER_MASS, JUPITER_RADIUS

__all__ = [
    "Guillot",
    "Isothermal",
    "PointProfile",
    "TemperatureProfile",
    "check_abundance_profiles",
    "log_abundances",
    "temperature_profile",
]

Values = Mapping[str, torch.Tensor]
_BAR = 1e6  # dyn cm^-2
# How fast a two-layer abundance changes: nine tenths of the step within 0.6 dex of pressure.
_STEP_WIDTH = 0.1


class TemperatureProfile(Protocol):
    """Temperature as a function of pressure."""

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters it needs beside the planet's."""
        ...

    def __call__(self, value: Values, pressure: torch.Tensor) -> torch.Tensor:
        """Map values (n,) and pressures (n_levels,) in bar to K, (n, n_levels) or (n, 1)."""
        ...


class Isothermal:
    """One temperature everywhere."""

    names = ("temperature",)

    def __call__(self, value: Values, pressure: torch.Tensor) -> torch.Tensor:
        """Return one column, which broadcasts against any pressures."""
        return value["temperature"][:, None]


class PointProfile:
    """Temperatures at pressures equally spaced in log P, linear in log P between them.

    Parameters
    ----------
    n_points : int
        At least two; the parameters are ``temperature_1`` at the bottom to ``temperature_<n>``
        at the top.
    pressure_range : tuple of float
        Top and bottom, in bar; constant beyond.
    """

    def __init__(self, n_points: int, pressure_range: tuple[float, float]) -> None:
        if n_points < 2:
            raise RangeError(
                f"a temperature profile needs at least 2 points, got {n_points}; "
                f"for one temperature choose 'isothermal'"
            )
        self.names = tuple(f"temperature_{k + 1}" for k in range(n_points))
        top, bottom = (math.log(p) for p in pressure_range)
        self.log_pressure = np.linspace(bottom, top, n_points)

    def __call__(self, value: Values, pressure: torch.Tensor) -> torch.Tensor:
        """Interpolate."""
        steps = (pressure.log() - self.log_pressure[0]) / (
            self.log_pressure[1] - self.log_pressure[0]
        )
        steps = steps.clamp(0, len(self.names) - 1)
        place = torch.arange(len(self.names), dtype=steps.dtype, device=steps.device)
        weights = (1 - (steps[:, None] - place).abs()).clamp(min=0)
        return torch.stack([value[name] for name in self.names], -1) @ weights.T


class Guillot:
    r"""Radiative equilibrium of an irradiated grey atmosphere.

    .. math:: T^4 = \tfrac34 T_\mathrm{int}^4\left(\tfrac23 + \tau\right)
              + \tfrac34 T_\mathrm{irr}^4\,\tfrac23\left[1
              + \tfrac1\gamma\left(1 + (\tfrac{\gamma\tau}2 - 1)e^{-\gamma\tau}\right)
              + \gamma\left(1 - \tfrac{\tau^2}2\right)E_2(\gamma\tau)\right]

    with :math:`\tau = \kappa_\mathrm{IR} P / g` and g at the planet's radius: Guillot (2010, A&A
    520, A27, eq. 49) as written by Line et al. (2013, ApJ 775, 137, eqs 13-15) for one visible
    stream. `t_irr` takes up albedo and redistribution.
    """

    names = ("t_irr", "t_int", "log_kappa_ir", "log_gamma")

    def __call__(self, value: Values, pressure: torch.Tensor) -> torch.Tensor:
        """Evaluate the closed form."""
        gravity = (
            GRAVITATIONAL_CONSTANT
            * value["planet_mass"]
            * JUPITER_MASS
            / (value["planet_radius"] * JUPITER_RADIUS).square()
        )
        gamma = torch.pow(10.0, value["log_gamma"])[:, None]
        tau = torch.pow(10.0, value["log_kappa_ir"])[:, None] * pressure * _BAR / gravity[:, None]
        visible = gamma * tau
        decay = torch.exp(-visible)
        second = decay - visible * _Exp1.apply(visible)
        shape = 1 + (1 + (visible / 2 - 1) * decay) / gamma + gamma * (1 - tau**2 / 2) * second
        internal = 0.75 * value["t_int"][:, None] ** 4 * (2 / 3 + tau)
        return (internal + 0.5 * value["t_irr"][:, None] ** 4 * shape) ** 0.25


class _Exp1(torch.autograd.Function):
    """The exponential integral E1, which torch lacks."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        # E1 is infinite at zero, where x E1(x) is zero.
        x = x.clamp(min=1e-300)
        ctx.save_for_backward(x)
        return torch.as_tensor(special.exp1(x.detach().cpu().numpy()), device=x.device)

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return -gradient[0] * torch.exp(-x) / x


def temperature_profile(name: str, pressure_range: tuple[float, float]) -> TemperatureProfile:
    """Make a temperature profile by name.

    Parameters
    ----------
    name : str
        ``"isothermal"``, ``"guillot"`` or ``"<N>-point"`` as in ``"4-point"``.
    pressure_range : tuple of float
        Top and bottom of the atmosphere, in bar.

    Raises
    ------
    UnknownNameError
        If there is no such profile.
    """
    if points := re.fullmatch(r"(\d+)-point", name):
        return PointProfile(int(points[1]), pressure_range)
    profiles: dict[str, type[Isothermal] | type[Guillot]] = {
        "isothermal": Isothermal,
        "guillot": Guillot,
    }
    if name not in profiles:
        raise UnknownNameError.suggest("temperature profile", name, [*profiles, "4-point"])
    return profiles[name]()


def check_abundance_profiles(
    profiles: Mapping[str, str] | None, molecules: Sequence[str]
) -> dict[str, str]:
    """Return the profile of each molecule, ``"constant"`` where none is stated.

    Raises
    ------
    UnknownNameError
        If a molecule is not one of the model's, or a profile is neither ``"constant"`` nor
        ``"two-layer"``.
    """
    by_folded = {m.casefold(): m for m in molecules}
    found = dict.fromkeys(molecules, "constant")
    for molecule, profile in (profiles or {}).items():
        if molecule.casefold() not in by_folded:
            raise UnknownNameError.suggest("molecule of the model", molecule, molecules)
        if profile not in ("constant", "two-layer"):
            raise UnknownNameError.suggest("abundance profile", profile, ["constant", "two-layer"])
        found[by_folded[molecule.casefold()]] = profile
    return found


def log_abundances(
    value: Values, profiles: Mapping[str, str], pressure: torch.Tensor
) -> torch.Tensor:
    r"""Log10 volume mixing ratios at given pressures.

    A two-layer abundance goes from its deep value to its value at the top through a logistic
    step in log P of width 0.1 dex, which keeps the derivative to the pressure of the change.

    Parameters
    ----------
    value : mapping of str to tensor of shape (n,)
        The parameters.
    profiles : mapping of str to str
        From :func:`check_abundance_profiles`.
    pressure : tensor of shape (n_levels,)
        In bar.

    Returns
    -------
    tensor of shape (n, n_levels, n_molecules), or (n, 1, n_molecules) when all are constant
    """
    columns = []
    for molecule, profile in profiles.items():
        deep, *more = (value[name][:, None] for name in abundance_names(molecule, profile))
        if more:
            top, change = more
            share = torch.sigmoid((change - pressure.log10()) / _STEP_WIDTH)
            deep = deep + (top - deep) * share
        columns.append(deep)
    return torch.stack(torch.broadcast_tensors(*columns), -1)
