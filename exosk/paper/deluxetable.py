"""A table as AASTeX's ``deluxetable`` has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exosk.paper.latex import latex_text

__all__ = ["NO_DATA", "Table", "wrapped"]

#: A cell without a number.
NO_DATA = r"\nodata"
# Rows of a table on one page; longer ones break.
_MOST_ROWS = 40


@dataclass(frozen=True)
class Table:
    """One table, its texts in LaTeX.

    Attributes
    ----------
    label : str
        Behind ``tab:``.
    caption, notes : str
        Above and below.
    head : sequence of str
        A cell a column.
    rows : sequence of sequence of str
        As many cells each.
    align : str
        A letter a column.
    """

    label: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: str
    align: str

    def latex(self) -> str:
        """Return it, broken over pages where it is long."""
        head = " & ".join(rf"\colhead{{{cell}}}" for cell in self.head)
        lines = [r"\startlongtable"] if len(self.rows) > _MOST_ROWS else []
        lines += [
            rf"\begin{{deluxetable*}}{{{self.align}}}",
            r"\tabletypesize{\footnotesize}",
            rf"\tablecaption{{{self.caption}\label{{tab:{self.label}}}}}",
            rf"\tablehead{{{head}}}",
            r"\startdata",
        ]
        lines.append(" \\\\\n".join(" & ".join(row) for row in self.rows))
        lines += [
            r"\enddata",
            rf"\tablecomments{{{self.notes}}}",
            r"\end{deluxetable*}",
        ]
        return "\n".join(lines) + "\n"


def wrapped(text: str, width: int, unit: str = "") -> str:
    """Break plain text into lines of no more than so many letters, and the unit below them."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    shown = [latex_text(line) for line in lines] + ([f"({unit})"] if unit else [])
    return shown[0] if len(shown) == 1 else r"\reslines{" + r" \\ ".join(shown) + "}"
