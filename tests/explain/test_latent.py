"""Hidden bins given those that are seen, against the textbook's conditional Gaussian."""

import numpy as np
import pytest

from exosk.exceptions import RangeError
from exosk.explain.latent import LatentGaussian


@pytest.fixture(scope="module")
def spectra():
    random = np.random.default_rng(1)
    mixing = random.standard_normal((12, 12))
    return 0.01 + 1e-4 * random.standard_normal((500, 12)) @ mixing


@pytest.fixture(scope="module")
def seen():
    return np.random.default_rng(2).random((6, 12)) < 0.6


def textbook(spectra, y, variance, seen):
    """Mean and covariance of the noise-free spectrum, by inverting the covariance of what is seen.

    Kriging's formula: nothing of principal components.
    """
    mean, covariance = spectra.mean(axis=0), np.cov(spectra.T)
    gain = covariance[:, seen] @ np.linalg.inv(
        covariance[np.ix_(seen, seen)] + np.diag(variance[seen])
    )
    return mean + gain @ (y - mean)[seen], covariance - gain @ covariance[seen]


def test_it_is_the_conditional_gaussian(spectra, seen):
    model = LatentGaussian(spectra, 12)
    y, variance = spectra[3] + 1e-5, np.full(12, 4e-10)
    t, root = model.conditional(y, variance, seen)
    for k, case in enumerate(seen):
        mean, covariance = textbook(spectra, y, variance, case)
        assert model.mean + model.axes @ t[k] == pytest.approx(mean, rel=1e-6)
        mine = model.axes @ root[k] @ root[k].T @ model.axes.T
        assert mine == pytest.approx(covariance, rel=1e-4, abs=1e-3 * variance[0])


def test_with_nothing_seen_it_is_the_background(spectra):
    model = LatentGaussian(spectra, 12)
    random = np.random.default_rng(3)
    drawn = model.draw(
        spectra[0],
        np.zeros(12),
        np.zeros((1, 12), dtype=bool),
        random.standard_normal((40_000, model.n_components)),
        random.standard_normal((40_000, 12)),
    )[0]
    spread = spectra.std(axis=0)
    assert (drawn.mean(axis=0) - spectra.mean(axis=0)) / spread == pytest.approx(0, abs=0.03)
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.03)
    assert np.corrcoef(drawn.T) == pytest.approx(np.corrcoef(spectra.T), abs=0.03)


def test_what_the_components_leave_is_not_lost(spectra):
    few = LatentGaussian(spectra, 3)
    assert few.n_components == 3
    assert (few.axes**2).sum(axis=1) + few.rest == pytest.approx(spectra.var(axis=0, ddof=1))


def test_seeing_more_leaves_less_unknown(spectra):
    model = LatentGaussian(spectra, 12)
    cases = np.arange(12)[None] < np.arange(13)[:, None]
    _, root = model.conditional(spectra[0], np.full(12, 1e-10), cases)
    unknown = np.einsum("bi,nij,nkj,bk->n", model.axes, root, root, model.axes)
    assert (np.diff(unknown) < 0).all()


@pytest.mark.parametrize("bad", [np.ones((1, 3)), np.ones(3), np.full((5, 3), np.nan)])
def test_no_gaussian_without_spectra(bad):
    with pytest.raises(RangeError, match="background spectra"):
        LatentGaussian(bad)
