"""The user's own opacity tables: files in one folder, each named after its absorber.

A table of exosk's format in that folder is there for :func:`exosk.opacities.get_opacity`, and so
for the simulators, under the file's name; ``exosk opacity convert`` puts it there. It takes the
place of an embedded table of the same name. The folder is listed at every look-up and a file is
opened when its name is asked for, so that a damaged one harms no other.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from exosk.exceptions import FileFormatError, RangeError

if TYPE_CHECKING:
    from exosk.opacities.table import OpacityTable

__all__ = ["FOLDER_VARIABLE", "load_user_table", "user_folder", "user_tables"]

FOLDER_VARIABLE = "EXOSK_OPACITY_DIR"


def user_folder() -> Path:
    """Folder of the user's tables: ``EXOSK_OPACITY_DIR``, else one of the system's for data."""
    chosen = os.environ.get(FOLDER_VARIABLE, "").strip()
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return Path(platformdirs.user_data_dir("exosk", appauthor=False)) / "opacities"


def user_tables() -> dict[str, Path]:
    """Files of the user's folder by the name of their absorber; none is opened.

    Returns
    -------
    dict of str to Path
        Of several files whose names differ in case only, the first in order.
    """
    try:
        files = sorted(path for path in user_folder().iterdir() if path.suffix == ".h5")
    except OSError:  # no folder, or one that may not be read: no tables
        return {}
    found: dict[str, Path] = {}
    folded: set[str] = set()
    for path in files:
        # Hidden files are those that are being written.
        if path.name.startswith(".") or path.stem.casefold() in folded:
            continue
        folded.add(path.stem.casefold())
        found[path.stem] = path
    return found


def load_user_table(path: Path) -> OpacityTable:
    """Load one of the user's tables.

    Raises
    ------
    FileFormatError
        If the file is damaged, no exosk table, or called after another absorber.
    RangeError
        If it has one temperature only, between which nothing can be interpolated.
    """
    from exosk.opacities.table import OpacityTable

    try:
        table = OpacityTable.load(path)
    except FileNotFoundError:
        raise FileFormatError(f"there is no file {path} any more") from None
    except FileFormatError as error:
        raise FileFormatError(
            f"your own table of {path.stem} cannot be used: {error}; remove it, or make it again "
            "with `exosk opacity convert`"
        ) from error
    if table.name.casefold() != path.stem.casefold():
        raise FileFormatError(
            f"your own table {path} holds {table.name}; call the file {table.name}.h5"
        )
    if table.temperature.size < 2:
        raise RangeError(
            f"your own table {path} holds one temperature, and nothing can be interpolated; "
            "replace it by one of several"
        )
    return table
