"""One network's training: batches, schedules, when it stops, and what it tells."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from exosk.exceptions import RangeError, UnknownNameError
from exosk.models import CNNDetector, CNNRetriever, MLPDetector, MLPRetriever
from exosk.models.batches import DrawnRows, EpochBatches
from exosk.models.settings import check_settings
from exosk.models.training import TrainingPlan, choose_device, train_network


def plan(**changes) -> TrainingPlan:
    defaults = {"learning_rate": 0.01, "weight_decay": 0.0, "batch_size": 16, "max_epochs": 6}
    more = {"patience": None, "schedule": "constant", "device": "cpu", "verbose": 0}
    return TrainingPlan(**defaults | more | changes)


def rows(X, target, fresh=True) -> DrawnRows:
    return DrawnRows(
        lambda some, random: (X[some], target[some]), len(X), np.random.RandomState(0), fresh
    )


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def line() -> tuple[np.ndarray, np.ndarray]:
    """Targets linear in X."""
    X = np.random.default_rng(0).normal(size=(64, 3))
    return X, X @ [[1.0], [-2.0], [0.5]] + 0.3


@pytest.fixture
def chance() -> tuple[DrawnRows, DrawnRows]:
    """Targets that X does not know of: what is learned of some is wrong for others."""
    X = np.random.default_rng(0).normal(size=(2, 40, 5))
    y = np.random.default_rng(1).normal(size=(2, 40, 1))
    return rows(X[0], y[0]), rows(X[1], y[1], fresh=False)


def wide_net() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 64), nn.SiLU(), nn.Linear(64, 1))


# --- batches ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "size"), [(10, 4), (9, 4), (8, 4), (3, 8), (1, 4), (5, 1)])
def test_an_epoch_holds_each_row_once_and_no_batch_of_one(n, size):
    batches = EpochBatches(rows(np.arange(n)[:, None], np.arange(n)[:, None]), size)
    epoch = list(batches)
    assert len(epoch) == len(batches)
    assert sorted(torch.cat([X for X, _ in epoch])[:, 0].tolist()) == list(range(n))
    if n > 1 and size > 1:
        assert min(len(X) for X, _ in epoch) > 1
    for X, target in epoch:
        assert X.dtype == target.dtype == torch.float32
        assert (target == X).all(), "rows and targets stay together"


@pytest.mark.parametrize("block", [1, 6, 100])
def test_blocks_change_no_batch(block, monkeypatch):
    whole = list(EpochBatches(rows(np.arange(17)[:, None], np.arange(17)[:, None]), 4))
    monkeypatch.setattr("exosk.models.batches._BLOCK", block)
    parts = list(EpochBatches(rows(np.arange(17)[:, None], np.arange(17)[:, None]), 4))
    assert len(parts) == len(whole)
    for (X, y), (same, same_y) in zip(whole, parts, strict=True):
        assert torch.equal(X, same)
        assert torch.equal(y, same_y)


def test_every_epoch_has_its_own_draw_and_order():
    def draw(some, random):
        return some[:, None].astype(float), random.uniform(size=(len(some), 1))

    def epoch(drawn):
        return (torch.cat(parts) for parts in zip(*EpochBatches(drawn, 7), strict=True))

    fresh = DrawnRows(draw, 20, np.random.RandomState(0))
    (X, y), (again, y_again) = epoch(fresh), epoch(fresh)
    assert (again != X).any()
    assert not np.isin(y, y_again).any()
    kept = DrawnRows(draw, 20, np.random.RandomState(0), fresh=False)
    (X, y), (again, y_again) = epoch(kept), epoch(kept)
    assert (X[:, 0] == torch.arange(20)).all()
    assert (again == X).all()
    assert (y == y_again).all()


# --- what is learned, and told ---------------------------------------------------------------


def test_a_line_is_found(line):
    net = nn.Linear(3, 1)
    train_network(net, nn.MSELoss(), rows(*line), None, plan(max_epochs=60, learning_rate=0.05))
    np.testing.assert_allclose(net.weight.detach(), [[1, -2, 0.5]], atol=1e-3)
    np.testing.assert_allclose(net.bias.detach(), [0.3], atol=1e-3)


def test_the_history_tells_of_every_epoch(line):
    net = nn.Linear(3, 1)
    start = nn.functional.mse_loss(net(torch.tensor(line[0]).float()), torch.tensor(line[1]))
    held_out = rows(*line, fresh=False)
    history = train_network(net, nn.MSELoss(), rows(*line), held_out, plan(max_epochs=8))
    assert [row["epoch"] for row in history] == list(range(1, 9))
    assert set(history[0]) == {"epoch", "train_loss", "valid_loss", "learning_rate", "seconds"}
    losses = [row["train_loss"] for row in history]
    assert start.item() > losses[0] > losses[-1]
    end = nn.functional.mse_loss(net(torch.tensor(line[0]).float()), torch.tensor(line[1]))
    assert history[-1]["valid_loss"] == pytest.approx(end.item(), rel=1e-4)
    alone = train_network(nn.Linear(3, 1), nn.MSELoss(), rows(*line), None, plan())
    assert {row["valid_loss"] for row in alone} == {None}


def test_the_rate_goes_up_and_down_once(line):
    history = train_network(
        nn.Linear(3, 1), nn.MSELoss(), rows(*line), None, plan(schedule="one-cycle", max_epochs=40)
    )
    rate = np.array([row["learning_rate"] for row in history])
    top = rate.argmax()
    assert rate[top] == pytest.approx(0.01, rel=0.02)
    assert 3 <= top <= 7, "at 15 % of the way"
    assert (np.diff(rate[: top + 1]) > 0).all()
    assert (np.diff(rate[top:]) < 0).all()
    assert rate[-1] < 1e-4


def test_the_rate_falls_where_the_loss_stands_still(chance):
    history = train_network(
        wide_net(), nn.MSELoss(), *chance, plan(schedule="plateau", max_epochs=30)
    )
    rate = np.array([row["learning_rate"] for row in history])
    assert rate[0] == 0.01
    assert (np.diff(rate) <= 0).all()
    assert rate[-1] < 0.005
    first = np.flatnonzero(np.diff(rate))[0]
    losses = [row["valid_loss"] for row in history[: first + 1]]
    assert np.argmin(losses) < first - 3, "after a few epochs without a gain"


def test_the_rate_stays(line):
    history = train_network(nn.Linear(3, 1), nn.MSELoss(), rows(*line), None, plan())
    assert {row["learning_rate"] for row in history} == {0.01}


def test_training_stops_without_gain_and_the_best_epoch_is_kept(chance):
    net, told = wide_net(), []
    history = train_network(
        net, nn.MSELoss(), *chance, plan(patience=4, max_epochs=200), told.append
    )
    losses = [row["valid_loss"] for row in history]
    assert len(history) < 100
    assert len(losses) - 1 - np.argmin(losses) == 4
    X, y = chance[1].take(np.arange(40))
    assert nn.functional.mse_loss(net(X), y).item() == pytest.approx(min(losses), rel=1e-5)
    assert told[-1] == 1.0
    assert len(told) == len(history) + 1


def test_without_patience_training_goes_on_and_the_best_epoch_is_kept_all_the_same(chance):
    net = wide_net()
    history = train_network(net, nn.MSELoss(), *chance, plan(max_epochs=60))
    losses = [row["valid_loss"] for row in history]
    assert len(history) == 60
    assert min(losses) < losses[-1] - 0.05
    X, y = chance[1].take(np.arange(40))
    assert nn.functional.mse_loss(net(X), y).item() == pytest.approx(min(losses), rel=1e-5)


def test_progress_rises_to_one(line):
    told = []
    train_network(nn.Linear(3, 1), nn.MSELoss(), rows(*line), None, plan(), told.append)
    np.testing.assert_allclose(told, np.arange(1, 7) / 6)


@pytest.mark.parametrize("epoch", [1, 3, 6])
@pytest.mark.parametrize("validated", [True, False])
def test_an_interrupt_is_not_swallowed(line, epoch, validated):
    """In the last epoch neither, where training would have ended anyway."""

    def progress(share):
        if share >= epoch / 6:
            raise KeyboardInterrupt

    held_out = rows(*line, fresh=False) if validated else None
    with pytest.raises(KeyboardInterrupt):
        train_network(
            nn.Linear(3, 1), nn.MSELoss(), rows(*line), held_out, plan(patience=2), progress
        )


@pytest.mark.parametrize("n_batches", range(1, 9))
def test_an_interrupt_between_batches_is_not_swallowed(line, n_batches):
    class Impatient(nn.Linear):
        calls = itertools.count(1)

        def forward(self, x):
            if next(self.calls) == n_batches:
                raise KeyboardInterrupt
            return super().forward(x)

    with pytest.raises(KeyboardInterrupt):
        train_network(Impatient(3, 1), nn.MSELoss(), rows(*line), None, plan(max_epochs=2))


def test_a_line_an_epoch_is_printed_if_asked_for(line, capsys):
    train_network(nn.Linear(3, 1), nn.MSELoss(), rows(*line), None, plan(verbose=1, max_epochs=3))
    printed = capsys.readouterr().out
    assert "train_loss" in printed
    assert len(printed.splitlines()) == 2 + 3
    train_network(nn.Linear(3, 1), nn.MSELoss(), rows(*line), None, plan())
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("wild", [np.nan, 1e39])
def test_a_loss_that_is_no_number_ends_training(line, wild):
    X = line[0].copy()
    X[0, 0] = wild
    with pytest.raises(RangeError, match=r"loss is (nan|inf) in epoch 1; lower the learning rate"):
        train_network(nn.Linear(3, 1), nn.MSELoss(), rows(X, line[1]), None, plan())


# --- devices ---------------------------------------------------------------------------------


def test_the_gpu_is_taken_where_there_is_one(monkeypatch):
    for there, chosen in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert choose_device("auto") == chosen
    assert choose_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["cuda", "cuda:1", "mps", "abacus", "", None, 3.5])
def test_a_device_that_is_not_there_is_named(device, monkeypatch):
    if str(device).startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("there is one of Apple's GPUs")
    with pytest.raises(RangeError, match="was asked for, but torch"):
        choose_device(device)


# --- settings --------------------------------------------------------------------------------

ALL = {
    "n_members": [0, -1, 1.5, "2", None],
    "learning_rate": [0, -1e-3, np.nan, np.inf, "fast", None],
    "weight_decay": [-1e-4, np.nan, None],
    "batch_size": [0, 32.5, -1],
    "max_epochs": [0, 2.5, None],
    "patience": [0, -3, 2.5],
    "validation_fraction": [1.5, 1, -0.1, np.nan, None],
    "dropout": [-0.1, 1, None],
    "hidden": [(), (16, 0), (16.5,), 16, "16", None],
    "progress": [0.5],
}
RETRIEVER = {"n_components": [0, 2.5]}
CNN = {
    "filters": [(), (0,), None],
    "kernel_size": [0, 4, -3, 2.5],
    "n_attention": [-1, 0.5, True + 0.5],
}
CASES = [
    (model, name, value)
    for model, table in (
        (MLPRetriever, ALL | RETRIEVER),
        (MLPDetector, ALL),
        (CNNRetriever, ALL | RETRIEVER | CNN),
        (CNNDetector, ALL | CNN),
    )
    for name, values in table.items()
    for value in values
]
X = np.random.default_rng(0).normal(0.02, 1e-4, (20, 6))
Y = np.random.default_rng(1).integers(2, size=(20, 2))


@pytest.mark.parametrize(("model", "name", "value"), CASES)
def test_a_setting_out_of_its_range_is_named(model, name, value):
    with pytest.raises(RangeError, match=rf"^{name} must be .*, got "):
        model(**{name: value}).fit(X, Y)


@pytest.mark.parametrize("model", [MLPRetriever, MLPDetector, CNNRetriever, CNNDetector])
@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"schedule": "onecycle"}, UnknownNameError, "did you mean 'one-cycle'"),
        ({"schedule": None}, UnknownNameError, "unknown schedule"),
        ({"normalization": "leyer"}, UnknownNameError, "did you mean 'layer'"),
        ({"normalization": "batch", "batch_size": 1}, RangeError, "batch_size of 2 or more"),
        ({"device": "abacus"}, RangeError, "'abacus' was asked for"),
    ],
)
def test_names_are_suggested_and_what_does_not_go_together_is_said(model, settings, error, says):
    with pytest.raises(error, match=says):
        model(**settings).fit(X, Y)


@pytest.mark.parametrize("model", [CNNRetriever, CNNDetector])
def test_attention_divides_filters_among_heads(model):
    with pytest.raises(RangeError, match="a multiple of 4, got 6"):
        model((8, 6), n_attention=1).fit(X, Y)


@pytest.mark.parametrize("model", [MLPRetriever, MLPDetector, CNNRetriever, CNNDetector])
def test_what_a_search_or_a_file_brings_along_will_do(model):
    """NumPy's own numbers, and lists."""
    settings = model().get_params() | {
        "hidden": np.array([16, 8]),
        "batch_size": np.int64(32),
        "learning_rate": np.float32(1e-3),
        "dropout": 0,
        "max_epochs": np.int32(3),
    }
    check_settings(settings)
    check_settings(settings | {"hidden": [16], "patience": None, "normalization": None})
