"""From a model and spectra to an explanation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain.background import Background
from exosk.explain.coalitions import Coalitions
from exosk.explain.explanation import Explanation
from exosk.explain.groups import Groups
from exosk.explain.methods import METHODS
from exosk.explain.targets import Target
from exosk.models.fitted import FittedModel
from exosk.spectra import Spectrum

__all__ = ["explain", "explain_spectrum"]

_OVERLAPPING = ("occlusion", "inclusion")


def explain_spectrum(
    target: Target,
    spectrum: Spectrum,
    background: Background,
    *,
    model: FittedModel | None = None,
    allow_noise: bool = False,
    **settings: Any,
) -> Explanation:
    """Explain a model's answer about one observation.

    Parameters
    ----------
    target : Target
        What is explained, and of which model.
    spectrum : Spectrum
        The observation.
    background : Background
        What stands in for bins that are hidden. Where the model is not told the errors, hidden
        bins get noise of the spectrum's.
    model : FittedModel, optional
        Checks that the spectrum is one that it was made for, and makes the row that it takes. By
        default that is told by the estimator's number of columns.
    allow_noise : bool, default=False
        Go on where the errors are not those that `model` was trained for.
    **settings
        As for :func:`explain`.

    Returns
    -------
    Explanation

    Raises
    ------
    GridError
        If spectrum, background and model are of different bins.
    """
    if spectrum.grid != background.grid:
        raise GridError(
            f"the spectrum is in {spectrum.grid!r} and the background in {background.grid!r}; "
            f"bring one to the other's bins"
        )
    if model is not None:
        row = model.rows(spectrum, allow_noise=allow_noise)
    else:
        n_columns, n_bins = _n_columns(target.model, len(spectrum)), len(spectrum)
        if n_columns not in (n_bins, 2 * n_bins):
            raise GridError(
                f"the model was fitted on {n_columns} columns, which is neither the {n_bins} "
                f"depths of the spectrum nor its depths and errors"
            )
        row = spectrum.to_row(sigma=n_columns == 2 * n_bins)
    return explain(target, row, background, sigma=spectrum.sigma, **settings)


def explain(
    target: Target,
    X: Any,
    background: Background,
    *,
    method: str = "shap",
    groups: Groups | None = None,
    n_draws: int = 32,
    n_samples: int | None = None,
    sigma: Any = None,
    random_state: Any = 0,
    progress: Callable[[float], None] | None = None,
) -> Explanation:
    """Explain a model's answers about spectra: global importance is the mean over them.

    Parameters
    ----------
    target : Target
        What is explained, and of which model.
    X : array-like of shape (n, n_columns)
        Spectra with noise, as the model takes them.
    background : Background
        What stands in for bins that are hidden.
    method : {"shap", "lime", "occlusion", "inclusion"}, default="shap"
        See :mod:`exosk.explain.methods`.
    groups : Groups, optional
        Bins that are hidden together. By default windows of 10 % of the wavelength about each bin
        for occlusion and inclusion, and bands of 5 % for the others.
    n_draws : int, default=32
        How often hidden bins are drawn.
    n_samples : int, optional
        Orders of groups for shap (10), choices of groups for lime (20 a group).
    sigma : array-like of shape (n_bins,), optional
        1-sigma errors of rows that hold none; those of the background by default.
    random_state : int, RandomState or None, default=0
        Seed of all draws; every spectrum gets its own.
    progress : callable, optional
        Told the share of spectra that are done.

    Returns
    -------
    Explanation

    Raises
    ------
    GridError
        If spectra, groups and background are of different bins.
    RangeError
        If there is no spectrum, or the groups do not suit the method.
    UnknownNameError
        If the method is not known.
    """
    if method not in METHODS:
        raise UnknownNameError.suggest("method of explanation", method, METHODS)
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or not len(X):
        raise RangeError(f"spectra must be an array of shape (n, n_columns), got {X.shape}")
    grid = background.grid
    if groups is None:
        groups = Groups.windows(grid) if method in _OVERLAPPING else Groups.bands(grid)
    if sigma is not None:
        background = background.with_sigma(sigma)
    random = np.random.RandomState(_as_seed(random_state))
    found = []
    for k, row in enumerate(X):
        # NaN in the groups' bins is a bin that is missing already: it stays so.
        coalitions = Coalitions(target, row, groups, background, n_draws, random.randint(2**31))
        found.append((*METHODS[method](coalitions, n_samples), coalitions.full))
        if progress is not None:
            progress((k + 1) / len(X))
    importances, errors, base, value = (np.array(part) for part in zip(*found, strict=True))
    meta = {
        "filling": background.filling,
        "n_background": len(background.depth),
        "n_draws": n_draws,
        "n_samples": n_samples,
        "n_groups": len(groups),
    }
    return Explanation(
        target.name, target.unit, method, groups, importances, errors, value, base, meta
    )


def _as_seed(random_state: Any) -> Any:
    if isinstance(random_state, np.random.RandomState):
        return random_state.randint(2**31)
    return random_state


def _n_columns(model: Any, default: int) -> int:
    model = getattr(model, "best_estimator_", model)
    return int(getattr(model, "n_features_in_", default))
