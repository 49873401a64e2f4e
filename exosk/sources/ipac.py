r"""IPAC tables, as the NASA Exoplanet Archive and IRSA give them.

They begin with lines ``\KEY = value``, then come four lines between bars: names, types, units and
what stands for a missing value.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from astropy.utils.exceptions import AstropyWarning

from exosk.exceptions import FileFormatError
from exosk.sources.cells import CellTable
from exosk.sources.tables import cells_of_table, reason_of

__all__ = ["is_ipac", "parse_ipac"]

_NOTHING = ("", "none", "null", "nan")


def is_ipac(text: str) -> bool:
    """Whether a text begins as an IPAC table does, and has a line of names between bars."""
    return text.lstrip().startswith(("\\", "|")) and bool(re.search(r"^\s*\|", text, re.MULTILINE))


def parse_ipac(text: str, label: str) -> CellTable:
    """Read an IPAC table.

    Parameters
    ----------
    text : str
        Content, with plain newlines.
    label : str
        The file's name, for errors.

    Returns
    -------
    CellTable
        Its metadata are the keywords in lower case, without the empty ones.

    Raises
    ------
    FileFormatError
        If it is not valid, or has no rows.
    """
    from astropy.table import Table

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyWarning)  # units of columns that nobody uses
            content = Table.read(text.split("\n"), format="ascii.ipac")
    except Exception as error:  # astropy raises a dozen kinds for a broken file
        raise FileFormatError(f"{label} is not a valid IPAC table: {reason_of(error)}") from error
    keywords: dict[str, Any] = content.meta.get("keywords", {})
    meta = {key.lower(): entry["value"] for key, entry in keywords.items()}
    meta = {key: value for key, value in meta.items() if str(value).casefold() not in _NOTHING}
    return cells_of_table(content, label, meta=meta)
