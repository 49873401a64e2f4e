"""Offsets shift instruments against each other, and never all of them."""

import numpy as np
import pytest
from astropy import units as u
from scipy import stats

from exosk.augmentation import OffsetInjector
from exosk.exceptions import GridError, RangeError, UnitError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.rows import join_rows

GRID = SpectralGrid.from_edges([0.6, 1, 2, 3, 4, 5, 8, 12])
RANGES = {"niriss": (0.6, 2), "nirspec": (2, 5), "miri": (5, 12)}
LABELS = ["niriss"] * 2 + ["nirspec"] * 3 + ["miri"] * 2
X = np.random.default_rng(0).uniform(0.01, 0.03, (4000, 7))


def shifts(injector):
    return injector.fit_transform(X) - X


def test_bins_of_an_instrument_shift_together_and_instruments_apart():
    injector = OffsetInjector(RANGES, 2e-4, 0, grid=GRID)
    shift = shifts(injector)
    assert injector.free_ == ["niriss", "miri"], "nirspec has most bins"
    np.testing.assert_array_equal(shift[:, 2:5], 0)
    np.testing.assert_allclose(shift[:, 0], shift[:, 1], atol=1e-15)
    np.testing.assert_allclose(shift[:, 5], shift[:, 6], atol=1e-15)
    for column in (0, 5):
        assert stats.kstest(shift[:, column] / 2e-4, stats.norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(shift[:, 0], shift[:, 5])[0, 1]) < 5 / 4000**0.5


def test_ranges_and_labels_say_the_same():
    by_range = OffsetInjector(RANGES, random_state=0, grid=GRID)
    by_label = OffsetInjector(np.array(LABELS), random_state=0)
    np.testing.assert_array_equal(shifts(by_range), shifts(by_label))


def test_a_pair_is_uniform():
    shift = shifts(OffsetInjector(LABELS, (-1e-4, 3e-4), 0))[:, 0]
    assert stats.kstest((shift + 1e-4) / 4e-4, stats.uniform.cdf).pvalue > 1e-3


def test_each_instrument_may_have_its_own():
    ppm = u.def_unit("ppm", 1e-6 * u.dimensionless_unscaled)
    offset = {"miri": 100 * ppm, "nirspec": (0, 1e-5)}
    injector = OffsetInjector(LABELS, offset, 0)
    shift = shifts(injector)
    assert injector.free_ == ["miri", "nirspec"]
    np.testing.assert_array_equal(shift[:, :2], 0)
    assert shift[:, 5].std() == pytest.approx(1e-4, rel=0.05)
    assert shift[:, 2].min() >= -1e-15
    assert shift[:, 2].max() <= 1e-5 + 1e-15


def test_bins_in_no_range_stay_and_free_the_others():
    injector = OffsetInjector({"miri": (5, 12), "niriss": (0.5, 2)}, random_state=0, grid=GRID)
    shift = shifts(injector)
    assert injector.free_ == ["miri", "niriss"]
    np.testing.assert_array_equal(shift[:, 2:5], 0)
    assert shift[:, [0, 6]].all()


@pytest.mark.parametrize("instruments", [None, ["prism"] * 7, {"prism": (0.5, 20)}])
def test_one_instrument_has_no_offset(instruments):
    np.testing.assert_array_equal(shifts(OffsetInjector(instruments, grid=GRID)), 0)


def test_errors_and_missing_bins_stay_and_so_do_observations():
    rows = join_rows(X, np.full(7, 1e-4))
    rows[::3, 1] = np.nan
    injector = OffsetInjector(RANGES, random_state=0, grid=GRID)
    shifted = injector.fit_transform(rows)
    np.testing.assert_array_equal(shifted[:, 7:], rows[:, 7:])
    np.testing.assert_array_equal(np.isnan(shifted), np.isnan(rows))
    np.testing.assert_array_equal(injector.transform(rows), rows)


def test_seeds():
    first, again, other = (shifts(OffsetInjector(LABELS, random_state=s)) for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[:, 0] != other[:, 0]).all()


@pytest.mark.parametrize(
    ("injector", "error", "message"),
    [
        (OffsetInjector(RANGES), GridError, "needs the wavelengths of the bins; give grid"),
        (OffsetInjector(["a", "b"]), GridError, "of 2 bins, but the spectra have 7"),
        (OffsetInjector({"a": (1, 3), "b": (2, 4)}, grid=GRID), RangeError, "overlap between"),
        (OffsetInjector({"a": (3, 1)}, grid=GRID), RangeError, "need 0 < low < high"),
        (OffsetInjector({"a": 3}, grid=GRID), RangeError, "must be two wavelengths in um, got 3"),
        (OffsetInjector({"a": (600, 900)}, grid=GRID), UnitError, "nm"),
        (OffsetInjector({"a": (15, 20)}, grid=GRID), GridError, "no bin lies in a's range"),
        (OffsetInjector(LABELS, {"mirri": 1e-4}), UnknownNameError, "did you mean 'miri'"),
        (
            OffsetInjector(LABELS, dict.fromkeys(RANGES, 1e-4)),
            RangeError,
            "another radius of the planet; leave one out",
        ),
        (OffsetInjector(LABELS, -1e-4), RangeError, "the offset of niriss must be"),
        (OffsetInjector(LABELS, (1e-4, -1e-4)), RangeError, "the offset of niriss must be"),
        (OffsetInjector(LABELS, (1, 2, 3)), UnitError, "offset of niriss"),
        (OffsetInjector(LABELS, 100), UnitError, "ppm"),
    ],
)
def test_nonsense_is_refused(injector, error, message):
    with pytest.raises(error, match=message):
        injector.fit(X)
