"""What exosk needs of a simulator, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:  # every look-up of a name loads this module; scipy.stats would slow it down
    from exosk.parameters import ParameterSpace
    from exosk.spectra import SpectralGrid

__all__ = ["Simulator"]


@runtime_checkable
class Simulator(Protocol):
    """A forward model from parameters to transit depths on its native grid."""

    @property
    def space(self) -> ParameterSpace:
        """The free parameters, with their priors."""
        ...

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points, ascending, in um, shape (n_wavelengths,)."""
        ...

    @property
    def molecules(self) -> tuple[str, ...]:
        """The absorbers whose abundance may vary."""
        ...

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, version, settings and opacities, as JSON has it."""
        ...

    def simulate(self, theta: Any) -> np.ndarray:
        """Map (n, n_parameters) to transit depths (n, n_wavelengths), fractions."""
        ...

    def restrict(self, grid: SpectralGrid) -> Simulator:
        """Return the simulator on that part of its native grid which the bins of `grid` need.

        The part may have gaps where the bins do. A code that cannot work on less than its
        whole grid may return itself.
        """
        ...
