"""Loading plugins, and keeping a broken one from stopping the program.

pluggy's own entry-point loader stops at the first plugin that fails to import, so the entry
points of the group ``exosk`` are loaded here one at a time, and each failure is recorded with
its reason. Built-ins come through the same hooks.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

import pluggy
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from exosk.exceptions import PluginError
from exosk.plugin import hookspecs
from exosk.plugin.containment import MAY_RAISE, contained, told

__all__ = ["BUILT_IN", "PluginRecord", "load_plugins"]

# By name, so that nothing is imported before something is looked up, and so that this
# low module does not import the higher ones.
BUILT_IN = (
    "exosk.opacities.hooks",
    "exosk.instruments.hooks",
    "exosk.simulators.hooks",
    "exosk.sources.hooks",
)


@dataclasses.dataclass(frozen=True)
class PluginRecord:
    """What became of one plugin.

    Attributes
    ----------
    name : str
        Of the entry point.
    distribution, version : str
        What it was installed with.
    status : str
        loaded; failed (`reason` says why); blocked (by ``EXOSK_DISABLED_PLUGINS``); or
        incompatible (made for another version of exosk, so not loaded).
    reason : str
        Why it is not loaded.
    """

    name: str
    distribution: str
    version: str
    status: str
    reason: str = ""

    def but(self, status: str, reason: str) -> PluginRecord:
        """Return the record with another status, and why."""
        return dataclasses.replace(self, status=status, reason=reason)

    def __str__(self) -> str:
        return f"the plugin {self.name!r} ({self.distribution} {self.version})"


def load_plugins(
    entry_points: Iterable[metadata.EntryPoint] | None,
    blocked: Iterable[str],
    records: list[PluginRecord],
) -> pluggy.PluginManager:
    """Load exosk's own hook modules, then those of the entry points in order of their names.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint or None
        All of the group ``exosk`` when None.
    blocked : iterable of str
        Names of plugins that are not loaded.
    records : list of PluginRecord
        What became of each is appended here as it happens.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    version = metadata.version("exosk")
    for module in BUILT_IN:
        record = PluginRecord(module, "exosk", version, "loaded")
        load = functools.partial(importlib.import_module, module)
        records.append(_load_one(manager, record, load, None, blocked, records))
    if entry_points is None:
        entry_points = metadata.entry_points(group=hookspecs.PROJECT)
    for entry in sorted(entry_points, key=lambda entry: entry.name):
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else "unknown"
        record = PluginRecord(entry.name, distribution, version, "loaded")
        records.append(_load_one(manager, record, entry.load, entry.dist, blocked, records))
    return manager


def _load_one(
    manager: pluggy.PluginManager,
    record: PluginRecord,
    load: Callable[[], Any],
    distribution: metadata.Distribution | None,
    blocked: Iterable[str],
    others: list[PluginRecord],
) -> PluginRecord:
    """Load one plugin, and return what became of it."""
    name = record.name
    if name in blocked:
        return record.but("blocked", "named in EXOSK_DISABLED_PLUGINS")
    first = next((r for r in others if r.name == name and r.status == "loaded"), None)
    if first is not None:
        return record.but("failed", f"{first.distribution} has a plugin of the same name")
    try:
        if reason := _made_for_another(distribution):
            return record.but("incompatible", reason)
        with contained():
            manager.register(load(), name)
        manager.check_pending()
        if not manager.get_hookcallers(manager.get_plugin(name)):
            raise PluginError("it offers nothing; mark its hooks with @hookimpl")
    except MAY_RAISE as error:
        if manager.has_plugin(name):
            manager.unregister(name=name)
        return record.but("failed", told(error))
    return record


def _made_for_another(distribution: metadata.Distribution | None) -> str:
    """Say which version of exosk a distribution needs, if it is not this one."""
    ours = metadata.version("exosk")
    for text in (distribution.requires if distribution else None) or ():
        requirement = Requirement(text)
        if canonicalize_name(requirement.name) != "exosk":
            continue
        # An optional extra's requirement is not the plugin's own.
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if not requirement.specifier.contains(ours, prereleases=True):
            return f"needs exosk {requirement.specifier}, this is {ours}"
    return ""
