"""`exosk survey`: many observations, what they say of molecules, and what was published."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from exosk.cli import options
from exosk.exceptions import RangeError

__all__ = ["survey"]


def survey(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Folders of spectra, files, planets. Without any, all that is at hand: the "
            "embedded observations and what was fetched."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("survey"),
    published: Annotated[
        Path | None,
        typer.Option(
            help="JSON list of entries with `file` (or an observation's name) and "
            '`reported_detections`, as {"H2O": "33 sigma"}. A folder\'s manifest.json is read '
            "by itself."
        ),
    ] = None,
    systems: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of planets and stars: planet, star_radius, planet_mass, "
            "planet_mass_err, equilibrium_temperature. Catalogues are asked for what it lacks."
        ),
    ] = None,
    molecules: options.Molecules = None,
    jobs: Annotated[int, typer.Option(help="Processes, of one thread each.", min=1)] = 2,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Retrieve many observations, and compare what they say with what was published.

    Each is retrieved as `exosk retrieve` does it by default. Results are kept as they come, so that
    a survey that was interrupted goes on where it was. Writes survey.ecsv, survey.md and
    survey.png.

    **Examples**

    - `exosk survey`

    - `exosk survey spectra/ --systems planets.csv --out my-survey`

    - `exosk survey "WASP-96 b" wasp-39b my-planet.csv`
    """
    started = time.perf_counter()
    from exosk.survey import gather_targets, read_systems, run_survey
    from exosk.survey.targets import read_manifest

    told = read_manifest(published) if published else None
    known = read_systems(systems) if systems else None
    wanted, failures = gather_targets(targets or [], told)
    if not wanted:
        raise RangeError("there is nothing to survey; name folders, files or planets")
    chosen = options.read_system(molecules, None, None, None, None).molecules
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RangeError(f"{out} cannot be the folder of the results: {error}") from error
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for failure in failures:
        errors.print(f"[yellow]note:[/] {escape(failure)}")
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("retrieving", total=len(wanted))
        rows = run_survey(
            wanted,
            out,
            chosen,
            systems=known,
            n_jobs=jobs,
            random_state=seed,
            progress=lambda done, _: bar.update(task, completed=done),
        )
    files = _write(rows, out)
    seconds = round(time.perf_counter() - started, 2)
    if as_json:
        from exosk.survey import agreement

        document = {
            "observations": rows,
            "agreement": agreement(rows),
            "files": {name: str(path) for name, path in files.items()},
            "failures": failures,
            "seconds": seconds,
        }
        print(json.dumps(document, allow_nan=False))
    else:
        _print(rows, files, seconds, errors)


def _write(rows: list[dict[str, Any]], out: Path) -> dict[str, Path]:
    from exosk.report import save_figure
    from exosk.storage import atomic_path
    from exosk.survey import survey_figure, survey_table, to_markdown

    files = {"table": out / "survey.ecsv", "text": out / "survey.md"}
    with atomic_path(files["table"]) as path:
        survey_table(rows).write(path, format="ascii.ecsv", overwrite=True)
    with atomic_path(files["text"]) as path:
        path.write_text(to_markdown(rows), "utf-8")
    if any("probability" in row for row in rows):
        files["figure"] = out / "survey.png"
        save_figure(survey_figure(rows), files["figure"])
    return files


def _print(
    rows: list[dict[str, Any]], files: dict[str, Path], seconds: float, errors: Console
) -> None:
    from rich.table import Table

    from exosk.survey import CLAIMS, agreement
    from exosk.survey.table import is_telling, molecules_of, odds_gain

    molecules = molecules_of(rows)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("planet", no_wrap=True, min_width=12)
    table.add_column("instrument", no_wrap=True, overflow="ellipsis", max_width=26)
    for molecule in (*molecules, "chi2"):
        table.add_column(molecule, no_wrap=True, min_width=5)
    for row in rows:
        if "problem" in row:
            errors.print(f"[yellow]not retrieved:[/] {escape(row['label'])}: "
                         f"{escape(row['problem'])}")  # fmt: skip
            continue
        cells = []
        for molecule in molecules:
            if molecule not in row["probability"]:
                cells.append("")
                continue
            probability = row["probability"][molecule]
            gain = odds_gain(probability, row["prior"][molecule])
            mark = CLAIMS[row["published"][molecule]][0] if molecule in row["published"] else " "
            cells.append(f"[{'bold' if is_telling(gain) else 'dim'}]{probability:.2f}[/]{mark}")
        name = row["planet"] or row["label"]
        table.add_row(
            escape(name),
            escape(row["instrument"]),
            *cells,
            f"{row['reduced_chi2']:.1f}{' *' if row['outside'] else ''}",
        )
    console = Console(highlight=False)
    console.print(table)
    console.print(
        "Probabilities of a molecule's presence; bold where the data change its odds 10-fold. "
        + "Published: "
        + ", ".join(f"{mark} {words}" for mark, words in CLAIMS.values())
        + ". * outside what the model knows."
    )
    for claim, count in agreement(rows).items():
        if not count["n"]:
            continue
        words = CLAIMS[claim][1] if claim in CLAIMS else claim
        console.print(f"  {words}: {count['n']} molecules, {count['for']} favoured by the data, "
                      f"{count['against']} disfavoured")  # fmt: skip
    n_problems = sum("problem" in row for row in rows)
    console.print(f"{len(rows) - n_problems} of {len(rows)} observations in {seconds:.0f} s. "
                  f"The table: {files['table']}", soft_wrap=True)  # fmt: skip
