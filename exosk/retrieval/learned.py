"""The first look: a retriever trained on spectra like the observation, and how well it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.datasets import Dataset
from exosk.evaluation import interval_coverage
from exosk.inference import SpectrumGuard
from exosk.inference.guard_verdict import judged
from exosk.models import FlowRetriever, ForestRetriever, InpaintingGANRetriever, MoleculeDetector
from exosk.models.final_step import FinalStep
from exosk.models.recipes import spectra_to_score
from exosk.preprocessing import SpectrumScaler
from exosk.spectra import Spectrum

__all__ = ["LEARNERS", "FirstLook", "take_first_look"]

#: Kinds of retrievers that a first look may be taken with.
LEARNERS = ("forest", "flow", "gan")
_LEVEL = 0.68
# A flow sees its spectra with new noise in each epoch; the loss is flat after so many.
_EPOCHS = 60
# Of the guard: finer p-values and more Gaussians would take longer than the training.
_GUARD = {"n_reference": 500, "n_gaussians": 20}
# What a guard can learn from, with reference spectra to spare.
_LEAST_GUARDED = 400


@dataclass(frozen=True, eq=False)
class FirstLook:
    """What was trained, and what it says.

    Attributes
    ----------
    model : retriever or Pipeline
        Fitted; it takes the observation's depths.
    detector : dict of str to float
        Probability of each molecule.
    detector_auc : dict of str to float
        On held-out spectra; NaN where all or none hold the molecule.
    scores : list of dict
        Of each parameter on held-out spectra: ``name``, ``r2``, ``coverage``.
    n_test : int
        Number of held-out spectra that were scored.
    guard : dict or None
        Whether the observation is like the training spectra; None if these are too few to tell.
    """

    model: Any
    detector: dict[str, float]
    detector_auc: dict[str, float]
    scores: list[dict[str, Any]]
    n_test: int
    guard: dict[str, Any] | None


def take_first_look(
    data: Dataset,
    spectrum: Spectrum,
    kind: str,
    *,
    n_jobs: int | None,
    random_state: int,
    progress: Callable[[str, float], None],
    lap: Callable[[str], None],
) -> FirstLook:
    """Train a retriever and a detector on simulated spectra, and score them on others.

    Parameters
    ----------
    data : Dataset
        Noise-free spectra in the observation's bins.
    spectrum : Spectrum
        The observation, without missing bins.
    kind : {"forest", "flow", "gan"}
        Of the retriever.
    n_jobs : int or None
        Parallel jobs of forests.
    random_state : int
        Seed of everything.
    progress : callable
        Takes a stage's name and the share done.
    lap : callable
        Takes the name of a stage that has ended.

    Returns
    -------
    FirstLook
    """
    train, _, test = data.split(random_state=random_state)
    progress("training", 0.0)
    model = _make(kind, spectrum, n_jobs, random_state, lambda share: progress("training", share))
    model.fit(train.X, train.Y)
    FinalStep(model).estimator.set_params(**({} if kind == "forest" else {"progress": None}))
    progress("training", 0.9)
    # Where every abundance is fixed there is nothing to detect.
    detector = _pipeline(
        MoleculeDetector(n_jobs=n_jobs, random_state=random_state), spectrum, random_state
    )
    if data.molecules:
        detector.fit(train.X, train.presence())
    guard = _guard(train, spectrum, random_state)
    progress("training", 1.0)
    lap("training")
    scored = spectra_to_score(kind, test, random_state)
    scores = _score_retriever(model, _noisy(scored, spectrum, random_state), scored)
    auc, found = {}, []
    if data.molecules:
        auc = _score_detector(detector, _noisy(test, spectrum, random_state), test)
        found = detector.predict_proba(spectrum.to_row())[0]
    lap("testing")
    probabilities = {m: float(p) for m, p in zip(data.molecules, found, strict=True)}
    return FirstLook(model, probabilities, auc, scores, len(scored), guard)


def _make(
    kind: str,
    spectrum: Spectrum,
    n_jobs: int | None,
    random_state: int,
    progress: Callable[[float], None],
) -> Any:
    """Return the retriever, which adds the observation's noise in training."""
    if kind == "forest":
        forest = ForestRetriever(n_jobs=n_jobs, random_state=random_state)
        return _pipeline(forest, spectrum, random_state)
    settings: dict[str, Any] = {
        "grid": spectrum.grid,
        "augmentation": NoiseInjector(spectrum.sigma, grid=spectrum.grid),
        "progress": progress,
        "random_state": random_state,
    }
    if kind == "flow":
        return FlowRetriever(max_epochs=_EPOCHS, **settings)
    return InpaintingGANRetriever(**settings)


def _pipeline(estimator: Any, spectrum: Spectrum, random_state: int) -> Pipeline:
    return make_pipeline(NoiseInjector(spectrum.sigma, random_state), SpectrumScaler(), estimator)


def _noisy(data: Dataset, spectrum: Spectrum, random_state: int) -> np.ndarray:
    return NoiseInjector(spectrum.sigma, random_state).fit_transform(data.X)


def _guard(train: Dataset, spectrum: Spectrum, random_state: int) -> dict[str, Any] | None:
    """Ask whether the observation is like the training spectra."""
    if len(train) < _LEAST_GUARDED:
        return None
    guard = SpectrumGuard(train.grid, random_state=random_state, **_GUARD)
    guard.fit(train.with_sigma(spectrum.sigma))
    return judged(guard.explain(spectrum.to_row(sigma=True))[0], guard.false_alarm_rate)


def _score_retriever(model: Any, X: np.ndarray, test: Dataset) -> list[dict[str, Any]]:
    """R2 and interval coverage of each parameter on held-out spectra."""
    final = FinalStep(model)
    posteriors = final.estimator.posterior(final.transform(X))
    mean = np.stack([posterior.mean for posterior in posteriors])
    truth = np.asarray(test.Y)
    r2 = r2_score(truth, mean, multioutput="raw_values")
    coverage = interval_coverage(posteriors, truth, _LEVEL)
    return [
        {"name": name, "r2": float(a), "coverage": float(b)}
        for name, a, b in zip(test.space.names, r2, coverage, strict=True)
    ]


def _score_detector(model: Pipeline, X: np.ndarray, test: Dataset) -> dict[str, float]:
    truth, probability = test.presence(), model.predict_proba(X)
    return {
        molecule: float(roc_auc_score(truth[:, k], probability[:, k]))
        if 0 < truth[:, k].mean() < 1
        else float("nan")
        for k, molecule in enumerate(test.molecules)
    }
