"""Spectra of several instruments as one."""

import numpy as np
import pytest

from exosk.exceptions import GridError
from exosk.preprocessing import join_spectra
from exosk.spectra import Spectrum


def spectrum(centers, level=0.02, half_width=0.05, **info):
    n = len(centers)
    return Spectrum.from_arrays(centers, level + np.arange(n) / 1e4, [1e-4] * n, half_width, **info)


WFC3 = spectrum([1.15, 1.25, 1.35], name="WASP-0 b", instrument="WFC3", meta={"star_radius": 1.0})
STIS = spectrum([0.5, 0.6, 1.1], instrument="STIS", reference="A 2020", meta={"star_radius": 2.0})


def test_bins_keep_their_values_and_know_their_instrument():
    joined = join_spectra([WFC3, STIS])
    assert (np.diff(joined.wavelength) > 0).all()
    owners = np.array(joined.meta["instrument"])
    for k, source in enumerate((WFC3, STIS)):
        np.testing.assert_array_equal(joined.depth[owners == k], source.depth)
        np.testing.assert_array_equal(joined.sigma[owners == k], source.sigma)
        np.testing.assert_array_equal(joined.grid.lower[owners == k], source.grid.lower)
        assert joined.meta["instruments"][k] == source.instrument
    assert joined.name == "WASP-0 b"
    assert joined.instrument == "WFC3 + STIS"
    assert joined.reference == "A 2020"
    assert joined.meta["star_radius"] == 1.0


def test_the_order_does_not_matter_for_the_bins():
    one, two = join_spectra([WFC3, STIS]), join_spectra([STIS, WFC3])
    assert one.grid == two.grid
    np.testing.assert_array_equal(one.depth, two.depth)


def test_a_name_is_one_instrument_and_no_name_is_not():
    more = spectrum([1.55, 1.65], instrument="WFC3")
    assert join_spectra([WFC3, STIS, more]).meta["instrument"].count(0) == 5
    bare = [spectrum([1.0]), spectrum([2.0])]
    assert join_spectra(bare).meta["instrument"] == [0, 1]


def test_a_spectrum_of_several_brings_all_of_them():
    more = spectrum([1.75, 3.6], instrument="STIS")
    both = join_spectra([WFC3, STIS])
    again = join_spectra([both, more, spectrum([2.4], instrument="MIRI")])
    assert again.meta["instruments"] == ["WFC3", "STIS", "MIRI"]
    assert [int(bins.sum()) for _, bins in again.by_instrument()] == [3, 5, 1]
    np.testing.assert_array_equal(again.wavelength[again.by_instrument()[0][1]], WFC3.wavelength)
    assert join_spectra([both.between(1.12, 2), more]).meta["instruments"] == ["WFC3", "STIS"]
    bare = [join_spectra([spectrum([x]), spectrum([x + 0.2])]) for x in (1.0, 2.0)]
    assert join_spectra(bare).meta["instrument"] == [0, 1, 2, 3]


def test_ranges_of_one_spectrum_are_not_those_of_all():
    ranges = {"G430L": [0.5, 0.6], "G750L": [1.1, 1.1]}
    of_two = STIS.replace(meta={"instrument_ranges_um": ranges})
    joined = join_spectra([of_two, WFC3])
    assert joined.meta["instruments"] == ["G430L", "G750L", "WFC3"]
    assert "instrument_ranges_um" not in joined.meta


def test_missing_bins_stay():
    gappy = WFC3.replace(depth=[0.02, np.nan, 0.02])
    joined = join_spectra([gappy, STIS])
    assert np.isnan(joined.depth).sum() == 1
    assert len(joined) == 6


def test_what_cannot_be_joined_is_refused():
    with pytest.raises(GridError, match="there are no spectra to join"):
        join_spectra([])
    with pytest.raises(GridError, match=r"two of the spectra have a bin at 1.1500 um \(3 such"):
        join_spectra([WFC3, WFC3])
    shifted = spectrum([1.17, 1.27, 1.37])
    with pytest.raises(GridError, match=r"most bins of these spectra overlap, .* rebin one"):
        join_spectra([WFC3, shifted])
