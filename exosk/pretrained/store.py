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
# Of the spectrum's bins, what a model should see, and must; and how much wider than those that it
# learned to see they may be, all but a tenth of them.
_COVERED, _LEAST_COVERED = 0.9, 0.5
_COARSER, _USUAL = 1.5, 0.9


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

    If none sees nine tenths of its bins, it is the one that sees most.

    Raises
    ------
    RangeError
        If none sees more than half of the bins, or these are too coarse.
    """
    grid = spectrum.without_missing().grid
    share: dict[str, float] = {}
    for name, recipe in RECIPES.items():
        low, high = recipe.grid.range
        inside = (grid.wavelength > low) & (grid.wavelength < high)
        finest = np.interp(grid.wavelength, recipe.grid.wavelength, 2 * recipe.grid.half_width)
        widths = (2 * grid.half_width / finest)[inside]
        # A photometric point among many bins does no harm.
        if inside.any() and np.quantile(widths, _USUAL) <= _COARSER * recipe.merged:
            share[name] = float(inside.mean())
    whole = [name for name in share if share[name] >= _COVERED]
    if whole:
        return whole[0]
    if share and max(share.values()) > _LEAST_COVERED:
        return max(share, key=lambda name: share[name])
    low, high = grid.range
    ranges = ", ".join(f"{r.grid.range[0]:g}-{r.grid.range[1]:g}" for r in RECIPES.values())
    raise RangeError(
        f"no pretrained model sees a spectrum of {low:.3g}-{high:.3g} um in such bins (there are "
        f"some for {ranges} um); choose a method that trains"
    )
