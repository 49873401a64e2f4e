"""Opacity tables for measurements: every so many samples of exosk's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from exosk.opacities import OpacityTable, get_opacity


def thinned(molecules: Iterable[str], step: int, low: float, high: float) -> list[OpacityTable]:
    """Every so many samples of the tables between two wavelengths, in um."""
    tables = [get_opacity(name).select(low, high) for name in molecules]
    return [
        replace(
            table,
            wavelength=table.wavelength[::step],
            log_cross_section=table.log_cross_section[..., ::step],
        )
        for table in tables
    ]
