"""The covariance of rebinned spectra, against its diagonal, noise drawn, and matrices."""

import numpy as np
import pytest

from exosk.exceptions import GridError, RangeError
from exosk.preprocessing import Rebinner
from exosk.spectra import SpectralGrid

RNG = np.random.default_rng(1)
FINE = SpectralGrid.from_edges(np.linspace(1, 2, 13))
# None of its inner edges is one of the source's, so that all neighbours share a source bin.
TARGET = SpectralGrid.from_edges([1.0, 1.21, 1.4, 1.62, 2.0])
DEPTH = 0.02 + 1e-3 * RNG.standard_normal((4, 12))
SIGMA = 1e-4 * RNG.uniform(0.5, 2, (4, 12))
GAPPY = SIGMA.copy()
GAPPY[1, 4] = GAPPY[2, [0, 1, 2]] = np.nan


def correlated(sigma):
    """Covariance with correlations that fall off with distance."""
    apart = np.abs(np.subtract.outer(np.arange(12), np.arange(12)))
    return np.exp(-apart / 2) * sigma[:, None] * sigma


each_weighting = pytest.mark.parametrize("weighting", ["overlap", "inverse_variance"])


@each_weighting
@pytest.mark.parametrize("sigma", [SIGMA, GAPPY], ids=["whole", "gaps"])
def test_errors_are_the_square_roots_of_its_diagonal(weighting, sigma):
    depth = np.where(np.isnan(sigma), np.nan, DEPTH)
    model = Rebinner(TARGET, grid=FINE, weighting=weighting).fit(np.hstack([DEPTH, SIGMA]))
    errors = model.transform(np.hstack([depth, sigma]))[:, 4:]
    covariance = model.covariance(sigma)
    assert covariance.shape == (4, 4, 4)
    np.testing.assert_allclose(np.diagonal(covariance, axis1=1, axis2=2), errors**2, rtol=1e-12)
    np.testing.assert_array_equal(
        np.isnan(covariance).any(axis=(1, 2)), np.isnan(errors).any(axis=1)
    )
    for one, row in zip(covariance, sigma, strict=True):
        np.testing.assert_allclose(model.covariance(row), one, rtol=1e-13)


@each_weighting
def test_it_matches_noise_drawn(weighting):
    model = Rebinner(TARGET, grid=FINE, weighting=weighting).fit(np.hstack([DEPTH, SIGMA]))
    noisy = DEPTH[0] + SIGMA[0] * np.random.default_rng(2).standard_normal((200_000, 12))
    rows = np.hstack([noisy, np.broadcast_to(SIGMA[0], noisy.shape)])
    drawn = np.cov(model.transform(rows)[:, :4], rowvar=False)
    scale = np.sqrt(np.diag(drawn))
    # The error of a correlation from 200,000 draws is 0.0022.
    np.testing.assert_allclose(
        model.covariance(SIGMA[0]) / np.outer(scale, scale),
        drawn / np.outer(scale, scale),
        atol=0.012,
    )


def test_neighbours_that_share_a_source_bin_are_correlated_and_no_others():
    covariance = Rebinner(TARGET, grid=FINE).fit(DEPTH).covariance(SIGMA[0])
    apart = np.abs(np.subtract.outer(np.arange(4), np.arange(4)))
    assert (covariance[apart == 1] > 0).all()
    assert (covariance[apart > 1] == 0).all()
    disjoint = Rebinner(SpectralGrid.from_edges(np.linspace(1, 2, 5)), grid=FINE).fit(DEPTH)
    covariance = disjoint.covariance(SIGMA[0])
    np.testing.assert_array_equal(covariance, np.diag(np.diag(covariance)))


def test_it_carries_a_covariance_on():
    model = Rebinner(TARGET, grid=FINE).fit(DEPTH)
    K = np.stack([correlated(sigma) for sigma in SIGMA])
    W = model.matrix_.toarray()
    out = model.propagate_covariance(K)
    np.testing.assert_allclose(out, np.stack([W @ one @ W.T for one in K]), rtol=1e-12)
    np.testing.assert_allclose(model.propagate_covariance(K[0]), out[0], rtol=1e-12)
    noisy = DEPTH[0] + np.random.default_rng(3).multivariate_normal(np.zeros(12), K[0], 200_000)
    drawn = np.cov(model.transform(noisy), rowvar=False)
    np.testing.assert_allclose(out[0], drawn, atol=0.012 * drawn.max())


@each_weighting
def test_a_diagonal_covariance_is_independent_errors(weighting):
    model = Rebinner(TARGET, grid=FINE, weighting=weighting).fit(np.hstack([DEPTH, SIGMA]))
    K = np.stack([np.diag(sigma**2) for sigma in GAPPY])
    np.testing.assert_allclose(model.propagate_covariance(K), model.covariance(GAPPY), rtol=1e-12)


def test_two_steps_to_nested_bins_are_one():
    middle = SpectralGrid.from_edges(np.linspace(1, 2, 7))
    coarse = SpectralGrid.from_edges(np.linspace(1, 2, 4))
    K = correlated(SIGMA[0])
    once = Rebinner(coarse, grid=FINE).fit(DEPTH).propagate_covariance(K)
    half_way = Rebinner(middle, grid=FINE).fit(DEPTH).propagate_covariance(K)
    second = Rebinner(coarse, grid=middle).fit(np.zeros((1, 6)))
    np.testing.assert_allclose(second.propagate_covariance(half_way), once, rtol=1e-12)


@pytest.mark.parametrize(
    ("method", "value", "error", "message"),
    [
        ("covariance", SIGMA[:, :5], GridError, r"errors of shape \(4, 5\) do not belong to 12"),
        ("covariance", -SIGMA, RangeError, "errors must be numbers from 0 up"),
        ("covariance", SIGMA * np.inf, RangeError, "errors must be numbers from 0 up"),
        ("covariance", SIGMA * np.nan, RangeError, "spectrum 0 has no bin"),
        ("propagate_covariance", SIGMA, GridError, "covariances of shape"),
        ("propagate_covariance", -np.eye(12), RangeError, "variances not negative"),
        ("propagate_covariance", np.tri(12), RangeError, "must be symmetric"),
    ],
)
def test_what_is_no_error_or_covariance_is_refused(method, value, error, message):
    model = Rebinner(TARGET, grid=FINE).fit(DEPTH)
    with pytest.raises(error, match=message):
        getattr(model, method)(value)
