"""The four hooks. Each returns a mapping from names to factories.

A factory is called when its name is asked for, so a hook module need not import anything
heavy: put the imports inside the factory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pluggy

__all__ = [
    "PROJECT",
    "exosk_register_instruments",
    "exosk_register_opacities",
    "exosk_register_simulators",
    "exosk_register_sources",
    "hookimpl",
]

PROJECT = "exosk"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

# A hook's return value: names and the factories behind them.
Factories = Mapping[str, Callable[..., Any]]


@hookspec
def exosk_register_simulators() -> Factories:  # type: ignore[empty-body]
    """Offer simulators: ``{"builtin": make_transmission_model}``.

    A factory takes the simulator's own keyword arguments (``molecules=...``) and returns an
    object that satisfies :class:`exosk.simulators.Simulator`.
    """


@hookspec
def exosk_register_sources() -> Factories:  # type: ignore[empty-body]
    """Offer sources of observations: ``{"embedded": EmbeddedSource}``.

    A factory takes no argument and returns an :class:`exosk.sources.Source`.
    """


@hookspec
def exosk_register_opacities() -> Factories:  # type: ignore[empty-body]
    """Offer opacity tables by species: ``{"H2O": load_h2o}``.

    A factory takes no argument and returns an :class:`exosk.opacities.OpacityTable`; for a
    pair such as ``"H2-He"`` an :class:`exosk.opacities.CollisionTable`.
    """


@hookspec
def exosk_register_instruments() -> Factories:  # type: ignore[empty-body]
    """Offer instruments: ``{"nirspec-prism": make_nirspec_prism}``.

    A factory takes the instrument's own keyword arguments and returns an
    :class:`exosk.instruments.Instrument`.
    """
