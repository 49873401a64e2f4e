"""Models of opacities made for the purpose, whose spectra are known from formulas."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from exosk.opacities import COLLISION_LOG_FLOOR, LOG_FLOOR, CollisionTable, OpacityTable
from exosk.simulators import TransmissionModel, scattering, transmission

WAVELENGTH = np.geomspace(0.3, 1.0, 60)
TEMPERATURE = np.array([100.0, 3000.0])
PRESSURE = np.array([1e-9, 10.0])


def absorber(
    name: str = "H2O", cross_section: float | np.ndarray = 0.0, wavelength: np.ndarray = WAVELENGTH
) -> OpacityTable:
    """A table of one cross section (cm^2, by wavelength) at all temperatures and pressures."""
    shape = (PRESSURE.size, TEMPERATURE.size, wavelength.size)
    sigma = np.broadcast_to(np.asarray(cross_section, dtype=float), shape)
    return OpacityTable.from_cross_section(name, wavelength, TEMPERATURE, PRESSURE, sigma, {})


def no_collisions(name: str, wavelength: np.ndarray) -> CollisionTable:
    floor = np.full((TEMPERATURE.size, wavelength.size), COLLISION_LOG_FLOOR)
    return CollisionTable(name, wavelength, TEMPERATURE, floor, {})


@pytest.fixture
def laboratory(monkeypatch) -> Callable[..., TransmissionModel]:
    """Build models whose only opacities are the tables given: no collisions, no scattering.

    ``rayleigh`` is the scattering cross section of H2 by wavelength.
    """

    def build(*tables: OpacityTable, rayleigh=None, **options) -> TransmissionModel:
        tables = tables or (absorber(cross_section=10.0**LOG_FLOOR),)
        wavelength = tables[0].wavelength
        shelf = {table.name: table for table in tables}
        shelf |= {pair: no_collisions(pair, wavelength) for pair in ("H2-H2", "H2-He")}
        monkeypatch.setattr(transmission, "get_opacity", shelf.__getitem__)
        of_gas = {"H2": rayleigh or np.zeros_like, "He": np.zeros_like}
        monkeypatch.setattr(
            scattering, "rayleigh_cross_section", lambda gas, wavelength: of_gas[gas](wavelength)
        )
        return TransmissionModel([table.name for table in tables], **options)

    return build


@pytest.fixture
def make_absorber() -> Callable[..., OpacityTable]:
    return absorber


@pytest.fixture
def evaluate() -> Callable[..., np.ndarray]:
    """Compute spectra of named values: ``evaluate(model, temperature=1000, ...)``."""

    def evaluate(model: TransmissionModel, **values: float) -> np.ndarray:
        # Haze by default far too thin to be seen, deck at the bottom of the atmosphere.
        clear = {
            "planet_radius": 1.0,
            "planet_mass": 1.0,
            "temperature": 1000.0,
            "log_p_cloud": 1.0,
            "log_haze": -30.0,
            "haze_slope": -4.0,
        }
        known = clear | values
        columns = [known.get(name, -9.0) for name in model.space.names]
        theta = np.stack(np.broadcast_arrays(*map(np.atleast_1d, columns)), axis=-1)
        return np.asarray(model.simulate(theta), dtype=float)

    return evaluate
