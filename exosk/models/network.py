"""What all networks have in common: rows in, an ensemble trained, rows through the ensemble."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from exosk.augmentation.redraw import redraw, reseeded
from exosk.datasets.lazy import StoredSpectra
from exosk.exceptions import RangeError
from exosk.models.batches import DrawnRows, block_rows
from exosk.models.checkpoint import TrainingCheckpoint, marks_of
from exosk.models.members import TorchMembers, at_rest
from exosk.models.nets import SpectralNet, SpectrumInput
from exosk.models.settings import check_settings
from exosk.models.training import TrainingPlan, choose_device, one_thread, train_network
from exosk.rows import RowLayout

__all__ = ["SpectralNetwork"]

# Rows that go through a network at once; more do not fit a processor's cache.
_ROWS = 1024
# Steps of an epoch, and rows of a step, as far as both go.
_STEPS, _BATCHES = 50, (32, 256)
# Rows that means and spreads are learned from: more cost memory, and change nothing.
_MOST_LEARNED = 20_000
# Fewer validation rows tell little about when to stop.
_LEAST_VALIDATION = 10
# Of a store; they stay in memory.
_MOST_VALIDATION = 20_000


class SpectralNetwork(TorchMembers, BaseEstimator):
    """Base of the estimators that are networks.

    A subclass names its parameters (those here among them), makes a body and a head, and says what
    the targets are.

    Parameters
    ----------
    grid : SpectralGrid, optional
        The bins of X: it tells depths from errors and other columns. Without it every column is
        taken as a depth.
    augmentation : transformer or Pipeline, optional
        Whose ``fit_transform`` is drawn anew for every epoch, as a
        :class:`~exosk.augmentation.NoiseInjector`'s is, and whose ``transform`` observations go
        through.
    augment_validation : bool, default=True
        Whether the rows that decide when to stop are augmented too (once). Without noise they
        would favour the epoch that is best at what no telescope delivers.
    n_members : int, default=1
        Networks that are trained from different starts and averaged.
    learning_rate : float, default=0.003
        The highest.
    weight_decay : float, default=0.0001
        Of AdamW.
    batch_size : int, optional
        Rows of one step. By default a fiftieth of all, but 32 at least and 256 at most: a small set
        needs small steps to come to enough of them.
    max_epochs : int, default=80
        Passes through the training set.
    patience : int or None, default=15
        Epochs without a gain on the validation rows after which training stops.
    schedule : {"one-cycle", "plateau", "constant"}, default="one-cycle"
        Of the learning rate: up and down once (Smith & Topin 2019, arXiv:1708.07120), or lower
        when the loss stands still, or constant.
    validation_fraction : float, default=0.1
        Share of the rows that decide when to stop; 0 for none.
    device : str, default="auto"
        As torch names them; the first GPU by default, where there is one.
    checkpoint : path-like, optional
        A folder that the training is written to after each epoch, and goes on from: when it was
        killed, with the result of an undisturbed one. With a `random_state` that is a number.
    progress : callable, optional
        Called with the share of the training that is done.
    verbose : int, default=0
        1 prints a line an epoch.
    random_state : int, RandomState or None, default=None
        Seed of the weights, the noise, and which rows validate.
    """

    members_: list[SpectralNet]
    history_: list[list[dict[str, Any]]]

    def _make_body(self, n_channels: int, n_bins: int, n_numbers: int) -> nn.Module:
        raise NotImplementedError

    def _make_head(self, n_features: int) -> nn.Module:
        raise NotImplementedError

    def _fit_members(
        self,
        X: np.ndarray,
        draw_targets: Callable[[np.ndarray, np.random.RandomState], np.ndarray],
        criterion: nn.Module,
        labels: Any,
        groups: Any = None,
    ) -> tuple[np.ndarray, np.random.RandomState]:
        """Train the ensemble.

        Parameters
        ----------
        X : ndarray of shape (n, n_columns)
            Validated.
        draw_targets : callable
            From row numbers and a random state to their targets, of shape (n_rows, n_targets).
        criterion : Module
            The loss.
        labels : ndarray of shape (n, ...) or str
            What the targets are made of, by which a checkpoint is known.
        groups : array-like of shape (n,), optional
            Parents of the spectra: those of one train together or validate together.

        Returns
        -------
        validation : ndarray of int
            The rows that were not trained on.
        random : RandomState
            For what follows.
        """
        plan = self._plan(len(X))
        random = check_random_state(self.random_state)
        stored = isinstance(X, StoredSpectra)
        read = X.read if stored else X.__getitem__
        if stored:
            train, validation = self._split_stored(X, random)
        else:
            train, validation = self._split(len(X), random, groups)
        if self.normalization == "batch" and len(train) == 1:
            raise RangeError(
                "normalization='batch' cannot be trained on one spectrum; use 'layer', or more"
            )
        self.augmentation_ = None
        if self.augmentation is not None:
            # Of a store its first rows tell what the columns are.
            self.augmentation_ = reseeded(self.augmentation, random).fit(
                X.read(slice(1)) if stored else X
            )
        learned = read(self._learned(X, train, random))
        some = self._augmented(learned, random)
        self.layout_ = RowLayout.of(some.shape[1], self.grid, extra=True)
        self._check_rows(some)
        seen = learned if stored else X[train]
        if X.shape[1] == some.shape[1]:
            self._check_rows(seen)
        n_bins = self.layout_.n_bins
        self._has_missing = any(
            bool(np.isnan(each[:, :n_bins]).any()) for each in (some, learned if stored else X)
        )

        def rows(which: np.ndarray, seed: int, augment: bool, fresh: bool) -> DrawnRows:
            def draw(
                some: np.ndarray, state: np.random.RandomState
            ) -> tuple[np.ndarray, np.ndarray]:
                chosen = which[some]
                drawn = read(chosen)
                drawn = self._augmented(drawn, state) if augment else self._observed(drawn)
                return drawn, draw_targets(chosen, state)

            return DrawnRows(draw, len(which), np.random.RandomState(seed), fresh)

        def streamed(seed: int) -> DrawnRows:
            def draw(
                some: np.ndarray, state: np.random.RandomState
            ) -> tuple[np.ndarray, np.ndarray]:
                return self._augmented(read(some), state), draw_targets(some, state)

            def shuffle(state: np.random.RandomState) -> np.ndarray:
                return X.order(train, state, block_rows(plan.batch_size))

            return DrawnRows(
                draw, len(train), np.random.RandomState(seed), True, shuffle, X.prefetch
            )

        self.members_, self.history_ = [], []
        validating = _seed(random)
        marks = self._marks(X, labels)
        for member in range(self.n_members):
            seed = _seed(random)
            training = streamed(seed) if stored else rows(train, seed, augment=True, fresh=True)
            held_out = rows(validation, validating, self.augment_validation, fresh=False)
            gpus = [plan.device] if plan.device.startswith("cuda") else []
            with torch.random.fork_rng(devices=gpus):
                torch.manual_seed(seed)
                net = self._make_net()
                net.layer_in.learn(torch.tensor(some, dtype=torch.float64))
                history = train_network(
                    net.float(),
                    criterion,
                    training,
                    held_out if len(validation) else None,
                    plan,
                    self._progress_of(member),
                    self._checkpoint_of(member, training, marks),
                )
            self.members_.append(at_rest(net))
            self.history_.append(history)
        return validation, random

    def _plan(self, n: int) -> TrainingPlan:
        check_settings(self.get_params(deep=False))
        names = [field.name for field in dataclasses.fields(TrainingPlan)]
        settings = {name: getattr(self, name) for name in names}
        batch_size = self.batch_size or int(np.clip(n // _STEPS, *_BATCHES))
        device = choose_device(self.device)
        return TrainingPlan(**settings | {"batch_size": batch_size, "device": device})

    def _split(
        self, n: int, random: np.random.RandomState, groups: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers to train and to validate on; none validate where they would be too few."""
        groups = np.arange(n) if groups is None else np.asarray(groups)
        if groups.shape != (n,):
            raise RangeError(f"{n} spectra but groups of shape {groups.shape}")
        parents, group = np.unique(groups, return_inverse=True)
        n_validation = round(self.validation_fraction * len(parents))
        order = random.permutation(len(parents))
        validates = np.isin(group, order[:n_validation])
        if validates.sum() < _LEAST_VALIDATION or validates.all():
            validates[:] = False
        return np.flatnonzero(~validates), np.flatnonzero(validates)

    def _split_stored(
        self, X: StoredSpectra, random: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split by whole chunks, with no more validation rows than memory is for."""
        n = min(round(self.validation_fraction * len(X)), _MOST_VALIDATION)
        held = X.hold_out(n, random) if n >= _LEAST_VALIDATION else np.zeros(len(X), dtype=bool)
        if held.all():
            held[:] = False
        return np.flatnonzero(~held), np.flatnonzero(held)

    def _learned(self, X: Any, train: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        """Row numbers that means and spreads are learned from."""
        if isinstance(X, StoredSpectra):
            return X.order(train, random, _MOST_LEARNED)[:_MOST_LEARNED]
        return train[:: -(-len(train) // _MOST_LEARNED)]

    def _make_net(self) -> SpectralNet:
        layer_in = SpectrumInput(self.layout_, self._has_missing)
        body = self._make_body(layer_in.n_channels, self.layout_.n_bins, layer_in.n_numbers)
        return SpectralNet(layer_in, body, self._make_head(body.n_features))

    def _progress_of(self, member: int) -> Callable[[float], None] | None:
        if self.progress is None:
            return None
        return lambda share: self.progress((member + share) / self.n_members)

    def _marks(self, X: Any, labels: Any) -> dict[str, str]:
        """Digests of what a training is of, where it is kept in a file."""
        if self.checkpoint is None:
            return {}
        return marks_of(self.get_params(deep=False), {"spectra": X, "parameters or labels": labels})

    def _checkpoint_of(
        self, member: int, rows: DrawnRows, marks: dict[str, str]
    ) -> TrainingCheckpoint | None:
        if self.checkpoint is None:
            return None
        return TrainingCheckpoint(Path(self.checkpoint) / f"member-{member}.pt", rows, marks)

    def _augmented(self, X: np.ndarray, random: np.random.RandomState) -> np.ndarray:
        return X if self.augmentation is None else redraw(self.augmentation, X, random)

    def _observed(self, X: np.ndarray) -> np.ndarray:
        return X if self.augmentation_ is None else np.asarray(self.augmentation_.transform(X))

    def _check_rows(self, rows: np.ndarray) -> None:
        """Refuse errors that are none, and spectra without a depth."""
        depth, _ = self.layout_.split(rows)
        empty = np.flatnonzero(np.isnan(depth).all(axis=1))
        if empty.size:
            raise RangeError(f"spectrum {empty[0]} has no bin that is not missing; leave it out")
        if np.isnan(rows[:, rows.shape[1] - self.layout_.n_extra :]).any():
            raise RangeError("a column after the depths and errors is missing (NaN)")

    def _observed_rows(self, X: Any) -> np.ndarray:
        """Validate observed spectra, and make of them what the members take."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        rows = self._observed(X)
        self._check_rows(rows)
        return rows

    def _through_members(self, rows: np.ndarray, *, features: bool = False) -> list[list[Any]]:
        """Put rows through each member, or through all but its head, a batch at a time."""
        device = choose_device(self.device)
        outputs: list[list[Any]] = []
        with torch.inference_mode(), one_thread(device):
            batches = torch.tensor(rows, dtype=torch.float64).split(_ROWS)
            for net in self.members_:
                net.to(device)
                through = net.features if features else net
                outputs.append([through(batch.to(device)) for batch in batches])
                net.cpu()
        return outputs

    def __sklearn_tags__(self) -> Any:
        """NaN is a missing bin."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _seed(random: np.random.RandomState) -> int:
    return int(random.randint(2**31))
