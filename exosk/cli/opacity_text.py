"""How `exosk opacity` prints what is known of opacities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from exosk.opacities.catalogue import Entry

__all__ = ["print_catalogue", "print_entry", "print_written"]

# Columns of the list before the last one.
_LEFT_OF_SOURCE = 65


def print_catalogue(entries: Sequence[Entry], folder: Path) -> None:
    """Print a table of all opacities, what is wrong with some, and where the user's own are."""
    from exosk.opacities.user_tables import FOLDER_VARIABLE

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for header in ("name", "kind", "origin", "valid um", "valid K", "bar", "source"):
        table.add_column(header, no_wrap=True)
    console = Console(highlight=False)
    room = max(console.width - _LEFT_OF_SOURCE, 15)
    for entry in entries:
        if entry.problem and not entry.ranges:
            row = [escape(entry.name), "", entry.origin, "", "", "", "[red]cannot be used[/]"]
        else:
            spans = (_valid(entry, axis) for axis in ("wavelength", "temperature", "pressure"))
            source = str(entry.card.get("source", ""))
            source = escape(source if len(source) <= room else f"{source[: room - 3]}...")
            row = [escape(entry.name), entry.kind, entry.origin, *spans, source]
        table.add_row(*row)
    console.print(table)
    for entry in entries:
        if entry.replaces:
            console.print(
                f"{escape(entry.name)}: your own table replaces the {entry.replaces} one.",
                soft_wrap=True,
            )
        if entry.problem:
            console.print(f"[red]{escape(entry.name)}[/]: {escape(entry.problem)}", soft_wrap=True)
    console.print(
        f"Your own tables are those in {escape(str(folder))} ({FOLDER_VARIABLE}).",
        soft_wrap=True,
    )


def _span(entry: Entry, axis: str) -> str:
    if axis not in entry.ranges:
        return ""
    low, high, _ = entry.ranges[axis]
    return _written(axis, low, high)


def _valid(entry: Entry, axis: str) -> str:
    """Where the table holds what it should, which is less than it spans where a list ends."""
    if axis in entry.ranges and (ends := entry.card.get(f"valid_{axis}")):
        return _written(axis, *ends)
    return _span(entry, axis)


def _written(axis: str, low: float, high: float) -> str:
    if axis == "pressure":
        return f"{_short(low)}-{_short(high)}"
    return f"{low:.3g}-{high:.3g}" if axis == "wavelength" else f"{low:g}-{high:g}"


def _short(pressure: float) -> str:
    """Write 1e-09 as 1e-9 and 1e+03 as 1000."""
    text = f"{pressure:.6g}" if 1e-3 <= pressure < 1e6 else f"{pressure:.2e}"
    mantissa, exponent, power = text.partition("e")
    return f"{float(mantissa):g}e{int(power)}" if exponent else text


def print_entry(entry: Entry, k_table: dict[str, Any] | None, figure: Path | None) -> None:
    """Print all that is known of one opacity."""
    console = Console(highlight=False)
    origin = entry.origin + (f", replaces the {entry.replaces} one" if entry.replaces else "")
    console.print(f"[bold]{escape(entry.name)}[/] ({entry.kind}, {origin})")
    if entry.path:
        console.print(f"  file: {escape(str(entry.path))}", soft_wrap=True)
    if k_table:
        console.print(f"  a k-table of {k_table['points_of_g']} points of g")
    _print_facts(console, entry)
    skipped = {"limits", "sampling_error_ppm"}
    for key, value in entry.card.items():
        if key in skipped or value in (None, "", [], {}):
            continue
        values = value if isinstance(value, list) else [value]
        if isinstance(value, dict):
            values = [f"{part.replace('_', ' ')}: {_said(said)}" for part, said in value.items()]
        console.print(
            f"  {key.replace('_', ' ')}: {escape('; '.join(map(str, values)))}", soft_wrap=True
        )
    errors = entry.card.get("sampling_error_ppm")
    if isinstance(errors, dict):
        console.print(
            f"  sampling error: {errors.get('rms')} ppm rms; {escape(str(errors.get('how', '')))}",
            soft_wrap=True,
        )
    if figure:
        console.print(f"figure: {escape(str(figure))}", soft_wrap=True)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {said}" for key, said in value.items())
    return str(value)


def print_written(entry: Entry, path: Path, replaced: bool, *, for_use: bool) -> None:
    """Print what was written where, and how to use it if it is among the user's own tables."""
    console = Console(highlight=False)
    verb = "replaced" if replaced else "written"
    console.print(f"{entry.name} {verb}: {escape(str(path))}", soft_wrap=True)
    _print_facts(console, entry)
    if for_use:
        console.print(
            f"It is used wherever {entry.name} is named, as in `--molecules H2O,{entry.name}`.",
            soft_wrap=True,
        )


def _print_facts(console: Console, entry: Entry) -> None:
    """Print ranges and limits, and what stands in the way of using it."""
    units = {"wavelength": "um", "temperature": "K", "pressure": "bar"}
    for axis, (_, _, n) in entry.ranges.items():
        console.print(f"  {axis}: {_span(entry, axis)} {units[axis]}, {n} points")
    for limit in entry.card.get("limits", []):
        console.print(f"  limit: {escape(str(limit))}", soft_wrap=True)
    if entry.problem:
        console.print(f"  [red]problem[/]: {escape(entry.problem)}", soft_wrap=True)
