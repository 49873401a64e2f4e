"""Make the embedded observations, and say where every number is from.

    python -m exosk.sources.embedded.build --sdist petitradtrans-3.4.0.tar.gz

The source distribution is the one that ``pip download --no-binary :all: --no-deps
petitradtrans==3.4.0`` fetches. Without it only the observations that are written out below
are made.

Published values of the two systems carry, besides the publication, how they were checked when
this script was written: ``checked`` against independent quotations of the same publication;
``consistent``, from memory and then found to agree with other published values through a
formula (the transit depth, or the equilibrium temperature from the star's and the orbit);
``recalled``, from memory only, to be compared with the paper before it is quoted.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import ExoskError, FileFormatError
from exosk.sources.files import write_spectrum
from exosk.spectra import SpectralGrid, Spectrum

__all__ = ["build_wasp12b", "build_wasp39b", "main"]

_SDIST_SHA256 = "3f0d3a4581b4b2588776c3947717b4b117c86adbd1b7566f560a496943ad5af7"
_SDIST_ROOT = "petitradtrans-3.4.0/"
_PRISM_TABLE = (
    "docs/content/notebooks/retrievals/transmission/observations/JWST/WASP39b_nirspec_prism.txt"
)

_UNITS = {
    "star_radius": "R_sun",
    "planet_mass": "M_jup",
    "planet_radius": "R_jup",
    "equilibrium_temperature": "K",
}

_MANCINI = "Mancini et al. 2018, A&A 613, A41 (2018A&A...613A..41M)"
_WASP39 = {
    # name: (value, 1-sigma error, publication, how it was checked)
    "star_radius": (0.939, 0.022, _MANCINI, "checked"),
    "planet_mass": (0.281, 0.032, _MANCINI, "checked"),
    "planet_radius": (1.279, 0.040, _MANCINI, "recalled"),
    "equilibrium_temperature": (1166.0, 14.0, _MANCINI, "consistent"),
}

_COLLINS = "Collins, Kielkopf & Stassun 2017, AJ 153, 78 (2017AJ....153...78C)"
_WASP12 = {
    "star_radius": (1.657, 0.045, _COLLINS, "consistent"),
    "planet_mass": (1.470, 0.073, _COLLINS, "checked"),
    "planet_radius": (1.900, 0.056, _COLLINS, "consistent"),
    "equilibrium_temperature": (2580.0, 60.0, _COLLINS, "consistent"),
}

# Kreidberg et al. 2015: centre of the bin (um), transit depth, 1-sigma error.
_KREIDBERG_2015 = (
    (0.867, 0.014441, 0.000069),
    (0.925, 0.014422, 0.000055),
    (0.983, 0.014402, 0.000052),
    (1.041, 0.014428, 0.000051),
    (1.091, 0.014391, 0.000053),
    (1.147, 0.014386, 0.000047),
    (1.2165, 0.014365, 0.000045),
    (1.2855, 0.014327, 0.000041),
    (1.3545, 0.014582, 0.000040),
    (1.4235, 0.014600, 0.000043),
    (1.4925, 0.014530, 0.000045),
    (1.562, 0.014475, 0.000058),
    (1.6315, 0.014332, 0.000055),
)
# Touching bins with these centres are fixed by one edge, e[k+1] = 2 c[k] - e[k]. This one makes
# the four bluest bins equally wide (0.058 um, the spacing of their centres) and all edges whole
# nanometres; the bins then span 0.838-1.666 um, and the paper's abstract says 0.84-1.67.
_KREIDBERG_FIRST_EDGE = 0.838


def _system(parameters: dict[str, tuple[float, float, str, str]]) -> dict[str, Any]:
    """Flatten a system's parameters into metadata: plain values first, sources beside them."""
    meta: dict[str, Any] = {}
    for name, (value, error, _, _) in parameters.items():
        meta[name] = value
        meta[f"{name}_err"] = error
    meta["parameter_units"] = {name: _UNITS[name] for name in parameters}
    meta["parameter_references"] = {name: entry[2] for name, entry in parameters.items()}
    meta["parameter_checks"] = {name: entry[3] for name, entry in parameters.items()}
    return meta


def build_wasp39b(table: str) -> Spectrum:
    """Build the NIRSpec PRISM spectrum of WASP-39 b.

    Parameters
    ----------
    table : str
        Content of petitRADTRANS' ``WASP39b_nirspec_prism.txt``. It has no header; its columns
        are bin centre (um), half of the bin's width (um: twice the second column is the
        distance between centres), transit depth and its error (fractions).

    Returns
    -------
    Spectrum

    Raises
    ------
    FileFormatError
        If the numbers are not the ones that this function was written for.
    """
    wavelength, half_width, depth, sigma = np.loadtxt(io.StringIO(table), unpack=True)
    step = np.diff(wavelength)
    touching = step < 0.1  # all but the one gap
    if len(wavelength) != 112 or not np.allclose(
        step[touching], (half_width[1:] + half_width[:-1])[touching], rtol=0.02
    ):
        raise FileFormatError("the PRISM table is not 112 touching bins with half widths")
    return Spectrum(
        SpectralGrid(wavelength - half_width, wavelength + half_width),
        depth,
        sigma,
        name="WASP-39 b",
        instrument="JWST NIRSpec PRISM",
        reference=(
            "Carter et al. 2024, Nature Astronomy 8, 1008; observed by Rustamkulov et al. 2023, "
            "Nature 614, 659"
        ),
        meta={
            "planet": "WASP-39 b",
            "facility": "JWST",
            "bibcode": ["2024NatAs...8.1008C", "2023Natur.614..659R"],
            "doi": ["10.1038/s41550-024-02292-x", "10.1038/s41586-022-05677-y"],
            "licence": (
                "MIT, Copyright (c) 2019-2024 Paul Molli\u00e8re (LICENSE-petitRADTRANS.txt)"
            ),
            "provenance": (
                f"{_PRISM_TABLE} of the petitRADTRANS 3.4.0 source distribution, "
                f"sha256 {_SDIST_SHA256}"
            ),
            "remarks": [
                "The source has no bins between 0.63 and 2.14 um, around the detector's "
                "saturated region.",
                "The published planet radius over the star's squares to a depth of 0.0196; the "
                "spectrum lies near 0.0215. A prior on the radius should be much wider than "
                "the published error.",
            ],
            **_system(_WASP39),
        },
    )


def build_wasp12b() -> Spectrum:
    """Build the WFC3 spectrum of WASP-12 b."""
    center, depth, sigma = np.array(_KREIDBERG_2015).T
    edges = [_KREIDBERG_FIRST_EDGE]
    for middle in center:
        edges.append(round(2 * middle - edges[-1], 4))
    return Spectrum(
        SpectralGrid.from_edges(np.array(edges)),
        depth,
        sigma,
        name="WASP-12 b",
        instrument="HST WFC3 G102+G141",
        reference="Kreidberg et al. 2015, ApJ 814, 66",
        meta={
            "planet": "WASP-12 b",
            "facility": "HST",
            "bibcode": ["2015ApJ...814...66K"],
            "doi": ["10.1088/0004-637X/814/1/66"],
            "licence": "published measurements (facts), written out in build.py",
            "provenance": ("the published values, as used by Marquez-Neila et al. 2018"),
            "remarks": [
                "Bin edges follow from the published centres: touching bins from 0.838 um, where "
                "the four bluest come out equally wide.",
            ],
            **_system(_WASP12),
        },
    )


def _from_sdist(path: Path) -> tuple[str, str]:
    """Content of the PRISM table and of the licence."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != _SDIST_SHA256:
        raise FileFormatError(
            f"{path.name} has sha256 {digest}, not that of petitradtrans-3.4.0.tar.gz"
        )
    contents = []
    with tarfile.open(path) as archive:
        for name in (_PRISM_TABLE, "LICENSE"):
            member = archive.extractfile(_SDIST_ROOT + name)
            if member is None:
                raise FileFormatError(f"{path.name} has no {name}")
            contents.append(member.read().decode())
    return contents[0], contents[1]


def main(arguments: list[str] | None = None) -> int:
    """Write the files; return an exit status."""
    parser = argparse.ArgumentParser(description="Make exosk's embedded observations.")
    parser.add_argument("--sdist", type=Path, help="petitradtrans-3.4.0.tar.gz")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args(arguments)
    try:
        write_spectrum(build_wasp12b(), options.out / "wasp-12b.ecsv")
        if options.sdist is not None:
            table, licence = _from_sdist(options.sdist)
            write_spectrum(build_wasp39b(table), options.out / "wasp-39b.ecsv")
            (options.out / "LICENSE-petitRADTRANS.txt").write_text(licence, encoding="utf-8")
    except (ExoskError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
