"""Generators and critics of generative adversarial networks: fully connected, or of pictures.

Those of pictures are the DCGAN's (Radford, Metz & Chintala 2016, arXiv:1511.06434) with the sizes
of ExoGAN (Zingales & Waldmann 2018, AJ 156, 268, arXiv:1806.02906): for 33 x 33 pixels the
generator goes through 3 x 3 x 512, 5 x 5 x 256, 9 x 9 x 128 and 17 x 17 x 64. ExoGAN's
discriminator ends in 3 x 3 x 512 = 4,608 features a picture, but its code reshapes those of a batch
into rows of 8,192, which mix pictures; here each picture has its own.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["DenseCritic", "DenseGenerator", "PictureCritic", "PictureGenerator"]

_KERNEL, _STRIDE, _PADDING = 5, 2, 2
_N_STAGES = 4
_LEAK = 0.2
# Of the weights at the start, as in the DCGAN.
_INITIAL = 0.02
# Of the last layer's weights at the start: the generator begins close to its linear part.
_FIRST = 0.1


class _ResidualLayer(nn.Module):
    """A layer that is added to its input."""

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_features, n_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + nn.functional.silu(self.layer(x))


class DenseGenerator(nn.Module):
    """Fully connected, from standard normal variables to values of order one.

    It sees the variables as numbers u between -1 and 1, of equal probability, and as their
    products: a level that goes with the square of a radius needs no hidden layer then.

    Parameters
    ----------
    n_latent : int
        Number of variables.
    n_values : int
        Number of values.
    hidden : sequence of int
        Widths of the layers.
    n_products : int, default=16
        How many of the variables, the first, are multiplied with each other.
    """

    def __init__(
        self, n_latent: int, n_values: int, hidden: Sequence[int], n_products: int = 16
    ) -> None:
        super().__init__()
        m = min(n_latent, n_products)
        rows, columns = torch.tril_indices(m, m)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("columns", columns, persistent=False)
        n_in = n_latent + len(rows)
        self.linear = nn.Linear(n_in, n_values)
        layers: list[nn.Module] = [nn.Linear(n_in, hidden[0]), nn.SiLU()]
        for a, b in itertools.pairwise(hidden):
            layers += [_ResidualLayer(a)] if a == b else [nn.Linear(a, b), nn.SiLU()]
        last = nn.Linear(hidden[-1], n_values)
        with torch.no_grad():
            last.weight.mul_(_FIRST)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Map (n, n_latent) to (n, n_values)."""
        u = torch.erf(z / math.sqrt(2.0))
        u = torch.cat([u, u[:, self.rows] * u[:, self.columns]], dim=1)
        return self.linear(u) + self.layers(u)


class DenseCritic(nn.Sequential):
    """Fully connected, from values to one number.

    Parameters
    ----------
    n_values : int
        Number of values.
    hidden : sequence of int
        Widths of the layers.
    """

    def __init__(self, n_values: int, hidden: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise([n_values, *hidden]):
            layers += [nn.Linear(a, b), nn.LeakyReLU(_LEAK)]
        super().__init__(*layers, nn.Linear(hidden[-1], 1))


class PictureGenerator(nn.Module):
    """The DCGAN's generator.

    Parameters
    ----------
    n_latent : int
        Number of variables, standard normal; it sees them as numbers between -1 and 1, of equal
        probability.
    side : int
        Pixels of a side of the picture.
    n_filters : int, default=64
        Channels of the stage before the last; each stage before has twice as many.
    """

    def __init__(self, n_latent: int, side: int, n_filters: int = 64) -> None:
        super().__init__()
        sides = _sides(side)
        channels = [n_filters * 2**k for k in reversed(range(_N_STAGES))]
        self.first = (channels[0], sides[0], sides[0])
        self.project = nn.Linear(n_latent, math.prod(self.first))
        stages: list[nn.Module] = [nn.BatchNorm2d(channels[0]), nn.ReLU()]
        for k, (a, b) in enumerate(itertools.pairwise(channels)):
            stages += [_grow(a, b, sides[k], sides[k + 1]), nn.BatchNorm2d(b), nn.ReLU()]
        stages += [_grow(channels[-1], 1, sides[-2], sides[-1]), nn.Sigmoid()]
        self.stages = nn.Sequential(*stages)
        self.apply(_begin)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Map (n, n_latent) to (n, side * side)."""
        u = torch.erf(z / math.sqrt(2.0))
        return self.stages(self.project(u).view(-1, *self.first)).flatten(1)


class PictureCritic(nn.Module):
    """The DCGAN's discriminator, without the sigmoid at its end.

    Parameters
    ----------
    side : int
        Pixels of a side of the picture.
    n_filters : int, default=64
        Channels of the first stage; each further one has twice as many.
    batch_norm : bool, default=True
        Whether features are normalised over a batch; not with a gradient penalty, which is of one
        picture.
    """

    def __init__(self, side: int, n_filters: int = 64, batch_norm: bool = True) -> None:
        super().__init__()
        self.side = side
        channels = [1, *(n_filters * 2**k for k in range(_N_STAGES))]
        stages: list[nn.Module] = []
        for k, (a, b) in enumerate(itertools.pairwise(channels)):
            stages.append(nn.Conv2d(a, b, _KERNEL, _STRIDE, _PADDING))
            if k and batch_norm:
                stages.append(nn.BatchNorm2d(b))
            stages.append(nn.LeakyReLU(_LEAK))
        n_features = channels[-1] * _sides(side)[0] ** 2
        self.stages = nn.Sequential(*stages, nn.Flatten(), nn.Linear(n_features, 1))
        self.apply(_begin)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Map (n, side * side) to (n, 1)."""
        return self.stages(pictures.view(-1, 1, self.side, self.side))


def _sides(side: int) -> list[int]:
    """Sides of the picture from the first stage of the generator on: halves, rounded up."""
    sides = [side]
    for _ in range(_N_STAGES):
        sides.insert(0, -(-sides[0] // _STRIDE))
    return sides


def _grow(n_in: int, n_out: int, side: int, next_side: int) -> nn.ConvTranspose2d:
    extra = next_side - (_STRIDE * side - 1)
    return nn.ConvTranspose2d(n_in, n_out, _KERNEL, _STRIDE, _PADDING, output_padding=extra)


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=_INITIAL)
        nn.init.zeros_(module.bias)
