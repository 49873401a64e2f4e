"""Values and pictures of spectra: both ways, and gradients through them."""

import numpy as np
import pytest
import torch

from exosk.grids import SpectralGrid
from exosk.models.nets.aspa import AspaPictures, AspaValues, structure_spread
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.preprocessing import AspaEncoder

N_BINS, N_PARAMETERS = 12, 2
GRID = SpectralGrid.from_edges(np.geomspace(0.5, 12, N_BINS + 1))
SPACE = ParameterSpace([Parameter("a", Uniform(0, 1)), Parameter("b", Uniform(500, 1500))])


@pytest.fixture(scope="module")
def depth() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.uniform(0.007, 0.02, (9, 1)) + 2e-4 * random.standard_normal((9, N_BINS))


@pytest.fixture(scope="module")
def theta() -> np.ndarray:
    return SPACE.sample(9, 0)


def values_of(depth: np.ndarray) -> AspaValues:
    shown = AspaValues(depth.shape[1], N_PARAMETERS).double()
    shown.learn(depth)
    return shown


def pictures_of(depth: np.ndarray, theta: np.ndarray, scaling: str = "range") -> AspaPictures:
    return AspaPictures(AspaEncoder(GRID, SPACE, scaling=scaling).fit(depth, theta)).double()


def test_values_are_read_back(depth, theta):
    shown = values_of(depth)
    values = shown.encode(depth, theta)
    assert values.shape == (9, shown.n_values) == (9, N_BINS + 1 + N_PARAMETERS)
    made, parameters = shown.decode(values)
    np.testing.assert_allclose(made, depth, rtol=1e-14)
    np.testing.assert_array_equal(parameters, theta)


def test_values_are_standardised_and_apart(depth, theta):
    values = values_of(depth).encode(depth, theta).numpy()[:, : N_BINS + 1]
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-12)
    brighter = values_of(depth).encode(depth + 1e-3, theta).numpy()[:, : N_BINS + 1]
    np.testing.assert_allclose(brighter[:, :-1], values[:, :-1], atol=1e-9)
    assert (brighter[:, -1] > values[:, -1]).all()


def test_values_of_other_spectra_are_read_back(depth, theta):
    shown, others = values_of(depth[:4]), 1.7 * depth[4:]
    np.testing.assert_allclose(shown.decode(shown.encode(others, theta[4:]))[0], others, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_does_not_vary_is_not_blown_up(dtype, theta):
    """One bin, flat spectra, or spectra that are all the same: rounding stays rounding."""
    level = np.linspace(0.01, 0.02, 9, dtype=dtype)[:, np.newaxis]
    for depth in (level, np.repeat(level, 5, axis=1), np.full((9, 5), dtype(1 / 30))):
        shown = values_of(depth)
        values = shown.encode(depth, theta)
        assert (abs(values[:, :-N_PARAMETERS]) < 10).all()
        np.testing.assert_allclose(shown.decode(values)[0], depth, rtol=1e-12)
        # Whatever a generator makes there.
        wild, _ = shown.decode(values + torch.tensor([10.0] * (depth.shape[1]) + [0.0] * 3))
        np.testing.assert_allclose(wild, depth, rtol=1e-5)


def test_the_spread_is_that_of_the_structure_or_of_the_level(depth):
    structure = depth - depth.mean(axis=1, keepdims=True)
    assert structure_spread(depth) == pytest.approx(structure.std(), rel=1e-9)
    assert structure_spread(depth) == pytest.approx(structure_spread(depth + 0.3), rel=1e-9)
    flat = np.repeat(depth[:, :1], 7, axis=1)
    assert structure_spread(flat) == pytest.approx(depth[:, 0].std(), rel=1e-9)
    assert structure_spread(np.full((3, 4), 0.01)) > 0


@pytest.mark.parametrize("scaling", ["range", "exogan"])
def test_pictures_are_the_encoders_and_are_read_back(depth, scaling):
    names = ("temperature", "log_x_h2o")
    space = ParameterSpace(
        [Parameter(name, Uniform(*ends)) for name, ends in zip(names, [(100, 2000), (-8, -1)])]
    )
    theta = space.sample(9, 0)
    encoder = AspaEncoder(GRID, space, scaling=scaling).fit(depth, theta)
    shown = AspaPictures(encoder).double()
    pictures = shown.encode(depth, theta)
    assert pictures.shape == (9, shown.n_values) == (9, shown.side**2)
    np.testing.assert_allclose(
        pictures, encoder.encode(depth, theta).reshape(9, -1), rtol=1e-12, atol=1e-12
    )
    made, parameters = shown.decode(pictures)
    # The weights of pixels are of single precision.
    np.testing.assert_allclose(made, depth, rtol=1e-6)
    np.testing.assert_allclose(parameters, theta, rtol=1e-6)
    np.testing.assert_allclose(made, encoder.decode(pictures.numpy())[0], rtol=1e-6)


def test_pictures_of_observations_do_not_show_parameters(depth, theta):
    shown = pictures_of(depth, theta)
    unknown = np.isnan(shown.encode(depth).numpy())
    owner = shown.encoder.aspa_layout_.owner.ravel()
    n_code = shown.encoder.aspa_layout_.n_code
    assert (unknown == (owner >= n_code - N_PARAMETERS)).all()
    gappy = depth.copy()
    gappy[:, 3] = np.nan
    assert np.isnan(shown.encode(gappy).numpy())[:, owner == 3].all()


def test_gradients_go_through_both(depth, theta):
    values, pictures = values_of(depth), pictures_of(depth, theta)
    for shown in (values, pictures):
        start = shown.encode(depth, theta)[:2].requires_grad_()
        # In units of order one, so that the differences of gradcheck are not rounding.
        assert torch.autograd.gradcheck(lambda z, s=shown: 1e3 * s.decode(z)[0], (start,))
        assert torch.autograd.gradcheck(lambda z, s=shown: s.decode(z)[1], (start,), eps=1e-3)


def test_scales_are_kept_with_the_weights(depth):
    shown = values_of(depth)
    assert set(shown.state_dict()) == {"mean", "scale"}
    again = AspaValues(N_BINS, N_PARAMETERS).double()
    again.load_state_dict(shown.state_dict())
    z = torch.randn(3, shown.n_values, dtype=torch.float64, generator=torch.Generator())
    torch.testing.assert_close(again.decode(z), shown.decode(z), rtol=0, atol=0)
