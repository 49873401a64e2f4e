"""`exosk doctor`: what this installation is made of, and what is wrong with it."""

from __future__ import annotations

import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import typer
from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options

__all__ = ["doctor"]

# Less room than this, and the next training set may not fit.
_LITTLE_ROOM = 2e9
_FOR_DEVELOPERS = ("dev", "lint", "test")


def doctor(as_json: options.Json = False) -> None:
    """Say what this installation is made of and what is wrong with it.

    Versions of exosk and of what it needs, plugins, opacities, threads, GPU and disk. The exit
    status is 1 if there is anything to mend. Put what it prints into a report of a bug.

    **Examples**

    - `exosk doctor`

    - `exosk doctor --json`
    """
    problems: list[str] = []
    found = {
        "exosk": metadata.version("exosk"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "packages": _packages(problems),
        "plugins": _plugins(problems),
        "opacities": _opacities(problems),
        "compute": _compute(),
        "folders": _folders(problems),
        "problems": problems,
    }
    if as_json:
        print(json.dumps(found, allow_nan=False))
    else:
        _print(found)
    if problems:
        raise typer.Exit(1)


def _packages(problems: list[str]) -> dict[str, dict[str, Any]]:
    """Versions of what exosk needs, and of what its extras need and is here."""
    found: dict[str, dict[str, Any]] = {}
    for text in metadata.requires("exosk") or []:
        requirement = Requirement(text)
        extra = _extra(requirement)
        if extra in _FOR_DEVELOPERS or requirement.name == "exosk":
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = ""
        if not version and not extra:
            problems.append(
                f"{requirement.name} is missing, which exosk needs; python -m pip install "
                f"'{requirement.name}{requirement.specifier}'"
            )
        elif version and not requirement.specifier.contains(version, prereleases=True):
            problems.append(
                f"{requirement.name} {version} is not {requirement.specifier}, which exosk needs; "
                f"python -m pip install '{requirement.name}{requirement.specifier}'"
            )
        found[requirement.name] = {"version": version or None, "extra": extra or None}
    return found


def _extra(requirement: Requirement) -> str:
    """Return the first extra that a requirement belongs to; empty of exosk itself."""
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}):
        return ""
    extras = metadata.metadata("exosk").get_all("Provides-Extra") or []
    return next((extra for extra in extras if marker.evaluate({"extra": extra})), "")


def _plugins(problems: list[str]) -> list[dict[str, str]]:
    from exosk.plugin import default_manager

    records = default_manager().records
    for record in records:
        if record.status in ("failed", "incompatible"):
            problems.append(f"the plugin {record.name} is not loaded: {record.reason}")
    return [
        {"name": record.name, "version": record.version, "status": record.status}
        for record in records
    ]


def _opacities(problems: list[str]) -> dict[str, Any]:
    from exosk.opacities.catalogue import catalogue
    from exosk.opacities.user_tables import user_folder

    entries = catalogue()
    problems += [
        f"the opacity of {entry.name} ({entry.path or entry.origin}): {entry.problem}"
        for entry in entries
        if entry.problem
    ]
    names: dict[str, list[str]] = {}
    for entry in entries:
        names.setdefault(entry.origin, []).append(entry.name)
    return {**names, "folder": str(user_folder())}


def _compute() -> dict[str, Any]:
    """Cores, threads and GPU."""
    import torch

    gpus = [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "torch_threads": torch.get_num_threads(),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "memory_gb": round(_memory() / 1e9, 1),
        "gpus": gpus,
    }


def _memory() -> float:
    return float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")


def _folders(problems: list[str]) -> dict[str, dict[str, Any]]:
    """Where files are kept, and whether there is room."""
    from exosk.downloads import default_cache
    from exosk.storage import text_size

    found = {}
    for name, folder in (("cache", Path(default_cache().folder)), ("here", Path.cwd())):
        there = next(each for each in (folder, *folder.parents) if each.exists())
        free = shutil.disk_usage(there).free
        writable = os.access(there, os.W_OK)
        if not writable:
            problems.append(
                f"{folder} cannot be written to"
                + ("; name another with EXOSK_CACHE" if name == "cache" else "")
            )
        if free < _LITTLE_ROOM:
            problems.append(f"{text_size(free)} are free in {folder}; make room")
        found[name] = {"path": str(folder), "bytes_free": free, "writable": writable}
    return found


def _print(found: dict[str, Any]) -> None:
    from exosk.storage import text_size

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    table.add_row("exosk", f"{found['exosk']}, Python {found['python']}, {found['system']}")
    present = {n: p for n, p in found["packages"].items() if p["version"]}
    table.add_row("packages", ", ".join(f"{n} {p['version']}" for n, p in present.items()))
    absent = [f"{n} ({p['extra']})" for n, p in found["packages"].items() if n not in present]
    table.add_row("not installed", ", ".join(absent) or "nothing")
    plugins = [f"{p['name']} {p['version']} ({p['status']})" for p in found["plugins"]]
    table.add_row("plugins", escape(", ".join(plugins)) or "none")
    opacities = dict(found["opacities"])
    folder = opacities.pop("folder")
    for origin, names in opacities.items():
        table.add_row(f"opacities, {origin}", ", ".join(names))
    table.add_row("own opacities in", escape(folder))
    compute = found["compute"]
    table.add_row(
        "compute",
        f"{compute['cores']} cores, {compute['torch_threads']} threads (OMP_NUM_THREADS "
        f"{compute['OMP_NUM_THREADS'] or 'not set'}), {compute['memory_gb']:.0f} GB of memory, "
        f"GPU: {escape(', '.join(compute['gpus'])) or 'none'}",
    )
    for name, each in found["folders"].items():
        free = text_size(each["bytes_free"])
        table.add_row(f"disk, {name}", f"{escape(each['path'])} ({free} free)")
    console = Console(highlight=False)
    console.print(table)
    for problem in found["problems"]:
        console.print(f"[bold red]to mend:[/] {escape(problem)}", soft_wrap=True)
    if not found["problems"]:
        console.print("[green]nothing to mend[/]")
