"""Explanations of a model's answers, as the report shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

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
}
_MOST_GROUPS = 12


@dataclass(frozen=True)
class ExplanationPart:
    """One explanation, ready for the page.

    Attributes
    ----------
    target, unit, method : str
        What is explained, in which unit, and how, in words.
    value, base : str
        The answer, and that with everything hidden.
    rows : list of (str, str, str)
        Group of bins, importance with its sign, and standard error; the largest first.
    n_left_out : int
        Groups that have no row.
    description : str
        The figure in words.
    png : bytes
        The figure.
    """

    target: str
    unit: str
    method: str
    value: str
    base: str
    rows: list[tuple[str, str, str]]
    n_left_out: int
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
    names: Sequence[str] = explanation.groups.names
    rows = [
        (
            str(names[k]),
            number(float(importance[k]), 3, sign=True),
            number(float(error[k]), 3),
        )
        for k in order[:_MOST_GROUPS]
    ]
    target = formula(explanation.target)
    most = f"most important is {rows[0][0]} ({rows[0][1]} {explanation.unit})" if rows else ""
    return ExplanationPart(
        target=target,
        unit=explanation.unit,
        method=_METHODS.get(explanation.method, explanation.method),
        value=number(float(explanation.value.mean()), 3),
        base=number(float(explanation.base.mean()), 3),
        rows=rows,
        n_left_out=len(order) - len(rows),
        description=f"Importance of wavelengths for {target}, under the spectrum: {most}.",
        png=figure_png(explanation.plot(spectrum)),
    )
