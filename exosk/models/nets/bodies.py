"""The middle of a network: from channels and numbers to a vector of features."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["ConvolutionBody", "DenseBody"]


class _DenseBlock(nn.Module):
    """Linear, normalisation, activation, dropout; added to its input where widths agree."""

    def __init__(
        self, n_in: int, n_out: int, normalization: str | None, dropout: float, residual: bool
    ) -> None:
        super().__init__()
        norms = {"layer": nn.LayerNorm, "batch": nn.BatchNorm1d, None: nn.Identity}
        self.residual = residual and n_in == n_out
        self.layers = nn.Sequential(
            nn.Linear(n_in, n_out), norms[normalization](n_out), nn.SiLU(), nn.Dropout(dropout)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layers(x)
        return x + out if self.residual else out


class DenseBody(nn.Module):
    """Fully connected layers over all channels and numbers at once.

    Parameters
    ----------
    n_channels, n_bins, n_numbers : int
        What the input gives.
    hidden : sequence of int
        Widths of the layers.
    normalization : {"layer", "batch", None}
    dropout : float
    residual : bool
        Whether a layer as wide as the one before is added to it.
    carries : bool
        Whether the numbers are features too. What is needed to a thousandth, as a spectrum's level
        is for the planet's radius, does not get through normalised layers.
    """

    def __init__(
        self,
        n_channels: int,
        n_bins: int,
        n_numbers: int,
        hidden: Sequence[int],
        normalization: str | None = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        carries: bool = False,
    ) -> None:
        super().__init__()
        widths = [n_channels * n_bins + n_numbers, *hidden]
        self.layers = nn.Sequential(
            *(
                _DenseBlock(a, b, normalization, dropout, residual)
                for a, b in itertools.pairwise(widths)
            )
        )
        self.n_features = widths[-1]
        self.carries = carries
        if carries:
            self.n_features += n_numbers

    def forward(self, channels: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Map (n, n_channels, n_bins) and (n, n_numbers) to (n, n_features)."""
        out = self.layers(torch.cat([channels.flatten(1), numbers], dim=1))
        return torch.cat([out, numbers], dim=1) if self.carries else out


class _ConvolutionBlock(nn.Module):
    """Convolution, normalisation, activation, dropout; then every other bin is dropped."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel_size: int,
        stride: int,
        normalization: str | None,
        dropout: float,
        residual: bool,
    ) -> None:
        super().__init__()
        norms = {
            # One group: the mean and spread of all channels of one spectrum.
            "layer": lambda n: nn.GroupNorm(1, n),
            "batch": nn.BatchNorm1d,
            None: lambda n: nn.Identity(),
        }
        self.layers = nn.Sequential(
            nn.Conv1d(n_in, n_out, kernel_size, stride, padding=kernel_size // 2),
            norms[normalization](n_out),
            nn.SiLU(),
            # Whole channels, since neighbouring bins tell the same (Tompson et al. 2015,
            # arXiv:1411.4280); it needs far fewer random numbers as well.
            nn.Dropout1d(dropout),
        )
        # Where the shape changes, a convolution of width one carries the input over (He et al.
        # 2016, arXiv:1512.03385, option B).
        same = n_in == n_out and stride == 1
        carried = nn.Identity() if same else nn.Conv1d(n_in, n_out, 1, stride)
        self.carried = carried if residual else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layers(x)
        return out if self.carried is None else out + self.carried(x)


class _AttentionBlock(nn.Module):
    """Self-attention between places of the spectrum, with a learned code of the place."""

    def __init__(self, n_channels: int, n_places: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.place = nn.Parameter(0.02 * torch.randn(n_places, n_channels))
        self.norm = nn.LayerNorm(n_channels)
        self.attention = nn.MultiheadAttention(
            n_channels, n_heads, dropout=dropout, batch_first=True
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.transpose(1, 2)
        normed = self.norm(tokens + self.place)
        attended, _ = self.attention(normed, normed, normed, need_weights=False)
        return (tokens + attended).transpose(1, 2)


class ConvolutionBody(nn.Module):
    """Convolutions along the wavelength, then fully connected layers.

    Places are kept to the end (nothing is averaged over the whole spectrum), since a band is known
    by its wavelength.

    Parameters
    ----------
    n_channels, n_bins, n_numbers : int
        What the input gives.
    filters : sequence of int
        Channels of the convolution blocks; each but the first halves the number of places while
        there are eight or more.
    kernel_size : int
        Odd.
    hidden : sequence of int
        Widths of the fully connected layers.
    normalization : {"layer", "batch", None}
    dropout : float
    residual : bool
        Whether blocks are added to their input.
    n_attention : int
        Number of self-attention blocks after the convolutions, of four heads.
    """

    #: Of each attention block.
    N_HEADS = 4

    def __init__(
        self,
        n_channels: int,
        n_bins: int,
        n_numbers: int,
        filters: Sequence[int],
        kernel_size: int,
        hidden: Sequence[int],
        normalization: str | None = "layer",
        dropout: float = 0.0,
        residual: bool = True,
        n_attention: int = 0,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        n_in, places = n_channels, n_bins
        for k, n_out in enumerate(filters):
            stride = 2 if k and places >= 8 else 1
            blocks.append(
                _ConvolutionBlock(
                    n_in, n_out, kernel_size, stride, normalization, dropout, residual
                )
            )
            n_in, places = n_out, -(-places // stride)
        blocks += [_AttentionBlock(n_in, places, self.N_HEADS, dropout) for _ in range(n_attention)]
        self.blocks = nn.Sequential(*blocks)
        self.dense = DenseBody(n_in, places, n_numbers, hidden, normalization, dropout, residual)
        self.n_features = self.dense.n_features

    def forward(self, channels: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """Map (n, n_channels, n_bins) and (n, n_numbers) to (n, n_features)."""
        return self.dense(self.blocks(channels), numbers)
