"""`exosk opacity build`: from a line list to a table of cross sections."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from exosk.cli import options
from exosk.cli.opacity_text import print_written
from exosk.cli.progress import stages
from exosk.exceptions import RangeError

__all__ = ["SamplingMode", "build"]

_GRID = "The table's grid"


class SamplingMode(StrEnum):
    """What a grid point stands for; see :mod:`exosk.opacities.binning`."""

    POWER_MEAN = "power_mean"
    MEAN = "mean"
    LOG_MEAN = "log_mean"
    SAMPLE = "sample"


def build(
    lines: Annotated[
        Path,
        typer.Argument(help="HITRAN line list: .par, HAPI's .data and .header, or .npz."),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Name of the absorber in exosk; its molecule by default."),
    ] = None,
    molecule: Annotated[
        str | None,
        typer.Option(help="HITRAN's name of the molecule, if the list does not say it."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write. Default: your folder of opacities."),
    ] = None,
    temperatures: Annotated[
        str | None,
        typer.Option(
            help="In K: a list, as in 300,500,800, or LOW:HIGH:STEP. Default: 100:3000:100.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    pressures: Annotated[
        str | None,
        typer.Option(
            help="In bar, separated by commas. Default: each decade from 1e-9 to 1000.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    resolution: Annotated[
        float | None,
        typer.Option(
            help="R from 0.3 to 30 um. Default: the points of the built-in tables (R = 1002), "
            "which the built-in model needs; another one goes with --out.",
            rich_help_panel=_GRID,
        ),
    ] = None,
    cutoff: Annotated[
        float, typer.Option(help="Where wings end, in cm-1 from line centre.")
    ] = 25.0,
    mode: Annotated[
        SamplingMode, typer.Option(help="What a grid point stands for: which mean of its bin.")
    ] = SamplingMode.POWER_MEAN,
    helium: Annotated[
        float,
        typer.Option(help="Share of He among H2 and He, where the list has widths by both."),
    ] = 0.15,
    jobs: Annotated[int, typer.Option(help="Processes; -1 is one for each core.")] = 1,
    as_json: options.Json = False,
) -> None:
    """Compute a molecule's cross sections from its lines, ready for the built-in model.

    A HITRAN list is made for 296 K; the table's card says up to which temperature it serves.

    **Examples**

    - `exosk opacity build lines_OCS.par --jobs -1`, then
      `exosk retrieve wasp-39b --molecules H2O,OCS`

    - `exosk opacity build CO.data --temperatures 500:1500:100 --out co.h5`
    """
    started = time.perf_counter()
    from exosk.opacities.builder import build_opacity, wavelength_grid
    from exosk.opacities.catalogue import describe
    from exosk.opacities.line_lists import read_line_list
    from exosk.opacities.masses import molar_mass
    from exosk.opacities.resampling import MODEL_PRESSURES, model_wavelength
    from exosk.opacities.user_tables import user_folder

    if jobs == 0:
        raise RangeError("--jobs must not be 0; -1 is one process for each core")
    temperature = None if temperatures is None else _numbers(temperatures, "--temperatures")
    pressure = None if pressures is None else _numbers(pressures, "--pressures")
    ends = model_wavelength()[[0, -1]]
    wavelength = None if resolution is None else wavelength_grid(resolution, *map(float, ends))
    if out is None:
        if wavelength is not None:
            raise RangeError(
                "the built-in model takes tables on its own wavelengths; leave out --resolution, "
                "or say where else the table shall go with --out"
            )
        low, high = MODEL_PRESSURES
        if pressure is not None and (pressure[0] > low or pressure[-1] < high):
            raise RangeError(
                f"the built-in model needs pressures from {low:g} to {high:g} bar; give them, or "
                "say where else the table shall go with --out"
            )
        if temperature is not None and len(temperature) < 2:
            raise RangeError(
                "the built-in model interpolates between temperatures; give two or more, or say "
                "where else the table shall go with --out"
            )
    file = read_line_list(lines, molecule=molecule, helium_fraction=helium)
    name = name or file.name
    molar_mass(name)  # refuses what is no formula, before hours of work
    with stages() as tell:
        table = build_opacity(
            file,
            name,
            wavelength=wavelength,
            temperature=temperature,
            pressure=pressure,
            mode=mode.value,
            cutoff=cutoff,
            n_jobs=jobs,
            progress=lambda done, total: tell(f"lines of {name}", done / total),
        )
    path = out or user_folder() / f"{name}.h5"
    replaced = path.exists()
    table.save(path)
    entry = describe(table, "user", path=path)
    if as_json:
        document = {
            "files": {"table": str(path)},
            "n_lines": len(file.lines),
            "replaced": replaced,
            "seconds": round(time.perf_counter() - started, 2),
            **entry.to_dict(),
        }
        print(json.dumps(document, allow_nan=False))
        return
    print_written(entry, path, replaced, for_use=out is None)


def _numbers(text: str, option: str) -> list[float]:
    """Read a list of numbers, or LOW:HIGH:STEP with both ends."""
    try:
        numbers = [float(number) for number in text.split(":" if ":" in text else ",")]
    except ValueError:
        raise RangeError(
            f"{option} takes numbers, as in 300,500,800 or 300:900:100; got {text!r}"
        ) from None
    if ":" not in text:
        return numbers
    if len(numbers) != 3 or not (numbers[2] > 0 and numbers[0] <= numbers[1] < float("inf")):
        raise RangeError(f"{option} takes LOW:HIGH:STEP with a positive step; got {text!r}")
    low, high, step = numbers
    return [low + i * step for i in range(int((high - low) / step + 1e-9) + 1)]
