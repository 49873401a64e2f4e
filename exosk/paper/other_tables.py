"""Tables that are of no task: the planet's posterior, and the estimators' settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exosk.paper.deluxetable import NO_DATA, Table
from exosk.paper.latex import latex_text, latex_unit
from exosk.paper.numbers import latex_probability, titles_of
from exosk.paper.rounding import latex_exact, latex_interval
from exosk.report.wording import prior_text
from exosk.retrieval import Retrieval

__all__ = ["planet_table", "settings_table"]

_TITLES = {"forest": "Forest", "mlp": "MLP", "cnn": "CNN", "flow": "Flow", "gan": "GAN"}


def planet_table(retrieval: Retrieval) -> str:
    """Write a retrieval's parameters with priors, and its molecules' probabilities."""
    posterior = retrieval.posterior
    quantiles = posterior.quantiles([0.16, 0.5, 0.84])
    rows = []
    for k, (parameter, title) in enumerate(zip(posterior.space, titles_of(retrieval))):
        low, median, high = (float(v) for v in quantiles[:, k])
        unit = latex_unit(parameter.unit) or NO_DATA
        rows.append([title, unit, latex_text(prior_text(parameter)),
                     latex_interval(median, low, high)])  # fmt: skip
    for molecule, value in retrieval.molecules.items():
        before = retrieval.prior_presence[molecule]
        rows.append([f"{latex_text(molecule)} present", "probability", f"${before:.2f}$",
                     latex_probability(value, posterior)])  # fmt: skip
    spectrum = retrieval.spectrum
    notes = (
        f"{latex_text(spectrum.name)}, {latex_text(spectrum.instrument)}, {len(spectrum)} bins. "
        "Medians with the distances to the ends of the 68\\,\\% interval. A molecule counts as "
        f"present above a volume mixing ratio of $10^{{{retrieval.threshold:.0f}}}$; the prior is "
        "the probability of that before the data. All of it is under this model and its priors."
    )
    return Table(
        label="planet",
        caption=f"Posterior of {latex_text(spectrum.name or 'the observed planet')}",
        head=["Quantity", "Unit", "Prior", "Posterior"],
        rows=rows,
        notes=notes,
        align="llrr",
    ).latex()


def settings_table(settings: Mapping[str, Mapping[str, Any]]) -> str:
    """Write estimators side by side, a row a setting.

    Parameters
    ----------
    settings : mapping of str to mapping
        By estimator, as :func:`~exosk.paper.networks.settings_of` returns them.
    """
    names = sorted({name for found in settings.values() for name in found})
    rows = [
        [
            f"\\texttt{{{latex_text(name)}}}",
            *(_value(of[name]) if name in of else NO_DATA for of in settings.values()),
        ]
        for name in names
    ]
    return Table(
        label="settings",
        caption="Settings of the retrievers by default",
        head=["Setting", *(_TITLES.get(name, name) for name in settings)],
        rows=rows,
        notes="By the names that the estimators' parameters have. An estimator without the "
        "setting has no entry; ``none'' stands where it has it and chooses by itself, or does "
        "without.",
        align="l" + "c" * len(settings),
    ).latex()


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return latex_exact(value)
    if isinstance(value, tuple | list):
        return ", ".join(_value(one) for one in value)
    return latex_text(str(value))
