"""A set in shards: the same bytes however it is made, and nothing lost whatever goes wrong."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import exosk
from exosk.datasets import Dataset, Progress, Store, StoreError, simulate_dataset
from exosk.datasets import verify_store as verify
from exosk.exceptions import FileFormatError, GridError, RangeError, UnknownNameError
from exosk.instruments import get_instrument
from exosk.spectra import SpectralGrid

N, SIZE = 1100, 300


# --- what is made ----------------------------------------------------------------------------


def test_each_shard_is_drawn_from_a_spawned_seed(tmp_path, make_store, line_simulator, grid):
    store = make_store(tmp_path / "set")
    assert len(store) == N
    seeds = np.random.SeedSequence(5).spawn(4)
    for seed, start in zip(seeds, range(0, N, SIZE)):
        random = np.random.RandomState(np.random.MT19937(seed))
        part = store[start : start + SIZE]
        np.testing.assert_array_equal(part.Y, store.space.sample(len(part), random))
    Y = np.asarray(store.Y)
    np.testing.assert_allclose(
        store.X, Y[:, :1] + 1e-4 * Y[:, 1:] * (grid.wavelength - 1), rtol=1e-6
    )
    assert store.X.dtype == np.float32
    assert len(np.unique(Y, axis=0)) == N
    np.testing.assert_array_equal(store.parent, np.arange(N))
    assert store.provenance == {"simulator": "line", "n_spectra": N, "seed": 5}
    assert (store.grid, store.molecules) == (grid, ("H2O",))
    assert store.space == line_simulator().space


def test_another_seed_gives_other_spectra(tmp_path, make_store):
    one, other = make_store(tmp_path / "a"), make_store(tmp_path / "b", random_state=6)
    assert (one.X != other.X).any(axis=1).all()


def test_labels_of_molecules_that_show_are_kept(tmp_path, monkeypatch, make_store):
    instrument = get_instrument("hst-wfc3-g141")
    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CO"))
    options = {"detectability": True, "like": instrument, "n": 40, "shard_size": 25}
    store = make_store(tmp_path / "set", simulator, **options)
    assert store.delta_chi2.shape == (40, 2)
    np.testing.assert_array_equal(store.sigma, simulate_dataset(simulator, 1, instrument).sigma)
    np.testing.assert_array_equal(store[:].delta_chi2, store.delta_chi2)
    assert store[:].presence(delta_chi2=9).shape == (40, 2)


@pytest.mark.parametrize("how", ["two processes", "a cluster"])
def test_the_bytes_are_the_same_whoever_makes_them(tmp_path, how, make_store, contents):
    expected = contents(make_store(tmp_path / "alone").folder)
    if how == "two processes":
        made = make_store(tmp_path / "set", n_jobs=2)
    else:
        distributed = pytest.importorskip("distributed")
        with distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", processes=True
        ) as cluster:
            address = cluster.scheduler_address
            made = make_store(tmp_path / "set", n_jobs=None, scheduler=address)
    assert contents(made.folder) == expected
    assert verify(made.folder).ok


def test_the_built_in_simulator_gives_the_same_bits_on_any_number_of_threads(
    tmp_path, make_store, contents
):
    """In this process with one and two threads, and in two others."""
    import torch

    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CO2"))
    found, before = [], torch.get_num_threads()
    try:
        for threads, jobs in ((1, 1), (2, 1), (2, 2)):
            torch.set_num_threads(threads)
            folder = tmp_path / f"{threads}-{jobs}"
            make_store(folder, simulator, n=500, like=get_instrument("hst-wfc3-g141"), n_jobs=jobs)
            found.append(contents(folder))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_the_simulator_itself_does_not_care_for_threads():
    import torch

    grid = get_instrument("hst-wfc3-g141").grid
    simulator = exosk.get_simulator("builtin").restrict(grid)
    theta = simulator.space.sample(256, 0)
    before = torch.get_num_threads()
    try:
        found = [torch.set_num_threads(k) or simulator.simulate(theta) for k in (1, 2)]
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_progress_says_rate_and_time_left(tmp_path, make_store):
    steps: list[Progress] = []
    make_store(tmp_path / "set", progress=steps.append)
    assert steps[0].n_done == steps[0].rate == 0
    assert steps[0].seconds_left == float("inf")
    assert [step.n_done for step in steps] == sorted({step.n_done for step in steps})
    assert (steps[-1].n_done, steps[-1].n, steps[-1].seconds_left) == (N, N, 0)
    size = sum(path.stat().st_size for path in (tmp_path / "set").glob("shard-*"))
    assert size <= steps[0].bytes_needed < 2 * size
    assert steps[0].bytes_free > size


def test_compressed_files_are_smaller_and_hold_the_same(tmp_path, make_store):
    plain, small = make_store(tmp_path / "a"), make_store(tmp_path / "b", compression="gzip")
    assert small.n_bytes < plain.n_bytes
    np.testing.assert_array_equal(small.X, plain.X)


# --- interruptions ---------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 300, 700, 1100])
def test_a_set_that_was_interrupted_is_finished_to_the_same_bytes(
    tmp_path, after, make_store, interrupt, contents
):
    expected = contents(make_store(tmp_path / "whole").folder)
    folder = tmp_path / "set"
    interrupt(folder, after)
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    assert len(kept) == (after - 1) // SIZE
    with pytest.raises(FileFormatError, match=f"not finished: {len(kept)} of 4 shards"):
        Store(folder)
    assert len(Store(folder, partial=True)) == min(SIZE * len(kept), N)
    before = []
    make_store(folder, progress=lambda progress: before.append(progress.n_before))
    assert before[0] == SIZE * len(kept)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert contents(folder) == expected


def test_a_shard_that_was_written_but_not_recorded_is_kept(
    tmp_path, make_store, interrupt, contents
):
    expected = contents(make_store(tmp_path / "whole").folder)
    folder = tmp_path / "set"
    interrupt(folder, 700)
    journal = folder / "progress.jsonl"
    text = journal.read_text()
    journal.write_text(text[: len(text) // 2 + 20])  # cut off in a line
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    make_store(folder)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert contents(folder) == expected


def test_what_a_killed_process_left_is_removed_and_what_was_cut_off_is_made_again(
    tmp_path, make_store, interrupt, contents
):
    expected = contents(make_store(tmp_path / "whole").folder)
    folder = tmp_path / "set"
    interrupt(folder, 700)
    (folder / ".shard-000002.x7_a.h5").write_bytes(b"half")
    (folder / ".manifest.abc.json").write_bytes(b"{")
    (folder / "shard-000003.h5").write_bytes(expected["shard-000003.h5"][:-10])
    os.truncate(folder / "shard-000001.h5", 100)
    make_store(folder)
    assert contents(folder) == expected


def test_the_clock_has_no_part_in_it(tmp_path, make_store, interrupt, contents):
    expected = contents(make_store(tmp_path / "whole").folder)
    for k, when in enumerate((0, 4_000_000_000)):
        folder = tmp_path / str(k)
        interrupt(folder, 700)
        for path in folder.iterdir():
            os.utime(path, (when, when))
        make_store(folder)
        assert contents(folder) == expected
        assert verify(folder).ok


def test_the_time_may_run_backwards(tmp_path, monkeypatch, make_store, contents):
    """As where a clock is set right while a set is made."""
    expected = contents(make_store(tmp_path / "whole").folder)
    clock = itertools.count(4_000_000_000, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(clock)))
    steps: list[Progress] = []
    folder = make_store(tmp_path / "set", progress=steps.append).folder
    assert contents(folder) == expected
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(steps))


def test_a_finished_set_is_left_alone(tmp_path, make_store):
    folder = make_store(tmp_path / "set").folder
    kept = {path: path.stat().st_mtime_ns for path in folder.glob("shard-*")}
    make_store(folder)
    assert {path: path.stat().st_mtime_ns for path in folder.glob("shard-*")} == kept


def kill_once(flag: str):
    """Spoil a simulator so that the first process that comes to its third call dies."""
    calls = itertools.count()

    def spoil(depth):
        if next(calls) == 2 and not Path(flag).exists():
            Path(flag).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return depth

    return spoil


def test_a_worker_that_dies_is_replaced(tmp_path, make_store, contents, line_simulator):
    expected = contents(make_store(tmp_path / "whole").folder)
    simulator = line_simulator(spoil=kill_once(str(tmp_path / "flag")))
    make_store(tmp_path / "set", simulator, n_jobs=2)
    assert (tmp_path / "flag").exists()
    assert contents(tmp_path / "set") == expected


def test_joblib_s_own_workers_outlive_those_that_die(tmp_path, make_store, line_simulator):
    """scikit-learn's searches share them, and go on as if nothing had happened."""
    from joblib import Parallel, delayed

    def workers() -> set[int]:
        return set(Parallel(2)(delayed(_pid_later)() for _ in range(8)))

    before = workers()
    make_store(tmp_path / "set", line_simulator(spoil=kill_once(str(tmp_path / "flag"))), n_jobs=2)
    assert (tmp_path / "flag").exists()
    assert workers() == before


def _pid_later() -> int:
    time.sleep(0.1)
    return os.getpid()


@pytest.mark.parametrize("how", ["to the end", "stopped", "an error"])
def test_nothing_of_the_processes_is_left(tmp_path, monkeypatch, make_store, line_simulator, how):
    """A thread of theirs that fails is an error of the test."""

    def spoil(depth):
        raise ValueError("broken")

    def stop(progress: Progress) -> None:
        if how == "stopped" and progress.n_done:
            raise KeyboardInterrupt

    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    threads = set(threading.enumerate())
    simulator = line_simulator(spoil=spoil if how == "an error" else None)
    # Many shards, so that some wait to be made when it ends.
    ends = {"stopped": pytest.raises(KeyboardInterrupt), "an error": pytest.raises(ValueError)}
    with ends.get(how, contextlib.nullcontext()):
        make_store(tmp_path / "set", simulator, shard_size=20, n_jobs=2, progress=stop)
    assert not list(place.iterdir())
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_workers_that_die_again_and_again_are_an_error(tmp_path, make_store, line_simulator):
    def spoil(depth):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(StoreError, match=r"died 3 times on end; most likely they ran out of"):
        make_store(tmp_path / "set", line_simulator(spoil=spoil), n_jobs=2)


# --- another set in the folder ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n": 1200}, "n: 1100 there, 1200 here"),
        ({"random_state": 6}, "seed: 5 there, 6 here"),
        ({"shard_size": 200}, "shard_size: 300 there, 200 here"),
        ({"compression": "gzip"}, 'compression: nothing there, "gzip" here'),
        (
            {"like": SpectralGrid.from_edges(np.linspace(1.3, 1.6, 9))},
            "grid.lower_um.0: 1.2 there, 1.3 here",
        ),
        ({"simulator": {"simulator": "curve"}}, 'provenance.simulator: "line" there, "curve" here'),
        ({"detectability": 1e-4}, "sigma: nothing there, 8 values here"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_set_in_the_folder_is_refused_and_stays(
    tmp_path, changes, said, make_store, interrupt, contents, line_simulator
):
    folder = tmp_path / "set"
    interrupt(folder, 700)
    before = contents(folder)
    if "simulator" in changes:
        changes = {"simulator": line_simulator(changes["simulator"])}
    with pytest.raises(StoreError, match=re.escape(said)):
        make_store(folder, **changes)
    assert contents(folder) == before


def test_shards_without_a_manifest_are_refused_and_stay(tmp_path, make_store, contents):
    folder = make_store(tmp_path / "set").folder
    (folder / "manifest.json").unlink()
    before = contents(folder)
    with pytest.raises(StoreError, match=r"shards but no manifest.json; `exosk dataset repair"):
        make_store(folder)
    assert contents(folder) == before


def test_a_later_version_is_refused_and_stays(tmp_path, make_store, contents):
    folder = make_store(tmp_path / "set").folder
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"version": 1', '"version": 99'))
    before = contents(folder)
    for action in (make_store, Store, verify, exosk.datasets.repair_store):
        with pytest.raises(FileFormatError, match=r"later exosk \(store version 99.*upgrade"):
            action(folder)
    assert contents(folder) == before


def test_two_writers_are_one_too_many(tmp_path, make_store):
    def second(progress: Progress) -> None:
        if progress.n_done == N:
            with pytest.raises(StoreError, match="another process is writing to"):
                make_store(tmp_path / "set")

    make_store(tmp_path / "set", progress=second)
    assert verify(tmp_path / "set").ok


def test_the_lock_of_a_process_that_died_does_not_hold(tmp_path, make_store):
    folder = tmp_path / "set"
    code = (
        "import sys, time; from pathlib import Path\n"
        "from exosk.datasets.folder import sole_writer\n"
        "with sole_writer(Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match="another process is writing to"):
            make_store(folder)
        process.kill()
    make_store(folder)
    assert verify(folder).ok


# --- the disk --------------------------------------------------------------------------------


def test_a_disk_that_is_too_small_is_refused_before_anything_is_made(small_disk, make_store):
    with pytest.raises(StoreError, match=r"MB are needed in .* and 1\.0\d MB are free; make room"):
        make_store(small_disk / "set", n=100_000, shard_size=None)
    assert not list((small_disk / "set").glob("shard-*"))
    assert not (small_disk / "set" / "manifest.json").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_disk_that_fills_up_costs_nothing_that_was_finished(
    tmp_path, small_disk, jobs, make_store, contents
):
    expected = contents(make_store(tmp_path / "whole", shard_size=100).folder)
    folder, filler = small_disk / "set", small_disk / "filler"

    def fill(progress: Progress) -> None:
        if progress.n_done >= 300 and not filler.exists():
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(4096))

    with pytest.raises(StoreError, match=r"no space left for .*/set: what is finished there stays"):
        make_store(folder, shard_size=100, n_jobs=jobs, progress=fill)
    kept = [path.name for path in folder.glob("shard-*")]
    assert len(kept) >= 2
    assert all((folder / name).read_bytes() == expected[name] for name in kept)
    filler.unlink()
    make_store(folder, shard_size=100)
    assert contents(folder) == expected
    assert verify(folder).ok


def test_a_file_that_the_system_cuts_off_is_an_error_and_not_kept(tmp_path, make_store, contents):
    """A limit to the size of files needs no rights to set."""
    expected = contents(make_store(tmp_path / "whole").folder)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (15_000, before[1]))
    try:
        with pytest.raises(StoreError, match="no space left for"):
            make_store(tmp_path / "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not [path for path in (tmp_path / "set").iterdir() if "shard" in path.name]
    make_store(tmp_path / "set")
    assert contents(tmp_path / "set") == expected


@contextlib.contextmanager
def forbidden(folder: Path):
    """Let nobody write to a folder: root may, but to a disk that is mounted for reading."""
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    if os.geteuid():
        folder.chmod(0o500)
    elif subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("root may write anywhere, and cannot mount a folder for reading")
    try:
        yield
    finally:
        if os.geteuid():
            folder.chmod(0o700)
        else:
            subprocess.run(["umount", str(folder)], check=True)


def test_a_folder_that_cannot_be_written_to(tmp_path, make_store):
    folder = tmp_path / "place"
    folder.mkdir()
    said = r"/place/set cannot be written to \(.*choose another"
    with forbidden(folder), pytest.raises(StoreError, match=said):
        make_store(folder / "set")


def test_a_set_that_can_only_be_read(tmp_path, make_store, interrupt, contents):
    whole, half = make_store(tmp_path / "place" / "whole").folder, tmp_path / "place" / "half"
    interrupt(half, 700)
    before = contents(half)
    with forbidden(tmp_path / "place"):
        assert verify(whole).ok
        assert Store(whole)[:].X.shape == (N, 8)
        assert len(Store(half, partial=True)) == 600
        for action in (make_store, exosk.datasets.repair_store):
            with pytest.raises(StoreError, match=r"/half cannot be written to \(.*choose another"):
                action(half)
    assert contents(half) == before


def test_no_room_for_what_the_processes_are_to_read(
    tmp_path, small_disk, monkeypatch, make_store, line_simulator
):
    """The simulator, with its opacities, goes by way of a temporary file."""
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    simulator = line_simulator()
    simulator.opacities = np.random.default_rng(0).uniform(size=100_000)
    with pytest.raises(StoreError, match=r"written to .*/disk, .*No space left.*TMPDIR"):
        make_store(tmp_path / "set", simulator, n_jobs=2)


def test_a_folder_that_is_a_file(tmp_path, make_store):
    (tmp_path / "file").write_text("mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "set"):
        with pytest.raises(StoreError, match="is not a folder, or lies in a file"):
            make_store(folder)
    assert (tmp_path / "file").read_text() == "mine"


# --- what is asked for -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n": 0}, RangeError, "positive whole number, got 0"),
        ({"n": 2.5}, RangeError, "positive whole number, got 2.5"),
        ({"shard_size": 0}, RangeError, "shard_size must be a positive whole number, got 0"),
        ({"random_state": None}, RangeError, "needs a seed that can be written down"),
        ({"random_state": -1}, RangeError, "from 0 up, got -1"),
        ({"compression": "gzp"}, UnknownNameError, "did you mean 'gzip'"),
        ({"scheduler": "tcp://x:1"}, RangeError, "give one of them"),
        ({"detectability": True}, RangeError, "bins alone have no errors"),
        ({"like": SpectralGrid([2.9], [3.1])}, GridError, "bins cover 2.9-3.1 um"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_nonsense_is_refused_before_anything_is_made(tmp_path, changes, error, message, make_store):
    with pytest.raises(error, match=message):
        make_store(tmp_path / "set", **changes)
    assert not (tmp_path / "set").exists()


def test_spectra_that_are_no_numbers_are_refused(tmp_path, make_store, line_simulator):
    def spoil(depth):
        depth[7, 3:] = np.nan
        return depth

    with pytest.raises(RangeError, match=r"spectrum 7 of values that are no numbers, from {'level"):
        make_store(tmp_path / "set", line_simulator(spoil=spoil))


def test_a_simulator_that_cannot_travel_works_at_home(tmp_path, make_store, line_simulator):
    simulator = line_simulator()
    simulator.generator = (k for k in range(3))
    with pytest.raises(StoreError, match=r"cannot be sent to other processes .*--jobs 1"):
        make_store(tmp_path / "set", simulator, n_jobs=2)
    make_store(tmp_path / "set", simulator)
    assert verify(tmp_path / "set").ok


def test_no_scheduler_there(tmp_path, monkeypatch, make_store):
    pytest.importorskip("distributed")
    monkeypatch.setattr("exosk.datasets.cluster_workers._CONNECT_SECONDS", 1)
    with pytest.raises(StoreError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        make_store(tmp_path / "set", n_jobs=None, scheduler="tcp://127.0.0.1:9")
    with pytest.raises(StoreError, match=r"neither an address as tcp://.* nor a scheduler file"):
        make_store(tmp_path / "set", n_jobs=None, scheduler="nowhere.json")


def test_a_worker_that_would_make_other_spectra_refuses(tmp_path, line_simulator, grid):
    """As one does on which another version of the simulator is installed."""
    from exosk.datasets.campaign import plan_store
    from exosk.datasets.manifest import Manifest
    from exosk.datasets.shard_job import ShardJob

    recipe, header = plan_store(line_simulator(), N, grid, 5)
    job = ShardJob(recipe, header, tmp_path)
    with pytest.raises(StoreError, match=r"does not see .*give a folder that all workers share"):
        job(0)
    Manifest(header, {}).save(tmp_path)
    recipe.simulator.provenance = {"simulator": "curve"}
    with pytest.raises(StoreError, match=r'would make other spectra: provenance.simulator: "line"'):
        job(0)
    assert not list(tmp_path.glob("shard-*"))


def test_a_store_loads_as_a_data_set(tmp_path, make_store):
    store = make_store(tmp_path / "set")
    data = Dataset.load(tmp_path / "set")
    np.testing.assert_array_equal(data.X, store.X)
    np.testing.assert_array_equal(data.Y, store.Y)
    assert (data.grid, data.space, data.molecules) == (store.grid, store.space, store.molecules)
