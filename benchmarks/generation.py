"""Training sets of millions of spectra: how fast they are made, kept safe and read.

ExoGAN's atmospheres and bins (R = 100 from 0.3 um up; 462 of 515, up to where exosk's opacities
end). Asked for:

- one million spectra here: rate a core, at most 2 GB of memory, the size on disk; time and disk of
  10 and 33 million by the slope of 10,000, 100,000 and a million;
- 1.7 times the speed with two processes, and dask's two workers within 10 % of joblib's;
- 20 times a SIGKILL of a worker, of the scheduler, of a cluster's worker and of the whole run, and
  a full disk: the set that is finished later is the undisturbed one, byte for byte, and a flipped
  bit is found;
- 300,000 spectra a second of 515 bins, shuffled, from a warm cache;
- a simulated schedule of 100 workers, which says what is saturated first.

Each stage keeps what it found in a folder, and is not repeated while that is there:

    python benchmarks/generation.py slope streaming schedule
    python benchmarks/generation.py million scaling kills
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import generation_kills as kills
import numpy as np
import psutil
from exosk_exogan import exogan_grid, exogan_simulator
from generation_schedule import Costs, schedule
from generation_scores import entries
from places import HERE, report

import exosk
from exosk.benchmark import Task, describe_machine
from exosk.datasets import Dataset, Progress, Store, merge_stores, simulate_store
from exosk.datasets.manifest import Manifest, ShardRecord

TASK = Task(
    title="Stores of millions of spectra",
    question="How fast are training sets made, kept safe and read? ExoGAN's atmospheres, 462 bins.",
    smoke=(
        "slope", "streaming", "schedule", "kills", "--folder", "{work}", "--slope", "2000",
        "--n-streamed", "20000", "--kinds", "run", "--kills", "1", "--n-kills", "512",
    ),
    full=("--kills", "4"),
    needs=("exosk_exogan",),
    minutes=90,
)  # fmt: skip

STAGES = ("slope", "streaming", "schedule", "scaling", "kills", "million")
SLOPE = (10_000, 100_000)
N_SCALING, SCALING_SHARDS = 131_072, 32
N_KILLS, KILLS_SIZE, KILLS_SHARDS = 20, 4096, 16
N_STREAMED, BATCH = 200_000, 1024
WORKERS = (1, 2, 10, 30, 100, 300, 1000)
# Of a cluster that we do not have; the disk is measured here.
NETWORK_BYTES = 1.25e9  # 10 Gbit/s into the file server


def task() -> tuple[Any, Any]:
    """ExoGAN's simulator and as many of its bins as it covers."""
    simulator = exogan_simulator("builtin")
    return simulator, exogan_grid(*simulator.wavelength[[0, -1]])


def make(folder: Path, n: int, **options: Any) -> Store:
    """Make the set of `n` spectra, or finish it."""
    simulator, grid = task()
    return simulate_store(simulator, n, grid, folder, 0, **options)


@contextmanager
def watched() -> Iterator[dict[str, float]]:
    """Measure the memory of this process and its children: all together, and the largest."""
    found, stop = {"gb_together": 0.0, "gb_largest": 0.0}, threading.Event()

    def watch() -> None:
        me = psutil.Process()
        while not stop.wait(0.5):
            each = []
            for process in [me, *me.children(recursive=True)]:
                try:
                    each.append(process.memory_full_info().pss / 1e9)  # shared pages once
                except psutil.Error:
                    continue
            found["gb_together"] = max(found["gb_together"], sum(each))
            found["gb_largest"] = max(found["gb_largest"], *each)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def generated(folder: Path, n: int, jobs: int) -> dict[str, Any]:
    """Time a set, from the start of the simulator to the last byte on disk."""
    place = folder / f"set-{n}"
    shutil.rmtree(place, ignore_errors=True)
    steps: list[Progress] = []
    with watched() as memory:
        started = time.perf_counter()
        store = make(place, n, n_jobs=jobs, progress=steps.append)
        seconds = time.perf_counter() - started
    return {
        "n": n,
        "jobs": jobs,
        "seconds": round(seconds, 1),
        "rate_a_core": round(n / seconds / jobs, 1),
        "bytes": store.n_bytes,
        "bytes_said_beforehand": steps[0].bytes_needed,
        "n_bins": store.grid.n_bins,
        **{name: round(value, 2) for name, value in memory.items()},
    }


def scaling(folder: Path, n: int) -> dict[str, Any]:
    """Time one process, two, and two workers of dask, on the same set."""
    from distributed import LocalCluster

    seconds: dict[str, float] = {}

    def timed(name: str, **options: Any) -> None:
        place = folder / "scaling"
        shutil.rmtree(place, ignore_errors=True)
        started = time.perf_counter()
        make(place, n, shard_size=n // SCALING_SHARDS, **options)
        seconds[name] = round(time.perf_counter() - started, 1)
        print(name, seconds[name], flush=True)

    timed("one process", n_jobs=1)
    timed("two processes", n_jobs=2)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        timed("dask, two workers", scheduler=cluster.scheduler_address)
    return {
        "n": n,
        "seconds": seconds,
        "speed_up_of_two": round(seconds["one process"] / seconds["two processes"], 3),
        "dask_over_joblib": round(seconds["dask, two workers"] / seconds["two processes"], 3),
    }


def killed(folder: Path, kind: str, seed: int, n: int) -> dict[str, Any]:
    """Disturb one campaign."""
    size = (n, n // KILLS_SHARDS)
    undisturbed = folder / "undisturbed"
    kills.make(undisturbed, *size, "--jobs", "1")
    found = kills.disturb(folder, kind, seed, *size)
    print(found, flush=True)
    return found


def streamed_store(folder: Path, n: int) -> Store:
    """A set of ExoGAN's 515 bins whose numbers mean nothing."""
    place = folder / "streamed"
    if not place.exists():
        random = np.random.default_rng(0)
        simulator, _ = task()
        grid = exogan_grid()
        size = min(n, 20_000)
        parts = [
            Dataset(
                random.random((size, grid.n_bins), dtype=np.float32),
                simulator.space.sample(size, k),
                grid,
                simulator.space,
            )
            for k in range(n // size)
        ]
        merge_stores(parts, place)
    return Store(place)


def streaming(folder: Path, n: int) -> dict[str, Any]:
    """Time epochs through a set that the system holds in memory; the best of several."""
    store = streamed_store(folder, n)

    def rate(**options: Any) -> float:
        best = 0.0
        for epoch in range(4):
            started, n, total = time.perf_counter(), 0, 0.0
            for batch in store.batches(BATCH, 0, epoch, **options):
                n += len(batch)
                total += float(batch.X[0, 0])
            best = max(best, n / (time.perf_counter() - started))
        return round(best)

    return {
        "n": len(store),
        "n_bins": store.grid.n_bins,
        "batch": BATCH,
        "spectra_a_second": rate(),
        "not_shuffled": rate(shuffle=False),
    }


def scheduled(folder: Path) -> dict[str, Any]:
    """Measure what a shard takes of each station, and simulate ten million spectra."""
    slope = [json.loads(path.read_text("utf-8")) for path in (folder / "slope").glob("*.json")]
    if not slope:
        raise SystemExit("run the stage slope first, which measures the rate")
    rate = max(slope, key=lambda run: run["n"])["rate_a_core"]
    store = Store(folder / f"set-{min(run['n'] for run in slope)}")
    size = store.header.shard_size
    n_bytes = store.manifest.shards[0].n_bytes
    costs = Costs(
        simulate=size / rate,
        network=n_bytes / NETWORK_BYTES,
        disk=_disk_seconds(folder, store),
        scheduler=_task_seconds() + _record_seconds(folder, store),
    )
    return schedule(costs, 10_000_000 // size, WORKERS) | {"bytes_a_shard": n_bytes}


def _disk_seconds(folder: Path, store: Store, repeats: int = 20) -> float:
    """Seconds to write a shard and to know it on the disk, without what it takes to encode it."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)
    content = (store.folder / "shard-000000.h5").read_bytes()
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        with (place / "file").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        seconds.append(time.perf_counter() - started)
    shutil.rmtree(place)
    return float(np.median(seconds))


def _record_seconds(folder: Path, store: Store, repeats: int = 200) -> float:
    """Seconds that the manifest's keeper takes to record a shard, with a thousand recorded."""
    place = folder / "record"
    place.mkdir(exist_ok=True)
    shards = {k: ShardRecord(1, 1, "0" * 64) for k in range(1000)}
    manifest = Manifest(store.header, shards)
    started = time.perf_counter()
    for k in range(repeats):
        manifest.record(place, k, shards[k])
    seconds = (time.perf_counter() - started) / repeats
    shutil.rmtree(place)
    return seconds


def _task_seconds(n: int = 500) -> float:
    """Seconds that dask's scheduler takes of a task."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        client.gather(client.map(_nothing, range(10), pure=False))
        started = time.perf_counter()
        client.gather(client.map(_nothing, range(n), pure=False))
        return (time.perf_counter() - started) / n


def _nothing(k: int) -> int:
    return k


def keep(path: Path, find: Callable[[], Any]) -> Any:
    """Return what an earlier run found, or find it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        found = find()
        path.write_text(json.dumps(found, indent=1), "utf-8")
    return json.loads(path.read_text("utf-8"))


def summary(folder: Path) -> dict[str, Any]:
    """Put together what the stages left."""
    found: dict[str, Any] = {}
    for name in ("streaming", "scaling", "schedule"):
        if (folder / f"{name}.json").exists():
            found[name] = json.loads((folder / f"{name}.json").read_text("utf-8"))
    runs = [json.loads(path.read_text("utf-8")) for path in (folder / "slope").glob("*.json")]
    if runs:
        runs.sort(key=lambda run: run["n"])
        found["generated"] = runs
        a, b = runs[0], runs[-1]
        rise = max(b["n"] - a["n"], 1)
        core = (b["seconds"] * b["jobs"] - a["seconds"] * a["jobs"]) / rise if len(runs) > 1 else (
            a["seconds"] * a["jobs"] / a["n"]
        )  # fmt: skip
        found["extrapolated"] = {
            str(n): {
                "core_hours": round(n * core / 3600, 2),
                "gigabytes": round(n * b["bytes"] / b["n"] / 1e9, 2),
            }
            for n in (10_000_000, 33_000_000)
        }
    kept = [json.loads(p.read_text("utf-8")) for p in sorted((folder / "kills").glob("*.json"))]
    if kept:
        found["kills"] = {
            kind: {
                "n": len(mine),
                **{word: sum(run[word] for run in mine)
                   for word in ("identical", "clean", "flip_found")},
            }
            for kind in kills.KINDS
            if (mine := [run for run in kept if run["kind"] == kind])
        }  # fmt: skip
    return found


def main(arguments: argparse.Namespace) -> None:
    """Run the stages asked for."""
    folder = arguments.folder
    if arguments.stages == ["make"]:
        options = {"shard_size": arguments.shard_size, "scheduler": arguments.scheduler}
        try:
            make(folder, arguments.n, n_jobs=arguments.jobs, **options)
        except exosk.ExoskError as error:
            raise SystemExit(str(error)) from error
        return
    machine = describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    jobs = arguments.jobs or 2
    stages: dict[str, Callable[[], Any]] = {
        "slope": lambda: [
            keep(folder / "slope" / f"{n}.json", lambda n=n: generated(folder, n, 1))
            for n in arguments.slope
        ],
        "million": lambda: keep(
            folder / "slope" / "1000000.json", lambda: generated(folder, 1_000_000, jobs)
        ),
        "streaming": lambda: keep(
            folder / "streaming.json", lambda: streaming(folder, arguments.n_streamed)
        ),
        "schedule": lambda: keep(folder / "schedule.json", lambda: scheduled(folder)),
        "scaling": lambda: keep(
            folder / "scaling.json", lambda: scaling(folder, arguments.n_scaling)
        ),
        "kills": lambda: [
            keep(
                folder / "kills" / f"{kind.replace(' ', '-')}-{k:02d}.json",
                lambda kind=kind, k=k: killed(folder, kind, k, arguments.n_kills),
            )
            for kind in arguments.kinds
            for k in range(arguments.kills)
        ],
    }
    for stage in arguments.stages:
        stages[stage]()
    found = summary(folder)
    print(json.dumps(found, indent=2))
    report("generation", TASK, machine, found, entries(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=list(STAGES), help=", ".join(STAGES))
    parser.add_argument("--folder", type=Path, default=HERE / "generation")
    parser.add_argument("--slope", type=int, nargs="+", default=SLOPE, help="sizes of its sets")
    parser.add_argument("--n-streamed", type=int, default=N_STREAMED)
    parser.add_argument("--n-scaling", type=int, default=N_SCALING)
    parser.add_argument("--n-kills", type=int, default=KILLS_SIZE, help="spectra of each set")
    parser.add_argument("--kills", type=int, default=N_KILLS, help="of each kind")
    parser.add_argument("--kinds", nargs="+", choices=kills.KINDS, default=kills.KINDS)
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--scheduler", help="for `make`")
    parser.add_argument("--n", type=int, default=1000, help="for `make`")
    parser.add_argument("--shard-size", type=int, help="for `make`")
    main(parser.parse_args())
