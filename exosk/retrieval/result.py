"""What a retrieval found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.evaluation.predictive import PredictiveCheck
from exosk.explain import Explanation
from exosk.inference import MoleculeOdds
from exosk.posterior import Posterior
from exosk.spectra import Spectrum

__all__ = ["Retrieval"]


@dataclass(frozen=True)
class Retrieval:
    """What one retrieval found, and how far it can be believed.

    Attributes
    ----------
    spectrum : Spectrum
        The observation, without its missing bins.
    posterior : Posterior
        The result.
    first_look : Posterior or None
        What the trained retriever said by itself, where one was trained.
    molecules : dict of str to float
        Probability, under `posterior`, that the abundance is above `threshold`.
    detector : dict of str to float
        The same from the trained :class:`~exosk.models.MoleculeDetector`; empty without.
    prior_presence : dict of str to float
        The same before any data.
    threshold : float
        log10 volume mixing ratio.
    model_depth : ndarray of shape (n_draws, n_bins)
        Spectra of draws from `posterior`.
    best_depth : ndarray of shape (n_bins,)
        The draw that fits best.
    model_error : ndarray of shape (n_bins,)
        1-sigma error of the model from coarse opacity sampling.
    reduced_chi2 : float
        Of the best draw, with the data's errors alone.
    reduced_chi2_with_model_error : float
        The same with the model's error in quadrature.
    scores : list of dict
        For each parameter, of the retriever on held-out spectra: ``name``, ``r2``, ``coverage`` of
        the 68 % interval; empty without.
    detector_auc : dict of str to float
        Area under the ROC curve on held-out spectra, NaN where all or none hold the molecule.
    n_test : int
        Number of held-out spectra.
    provenance : dict
        Simulator, opacities, settings, versions.
    seconds : dict of str to float
        By stage.
    method : str
        One of :data:`exosk.retrieval.METHODS`.
    predictive : PredictiveCheck or None
        Whether the model could have made the observation.
    guard : dict or None
        What :meth:`exosk.SpectrumGuard.explain` tells of the observation, and the sentence of it
        (``verdict``), where there were training spectra.
    odds : MoleculeOdds or None
        Of each molecule, by model comparison, where that was asked for.
    explanations : tuple of Explanation
        Which wavelengths speak for molecules.
    """

    spectrum: Spectrum
    posterior: Posterior
    first_look: Posterior | None
    molecules: dict[str, float]
    detector: dict[str, float]
    prior_presence: dict[str, float]
    threshold: float
    model_depth: np.ndarray
    best_depth: np.ndarray
    model_error: np.ndarray
    reduced_chi2: float
    reduced_chi2_with_model_error: float
    scores: list[dict[str, Any]]
    detector_auc: dict[str, float]
    n_test: int
    provenance: dict[str, Any]
    seconds: dict[str, float]
    method: str = "forest"
    predictive: PredictiveCheck | None = None
    guard: dict[str, Any] | None = None
    odds: MoleculeOdds | None = None
    explanations: tuple[Explanation, ...] = ()

    @property
    def residuals(self) -> np.ndarray:
        """(Data - best draw) in units of the total error, shape (n_bins,)."""
        total = np.hypot(self.spectrum.sigma, self.model_error)
        return (self.spectrum.depth - self.best_depth) / total

    def bands(self, quantiles: Sequence[float] = (0.025, 0.16, 0.5, 0.84, 0.975)) -> np.ndarray:
        """Quantiles of the model over the posterior, shape (n_quantiles, n_bins)."""
        return np.quantile(self.model_depth, quantiles, axis=0)
