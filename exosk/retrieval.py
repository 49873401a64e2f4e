"""One retrieval from end to end: simulate, train, retrieve, refine, and judge the result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.datasets import PRESENCE_THRESHOLD, Dataset, simulate_dataset
from exosk.evaluation import interval_coverage
from exosk.exceptions import RangeError
from exosk.inference import gaussian_log_likelihood, refine_posterior, sampling_error
from exosk.models import ForestRetriever, MoleculeDetector, sample_posterior
from exosk.parameters import Parameter
from exosk.posterior import Posterior
from exosk.preprocessing import SpectrumScaler
from exosk.simulators import Simulator
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.quantities import abundance_name
from exosk.spectra import Spectrum

__all__ = ["Retrieval", "retrieve"]

_N_DRAWS = 500  # of the posterior, for the model's bands
_LEVEL = 0.68

# Called with a stage's name and the share of it that is done.
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Retrieval:
    """What one retrieval found, and how far it can be believed.

    Attributes
    ----------
    spectrum : Spectrum
        The observation, without its missing bins.
    posterior : Posterior
        The result: refined with the simulator's likelihood unless that was turned off.
    first_look : Posterior
        The forest's own posterior, from the leaves.
    molecules : dict of str to float
        Probability, under `posterior`, that the abundance is above `threshold`.
    detector : dict of str to float
        The same from the trained :class:`~exosk.models.MoleculeDetector`.
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
        For each parameter, of the forest on held-out spectra: ``name``, ``r2``, ``coverage`` of
        the 68 % interval.
    detector_auc : dict of str to float
        Area under the ROC curve on held-out spectra, NaN where all or none hold the molecule.
    n_test : int
        Number of held-out spectra.
    provenance : dict
        Simulator, opacities, settings, versions.
    seconds : dict of str to float
        By stage.
    """

    spectrum: Spectrum
    posterior: Posterior
    first_look: Posterior
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

    @property
    def residuals(self) -> np.ndarray:
        """(Data - best draw) in units of the total error, shape (n_bins,)."""
        total = np.hypot(self.spectrum.sigma, self.model_error)
        return (self.spectrum.depth - self.best_depth) / total

    def bands(self, quantiles: Sequence[float] = (0.025, 0.16, 0.5, 0.84, 0.975)) -> np.ndarray:
        """Quantiles of the model over the posterior, shape (n_quantiles, n_bins)."""
        return np.quantile(self.model_depth, quantiles, axis=0)


def retrieve(
    spectrum: Spectrum,
    simulator: Simulator,
    *,
    n_spectra: int = 10_000,
    refine: bool = True,
    n_particles: int = 1000,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Retrieval:
    """Retrieve an atmosphere from a spectrum.

    Training spectra are simulated in the observation's bins; a forest and a detector are
    trained on them with the observation's noise; the forest's posterior is refined with the
    simulator's likelihood, in which all errors may be larger by a common unknown factor; and
    held-out spectra tell how well the forest does.

    Parameters
    ----------
    spectrum : Spectrum
        The observation.
    simulator : Simulator
        With the priors in its space.
    n_spectra : int, default=10000
        To simulate; 70 % train, 15 % are held out for the scores.
    refine : bool, default=True
        Whether to refine the forest's posterior.
    n_particles : int, default=1000
        Samples of the refined posterior.
    n_jobs : int, optional
        Parallel jobs of the forest.
    random_state : int, default=0
        Seed of everything.
    progress : callable, optional
        Called with a stage's name and the share done.

    Returns
    -------
    Retrieval

    Raises
    ------
    RangeError
        If there are too few spectra to train and test on, or the simulator does not cover the
        observation.
    """
    if n_spectra < 100:
        raise RangeError(f"{n_spectra} spectra are too few to train and test on; use 100 or more")
    tell: Progress = progress or (lambda stage, share: None)
    clock = _Clock()
    spectrum = spectrum.without_missing()
    simulator = simulator.restrict(spectrum.grid)

    done = 0

    def count(n: int) -> None:
        nonlocal done
        done += n
        tell("simulating training spectra", done / n_spectra)

    data = simulate_dataset(simulator, n_spectra, spectrum, random_state, progress=count)
    train, _, test = data.split(random_state=random_state)
    clock.lap("simulation")

    tell("training", 0.0)
    retriever = _pipeline(
        ForestRetriever(n_jobs=n_jobs, random_state=random_state), spectrum, random_state
    )
    retriever.fit(train.X, train.Y)
    tell("training", 0.6)
    # Where every abundance is fixed there is nothing to detect.
    detector = _pipeline(
        MoleculeDetector(n_jobs=n_jobs, random_state=random_state), spectrum, random_state
    )
    if data.molecules:
        detector.fit(train.X, train.presence())
    tell("training", 1.0)
    clock.lap("training")

    noisy = NoiseInjector(spectrum.sigma, random_state).fit_transform(test.X)
    scores = _score_retriever(retriever, noisy, test)
    auc = _score_detector(detector, noisy, test) if data.molecules else {}
    clock.lap("testing")

    first_look = sample_posterior(retriever, spectrum, n=None)
    posterior, error = first_look, np.zeros(len(spectrum))
    if refine:
        posterior, error = _refine(
            first_look,
            simulator,
            spectrum,
            n_particles,
            random_state,
            lambda share: tell("refining with the simulator", share),
        )
        clock.lap("refinement")
    depth = simulate_in_bins(simulator, spectrum.grid)(posterior.resample(_N_DRAWS, random_state))
    chi2 = ((depth - spectrum.depth) ** 2 / (spectrum.sigma**2 + error**2)).sum(axis=1)
    best = depth[np.argmin(chi2)]
    freedom = max(len(spectrum) - len(simulator.space), 1)
    detected = detector.predict_proba(spectrum.to_row())[0] if data.molecules else []
    clock.lap("prediction")
    return Retrieval(
        spectrum=spectrum,
        posterior=posterior,
        first_look=first_look,
        molecules={m: _presence(posterior, m) for m in data.molecules},
        detector={m: float(p) for m, p in zip(data.molecules, detected, strict=True)},
        prior_presence={
            m: _presence_before(simulator.space[abundance_name(m)]) for m in data.molecules
        },
        threshold=PRESENCE_THRESHOLD,
        model_depth=depth,
        best_depth=best,
        model_error=error,
        reduced_chi2=float((((best - spectrum.depth) / spectrum.sigma) ** 2).sum() / freedom),
        reduced_chi2_with_model_error=float(chi2.min() / freedom),
        scores=scores,
        detector_auc=auc,
        n_test=len(test),
        provenance=_provenance(data, posterior, n_spectra, refine, random_state),
        seconds=clock.laps,
    )


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps[stage] = round(now - self._last, 2)
        self._last = now


def _pipeline(estimator: Any, spectrum: Spectrum, random_state: int) -> Pipeline:
    return make_pipeline(NoiseInjector(spectrum.sigma, random_state), SpectrumScaler(), estimator)


def _refine(
    first_look: Posterior,
    simulator: Simulator,
    spectrum: Spectrum,
    n_particles: int,
    random_state: int,
    progress: Callable[[float], None],
) -> tuple[Posterior, np.ndarray]:
    """Refine twice: quickly, to learn how large the model's own error is; then with it."""
    rough = refine_posterior(
        first_look,
        # A first error from the first look keeps one lucky draw from taking all the weight.
        gaussian_log_likelihood(
            simulator,
            spectrum,
            sampling_error(simulator, first_look.resample(100, random_state), spectrum.grid),
            free_scale=True,
        ),
        n_particles=max(n_particles // 4, 100),
        random_state=random_state,
        progress=lambda share: progress(0.25 * share),
    )
    error = sampling_error(simulator, rough.resample(100, random_state), spectrum.grid)
    refined = refine_posterior(
        rough,
        gaussian_log_likelihood(simulator, spectrum, error, free_scale=True),
        n_particles=n_particles,
        random_state=random_state,
        progress=lambda share: progress(0.25 + 0.75 * share),
    )
    return refined, error


def _presence(posterior: Posterior, molecule: str) -> float:
    present = posterior[abundance_name(molecule)] > PRESENCE_THRESHOLD
    # A sum of weights may round to a little above one.
    return round(float(posterior.weights @ present), 9)


def _presence_before(abundance: Parameter) -> float:
    return float(abundance.prior.distribution.sf(PRESENCE_THRESHOLD))


def _score_retriever(model: Pipeline, X: np.ndarray, test: Dataset) -> list[dict[str, Any]]:
    """R2 and interval coverage of each parameter on held-out spectra."""
    features = model[:-1].transform(X)
    posteriors = model[-1].posterior(features)
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


def _provenance(
    data: Dataset, posterior: Posterior, n_spectra: int, refined: bool, random_state: int
) -> dict[str, Any]:
    packages = ("exosk", "numpy", "scipy", "scikit-learn", "torch", "astropy")
    return {
        "simulator": dict(data.provenance),
        "priors": data.space.to_dict(),
        "method": "forest, refined by sequential Monte Carlo" if refined else "forest",
        "sampler": posterior.meta,
        "n_spectra": n_spectra,
        "seed": random_state,
        "versions": {name: metadata.version(name) for name in packages},
    }
