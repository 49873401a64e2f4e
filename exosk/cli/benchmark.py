"""`exosk benchmark`: tasks, their results and the leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.exceptions import RangeError
from exosk.storage import atomic_path

if TYPE_CHECKING:
    from exosk.benchmark import Outcome, Task

__all__ = ["benchmark_app"]

benchmark_app = typer.Typer(
    help="Tasks that measure exosk, and estimators of others: run them, see what they gave.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_PAGE = "LEADERBOARD.md"

Folder = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the tasks, one script each. Default: `benchmarks` here, or of the checkout "
        "that exosk runs from.",
        show_default=False,
    ),
]
Names = Annotated[
    list[str] | None, typer.Argument(help="Tasks; all by default.", metavar="[TASK]...")
]


@benchmark_app.command("list")
def list_tasks(folder: Folder = None, as_json: options.Json = False) -> None:
    """List the tasks, what each asks and what it needs."""
    from exosk.benchmark import find_tasks

    place = _folder(folder)
    tasks = find_tasks(place)
    rows = [_described(task, place) for task in tasks.values()]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("task", no_wrap=True)
    table.add_column("what it asks")
    table.add_column("minutes", justify="right")
    table.add_column("lacks")
    for row in rows:
        lacks = ", ".join(row["missing"])
        table.add_row(row["task"], escape(row["question"]), f"{row['minutes']:g}", escape(lacks))
    Console(highlight=False).print(table)


@benchmark_app.command()
def run(
    tasks: Names = None,
    size: Annotated[
        str, typer.Option(help="`full`, or `smoke`: some seconds each, to see that all works.")
    ] = "full",
    folder: Folder = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for results. Default: `results` beside the tasks, `smoke` for that size.",
            show_default=False,
        ),
    ] = None,
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            help="One of your own, and no others, as my-net=package.module:Class; may be repeated. "
            "A line of community.toml has it take part for good.",
            metavar="NAME=MODULE:CALLABLE",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(help="Of each process.", min=1)] = 1,
    jobs: Annotated[
        int, typer.Option(help="Tasks at a time; timings mean something with one.", min=1)
    ] = 1,
    as_json: options.Json = False,
) -> None:
    """Run tasks, each in a process of its own, and keep what they measured.

    A task writes TASK.json (scores, costs, machine, versions and all that was measured), its
    figures and TASK.log. Seeds and splits are fixed. The exit status is 1 if one failed.

    **Examples**

    - `exosk benchmark run --size smoke --jobs 2`

    - `exosk benchmark run hela molecule_detection`

    - `exosk benchmark run hela --estimator my-net=my_package:MyRetriever`
    """
    from exosk.benchmark import choose_tasks, find_tasks, run_tasks
    from exosk.benchmark.community import read_line

    place = _folder(folder)
    chosen = choose_tasks(find_tasks(place), tasks)
    lines = dict(read_line(line) for line in estimator or ())
    if lines:
        chosen = _that_compare(chosen, named=bool(tasks))
    where = out or place / (_where(size, lines))
    console = Console(stderr=True, highlight=False)
    outcomes = []
    for outcome in run_tasks(
        chosen,
        where,
        jobs=jobs,
        started=lambda task: console.print(f"{task.name} ...", soft_wrap=True),
        size=size,
        threads=threads,
        data=_data(place),
        estimators=lines,
    ):
        outcomes.append(outcome)
        console.print(_said(outcome), soft_wrap=True)
    failed = [o for o in outcomes if o.problem]
    if as_json:
        print(json.dumps([_document(o) for o in outcomes]))
    else:
        skipped = sum(bool(o.skipped) for o in outcomes)
        done = len(outcomes) - skipped - len(failed)
        Console(highlight=False).print(
            f"{done} done, {len(failed)} failed, {skipped} left out. Results: {where}",
            soft_wrap=True,
        )
    if failed:
        raise typer.Exit(1)


@benchmark_app.command()
def leaderboard(
    results: Annotated[
        Path | None,
        typer.Option(help="Folder of results. Default: `results` beside the tasks."),
    ] = None,
    folder: Folder = None,
    out: Annotated[
        Path | None,
        typer.Option(help=f"The page, Markdown. Default: {_PAGE} in the folder of results."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Read the scores anew out of what was measured, by the tasks' scripts."
        ),
    ] = False,
) -> None:
    """Write one page of all results: scores beside what was asked for and what they cost."""
    from exosk.benchmark import leaderboard as write
    from exosk.benchmark import read_results
    from exosk.benchmark.rescoring import score_again

    where = results or _folder(folder) / "results"
    found = read_results(where)
    if again:
        found = score_again(found, _folder(folder))
    page = out or where / _PAGE
    with atomic_path(page) as path:
        path.write_text(write(found, page), "utf-8")
    print(page)


def _folder(given: Path | None) -> Path:
    """Return the folder of the tasks."""
    if given is not None:
        return given
    here = Path("benchmarks")
    return here if here.is_dir() else Path(__file__).resolve().parents[2] / "benchmarks"


def _data(folder: Path) -> Path | None:
    """Return the folder of shared data, beside the checkout."""
    place = folder.resolve().parents[1] / "shared" / "data"
    return place if place.is_dir() else None


def _where(size: str, estimators: dict[str, str]) -> str:
    """Return the folder's name: of what is kept for good, or not."""
    if size == "full":
        return "community" if estimators else "results"
    return size


def _that_compare(tasks: list[Task], *, named: bool) -> list[Task]:
    """Return the tasks in which estimators of others take part."""
    for task in tasks:
        if task.kind is None and named:
            raise RangeError(
                f"{task.name} compares no estimators, so --estimator has no effect there; leave "
                "out one of the two"
            )
    return [task for task in tasks if task.kind is not None]


def _described(task: Task, folder: Path) -> dict[str, Any]:
    return {
        "task": task.name,
        "title": task.title,
        "question": task.question,
        "estimators": task.kind,
        "minutes": task.minutes,
        "missing": task.missing(_data(folder)),
    }


def _said(outcome: Outcome) -> str:
    name = outcome.task.name
    if outcome.skipped:
        return f"{name}: left out, {escape(outcome.skipped)}"
    if outcome.problem:
        return f"[bold red]{name}: failed[/] after {outcome.seconds:.0f} s: " + escape(
            outcome.problem
        )
    assert outcome.result is not None
    judged = [s.met for e in outcome.result.entries for s in e.scores if s.met is not None]
    met = f", {sum(judged)} of {len(judged)} met" if judged else ""
    return f"[bold]{name}[/]: {outcome.seconds:.0f} s{met}"


def _document(outcome: Outcome) -> dict[str, Any]:
    found = outcome.result
    return {
        "task": outcome.task.name,
        "seconds": outcome.seconds,
        "skipped": outcome.skipped,
        "problem": outcome.problem,
        "file": None if found is None else str(found.path),
        "cost": None if found is None else found.cost,
        "entries": []
        if found is None
        else [
            {"method": e.method, "scores": {s.name: s.value for s in e.scores}, "met": all(
                s.met is not False for s in e.scores)}
            for e in found.entries
        ],
    }  # fmt: skip
