"""Where a result leans on an opacity table beyond what the table holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.opacities.alkali import ALKALIS
from exosk.report.judgement import judge_molecules
from exosk.report.wording import formula
from exosk.retrieval import Retrieval

__all__ = ["beyond_tables"]

# In um: a table that ends nearer to the spectrum's end than this lacks nothing that matters.
_NEARLY = 0.02


def beyond_tables(retrieval: Retrieval) -> list[str]:
    """Say which molecules that were found have tables without the heat or the range needed.

    A table made from a room-temperature list lacks hot bands: above its ``valid_temperature`` the
    gas absorbs more than the table says, and its abundance comes out too high. Outside its
    ``valid_wavelength`` there are no data, which is not the same as no absorption.

    Returns
    -------
    list of str
        Sentences.
    """
    opacities = retrieval.provenance.get("simulator", {}).get("opacities", {})
    hottest = _hottest(retrieval)
    low, high = retrieval.spectrum.grid.range
    sentences = []
    for molecule in judge_molecules(retrieval):
        table: dict[str, Any] = opacities.get(molecule.name, {})
        if not molecule.found:
            continue
        name = formula(molecule.name)
        if hottest is not None and "valid_temperature" in table:
            limit = float(table["valid_temperature"][1])
            if hottest > limit:
                sentences.append(
                    f"The lines of {name} are complete up to {limit:.0f} K only: at "
                    f"{hottest:.0f} K it absorbs more than its table says, so that its abundance "
                    f"comes out too high."
                )
        # The wings of a doublet end; a list of lines is cut off.
        if "valid_wavelength" in table and molecule.name not in ALKALIS:
            first, last = (float(end) for end in table["valid_wavelength"])
            ends = [
                f"{side} {end:.3g} µm"
                for side, end, lacking in (
                    ("below", first, low < first - _NEARLY),
                    ("above", last, high > last + _NEARLY),
                )
                if lacking
            ]
            if ends:
                sentences.append(
                    f"The table of {name} is incomplete {' and '.join(ends)}: what it lacks there, "
                    f"the model takes for transparent."
                )
    return sentences


def _hottest(retrieval: Retrieval) -> float | None:
    """Median of the highest temperature parameter, in K, if one is free."""
    space = retrieval.posterior.space
    names = [n for n in space.names if n.startswith("temperature") or n == "t_irr"]
    if not names:
        return None
    columns = np.stack([retrieval.posterior[name] for name in names])
    return float(np.quantile(
        columns.max(axis=0), 0.5, weights=retrieval.posterior.weights, method="inverted_cdf"
    ))  # fmt: skip
