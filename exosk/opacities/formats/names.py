"""What a file calls its absorber, as a chemical formula."""

from __future__ import annotations

import re
from pathlib import Path

from exosk.exceptions import FileFormatError

__all__ = ["plain_formula", "read_name"]


def plain_formula(written: str) -> str:
    """Take isotopes and line lists off a name: ``"1H2-16O__POKAZATEL"`` is ``"H2O"``.

    Parameters
    ----------
    written : str
        A name as ExoMolOP, TauREx or petitRADTRANS write it.

    Returns
    -------
    str
        The formula, or the name itself (without what stands behind ``__``) if it is none.
    """
    bare = re.sub(r"-NatAbund", "", re.split(r"__|\.|\s", written.strip())[0])
    atoms = r"\d*([A-Z][a-z]?)(\d*)"
    if not re.fullmatch(rf"(?:{atoms}-?)+", bare):
        return bare
    if "-" not in bare and not re.match(r"\d", bare):
        return bare
    # Behind a hyphen, and at the beginning, a number is an isotope's mass.
    return "".join(
        element + count
        for part in bare.split("-")
        for element, count in re.findall(r"([A-Z][a-z]?)(\d*)", part)
    )


def read_name(path: Path, given: str | None, found: object = None) -> str:
    """Decide how an absorber is called: by the user, else by the file's content or name.

    Raises
    ------
    FileFormatError
        If none of them gives a name.
    """
    if given:
        return given.strip()
    while hasattr(found, "__len__") and not isinstance(found, str | bytes):
        found = found[0] if len(found) else None  # type: ignore[index]
    if isinstance(found, bytes):
        found = found.decode("utf-8", errors="replace")
    name = plain_formula(str(found)) if found else ""
    if not name:
        stem = re.sub(r"^opac", "", re.split(r"[._]", path.name)[0])
        name = plain_formula(stem)
    if not name:
        raise FileFormatError(f"{path} does not say which absorber it holds; give name=, or --name")
    return name
