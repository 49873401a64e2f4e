"""The leaderboard: all results as one page of Markdown, with what each score cost."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from exosk.benchmark.results import Entry, Result, Score

__all__ = ["leaderboard"]

# A task of more kinds of scores gets a row for each score.
_MOST_COLUMNS = 9
_NONE = "-"


def leaderboard(results: Mapping[str, Result], page: Path) -> str:
    """Write all results as a page.

    Parameters
    ----------
    results : mapping of str to Result
        As :func:`read_results` returns them.
    page : Path
        Where the page will be, from which pictures are linked.

    Returns
    -------
    str
        Markdown.
    """
    parts = [
        "# Leaderboard\n",
        "Written by `exosk benchmark leaderboard` from results (JSON, one a task). Seconds are "
        "those of simulation, training and inference of the method in its row, on the machine "
        "named below the table; where a task needs no such part, or shares it, there is none. "
        "Bold is what was asked for and met, italic what was missed.\n",
        _summary(results.values()),
    ]
    parts += [_section(result, page) for result in results.values()]
    return "\n".join(parts).rstrip() + "\n"


def _summary(results: Iterable[Result]) -> str:
    rows = []
    for found in results:
        judged = [s.met for e in found.entries for s in e.scores if s.met is not None]
        link = f"[{_cell(found.title)}](#{_anchor(found.title)})"
        met = f"{sum(judged)} of {len(judged)}" if judged else _NONE
        rows.append([link, met, found.size, found.machine["date"][:10], _whole(found)])
    return _table(["task", "asked for and met", "size", "date", "the whole run"], rows)


def _whole(found: Result) -> str:
    if not found.cost:
        return _NONE
    wall, memory = found.cost["wall_seconds"], found.cost["peak_mb"]
    return f"{_seconds(wall)}, {memory / 1e3:.1f} GB"


def _section(found: Result, page: Path) -> str:
    machine = found.machine
    versions = ", ".join(f"{name} {v}" for name, v in machine["versions"].items())
    command = " ".join(["benchmarks/" + found.task + ".py", *found.arguments])
    run = (
        f"exosk benchmark run {found.task}" + (" --size smoke" if found.size == "smoke" else "")
        if found.size != "by hand"
        else f"python {command}"
    )
    names = list(dict.fromkeys(s.name for e in found.entries for s in e.scores))
    asked = _all_asked(found.entries)
    # What is asked stands in the head of a wide table, where it is much the same in all rows.
    wide = len(names) <= _MOST_COLUMNS and sum(map(len, asked.values())) <= len(asked) + 1
    table = _wide(found.entries, names, asked) if wide else _long(found.entries)
    lines = [f"\n## {found.title}\n", f"{found.question}\n", table]
    lines.append(
        f"`{run}`; {machine['processor']}, {machine['n_cores']} cores, load before "
        f"{machine['load_1min']}, {machine['date']}; Python {machine['python']}, {versions}.\n"
    )
    for figure in found.figures:
        place = os.path.relpath(figure, page.parent)
        lines.append(f"![{found.title}]({Path(place).as_posix()})\n")
    return "\n".join(lines)


def _all_asked(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Return what is asked of each score, without repeating what methods share."""
    found: dict[str, list[str]] = {}
    for score in (s for e in entries for s in e.scores):
        words = _asked(score)
        if words and words not in found.setdefault(score.name, []):
            found[score.name].append(words)
    return {name: words for name, words in found.items() if words}


def _wide(
    entries: Sequence[Entry], names: Sequence[str], asked: Mapping[str, Sequence[str]]
) -> str:
    """One row a method, one column a score."""
    units = {s.name: s.unit for e in entries for s in e.scores}
    costs = _cost_names(entries)
    head = [
        name + (f" ({units[name]})" if units[name] else "")
        + (f", asked {' or '.join(asked[name])}" if name in asked else "")
        for name in names
    ]  # fmt: skip
    rows = []
    for entry in entries:
        of = {s.name: s for s in entry.scores}
        shown = [_value(of[name]) if name in of else _NONE for name in names]
        rows.append([entry.method, *shown, *_costs(entry, costs)])
    return _table(["method", *head, *costs], rows)


def _long(entries: Sequence[Entry]) -> str:
    """One row a score."""
    costs = _cost_names(entries)
    rows = []
    for entry in entries:
        for k, score in enumerate(entry.scores):
            cost = _costs(entry, costs) if k == 0 else [""] * len(costs)
            unit = f" {score.unit}" if score.unit else ""
            asked = f"{_asked(score)}{unit}" if _asked(score) else _NONE
            rows.append(
                [entry.method if k == 0 else "", score.name, _value(score) + unit, asked, *cost]
            )
    return _table(["method", "score", "value", "asked", *costs], rows)


def _cost_names(entries: Sequence[Entry]) -> list[str]:
    kinds = ("simulation", "training", "inference")
    found = [k for k in kinds if any(getattr(e.cost, k) is not None for e in entries)]
    return [*found, "total"] if len(found) > 1 else found


def _costs(entry: Entry, names: Sequence[str]) -> list[str]:
    return [_seconds(getattr(entry.cost, name)) for name in names]


def _seconds(value: float | None) -> str:
    if value is None:
        return _NONE
    if value >= 5400:
        return f"{value / 3600:.1f} h"
    if value >= 90:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def _asked(score: Score) -> str:
    parts = [
        f"{sign} {_number(bound)}"
        for sign, bound in (("at least", score.at_least), ("at most", score.at_most))
        if bound is not None
    ]
    return " and ".join(parts)


def _value(score: Score) -> str:
    if score.value is None:
        return _NONE
    text = _number(score.value)
    if score.error:
        digits = max(0, 1 - math.floor(math.log10(score.error)))
        text = f"{score.value:.{digits}f} ± {score.error:.{digits}f}"
    mark = {True: "**", False: "*", None: ""}[score.met]
    return f"{mark}{text}{mark}"


def _number(value: float) -> str:
    """Four figures, without an exponent where there need be none."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) >= 1e4:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    if abs(value) < 1e-3:
        return f"{value:.2g}"
    return f"{value:.4g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [[_cell(text) for text in head], ["---"] * len(head)]
    lines += [[_cell(text) for text in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _anchor(title: str) -> str:
    """Return the anchor of a heading, as GitHub and MyST make it."""
    kept = "".join(c for c in title.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")
