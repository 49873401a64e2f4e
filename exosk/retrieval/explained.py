"""Which wavelengths speak for the molecules of a retrieval: by the simulator, and by the model.

The simulator's best fits with and without a molecule tell where the data speak for it. They cost a
tenth of the retrieval or less, and hold for every method. What a trained model looks at is another
question, and takes thousands of its answers; it is asked on demand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import util
from itertools import chain
from typing import Any

import numpy as np

from exosk.datasets import Dataset
from exosk.exceptions import ExoskError, RangeError, UnknownNameError
from exosk.explain import Background, Explanation, Groups, Target, explain, explain_fits
from exosk.models import ForestRetriever
from exosk.models.final_step import FinalStep
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior
from exosk.retrieval.exact import Exact
from exosk.simulators import Simulator
from exosk.simulators.quantities import abundance_name
from exosk.simulators.removal import without_molecule

__all__ = ["WAYS", "Question", "answers_of"]

#: What explanations are by.
WAYS = ("fits", "model", "both")
# Above such a probability a molecule counts as found, and of those that are so many are explained.
_FOUND, _MOST = 0.9, 4
# Draws that fits start from.
_N_STARTS = 100
# Of a model: samples of its posterior for each answer, and how it is asked.
_N_SAMPLES, _N_BACKGROUND = 50, 1000
_ASKED: dict[str, Any] = {"method": "shap", "n_draws": 2, "n_samples": 5}


@dataclass(frozen=True)
class Question:
    """Which molecules to explain, and by what.

    Attributes
    ----------
    named : tuple of str
        Molecules to explain whether they are found or not.
    by : str
        One of :data:`WAYS`.
    found : bool
        Whether to explain those that are found as well.
    """

    named: tuple[str, ...]
    by: str
    found: bool = True

    @classmethod
    def of(
        cls, named: Iterable[str] | None, by: str, simulator: Simulator, *, has_model: bool
    ) -> Question:
        """Check what was asked, before the work.

        Parameters
        ----------
        named : iterable of str, or None
            Molecules, in upper or lower case; None asks for nothing, not even of those found.
        by : str
            One of :data:`WAYS`.
        simulator : Simulator
            Whose molecules they are.
        has_model : bool
            Whether the method has a model that can be asked.

        Raises
        ------
        UnknownNameError
            If the abundance of a molecule is not free, or there is no such way.
        RangeError
            If there is no model to ask, or a molecule cannot be taken out.
        ExoskError
            If a package is missing.
        """
        if by not in WAYS:
            raise UnknownNameError.suggest("way to explain", by, WAYS)
        if by != "fits" and not has_model:
            raise RangeError(
                f"explain_by={by!r} asks a model, and this method has none; its result is "
                f"explained by fits of the simulator"
            )
        if by != "fits" and util.find_spec("shap") is None:
            raise ExoskError(
                "a model is explained by the package shap: pip install 'exosk[explain]'; fits of "
                "the simulator need none"
            )
        if named is None:
            return cls((), by, found=False)
        known = {molecule.lower(): molecule for molecule in simulator.molecules}
        names = [known.get(name.lower(), name) for name in named]
        for name in names:
            without_molecule(simulator, np.zeros((1, len(simulator.space))), name)
        return cls(tuple(dict.fromkeys(names)), by)

    def molecules(self, probabilities: Mapping[str, float]) -> list[str]:
        """Return those to explain: the named ones, and the likeliest of those that are found."""
        found = [m for m, p in probabilities.items() if p > _FOUND] if self.found else []
        found.sort(key=lambda molecule: -probabilities[molecule])
        return list(dict.fromkeys([*self.named, *found[:_MOST]]))


def answers_of(
    question: Question,
    exact: Exact,
    posterior: Posterior,
    error: np.ndarray,
    probabilities: Mapping[str, float],
    model: Any,
    data: Dataset | None,
    progress: Callable[[float], None],
) -> tuple[tuple[Explanation, ...], str | None]:
    """Explain the molecules of a retrieval.

    Parameters
    ----------
    question : Question
        What to explain.
    exact : Exact
        Observation, simulator and likelihood.
    posterior : Posterior
        The result.
    error : ndarray of shape (n_bins,)
        1-sigma error of the simulator.
    probabilities : mapping of str to float
        Of each molecule.
    model : estimator, Pipeline or None
        From the observation's depths to parameters of the simulator, where there is one.
    data : Dataset, optional
        Its training set; without, spectra to fill hidden bins from are simulated.
    progress : callable
        Takes the share done.

    Returns
    -------
    explanations : tuple of Explanation
        Molecule by molecule.
    refusal : str or None
        Why some are missing, if any.
    """
    names = question.molecules(probabilities)
    found: dict[str, list[Explanation]] = {name: [] for name in names}
    steps = len(names) * (2 if question.by == "both" else 1)
    done = 0

    def step(share: float = 1.0) -> None:
        nonlocal done
        done += 1
        progress(done / steps)

    try:
        if question.by != "model":
            fits = explain_fits(
                exact.simulator,
                exact.spectrum,
                names,
                posterior.resample(_N_STARTS, exact.random_state),
                model_error=error,
                log_likelihood=exact.likelihood(error),
                progress=step,
            )
            for fit in fits:
                found[fit.target].append(fit)
        if question.by != "fits":
            for name in names:
                found[name].append(_of_model(model, name, exact, error, data))
                step()
    except RangeError as reason:
        # After hours of sampling that is no reason to fail.
        return tuple(chain.from_iterable(found.values())), str(reason)
    return tuple(chain.from_iterable(found.values())), None


def _of_model(
    model: Any, molecule: str, exact: Exact, error: np.ndarray, data: Dataset | None
) -> Explanation:
    """Explain a model's posterior mean of an abundance, against spectra without the molecule."""
    simulator, spectrum, seed = exact.simulator, exact.spectrum, exact.random_state
    sigma = np.hypot(spectrum.sigma, error)
    settings: dict[str, Any] = {"n": _N_BACKGROUND, "random_state": seed}
    if data is None:
        background = Background.simulate(simulator, spectrum, molecule, **settings, sigma=sigma)
    else:
        background = Background.of_dataset(data, molecule, **settings, sigma=spectrum.sigma)
    target = Target.parameter(_Mean(model, simulator.space), abundance_name(molecule))
    found = explain(
        target,
        spectrum.to_row(),
        background,
        groups=Groups.bands(spectrum.grid),
        random_state=seed,
        **_ASKED,
    )
    # An abundance is asked for the molecule's sake: the figure marks its bands.
    return replace(found, target=molecule)


class _Mean:
    """A model's posterior mean, of so few samples that thousands of spectra take seconds."""

    def __init__(self, model: Any, space: ParameterSpace) -> None:
        self._final, self.space_ = FinalStep(model), space

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return means of parameters, shape (n, n_parameters)."""
        rows, estimator = self._final.transform(X), self._final.estimator
        # A forest's own mean has no noise, and is quick.
        if isinstance(estimator, ForestRetriever):
            return np.asarray(estimator.predict(rows), dtype=float)
        drawn = estimator.sample_posterior(rows, _N_SAMPLES, random_state=0)
        return np.asarray(drawn.mean(axis=1), dtype=float)
