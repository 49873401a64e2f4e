"""`exosk plugins`: which plugins there are, what they offer, and why one is not loaded."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options

if TYPE_CHECKING:
    from exosk.plugin import PluginManager, PluginRecord

__all__ = ["plugins"]

_COLOURS = {
    "loaded": "green",
    "failed": "bold red",
    "incompatible": "bold red",
    "blocked": "yellow",
}


def plugins(as_json: options.Json = False) -> None:
    """List the plugins: what each offers, and why one is not loaded.

    A plugin is left out with `EXOSK_DISABLED_PLUGINS=name,other`.

    **Examples**

    - `exosk plugins`

    - `exosk plugins --json`
    """
    from exosk.plugin import default_manager

    manager = default_manager()
    rows = [_row(manager, record) for record in manager.records]
    for name in manager.unknown_blocked:
        print(
            f"exosk: EXOSK_DISABLED_PLUGINS names {name!r}, which is no plugin here",
            file=sys.stderr,
        )
    if as_json:
        print(json.dumps({"plugins": rows}))
    else:
        Console().print(_table(rows))


def _row(manager: PluginManager, record: PluginRecord) -> dict[str, Any]:
    """Return what there is to say of one plugin, as JSON has it."""
    row = dataclasses.asdict(record) | {"offers": {}}
    if record.status == "loaded":
        row["offers"] = manager.offers(record.name)
        row["reason"] = "; ".join(manager.clashes(record.name))
    return row


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0))
    table.add_column("plugin", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("offers, or why not", overflow="fold")
    for row in rows:
        plugin = f"{escape(row['name'])}\n[dim]{escape(row['distribution'])} {row['version']}[/]"
        offers = [f"[dim]{kind}[/] {escape(', '.join(n))}" for kind, n in row["offers"].items()]
        told = [*offers, escape(row["reason"])] if row["reason"] else offers
        colour = _COLOURS[row["status"]]
        table.add_row(plugin, f"[{colour}]{row['status']}[/]", "\n".join(told))
    return table
