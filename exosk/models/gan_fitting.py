"""How an inpainting GAN is trained: generator and critic, the generator's errors, first guesses."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.augmentation import CoverageDropout, NoiseInjector
from exosk.augmentation.redraw import redraw, reseeded
from exosk.exceptions import RangeError
from exosk.models.adversarial import AdversarialPlan, GanNet, train_gan
from exosk.models.completion import descend_with_noise
from exosk.models.gan_settings import check_gan_settings
from exosk.models.latent import GeneratorLikelihood, row_generators
from exosk.models.members import TorchMembers, at_rest
from exosk.models.nets.aspa import AspaPictures, AspaValues, structure_spread
from exosk.models.nets.generators import (
    DenseCritic,
    DenseGenerator,
    PictureCritic,
    PictureGenerator,
)
from exosk.models.targets import make_targets
from exosk.models.training import choose_device, one_thread
from exosk.preprocessing import AspaEncoder
from exosk.rows import RowLayout, join_rows

__all__ = ["GanFitting"]

_STEPS, _BATCHES = 50, (32, 256)
# Fewer held-out spectra do not tell the generator's errors; more than so many are not needed.
_LEAST_HELD_OUT, _MOST_HELD_OUT = 10, 4000
# Directions in which the generator's errors go together, and the spectra that each takes: found in
# ten spectra, five directions leave other bins so little that new spectra miss by six times as much
# (in chi squared).
_RANK, _ROWS_A_DIRECTION = 20, 10
# Of the spread of spectra: the least error of a generated depth.
_LEAST_ERROR = 1e-5
# Spectra whose noise is measured.
_MEASURED = 2000
# Starts and steps of the search for the latent variables of spectra without noise, and how many
# spectra are searched for.
_STARTS, _SEARCH_STEPS, _SEARCHED, _PICTURES_SEARCHED = 4, 200, 32, 8
# Of generated spectra to training spectra, at most.
_GENERATED_RATIO = 10
# Generated spectra at a time: as many as a processor's cache holds of values, and its memory: a
# picture with all that its gradient needs takes two megabytes.
_VALUES_AT_ONCE, _PICTURES_AT_ONCE = 2048, 256
# Share of the progress that is the generator's.
_GENERATOR_SHARE = 0.75


class GanFitting(TorchMembers, BaseEstimator):
    """The half of an :class:`~exosk.models.gan.InpaintingGANRetriever` that is about fitting."""

    n_members = 1

    def fit(self, X: Any, y: Any, groups: Any = None) -> Any:
        """Train.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Spectra, whole and without noise.
        y : array-like of shape (n, n_parameters) or (n,)
            Parameters. Those of a data set bring their priors along.
        groups : array-like of shape (n,), optional
            Parents of the spectra (:attr:`exosk.Dataset.parent`), where several are of one: they
            train, or tell the generator's errors, together.

        Raises
        ------
        GridError
            If X has not the columns of `grid`.
        RangeError
            If a bin is missing, an error is not positive, a parameter lies outside its prior, there
            are too few spectra, or a setting is out of its range.
        """
        check_gan_settings(self.get_params(deep=False))
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
        depth, sigma = self.layout_.split(X)
        _refuse_gaps(depth)
        if sigma is not None:
            _refuse_errors(depth, sigma)
        random = check_random_state(self.random_state)
        self._targets = make_targets(Y, space)
        self._n_parameters = Y.shape[1]
        self.encoder_ = self._fit_encoder(depth, Y)
        normal = self._targets.to_normal(Y, random.uniform(size=Y.shape))
        shown = normal if self.encoder_ is None else Y
        train, held_out = self._split(len(X), random, groups)
        self._learn_noise(X, random)
        device = choose_device(self.device)
        gpus = [device] if device.startswith("cuda") else []
        with torch.random.fork_rng(devices=gpus):
            torch.manual_seed(int(random.randint(2**31)))
            net = self._make_net().to(device)
            if self.encoder_ is None:
                net.shown.learn(depth)
            self.history_ = train_gan(
                net,
                depth[train],
                shown[train],
                self._plan(len(train), device),
                random,
                self._progress_between(0.0, _GENERATOR_SHARE),
            )
        self.members_ = [at_rest(net)]
        self._learn_errors(depth[held_out], normal[held_out])
        self.proposal_ = self._fit_proposal(X, random) if self.sampler == "posterior" else None
        if self.progress is not None:
            self.progress(1.0)
        return self

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

    @property
    def _dimension(self) -> int:
        """Number of latent variables."""
        return self._n_parameters if self.n_latent is None else self.n_latent

    @property
    def _at_once(self) -> int:
        """Number of spectra to generate at a time."""
        return _VALUES_AT_ONCE if self.encoder_ is None else _PICTURES_AT_ONCE

    def _make_net(self) -> GanNet:
        if self.encoder_ is None:
            n_bins, n_given = self.layout_.n_bins, 0
            values = AspaValues(n_bins, self._n_parameters)
            n_made = values.n_values
            if self.n_latent is None:
                n_given = self._n_parameters
                n_made -= n_given
            generator = DenseGenerator(self._dimension, n_made, self.hidden)
            return GanNet(
                generator, DenseCritic(values.n_values, self.critic_hidden), values, n_given
            )
        pictures = AspaPictures(self.encoder_)
        generator = PictureGenerator(self._dimension, pictures.side, self.n_filters)
        batch_norm = self.objective == "minimax"
        critic = PictureCritic(pictures.side, self.n_filters, batch_norm)
        return GanNet(generator, critic, pictures, 0)

    def _fit_encoder(self, depth: np.ndarray, Y: np.ndarray) -> AspaEncoder | None:
        if self.network == "dense":
            return None
        encoder = AspaEncoder() if self.encoder is None else clone(self.encoder)
        if encoder.grid is None and encoder.edges is None:
            encoder.set_params(grid=self.grid)
        if encoder.space is None:
            encoder.set_params(space=self._targets.space)
        return encoder.fit(depth, Y)

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

    def _net_for(self, dtype: Any, device: str) -> GanNet:
        """Copy the network in this precision, on this device."""
        weights = self.members_[0].state_dict()
        with torch.random.fork_rng(devices=[]):
            net = self._make_net()
        net.to(torch.float32 if dtype == np.float32 else torch.float64)
        net.load_state_dict(weights)
        return net.to(device).eval().requires_grad_(False)

    def _learn_errors(self, depth: np.ndarray, normal: np.ndarray) -> None:
        """Measure by how much generated spectra miss those that were held out."""
        device = choose_device(self.device)
        with one_thread(device):
            net = self._net_for(depth.dtype, device)
            if self.n_latent is None:
                z = torch.as_tensor(normal).to(next(net.parameters()))
            else:
                depth = depth[: _SEARCHED if self.encoder_ is None else _PICTURES_SEARCHED]
                z = self._search(net, depth)
            with torch.no_grad():
                made = torch.cat([net.decode(part)[0] for part in z.split(4096)]).cpu().numpy()
        missed = (depth - made).astype(float)
        _, size, direction = np.linalg.svd(missed, full_matrices=False)
        rank = min(_RANK, depth.shape[1] // 2, len(missed) // _ROWS_A_DIRECTION)
        self.factor_ = size[:rank, None] * direction[:rank] / np.sqrt(len(missed))
        rest = (missed**2).mean(axis=0) - (self.factor_**2).sum(axis=0)
        self.variance_ = np.maximum(rest, (_LEAST_ERROR * structure_spread(depth)) ** 2)

    def _search(self, net: GanNet, depth: np.ndarray) -> torch.Tensor:
        """Find the latent variables of spectra without noise: the best of several descents."""
        like = next(net.parameters())
        scale = 0.01 * float(depth.std(axis=0).mean() or 1.0)
        no_factor = torch.zeros(1, depth.shape[1]).to(like)
        no_variance = torch.full_like(no_factor[0], 1e-30)
        size = self._at_once // _STARTS
        found = []
        for rows in np.split(depth, range(size, len(depth), size)):
            target = torch.as_tensor(rows).to(like)
            likelihood = GeneratorLikelihood(
                net.decode, target, torch.full_like(target, scale), no_factor, no_variance
            )
            ends = descend_with_noise(
                likelihood, row_generators(rows), self._dimension, _STARTS, _SEARCH_STEPS
            )
            with torch.no_grad():
                best = likelihood.log_prob(ends).argmax(dim=1)
            found.append(ends[torch.arange(len(ends)), best])
        return torch.cat(found)

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

    def _fit_proposal(self, X: np.ndarray, random: np.random.RandomState) -> Any:
        """Train what guesses latent variables, on generated spectra with noise and gaps."""
        from exosk.models.mlp import MLPRetriever
        from exosk.parameters import Normal, Parameter, ParameterArray, ParameterSpace

        n = min(self.n_generated, _GENERATED_RATIO * len(X))
        z = random.standard_normal((n, self._dimension))
        depth = self._generate(z, X.dtype, random)
        rows = depth
        if self.layout_.has_sigma:
            _, sigma = self.layout_.split(X)
            rows = join_rows(depth, sigma[random.randint(len(X), size=n)])
        steps = [] if self.augmentation is None else [clone(self.augmentation)]
        if self.augmentation is None and self.layout_.has_sigma:
            steps.append(NoiseInjector("columns", grid=self.grid))
        if self.gaps and self.layout_.n_bins > 1:
            steps.append(CoverageDropout(grid=self.grid))
        proposal = MLPRetriever(max_epochs=40) if self.proposal is None else clone(self.proposal)
        proposal.set_params(
            grid=self.grid,
            augmentation=make_pipeline(*steps) if steps else None,
            device=self.device,
            progress=self._progress_between(_GENERATOR_SHARE, 1.0),
            random_state=int(random.randint(2**31)),
        )
        names = [f"latent_{k}" for k in range(self._dimension)]
        space = ParameterSpace([Parameter(name, Normal(0.0, 1.0)) for name in names])
        proposal.fit(rows, ParameterArray(z, space))
        return proposal.set_params(progress=None)

    def _generate(self, z: np.ndarray, dtype: Any, random: np.random.RandomState) -> np.ndarray:
        """Make spectra, with the generator's errors on them, shape (len(z), n_bins)."""
        device = choose_device(self.device)
        depth = np.empty((len(z), self.layout_.n_bins), dtype=dtype)
        with one_thread(device), torch.no_grad():
            net = self._net_for(dtype, device)
            like = next(net.parameters())
            for start in range(0, len(z), 4096):
                rows = slice(start, start + 4096)
                made, _ = net.decode(torch.as_tensor(z[rows]).to(like))
                common = random.standard_normal((len(made), len(self.factor_)))
                single = random.standard_normal(made.shape)
                depth[rows] = (
                    made.cpu().numpy() + common @ self.factor_ + single * np.sqrt(self.variance_)
                )
        return depth

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
            _refuse_errors(depth, sigma)
        return X

    def _parameters_of(self, shown: np.ndarray) -> np.ndarray:
        """Parameters in their own units, within the prior."""
        if self.encoder_ is None:
            return self._targets.from_normal(shown)
        return np.clip(shown, *self._targets.space.bounds.T)


def _refuse_gaps(depth: np.ndarray) -> None:
    missing = np.argwhere(np.isnan(depth))
    if missing.size:
        row, k = missing[0]
        raise RangeError(
            f"bin {k} of training spectrum {row} is missing; a generator learns from whole "
            f"spectra, so simulate all bins (observations may lack any)"
        )


def _refuse_errors(depth: np.ndarray, sigma: np.ndarray) -> None:
    # NaN is not positive either.
    wrong = np.argwhere(~(sigma > 0) & ~np.isnan(depth))
    if wrong.size:
        row, k = wrong[0]
        raise RangeError(
            f"the error of bin {k} of spectrum {row} is {sigma[row, k]:g}; errors must be positive "
            f"where there is a depth, so give it one, or make the bin missing (NaN)"
        )
