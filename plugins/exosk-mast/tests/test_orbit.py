"""The geometry of transits."""

from dataclasses import replace

import numpy as np
import pytest
from exosk_mast import Orbit

from exosk.exceptions import RangeError

CIRCULAR = Orbit(4.0, 2459000.0, 10.0, 88.0)


def test_a_circular_orbit_is_a_circle():
    phase = np.linspace(-0.9, 0.9, 101)
    angle = 2 * np.pi * phase / 4.0
    expected = 10 * np.hypot(np.sin(angle), np.cos(angle) * np.cos(np.radians(88.0)))
    np.testing.assert_allclose(CIRCULAR.separation(phase), expected, rtol=1e-12)
    assert CIRCULAR.separation(np.array([0.0]))[0] == pytest.approx(CIRCULAR.impact_parameter)


def test_behind_the_star_is_no_transit():
    assert CIRCULAR.separation(np.array([2.0])).min() > 10
    assert CIRCULAR.separation(np.array([-1.5, 1.5])).min() > 9


@pytest.mark.parametrize(("eccentricity", "omega"), [(0.3, 40.0), (0.5, 200.0), (0.2, -60.0)])
def test_the_middle_of_an_eccentric_transit_is_where_it_is_stated(eccentricity, omega):
    orbit = replace(CIRCULAR, eccentricity=eccentricity, omega=omega, inclination=90.0)
    phase = np.linspace(-0.05, 0.05, 2001)
    apart = orbit.separation(phase)
    assert abs(phase[np.argmin(apart)]) < 1e-4
    assert apart.min() < 1e-2


def test_a_nearly_circular_orbit_is_nearly_a_circle():
    phase = np.linspace(-0.2, 0.2, 51)
    nearly = replace(CIRCULAR, eccentricity=1e-9, omega=33.0)
    np.testing.assert_allclose(nearly.separation(phase), CIRCULAR.separation(phase), rtol=1e-6)


@pytest.mark.parametrize("omega", [90.0, 0.0, 270.0])
def test_the_duration_is_from_first_to_last_contact(omega):
    orbit = replace(CIRCULAR, eccentricity=0.2, omega=omega)
    phase = np.linspace(-0.3, 0.3, 60001)
    touching = phase[orbit.separation(phase) < 1.1]
    assert orbit.duration(0.1) == pytest.approx(np.ptp(touching), rel=0.01)


def test_times_repeat_with_the_period():
    time = 2459000.0 + np.linspace(-1.9, 1.9, 11)
    np.testing.assert_allclose(CIRCULAR.phase(time + 40.0), CIRCULAR.phase(time), atol=1e-8)
    assert (CIRCULAR.epoch(time + 40.0) == CIRCULAR.epoch(time) + 10).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"period": 0.0}, "period is 0"),
        ({"period": np.nan}, "period is nan"),
        ({"a_rs": 0.5}, "a_rs is 0.5"),
        ({"inclination": 190.0}, "inclination is 190"),
        ({"inclination": 70.0}, "passes 3.42 radii"),
        ({"eccentricity": 1.0}, "eccentricity is 1"),
        ({"transit_time": 59000.0}, "no Julian date.*2400000.5"),
    ],
)
def test_what_is_no_orbit_is_refused(changes, message):
    with pytest.raises(RangeError, match=message):
        replace(CIRCULAR, **changes)
