"""One spelling for the many ways in which a planet's name is written."""

from __future__ import annotations

import re

__all__ = ["fold_name"]


def fold_name(name: str) -> str:
    """Reduce a planet's name to what identifies it.

    Case, spaces, hyphens and underscores vary from catalogue to catalogue, and some pad
    numbers with zeros so that file names sort.

    Parameters
    ----------
    name : str
        A name as written by anyone.

    Returns
    -------
    str
        A key for comparisons, not for display.

    Examples
    --------
    >>> fold_name("WASP-39 b") == fold_name("wasp_039B")
    True
    >>> fold_name("HD 209458 b")
    'hd209458b'
    """
    padded = re.sub(r"[\W_]+", "", name.casefold().replace(".", "p"))
    return re.sub(r"(?<!\d)0+(?=\d)", "", padded)
