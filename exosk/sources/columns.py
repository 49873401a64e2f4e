"""What the columns of a spectrum are called, and in which units.

A header names a quantity and often a unit: ``wavelength_um``, ``Wavelength [nm]``,
``transit_depth_err_ppm``, ``Rp/Rs``. :func:`classify` understands the usual ones and leaves
the rest alone. Names that do not tell the unit, or half from full width, are not completed by
a guess from the values: the reader asks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from astropy import units as u

from exosk.exceptions import UnitError

__all__ = [
    "DEPTH_UNITS",
    "WAVELENGTH_UNITS",
    "Column",
    "Role",
    "classify",
    "depth_unit",
    "wavelength_unit",
]

Role = str
"""What a column holds; one of the values of ``_BASES``, ``_ERROR_ROLES`` or ``""``."""

# Divisors, not factors: 867 nm / 1000 is the float nearest to 0.867, 867 * 1e-3 need not be.
WAVELENGTH_UNITS: dict[str, float] = {"um": 1.0, "nm": 1e3, "angstrom": 1e4, "m": 1e-6}
"""How many of each unit make one um."""

DEPTH_UNITS: dict[str, float] = {"fraction": 1.0, "percent": 1e2, "ppm": 1e6}
"""How many of each unit make one."""

_UNIT_NAMES: dict[str, str] = {
    # "mum" is what is left of TeX's "$\mu$m".
    **dict.fromkeys(
        ("um", "\u03bcm", "micron", "microns", "micrometer", "micrometers", "micrometre",
         "micrometres", "mu", "mum"), "um"),
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), "nm"),
    **dict.fromkeys(("angstrom", "angstroms", "\u00e5", "aa", "0.1 nm"), "angstrom"),
    **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(
        ("fraction", "", "1", "-", "unitless", "dimensionless", "relative"), "fraction"),
    **dict.fromkeys(("percent", "pct", "%", "per cent"), "percent"),
    **dict.fromkeys(("ppm", "1e-06", "1e-6", "parts per million"), "ppm"),
    **dict.fromkeys(("rp_rs", "rprs", "rp/rs", "rp/r*"), "rp_rs"),
}  # fmt: skip

# Words of a header that are a unit and nothing else; a lone "m" or "a" may be a name.
_UNIT_WORDS = frozenset(
    word for word, unit in _UNIT_NAMES.items()
    if word.isalpha() and word not in ("m", "mu", "mum", "relative", "rprs", "aa")
)  # fmt: skip

_WAVELENGTH = (
    "wavelength", "wavelengths", "wave", "wl", "wvl", "lambda", "lam", "\u03bb", "bin"
)  # fmt: skip


def _each(pattern: str, *words: str) -> list[str]:
    return [pattern.format(name, word) for name in _WAVELENGTH for word in words]


_BASES: dict[str, Role] = {
    **dict.fromkeys(
        [*_WAVELENGTH[:-1],
         *_each("{}_{}", "center", "centre", "central", "mid", "midpoint", "bin_center",
                "bin_centre"),
         *_each("{1}_{0}", "center", "centre", "central", "mean", "mid"),
         "centralwavelng", "center", "centre"], "wavelength"),
    # Some mean half the bin by these and some all of it.
    **dict.fromkeys(
        ["width", "widths", "dw", "dwave", "dwl", "dlambda", "dlam",
         *_each("{}_{}", "width", "err", "error", "bin_width")], "width"),
    **dict.fromkeys(
        [*_each("{}_{}", "half_width", "halfwidth", "hw", "bin_half_width"),
         *_each("{1}_{0}", "half"),
         "half_width", "halfwidth", "half_bin_width", "bin_halfwidth"], "half_width"),
    **dict.fromkeys(
        [*_each("{}_{}", "full_width", "bin_full_width"), "full_width", "fullwidth",
         "full_bin_width", "bin_width", "binwidth", "bandwidth", "bin_size"], "full_width"),
    **dict.fromkeys(
        [*_each("{}_{}", "low", "lower", "min", "start", "left", "lo", "lower_edge", "low_edge"),
         *_each("{1}_{0}", "low", "lower", "min", "start", "left"),
         "lower_edge", "left_edge", "wavemin"], "low"),
    **dict.fromkeys(
        [*_each("{}_{}", "high", "upper", "max", "end", "stop", "right", "hi", "upper_edge",
                "high_edge"),
         *_each("{1}_{0}", "high", "upper", "max", "end", "right"),
         "upper_edge", "right_edge", "wavemax"], "high"),
    **dict.fromkeys(
        ["transit_depth", "transitdepth", "transit_depths", "depth", "depths", "tr_depth",
         "pl_trandep", "rprs2", "transit_depth_rprs2", "depth_rprs2"], "depth"),
    **dict.fromkeys(
        ["rprs", "rp_rs", "radius_ratio", "planet_star_radius_ratio", "pl_ratror", "ror",
         "rp_over_rs"], "ratio"),
    **dict.fromkeys(["instrument", "instruments", "instr", "instrument_name", "instrname"],
                    "instrument"),
}  # fmt: skip

_ERROR_WORDS = frozenset(
    ("err", "errs", "error", "errors", "sigma", "unc", "uncertainty", "uncertainties", "std",
     "stddev", "stdev")
)  # fmt: skip
_UP = frozenset(("up", "upper", "plus", "hi", "high", "pos", "positive", "1"))
_LOW = frozenset(("low", "lower", "minus", "lo", "neg", "negative", "down", "2"))
_GLUED = re.compile(r"^(.*?)(err|error|unc)(up|upper|plus|hi|high|pos|1|low|lower|minus|lo|neg|2)$")

_RATIO_SQUARED = re.compile(
    r"\(?\s*r_?p(lanet)?\s*/\s*r_?(s|\*|star)\s*\)?\s*(\^|\*\*)\s*\{?2\}?"
    r"|r_?p\^?2\s*/\s*r_?(s|\*|star)\^?2"
)
_RATIO = re.compile(r"r_?p(lanet)?\s*(/|_over_)\s*r_?(s|\*|star)")
_SIGNED = re.compile(r"[+-]ve\b")
_TEX = re.compile(r"\\(mathrm|rm|text)\b|[$\\{}]")
_BRACKET_UNIT = re.compile(r"^(?P<name>.*\S)\s*[\[(](?P<unit>[^\[\]()]*)[\])]\s*$")


@dataclass(frozen=True)
class Column:
    """What a header says.

    Attributes
    ----------
    index : int
        Position in the table.
    header : str
        As written.
    role : str
        ``wavelength``, ``half_width``, ``full_width``, ``width`` (half or full is not said),
        ``low``, ``high``, ``depth``, ``ratio``, ``instrument``; an error is ``depth_err``,
        ``ratio_err`` or ``err`` (of whatever the depth column holds), with ``_up`` or
        ``_low`` when it is one-sided. Empty when the header is not understood.
    unit : str or None
        A key of :data:`WAVELENGTH_UNITS` or :data:`DEPTH_UNITS`; None when nothing states it.
    implied : bool
        Whether the name alone means a plain fraction: ``transit_depth``, as exosk documents
        its own layout, and radius ratios.
    """

    index: int
    header: str
    role: Role
    unit: str | None
    implied: bool = False


def wavelength_unit(name: str) -> str:
    """Return the key of :data:`WAVELENGTH_UNITS` that a unit's name stands for.

    Raises
    ------
    UnitError
        If it is no unit of wavelength.
    """
    return _known_unit(name, list(WAVELENGTH_UNITS), "wavelength")


def depth_unit(name: str) -> str:
    """Return the key of :data:`DEPTH_UNITS` that a unit's name stands for, or ``"rp_rs"``.

    Raises
    ------
    UnitError
        If it is no unit of transit depth.
    """
    return _known_unit(name, [*DEPTH_UNITS, "rp_rs"], "transit depth")


def _known_unit(name: str, known: list[str], kind: str) -> str:
    text = str(name).strip().casefold()
    unit = _UNIT_NAMES.get(text) or _UNIT_NAMES.get(text.replace(" ", ""))
    if unit is None:
        unit = _ratio_unit(text) or _astropy_unit(str(name))
    if unit not in known:
        raise UnitError(f"{str(name)!r} is no unit of {kind} here; known: {', '.join(known)}")
    return unit


def _ratio_unit(text: str) -> str | None:
    """Read a formula for a unit, as in ``(Rp/Rs)^2``."""
    if _RATIO_SQUARED.fullmatch(text):
        return "fraction"
    return "rp_rs" if _RATIO.fullmatch(text) else None


def _astropy_unit(name: str) -> str | None:
    """Find the key of what astropy understands; the JWST ERS teams divide an area by itself."""
    try:
        unit = u.Unit(name)
    except (ValueError, TypeError):
        return None
    for canonical, counts in ((u.dimensionless_unscaled, DEPTH_UNITS), (u.um, WAVELENGTH_UNITS)):
        if unit.is_equivalent(canonical):
            scale = unit.to(canonical)
            return next((key for key, n in counts.items() if abs(scale * n - 1) < 1e-9), None)
    return None


def classify(
    index: int, header: str, stated_unit: str | None = None, assigned: Role | None = None
) -> Column:
    """Understand one header.

    Parameters
    ----------
    index : int
        Position of the column.
    header : str
        As written in the file; case does not matter.
    stated_unit : str, optional
        The unit that the file states apart from the header (ECSV does).
    assigned : str, optional
        The role, when the caller knows better than the header.

    Returns
    -------
    Column

    Raises
    ------
    UnitError
        If a column that is understood states an unknown unit, or two different ones.
    """
    text = _TEX.sub("", header.strip()).casefold()
    bracket = _BRACKET_UNIT.match(text)
    if bracket and not _RATIO_SQUARED.fullmatch(text) and not _RATIO.fullmatch(bracket["unit"]):
        text, written = bracket["name"], bracket["unit"].strip()
    else:
        written = None
    text = _RATIO_SQUARED.sub(" rprs2 ", text)
    text = _RATIO.sub(" rprs ", text).replace("%", " percent ")
    text = _SIGNED.sub(lambda sign: " up " if sign[0][0] == "+" else " low ", text)
    words = [word for word in re.split(r"[\W_]+", text) if word]
    units = [word for word in words if word in _UNIT_WORDS]
    words = [word for word in words if word not in _UNIT_WORDS]
    named = _role(words)
    role = named if assigned is None else assigned
    if not role or role == "instrument":
        return Column(index, header, role, None)
    is_wavelength = role in ("wavelength", "half_width", "full_width", "width", "low", "high")
    read_unit = wavelength_unit if is_wavelength else depth_unit
    try:
        found = {read_unit(unit) for unit in [*units, written, stated_unit] if unit is not None}
    except UnitError as error:
        raise UnitError(f"column {header!r}: {error}") from None
    if len(found) > 1:
        raise UnitError(f"column {header!r} states two units, {' and '.join(sorted(found))}")
    implied = role == "ratio" or (
        role == named and "_".join(words).startswith(("transit_depth", "rprs2"))
    )
    return Column(index, header, role, found.pop() if found else None, implied)


def _role(words: list[str]) -> Role:
    """Find the role that the words of a header, units taken out, stand for."""
    if words and (glued := _GLUED.match(words[-1])):
        words = [*words[:-1], *(part for part in glued.groups() if part)]
    joined = "_".join(words)
    if joined in _BASES:
        return _BASES[joined]
    if words and words[0] in ("e", "d") and len(words) > 1:  # e_Depth, as CDS tables have it
        words = [*words[1:], "err"]
    if not any(word in _ERROR_WORDS for word in words):
        return ""
    sides = {"_up" for word in words if word in _UP} | {"_low" for word in words if word in _LOW}
    if len(sides) > 1:
        return ""
    rest = "_".join(w for w in words if w not in _ERROR_WORDS | _UP | _LOW)
    quantity = _BASES.get(rest, "") if rest else "any"
    prefix = {"depth": "depth_err", "ratio": "ratio_err", "any": "err"}.get(quantity, "")
    return prefix + "".join(sides) if prefix else ""
