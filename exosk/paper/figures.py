"""All figures of the paper, as the content of their files."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image, UnidentifiedImageError

from exosk.benchmark import Result
from exosk.exceptions import FileFormatError
from exosk.paper.diagrams import plot_network
from exosk.paper.layers import paths_of
from exosk.paper.performance import plot_performance, score_to_plot
from exosk.report import plot_spectrum
from exosk.retrieval import Retrieval

__all__ = ["Picture", "made_figures", "pictures_of"]


@dataclass(frozen=True)
class Picture:
    """A figure that lies beside a result.

    Attributes
    ----------
    name : str
        In the folder of figures, without signs that LaTeX minds.
    content : bytes
        Of the file, as it is.
    ratio : float
        Height over width.
    """

    name: str
    content: bytes
    ratio: float


def pictures_of(result: Result) -> list[Picture]:
    """Read the pictures beside a result, those that are there.

    Raises
    ------
    FileFormatError
        If one is no picture (PNG or JPEG).
    """
    found = []
    for path in result.figures:
        if not path.exists():
            continue
        content = path.read_bytes()
        try:
            with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as image:
                width, height = image.size
        except (UnidentifiedImageError, OSError) as error:
            raise FileFormatError(
                f"{path}, a figure of {result.task}, is no PNG or JPEG picture; run the task again"
            ) from error
        stem = re.sub(r"[^A-Za-z0-9-]+", "-", path.stem)
        own = re.sub(r"[^A-Za-z0-9-]+", "-", result.task)
        name = stem if stem.startswith(own) else f"{own}-{stem}"
        found.append(Picture(f"result-{name}{path.suffix.lower()}", content, height / width))
    return found


def made_figures(
    results: Mapping[str, Result], retrieval: Retrieval | None, networks: Mapping[str, Any]
) -> dict[str, bytes]:
    """Draw scores against costs, networks, and the planet's spectrum.

    Parameters
    ----------
    results : mapping of str to Result
        By task.
    retrieval : Retrieval or None
        Of the planet.
    networks : mapping of str to estimator
        Fitted, as :func:`~exosk.paper.networks.example_networks` returns them.

    Returns
    -------
    dict of str to bytes
        PDF, by path in the paper's folder. The same figures have the same bytes.
    """
    files = {}
    for task, result in results.items():
        name = score_to_plot(result)
        if name is not None:
            files[f"figures/performance-{task}.pdf"] = _pdf(plot_performance(result, name))
    for name, estimator in networks.items():
        files[f"figures/model-{name}.pdf"] = _pdf(plot_network(paths_of(estimator)))
    if retrieval is not None:
        files["figures/planet.pdf"] = _pdf(plot_spectrum(retrieval))
    return files


def _pdf(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    # Fonts as TrueType: journals refuse those of type 3.
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()
