"""Processes are killed at random moments: what is finished later is what it would have been.

benchmarks/generation.py does it twenty times with the built-in simulator.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from exosk.datasets import StoreError, verify_store

psutil = pytest.importorskip("psutil")
pytestmark = pytest.mark.slow

N = {"n": 4000, "shard_size": 200}
RUN = """
import sys
sys.path.insert(0, sys.argv[1])
from conftest import GRID, line_simulator
from exosk.datasets import simulate_store
from exosk.exceptions import ExoskError
if __name__ == "__main__":
    how = {"scheduler": sys.argv[3]} if len(sys.argv) > 3 else {"n_jobs": 2}
    simulator = line_simulator(seconds=0.05)
    try:
        simulate_store(simulator, 4000, GRID, sys.argv[2], 5, shard_size=200, **how)
    except ExoskError as error:
        sys.exit(str(error))
"""
# Where warnings are errors, and each batch leaves 320 MB behind: loky looks once a second.
GROW = """
import os, sys, warnings
import numpy as np
sys.path.insert(0, sys.argv[1])
from conftest import GRID, line_simulator
from exosk.datasets import simulate_store
left = []
def grow(depth):
    left.append(np.ones(40_000_000))
    with open(sys.argv[3], "a") as file:
        file.write(f"{os.getpid()}\\n")
    return depth
if __name__ == "__main__":
    warnings.simplefilter("error")
    simulator = line_simulator(seconds=1.1, spoil=grow)
    simulate_store(simulator, 1500, GRID, sys.argv[2], 5, shard_size=250, n_jobs=2)
"""
DASK = [sys.executable, "-W", "ignore", "-m"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, request):
    """The bytes of a set that nothing happened to."""
    return {}


@pytest.fixture
def expected(undisturbed, tmp_path, make_store, contents):
    if not undisturbed:
        undisturbed.update(contents(make_store(tmp_path / "undisturbed", **N).folder))
    return undisturbed


def script(text: str, folder: Path, *arguments: str) -> list[str]:
    file = folder.with_suffix(".py")
    file.write_text(text)
    return [sys.executable, str(file), str(Path(__file__).parent), str(folder), *arguments]


def temporary(folder: Path) -> Path:
    place = folder.with_suffix(".tmp")
    place.mkdir(exist_ok=True)
    return place


@contextlib.contextmanager
def running(folder: Path, *arguments: str):
    """Start making the set in a process of its own, and wait until it has begun."""
    command = script(RUN, folder, *arguments)
    environment = os.environ | {"TMPDIR": str(temporary(folder))}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            wait_for(lambda: (folder / "progress.jsonl").exists() or process.poll() is not None)
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def cluster(folder: Path):
    """Start a dask scheduler and two workers, and return their processes and the address file."""
    pytest.importorskip("distributed")
    file = folder / "scheduler.json"
    options = ["--dashboard-address", ":0", "--scheduler-file", str(file)]
    processes = [start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", *options)]
    try:
        wait_for(file.exists)
        worker = ["--nthreads", "1", "--no-nanny", "--local-directory", str(folder), *options]
        processes += [start("distributed.cli.dask_worker", *worker) for _ in range(2)]
        yield processes, str(file)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def start(module: str, *arguments: str) -> subprocess.Popen:
    ports = ["--port", "0"] if "scheduler" in module else []
    command = [*DASK, module, *ports, *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def moment(seed: int) -> None:
    time.sleep(np.random.default_rng(seed).uniform(0, 0.5))


def children(process) -> list:
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if "loky" in " ".join(child.cmdline())]


@pytest.mark.parametrize("seed", range(2))
def test_the_whole_run(tmp_path, make_store, contents, expected, seed):
    folder = tmp_path / "set"
    with running(folder) as process:
        workers = children(process)
        moment(seed)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # What they still write is what is made anyway.
        make_store(folder, **N)
        assert contents(folder) == expected
        assert verify_store(folder).ok
        _, alive = psutil.wait_procs(workers, timeout=10)
        assert not alive, "workers outlive the run"
    assert contents(folder) == expected
    assert not list(temporary(folder).glob("exosk-*"))


def test_a_worker(tmp_path, contents, expected):
    folder = tmp_path / "set"
    with running(folder) as process:
        moment(0)
        for child in children(process)[:1]:
            child.kill()
        assert process.wait(60) == 0, process.stderr.read()
    assert contents(folder) == expected


def test_a_worker_that_is_replaced_because_its_memory_grew(tmp_path, make_store, contents):
    """loky warns of it in a thread of its own, which must outlive that."""
    folder, pids = tmp_path / "set", tmp_path / "pids"
    subprocess.run(script(GROW, folder, str(pids)), check=True, timeout=120)
    assert len(set(pids.read_text().split())) > 2, "none was replaced"
    whole = make_store(tmp_path / "whole", n=1500, shard_size=250)
    assert contents(folder) == contents(whole.folder)


def test_a_worker_of_a_cluster(tmp_path, contents, expected):
    folder = tmp_path / "set"
    with cluster(tmp_path) as (processes, file), running(folder, file) as process:
        moment(1)
        processes[1].kill()
        assert process.wait(60) == 0, process.stderr.read()
    assert contents(folder) == expected
    assert verify_store(folder).ok


def test_the_scheduler_of_a_cluster(tmp_path, make_store, contents, expected):
    folder = tmp_path / "set"
    with cluster(tmp_path) as (processes, file), running(folder, file) as process:
        moment(0)
        processes[0].kill()
        assert process.wait(60) == 1
        said = process.stderr.read()
        assert said.startswith("the dask scheduler at"), said
        assert "went away; what is finished stays" in said
        kept = [path for path in folder.glob("shard-*") if path.read_bytes() == expected[path.name]]
        assert kept
    make_store(folder, **N)
    assert contents(folder) == expected
    assert verify_store(folder).ok


@pytest.fixture
def no_workers(monkeypatch):
    """A scheduler to which workers are yet to come, asked every tenth of a second."""
    distributed = pytest.importorskip("distributed")
    for name, seconds in {"ASK": 0.1, "IDLE": 0.5, "CONNECT": 2}.items():
        monkeypatch.setattr(f"exosk.datasets.cluster_workers._{name}_SECONDS", seconds)
    with distributed.LocalCluster(
        n_workers=0, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        yield cluster


def test_a_scheduler_without_workers_is_waited_for(tmp_path, make_store, caplog, no_workers):
    steps = []
    later = threading.Timer(2, no_workers.scale, [1])
    later.start()
    address = no_workers.scheduler_address
    make_store(tmp_path / "set", n_jobs=None, scheduler=address, progress=steps.append)
    later.join()
    assert [step.n_workers for step in steps[:2]] == [None, 0]
    assert steps[1].n_done == 0
    assert (steps[-1].n_workers, steps[-1].n_done) == (1, 1100)
    said = [record.getMessage() for record in caplog.records if "exosk" in record.name]
    assert said == [
        f"the dask scheduler at {address} has no workers; the run goes on when some connect"
    ]


def test_a_scheduler_without_workers_that_ends(tmp_path, make_store, no_workers):
    later = threading.Timer(1, no_workers.close)
    later.start()
    with pytest.raises(StoreError, match="went away; what is finished stays"):
        make_store(tmp_path / "set", n_jobs=None, scheduler=no_workers.scheduler_address)
    later.join()


def test_workers_of_a_cluster_that_die_over_one_shard(tmp_path, make_store, line_simulator):
    distributed = pytest.importorskip("distributed")

    def spoil(depth):
        os.kill(os.getpid(), signal.SIGKILL)

    simulator, said = line_simulator(spoil=spoil), "died again and again; most likely they ran out"
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        how = {"n": 10, "n_jobs": None, "scheduler": cluster.scheduler_address}
        with pytest.raises(StoreError, match=said):
            make_store(tmp_path / "set", simulator, **how)
