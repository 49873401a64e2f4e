"""`exosk retrieve`: from a spectrum to an atmosphere, by simulation or by a trained model."""

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
from exosk.cli.joining import choose_offsets, load_joined, make_simulator, with_system
from exosk.cli.model_retrieval import answer, parameter_table, prepare, print_answer
from exosk.cli.progress import stages
from exosk.exceptions import ExoskError, RangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exosk.parameters import Prior
    from exosk.retrieval import Retrieval
    from exosk.simulators import Simulator
    from exosk.spectra import Spectrum

__all__ = ["retrieve"]

# What a trained model has no use for.
_OF_TRAINING = {
    "method": "--method",
    "odds": "--odds",
    "explain": "--explain",
    "no_explain": "--no-explain",
    "explain_by": "--explain-by",
    "checkpoint": "--checkpoint",
    "n_spectra": "--n-spectra",
    "molecules": "--molecules",
    "refine": "--[no-]refine",
    "jobs": "--jobs",
    "priors": "--priors",
    "star_radius": "--star-radius",
    "planet_mass": "--planet-mass",
    "temperature": "--temperature",
    "simulator": "--simulator",
    "offset": "--offset",
}
# What nothing but training has a use for.
_OF_LEARNING = {"n_spectra": "--n-spectra", "refine": "--[no-]refine", "jobs": "--jobs"}


def retrieve(
    context: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            help='An observation or a planet, as wasp-39b or "WASP-96 b", at hand or in an '
            "archive; or a file (CSV, ECSV, IPAC, FITS, netCDF)."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the results; `retrieval-TARGET` by default."),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a model, as `exosk train` writes it: nothing is simulated or trained."
        ),
    ] = None,
    allow_noise: Annotated[
        bool,
        typer.Option(
            "--allow-noise",
            help="With --model: go on with errors that the model was not trained for.",
        ),
    ] = False,
    method: Annotated[
        str | None,
        typer.Option(
            help="`pretrained` (made exact by importance sampling), `forest` (refined with the "
            "simulator), `flow`, `flow+is`, `gan`, `nested` (nested sampling, without training) or "
            "`hmc`. By default a pretrained model where one serves, or else a forest."
        ),
    ] = None,
    odds: Annotated[
        bool,
        typer.Option(
            "--odds", help="Compare the model with the same one without each of its molecules."
        ),
    ] = False,
    explain: Annotated[
        list[str] | None,
        typer.Option(
            help="A molecule to explain in the report, beside those of probability above 0.9 (four "
            "at most): which wavelengths speak for it. May be repeated.",
            metavar="MOLECULE",
        ),
    ] = None,
    no_explain: Annotated[bool, typer.Option("--no-explain", help="Explain no molecule.")] = False,
    explain_by: Annotated[
        str,
        typer.Option(
            help="Explain by best `fits` of the simulator with and without a molecule, by the "
            "trained `model` (Shapley values, some seconds for each molecule), or by `both`."
        ),
    ] = "fits",
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="With `nested` or `hmc`: a file that the run is saved in, and goes on from."
        ),
    ] = None,
    n_spectra: Annotated[int, typer.Option(help="Training spectra to simulate.", min=100)] = 10_000,
    molecules: options.Molecules = None,
    refine: Annotated[
        bool,
        typer.Option(help="Refine the forest's posterior with the simulator's exact likelihood."),
    ] = True,
    seed: options.Seed = 0,
    jobs: Annotated[
        int | None, typer.Option(help="Processor cores to train on; all by default.", min=1)
    ] = None,
    as_json: options.Json = False,
    priors: options.PriorFile = None,
    star_radius: options.StarRadius = None,
    planet_mass: options.PlanetMass = None,
    temperature: options.EquilibriumTemperature = None,
    simulator: options.SimulatorName = None,
    join: options.Join = None,
    offset: options.Offset = None,
    depth_unit: options.DepthUnit = None,
    wavelength_unit: options.WavelengthUnit = None,
    width: options.Width = None,
    bin_width: options.BinWidth = None,
    table: options.Table = None,
    column: options.Columns = None,
    wavelength_range: options.Range = None,
) -> None:
    """Retrieve the atmosphere behind a transmission spectrum.

    Asks a pretrained model, makes its posterior exact with the simulator, prints the result, and
    writes posterior.h5, spectrum.png, corner.png, report.html and citations.bib, BibTeX of all
    that was used. Where no pretrained model serves, or with --n-spectra, training spectra are
    simulated in the observation's own bins and a random forest learns them. --method chooses
    another way.

    With --model, asks a trained model instead and writes posterior.h5 and corner.png. The spectrum
    is averaged into the model's bins. A model that completes spectra, as a GAN, needs few of them;
    of its bins all are in completed.ecsv, and completion.png shows them over the data.

    With --join, spectra of several instruments are one, and each instrument but that of most bins
    has an offset, a parameter in ppm; a column `instrument` of a file tells them apart as well,
    and --offset gives them offsets. A model, trained before, knows none.

    **Examples**

    - `exosk retrieve wasp-39b`

    - `exosk retrieve wasp-39b --n-spectra 10000`

    - `exosk retrieve my-planet.csv --star-radius 0.94 --planet-mass 0.28 --temperature 1170`

    - `exosk retrieve my-planet.csv --depth-unit ppm --width full --priors my-priors.toml`

    - `exosk retrieve wasp-39b --method flow+is --n-spectra 30000 --odds`

    - `exosk retrieve wasp-39b --explain SO2 --explain CO`

    - `exosk retrieve wasp-39b --method nested --checkpoint wasp-39b.run`

    - `exosk retrieve prism.csv --join soss.csv --join g395h.csv --offset 100`

    - `exosk retrieve my-planet.csv --model my-gan --range 1.1 1.7`
    """
    started = time.perf_counter()
    if model is not None:
        _refuse_training(context)
    elif allow_noise:
        raise RangeError("--allow-noise is about a trained model; it goes with --model")
    stated = (molecules, priors, star_radius, planet_mass, temperature, simulator)
    system = options.read_system(*stated)
    reading = options.how_to_read(depth_unit, wavelength_unit, width, bin_width, table, column)
    spectrum = load_joined([target, *(join or [])], reading)
    spectrum = with_system(spectrum, system)
    if wavelength_range is not None:
        spectrum = spectrum.between(*wavelength_range)
    if model is not None:
        fitted, spectrum = prepare(model, spectrum, allow_noise=allow_noise)
        folder = _folder(out, target)
        with stages() as tell:
            document = answer(fitted, spectrum, folder, allow_noise=allow_noise, progress=tell)
        document = {"target": spectrum.name, "model": str(model), **document}
        document["seconds"] = round(time.perf_counter() - started, 2)
        if as_json:
            print(json.dumps(document, allow_nan=False))
        else:
            print_answer(document)
        return
    if no_explain and (explain or explain_by != "fits"):
        raise RangeError("--no-explain goes with neither --explain nor --explain-by; leave one out")
    offsets = choose_offsets(spectrum, offset, joined=bool(join))
    folder = _folder(out, target)

    # Imports wait until they are needed, so that --help and a mistake are answered at once.
    from exosk.report import write_report
    from exosk.retrieval import retrieve as run

    if method is None and _given(context, _OF_LEARNING):
        method = "forest"
    if method in (None, "pretrained"):

        def refused(reason: ExoskError) -> None:
            if method is not None:
                raise reason
            if not as_json:
                Console(stderr=True, highlight=False).print(f"A forest is trained: {reason}.")

        chosen, forward_model = _choose_method(spectrum, stated, offsets, refused)
    else:
        chosen = method
        forward_model = make_simulator(system, spectrum, offsets)
    with stages() as tell:
        result = run(
            spectrum,
            forward_model,
            method=chosen,
            odds=odds,
            checkpoint=checkpoint,
            explain=None if no_explain else explain or (),
            explain_by=explain_by,
            n_spectra=n_spectra,
            refine=refine,
            n_jobs=jobs or -1,
            random_state=seed,
            progress=tell,
        )
    files = write_report(result, folder)
    seconds = time.perf_counter() - started
    if as_json:
        print(json.dumps(_document(result, files, seconds), allow_nan=False))
    else:
        _print_tables(result, files, seconds)


def _choose_method(
    spectrum: Spectrum,
    stated: tuple[Any, ...],
    offsets: Prior | None,
    refused: Callable[[ExoskError], None],
) -> tuple[str, Simulator]:
    """Choose a pretrained model, or a forest and say why."""
    from exosk.retrieval import choose_method

    def make(molecules: tuple[str, ...] | None) -> Simulator:
        default = {} if molecules is None else {"default": molecules}
        return make_simulator(options.read_system(*stated, **default), spectrum, offsets)

    if offsets is None:
        return choose_method(spectrum, make, refused)
    refused(
        RangeError(
            "pretrained models know no offsets between instruments; choose a method that trains, "
            "or do without (--offset 0)"
        )
    )
    return "forest", make(None)


def _given(context: typer.Context, flags: Mapping[str, str]) -> list[str]:
    """Of some options, those that stand on the command line."""
    sources = {name: context.get_parameter_source(name) for name in flags}
    return [flags[n] for n, source in sources.items() if source and source.name == "COMMANDLINE"]


def _refuse_training(context: typer.Context) -> None:
    given = _given(context, _OF_TRAINING)
    if given:
        flags = " and ".join(given)
        raise RangeError(
            f"with --model nothing is simulated or trained, so {flags} would have no effect; leave "
            f"out {flags}, or --model"
        )


def _folder(out: Path | None, target: str) -> Path:
    """Choose the folder, and find out before the work whether it can be written."""
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", Path(target).stem if "/" in target else target)
    folder = out or Path(f"retrieval-{slug.strip('-.').lower() or 'result'}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RangeError(f"{folder} cannot be the folder of the results: {error}") from error
    return folder


def _document(result: Retrieval, files: dict[str, Path], seconds: float) -> dict[str, Any]:
    return {
        "target": result.spectrum.name,
        "parameters": result.posterior.summary(),
        "molecules": result.molecules,
        "detector": result.detector,
        "prior_presence": result.prior_presence,
        "odds": None if result.odds is None else result.odds.to_dict(),
        "method": result.method,
        "guard": result.guard,
        "predictive": None if result.predictive is None else result.predictive.to_dict(),
        "explanations": [explanation.to_dict() for explanation in result.explanations],
        "not_explained": result.provenance.get("not_explained"),
        "reduced_chi2": result.reduced_chi2,
        "reduced_chi2_with_model_error": result.reduced_chi2_with_model_error,
        "files": {name: str(path) for name, path in files.items()},
        "seconds": round(seconds, 2),
        "seconds_by_stage": result.seconds,
        "provenance": result.provenance,
    }


def _print_tables(result: Retrieval, files: dict[str, Path], seconds: float) -> None:
    console = Console()
    spectrum = result.spectrum
    if result.guard is not None and result.guard["outside"]:
        words = result.guard["verdict"]
        console.print(f"[bold red]{words[0].upper()}{words[1:]}.[/]", soft_wrap=True)
    low, high = spectrum.grid.range
    console.print(
        f"[bold]{spectrum.name or 'unnamed target'}[/]  {spectrum.instrument}  "
        f"{len(spectrum)} bins, {low:.2f}-{high:.2f} um"
    )
    console.print(parameter_table(result.posterior.summary()))
    columns = ["molecule", "probability", "before the data"]
    columns += ["detector"] * bool(result.detector) + ["odds with : without"] * bool(result.odds)
    table = Table(*columns)
    for name, probability in result.molecules.items():
        row = [name, f"{probability:.3f}", f"{result.prior_presence[name]:.3f}"]
        row += [f"{result.detector[name]:.3f}"] if result.detector else []
        row += [result.odds[name].text] if result.odds else []
        table.add_row(*row)
    if result.molecules:
        console.print(table)
        console.print(
            f"A probability is that of a volume mixing ratio above 1e{result.threshold:.0f}, "
            f"under this model and its priors.",
            highlight=False,
            soft_wrap=True,
        )
    _print_explanations(console, result)
    with_model = (
        f", or {result.reduced_chi2_with_model_error:.2f} with the model's own sampling error"
        if result.model_error.any()
        else ""
    )
    console.print(
        f"Best fit: reduced chi-squared {result.reduced_chi2:.2f}{with_model} "
        f"({len(spectrum)} bins, {len(result.posterior.space)} parameters).\n"
        f"{seconds:.0f} s. The report: {files['report']}",
        highlight=False,
        soft_wrap=True,
    )


def _print_explanations(console: Console, result: Retrieval) -> None:
    """Print where the data speak most for each molecule."""
    from exosk.explain import REFIT

    said = [
        f"{one.target} at {one.peak:.3g} um (log-likelihood {one.value.mean():+.1f})"
        for one in result.explanations
        if one.method == REFIT
    ]
    if said:
        console.print(f"The data speak most for {', '.join(said)}.", highlight=False)
    if reason := result.provenance.get("not_explained"):
        console.print(f"Not all was explained: {escape(reason)}", highlight=False)
