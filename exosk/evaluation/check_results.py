"""What the checks of a model found, row by row, and the verdict.

Each check is one p-value: the probability that an exact posterior looks as bad. Every row of the
table has been corrected for the parameters and levels that it looks at; the verdict corrects for
the number of rows, so that an exact model fails in one run of twenty and not in one row of twenty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from exosk.evaluation.document import as_json
from exosk.evaluation.expected_coverage import CoverageTest
from exosk.evaluation.local import LocalTest
from exosk.evaluation.sbc import UniformityTest
from exosk.evaluation.tarp import TarpTest
from exosk.parameters import ParameterSpace

__all__ = ["TOLERANCE", "CheckRow", "ModelChecks", "StratumChecks"]

#: Coverage that differs by less than this from its level does not fail, however many the spectra.
TOLERANCE = 0.03


@dataclass(frozen=True)
class CheckRow:
    """One check at one size of the noise.

    Attributes
    ----------
    check : str
        ``"ranks"``, ``"intervals"``, ``"regions"``, ``"tarp"`` or ``"local"``.
    stratum : str
        Which noise.
    p_value : float
        Corrected for all that the check looks at.
    worst : str
        Where it is worst: a parameter, or what else the check looks at.
    difference : float or None
        Largest difference of a coverage from its level, for checks that have one.
    tolerated : bool
        Whether the difference is too small to matter.
    """

    check: str
    stratum: str
    p_value: float
    worst: str
    difference: float | None = None
    tolerated: bool = False


@dataclass(frozen=True, eq=False)
class StratumChecks:
    """Checks at one size of the noise.

    Attributes
    ----------
    label : str
        Which noise, in words.
    noise_factor : float
        Errors over the model's reference errors.
    missing : float
        Share of bins that are missing at random.
    ranks : UniformityTest
        Of the parameters' ranks and, where the model has a density, of the joint density.
    intervals : CoverageTest
        Of each parameter's central intervals.
    regions : CoverageTest or None
        Of regions of highest density, where the model has a density.
    tarp : TarpTest
        Of balls around random points.
    local : LocalTest
        Of whether all these depend on the spectrum.
    """

    label: str
    noise_factor: float
    missing: float
    ranks: UniformityTest
    intervals: CoverageTest
    regions: CoverageTest | None
    tarp: TarpTest
    local: LocalTest

    @property
    def rows(self) -> list[CheckRow]:
        """One a check."""
        found = [CheckRow("ranks", self.label, self.ranks.p_value, self.ranks.worst)]
        for name, test in (("intervals", self.intervals), ("regions", self.regions)):
            if test is not None:
                slight = abs(test.difference) <= TOLERANCE
                found.append(
                    CheckRow(name, self.label, test.p_value, test.worst, test.difference, slight)
                )
        tarp = CheckRow("tarp", self.label, self.tarp.p_value, "all", self.tarp.difference)
        local = CheckRow("local", self.label, self.local.p_value, self.local.worst)
        return [*found, tarp, local]

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON."""
        return {
            "label": self.label,
            "noise_factor": self.noise_factor,
            "missing": self.missing,
            "ranks": self.ranks.to_dict(),
            "intervals": self.intervals.to_dict(),
            "regions": None if self.regions is None else self.regions.to_dict(),
            "tarp": self.tarp.to_dict(),
            "local": self.local.to_dict(),
        }


@dataclass(frozen=True, eq=False)
class ModelChecks:
    """What the checks of a model found.

    Attributes
    ----------
    space : ParameterSpace
        The model's parameters.
    strata : tuple of StratumChecks
        One a size of the noise, and one with missing bins if these were asked for.
    context : mapping
        Model, data and noise, as JSON has it.
    notes : tuple of str
        What a reader must know.
    level : float
        Probability that an exact model fails at least one row.
    """

    space: ParameterSpace
    strata: tuple[StratumChecks, ...]
    context: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    level: float = 0.05

    @cached_property
    def rows(self) -> list[CheckRow]:
        """All checks at all sizes of the noise."""
        return [row for stratum in self.strata for row in stratum.rows]

    def verdict(self, row: CheckRow) -> str:
        """``"pass"``, ``"doubtful"`` or ``"fail"``.

        A row fails if its p-value is below the level over the number of rows. Below the level
        alone it is doubtful: among so many rows an exact model has some of these.
        """
        if row.tolerated or row.p_value > self.level:
            return "pass"
        return "fail" if row.p_value <= self.level / len(self.rows) else "doubtful"

    @property
    def passed(self) -> bool:
        """Whether no row fails."""
        return all(self.verdict(row) != "fail" for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Return rows, verdicts and all numbers behind them for JSON."""
        rows = [
            {
                "check": row.check,
                "stratum": row.stratum,
                "p_value": row.p_value,
                "largest_difference": row.difference,
                "worst": row.worst,
                "verdict": self.verdict(row),
            }
            for row in self.rows
        ]
        return as_json(
            {
                "passed": self.passed,
                "level": self.level,
                **self.context,
                "notes": list(self.notes),
                "rows": rows,
                "strata": [stratum.to_dict() for stratum in self.strata],
            }
        )
