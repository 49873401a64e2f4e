"""The file of a shard: the same bytes for the same spectra, and no more of them than was said."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from exosk.datasets.campaign import plan_store
from exosk.datasets.shards import bytes_needed, open_shard, read_header, shard_path, write_shard
from exosk.exceptions import FileFormatError
from exosk.spectra import SpectralGrid


@pytest.fixture
def planned(line_simulator, grid):
    recipe, header = plan_store(line_simulator(), 1100, grid, 5, shard_size=300, detectability=1e-4)
    return header, recipe.draw(300, np.random.RandomState(0), header.provenance)


def test_the_bytes_do_not_depend_on_who_holds_on_to_what(tmp_path, planned, monkeypatch):
    """dask's profiler holds frames, and HDF5's objects with them, when it pleases."""
    header, data = planned
    written = write_shard(tmp_path, 1, header, data)
    held, create = [], h5py.Group.create_dataset

    def create_and_hold(self, *arguments, **options):
        held.append(create(self, *arguments, **options))
        return held[-1]

    monkeypatch.setattr(h5py.Group, "create_dataset", create_and_hold)
    assert write_shard(tmp_path, 1, header, data) == written
    assert held


@pytest.mark.parametrize("n", [1, 299, 1000, 5000])
@pytest.mark.parametrize("n_bins", [1, 100, 2000])
def test_the_size_is_known_beforehand(tmp_path, line_simulator, n, n_bins):
    grid = SpectralGrid.from_edges(np.linspace(1.2, 1.6, n_bins + 1))
    recipe, header = plan_store(line_simulator(), n, grid, shard_size=n)
    data = recipe.draw(n, np.random.RandomState(0), header.provenance)
    size = write_shard(tmp_path, 0, header, data).n_bytes
    assert size <= bytes_needed(header, [0]) <= 1.02 * size + 20_000


def test_the_header_is_in_every_shard(tmp_path, planned):
    header, data = planned
    write_shard(tmp_path, 2, header, data)
    found, index = read_header(shard_path(tmp_path, 2))
    assert index == 2
    assert found.to_dict() == header.to_dict()
    assert found.fingerprint == header.fingerprint


def test_a_shard_of_a_later_version(tmp_path, planned):
    header, data = planned
    write_shard(tmp_path, 0, header, data)
    with h5py.File(shard_path(tmp_path, 0), "r+") as file:
        file.attrs["version"] = 99
    with (
        pytest.raises(FileFormatError, match=r"by a later exosk \(shard version 99"),
        open_shard(tmp_path, 0, header),
    ):
        pass


def test_a_file_that_replaces_another_does_so_whole(tmp_path, planned):
    header, data = planned
    first = write_shard(tmp_path, 0, header, data)
    assert write_shard(tmp_path, 0, header, data) == first
    assert [path.name for path in tmp_path.iterdir()] == ["shard-000000.h5"]
