"""`exosk evaluate`: what a model is worth."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.cli.progress import stages
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.evaluation.model import ModelEvaluation

__all__ = ["evaluate"]


def evaluate(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as `exosk train` writes it.")],
    dataset: Annotated[
        Path, typer.Argument(help="Noise-free test spectra, as `exosk simulate` writes them.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for `metrics.json`, tables and figures.")
    ] = Path("evaluation"),
    noise_scale: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Errors from LOW to HIGH times the model's reference errors. Default: the range "
            "that it was trained for.",
            metavar="LOW HIGH",
        ),
    ] = None,
    threshold: Annotated[
        float,
        typer.Option(
            help="Probability above which a molecule counts as detected.", min=0.0, max=1.0
        ),
    ] = 0.5,
    device: Annotated[
        str | None, typer.Option(help="Where a network computes: cpu or cuda.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Score a model on spectra with noise, against signal-to-noise and abundance too.

    Of the data set that a model was trained on, only the spectra that were held out are used.

    **Examples**

    - `exosk evaluate my-retriever test/dataset.h5 --out scores`

    - `exosk evaluate my-detector test/dataset.h5 --noise-scale 1 2 --json`
    """
    started = time.perf_counter()
    from exosk.datasets import open_set
    from exosk.evaluation.model import evaluate_model
    from exosk.models.persistence import load_model
    from exosk.report.evaluation import write_evaluation

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RangeError(f"{out} cannot be the folder of the results: {error}") from error
    with stages() as tell:
        found = evaluate_model(
            load_model(model, device),
            open_set(dataset),
            noise_scale=noise_scale,
            threshold=threshold,
            random_state=seed,
            progress=lambda share: tell("asking the model", share),
        )
        tell("drawing", 0.0)
        files = write_evaluation(found, out)
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


def _print(found: ModelEvaluation, out: Path, n_files: int, seconds: float) -> None:
    console = Console(highlight=False)
    noise = found.context["noise"]
    low, high = noise["scale"]
    times = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    console.print(
        f"{len(found.evaluation)} spectra, errors {times} times "
        f"{1e6 * noise['median_reference_error']:.0f} ppm",
        soft_wrap=True,
    )
    scores = found.evaluation.to_dict()
    console.print(_parameters(scores) if found.kind == "retriever" else _molecules(scores))
    for note in found.notes:
        console.print(f"[bold]Note:[/] {escape(note)}", soft_wrap=True)
    console.print(f"{seconds:.0f} s. {n_files} files in {escape(str(out))}", soft_wrap=True)


def _parameters(scores: dict[str, Any]) -> Table:
    table = _table("parameter", "unit")
    for header in ("R2", "RMSE", "bias", "CRPS", "NLL", "68 %", "95 %"):
        table.add_column(header, justify="right", no_wrap=True)
    table.caption = "68 %, 95 %: how many truths lie in intervals of that level, in percent"
    for name, row in scores["parameters"].items():
        share = {each["level"]: f"{100 * each['observed']:.1f}" for each in row["coverage"]}
        numbers = (_number(row[key]) for key in ("r2", "rmse", "bias", "crps", "nll"))
        table.add_row(name, row["unit"], *numbers, share[0.68], share[0.95])
    return table


def _molecules(scores: dict[str, Any]) -> Table:
    table = _table("molecule")
    for header in ("present", "AUC", "95 %", "AP", "precision", "recall", "F1", "ECE"):
        table.add_column(header, justify="right", no_wrap=True)
    for name, row in scores["molecules"].items():
        low, high = row["auc_interval"]
        span = "-" if low is None else f"{low:.3f}-{high:.3f}"
        shares = [
            _share(row[key])
            for key in ("auc", "average_precision", "precision", "recall", "f1", "ece")
        ]
        table.add_row(name, f"{row['prevalence']:.1%}", shares[0], span, *shares[1:])
    for name, row in scores["molecules"].items():
        for reason in dict.fromkeys(row["undefined"].values()):
            table.caption = f"{table.caption or ''}{name}: {reason}. "
    return table


def _table(*names: str) -> Table:
    """Lean, since nine columns must fit into eighty characters."""
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
        caption_justify="left",
    )
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
