"""Opacity tables by name: the user's own, those that come with exosk, and those of plugins."""

from __future__ import annotations

from functools import cache
from importlib import resources

from exosk.exceptions import UnknownNameError
from exosk.opacities import user_tables
from exosk.opacities.collisions import CollisionTable
from exosk.opacities.table import OpacityTable
from exosk.plugin import default_manager

__all__ = [
    "collision_names",
    "embedded_names",
    "get_opacity",
    "load_collision",
    "load_embedded",
]

_MOLECULES = (
    *("H2O", "CO2", "CH4", "CO", "O2", "O3", "Na", "K"),
    *("NH3", "SO2", "HCN", "H2S", "C2H2", "PH3"),
)
_PAIRS = ("H2-H2", "H2-He")


def embedded_names() -> tuple[str, ...]:
    """Names of the absorbers whose cross sections come with exosk."""
    return _MOLECULES


def collision_names() -> tuple[str, ...]:
    """Names of the pairs whose collision-induced absorption comes with exosk."""
    return _PAIRS


def get_opacity(name: str) -> OpacityTable | CollisionTable:
    """Load the opacity of a name: the user's own if there is one, else exosk's or a plugin's.

    The user's own tables lie in a folder (:mod:`exosk.opacities.user_tables`).

    Parameters
    ----------
    name : str
        A species as in ``"H2O"`` or a pair as in ``"H2-He"``, in any case.

    Returns
    -------
    OpacityTable or CollisionTable
        A pair gives a :class:`CollisionTable`.

    Raises
    ------
    UnknownNameError
        If no opacity has the name.
    PluginError
        If two plugins claim it, or the one that has it fails.
    FileFormatError
        If the user's own table of that name is damaged.
    """
    for own, path in user_tables.user_tables().items():
        if own.casefold() == str(name).casefold():
            return user_tables.load_user_table(path)
    table: OpacityTable | CollisionTable = default_manager().make("opacities", name)
    return table


def load_embedded(name: str) -> OpacityTable:
    """Load the embedded cross sections of an absorber.

    Parameters
    ----------
    name : str
        One of :func:`embedded_names`, in any case.

    Returns
    -------
    OpacityTable
        The same object at each call; its arrays are read-only.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    """
    return _load_embedded(_known("opacity", name, _MOLECULES))


def load_collision(name: str) -> CollisionTable:
    """Load the embedded collision-induced absorption of a pair.

    Parameters
    ----------
    name : str
        One of :func:`collision_names`, in any case.

    Returns
    -------
    CollisionTable
        The same object at each call; its arrays are read-only.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    """
    return _load_collision(_known("collision-induced absorption", name, _PAIRS))


@cache
def _load_embedded(name: str) -> OpacityTable:
    with resources.as_file(_resource(name)) as path:
        return OpacityTable.load(path)


@cache
def _load_collision(name: str) -> CollisionTable:
    with resources.as_file(_resource(name)) as path:
        return CollisionTable.load(path)


def _resource(name: str) -> resources.abc.Traversable:
    return resources.files("exosk.opacities") / "embedded" / f"{name.lower()}.h5"


def _known(kind: str, name: str, known: tuple[str, ...]) -> str:
    by_folded = {candidate.casefold(): candidate for candidate in known}
    try:
        return by_folded[str(name).casefold()]
    except KeyError:
        raise UnknownNameError.suggest(kind, name, known) from None
