"""One pretrained model: what it was made for, and what it says of a planet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.inference import SpectrumGuard
from exosk.inference.guard_bins import averaged, merged_bins
from exosk.inference.guard_verdict import judged
from exosk.models.fitted import FittedModel
from exosk.parameters import ParameterSpace
from exosk.preprocessing import Rebinner
from exosk.pretrained.proposal import SystemProposal
from exosk.pretrained.recipes import Recipe
from exosk.pretrained.systems import Systems, reference_depth
from exosk.rows import join_rows
from exosk.simulators.system import reference_radius
from exosk.spectra import SpectralGrid, Spectrum

__all__ = ["PretrainedModel"]


@dataclass(frozen=True, eq=False)
class PretrainedModel:
    """A flow for any planet whose spectrum lies within some wavelengths, and its guard.

    Parameters
    ----------
    name : str
        As in ``prism``.
    recipe : Recipe
        How it was made.
    fitted : FittedModel
        The flow and its card.
    guard : SpectrumGuard
        Which spectra it knows.
    """

    name: str
    recipe: Recipe
    fitted: FittedModel
    guard: SpectrumGuard

    @property
    def grid(self) -> SpectralGrid:
        """Its bins."""
        return self.fitted.card.grid

    @property
    def molecules(self) -> tuple[str, ...]:
        """Absorbers of its atmospheres."""
        return self.fitted.card.molecules

    @property
    def names(self) -> list[str]:
        """Parameters."""
        return self.fitted.card.space.names

    def row(
        self, spectrum: Spectrum, star_radius: float, space: ParameterSpace, error: Any = 0.0
    ) -> np.ndarray:
        """Return what the flow takes, shape (1, n_columns).

        Parameters
        ----------
        spectrum : Spectrum
            In any bins; what the model's do not cover it does not see.
        star_radius : float
            In R_sun.
        space : ParameterSpace
            The planet's priors.
        error : float or array-like of shape (n_bins,), default=0
            1-sigma error of the simulator, added in quadrature.

        Raises
        ------
        GridError
            If it covers none of the model's bins.
        RangeError
            If the priors have not the model's parameters.
        """
        if space.names != self.names:
            raise RangeError(
                f"the pretrained model {self.name} is of {', '.join(self.names)}, and this "
                f"retrieval of {', '.join(space.names)}; leave molecules and priors at the "
                f"model's, or choose a method that trains"
            )
        systems = Systems.of(spectrum, star_radius, space)
        spectrum = spectrum.replace(sigma=np.hypot(spectrum.sigma, error))
        seen = self.fitted.rebin(spectrum, partial=True)
        unit = systems.unit(star_radius)
        columns = join_rows(seen.depth[None] / unit, seen.sigma[None] / unit)
        return np.hstack([columns, systems.columns()])

    def proposal(
        self, spectrum: Spectrum, star_radius: float, space: ParameterSpace, error: Any = 0.0
    ) -> SystemProposal:
        """Return the flow's posterior, to draw from and to weigh; see :meth:`row`."""
        row = self.row(spectrum, star_radius, space, error)
        own = Systems.of(spectrum, star_radius, space).space(self.molecules)
        return SystemProposal(self.fitted.estimator, row, own)

    def judge(self, spectrum: Spectrum, star_radius: float, error: Any = 0.0) -> dict[str, Any]:
        """Say whether the model knows such a spectrum; as the guard does, and in a sentence.

        It is judged in bins of its own, joined where they are finer than the model's.

        Parameters
        ----------
        spectrum, star_radius, error
            As for :meth:`row`.
        """
        whole = spectrum.replace(sigma=np.hypot(spectrum.sigma, error)).without_missing()
        grid = merged_bins(whole.grid, self.grid)
        row = whole.to_row()
        average = Rebinner(grid, whole.grid).fit(row)
        unit = reference_depth(reference_radius(spectrum, star_radius), star_radius)
        sigma = np.sqrt((average.matrix_**2) @ whole.sigma**2)
        seen = join_rows(average.transform(row) / unit, sigma[None] / unit)
        of_model = Rebinner(grid, self.grid).fit(np.ones((1, self.grid.n_bins))).matrix_
        guard = averaged(self.guard, of_model, grid)
        return judged(guard.explain(seen)[0], guard.false_alarm_rate)
