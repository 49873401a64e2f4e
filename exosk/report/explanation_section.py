"""Which wavelengths speak for molecules, as the report shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from exosk.explain import REFIT
from exosk.report.figures import figure_png
from exosk.report.wording import formula, number

if TYPE_CHECKING:
    from exosk.explain import Explanation
    from exosk.spectra import Spectrum

__all__ = ["ExplanationPart", "explanation_parts"]

_METHODS = {
    "occlusion": "hiding one group of bins at a time (occlusion)",
    "inclusion": "showing one group of bins at a time (inclusion)",
    "shap": "Shapley values (SHAP)",
    "lime": "a local linear model (LIME)",
    REFIT: "best fits with and without it",
}
# Rows of a table; fits have finer groups, which their figure shows.
_MOST_GROUPS, _MOST_OF_FITS = 12, 6


@dataclass(frozen=True)
class ExplanationPart:
    """One explanation, ready for the page.

    Attributes
    ----------
    target, unit, method : str
        What is explained, in which unit, and how, in words.
    is_refit : bool
        Whether it is of the simulator's fits, and not of a trained model.
    rows : list of (str, str, str)
        Group of bins, importance with its sign, and standard error; the largest first.
    note : str
        What the numbers are, in sentences.
    description : str
        The figure in words.
    png : bytes
        The figure.
    """

    target: str
    unit: str
    method: str
    is_refit: bool
    rows: list[tuple[str, str, str]]
    note: str
    description: str
    png: bytes


def explanation_parts(
    explanations: Iterable[Explanation], spectrum: Spectrum
) -> list[ExplanationPart]:
    """Prepare explanations of one spectrum for the report.

    Parameters
    ----------
    explanations : iterable of Explanation
        Of answers to `spectrum`.
    spectrum : Spectrum
        The observation.

    Returns
    -------
    list of ExplanationPart
    """
    return [_part(explanation, spectrum) for explanation in explanations]


def _part(explanation: Explanation, spectrum: Spectrum) -> ExplanationPart:
    importance, error = explanation.importance, explanation.error
    order = np.argsort(-np.abs(importance), kind="stable")
    is_refit = explanation.method == REFIT
    places, most = (2, _MOST_OF_FITS) if is_refit else (3, _MOST_GROUPS)
    names: Sequence[str] = explanation.groups.names
    rows = [
        (
            str(names[k]),
            number(float(importance[k]), places, sign=True),
            number(float(error[k]), places),
        )
        for k in order[:most]
    ]
    target = formula(explanation.target)
    n_left_out = len(order) - len(rows)
    note = _fits_note(explanation, target) if is_refit else _note(explanation)
    if n_left_out:
        note += f" {n_left_out} groups of less importance are left out."
    largest = f"most important is {rows[0][0]} ({rows[0][1]} {explanation.unit})" if rows else ""
    what = " and best fits with and without it over" if is_refit else " under"
    return ExplanationPart(
        target=target,
        unit=explanation.unit,
        method=_METHODS.get(explanation.method, explanation.method),
        is_refit=is_refit,
        rows=rows,
        note=note,
        description=f"Importance of wavelengths for {target},{what} the spectrum: {largest}.",
        png=figure_png(explanation.plot(spectrum)),
    )


def _note(explanation: Explanation) -> str:
    value = number(float(explanation.value.mean()), 3)
    base = number(float(explanation.base.mean()), 3)
    return (
        f"The model’s answer is {value}, with everything hidden {base} ({explanation.unit}). "
        f"Positive importances speak for the molecule, or for a larger parameter."
    )


def _fits_note(explanation: Explanation, target: str) -> str:
    return (
        f"The best fit without {target} has a χ² that is larger by "
        f"{number(float(explanation.meta['delta_chi2']), 1)} and a log-likelihood that is lower by "
        f"{number(float(explanation.value.mean()), 1)}, to which the importances add up. The error "
        f"is what noise of 1σ in the depths changes."
    )
