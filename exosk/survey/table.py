"""A survey as a table, and how far it agrees with what was published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from exosk.survey.claims import CLAIMS, NOTHING_SAID

if TYPE_CHECKING:
    from astropy.table import Table

__all__ = [
    "FAVOURED",
    "agreement",
    "is_telling",
    "molecules_of",
    "odds_gain",
    "survey_table",
    "to_markdown",
]

#: By how much the data must change the odds of a molecule's presence to be for or against it:
#: "strong" by Jeffreys's scale (Theory of Probability, appendix B).
FAVOURED = 10.0
# Of probabilities, which samples tell no finer.
_FINEST = 1e-4


def odds_gain(probability: float, prior: float) -> float:
    """Return by what factor the data change the odds of a molecule's presence.

    Parameters
    ----------
    probability, prior : float
        With the data, and before them.
    """
    p, q = (min(max(x, _FINEST), 1 - _FINEST) for x in (probability, prior))
    return p / (1 - p) * (1 - q) / q


def is_telling(gain: float) -> bool:
    """Whether odds are raised or lowered enough to be for or against a molecule."""
    return gain >= FAVOURED or gain <= 1 / FAVOURED


def molecules_of(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return all molecules of a survey, those of most observations first."""
    count: dict[str, int] = {}
    for row in rows:
        for molecule in row.get("probability", {}):
            count[molecule] = count.get(molecule, 0) + 1
    return sorted(count, key=lambda molecule: -count[molecule])


def agreement(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, int]]:
    """Count for how many molecules the data speak for and against, by what was published of them.

    Returns
    -------
    dict of str to dict
        For each kind of claim, and where nothing was said: ``n``, ``for`` and ``against`` (odds
        raised or lowered by :data:`FAVOURED`), and ``open``.
    """
    counts = {
        claim: {"n": 0, "for": 0, "against": 0, "open": 0} for claim in (*CLAIMS, NOTHING_SAID)
    }
    for row in rows:
        for molecule, probability in row.get("probability", {}).items():
            gain = odds_gain(probability, row["prior"][molecule])
            kind = "for" if gain >= FAVOURED else "against" if gain <= 1 / FAVOURED else "open"
            count = counts[row["published"].get(molecule, NOTHING_SAID)]
            count["n"] += 1
            count[kind] += 1
    return counts


def survey_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return a survey as a table, one row an observation.

    Returns
    -------
    astropy.table.Table
        With, for each molecule, the probability ``p_h2o``, the change of its odds ``odds_h2o`` and
        what was published, ``published_h2o``.
    """
    from astropy.table import Table

    molecules = molecules_of(rows)
    lines = []
    for row in rows:
        span = row.get("range_um", [math.nan, math.nan])
        line = {
            "planet": row.get("planet", ""),
            "observation": row["label"],
            "instrument": row.get("instrument", ""),
            "reference": row.get("reference", ""),
            "n_bins": row.get("n_bins", 0),
            "low_um": span[0],
            "high_um": span[1],
            "method": row.get("method", ""),
            "reduced_chi2": row.get("reduced_chi2", math.nan),
            "outside": row.get("outside", False),
        }
        for molecule in molecules:
            key = molecule.lower()
            probability = row.get("probability", {}).get(molecule, math.nan)
            line[f"p_{key}"] = probability
            line[f"odds_{key}"] = (
                math.nan
                if math.isnan(probability)
                else odds_gain(probability, row["prior"][molecule])
            )
            line[f"published_{key}"] = row.get("published", {}).get(molecule, "")
        line["seconds"] = row.get("seconds", math.nan)
        line["problem"] = row.get("problem", "")
        lines.append(line)
    return Table(rows=lines)


def to_markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return a survey as a table in Markdown, with the counts of agreement."""
    molecules = molecules_of(rows)
    lines = [
        "| observation | bins | um | method | " + " | ".join(molecules) + " | chi2 | |",
        "|---|---|---|---|" + "---|" * len(molecules) + "---|---|",
    ]
    for row in rows:
        title = f"**{row.get('planet') or row['label']}** {_short(row)}".strip()
        if "problem" in row:
            lines.append(f"| {title} |" + " |" * (len(molecules) + 4) + f" {row['problem']} |")
            continue
        cells = " | ".join(_cell(row, molecule) for molecule in molecules)
        low, high = row["range_um"]
        remark = "outside what the model knows" if row["outside"] else ""
        lines.append(
            f"| {title} | {row['n_bins']} | {low:.2f}-{high:.2f} | {row['method']} | {cells} | "
            f"{row['reduced_chi2']:.1f} | {remark} |"
        )
    lines += [
        "",
        f"Probabilities that a volume mixing ratio is above 1e{_threshold(rows):.0f}; bold where "
        f"the data raise or lower its odds {FAVOURED:g}-fold. Published: "
        + ", ".join(f"{mark} {words}" for mark, words in CLAIMS.values())
        + ".",
        "",
        "| published | molecules | for | open | against |",
        "|---|---|---|---|---|",
    ]
    for claim, count in agreement(rows).items():
        words = CLAIMS[claim][1] if claim in CLAIMS else claim
        lines.append(
            f"| {words} | {count['n']} | {count['for']} | {count['open']} | {count['against']} |"
        )
    return "\n".join(lines) + "\n"


def _cell(row: dict[str, Any], molecule: str) -> str:
    if molecule not in row["probability"]:
        return ""
    probability = row["probability"][molecule]
    gain = odds_gain(probability, row["prior"][molecule])
    text = f"{probability:.2f}"
    if is_telling(gain):
        text = f"**{text}**"
    claim = row["published"].get(molecule)
    return f"{text} {CLAIMS[claim][0]}" if claim else text


def _short(row: dict[str, Any]) -> str:
    return ", ".join(filter(None, (row.get("instrument", ""), row["label"]))).replace("|", "/")


def _threshold(rows: Sequence[dict[str, Any]]) -> float:
    return next((row["threshold"] for row in rows if "threshold" in row), math.nan)
