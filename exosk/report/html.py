"""One retrieval as one HTML file: figures and script inside, nothing loaded from elsewhere.

The page is whole without its script, which only makes the spectrum one that can be zoomed. Its
policy lets a browser run that script and no other, and load nothing.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np

from exosk import __version__
from exosk.report import wording
from exosk.report.checks import guard_rows, predictive_rows, weight_rows
from exosk.report.citations import as_list, bibliography
from exosk.report.explanation_section import explanation_parts
from exosk.report.fit import absent_bands, error_ratio, worst_bins
from exosk.report.interactive import (
    data_url,
    describe_corner,
    describe_spectrum,
    plot_settings,
    spectrum_csv,
    spectrum_rows,
)
from exosk.report.judgement import ParameterJudgement, judge_molecules, judge_parameters
from exosk.report.literature import published_values, remarks, so2_reports
from exosk.report.method_text import LEARNER_NAMES, method_sentences
from exosk.report.verdict import verdict
from exosk.retrieval import Retrieval
from exosk.storage import atomic_path

if TYPE_CHECKING:
    from exosk.explain import Explanation

__all__ = ["render_html", "write_html"]

_TEMPLATE = "report.html"
_SCRIPT = "spectrum.js"


def render_html(
    retrieval: Retrieval,
    spectrum_png: bytes,
    corner_png: bytes,
    date: datetime.date | None = None,
    explanations: Iterable[Explanation] = (),
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
    explanations : iterable of Explanation, optional
        Of answers to the same spectrum, each of which gets a part of its own, as those of the
        retrieval have one.

    Returns
    -------
    str
        A complete HTML document.
    """
    explanations = [*retrieval.explanations, *explanations]
    explained = explanation_parts(explanations, retrieval.spectrum)
    cited = bibliography(retrieval, [one.method for one in explanations])
    script = _script()
    pictures = {"spectrum": spectrum_png, "corner": corner_png}
    pictures |= {f"explanation-{k}": part.png for k, part in enumerate(explained)}
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
            figures={name: base64.b64encode(png).decode("ascii") for name, png in pictures.items()},
            alternatives={
                "spectrum": describe_spectrum(retrieval),
                "corner": describe_corner(
                    retrieval.posterior, parameters, list(retrieval.molecules)
                ),
            },
            script=script,
            policy=_policy(script),
            plot_settings=plot_settings(retrieval),
            csv=data_url(spectrum_csv(retrieval), "text/csv"),
            file_name=_file_name(spectrum.name),
            bins=spectrum_rows(retrieval),
            median_error=1e6 * float(np.median(spectrum.sigma)),
            explanations=explained,
            guard_rows=guard_rows(retrieval),
            predictive_rows=predictive_rows(retrieval),
            weight_rows=weight_rows(retrieval),
            model_error=bool(retrieval.model_error.any()),
            error_ratio=error_ratio(retrieval),
            refined="n_simulations" in retrieval.posterior.meta,
            learner=LEARNER_NAMES.get(retrieval.method, ""),
            # What it says of the posterior predictive check stands among the checks.
            method=method_sentences(dataclasses.replace(retrieval, predictive=None)),
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
            citations=cited.groups,
            bibtex=cited.bibtex,
            bibtex_url=data_url(cited.bibtex, "application/x-bibtex"),
        )
    )


def write_html(
    retrieval: Retrieval,
    path: str | os.PathLike[str],
    spectrum_png: bytes,
    corner_png: bytes,
    date: datetime.date | None = None,
    explanations: Iterable[Explanation] = (),
) -> None:
    """Write :func:`render_html` to a file, whole or not at all."""
    text = render_html(retrieval, spectrum_png, corner_png, date, explanations)
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
        json=_json,
    )
    return environment


def _script() -> str:
    """Return the page's script."""
    templates = resources.files("exosk.report").joinpath("templates")
    return templates.joinpath(_SCRIPT).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """Return a policy under which a browser runs this script only and loads nothing."""
    # A browser takes the digest of all between the tags, as the template writes it.
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    allowed = base64.b64encode(digest).decode("ascii")
    return (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    )


def _json(document: Any) -> str:
    """Return JSON that can stand between the tags of a script."""
    return json.dumps(document, ensure_ascii=False).replace("<", "\\u003c")


def _file_name(planet: str) -> str:
    """Turn a planet's name into that of a file."""
    return "-".join(re.findall(r"[a-z0-9]+", planet.lower())) or "spectrum"


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
