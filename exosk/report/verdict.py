"""The result in a few sentences, for the reader who reads no further."""

from __future__ import annotations

from exosk.report.fit import fit_in_words
from exosk.report.judgement import DETECTED, MoleculeJudgement, judge_molecules, judge_parameters
from exosk.report.method_text import LEARNER_NAMES
from exosk.report.table_range import beyond_tables
from exosk.report.wording import formula, join, parameter_title
from exosk.retrieval import Retrieval

__all__ = ["verdict"]

_NAMES = {
    "H2O": "water",
    "CO2": "carbon dioxide",
    "CO": "carbon monoxide",
    "CH4": "methane",
    "Na": "sodium",
    "K": "potassium",
    "NH3": "ammonia",
    "SO2": "sulphur dioxide",
    "HCN": "hydrogen cyanide",
    "H2S": "hydrogen sulphide",
    "C2H2": "acetylene",
    "PH3": "phosphine",
    "O2": "oxygen",
    "O3": "ozone",
}


def verdict(retrieval: Retrieval) -> list[str]:
    """Say what was found, how well the model fits, and what warns against believing it.

    Returns
    -------
    list of str
        Sentences, the most important first.
    """
    molecules = judge_molecules(retrieval)
    sentences = [_found(molecules, retrieval.threshold), fit_in_words(retrieval)]
    if retrieval.guard is not None and retrieval.guard["outside"]:
        # Before anything that an answer to a question of another kind might say.
        sentences.insert(0, _sentence(retrieval.guard["verdict"]))
    sentences += _others(molecules)
    edges = [
        _in_sentence(parameter_title(j.parameter.name, list(retrieval.molecules)))
        for j in judge_parameters(retrieval.posterior)
        if any("edge of its prior" in flag for flag in j.flags)
    ]
    if edges:
        lies, its = ("lies", "its prior") if len(edges) == 1 else ("lie", "their priors")
        sentences.append(
            f"The {join(edges)} {lies} at the edge of {its}: what the data would prefer beyond is "
            f"not known, and the other parameters lean on that edge."
        )
    sentences += beyond_tables(retrieval)
    if "n_simulations" not in retrieval.posterior.meta:
        sentences.append(_unchecked(retrieval.method))
    elif retrieval.posterior.meta.get("verdict") == "failed":
        sentences.append(
            "Importance sampling failed: the weights of few draws make up this posterior, and "
            "neither it nor its evidence can be relied on."
        )
    return sentences


def _unchecked(method: str) -> str:
    if method == "forest":
        return (
            "This is the forest’s first look, which the simulator’s likelihood has not refined: "
            "its intervals are wider than the data allow."
        )
    return (
        f"This is the {LEARNER_NAMES[method]}’s own answer, which the simulator’s likelihood has "
        f"not checked."
    )


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _found(molecules: list[MoleculeJudgement], threshold: float) -> str:
    level = f"above {DETECTED:g}"
    amount = f"a volume mixing ratio above 10{_superscript(threshold)}"
    found = [_named(m.name) for m in molecules if m.found]
    if not found:
        return f"No molecule was found: none has a probability {level} of {amount}."
    each = "with a probability" if len(found) == 1 else "each with a probability"
    return f"Found: {join(found)}, {each} {level} of {amount}."


def _others(molecules: list[MoleculeJudgement]) -> list[str]:
    sentences = []
    excluded = [formula(m.name) for m in molecules if m.excluded]
    if excluded:
        sentences.append(f"Unlikely above that level (probability below 0.1): {join(excluded)}.")
    open_ = [formula(m.name) for m in molecules if not m.found and not m.excluded]
    if open_:
        sentences.append(f"Neither found nor excluded: {join(open_)}.")
    return sentences


def _in_sentence(title: str) -> str:
    """Lower a title's first letter unless it begins a formula."""
    return title[0].lower() + title[1:] if title[1:2].islower() and " ab" not in title else title


def _named(molecule: str) -> str:
    if molecule in _NAMES:
        return f"{_NAMES[molecule]} ({formula(molecule)})"
    return formula(molecule)


def _superscript(value: float) -> str:
    return f"{value:g}".translate(str.maketrans("-0123456789.", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹·"))
