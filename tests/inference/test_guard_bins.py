"""A guard in coarser bins keeps its false-alarm rate, where finer ones would not."""

import numpy as np
import pytest

import exosk
from exosk.exceptions import GridError
from exosk.inference.guard_bins import averaged, merged_bins
from exosk.rows import join_rows

FINE = exosk.SpectralGrid.from_edges(np.geomspace(1.0, 2.0, 61))
COARSE = exosk.SpectralGrid.from_edges(np.linspace(1.05, 1.95, 16))


def spectra(n, seed):
    """Bumps of random height and place."""
    random = np.random.default_rng(seed)
    place = random.uniform(1.1, 1.9, (n, 1))
    height = random.uniform(0, 0.02, (n, 1))
    return 1 + height * np.exp(-(((FINE.wavelength - place) / 0.15) ** 2))


@pytest.fixture(scope="module")
def guard():
    rows = join_rows(spectra(6000, 0), np.full(60, 0.004))
    return exosk.SpectrumGuard(FINE, n_gaussians=20, random_state=0).fit(rows)


@pytest.fixture(scope="module")
def matrix():
    return exosk.Rebinner(COARSE, FINE).fit(np.ones((1, 60))).matrix_


def observed(matrix, n, seed, factor=1.0):
    random = np.random.default_rng(seed)
    noise = 0.003 * random.standard_normal((n, 15))
    return join_rows(spectra(n, seed) @ matrix.T + factor * noise, np.full(15, 0.003))


def test_its_false_alarm_rate_is_kept(guard, matrix):
    alarms = averaged(guard, matrix, COARSE).predict(observed(matrix, 600, 1)) < 0
    assert alarms.mean() == pytest.approx(0.05, abs=0.03)


def test_strange_ones_are_noticed(guard, matrix):
    coarse = averaged(guard, matrix, COARSE)
    assert (coarse.predict(observed(matrix, 200, 2, factor=3.0)) < 0).mean() > 0.9
    step = observed(matrix, 200, 3)
    step[:, 8:15] += 0.02
    assert (coarse.predict(step) < 0).mean() > 0.9


def test_the_same_bins_change_nothing(guard):
    same = averaged(guard, np.eye(60), FINE)
    rows = join_rows(spectra(20, 5) + 0.004 * np.random.default_rng(0).standard_normal((20, 60)),
                     np.full(60, 0.004))  # fmt: skip
    np.testing.assert_allclose(same.p_value(rows), guard.p_value(rows), atol=0.02)


def test_bins_are_joined_until_they_are_as_wide():
    tiny = exosk.SpectralGrid.from_edges(np.geomspace(0.9, 2.1, 800))
    joined = merged_bins(tiny, FINE)
    assert joined.range[0] >= 1.0
    assert joined.range[1] <= 2.0
    width = np.interp(joined.wavelength, FINE.wavelength, 2 * FINE.half_width)
    assert (2 * joined.half_width[:-1] > 0.9 * width[:-1]).all()
    assert np.isin(joined.lower, tiny.lower).all()
    assert merged_bins(COARSE, FINE) == COARSE, "wide ones stay"


def test_bins_on_both_sides_of_a_gap_stay_apart():
    gappy = exosk.SpectralGrid([1.1, 1.105, 1.6], [1.105, 1.11, 1.605])
    joined = merged_bins(gappy, FINE)
    np.testing.assert_allclose(joined.lower, [1.1, 1.6])


def test_bins_that_overlap_become_one():
    two = exosk.SpectralGrid([1.1, 1.12, 1.3], [1.15, 1.17, 1.35])
    np.testing.assert_allclose(merged_bins(two, FINE).upper, [1.17, 1.35])


def test_a_spectrum_elsewhere_is_refused():
    with pytest.raises(GridError, match="no bin"):
        merged_bins(exosk.SpectralGrid.from_edges([3.0, 3.1, 3.2]), FINE)
