"""Units are converted once, and a bare number in a wrong one is refused with a hint."""

import numpy as np
import pytest
from astropy import units as u
from hypothesis import given, settings
from hypothesis import strategies as st

from exosk.exceptions import UnitError
from exosk.units import (
    CANONICAL,
    GRAVITATIONAL_CONSTANT,
    JUPITER_MASS,
    JUPITER_RADIUS,
    SOLAR_RADIUS,
    canonical,
)

PPM = u.def_unit("ppm", 1e-6 * u.dimensionless_unscaled)
# Other units in which each kind is given.
OTHERS = {
    "wavelength": [u.nm, u.AA, u.m],
    "depth": [u.percent, PPM],
    "temperature": [u.mK, u.kK],
    "pressure": [u.Pa, u.mbar],
    "planet_radius": [u.R_earth, u.km],
    "planet_mass": [u.M_earth, u.kg],
    "star_radius": [u.km, u.R_jup],
}
TYPICAL = {
    "wavelength": 2.1,
    "depth": 0.0213,
    "temperature": 1166.0,
    "pressure": 0.01,
    "planet_radius": 1.27,
    "planet_mass": 0.281,
    "star_radius": 0.932,
}


@pytest.mark.parametrize(
    ("kind", "unit"), [(kind, unit) for kind, units in OTHERS.items() for unit in units], ids=str
)
def test_a_quantity_is_converted(kind, unit):
    quantity = (TYPICAL[kind] * CANONICAL[kind].unit).to(unit)
    assert canonical(quantity, kind) == pytest.approx(TYPICAL[kind], rel=1e-12)


@pytest.mark.parametrize("kind", CANONICAL)
def test_a_canonical_number_is_left_alone(kind):
    for value in (TYPICAL[kind], [TYPICAL[kind]] * 3, TYPICAL[kind] * CANONICAL[kind].unit):
        array = canonical(value, kind)
        assert array.dtype == np.float64
        assert (array == TYPICAL[kind]).all()
    assert canonical(TYPICAL[kind], kind).shape == ()


@given(nm=st.floats(60, 190_000))
@settings(deadline=None, max_examples=30, derandomize=True)
def test_conversion_is_the_units_ratio(nm):
    assert canonical(nm * u.nm, "wavelength") == pytest.approx(nm / 1000, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "value", "looks"),
    [
        ("wavelength", 1400.0, "nm"),
        ("wavelength", [11_000.0, 14_000.0], "nm or Angstrom"),
        ("depth", 1.45, "percent"),
        ("depth", 14_500.0, "ppm"),
        ("depth", [np.nan, 14_500.0, 14_700.0], "ppm"),
        ("pressure", 1.5e5, "Pa"),
        ("planet_radius", 71_492.0, "km, m or Earth radii"),
        ("planet_mass", 1.9e27, "kg or Earth masses"),
        ("star_radius", 695_700.0, "km or m"),
    ],
)
def test_a_bare_number_out_of_range_is_told_its_unit(kind, value, looks):
    with pytest.raises(UnitError, match=f"it looks like {looks}: give an astropy Quantity"):
        canonical(value, kind)


def test_an_error_names_the_worst_value_and_the_thing():
    with pytest.raises(UnitError, match=r"star temperature = -3 is outside 0 to 100000 \(K\)$"):
        canonical([-1, -3.0, 5000], "temperature", "star temperature")


@pytest.mark.parametrize("kind", CANONICAL)
def test_infinity_is_refused_and_nan_passes(kind):
    assert np.isnan(canonical([np.nan, TYPICAL[kind]], kind)).tolist() == [True, False]
    assert canonical([], kind).shape == (0,)
    with pytest.raises(UnitError, match="inf"):
        canonical([TYPICAL[kind], np.inf], kind)


@pytest.mark.parametrize("kind", CANONICAL)
def test_a_quantity_of_another_kind_is_refused(kind):
    with pytest.raises(UnitError, match=r"is in s.*give it"):
        canonical(3 * u.s, kind)


@pytest.mark.parametrize("value", ["2 um", ["a"], {"a": 1}, [[1], [1, 2]]])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(UnitError, match="wavelength is not a number"):
        canonical(value, "wavelength")


def test_constants_are_the_nominal_ones():
    """IAU 2015 resolution B3 (Prsa et al. 2016), in cgs."""
    ours = [SOLAR_RADIUS, JUPITER_RADIUS, GRAVITATIONAL_CONSTANT * JUPITER_MASS]
    assert ours == pytest.approx([6.957e10, 7.1492e9, 1.2668653e23], rel=1e-9)
