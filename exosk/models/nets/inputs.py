r"""The first layer of every network: from a row of X to channels of order one.

A depth is near 0.02 and its structure near 0.0001, so a network must not see it as it is. With the
weighted mean of a spectrum over its bins as level and the weighted scatter about it as spread (the
weights are :math:`1/\sigma^2` where errors are known), the channels are

- depth - level, which keeps the amplitude that scale height and errors are compared with;
- (depth - level) / spread, the shape alone;
- asinh((depth - level) / sigma) and log sigma, where X holds errors;
- 1 where there is a depth and 0 where it is missing, if bins are missing in training;

each standardised bin by bin over the training set, and 0 in missing bins. Level, log spread and
what other columns there are follow as numbers by themselves. From these the row can be had back:
nothing is lost.
"""

from __future__ import annotations

import torch
from torch import nn

from exosk.rows import RowLayout

__all__ = ["SpectrumInput"]

# Relative; float64 leaves some seven digits more, of which sums eat a few.
_ROUNDING = 1e-9


class SpectrumInput(nn.Module):
    """Turn rows of X into channels and numbers.

    Parameters
    ----------
    layout : RowLayout
        The columns of X.
    has_missing : bool, default=False
        Whether a channel tells which bins are missing.
    """

    def __init__(self, layout: RowLayout, has_missing: bool = False) -> None:
        super().__init__()
        self.layout = layout
        self.has_missing = has_missing
        self.n_channels = (4 if layout.has_sigma else 2) + has_missing
        self.n_numbers = 2 + layout.n_extra
        n_scaled = self.n_channels - has_missing
        self.register_buffer("channel_mean", torch.zeros(n_scaled, layout.n_bins))
        self.register_buffer("channel_std", torch.ones(n_scaled, layout.n_bins))
        self.register_buffer("number_mean", torch.zeros(self.n_numbers))
        self.register_buffer("number_std", torch.ones(self.n_numbers))
        # Of the data: a spread or an error below a thousandth of it says nothing more.
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def learn(self, rows: torch.Tensor) -> None:
        """Learn means and spreads from training rows, of shape (n, n_columns), in double precision.

        Constant columns become zeros.
        """
        depth = rows[:, : self.layout.n_bins]
        observed = ~torch.isnan(depth)
        level, _, spread = _weighted_spread(depth.nan_to_num(), observed.to(depth.dtype))
        # A single bin has no spread, and spectra without structure none but their levels'.
        candidates = [spread.mean(), level.std(correction=0), torch.ones((), dtype=depth.dtype)]
        rounding = _ROUNDING * level.abs().mean()
        self.scale = next(c for c in candidates if c > rounding).to(self.scale)
        channels, numbers, observed = self._raw(rows)
        present = observed[:, None].expand_as(channels)
        self.channel_mean, self.channel_std = _moments(channels, present)
        self.number_mean, self.number_std = _moments(numbers, torch.ones_like(numbers).bool())

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, n_columns) to channels (n, n_channels, n_bins) and numbers (n, n_numbers)."""
        channels, numbers, observed = self._raw(rows)
        channels = (channels - self.channel_mean) / self.channel_std * observed[:, None]
        if self.has_missing:
            channels = torch.cat([channels, observed[:, None].to(channels.dtype)], dim=1)
        return channels, (numbers - self.number_mean) / self.number_std

    def _raw(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Channels and numbers before they are standardised, and which bins are there."""
        n = self.layout.n_bins
        depth = rows[:, :n]
        observed = ~torch.isnan(depth)
        depth = depth.nan_to_num()
        weight = observed.to(depth.dtype)
        floor = self.scale * 1e-3
        if self.layout.has_sigma:
            sigma = rows[:, n : 2 * n].nan_to_num().clamp(min=floor)
            # By the least of them, so that a huge one gets no weight, and none overflows.
            weight = weight / (sigma / sigma.amin(dim=1, keepdim=True)) ** 2
        level, shape, spread = _weighted_spread(depth, weight)
        spread = spread.clamp(min=floor)
        channels = [shape, shape / spread[:, None]]
        if self.layout.has_sigma:
            channels += [torch.asinh(shape / sigma), torch.log(sigma)]
        numbers = [level, torch.log(spread), *rows[:, rows.shape[1] - self.layout.n_extra :].T]
        return torch.stack(channels, dim=1), torch.stack(numbers, dim=1), observed


def _weighted_spread(
    depth: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Level (n,), depth less level (n, n_bins) and spread (n,)."""
    share = weight / weight.sum(dim=1, keepdim=True)
    level = (share * depth).sum(dim=1)
    shape = depth - level[:, None]
    return level, shape, (share * shape**2).sum(dim=1).sqrt()


def _moments(values: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation over the first axis, of what is present."""
    count = present.sum(dim=0).clamp(min=1)
    mean = (values * present).sum(dim=0) / count
    std = (((values - mean) * present) ** 2).sum(dim=0).div(count).sqrt()
    # The scatter of a constant is rounding, which must not be blown up to structure.
    constant = std <= _ROUNDING * mean.abs()
    return mean, torch.where(constant, torch.full_like(std, torch.inf), std)
