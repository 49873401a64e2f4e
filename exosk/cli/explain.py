"""`exosk explain`: which wavelengths a model's answer rests on."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exosk.cli import options
from exosk.cli.progress import stages
from exosk.exceptions import RangeError, UnknownNameError

if TYPE_CHECKING:
    from exosk.datasets import Dataset, Store
    from exosk.explain import Explanation, Groups
    from exosk.models.fitted import FittedModel
    from exosk.spectra import Spectrum

__all__ = ["explain"]

_GROUPS = ("windows", "bands", "molecules", "correlated")
# Names of files that data sets are kept in; observations have others.
_SETS = (".h5", ".hdf5")
# Groups that a table shows.
_SHOWN = 8


def explain(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as `exosk train` writes it.")],
    spectra: Annotated[
        list[str],
        typer.Argument(
            help="An observation, as wasp-39b, or a file; several, whose mean is explained; or a "
            "data set of noise-free spectra, as `exosk simulate` writes it.",
            metavar="SPECTRUM...|SET",
        ),
    ],
    molecule: Annotated[
        str | None, typer.Option(help="Of a detector: whose probability to explain.")
    ] = None,
    parameter: Annotated[
        str | None, typer.Option(help="Of a retriever: whose posterior mean to explain.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="`shap` shows bands in many orders, `lime` chooses them at random, `occlusion` "
            "hides one at a time, `inclusion` shows one alone."
        ),
    ] = "shap",
    groups: Annotated[
        str | None,
        typer.Option(
            help="Bins that go together: `windows` about each bin (occlusion and inclusion only), "
            "`bands` of equal width, `molecules` (their absorption bands), `correlated`."
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            help="Width of windows (0.1) and bands (0.05), over the wavelength.", min=1e-4, max=10.0
        ),
    ] = None,
    background: Annotated[
        Path | None,
        typer.Option(
            help="Noise-free spectra to fill hidden bins from. Default: the data set that is "
            "explained; else simulated, as the model's card says.",
            metavar="SET",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Fill from spectra `without` the molecule, or from `all`. Default: without it, "
            "but for inclusion and for parameters."
        ),
    ] = None,
    draws: Annotated[int, typer.Option(help="How often hidden bins are drawn.", min=1)] = 32,
    samples: Annotated[
        int | None,
        typer.Option(
            help="Orders of groups for shap (10), choices of groups for lime (20 a group).", min=1
        ),
    ] = None,
    n_spectra: Annotated[
        int,
        typer.Option(help="Of a data set: how many spectra to explain, drawn at random.", min=1),
    ] = 30,
    out: Annotated[Path | None, typer.Option(help="File for the figure, PNG.")] = None,
    rebin: Annotated[
        bool, typer.Option("--rebin", help="Average the spectrum into the model's bins first.")
    ] = False,
    allow_noise: Annotated[
        bool,
        typer.Option("--allow-noise", help="Go on with errors that the model was not trained for."),
    ] = False,
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
    """Say which wavelengths a model's answer rests on, about a spectrum or on average.

    Bins are hidden in groups, depth and error together, and filled from spectra of the simulator
    that agree with what is seen. An importance is by how much the answer moves.

    Of several observations, all in the model's bins (or with --rebin), and of a data set it is the
    mean over them, with its error. Spectra of a data set get noise such as the model was trained
    for; of a detector they are those in which the molecule shows. Spectra that it was trained on
    are left out where that can be told.

    **Examples**

    - `exosk explain my-detector wasp-39b --molecule CO2 --out co2.png`

    - `exosk explain my-detector wasp-39b --molecule H2O --method occlusion --json`

    - `exosk explain my-retriever wasp-39b --parameter log_x_h2o --groups molecules`

    - `exosk explain my-detector dataset.h5 --molecule CO2 --n-spectra 100 --out global.png`

    - `exosk explain my-detector wasp-12b.csv wasp-17b.csv --rebin --molecule H2O`
    """
    started = time.perf_counter()
    from exosk.datasets import open_set
    from exosk.models.persistence import load_model

    reading = options.how_to_read(depth_unit, wavelength_unit, width, bin_width, table, column)
    of_set = _is_set(spectra)
    if of_set and (reading or rebin or wavelength_range is not None):
        raise RangeError(
            f"{spectra[0]} is a data set, in whose bins a model is trained; options that read or "
            f"rebin an observation have no effect on it, leave them out"
        )
    fitted = load_model(model, device)
    name = _what(fitted, molecule, parameter)
    data = None if background is None else open_set(background)
    notes: list[str] = []
    with stages() as tell:
        settings: dict[str, Any] = {
            "method": method,
            "against": against,
            "n_draws": draws,
            "n_samples": samples,
            "random_state": seed,
            "progress": lambda share: tell("asking the model", share),
        }
        tell("asking the model", 0.0)
        if of_set:
            whole = open_set(spectra[0])
            settings["groups"] = _groups(
                groups, method, window, fitted, whole if data is None else data
            )
            found, shown, notes = _of_set(fitted, whole, name, n_spectra, data, settings)
        else:
            observed = [_observed(one, reading, wavelength_range, fitted, rebin) for one in spectra]
            settings |= {"allow_noise": allow_noise, "data": data}
            settings["groups"] = _groups(groups, method, window, fitted, data)
            found, shown = _of_observations(fitted, observed, name, settings)
    if out is not None:
        from exosk.report import save_figure

        save_figure(found.plot(shown), out)
    document = {
        "model": str(model),
        "kind": fitted.card.kind,
        **({"spectrum": spectra[0]} if len(spectra) == 1 else {"spectra": spectra}),
        "name": shown.name,
        **found.to_dict(),
        "notes": notes,
        "files": {} if out is None else {"figure": str(out)},
        "seconds": round(time.perf_counter() - started, 2),
    }
    if as_json:
        print(json.dumps(document, allow_nan=False))
    else:
        _print(found, document, out)


def _is_set(spectra: list[str]) -> bool:
    """Tell whether it is a data set that was asked about: a folder, or a file of HDF5."""
    sets = [one for one in spectra if Path(one).is_dir() or Path(one).suffix in _SETS]
    if sets and len(spectra) > 1:
        raise RangeError(f"{sets[0]} is a data set; give it alone, or observations without it")
    return bool(sets)


def _of_set(
    fitted: FittedModel,
    whole: Dataset | Store,
    name: str,
    n: int,
    background: Dataset | Store | None,
    settings: dict[str, Any],
) -> tuple[Explanation, Spectrum, list[str]]:
    """Explain spectra that the model was not trained on, as far as can be known."""
    from exosk.evaluation.model import unseen
    from exosk.explain import explain_dataset

    kept, known = unseen(fitted.card, whole)
    notes = []
    if len(kept) < len(whole):
        notes = [f"of the set of the training, the {len(kept)} spectra held out were drawn from"]
    elif known:
        notes = [
            "the set is of the same simulation as the training: it may have seen these spectra"
        ]
    found, mean = explain_dataset(
        fitted, kept, name, n=n, background=whole if background is None else background, **settings
    )
    return found, mean, notes


def _observed(
    name: str,
    reading: dict[str, Any],
    between: tuple[float, float] | None,
    fitted: FittedModel,
    rebin: bool,
) -> Spectrum:
    from exosk.sources import load_spectrum

    observed = load_spectrum(name, **reading)
    if between is not None:
        observed = observed.between(*between)
    return fitted.rebin(observed) if rebin else observed


def _of_observations(
    fitted: FittedModel, observed: list[Spectrum], name: str, settings: dict[str, Any]
) -> tuple[Explanation, Spectrum]:
    """Explain observations, and return what to draw: the one, or their mean."""
    import numpy as np

    from exosk.explain import Explanation, explain_model
    from exosk.spectra import Spectrum

    tell = settings.pop("progress")
    parts = []
    for k, one in enumerate(observed):
        parts.append(explain_model(fitted, one, name, **settings))
        tell((k + 1) / len(observed))
    if len(observed) == 1:
        return parts[0], observed[0]
    depth = np.mean([one.depth for one in observed], axis=0)
    sigma = np.sqrt(np.sum([one.sigma**2 for one in observed], axis=0)) / len(observed)
    shown = Spectrum(fitted.card.grid, depth, sigma, name="mean spectrum")
    return Explanation.joined(parts), shown


def _what(fitted: FittedModel, molecule: str | None, parameter: str | None) -> str:
    """Return the molecule or parameter to explain."""
    card = fitted.card
    detects = card.kind == "detector"
    wanted, other = (molecule, parameter) if detects else (parameter, molecule)
    option, known = (
        ("--molecule", card.molecules) if detects else ("--parameter", tuple(card.space.names))
    )
    if wanted is None or other is not None:
        raise RangeError(f"the model is a {card.kind}; give {option}, one of {', '.join(known)}")
    return wanted


def _groups(
    kind: str | None,
    method: str,
    width: float | None,
    fitted: FittedModel,
    data: Dataset | Store | None,
) -> Groups:
    """Make the groups of bins that were asked for."""
    from exosk.explain import Groups
    from exosk.explain.bands import BANDS, bands_within
    from exosk.explain.fitted import background_of

    grid, card = fitted.card.grid, fitted.card
    if kind is None:
        kind = "windows" if method in ("occlusion", "inclusion") else "bands"
    if kind not in _GROUPS:
        raise UnknownNameError.suggest("kind of groups", kind, _GROUPS)
    if width is None:
        width = 0.1 if kind == "windows" else 0.05
    if kind == "windows":
        return Groups.windows(grid, width)
    if kind == "bands":
        return Groups.bands(grid, width)
    if kind == "molecules":
        known = [m for m in card.molecules if m in BANDS and bands_within(m, grid)]
        return Groups.molecular(grid, known, width)
    low, high = grid.range
    n_groups = min(grid.n_bins, max(1, round(math.log(high / low) / width)))
    return Groups.correlated(grid, background_of(card, data=data).depth, n_groups)


def _print(found: Explanation, document: dict[str, Any], out: Path | None) -> None:
    console = Console(highlight=False)
    unit = "" if found.unit == "1" else f" {found.unit}"
    title = escape(document["name"] or document["spectrum"])
    if len(found) > 1:
        title += f" of {len(found)}"
    console.print(
        f"[bold]{title}[/]  {escape(found.target)}: {document['value']:.3g}{escape(unit)}, "
        f"{document['base']:.3g} with all hidden ({found.method})",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("bins (um)", no_wrap=True)
    table.add_column("importance", justify="right")
    table.add_column("±", justify="right")
    largest = sorted(document["groups"], key=lambda group: -abs(group["importance"]))[:_SHOWN]
    for group in largest:
        error = "" if group["error"] is None else f"{group['error']:.2g}"
        table.add_row(escape(group["name"]), f"{group['importance']:+.3g}", error)
    console.print(table)
    shares = sorted(document["share_in_bands"].items(), key=lambda item: -item[1])
    said = ", ".join(f"{name} {share:.0%}" for name, share in shares[:4])
    console.print(
        f"Largest, for each 10 % of wavelength, at {document['peak_um']:.3g} um.", soft_wrap=True
    )
    console.print(f"Of what speaks for it, in bands (which overlap) of: {said}.", soft_wrap=True)
    for note in document["notes"]:
        console.print(f"[bold]Note:[/] {escape(note)}", soft_wrap=True)
    if out is not None:
        console.print(f"The figure: {escape(str(out))}", soft_wrap=True)
