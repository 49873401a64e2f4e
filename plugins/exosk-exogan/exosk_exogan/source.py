"""A folder of ExoGAN's spectra as a source of observations."""

from __future__ import annotations

import os
from pathlib import Path

from exosk.exceptions import FileFormatError, UnknownNameError
from exosk.sources import fold_name
from exosk.spectra import Spectrum
from exosk_exogan.parameters import CITATION
from exosk_exogan.spectra import read_exogan_spectrum

__all__ = ["FOLDER_VARIABLE", "ExoganSource"]

FOLDER_VARIABLE = "EXOSK_EXOGAN_DIR"


class ExoganSource:
    """The files ``*.dat`` of one folder, by their names without the ending.

    Parameters
    ----------
    folder : path-like, optional
        By default the one that the environment variable ``EXOSK_EXOGAN_DIR`` names; without
        either the source has nothing.
    """

    citation = CITATION

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        chosen = os.environ.get(FOLDER_VARIABLE) if folder is None else folder
        self.folder = Path(chosen).expanduser() if chosen else None

    def names(self) -> list[str]:
        """Return the names of the spectra, sorted.

        Raises
        ------
        FileFormatError
            If the folder cannot be listed.
        """
        return sorted(self._files())

    def load(self, name: str) -> Spectrum:
        """Return one spectrum; see :func:`exosk_exogan.read_exogan_spectrum`.

        Parameters
        ----------
        name : str
            As in :meth:`names`; case, blanks, hyphens and underscores do not matter.

        Raises
        ------
        UnknownNameError
            If there is no such spectrum.
        FileFormatError
            If the folder or the file cannot be read, or the name fits two files.
        """
        files = self._files()
        found = [name] if name in files else [n for n in files if fold_name(n) == fold_name(name)]
        if not found:
            raise UnknownNameError.suggest("spectrum of ExoGAN's", name, files)
        if len(found) > 1:
            raise FileFormatError(f"{name!r} may be {' or '.join(sorted(found))} in {self.folder}")
        return read_exogan_spectrum(files[found[0]])

    def _files(self) -> dict[str, Path]:
        if self.folder is None:
            return {}
        try:
            return {f.stem: f for f in self.folder.iterdir() if f.suffix == ".dat" and f.is_file()}
        except OSError as error:
            raise FileFormatError(
                f"the folder {self.folder} of ExoGAN's spectra ({FOLDER_VARIABLE}) cannot be read: "
                f"{(error.strerror or type(error).__name__).lower()}"
            ) from error
