r"""What a generator makes, and a critic judges: a spectrum and its parameters together.

As ExoGAN's network completes pictures of spectra and parameters
(:mod:`exosk.preprocessing.aspa`), so every generator here makes both at once. Two forms of them:

- *values*: the depths less their mean, the mean, and the parameters as standard normal variables
  (:mod:`exosk.models.targets`), each standardised over the training set;
- *pictures*: the ASPA itself, pixel by pixel.

Both go from depths and parameters to what the networks see, and back, with gradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["AspaPictures", "AspaValues", "structure_spread"]

# Relative to depths: a spread below is rounding, which must not be blown up to structure.
_ROUNDING = 1e-7


class AspaValues(nn.Module):
    """Standardised values.

    Parameters
    ----------
    n_bins, n_parameters : int
        What they hold.
    """

    def __init__(self, n_bins: int, n_parameters: int) -> None:
        super().__init__()
        self.n_bins, self.n_parameters = n_bins, n_parameters
        self.register_buffer("mean", torch.zeros(n_bins + 1))
        self.register_buffer("scale", torch.ones(n_bins + 1))

    @property
    def n_values(self) -> int:
        """Depths, mean depth, and parameters."""
        return self.n_bins + 1 + self.n_parameters

    def learn(self, depth: np.ndarray) -> None:
        """Learn means and spreads from training spectra, shape (n, n_bins)."""
        values = _apart(depth)
        # What a network makes of a constant then stays below rounding too.
        least = _ROUNDING * np.abs(values[:, -1]).max() or 1.0
        self.mean = torch.as_tensor(values.mean(axis=0)).to(self.mean)
        with np.errstate(over="ignore"):  # training ends with a word about wild values
            scale = np.maximum(values.std(axis=0), least)
        self.scale = torch.as_tensor(scale).to(self.scale)

    def encode(self, depth: np.ndarray, parameters: np.ndarray) -> torch.Tensor:
        """Map (n, n_bins) and (n, n_parameters), standard normal, to (n, n_values)."""
        values = torch.as_tensor(_apart(depth)).to(self.mean)
        drawn = torch.as_tensor(parameters).to(self.mean)
        return torch.cat([(values - self.mean) / self.scale, drawn], dim=1)

    def decode(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, n_values) to depths (n, n_bins) and parameters (n, n_parameters)."""
        n = self.n_bins
        parts = values[:, : n + 1] * self.scale + self.mean
        return parts[:, :n] + parts[:, n:], values[:, n + 1 :]


class AspaPictures(nn.Module):
    """Pixels.

    Parameters
    ----------
    encoder : AspaEncoder
        Fitted.
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        layout = encoder.aspa_layout_
        self.side, self.n_values = layout.side, layout.owner.size
        averaging = torch.as_tensor(layout.averaging, dtype=torch.get_default_dtype())
        self.register_buffer("averaging", averaging, persistent=False)

    def encode(self, depth: np.ndarray, parameters: np.ndarray | None = None) -> torch.Tensor:
        """Map (n, n_bins) and (n, n_parameters) to (n, side * side); NaN where not known."""
        pictures = self.encoder.encode(depth, parameters)
        return torch.as_tensor(pictures.reshape(len(pictures), -1)).to(self.averaging)

    def decode(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, side * side) to depths (n, n_bins) and parameters (n, n_parameters)."""
        depth, parameters = self.encoder.decode_code(values @ self.averaging)
        return depth, parameters


def structure_spread(depth: np.ndarray) -> float:
    """Return by how much depths vary: less their mean, or with it where they are flat.

    Parameters
    ----------
    depth : ndarray of shape (n, n_bins)
        Training spectra.
    """
    values = _apart(depth)
    with np.errstate(over="ignore"):
        spread = float(np.sqrt(np.mean(values[:, :-1] ** 2)))
    if spread <= _ROUNDING * np.abs(values[:, -1]).max():
        spread = float(np.std(depth, dtype=float))
    return spread or 1.0


def _apart(depth: np.ndarray) -> np.ndarray:
    """Depths less their mean, and the mean, in double precision: shape (n, n_bins + 1)."""
    level = depth.mean(axis=1, keepdims=True, dtype=float)
    return np.hstack([depth - level, level])
