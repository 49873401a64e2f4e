r"""Columns along lines of sight, ready to be multiplied with cross sections.

A ray whose closest approach :math:`b_i` is the middle of shell i crosses the shell between
:math:`r_j` and :math:`r_{j+1}` twice, over

.. math:: \ell_{ij} = 2\left(\sqrt{r_{j+1}^2 - b_i^2} - \sqrt{\max(r_j^2 - b_i^2, 0)}\right)

for :math:`j \ge i`. What it meets there of each node of pressure is linear in
:math:`\ell_{ij} n_j`, with factors that belong to the layering alone. They are computed once, so
that a batch of atmospheres costs one small matrix product a ray.

Squares are taken of heights above the bottom, where float32 keeps the digits that matter: a
chord errs by 1e-5 at the very top, a depth by less than a thousandth of a ppm.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import special

from exosk.simulators.absorbers import PairAbsorbers
from exosk.simulators.workspace import Workspace

if TYPE_CHECKING:
    from exosk.simulators.layers import Shells

__all__ = ["SlantColumns", "path_moments", "slant_paths"]

_LOG2_E = math.log2(math.e)
# Towards the top, where the atmosphere is cut off, columns fall as the root of the distance. The
# midpoint rule's sum over such an edge is -zeta(-1/2, 1/2) shells too large (Navot 1961, J. Math.
# Phys. 40, 271), which the last ray gives back.
_TOP_RAY = 1 - (1 / math.sqrt(2) - 1) * float(special.zeta(-0.5)) * math.sqrt(2)


class SlantColumns(torch.nn.Module):
    """From the shells of a batch of atmospheres to its slant columns.

    Parameters
    ----------
    weights, slopes : tensor of shape (n_layers, n_nodes)
        What the layers take from each node of pressure, and its derivative to ln P.
    step : float
        ln P across a layer.
    plain : bool
        Whether density is the same throughout a shell, or falls exponentially.
    one_pair_column : bool
        Whether the absorption of pairs is the same at all nodes.
    """

    lines: torch.Tensor
    pairs: torch.Tensor

    def __init__(
        self,
        weights: torch.Tensor,
        slopes: torch.Tensor,
        step: float,
        *,
        plain: bool,
        one_pair_column: bool,
    ) -> None:
        super().__init__()
        w, s = weights.cpu().numpy(), slopes.cpu().numpy()
        n_layers = len(w)
        # Scaled so that 2 to the power of columns times cross sections is the transmission.
        scale = -2 * _LOG2_E * np.triu(np.ones((n_layers, n_layers)))
        mean, variance = path_moments(n_layers, 0.0 if plain else step)
        if not plain:
            scale[-1, -1] *= _TOP_RAY
        # Averages of exp(-y), y exp(-y) and exp(-2y), to second order in y.
        second = mean**2 + variance
        once, shift, twice = (
            (scale * factor)[:, :, None]
            for factor in (1 - mean + second / 2, mean - second, 1 - 2 * mean + 2 * second)
        )
        share = np.ones((n_layers, 1)) if one_pair_column else w
        for name, factors in (
            ("lines", once * w - shift * s),
            ("pairs", twice * share / PairAbsorbers.LOSCHMIDT),
        ):
            self.register_buffer(name, torch.from_numpy(factors.astype(np.float32)))
        self._work = Workspace()

    def forward(self, shells: Shells) -> torch.Tensor:
        """Multiply paths and densities with the layering's factors.

        Parameters
        ----------
        shells : Shells
            Of n atmospheres.

        Returns
        -------
        tensor of shape (n, n_layers, n_columns), float32
            For the nodes, then for pairs (one or all nodes, per amagat squared).
        """
        density = shells.density.to(torch.float32)
        path = slant_paths(shells.radius, self._work)
        first = torch.mul(path, density, out=self._work("first", *path.shape, like=path))
        lines = torch.bmm(first, self.lines)
        # In place of the path, which is not needed any more; density squared is beyond float32.
        amagat = density / PairAbsorbers.LOSCHMIDT
        second = torch.mul(first, amagat, out=self._work("path", *path.shape, like=path))
        pairs = torch.bmm(second, self.pairs)
        return torch.cat([lines, pairs], -1).transpose(0, 1)


def slant_paths(radius: torch.Tensor, work: Workspace | None = None) -> torch.Tensor:
    """Half the length of each line of sight within each shell, in cm.

    Parameters
    ----------
    radius : tensor of shape (n, n_layers + 1), float64
        Radii of the layer boundaries, ascending, in cm.
    work : Workspace, optional
        Memory to use again.

    Returns
    -------
    tensor of shape (n_layers, n, n_layers), float32
        First the ray, last the shell; zero where the shell lies below the ray.
    """
    work = work or Workspace()
    bottom = radius[:, :1]
    middle = (radius[:, 1:] + radius[:, :-1]) / 2
    edges = ((radius - bottom) * (radius + bottom)).to(torch.float32)
    closest = ((middle - bottom) * (middle + bottom)).to(torch.float32)
    shape = (closest.shape[1], *edges.shape)
    square = torch.sub(edges, closest.T[:, :, None], out=work("square", *shape, like=edges))
    # What a ray does not cross is negative; a centimetre keeps the gradient of the root finite.
    half = torch.clamp(square, min=1.0, out=work("square", *shape, like=edges))
    half = torch.sqrt(half, out=work("square", *shape, like=edges))
    shape = (*shape[:2], shape[2] - 1)
    return torch.sub(half[:, :, 1:], half[:, :, :-1], out=work("path", *shape, like=edges))


def path_moments(n_layers: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean of ln P along each slant path within a shell, and its variance.

    Where a ray crosses shell j, pressure falls as :math:`e^{-y}` with y counted from the middle
    of the shell in scale heights. In a shallow atmosphere :math:`y + (j - i)\,h \propto s^2`
    along the ray i, so that the moments depend on j - i alone: with a and b the half-chords
    in units of :math:`\sqrt{H r}`, the mean of s^2 is (a^2 + ab + b^2)/3. The ray starts in the
    middle of its own shell and sees the upper half of it, a mean pressure h/6 below the middle's.

    Parameters
    ----------
    n_layers : int
        Number of shells.
    step : float
        ln P across one of them.

    Returns
    -------
    mean, variance : ndarray of shape (n_layers, n_layers)
        Of y; first the ray, then the shell; zero below the diagonal.
    """
    order = np.arange(n_layers, dtype=float)
    low, high = np.sqrt(np.maximum(2 * order - 1, 0)), np.sqrt(2 * order + 1)
    second = (low**2 + low * high + high**2) / 3
    fourth = sum(low**k * high ** (4 - k) for k in range(5)) / 5
    mean = (second - 2 * order) * step / 2
    variance = (fourth - second**2) * (step / 2) ** 2
    place = np.arange(n_layers) - np.arange(n_layers)[:, None]
    crossed = place >= 0
    return np.where(crossed, mean[place], 0.0), np.where(crossed, variance[place], 0.0)
