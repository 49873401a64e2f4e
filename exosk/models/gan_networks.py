"""The networks of an inpainting GAN, as its settings have them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone

from exosk.models.adversarial import GanNet
from exosk.models.members import TorchMembers
from exosk.models.nets.aspa import AspaPictures, AspaValues
from exosk.models.nets.generators import (
    DenseCritic,
    DenseGenerator,
    PictureCritic,
    PictureGenerator,
)
from exosk.preprocessing import AspaEncoder

__all__ = ["GanNetworks"]

# Generated spectra at a time: as many as a processor's cache holds of values, and its memory: a
# picture with all that its gradient needs takes two megabytes.
_VALUES_AT_ONCE, _PICTURES_AT_ONCE = 2048, 256


class GanNetworks(TorchMembers, BaseEstimator):
    """What an :class:`~exosk.models.gan.InpaintingGANRetriever` makes of its settings."""

    n_members = 1

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

    def _net_for(self, dtype: Any, device: str) -> GanNet:
        """Copy the network in this precision, on this device."""
        weights = self.members_[0].state_dict()
        with torch.random.fork_rng(devices=[]):
            net = self._make_net()
        net.to(torch.float32 if dtype == np.float32 else torch.float64)
        net.load_state_dict(weights)
        return net.to(device).eval().requires_grad_(False)

    def _parameters_of(self, shown: np.ndarray) -> np.ndarray:
        """Parameters in their own units, within the prior."""
        if self.encoder_ is None:
            return self._targets.from_normal(shown)
        return np.clip(shown, *self._targets.space.bounds.T)
