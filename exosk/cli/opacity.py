"""`exosk opacity`: list, describe and convert tables of cross sections."""

from __future__ import annotations

import json
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exosk.cli import options
from exosk.cli.opacity_build import SamplingMode, build
from exosk.cli.opacity_text import print_catalogue, print_entry, print_written
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.opacities import CollisionTable, KTable, OpacityTable
    from exosk.opacities.catalogue import Entry

__all__ = ["convert", "info", "list_opacities", "opacity_app"]

opacity_app = typer.Typer(
    help="List, describe, convert and build the opacities of molecules.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

opacity_app.command("build")(build)

_READING = "How to read a file"

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="The file's format; found by its content otherwise. One of exosk, taurex, "
        "taurex-pickle, petitradtrans, petitradtrans-ck, helios-k, exo-transmit.",
        rich_help_panel=_READING,
    ),
]
PressureUnit = Annotated[
    str | None,
    typer.Option(
        help="Unit of the file's pressures, where it says none or a wrong one: bar, Pa, mbar, ...",
        rich_help_panel=_READING,
    ),
]
CrossSectionUnit = Annotated[
    str | None,
    typer.Option(
        help="Unit of its cross sections, per molecule: cm2 or m2.", rich_help_panel=_READING
    ),
]
SpectralUnit = Annotated[
    str | None,
    typer.Option(
        help="Unit of its spectral axis: cm-1, um, nm, angstrom, m.", rich_help_panel=_READING
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        help="Chemical formula of the absorber, where the file says none or another one.",
        rich_help_panel=_READING,
    ),
]


class Target(StrEnum):
    """Formats that can be written."""

    EXOSK = "exosk"
    TAUREX = "taurex"
    TAUREX_PICKLE = "taurex-pickle"
    PETITRADTRANS = "petitradtrans"
    PETITRADTRANS_CK = "petitradtrans-ck"


class Grid(StrEnum):
    """Wavelengths and pressures of what is written."""

    MODEL = "model"
    OWN = "own"


@opacity_app.command("list")
def list_opacities(as_json: options.Json = False) -> None:
    """List the molecules, atoms and pairs whose opacities are there.

    Those that come with exosk, those of plugins, and your own: tables in a folder, which
    `exosk opacity convert` fills. Your own table of a name replaces the one that comes with exosk.

    **Examples**

    - `exosk opacity list`

    - `exosk opacity list --json`
    """
    from exosk.opacities.catalogue import catalogue
    from exosk.opacities.user_tables import user_folder

    entries = catalogue()
    if as_json:
        document = {
            "opacities": [_without_card(entry) for entry in entries],
            "user_folder": str(user_folder()),
        }
        print(json.dumps(document, allow_nan=False))
        return
    print_catalogue(entries, user_folder())


@opacity_app.command()
def info(
    opacity: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A name, or a file.")],
    figure: Annotated[
        Path | None, typer.Option(help="Write a picture of the cross sections to this PNG file.")
    ] = None,
    as_json: options.Json = False,
    name: Name = None,
    format: Format = None,
    pressure_unit: PressureUnit = None,
    cross_section_unit: CrossSectionUnit = None,
    spectral_unit: SpectralUnit = None,
) -> None:
    """Show what is known of an opacity: ranges, units, source, citations, limits.

    **Examples**

    - `exosk opacity info H2O --figure h2o.png`

    - `exosk opacity info 1H2-16O__POKAZATEL.R15000_0.3-50mu.xsec.TauREx.h5`
    """
    from exosk.opacities import KTable, OpacityTable
    from exosk.opacities.catalogue import describe

    table, origin, fields = _load(
        opacity,
        format,
        name=name,
        pressure_unit=pressure_unit,
        cross_section_unit=cross_section_unit,
        spectral_unit=spectral_unit,
    )
    k_table = None
    if isinstance(table, KTable):
        k_table = {"points_of_g": table.weights.size}
        table = table.to_opacity()
    entry = describe(table, origin, **fields)
    if figure is not None:
        if not isinstance(table, OpacityTable):
            raise RangeError(f"{table.name} is a pair; there is a figure of cross sections only")
        from exosk.report.figures import save_figure
        from exosk.report.opacity_figure import plot_opacity

        save_figure(plot_opacity(table), figure)
    if as_json:
        document = {**entry.to_dict(), "k_table": k_table}
        document["files"] = {"figure": str(figure)} if figure else {}
        print(json.dumps(document, allow_nan=False))
        return
    print_entry(entry, k_table, figure)


@opacity_app.command()
def convert(
    source: Annotated[
        str, typer.Argument(metavar="FILE|NAME", help="A file, or the name of an opacity.")
    ],
    target: Annotated[
        Path | None, typer.Argument(metavar="[OUT]", help="The file to write; as --out.")
    ] = None,
    to: Annotated[Target, typer.Option(help="The format to write.")] = Target.EXOSK,
    out: Annotated[
        Path | None,
        typer.Option(
            help="The file to write. By default: of exosk's format, into the folder of your own "
            "tables; of others, into the working folder under the name that the code expects."
        ),
    ] = None,
    grid: Annotated[
        Grid | None,
        typer.Option(
            help="**model**: bring it to the built-in model's wavelengths and pressures, so that "
            "it can be used with the embedded tables (the default for exosk's format). **own**: "
            "leave it as it is (the default for the others)."
        ),
    ] = None,
    average: Annotated[
        SamplingMode,
        typer.Option(help="Mean of the source's finer points, or over g, within a bin."),
    ] = SamplingMode.POWER_MEAN,
    hold_low_pressure: Annotated[
        bool,
        typer.Option(
            help="With --grid model: hold the values of the lowest pressure (1e-3 bar or less) up "
            "to the top of the atmosphere, where line widths are thermal."
        ),
    ] = True,
    extend_pressure: Annotated[
        bool,
        typer.Option(
            help="With --grid model: hold the values at both ends whatever they are, although "
            "wings grow with pressure."
        ),
    ] = False,
    as_json: options.Json = False,
    name: Name = None,
    format: Format = None,
    pressure_unit: PressureUnit = None,
    cross_section_unit: CrossSectionUnit = None,
    spectral_unit: SpectralUnit = None,
) -> None:
    """Convert a table, by default into one that the built-in model uses at once.

    **Examples**

    - `exosk opacity convert 32S-16O2__ExoAmes.R15000_0.3-50mu.xsec.TauREx.h5 --name SO2`,
      then `exosk retrieve wasp-39b --molecules H2O,SO2`

    - `exosk opacity convert H2O --to taurex --out taurex/H2O.h5`

    - `exosk opacity convert opacSO2.dat --to petitradtrans`
    """
    started = time.perf_counter()
    from exosk.opacities import KTable, OpacityTable, write_opacity
    from exosk.opacities.catalogue import describe
    from exosk.opacities.masses import molar_mass
    from exosk.opacities.resampling import on_model_grid

    if target is not None and out is not None:
        raise RangeError(f"name the file to write once: {target} or --out {out}")
    table, _, _ = _load(
        source,
        format,
        name=name,
        pressure_unit=pressure_unit,
        cross_section_unit=cross_section_unit,
        spectral_unit=spectral_unit,
    )
    if not isinstance(table, OpacityTable | KTable):
        raise RangeError(f"{table.name} is a pair; cross sections are converted, and pairs are not")
    if to is not Target.TAUREX and to is not Target.TAUREX_PICKLE:
        molar_mass(table.name)  # refuses what is no formula, before anything is written
    on_model = grid is Grid.MODEL or (grid is None and to is Target.EXOSK)
    if isinstance(table, KTable) and (on_model or to is not Target.PETITRADTRANS_CK):
        table = table.to_opacity(average.value)  # type: ignore[arg-type]
    if on_model and isinstance(table, OpacityTable):
        table = on_model_grid(
            table,
            average.value,
            hold_low_pressure=hold_low_pressure,
            extend_pressure=extend_pressure,
        )
    path = target or out or _default_path(table, to)
    replaced = path.exists()
    write_opacity(table, path, to.value)
    reduced = table.to_opacity() if isinstance(table, KTable) else table
    entry = describe(reduced, "user", path=path)
    if as_json:
        document = {
            "files": {"table": str(path)},
            "format": to.value,
            "replaced": replaced,
            "seconds": round(time.perf_counter() - started, 2),
            **entry.to_dict(),
        }
        print(json.dumps(document, allow_nan=False))
        return
    print_written(
        entry, path, replaced, for_use=to is Target.EXOSK and target is None and out is None
    )


def _load(
    source: str, format: str | None, *, name: str | None, **units: str | None
) -> tuple[OpacityTable | CollisionTable | KTable, str, dict[str, Any]]:
    """Read a file, or load what is registered under a name."""
    from exosk.opacities import get_opacity, read_opacity
    from exosk.opacities.catalogue import catalogue

    # H2O is a molecule even where a folder has that name; ./H2O is the folder.
    if Path(source).is_file() or any(mark in source for mark in "/\\."):
        return read_opacity(source, format, name=name, **units), "file", {"path": Path(source)}
    given = [key for key, value in {"name": name, "format": format, **units}.items() if value]
    if given:
        raise RangeError(
            f"there is no file {source}, and --{given[0].replace('_', '-')} goes with a file"
        )
    table = get_opacity(source)
    (entry,) = (e for e in catalogue() if e.name.casefold() == source.casefold())
    fields = {"path": entry.path, "replaces": entry.replaces, "problem": entry.problem}
    return table, entry.origin, fields


def _default_path(table: OpacityTable | KTable, to: Target) -> Path:
    from exosk.opacities.formats import FORMATS, petitradtrans
    from exosk.opacities.user_tables import user_folder

    if to is Target.EXOSK:
        return user_folder() / f"{table.name}.h5"
    if to in (Target.PETITRADTRANS, Target.PETITRADTRANS_CK):
        return Path(petitradtrans.file_name(table, to is Target.PETITRADTRANS_CK))
    return Path(f"{table.name}{FORMATS[to.value].suffix}")


def _without_card(entry: Entry) -> dict[str, Any]:
    document = entry.to_dict()
    card = document.pop("card")
    return {**document, "source": card.get("source", ""), "limits": card.get("limits", [])}
