"""How an inpainting GAN is trained: on arrays or a store, with a checkpoint or without."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.augmentation.redraw import redraw, reseeded
from exosk.datasets.lazy import StoredSpectra, check_parameters_of
from exosk.exceptions import RangeError
from exosk.models.adversarial import AdversarialPlan, train_gan_on
from exosk.models.checkpoint import PASSING, marks_of
from exosk.models.gan_checkpoint import GanCheckpoint
from exosk.models.gan_data import ArrayRows, GanData, StoredRows, refuse_errors, whole_depths
from exosk.models.gan_guesses import GanGuesses
from exosk.models.gan_settings import check_gan_settings
from exosk.models.members import at_rest
from exosk.models.targets import make_targets
from exosk.models.training import choose_device
from exosk.rows import RowLayout

__all__ = ["GanFitting"]

_STEPS, _BATCHES = 50, (32, 256)
# Fewer held-out spectra do not tell the generator's errors; more than so many are not needed.
_LEAST_HELD_OUT, _MOST_HELD_OUT = 10, 4000
# Spectra of a store that means, spreads and noise are learned from.
_MOST_LEARNED = 20_000
# Spectra whose noise is measured.
_MEASURED = 2000
# Share of the progress that is the generator's.
_GENERATOR_SHARE = 0.75
# In the folder of a checkpoint.
_OF_GENERATOR = "generator.pt"
# Of the proposal, what is set here, beside what changes nothing.
_SET_HERE = ("augmentation", "grid", "random_state")


class GanFitting(GanGuesses):
    """The half of an :class:`~exosk.models.gan.InpaintingGANRetriever` that is about fitting."""

    def fit(self, X: Any, y: Any, groups: Any = None) -> Any:
        """Train.

        Parameters
        ----------
        X : array-like of shape (n, n_columns), or StoredSpectra
            Spectra, whole and without noise. Those of a store (:meth:`exosk.Store.spectra`) are in
            memory in parts, however many they are.
        y : array-like of shape (n, n_parameters) or (n,), or StoredParameters
            Parameters. Those of a data set bring their priors along; with spectra of a store go its
            own (:meth:`exosk.Store.parameters`).
        groups : array-like of shape (n,), optional
            Parents of the spectra (:attr:`exosk.Dataset.parent`), where several are of one: they
            train, or tell the generator's errors, together. A store knows its own.

        Raises
        ------
        GridError
            If X has not the columns of `grid`.
        RangeError
            If a bin is missing, an error is not positive, a parameter lies outside its prior, there
            are too few spectra, or a setting is out of its range; if parameters are not those of
            the store, or a checkpoint is of another training.
        FileFormatError
            If a checkpoint is damaged.
        """
        check_gan_settings(self.get_params(deep=False))
        random = check_random_state(self.random_state)
        if isinstance(X, StoredSpectra):
            data = self._data_of_store(X, y, random)
        else:
            data = self._data_of_arrays(X, y, groups, random)
        checkpoint = self._checkpoint_of(data)
        self._learn_noise(data.seen, random)
        device = choose_device(self.device)
        gpus = [device] if device.startswith("cuda") else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(int(random.randint(2**31)))
            net = self._make_net().to(device)
            if self.encoder_ is None:
                net.shown.learn(data.depth)
            self.history_ = train_gan_on(
                net,
                data.rows,
                self._plan(len(data.rows), device),
                random,
                self._progress_between(0.0, _GENERATOR_SHARE),
                checkpoint,
            )
        self.members_ = [at_rest(net)]
        self._learn_errors(data.held_out, data.latent)
        self.proposal_ = None
        if self.sampler == "posterior":
            progress = self._progress_between(_GENERATOR_SHARE, 1.0)
            self.proposal_ = self._fit_proposal(data.seen, data.n, random, progress)
        if self.progress is not None:
            self.progress(1.0)
        return self

    def _data_of_arrays(
        self, X: Any, y: Any, groups: Any, random: np.random.RandomState
    ) -> GanData:
        """Validate arrays, and split them."""
        space = getattr(y, "space", None)
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
            ensure_min_samples=2,
        )
        self._single = y.ndim == 1
        Y = np.asarray(y, dtype=float).reshape(len(y), -1)
        self.layout_ = RowLayout.of(X.shape[1], self.grid)
        depth = whole_depths(X, self.layout_)
        self._targets = make_targets(Y, space)
        self._n_parameters = Y.shape[1]
        self.encoder_ = self._fit_encoder(depth, Y)
        normal = self._targets.to_normal(Y, random.uniform(size=Y.shape))
        shown = normal if self.encoder_ is None else Y
        train, held_out = self._split(len(X), random, groups)
        parent = None if groups is None else np.unique(groups, return_inverse=True)[1]
        content = {"spectra": X, "parameters": Y, "parents": parent}
        rows = ArrayRows(depth, shown, train)
        return GanData(rows, len(X), X, depth, depth[held_out], normal[held_out], content)

    def _data_of_store(self, X: StoredSpectra, y: Any, random: np.random.RandomState) -> GanData:
        """Split a store, and read what stays in memory."""
        check_parameters_of(X, y)
        if len(X) < 2:
            raise RangeError(f"a GAN is trained on two spectra or more, got {len(X)}")
        self.n_features_in_ = X.shape[1]
        self._single, self._n_parameters = False, y.shape[1]
        self.layout_ = RowLayout.of(X.shape[1], self.grid)
        train, held_out = self._split_stored(X, random)
        learned = X.order(train, random, _MOST_LEARNED)[:_MOST_LEARNED]
        seen, Y = X.read(learned), y.read(learned)
        depth = whole_depths(seen, self.layout_, learned)
        self._targets = make_targets(Y, y.space)
        self.encoder_ = self._fit_encoder(depth, Y)

        def shown(rows: np.ndarray) -> np.ndarray:
            Y = y.read(rows)
            return self._targets.to_normal(Y) if self.encoder_ is None else Y

        return GanData(
            rows=StoredRows(X, shown, train, self.layout_, depth),
            n=len(X),
            seen=seen,
            depth=depth,
            held_out=whole_depths(X.read(held_out), self.layout_, held_out),
            latent=self._targets.to_normal(y.read(held_out)),
            content={"spectra": X, "parameters": y},
        )

    def _split(
        self, n: int, random: np.random.RandomState, groups: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers to train on, and to measure errors on; all for both where there are few."""
        groups = np.arange(n) if groups is None else np.asarray(groups)
        if groups.shape != (n,):
            raise RangeError(f"{n} spectra but groups of shape {groups.shape}")
        parents, group = np.unique(groups, return_inverse=True)
        share = min(self.validation_fraction, _MOST_HELD_OUT / n)
        chosen = random.permutation(len(parents))[: round(share * len(parents))]
        held_out = np.isin(group, chosen)
        if held_out.sum() < _LEAST_HELD_OUT or held_out.all():
            return np.arange(n), np.arange(n)
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)

    def _split_stored(
        self, X: StoredSpectra, random: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Split by whole chunks, with no more held-out rows than are needed."""
        n = min(round(self.validation_fraction * len(X)), _MOST_HELD_OUT)
        held = X.hold_out(n, random) if n >= _LEAST_HELD_OUT else np.zeros(len(X), dtype=bool)
        if held.sum() < _LEAST_HELD_OUT or held.all():
            train = held_out = np.arange(len(X))
        else:
            train, held_out = np.flatnonzero(~held), np.flatnonzero(held)
        return train, X.order(held_out, random, _MOST_HELD_OUT)[:_MOST_HELD_OUT]

    def _plan(self, n: int, device: str) -> AdversarialPlan:
        names = [field.name for field in dataclasses.fields(AdversarialPlan)]
        settings = {name: getattr(self, name) for name in names}
        settings["n_latent"] = self._dimension
        settings["batch_size"] = self.batch_size or int(np.clip(n // _STEPS, *_BATCHES))
        settings["device"] = device
        return AdversarialPlan(**settings)

    def _progress_between(self, low: float, high: float) -> Callable[[float], None] | None:
        if self.progress is None:
            return None
        return lambda share: self.progress(low + share * (high - low))

    def _checkpoint_of(self, data: GanData) -> GanCheckpoint | None:
        """Return what generator's and critic's training is written to."""
        if self.checkpoint is None:
            return None
        settings = self.get_params(deep=False)
        if self.proposal is not None:
            unset = dict.fromkeys((*PASSING, *_SET_HERE))
            settings["proposal"] = clone(self.proposal).set_params(**unset)
        content = data.content | {"priors": self._targets.space.to_dict()}
        return GanCheckpoint(Path(self.checkpoint) / _OF_GENERATOR, marks_of(settings, content))

    def _learn_noise(self, X: np.ndarray, random: np.random.RandomState) -> None:
        """Keep the augmentation, and the noise that it adds where X does not tell errors."""
        self.augmentation_ = None
        self.sigma_ = None if self.layout_.has_sigma else np.zeros(self.layout_.n_bins)
        if self.augmentation is None:
            return
        some = X[random.permutation(len(X))[:_MEASURED]]
        self.augmentation_ = reseeded(self.augmentation, random).fit(some)
        if not np.array_equal(np.asarray(self.augmentation_.transform(some)), some):
            raise RangeError(
                "the augmentation of a GAN may add noise and gaps in training, and must leave "
                "observations as they are; put what changes them before it in a Pipeline"
            )
        if self.sigma_ is not None:
            # Each spectrum several times, so that few tell the noise as well as many.
            times = -(-_MEASURED // len(some))
            again = np.repeat(some, times, axis=0)
            self.sigma_ = np.sqrt(
                np.nanmean((redraw(self.augmentation, again, random) - again) ** 2, axis=0)
            )

    def _observed(self, X: Any) -> np.ndarray:
        """Validate observed spectra."""
        check_is_fitted(self)
        X = validate_data(
            self,
            X,
            reset=False,
            dtype=[np.float64, np.float32],
            ensure_all_finite="allow-nan",
        )
        depth, sigma = self.layout_.split(X)
        empty = np.flatnonzero(np.isnan(depth).all(axis=1))
        if empty.size:
            raise RangeError(
                f"spectrum {empty[0]} covers no bin of the model's; leave it out "
                f"({empty.size} are such)"
            )
        if sigma is not None:
            refuse_errors(depth, sigma)
        return X
