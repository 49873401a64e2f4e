"""Campaigns that are killed at random moments, and finished: are they what they would have been?"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from exosk.datasets import verify_store

KINDS = ("run", "worker", "scheduler", "cluster's worker", "full disk")
_RUN = Path(__file__).with_name("generation.py")
_DASK = [sys.executable, "-W", "ignore", "-m"]


def contents(folder: Path) -> dict[str, str]:
    """Checksums of all files of a store."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()
    }  # fmt: skip


def command(folder: Path, n: int, shard_size: int, *arguments: str) -> list[str]:
    """Return what makes the set in a process of its own."""
    numbers = ["--n", str(n), "--shard-size", str(shard_size)]
    return [sys.executable, str(_RUN), "make", "--folder", str(folder), *numbers, *arguments]


def make(folder: Path, n: int, shard_size: int, *arguments: str) -> None:
    """Make the set, or finish it."""
    subprocess.run(command(folder, n, shard_size, *arguments), check=True)


def disturb(folder: Path, kind: str, seed: int, n: int, shard_size: int) -> dict[str, Any]:
    """Make a set and kill something at a random moment, then finish it."""
    random = np.random.default_rng([KINDS.index(kind), seed])
    place = folder / "disturbed"
    shutil.rmtree(place, ignore_errors=True)
    moment = float(random.uniform(0, 0.8))
    size = (n, shard_size)
    if kind == "full disk":
        found = _fill(place, moment, size)
    elif kind in ("run", "worker"):
        found = _kill_local(place, kind, moment, size)
    else:
        with _cluster(folder) as (processes, file):
            victim = processes[0 if kind == "scheduler" else 1]
            found = _kill(place, size, moment, lambda _: victim, "--scheduler", file)
    found |= {"kind": kind, "moment": round(moment, 3)}
    make(place, *size, "--jobs", "1")
    check = verify_store(place)
    return found | {
        "identical": contents(place) == contents(folder / "undisturbed"),
        "clean": check.ok and not check.strays,
        "flip_found": _flip(place, random),
    }


def _kill_local(place: Path, kind: str, moment: float, size: tuple[int, int]) -> dict[str, Any]:
    def victim(process: subprocess.Popen[str]) -> Any:
        workers = [
            child
            for child in psutil.Process(process.pid).children(recursive=True)
            if "loky" in " ".join(child.cmdline())
        ]
        return process if kind == "run" or not workers else workers[0]

    return _kill(place, size, moment, victim, "--jobs", "2")


def _kill(
    place: Path,
    size: tuple[int, int],
    moment: float,
    victim: Callable[[Any], Any],
    *arguments: str,
) -> dict[str, Any]:
    """Kill when a share `moment` of the shards is there; 0 is before the first."""
    with subprocess.Popen(
        command(place, *size, *arguments), stderr=subprocess.PIPE, text=True
    ) as process:
        wanted = moment * size[0] / size[1]
        _wait(lambda: process.poll() is not None or _n_shards(place) >= wanted)
        time.sleep(0.3 * np.random.default_rng(int(1e6 * moment)).random())
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            victim(process).send_signal(signal.SIGKILL)
        _, said = process.communicate(timeout=600)
    return {"n_shards": _n_shards(place), "status": process.returncode, "said": said[-300:]}


def _n_shards(place: Path) -> int:
    return len(list(place.glob("shard-*.h5")))


def _fill(place: Path, moment: float, size: tuple[int, int]) -> dict[str, Any]:
    """Make the set on a disk of its own that another file fills up meanwhile."""
    place.mkdir(parents=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], check=True
    )  # needs root
    kept = place.with_name("kept")
    shutil.rmtree(kept, ignore_errors=True)
    store = place / "set"
    try:
        with subprocess.Popen(
            command(store, *size, "--jobs", "2"), stderr=subprocess.PIPE, text=True
        ) as process:
            wanted = moment * size[0] / size[1]
            _wait(lambda: process.poll() is not None or _n_shards(store) >= wanted)
            with (place / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(1 << 16))
            _, said = process.communicate(timeout=600)
        if store.exists():
            shutil.copytree(store, kept)
    finally:
        subprocess.run(["umount", str(place)], check=True)
        shutil.rmtree(place)
    if kept.exists():
        kept.rename(place)
    return {"n_shards": _n_shards(place), "status": process.returncode, "said": said[-300:]}


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[tuple[list[subprocess.Popen[bytes]], str]]:
    file = folder / "scheduler.json"
    file.unlink(missing_ok=True)
    options = ["--dashboard-address", ":0", "--scheduler-file", str(file)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [*_DASK, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = [*_DASK, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny"]
    worker += ["--local-directory", str(folder), *options]
    processes = [subprocess.Popen([*scheduler, *options], **quiet)]
    try:
        _wait(file.exists)
        processes += [subprocess.Popen(worker, **quiet) for _ in range(2)]
        yield processes, str(file)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _flip(place: Path, random: np.random.Generator) -> bool:
    """Flip a bit somewhere, and tell whether that and nothing else is found."""
    paths = sorted(place.glob("shard-*.h5"))
    k = int(random.integers(len(paths)))
    content = bytearray(paths[k].read_bytes())
    content[int(random.integers(len(content)))] ^= 1 << int(random.integers(8))
    paths[k].write_bytes(content)
    return list(verify_store(place).problems) == [k]


def _wait(condition: Callable[[], bool], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("it took too long")
        time.sleep(0.02)
