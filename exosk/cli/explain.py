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
    from exosk.explain import Explanation, Groups
    from exosk.models.fitted import FittedModel

__all__ = ["explain"]

_GROUPS = ("windows", "bands", "molecules", "correlated")
# Groups that a table shows.
_SHOWN = 8


def explain(
    model: Annotated[Path, typer.Argument(help="Folder of a model, as `exosk train` writes it.")],
    spectrum: Annotated[
        str,
        typer.Argument(help="An observation, as wasp-39b, or a file.", metavar="SPECTRUM"),
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
            help="Noise-free spectra to fill hidden bins from. Default: simulated, as the model's "
            "card says.",
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
    """Say which wavelengths a model's answer about a spectrum rests on.

    Bins are hidden in groups, depth and error together, and filled from spectra of the simulator
    that agree with what is seen. An importance is by how much the answer moves.

    **Examples**

    - `exosk explain my-detector wasp-39b --molecule CO2 --out co2.png`

    - `exosk explain my-detector wasp-39b --molecule H2O --method occlusion --json`

    - `exosk explain my-retriever wasp-39b --parameter log_x_h2o --groups molecules`
    """
    started = time.perf_counter()
    from exosk.datasets import Dataset
    from exosk.explain import explain_model
    from exosk.models.persistence import load_model
    from exosk.sources import load_spectrum

    reading = options.how_to_read(depth_unit, wavelength_unit, width, bin_width, table, column)
    fitted = load_model(model, device)
    name = _what(fitted, molecule, parameter)
    observed = load_spectrum(spectrum, **reading)
    if wavelength_range is not None:
        observed = observed.between(*wavelength_range)
    if rebin:
        observed = fitted.rebin(observed)
    data = None if background is None else Dataset.load(background)
    with stages() as tell:
        tell("asking the model", 0.0)
        found = explain_model(
            fitted,
            observed,
            name,
            method=method,
            against=against,
            data=data,
            groups=_groups(groups, method, window, fitted, data),
            n_draws=draws,
            n_samples=samples,
            allow_noise=allow_noise,
            random_state=seed,
            progress=lambda share: tell("asking the model", share),
        )
    if out is not None:
        from exosk.report import save_figure

        save_figure(found.plot(observed), out)
    document = {
        "model": str(model),
        "kind": fitted.card.kind,
        "spectrum": spectrum,
        "name": observed.name,
        **found.to_dict(),
        "files": {} if out is None else {"figure": str(out)},
        "seconds": round(time.perf_counter() - started, 2),
    }
    if as_json:
        print(json.dumps(document, allow_nan=False))
    else:
        _print(found, document, out)


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
    kind: str | None, method: str, width: float | None, fitted: FittedModel, data: Any
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
    if out is not None:
        console.print(f"The figure: {escape(str(out))}", soft_wrap=True)
