"""The first layer: what a network sees of a row loses nothing, and means the same everywhere."""

import numpy as np
import pytest
import torch

from exosk.models.nets import SpectrumInput
from exosk.rows import RowLayout, join_rows

N, BINS = 400, 6


@pytest.fixture
def depth() -> np.ndarray:
    random = np.random.default_rng(0)
    level, amplitude = random.uniform(0.01, 0.03, (N, 1)), random.lognormal(-9, 0.5, (N, 1))
    return level + amplitude * random.standard_normal((N, BINS))


@pytest.fixture
def sigma() -> np.ndarray:
    return np.random.default_rng(1).lognormal(-9.5, 0.4, (N, BINS))


def learned(rows: np.ndarray, *, sigma: bool = False, extra: int = 0, missing: bool = False):
    """A layer that knows these rows, in double precision, and what it makes of them."""
    layer = SpectrumInput(RowLayout(BINS, sigma, extra), missing)
    layer.learn(torch.tensor(rows))
    return layer, *through(layer, rows)


def through(layer, rows):
    return tuple(out.numpy() for out in layer(torch.tensor(rows)))


@pytest.mark.parametrize("with_sigma", [False, True])
@pytest.mark.parametrize("extra", [0, 2])
def test_all_that_is_seen_has_mean_zero_and_spread_one(depth, sigma, with_sigma, extra):
    rows = join_rows(depth, sigma) if with_sigma else depth
    rows = np.hstack([rows, 300 + 40 * np.random.default_rng(2).uniform(size=(N, extra))])
    layer, channels, numbers = learned(rows, sigma=with_sigma, extra=extra)
    assert channels.shape == (N, layer.n_channels, BINS) == (N, 4 if with_sigma else 2, BINS)
    assert numbers.shape == (N, layer.n_numbers) == (N, 2 + extra)
    for seen in (channels, numbers):
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(seen.std(axis=0), 1, rtol=1e-6)


def test_the_row_can_be_had_back(depth, sigma):
    layer, channels, numbers = learned(join_rows(depth, sigma), sigma=True)
    channels = channels * layer.channel_std.numpy() + layer.channel_mean.numpy()
    numbers = numbers * layer.number_std.numpy() + layer.number_mean.numpy()
    np.testing.assert_allclose(numbers[:, :1] + channels[:, 0], depth, rtol=1e-12)
    np.testing.assert_allclose(np.exp(channels[:, 3]), sigma, rtol=1e-12)
    by_shape = numbers[:, :1] + np.exp(numbers[:, 1:2]) * channels[:, 1]
    np.testing.assert_allclose(by_shape, depth, rtol=1e-9)


def test_level_and_spread_are_those_of_numpy(depth):
    layer, _, numbers = learned(depth)
    numbers = numbers * layer.number_std.numpy() + layer.number_mean.numpy()
    np.testing.assert_allclose(numbers[:, 0], depth.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(np.exp(numbers[:, 1]), depth.std(axis=1), rtol=1e-9)


def test_errors_weigh_the_level(depth, sigma):
    layer, _, numbers = learned(join_rows(depth, sigma), sigma=True)
    level = numbers[:, 0] * layer.number_std[0].item() + layer.number_mean[0].item()
    expected = np.average(depth, weights=sigma**-2.0, axis=1)
    np.testing.assert_allclose(level, expected, rtol=1e-12)


@pytest.mark.parametrize("huge", [1e6, 1e30])
def test_a_bin_with_a_huge_error_has_no_say_in_the_others(depth, sigma, huge):
    """In the single precision of training as well."""
    rows = join_rows(depth, sigma)
    layer, _, _ = learned(rows, sigma=True)
    layer.float()
    rows[:, BINS] = huge
    one = [out.numpy() for out in layer(torch.tensor(rows, dtype=torch.float32))]
    rows[:, 0] = 0.5
    other = [out.numpy() for out in layer(torch.tensor(rows, dtype=torch.float32))]
    assert np.isfinite(one[0]).all()
    assert np.isfinite(one[1]).all()
    np.testing.assert_allclose(other[0][:, :, 1:], one[0][:, :, 1:], atol=0.01)
    np.testing.assert_allclose(other[1][:, 0], one[1][:, 0], atol=0.01)


def test_the_shape_knows_neither_level_nor_scale(depth):
    layer, channels, _ = learned(depth)
    moved = through(layer, 0.1 + 3 * depth)[0]
    np.testing.assert_allclose(moved[:, 1], channels[:, 1], atol=1e-9)
    lifted = through(layer, 0.001 + depth)[0]
    np.testing.assert_allclose(lifted[:, 0], channels[:, 0], atol=1e-9)
    assert (abs(moved[:, 0] - channels[:, 0]) > 1e-3).mean() > 0.9, "the amplitude is kept"


@pytest.mark.parametrize("with_sigma", [False, True])
def test_what_lies_under_a_missing_bin_has_no_influence(depth, sigma, with_sigma):
    rows = join_rows(depth, sigma) if with_sigma else depth
    rows[np.random.default_rng(3).uniform(size=rows.shape) < 0.2] = np.nan
    rows[:, 0] = depth[:, 0]
    missing = np.isnan(rows[:, :BINS])
    if with_sigma:
        rows[:, BINS:] = np.where(missing, np.nan, sigma)
    layer, channels, numbers = learned(rows, sigma=with_sigma, missing=True)
    np.testing.assert_array_equal(channels[:, -1], ~missing)
    assert (channels[:, :-1].transpose(0, 2, 1)[missing] == 0).all()
    assert np.isfinite(channels).all()
    assert np.isfinite(numbers).all()
    if with_sigma:
        # The error of a bin that has no depth may be a number, of any size.
        rows[:, BINS:] = np.where(missing, 1e3, rows[:, BINS:])
        again = through(layer, rows)
        np.testing.assert_allclose(again[0], channels, atol=1e-9)
        np.testing.assert_allclose(again[1], numbers, atol=1e-9)


def test_moments_are_those_of_the_bins_that_are_there(depth):
    """As if each bin had been standardised by itself, over the spectra that have it."""
    depth[::2, 0] = np.nan
    layer, channels, _ = learned(depth)
    shape = depth - np.nanmean(depth, axis=1, keepdims=True)
    np.testing.assert_allclose(layer.channel_mean[0], np.nanmean(shape, axis=0), atol=1e-15)
    np.testing.assert_allclose(layer.channel_std[0], np.nanstd(shape, axis=0), rtol=1e-9)
    assert not channels[::2, :, 0].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_constant_becomes_zero(depth, dtype):
    """Errors that all spectra share, and a column that says nothing."""
    rows = np.hstack([join_rows(depth, np.full(BINS, 1e-4)), np.full((N, 1), 5.0)])
    layer, _, _ = learned(rows, sigma=True, extra=1)
    channels, numbers = layer.to(dtype)(torch.tensor(rows, dtype=dtype))
    assert not channels[:, 3].any()
    assert not numbers[:, 2].any()


@pytest.mark.parametrize("depths", [0.0, 0.02])
def test_flat_spectra_are_seen_as_flat(depths):
    _, channels, numbers = learned(np.full((5, BINS), depths))
    assert np.isfinite(channels).all()
    assert np.isfinite(numbers).all()
    assert abs(numbers).max() < 1e-6


@pytest.mark.parametrize("bins", [1, 6])
def test_errors_are_told_apart_where_spectra_have_no_structure(bins):
    """In a photometric band, or under a grey cloud, it says what the level is worth."""
    random = np.random.default_rng(0)
    depth = np.repeat(random.uniform(0.019, 0.021, (N, 1)), bins, axis=1)
    rows = join_rows(depth, random.uniform(1e-5, 1e-4, (N, bins)))
    layer = SpectrumInput(RowLayout(bins, True))
    layer.learn(torch.tensor(rows))
    channels, _ = through(layer, rows)
    assert np.corrcoef(channels[:, 3, 0], np.log(rows[:, bins]))[0, 1] > 0.999


def test_single_precision_resolves_parts_per_million(depth):
    layer, channels, numbers = learned(depth)
    single = layer.float()(torch.tensor(depth, dtype=torch.float32))
    np.testing.assert_allclose(single[0], channels, atol=2e-3)
    np.testing.assert_allclose(single[1], numbers, atol=2e-3)
