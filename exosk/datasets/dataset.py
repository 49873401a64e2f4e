"""A training set: noise-free spectra in an instrument's bins, and the parameters behind them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from exosk.exceptions import GridError, RangeError
from exosk.parameters import ParameterArray, ParameterSpace
from exosk.simulators.quantities import abundance_name
from exosk.spectra import SpectralGrid
from exosk.storage import create_hdf5, open_hdf5

__all__ = ["PRESENCE_THRESHOLD", "Dataset"]

_VERSION = 1

# A gas counts as present when its volume mixing ratio is above this. At 1e-8 even the
# strongest absorbers leave less than the noise of one JWST transit.
PRESENCE_THRESHOLD = -8.0


@dataclass(frozen=True, eq=False)
class Dataset:
    """Spectra, parameters, and what is needed to use them.

    Parameters
    ----------
    X : ndarray of shape (n, n_bins)
        Noise-free transit depths.
    Y : ndarray of shape (n, n_parameters)
        Parameters, in the order of `space` (a :class:`~exosk.parameters.ParameterArray`).
    grid : SpectralGrid
        The bins of X.
    space : ParameterSpace
        The parameters of Y, with the priors they were drawn from.
    molecules : tuple of str
        Absorbers whose abundance is among the parameters.
    parent : ndarray of shape (n,), optional
        Which simulated spectrum a row comes from; rows of one parent are never split. Each
        row is its own by default.
    provenance : mapping, optional
        Simulator, opacities, seed, as JSON has it.
    """

    X: np.ndarray
    Y: np.ndarray
    grid: SpectralGrid
    space: ParameterSpace
    molecules: tuple[str, ...] = ()
    parent: np.ndarray | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.X)
        if self.parent is None:
            object.__setattr__(self, "parent", np.arange(n))
        if self.X.shape != (n, self.grid.n_bins):
            raise GridError(
                f"X is of shape {self.X.shape} but the grid has {self.grid.n_bins} bins"
            )
        if self.Y.shape != (n, len(self.space)):
            raise RangeError(f"Y is of shape {self.Y.shape}; expected {(n, len(self.space))}")
        object.__setattr__(self, "Y", ParameterArray(self.Y, self.space))
        if np.shape(self.parent) != (n,):
            raise RangeError(f"{n} spectra but parents of shape {np.shape(self.parent)}")

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return f"Dataset({len(self)} spectra, {self.grid!r}, {self.space!r})"

    def __getitem__(self, rows: Any) -> Dataset:
        """Return the selected rows (slice, mask or indices)."""
        if self.parent is None:  # set in __post_init__; this tells the type checker
            raise RangeError("the data set has no parents")
        return Dataset(
            self.X[rows],
            self.Y[rows],
            self.grid,
            self.space,
            self.molecules,
            self.parent[rows],
            self.provenance,
        )

    def presence(self, threshold: float = PRESENCE_THRESHOLD) -> np.ndarray:
        """Tell which molecules are present.

        Parameters
        ----------
        threshold : float
            log10 volume mixing ratio above which a gas counts as present.

        Returns
        -------
        ndarray of shape (n, n_molecules)
            0 or 1, in the order of :attr:`molecules`.
        """
        columns = [self.space.index(abundance_name(m)) for m in self.molecules]
        return (self.Y[:, columns] > threshold).astype(int)

    def split(
        self, test: float = 0.15, validation: float = 0.15, random_state: Any = None
    ) -> tuple[Dataset, Dataset, Dataset]:
        """Split at random into training, validation and test sets, by parent spectrum.

        Parameters
        ----------
        test, validation : float, default=0.15
            Shares of the parents.
        random_state : int, RandomState or None
            As in scikit-learn.

        Returns
        -------
        tuple of three Dataset
            Training, validation, test.

        Raises
        ------
        RangeError
            If a share is not positive, or nothing is left to train on.
        """
        rows, parent = np.arange(len(self)), np.asarray(self.parent)
        # Whole numbers: as shares, rounding would put a spectrum too many into one part.
        n_parents = len(np.unique(parent))
        if not (test > 0 and validation > 0 and test + validation < 1 and n_parents >= 3):
            raise RangeError(
                f"cannot split {n_parents} parent spectra into shares of {test:g} for testing, "
                f"{validation:g} for validation and the rest for training; each part needs one"
            )
        n_test, n_validation = (max(1, round(share * n_parents)) for share in (test, validation))
        n_test = min(n_test, n_parents - 2)
        n_validation = min(n_validation, n_parents - n_test - 1)
        outer = GroupShuffleSplit(1, test_size=n_test, random_state=random_state)
        rest, tested = next(outer.split(rows, groups=parent))
        inner = GroupShuffleSplit(1, test_size=n_validation, random_state=random_state)
        trained, validated = next(inner.split(rest, groups=parent[rest]))
        return self[rest[trained]], self[rest[validated]], self[tested]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to an HDF5 file, whole or not at all."""
        header = {
            "grid": self.grid.to_dict(),
            "space": self.space.to_dict(),
            "molecules": list(self.molecules),
            "provenance": dict(self.provenance),
        }
        with create_hdf5(path, "data set", _VERSION) as file:
            # Attributes hold at most 64 kB; a grid of thousands of bins passes that.
            file["header"] = np.bytes_(json.dumps(header))
            for name in ("X", "Y", "parent"):
                file.create_dataset(name, data=getattr(self, name), fletcher32=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Dataset:
        """Read a file that :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            If the file is none of ours, of a later version, or damaged.
        """
        with open_hdf5(path, "data set", _VERSION) as file:
            header = json.loads(file["header"].asstr()[()])
            return cls(
                file["X"][:],
                file["Y"][:],
                SpectralGrid.from_dict(header["grid"]),
                ParameterSpace.from_dict(header["space"]),
                tuple(header["molecules"]),
                file["parent"][:],
                header["provenance"],
            )
