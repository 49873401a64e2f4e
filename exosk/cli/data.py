"""`exosk data`: find, fetch and keep observations and what is published of their systems."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.exceptions import DownloadError, ExoskError, RangeError, UnknownNameError

if TYPE_CHECKING:
    from exosk.downloads import CacheEntry
    from exosk.sources import Listing

__all__ = ["data_app"]

data_app = typer.Typer(
    help="Find, fetch and keep observed spectra.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Text = Annotated[
    list[str] | None,
    typer.Argument(help="Words that must all be there: a planet, an instrument, an author."),
]


@data_app.command()
def search(text: Text = None, as_json: options.Json = False) -> None:
    """Find observations of a planet in all sources, spelt as anyone spells it.

    **Examples**

    - `exosk data search WASP-96`

    - `exosk data search wasp 39 niriss`
    """
    from exosk.sources import search_spectra

    found, failures = search_spectra(_joined(text))
    if as_json:
        rows = [{"source": label, **listing.to_dict()} for label, listing in found]
        print(json.dumps({"observations": rows, "failures": failures}, allow_nan=False))
        return
    _warn(failures)
    if not found:
        raise UnknownNameError(f"no source lists an observation of {_joined(text)!r}")
    table = _grid("planet", "name", "instrument", "bins", "um", "reference", "source")
    for label, listing in found:
        table.add_row(*_cells(listing), label)
    Console().print(table)


@data_app.command()
def fetch(
    names: Annotated[list[str], typer.Argument(help="Planets, or names that `search` lists.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write the spectra to, as ECSV files.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Fetch all observations of a planet, or one by its name, into the cache.

    What was fetched is there offline. With --out it is also written as ECSV, in um and plain
    fractions, with its reference and licence.

    **Examples**

    - `exosk data fetch "WASP-96 b"`

    - `exosk data fetch wasp-39b --out spectra`
    """
    from exosk.sources import search_spectra, write_spectrum

    rows: list[dict[str, Any]] = []
    listed, unreachable = search_spectra()
    chosen, failures = _named(names, listed)
    for label, listing in chosen:
        try:
            spectrum = _source(label).load(listing.name)
        except (ExoskError, OSError) as error:
            failures.append(f"{listing.name}: {error}")
            continue
        row = {"source": label, **listing.to_dict(), "n_bins": len(spectrum)}
        if out is not None:
            path = out / f"{_slug(label, listing.name)}.ecsv"
            write_spectrum(spectrum, path)
            row["path"] = str(path)
        rows.append(row)
    if as_json:
        told = {"observations": rows, "failures": failures, "unreachable": unreachable}
        print(json.dumps(told, allow_nan=False))
    else:
        for row in rows:
            where = row.get("path", f"at hand from {row['source']}")
            print(f"{row['name']}: {row['n_bins']} bins, {where}")
        # Who could not be asked matters where something was not found.
        _warn([*failures, *(unreachable if failures else [])])
    if failures:
        raise typer.Exit(2)


@data_app.command()
def system(
    planet: Annotated[str, typer.Argument(help="A planet's name, in any spelling.")],
    as_json: options.Json = False,
) -> None:
    """Show what is published of a planet and its star, and by whom.

    **Examples**

    - `exosk data system "WASP-96 b"`
    """
    from exosk.sources.load import registered_sources

    failures: list[str] = []
    found: dict[str, dict[str, Any]] = {}
    for label, source in registered_sources(failures):
        if not hasattr(source, "system"):
            continue
        try:
            found[label] = source.system(planet)
        except UnknownNameError:
            continue
        except (ExoskError, OSError) as error:
            failures.append(f"{label} could not be asked: {error}")
    if as_json:
        print(json.dumps({"systems": found, "failures": failures}, allow_nan=False))
        return
    _warn(failures)
    if not found:
        raise UnknownNameError(
            f"nobody who could be asked knows the system of {planet!r}; `exosk plugins` lists the "
            f"sources (exosk-nasa-archive brings the NASA Exoplanet Archive)"
        )
    for known in found.values():
        print(f"{known['origin']}:")
        references = known.get("references", {})
        for name, value in known.items():
            if name in ("references", "origin", "notes") or name.endswith("_err"):
                continue
            error = known.get(f"{name}_err")
            shown = f"{value:g}" if isinstance(value, float | int) else str(value)
            shown += f" +- {error:g}" if error is not None else ""
            print(f"  {name.replace('_', ' '):24} {shown:24} {references.get(name, '')}".rstrip())
        for note in known.get("notes", []):
            print(f"  {note}")


@data_app.command("list")
def list_files(text: Text = None, as_json: options.Json = False) -> None:
    """List the files that were fetched, with their origin and terms.

    **Examples**

    - `exosk data list`

    - `exosk data list WASP-39`
    """
    from exosk.downloads import default_cache
    from exosk.storage import text_size

    cache = default_cache()
    entries = cache.entries(_joined(text))
    if as_json:
        rows = [{**entry.to_dict(), "whole": cache.is_whole(entry)} for entry in entries]
        print(json.dumps({"folder": str(cache.folder), "files": rows}, allow_nan=False))
        return
    if not entries:
        print(f"{cache.folder} holds no file{' of that' if text else ''}")
        return
    table = _grid("what", "source", "size", "fetched", "licence")
    for entry in entries:
        damaged = "" if cache.is_whole(entry) else " [bold red](damaged)[/]"
        table.add_row(
            escape(entry.title or entry.name) + damaged,
            entry.source,
            text_size(entry.n_bytes),
            entry.retrieved[:10],
            escape(entry.licence),
        )
    Console().print(table)
    print(f"{len(entries)} files, {text_size(sum(e.n_bytes for e in entries))} in {cache.folder}")


@data_app.command()
def path(text: Text = None, as_json: options.Json = False) -> None:
    """Print the folder of the fetched files, or the paths of those that a text is about.

    `EXOSK_CACHE` names another folder.
    """
    from exosk.downloads import default_cache

    cache = default_cache()
    paths = [str(entry.path) for entry in _chosen(text)] if text else [str(cache.folder)]
    print(json.dumps({"paths": paths}) if as_json else "\n".join(paths))


@data_app.command()
def remove(
    text: Text = None,
    everything: Annotated[bool, typer.Option("--all", help="All files.")] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="What downloads that broke off have left.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: options.Json = False,
) -> None:
    """Remove fetched files.

    **Examples**

    - `exosk data remove WASP-39 niriss`

    - `exosk data remove --all --yes`
    """
    from exosk.downloads import default_cache
    from exosk.storage import text_size

    cache = default_cache()
    if not (text or everything or unfinished):
        raise RangeError("say what to remove: words, --all or --unfinished")
    entries = _chosen(text) if text else cache.entries() if everything else []
    if entries and not yes:
        _confirm(entries)
    for entry in entries:
        cache.remove(entry)
    freed = sum(entry.n_bytes for entry in entries)
    if everything or unfinished:
        freed += cache.clear_partial()
    removed = [entry.to_dict() for entry in entries]
    if as_json:
        print(json.dumps({"removed": removed, "n_bytes": freed}, allow_nan=False))
    else:
        print(f"removed {len(entries)} files, {text_size(freed)}")


def _confirm(entries: list[CacheEntry]) -> None:
    if not sys.stdin.isatty():
        raise RangeError(f"{len(entries)} files would be removed; say so with --yes")
    for entry in entries:
        print(f"  {entry.title or entry.name} ({entry.source})")
    typer.confirm(f"Remove {len(entries)} files?", abort=True)


def _chosen(text: list[str] | None) -> list[CacheEntry]:
    from exosk.downloads import default_cache

    entries = default_cache().entries(_joined(text))
    if not entries:
        raise UnknownNameError(
            f"no file that was fetched is about {_joined(text)!r}; `exosk data list` shows them all"
        )
    return entries


def _named(
    names: list[str], listed: list[tuple[str, Listing]]
) -> tuple[list[tuple[str, Listing]], list[str]]:
    """Find the observations that are meant: one by its name, or all of a planet."""
    from exosk.sources.load import listings_named

    chosen, failures = [], []
    for name in names:
        found = listings_named(name, listed)
        if not found:
            known = {one.planet for _, one in listed}
            failures.append(str(UnknownNameError.suggest("observation", name, known)))
        chosen.extend(one for one in found if one not in chosen)
    return chosen, failures


def _source(label: str) -> Any:
    from exosk.plugin import default_manager

    return default_manager().make("sources", label)


def _slug(label: str, name: str) -> str:
    from exosk.downloads import safe_name

    try:
        return safe_name(name.replace(" ", "-").replace("/", "-"))
    except DownloadError:
        return label


def _cells(listing: Listing) -> list[str]:
    span = f"{listing.low:.2f}-{listing.high:.2f}" if listing.low and listing.high else ""
    bins = "" if listing.n_bins is None else str(listing.n_bins)
    texts = (listing.planet, listing.name, listing.instrument, bins, span, listing.reference)
    return [escape(text) for text in texts]


def _grid(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        right = column in ("bins", "size")
        table.add_column(column, justify="right" if right else "left", overflow="fold")
    return table


def _joined(text: list[str] | None) -> str:
    return " ".join(text or [])


def _warn(failures: list[str]) -> None:
    for failure in failures:
        Console(stderr=True, highlight=False, soft_wrap=True).print(
            f"[yellow]note:[/] {escape(failure)}"
        )
