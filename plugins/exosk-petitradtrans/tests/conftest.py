"""A cache of the tests' own, small models, and a folder as a user of petitRADTRANS has it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import exosk
from exosk.spectra import SpectralGrid

# Where there was no Fortran compiler, petitRADTRANS is not installed, as the set-up has said.
if importlib.util.find_spec("petitRADTRANS") is None:
    collect_ignore_glob = ["test_*.py"]

GRID = SpectralGrid.from_resolution(1.1, 1.7, 20)
MOLECULES = ("H2O", "CO")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Where the plugin keeps files while the tests run; nobody's home folder is touched."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXOSK_CACHE_DIR", str(folder))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        yield folder / "petitradtrans"


@pytest.fixture(scope="session")
def make(cache):
    """Make petitRADTRANS or the built-in model over a few wavelengths."""

    def make(name="petitradtrans", **options):
        if name == "petitradtrans":
            options = {"input_data": "exosk"} | options
        return exosk.get_simulator(name, **{"molecules": MOLECULES, "grid": GRID} | options)

    return make


@pytest.fixture(scope="session")
def line_by_line(make):
    return make()


@pytest.fixture(scope="session")
def builtin(make):
    return make("builtin", device="cpu")


@pytest.fixture(scope="session")
def petitradtrans_data(make, tmp_path_factory):
    """One file a species, in petitRADTRANS's format, under names that are not the cache's."""
    made = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXOSK_CACHE_DIR", str(made))
        for mode in ("c-k", "lbl"):
            make(mode=mode)
    for path in (made / "petitradtrans").rglob("*.h5"):
        species, _, rest = path.name.partition("__exosk-")
        path.rename(path.with_name(f"{species}__Someone.{rest.partition('.')[2]}"))
    return made / "petitradtrans"


@pytest.fixture
def user_folder(petitradtrans_data, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(petitradtrans_data, tmp_path / "input_data")


@pytest.fixture
def run(tmp_path):
    """Run Python code in a process of its own, with a home of its own and no terminal."""

    def run(code, home=None, **variables):
        home = Path(home or tmp_path / "home")
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"HOME": str(home)} | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run
