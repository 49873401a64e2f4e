"""The program as a user starts it: from a shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import exosk
from exosk.cli import main
from exosk.sources import write_spectrum

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `exosk` in an empty folder and return what it printed."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "exosk", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture
def program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """As `run`, in this process: without the seconds that a new one takes to start."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        capsys.readouterr()
        status = main(list(arguments))
        printed = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, printed.out, printed.err)

    return call


@pytest.fixture
def wfc3_file(tmp_path: Path) -> Path:
    """A user's own file: WFC3 depths in percent, with nothing said of the system."""
    spectrum = exosk.load_spectrum("wasp-12b")
    path = tmp_path / "mine.csv"
    columns = np.column_stack(
        [
            spectrum.wavelength,
            spectrum.half_width,
            100 * spectrum.depth,
            100 * spectrum.sigma,
        ]
    )
    header = "wavelength_um,bin_half_width_um,depth,depth_err"
    np.savetxt(path, columns, delimiter=",", header=header, comments="")
    return path


@pytest.fixture
def far_infrared(tmp_path: Path) -> Path:
    """A spectrum beyond the opacity tables."""
    spectrum = exosk.Spectrum.from_arrays(
        [28.0, 30.0, 32.0], [0.02] * 3, [1e-4] * 3, meta={"star_radius": 1.0}
    )
    path = tmp_path / "far.ecsv"
    write_spectrum(spectrum, path)
    return path
