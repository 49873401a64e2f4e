"""Lines of sight against Pythagoras and numerical integration."""

import numpy as np
import pytest
import torch

from exosk.simulators.slant import path_moments, slant_paths


@pytest.mark.parametrize("distance", [0, 1, 2, 10])
def test_moments_of_pressure_along_a_path_match_an_integration(distance):
    """A ray through a shallow atmosphere, r - b = s^2 / 2b, integrated numerically."""
    step = 0.23
    mean, variance = path_moments(20, step)
    low, high = np.sqrt(max(distance - 0.5, 0)), np.sqrt(distance + 0.5)
    s = np.linspace(low, high, 20_001)
    y = (s**2 - distance) * step
    expected = np.trapezoid(y, s) / (high - low)
    assert mean[3, 3 + distance] == pytest.approx(expected, abs=1e-8)
    spread = np.trapezoid((y - expected) ** 2, s) / (high - low)
    assert variance[3, 3 + distance] == pytest.approx(spread, abs=1e-8)


def test_a_chord_through_all_shells_has_pythagoras_length():
    edges = torch.linspace(7e9, 8e9, 41, dtype=torch.float64)[None] * torch.tensor([[1.0], [1.3]])
    paths = 2 * slant_paths(edges).numpy().swapaxes(0, 1)
    edges = edges.numpy()
    middle = (edges[:, 1:] + edges[:, :-1]) / 2
    chord = 2 * np.sqrt(edges[:, -1:] ** 2 - middle**2)
    assert np.allclose(paths.sum(axis=2), chord, rtol=1e-5)
    assert not np.tril(paths, -1).any()  # below its lowest shell a ray is not
    assert (np.triu(paths) >= 0).all()
