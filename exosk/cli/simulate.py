"""`exosk simulate`: write a training set, as one file or as a store of shards."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from exosk.cli import options
from exosk.cli.dataset import showing
from exosk.cli.progress import stages
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.datasets import Dataset, Store

__all__ = ["simulate"]

_LARGE = "Large sets"
_ONE_FILE = 100_000


def simulate(
    n: Annotated[int, typer.Option("--n", help="Number of spectra.", min=1)] = 10_000,
    like: Annotated[
        str | None,
        typer.Option(help="Bins, and priors where its system is known, of this observation."),
    ] = None,
    instrument: Annotated[
        str | None, typer.Option(help="Bins of this instrument: nirspec-prism, hst-wfc3-g141.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder for `dataset.h5`; or, for more than 100,000 spectra or with any option of "
            "a large set, the folder that is the store."
        ),
    ] = Path("simulated"),
    molecules: options.Molecules = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    priors: options.PriorFile = None,
    star_radius: options.StarRadius = None,
    planet_mass: options.PlanetMass = None,
    temperature: options.EquilibriumTemperature = None,
    simulator: options.SimulatorName = None,
    detectability: Annotated[
        bool,
        typer.Option(
            "--detectability",
            help="Simulate every spectrum without each molecule too, and keep how much it changes "
            "at the errors of the bins: labels then say what a spectrum can show. Takes one more "
            "time for each molecule.",
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Processes; one for each core by default.", min=1, rich_help_panel=_LARGE
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Let the workers of this dask scheduler do it, by its address "
            "(`tcp://HOST:PORT`) or its scheduler file; they must see --out by the same path.",
            rich_help_panel=_LARGE,
        ),
    ] = None,
    shard_size: Annotated[
        int | None,
        typer.Option(
            help="Spectra in a file. Default: 8192, or fewer where that is more than 128 MB.",
            min=1,
            rich_help_panel=_LARGE,
        ),
    ] = None,
    compress: Annotated[
        bool,
        typer.Option(
            "--compress", help="Smaller files, which are read more slowly.", rich_help_panel=_LARGE
        ),
    ] = False,
) -> None:
    """Simulate noise-free training spectra and write them with their parameters.

    Up to 100,000 spectra are written to one file, `dataset.h5`. More, or any with --jobs,
    --scheduler, --shard-size or --compress, go to a store: a folder of shards with a manifest, each
    shard from a seed of its own. When it was interrupted, the same command goes on with it. The
    result is the same to the last bit whatever the number of processes. `exosk dataset` looks after
    stores.

    **Examples**

    - `exosk simulate --n 20000 --like wasp-39b --out training`

    - `exosk simulate --n 20000 --instrument hst-wfc3-g141 --molecules H2O,CH4`

    - `exosk simulate --n 5000 --instrument nirspec-prism --detectability`

    - `exosk simulate --n 10_000_000 --like wasp-39b --out /scratch/training`

    - `exosk simulate --n 1_000_000 --like wasp-39b --scheduler tcp://10.0.0.1:8786`
    """
    started = time.perf_counter()
    from exosk.instruments import get_instrument
    from exosk.simulators.inputs import atmosphere_names
    from exosk.simulators.quantities import default_space
    from exosk.simulators.system import space_for_spectrum
    from exosk.sources import load_spectrum

    if (like is None) == (instrument is None):
        raise RangeError("say whose bins to use: either --like OBSERVATION or --instrument NAME")
    system = options.read_system(
        molecules, priors, star_radius, planet_mass, temperature, simulator
    )
    if like is not None:
        target = load_spectrum(like)
        target = target.replace(meta={**target.meta, **system.meta})
        space, fixed = space_for_spectrum(
            target, system.molecules, priors=system.priors, fixed=system.fixed, **system.profiles
        )
    else:
        target = get_instrument(instrument)
        fixed = {"star_radius": 1.0, **system.fixed}
        if system.meta:
            raise RangeError("--planet-mass and --temperature go with --like; use --priors here")
        atmosphere = atmosphere_names(system.molecules, **system.profiles)
        space = default_space(system.molecules, system.priors, fixed, atmosphere=atmosphere)
    forward_model = system.make_simulator(space, fixed)
    asked = {
        "shard_size": shard_size,
        "n_jobs": jobs,
        "scheduler": scheduler,
        "compression": "gzip" if compress else None,
    }
    data: Dataset | Store
    if n > _ONE_FILE or any(value is not None for value in asked.values()):
        data, files = _store(forward_model, n, target, out, seed, detectability, asked), "store"
        path = out
    else:
        data, files = _one_file(forward_model, n, target, out, seed, detectability), "dataset"
        path = out / "dataset.h5"
    seconds = round(time.perf_counter() - started, 2)
    if as_json:
        document = {
            "files": {files: str(path)},
            "n_spectra": len(data),
            "n_bins": data.grid.n_bins,
            "parameters": data.space.to_dict(),
            "molecules": _shares(data),
            "seconds": seconds,
            "provenance": dict(data.provenance),
        }
        print(json.dumps(document, allow_nan=False))
    else:
        console = Console()
        console.print(
            f"{len(data)} spectra of {data.grid.n_bins} bins and {len(data.space)} parameters in "
            f"{seconds:.0f} s: {path}",
            highlight=False,
            soft_wrap=True,
        )
        if detectability:
            console.print(_table(data))


def _one_file(
    forward_model: Any, n: int, target: Any, out: Path, seed: int, detectability: bool
) -> Dataset:
    from exosk.datasets import simulate_dataset
    from exosk.datasets.manifest import MANIFEST

    if (out / MANIFEST).exists():
        raise RangeError(f"{out} is a store of spectra; choose another folder with --out")
    with stages() as tell:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            tell("simulating spectra", done / n)

        data = simulate_dataset(
            forward_model,
            n,
            target,
            random_state=seed,
            progress=count,
            detectability=detectability,
        )
    data.save(out / "dataset.h5")
    return data


def _store(
    forward_model: Any,
    n: int,
    target: Any,
    out: Path,
    seed: int,
    detectability: bool,
    asked: dict[str, Any],
) -> Store:
    from exosk.datasets import simulate_store

    with showing(out) as show:
        return simulate_store(
            forward_model, n, target, out, seed, detectability=detectability, progress=show, **asked
        )


def _shares(data: Dataset | Store) -> dict[str, dict[str, float]]:
    """Return the share of spectra that hold each molecule, and of those that can show it."""
    from exosk.datasets import DETECTABLE

    data = data[:_ONE_FILE]  # of more than that, which are alike
    labels = {"present": data.presence()}
    if data.delta_chi2 is not None:
        labels["detectable"] = data.presence(delta_chi2=DETECTABLE)
    return {
        molecule: {label: float(found[:, k].mean()) for label, found in labels.items()}
        for k, molecule in enumerate(data.molecules)
    }


def _table(data: Dataset | Store) -> Table:
    from exosk.datasets import DETECTABLE, PRESENCE_THRESHOLD

    table = Table(box=None, pad_edge=False)
    table.add_column("molecule")
    table.add_column(f"log VMR > {PRESENCE_THRESHOLD:g}", justify="right")
    table.add_column(f"and delta chi2 > {DETECTABLE:g}", justify="right")
    for molecule, share in _shares(data).items():
        table.add_row(molecule, f"{share['present']:.1%}", f"{share['detectable']:.1%}")
    return table
