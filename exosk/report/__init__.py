"""Reports: what a retrieval found, as figures and one HTML file that stands by itself."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from exosk.report.citations import bibliography
from exosk.report.figures import figure_png, plot_corner, plot_spectrum, save_figure
from exosk.report.html import render_html, write_html
from exosk.retrieval import Retrieval
from exosk.storage import atomic_path

if TYPE_CHECKING:
    from exosk.explain import Explanation

__all__ = [
    "bibliography",
    "plot_corner",
    "plot_spectrum",
    "render_html",
    "save_figure",
    "write_html",
    "write_report",
]


def write_report(
    retrieval: Retrieval,
    folder: str | os.PathLike[str],
    explanations: Iterable[Explanation] = (),
) -> dict[str, Path]:
    """Write the posterior, both figures, the report and what to cite into a folder.

    Everything is made before anything is written, and each file is whole or absent.

    Parameters
    ----------
    retrieval : Retrieval
        What to report.
    folder : path-like
        Where; made when it is missing. Files of an earlier report are replaced.
    explanations : iterable of Explanation, optional
        Of answers to the same spectrum, beside those of the retrieval.

    Returns
    -------
    dict of str to pathlib.Path
        ``posterior`` (HDF5), ``spectrum`` and ``corner`` (PNG), ``report`` (HTML),
        ``citations`` (BibTeX).
    """
    folder = Path(folder)
    paths = {
        "posterior": folder / "posterior.h5",
        "spectrum": folder / "spectrum.png",
        "corner": folder / "corner.png",
        "report": folder / "report.html",
        "citations": folder / "citations.bib",
    }
    explanations = list(explanations)
    content = {
        "spectrum": figure_png(plot_spectrum(retrieval)),
        "corner": figure_png(plot_corner(retrieval.posterior)),
    }
    page = render_html(retrieval, content["spectrum"], content["corner"], explanations=explanations)
    content["report"] = page.encode("utf-8")
    used = [explanation.method for explanation in (*retrieval.explanations, *explanations)]
    cited = bibliography(retrieval, used)
    content["citations"] = cited.bibtex.encode("utf-8")
    retrieval.posterior.save(paths["posterior"])
    for name, data in content.items():
        with atomic_path(paths[name]) as temporary:
            temporary.write_bytes(data)
    return paths
