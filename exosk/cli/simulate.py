"""`exosk simulate`: write a training set."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from exosk.cli import options
from exosk.cli.progress import stages
from exosk.exceptions import RangeError

__all__ = ["simulate"]


def simulate(
    n: Annotated[int, typer.Option("--n", help="Number of spectra.", min=1)] = 10_000,
    like: Annotated[
        str | None,
        typer.Option(help="Bins, and priors where its system is known, of this observation."),
    ] = None,
    instrument: Annotated[
        str | None, typer.Option(help="Bins of this instrument: nirspec-prism, hst-wfc3-g141.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for `dataset.h5`.")] = Path("simulated"),
    molecules: options.Molecules = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
    priors: options.PriorFile = None,
    star_radius: options.StarRadius = None,
    planet_mass: options.PlanetMass = None,
    temperature: options.EquilibriumTemperature = None,
    simulator: options.SimulatorName = None,
) -> None:
    """Simulate noise-free training spectra and write them with their parameters.

    **Examples**

    - `exosk simulate --n 20000 --like wasp-39b --out training`

    - `exosk simulate --n 20000 --instrument hst-wfc3-g141 --molecules H2O,CH4`
    """
    started = time.perf_counter()
    from exosk.datasets import simulate_dataset
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
    with stages() as tell:
        done = 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            tell("simulating spectra", done / n)

        data = simulate_dataset(forward_model, n, target, random_state=seed, progress=count)
    path = out / "dataset.h5"
    data.save(path)
    seconds = round(time.perf_counter() - started, 2)
    if as_json:
        document = {
            "files": {"dataset": str(path)},
            "n_spectra": len(data),
            "n_bins": data.grid.n_bins,
            "parameters": data.space.to_dict(),
            "seconds": seconds,
            "provenance": dict(data.provenance),
        }
        print(json.dumps(document, allow_nan=False))
    else:
        Console().print(
            f"{len(data)} spectra of {data.grid.n_bins} bins and {len(data.space)} parameters in "
            f"{seconds:.0f} s: {path}",
            highlight=False,
            soft_wrap=True,
        )
