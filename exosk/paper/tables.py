"""Tables of results, as AASTeX's ``deluxetable`` has them.

A task's methods are rows and its scores columns, or the other way round, or each score is a row:
whichever fits the page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from exosk.benchmark import Entry, Result, Score
from exosk.paper.deluxetable import NO_DATA, Table, wrapped
from exosk.paper.latex import latex_text, latex_unit
from exosk.paper.numbers import best_of
from exosk.paper.rounding import latex_bound, latex_number, latex_score, latex_seconds

__all__ = ["overview_table", "result_table"]

# Columns beside the first that a page holds, and the share of cells that a grid must fill.
_MOST_COLUMNS, _LEAST_FILLED = 7, 0.6
_HEAD_WIDTH, _NAME_WIDTH = 13, 24
_COSTS = ("simulation", "training", "inference")


def result_table(result: Result) -> str:
    """Write a task's methods, scores with errors, what was asked for, and costs.

    Parameters
    ----------
    result : Result
        With an entry at least.

    Returns
    -------
    str
        LaTeX.
    """
    names = list(dict.fromkeys(s.name for e in result.entries for s in e.scores))
    filled = sum(len(e.scores) for e in result.entries) / max(1, len(names) * len(result.entries))
    costs = [c for c in _COSTS if any(getattr(e.cost, c) is not None for e in result.entries)]
    several = len(result.entries) > 1 and filled >= _LEAST_FILLED
    if several and len(names) + len(costs) <= _MOST_COLUMNS:
        head, rows = _methods_down(result.entries, names, costs)
    elif several and len(result.entries) + 2 <= _MOST_COLUMNS:
        head, rows = _methods_across(result.entries, names, costs)
    else:
        head, rows = _one_by_one(result.entries, costs)
    text_columns = 2 if head[:2] == ["Method", "Score"] else 1
    return Table(
        label=result.task,
        caption=_caption(result),
        head=head,
        rows=rows,
        notes=_notes(result, bool(costs)),
        align="l" * text_columns + "r" * (len(head) - text_columns),
    ).latex()


def overview_table(results: Mapping[str, Result], label: str = "overview") -> str:
    """Write a line a task: the best by its first score, and how much of what was asked was met."""
    rows = []
    for result in results.values():
        judged = [s.met for e in result.entries for s in e.scores if s.met is not None]
        names = dict.fromkeys(s.name for e in result.entries for s in e.scores)
        best = next((b for b in (best_of(result.entries, name) for name in names) if b), None)
        row = [wrapped(result.title, _NAME_WIDTH)]
        if best is None:
            row += [NO_DATA] * 4
        else:
            row += [wrapped(best.score.name, _NAME_WIDTH), wrapped(best.entry.method, _NAME_WIDTH)]
            row += [_shown(best.score), latex_bound(best.score) or NO_DATA]
        row.append(f"{sum(judged)} of {len(judged)}" if judged else NO_DATA)
        row.append(_size(result))
        rows.append(row)
    return Table(
        label=label,
        caption="All tasks, each with the first of its scores that something was asked of",
        head=["Task", "Score", "Best method", "Value", "Asked for", "Met", "Size"],
        rows=rows,
        notes="``Met'' counts all scores of all methods of a task for which a value was asked. "
        r"$^{\dagger}$~missed. Errors are one standard error. ``Size'' is that of the run: full, "
        "smoke (made only to see that the task runs), or by hand, with arguments of its own.",
        align="lllrrrl",
    ).latex()


def _methods_down(
    entries: Sequence[Entry], names: Sequence[str], costs: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    units = {s.name: s.unit for e in entries for s in e.scores}
    head = ["Method"]
    head += [wrapped(n, _HEAD_WIDTH, latex_unit(units[n])) for n in names]
    head += [wrapped(cost, _HEAD_WIDTH, "s") for cost in costs]
    rows = []
    for entry in entries:
        scores = {s.name: s for s in entry.scores}
        cells = [_shown(scores[n], unit=False) if n in scores else NO_DATA for n in names]
        paid = [getattr(entry.cost, cost) for cost in costs]
        cells += [NO_DATA if seconds is None else latex_number(seconds) for seconds in paid]
        rows.append([wrapped(entry.method, _NAME_WIDTH), *cells])
    return head, rows + _asked_rows(entries, names, len(costs))


def _asked_rows(entries: Sequence[Entry], names: Sequence[str], n_more: int) -> list[list[str]]:
    """Say what was asked for; of methods of which something else was asked, by themselves."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        scores = {s.name: s for s in entry.scores}
        asked = tuple(latex_bound(scores[n], unit=False) if n in scores else "" for n in names)
        groups.setdefault(asked, []).append(entry.method)
    groups = {asked: of for asked, of in groups.items() if any(asked)}
    most = max(groups, key=lambda asked: len(groups[asked]), default=None)
    rows = []
    for asked, of in sorted(groups.items(), key=lambda pair: pair[0] == most):
        if len(groups) == 1 and len(of) == len(entries):
            who = "Asked for"
        elif asked == most and len(groups) > 1:
            who = "Asked of the others"
        else:
            who = wrapped(f"Asked of {'; '.join(of)}", _NAME_WIDTH)
        rows.append([who, *(cell or NO_DATA for cell in asked), *[NO_DATA] * n_more])
    return [[r"\hline " + rows[0][0], *rows[0][1:]], *rows[1:]] if rows else []


def _methods_across(
    entries: Sequence[Entry], names: Sequence[str], costs: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    head = ["Score", *(wrapped(e.method, _HEAD_WIDTH) for e in entries), "Asked for"]
    by_name = [{s.name: s for s in e.scores} for e in entries]
    rows = []
    for name in names:
        found = [scores.get(name) for scores in by_name]
        asked = dict.fromkeys(b for s in found if s and (b := latex_bound(s)))
        cells = [_shown(s) if s else NO_DATA for s in found]
        rows.append([wrapped(name, 2 * _NAME_WIDTH), *cells, " or ".join(asked) or NO_DATA])
    for cost in costs:
        paid = [latex_seconds(getattr(e.cost, cost)) for e in entries]
        rows.append([f"time of {cost}", *paid, NO_DATA])
    return head, rows


def _one_by_one(
    entries: Sequence[Entry], costs: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    rows = []
    for entry in entries:
        name = wrapped(entry.method, _NAME_WIDTH)
        rows += [
            [name if k == 0 else "", wrapped(s.name, 44), _shown(s), latex_bound(s) or NO_DATA]
            for k, s in enumerate(entry.scores)
        ]
        for cost in costs:
            seconds = getattr(entry.cost, cost)
            if seconds is not None:
                rows.append(["", f"time of {cost}", latex_seconds(seconds), NO_DATA])
    return ["Method", "Score", "Value", "Asked for"], rows


def _shown(score: Score, *, unit: bool = True) -> str:
    return latex_score(score, unit=unit) + (r"$^{\dagger}$" if score.met is False else "")


def _size(result: Result) -> str:
    return r"\smokerun{}" if result.size == "smoke" else latex_text(result.size)


def _caption(result: Result) -> str:
    mark = r"\smokerun{} " if result.size == "smoke" else ""
    return mark + latex_text(result.title)


def _notes(result: Result, has_costs: bool) -> str:
    machine = result.machine
    parts = [latex_text(result.question), _measured(result)]
    where = ", ".join(
        [
            f"{machine[key]}{word}"
            for key, word in (("n_cores", " cores"), ("processor", ""), ("date", ""))
            if key in machine
        ]
    )
    load = machine.get("load_1min")
    parts.append(latex_text(where + (f", load before {load:g}" if load is not None else "") + "."))
    if any(s.error for e in result.entries for s in e.scores):
        parts.append("Errors are one standard error.")
    if any(s.met is False for e in result.entries for s in e.scores):
        parts.append(r"$^{\dagger}$~Asked for and missed.")
    if has_costs:
        parts.append("Times are those of the method in the row.")
    return " ".join(parts)


def _measured(result: Result) -> str:
    if result.size == "smoke":
        return r"\smokerun{} Made only to see that the task runs: these are not results."
    if result.size == "full":
        return "Measured at the task's full size."
    arguments = " ".join(result.arguments)
    said = latex_text(result.size)
    return f"Measured {said}, with \\texttt{{{latex_text(arguments)}}}." if arguments else (
        f"Measured {said}."
    )  # fmt: skip
