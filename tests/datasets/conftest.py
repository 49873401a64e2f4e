"""A simulator that is a formula, and stores of its spectra."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from exosk.datasets import Progress, Store, simulate_store
from exosk.exceptions import RangeError
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_edges(np.linspace(1.2, 1.6, 9))
SPACE = ParameterSpace(
    [Parameter("level", Uniform(0.01, 0.02)), Parameter("log_x_h2o", Uniform(-12, -1))]
)


def line_simulator(
    provenance: dict[str, Any] | None = None,
    seconds: float = 0.0,
    spoil: Callable[[np.ndarray], np.ndarray] | None = None,
    refuse: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Any:
    """Return a simulator of straight lines; its class is local, so that it travels by value.

    It refuses the rows of parameters that `refuse` says, all with them as simulators do.
    """

    class Line:
        space = SPACE
        molecules = ("H2O", "CO2")
        wavelength = np.linspace(1, 2, 200)

        def __init__(self) -> None:
            self.provenance = {"simulator": "line", **(provenance or {})}

        def simulate(self, theta):
            time.sleep(seconds)
            if refuse is not None and (refused := refuse(theta)).any():
                raise RangeError(f"row {np.argmax(refused)} is too hot")
            depth = theta[:, :1] + 1e-4 * theta[:, 1:] * (self.wavelength - 1)
            return depth if spoil is None else spoil(depth)

        def restrict(self, grid):
            return self

    return Line()


@pytest.fixture(name="line_simulator")
def line_simulator_fixture() -> Callable[..., Any]:
    """Return what makes the simulator.

    Of provenance, seconds a batch, what spoils its depths and what it refuses.
    """
    return line_simulator


@pytest.fixture
def grid() -> SpectralGrid:
    """Bins of the stores."""
    return GRID


@pytest.fixture
def make_store() -> Callable[..., Store]:
    """Simulate 1100 spectra in four shards of 300, the last one shorter."""

    def make(folder: Path, simulator: Any = None, **options: Any) -> Store:
        options = {"random_state": 5, "shard_size": 300, "n_jobs": 1} | options
        n, like = options.pop("n", 1100), options.pop("like", GRID)
        return simulate_store(simulator or line_simulator(), n, like, folder, **options)

    return make


@pytest.fixture
def interrupt(make_store: Callable[..., Store]) -> Callable[..., None]:
    """Begin a store and stop after some spectra."""

    def begin(folder: Path, after: int, **options: Any) -> None:
        def stop(progress: Progress) -> None:
            if progress.n_done >= after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            make_store(folder, progress=stop, **options)

    return begin


@pytest.fixture
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Return every file of a store, byte for byte; that of the lock is empty."""
    return lambda folder: {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("only root can mount a small disk to fill up")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="session")
def rich_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """1100 spectra with all that a store may hold, three chunks a shard; not to be written to."""
    grid = SpectralGrid.from_edges(np.linspace(1.2, 1.6, 2001))
    folder = tmp_path_factory.mktemp("stores") / "rich"
    return simulate_store(
        line_simulator(), 1100, grid, folder, 5, detectability=1e-4, shard_size=300, n_jobs=1
    )


@pytest.fixture
def copied(rich_store: Store, tmp_path: Path) -> Path:
    """The folder of a copy of it, to damage."""
    return Path(shutil.copytree(rich_store.folder, tmp_path / "copy"))
