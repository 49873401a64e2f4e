"""`exosk retrieve --model`: a trained model's answer to a spectrum, as numbers and files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.exceptions import RangeError

if TYPE_CHECKING:
    import numpy as np

    from exosk.models.fitted import FittedModel
    from exosk.spectra import Spectrum

__all__ = ["answer", "parameter_table", "prepare", "print_answer"]


def prepare(
    model: Path, spectrum: Spectrum, *, allow_noise: bool = False
) -> tuple[FittedModel, Spectrum]:
    """Read a model and bring a spectrum into its bins.

    Parameters
    ----------
    model : Path
        Folder of the model.
    spectrum : Spectrum
        In any bins. Where the model completes spectra it need not cover them all.
    allow_noise : bool, default=False
        Whether its errors may be outside the range that the model was trained for.

    Returns
    -------
    model : FittedModel
    spectrum : Spectrum
        In the model's bins; NaN where it does not cover them.

    Raises
    ------
    FileFormatError
        If it is no model.
    GridError
        If the spectrum does not cover a bin that the model needs.
    RangeError
        If the model is a detector, or the errors are outside its range.
    """
    from exosk.models.persistence import load_model

    fitted = load_model(model)
    if fitted.card.kind != "retriever":
        raise RangeError(
            f"{model} detects molecules and retrieves no parameters; ask it with exosk predict"
        )
    spectrum = fitted.rebin(spectrum, partial=fitted.completes)
    fitted.rows(spectrum, allow_noise=allow_noise)
    return fitted, spectrum


def answer(
    fitted: FittedModel,
    spectrum: Spectrum,
    folder: Path,
    *,
    allow_noise: bool = False,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> dict[str, Any]:
    """Retrieve a spectrum, and write posterior, figures and completed spectrum.

    Everything is made before anything is written, and each file is whole or absent.

    Parameters
    ----------
    fitted : FittedModel
        A retriever.
    spectrum : Spectrum
        In its bins, as :func:`prepare` returns it.
    folder : Path
        For the files. Those of an earlier retrieval are replaced.
    allow_noise : bool, default=False
        As there.
    progress : callable, optional
        Takes the name of a stage and the share of it that is done.

    Returns
    -------
    dict
        For JSON: ``parameters``, ``bins``, ``noise_factor``, ``completion`` (None where the model
        completes no spectra), ``files``, ``provenance``.
    """
    from exosk.report.figures import figure_png, plot_corner
    from exosk.storage import atomic_path

    progress("retrieving", 0.0)
    posterior = fitted.posterior(spectrum, allow_noise=allow_noise)
    parameters = fitted.summary(spectrum, posterior)
    progress("retrieving", 1.0)
    pictures = {"corner": figure_png(plot_corner(posterior))}
    completion, completed = None, None
    if fitted.completes:
        progress("completing the spectrum", 0.0)
        depth, std = fitted.complete(spectrum, allow_noise=allow_noise)
        completion = _compared(spectrum, depth)
        completed = _as_spectrum(spectrum, depth, std)
        pictures["completion"] = _picture(spectrum, depth, std)
        progress("completing the spectrum", 1.0)
    files = {"posterior": folder / "posterior.h5"}
    posterior.save(files["posterior"])
    for name, content in pictures.items():
        files[name] = folder / f"{name}.png"
        with atomic_path(files[name]) as temporary:
            temporary.write_bytes(content)
    if completed is not None:
        from exosk.sources import write_spectrum

        files["completed"] = folder / "completed.ecsv"
        write_spectrum(completed, files["completed"])
    return {
        "parameters": parameters,
        "bins": {"model": len(spectrum), "given": int(spectrum.observed.sum())},
        "noise_factor": fitted.noise_factor(spectrum),
        "completion": completion,
        "files": {name: str(path) for name, path in files.items()},
        "provenance": _provenance(fitted),
    }


def parameter_table(parameters: Mapping[str, Mapping[str, Any]]) -> Table:
    """Make the table of medians and 68 % intervals from a posterior's summary."""
    table = Table("parameter", "median", "68 % interval", "unit")
    for name, row in parameters.items():
        interval = f"{row['lower']:.4g} to {row['upper']:.4g}"
        table.add_row(name, f"{row['median']:.4g}", interval, row["unit"])
    return table


def print_answer(document: Mapping[str, Any]) -> None:
    """Print what :func:`answer` returned, for people."""
    console = Console(highlight=False)
    bins = document["bins"]
    console.print(
        f"[bold]{escape(document['target'] or 'unnamed target')}[/]  {bins['given']} of the "
        f"model's {bins['model']} bins, errors {document['noise_factor']:.2f} times its reference",
        soft_wrap=True,
    )
    console.print(parameter_table(document["parameters"]))
    if document["completion"] is not None:
        console.print(
            f"The completed spectrum misses the data by a chi-squared of "
            f"{document['completion']['chi2_per_bin']:.2f} a bin: "
            f"{escape(document['files']['completion'])}",
            soft_wrap=True,
        )
    console.print(
        f"{document['seconds']:.0f} s. The posterior: {escape(document['files']['posterior'])}",
        soft_wrap=True,
    )


def _compared(spectrum: Spectrum, completed: np.ndarray) -> dict[str, Any]:
    """Compare the completed spectrum with the data."""
    given = spectrum.observed
    pull = (spectrum.depth - completed)[given] / spectrum.sigma[given]
    return {"chi2_per_bin": float((pull**2).mean()), "n_masked": int((~given).sum())}


def _as_spectrum(spectrum: Spectrum, depth: np.ndarray, std: np.ndarray) -> Spectrum:
    from exosk.spectra import Spectrum

    meta = {
        "what": "a model's posterior mean and standard deviation of the noise-free spectrum",
        "given_bins": [int(k) for k in spectrum.observed.nonzero()[0]],
    }
    return Spectrum(spectrum.grid, depth, std, name=spectrum.name, meta=meta)


def _picture(spectrum: Spectrum, depth: np.ndarray, std: np.ndarray) -> bytes:
    from exosk.report.completion import plot_completion
    from exosk.report.figures import figure_png

    title = ", ".join(part for part in (spectrum.name, spectrum.instrument) if part)
    figure = plot_completion(spectrum.grid, spectrum.depth, spectrum.sigma, depth, std, title=title)
    return figure_png(figure)


def _provenance(fitted: FittedModel) -> dict[str, Any]:
    card = fitted.card
    return {
        "estimator": dict(card.estimator),
        "created": card.created,
        "n_training": card.n_training,
        "seed": card.seed,
        "training_set": dict(card.provenance),
        "versions": dict(card.versions),
    }
