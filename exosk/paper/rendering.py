"""The texts: templates, and what they are filled with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2

from exosk.benchmark import Result
from exosk.paper.latex import latex_text
from exosk.paper.numbers import Numbers
from exosk.paper.performance import score_to_plot
from exosk.paper.rounding import latex_number
from exosk.paper.sections import KNOWN, in_order, lacking
from exosk.report.citations import Bibliography
from exosk.report.wording import join
from exosk.retrieval import Retrieval

__all__ = ["Content", "render", "render_numbers"]

_TITLE = "Machine-learning retrieval of exoplanet atmospheres with exosk: benchmarks"
# Opacities that have a sentence of their own.
_PAIRS = ("Borysow", "Dalgarno", "Chan")
_NETWORKS = {
    "mlp": "fully connected",
    "cnn": "convolutional",
    "flow": "a normalising flow",
    "gan": "an inpainting GAN",
}
_SOFTWARE = {
    "exosk": "exosk",
    "Harris2020": "NumPy",
    "Virtanen2020": "SciPy",
    "Pedregosa2011": "scikit-learn",
    "Paszke2019": "PyTorch",
    "Astropy2022": "Astropy",
    "Rozet2022": "Zuko",
    "Lange2023": "nautilus",
    "Hunter2007": "Matplotlib",
}
_METHODS = {
    "pretrained": "A pretrained flow gave the first answer, and importance sampling with the "
    "simulator's likelihood made it exact.",
    "forest": "A random forest gave the first answer, refined with the simulator's likelihood by "
    "tempered sequential Monte Carlo where that was asked for.",
}


@dataclass(frozen=True)
class Content:
    """What a manuscript is filled with.

    Attributes
    ----------
    results : mapping of str to Result
        By task.
    numbers : Numbers
        Their macros.
    retrieval : Retrieval or None
        Of an observed planet.
    cited : Bibliography or None
        What that used.
    networks : mapping of str to tuple of int
        Names of those that are drawn, and for how many bins and parameters.
    pictures : mapping of str to sequence of (str, float)
        By task: figures beside its result, and their height over their width.
    title : str or None
        Plain text.
    authors : sequence of str
        Plain text.
    """

    results: Mapping[str, Result]
    numbers: Numbers
    retrieval: Retrieval | None
    cited: Bibliography | None
    networks: Mapping[str, tuple[int, int]]
    pictures: Mapping[str, Sequence[tuple[str, float]]]
    title: str | None
    authors: Sequence[str]


def render(template: str, content: Content) -> str:
    """Fill a template.

    Parameters
    ----------
    template : str
        ``manuscript.tex`` or ``note.tex``.
    content : Content
        With what.

    Returns
    -------
    str
        LaTeX.
    """
    results, retrieval = content.results, content.retrieval
    missing = lacking(results)
    text = _environment().get_template(f"{template}.j2").render(
        title=latex_text(content.title or _TITLE),
        short_title=latex_text((content.title or "Benchmarks of exosk")[:44]),
        authors=[latex_text(author) for author in content.authors],
        short_author=_short(content.authors),
        smoke=any(r.size == "smoke" for r in results.values()),
        num=content.numbers.find,
        tasks=[_task(result, content) for result in in_order(results)],
        missing=latex_text(join(missing)),
        missing_command=latex_text(" ".join(missing)),
        planet=retrieval is not None,
        **_of_planet(retrieval, content.cited),
        networks=list(content.networks),
        network_names=join([_NETWORKS[name] for name in content.networks]),
        network_bins=next((str(n) for n, _ in content.networks.values()), "the"),
        network_parameters=next((str(d) for _, d in content.networks.values()), "the"),
        software=", ".join(f"{name} \\citep{{{key}}}" for key, name in _SOFTWARE.items()),
    )  # fmt: skip
    return text.rstrip("\n") + "\n"


def render_numbers(numbers: Numbers, gone: Sequence[str]) -> str:
    """Write the macros, and those that a kept manuscript uses in vain."""
    return _environment().get_template("numbers.tex.j2").render(
        values=numbers.values, words=numbers.words, smoke=numbers.smoke, gone=gone
    )  # fmt: skip


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("exosk.paper"),
        # Braces and percent signs are LaTeX's own.
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def _short(authors: Sequence[str]) -> str:
    surnames = [latex_text(author.split()[-1]) for author in authors]
    if len(surnames) > 2:
        return f"{surnames[0]} et al."
    return r" \& ".join(surnames)


def _task(result: Result, content: Content) -> dict[str, Any]:
    known = KNOWN.get(result.task)
    names = dict.fromkeys(s.name for e in result.entries for s in e.scores)
    num = content.numbers.find
    best = next((n for n in names if num(result.task, "", f"best {_plain(n)}")), None)
    asked = sum(s.met is not None for e in result.entries for s in e.scores)
    plotted = score_to_plot(result)
    question = latex_text(result.question)
    return {
        "name": result.task,
        "title": latex_text(result.title).rstrip("?.") if result.title else result.task,
        "question": question if question.endswith((".", "?")) else f"{question}.",
        "text": known.text if known else "",
        "mark": known.mark if known else "what was measured, and what the table shows",
        "smoke": result.size == "smoke",
        "asked": num(result.task, "", "asked") if asked else None,
        "met": num(result.task, "", "met"),
        "best": best and num(result.task, "", f"best {_plain(best)}"),
        "best_name": best and latex_text(best),
        "best_method": best and num(result.task, "", f"best method by {_plain(best)}"),
        "performance": plotted and f"performance-{result.task}.pdf",
        "performance_name": plotted and latex_text(plotted[0].upper() + plotted[1:]),
        "figures": [
            {"name": name, "width": _width(ratio)} for name, ratio in content.pictures[result.task]
        ],
    }


def _plain(name: str) -> str:
    """Quote a name for a regular expression."""
    return re.escape(name)


def _width(ratio: float) -> float:
    """Share of the text's width that leaves a tall picture room on the page."""
    return round(min(1.0, 0.85 / max(ratio, 0.1)), 2)


def _of_planet(retrieval: Retrieval | None, cited: Bibliography | None) -> dict[str, Any]:
    """Return what the texts say of the planet and of the simulator that it was retrieved with."""
    groups = dict(cited.groups) if cited else {}

    def keys(group: str, *, without: tuple[str, ...] = ()) -> str:
        found = dict.fromkeys(key for line in groups.get(group, ()) for key in line.keys)
        return ",".join(key for key in found if not key.startswith(without or ("\0",)))

    found: dict[str, Any] = {
        "settings": None,
        "opacity_range": "0.3 to 30\\,\\micron{}",
        "opacity_keys": keys("Opacities", without=_PAIRS),
        "data_keys": keys("Data"),
        "system_keys": keys("System"),
        "planet_method": "",
        "good_fit": True,
        "exact": False,
        "facilities": r"\authormustwrite{facilities}",
    }
    if retrieval is None:
        return found
    settings = retrieval.provenance.get("simulator", {}).get("settings", {})
    if {"n_layers", "pressure_range"} <= settings.keys():
        top, bottom = settings["pressure_range"]
        profile = settings.get("temperature_profile", "isothermal")
        found["settings"] = {
            "n_layers": latex_number(int(settings["n_layers"])),
            "top": latex_number(float(top), 1),
            "bottom": latex_number(float(bottom), 2),
            "profile": latex_text(profile),
        }
    found["planet_method"] = _METHODS.get(
        retrieval.method, f"The method is \\texttt{{{latex_text(retrieval.method)}}}."
    )
    meta = retrieval.posterior.meta
    found["exact"] = "n_simulations" in meta
    if "verdict" in meta:
        found["planet_method"] += r" The verdict on its weights is: \resPlanetVerdict{}."
    found["good_fit"] = retrieval.reduced_chi2_with_model_error < 1.2
    found["facilities"] = _facility(retrieval.spectrum.instrument)
    return found


def _facility(instrument: str) -> str:
    """Write a facility as the AAS's list has it, of the two that are sure."""
    for telescope in ("JWST", "HST"):
        if telescope in instrument:
            rest = instrument.replace(telescope, "").split()
            return f"{telescope} ({latex_text(rest[0])})" if rest else telescope
    return r"\authormustwrite{facilities}"
