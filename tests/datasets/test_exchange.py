"""Sets are merged, split and exported without a spectrum lost, doubled or changed."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

import exosk
from exosk.datasets import (
    Store,
    StoreError,
    export_store,
    merge_stores,
    split_store,
    verify_store,
)
from exosk.datasets.exchange import pieces
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.parameters import Uniform
from exosk.spectra import SpectralGrid

ARRAYS = ("X", "Y", "parent", "delta_chi2")


# --- merging ---------------------------------------------------------------------------------


def test_all_spectra_are_there_in_their_order(tmp_path, make_store, line_simulator, grid):
    stores = [make_store(tmp_path / str(seed), random_state=seed, n=70 * seed) for seed in (1, 2)]
    data = exosk.simulate_dataset(line_simulator(), 50, grid, 3)
    shares = []
    merged = merge_stores(
        [*stores, data], tmp_path / "merged", shard_size=64, progress=shares.append
    )
    parts = [*stores, data]
    for name in ("X", "Y"):
        expected = np.concatenate([np.asarray(getattr(part, name)) for part in parts])
        np.testing.assert_array_equal(getattr(merged, name), expected)
    np.testing.assert_array_equal(merged.parent, np.arange(260))
    assert [merged.header.shard_rows(k) for k in merged.shards] == [64, 64, 64, 64, 4]
    assert verify_store(merged.folder).ok
    assert shares[-1] == 1
    assert merged.provenance["simulator"] == "line"
    assert [part["seed"] for part in merged.provenance["merged"]] == [1, 2, 3]


def test_parents_keep_apart(tmp_path, make_store, line_simulator, grid):
    data = [exosk.simulate_dataset(line_simulator(), 40, grid, seed) for seed in (0, 1)]
    data = [replace(part, parent=np.arange(40) // 4 + 7) for part in data]
    parent = merge_stores(data, tmp_path / "merged").parent
    assert len(np.unique(parent)) == 20
    assert not set(parent[:40]) & set(parent[40:])


def test_everything_that_is_kept_comes_along(rich_store, tmp_path):
    merged = merge_stores([rich_store], tmp_path / "merged", compression="gzip")
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(merged, name), getattr(rich_store, name))
    np.testing.assert_array_equal(merged.sigma, rich_store.sigma)
    assert merged.provenance == rich_store.provenance
    assert merged.n_bytes < rich_store.n_bytes


def test_the_bytes_do_not_depend_on_when(rich_store, tmp_path, contents):
    a, b = (merge_stores([rich_store], tmp_path / name, shard_size=200) for name in "ab")
    assert contents(a.folder) == contents(b.folder)


def test_other_bins_are_refused(tmp_path, make_store):
    other = SpectralGrid.from_edges(np.linspace(1.2, 1.5, 9))
    stores = [make_store(tmp_path / "a"), make_store(tmp_path / "b", like=other, random_state=9)]
    with pytest.raises(GridError, match=r"set 2 is in .*1\.2-1\.5 um\) and the first in .*1\.6 um"):
        merge_stores(stores, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_other_priors_errors_and_labels_are_refused(tmp_path, make_store, line_simulator):
    first = make_store(tmp_path / "first")
    simulator = line_simulator()
    simulator.space = simulator.space.replace(level=Uniform(0.01, 0.03))
    others = {
        r"space\.0\.prior\.high: 0\.02 in the first, 0\.03 in set 2": {"simulator": simulator},
        "sigma: nothing in the first, 8 values in set 2": {"detectability": 1e-4},
    }
    for k, (message, changes) in enumerate(others.items()):
        other = make_store(tmp_path / str(k), random_state=9, **changes)
        with pytest.raises(RangeError, match=message):
            merge_stores([first, other], tmp_path / "merged")


@pytest.mark.parametrize("size", [300, 100])
def test_a_spectrum_of_two_sets_is_refused(tmp_path, make_store, size):
    stores = [make_store(tmp_path / "a"), make_store(tmp_path / "b", n=900, shard_size=size)]
    both = {300: 900, 100: 400}[size]
    with pytest.raises(RangeError, match=f"{both} spectra of set 2 are in an earlier one too"):
        merge_stores(stores, tmp_path / "merged")


def test_nothing_is_left_of_a_merger_that_fails(tmp_path, make_store):
    store = make_store(tmp_path / "set")

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge_stores([store], tmp_path / "merged", progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    with pytest.raises(RangeError, match="nothing to merge"):
        merge_stores([], tmp_path / "merged")


def test_what_is_there_is_never_written_over(tmp_path, make_store):
    store = make_store(tmp_path / "set")
    for action in (
        lambda: merge_stores([store], store.folder),
        lambda: export_store(store, store.folder, "parquet"),
        lambda: split_store(store, tmp_path),
    ):
        (tmp_path / "training").mkdir(exist_ok=True)
        (tmp_path / "training" / "mine").touch()
        with pytest.raises(StoreError, match=r"exists.*; choose another"):
            action()
    assert verify_store(store.folder).ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set", "training"]


# --- splitting -------------------------------------------------------------------------------


def test_parts_are_disjoint_and_everything(rich_store, tmp_path):
    parts = split_store(rich_store, tmp_path, 0.2, 0.1, random_state=3)
    assert [part.folder.name for part in parts] == ["training", "validation", "test"]
    assert [len(part) for part in parts] == [770, 110, 220]
    assert sorted(np.concatenate([part.parent for part in parts])) == list(range(1100))
    for part in parts:
        assert verify_store(part.folder).ok
        for name in ARRAYS:
            expected = getattr(rich_store[part.parent], name)
            np.testing.assert_array_equal(getattr(part, name), expected)


def test_a_parent_is_never_split(tmp_path, line_simulator, grid):
    data = exosk.simulate_dataset(line_simulator(), 200, grid, 0)
    data = replace(data, parent=np.arange(200) % 40)
    store = merge_stores([data], tmp_path / "set", shard_size=30)
    parts = split_store(store, tmp_path / "parts", random_state=0)
    parents = [set(part.parent.tolist()) for part in parts]
    assert [len(part) for part in parents] == [28, 6, 6]
    assert len(set.union(*parents)) == 40


def test_parts_are_put_together_again(rich_store, tmp_path):
    parts = split_store(rich_store, tmp_path)
    merged = merge_stores(parts, tmp_path / "merged")
    assert sorted(map(bytes, merged.X)) == sorted(map(bytes, rich_store.X))


@pytest.mark.parametrize("shares", [(0, 0.1), (0.5, 0.5), (-0.1, 0.2)])
def test_shares_that_leave_a_part_empty(rich_store, tmp_path, shares):
    with pytest.raises(RangeError, match="cannot split 1100 parent spectra into shares of"):
        split_store(rich_store, tmp_path, *shares)
    assert not list(tmp_path.iterdir())


def test_pieces_are_the_whole(rich_store, line_simulator, grid):
    data = exosk.simulate_dataset(line_simulator(), 20, grid, 0)
    for source in (rich_store, data):
        found = np.concatenate([piece.X for piece in pieces(source)])
        np.testing.assert_array_equal(found, source.X)


# --- other formats ---------------------------------------------------------------------------


def test_zarr(rich_store, tmp_path):
    zarr = pytest.importorskip("zarr", minversion="3.0")
    path = export_store(rich_store, tmp_path / "set.zarr", "zarr")
    group = zarr.open_group(str(path), mode="r")
    for name in ARRAYS:
        np.testing.assert_array_equal(group[name][:], getattr(rich_store, name))
    np.testing.assert_array_equal(group["lower"][:], rich_store.grid.lower)
    np.testing.assert_array_equal(group["upper"][:], rich_store.grid.upper)
    assert group.attrs["exosk"]["provenance"] == rich_store.provenance
    assert [entry.name for entry in tmp_path.iterdir()] == ["set.zarr"]


def test_parquet(rich_store, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = export_store(rich_store, tmp_path / "set.parquet", "parquet")
    table = parquet.read_table(path)
    depth = table["depth"].combine_chunks().flatten().to_numpy()
    np.testing.assert_array_equal(depth.reshape(1100, -1), rich_store.X)
    columns = [*rich_store.space.names, "parent", "delta_chi2_H2O"]
    expected = [*np.asarray(rich_store.Y).T, rich_store.parent, rich_store.delta_chi2[:, 0]]
    for name, values in zip(columns, expected):
        np.testing.assert_array_equal(table[name].to_numpy(), values)
    said = json.loads(table.schema.metadata[b"exosk"])
    assert SpectralGrid.from_dict(said["grid"]) == rich_store.grid


def test_a_format_that_there_is_not(rich_store, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'parquet'"):
        export_store(rich_store, tmp_path / "set", "parket")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("to", "package"), [("zarr", "zarr"), ("parquet", "pyarrow")])
def test_a_package_that_is_not_installed_is_named(rich_store, tmp_path, monkeypatch, to, package):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(StoreError, match=rf"needs the package {package}.*exosk\[export\]"):
        export_store(rich_store, tmp_path / "set", to)
    assert not list(tmp_path.iterdir())


def test_a_store_that_is_not_finished_is_taken_when_asked_for(tmp_path, interrupt):
    interrupt(tmp_path / "set", 700)
    store = Store(tmp_path / "set", partial=True)
    assert len(merge_stores([store], tmp_path / "merged")) == 600
