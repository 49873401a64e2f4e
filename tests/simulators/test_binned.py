"""A simulator seen through bins."""

import numpy as np
import pytest

from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.simulators import TransmissionModel
from exosk.simulators.binned import simulate_in_bins


def test_bins_of_the_part_are_averages_of_the_whole():
    model = TransmissionModel(("H2O",))
    grid = SpectralGrid.from_resolution(1.1, 1.7, 50)
    theta = model.space.sample(3, random_state=0)
    whole = grid.average(model.wavelength, model.simulate(theta))
    np.testing.assert_allclose(simulate_in_bins(model, grid)(theta), whole, rtol=1e-6)


def test_bins_that_the_simulator_does_not_cover_are_refused():
    with pytest.raises(RangeError, match="um"):
        simulate_in_bins(TransmissionModel(("H2O",)), SpectralGrid.from_edges([29.0, 31.0]))
