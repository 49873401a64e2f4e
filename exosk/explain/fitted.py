"""Explaining a model from disk: what it was trained on tells what hidden bins may hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.datasets import Dataset, Store
from exosk.exceptions import ExoskError, GridError, RangeError, UnknownNameError
from exosk.explain.background import Background
from exosk.explain.explaining import explain_spectrum
from exosk.explain.explanation import Explanation
from exosk.explain.targets import Target
from exosk.models.card import ModelCard
from exosk.models.fitted import FittedModel
from exosk.simulators import Simulator, get_simulator
from exosk.spectra import Spectrum

__all__ = ["AGAINST", "background_of", "explain_model", "simulator_of", "target_of"]

#: What an answer is compared with: spectra without the molecule, or all.
AGAINST = ("without", "all")


def explain_model(
    model: FittedModel,
    spectrum: Spectrum,
    name: str,
    *,
    method: str = "shap",
    against: str | None = None,
    data: Dataset | Store | None = None,
    n_background: int = 2000,
    filling: str = "conditional",
    random_state: int = 0,
    **settings: Any,
) -> Explanation:
    """Explain what a saved model says of an observation.

    Parameters
    ----------
    model : FittedModel
        From :func:`exosk.load_model`.
    spectrum : Spectrum
        In the model's bins.
    name : str
        A molecule of a detector, or a parameter of a retriever.
    method : {"shap", "lime", "occlusion", "inclusion"}, default="shap"
        See :mod:`exosk.explain.methods`.
    against : {"without", "all"}, optional
        Whether hidden bins are filled from spectra without the molecule, or from all. By default
        from all for parameters and for inclusion, and from those without otherwise: a band that is
        hidden and drawn anew from spectra with the molecule is much the same again.
    data : Dataset or Store, optional
        Noise-free spectra to fill hidden bins from. By default they are simulated, by the
        simulator and with the priors that the model's card states.
    n_background : int, default=2000
        How many.
    filling : {"conditional", "level", "missing"}, default="conditional"
        As for :class:`~exosk.explain.Background`.
    random_state : int, default=0
        Seed of all draws.
    **settings
        `groups`, `n_draws`, `n_samples`, `allow_noise`, `progress`, as for
        :func:`~exosk.explain.explain_spectrum`.

    Returns
    -------
    Explanation

    Raises
    ------
    UnknownNameError
        If the model has no such molecule or parameter.
    GridError
        If spectrum or data are in other bins than the model.
    RangeError
        If the spectrum is not one for the model, or the simulator of the card cannot be made.
    """
    target, without = target_of(model, name, method, against)
    background = background_of(
        model.card, without, data=data, n=n_background, filling=filling, random_state=random_state
    )
    return explain_spectrum(
        target,
        spectrum,
        background,
        model=model,
        method=method,
        random_state=random_state,
        **settings,
    )


def target_of(
    model: FittedModel, name: str, method: str, against: str | None
) -> tuple[Target, str | None]:
    """Return what is explained, and the molecule that the background is without.

    Parameters
    ----------
    model, name, method, against
        As for :func:`explain_model`.

    Raises
    ------
    UnknownNameError
        If the model has no such molecule or parameter, or `against` is not known.
    RangeError
        If the background shall be without a parameter.
    """
    is_detector = model.card.kind == "detector"
    target = Target.molecule(model, name) if is_detector else Target.parameter(model, name)
    if against is None:
        against = "without" if is_detector and method != "inclusion" else "all"
    if against not in AGAINST:
        raise UnknownNameError.suggest("background", against, AGAINST)
    if against == "without" and not is_detector:
        raise RangeError(
            f"{name} is a parameter, and no spectrum is without it; compare with all spectra"
        )
    return target, name if against == "without" else None


def background_of(
    card: ModelCard,
    without: str | None = None,
    *,
    data: Dataset | Store | None = None,
    n: int = 2000,
    filling: str = "conditional",
    random_state: int = 0,
) -> Background:
    """Return spectra such as a model was trained on, with the errors that it was trained for.

    Parameters
    ----------
    card : ModelCard
        Of the model.
    without : str, optional
        A molecule that none of them shows.
    data : Dataset or Store, optional
        To choose from; by default the simulator of the card makes them.
    n : int, default=2000
        How many, at most.
    filling : {"conditional", "level", "missing"}, default="conditional"
        As for :class:`Background`.
    random_state : int, default=0
        Seed.

    Returns
    -------
    Background

    Raises
    ------
    GridError
        If the data are in other bins.
    RangeError
        If the simulator of the card cannot be made.
    """
    settings: dict[str, Any] = {"n": n, "random_state": random_state, "filling": filling}
    if card.has_sigma:
        settings["log_sigma"] = _log_errors(card, random_state)
    # Where the observation behind the model lacked bins, hidden ones have no noise to copy.
    settings["sigma"] = card.sigma
    if data is None:
        return Background.simulate(simulator_of(card), card.grid, without, **settings)
    if data.grid != card.grid:
        raise GridError(
            f"the background is in {data.grid!r} and the model takes {card.grid!r}; simulate one "
            f"in the model's bins"
        )
    return Background.of_dataset(data, without, **settings)


def simulator_of(card: ModelCard) -> Simulator:
    """Make the simulator that a model's training set came from.

    Raises
    ------
    RangeError
        If the card does not say which, or it cannot be made here.
    """
    said = card.provenance
    try:
        return get_simulator(
            said["simulator"],
            molecules=tuple(said["molecules"]),
            space=card.space,
            fixed=said["fixed"],
            **said["settings"],
        )
    except (ExoskError, LookupError, TypeError) as error:
        raise RangeError(
            f"the simulator of the model's training set cannot be made from its card ({error}); "
            f"give spectra of it as the background"
        ) from error


def _log_errors(card: ModelCard, random_state: int) -> np.ndarray:
    """Draw errors over the range that the model was trained for, shape (500, n_bins)."""
    usual = np.where(np.isnan(card.sigma), np.nanmedian(card.sigma), card.sigma)
    low, high = np.log(card.sigma_scale)
    factors = np.random.default_rng(random_state).uniform(low, high, (500, 1))
    return np.log(usual) + factors
