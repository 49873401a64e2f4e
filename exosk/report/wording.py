"""Names, numbers and priors as a reader wants to see them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from exosk.parameters import Parameter, Prior
from exosk.simulators.quantities import abundance_name

__all__ = [
    "decimals",
    "formula",
    "join",
    "number",
    "parameter_title",
    "prior_text",
    "probability",
    "unit_text",
]

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_MINUS = "−"
_DASH = "—"

_TITLES = {
    "planet_radius": "Planet radius",
    "planet_mass": "Planet mass",
    "star_radius": "Star radius",
    "temperature": "Temperature",
    "log_p_cloud": "Cloud-top pressure",
    "log_haze": "Haze strength",
    "haze_slope": "Haze slope",
}
_UNITS = {
    "R_jup": "Jupiter radii",
    "M_jup": "Jupiter masses",
    "R_sun": "solar radii",
    "log bar": "log₁₀ bar",
    "log VMR": "log₁₀ VMR",
}


def formula(molecule: str) -> str:
    """Write a molecule with subscripts: ``"H2O"`` -> ``"H₂O"``."""
    return molecule.translate(_SUBSCRIPTS)


def parameter_title(name: str, molecules: Sequence[str] = ()) -> str:
    """Return a parameter's name in words; abundances by their molecule."""
    for molecule in molecules:
        if name == abundance_name(molecule):
            return f"{formula(molecule)} abundance"
    return _TITLES.get(name, name.replace("_", " "))


def unit_text(unit: str) -> str:
    """Return a canonical unit in words."""
    return _UNITS.get(unit, unit)


def decimals(scale: float, digits: int = 2) -> int:
    """Return how many decimals show `scale` with so many significant digits."""
    if not math.isfinite(scale) or scale == 0:
        return digits
    return max(0, digits - 1 - math.floor(math.log10(abs(scale))))


def number(value: float, places: int, *, sign: bool = False) -> str:
    """Format with a fixed number of decimals and a proper minus; a dash for NaN."""
    if not math.isfinite(value):
        return _DASH
    text = f"{value:{'+' if sign else ''}.{places}f}"
    if float(text) == 0:
        text = text.replace("-", "+" if sign else "")
    return text.replace("-", _MINUS)


def probability(value: float, effective_size: float = math.inf) -> str:
    """Format a probability no more extreme than so many samples can tell.

    Parameters
    ----------
    value : float
        The probability; NaN gives a dash.
    effective_size : float
        Number of independent samples that it was counted from.
    """
    if math.isnan(value):
        return _DASH
    # Rounded up, as "> 0.99" must not claim more than was counted.
    least = max(math.ceil(100 / effective_size) / 100, 0.01)
    if value > 1 - least:
        return f"> {1 - least:.2f}"
    if value < least:
        return f"< {least:.2f}"
    return f"{value:.2f}"


def prior_text(parameter: Parameter) -> str:
    """Describe a prior in words, in the parameter's unit."""
    prior: Prior = parameter.prior
    low, high = parameter.bounds
    if prior.kind == "normal":
        mean, std = prior.mean, prior.std  # type: ignore[attr-defined]
        places = decimals(std)
        text = f"normal, {number(mean, places)} ± {number(std, places)}"
        if math.isfinite(low) and low > mean - 5 * std:
            text += f", above {number(low, places)}"
        if math.isfinite(high) and high < mean + 5 * std:
            text += f", below {number(high, places)}"
        return text
    kind = {"loguniform": "log-uniform"}.get(prior.kind, prior.kind)
    places = decimals(high - low, 3)
    if prior.kind == "loguniform":
        return f"{kind}, {low:.3g} to {high:.3g}".replace("-0", f"{_MINUS}0")
    if low == round(low) and high == round(high):
        places = 0
    return f"{kind}, {number(low, places)} to {number(high, places)}"


def join(words: Sequence[str], last: str = "and") -> str:
    """Join as in a sentence: ``a, b and c``."""
    words = list(words)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
