"""From a fitted retriever, or a pipeline that ends in one, to the posterior of one spectrum."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from exosk.exceptions import GridError
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior
from exosk.spectra import Spectrum

__all__ = ["sample_posterior"]


def sample_posterior(
    model: Any,
    spectrum: Spectrum,
    n: int | None = 10_000,
    *,
    space: ParameterSpace | None = None,
    random_state: Any = None,
) -> Posterior:
    """Retrieve one spectrum.

    Parameters
    ----------
    model : retriever, or Pipeline that ends in one
        Fitted on spectra in the bins of `spectrum`. A search (GridSearchCV) stands for the best
        model that it found.
    spectrum : Spectrum
        The observation.
    n : int or None, default=10_000
        Number of samples of equal weight; None asks for the retriever's own weighted
        posterior, which has no noise of resampling.
    space : ParameterSpace, optional
        Names of the parameters; by default those that the retriever learned from Y.
    random_state : int, RandomState or None
        As in scikit-learn.

    Returns
    -------
    Posterior

    Raises
    ------
    GridError
        If the model was fitted on another number of bins.
    """
    model = getattr(model, "best_estimator_", model)
    steps, retriever = (model[:-1], model[-1]) if isinstance(model, Pipeline) else (None, model)
    expected = getattr(model, "n_features_in_", len(spectrum))
    if expected != len(spectrum):
        raise GridError(
            f"the model was fitted on {expected} bins, the spectrum has {len(spectrum)}"
        )
    X = spectrum.to_row()
    if steps is not None and len(steps):
        X = steps.transform(X)
    if n is None:
        posterior: Posterior = retriever.posterior(X)[0]
        return Posterior(posterior.samples, space or retriever.space_, posterior.weights)
    samples = retriever.sample_posterior(X, n, random_state)[0]
    return Posterior(samples, space or retriever.space_)
