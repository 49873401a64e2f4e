"""From a fitted retriever, or a pipeline that ends in one, to the posterior of one spectrum."""

from __future__ import annotations

from typing import Any

from exosk.exceptions import GridError
from exosk.models.final_step import FinalStep
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
        Fitted on spectra in the bins of `spectrum`, with errors beside the depths or without. A
        search (GridSearchCV) stands for the best model that it found.
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
    final = FinalStep(model)
    retriever = final.estimator
    model = getattr(model, "best_estimator_", model)
    n_columns, n_bins = getattr(model, "n_features_in_", len(spectrum)), len(spectrum)
    if n_columns not in (n_bins, 2 * n_bins):
        raise GridError(
            f"the model was fitted on {n_columns} columns, which is neither the {n_bins} depths of "
            f"the spectrum nor its depths and errors"
        )
    X = final.transform(spectrum.to_row(sigma=n_columns == 2 * n_bins))
    if n is None:
        posterior: Posterior = retriever.posterior(X)[0]
        return Posterior(posterior.samples, space or retriever.space_, posterior.weights)
    samples = retriever.sample_posterior(X, n, random_state)[0]
    return Posterior(samples, space or retriever.space_)
