"""Options that several commands share, and what they mean."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError

if TYPE_CHECKING:
    from exosk.parameters import Prior

__all__ = [
    "DEFAULT_MOLECULES",
    "BinWidth",
    "Columns",
    "DepthUnit",
    "EquilibriumTemperature",
    "Join",
    "Json",
    "Molecules",
    "Offset",
    "PlanetMass",
    "PriorFile",
    "Range",
    "Seed",
    "SimulatorName",
    "StarRadius",
    "System",
    "Table",
    "WavelengthUnit",
    "Width",
    "how_to_read",
    "read_system",
]

DEFAULT_MOLECULES = ("H2O", "CO2", "CO", "CH4", "Na", "K")

_FILE, _SYSTEM = "How to read a file", "The system"

Seed = Annotated[
    int, typer.Option(help="Seed of every random number; the same seed, the same result.")
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document on standard output instead of tables."),
]
Molecules = Annotated[
    str | None,
    typer.Option(
        help="Absorbers beside H2 and He, separated by commas. "
        f"Default: {','.join(DEFAULT_MOLECULES)}."
    ),
]
SimulatorName = Annotated[
    str | None,
    typer.Option(
        "--simulator",
        help="Forward model, as `exosk plugins` lists them. Default: builtin.",
        rich_help_panel=_SYSTEM,
    ),
]
PriorFile = Annotated[
    Path | None,
    typer.Option(
        "--priors",
        help="TOML file with `molecules`, a table \\[fixed] of values, a table \\[priors], as in "
        '`temperature = {kind = "uniform", low = 500, high = 1500}`, and a table \\[simulator], '
        'as in `temperature_profile = "guillot"`.',
        rich_help_panel=_SYSTEM,
    ),
]
StarRadius = Annotated[
    float | None, typer.Option(help="Stellar radius, in solar radii.", rich_help_panel=_SYSTEM)
]
PlanetMass = Annotated[
    float | None,
    typer.Option(
        help="Planet mass, in Jupiter masses; known to 10 % unless the prior file says otherwise.",
        rich_help_panel=_SYSTEM,
    ),
]
EquilibriumTemperature = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        help="Equilibrium temperature, in K; the prior is 0.4 to 1.4 times this.",
        rich_help_panel=_SYSTEM,
    ),
]
DepthUnit = Annotated[
    str | None,
    typer.Option(
        help="Unit of the depths: fraction, percent, ppm or rp_rs.", rich_help_panel=_FILE
    ),
]
WavelengthUnit = Annotated[
    str | None,
    typer.Option(help="Unit of the wavelengths: um, nm, angstrom or m.", rich_help_panel=_FILE),
]
Width = Annotated[
    str | None,
    typer.Option(help="Whether bin widths are half or full ones.", rich_help_panel=_FILE),
]
Join = Annotated[
    list[str] | None,
    typer.Option(
        "--join",
        help="Another instrument's spectrum of the planet, a name or a file that is read alike; "
        "may be repeated. Instruments get offsets.",
        metavar="TARGET",
        rich_help_panel=_FILE,
    ),
]
Offset = Annotated[
    float | None,
    typer.Option(
        help="Between the instruments of one spectrum: 1-sigma width, in ppm, of the normal prior "
        "of each one's offset, but for the instrument of most bins; 0 for no offsets. By default "
        "uniform, -500 to 500 ppm, with --join, and none without.",
        min=0,
        metavar="PPM",
        rich_help_panel=_SYSTEM,
    ),
]
Range = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--range",
        help="Use only the bins between these wavelengths, in um.",
        metavar="LOW HIGH",
        rich_help_panel=_FILE,
    ),
]
BinWidth = Annotated[
    float | None,
    typer.Option(
        help="Full width, in um, of the bins for which the file has none.", rich_help_panel=_FILE
    ),
]
Table = Annotated[
    str | None,
    typer.Option(
        help="HDU of a FITS file or group of a netCDF file, where several could be the spectrum.",
        rich_help_panel=_FILE,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="Which column is what, as in `--column depth=MyDepth`; may be repeated.",
        metavar="KEY=HEADER",
        rich_help_panel=_FILE,
    ),
]


@dataclass(frozen=True)
class System:
    """What a user stated of a system: absorbers, values, priors, the simulator and its options."""

    molecules: tuple[str, ...] = DEFAULT_MOLECULES
    fixed: Mapping[str, float] = field(default_factory=dict)
    priors: Mapping[str, Prior] = field(default_factory=dict)
    meta: Mapping[str, float] = field(default_factory=dict)
    simulator: str = "builtin"
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def profiles(self) -> dict[str, Any]:
        """Those settings that decide which parameters there are."""
        names = ("temperature_profile", "abundance_profiles", "chemistry")
        return {name: self.settings[name] for name in names if name in self.settings}

    def make_simulator(self, space: Any, fixed: Mapping[str, float]) -> Any:
        """Make the simulator with these free parameters and values.

        Raises
        ------
        UnknownNameError
            If it has no such option.
        """
        from exosk.simulators import get_simulator

        try:
            return get_simulator(
                self.simulator, molecules=self.molecules, space=space, fixed=fixed, **self.settings
            )
        except TypeError as error:
            if "unexpected keyword argument" not in str(error):
                raise
            raise UnknownNameError(
                f"the simulator {self.simulator!r} does not have every option of the prior "
                f"file's [simulator] table ({error})"
            ) from error


def _columns_in(columns: list[str] | None) -> dict[str, str] | None:
    """Read ``--column KEY=HEADER`` options."""
    if not columns:
        return None
    pairs = [column.partition("=") for column in columns]
    for key, equals, header in pairs:
        if not (key and equals and header):
            raise RangeError(f"--column takes KEY=HEADER, as in depth=MyDepth; got {key!r}")
    return {key: header for key, _, header in pairs}


def how_to_read(
    depth_unit: str | None,
    wavelength_unit: str | None,
    width: str | None,
    bin_width: float | None,
    table: str | None,
    columns: list[str] | None,
) -> dict[str, Any]:
    """Return what the options say of a file of a spectrum, as its readers take it."""
    said = {
        "depth_unit": depth_unit,
        "wavelength_unit": wavelength_unit,
        "width": width,
        "bin_width": bin_width,
        "table": table,
        "columns": _columns_in(columns),
    }
    return {name: value for name, value in said.items() if value is not None}


def read_system(
    molecules: str | None,
    prior_file: Path | None,
    star_radius: float | None,
    planet_mass: float | None,
    temperature: float | None,
    simulator: str | None = None,
    default: tuple[str, ...] = DEFAULT_MOLECULES,
) -> System:
    """Combine the prior file and the options; an option wins over the file.

    Molecules are the `default` ones where neither names any.

    Raises
    ------
    FileFormatError, UnknownNameError, RangeError
        If the prior file cannot be read, or says something that is not known.
    """
    from exosk.parameters import prior_from_dict  # scipy comes with it, and --help can do without

    content = {} if prior_file is None else _read_prior_file(prior_file)
    names = content.get("molecules", list(default))
    if molecules is not None:
        names = [name.strip() for name in molecules.split(",") if name.strip()]
    fixed = {name: _number(value, name) for name, value in content.get("fixed", {}).items()}
    priors = {
        name: prior_from_dict(value, name) for name, value in content.get("priors", {}).items()
    }
    both = sorted(set(fixed) & set(priors))
    if both:
        raise FileFormatError(f"{prior_file} both fixes {both[0]} and gives it a prior; choose one")
    meta = {}
    if star_radius is not None:
        fixed["star_radius"] = _positive(star_radius, "--star-radius")
    if planet_mass is not None:
        meta["planet_mass"] = _positive(planet_mass, "--planet-mass")
        # The option's error is the default one, not the published one's.
        meta["planet_mass_err"] = 0.1 * planet_mass
    if temperature is not None:
        meta["equilibrium_temperature"] = _positive(temperature, "--temperature")
    settings = dict(content.get("simulator", {}))
    name = simulator or settings.pop("name", "builtin")
    settings.pop("name", None)
    return System(tuple(names), fixed, priors, meta, name, settings)


def _read_prior_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except FileNotFoundError:
        raise FileFormatError(f"there is no prior file {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileFormatError(f"the prior file {path} is not readable TOML: {error}") from error
    known = {"molecules": list, "fixed": dict, "priors": dict, "simulator": dict}
    for key, value in content.items():
        if key not in known:
            raise UnknownNameError.suggest(f"entry in {path}", key, known)
        if not isinstance(value, known[key]):
            kind = "a list of names" if key == "molecules" else "a table"
            raise FileFormatError(f"{key!r} in {path} must be {kind}")
    return content


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RangeError(f"the fixed value of {name} must be a number, got {value!r}")
    return float(value)


def _positive(value: float, name: str) -> float:
    if not value > 0:
        raise RangeError(f"{name} must be positive, got {value:g}")
    return value
