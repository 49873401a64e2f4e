"""The molecules whose tables are computed from HITRAN lists of arrays, and what is said of each.

The editions are those that the lists' keepers name, not read from the files. None has widths by H2
and He: all use those by air.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LINE_MOLECULES", "LineMolecule"]

_EDITIONS = {
    2008: "Rothman et al. 2009, JQSRT 110, 533 (HITRAN2008)",
    2012: "Rothman et al. 2013, JQSRT 130, 4 (HITRAN2012)",
    2016: "Gordon et al. 2017, JQSRT 203, 3 (HITRAN2016)",
    2020: "Gordon et al. 2022, JQSRT 277, 107949 (HITRAN2020)",
}
_COMPUTING = (
    "Gamache et al. 2021, JQSRT 271, 107713 (TIPS-2021)",
    "Kochanov et al. 2016, JQSRT 177, 15 (HAPI)",
)


@dataclass(frozen=True)
class LineMolecule:
    """One molecule.

    Attributes
    ----------
    name : str
        Formula.
    edition : int
        Of HITRAN.
    sha256 : str
        Of the list's file.
    bands : tuple of (float, float)
        cm^-1; bands with room for their hot bands, where the kept strength is measured.
    windows : tuple of (float, float)
        um; where the sampling error is measured.
    limits : tuple of str
        What else is known to fail, or to hold (`benchmarks/line_list_build.py` measures it).
    """

    name: str
    edition: int
    sha256: str
    bands: tuple[tuple[float, float], ...]
    windows: tuple[tuple[float, float], ...]
    limits: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """Name of the list's file."""
        return f"lines_{self.name}.npz"

    @property
    def card(self) -> dict[str, object]:
        """What replaces the builder's own entries on the card."""
        return {
            "source_version": f"HITRAN{self.edition}",
            "citation": [_EDITIONS[self.edition], *_COMPUTING],
        }


LINE_MOLECULES: Mapping[str, LineMolecule] = {
    molecule.name: molecule
    for molecule in (
        LineMolecule(
            "NH3",
            2020,
            "c813c6073fad2c2b31b75e235f4b80369ee540d7beb4d7de8071b855250f2800",
            ((750, 1300), (1300, 2000), (3000, 3800), (4100, 4700), (4900, 5400)),
            ((2.9, 3.1), (10.0, 11.0)),
            (
                "band averages are those of HELIOS-K, from the same list, within 3 % at 300 K and "
                "2 % from 500 K on: right, and as incomplete",
            ),
        ),
        LineMolecule(
            "SO2",
            2016,
            "91c7d9deff3b202c9fabfca614205ea72f949e6525ff469675973d86616bda08",
            ((400, 700), (1000, 1260), (1260, 1450), (2200, 2550)),
            ((3.9, 4.2), (7.2, 7.6)),
            (
                "band averages are 0.91-1.01 of HELIOS-K's, from a later list with more hot bands, "
                "at 300 K, 0.66-0.99 at 500 K and 0.48-0.93 at 800 K; at 4.01-4.17 um 0.99, 0.91 "
                "and 0.75",
            ),
        ),
        LineMolecule(
            "HCN",
            2012,
            "d54365dea61158b4adc67f7c06712450790b667fcb2740d879b14f6f69456565",
            ((550, 900), (1250, 1600), (2950, 3424)),
            ((2.98, 3.1), (13.5, 14.5)),
        ),
        LineMolecule(
            "H2S",
            2008,
            "b1238d95b6435d7489bacd53e6aa339d0726fc5cf1b025823cfb605d54173457",
            ((900, 1700), (2050, 2900), (3300, 4257)),
            ((2.5, 2.8), (7.0, 8.0)),
        ),
        LineMolecule(
            "C2H2",
            2012,
            "251df3b42843fe472e3cc9662d9589e4130f580ec388eade133aec5c253d3afc",
            ((550, 950), (1150, 1500), (3000, 3500), (6300, 6700)),
            ((2.98, 3.1), (13.3, 14.0)),
        ),
        LineMolecule(
            "PH3",
            2012,
            "91ce6d4013a0d569203cb7b43196d27c890a2e11a096e6f606effbed5e5aae9c",
            ((750, 1400), (1900, 2600), (2900, 3602)),
            ((4.1, 4.6), (8.5, 10.0)),
        ),
    )
}
