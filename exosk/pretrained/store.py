"""The pretrained models that come with the package: which there are, and which one to take."""

from __future__ import annotations

import json
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.inference import SpectrumGuard
from exosk.models import load_model
from exosk.pretrained.model import PretrainedModel
from exosk.pretrained.recipes import RECIPES
from exosk.spectra import Spectrum

__all__ = ["choose_pretrained", "load_pretrained", "save_guard"]

FOLDER = Path(__file__).parent / "embedded"
_SETTINGS = "settings"
# Of the spectrum's bins, what a model must see to be chosen; in widths of its own bins, how much
# wider than those it learned to see they may be.
_COVERED, _COARSER = 0.9, 1.5


def load_pretrained(name: str, folder: Path = FOLDER) -> PretrainedModel:
    """Read a pretrained model.

    Parameters
    ----------
    name : str
        One of ``prism``, ``wfc3`` and ``wide``.
    folder : Path, optional
        Of the models; the package's own by default.

    Returns
    -------
    PretrainedModel

    Raises
    ------
    UnknownNameError
        If there is none of that name.
    FileFormatError
        If it is damaged.
    """
    if name not in RECIPES:
        raise UnknownNameError.suggest("pretrained model", name, list(RECIPES))
    return _load(name, folder)


@lru_cache(maxsize=3)
def _load(name: str, folder: Path) -> PretrainedModel:
    fitted = load_model(folder / name)
    path = folder / f"{name}-guard.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            arrays = dict(content)
        settings = json.loads(str(arrays.pop(_SETTINGS)))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path} is not the guard of a model: {error}") from error
    guard = SpectrumGuard.from_arrays(arrays, settings)
    return PretrainedModel(name, RECIPES[name], fitted, guard)


def save_guard(guard: SpectrumGuard, name: str, folder: Path = FOLDER) -> None:
    """Write a guard beside its model."""
    arrays, settings = guard.to_arrays()
    content = {**arrays, _SETTINGS: np.array(json.dumps(settings))}
    np.savez_compressed(folder / f"{name}-guard.npz", **content)


def choose_pretrained(spectrum: Spectrum) -> str:
    """Return the name of the model for a spectrum: the most special one that sees it.

    Raises
    ------
    RangeError
        If none sees nine tenths of its bins.
    """
    grid = spectrum.without_missing().grid
    for name, recipe in RECIPES.items():
        low, high = recipe.grid.range
        inside = (grid.wavelength > low) & (grid.wavelength < high)
        if inside.mean() < _COVERED:
            continue
        resolution = recipe.grid.wavelength[0] / (2 * recipe.grid.half_width[0])
        widths = (2 * grid.half_width / grid.wavelength * resolution)[inside]
        if widths.max() <= _COARSER * recipe.merged:
            return name
    low, high = grid.range
    ranges = ", ".join(f"{r.grid.range[0]:g}-{r.grid.range[1]:g}" for r in RECIPES.values())
    raise RangeError(
        f"no pretrained model sees a spectrum of {low:.3g}-{high:.3g} um in such bins (there are "
        f"some for {ranges} um); choose a method that trains"
    )
