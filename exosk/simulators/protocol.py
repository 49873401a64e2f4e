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
    """A forward model from parameters to transit depths on its native grid.

    Four things are asked for where a simulator has them: ``fixed``, a mapping of the values of
    parameters that are not free; ``depth(theta)``, from a tensor of parameters to a tensor of
    depths, differentiably, and ``device``, where its tensors live; and ``bin_matrix(grid)``, the
    sparse matrix of shape (n_bins, n_wavelengths) that takes what :meth:`simulate` returns to the
    bins. Without the last it is ``grid.averaging_matrix(simulator.wavelength)``. With it bins need
    not be averages of one spectrum, as where each instrument has an offset of its own
    (:class:`exosk.simulators.joined.JoinedSimulator`), and `wavelength` ascends by instrument only.
    :func:`exosk.simulators.binned.bin_matrix` knows which of the two it is.
    """

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
