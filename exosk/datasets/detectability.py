r"""Whether a gas shows in a spectrum, at the spectrum's own noise.

Of an atmosphere with binned depths :math:`D_b`, the same without gas m has :math:`D_b^{(-m)}`
(:func:`exosk.simulators.removal.without_molecule`). The planet's reference radius is not known
beforehand and moves a whole spectrum up or down, so a gas that only does that cannot be told
apart from a larger planet. Hence a constant c is free:

.. math:: \Delta\chi^2_m = \min_c \sum_b w_b \left(d_b - c\right)^2,
          \qquad d_b = D_b - D_b^{(-m)}, \quad w_b = 1/\sigma_b^2.

The sum is quadratic in c and least at the weighted mean :math:`\bar d = \sum w_b d_b / \sum w_b`:

.. math:: \Delta\chi^2_m = \sum_b w_b \left(d_b - \bar d\right)^2 .

Errors that are s times as large make it :math:`s^2` times smaller, so that one number serves a
range of noise. It is what the true model gains, on average over the noise, over that without the
gas when all else is known; a fit that may change temperature, clouds and the other gases as well
makes up for part of it. So it bounds from above what a retrieval can tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.spectra import SpectralGrid, Spectrum
from exosk.units import canonical

if TYPE_CHECKING:
    from exosk.instruments import Instrument

__all__ = ["DETECTABLE", "delta_chi2", "errors_in"]

#: Delta chi-squared from which a gas counts as detectable. Noise alone lowers the chi-squared of
#: a fit by more than 9 in 0.27 % of cases when one free parameter is added (Wilks), which for one
#: parameter is called 3 sigma. We do not call it so: the other parameters are not fitted anew.
DETECTABLE = 9.0


def delta_chi2(depth: Any, without: Any, sigma: Any) -> np.ndarray:
    """Measure how much a gas changes spectra, beyond a constant offset.

    Parameters
    ----------
    depth, without : array-like of shape (..., n_bins)
        Noise-free transit depths with the gas and without it.
    sigma : array-like of shape (n_bins,) or (..., n_bins)
        1-sigma errors. Bins without one (NaN) do not count.

    Returns
    -------
    ndarray of shape (...,)
    """
    sigma = np.asarray(sigma, dtype=float)
    weight = np.where(np.isnan(sigma), 0.0, 1 / sigma**2)
    change = np.asarray(depth, dtype=float) - np.asarray(without, dtype=float)
    change = np.where(weight > 0, change, 0.0)
    level = (weight * change).sum(-1, keepdims=True) / weight.sum(-1, keepdims=True)
    return np.asarray((weight * (change - level) ** 2).sum(-1))


def errors_in(errors: Spectrum | Instrument | Any, grid: SpectralGrid) -> np.ndarray:
    """Return 1-sigma errors, one a bin.

    Parameters
    ----------
    errors : Instrument, Spectrum, float, array-like or Quantity of shape (n_bins,)
        Errors of transit depths, or what has them. NaN is a missing bin.
    grid : SpectralGrid
        The bins.

    Returns
    -------
    ndarray of shape (n_bins,)

    Raises
    ------
    GridError
        If the bins are others, or there are not as many errors.
    RangeError
        If an error is not positive, or every one is missing.
    UnitError
        If the errors look like percent or ppm.
    """
    theirs = getattr(errors, "grid", grid)
    if theirs != grid:
        raise GridError(
            f"errors are those of {theirs!r}, the spectra are in {grid!r}; give the errors of "
            f"these bins (Instrument.rebinned carries an instrument's over)"
        )
    sigma = canonical(getattr(errors, "sigma", errors), "depth", "sigma")
    if sigma.shape not in ((), (grid.n_bins,)):
        raise GridError(
            f"{grid.n_bins} bins but errors of shape {sigma.shape}; give one error for each bin, "
            f"or a single number"
        )
    bad = ~np.isnan(sigma) & ~((sigma > 0) & np.isfinite(sigma))
    if bad.any() or np.isnan(sigma).all():
        found = sigma[bad].flat[0] if bad.any() else np.nan
        raise RangeError(f"errors must be positive numbers, at least one of them; got {found:g}")
    return np.broadcast_to(sigma, (grid.n_bins,)).copy()
