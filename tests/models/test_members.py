"""What estimators of networks keep: weights out, and in again."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from torch import nn

from exosk.exceptions import FileFormatError
from exosk.models.members import TorchMembers, at_rest


class Lines(TorchMembers, BaseEstimator):
    """Some linear layers with normalised inputs."""

    def __init__(self, n_members: int = 2, width: int = 3) -> None:
        self.n_members = n_members
        self.width = width

    def fit(self, seed: int = 0) -> "Lines":
        self.width_ = self.width
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.members_ = [at_rest(self._make_net()) for _ in range(self.n_members)]
        return self

    def _make_net(self) -> nn.Module:
        return nn.Sequential(nn.BatchNorm1d(self.width_), nn.Linear(self.width_, 1))

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([net(x) for net in self.members_])


X = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3)


def test_networks_at_rest_are_of_double_precision_and_do_not_learn():
    net = at_rest(nn.Sequential(nn.Linear(2, 2), nn.Dropout()))
    assert not net.training
    assert all(w.dtype == torch.float64 and not w.requires_grad for w in net.parameters())


def test_weights_go_out_as_arrays_and_in_again():
    model, other = Lines().fit(0), Lines().fit(1)
    assert (model.predict(X) != other.predict(X)).any()
    weights = model.export_weights()
    assert {name.partition(".")[0] for name in weights} == {"0", "1"}
    assert all(isinstance(array, np.ndarray) for array in weights.values())
    other.import_weights(weights)
    assert torch.equal(other.predict(X), model.predict(X))
    assert not other.members_[0].training
    expected = model.predict(X).clone()
    for array in weights.values():
        array += 1
    assert torch.equal(model.predict(X), expected)
    assert torch.equal(other.predict(X), expected)


def test_making_networks_anew_leaves_other_random_numbers_alone():
    model = Lines().fit()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    model.import_weights(model.export_weights())
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_network_are_refused_and_change_nothing():
    model = Lines().fit()
    weights, expected = model.export_weights(), model.predict(X)
    name = "0.1.weight"
    wrong = [
        {},
        {k: v for k, v in weights.items() if k != name},
        weights | {"0.stranger": np.zeros(3)},
        weights | {"2.1.weight": np.zeros((1, 3))},
        weights | {name: np.zeros((2, 2))},
        weights | {name: np.array(["a"])},
        Lines(width=4).fit().export_weights(),
        Lines(1).fit().export_weights(),
        Lines(3).fit().export_weights(),
    ]
    for one in wrong:
        with pytest.raises(FileFormatError, match="another network's weights"):
            copy.copy(model).import_weights(one)
        with pytest.raises(FileFormatError):
            model.import_weights(one)
        assert torch.equal(model.predict(X), expected)


def test_what_is_not_fitted_has_no_weights():
    for ask in (Lines().export_weights, lambda: Lines().import_weights({})):
        with pytest.raises(NotFittedError):
            ask()
