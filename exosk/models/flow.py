"""Normalising flows: posteriors of any shape, at once, for any noise and any gaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import nn

from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.models.conditional_flow import ConditionalFlow, FlowPosterior
from exosk.models.density_retriever import DensityRetriever
from exosk.models.nets import DenseBody
from exosk.models.nets.flows import FlowHead

__all__ = ["FlowRetriever"]


class FlowRetriever(DensityRetriever):
    """Retrieve parameters by neural posterior estimation with a normalising flow.

    A network reads the spectrum, its errors and which bins are missing; a flow of spline couplings
    (:mod:`exosk.models.nets.flows`) turns what it read into a posterior. Trained with noise of many
    sizes and spectra of many coverages, one network serves any instrument within its range::

        augmentation = make_pipeline(
            NoiseInjector("columns", scale=(0.3, 10), grid=grid), CoverageDropout(grid=grid)
        )
        FlowRetriever(grid=grid, augmentation=augmentation).fit(data.with_sigma(sigma), data.Y)

    Parameters
    ----------
    hidden : sequence of int, default=(256, 256, 256)
        Widths of the layers that read the spectrum.
    n_transforms : int, default=6
        Couplings of the flow.
    n_knots : int, default=8
        Pieces of its splines.
    flow_hidden : sequence of int, default=(128, 128)
        Widths of the networks in each coupling.
    n_context : int, default=64
        Features that each coupling is told.
    dropout : float, default=0
        Share of the features that each layer forgets in training.
    normalization : {"layer", "batch", None}, default="layer"
    residual : bool, default=True
        Whether a layer as wide as the one before is added to it.
    grid, augmentation, augment_validation, n_members, learning_rate, weight_decay, batch_size, \
max_epochs, patience, schedule, validation_fraction, device, checkpoint, progress, verbose, \
random_state
        As in :class:`~exosk.models.network.SpectralNetwork`.

    Attributes
    ----------
    members_ : list of torch.nn.Module
        The networks.
    history_ : list of list of dict
        Of each member and epoch: losses, learning rate, seconds.
    space_ : ParameterSpace
        The parameters.
    layout_ : RowLayout
        What the columns are.
    n_features_in_ : int
        Number of columns of X.

    References
    ----------
    Papamakarios & Murray 2016, arXiv:1605.06376; Greenberg et al. 2019, arXiv:1905.07488; for
    atmospheres Vasist et al. 2023, arXiv:2301.06575, and Gebhard et al. 2025, arXiv:2410.21477,
    whose network is told the errors too.
    """

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256, 256),
        *,
        n_transforms: int = 6,
        n_knots: int = 8,
        flow_hidden: Sequence[int] = (128, 128),
        n_context: int = 64,
        dropout: float = 0.0,
        normalization: str | None = "layer",
        residual: bool = True,
        grid: SpectralGrid | None = None,
        augmentation: Any = None,
        augment_validation: bool = True,
        n_members: int = 1,
        learning_rate: float = 2e-3,
        weight_decay: float = 1e-4,
        batch_size: int | None = None,
        max_epochs: int = 80,
        patience: int | None = 15,
        schedule: str = "one-cycle",
        validation_fraction: float = 0.1,
        device: str = "auto",
        checkpoint: Any = None,
        progress: Callable[[float], None] | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.hidden = hidden
        self.n_transforms = n_transforms
        self.n_knots = n_knots
        self.flow_hidden = flow_hidden
        self.n_context = n_context
        self.dropout = dropout
        self.normalization = normalization
        self.residual = residual
        self.grid = grid
        self.augmentation = augmentation
        self.augment_validation = augment_validation
        self.n_members = n_members
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.schedule = schedule
        self.validation_fraction = validation_fraction
        self.device = device
        self.checkpoint = checkpoint
        self.progress = progress
        self.verbose = verbose
        self.random_state = random_state

    def normalize(self, X: Any, Y: Any) -> tuple[np.ndarray, np.ndarray]:
        """Map parameters to where the posterior is standard normal.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.
        Y : array-like of shape (n, n_points, n_parameters)
            Parameters, several of each spectrum.

        Returns
        -------
        normal : ndarray of shape (n, n_points, n_parameters)
            Not a number where a parameter lies outside its prior.
        log_prob : ndarray of shape (n, n_points)
            As of :meth:`log_prob`.

        Raises
        ------
        RangeError
            If there are several flows, which share no such coordinates; or a prior has a jump.
        """
        flow = self._only_flow(X)
        Y = self._checked_parameters(Y, len(flow))
        flat = Y.reshape(-1, Y.shape[-1])
        z = self._targets.to_normal(flat)
        normal, log_q = flow.normalize(z.reshape(Y.shape))
        change = self._targets.log_density(flat) - stats.norm.logpdf(z)
        log_q += change.sum(axis=1).reshape(Y.shape[:2])
        normal[~np.isfinite(log_q)] = np.nan
        return normal, log_q

    def transport(self, X: Any, normal: np.ndarray) -> np.ndarray:
        """Undo :meth:`normalize`: from (n, n_points, n_parameters) to parameters."""
        return self._targets.from_normal(self._only_flow(X).transport(normal, double=True))

    @property
    def has_latent(self) -> bool:
        """Whether :meth:`normalize` and :meth:`transport` can be had."""
        return len(self.members_) == 1 and not self._targets.has_jumps

    def _only_flow(self, X: Any) -> ConditionalFlow:
        if not self.has_latent:
            raise RangeError(
                "an ensemble of flows, or a parameter of which many training rows share a value, "
                "has no coordinates in which the posterior is normal; train with n_members=1 and "
                "continuous priors"
            )
        parts = [density.members[0] for density in self.densities(X)]
        return ConditionalFlow(parts[0].head, torch.cat([part.features for part in parts]))

    def _make_body(self, n_channels: int, n_bins: int, n_numbers: int) -> nn.Module:
        return DenseBody(
            n_channels,
            n_bins,
            n_numbers,
            self.hidden,
            self.normalization,
            self.dropout,
            self.residual,
            carries=True,
        )

    def _make_head(self, n_features: int) -> nn.Module:
        return FlowHead(
            n_features,
            self._n_parameters,
            self.n_transforms,
            self.flow_hidden,
            self.n_knots,
            self.n_context,
        )

    def _average(self, parts: list[ConditionalFlow]) -> FlowPosterior:
        return FlowPosterior(parts)

    def _moments(self, density: FlowPosterior) -> tuple[np.ndarray, np.ndarray]:
        return density.moments(self._targets.from_normal)
