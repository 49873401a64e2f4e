"""What others published about the same planet, and what a report cites."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.report.wording import decimals, number, parameter_title, unit_text
from exosk.retrieval import Retrieval
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS

__all__ = ["PublishedValue", "published_values", "remarks", "so2_reports"]

# SO2 near 4.05 um, found in this planet before any retrieval here.
_SO2_PLANET = "wasp39b"
_SO2_REPORTS = [
    "Rustamkulov et al. 2023, Nature 614, 659",
    "Alderson et al. 2023, Nature 614, 664",
]

# Of ``meta["parameter_checks"]``: how a published value came to be written there.
_CHECKS = {
    "checked": "",
    "consistent": "agrees with other published values, not compared with this paper",
    "recalled": "not yet compared with this paper",
}
_COMPARED = (
    ("planet_radius", "planet_radius", "R_jup"),
    ("planet_mass", "planet_mass", "M_jup"),
    ("equilibrium_temperature", "temperature", "K"),
    ("star_radius", "star_radius", "R_sun"),
)
_NOTES = {
    "planet_radius": "retrieved at the model’s reference pressure, below the transit radius",
    "planet_mass": "the published value may also be its prior",
    "equilibrium_temperature": "the terminator’s temperature is another quantity, often lower",
}


@dataclass(frozen=True)
class PublishedValue:
    """One published value beside the retrieved one, as text.

    Attributes
    ----------
    title, unit : str
        What it is.
    published, retrieved : str
        Values; `retrieved` is empty for what was not free.
    reference, note : str
        Where it comes from, and what to keep in mind.
    """

    title: str
    unit: str
    published: str
    retrieved: str
    reference: str
    note: str


def so2_reports(retrieval: Retrieval) -> list[str]:
    """Return who reported SO2 in this planet when the model lacks it."""
    planet = str(retrieval.spectrum.meta.get("planet") or retrieval.spectrum.name)
    same = "".join(c for c in planet.lower() if c.isalnum()) == _SO2_PLANET
    return list(_SO2_REPORTS) if same and "SO2" not in retrieval.molecules else []


def remarks(retrieval: Retrieval) -> list[str]:
    """Return the remarks that came with the data."""
    found = retrieval.spectrum.meta.get("remarks") or []
    return [found] if isinstance(found, str) else [str(text) for text in found]


def published_values(retrieval: Retrieval) -> list[PublishedValue]:
    """Compare with the system's published parameters in the spectrum's meta, if any."""
    meta = retrieval.spectrum.meta
    summary = retrieval.posterior.summary()
    rows = []
    for key, name, unit in _COMPARED:
        value = meta.get(key)
        if not isinstance(value, int | float):
            continue
        rows.append(
            PublishedValue(
                title=parameter_title(key).replace("equilibrium t", "Equilibrium t"),
                unit=unit_text(unit),
                published=_with_error(float(value), meta.get(f"{key}_err")),
                retrieved=_interval(summary[name]) if name in summary else "",
                reference=str((meta.get("parameter_references") or {}).get(key, "")),
                note=_note(key, meta),
            )
        )
    return rows + _transit_radius(retrieval) if rows else []


def _transit_radius(retrieval: Retrieval) -> list[PublishedValue]:
    """Radius that the median depth means for the star's radius: what transits measure."""
    meta, fixed = retrieval.spectrum.meta, retrieval.provenance.get("simulator", {})
    star = fixed.get("fixed", {}).get("star_radius", meta.get("star_radius"))
    if not isinstance(star, int | float) or "planet_radius" not in meta:
        return []
    depth = float(np.median(retrieval.spectrum.depth))
    radius = np.sqrt(max(depth, 0.0)) * star * SOLAR_RADIUS / JUPITER_RADIUS
    return [
        PublishedValue(
            title="Transit radius of this spectrum",
            unit=unit_text("R_jup"),
            published="",
            retrieved=number(float(radius), 3),
            reference="",
            note=f"square root of the median depth, times {star:g} solar radii",
        )
    ]


def _note(key: str, meta: Mapping[str, Any]) -> str:
    check = _CHECKS.get(str((meta.get("parameter_checks") or {}).get(key, "checked")), "")
    return "; ".join(part for part in (_NOTES.get(key, ""), check) if part)


def _with_error(value: float, error: Any) -> str:
    if not isinstance(error, int | float) or not error > 0:
        return f"{value:g}"
    places = decimals(float(error))
    return f"{number(value, places)} ± {number(float(error), places)}"


def _interval(entry: Mapping[str, Any]) -> str:
    median, lower, upper = (float(entry[key]) for key in ("median", "lower", "upper"))
    places = min(decimals(max((upper - lower) / 2, 1e-9)), 4)
    return f"{number(median, places)} ({number(lower, places)} to {number(upper, places)})"
