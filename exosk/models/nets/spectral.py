"""A whole network: input, body, head."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from exosk.models.nets.inputs import SpectrumInput

__all__ = ["SpectralNet"]


class SpectralNet(nn.Module):
    """Rows of X in, what the head makes of them out.

    Parameters
    ----------
    layer_in : SpectrumInput
        The first layer.
    body : Module
        With ``n_features``.
    head : Module
        The last layer.
    """

    def __init__(self, layer_in: SpectrumInput, body: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.layer_in = layer_in
        self.body = body
        self.head = head

    def forward(self, rows: torch.Tensor) -> Any:
        """Map (n, n_columns)."""
        return self.head(self.features(rows))

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        """Map (n, n_columns) to what the head is given, (n, n_features)."""
        return self.body(*self.layer_in(rows))
