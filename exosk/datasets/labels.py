"""Which molecules of a spectrum count as present."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.exceptions import RangeError
from exosk.parameters import ParameterSpace
from exosk.simulators.quantities import abundance_name

__all__ = ["delta_chi2_at", "molecules_present"]


def molecules_present(
    Y: np.ndarray,
    space: ParameterSpace,
    molecules: tuple[str, ...],
    threshold: Any,
    delta_chi2: float | None = None,
    known: np.ndarray | None = None,
    scale: Any = 1.0,
) -> np.ndarray:
    """Tell which molecules are present, by abundance and, if asked for, by what shows.

    Parameters
    ----------
    Y : ndarray of shape (n, n_parameters)
        Parameters of `space`.
    space : ParameterSpace
    molecules : tuple of str
        Whose abundance is among them.
    threshold, delta_chi2, scale
        See :meth:`exosk.Dataset.presence`.
    known : ndarray of shape (n, n_molecules), optional
        The delta chi-squared of each at the reference errors.

    Returns
    -------
    ndarray of int, shape (n, n_molecules)

    Raises
    ------
    RangeError
        If delta chi-squared is asked for and not known, or a scale is given that has no bearing.
    """
    columns = [space.index(abundance_name(m)) for m in molecules]
    present = np.asarray(Y)[:, columns] > np.asarray(threshold)
    if delta_chi2 is not None:
        present &= delta_chi2_at(known, len(present), scale) > delta_chi2
    elif np.any(np.asarray(scale) != 1):
        raise RangeError(
            "the scale of the errors has no bearing on the rule by abundance alone; give "
            "delta_chi2 as well, 9 say"
        )
    return present.astype(int)


def delta_chi2_at(known: np.ndarray | None, n: int, scale: Any) -> np.ndarray:
    """Return the delta chi-squared of each molecule at errors `scale` times as large.

    Raises
    ------
    RangeError
        If it is not known, or a scale is not a positive number.
    """
    if known is None:
        raise RangeError(
            "the data set does not know how detectable its molecules are; simulate it with "
            "detectability=True (exosk simulate --detectability)"
        )
    scale = np.asarray(scale, dtype=float)
    if scale.shape not in ((), (n,)):
        raise RangeError(f"{n} spectra but scales of shape {scale.shape}; give one, or one each")
    bad = ~((scale > 0) & np.isfinite(scale))
    if bad.any():
        raise RangeError(
            f"the scale of the errors must be a positive number, got {scale[bad].flat[0]:g}"
        )
    return np.asarray(known / np.square(scale)[..., np.newaxis])
