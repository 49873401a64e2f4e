"""What estimators that are networks have in common when they are kept: their modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from exosk.exceptions import FileFormatError

__all__ = ["TorchMembers", "at_rest"]

_Net = TypeVar("_Net", bound=nn.Module)


class TorchMembers:
    """An estimator whose torch modules are in ``members_``, and nothing else of torch anywhere.

    A subclass has `n_members`, and makes one anew, from its parameters and fitted attributes,
    with :meth:`_make_net`.
    """

    n_members: int
    members_: list[Any]

    def _make_net(self) -> nn.Module:
        raise NotImplementedError

    def export_weights(self) -> dict[str, np.ndarray]:
        """Return all that was learned by the networks, as plain arrays by name."""
        check_is_fitted(self)
        return {
            f"{member}.{name}": _compact(tensor.numpy())
            for member, net in enumerate(self.members_)
            for name, tensor in net.state_dict().items()
        }

    def import_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Make the networks of a fitted estimator anew from what :meth:`export_weights` gave.

        Raises
        ------
        FileFormatError
            If the names or shapes are not those of this estimator.
        """
        check_is_fitted(self)
        mine = {str(member) for member in range(self.n_members)}
        strangers = [name for name in weights if name.partition(".")[0] not in mine]
        if strangers:
            raise FileFormatError(
                f"these are another network's weights: {strangers[0]} is of none of its "
                f"{self.n_members} members"
            )
        members = []
        for member in range(self.n_members):
            prefix = f"{member}."
            with torch.random.fork_rng(devices=[]):
                net = at_rest(self._make_net())
            try:
                net.load_state_dict(
                    {
                        name.removeprefix(prefix): torch.as_tensor(np.asarray(array))
                        for name, array in weights.items()
                        if name.startswith(prefix)
                    }
                )
            except (RuntimeError, TypeError) as error:
                reason = " ".join(str(error).split())
                raise FileFormatError(f"these are another network's weights: {reason}") from None
            members.append(net)
        self.members_ = members


def at_rest(net: _Net) -> _Net:
    """Ready to predict; in double precision a row's prediction does not depend on the others."""
    return net.cpu().double().eval().requires_grad_(False)


def _compact(array: np.ndarray) -> np.ndarray:
    """Return a copy, in single precision where that loses nothing: networks are trained in it."""
    if array.dtype == np.float64:
        with np.errstate(over="ignore"):
            single = array.astype(np.float32)
        if np.array_equal(single, array, equal_nan=True):
            return single
    return array.copy()
