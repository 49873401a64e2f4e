"""What the page's own script draws the spectrum from, and the same in words and as a table.

The numbers stand in the page once, as a file of comma-separated values behind a link: a reader
downloads it, the script (``templates/spectrum.js``) draws it.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import quote

import numpy as np

from exosk.explain.bands import BANDS
from exosk.posterior import Posterior
from exosk.report.judgement import DETECTED, ParameterJudgement
from exosk.report.wording import formula, number, parameter_title, unit_text
from exosk.retrieval import Retrieval

__all__ = [
    "MOST_ROWS",
    "data_url",
    "describe_corner",
    "describe_spectrum",
    "plot_settings",
    "spectrum_csv",
    "spectrum_rows",
]

#: A table of more bins than this would be most of the page; they are in the file.
MOST_ROWS = 600

_PPM = 1e6
# Of a weighted correlation, above which a pair is worth a word.
_CORRELATED = 0.5


def spectrum_csv(retrieval: Retrieval) -> str:
    """Return data and model in every bin as comma-separated values.

    Parameters
    ----------
    retrieval : Retrieval
        What is reported.

    Returns
    -------
    str
        One line a bin: centre and half width (um); depth, its error and the model's own error,
        the median, 68 and 95 % of the model over the posterior, and the best draw (ppm);
        ``instrument``.
    """
    spectrum = retrieval.spectrum
    low95, low68, median, high68, high95 = retrieval.bands()
    columns = {
        "depth_ppm": spectrum.depth,
        "sigma_ppm": spectrum.sigma,
        "model_error_ppm": retrieval.model_error,
        "median_ppm": median,
        "low68_ppm": low68,
        "high68_ppm": high68,
        "low95_ppm": low95,
        "high95_ppm": high95,
        "best_ppm": retrieval.best_depth,
    }
    parts_per_million = _PPM * np.column_stack(list(columns.values()))
    names = _instrument_names(retrieval)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["wavelength_um", "half_width_um", *columns, "instrument"])
    for centre, half, values, name in zip(
        spectrum.wavelength, spectrum.half_width, parts_per_million, names, strict=True
    ):
        writer.writerow([f"{centre:.7g}", f"{half:.5g}", *(f"{v:.2f}" for v in values), name])
    return file.getvalue()


def data_url(text: str, kind: str) -> str:
    """Return a text as an address that holds it, for a link that downloads it."""
    return f"data:{kind};charset=utf-8,{quote(text, safe=',:;/@')}"


def plot_settings(retrieval: Retrieval) -> dict[str, Any]:
    """Return what the script must know beside the numbers.

    Returns
    -------
    dict
        ``molecules``, with the bands of each in um and whether it was found; ``instruments``, the
        names that are in the file, in the order of their colours.
    """
    low, high = retrieval.spectrum.grid.range
    molecules = []
    for name, probability in retrieval.molecules.items():
        bands = [list(b) for b in BANDS.get(name, ()) if b[0] < high and b[1] > low]
        if bands:
            found = probability > DETECTED
            molecules.append({"name": formula(name), "found": found, "bands": bands})
    instruments = list(dict.fromkeys(name for name, _ in _named(retrieval)))
    return {"molecules": molecules, "instruments": instruments}


def spectrum_rows(retrieval: Retrieval) -> list[list[str]]:
    """Return data and model as a table for readers, or nothing if it would be too long.

    Returns
    -------
    list of list of str
        Wavelength and half width (um), depth and error, median and 68 % of the model, and the best
        draw (ppm), and the residual in units of the data's error.
    """
    spectrum = retrieval.spectrum
    if len(spectrum) > MOST_ROWS:
        return []
    _, low, median, high, _ = _PPM * retrieval.bands()
    residual = (spectrum.depth - retrieval.best_depth) / spectrum.sigma
    return [
        [
            number(float(spectrum.wavelength[k]), 4),
            number(float(spectrum.half_width[k]), 4),
            *(
                number(float(value), 0)
                for value in (
                    _PPM * spectrum.depth[k],
                    _PPM * spectrum.sigma[k],
                    median[k],
                    low[k],
                    high[k],
                    _PPM * retrieval.best_depth[k],
                )
            ),
            number(float(residual[k]), 1, sign=True),
        ]
        for k in range(len(spectrum))
    ]


def describe_spectrum(retrieval: Retrieval) -> str:
    """Say in words and numbers what the figure of the spectrum shows."""
    spectrum = retrieval.spectrum
    low, high = spectrum.grid.range
    deepest = spectrum.wavelength[np.argmax(spectrum.depth)]
    residual = (spectrum.depth - retrieval.best_depth) / spectrum.sigma
    worst = int(np.argmax(np.abs(residual)))
    return (
        f"Transit depth of {spectrum.name or 'the planet'} against wavelength: {len(spectrum)} "
        f"bins from {low:.3g} to {high:.3g} µm, depths from "
        f"{number(100 * float(spectrum.depth.min()), 3)} to "
        f"{number(100 * float(spectrum.depth.max()), 3)} %, deepest at {deepest:.3g} µm, with a "
        f"median error of {number(_PPM * float(np.median(spectrum.sigma)), 0)} ppm. Over them the "
        f"model’s median, its 68 and 95 % bands and the best draw, whose reduced χ² is "
        f"{number(retrieval.reduced_chi2, 2)}. Below the residuals, the largest "
        f"{number(float(residual[worst]), 1, sign=True)} σ of the data at "
        f"{spectrum.wavelength[worst]:.3g} µm."
    )


def describe_corner(
    posterior: Posterior, parameters: list[ParameterJudgement], molecules: list[str]
) -> str:
    """Say in words and numbers what the corner plot shows.

    Parameters
    ----------
    posterior : Posterior
        What is plotted.
    parameters : list of ParameterJudgement
        Of the same posterior.
    molecules : list of str
        Of the model.
    """
    titles = [parameter_title(name, molecules) for name in posterior.space.names]
    values = []
    for title, judged in zip(titles, parameters, strict=True):
        numbers = (judged.lower, judged.median, judged.upper)
        low, middle, high = (f"{value:.3g}".replace("-", "−") for value in numbers)
        unit = unit_text(judged.parameter.unit)
        values.append(f"{title} {middle} ({low} to {high}){' ' + unit if unit else ''}")
    text = f"Histograms of {len(titles)} parameters and contours of every pair. Medians and 68 %: "
    return text + "; ".join(values) + f".{_most_correlated(posterior, titles)}"


def _most_correlated(posterior: Posterior, titles: list[str]) -> str:
    """Name the pair of parameters that depend most on each other, if any do."""
    spread = posterior.samples.std(axis=0)
    moving = np.flatnonzero(spread > 0)
    if len(moving) < 2:
        return ""
    covariance = np.cov(posterior.samples[:, moving], rowvar=False, aweights=posterior.weights)
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale) - np.eye(len(moving))
    a, b = np.unravel_index(np.argmax(np.abs(correlation)), correlation.shape)
    if not abs(correlation[a, b]) > _CORRELATED:
        return ""
    return (
        f" Most correlated: {titles[moving[a]]} and {titles[moving[b]]} "
        f"({number(float(correlation[a, b]), 2, sign=True)})."
    )


def _instrument_names(retrieval: Retrieval) -> list[str]:
    """Name the instrument of each bin."""
    names = [""] * len(retrieval.spectrum)
    for name, bins in _named(retrieval):
        for index in np.flatnonzero(bins):
            names[index] = name
    return names


def _named(retrieval: Retrieval) -> list[tuple[str, np.ndarray]]:
    """Name each instrument, in words that need no quotes in a file, and tell its bins."""
    return [
        (" ".join(re.sub(r'[,"]', " ", name).split()) or f"instrument {k + 1}", bins)
        for k, (name, bins) in enumerate(retrieval.spectrum.by_instrument())
    ]
