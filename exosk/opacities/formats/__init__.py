"""Opacity files of exosk and other codes, read and written: one format a module.

Each reader gives wavelengths in um, pressures in bar and cross sections in cm^2 per molecule,
whatever the file's units and order, and refuses what cannot be true.
"""

from exosk.opacities.formats.ktable import KTable
from exosk.opacities.formats.registry import (
    FORMATS,
    Format,
    find_format,
    read_opacity,
    write_opacity,
)

__all__ = ["FORMATS", "Format", "KTable", "find_format", "read_opacity", "write_opacity"]
