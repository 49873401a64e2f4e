"""What simulators refuse: rows that no atmosphere belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exosk.simulators.binned import bin_matrix
from exosk.spectra import SpectralGrid
from exosk.testing.suite import Suite, check_refused

__all__ = ["SimulatorRefusals", "with_values"]

# One bad value of a parameter each; a parameter that the simulator does not have is left out.
_BAD = {
    "a planet_radius of zero": {"planet_radius": 0.0},
    "a negative planet_radius": {"planet_radius": -1.0},
    "a negative planet_mass": {"planet_mass": -1.0},
    "a planet too light to hold its atmosphere": {"planet_mass": 1e-3},
    "a negative star_radius": {"star_radius": -1.0},
    "a negative temperature": {"temperature": -1000.0},
    "a temperature beyond every table": {"temperature": 1e5},
    "a volume mixing ratio above one": {"log_x": 0.5},
    "a cloud top below the atmosphere": {"log_p_cloud": 12.0},
    "a cloud top above the atmosphere": {"log_p_cloud": -30.0},
}


class SimulatorRefusals(Suite):
    """The part of :class:`exosk.testing.SimulatorSuite` that hands over bad input."""

    n = 3

    @pytest.fixture
    def simulator(self) -> Any:
        """Give the simulator under test, the same for the whole class."""
        return self._made()

    def theta(self, simulator: Any) -> np.ndarray:
        """Return the parameters of the batch: draws from the prior unless overridden."""
        return np.asarray(simulator.space.sample(self.n, random_state=0))

    def test_bins_beyond_its_range_are_refused(self, simulator: Any) -> None:
        """It does not extrapolate."""
        grid = SpectralGrid.from_edges([190.0, 199.0])
        check_refused(
            lambda: bin_matrix(simulator.restrict(grid), grid),
            "a bin at 190-199 um, beyond the wavelengths,",
        )

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_no_number_is_refused(self, simulator: Any, value: float) -> None:
        """In every column; never NaN for NaN."""
        for k, name in enumerate(simulator.space.names):
            theta = self.theta(simulator)
            theta[1, k] = value
            check_refused(lambda theta=theta: simulator.simulate(theta), f"{value} as {name}")

    @pytest.mark.parametrize("what", list(_BAD))
    def test_impossible_atmospheres_are_refused(self, simulator: Any, what: str) -> None:
        """Also as one row of a batch: never NaN, never a spectrum of something else."""
        ((name, value),) = _BAD[what].items()
        if name == "log_x":
            name = next((n for n in simulator.space.names if n.startswith("log_x_")), name)
        self.need(simulator, name)
        theta = self.theta(simulator)
        theta[1:2] = with_values(simulator, theta[1:2], **{name: value})
        check_refused(lambda: simulator.simulate(theta), f"{what} ({name} = {value:g})")

    def test_rows_of_the_wrong_shape_are_refused(self, simulator: Any) -> None:
        """They are never broadcast or cut."""
        n = len(simulator.space)
        for shape in ((2, n + 1), (2, n - 1), (n,), (1, 1, n)):
            theta = np.broadcast_to(0.5, shape)
            check_refused(lambda theta=theta: simulator.simulate(theta), f"theta of shape {shape}")

    def need(self, simulator: Any, name: str) -> None:
        """Skip a law about a parameter that is not free."""
        if name not in simulator.space:
            pytest.skip(f"{name} is not free")


def with_values(simulator: Any, theta: np.ndarray, **values: Any) -> np.ndarray:
    """Return theta with some columns replaced."""
    theta = theta.copy()
    for name, value in values.items():
        theta[:, simulator.space.index(name)] = value
    return theta
