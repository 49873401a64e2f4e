"""Hidden bins."""

import numpy as np
import pytest
from astropy import units as u

from exosk.exceptions import GridError, RangeError, UnitError
from exosk.instruments import Instrument
from exosk.preprocessing import Masker
from exosk.spectra import SpectralGrid, Spectrum

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 11))
RNG = np.random.default_rng(0)
DEPTH = 0.02 + 1e-3 * RNG.standard_normal((5, 10))
X = np.hstack([DEPTH, np.full((5, 10), 1e-4)])


def kept(**options):
    return np.flatnonzero(Masker(GRID, **options).fit(X).kept_).tolist()


def test_a_bin_that_overlaps_a_hidden_range_is_hidden():
    assert kept(hide=[(1.25, 1.28)]) == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert kept(hide=[(1.15, 1.25), (1.9, 5.0)]) == [0, 3, 4, 5, 6, 7, 8]
    assert kept(hide=[(1.2, 1.3)]) == [0, 1, 3, 4, 5, 6, 7, 8, 9], "edges that touch are no overlap"
    assert kept(hide=[]) == list(range(10))
    assert kept(hide=[(1150 * u.nm, 1.25 * u.um)]) == [0, 3, 4, 5, 6, 7, 8, 9]


def test_a_bin_that_lies_within_a_kept_range_is_kept():
    assert kept(keep=[(1.15, 1.45)]) == [2, 3]
    assert kept(keep=[(1.0, 1.2), (1.75, 2.0)]) == [0, 1, 8, 9]
    assert kept(keep=[(1.0, 1.5)], hide=[(1.1, 1.2)]) == [0, 2, 3, 4]


def test_hiding_a_range_is_keeping_the_rest():
    assert kept(hide=[(1.23, 1.57)]) == kept(keep=[(1.0, 1.23), (1.57, 2.0)])


def test_masks():
    mask = np.arange(10) < 3
    assert kept(hide=mask) == [3, 4, 5, 6, 7, 8, 9]
    assert kept(keep=mask.tolist()) == [0, 1, 2]
    hidden = Masker(hide=mask).fit_transform(DEPTH)
    np.testing.assert_array_equal(np.isnan(hidden), np.broadcast_to(mask, DEPTH.shape))


def test_the_coverage_of_an_instrument_or_observation():
    other = SpectralGrid.from_edges([1.16, 1.33, 1.5])  # 0.4 of bin 1, all of 2-4
    observed = Spectrum(other, [0.02, np.nan], [1e-4, 1e-4])
    assert kept(keep=other) == kept(keep=Instrument("x", other, 1e-4)) == [2, 3, 4]
    assert kept(keep=observed) == [2], "0.3 of bin 3 is covered"
    assert kept(keep=GRID) == list(range(10))


def test_errors_are_hidden_with_their_depths():
    out = Masker(GRID, hide=[(1.0, 1.3)]).fit_transform(X)
    assert out.shape == X.shape
    assert np.isnan(out[:, [0, 1, 2, 10, 11, 12]]).all()
    rest = [3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19]
    np.testing.assert_array_equal(out[:, rest], X[:, rest])


def test_dropping():
    model = Masker(GRID, hide=[(1.0, 1.3)], drop=True).set_output(transform="pandas")
    frame = model.fit_transform(X)
    np.testing.assert_array_equal(frame, np.hstack([X[:, 3:10], X[:, 13:]]))
    assert model.kept_grid_ == GRID[3:]
    assert list(frame) == GRID[3:].feature_names() + GRID[3:].feature_names("sigma")


def test_hiding_nothing_changes_nothing():
    np.testing.assert_array_equal(Masker().fit_transform(X), X)
    assert Masker().fit_transform(X.astype(np.float32)).dtype == np.float32


def test_a_spectrum_of_which_nothing_is_left_is_named():
    gappy = X.copy()
    gappy[3, 3:10] = np.nan
    model = Masker(GRID, hide=[(1.0, 1.3)]).fit(X)
    with pytest.raises(RangeError, match="spectrum 3 has no bin that is not missing after masking"):
        model.transform(gappy)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"hide": [(1.0, 2.0)]}, RangeError, "all 10 bins are hidden"),
        ({"keep": [(3.0, 4.0)]}, RangeError, "all 10 bins are hidden"),
        ({"hide": [(1.3, 1.2)]}, RangeError, "give the lower end first"),
        ({"hide": (1.2, 1.3)}, RangeError, "a list of pairs"),
        ({"hide": [(1.2, 1.3, 1.4)]}, RangeError, "a list of pairs"),
        ({"hide": [(1200, 1300)]}, UnitError, "looks like nm"),
        ({"hide": [True, False]}, GridError, r"a mask of shape \(2,\), but there are 10 bins"),
        ({"keep": [(1.0, np.nan)]}, RangeError, "from 1 to nan"),
    ],
)
def test_what_is_no_mask_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        Masker(GRID, **options).fit(X)


def test_wavelengths_need_a_grid():
    with pytest.raises(GridError, match="hide holds wavelengths, so the bins must be known"):
        Masker(hide=[(1.0, 1.1)]).fit(X)
    with pytest.raises(GridError, match="keep holds bins, so those of X must be known"):
        Masker(keep=GRID).fit(X)
