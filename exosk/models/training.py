"""One network's training, by skorch: optimiser, schedule, early stopping, history."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from exosk.exceptions import RangeError
from exosk.models.batches import DrawnRows, EpochBatches
from exosk.models.checkpoint import TrainingCheckpoint

__all__ = ["TrainingPlan", "choose_device", "one_thread", "train_network"]

_LARGEST_GRADIENT = 5.0
# Of a loss in nats; a smaller gain is the scatter of the validation rows.
_GAIN = 1e-4


@dataclass(frozen=True)
class TrainingPlan:
    """How to train.

    Attributes
    ----------
    learning_rate, weight_decay : float
        Of AdamW.
    batch_size, max_epochs : int
    patience : int or None
        Epochs without a gain on the validation rows after which training stops; None never stops.
    schedule : {"one-cycle", "plateau", "constant"}
    device : str
    verbose : int
        1 prints a line an epoch.
    """

    learning_rate: float
    weight_decay: float
    batch_size: int
    max_epochs: int
    patience: int | None
    schedule: str
    device: str
    verbose: int


def choose_device(device: str) -> str:
    """Return the device: ``"auto"`` is the first GPU, where there is one.

    Raises
    ------
    RangeError
        If torch has no such device here: a GPU is asked for and there is none, say.
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        return str(torch.empty(0, device=torch.device(device)).device)
    except (AssertionError, RuntimeError, TypeError):
        raise RangeError(
            f"device {device!r} was asked for, but torch sees none of that name here; use 'auto'"
        ) from None


@contextlib.contextmanager
def one_thread(device: str) -> Iterator[None]:
    """Compute on one thread of a processor within the block.

    The tensors are small: threads that share out one operation at a time spend most of theirs
    waiting for each other, and on a busy machine a training took eighty times as long. Searches and
    folds are what to run side by side (``n_jobs``).
    """
    n_threads = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)


def train_network(
    net: nn.Module,
    criterion: nn.Module,
    train: DrawnRows,
    validation: DrawnRows | None,
    plan: TrainingPlan,
    progress: Callable[[float], None] | None = None,
    checkpoint: TrainingCheckpoint | None = None,
) -> list[dict[str, Any]]:
    """Train a network in place.

    Parameters
    ----------
    net : Module
        From rows of X to what the criterion takes.
    criterion : Module
        From the network's output and targets to a loss.
    train : DrawnRows
        The training rows.
    validation : DrawnRows or None
        Those that tell when to stop, and which epoch was the best.
    plan : TrainingPlan
    progress : callable, optional
        Called with the share of the epochs that is done.
    checkpoint : TrainingCheckpoint, optional
        What the training is written to after each epoch, and goes on from.

    Returns
    -------
    list of dict
        Of each epoch: ``epoch``, ``train_loss``, ``valid_loss``, ``learning_rate``, ``seconds``.

    Raises
    ------
    RangeError
        If the loss is no longer a number.
    KeyboardInterrupt
        If the user interrupted it: a half-trained network is no result.
    """
    state = None if checkpoint is None else checkpoint.load()
    if state is not None and state["complete"]:
        net.load_state_dict(state["module"])
        return _epochs(json.loads(state["history"]))
    callbacks = _callbacks(train, validation, plan, progress)
    if checkpoint is not None:
        callbacks.append(("checkpoint", checkpoint))
    trainer = _Trainer(
        module=net,
        criterion=criterion,
        optimizer=torch.optim.AdamW,
        lr=plan.learning_rate,
        optimizer__weight_decay=plan.weight_decay,
        max_epochs=plan.max_epochs,
        batch_size=plan.batch_size,
        iterator_train=EpochBatches,
        iterator_valid=EpochBatches,
        train_split=None if validation is None else predefined_split(validation),
        callbacks=callbacks,
        verbose=plan.verbose,
        device=plan.device,
    )
    with one_thread(plan.device):
        trainer.fit(train, None)
    stopped = dict(trainer.callbacks_).get("early_stopping")
    early = stopped is not None and stopped.misses_ >= stopped.patience
    if not (trainer.complete_ or early):
        # skorch ends training on an interrupt as if it were done.
        raise KeyboardInterrupt
    if checkpoint is not None:
        checkpoint.save(trainer, complete=True)
    if progress is not None and len(trainer.history) < plan.max_epochs:
        progress(1.0)
    return _epochs(trainer.history)


def _epochs(history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is kept of each epoch."""
    return [
        {
            "epoch": int(row["epoch"]),
            "train_loss": float(row["train_loss"]),
            "valid_loss": float(row["valid_loss"]) if "valid_loss" in row else None,
            "learning_rate": float(row["learning_rate"]),
            "seconds": round(float(row["dur"]), 3),
        }
        for row in history
    ]


class _Trainer(NeuralNet):
    """skorch's loop, on a module that is taken as it is."""

    def initialize_module(self) -> _Trainer:
        # skorch would copy a module that is an instance; the caller's own is to be trained.
        self.module_ = self.module
        return self

    def fit_loop(self, X: Any, y: Any = None, epochs: Any = None, **kwargs: Any) -> _Trainer:
        # Its interrupts, early stopping's too, do not reach whoever calls fit.
        self.complete_ = False
        # A checkpoint may have brought epochs along.
        super().fit_loop(X, y, self.max_epochs - len(self.history), **kwargs)
        self.complete_ = True
        return self


class _Watch(Callback):
    """Tell how far it is, note the learning rate, and stop on a loss that is no number."""

    def __init__(self, n_epochs: int, progress: Callable[[float], None] | None) -> None:
        self.n_epochs = n_epochs
        self.progress = progress

    def on_epoch_end(self, net: NeuralNet, **unused: Any) -> None:
        net.history.record("learning_rate", net.optimizer_.param_groups[0]["lr"])
        loss = net.history[-1, "train_loss"]
        if not np.isfinite(loss):
            raise RangeError(
                f"the training loss is {loss} in epoch {len(net.history)}; lower the learning rate "
                f"({net.lr:g}), or look for wild values in X"
            )
        if self.progress is not None:
            self.progress(len(net.history) / self.n_epochs)


def _callbacks(
    train: DrawnRows,
    validation: DrawnRows | None,
    plan: TrainingPlan,
    progress: Callable[[float], None] | None,
) -> list[tuple[str, Callback]]:
    callbacks: list[tuple[str, Callback]] = [
        ("watch", _Watch(plan.max_epochs, progress)),
        ("clipping", GradientNormClipping(_LARGEST_GRADIENT)),
    ]
    if plan.schedule == "one-cycle":
        steps = plan.max_epochs * len(EpochBatches(train, plan.batch_size))
        schedule = LRScheduler(
            OneCycleLR,
            step_every="batch",
            max_lr=plan.learning_rate,
            total_steps=steps + 1,
            pct_start=0.15,
        )
        callbacks.append(("schedule", schedule))
    elif plan.schedule == "plateau":
        monitor = "train_loss" if validation is None else "valid_loss"
        callbacks.append(
            ("schedule", LRScheduler(ReduceLROnPlateau, monitor=monitor, factor=0.3, patience=4))
        )
    if validation is not None:
        callbacks.append(
            (
                "early_stopping",
                EarlyStopping(
                    patience=plan.max_epochs + 1 if plan.patience is None else plan.patience,
                    threshold=_GAIN,
                    threshold_mode="abs",  # a loss in nats may be negative
                    load_best=True,
                ),
            )
        )
    return callbacks
