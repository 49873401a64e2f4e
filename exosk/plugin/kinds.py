"""The four kinds of things that plugins offer, and what each must be."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, Protocol

__all__ = ["KINDS", "Kind"]


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind.

    Attributes
    ----------
    singular : str
        For messages.
    classes : tuple of str
        What a factory may return, as ``"module:class"``: by name, since this low package does
        not import the higher ones, nor anything at all before it is needed.
    """

    singular: str
    classes: tuple[str, ...]

    def complaint(self, made: Any) -> str | None:
        """Tell what is wrong with an object that a factory returned, if something is."""
        expected = [_load(name) for name in self.classes]
        is_class = isinstance(made, type)
        if not is_class and isinstance(made, tuple(expected)):
            return None
        what = f"the class {made.__name__}" if is_class else f"an object of {type(made).__name__}"
        names = " or ".join(name.partition(":")[2] for name in self.classes)
        lacking = [] if is_class else _lacking(made, expected[0])
        return f"{what} where exosk needs a {names}" + (
            f"; it lacks {', '.join(lacking)}" if lacking else ""
        )


KINDS = {
    "simulators": Kind("simulator", ("exosk.simulators.protocol:Simulator",)),
    "sources": Kind("source", ("exosk.sources.protocol:Source",)),
    "opacities": Kind(
        "molecule or pair",
        ("exosk.opacities.table:OpacityTable", "exosk.opacities.collisions:CollisionTable"),
    ),
    "instruments": Kind("instrument", ("exosk.instruments.instrument:Instrument",)),
}


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _lacking(made: Any, expected: Any) -> list[str]:
    """Return what a Protocol asks for and the object does not have."""
    if Protocol not in expected.__bases__:
        return []
    wanted = {*vars(expected), *getattr(expected, "__annotations__", {})}
    return sorted(n for n in wanted if not n.startswith("_") and not hasattr(made, n))
