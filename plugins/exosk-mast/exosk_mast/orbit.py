r"""A planet's orbit, as far as transits need it.

With the true anomaly :math:`f` the planet is :math:`r = a (1 - e^2) / (1 + e \cos f)` from its star
and appears :math:`r \sqrt{1 - \sin^2(\omega + f) \sin^2 i}` from its centre; at mid-transit
:math:`f = \pi / 2 - \omega` (Winn 2010, in Exoplanets, ed. Seager; arXiv:1001.2010).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from exosk.exceptions import RangeError

__all__ = ["Orbit"]

_FAR = 100.0  # stellar radii; where a planet behind its star is put


@dataclass(frozen=True)
class Orbit:
    """The published orbit of a planet, which a light curve is fitted with.

    Parameters
    ----------
    period : float
        In days.
    transit_time : float
        Middle of a transit, BJD_TDB in days; any one.
    a_rs : float
        Semi-major axis in radii of the star.
    inclination : float
        In degrees.
    eccentricity : float, default=0
    omega : float, default=90
        Argument of periastron of the star's orbit, in degrees.

    Raises
    ------
    RangeError
        If there is no such orbit, or no transit on it.
    """

    period: float
    transit_time: float
    a_rs: float
    inclination: float
    eccentricity: float = 0.0
    omega: float = 90.0

    def __post_init__(self) -> None:
        values = {name: float(value) for name, value in asdict(self).items()}
        for name, value in values.items():
            object.__setattr__(self, name, value)
            if not np.isfinite(value):
                raise RangeError(f"the orbit's {name} is {value}; give the published number")
        for name, low, high in (
            ("period", 0.0, 1e5),
            ("a_rs", 1.0, 1e4),
            ("inclination", 0.0, 180.0),
        ):
            if not low < values[name] <= high:
                raise RangeError(
                    f"the orbit's {name} is {values[name]:g}, and not between {low:g} and {high:g}"
                )
        if not 0 <= self.eccentricity < 0.99:
            raise RangeError(f"the orbit's eccentricity is {self.eccentricity:g}, not in 0 to 0.99")
        if not 2.4e6 < self.transit_time < 2.6e6:
            raise RangeError(
                f"transit_time is {self.transit_time:g}, which is no Julian date; give BJD_TDB in "
                f"days, as 2459791.6 (a modified one lacks 2400000.5)"
            )
        if self.impact_parameter >= 1.2:
            raise RangeError(
                f"on this orbit the planet passes {self.impact_parameter:.2f} radii from the "
                f"star's centre, so that there is no transit; check a_rs and inclination"
            )

    @property
    def _nearness(self) -> float:
        """Distance at mid-transit in semi-major axes."""
        e, omega = self.eccentricity, np.radians(self.omega)
        return (1 - e**2) / (1 + e * np.sin(omega))

    @property
    def impact_parameter(self) -> float:
        """Distance of the centres at mid-transit, in radii of the star."""
        return float(self.a_rs * self._nearness * abs(np.cos(np.radians(self.inclination))))

    def duration(self, rp_rs: float = 0.1) -> float:
        """Return the time between first and last contact, in days (Winn 2010, eq. 14, 16).

        Parameters
        ----------
        rp_rs : float, default=0.1
            The planet's radius in the star's.
        """
        chord = np.sqrt(max((1 + rp_rs) ** 2 - self.impact_parameter**2, 1e-4))
        sine = chord / (self.a_rs * np.sin(np.radians(self.inclination)))
        speed = self._nearness / np.sqrt(1 - self.eccentricity**2)
        return float(self.period / np.pi * np.arcsin(min(sine, 1.0)) * speed)

    def epoch(self, time: np.ndarray) -> np.ndarray:
        """Return the number of the transit that is nearest to each time."""
        return np.round((np.asarray(time) - self.transit_time) / self.period).astype(int)

    def phase(self, time: np.ndarray) -> np.ndarray:
        """Return the time since the nearest mid-transit, in days."""
        time = np.asarray(time, dtype=float)
        return time - self.transit_time - self.epoch(time) * self.period

    def separation(self, phase: np.ndarray) -> np.ndarray:
        """Return the distance of the centres on the sky, in radii of the star.

        Parameters
        ----------
        phase : array-like
            Times since a mid-transit, in days.

        Returns
        -------
        ndarray
            Of the same shape; far away where the planet is behind its star.
        """
        from exoplanet_core import kepler

        e, omega = self.eccentricity, np.radians(self.omega)
        at_transit = 0.5 * np.pi - omega
        half = np.sqrt((1 - e) / (1 + e)) * np.tan(at_transit / 2)
        eccentric = 2 * np.arctan(half)
        mean = eccentric - e * np.sin(eccentric) + 2 * np.pi * np.asarray(phase) / self.period
        sin_f, cos_f = kepler(mean, np.full_like(mean, e))
        sin_in_front = sin_f * np.cos(omega) + cos_f * np.sin(omega)
        distance = self.a_rs * (1 - e**2) / (1 + e * cos_f)
        tilt = np.sin(np.radians(self.inclination))
        apart = distance * np.sqrt(np.maximum(1 - (sin_in_front * tilt) ** 2, 0.0))
        return np.where(sin_in_front > 0, apart, _FAR)

    def to_dict(self) -> dict[str, float]:
        """Return it as JSON has it."""
        return asdict(self)
