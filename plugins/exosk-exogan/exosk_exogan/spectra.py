"""ExoGAN's own spectra: three columns in a ``.dat``, and the planet in a ``.par`` beside it.

The columns are wavelength in um, transit depth and its 1-sigma error, for some or all of the 515
bins. The ``.par`` is TauREx 2's parameter file (INI). ExoGAN multiplies the depths of a file by the
star's radius squared before it uses them, since it was trained on one star; here they stay what
they are, and the radius of the star goes with them.
"""

from __future__ import annotations

import configparser
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import ExoskError, FileFormatError
from exosk.simulators.quantities import abundance_name
from exosk.sources.text import decode, read_bytes
from exosk.spectra import Spectrum
from exosk_exogan.grid import CENTRES, N_BINS, exogan_grid
from exosk_exogan.parameters import CITATION, MASS, RADIUS, STAR_RADIUS

__all__ = ["read_exogan_spectrum"]

# Of a bin's width. ExoGAN's sample rounds the wavelengths to a sixtieth.
_TOLERANCE = 0.1


def read_exogan_spectrum(path: str | os.PathLike[str]) -> Spectrum:
    """Read a spectrum and, where it lies beside it, the planet that it was made for.

    Parameters
    ----------
    path : path-like
        The ``.dat``; a file of the same name that ends in ``.par`` is read too.

    Returns
    -------
    Spectrum
        In ExoGAN's 515 ascending bins; those that the file lacks are missing (NaN). ``meta`` has
        ``star_radius`` (R_sun) and ``truth``: ``planet_radius`` (R_jup), ``planet_mass`` (M_jup),
        ``temperature`` (K) and ``log_x_<molecule>`` of the ``.par``, in exosk's units. They lie
        apart so that a retrieval does not take them for priors.

    Raises
    ------
    UnknownNameError
        If there is no such file.
    FileFormatError
        If a file is damaged, or the wavelengths are not those of ExoGAN's grid.
    UnitError
        If an error is not positive, or a depth no fraction.
    """
    path = Path(path)
    wavelength, depth, sigma = _read_columns(path)
    place = np.rint(np.log(wavelength / CENTRES[0]) / np.log(CENTRES[1] / CENTRES[0])).astype(int)
    grid = exogan_grid()
    inside = (place >= 0) & (place < N_BINS)
    nearest = CENTRES[np.clip(place, 0, N_BINS - 1)]
    off = ~inside | (np.abs(wavelength / nearest - 1) > _TOLERANCE * (CENTRES[1] / CENTRES[0] - 1))
    if off.any():
        raise FileFormatError(
            f"{path.name}: {wavelength[off][0]:g} um is no bin of ExoGAN's grid; give the file a "
            f"line of column names and load it by its path"
        )
    if len(np.unique(place)) < len(place):
        raise FileFormatError(f"{path.name} has two lines for one bin; leave one out")
    whole = np.full((2, N_BINS), np.nan)
    whole[:, place] = depth, sigma
    meta: dict[str, Any] = {"file": path.name}
    beside = path.with_suffix(".par")
    if beside.is_file():
        meta |= _read_parameters(beside)
    if n_missing := int(np.isnan(whole[0]).sum()):
        meta["missing_bins"] = n_missing
    try:
        return Spectrum(
            grid, *whole, name=path.stem, instrument="ExoGAN grid", reference=CITATION, meta=meta
        )
    except ExoskError as error:
        raise type(error)(f"{path.name}: {error}") from error


def _read_columns(path: Path) -> np.ndarray:
    """Return wavelength, depth and error, shape (3, n)."""
    text, _ = decode(read_bytes(path), path.name)
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.partition("#")[0].split()
        if not cells:
            continue
        try:
            row = [float(cell) for cell in cells]
        except ValueError:
            row = []
        if len(row) != 3 or not (math.isfinite(row[0]) and row[0] > 0):
            raise FileFormatError(
                f"{path.name}: line {number} is not three numbers: wavelength in um, transit depth "
                f"and error"
            )
        rows.append(row)
    if not rows:
        raise FileFormatError(f"{path.name} has no line of numbers")
    return np.array(rows).T


def _read_parameters(path: Path) -> dict[str, Any]:
    """Return the star's radius and the planet's parameters, converted."""
    text, _ = decode(read_bytes(path), path.name)
    parser = configparser.RawConfigParser(inline_comment_prefixes=("#", ";"))
    try:
        parser.read_string(text, path.name)
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise FileFormatError(f"{path.name} is no parameter file: {reason}") from error
    file = _ParameterFile(parser, path.name)
    gases = [gas.strip() for gas in file.text("Atmosphere", "active_gases").split(",")]
    ratios = file.text("Atmosphere", "active_gases_mixratios").split(",")
    if len(gases) != len(ratios):
        raise FileFormatError(f"{path.name} has {len(gases)} active gases but {len(ratios)} ratios")
    truth = {
        "planet_radius": file.number("Planet", "radius") * RADIUS,
        "planet_mass": file.number("Planet", "mass") * MASS,
        "temperature": file.number("Atmosphere", "tp_iso_temp"),
    }
    for gas, ratio in zip(gases, ratios):
        value = file.positive(ratio, f"mixing ratio of {gas}")
        if value > 1:
            raise FileFormatError(f"{path.name}: the mixing ratio of {gas} is {value:g}, above one")
        truth[abundance_name(gas)] = math.log10(value)
    return {"star_radius": file.number("Star", "radius") * STAR_RADIUS, "truth": truth}


class _ParameterFile:
    """Entries of TauREx 2's parameter file, each there and positive."""

    def __init__(self, parser: configparser.RawConfigParser, label: str) -> None:
        self._parser, self._label = parser, label

    def text(self, section: str, key: str) -> str:
        if not self._parser.has_option(section, key):
            raise FileFormatError(f"{self._label} has no {key!r} in its section [{section}]")
        return self._parser.get(section, key)

    def number(self, section: str, key: str) -> float:
        return self.positive(self.text(section, key), f"[{section}] {key}")

    def positive(self, text: str, what: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 < value < math.inf:
            raise FileFormatError(f"{self._label}: {what} is {text.strip()!r}, no positive number")
        return value
