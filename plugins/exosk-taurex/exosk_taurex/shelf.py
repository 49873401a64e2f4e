"""All opacities of one simulator, cut to the samples that it works on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from taurex.cia import CIA

from exosk.exceptions import RangeError
from exosk.opacities import CollisionTable, OpacityTable, get_opacity
from exosk.simulators.binned import samples_for
from exosk.simulators.limits import check_opacities
from exosk.spectra import SpectralGrid
from exosk_taurex.opacities import HeldOpacity, HeldPair, read_opacity, read_pair

__all__ = ["PAIRS", "Shelf"]

#: The pairs whose collisions absorb.
PAIRS = ("H2-H2", "H2-He")

Path = str | os.PathLike[str]


class Shelf(NamedTuple):
    """Opacities in TauREx's form.

    `opacities` are by molecule and `pairs` by pair; `wavelength` are the samples, ascending, in um;
    `temperature_range` is what all of them cover, in K; `provenance` is by name.
    """

    opacities: dict[str, HeldOpacity]
    pairs: dict[str, CIA]
    wavelength: np.ndarray
    temperature_range: tuple[float, float]
    provenance: dict[str, Any]

    @classmethod
    def stock(
        cls,
        molecules: Sequence[str | OpacityTable],
        grid: SpectralGrid | None,
        nodes: np.ndarray,
        interpolation: str,
        opacity_path: Path | None,
        cia_path: Path | None,
    ) -> Shelf:
        """Get all opacities.

        Parameters
        ----------
        molecules : sequence of str or OpacityTable
            Names are looked up in `opacity_path` if there is one, else in exosk.
        grid : SpectralGrid, optional
            Bins that the samples must serve; all samples by default.
        nodes : ndarray of shape (n_nodes,)
            Pressures to which exosk's tables are resampled, in bar.
        interpolation : {"exp", "linear", "exosk"}
            As for :class:`exosk_taurex.opacities.HeldOpacity`.
        opacity_path, cia_path : path, optional
            Folders of TauREx's files.

        Raises
        ------
        RangeError
            If there is no molecule, one is named twice, the tables' wavelengths differ, or
            something lies outside the tables.
        UnknownNameError
            If there is no opacity of a name.
        FileFormatError
            If TauREx cannot read its files.
        """
        tables = [_find(molecule, interpolation, opacity_path) for molecule in molecules]
        _check(tables)
        wavelength = max((table.wavelength for table in tables), key=len)
        sources: list[CIA | CollisionTable] = [
            get_opacity(pair) if cia_path is None else read_pair(pair, cia_path) for pair in PAIRS
        ]
        needed = _inside(wavelength, sources)
        needed[needed] = samples_for(grid, wavelength[needed])
        opacities = {}
        for table in tables:
            same = np.array_equal(table.wavelength, wavelength)
            samples = needed if same else np.ones(len(table.wavelength), dtype=bool)
            if isinstance(table, OpacityTable):
                # Cut first: resampling all of a table takes longer than all the rest.
                within = np.flatnonzero(samples)[[0, -1]]
                cut = table.select(*table.wavelength[within]).at_pressures(nodes)
                samples = samples[within[0] : within[1] + 1]
                table = HeldOpacity.from_table(cut, samples, interpolation)
            else:
                table = table.select(samples[::-1])
            opacities[table.moleculeName] = table
        pairs = {
            pair: HeldPair(source.at_wavelengths(wavelength[needed]))
            if isinstance(source, CollisionTable)
            else source
            for pair, source in zip(PAIRS, sources)
        }
        temperatures = [x.temperatureGrid for x in (*opacities.values(), *pairs.values())]
        return cls(
            opacities,
            pairs,
            wavelength[needed],
            (float(max(min(t) for t in temperatures)), float(min(max(t) for t in temperatures))),
            {
                name: getattr(x, "provenance", {"source": f"TauREx's files in {path}"})
                for name, x, path in (
                    *((x.name, x, opacity_path) for x in tables),
                    *((pair, x, cia_path) for pair, x in zip(PAIRS, sources)),
                )
            },
        )


def _find(
    molecule: str | OpacityTable, interpolation: str, path: Path | None
) -> OpacityTable | CollisionTable | HeldOpacity:
    if not isinstance(molecule, str):
        return molecule
    return get_opacity(molecule) if path is None else read_opacity(molecule, path, interpolation)


def _check(tables: Sequence[OpacityTable | CollisionTable | HeldOpacity]) -> None:
    """Check what the built-in model checks; grids of files may differ, which TauREx deals with."""
    if not any(isinstance(table, HeldOpacity) for table in tables):
        check_opacities(tables)
        return
    names = [table.name for table in tables]
    for name in names:
        if names.count(name) > 1:
            raise RangeError(f"{name} is named twice among the molecules; name it once")


def _inside(wavelength: np.ndarray, pairs: Sequence[CIA | CollisionTable]) -> np.ndarray:
    """Tell which samples lie within exosk's tables of pairs, beyond which nothing is known."""
    inside = np.ones(len(wavelength), dtype=bool)
    for pair in pairs:
        if isinstance(pair, CollisionTable):
            low, high = pair.wavelength[[0, -1]]
            inside &= (wavelength >= low * (1 - 1e-9)) & (wavelength <= high * (1 + 1e-9))
    if not inside.any():
        raise RangeError(
            f"the opacities span {wavelength[0]:.4g}-{wavelength[-1]:.4g} um, where exosk has no "
            f"collision-induced absorption; give TauREx's own with cia_path"
        )
    return inside
