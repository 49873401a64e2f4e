"""`exosk dataset`: look after training sets that are stores of shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from exosk.cli import options
from exosk.cli.progress import stages

if TYPE_CHECKING:
    from exosk.datasets import Dataset, Progress, Store

__all__ = ["dataset_app", "showing"]

dataset_app = typer.Typer(
    help="Look at training sets, check, mend, merge, split and export them.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Folder = Annotated[Path, typer.Argument(help="Folder of a store.", show_default=False)]
Source = Annotated[
    Path, typer.Argument(help="Folder of a store, or a file `dataset.h5`.", show_default=False)
]
Partial = Annotated[
    bool, typer.Option("--partial", help="Take a store that is not finished as it is.")
]
Compress = Annotated[
    bool, typer.Option("--compress", help="Smaller files, which are read more slowly.")
]
Jobs = Annotated[int | None, typer.Option(help="Processes; one for each core by default.", min=1)]


@contextmanager
def showing(folder: Path) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows how far a campaign is, and first what disk it needs."""
    from exosk.storage import text_size

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        tell: Callable[..., None] | None = None

        def show(progress: Progress) -> None:
            nonlocal tell
            if tell is None:
                had = f"{progress.n_before} of {progress.n} spectra are there; "
                errors.print(
                    f"{had if progress.n_before else ''}{text_size(progress.bytes_needed)} are "
                    f"needed in {escape(str(folder))}, {text_size(progress.bytes_free)} are free"
                )
                tell = stack.enter_context(stages())
            note = f"{progress.rate:.0f}/s"
            if progress.rate > 0:
                note += f", {timedelta(seconds=round(progress.seconds_left))} left"
            if progress.n_workers is not None:
                note += f", {progress.n_workers} workers"
            if progress.n_refused:
                note += f", {progress.n_refused} draws refused"
            tell("simulating spectra", progress.n_done / progress.n, note)

        yield show


@dataset_app.command()
def info(source: Source, as_json: options.Json = False) -> None:
    """Tell what a set is: spectra, bins, parameters, simulator, and whether it is finished.

    **Examples**

    - `exosk dataset info /scratch/training`
    """
    from exosk.datasets.exchange import header_of
    from exosk.storage import text_size

    data = _open(source, partial=True)
    header = header_of(data)
    n, shards = len(data), (1, 1)
    refused = header.provenance.get("n_refused", 0)
    size = source.stat().st_size
    if source.is_dir():
        header = data.header  # type: ignore[union-attr]
        size = data.n_bytes  # type: ignore[union-attr]
        shards = len(data.shards), header.n_shards  # type: ignore[union-attr]
        refused = data.manifest.n_refused  # type: ignore[union-attr]
    if as_json:
        document = {
            "path": str(source),
            "n_spectra": n,
            "n_spectra_when_finished": header.n,
            "n_shards": shards[0],
            "n_shards_when_finished": shards[1],
            "n_bytes": size,
            "n_refused": refused,
            **{name: value for name, value in header.to_dict().items() if name != "n"},
        }
        print(json.dumps(document))
        return
    low, high = header.grid.range
    said = header.provenance
    of = "" if shards[0] == shards[1] else f" of {header.n}, not finished"
    lines = {
        "spectra": f"{n}{of}",
        "bins": f"{header.grid.n_bins}, {low:.4g}-{high:.4g} um",
        "parameters": ", ".join(header.space.names),
        "molecules": ", ".join(header.molecules) or "none",
        "detectability": "yes" if header.detectability else "no",
        "simulator": f"{said.get('simulator', 'unknown')}",
        "seed": "none of its own" if header.seed is None else str(header.seed),
        "shards": f"{shards[0]} of {shards[1]}, {header.shard_size} spectra each",
        "compression": header.compression or "none",
        "size": text_size(size),
    }
    if source.is_file():
        lines["seed"] = str(said.get("seed"))
        for name in ("shards", "compression"):
            del lines[name]
    if refused:
        lines["refused"] = f"{refused} other draws: the prior is cut off to what was simulated"
    for name, text in lines.items():
        print(f"{name:14} {text}")


@dataset_app.command()
def verify(source: Source, as_json: options.Json = False) -> None:
    """Read every byte and compare it with the checksums. The exit status is 1 if any is wrong.

    **Examples**

    - `exosk dataset verify /scratch/training`
    """
    from exosk.datasets import Dataset, StoreCheck, verify_store
    from exosk.exceptions import FileFormatError

    with stages() as tell:
        if source.is_file():
            try:
                Dataset.load(source)
                found = StoreCheck(1, 1, {}, [])
            except FileFormatError as error:
                found = StoreCheck(1, 0, {0: str(error)}, [])
        else:
            found = verify_store(source, lambda share: tell("reading", share))
    if as_json:
        print(json.dumps({"path": str(source), **found.to_dict()}))
    else:
        for problem in found.problems.values():
            print(problem)
        for name in found.strays:
            print(f"{name} does not belong there")
        verdict = "whole" if found.ok else "`exosk dataset repair` makes the others again"
        print(f"{found.n_whole} of {found.n_shards} shards are as they were made: {verdict}")
    if not found.ok:
        raise typer.Exit(1)


@dataset_app.command()
def repair(
    folder: Folder,
    simulate: Annotated[
        bool,
        typer.Option(
            help="Simulate the shards that are lost; otherwise they are only put aside, and the "
            "command that made the set makes them."
        ),
    ] = True,
    jobs: Jobs = None,
    as_json: options.Json = False,
) -> None:
    """Put damaged shards aside and make them again, to the same bits.

    A manifest that is lost or damaged is made again from the shards.

    **Examples**

    - `exosk dataset repair /scratch/training`
    """
    from exosk.datasets import repair_store

    with showing(folder) as show:
        done = repair_store(folder, simulate=simulate, n_jobs=jobs, progress=show)
    if as_json:
        print(json.dumps({"path": str(folder), **done.to_dict()}))
        return
    if done.rebuilt_manifest:
        print("the manifest was made again from the shards")
    for index, problem in done.damaged.items():
        state = "still missing" if index in done.missing else "made again"
        if index in done.changed:
            state += ", but not to the same bits: it was made with another processor"
        print(f"{problem}: {state}")
    missing = f"; {len(done.missing)} shards are missing" if done.missing else ""
    print(f"{len(done.damaged)} shards were damaged or lost{missing}")


@dataset_app.command()
def merge(
    sources: Annotated[
        list[Path], typer.Argument(help="Folders of stores, or files `dataset.h5`.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the new store.", show_default=False)],
    partial: Partial = False,
    shard_size: Annotated[int | None, typer.Option(help="Spectra in a file.", min=1)] = None,
    compress: Compress = False,
    as_json: options.Json = False,
) -> None:
    """Put sets in the same bins, with the same priors, into one store.

    **Examples**

    - `exosk dataset merge first second --out both`

    - `exosk dataset merge training/dataset.h5 --out store`
    """
    from exosk.datasets import merge_stores

    with stages() as tell:
        merged = merge_stores(
            [_open(source, partial) for source in sources],
            out,
            shard_size=shard_size,
            compression="gzip" if compress else None,
            progress=lambda share: tell("merging", share),
        )
    _tell_written({"store": merged}, as_json)


@dataset_app.command()
def split(
    folder: Folder,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for the stores `training`, `validation` and `test`.", show_default=False
        ),
    ],
    test: Annotated[float, typer.Option(help="Share to test with.")] = 0.15,
    validation: Annotated[float, typer.Option(help="Share to validate with.")] = 0.15,
    partial: Partial = False,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Split a store at random into three; rows of one parent stay together.

    **Examples**

    - `exosk dataset split /scratch/training --out parts --test 0.1 --validation 0.1`
    """
    from exosk.datasets import split_store
    from exosk.datasets.exchange import PARTS

    with stages() as tell:
        parts = split_store(
            _store(folder, partial),
            out,
            test,
            validation,
            seed,
            progress=lambda share: tell("splitting", share),
        )
    _tell_written(dict(zip(PARTS, parts)), as_json)


@dataset_app.command()
def sample(
    folder: Folder,
    n: Annotated[int, typer.Option("--n", help="Number of spectra.", min=1, show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for `dataset.h5`.")] = Path("sample"),
    partial: Partial = False,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Write spectra drawn at random to one file, as a small set to try things with.

    **Examples**

    - `exosk dataset sample /scratch/training --n 20000 --out small`
    """
    from exosk.datasets.folder import writing_to

    data = _store(folder, partial).sample(n, seed)
    path = out / "dataset.h5"
    with writing_to(out):
        data.save(path)
    if as_json:
        print(json.dumps({"files": {"dataset": str(path)}, "n_spectra": len(data)}))
    else:
        print(f"{len(data)} spectra: {path}")


@dataset_app.command()
def export(
    source: Source,
    to: Annotated[str, typer.Option(help="`zarr` or `parquet`.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File or folder to write.", show_default=False)],
    partial: Partial = False,
    as_json: options.Json = False,
) -> None:
    """Write a set in a format that other programs read; needs the extra `export`.

    **Examples**

    - `exosk dataset export /scratch/training --to parquet --out training.parquet`

    - `exosk dataset export /scratch/training --to zarr --out training.zarr`
    """
    from exosk.datasets import export_store

    data = _open(source, partial)
    with stages() as tell:
        path = export_store(data, out, to, progress=lambda share: tell("writing", share))
    if as_json:
        print(json.dumps({"files": {to: str(out)}, "n_spectra": len(data)}))
    else:
        print(f"{len(data)} spectra: {path}")


def _open(source: Path, partial: bool) -> Store | Dataset:
    from exosk.datasets import Dataset

    return Dataset.load(source) if source.is_file() else _store(source, partial)


def _store(folder: Path, partial: bool) -> Store:
    from exosk.datasets import Store

    return Store(folder, partial=partial)


def _tell_written(stores: dict[str, Store], as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {
            "files": {name: str(store.folder) for name, store in stores.items()},
            "n_spectra": {name: len(store) for name, store in stores.items()},
        }
        print(json.dumps(document))
        return
    for store in stores.values():
        print(f"{len(store)} spectra: {store.folder}")
