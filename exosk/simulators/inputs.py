"""Which parameters a simulator takes: those it needs, those free, those fixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from exosk.exceptions import RangeError, UnknownNameError
from exosk.parameters import ParameterSpace
from exosk.simulators import profiles
from exosk.simulators.chemistry import EquilibriumChemistry
from exosk.simulators.quantities import OPTIONAL, PLANET, abundance_names, default_space

__all__ = ["Inputs", "atmosphere_names", "changes_with_height"]

_DEFAULTS = {"star_radius": 1.0, "haze_slope": -4.0}
# Each of these means something only beside the others.
_TOGETHER = {
    "cloud_fraction": ("log_p_cloud",),
    "spot_fraction": ("spot_temperature", "star_temperature"),
    "spot_temperature": ("spot_fraction", "star_temperature"),
    "faculae_fraction": ("faculae_temperature", "star_temperature"),
    "faculae_temperature": ("faculae_fraction", "star_temperature"),
}


def atmosphere_names(
    molecules: Sequence[str],
    *,
    temperature_profile: str = "isothermal",
    abundance_profiles: Mapping[str, str] | None = None,
    chemistry: str = "free",
) -> tuple[str, ...]:
    """Return the parameters of temperature and composition.

    Parameters
    ----------
    molecules : sequence of str
        Absorbers.
    temperature_profile, abundance_profiles, chemistry
        As for :class:`Inputs`.

    Raises
    ------
    UnknownNameError
        If there is no such profile or chemistry.
    RangeError
        If equilibrium chemistry is asked for together with abundance profiles.
    """
    names = profiles.temperature_profile(temperature_profile, (1e-9, 10.0)).names
    abundances = profiles.check_abundance_profiles(abundance_profiles, molecules)
    if chemistry == "free":
        return (*names, *(n for m, kind in abundances.items() for n in abundance_names(m, kind)))
    if chemistry != "equilibrium":
        raise UnknownNameError.suggest("chemistry", chemistry, ["free", "equilibrium"])
    if abundance_profiles:
        raise RangeError(
            f"in equilibrium, abundances follow from temperature and elements; leave out the "
            f"abundance profile of {', '.join(abundance_profiles)} or take free chemistry"
        )
    return (*names, *EquilibriumChemistry.names)


def changes_with_height(
    temperature_profile: str,
    abundance_profiles: Mapping[str, str] | None = None,
    chemistry: str = "free",
) -> str:
    """Return ``"composition"``, only ``"temperature"``, or ``"uniform"``."""
    layered = any(kind != "constant" for kind in (abundance_profiles or {}).values())
    if layered or chemistry != "free":
        return "composition"
    return "uniform" if temperature_profile == "isothermal" else "temperature"


class Inputs:
    """The parameters of one simulator.

    Parameters
    ----------
    code : str
        The simulator's name, for messages.
    molecules : sequence of str
        Its absorbers.
    space : ParameterSpace, optional
        The free parameters; all that are needed, and `optional`, by default.
    fixed : mapping of str to float, optional
        Values of parameters that are not free. A star radius of 1 is the default.
    temperature_profile : str, default="isothermal"
        See :func:`exosk.simulators.profiles.temperature_profile`.
    abundance_profiles : mapping of str to str, optional
        ``{"H2O": "two-layer"}``; constant where not stated.
    pressure_range : tuple of float
        Top and bottom of the atmosphere, in bar.
    optional : sequence of str
        Parameters that the code has and can do without, free by default.
    also_known : sequence of str
        Parameters that the code has and that are not free by default.
    chemistry : {"free", "equilibrium"}
        Abundances of their own, or of ``log_metallicity`` and ``c_o_ratio``.
    device : torch.device or str, default="cpu"
        Where the tensors of :meth:`log_abundances` live.

    Attributes
    ----------
    space, fixed, temperature, abundances, equilibrium
        Free parameters; fixed values; the temperature profile; each molecule's profile;
        the equilibrium chemistry, or None.

    Raises
    ------
    UnknownNameError
        If the code has no such parameter.
    RangeError
        If a needed parameter is neither free nor fixed, or one is both.
    """

    def __init__(
        self,
        code: str,
        molecules: Sequence[str],
        *,
        space: ParameterSpace | None = None,
        fixed: Mapping[str, float] | None = None,
        temperature_profile: str = "isothermal",
        abundance_profiles: Mapping[str, str] | None = None,
        pressure_range: tuple[float, float] = (1e-9, 10.0),
        optional: Sequence[str] = OPTIONAL,
        also_known: Sequence[str] = (),
        chemistry: str = "free",
        device: torch.device | str = "cpu",
    ) -> None:
        self.code = code
        self.temperature = profiles.temperature_profile(temperature_profile, pressure_range)
        self.abundances = profiles.check_abundance_profiles(abundance_profiles, molecules)
        atmosphere = atmosphere_names(
            molecules,
            temperature_profile=temperature_profile,
            abundance_profiles=abundance_profiles,
            chemistry=chemistry,
        )
        self.equilibrium = (
            EquilibriumChemistry(molecules, pressure_range, device=device)
            if chemistry == "equilibrium"
            else None
        )
        if space is None:
            space = default_space(
                molecules,
                fixed={"star_radius", *(fixed or {})},
                atmosphere=atmosphere,
                optional=optional,
            )
        self.space = space
        known = {*PLANET, *optional}
        defaults = {n: x for n, x in _DEFAULTS.items() if n in known and n not in space}
        self.fixed = defaults | dict(fixed or {})
        self._check([*PLANET, *atmosphere], [*optional, *also_known])

    def _check(self, needed: Sequence[str], others: Sequence[str]) -> None:
        """Check that every parameter is known, and every needed one has a value or a prior."""
        known = [*needed, *others]
        for name in [*self.space.names, *self.fixed]:
            if name not in known:
                raise UnknownNameError.suggest(f"parameter of {self.code}", name, known)
            if name in self.space and name in self.fixed:
                raise RangeError(f"{name} is both free and fixed; choose one")
        for name in needed:
            self._require(name, "")
        for name, companions in _TOGETHER.items():
            if name in self:
                for companion in companions:
                    self._require(companion, f", but {name} means nothing without it")

    def _require(self, name: str, why: str) -> None:
        if name not in self:
            raise RangeError(
                f"{name} is neither free nor fixed{why}; put it into the space with a prior, or "
                f"into fixed with a value"
            )

    def __contains__(self, name: str) -> bool:
        """Whether a parameter is free or fixed."""
        return name in self.space or name in self.fixed

    def log_abundances(
        self, value: Mapping[str, torch.Tensor], pressure: torch.Tensor
    ) -> torch.Tensor:
        """Log10 volume mixing ratios at given pressures.

        Parameters
        ----------
        value : mapping of str to tensor of shape (n,)
            The parameters.
        pressure : tensor of shape (n_levels,)
            In bar.

        Returns
        -------
        tensor of shape (n, n_levels, n_molecules), or (n, 1, n_molecules) when all are constant
        """
        if self.equilibrium is None:
            return profiles.log_abundances(value, self.abundances, pressure)
        return self.equilibrium(value, pressure, self.temperature(value, pressure))

    def rows(self, theta: Any) -> np.ndarray:
        """Return theta as an array of the right shape.

        Raises
        ------
        RangeError
            If it is not (n, n_parameters).
        """
        # A copy: torch takes neither reversed nor read-only views.
        theta = np.array(theta, dtype=float, order="C")
        if theta.ndim != 2 or theta.shape[1] != len(self.space):
            raise RangeError(
                f"theta must be of shape (n, {len(self.space)}), one column for each of "
                f"{', '.join(self.space.names)}; got {theta.shape}"
            )
        return theta

    def values(self, theta: Any) -> dict[str, np.ndarray]:
        """Name the columns of theta and add the fixed values, each of shape (n,)."""
        theta = self.rows(theta)
        value = {name: theta[:, k] for k, name in enumerate(self.space.names)}
        return value | {n: np.full(len(theta), float(x)) for n, x in self.fixed.items()}
