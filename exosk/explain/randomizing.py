"""A model that knows nothing, for the check that an explanation is one of the model.

An explanation that looks the same for a network with random weights shows the spectrum, and not
what the model learned (Adebayo et al. 2018, NeurIPS 31, arXiv:1810.03292).
"""

from __future__ import annotations

import copy
from typing import Any

from sklearn.utils import check_random_state

from exosk.exceptions import RangeError
from exosk.models.final_step import FinalStep

__all__ = ["randomize_weights"]


def randomize_weights(model: Any, random_state: Any = None) -> Any:
    """Return a network with weights as they were before training.

    Parameters
    ----------
    model : estimator or Pipeline
        One of exosk's networks, or a pipeline that ends in one. What brings columns to unit scale
        stays as it was learned.
    random_state : int, RandomState or None
        Seed of the weights.

    Returns
    -------
    estimator or Pipeline
        A copy; `model` is as it was.

    Raises
    ------
    RangeError
        If the model has no network. Train such a model on shuffled labels instead.
    """
    # torch takes long to import, and forests do without it.
    import torch

    other = copy.deepcopy(model)
    members = getattr(FinalStep(other).estimator, "members_", None)
    if not members:
        raise RangeError(
            f"{type(FinalStep(model).estimator).__name__} has no weights to draw anew; fit it on "
            f"shuffled labels for a model that knows nothing"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(check_random_state(random_state).randint(2**31)))
        for member in members:
            for module in member.modules():
                if hasattr(module, "reset_parameters"):
                    module.reset_parameters()
    return other
