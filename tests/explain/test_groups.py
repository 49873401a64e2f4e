"""Groups of bins."""

import numpy as np
import pytest

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain import BANDS, Groups
from exosk.explain.bands import bands_within, bins_in_bands
from exosk.spectra import SpectralGrid


@pytest.fixture(scope="module")
def prism():
    return SpectralGrid.from_resolution(0.6, 5.3, 60)


def partitions(grid):
    spectra = np.random.default_rng(0).standard_normal((50, grid.n_bins))
    return {
        "bins": Groups.bins(grid),
        "bands": Groups.bands(grid),
        "correlated": Groups.correlated(grid, spectra, 7),
        "molecular": Groups.molecular(grid, ("CO2", "H2O")),
    }


@pytest.mark.parametrize("kind", ["bins", "bands", "correlated", "molecular"])
def test_partitions(prism, kind):
    groups = partitions(prism)[kind]
    assert groups.is_partition
    assert len(set(groups.names)) == len(groups)
    assert (groups.members[groups.labels, np.arange(prism.n_bins)]).all()
    values = np.random.default_rng(1).standard_normal(len(groups))
    assert groups.per_bin(values).sum() == pytest.approx(values.sum())
    # All bins of a group have the same share.
    for row, value in zip(groups.members, values, strict=True):
        assert groups.per_bin(values)[row] == pytest.approx(value / row.sum())


def test_bands_are_as_wide_as_asked(prism):
    groups = Groups.bands(prism, 0.2)
    place = np.log(prism.wavelength)
    assert all(np.ptp(place[row]) <= 0.21 for row in groups.members)
    assert len(groups) == round(np.log(5.3 / 0.6) / 0.2)


def test_windows_overlap_and_cover(prism):
    groups = Groups.windows(prism, 0.1)
    assert not groups.is_partition
    assert groups.members.any(axis=0).all()
    assert len(np.unique(groups.members, axis=0)) == len(groups)
    # The same for each bin of a window gives the same for each bin.
    assert groups.per_bin(groups.members.sum(axis=1)) == pytest.approx(1)


def test_bins_that_go_together_are_joined(world):
    groups = Groups.correlated(world.grid, world.depth, 3)
    x = world.grid.wavelength
    expected = np.where(x < 1.25, 0, np.where(x > 1.6, 2, 1))
    assert groups.labels.tolist() == expected.tolist()


def test_each_band_of_a_molecule_is_a_group(prism):
    groups = Groups.molecular(prism, ("CO2", "H2O"))
    inside = bins_in_bands("CO2", prism)
    for low, high in bands_within("CO2", prism):
        band = (prism.wavelength >= low) & (prism.wavelength <= high)
        assert any((row == band).all() for row in groups.members)
    named = [row for row, name in zip(groups.members, groups.names, strict=True) if "CO2" in name]
    assert (np.any(named, axis=0) == inside).all()


def test_chosen_groups_to_bins(prism):
    groups = Groups.bands(prism)
    chosen = np.random.default_rng(0).random((9, len(groups))) < 0.5
    expected = [[chosen[k, label] for label in groups.labels] for k in range(9)]
    assert (groups.bins_of(chosen) == expected).all()


def test_known_bands_are_within_the_opacities():
    for bands in BANDS.values():
        ends = np.ravel(bands)
        assert (np.diff(ends) > 0).all()
        assert 0.3 <= ends.min() < ends.max() <= 30


def test_refusals(prism):
    with pytest.raises(GridError, match="give a row"):
        Groups(prism, np.ones((2, 3)))
    with pytest.raises(RangeError, match="every bin be in a group"):
        Groups(prism, np.eye(prism.n_bins)[:-1])
    with pytest.raises(RangeError, match="2 groups but 1 names"):
        Groups(prism, np.ones((2, prism.n_bins)), ("one",))
    with pytest.raises(RangeError, match="positive"):
        Groups.bands(prism, 0)
    with pytest.raises(RangeError, match="fewer groups"):
        Groups.correlated(prism, np.ones((9, prism.n_bins)), 10_000)
    with pytest.raises(GridError, match="spectra of shape"):
        Groups.correlated(prism, np.ones((9, 3)))
    with pytest.raises(UnknownNameError, match="did you mean 'CO2'"):
        Groups.molecular(prism, ["co2"])
