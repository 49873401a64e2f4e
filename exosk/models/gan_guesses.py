"""What a generator misses, and first guesses of its latent variables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from exosk.augmentation import CoverageDropout, NoiseInjector
from exosk.models.adversarial import GanNet
from exosk.models.completion import descend_with_noise
from exosk.models.gan_networks import GanNetworks
from exosk.models.latent import GeneratorLikelihood, row_generators
from exosk.models.nets.aspa import structure_spread
from exosk.models.training import choose_device, one_thread
from exosk.rows import join_rows

__all__ = ["GanGuesses"]

# Directions in which the generator's errors go together, and the spectra that each takes: found in
# ten spectra, five directions leave other bins so little that new spectra miss by six times as much
# (in chi squared).
_RANK, _ROWS_A_DIRECTION = 20, 10
# Of the spread of spectra: the least error of a generated depth.
_LEAST_ERROR = 1e-5
# Starts and steps of the search for the latent variables of spectra without noise, and how many
# spectra are searched for.
_STARTS, _SEARCH_STEPS, _SEARCHED, _PICTURES_SEARCHED = 4, 200, 32, 8
# Of generated spectra to training spectra, at most.
_GENERATED_RATIO = 10
# In the folder of a checkpoint.
_OF_PROPOSAL = "proposal"


class GanGuesses(GanNetworks):
    """What an :class:`~exosk.models.gan.InpaintingGANRetriever` learns once it has a generator."""

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

    def _fit_proposal(
        self,
        X: np.ndarray,
        n_spectra: int,
        random: np.random.RandomState,
        progress: Callable[[float], None] | None,
    ) -> Any:
        """Train what guesses latent variables, on generated spectra with noise and gaps."""
        from exosk.models.mlp import MLPRetriever
        from exosk.parameters import Normal, Parameter, ParameterArray, ParameterSpace

        n = min(self.n_generated, _GENERATED_RATIO * n_spectra)
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
            progress=progress,
            random_state=int(random.randint(2**31)),
        )
        if self.checkpoint is not None:
            proposal.set_params(checkpoint=Path(self.checkpoint) / _OF_PROPOSAL)
        names = [f"latent_{k}" for k in range(self._dimension)]
        space = ParameterSpace([Parameter(name, Normal(0.0, 1.0)) for name in names])
        proposal.fit(rows, ParameterArray(z, space))
        return proposal.set_params(progress=None, checkpoint=None)

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
