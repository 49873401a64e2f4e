"""Tabulate equilibrium abundances with easychem: ``python -m exosk.simulators.embedded.build``.

easychem (Lei & Molliere 2024, arXiv:2410.21364; the code of petitRADTRANS's own chemistry tables,
Molliere et al. 2017, A&A 600, A10) minimises Gibbs's energy over 100-odd gases and condensates. It
needs ``pip install 'exosk[chemistry]'``, with a Fortran compiler, and some milliseconds a point:
a quarter of an hour for all on one core.

SO2 is not among easychem's species. Its thermodynamic data, in the same form, are added from the
compilation that easychem's own are from (McBride, Zehe & Gordon 2002, NASA/TP-2002-211556).
"""

from __future__ import annotations

import argparse
import itertools
import re
import tempfile
from importlib import metadata
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

from exosk.exceptions import PluginError
from exosk.simulators.equilibrium_table import AXES, FLOOR, EquilibriumTable

__all__ = ["Chemistry", "build", "nodes"]

#: Species of the table and their names in easychem.
SPECIES = {
    name: {"C2H2": "C2H2,acetylene"}.get(name, name)
    for name in (
        *("H2O", "CO2", "CO", "CH4", "NH3", "HCN", "C2H2", "H2S", "SO2", "PH3", "Na", "K", "O2"),
        *("H2", "He", "H"),
    )
}
_SO2 = """\
SO2               Hf:Cox,1989. Gurvich,1989. McBride et al., 2002.
 2 tpis89 S   1.00O   2.00    0.00    0.00    0.00 0   64.0638000    -296810.000
    200.000   1000.0007 -2.0 -1.0  0.0  1.0  2.0  3.0  4.0  0.0        10548.000
-5.310842140D+04 9.090311670D+02-2.356891244D+00 2.204449885D-02-2.510781471D-05
 1.446300484D-08-3.369070940D-12                -4.113752080D+04 4.045512519D+01
   1000.000   6000.0007 -2.0 -1.0  0.0  1.0  2.0  3.0  4.0  0.0        10548.000
-1.127640116D+05-8.252261380D+02 7.616178630D+00-1.999327610D-04 5.655631430D-08
-5.454316610D-12 2.918294102D-16                -3.351308690D+04-1.655776085D+01
"""
# A solution that makes or loses more of an element than this is none. Of Na, K and P easychem
# often does where they are condensed; in the gas, little of them is left there.
_LARGEST_LOSS = 0.01
_CONSERVED = ("H", "He", "C", "N", "O", "S")
# Nodes without a solution are filled in between their neighbours in temperature.
_MOST_MISSING = 1e-3

_C_O_RATIOS = (
    *(0.1, 0.2, 0.35, 0.5, 0.6, 0.67, 0.70, 0.72, 0.74, 0.78, 0.83, 0.88),
    *(0.92, 0.95, 0.97, 0.99, 1.01, 1.04, 1.08, 1.2, 1.5, 2.0),
)


def nodes() -> dict[str, np.ndarray]:
    """Return the nodes of each axis, chosen by the error of interpolating between them.

    Abundances change by orders of magnitude within a few hundredths of C/O: around 1, and
    around 0.74, where silicates take the oxygen that CO leaves.
    """
    return {
        "temperature": np.concatenate([np.linspace(100, 300, 7), np.geomspace(300, 3000, 63)[1:]]),
        "pressure": np.logspace(-9, 2, 18),
        "log_metallicity": np.linspace(-1, 2, 7),
        "c_o_ratio": np.array(_C_O_RATIOS),
    }


class Chemistry:
    """easychem with SO2, its default elements (Asplund et al. 2009) and its default species.

    Every element heavier than He is scaled by the metallicity; then oxygen is set to carbon
    over C/O.
    """

    def __init__(self) -> None:
        try:
            from easychem import easychem
        except ImportError as error:
            raise PluginError(
                "easychem is not installed; pip install 'exosk[chemistry]' (it needs gfortran)"
            ) from error
        original = Path(easychem.__file__).with_name(easychem.DEFAULT_DATAFILE)
        default = easychem.ExoAtmos()
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "thermo.inp"
            data.write_text(f"{original.read_text().rstrip()}\n{_SO2}")
            self._solver = easychem.ExoAtmos(
                reactants=[*default.reactants, "SO2"], thermofpath=str(data)
            )
            self._solver.solve(1.0, 1000.0)  # reads the file
        names = self._solver.reactants
        self._gases = np.array([not re.search(r"\((c|L)\)$", name) for name in names])
        self._wanted = [names.index(name) for name in SPECIES.values()]
        self._makeup = np.array(
            [[_atoms(name).get(atom, 0) for atom in self._solver.atoms] for name in names]
        )

    def __call__(
        self, temperature: float, pressure: float, log_metallicity: float, c_o_ratio: float
    ) -> np.ndarray:
        """Return log10 mixing ratios among the gases of one mixture, shape (n_species,).

        easychem fails here and there; then a temperature beside it, by up to a part in 1000,
        serves. NaN where that fails too.
        """
        self._solver.metallicity = log_metallicity
        self._solver.co = c_o_ratio
        for shift in (0.0, 1e-4, -1e-4, 1e-3, -1e-3):
            self._solver.solve(pressure, temperature * (1 + shift))
            amounts = self._solver.reacMols
            if self._solver.valid and self._conserves(amounts):
                # Condensates count as amounts too, but are no gas.
                x = amounts[self._wanted] / amounts[self._gases].sum()
                return np.log10(np.maximum(x, 10.0**FLOOR))
        return np.full(len(SPECIES), np.nan)

    def _conserves(self, amounts: np.ndarray) -> bool:
        """Whether the elements come out as they went in."""
        elements = amounts @ self._makeup
        loss = np.abs(elements / elements.sum() / self._solver.atomAbunds - 1)
        return bool(max(loss[self._solver.atoms.index(a)] for a in _CONSERVED) < _LARGEST_LOSS)


def _atoms(name: str) -> dict[str, int]:
    """Count the atoms of a species by its name in easychem: ``"C2H2,acetylene"``."""
    formula = re.sub(r"\((c|L)\)$|,.*$|[+-]$", "", name)
    atoms: dict[str, int] = {}
    for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", formula):
        atoms[symbol] = atoms.get(symbol, 0) + int(count or 1)
    return atoms


def _solve_at(temperature: float, axes: dict[str, np.ndarray]) -> np.ndarray:
    """Solve at all nodes of one temperature, one species after another."""
    chemistry = Chemistry()
    others = [axes[name] for name in AXES if name != "temperature"]
    log_x = [chemistry(temperature, *map(float, node)) for node in itertools.product(*others)]
    print(f"{temperature:.0f} K", flush=True)
    return np.array(log_x, dtype=np.float32).T.reshape(-1, *map(len, others))


def fill_in(log_x: np.ndarray, temperature: np.ndarray) -> tuple[np.ndarray, int]:
    """Interpolate what is missing between neighbours in temperature, and count the nodes.

    Raises
    ------
    RuntimeError
        If there is much of it.
    """
    missing = np.isnan(log_x[0])
    if missing.mean() > _MOST_MISSING:
        raise RuntimeError(f"easychem finds no equilibrium at {missing.mean():.1%} of the nodes")
    filled = log_x.copy()
    for place in set(zip(*np.nonzero(missing)[1:], strict=True)):
        line = (slice(None), *place)
        known = ~missing[line]
        for k in range(len(log_x)):
            found = np.interp(-1 / temperature, -1 / temperature[known], log_x[k][line][known])
            filled[k][line] = np.where(known, log_x[k][line], found)
    return filled, int(missing.sum())


def build(n_jobs: int = 1) -> EquilibriumTable:
    """Solve at every node."""
    axes = nodes()
    solved = Parallel(n_jobs=n_jobs)(
        delayed(_solve_at)(float(temperature), axes) for temperature in axes["temperature"]
    )
    return assemble(np.stack(solved, axis=1), axes)


def assemble(log_x: np.ndarray, axes: dict[str, np.ndarray]) -> EquilibriumTable:
    """Make the table of what was solved, and write down how."""
    log_x, n_filled = fill_in(log_x, axes["temperature"])
    provenance = {
        "code": "easychem",
        "version": metadata.version("easychem"),
        "citation": "Lei & Molliere 2024, arXiv:2410.21364; Molliere et al. 2017, A&A 600, A10",
        "elements": "Asplund et al. 2009 (easychem's default); all but H and He scaled by the "
        "metallicity, then O = C / (C/O)",
        "species": "easychem's default gases and condensates, and SO2 of McBride, Zehe & Gordon "
        "2002, NASA/TP-2002-211556",
        "nodes": f"{log_x[0].size}, {n_filled} of them interpolated where no solution was found",
        "mixing ratios": "among gases, condensates left out; local equilibrium, no rainout",
    }
    return EquilibriumTable(tuple(SPECIES), axes, log_x, provenance)


def main() -> None:
    """Build the embedded table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("equilibrium.h5"))
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    path = arguments.out
    build(arguments.jobs).save(path)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
