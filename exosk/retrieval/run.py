"""From a spectrum and a simulator to a judged posterior, by the method that is asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from exosk.datasets import PRESENCE_THRESHOLD, Dataset, simulate_dataset
from exosk.evaluation.predictive import PredictiveCheck, predictive_check
from exosk.exceptions import ExoskError, RangeError, UnknownNameError
from exosk.inference import proposal_of
from exosk.models import sample_posterior
from exosk.parameters import Parameter
from exosk.posterior import Posterior
from exosk.retrieval.exact import Exact
from exosk.retrieval.explained import Question, answers_of
from exosk.retrieval.learned import FirstLook, take_first_look
from exosk.retrieval.ready import ReadyModel, find_ready_model
from exosk.retrieval.result import Retrieval
from exosk.simulators import Simulator
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.quantities import abundance_name
from exosk.spectra import Spectrum

__all__ = ["METHODS", "retrieve"]

#: Ways to a posterior, and what they are in words.
METHODS = {
    "pretrained": "a pretrained normalising flow, made exact by importance sampling",
    "forest": "a random forest, refined by tempered sequential Monte Carlo",
    "flow": "a normalising flow",
    "flow+is": "a normalising flow, made exact by importance sampling",
    "gan": "an inpainting GAN",
    "nested": "nested sampling",
    "hmc": "a random forest, refined by tempered Hamiltonian Monte Carlo",
}
# What the first look of each is taken with; None takes none.
_LEARNER = {
    "pretrained": None,
    "forest": "forest",
    "flow": "flow",
    "flow+is": "flow",
    "gan": "gan",
    "nested": None,
    "hmc": "forest",
}
_EXACT = ("pretrained", "forest", "flow+is", "nested", "hmc")
# Posteriors that a checkpoint can be kept of.
_RESUMABLE = ("nested", "hmc")
_N_DRAWS = 500  # of the posterior, for the model's bands
# Of a network's posterior, which has no samples of its own.
_N_SAMPLES = 4000

# Called with a stage's name and the share of it that is done.
Progress = Callable[[str, float], None]


def retrieve(
    spectrum: Spectrum,
    simulator: Simulator,
    *,
    method: str = "forest",
    n_spectra: int = 10_000,
    refine: bool = True,
    n_particles: int = 1000,
    odds: bool = False,
    checkpoint: Path | None = None,
    explain: Iterable[str] | None = (),
    explain_by: str = "fits",
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: Progress | None = None,
) -> Retrieval:
    """Retrieve an atmosphere from a spectrum.

    Pretrained models answer at once, where one sees such spectra and has these parameters. For all
    other methods but nested sampling, training spectra are simulated in the observation's bins;
    a retriever, a detector and a guard are trained on them with the observation's noise; and
    held-out spectra tell how well the retriever does. Methods that are exact go on with the
    simulator's likelihood, in which all errors may be larger by a common unknown factor.

    Parameters
    ----------
    spectrum : Spectrum
        The observation.
    simulator : Simulator
        With the priors in its space.
    method : {"pretrained", "forest", "flow", "flow+is", "gan", "nested", "hmc"}, default="forest"
        See :data:`METHODS`.
    n_spectra : int, default=10000
        To simulate; 70 % train, 15 % are held out for the scores.
    refine : bool, default=True
        Whether to refine the posterior of ``method="forest"``.
    n_particles : int, default=1000
        Samples of the refined posterior.
    odds : bool, default=False
        Whether to compare the model with those that lack one of its molecules.
    checkpoint : path-like, optional
        A file that nested sampling or Hamiltonian Monte Carlo is saved in, and goes on from.
    explain : iterable of str or None, default=()
        Molecules to explain, beside those that are found: of probability above 0.9, four at most.
        None explains none.
    explain_by : {"fits", "model", "both"}, default="fits"
        Whether to compare the simulator's best fits with and without each molecule
        (:func:`exosk.explain.explain_fits`), to ask the trained model by Shapley values of the
        abundance's posterior mean, which takes seconds for each molecule, or both.
    n_jobs : int, optional
        Parallel jobs of forests.
    random_state : int, default=0
        Seed of everything.
    progress : callable, optional
        Called with a stage's name and the share done.

    Returns
    -------
    Retrieval

    Raises
    ------
    UnknownNameError
        If there is no such method, or no free abundance of a molecule to explain.
    RangeError
        If there are too few spectra to train and test on, the simulator does not cover the
        observation, or an option is none of the method's.
    """
    _check_options(method, n_spectra, refine, odds, checkpoint)
    tell: Progress = progress or (lambda stage, share: None)
    clock = _Clock()
    spectrum = spectrum.without_missing()
    simulator = simulator.restrict(spectrum.grid)
    molecules = [m for m in simulator.molecules if abundance_name(m) in simulator.space]
    has_model = method == "pretrained" or _LEARNER[method] is not None
    question = Question.of(explain, explain_by, simulator, has_model=has_model)
    refined = method in _EXACT and (refine or method != "forest")
    stage = "refining with the simulator" if _LEARNER[method] else "sampling with the simulator"
    exact = Exact(simulator, spectrum, n_particles, random_state, lambda share: tell(stage, share))

    look, first_look, data, ready, guard = None, None, None, None, None
    kind = _LEARNER[method]
    if method == "pretrained":
        ready = find_ready_model(spectrum, simulator)
        if isinstance(ready, ExoskError):
            raise ready
        first_look = ready.first_look(random_state=random_state)
        clock.lap("first look")
    if kind is not None:
        data = _simulate(simulator, n_spectra, spectrum, random_state, tell)
        clock.lap("simulation")
        look = take_first_look(
            data,
            spectrum,
            kind,
            n_jobs=n_jobs,
            random_state=random_state,
            progress=tell,
            lap=clock.lap,
        )
        n_samples = None if kind == "forest" else _N_SAMPLES
        first_look = sample_posterior(look.model, spectrum, n_samples, random_state=random_state)
        guard = look.guard
    posterior, error = first_look, np.zeros(len(spectrum))
    if refined:
        posterior, error = _exact_posterior(exact, method, look, ready, first_look, checkpoint)
        clock.lap("refinement")
    if ready is not None:
        guard = ready.judge(error)
    found_odds = None
    if odds and molecules:
        found_odds = exact.odds(
            posterior, error, lambda share: tell("comparing models without each molecule", share)
        )
        clock.lap("model comparison")
    depth = simulate_in_bins(simulator, spectrum.grid)(posterior.resample(_N_DRAWS, random_state))
    chi2 = ((depth - spectrum.depth) ** 2 / (spectrum.sigma**2 + error**2)).sum(axis=1)
    best = depth[np.argmin(chi2)]
    freedom = max(len(spectrum) - len(simulator.space), 1)
    predictive = _predictive(exact, posterior, error)
    clock.lap("prediction")
    probabilities = {m: _presence(posterior, m) for m in molecules}
    model = ready.answerer(error) if ready else look.model if look else None
    explanations, refusal = answers_of(
        question,
        exact,
        posterior,
        error,
        probabilities,
        model,
        data,
        lambda share: tell("explaining", share),
    )
    clock.lap("explanation")
    provenance = _provenance(simulator, data, posterior, method, refined, random_state)
    if refusal is not None:
        provenance["not_explained"] = refusal
    return Retrieval(
        spectrum=spectrum,
        posterior=posterior,
        first_look=first_look,
        molecules=probabilities,
        detector=look.detector if look else {},
        prior_presence={m: _presence_before(simulator.space[abundance_name(m)]) for m in molecules},
        threshold=PRESENCE_THRESHOLD,
        model_depth=depth,
        best_depth=best,
        model_error=error,
        reduced_chi2=float((((best - spectrum.depth) / spectrum.sigma) ** 2).sum() / freedom),
        reduced_chi2_with_model_error=float(chi2.min() / freedom),
        scores=look.scores if look else [],
        detector_auc=look.detector_auc if look else {},
        n_test=look.n_test if look else 0,
        provenance=provenance,
        seconds=clock.laps,
        method=method,
        predictive=predictive,
        guard=guard,
        odds=found_odds,
        explanations=explanations,
    )


def _check_options(
    method: str, n_spectra: int, refine: bool, odds: bool, checkpoint: Path | None
) -> None:
    if method not in METHODS:
        raise UnknownNameError.suggest("method", method, list(METHODS))
    if _LEARNER[method] and n_spectra < 100:
        raise RangeError(f"{n_spectra} spectra are too few to train and test on; use 100 or more")
    if not refine and method != "forest":
        raise RangeError(
            f"refine=False is about the forest; method={method!r} has nothing to turn off"
        )
    if odds and (method not in _EXACT or not refine):
        raise RangeError(
            f"odds compare evidences, and {METHODS[method].split(',')[0]} by itself gives none; "
            f"choose one of the methods {', '.join(_EXACT)}"
        )
    if checkpoint is not None and method not in _RESUMABLE:
        raise RangeError(
            f"method={method!r} keeps no checkpoint; those that do are {', '.join(_RESUMABLE)}"
        )


def _simulate(
    simulator: Simulator, n: int, spectrum: Spectrum, random_state: int, tell: Progress
) -> Dataset:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        tell("simulating training spectra", done / n)

    return simulate_dataset(simulator, n, spectrum, random_state, progress=count)


def _exact_posterior(
    exact: Exact,
    method: str,
    look: FirstLook | None,
    ready: ReadyModel | None,
    first_look: Posterior | None,
    checkpoint: Path | None,
) -> tuple[Posterior, np.ndarray]:
    """Return the posterior, and the model's error in each bin."""
    if first_look is None:
        return exact.nest(checkpoint)
    if method in ("pretrained", "flow+is"):
        error = exact.error(first_look)
        if ready is not None:
            proposal = ready.proposal(error)
        else:
            X = exact.spectrum.to_row()
            proposal = proposal_of(look.model, X, random_state=exact.random_state)
        return exact.weigh(proposal, error), error
    if method == "hmc":
        return exact.slide(first_look, checkpoint)
    return exact.refine(first_look)


def _predictive(exact: Exact, posterior: Posterior, error: np.ndarray) -> PredictiveCheck | None:
    """Check whether the model could have made the observation, where bins enough can tell."""
    if len(exact.spectrum) < 3:
        return None
    simulate = simulate_in_bins(exact.simulator, exact.spectrum.grid)
    return predictive_check(
        posterior,
        simulate,
        exact.spectrum,
        n=_N_DRAWS,
        model_error=error,
        random_state=exact.random_state,
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


def _presence(posterior: Posterior, molecule: str) -> float:
    present = posterior[abundance_name(molecule)] > PRESENCE_THRESHOLD
    # A sum of weights may round to a little above one.
    return round(float(posterior.weights @ present), 9)


def _presence_before(abundance: Parameter) -> float:
    return float(abundance.prior.distribution.sf(PRESENCE_THRESHOLD))


def _provenance(
    simulator: Simulator,
    data: Dataset | None,
    posterior: Posterior,
    method: str,
    refined: bool,
    random_state: int,
) -> dict[str, Any]:
    packages = ("exosk", "numpy", "scipy", "scikit-learn", "torch", "astropy")
    return {
        "simulator": dict(simulator.provenance if data is None else data.provenance),
        "priors": simulator.space.to_dict(),
        "method": METHODS[method] if refined else METHODS[method].split(",")[0],
        "sampler": posterior.meta,
        "n_spectra": 0 if data is None else len(data),
        "seed": random_state,
        "versions": {name: metadata.version(name) for name in packages},
    }
