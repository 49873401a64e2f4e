"""`exosk predict`: from a model on disk and spectra to answers."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.cli.model_retrieval import parameter_table
from exosk.exceptions import ExoskError, RangeError

if TYPE_CHECKING:
    from exosk.models.fitted import FittedModel
    from exosk.spectra import Spectrum

__all__ = ["predict"]


def predict(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as `exosk train` writes it.")],
    spectra: Annotated[
        list[str],
        typer.Argument(
            help="Observations, as wasp-39b, or files (CSV, ECSV, IPAC, FITS, netCDF).",
            metavar="SPECTRUM...",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the posteriors, SPECTRUM.h5 each.")
    ] = None,
    rebin: Annotated[
        bool, typer.Option("--rebin", help="Average spectra into the model's bins first.")
    ] = False,
    allow_noise: Annotated[
        bool,
        typer.Option("--allow-noise", help="Go on with errors that the model was not trained for."),
    ] = False,
    n_samples: Annotated[
        int | None,
        typer.Option(
            help="Samples of each posterior, of equal weight; the model's own by default.", min=1
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where a network computes: cpu or cuda.")
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    depth_unit: options.DepthUnit = None,
    wavelength_unit: options.WavelengthUnit = None,
    width: options.Width = None,
    bin_width: options.BinWidth = None,
    table: options.Table = None,
    column: options.Columns = None,
    wavelength_range: options.Range = None,
) -> None:
    """Ask a trained model about spectra.

    A spectrum that the model was not made for (other bins, other noise) is refused, with the
    reason and the remedy.

    **Examples**

    - `exosk predict my-retriever wasp-39b`

    - `exosk predict my-detector a.csv b.csv --rebin --json`

    - `exosk predict my-retriever my-planet.csv --depth-unit ppm --out posteriors`
    """
    started = time.perf_counter()
    from exosk.models.persistence import load_model

    reading = options.how_to_read(depth_unit, wavelength_unit, width, bin_width, table, column)
    fitted = load_model(model, device)
    if out is not None and fitted.card.kind != "retriever":
        raise RangeError("--out is for posteriors, and a detector has none; leave it out")
    answers = []
    for target, name in zip(spectra, _file_names(spectra), strict=True):
        try:
            spectrum = _read(target, reading, wavelength_range)
            answers.append(
                _answer(fitted, spectrum, target, rebin, allow_noise, n_samples, seed, out, name)
            )
        except ExoskError as error:
            # Of several, say which one.
            if len(spectra) == 1:
                raise
            raise type(error)(f"{target}: {error}") from error
    document = {
        "model": str(model),
        "kind": fitted.card.kind,
        "spectra": answers,
        "presence": dict(fitted.card.presence),
        "seconds": round(time.perf_counter() - started, 2),
    }
    if as_json:
        print(json.dumps(document, allow_nan=False))
    elif fitted.card.kind == "retriever":
        _print_parameters(answers)
    else:
        _print_molecules(answers, fitted)


def _read(target: str, reading: dict[str, Any], within: tuple[float, float] | None) -> Spectrum:
    from exosk.sources import load_spectrum

    spectrum = load_spectrum(target, **reading)
    return spectrum if within is None else spectrum.between(*within)


def _answer(
    fitted: FittedModel,
    spectrum: Spectrum,
    target: str,
    rebin: bool,
    allow_noise: bool,
    n_samples: int | None,
    seed: int,
    out: Path | None,
    name: str,
) -> dict[str, Any]:
    if rebin:
        spectrum = fitted.rebin(spectrum)
    answer: dict[str, Any] = {"spectrum": target, "name": spectrum.name}
    if fitted.card.kind == "detector":
        answer["molecules"] = fitted.probabilities(spectrum, allow_noise=allow_noise)
    else:
        posterior = fitted.posterior(
            spectrum, n_samples, random_state=seed, allow_noise=allow_noise
        )
        answer["parameters"] = fitted.summary(spectrum, posterior)
        if out is not None:
            path = out / f"{name}.h5"
            posterior.save(path)
            answer["file"] = str(path)
    answer["noise_factor"] = fitted.noise_factor(spectrum)
    return answer


def _file_names(targets: list[str]) -> list[str]:
    """One name each, so that two spectra of one name do not overwrite each other."""
    names: list[str] = []
    for target in targets:
        stem = Path(target).stem if "/" in target or Path(target).is_file() else target
        slug = re.sub(r"[^A-Za-z0-9.+-]+", "-", stem).strip("-.").lower() or "spectrum"
        name, k = slug, 1
        while name in names:
            k += 1
            name = f"{slug}-{k}"
        names.append(name)
    return names


def _print_parameters(answers: list[dict[str, Any]]) -> None:
    console = Console(highlight=False)
    for answer in answers:
        console.print(_title(answer), soft_wrap=True)
        console.print(parameter_table(answer["parameters"]))
        if "file" in answer:
            console.print(f"The posterior: {escape(answer['file'])}", soft_wrap=True)


def _print_molecules(answers: list[dict[str, Any]], fitted: FittedModel) -> None:
    console = Console(highlight=False)
    table = Table("spectrum")
    for molecule in fitted.card.molecules:
        table.add_column(molecule, justify="right")
    for answer in answers:
        values = (f"{share:.3f}" for share in answer["molecules"].values())
        table.add_row(escape(answer["spectrum"]), *values)
    console.print(table)
    rule = fitted.card.presence
    visible = (
        f" that changes the spectrum by a chi-squared of more than {rule['delta_chi2']:g}"
        if rule.get("delta_chi2") is not None
        else ""
    )
    console.print(
        f"A probability is that of a volume mixing ratio above 1e{rule['threshold']:g}{visible}, "
        f"under the priors of the training set.",
        soft_wrap=True,
    )


def _title(answer: dict[str, Any]) -> str:
    name = escape(answer["name"])
    title = f"[bold]{name}[/]  {escape(answer['spectrum'])}" if name else escape(answer["spectrum"])
    return f"{title}  errors {answer['noise_factor']:.2f} times the model's reference"
