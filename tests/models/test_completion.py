"""Descents in a latent space: the published one, and the one with noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from exosk.models.completion import complete_pictures, descend_with_noise
from exosk.models.latent import GeneratorLikelihood

N_BINS = 12


def seeded(n: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, k]) for k in range(n)]


# --- with noise ------------------------------------------------------------------------------


class Line:
    """x = 0.02 + A z, with errors that go together in two ways."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.A = 1e-4 * random.standard_normal((N_BINS, 2))
        self.factor = 3e-5 * random.standard_normal((2, N_BINS))
        self.variance = np.full(N_BINS, 1e-11)
        self.sigma = 5e-5 * random.uniform(0.7, 1.5, (3, N_BINS))
        self.depth = 0.02 + random.standard_normal((3, 2)) @ self.A.T
        self.depth += self.sigma * random.standard_normal((3, N_BINS))
        self.depth[1, ::2] = np.nan
        self.depth[2, 1:] = np.nan

    def decode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 0.02 + z @ torch.as_tensor(self.A).to(z).T, z

    def likelihood(self, dtype: torch.dtype = torch.float64) -> GeneratorLikelihood:
        parts = (self.depth, self.sigma, self.factor, self.variance)
        return GeneratorLikelihood(self.decode, *(torch.tensor(p, dtype=dtype) for p in parts))

    def exact(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the posterior."""
        seen = ~np.isnan(self.depth[k])
        F, A = self.factor[:, seen], self.A[seen]
        C = np.diag(self.sigma[k, seen] ** 2 + self.variance[seen]) + F.T @ F
        covariance = np.linalg.inv(np.eye(2) + A.T @ np.linalg.solve(C, A))
        return covariance @ A.T @ np.linalg.solve(C, self.depth[k, seen] - 0.02), covariance


@pytest.fixture(scope="module")
def line() -> Line:
    return Line()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_ends_are_samples_of_the_posterior_where_spectra_are_linear(line, dtype):
    ends = descend_with_noise(line.likelihood(dtype), seeded(3), 2, 1500, 400)
    assert ends.shape == (3, 1500, 2)
    assert ends.dtype == dtype
    for k in range(3):
        mean, covariance = line.exact(k)
        z = (ends[k].double().numpy() - mean) @ np.linalg.cholesky(np.linalg.inv(covariance))
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=4 / np.sqrt(1500))
        np.testing.assert_allclose(np.cov(z.T), np.eye(2), atol=0.15)


def test_a_descent_does_not_know_of_the_others_and_repeats(line):
    likelihood = line.likelihood()
    ends = descend_with_noise(likelihood, seeded(3), 2, 20, 50)
    assert torch.equal(descend_with_noise(likelihood, seeded(3), 2, 20, 50), ends)
    assert (descend_with_noise(likelihood, seeded(3, 1), 2, 20, 50) != ends).all()
    alone = descend_with_noise(likelihood[torch.tensor([2])], seeded(3)[2:], 2, 20, 50)
    torch.testing.assert_close(alone, ends[2:], rtol=1e-9, atol=1e-9)


# --- as published ----------------------------------------------------------------------------


class Painter(nn.Module):
    """A generator of pictures of 16 pixels that needs no training, and a critic."""

    def __init__(self, n_latent: int = 3, opinion: float = 0.0) -> None:
        super().__init__()
        weights = np.random.default_rng(0).standard_normal((n_latent, 16))
        self.paint = nn.Parameter(torch.tensor(weights), requires_grad=False)
        self.opinion = opinion

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(torch.erf(z / 2**0.5) @ self.paint)

    def critic(self, pictures: torch.Tensor) -> torch.Tensor:
        return self.opinion * (pictures.mean(dim=1, keepdim=True) - 0.8)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """That the painter can make, less half of their pixels; and whole."""
    z = torch.tensor(np.random.default_rng(1).uniform(-1, 1, (4, 3)))
    whole = Painter()(z)
    masked = whole.clone()
    masked[:, ::2] = torch.nan
    return torch.stack([whole, masked])


def test_a_picture_that_can_be_made_is_completed(pictures):
    whole, masked = pictures
    ends = complete_pictures(Painter(), masked, seeded(4), 3, 5, 600)
    assert ends.shape == (4, 5, 3)
    made = Painter()(ends.flatten(0, 1)).view(4, 5, 16)
    assert (abs(made - whole[:, None]) < 0.02).all()


def test_a_completion_depends_on_known_pixels_only(pictures):
    whole, masked = pictures
    ends = complete_pictures(Painter(), masked, seeded(4), 3, 3, 40)
    changed = whole.clone()
    changed[0, 1::2] += 0.1
    changed[0, ::2] = torch.nan
    changed[1:, ::2] = torch.nan
    others = complete_pictures(Painter(), changed, seeded(4), 3, 3, 40)
    torch.testing.assert_close(others[1:], ends[1:], rtol=1e-12, atol=1e-12)
    assert (others[0] != ends[0]).any()


def test_the_critic_has_a_say(pictures):
    """It prefers bright pictures, and the unknown pixels get brighter."""
    masked = pictures[1].clone()
    masked[:, 3:] = torch.nan
    means = []
    for opinion in (0.0, 20.0):
        net = Painter(4, opinion)
        ends = complete_pictures(net, masked, seeded(4), 4, 8, 300)
        means.append(float(net(ends.flatten(0, 1)).mean()))
    assert means[1] > means[0] + 0.02


def test_variables_stay_within_the_cube_and_come_back_from_its_faces():
    """Pictures beyond what can be made drive them there, and the loss alone holds them."""
    net = Painter(1)
    bright = (net.paint > 0).double()
    ends = complete_pictures(net, bright, seeded(1), 1, 6, 400)
    assert torch.isfinite(ends).all()
    assert (ends > 4).all()
    # One that begins at a face is not held there.
    start = torch.full((1, 1), 9.0, dtype=torch.float64)
    target = net(torch.zeros_like(start))

    class Face:
        def uniform(self, low: float, high: float, size: tuple[int, ...]) -> np.ndarray:
            return np.full(size, high)

    ends = complete_pictures(net, target, [Face()], 1, 1, 400)
    assert abs(ends).max() < 0.05


def test_a_completion_repeats(pictures):
    ends = [complete_pictures(Painter(), pictures[1], seeded(4, s), 3, 3, 20) for s in (0, 0, 1)]
    assert torch.equal(ends[0], ends[1])
    assert (ends[0] != ends[2]).any()
