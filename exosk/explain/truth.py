r"""Which wavelengths truly tell of a molecule, and how near an explanation comes.

A simulator can take a gas out. Of depths :math:`D_b` with it and :math:`D_b^{(-m)}` without, at
errors :math:`\sigma_b`, bin b contributes

.. math:: c_b = \left(\frac{D_b - D_b^{(-m)}}{\sigma_b}\right)^2

to the chi-squared by which the two differ: what bin b adds to the evidence of a reader who knows
all else about the planet. An explanation is asked for the same ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.simulators import Simulator
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.removal import without_molecule

__all__ = ["TOP", "ImportanceScore", "score_importance", "true_contribution"]

#: Share of the bins that count as the most important.
TOP = 0.2


def true_contribution(
    simulator: Simulator, theta: Any, molecule: str, grid: SpectralGrid, sigma: Any
) -> np.ndarray:
    """Compute what each bin tells of a molecule.

    Parameters
    ----------
    simulator : Simulator
        Whose parameters these are.
    theta : array-like of shape (n, n_parameters)
        Atmospheres.
    molecule : str
        A gas whose abundance is free.
    grid : SpectralGrid
        The bins.
    sigma : array-like of shape (n_bins,) or (n, n_bins)
        1-sigma errors; bins without one (NaN) tell nothing.

    Returns
    -------
    ndarray of shape (n, n_bins)
        Contributions to delta chi-squared, not negative.

    Raises
    ------
    UnknownNameError
        If no abundance of that molecule is free.
    """
    theta = np.atleast_2d(np.asarray(theta, dtype=float))
    binned = simulate_in_bins(simulator, grid)
    # In double precision, for the difference of two like numbers.
    depth = np.asarray(binned(theta), dtype=float)
    change = depth - binned(without_molecule(simulator, theta, molecule))
    return np.nan_to_num((change / np.asarray(sigma, dtype=float)) ** 2, nan=0.0)


@dataclass(frozen=True)
class ImportanceScore:
    """How near an importance comes to the true contribution.

    Attributes
    ----------
    rank_correlation : float
        Spearman's, from -1 to 1; 0 by chance, and of an importance that is the same everywhere.
    overlap : float
        Share of the most important bins that are among those of most true contribution.
    top : float
        Share of the bins that are looked at, which is the overlap by chance.
    """

    rank_correlation: float
    overlap: float
    top: float

    @property
    def above_chance(self) -> float:
        """Overlap on a scale where chance is 0 and all is 1."""
        return (self.overlap - self.top) / (1 - self.top)


def score_importance(importance: Any, truth: Any, top: float = TOP) -> ImportanceScore:
    """Compare an importance with the true contribution.

    Importance counts with its sign: what speaks against a molecule is not what shows it.

    Parameters
    ----------
    importance, truth : array-like of shape (n_bins,)
        Of each bin.
    top : float, default=0.2
        Share of the bins whose overlap is computed. Where bins tie at its edge, each counts with
        the chance that it is drawn.

    Returns
    -------
    ImportanceScore

    Raises
    ------
    GridError
        If the lengths differ.
    RangeError
        If a number is missing, the share is not between 0 and 1, or there are fewer than 2 bins.
    """
    importance, truth = (np.asarray(a, dtype=float) for a in (importance, truth))
    if importance.ndim != 1 or importance.shape != truth.shape:
        raise GridError(
            f"importance of shape {importance.shape} and truth of {truth.shape}; give one of each "
            f"for every bin"
        )
    if not (np.isfinite(importance).all() and np.isfinite(truth).all()) or len(truth) < 2:
        raise RangeError("importance and truth must be two numbers or more, none of them missing")
    if not 0 < top < 1:
        raise RangeError(f"top must be a share between 0 and 1, got {top:g}")
    n_top = max(1, round(top * len(truth)))
    overlap = float(_chosen(importance, n_top) @ _chosen(truth, n_top)) / n_top
    varies = np.ptp(importance) > 0 and np.ptp(truth) > 0
    rho = float(stats.spearmanr(importance, truth).statistic) if varies else 0.0
    return ImportanceScore(rho, overlap, n_top / len(truth))


def _chosen(values: np.ndarray, n: int) -> np.ndarray:
    """Return the probability that each is among the n largest, ties broken by chance."""
    edge = np.sort(values)[-n]
    above, level = values > edge, values == edge
    return above + level * (n - above.sum()) / level.sum()
