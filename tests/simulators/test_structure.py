"""Levels for codes that work one atmosphere at a time, and what has no answer."""

import math

import numpy as np
import pytest

from exosk.exceptions import RangeError
from exosk.simulators import atmosphere
from exosk.simulators.inputs import Inputs
from exosk.simulators.structure import check_layers
from exosk.units import GRAVITATIONAL_CONSTANT, JUPITER_MASS, JUPITER_RADIUS

MASSES = {name: atmosphere.molar_mass(name) for name in ("H2", "He", "H2O")}
SETTINGS = {
    "n_layers": 20,
    "pressure_range": (1e-7, 10.0),
    "reference_pressure": 1e-2,
    "he_h2_ratio": 0.2,
}
ORDINARY = {
    "planet_radius": 1.1,
    "planet_mass": 0.8,
    "star_radius": 1.0,
    "temperature": 1200.0,
    "log_x_h2o": -1.0,
}


def check(n=1, row=0, chemistry="free", **changes):
    """Check n ordinary atmospheres, but for one row."""
    inputs = Inputs(
        "a test", ["H2O"], optional=(), pressure_range=(1e-7, 10.0), chemistry=chemistry
    )
    value = {name: np.full(n, x) for name, x in ORDINARY.items()}
    value |= {name: np.full(n, x) for name, x in (("log_metallicity", 0.0), ("c_o_ratio", 0.5))}
    for name, x in changes.items():
        value[name][row] = x
    return check_layers(inputs, value, SETTINGS, MASSES, (100.0, 3000.0))


def test_the_radius_at_the_bottom_is_that_of_the_closed_form():
    mass = 0.9 * (MASSES["H2"] + 0.2 * MASSES["He"]) / 1.2 + 0.1 * MASSES["H2O"]
    planet = GRAVITATIONAL_CONSTANT * 0.8 * JUPITER_MASS
    scale = atmosphere.BOLTZMANN * 1200 / (mass * atmosphere.ATOMIC_MASS * planet)
    inverse = 1 / (1.1 * JUPITER_RADIUS) + scale * math.log(10 / 1e-2)
    np.testing.assert_allclose(check(3), 1 / inverse / JUPITER_RADIUS, rtol=1e-12)


def test_no_atmospheres_have_no_radius():
    assert check(0).shape == (0,)


@pytest.mark.parametrize("row", [0, 4095, 4096, 9000])
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 3100.0}, "temperature = 3100 in row {}"),
        ({"log_x_h2o": 0.1}, "ratios of row {} add up"),
        ({"planet_mass": 0.01}, "row {} is not bound"),
        ({"planet_radius": -1.0}, "planet_radius = -1 in row {}"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_what_has_no_answer_is_named_with_its_row(changes, message, row):
    with pytest.raises(RangeError, match=message.format(row)):
        check(9001, row, **changes)


def test_equilibrium_is_refused_where_its_table_ends():
    assert check(2, chemistry="equilibrium").shape == (2,)
    with pytest.raises(RangeError, match="c_o_ratio = 5 in row 1"):
        check(2, 1, chemistry="equilibrium", c_o_ratio=5.0)
