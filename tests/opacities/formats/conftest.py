"""A small table that has all that makes formats stumble, and ways to write it as others would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from exosk.opacities import OpacityTable

WAVELENGTH = np.geomspace(1.0, 2.0, 40)
TEMPERATURE = np.array([300.0, 500.0, 1000.0, 2000.0])
PRESSURE = np.array([1e-6, 1e-3, 1.0])
CARD = {"source": "a random number generator", "limits": ["none of it is true"], "citation": ["x"]}


@pytest.fixture
def cross_section() -> np.ndarray:
    """Cross sections from strong to subnormal, and zeros; (pressure, temperature, wavelength)."""
    rng = np.random.default_rng(0)
    sigma = 10.0 ** rng.uniform(-37, -18, (PRESSURE.size, TEMPERATURE.size, WAVELENGTH.size))
    sigma[:, :2, 5] = 0.0
    sigma[0, 0, 7] = 5e-324
    return sigma


@pytest.fixture
def table(cross_section: np.ndarray) -> OpacityTable:
    """A table of SO2."""
    axes = ("SO2", WAVELENGTH, TEMPERATURE, PRESSURE)
    return OpacityTable.from_cross_section(*axes, cross_section, CARD)


@pytest.fixture
def write_hdf5(tmp_path: Path, cross_section: np.ndarray) -> Callable[..., Path]:
    """Write ExoMolOP's layout by hand; units of None are left out."""

    def write(
        *,
        pressure_unit: str | None = "bar",
        cross_section_unit: str | None = "cm^2/molecule",
        spectral_unit: str | None = "cm^-1",
        **replaced: object,
    ) -> Path:
        fields = {
            "bin_edges": 1e4 / WAVELENGTH[::-1],
            "p": PRESSURE,
            "t": TEMPERATURE,
            "xsecarr": cross_section[..., ::-1],
            "mol_name": np.array([b"SO2"]),
            **replaced,
        }
        path = tmp_path / "table.h5"
        with h5py.File(path, "w") as file:
            for key, value in fields.items():
                file[key] = value
            for key, unit in {
                "p": pressure_unit,
                "xsecarr": cross_section_unit,
                "bin_edges": spectral_unit,
            }.items():
                if unit is not None:
                    file[key].attrs["units"] = unit
        return path

    return write
