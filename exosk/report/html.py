"""One retrieval as one HTML file: figures inside, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import datetime
import os
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
import numpy as np

from exosk import __version__
from exosk.report import wording
from exosk.report.fit import absent_bands, error_ratio, worst_bins
from exosk.report.judgement import ParameterJudgement, judge_molecules, judge_parameters
from exosk.report.literature import published_values, remarks, so2_reports
from exosk.report.method_text import LEARNER_NAMES, METHOD_CITATIONS, method_sentences
from exosk.report.verdict import verdict
from exosk.retrieval import Retrieval
from exosk.storage import atomic_path

__all__ = ["render_html", "write_html"]

_TEMPLATE = "report.html"


def render_html(
    retrieval: Retrieval, spectrum_png: bytes, corner_png: bytes, date: datetime.date | None = None
) -> str:
    """Render the report.

    Parameters
    ----------
    retrieval : Retrieval
        What to report.
    spectrum_png, corner_png : bytes
        The two figures, as :func:`~exosk.report.figures.figure_png` makes them.
    date : datetime.date, optional
        Date in the heading; today by default.

    Returns
    -------
    str
        A complete HTML document.
    """
    parameters = judge_parameters(retrieval.posterior)
    simulator = dict(retrieval.provenance.get("simulator", {}))
    opacities = dict(simulator.get("opacities", {}))
    spectrum = retrieval.spectrum
    return (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            r=retrieval,
            spectrum=spectrum,
            version=__version__,
            date=(date or datetime.date.today()).isoformat(),
            planet=spectrum.name or "Unnamed spectrum",
            verdict=verdict(retrieval),
            figures={
                name: base64.b64encode(png).decode("ascii")
                for name, png in (("spectrum", spectrum_png), ("corner", corner_png))
            },
            model_error=bool(retrieval.model_error.any()),
            error_ratio=error_ratio(retrieval),
            refined="n_simulations" in retrieval.posterior.meta,
            learner=LEARNER_NAMES.get(retrieval.method, ""),
            method=method_sentences(retrieval),
            molecules=judge_molecules(retrieval),
            parameters=[_parameter_row(j, retrieval) for j in parameters],
            scores=_score_rows(retrieval, parameters),
            worst=worst_bins(retrieval),
            absent=absent_bands(retrieval),
            so2_reports=so2_reports(retrieval),
            published=published_values(retrieval),
            remarks=remarks(retrieval),
            simulator=simulator,
            fixed=_fixed(simulator, retrieval),
            settings=simulator.get("settings", {}),
            structure=_structure(simulator.get("settings", {})),
            limits=_limits(opacities),
            opacity_sources={m: table.get("source", "") for m, table in opacities.items()},
            citations=_citations(retrieval, opacities),
        )
    )


def write_html(
    retrieval: Retrieval,
    path: str | os.PathLike[str],
    spectrum_png: bytes,
    corner_png: bytes,
    date: datetime.date | None = None,
) -> None:
    """Write :func:`render_html` to a file, whole or not at all."""
    text = render_html(retrieval, spectrum_png, corner_png, date)
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("exosk.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=wording.number,
        probability=wording.probability,
        formula=wording.formula,
        sentence=lambda words: wording.join(list(words)),
        aslist=as_list,
    )
    return environment


def as_list(value: Any) -> list[str]:
    """Return a string or an iterable of strings as a list; nothing gives an empty one."""
    if not value:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]


def _parameter_row(judged: ParameterJudgement, retrieval: Retrieval) -> dict[str, Any]:
    parameter = judged.parameter
    low, high = judged.median - judged.lower, judged.upper - judged.median
    places = min(wording.decimals(max(min(low, high), (high + low) / 1e3, 1e-9)), 4)
    return {
        "name": parameter.name,
        "title": wording.parameter_title(parameter.name, list(retrieval.molecules)),
        "unit": wording.unit_text(parameter.unit),
        "prior": wording.prior_text(parameter),
        "median": wording.number(judged.median, places),
        "minus": wording.number(low, places),
        "plus": wording.number(high, places),
        "limit": wording.number(judged.limit, places),
        "places": places,
        "kind": judged.kind,
        "flags": judged.flags,
        "edge": judged.edge,
    }


def _score_rows(retrieval: Retrieval, parameters: list[ParameterJudgement]) -> list[dict[str, Any]]:
    """Held-out scores, with what the first look and the final posterior say."""
    if retrieval.first_look is None:
        return []
    first = retrieval.first_look.median
    rows = []
    scores = {score["name"]: score for score in retrieval.scores}
    for k, judged in enumerate(parameters):
        name = judged.parameter.name
        score = scores.get(name, {})
        spread = max(judged.upper - judged.lower, 1e-9)
        places = min(wording.decimals(spread), 4)
        rows.append(
            {
                "title": wording.parameter_title(name, list(retrieval.molecules)),
                "unit": wording.unit_text(judged.parameter.unit),
                "r2": float(score.get("r2", np.nan)),
                "coverage": float(score.get("coverage", np.nan)),
                "first": wording.number(float(first[k]), places),
                "final": wording.number(judged.median, places),
            }
        )
    return rows


def _fixed(simulator: dict[str, Any], retrieval: Retrieval) -> list[tuple[str, str]]:
    """Values that were not free; what a prior later freed is left out."""
    return [
        (wording.parameter_title(name), f"{value:g}".replace("-", "−"))
        for name, value in simulator.get("fixed", {}).items()
        if name not in retrieval.posterior.space
    ]


def _structure(settings: Mapping[str, Any]) -> str:
    """Say in words how temperature and composition change with height in the model."""
    profile = settings.get("temperature_profile", "isothermal")
    warm = {"isothermal": "isothermal", "guillot": "grey in its radiative transfer (Guillot)"}
    mixed = (
        "in chemical equilibrium"
        if settings.get("chemistry") == "equilibrium"
        else f"of {len(layered)} two-layer abundance{'s' if len(layered) > 1 else ''}"
        if (layered := settings.get("abundance_profiles"))
        else "well mixed"
    )
    return f"{warm.get(profile, f'of a {profile} temperature profile')}, {mixed}"


def _limits(opacities: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Known limits of the opacity tables, those that several share said once."""
    holders: dict[str, list[str]] = {}
    for molecule, table in opacities.items():
        for limit in as_list(table.get("limits")):
            holders.setdefault(limit, []).append(wording.formula(molecule))
    rows: dict[str, list[str]] = {}
    for limit, molecules in holders.items():
        rows.setdefault(", ".join(molecules), []).append(limit)
    return list(rows.items())


def _citations(retrieval: Retrieval, opacities: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Everything to cite, by what it is for, each once."""
    meta = retrieval.spectrum.meta
    data = as_list(retrieval.spectrum.reference)
    data += [f"doi:{doi}" for doi in as_list(meta.get("doi"))]
    simulator = retrieval.provenance.get("simulator", {})
    groups = [
        ("Data", data),
        ("System", as_list((meta.get("parameter_references") or {}).values())),
        ("Opacities", [c for table in opacities.values() for c in as_list(table.get("citation"))]),
        ("Chemistry", as_list(simulator.get("chemistry", {}).get("citation"))),
        ("Simulator", as_list(simulator.get("citation"))),
        ("Method", METHOD_CITATIONS[retrieval.method]),
    ]
    return [(title, _unique(entries)) for title, entries in groups if entries]


def _unique(entries: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(entries))
