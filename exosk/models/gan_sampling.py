"""How an inpainting GAN answers: samples of parameters and spectra together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from exosk.exceptions import RangeError
from exosk.models.completion import complete_pictures, descend_with_noise
from exosk.models.gan_fitting import GanFitting
from exosk.models.latent import (
    GeneratorLikelihood,
    row_generators,
    sample_latent,
)
from exosk.models.mixture import Mixture
from exosk.models.training import choose_device, one_thread

__all__ = ["ALWAYS_THE_SAME", "GanSampling"]

# Samples whose spectra are in memory together.
_SAMPLES_AT_ONCE = 16_384
#: In place of a random state: each spectrum's random numbers follow from its own content.
ALWAYS_THE_SAME: Any = object()


class GanSampling(GanFitting):
    """The half of an :class:`~exosk.models.gan.InpaintingGANRetriever` that is about sampling."""

    def sample_completion(
        self, X: Any, n: int, random_state: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw parameters and whole spectra together.

        Parameters
        ----------
        X : array-like of shape (n_spectra, n_columns)
            Observed spectra; NaN is a missing bin.
        n : int
            Samples of each.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        parameters : ndarray of shape (n_spectra, n, n_parameters)
        depth : ndarray of shape (n_spectra, n, n_bins)
            Without noise, and without what the generator misses.

        Raises
        ------
        ValueError
            If X has other columns than in training.
        RangeError
            If a spectrum covers no bin, or an error is not positive.
        """
        theta, depth = zip(*self._completions(X, n, random_state))
        return np.concatenate(theta), np.concatenate(depth)

    def _completions(
        self, X: Any, n: int, random_state: Any
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Parameters and depths of n samples, of some spectra at a time."""
        if not (isinstance(n, Integral) and n > 0):
            raise RangeError(f"n must be a whole number from 1 up, got {n!r}")
        X = self._observed(X)
        if random_state is ALWAYS_THE_SAME:
            generators = row_generators(X)
        else:
            random = check_random_state(random_state)
            seeds = random.randint(2**31, size=(len(X), 2))
            generators = [np.random.default_rng(seed) for seed in seeds.tolist()]
        device = choose_device(self.device)
        net = self._net_for(X.dtype, device)
        size = self._rows_at_once(n)
        for start in range(0, len(X), size):
            rows = slice(start, start + size)
            with one_thread(device), torch.no_grad():
                z = self._draw(net, X[rows], generators[rows], n)
                made, shown = net.decode(z.flatten(0, 1))
            theta = self._parameters_of(shown.cpu().numpy()).astype(X.dtype)
            yield theta.reshape(len(z), n, -1), made.view(len(z), n, -1).cpu().numpy()

    def efficiency(self, X: Any) -> np.ndarray:
        """Tell how good the first guesses are.

        Returns
        -------
        ndarray of shape (n,)
            Share of the proposal's samples that remain effective when they are weighted with the
            posterior; near 0 a spectrum is unlike what the proposal was trained for, or its errors
            are smaller.
        """
        X = self._observed(X)
        if self.proposal_ is None:
            raise RangeError(f"sampler={self.sampler!r} makes no first guesses; fit one that does")
        device = choose_device(self.device)
        size = self._rows_at_once(1)
        with one_thread(device):
            net = self._net_for(X.dtype, device)
            parts = np.split(X, range(size, len(X), size))
            found = [self._posterior(net, part, row_generators(part), 1) for part in parts]
        return np.concatenate([part.efficiency for part in found])

    def _draw(
        self, net: Any, X: np.ndarray, generators: Sequence[np.random.Generator], n: int
    ) -> torch.Tensor:
        """Latent variables of n samples, (len(X), n, d)."""
        if self.sampler == "posterior":
            return self._posterior(net, X, generators, n).z
        d = self._dimension
        if self.sampler == "restarts":
            ends = descend_with_noise(
                self._likelihood(net, X), generators, d, self.n_restarts, self.n_iterations
            )
        else:
            depth, _ = self.layout_.split(X)
            pictures = net.shown.encode(depth)
            ends = complete_pictures(
                net, pictures, generators, d, self.n_restarts, self.n_iterations
            )
        # More samples than ends repeat them, evenly.
        which = torch.arange(n, device=ends.device) % self.n_restarts
        return ends[:, which]

    def _posterior(
        self, net: Any, X: np.ndarray, generators: Sequence[np.random.Generator], n: int
    ) -> Any:
        guesses = self.proposal_.densities(X)
        parts = zip(*((guess.log_weight, guess.mean, guess.factor) for guess in guesses))
        proposal = Mixture(*(torch.cat(part) for part in parts))
        return sample_latent(
            self._likelihood(net, X), proposal, generators, n, self.n_particles, self.n_moves
        )

    def _likelihood(self, net: Any, X: np.ndarray) -> GeneratorLikelihood:
        like = next(net.parameters())
        depth, sigma = self.layout_.split(X)
        if sigma is None:
            sigma = np.broadcast_to(self.sigma_, depth.shape)
        parts = (depth, sigma, self.factor_, self.variance_)
        return GeneratorLikelihood(net.decode, *(torch.tensor(part).to(like) for part in parts))

    def _rows_at_once(self, n: int) -> int:
        moving = self.n_particles if self.sampler == "posterior" else self.n_restarts
        return max(1, min(self._at_once // moving, _SAMPLES_AT_ONCE // n))
