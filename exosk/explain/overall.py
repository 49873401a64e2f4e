"""Which wavelengths a model's answers rest on over a data set: the mean over noisy spectra."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.datasets import DETECTABLE, Dataset, Store
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain.explaining import explain
from exosk.explain.explanation import Explanation
from exosk.explain.fitted import background_of, target_of
from exosk.models.fitted import FittedModel
from exosk.rows import join_rows
from exosk.spectra import Spectrum

__all__ = ["explain_dataset"]

# Spectra that are read of a store, over those that are wanted: some do not show the molecule.
_READ = 50


def explain_dataset(
    model: FittedModel,
    data: Dataset | Store,
    name: str,
    *,
    n: int = 30,
    method: str = "shap",
    against: str | None = None,
    background: Dataset | Store | None = None,
    n_background: int = 2000,
    filling: str = "conditional",
    random_state: int = 0,
    **settings: Any,
) -> tuple[Explanation, Spectrum]:
    """Explain what a saved model says of the spectra of a data set, with noise.

    A detector is asked about spectra in which the molecule shows: of the others it says the
    opposite, and in the mean over both little would be left.

    Parameters
    ----------
    model : FittedModel
        From :func:`exosk.load_model`.
    data : Dataset or Store
        Noise-free spectra in the model's bins. Each gets the model's reference errors times a
        factor of its own, within the model's range, and noise of that size.
    name : str
        A molecule of a detector, or a parameter of a retriever.
    n : int, default=30
        How many spectra to explain, at most; they are drawn at random. Of a detector, of those
        that the molecule changes by a delta chi-squared above 9 where the set knows that, or that
        hold a mixing ratio of it above 1e-8.
    method, against, n_background, filling
        As for :func:`exosk.explain_model`.
    background : Dataset or Store, optional
        Noise-free spectra to fill hidden bins from; `data` by default.
    random_state : int, default=0
        Seed of all draws.
    **settings
        `groups`, `n_draws`, `n_samples`, `progress`, as for :func:`exosk.explain.explain`.

    Returns
    -------
    explanation : Explanation
        Of each spectrum.
    mean : Spectrum
        Their mean, without noise, with the median of their errors.

    Raises
    ------
    UnknownNameError
        If model or data have no such molecule or parameter.
    GridError
        If the data are in other bins than the model.
    RangeError
        If no spectrum shows the molecule.
    """
    card = model.card
    if data.grid != card.grid:
        raise GridError(
            f"the data set is in {data.grid!r} and the model takes {card.grid!r}; simulate one in "
            f"the model's bins"
        )
    target, without = target_of(model, name, method, against)
    chosen = _chosen(data, name if card.kind == "detector" else None, n, random_state)
    random = np.random.RandomState(random_state)
    low, high = np.log(card.sigma_scale)
    sigma = np.exp(random.uniform(low, high, (len(chosen), 1))) * card.sigma
    # A bin that observations lack has no error, and becomes no depth.
    depth = np.asarray(chosen.X, dtype=float)
    noisy = depth + sigma * random.standard_normal(sigma.shape)
    found = explain(
        target,
        join_rows(noisy, sigma) if card.has_sigma else noisy,
        background_of(
            card,
            without,
            data=data if background is None else background,
            n=n_background,
            filling=filling,
            random_state=random_state,
        ),
        method=method,
        random_state=random_state,
        **settings,
    )
    usual = np.median(sigma, axis=0)
    mean = np.where(np.isnan(usual), np.nan, depth.mean(axis=0))
    return found, Spectrum(card.grid, mean, usual, name="mean spectrum")


def _chosen(data: Dataset | Store, molecule: str | None, n: int, random_state: int) -> Dataset:
    """Draw spectra, if a molecule is given of those that show it."""
    if n < 1:
        raise RangeError(f"the number of spectra to explain must be positive, got {n}")
    if molecule is not None and molecule not in data.molecules:
        raise UnknownNameError.suggest("molecule of the data set", molecule, data.molecules)
    if isinstance(data, Store):
        data = data.sample(min(len(data), _READ * n), random_state)
    rows = np.arange(len(data))
    if molecule is not None:
        k = data.molecules.index(molecule)
        known = data.delta_chi2
        shows = data.presence()[:, k] == 1 if known is None else known[:, k] > DETECTABLE
        rows = np.flatnonzero(shows)
        if not len(rows):
            raise RangeError(
                f"{molecule} shows in none of {len(data)} spectra; give a data set with more of it"
            )
    if len(rows) > n:
        rows = np.sort(np.random.RandomState(random_state).choice(rows, n, replace=False))
    return data[rows]
