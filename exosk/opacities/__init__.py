"""Opacities: cross sections, collision-induced absorption, Rayleigh scattering, their builders.

The builders (`exosk.opacities.line_by_line`, `exosk.opacities.alkali`) are modules of their own
and are not loaded here: reading a table needs none of them.
"""

from exosk.opacities.collisions import COLLISION_LOG_FLOOR, CollisionTable
from exosk.opacities.formats import KTable, read_opacity, write_opacity
from exosk.opacities.library import (
    collision_names,
    embedded_names,
    get_opacity,
    load_collision,
    load_embedded,
)
from exosk.opacities.rayleigh import rayleigh_cross_section, rayleigh_h2, rayleigh_he
from exosk.opacities.table import LOG_FLOOR, OpacityTable

__all__ = [
    "COLLISION_LOG_FLOOR",
    "LOG_FLOOR",
    "CollisionTable",
    "KTable",
    "OpacityTable",
    "collision_names",
    "embedded_names",
    "get_opacity",
    "load_collision",
    "load_embedded",
    "rayleigh_cross_section",
    "rayleigh_h2",
    "rayleigh_he",
    "read_opacity",
    "write_opacity",
]
