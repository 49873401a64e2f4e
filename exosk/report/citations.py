"""All that one retrieval used, to be cited: in words by what it is for, and as one BibTeX file.

What was used is asked of the retrieval: its data and system, the opacities and the simulator by
their own provenance, the parts of the atmosphere by its parameters and settings, the method by its
name, checks by their results, software by the versions that were noted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exosk.report.bibtex import Reference, known_references, references_of
from exosk.report.literature import so2_reports
from exosk.report.method_text import METHOD_CITATIONS
from exosk.retrieval import Retrieval

__all__ = ["Bibliography", "CitedLine", "as_list", "bibliography"]

_HAZE = (
    "Lecavelier des Etangs et al. 2008, A&A 481, L83 (haze)",
    "MacDonald & Madhusudhan 2017, MNRAS 469, 1979 (haze)",
)
_SURFACE = ("Rackham, Apai & Giampapa 2018, ApJ 853, 122 (spots and faculae)",)
# Of the built-in model's atmosphere, by a parameter that is there.
_PARTS = {
    "log_haze": _HAZE,
    "cloud_fraction": ("Line & Parmentier 2016, ApJ 820, 78 (patchy clouds)",),
    "t_irr": (
        "Guillot 2010, A&A 520, A27 (temperature profile)",
        "Line et al. 2013, ApJ 775, 137 (temperature profile)",
    ),
    "spot_fraction": _SURFACE,
    "faculae_fraction": _SURFACE,
}
_RAYLEIGH = (
    "Dalgarno & Williams 1962, ApJ 136, 690 (Rayleigh scattering by H2)",
    "Chan & Dalgarno 1965, Proc. Phys. Soc. 85, 227 (Rayleigh scattering by He)",
)
_ELEMENTS = "Asplund et al. 2009, ARA&A 47, 481 (solar abundances)"
_WEIGHTS = (
    "Dax et al. 2023, Phys. Rev. Lett. 130, 171403, arXiv:2210.05686 (importance sampling)",
    "Vehtari et al. 2024, JMLR 25(72), arXiv:1507.02646 (the weights' tail)",
)
_PREDICTIVE = "Gelman, Meng & Stern 1996, Statistica Sinica 6, 733 (posterior predictive checks)"
_GUARD = "Lee et al. 2018, arXiv:1807.03888 (Mahalanobis distance of a network's features)"
_ODDS = (
    "Del Moral, Doucet & Jasra 2006, J. R. Stat. Soc. B 68, 411 (sequential Monte Carlo)",
    "Thorngren 2025, arXiv:2510.00169 (odds and sigmas)",
    "Welbanks et al. 2025, arXiv:2504.21788 (odds and what no model has)",
)
_EXPLANATIONS = {
    "occlusion": ("Zeiler & Fergus 2014, arXiv:1311.2901 (occlusion)",),
    "shap": (
        "Lundberg & Lee 2017, arXiv:1705.07874 (SHAP)",
        "Aas, Jullum & Løland 2021, arXiv:1903.10464 (conditional Shapley values)",
    ),
    "lime": ("Ribeiro, Singh & Guestrin 2016, arXiv:1602.04938 (LIME)",),
    "refit": ("Welbanks et al. 2023, AJ 165, 112 (evidence by bin, by cross-validation)",),
}
# By distribution, in the order in which they are named.
_SOFTWARE = {
    "numpy": "Harris et al. 2020, Nature 585, 357 (NumPy)",
    "scipy": "Virtanen et al. 2020, Nature Methods 17, 261 (SciPy)",
    "scikit-learn": "Pedregosa et al. 2011, JMLR 12, 2825 (scikit-learn)",
    "torch": "Paszke et al. 2019, arXiv:1912.01703 (PyTorch)",
    "astropy": "Astropy Collaboration et al. 2022, ApJ 935, 167 (Astropy)",
}
_FLOWS = "Rozet et al. 2022, doi:10.5281/zenodo.7625672 (Zuko)"
_WITH_FLOWS = ("pretrained", "flow", "flow+is")
_FIGURES = "Hunter 2007, Comput. Sci. Eng. 9, 90 (Matplotlib)"


@dataclass(frozen=True)
class CitedLine:
    """One line of a list of references.

    Attributes
    ----------
    text : str
        In words.
    keys : tuple of str
        Of its entries in the BibTeX file.
    """

    text: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Bibliography:
    """What to cite for one retrieval.

    Attributes
    ----------
    groups : tuple of (str, tuple of CitedLine)
        By what it is for.
    references : tuple of Reference
        Each once, in the order in which the groups name them.
    """

    groups: tuple[tuple[str, tuple[CitedLine, ...]], ...]
    references: tuple[Reference, ...]

    @property
    def bibtex(self) -> str:
        """All references as one BibTeX file."""
        return "\n\n".join(reference.bibtex for reference in self.references) + "\n"


def bibliography(retrieval: Retrieval, explained_by: Sequence[str] = ()) -> Bibliography:
    """Collect what a retrieval used.

    Parameters
    ----------
    retrieval : Retrieval
        What is reported.
    explained_by : sequence of str, optional
        Methods of the explanations in the report, as :data:`exosk.explain.METHODS` names them.

    Returns
    -------
    Bibliography
        Its lines have at least one entry each, and the entries different keys.
    """
    lines: dict[str, list[tuple[str, list[Reference]]]] = {}
    # A line that two groups would say is said once.
    said: set[str] = set()
    for title, group in _groups(retrieval, explained_by):
        for text, references in group:
            if text not in said:
                said.add(text)
                lines.setdefault(title, []).append((text, references))
    entries: dict[str, Reference] = {}
    for group in lines.values():
        for _, references in group:
            for reference in references:
                # The one that knows more, as of its identifier, is kept.
                if len(reference.fields) > len(entries.get(reference.key, reference).fields):
                    entries[reference.key] = reference
                entries.setdefault(reference.key, reference)
    return Bibliography(
        groups=tuple(
            (title, tuple(CitedLine(text, tuple(r.key for r in refs)) for text, refs in group))
            for title, group in lines.items()
        ),
        references=tuple(entries.values()),
    )


_Lines = list[tuple[str, list[Reference]]]


def _groups(retrieval: Retrieval, explained_by: Sequence[str]) -> Iterator[tuple[str, _Lines]]:
    meta = retrieval.spectrum.meta
    simulator = retrieval.provenance.get("simulator", {})
    opacities = simulator.get("opacities", {}).values()
    chemistry = as_list(simulator.get("chemistry", {}).get("citation"))
    yield "Data", _data(retrieval)
    yield "System", _resolved(as_list((meta.get("parameter_references") or {}).values()))
    yield "Opacities", _resolved(c for table in opacities for c in as_list(table.get("citation")))
    yield "Chemistry", _resolved([*chemistry, _ELEMENTS] if chemistry else [])
    yield "Simulator", _resolved(_simulator(retrieval, simulator))
    yield "Method", _resolved(_method(retrieval))
    yield "Checks", _resolved(_checks(retrieval))
    yield "Earlier results", _resolved(so2_reports(retrieval))
    yield "Explanation", _resolved(c for name in explained_by for c in _EXPLANATIONS.get(name, ()))
    yield "Software", _software(retrieval)


def _resolved(lines: Iterable[str]) -> _Lines:
    return [(line, references_of(line)) for line in lines]


def _data(retrieval: Retrieval) -> _Lines:
    """Name the observation's papers, their identifiers, and the archive that it is from."""
    meta = retrieval.spectrum.meta
    lines = _resolved(as_list(retrieval.spectrum.reference))
    named = [reference for _, references in lines for reference in references]
    known = {reference.fields.get("doi") for reference in named}
    dois = [doi.removeprefix("doi:") for doi in as_list(meta.get("doi"))]
    missing = [doi for doi in dois if doi not in known]
    without = [reference for reference in named if "doi" not in reference.fields]
    if len(missing) == len(without) == 1:
        # One paper and one identifier belong together.
        full = without[0].with_fields(doi=missing[0])
        lines = [(text, [full if r == without[0] else r for r in refs]) for text, refs in lines]
        lines.append((f"doi:{missing[0]}", [full]))
        missing = []
    lines += [
        (f"doi:{doi}", [r for r in named if r.fields.get("doi") == doi])
        for doi in dois
        if doi in known
    ]
    lines += _resolved(f"doi:{doi}" for doi in missing)
    return lines + _resolved(as_list(meta.get("citation")))


def _simulator(retrieval: Retrieval, simulator: Mapping[str, Any]) -> Iterator[str]:
    yield from as_list(simulator.get("citation"))
    if simulator.get("simulator") == "builtin":
        yield from _RAYLEIGH
        free = {*retrieval.posterior.space.names, *simulator.get("fixed", {})}
        for name, lines in _PARTS.items():
            if name in free:
                yield from lines


def _method(retrieval: Retrieval) -> Iterator[str]:
    yield from (line for line in METHOD_CITATIONS[retrieval.method] if line != _corner(retrieval))
    if "pareto_k" in retrieval.posterior.meta:
        yield from _WEIGHTS


def _checks(retrieval: Retrieval) -> Iterator[str]:
    if retrieval.predictive is not None:
        yield _PREDICTIVE
    if retrieval.guard is not None and "embedding" in retrieval.guard.get("parts", {}):
        yield _GUARD
    if retrieval.odds:
        yield from _ODDS


def _software(retrieval: Retrieval) -> _Lines:
    """Name what computed and what drew, with versions where they were noted."""
    versions = retrieval.provenance.get("versions", {})
    version = versions.get("exosk")
    exosk = known_references()["exosk"]
    if version:
        exosk = exosk.with_fields(version=version)
    lines: _Lines = [(f"exosk {version}" if version else "exosk", [exosk])]
    for name, text in _SOFTWARE.items():
        if name in versions:
            used = [r.with_fields(note=f"version {versions[name]}") for r in references_of(text)]
            lines.append((re.sub(r"\)$", f" {versions[name]})", text), used))
    if retrieval.method in _WITH_FLOWS:
        lines += _resolved([_FLOWS])
    return lines + _resolved([_FIGURES, _corner(retrieval)])


def _corner(retrieval: Retrieval) -> str:
    """Find the line that is about the corner plot, which is software and no method."""
    return next(line for line in METHOD_CITATIONS[retrieval.method] if "corner.py" in line)


def as_list(value: Any) -> list[str]:
    """Return a string or an iterable of strings as a list; nothing gives an empty one."""
    if not value:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]
