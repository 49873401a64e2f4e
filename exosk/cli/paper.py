"""`exosk paper`: a manuscript filled from results of benchmarks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from exosk.cli import options
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.paper import Written
    from exosk.retrieval import Retrieval

__all__ = ["paper"]


def paper(
    results: Annotated[
        Path, typer.Option(help="Folder of results, as `exosk benchmark run` writes them.")
    ] = Path("benchmarks/results"),
    out: Annotated[Path, typer.Option(help="Folder of the manuscript.")] = Path("paper"),
    note: Annotated[
        bool,
        typer.Option(
            "--note", help="A Research Note: 1,500 words at most, and one figure or table."
        ),
    ] = False,
    title: Annotated[str | None, typer.Option(help="Plain text, no LaTeX.")] = None,
    author: Annotated[
        list[str] | None, typer.Option(help="A name, plain text; may be repeated.")
    ] = None,
    planet: Annotated[
        str | None,
        typer.Option(
            "--planet",
            help="An observation that is retrieved for its figure and table. Default: wasp-39b.",
            show_default=False,
        ),
    ] = None,
    no_planet: Annotated[
        bool, typer.Option("--no-planet", help="Retrieve none; it takes half a minute.")
    ] = False,
    allow_smoke: Annotated[
        bool,
        typer.Option("--allow-smoke", help="Take results of smoke runs too, marked as such."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace a text that is there; the old one is kept as manuscript.tex.1.",
        ),
    ] = False,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Fill a manuscript for the AAS's journals with numbers, tables and figures.

    Writes manuscript.tex (AASTeX, from abstract to conclusion) or note.tex once: prose is yours
    from then on. numbers.tex, tables/ and figures/ are written anew by each run, so that newer
    results change numbers and no prose; references.bib gets what it lacks. What you must write is
    marked in red, and listed at the end.

    **Examples**

    - `exosk paper`

    - `exosk paper --results my-results --out my-paper --title "A title" --author "A. Name"`

    - `exosk paper --note --no-planet`
    """
    if planet is not None and no_planet:
        raise RangeError("--planet and --no-planet exclude each other; leave out one")
    from exosk.paper import prepare_folder, results_for_paper, write_paper

    found = results_for_paper(results, allow_smoke=allow_smoke)
    prepare_folder(out)
    retrieval = None if no_planet else _retrieve(planet or "wasp-39b", seed)
    written = write_paper(
        found,
        out,
        note=note,
        title=title,
        authors=author or (),
        retrieval=retrieval,
        overwrite=overwrite,
    )
    if as_json:
        print(json.dumps(_document(written)))
    else:
        _print(written)


def _retrieve(target: str, seed: int) -> Retrieval:
    """Retrieve an observation as `exosk retrieve` does by default."""
    from exosk.cli.joining import make_simulator
    from exosk.cli.progress import stages
    from exosk.retrieval import choose_method
    from exosk.retrieval import retrieve as run
    from exosk.simulators import Simulator
    from exosk.sources import load_spectrum

    spectrum = load_spectrum(target)

    def make(molecules: tuple[str, ...] | None) -> Simulator:
        default = {} if molecules is None else {"default": molecules}
        system = options.read_system(None, None, None, None, None, None, **default)
        return make_simulator(system, spectrum)

    method, simulator = choose_method(spectrum, make, lambda reason: None)
    with stages() as tell:
        return run(spectrum, simulator, method=method, random_state=seed, progress=tell)


def _document(written: Written) -> dict[str, Any]:
    return {
        "text": str(written.text),
        "kept": written.kept,
        "backup": None if written.backup is None else str(written.backup),
        "files": [str(path) for path in written.files],
        "author_must_write": [{"line": m.line, "text": m.text} for m in written.marks],
        "notes": list(written.notes),
    }


def _print(written: Written) -> None:
    console = Console(highlight=False, soft_wrap=True)
    name = written.text.name
    if written.kept:
        console.print(f"{name} is yours and was left as it is (--overwrite replaces it).")
    if written.backup is not None:
        console.print(f"The old {name} is kept as {escape(str(written.backup))}.")
    for note in written.notes:
        console.print(f"[yellow]note:[/] {escape(note)}")
    n = len(written.marks)
    console.print(f"{n} {'place' if n == 1 else 'places'} for the author to write:")
    for mark in written.marks:
        console.print(f"  line {mark.line}: {escape(mark.text)}")
    console.print(
        f"{len(written.files)} files of numbers, tables and figures were written anew. "
        f"The text: {escape(str(written.text))}"
    )
