"""What `exosk train` fits: noise, bins, and which spectra are scored."""

from __future__ import annotations

import numpy as np
import pytest

from exosk.datasets import Dataset
from exosk.exceptions import RangeError, UnknownNameError
from exosk.models.gan import InpaintingGANRetriever
from exosk.models.recipes import (
    KINDS,
    NoiseRange,
    fit_model,
    noise_in_training,
    spectra_to_score,
)
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 9))
SPACE = ParameterSpace(
    [
        Parameter("temperature", Uniform(500, 1500), "K"),
        Parameter("log_x_h2o", Uniform(-12, -1), "log VMR"),
    ]
)
GAPPY = np.where(np.arange(8) == 3, np.nan, np.linspace(0.8e-4, 1.2e-4, 8))


def toy(n: int) -> Dataset:
    Y = SPACE.sample(n, random_state=0)
    phase = np.linspace(0, np.pi, 8)
    shapes = np.stack([np.cos(phase), np.sin(phase)])
    X = 0.02 + 1e-3 * np.tanh(SPACE.to_unit_cube(Y) @ shapes)
    return Dataset(X, Y, GRID, SPACE, ("H2O",))


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0.5, 4)])
def test_noise_everywhere_is_the_largest_where_there_was_none(low, high):
    noise = NoiseRange(GAPPY, low, high)
    full = noise.everywhere()
    assert full.present.all()
    np.testing.assert_array_equal(full.sigma[noise.present], GAPPY[noise.present])
    assert full.sigma[3] == 1.2e-4
    assert (full.low, full.high) == (low, high)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gan_alone_learns_bins_that_observations_lack(kind):
    sigma = noise_in_training(kind, NoiseRange(GAPPY)).sigma
    assert np.isnan(sigma).any() == (kind != "gan")


@pytest.mark.parametrize(("low", "high"), [(1, 1), (0.5, 4)])
def test_a_gan_takes_whole_spectra_and_answers_for_parts(low, high):
    data, noise = toy(100), NoiseRange(GAPPY, low, high)
    model = fit_model("retrieve", "gan", data, noise, epochs=2)
    (gan,) = (step for _, step in model.steps)
    assert isinstance(gan, InpaintingGANRetriever)
    assert (gan.max_epochs, gan.progress) == (2, None)
    assert gan.layout_.n_bins == 8
    assert gan.layout_.has_sigma == (low < high)
    if low == high:
        # What the noise that is added shows of it, from 2,000 draws.
        np.testing.assert_allclose(gan.sigma_, noise.everywhere().sigma, rtol=0.1)
    X, _ = noise.observe(data[:1], random_state=0)
    assert np.isnan(X).any()
    assert np.isfinite(model.predict(X)).all()


def test_a_gan_detects_nothing():
    with pytest.raises(RangeError, match="forest, mlp or cnn"):
        fit_model("detect", "gan", toy(20), NoiseRange(GAPPY))
    with pytest.raises(UnknownNameError, match="did you mean 'gan'"):
        fit_model("retrieve", "gam", toy(20), NoiseRange(GAPPY))


def test_a_slow_model_is_scored_on_some_spectra_drawn_at_random():
    data = toy(1000)
    for kind in ("forest", "mlp", "cnn"):
        assert spectra_to_score(kind, data) is data
    few = data[:200]
    assert spectra_to_score("gan", few) is few
    some, again, other = (spectra_to_score("gan", data, seed).Y for seed in (0, 0, 1))
    assert len(np.unique(some, axis=0)) == len(some) == 200
    np.testing.assert_array_equal(some, again)
    assert (some != other).any()
    # Of a set in order, the first ones would be of one corner.
    index = [np.flatnonzero((y == data.Y).all(axis=1))[0] for y in np.asarray(some)]
    assert np.mean(index) == pytest.approx(500, abs=5 * 289 / 200**0.5)
