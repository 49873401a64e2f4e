"""A store is read as a data set is, streamed in random order, and damage is found."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import exosk
from exosk.datasets import Dataset, Store, verify_store
from exosk.datasets.shards import chunk_rows_for, shard_size_for
from exosk.exceptions import FileFormatError, RangeError
from exosk.storage import create_hdf5

N, SIZE, CHUNK = 1100, 300, 128
ARRAYS = ("X", "Y", "parent", "delta_chi2")


def assert_same(a, b):
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
        assert getattr(a, name).dtype == getattr(b, name).dtype


def order_of(batches):
    return np.concatenate([batch.parent for batch in batches])


# --- reading ---------------------------------------------------------------------------------


def test_it_has_what_a_data_set_has(rich_store):
    data = rich_store[:]
    assert isinstance(data, Dataset)
    assert_same(data, rich_store)
    assert len(data) == len(rich_store) == N
    for name in ("grid", "space", "molecules", "provenance"):
        assert getattr(data, name) == getattr(rich_store, name)
    np.testing.assert_array_equal(data.sigma, rich_store.sigma)
    assert data.Y.space == rich_store.space
    assert rich_store.header.chunk_rows == CHUNK
    assert repr(rich_store).startswith("Store(1100 spectra, SpectralGrid(2000 bins")


@pytest.mark.parametrize(
    "rows",
    [
        slice(None),
        slice(250, 310),
        slice(None, None, 7),
        slice(900, 20, -13),
        slice(0, 0),
        [1099, 0, 299, 300, 300, -1, 128, 127],
        np.arange(N) % 5 == 2,
        np.random.default_rng(0).permutation(N)[:400],
        17,
    ],
    ids=["all", "run", "step", "back", "none", "list", "mask", "random", "one"],
)
def test_rows_are_those_of_the_arrays(rich_store, rows):
    whole, part = rich_store[:], rich_store[rows]
    for name in ARRAYS:
        expected = getattr(whole, name)[np.atleast_1d(np.arange(N)[rows])]
        np.testing.assert_array_equal(getattr(part, name), expected)
        np.testing.assert_array_equal(rich_store.take(name, rows), expected)


def test_rows_that_are_not_there(rich_store):
    with pytest.raises(IndexError):
        rich_store[[N]]


def test_a_sample_is_without_repetition_and_reproducible(rich_store):
    first, again, other = (rich_store.sample(50, seed) for seed in (0, 0, 1))
    assert_same(first, again)
    assert len(set(first.parent.tolist())) == 50
    assert first.parent.tolist() != other.parent.tolist()
    assert_same(first, rich_store[first.parent])
    assert sorted(rich_store.sample(N, 0).parent.tolist()) == list(range(N))


@pytest.mark.parametrize("n", [0, N + 1, 2.5])
def test_a_sample_that_cannot_be(rich_store, n):
    with pytest.raises(RangeError, match=f"cannot draw {n} of 1100 spectra"):
        rich_store.sample(n)


def test_what_does_not_fit_into_memory_is_refused(rich_store, monkeypatch):
    """Before it is tried."""
    monkeypatch.setattr(os, "sysconf", lambda name: 1000)
    with pytest.raises(RangeError, match=r"take 8\.8\d MB, and this machine has 1 MB; .*batches"):
        rich_store.read()
    assert len(rich_store[:10]) == 10


def test_it_can_be_sent_to_another_process(rich_store):
    assert_same(pickle.loads(pickle.dumps(rich_store))[::100], rich_store[::100])


def test_no_file_stays_open(rich_store):
    rich_store.read([5, 700])
    next(rich_store.batches(10, 0))
    there = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")
             if os.path.islink(f"/proc/self/fd/{fd}")]  # fmt: skip
    assert not [path for path in there if path.startswith(str(rich_store.folder))]


@pytest.mark.parametrize("n_bins", [1, 8, 112, 515, 5000, 1_000_000])
def test_chunks_and_shards_are_of_reasonable_size(n_bins):
    chunk, shard = chunk_rows_for(n_bins), shard_size_for(n_bins)
    assert 16 <= chunk <= shard <= 8192
    assert chunk & (chunk - 1) == 0
    assert chunk == 16 or 4 * n_bins * chunk <= 2**20
    assert shard == chunk or 4 * n_bins * shard <= 2**27


# --- streaming -------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 64, 100, 300, N, 5000])
@pytest.mark.parametrize("buffer", [1, 300, 10_000])
def test_every_spectrum_comes_once_an_epoch(rich_store, size, buffer):
    batches = list(rich_store.batches(size, 0, buffer=buffer))
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert 1 <= len(batches[-1]) <= size
    order = order_of(batches)
    assert sorted(order.tolist()) == list(range(N))
    whole = rich_store[order]
    for name in ARRAYS:
        streamed = np.concatenate([getattr(batch, name) for batch in batches])
        np.testing.assert_array_equal(streamed, getattr(whole, name))


def test_the_order_is_that_of_seed_and_epoch(rich_store):
    def order(seed, epoch):
        return order_of(rich_store.batches(64, seed, epoch, buffer=400)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)
    state = np.random.RandomState(3)
    assert order(np.random.RandomState(3), 0) == order(state, 0) != order(state, 0)


def test_a_batch_is_from_all_over(rich_store):
    """With a buffer of a third of the set, chunks of a batch are from most of the set."""
    first = next(rich_store.batches(200, 0, buffer=400)).parent
    assert len(np.unique(first // CHUNK)) >= 3
    assert np.abs(np.diff(first)).mean() > 50
    np.testing.assert_array_equal(order_of(rich_store.batches(64, shuffle=False)), np.arange(N))


def test_memory_is_bounded_by_the_buffer(rich_store, monkeypatch):
    """By four of them, the least of which is a chunk, and by batches, which are small here."""
    submit = ThreadPoolExecutor.submit

    def at_once(*arguments):
        # The most that can be: the next buffer is read before one spectrum of this is given out.
        ahead = submit(*arguments)
        ahead.exception()
        return ahead

    monkeypatch.setattr(ThreadPoolExecutor, "submit", at_once)
    batches = rich_store.batches(32, 0, buffer=1)
    next(batches)  # what is imported, or noted of lines that ran, is not the store's
    batches.close()
    tracemalloc.start()
    for _ in rich_store.batches(32, 0, buffer=1):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    row = 4 * rich_store.grid.n_bins
    assert peak < 5 * CHUNK * row < N * row


def test_an_epoch_that_is_not_finished_leaves_no_thread(rich_store):
    before = threading.active_count()
    for seed in range(3):
        batches = rich_store.batches(10, seed)
        next(batches)
        batches.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": 1.5}, {"buffer": 0}, {"epoch": -1}], ids=str
)
def test_numbers_of_a_stream_that_make_no_sense(rich_store, options):
    with pytest.raises(RangeError, match=f"{next(iter(options))} must be a whole number"):
        next(rich_store.batches(**{"size": 10} | options))


# --- parts -----------------------------------------------------------------------------------


def test_a_split_by_shards_copies_nothing(rich_store):
    before = sorted(rich_store.folder.iterdir())
    parts = rich_store.split(0.25, 0.25, random_state=0)
    assert sorted(rich_store.folder.iterdir()) == before
    orders = [set(order_of(part.batches(64, 0)).tolist()) for part in parts]
    assert [len(part) for part in parts] == [len(order) for order in orders]
    assert set.union(*orders) == set(range(N))
    assert sum(map(len, orders)) == N
    assert [len(part.shards) for part in parts] == [2, 1, 1]
    for part in parts:
        np.testing.assert_array_equal(part[:].X, rich_store[part.parent].X)
    again = rich_store.split(0.25, 0.25, random_state=0)
    assert [part.shards for part in again] == [part.shards for part in parts]


@pytest.mark.parametrize("shares", [(0, 0.1), (0.5, 0.5)])
def test_a_split_without_a_part_is_refused(rich_store, shares):
    with pytest.raises(RangeError, match="cannot split 4 shards into shares of"):
        rich_store.split(*shares)


def test_a_split_never_parts_a_parent(tmp_path, line_simulator, grid):
    from exosk.datasets import merge_stores

    data = exosk.simulate_dataset(line_simulator(), 90, grid, 0)
    twice = Dataset(data.X, data.Y, grid, data.space, data.molecules, np.arange(90) // 9)
    store = merge_stores([twice], tmp_path / "set", shard_size=30)
    with pytest.raises(RangeError, match="rows of one parent are in several shards"):
        store.split()
    whole = merge_stores([twice], tmp_path / "other", shard_size=27)
    assert sum(map(len, whole.split(0.2, 0.2, 0))) == 90


# --- damage ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_flipped_bit_is_found_wherever_it_is(copied, seed):
    random = np.random.default_rng(seed)
    paths = sorted(copied.glob("shard-*"))
    path = paths[random.integers(len(paths))]
    content = bytearray(path.read_bytes())
    content[random.integers(len(content))] ^= 1 << int(random.integers(8))
    path.write_bytes(content)
    found = verify_store(copied)
    assert not found.ok
    assert found.problems == {paths.index(path): f"{path.name} is damaged: its checksum is another"}


@pytest.mark.parametrize("place", [0.02, 0.5, 0.95])
def test_flipped_bytes_of_data_are_never_read_as_numbers(copied, place):
    path = copied / "shard-000001.h5"
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 64
    path.write_bytes(content)
    store = Store(copied)
    with pytest.raises(FileFormatError, match=r"000001\.h5 is not a readable exosk shard"):
        store.read(slice(SIZE, 2 * SIZE))
    with pytest.raises(FileFormatError, match="not a readable exosk shard"):
        list(store.batches(100, 0))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_shard_that_was_cut_off(copied, share):
    path = copied / "shard-000002.h5"
    size = path.stat().st_size
    os.truncate(path, int(share * size))
    with pytest.raises(FileFormatError, match=rf"has \d+ bytes of {size}; `exosk dataset repair"):
        Store(copied)
    assert list(verify_store(copied).problems) == [2]


def test_a_shard_that_is_lost(copied):
    (copied / "shard-000003.h5").unlink()
    with pytest.raises(FileFormatError, match=r"shard-000003.h5 is missing; `exosk dataset repair"):
        Store(copied)
    assert verify_store(copied).problems == {3: "shard-000003.h5 is missing"}


def test_a_shard_of_another_store(copied, rich_store, make_store, tmp_path):
    """Of the same size even: what it says of itself is compared when it is read."""
    other = make_store(tmp_path / "other", like=rich_store.grid, detectability=1e-4, random_state=6)
    shutil.copy(other.folder / "shard-000001.h5", copied / "shard-000001.h5")
    assert list(verify_store(copied).problems) == [1]
    with pytest.raises(FileFormatError, match=r"belongs to another store \(1100 .* bins, seed 6\)"):
        Store(copied).read()


def test_a_shard_under_another_name(copied):
    a, b = (copied / f"shard-00000{k}.h5" for k in (0, 1))
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)
    assert list(verify_store(copied).problems) == [0, 1]
    with pytest.raises(FileFormatError, match="is shard 1 under another name"):
        Store(copied).read()


@pytest.mark.parametrize("kind", ["text", "other HDF5", "nothing"])
def test_a_foreign_file_in_place_of_a_shard(copied, kind):
    path = copied / "shard-000000.h5"
    size = path.stat().st_size
    if kind == "other HDF5":
        with create_hdf5(path, "posterior", 1) as file:
            file["x"] = np.zeros(3)
    else:
        path.write_bytes(b"spectra, once\n" if kind == "text" else b"")
    os.truncate(path, size)
    with pytest.raises(FileFormatError, match=r"shard-000000\.h5 is "):
        Store(copied).read()
    assert list(verify_store(copied).problems) == [0]


def test_a_manifest_that_disagrees_with_its_shards(copied):
    manifest = copied / "manifest.json"
    content = json.loads(manifest.read_text())
    content["shards"]["0"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(content))
    assert list(verify_store(copied).problems) == [0]
    content["seed"] = 99
    manifest.write_text(json.dumps(content))
    with pytest.raises(FileFormatError, match="was changed by hand"):
        Store(copied)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "exosk store"}', '{"format": "x"}', "\x00\xff"],
    ids=["empty", "half", "list", "null", "bare", "other", "binary"],
)  # fmt: skip
def test_a_manifest_that_is_none(copied, text):
    (copied / "manifest.json").write_text(text, "latin-1")
    for action in (Store, verify_store):
        with pytest.raises(FileFormatError, match=r"manifest\.json is "):
            action(copied)


def test_there_is_no_store(tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(FileFormatError, match="there is no store of spectra in"):
            Store(place)
    with pytest.raises(FileFormatError, match="there is no store of spectra in"):
        Dataset.load(tmp_path)


def test_files_that_do_not_belong_there_are_named(copied):
    (copied / ".shard-000001.abc.h5").write_bytes(b"left by a process that was killed")
    (copied / "notes.txt").write_text("mine")
    found = verify_store(copied)
    assert found.ok
    assert found.strays == [".shard-000001.abc.h5", "notes.txt"]
    assert found.n_shards == found.n_whole == 4
