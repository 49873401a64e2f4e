"""Convolutional networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from exosk.grids import SpectralGrid
from exosk.models.mixture_retriever import MixtureRetriever
from exosk.models.nets import ConvolutionBody
from exosk.models.network import SpectralNetwork
from exosk.models.network_detector import NetworkDetector

__all__ = ["CNNDetector", "CNNRetriever"]


class _Convolutional(SpectralNetwork):
    """What both have."""

    def _make_body(self, n_channels: int, n_bins: int, n_numbers: int) -> nn.Module:
        return ConvolutionBody(
            n_channels,
            n_bins,
            n_numbers,
            self.filters,
            self.kernel_size,
            self.hidden,
            self.normalization,
            self.dropout,
            self.residual,
            self.n_attention,
        )


class CNNRetriever(_Convolutional, MixtureRetriever):
    """Retrieve parameters with convolutions along the wavelength, posterior and all.

    Parameters
    ----------
    filters : sequence of int, default=(16, 32, 32)
        Channels of the convolution blocks; each but the first halves the number of places, while
        there are eight or more.
    kernel_size : int, default=5
        Bins that a convolution sees at once; odd.
    hidden : sequence of int, default=(128, 128)
        Widths of the fully connected layers that follow.
    n_attention : int, default=0
        Self-attention blocks between the two, of four heads: the last of `filters` is a multiple
        of four then.
    n_components : int, default=8
        Gaussians of the posterior of one member.
    dropout : float, default=0.05
        Share of the features that each layer forgets in training.
    normalization : {"layer", "batch", None}, default="layer"
    residual : bool, default=True
        Whether blocks and layers are added to their input.
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
    """

    def __init__(
        self,
        filters: Sequence[int] = (16, 32, 32),
        *,
        kernel_size: int = 5,
        hidden: Sequence[int] = (128, 128),
        n_attention: int = 0,
        n_components: int = 8,
        dropout: float = 0.05,
        normalization: str | None = "layer",
        residual: bool = True,
        grid: SpectralGrid | None = None,
        augmentation: Any = None,
        augment_validation: bool = True,
        n_members: int = 1,
        learning_rate: float = 3e-3,
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
        self.filters = filters
        self.kernel_size = kernel_size
        self.hidden = hidden
        self.n_attention = n_attention
        self.n_components = n_components
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


class CNNDetector(_Convolutional, NetworkDetector):
    """Detect molecules with convolutions along the wavelength, one calibrated probability each.

    Parameters
    ----------
    filters : sequence of int, default=(16, 32, 32)
        Channels of the convolution blocks; each but the first halves the number of places, while
        there are eight or more.
    kernel_size : int, default=5
        Bins that a convolution sees at once; odd.
    hidden : sequence of int, default=(128, 128)
        Widths of the fully connected layers that follow.
    n_attention : int, default=0
        Self-attention blocks between the two, of four heads: the last of `filters` is a multiple
        of four then.
    class_weight : {"balanced", None}, default=None
        Whether spectra that hold a rare molecule weigh more in training.
    dropout : float, default=0.05
        Share of the features that each layer forgets in training.
    normalization : {"layer", "batch", None}, default="layer"
    residual : bool, default=True
        Whether blocks and layers are added to their input.
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
    classes_ : ndarray or list of ndarray
        The classes, or the classes of each label.
    layout_ : RowLayout
        What the columns are.
    n_features_in_ : int
        Number of columns of X.
    """

    def __init__(
        self,
        filters: Sequence[int] = (16, 32, 32),
        *,
        kernel_size: int = 5,
        hidden: Sequence[int] = (128, 128),
        n_attention: int = 0,
        class_weight: str | None = None,
        dropout: float = 0.05,
        normalization: str | None = "layer",
        residual: bool = True,
        grid: SpectralGrid | None = None,
        augmentation: Any = None,
        augment_validation: bool = True,
        n_members: int = 1,
        learning_rate: float = 3e-3,
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
        self.filters = filters
        self.kernel_size = kernel_size
        self.hidden = hidden
        self.n_attention = n_attention
        self.class_weight = class_weight
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
