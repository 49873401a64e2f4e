"""A model from disk against a data set: noise, scores, and scores in strata."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.augmentation.errors import scale_height_depth
from exosk.datasets import Dataset, Store
from exosk.evaluation.detection import DetectorEvaluation, evaluate_detector
from exosk.evaluation.document import as_json
from exosk.evaluation.regression import RetrieverEvaluation, evaluate_retriever
from exosk.evaluation.stratified import (
    detections_by,
    detections_by_abundance,
    retrievals_by,
    retrievals_by_truth,
)
from exosk.exceptions import ExoskError, GridError, RangeError
from exosk.models.card import ModelCard
from exosk.models.fitted import FittedModel
from exosk.parameters import ParameterArray
from exosk.rows import join_rows
from exosk.simulators.quantities import abundance_name

__all__ = ["ModelEvaluation", "evaluate_model"]

# Strata of signal-to-noise: at most so many, and no fewer spectra in one than this.
_N_STRATA, _LEAST = 6, 50
# Spectra in memory at a time.
_AT_ONCE = 20_000


@dataclass(frozen=True, eq=False)
class ModelEvaluation:
    """Scores of a model, and what they were computed from.

    Attributes
    ----------
    evaluation : RetrieverEvaluation or DetectorEvaluation
        Answers and truths of every spectrum.
    signal_to_noise : ndarray of shape (n,) or None
        Change of depth by one scale height over the error of the median bin; None where the data
        set does not tell.
    log_abundance : ndarray of shape (n, n_molecules)
        Of the molecules of `molecules`.
    molecules : tuple of str
        Those whose abundance is among the parameters.
    context : mapping
        Model, data, noise and rule of labels, as JSON has it.
    notes : tuple of str
        What a reader of the scores must know.
    """

    evaluation: RetrieverEvaluation | DetectorEvaluation
    signal_to_noise: np.ndarray | None
    log_abundance: np.ndarray
    molecules: tuple[str, ...]
    context: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def kind(self) -> str:
        """``"retriever"`` or ``"detector"``."""
        return "retriever" if isinstance(self.evaluation, RetrieverEvaluation) else "detector"

    @cached_property
    def by_signal_to_noise(self) -> list[dict[str, Any]]:
        """Scores in strata of signal-to-noise with equally many spectra; none where it varies not.

        Records are those of :func:`~exosk.evaluation.retrievals_by` or
        :func:`~exosk.evaluation.detections_by`.
        """
        snr = self.signal_to_noise
        n_strata = min(_N_STRATA, len(self.evaluation) // _LEAST)
        if snr is None or n_strata < 2 or not np.ptp(snr) > 0:
            return []
        if isinstance(self.evaluation, RetrieverEvaluation):
            return retrievals_by(self.evaluation, snr, n_strata)
        return detections_by(self.evaluation, snr, n_strata)

    @cached_property
    def by_abundance(self) -> dict[str, list[dict[str, Any]]]:
        """Scores in strata of abundance, by parameter or molecule.

        Records are those of :func:`~exosk.evaluation.retrievals_by_truth` or
        :func:`~exosk.evaluation.detections_by_abundance`.
        """
        if isinstance(self.evaluation, RetrieverEvaluation):
            names = [abundance_name(m) for m in self.molecules]
            known = [name for name in names if name in self.evaluation.space]
            return retrievals_by_truth(self.evaluation, known)
        return detections_by_abundance(self.evaluation, self.log_abundance)

    def to_dict(self) -> dict[str, Any]:
        """Return all scores for JSON."""
        return as_json(
            {
                "kind": self.kind,
                **self.context,
                "notes": list(self.notes),
                "scores": self.evaluation.to_dict(),
                "by_signal_to_noise": self.by_signal_to_noise,
                "by_abundance": self.by_abundance,
            }
        )


def evaluate_model(
    model: FittedModel,
    data: Dataset | Store,
    *,
    noise_scale: tuple[float, float] | None = None,
    threshold: float = 0.5,
    random_state: Any = 0,
    progress: Callable[[float], None] | None = None,
) -> ModelEvaluation:
    """Show a model noisy spectra of a data set, and score its answers.

    Every spectrum gets the model's reference errors times a factor of its own, and noise of that
    size. Of the data set that a model was trained on, only the part is used that was held out.

    Parameters
    ----------
    model : FittedModel
        As :func:`exosk.models.persistence.load_model` returns it.
    data : Dataset or Store
        Noise-free spectra in the model's bins, with the model's parameters or molecules; of a store
        20,000 are in memory at a time.
    noise_scale : (float, float), optional
        Range of the factors, log-uniform, within that of the model, which is the default.
    threshold : float, default=0.5
        A molecule with a probability above this counts as detected.
    random_state : int, RandomState or None, default=0
        Seed of factors and noise.
    progress : callable, optional
        Told the share of spectra that are done.

    Returns
    -------
    ModelEvaluation

    Raises
    ------
    GridError
        If the data set has other bins than the model.
    RangeError
        If it lacks a parameter or molecule of the model, or the noise is outside the model's range.
    """
    card = model.card
    if data.grid != card.grid:
        raise GridError(
            f"the data set has {_bins(data.grid)} and the model takes {_bins(card.grid)}; simulate "
            f"a data set in the model's bins (exosk simulate --like or --instrument), or train a "
            f"model in these"
        )
    low, high = factors_within(card, noise_scale)
    data, notes = unseen(card, data)
    if card.kind == "retriever":
        check_parameters(card, data)
        if any(data.space[parameter.name] != parameter for parameter in card.space):
            notes.append(
                "the priors of the data set are not those of the training: coverage holds on "
                "average over the training's"
            )
    random = check_random_state(random_state)
    factors = np.exp(random.uniform(np.log(low), np.log(high), len(data)))
    # Draws of its own, so that the noise does not depend on how many are in memory.
    judge = np.random.RandomState(random.randint(2**31))
    evaluations, ratios, abundances = [], [], []
    for start in range(0, len(data), _AT_ONCE):
        part = data[start : start + _AT_ONCE]
        mine = factors[start : start + _AT_ONCE]
        share = len(part) / len(data)

        def told(done: float, before: float = start / len(data), share: float = share) -> None:
            if progress is not None:
                progress(before + share * done)

        sigma = mine[:, np.newaxis] * card.sigma
        # A bin that observations lack has no error, and becomes no depth.
        depth = np.asarray(part.X, dtype=float) + sigma * random.standard_normal(sigma.shape)
        X = join_rows(depth, sigma) if card.has_sigma else depth
        evaluations.append(_evaluated(model, part, X, mine, threshold, judge, told))
        ratio, reason = _signal_to_noise(part, sigma)
        ratios.append(ratio)
        molecules = card.molecules if card.kind == "detector" else part.molecules
        columns = [part.space.index(abundance_name(m)) for m in molecules]
        abundances.append(np.asarray(part.Y)[:, columns])
    if reason:
        notes.append(reason)
    return ModelEvaluation(
        evaluations[0].joined(evaluations),
        None if reason else np.concatenate(ratios),
        np.concatenate(abundances),
        molecules,
        _context(card, data, (low, high)),
        tuple(notes),
    )


def _evaluated(
    model: FittedModel,
    data: Dataset,
    X: np.ndarray,
    factors: np.ndarray,
    threshold: float,
    random: np.random.RandomState,
    progress: Callable[[float], None],
) -> RetrieverEvaluation | DetectorEvaluation:
    """Evaluate spectra in memory, with noise; `factors` are on the errors of each."""
    card = model.card
    if card.kind == "retriever":
        return evaluate_retriever(
            model.estimator, X, parameters_of(card, data), random_state=random, progress=progress
        )
    return evaluate_detector(
        model.estimator,
        X,
        _presence(card, data, factors),
        card.molecules,
        threshold=threshold,
        progress=progress,
    )


def _context(card: ModelCard, data: Dataset | Store, scale: tuple[float, float]) -> dict[str, Any]:
    """Return model, data, noise and rule of labels, as JSON has them."""
    context: dict[str, Any] = {
        "model": {
            "estimator": card.estimator.get("class"),
            "created": card.created,
            "n_training": card.n_training,
        },
        "data": {"n_spectra": len(data), "n_bins": data.grid.n_bins},
        "noise": {
            "scale": list(scale),
            "median_reference_error": float(np.nanmedian(card.sigma)),
            "errors_are_told": card.has_sigma,
        },
    }
    if card.kind == "detector":
        context["labels"] = dict(card.presence)
    return context


def _bins(grid: Any) -> str:
    low, high = grid.range
    return f"{grid.n_bins} bins of {low:.4g}-{high:.4g} um"


def factors_within(card: ModelCard, wanted: tuple[float, float] | None) -> tuple[float, float]:
    """Return smallest and largest factor on the errors: those wanted, or the model's own."""
    low, high = card.sigma_scale
    if wanted is None:
        return low, high
    if not low * (1 - 1e-9) <= wanted[0] <= wanted[1] <= high * (1 + 1e-9):
        raise RangeError(
            f"errors of {wanted[0]:g} to {wanted[1]:g} times the reference are not within the "
            f"{low:g} to {high:g} times that the model was trained for"
        )
    return wanted


def unseen(card: ModelCard, data: Dataset | Store) -> tuple[Dataset | Store, list[str]]:
    """Return the spectra that the model was not trained on, as far as can be known, and notes."""
    theirs = card.provenance
    if theirs.get("seed") is None or as_json(dict(data.provenance)) != as_json(dict(theirs)):
        return data, []
    if card.seed is not None and len(data) > card.n_training:
        trained, _, held_out = data.split(random_state=card.seed)
        if len(trained) == card.n_training:
            return held_out, [
                f"this is the data set of the training: only the {len(held_out)} spectra that were "
                f"held out then are evaluated"
            ]
    return data, [
        "the data set comes from the same simulation as the training set: if these spectra were "
        "among those, the scores are too good"
    ]


def check_parameters(card: ModelCard, data: Dataset | Store) -> None:
    """Refuse data that lack parameters of the model."""
    missing = [name for name in card.space.names if name not in data.space]
    if missing:
        raise RangeError(
            f"the model retrieves {', '.join(missing)}, which the data set does not vary; simulate "
            f"one with the model's parameters"
        )


def parameters_of(card: ModelCard, data: Dataset) -> ParameterArray:
    """Return the true parameters in the model's order."""
    check_parameters(card, data)
    columns = [data.space.index(name) for name in card.space.names]
    return ParameterArray(np.asarray(data.Y)[:, columns], card.space)


def _presence(card: ModelCard, data: Dataset, factors: np.ndarray) -> np.ndarray:
    """Return labels by the model's rule, in the model's order of molecules."""
    missing = [name for name in card.molecules if name not in data.molecules]
    if missing:
        raise RangeError(
            f"the model detects {', '.join(missing)}, whose abundance the data set does not vary; "
            f"simulate one with the model's molecules"
        )
    rule = dict(card.presence)
    scale: Any = 1.0
    if rule.get("delta_chi2") is not None:
        if data.sigma is None:
            raise RangeError(
                "the model's labels ask how detectable molecules are, which the data set does not "
                "know; simulate it with --detectability"
            )
        ratio = card.sigma / data.sigma
        middle = np.nanmedian(ratio)
        if not np.allclose(ratio, middle, rtol=1e-3, equal_nan=True):
            raise RangeError(
                "the data set knows how detectable molecules are at errors of another shape than "
                "the model's; simulate it for the model's instrument or observation"
            )
        scale = factors * middle
    present = data.presence(**rule, scale=scale)
    return present[:, [data.molecules.index(name) for name in card.molecules]]


def _signal_to_noise(data: Dataset, sigma: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Return the ratio per scale height, or None and the reason."""
    try:
        depth = scale_height_depth(data.Y, data.space, data.provenance.get("fixed"))
    except ExoskError as error:
        return None, f"no signal-to-noise per scale height: {error}"
    return depth / np.nanmedian(sigma, axis=1), ""
