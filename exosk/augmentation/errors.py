r"""Errors for a range of signal-to-noise ratios.

What a spectrum shows of an atmosphere is measured in scale heights H = k T / (mu g), and one more
scale height of opaque atmosphere deepens the transit by

.. math:: \Delta D = \frac{(R_p + H)^2 - R_p^2}{R_\star^2} \approx \frac{2 R_p H}{R_\star^2}

(e.g. Winn 2010, in Exoplanets, ed. Seager, arXiv:1001.2010). The signal-to-noise ratio per scale
height is that over the error of the median bin; it compares planets and instruments, whatever the
molecules are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.augmentation.augmenter import limits
from exosk.exceptions import RangeError, UnknownNameError
from exosk.instruments import Instrument
from exosk.parameters import ParameterSpace
from exosk.spectra import Spectrum
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS, canonical

__all__ = ["scale_height_depth", "sigma_for_snr"]

# Transmission spectra look at 1-100 mbar: profiles are evaluated in the middle.
_PRESSURE = 1e-2
_PRESSURE_RANGE = (1e-9, 10.0)
_PLANET = ("planet_radius", "planet_mass", "star_radius")


def scale_height_depth(
    theta: Any,
    space: ParameterSpace,
    fixed: Mapping[str, float] | None = None,
    *,
    pressure_range: tuple[float, float] = _PRESSURE_RANGE,
    he_h2_ratio: float = 0.17647,
) -> np.ndarray:
    """Return how much deeper one scale height of atmosphere makes a transit.

    Parameters
    ----------
    theta : array-like of shape (n, n_parameters)
        Atmospheres, in the order of `space`.
    space : ParameterSpace
        With ``planet_radius``, ``planet_mass`` and temperatures (``temperature``, those of a
        profile of points, or Guillot's). Abundances ``log_x_<molecule>`` weigh the gas, and H2
        and He fill the rest; without any (in equilibrium chemistry) it is these two alone. What
        changes with height counts as at 10 mbar.
    fixed : mapping of str to float, optional
        Parameters that are not in `space`; ``star_radius`` is 1 (the Sun's) by default.
    pressure_range : tuple of float, default=(1e-9, 10)
        Top and bottom of the atmosphere in bar, between which a profile of points is laid out.
    he_h2_ratio : float, default=0.17647
        Number of He atoms per H2 molecule, as simulators have it.

    Returns
    -------
    ndarray of shape (n,)
        2 Rp H / Rs^2, with gravity at the planet's radius.

    Raises
    ------
    RangeError
        If a parameter is neither in `space` nor fixed, theta does not fit the space, or a radius,
        mass or temperature is not positive.
    """
    # Here, since they bring torch along.
    import torch

    from exosk.simulators.atmosphere import inverse_scale, mean_molecular_mass, molar_mass
    from exosk.simulators.profiles import log_abundances

    value = _named(theta, space, fixed)
    columns = {name: torch.from_numpy(column) for name, column in value.items()}
    pressure = torch.tensor([_PRESSURE], dtype=torch.float64)
    temperature = _temperature_profile(value, pressure_range)(columns, pressure)[:, 0]
    profiles = _abundance_profiles(value)
    x = torch.zeros((len(temperature), 0), dtype=torch.float64)
    if profiles:
        x = torch.pow(10.0, log_abundances(columns, profiles, pressure))[:, 0]
    total = x.sum(-1)
    _require_all(
        (total <= 1).numpy(),
        total.numpy(),
        "abundances add up to",
        "more than all the gas; lower them",
    )
    gas = mean_molecular_mass(
        x,
        torch.tensor([molar_mass(name) for name in profiles], dtype=torch.float64),
        (molar_mass("H2") + he_h2_ratio * molar_mass("He")) / (1 + he_h2_ratio),
    )
    temperature = temperature.numpy()
    for name, column in {**{n: value[n] for n in _PLANET}, "temperature": temperature}.items():
        _require_all(column > 0, column, f"{name} is", "and must be positive")
    radius = value["planet_radius"] * JUPITER_RADIUS
    mass = torch.from_numpy(value["planet_mass"] * JUPITER_MASS)
    height = radius**2 * inverse_scale(torch.from_numpy(temperature), gas, mass).numpy()
    return 2 * radius * height / (value["star_radius"] * SOLAR_RADIUS) ** 2


def sigma_for_snr(
    theta: Any,
    space: ParameterSpace,
    shape_sigma: Any,
    snr: tuple[float, float] = (1.0, 30.0),
    random_state: Any = None,
    fixed: Mapping[str, float] | None = None,
    **atmosphere: Any,
) -> np.ndarray:
    """Draw errors for training spectra, so that all signal-to-noise ratios are met equally often.

    Parameters
    ----------
    theta : array-like of shape (n, n_parameters)
        Atmospheres, in the order of `space`.
    space : ParameterSpace
        See :func:`scale_height_depth`.
    shape_sigma : array-like or Quantity of shape (n_bins,), Instrument or Spectrum
        Errors that are right but for a factor; NaN where there is no bin.
    snr : float or (float, float), default=(1, 30)
        Change of depth by one scale height over the error of the median bin; log-uniform between
        two numbers.
    random_state : int, RandomState or None, default=None
        Seed of the ratios.
    fixed : mapping of str to float, optional
        Parameters that are not in `space`.
    **atmosphere
        Further arguments of :func:`scale_height_depth`.

    Returns
    -------
    ndarray of shape (n, n_bins)
        1-sigma errors, for :func:`exosk.rows.join_rows` and ``NoiseInjector("columns")``.

    Raises
    ------
    RangeError
        If the ratios or the shape are not positive, or theta does not fit.
    """
    low, high = limits(snr, "snr", np.finfo(float).tiny, np.finfo(float).max)
    given = shape_sigma.sigma if isinstance(shape_sigma, Instrument | Spectrum) else shape_sigma
    shape = canonical(given, "depth", "shape_sigma")
    if shape.ndim != 1 or not (shape[~np.isnan(shape)] > 0).all() or np.isnan(shape).all():
        raise RangeError(
            f"shape_sigma must be one positive error for each bin, got {shape_sigma!r}"
        )
    signal = scale_height_depth(theta, space, fixed, **atmosphere)
    ratio = np.exp(check_random_state(random_state).uniform(np.log(low), np.log(high), len(signal)))
    return (signal / ratio)[:, np.newaxis] * (shape / np.nanmedian(shape))


def _named(
    theta: Any, space: ParameterSpace, fixed: Mapping[str, float] | None
) -> dict[str, np.ndarray]:
    theta = np.array(theta, dtype=float)
    if theta.ndim != 2 or theta.shape[1] != len(space) or not np.isfinite(theta).all():
        raise RangeError(
            f"theta must be finite and of shape (n, {len(space)}), one column for each of "
            f"{', '.join(space.names)}; got shape {theta.shape}"
        )
    constants = {"star_radius": 1.0, **(fixed or {})}
    value = {name: np.full(len(theta), float(number)) for name, number in constants.items()}
    value |= {name: theta[:, k].copy() for k, name in enumerate(space.names)}
    for name in _PLANET:
        if name not in value:
            raise RangeError(f"{name} is neither in the space nor fixed; give it in fixed")
    return value


def _temperature_profile(names: Iterable[str], pressure_range: tuple[float, float]) -> Any:
    from exosk.simulators.profiles import temperature_profile

    names = set(names)
    points = sum(bool(re.fullmatch(r"temperature_\d+", name)) for name in names)
    kind = "isothermal" if not points else f"{points}-point"
    profile = temperature_profile("guillot" if "t_irr" in names else kind, pressure_range)
    missing = sorted(set(profile.names) - names)
    if missing:
        raise RangeError(
            f"{', '.join(missing)} is neither in the space nor fixed; a scale height needs a "
            f"temperature"
        )
    return profile


def _abundance_profiles(names: Iterable[str]) -> dict[str, str]:
    """Tell each molecule's formula, and how its abundance changes with height."""
    names = set(names)
    found = {}
    for name in sorted(names):
        if match := re.fullmatch(r"log_x_([a-z0-9]+)", name):
            found[_formula(match[1])] = "two-layer" if f"{name}_top" in names else "constant"
    return found


def _formula(folded: str) -> str:
    """``"nacl"`` -> ``"NaCl"``; no two formulas of the known elements fold into one."""
    from exosk.opacities.masses import ATOMIC_WEIGHT

    symbols = {symbol.lower(): symbol for symbol in ATOMIC_WEIGHT}
    element = "|".join(sorted(symbols, key=len, reverse=True))
    if not re.fullmatch(rf"(?:(?:{element})\d*)+", folded):
        raise UnknownNameError(
            f"log_x_{folded} does not name a molecule of the elements "
            f"{', '.join(ATOMIC_WEIGHT)}, so that its mass is not known"
        )
    return re.sub(element, lambda found: symbols[found[0]], folded)


def _require_all(good: np.ndarray, values: np.ndarray, before: str, after: str) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise RangeError(f"{before} {values[bad[0]]:g} in row {bad[0]}, {after}")
