"""Looking up what plugins offer, and making it.

Nothing is loaded before a name is asked for. Then every plugin's hook module is, also for a name
of exosk's own: otherwise a plugin that claims the same name would be passed over in silence, or
not, depending on what was asked for before. Hook modules are light for this reason.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from typing import Any

import pluggy

from exosk.exceptions import ExoskError, PluginError, UnknownNameError
from exosk.plugin.containment import MAY_RAISE, contained, told
from exosk.plugin.kinds import KINDS
from exosk.plugin.loading import BUILT_IN, PluginRecord, load_plugins

__all__ = ["PluginManager", "PluginRecord", "default_manager"]


@dataclasses.dataclass(frozen=True)
class _Offer:
    """A name, the factory behind it, and whose it is."""

    name: str
    factory: Callable[..., Any]
    plugin: str


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
        if blocked is None:
            blocked = os.environ.get("EXOSK_DISABLED_PLUGINS", "").split(",")
        self._entry_points = entry_points
        self._blocked = {name.strip() for name in blocked} - {""}
        self._records: list[PluginRecord] = []
        self._loaded: pluggy.PluginManager | None = None
        self._loading = threading.RLock()

    def _plugins(self) -> pluggy.PluginManager:
        """Load all plugins, the first time that something is asked for."""
        if self._loaded is not None:
            return self._loaded
        with self._loading:
            if self._loaded is None and self._records:
                raise PluginError(
                    "a plugin asks exosk for something while it is being loaded itself; do that "
                    "in the factory, which is called later"
                )
            if self._loaded is None:
                try:
                    self._loaded = load_plugins(self._entry_points, self._blocked, self._records)
                except BaseException:  # Ctrl-C: the next lookup starts anew
                    self._records.clear()
                    raise
            return self._loaded

    @property
    def records(self) -> list[PluginRecord]:
        """What became of each plugin: exosk's own, then the others by name."""
        for kind in KINDS:  # a hook that fails is only known when it is asked
            self._offers(kind)
        return list(self._records)

    @property
    def unknown_blocked(self) -> list[str]:
        """Blocked names that are no plugin's, misspelt perhaps."""
        return sorted(self._blocked - {record.name for record in self.records})

    def offers(self, plugin: str) -> dict[str, list[str]]:
        """Return what a plugin offers: names by kind, only of kinds that it has."""
        found = {k: sorted(o.name for o in self._offers(k) if o.plugin == plugin) for k in KINDS}
        return {kind: names for kind, names in found.items() if names}

    def clashes(self, plugin: str) -> list[str]:
        """Say which of a plugin's names others claim too, a sentence each."""
        return [
            str(self._clash(kind, claims))
            for kind in KINDS
            for claims in self._claims(kind).values()
            if len(claims) > 1 and plugin in [claim.plugin for claim in claims]
        ]

    def names(self, kind: str) -> list[str]:
        """Return the registered names of a kind: simulators, sources, opacities, instruments."""
        return sorted(claims[0].name for claims in self._claims(kind).values())

    def get(self, kind: str, name: str) -> Callable[..., Any]:
        """Return the factory registered under a name (case does not matter).

        Raises
        ------
        UnknownNameError
            If nothing of that kind has the name; plugins that were not loaded are mentioned,
            because the missing name may be theirs.
        PluginError
            If two plugins claim the name.
        """
        return self._find(kind, name).factory

    def make(self, kind: str, name: str, **options: Any) -> Any:
        """Make what is registered under a name, and check that it is what it should be.

        Parameters
        ----------
        kind : str
            simulators, sources, opacities or instruments.
        name : str
            As registered; case does not matter.
        **options
            For the factory.

        Raises
        ------
        UnknownNameError
            As :meth:`get` does.
        PluginError
            If two plugins claim the name; or if the factory of a third party fails, returns
            something else, or asks a question at a prompt.
        ExoskError
            Whatever the factory raises of exosk's own errors: those are about `options`.
        """
        offer = self._find(kind, name)
        thing = f"{KINDS[kind].singular} {offer.name!r}"
        record = next(r for r in self._records if r.name == offer.plugin and r.status == "loaded")
        try:
            with contained():
                made = offer.factory(**options)
                complaint = KINDS[kind].complaint(made)
        except ExoskError:
            raise
        except MAY_RAISE as error:
            if offer.plugin in BUILT_IN:  # a bug of ours, or of the caller, keeps its own name
                raise
            raise PluginError(f"{record} could not make the {thing}: {told(error)}") from error
        if complaint:
            raise PluginError(
                f"{record} returned for the {thing} {complaint}; tell its author, or block it "
                f"with EXOSK_DISABLED_PLUGINS={record.name}"
            )
        return made

    def _find(self, kind: str, name: str) -> _Offer:
        known = self._claims(kind)
        claims = known.get(str(name).casefold())
        if claims is None:
            names = [claims[0].name for claims in known.values()]
            error = UnknownNameError.suggest(KINDS[kind].singular, name, names)
            absent = [
                f"{r.name} ({r.reason.rstrip('.')})" for r in self._records if r.status != "loaded"
            ]
            if absent:
                raise UnknownNameError(f"{error} Plugins that are not loaded: {'; '.join(absent)}.")
            raise error
        if len(claims) > 1:
            raise self._clash(kind, claims)
        return claims[0]

    def _clash(self, kind: str, claims: list[_Offer]) -> PluginError:
        first, second, *_ = claims
        return PluginError(
            f"{KINDS[kind].singular} {second.name!r} is claimed by the plugins {first.plugin!r} "
            f"and {second.plugin!r}; block one with EXOSK_DISABLED_PLUGINS={second.plugin}"
        )

    def _claims(self, kind: str) -> dict[str, list[_Offer]]:
        """Return the offers of a kind by folded name: more than one is a clash."""
        claims: dict[str, list[_Offer]] = {}
        for offer in self._offers(kind):
            claims.setdefault(offer.name.casefold(), []).append(offer)
        return claims

    def _offers(self, kind: str) -> list[_Offer]:
        """Ask the hooks of a kind, each time anew: what a plugin offers may change."""
        found: list[_Offer] = []
        hook = getattr(self._plugins().hook, f"exosk_register_{kind}")
        for implementation in hook.get_hookimpls():
            plugin = implementation.plugin_name
            try:
                with contained():
                    offered = list(_checked(implementation.function()))
            except MAY_RAISE as error:  # as at import: the other plugins are not to blame
                self._withdraw(plugin, f"exosk_register_{kind}: {told(error)}")
                continue
            found.extend(_Offer(name, factory, plugin) for name, factory in offered)
        order = {record.name: k for k, record in enumerate(self._records)}
        return sorted(found, key=lambda offer: order[offer.plugin])

    def _withdraw(self, plugin: str, reason: str) -> None:
        """Take out a plugin whose hook failed, and record why."""
        self._plugins().unregister(name=plugin)
        self._records = [
            record.but("failed", reason)
            if record.name == plugin and record.status == "loaded"
            else record
            for record in self._records
        ]


def _checked(offered: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Check what a hook returned, item by item."""
    if not isinstance(offered, Mapping):
        raise TypeError(f"{offered!r} is no mapping of names to factories")
    for name, factory in offered.items():
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"{name!r} is no name; it is no mapping of names to factories")
        if not callable(factory):
            raise TypeError(f"{factory!r}, offered as {name!r}, is no factory: it cannot be called")
        yield name, factory


@functools.cache
def default_manager() -> PluginManager:
    """Return the process's plugin manager, made when it is first asked for."""
    return PluginManager()
