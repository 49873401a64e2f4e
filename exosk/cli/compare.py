"""`exosk compare-simulators`: whether they agree, and how fast they are."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.cli.progress import stages
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.evaluation.comparison import Comparison

__all__ = ["compare_simulators"]


def compare_simulators(
    simulators: Annotated[
        str | None,
        typer.Option(help="Names, separated by commas. Default: all that are installed."),
    ] = None,
    n: Annotated[
        int, typer.Option("--n", help="Draws of the prior, beside five extremes.", min=0)
    ] = 10,
    out: Annotated[
        Path, typer.Option(help="Folder for `comparison.png` and `comparison.json`.")
    ] = Path("comparison"),
    molecules: options.Molecules = None,
    wavelengths: Annotated[
        tuple[float, float] | None,
        typer.Option("--range", help="Compare between these, in um.", metavar="LOW HIGH"),
    ] = None,
    profile: Annotated[
        str, typer.Option(help="Of temperature: isothermal, guillot or 4-point.")
    ] = "isothermal",
    n_layers: Annotated[int, typer.Option(help="Layers of each atmosphere.", min=2)] = 100,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Run the same atmospheres through every simulator; tabulate and draw the differences.

    The built-in model is the reference. Each simulator runs on one thread.

    **Examples**

    - `exosk compare-simulators`

    - `exosk compare-simulators --simulators builtin,taurex --range 0.6 5.3 --profile guillot`
    """
    started = time.perf_counter()
    from exosk.evaluation import simulators as evaluation
    from exosk.report.comparison import write_comparison

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RangeError(f"{out} cannot be the folder of the results: {error}") from error
    with stages() as tell:
        comparison = evaluation.compare_simulators(
            _split(simulators),
            n=n,
            molecules=_split(molecules) or options.DEFAULT_MOLECULES,
            wavelength_range=wavelengths,
            temperature_profile=profile,
            n_layers=n_layers,
            random_state=seed,
            progress=tell,
        )
    files = write_comparison(comparison, out)
    seconds = round(time.perf_counter() - started, 2)
    if as_json:
        document = comparison.to_dict() | {
            "files": {name: str(path) for name, path in files.items()},
            "seconds_in_all": seconds,
        }
        print(json.dumps(document, allow_nan=False))
    else:
        _print(comparison, files, seconds)
    if not comparison.differences:
        raise typer.Exit(1)


def _split(names: str | None) -> list[str] | None:
    return None if names is None else [name.strip() for name in names.split(",") if name.strip()]


def _print(comparison: Comparison, files: dict[str, Path], seconds: float) -> None:
    console = Console()
    settings = comparison.settings
    low, high = settings["range"]

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    say(
        f"{len(comparison.atmospheres)} atmospheres ({settings['temperature_profile']}, "
        f"{settings['n_layers']} layers, {', '.join(settings['molecules'])}), "
        f"{low:.4g}-{high:.4g} um"
    )
    if comparison.differences:
        console.print(_table(comparison))
    say(
        f"A feature is an atmosphere's range of depths, of 50 ppm or more. All ran on one thread; "
        f"{comparison.reference} takes {1000 * comparison.seconds:.3g} ms a spectrum."
    )
    for name, reason in comparison.failures.items():
        say(f"[bold red]{escape(name)} was not compared:[/] {escape(reason)}")
    for each in comparison.differences:
        if each.lacking:
            say(f"{escape(each.simulator)} lacks {', '.join(each.lacking)}; both went without")
        for note in each.notes:
            say(f"{escape(each.simulator)}: {escape(note)}")
        _say_refused(say, each.simulator, each.refused, len(comparison.atmospheres))
    _say_refused(say, comparison.reference, comparison.refused, len(comparison.atmospheres))
    say(f"{seconds:.0f} s. {', '.join(map(str, files.values()))}")


def _say_refused(
    say: Callable[[str], None], name: str, refused: Mapping[str, str], n_atmospheres: int
) -> None:
    if refused:
        atmosphere, reason = next(iter(refused.items()))
        say(
            f"{escape(name)} refused {len(refused)} of {n_atmospheres} atmospheres; {atmosphere}: "
            f"{escape(reason)}"
        )


def _table(comparison: Comparison) -> Table:
    """One column a simulator: their number is small, and a terminal narrow."""
    from exosk.report.comparison import ppm_text

    found = [each.summary(comparison.atmospheres) for each in comparison.differences]
    table = Table(f"less {comparison.reference}, in ppm")
    for each in comparison.differences:
        table.add_column(each.simulator, justify="right")
    rows = {
        "median": "median size",
        "rms": "rms",
        "q95": "95 % are below",
        "level": "largest mean of an atmosphere",
        "shape": "rms about the means",
        "worst": "worst",
    }
    for key, title in rows.items():
        table.add_row(title, *(ppm_text(s[key], signed=key in ("level", "worst")) for s in found))
    table.add_row(
        "  where",
        *(f"{s['worst_atmosphere']}, {s['worst_wavelength']:.3g} um" for s in found),
    )
    table.add_row("worst share of a feature", *(f"{s['worst_share']:.2%}" for s in found))
    table.add_section()
    table.add_row(
        "compared at",
        *(
            f"{len(each.wavelength)} {'samples' if each.resolution is None else 'bins'}"
            for each in comparison.differences
        ),
    )
    table.add_row(
        "ms a spectrum", *(f"{1000 * each.seconds:.3g}" for each in comparison.differences)
    )
    table.add_row(
        f"times {comparison.reference}'s",
        *(f"{each.seconds / comparison.seconds:.3g}" for each in comparison.differences),
    )
    return table
