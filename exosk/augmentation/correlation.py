r"""Noise that neighbouring bins share.

White noise z becomes noise of correlation matrix C = L L^T (Cholesky) as L z, since
:math:`\langle L z z^T L^T\rangle = L L^T`. A Gaussian process in wavelength gives C from a kernel
and a length; a reduction's own covariance matrix gives it as measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError

__all__ = ["correlation_factor"]

# Added to the diagonal: a smooth kernel's matrix is singular to rounding.
_JITTER = 1e-10


def correlation_factor(
    correlation: Any, n_bins: int, wavelength: Callable[[], np.ndarray]
) -> np.ndarray:
    """Factor the correlation between the bins' errors.

    Parameters
    ----------
    correlation : array-like of shape (n_bins, n_bins), or kernel
        A correlation or covariance matrix; or a kernel of
        :mod:`sklearn.gaussian_process.kernels` (any callable of points of shape (n_bins, 1)
        that returns the matrix), with lengths in um. Only its shape counts: it is scaled to a
        unit diagonal.
    n_bins : int
        Number of bins.
    wavelength : callable
        Returns the bins' centres, in um; called for a kernel only.

    Returns
    -------
    ndarray of shape (n_bins, n_bins)
        Lower triangular L, rows of unit length, with L L^T the correlation.

    Raises
    ------
    GridError
        If the matrix is not that of the bins.
    RangeError
        If it is no covariance matrix: not symmetric, a variance that is not positive, a negative
        eigenvalue, NaN.
    """
    if callable(correlation):
        matrix = np.asarray(correlation(wavelength()[:, np.newaxis]), dtype=float)
    else:
        try:
            matrix = np.asarray(correlation, dtype=float)
        except (TypeError, ValueError) as error:
            raise RangeError(
                f"correlation must be a matrix or a kernel of sklearn.gaussian_process.kernels, "
                f"not {correlation!r}"
            ) from error
    if matrix.shape != (n_bins, n_bins):
        raise GridError(
            f"correlation has shape {matrix.shape}, but the spectra have {n_bins} bins; give one "
            f"row and column for each"
        )
    variance = np.diag(matrix)
    if not (np.isfinite(matrix).all() and (variance > 0).all()):
        raise RangeError(
            "correlation has a variance that is not positive, or a value that is not a number; "
            "leave out the bins that are missing, from grid and spectra too"
        )
    spread = np.sqrt(variance)
    matrix = matrix / np.outer(spread, spread)
    if not np.allclose(matrix, matrix.T, rtol=0, atol=1e-8):
        raise RangeError("correlation is not symmetric; a covariance matrix is")
    try:
        factor = np.linalg.cholesky(matrix + _JITTER * np.eye(n_bins))
    except np.linalg.LinAlgError as error:
        least = np.linalg.eigvalsh(matrix)[0]
        raise RangeError(
            f"correlation has the negative eigenvalue {least:.3g}, which no covariance has; was "
            f"it rounded or cut to a band?"
        ) from error
    return factor / np.linalg.norm(factor, axis=1, keepdims=True)
