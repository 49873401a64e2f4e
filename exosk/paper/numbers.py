r"""Every number of the results as a macro of LaTeX, so that prose need not change with them.

``\resHelaForestMeanRTwo{}`` is the score "mean R2" of the method "forest" in the task ``hela``;
``\resHelaBestMeanRTwo{}`` the best of all methods, where what was asked for says which way is up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from exosk.benchmark import Entry, Result, Score
from exosk.paper.latex import distinct, latex_text, latex_unit, macro_name
from exosk.paper.rounding import latex_interval, latex_number, latex_score, latex_seconds
from exosk.posterior import Posterior
from exosk.report.wording import parameter_title, probability
from exosk.retrieval import Retrieval

__all__ = ["Best", "Numbers", "best_of", "numbers_of"]

_PLANET = "planet"


@dataclass(frozen=True)
class Best:
    """The best of several methods by one score."""

    entry: Entry
    score: Score


@dataclass
class Numbers:
    r"""Macros, in order.

    Attributes
    ----------
    values : dict of str to str
        From a macro (``\resHelaMethods``) to what it prints.
    words : dict of str to str
        From a macro to what it is, in plain words.
    smoke : set of str
        Macros whose number is of a smoke run: they print a mark behind it.
    """

    values: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    smoke: set[str] = field(default_factory=set)
    _paths: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def add(self, task: str, method: str, what: str, text: str, *, smoke: bool = False) -> None:
        """Define one, with a name made from what it is of."""
        name = distinct(macro_name(task, method, what), self.values)
        self.values[name] = text
        self.words[name] = ", ".join(part for part in (task, method, what) if part)
        self._paths[task, method, what] = name
        if smoke:
            self.smoke.add(name)

    def find(self, task: str, method: str, what: str) -> str | None:
        r"""Return the macro, as prose has it, of the first number that fits; None if none does.

        Parameters
        ----------
        task : str
            Its name.
        method, what : str
            Regular expressions that the whole name of the method, and of the score, match.
        """
        for (at, who, name), macro in self._paths.items():
            if at == task and re.fullmatch(method, who) and re.fullmatch(what, name):
                return macro + "{}"
        return None


def numbers_of(results: Mapping[str, Result], retrieval: Retrieval | None) -> Numbers:
    """Make macros of all results, and of a retrieval.

    Parameters
    ----------
    results : mapping of str to Result
        By task.
    retrieval : Retrieval or None
        Of the observed planet.

    Returns
    -------
    Numbers
        None of them empty: what could not be measured has no macro.
    """
    numbers = Numbers()
    _add_summary(numbers, results)
    for task, result in results.items():
        _add_task(numbers, task, result)
    if retrieval is not None:
        _add_retrieval(numbers, retrieval)
    return numbers


def best_of(entries: Iterable[Entry], name: str) -> Best | None:
    """Return the best method by a score; None where nothing says which way is up.

    Parameters
    ----------
    entries : iterable of Entry
        Methods.
    name : str
        Of the score. Up is better where it was asked to be at least something, and down where it
        was asked to be at most something. Methods of which nothing was asked take no part.
    """
    found = [(e, s) for e in entries for s in e.scores if s.name == name and s.met is not None]
    up = any(s.at_least is not None for _, s in found)
    down = any(s.at_most is not None for _, s in found)
    if up == down:
        return None
    entry, score = (max if up else min)(found, key=lambda pair: pair[1].value or 0.0)
    return Best(entry, score)


def _add_summary(numbers: Numbers, results: Mapping[str, Result]) -> None:
    judged = [met for r in results.values() for met in _judged(r)]
    smoke = any(r.size == "smoke" for r in results.values())
    numbers.add("", "", "tasks", latex_number(len(results)), smoke=smoke)
    numbers.add("", "", "asked", latex_number(len(judged)), smoke=smoke)
    numbers.add("", "", "met", latex_number(sum(judged)), smoke=smoke)


def _add_task(numbers: Numbers, task: str, result: Result) -> None:
    smoke = result.size == "smoke"

    def add(method: str, what: str, text: str, marked: bool = smoke) -> None:
        numbers.add(task, method, what, text, smoke=marked)

    judged = _judged(result)
    add("", "size", latex_text(result.size), False)
    add("", "date", latex_text(str(result.machine.get("date", "unknown"))), False)
    add("", "methods", latex_number(len(result.entries)))
    add("", "asked", latex_number(len(judged)))
    add("", "met", latex_number(sum(judged)))
    for entry in result.entries:
        for score in entry.scores:
            if score.value is not None:
                add(entry.method, score.name, latex_score(score))
        for name in ("simulation", "training", "inference", "total"):
            seconds = getattr(entry.cost, name)
            if seconds is not None:
                add(entry.method, f"cost of {name}", latex_seconds(seconds))
    for name in dict.fromkeys(s.name for e in result.entries for s in e.scores):
        best = best_of(result.entries, name)
        named = [s for e in result.entries for s in e.scores if s.name == name]
        if best is not None and sum(s.met is not None for s in named) > 1:
            add("", f"best {name}", latex_score(best.score))
            add("", f"best method by {name}", latex_text(best.entry.method), False)


def _add_retrieval(numbers: Numbers, retrieval: Retrieval) -> None:
    for what, text in _of_retrieval(retrieval):
        numbers.add(_PLANET, "", what, text)


def _of_retrieval(retrieval: Retrieval) -> Iterator[tuple[str, str]]:
    spectrum, posterior = retrieval.spectrum, retrieval.posterior
    low, high = spectrum.grid.range
    yield "name", latex_text(spectrum.name or "an observed planet")
    yield "instrument", latex_text(spectrum.instrument or "an instrument that is not named")
    yield "bins", latex_number(len(spectrum))
    yield "range", f"{low:.2f}--{high:.2f}\\,\\micron{{}}"
    yield "parameters", latex_number(len(posterior.space))
    yield "reduced chi squared", latex_number(float(retrieval.reduced_chi2))
    with_model = float(retrieval.reduced_chi2_with_model_error)
    yield "reduced chi squared with model error", latex_number(with_model)
    yield "seconds", latex_seconds(float(sum(retrieval.seconds.values())))
    if "n_simulations" in posterior.meta:
        yield "simulations", latex_number(int(posterior.meta["n_simulations"]))
    if "verdict" in posterior.meta:
        yield "verdict", latex_text(str(posterior.meta["verdict"]))
    efficiency = posterior.meta.get("efficiency")
    if efficiency is not None:
        yield "efficiency", latex_number(float(efficiency))
    quantiles = posterior.quantiles([0.16, 0.5, 0.84])
    for k, parameter in enumerate(posterior.space):
        values = [float(v) for v in quantiles[:, k]]
        unit = f"\\,{latex_unit(parameter.unit)}" if parameter.unit[:3] != "log" else ""
        interval = latex_interval(values[1], values[0], values[2])
        yield parameter.name.replace("_", " "), interval + unit
    for molecule, share in retrieval.molecules.items():
        yield f"probability of {molecule}", latex_probability(share, posterior)


def latex_probability(value: float, posterior: Posterior) -> str:
    """Write a probability no more extreme than its samples can tell."""
    return f"${probability(value, posterior.effective_size)}$".replace("—", r"\cdots")


def _judged(result: Result) -> list[bool]:
    return [s.met for e in result.entries for s in e.scores if s.met is not None]


def titles_of(retrieval: Retrieval) -> list[str]:
    """Return the parameters' names in words, in LaTeX."""
    molecules = list(retrieval.molecules)
    return [latex_text(parameter_title(p.name, molecules)) for p in retrieval.posterior.space]
