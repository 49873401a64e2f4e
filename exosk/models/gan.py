"""Retrieval by completing what is missing of a spectrum and its parameters: ExoGAN, mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin, OneToOneFeatureMixin, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from exosk.grids import SpectralGrid
from exosk.models.gan_sampling import ALWAYS_THE_SAME, GanSampling
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = ["InpaintingGANRetriever"]

# Samples behind a mean, and of a posterior that nobody gave a number for.
_OF_MEAN, _OF_POSTERIOR = 512, 512


class InpaintingGANRetriever(
    OneToOneFeatureMixin, TransformerMixin, MultiOutputMixin, RegressorMixin, GanSampling
):
    """Complete spectra and parameters with a generative adversarial network.

    A generator learns to make spectra together with the parameters behind them; of what it can
    make, the part that agrees with the bins that were observed, given their errors, is the
    posterior of the parameters and of the bins that were not. Any bins may be missing.

    The network of ExoGAN (Zingales & Waldmann 2018, AJ 156, 268, arXiv:1806.02906) is
    :meth:`as_published`. The default differs from it: it makes standardised values in place of a
    picture's pixels, its latent variables are the parameters themselves, so that it has the prior
    and need not learn it, and it is trained to reconstruct as well as to please a critic
    (:mod:`exosk.models.adversarial`). What it still gets wrong is measured on held-out spectra and
    counts as an error of the bins. Samples of the posterior come from a network's first guess and
    Hamiltonian moves in the latent space (:mod:`exosk.models.latent`).

    Parameters
    ----------
    hidden : sequence of int, default=(512, 512, 512, 512)
        Widths of the generator's layers.
    critic_hidden : sequence of int, default=(256, 256)
        Widths of the critic's layers.
    network : {"dense", "picture"}, default="dense"
        Fully connected networks, or the DCGAN of pictures, which has `n_filters`.
    n_filters : int, default=64
        Channels of the DCGAN's stage nearest to the picture.
    n_latent : int or None, default=None
        Number of latent variables; None takes the parameters.
    objective : {"wasserstein", "minimax"}, default="wasserstein"
        What generator and critic want.
    adversarial_weight : float, default=0.1
        Of the critic's opinion beside the reconstruction, which needs ``n_latent=None``.
    critic_steps, generator_steps : int, default=1
        Steps of each for a batch.
    decay : float, default=0.999
        Of the running mean of the generator's weights; 0 keeps the last ones.
    sampler : {"posterior", "restarts", "published"}, default="posterior"
        How samples are found: by Hamiltonian moves from a network's first guess, as ends of
        descents with fresh noise each, or as ExoGAN does it
        (:mod:`exosk.models.completion`), which takes pictures.
    n_restarts, n_iterations : int, default=64, 500
        Descents for a spectrum, and their steps.
    n_particles, n_moves : int, default=128, 5
        Samples that move together, and moves between two lots of them.
    proposal : MixtureRetriever, optional
        What makes the first guess; its grid, augmentation and seed are set here. An
        :class:`~exosk.MLPRetriever` by default.
    n_generated : int, default=200000
        Generated spectra that the proposal is trained on, at most; no more than training spectra
        times ten.
    gaps : bool, default=True
        Whether the proposal is trained for missing bins (:class:`~exosk.CoverageDropout`).
    encoder : AspaEncoder, optional
        Of the pictures. By default one with `grid` and the scaling by range.
    grid : SpectralGrid, optional
        The bins of X: it tells depths from errors.
    augmentation : transformer or Pipeline, optional
        The noise of observations, as a :class:`~exosk.NoiseInjector`. The generator never sees it;
        the proposal does, and where X holds no errors the noise that it adds is taken for those of
        observations. Where X holds errors, noise of these is the default.
    learning_rate : float, default=0.001
        The highest, of generator and critic.
    schedule : {"one-cycle", "constant"}, default="one-cycle"
        Of the learning rate.
    batch_size : int, optional
        By default as other networks have it: a fiftieth of all spectra, but 32 to 256.
    max_epochs : int, default=60
        Passes through the training set.
    validation_fraction : float, default=0.05
        Share of the spectra that tell the generator's errors.
    device : str, default="auto"
        As torch names them; the first GPU by default, where there is one.
    checkpoint : path-like, optional
        A folder that the training is written to after each epoch, the proposal's too, and goes on
        from: when it was killed, with the result of an undisturbed one. With a `random_state` that
        is a number.
    progress : callable, optional
        Called with the share of the training that is done.
    verbose : int, default=0
        1 prints a line an epoch.
    random_state : int, RandomState or None, default=None
        Seed of everything.

    Attributes
    ----------
    members_ : list of torch.nn.Module
        Generator and critic, in one.
    proposal_ : MixtureRetriever or None
        What makes the first guess.
    factor_, variance_ : ndarray of shape (rank, n_bins) and (n_bins,)
        By how much generated spectra miss simulated ones: F and v of :mod:`exosk.models.latent`.
    sigma_ : ndarray of shape (n_bins,) or None
        Errors of observations, where X holds none.
    history_ : list of dict
        Of each epoch: losses, learning rate, seconds.
    space_ : ParameterSpace
        The parameters.
    layout_ : RowLayout
        What the columns are.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    Computation is in the precision of X: spectra as float32 take half the time.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (512, 512, 512, 512),
        *,
        critic_hidden: Sequence[int] = (256, 256),
        network: str = "dense",
        n_filters: int = 64,
        n_latent: int | None = None,
        objective: str = "wasserstein",
        adversarial_weight: float = 0.1,
        critic_steps: int = 1,
        generator_steps: int = 1,
        decay: float = 0.999,
        sampler: str = "posterior",
        n_restarts: int = 64,
        n_iterations: int = 500,
        n_particles: int = 128,
        n_moves: int = 5,
        proposal: Any = None,
        n_generated: int = 200_000,
        gaps: bool = True,
        encoder: Any = None,
        grid: SpectralGrid | None = None,
        augmentation: Any = None,
        learning_rate: float = 1e-3,
        schedule: str = "one-cycle",
        batch_size: int | None = None,
        max_epochs: int = 60,
        validation_fraction: float = 0.05,
        device: str = "auto",
        checkpoint: Any = None,
        progress: Callable[[float], None] | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.critic_hidden = critic_hidden
        self.network = network
        self.n_filters = n_filters
        self.n_latent = n_latent
        self.objective = objective
        self.adversarial_weight = adversarial_weight
        self.critic_steps = critic_steps
        self.generator_steps = generator_steps
        self.decay = decay
        self.sampler = sampler
        self.n_restarts = n_restarts
        self.n_iterations = n_iterations
        self.n_particles = n_particles
        self.n_moves = n_moves
        self.proposal = proposal
        self.n_generated = n_generated
        self.gaps = gaps
        self.encoder = encoder
        self.grid = grid
        self.augmentation = augmentation
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.validation_fraction = validation_fraction
        self.device = device
        self.checkpoint = checkpoint
        self.progress = progress
        self.verbose = verbose
        self.random_state = random_state

    @classmethod
    def as_published(cls, grid: SpectralGrid | None = None, **changes: Any) -> Any:
        """Make ExoGAN: the DCGAN's architecture and losses, and completion by descent.

        Its discriminator mixed pictures of a batch; this one does not.

        Parameters
        ----------
        grid : SpectralGrid, optional
            The bins of X.
        **changes
            Other parameters. ``encoder=AspaEncoder(scaling="exogan")`` scales as the original, for
            its own parameters.
        """
        published = {
            "network": "picture",
            "n_latent": 100,
            "objective": "minimax",
            "generator_steps": 2,
            "decay": 0.0,
            "sampler": "published",
            "n_iterations": 1000,
            "learning_rate": 2e-4,
            "schedule": "constant",
            "batch_size": 64,
            "max_epochs": 1,
        }
        return cls(grid=grid, **published | changes)

    @property
    def space_(self) -> ParameterSpace:
        """The parameters: those that y brought along, or unnamed ones."""
        check_is_fitted(self)
        return self._targets.space

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the posterior mean.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra; NaN is a missing bin.
        return_std : bool, default=False
            Whether the posterior standard deviation is returned too.

        Returns
        -------
        ndarray of shape (n, n_parameters), or (n,) if y was; or two of these
        """
        theta = self.sample_posterior(X, _OF_MEAN, ALWAYS_THE_SAME)
        mean, std = theta.mean(axis=1), theta.std(axis=1)
        if self._single:
            mean, std = mean[:, 0], std[:, 0]
        return (mean, std) if return_std else mean

    def posterior(self, X: Any, n: int = _OF_POSTERIOR) -> list[Posterior]:
        """Return `n` samples of the posterior of each spectrum, always the same."""
        theta = self.sample_posterior(X, n, ALWAYS_THE_SAME)
        return [Posterior(one, self.space_) for one in theta]

    def sample_posterior(self, X: Any, n: int, random_state: Any = None) -> np.ndarray:
        """Draw samples of equal weight.

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
        ndarray of shape (n_spectra, n, n_parameters)
        """
        # Whole spectra of all samples together may not find room in memory.
        return np.concatenate([theta for theta, _ in self._completions(X, n, random_state)])

    def complete(self, X: Any, return_std: bool = False) -> Any:
        """Reconstruct spectra in every bin, whether it was observed or not.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra; NaN is a missing bin.
        return_std : bool, default=False
            Whether the standard deviation is returned too: of the posterior, and of what the
            generator misses.

        Returns
        -------
        ndarray of shape (n, n_bins), or two of these
            Mean of the posterior's spectra.
        """
        moments = [
            (depth.mean(axis=1), depth.var(axis=1))
            for _, depth in self._completions(X, _OF_MEAN, ALWAYS_THE_SAME)
        ]
        mean, variance = (np.concatenate(parts) for parts in zip(*moments))
        if not return_std:
            return mean
        missed = self.variance_ + (self.factor_**2).sum(axis=0)
        return mean, np.sqrt(variance + missed)

    def transform(self, X: Any) -> np.ndarray:
        """Fill missing bins with the completed spectrum, and their errors with its deviations.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra; NaN is a missing bin.

        Returns
        -------
        ndarray of shape (n, n_columns)
            Observed bins are as they were.
        """
        X = self._observed(X).copy()
        depth, sigma = self.layout_.split(X)
        missing = np.isnan(depth)
        rows = np.flatnonzero(missing.any(axis=1))
        if rows.size:
            mean, std = self.complete(X[rows], return_std=True)
            holes = missing[rows]
            depth[missing] = mean[holes]
            if sigma is not None:
                sigma[missing] = std[holes]
        return X

    def __sklearn_tags__(self) -> Any:
        """NaN is a missing bin of an observation."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
