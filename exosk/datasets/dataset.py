"""A training set: noise-free spectra in an instrument's bins, and the parameters behind them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from exosk.datasets.detectability import errors_in
from exosk.datasets.labels import delta_chi2_at, molecules_present
from exosk.exceptions import GridError, RangeError
from exosk.parameters import ParameterArray, ParameterSpace
from exosk.rows import join_rows
from exosk.spectra import SpectralGrid
from exosk.storage import create_hdf5, open_hdf5
from exosk.units import canonical

__all__ = ["PRESENCE_THRESHOLD", "Dataset"]

# A file that holds delta_chi2 is of version 2, any other of version 1: a reader that knows only
# that one misses nothing that it needs.
_VERSION = 2
_OPTIONAL = ("delta_chi2", "sigma")

# A gas counts as present when its volume mixing ratio is above this. Below it, of 20,000
# atmospheres of the default priors as one JWST PRISM transit sees them, K still changed 1.6 % and
# CO2 1.5 % by a delta chi-squared of 9; H2O, CO, CH4 and Na none.
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
    delta_chi2 : ndarray of shape (n, n_molecules), optional
        How much each spectrum changes when each molecule is taken out, at the errors `sigma`,
        beyond a constant offset (:mod:`exosk.datasets.detectability`).
    sigma : ndarray of shape (n_bins,), optional
        Reference 1-sigma errors: the instrument's or the observation's. NaN is a bin that the
        observation lacks.

    Raises
    ------
    GridError
        If X or `sigma` has another number of bins than the grid.
    RangeError
        If shapes do not fit each other, or a delta chi-squared is negative or missing.
    """

    X: np.ndarray
    Y: np.ndarray
    grid: SpectralGrid
    space: ParameterSpace
    molecules: tuple[str, ...] = ()
    parent: np.ndarray | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    delta_chi2: np.ndarray | None = None
    sigma: np.ndarray | None = None

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
        if self.sigma is not None:
            object.__setattr__(self, "sigma", errors_in(self.sigma, self.grid))
        if self.delta_chi2 is None:
            return
        if self.sigma is None:
            raise RangeError("delta_chi2 means nothing without the errors sigma that it is at")
        found = np.asarray(self.delta_chi2, dtype=float)
        if found.shape != (n, len(self.molecules)):
            raise RangeError(
                f"delta_chi2 is of shape {found.shape}; expected {(n, len(self.molecules))}, one "
                f"number for each spectrum and molecule"
            )
        if not (found >= 0).all():
            raise RangeError(f"delta_chi2 must be numbers from 0 up, got {found.min():g}")
        object.__setattr__(self, "delta_chi2", found)

    def __len__(self) -> int:
        return len(self.X)

    def __repr__(self) -> str:
        return f"Dataset({len(self)} spectra, {self.grid!r}, {self.space!r})"

    def __getitem__(self, rows: Any) -> Dataset:
        """Return the selected rows (slice, mask or indices)."""
        return replace(
            self,
            X=self.X[rows],
            Y=self.Y[rows],
            parent=np.asarray(self.parent)[rows],
            delta_chi2=None if self.delta_chi2 is None else self.delta_chi2[rows],
        )

    def presence(
        self,
        threshold: Any = PRESENCE_THRESHOLD,
        delta_chi2: float | None = None,
        scale: Any = 1.0,
    ) -> np.ndarray:
        """Tell which molecules are present.

        By abundance alone, a gas below a cloud deck is present although no spectrum can show it,
        and a detector is taught to guess from the prior. By both rules a gas counts when it is
        there and can be seen, at the noise of the spectrum.

        Parameters
        ----------
        threshold : float or array-like of shape (n_molecules,), default=-8
            log10 volume mixing ratio above which a gas counts as present.
        delta_chi2 : float, optional
            What the spectrum must change by as well, when the gas is taken out
            (:data:`exosk.datasets.DETECTABLE`, that is 9, is our choice). By default abundance
            alone decides.
        scale : float or array-like of shape (n,), default=1
            How many times as large as :attr:`sigma` the errors are, of all spectra or of each.

        Returns
        -------
        ndarray of shape (n, n_molecules)
            0 or 1, in the order of :attr:`molecules`.

        Raises
        ------
        RangeError
            If delta chi-squared is asked for and the set has none, or a scale is given that has
            no bearing.
        """
        return molecules_present(
            self.Y, self.space, self.molecules, threshold, delta_chi2, self.delta_chi2, scale
        )

    def delta_chi2_at(self, scale: Any = 1.0) -> np.ndarray:
        """Return the delta chi-squared of each molecule at other errors.

        Parameters
        ----------
        scale : float or array-like of shape (n,)
            How many times as large as :attr:`sigma` the errors are, of all spectra or of each.

        Returns
        -------
        ndarray of shape (n, n_molecules)
            :attr:`delta_chi2` over the scale squared.

        Raises
        ------
        RangeError
            If the set holds none, or a scale is not a positive number.
        """
        return delta_chi2_at(self.delta_chi2, len(self), scale)

    def with_sigma(self, sigma: Any = None) -> np.ndarray:
        """Return X with errors beside the depths, for models that are told the noise.

        Parameters
        ----------
        sigma : Instrument, Spectrum, float, Quantity or array-like, optional
            1-sigma errors, of shape (n_bins,) for all spectra or (n, n_bins) for each;
            :attr:`sigma` by default. A bin whose error is missing (NaN) is missing in the spectra
            as well.

        Returns
        -------
        ndarray of shape (n, 2 n_bins)
            Noise-free depths, then errors.

        Raises
        ------
        GridError
            If the errors are those of other bins.
        RangeError
            If an error is not positive, or there is none to take.
        """
        if sigma is None and self.sigma is None:
            raise RangeError("the data set has no errors of its own; give sigma")
        sigma = self.sigma if sigma is None else sigma
        each = canonical(getattr(sigma, "sigma", sigma), "depth", "sigma")
        if each.ndim == 2:
            if each.shape != self.X.shape:
                raise GridError(f"spectra of shape {self.X.shape} but errors of {each.shape}")
            wrong = np.flatnonzero((each <= 0).any(1) | np.isinf(each).any(1))
            if wrong.size:
                raise RangeError(f"errors must be positive; those of spectrum {wrong[0]} are not")
        else:
            each = errors_in(sigma, self.grid)
        return join_rows(np.where(np.isnan(each), np.nan, self.X).astype(self.X.dtype), each)

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
        version = 1 if self.delta_chi2 is None else _VERSION
        with create_hdf5(path, "data set", version) as file:
            # Attributes hold at most 64 kB; a grid of thousands of bins passes that.
            file["header"] = np.bytes_(json.dumps(header))
            held = [name for name in _OPTIONAL if getattr(self, name) is not None]
            for name in ("X", "Y", "parent", *held):
                file.create_dataset(name, data=getattr(self, name), fletcher32=True)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Dataset:
        """Read a file that :meth:`save` wrote, or all of a store (:class:`Store`) by its folder.

        Raises
        ------
        FileFormatError
            If the file is none of ours, of a later version, or damaged.
        RangeError
            If the store does not fit into memory.
        """
        if Path(path).is_dir():
            from exosk.datasets.store import Store

            return Store(path).read()
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
                *(file[name][:] if name in file else None for name in _OPTIONAL),
            )
