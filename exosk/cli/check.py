"""`exosk check`: whether a model's posteriors can be believed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.cli.progress import stages
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.evaluation.check_results import ModelChecks

__all__ = ["check"]

_NAMES = {
    "ranks": "ranks (SBC)",
    "intervals": "central intervals",
    "regions": "highest density",
    "tarp": "TARP",
    "local": "same everywhere",
}
_COLORS = {"pass": "green", "doubtful": "yellow", "fail": "bold red"}


def check(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as `exosk train` writes it.")],
    data: Annotated[
        Path,
        typer.Option(
            help="Noise-free spectra that the model has not seen, with parameters from its "
            "priors, as `exosk simulate` writes them."
        ),
    ],
    n: Annotated[int, typer.Option("--n", help="How many of them, at random.")] = 1000,
    samples: Annotated[int, typer.Option(help="Samples of each posterior.", min=1)] = 300,
    out: Annotated[Path, typer.Option(help="Folder for `checks.json` and `checks.png`.")] = Path(
        "checks"
    ),
    noise_scale: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Errors of LOW and HIGH times the model's reference errors, and of the middle. "
            "Default: the range that it was trained for.",
            metavar="LOW HIGH",
        ),
    ] = None,
    missing: Annotated[
        float,
        typer.Option(help="Check once more with this share of the bins missing, as 0.2."),
    ] = 0.0,
    device: Annotated[
        str | None, typer.Option(help="Where a network computes: cpu or cuda.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Check a model's posteriors against known truths: SBC, coverage, TARP, local tests.

    Of the data set that a model was trained on, only the spectra that were held out are used.
    A model that fails is an answer, so the exit status is 0; `passed` in the JSON document tells.

    **Examples**

    - `exosk check my-retriever --data held-out/dataset.h5`

    - `exosk check my-flow --data held-out/dataset.h5 --missing 0.2 --json`
    """
    started = time.perf_counter()
    from exosk.datasets import open_set
    from exosk.evaluation.checks import check_model
    from exosk.models.persistence import load_model
    from exosk.report.check_figures import write_checks

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RangeError(f"{out} cannot be the folder of the results: {error}") from error
    with stages() as tell:
        found = check_model(
            load_model(model, device),
            open_set(data),
            n=n,
            n_samples=samples,
            noise_scale=noise_scale,
            missing=missing,
            random_state=seed,
            progress=lambda share: tell("asking the model", share),
        )
        tell("drawing", 0.0)
        files = write_checks(found, out)
        tell("drawing", 1.0)
    seconds = round(time.perf_counter() - started, 2)
    if as_json:
        document = found.to_dict() | {
            "files": {name: str(path) for name, path in files.items()},
            "seconds": seconds,
        }
        print(json.dumps(document, allow_nan=False))
    else:
        _print(found, out, len(files), seconds)


def _print(found: ModelChecks, out: Path, n_files: int, seconds: float) -> None:
    console = Console(highlight=False)
    context = found.context
    console.print(
        f"{context['data']['n_spectra']} spectra, {context['data']['n_samples']} samples of each "
        f"posterior, errors in units of {1e6 * context['noise']['median_reference_error']:.0f} ppm",
        soft_wrap=True,
    )
    console.print(_table(found))
    console.print(_verdict(found), soft_wrap=True)
    for note in found.notes:
        console.print(f"[bold]Note:[/] {escape(note)}", soft_wrap=True)
    console.print(f"{seconds:.0f} s. {n_files} files in {escape(str(out))}", soft_wrap=True)


def _table(found: ModelChecks) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        caption_justify="left",
    )
    for name in ("errors", "check"):
        table.add_column(name, no_wrap=True)
    for name in ("p", "off by"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("worst", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.caption = (
        "p: probability that an exact posterior looks as bad; off by: coverage less its level, in "
        "percentage points"
    )
    for stratum in found.strata:
        # Errors, then what is missing, in a line each: both together are too wide.
        labels = iter(stratum.label.removeprefix("errors ").split(", "))
        for row in stratum.rows:
            verdict = found.verdict(row)
            table.add_row(
                next(labels, ""),
                _NAMES[row.check],
                _p_text(row.p_value),
                "" if row.difference is None else f"{100 * row.difference:+.1f}",
                escape(row.worst),
                f"[{_COLORS[verdict]}]{verdict}[/]",
            )
    return table


def _p_text(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _verdict(found: ModelChecks) -> str:
    verdicts = [found.verdict(row) for row in found.rows]
    failed, doubtful = verdicts.count("fail"), verdicts.count("doubtful")
    if failed:
        return f"[bold red]Not to be believed as it is:[/] {failed} of {len(verdicts)} checks fail."
    more = f"; {doubtful} doubtful, as happens by chance" if doubtful else ""
    return f"[green]No check of {len(found.rows)} fails[/]{more}."
