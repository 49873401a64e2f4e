"""Generators and critics: sizes, what depends on what, and published numbers."""

import itertools
import math

import numpy as np
import pytest
import torch

from exosk.models.nets.generators import (
    DenseCritic,
    DenseGenerator,
    PictureCritic,
    PictureGenerator,
)


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def shapes_through(stages: torch.nn.Sequential, x: torch.Tensor) -> list[tuple[int, ...]]:
    """Of what convolutions take in and give out, as side x side x channels."""
    seen = []
    for stage in stages:
        y = stage(x)
        if isinstance(stage, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            seen += [tuple(t.shape[i] for i in (2, 3, 1)) for t in (x, y)]
        x = y
    return list(dict.fromkeys(seen))


def n_weights(net: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in net.parameters())


PUBLISHED = [(3, 3, 512), (5, 5, 256), (9, 9, 128), (17, 17, 64), (33, 33, 1)]


def test_the_generators_pictures_grow_as_published():
    net = PictureGenerator(100, 33).eval()
    start = net.project(torch.randn(2, 100)).view(-1, *net.first)
    assert shapes_through(net.stages, start) == PUBLISHED
    assert net(torch.randn(2, 100)).shape == (2, 33 * 33)


def test_the_critics_pictures_shrink_as_published():
    net = PictureCritic(33).eval()
    assert shapes_through(net.stages, torch.rand(2, 1, 33, 33)) == PUBLISHED[::-1]
    assert net(torch.rand(2, 33 * 33)).shape == (2, 1)


def test_they_have_as_many_weights_as_these_sizes_come_to():
    """5 x 5 kernels with biases, two numbers a channel for a normalisation, dense ends."""
    channels = [size[2] for size in PUBLISHED]
    between = list(itertools.pairwise(channels))
    kernels = sum(25 * a * b for a, b in between)
    generator = (100 + 1) * 3 * 3 * 512 + kernels + sum(b for _, b in between)
    generator += sum(2 * c for c in channels[:-1])
    assert n_weights(PictureGenerator(100, 33)) == generator == 4_770_177
    critic = kernels + sum(a for a, _ in between) + 3 * 3 * 512 + 1
    assert n_weights(PictureCritic(33, batch_norm=False)) == critic
    assert n_weights(PictureCritic(33)) == critic + 2 * (128 + 256 + 512)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_a_critic_judges_each_picture_by_itself(batch_norm):
    """ExoGAN's own took rows of 8,192 features out of a batch of 4,608 each, which mixes them."""
    net = PictureCritic(33, 8, batch_norm)
    net(torch.rand(16, 33 * 33))  # so that the running statistics are not those of the start
    net.eval()
    pictures = torch.rand(6, 33 * 33)
    scores = net(pictures)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    torch.testing.assert_close(net(pictures[order]), scores[order])
    changed = torch.rand(6, 33 * 33)
    changed[2] = pictures[2]
    torch.testing.assert_close(net(changed)[2], scores[2])
    torch.testing.assert_close(net(pictures[:1]), scores[:1])
    assert (net(changed)[[0, 1, 3, 4, 5]] != scores[[0, 1, 3, 4, 5]]).all()
    # As many numbers as there are pictures, each of all pixels of its own.
    pictures.requires_grad_()
    (gradient,) = torch.autograd.grad(net(pictures)[4].sum(), pictures)
    assert not gradient[[0, 1, 2, 3, 5]].any()
    assert (gradient[4] != 0).float().mean() > 0.9


@pytest.mark.parametrize("side", range(1, 41))
def test_any_side_will_do(side):
    generator, critic = PictureGenerator(3, side, 2), PictureCritic(side, 2)
    made = generator(torch.randn(4, 3))
    assert made.shape == (4, side * side)
    assert (made > 0).all()
    assert (made < 1).all()
    assert critic(made).shape == (4, 1)
    # Each stage is half as large as the next, rounded up.
    assert generator.first[1] == math.ceil(side / 16)


def test_a_generator_sees_numbers_of_equal_probability():
    """Beyond a few standard deviations nothing changes any more."""
    for net in (PictureGenerator(2, 5, 2).eval(), DenseGenerator(2, 5, (8,))):
        far, farther = torch.full((1, 2), 9.0), torch.full((1, 2), 90.0)
        torch.testing.assert_close(net(far), net(farther))
        assert (net(-far) != net(far)).any()


@pytest.mark.parametrize("hidden", [(16,), (16, 16, 16), (8, 16, 4)])
@pytest.mark.parametrize("n_latent", [1, 2, 20])
def test_dense_ones_take_any_widths(hidden, n_latent):
    generator, critic = DenseGenerator(n_latent, 7, hidden), DenseCritic(7, hidden)
    made = generator(torch.randn(5, n_latent))
    assert made.shape == (5, 7)
    assert critic(made).shape == (5, 1)
    critic(made).sum().backward()
    for net in (generator, critic):
        idle = [name for name, w in net.named_parameters() if w.grad is None or not w.grad.any()]
        # The critic's last bias apart, every weight takes part.
        assert not idle


def test_a_dense_generator_has_products_without_a_hidden_layer():
    """All of them, squares among them, of the first variables."""
    net = DenseGenerator(3, 1, (4,), n_products=2)
    assert net.linear.in_features == 3 + 3
    with torch.no_grad():
        for weight in net.parameters():
            weight.zero_()
        net.linear.weight[0, 4] = 1.0
    z = torch.randn(50, 3)
    u = np.array([[math.erf(value / math.sqrt(2)) for value in row] for row in z.numpy()])
    np.testing.assert_allclose(net(z)[:, 0].detach(), u[:, 0] * u[:, 1], atol=1e-6)


def test_dense_ones_take_each_spectrum_by_itself():
    generator, critic = DenseGenerator(3, 7, (16, 16)), DenseCritic(7, (16, 16))
    z = torch.randn(6, 3)
    made = generator(z)
    torch.testing.assert_close(torch.cat([generator(row[None]) for row in z]), made)
    torch.testing.assert_close(torch.cat([critic(row[None]) for row in made]), critic(made))


def test_a_generator_is_smooth_enough_for_its_gradients():
    net = DenseGenerator(3, 4, (8, 8)).double()
    z = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net, (z,))
