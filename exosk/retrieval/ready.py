"""The first look of a model that was trained beforehand, for any planet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from exosk.exceptions import ExoskError, GridError, RangeError
from exosk.inference.proposal import Proposal
from exosk.posterior import Posterior
from exosk.preprocessing import Rebinner
from exosk.pretrained import RECIPES, PretrainedModel, choose_pretrained, load_pretrained
from exosk.pretrained.systems import Systems
from exosk.simulators import Simulator
from exosk.spectra import Spectrum

__all__ = ["ReadyModel", "choose_method", "find_ready_model"]

_N_DRAWS = 4000


@dataclass(frozen=True, eq=False)
class ReadyModel:
    """A pretrained model, asked about one observation.

    Parameters
    ----------
    model : PretrainedModel
        For such spectra.
    spectrum : Spectrum
        The observation.
    simulator : Simulator
        With the priors in its space, and the star's radius fixed.

    Raises
    ------
    RangeError
        If the simulator has other parameters than the model, the star's radius is free, or a stated
        prior lies outside the model's.
    """

    model: PretrainedModel
    spectrum: Spectrum
    simulator: Simulator

    def __post_init__(self) -> None:
        own, space = self.proposal().space.bounds, self.simulator.space.bounds
        apart = np.maximum(own[:, 0], space[:, 0]) >= np.minimum(own[:, 1], space[:, 1])
        if apart.any():
            k = int(np.argmax(apart))
            raise RangeError(
                f"the prior of {self.simulator.space.names[k]}, {space[k, 0]:g} to "
                f"{space[k, 1]:g}, lies outside that of the pretrained model {self.model.name}, "
                f"{own[k, 0]:g} to {own[k, 1]:g}; choose another method"
            )

    @property
    def _star_radius(self) -> float:
        star_radius = getattr(self.simulator, "fixed", {}).get("star_radius")
        if star_radius is None:
            raise RangeError("pretrained models want a star of known radius; fix star_radius")
        return float(star_radius)

    def proposal(self, error: Any = 0.0) -> Proposal:
        """Return its posterior, for this 1-sigma error of the simulator in each bin."""
        space = self.simulator.space
        return self.model.proposal(self.spectrum, self._star_radius, space, error)

    def first_look(self, error: Any = 0.0, random_state: int = 0) -> Posterior:
        """Return samples of it, weighted by how the priors differ from those it was made for.

        Raises
        ------
        RangeError
            If no sample lies within the priors.
        """
        proposal, space = self.proposal(error), self.simulator.space
        samples = proposal.sample(_N_DRAWS, random_state)
        log_ratio = space.log_prior(samples) - proposal.space.log_prior(samples)
        if not np.isfinite(log_ratio).any():
            raise RangeError(
                f"none of {_N_DRAWS} samples of the pretrained model {self.model.name} lies within "
                f"the stated priors; choose another method, such as nested sampling"
            )
        return Posterior(samples, space, special.softmax(log_ratio), {"model": self.model.name})

    def answerer(self, error: Any = 0.0) -> PlanetModel:
        """Return the model as one of this planet, for this error of the simulator."""
        return PlanetModel(self, error)

    def judge(self, error: Any = 0.0) -> dict[str, Any]:
        """Say whether the model knows such a spectrum, for this error of the simulator."""
        return self.model.judge(self.spectrum, self._star_radius, error)


class PlanetModel:
    """A pretrained model as a retriever of one planet, in the bins and errors of its spectrum.

    Parameters
    ----------
    ready : ReadyModel
        Model, spectrum and priors.
    error : float or array-like of shape (n_bins,)
        1-sigma error of the simulator.
    """

    def __init__(self, ready: ReadyModel, error: Any) -> None:
        model, spectrum, space = ready.model, ready.spectrum, ready.simulator.space
        system = Systems.of(spectrum, ready._star_radius, space)
        self.space_ = system.space(model.molecules)
        self._flow, self._unit = model.fitted.estimator, system.unit(ready._star_radius)
        # Errors and system stay; the depths in it are replaced.
        self._row = model.row(spectrum, ready._star_radius, space, error)
        rebinner = Rebinner(model.grid, spectrum.grid, uncovered="missing")
        self._rebinner = rebinner.fit(spectrum.to_row())

    def sample_posterior(self, X: Any, n: int, random_state: Any = None) -> np.ndarray:
        """Draw samples of equal weight, shape (n_spectra, n, n_parameters).

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_bins)
            Depths in the bins of the spectrum, none missing.
        n : int
            Samples of each.
        random_state : int, RandomState or None
            As in scikit-learn.
        """
        depth = self._rebinner.transform(X) / self._unit
        rows = np.tile(self._row, (len(depth), 1))
        rows[:, : depth.shape[1]] = depth
        places = self._flow.sample_posterior(rows, n, random_state)
        flat = self.space_.from_unit_cube(places.reshape(-1, places.shape[-1]))
        return np.asarray(flat).reshape(places.shape)


def find_ready_model(
    spectrum: Spectrum, simulator: Simulator
) -> ReadyModel | GridError | RangeError:
    """Return the pretrained model for a retrieval, or the error that says why there is none.

    Raises
    ------
    FileFormatError
        If the model is damaged.
    """
    try:
        return ReadyModel(load_pretrained(choose_pretrained(spectrum)), spectrum, simulator)
    except (GridError, RangeError) as error:
        return error


def choose_method(
    spectrum: Spectrum,
    make: Callable[[tuple[str, ...] | None], Simulator],
    refused: Callable[[ExoskError], None],
) -> tuple[str, Simulator]:
    """Choose a pretrained model where one serves, or else the training of a forest.

    Parameters
    ----------
    spectrum : Spectrum
        The observation.
    make : callable
        Makes the simulator for some molecules, or, given None, for those of a forest.
    refused : callable
        Takes the error that says why there is no pretrained model, before the forest is chosen.

    Returns
    -------
    method : {"pretrained", "forest"}
        For :func:`exosk.retrieve`.
    simulator : Simulator
        With the model's molecules, unless the user stated others.
    """
    try:
        molecules = RECIPES[choose_pretrained(spectrum)].molecules
    except ExoskError as error:
        refused(error)
        return "forest", make(None)
    simulator = make(molecules)
    found = find_ready_model(spectrum, simulator)
    if isinstance(found, ExoskError):
        refused(found)
        return "forest", make(None)
    return "pretrained", simulator
