"""Finding plugins, keeping a broken one from stopping the program, and looking names up.

pluggy's own entry-point loader stops at the first plugin that fails to import, so the entry
points of the group ``exosk`` are loaded here one at a time, and each failure is recorded with
its reason. Built-ins come through the same hooks.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import Any

import pluggy

from exosk.exceptions import PluginError, UnknownNameError
from exosk.plugin import hookspecs

__all__ = ["PluginManager", "PluginRecord", "default_manager"]

_SINGULAR = {
    "simulators": "simulator",
    "sources": "source",
    "opacities": "molecule or pair",
    "instruments": "instrument",
}

# By name, so that nothing is imported before something is looked up, and so that this
# low module does not import the higher ones.
_BUILT_IN = (
    "exosk.opacities.hooks",
    "exosk.instruments.hooks",
    "exosk.simulators.hooks",
    "exosk.sources.hooks",
)


@dataclasses.dataclass(frozen=True)
class PluginRecord:
    """What became of one plugin: `status` is loaded, failed or blocked."""

    name: str
    distribution: str
    version: str
    status: str
    reason: str = ""


class PluginManager:
    """The registered factories, by kind and name.

    Parameters
    ----------
    entry_points : iterable of importlib.metadata.EntryPoint, optional
        Where third-party plugins are; all of the group ``exosk`` by default.
    blocked : iterable of str, optional
        Names of plugins to leave out; those in ``EXOSK_DISABLED_PLUGINS`` (separated by
        commas) by default.
    """

    def __init__(
        self,
        entry_points: Iterable[metadata.EntryPoint] | None = None,
        blocked: Iterable[str] | None = None,
    ) -> None:
        if entry_points is None:
            entry_points = metadata.entry_points(group=hookspecs.PROJECT)
        if blocked is None:
            blocked = os.environ.get("EXOSK_DISABLED_PLUGINS", "").split(",")
        self._blocked = {name.strip() for name in blocked} - {""}
        self._pluggy = pluggy.PluginManager(hookspecs.PROJECT)
        self._pluggy.add_hookspecs(hookspecs)
        self.records: list[PluginRecord] = []
        version = metadata.version("exosk")
        for module in _BUILT_IN:
            self._register(
                module, "exosk", version, functools.partial(importlib.import_module, module)
            )
        for entry in entry_points:
            distribution = entry.dist.name if entry.dist else "unknown"
            version = entry.dist.version if entry.dist else "unknown"
            self._register(entry.name, distribution, version, entry.load)

    def _register(
        self, name: str, distribution: str, version: str, load: Callable[[], Any]
    ) -> None:
        """Load one plugin, and record what became of it."""
        if name in self._blocked:
            status, reason = "blocked", "named in EXOSK_DISABLED_PLUGINS"
        elif self._pluggy.has_plugin(name):
            (first,) = (r for r in self.records if r.name == name and r.status == "loaded")
            status, reason = "failed", f"{first.distribution} has a plugin of the same name"
        else:
            status, reason = "loaded", ""
            try:
                self._pluggy.register(load(), name)
                self._pluggy.check_pending()
            except Exception as error:  # a plugin may raise anything at import
                if self._pluggy.has_plugin(name):
                    self._pluggy.unregister(name=name)
                status, reason = "failed", f"{type(error).__name__}: {error}"
        self.records.append(PluginRecord(name, distribution, version, status, reason))

    def names(self, kind: str) -> list[str]:
        """Return the registered names of a kind: simulators, sources, opacities, instruments."""
        return sorted(self._factories(kind))

    def get(self, kind: str, name: str) -> Callable[..., Any]:
        """Return the factory registered under a name (case does not matter).

        Raises
        ------
        UnknownNameError
            If nothing of that kind has the name; plugins that failed to load are mentioned,
            because the missing name may be theirs.
        PluginError
            If two plugins claim one name.
        """
        factories = self._factories(kind)
        for known, factory in factories.items():
            if known.casefold() == name.casefold():
                return factory
        error = UnknownNameError.suggest(_SINGULAR[kind], name, factories)
        failed = [f"{r.name} ({r.reason})" for r in self.records if r.status == "failed"]
        if failed:
            raise UnknownNameError(f"{error} Plugins that failed to load: {'; '.join(failed)}.")
        raise error

    def _factories(self, kind: str) -> dict[str, Callable[..., Any]]:
        found: dict[str, Callable[..., Any]] = {}
        owners: dict[str, str] = {}
        for implementation in getattr(self._pluggy.hook, f"exosk_register_{kind}").get_hookimpls():
            plugin = implementation.plugin_name
            try:
                offered = implementation.function()
                if not (isinstance(offered, Mapping) and all(isinstance(n, str) for n in offered)):
                    raise TypeError(f"{offered!r} is no mapping of names to factories")
            except Exception as error:  # as at import: the other plugins are not to blame
                self._withdraw(plugin, f"exosk_register_{kind}: {type(error).__name__}: {error}")
                continue
            for name, factory in offered.items():
                if name.casefold() in owners:
                    raise PluginError(
                        f"{_SINGULAR[kind]} {name!r} is claimed by the plugins "
                        f"{owners[name.casefold()]!r} and {plugin!r}; block one with "
                        f"EXOSK_DISABLED_PLUGINS"
                    )
                owners[name.casefold()] = plugin
                found[name] = factory
        return found

    def _withdraw(self, plugin: str, reason: str) -> None:
        """Take out a plugin whose hook failed, and record why."""
        self._pluggy.unregister(name=plugin)
        self.records = [
            dataclasses.replace(record, status="failed", reason=reason)
            if record.name == plugin and record.status == "loaded"
            else record
            for record in self.records
        ]


@functools.cache
def default_manager() -> PluginManager:
    """Return the process's plugin manager, made when it is first asked for."""
    return PluginManager()
