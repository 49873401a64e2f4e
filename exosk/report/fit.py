"""How well the model fits, bin by bin and where absorbers that it lacks have bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from exosk.retrieval import Retrieval

__all__ = [
    "ABSENT_BANDS",
    "AbsentBand",
    "BinResidual",
    "absent_bands",
    "error_ratio",
    "fit_in_words",
    "worst_bins",
]

# Where absorbers that a model may lack have bands inside common instruments' ranges, in um.
ABSENT_BANDS: tuple[tuple[str, float, float], ...] = (
    ("SO2", 3.95, 4.15),
    ("SO2", 7.2, 8.0),
    ("NH3", 2.85, 3.1),
    ("NH3", 10.0, 11.0),
    ("HCN", 3.0, 3.1),
    ("C2H2", 3.0, 3.1),
    ("H2S", 3.7, 4.0),
    ("PH3", 4.2, 4.5),
)

# Probability of a chi-squared as large by chance, below which a misfit is called one.
_CHANCE = 0.01


@dataclass(frozen=True)
class BinResidual:
    """One bin's residual.

    Attributes
    ----------
    wavelength, half_width : float
        In um.
    depth, model : float
        Fractions.
    by_data, by_total : float
        Residual over the data's error, and over that with the model's in quadrature.
    """

    wavelength: float
    half_width: float
    depth: float
    model: float
    by_data: float
    by_total: float


@dataclass(frozen=True)
class AbsentBand:
    """The residual in a band of an absorber that is not in the model.

    Attributes
    ----------
    molecule : str
        Which the model lacks.
    low, high : float
        The window, in um.
    n_bins : int
        Bins whose centre lies in it.
    mean, mean_error : float
        Mean residual in units of the total error, and its standard error 1/sqrt(n) for independent
        bins. Positive: the data are deeper than the model.
    excess, excess_error : float
        The same as a transit depth, weighted by the inverse variance.
    """

    molecule: str
    low: float
    high: float
    n_bins: int
    mean: float
    mean_error: float
    excess: float
    excess_error: float


def worst_bins(retrieval: Retrieval, n: int = 5) -> list[BinResidual]:
    """Return the `n` bins of largest residual in units of the total error, worst first."""
    spectrum, by_total = retrieval.spectrum, retrieval.residuals
    by_data = (spectrum.depth - retrieval.best_depth) / spectrum.sigma
    return [
        BinResidual(
            wavelength=float(spectrum.wavelength[k]),
            half_width=float(spectrum.half_width[k]),
            depth=float(spectrum.depth[k]),
            model=float(retrieval.best_depth[k]),
            by_data=float(by_data[k]),
            by_total=float(by_total[k]),
        )
        for k in np.argsort(-np.abs(by_total), kind="stable")[:n]
    ]


def absent_bands(retrieval: Retrieval) -> list[AbsentBand]:
    """Measure the residual in each band of :data:`ABSENT_BANDS` that the data cover.

    Molecules of the model are left out: their bands are fitted.
    """
    spectrum = retrieval.spectrum
    variance = spectrum.sigma**2 + retrieval.model_error**2
    difference = spectrum.depth - retrieval.best_depth
    found = []
    for molecule, low, high in ABSENT_BANDS:
        inside = (spectrum.wavelength >= low) & (spectrum.wavelength <= high)
        if molecule in retrieval.molecules or not inside.any():
            continue
        weights = 1 / variance[inside]
        found.append(
            AbsentBand(
                molecule=molecule,
                low=low,
                high=high,
                n_bins=int(inside.sum()),
                mean=float(retrieval.residuals[inside].mean()),
                mean_error=float(1 / np.sqrt(inside.sum())),
                excess=float(weights @ difference[inside] / weights.sum()),
                excess_error=float(1 / np.sqrt(weights.sum())),
            )
        )
    return found


def error_ratio(retrieval: Retrieval) -> float:
    """Return the median over bins of the model's sampling error over the data's."""
    return float(np.median(retrieval.model_error / retrieval.spectrum.sigma))


def fit_in_words(retrieval: Retrieval) -> str:
    """Say in one sentence how well the best draw fits."""
    n_bins, n_parameters = len(retrieval.spectrum), len(retrieval.posterior.space)
    plain, total = retrieval.reduced_chi2, retrieval.reduced_chi2_with_model_error
    freedom = n_bins - n_parameters
    if freedom < 1:
        return (
            f"Whether the model fits cannot be judged: {n_bins} bins are not more than its "
            f"{n_parameters} free parameters."
        )
    verdict = _how_well(total, freedom)
    if "n_simulations" not in retrieval.posterior.meta and _chance(total, freedom) < _CHANCE:
        verdict = "No draw of the unrefined posterior fits the data"
    if not retrieval.model_error.any():
        return f"{verdict} (reduced χ² {plain:.2f}, {freedom} degrees of freedom)."
    return (
        f"{verdict} (reduced χ² {plain:.2f} with the data’s errors alone, {total:.2f} with the "
        f"model’s own sampling error added; {freedom} degrees of freedom)."
    )


def _chance(reduced: float, freedom: int) -> float:
    """Probability of a misfit as large by chance."""
    return float(stats.chi2.sf(reduced * freedom, freedom))


def _how_well(reduced: float, freedom: int) -> str:
    chance = _chance(reduced, freedom)
    if chance > 1 - _CHANCE:
        return "The model fits closer than the errors say it should: they may be too large"
    if chance > _CHANCE:
        return "The model fits the data within the errors"
    if reduced < 2:
        return "The model follows the data, but not fully within the errors"
    return "The model does not fit the data: take every number below with caution"
