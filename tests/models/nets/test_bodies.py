"""Bodies and heads: shapes, and what may depend on what."""

import numpy as np
import pytest
import torch

from exosk.models.nets import ConvolutionBody, DenseBody, MixtureHead

NORMALIZATIONS = ["layer", "batch", None]


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.mark.parametrize("bins", range(1, 10))
@pytest.mark.parametrize(("residual", "n_attention"), [(True, 0), (False, 1), (True, 2)])
def test_any_number_of_bins_goes_through(bins, residual, n_attention):
    body = ConvolutionBody(
        3, bins, 2, (4, 8, 8), 5, (16,), residual=residual, n_attention=n_attention
    )
    features = body(torch.randn(7, 3, bins), torch.randn(7, 2))
    assert features.shape == (7, body.n_features) == (7, 16)
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("residual", [True, False])
def test_every_weight_takes_part(normalization, residual):
    bodies = [
        DenseBody(2, 9, 1, (16, 16), normalization, 0.1, residual),
        ConvolutionBody(2, 9, 1, (4, 8, 8), 3, (16, 16), normalization, 0.1, residual, 1),
    ]
    for body in bodies:
        body(torch.randn(32, 2, 9), torch.randn(32, 1)).square().sum().backward()
        idle = [name for name, w in body.named_parameters() if w.grad is None or not w.grad.any()]
        assert not idle


@pytest.mark.parametrize("normalization", ["layer", None])
def test_one_spectrum_does_not_know_of_the_others_in_training(normalization):
    channels, numbers = torch.randn(8, 2, 9), torch.randn(8, 1)
    for body in (
        DenseBody(2, 9, 1, (16,), normalization),
        ConvolutionBody(2, 9, 1, (4, 4), 3, (16,), normalization, n_attention=1),
    ):
        alone = torch.cat([body(channels[[k]], numbers[[k]]) for k in range(8)])
        torch.testing.assert_close(alone, body(channels, numbers), atol=1e-5, rtol=1e-4)


def test_a_convolution_sees_neighbours_only():
    """Of two blocks of five bins each, the second at every other place: seven bins on each side."""
    body = ConvolutionBody(1, 40, 0, (3, 3), 5, (4,), normalization=None)
    spectrum = torch.randn(1, 1, 40, requires_grad=True)
    for place in range(20):
        (gradient,) = torch.autograd.grad(body.blocks(spectrum)[0, :, place].sum(), spectrum)
        seen = np.flatnonzero(gradient[0, 0])
        assert abs(seen - 2 * place).max() <= 2 + 2 < 5
        assert len(seen) > 4


def test_a_shifted_line_gives_shifted_features():
    body = ConvolutionBody(1, 64, 0, (3, 4, 4), 3, (4,), normalization=None)
    line = torch.zeros(1, 1, 64)
    line[..., 24:28] = 1
    features, moved = body.blocks(line), body.blocks(line.roll(8, dims=-1))
    torch.testing.assert_close(moved[..., 4:14], features[..., 2:12])
    assert (features[..., 5:8] != features[..., :1]).any()


def test_attention_carries_across_the_whole_spectrum():
    for n_attention, reaches in ((0, False), (1, True)):
        body = ConvolutionBody(1, 40, 0, (4,), 3, (4,), None, n_attention=n_attention)
        spectrum = torch.randn(1, 1, 40, requires_grad=True)
        (gradient,) = torch.autograd.grad(body.blocks(spectrum)[0, :, 0].sum(), spectrum)
        assert bool(gradient[0, 0, -1] != 0) == reaches


def test_dropout_forgets_in_training_and_not_after():
    for body in (
        DenseBody(2, 9, 1, (16,), None, 0.5),
        ConvolutionBody(2, 9, 1, (4,), 3, (16,), None, 0.5),
    ):
        row = torch.randn(1, 2, 9), torch.randn(1, 1)
        assert (body(*row) != body(*row)).any()
        body.eval()
        assert (body(*row) == body(*row)).all()


@pytest.mark.parametrize(("d", "k"), [(1, 1), (1, 4), (2, 1), (5, 4)])
def test_a_head_gives_mixtures_in_single_precision(d, k):
    mixture = MixtureHead(16, d, k)(10 * torch.randn(50, 16))
    assert mixture.mean.shape == (50, k, d)
    torch.testing.assert_close(mixture.log_weight.exp().sum(-1), torch.ones(50))
    diagonal = mixture.factor.diagonal(dim1=-2, dim2=-1)
    assert (diagonal >= 0.0999).all()
    assert (diagonal <= 1.001e4).all()
    assert not mixture.factor.triu(1).any()


def test_components_begin_in_different_places():
    mixture = MixtureHead(16, 2, 6)(torch.zeros(1, 16))
    assert torch.pdist(mixture.mean[0]).min() > 0.01
    assert mixture.mean.std() > 0.3
