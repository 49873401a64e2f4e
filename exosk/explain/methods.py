r"""Ways to share out a model's answer among groups of bins.

- **occlusion** hides one group at a time (Zeiler & Fergus 2014, ECCV 818):
  :math:`v(\mathrm{all}) - v(\mathrm{all} \setminus g)`. What other bins tell as well counts for
  nothing, since they still tell it.
- **inclusion** shows one group alone: :math:`v(g) - v(\emptyset)`. What several bands tell counts
  for each of them.
- **shap**: Shapley values, the mean of such steps over all orders in which groups can be shown
  (Lundberg & Lee 2017, NeurIPS 30), by shap's permutations. With hidden bins drawn given those that
  are seen they are the conditional ones of Aas, Jullum & Løland (2021, arXiv:1903.10464).
- **lime**: coefficients of a linear model of which groups are seen, fitted to random choices of
  them that are weighted by their nearness to the whole (Ribeiro, Singh & Guestrin 2016,
  KDD 1135), by lime.

Occlusion and inclusion take groups that overlap; the others add up over a partition.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from exosk.exceptions import ExoskError, RangeError
from exosk.explain.coalitions import Coalitions

__all__ = ["METHODS", "Shares"]

#: Importances of groups, their standard errors (NaN if not known), and the value of no group.
Shares = tuple[np.ndarray, np.ndarray, float]

# Of choices of groups, in units of the cosine distance: lime's own for images.
_KERNEL_WIDTH = 0.25


def occlusion(coalitions: Coalitions, n_samples: int | None) -> Shares:
    """Hide one group at a time. `n_samples` has no bearing."""
    values = coalitions.draws(~coalitions.groups.members)
    base = coalitions.hidden().mean()
    return coalitions.full - values.mean(axis=1), _standard_error(values), float(base)


def inclusion(coalitions: Coalitions, n_samples: int | None) -> Shares:
    """Show one group alone. `n_samples` has no bearing."""
    base = coalitions.hidden()
    steps = coalitions.draws(np.array(coalitions.groups.members)) - base
    return steps.mean(axis=1), _standard_error(steps), float(base.mean())


def shapley(coalitions: Coalitions, n_samples: int | None) -> Shares:
    """Show groups in random orders; `n_samples` orders, each forwards and backwards (10)."""
    n = _of_partition(coalitions, "shap")
    with warnings.catch_warnings():
        # shap's colour maps use what matplotlib will drop.
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        shap = _library("shap")

    # Seen or hidden is all that shap knows of; the coalitions do the masking.
    masker = shap.maskers.Independent(np.zeros((1, n)), max_samples=1)
    orders = 10 if n_samples is None else n_samples
    # So many answers it asks for in an order, there and back.
    n_answers = 2 * n + 1
    # Seeding shap seeds NumPy's global numbers, which are the caller's.
    state = np.random.get_state()  # noqa: NPY002
    try:
        explainer = shap.PermutationExplainer(
            coalitions.of_groups, masker, seed=coalitions.random_state
        )
        found = explainer(
            np.ones((1, n)),
            max_evals=orders * n_answers,
            batch_size=n_answers,
            error_bounds=True,
            silent=True,
        )
    finally:
        np.random.set_state(state)  # noqa: NPY002
    error = np.ravel(found.error_std) / np.sqrt(2 * orders)
    return np.ravel(found.values), error, float(np.ravel(found.base_values)[0])


def lime(coalitions: Coalitions, n_samples: int | None) -> Shares:
    """Fit a linear model to random choices of groups; `n_samples` of them (20 a group)."""
    n = _of_partition(coalitions, "lime")
    from sklearn.metrics import pairwise_distances

    lime_base = _library("lime.lime_base")

    random = np.random.RandomState(coalitions.random_state)
    n_samples = 20 * n if n_samples is None else n_samples
    if n_samples <= n:
        raise RangeError(f"{n} groups but {n_samples} samples; lime needs more samples than groups")
    chosen = random.randint(0, 2, (n_samples, n))
    chosen[0] = 1
    values = coalitions.of_groups(chosen)
    distance = pairwise_distances(chosen, chosen[:1], metric="cosine").ravel()
    base = lime_base.LimeBase(
        lambda d: np.sqrt(np.exp(-((d / _KERNEL_WIDTH) ** 2))), random_state=random
    )
    intercept, pairs, _, _ = base.explain_instance_with_data(
        chosen, values[:, np.newaxis], distance, 0, n, feature_selection="none"
    )
    share = np.zeros(n)
    for group, coefficient in pairs:
        share[group] = coefficient
    return share, np.full(n, np.nan), float(intercept)


#: By name.
METHODS: dict[str, Callable[[Coalitions, Any], Shares]] = {
    "occlusion": occlusion,
    "inclusion": inclusion,
    "shap": shapley,
    "lime": lime,
}


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ExoskError(
            f"the method {package} needs the package {package}: pip install 'exosk[explain]' "
            f"({error}); occlusion and inclusion need none"
        ) from error


def _of_partition(coalitions: Coalitions, method: str) -> int:
    if not coalitions.groups.is_partition:
        raise RangeError(
            f"{method} shares out an answer among groups that do not overlap; give Groups.bands or "
            f"another partition, or choose occlusion"
        )
    return len(coalitions.groups)


def _standard_error(draws: np.ndarray) -> np.ndarray:
    """Of means over draws, shape (n,)."""
    n_draws = draws.shape[1]
    if n_draws < 2:
        return np.full(len(draws), np.nan)
    return draws.std(axis=1, ddof=1) / np.sqrt(n_draws)
