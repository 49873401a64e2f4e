"""Posteriors that are normalising flows: densities, samples, and what only samples can tell."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import special, stats

from exosk.exceptions import RangeError
from exosk.models.mixture import marginal_log_mass

if TYPE_CHECKING:
    from exosk.models.nets.flows import FlowHead

__all__ = ["ConditionalFlow", "FlowPosterior"]

# Points that go through a flow at once: what its layers make of them fits a processor's cache.
_AT_ONCE = 4096
# Points that stand for a posterior where its moments are taken, and its marginals; powers of two.
_N_MOMENTS, _N_KERNELS = 256, 1024


@dataclass(frozen=True)
class ConditionalFlow:
    """One network's posteriors of a batch of spectra.

    Parameters
    ----------
    head : FlowHead
        The flow.
    features : tensor of shape (n, n_features)
        What it is conditioned on.
    """

    head: FlowHead
    features: torch.Tensor

    def __len__(self) -> int:
        return len(self.features)

    def cpu(self) -> ConditionalFlow:
        """Return the same in main memory, where the head is already."""
        return ConditionalFlow(self.head, self.features.cpu())

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Log density at (n, d), shape (n,); or at several points each, (n, m, d), shape (n, m)."""
        if z.ndim == 2:
            return self.head.log_prob(z, self.features)
        log_q = z.new_empty(z.shape[:2])
        for rows, points in _parts(*z.shape[:2]):
            log_q[rows, points] = self.head.log_prob(z[rows, points], self.features[rows, None])
        return log_q

    def normalize(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Undo :meth:`transport`, (n, m, d), in double precision; and log densities, (n, m)."""
        normal, log_q = np.empty(z.shape), np.empty(z.shape[:2])
        with torch.inference_mode():
            for part in _parts(*z.shape[:2]):
                rows = self.features[part[0], None]
                u, density = self.head.normalize(torch.as_tensor(z[part]), rows)
                normal[part], log_q[part] = u.numpy(), density.numpy()
        return normal, log_q

    def transport(self, normal: np.ndarray, *, double: bool = False) -> np.ndarray:
        """Make samples of standard normal numbers, both of shape (n, m, d).

        Without `double` in single precision, which is exact enough for samples and twice as fast.
        """
        dtype = torch.float64 if double else torch.float32
        head = copy.deepcopy(self.head).to(dtype)
        base, features = torch.tensor(normal, dtype=dtype), self.features.to(dtype)
        z = np.empty(normal.shape)
        with torch.inference_mode():
            for rows, points in _parts(*normal.shape[:2]):
                z[rows, points] = head.sample(base[rows, points], features[rows, None]).numpy()
        lost = ~np.isfinite(z).all(axis=(1, 2))
        if lost.any():
            if double:
                raise RangeError(
                    "the flow cannot be inverted here; train it anew, with other seeds"
                )
            again = ConditionalFlow(self.head, self.features[torch.as_tensor(lost)])
            z[lost] = again.transport(normal[lost], double=True)
        return z


@dataclass(frozen=True)
class FlowPosterior:
    """Posteriors of a batch of spectra: what an ensemble of flows believes.

    Parameters
    ----------
    members : list of ConditionalFlow
        Equally weighted.
    """

    members: list[ConditionalFlow]

    def __len__(self) -> int:
        return len(self.members[0])

    @property
    def _dimension(self) -> int:
        return self.members[0].head.n_parameters

    @torch.inference_mode()
    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """Log density at (n, d), shape (n,); or at several points each, (n, m, d), shape (n, m)."""
        log_q = torch.stack([member.log_prob(z) for member in self.members])
        return torch.logsumexp(log_q, dim=0) - np.log(len(self.members))

    def log_mass(self, low: np.ndarray, high: np.ndarray, points: np.ndarray) -> np.ndarray:
        r"""Log of density in some coordinates, and of probability in others.

        With :math:`u = \Phi(z)`, the probability of an interval is

        .. math:: \int_a^b q(z)\, dz = \int_{\Phi(a)}^{\Phi(b)} \frac{q(z(u))}{\phi(z(u))}\, du,

        the mean over evenly spread u times the interval's length in u, which is finite even where
        an end is not.

        Parameters
        ----------
        low, high : ndarray of shape (n, d)
            Limits; the density is taken in coordinates where they are equal.
        points : ndarray of shape (m, d)
            Of the unit cube: where in an interval, to average over.

        Returns
        -------
        ndarray of shape (n,)
        """
        interval = (low < high)[:, None]
        below, above = special.ndtr(low)[:, None], special.ndtr(high)[:, None]
        inside = special.ndtri(below + (above - below) * points)
        z = np.where(interval, np.clip(inside, -8, 8), low[:, None])
        log_q = self.log_prob(torch.as_tensor(z)).numpy()
        change = np.where(interval, np.log(np.where(interval, above - below, 1)), 0.0)
        log_q = log_q + (change - np.where(interval, stats.norm.logpdf(z), 0.0)).sum(axis=-1)
        log_mass = special.logsumexp(log_q, axis=1) - np.log(len(points))
        # A probability that is a mean over points may round to a little above one.
        return np.where(interval.all(axis=(1, 2)), np.minimum(log_mass, 0.0), log_mass)

    def marginal_log_mass(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Do so for each coordinate by itself, shape (n, d), by Gaussian kernels over samples.

        Of Silverman's bandwidth (1986, equation 3.31). The prior counts as one sample among them:
        so few can't tell a density much below its share from none.
        """
        if self._dimension == 1:
            points = _even_points(1, _N_MOMENTS)
            return self.log_mass(low, high, points)[:, None]
        z = self._points(_N_KERNELS)
        n, m, d = z.shape
        quartile = np.quantile(z, (0.25, 0.75), axis=1)
        spread = np.minimum(z.std(axis=1), (quartile[1] - quartile[0]) / 1.349)
        bandwidth = np.maximum(0.9 * spread * m**-0.2, 1e-6)
        mean = np.concatenate([z, np.zeros((n, 1, d))], axis=1)
        std = np.concatenate(
            [np.broadcast_to(bandwidth[:, None], z.shape), np.ones((n, 1, d))], axis=1
        )
        return marginal_log_mass(np.full((n, m + 1), 1 / (m + 1)), mean, std, low, high)

    def moments(self, to_parameters: Any) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of parameters, by evenly spread samples.

        Parameters
        ----------
        to_parameters : callable
            From z, (..., d), to parameters.

        Returns
        -------
        mean, std : ndarray of shape (n, d)
        """
        y = to_parameters(self._points(_N_MOMENTS))
        return y.mean(axis=1), y.std(axis=1)

    def _points(self, n: int) -> np.ndarray:
        """Return n samples of each member, always the same and evenly spread."""
        normal = special.ndtri(_even_points(self._dimension, n))
        base = np.broadcast_to(normal, (len(self), *normal.shape))
        return np.concatenate(
            [member.transport(base, double=True) for member in self.members], axis=1
        )

    def sample(self, n: int, random: np.random.RandomState) -> np.ndarray:
        """Draw n samples of each spectrum, as many of each member as can be; (len(self), n, d)."""
        normal = random.standard_normal((len(self), n, self._dimension))
        order = random.permutation(len(self.members))
        z = np.empty_like(normal)
        for k, member in enumerate(order):
            part = slice(k, None, len(order))
            if normal[:, part].size:
                z[:, part] = self.members[member].transport(normal[:, part])
        return z


def _parts(n: int, m: int) -> Iterator[tuple[slice, slice]]:
    """Cut n spectra of m points into parts that are worked on at once."""
    width = min(m, _AT_ONCE)
    height = max(1, _AT_ONCE // width)
    for row in range(0, n, height):
        for point in range(0, m, width):
            yield slice(row, row + height), slice(point, point + width)


@lru_cache(maxsize=8)
def _even_points(dimension: int, n: int) -> np.ndarray:
    """Quasi-random points of the unit cube, shape (n, dimension)."""
    sobol = stats.qmc.Sobol(dimension, scramble=True, rng=0)
    return np.clip(sobol.random(n), 1e-12, 1 - 1e-12)
