"""What is known of a fitted model: the card that lies beside its weights.

A card is JSON: a person can read it, and a program can tell from it alone whether the model was
made for a spectrum. It names the other files of the model with their SHA-256, and holds the
SHA-256 of its own content, so that damage to any of them shows.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from exosk.exceptions import FileFormatError
from exosk.parameters import ParameterSpace
from exosk.spectra import SpectralGrid

__all__ = ["CARD", "ModelCard", "read_card", "sha256"]

CARD = "card.json"
_FORMAT = "exosk-model"
_VERSION = 1
_PACKAGES = ("exosk", "numpy", "scikit-learn", "scipy", "skops", "torch")
_UNITS = {"wavelength": "um", "depth": "(Rp/Rs)^2, a fraction", "sigma": "as depth"}


@dataclass(frozen=True, eq=False)
class ModelCard:
    """What a model is, what it was made from, and what it may be used for.

    Attributes
    ----------
    kind : {"retriever", "detector"}
        Whether it answers with parameters or with molecules.
    grid : SpectralGrid
        The bins it takes.
    space : ParameterSpace
        The training parameters with their priors.
    molecules : tuple of str
        Absorbers in the training set; a detector answers for each.
    sigma : ndarray of shape (n_bins,)
        Reference 1-sigma errors that it was trained with; NaN where a bin was missing.
    sigma_scale : tuple of float
        Smallest and largest factor on `sigma` that it was trained for.
    has_sigma : bool
        Whether it is given the errors of a spectrum beside the depths.
    presence : dict
        When a molecule counted as present in the labels of a detector: arguments of
        :meth:`exosk.Dataset.presence` (`threshold`, `delta_chi2`).
    estimator : dict
        Class of what answers (`class`), and the whole model as text (`text`).
    provenance : dict
        Of the training set: simulator, opacities, seed.
    n_training : int
        Number of training spectra.
    seed : int or None
        Of the training.
    metrics : dict
        Of held-out spectra; what cannot be computed is None.
    created : str
        Date and time (UTC, ISO 8601).
    versions : dict
        Of the packages.
    files : dict
        SHA-256 of each other file.
    columns : tuple of str
        What a row holds behind depths and errors; mostly nothing.
    """

    kind: str
    grid: SpectralGrid
    space: ParameterSpace
    molecules: tuple[str, ...]
    sigma: np.ndarray
    sigma_scale: tuple[float, float]
    has_sigma: bool
    presence: Mapping[str, Any]
    estimator: Mapping[str, str]
    provenance: Mapping[str, Any]
    n_training: int
    seed: int | None
    created: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=lambda: _versions())
    files: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()

    @property
    def n_columns(self) -> int:
        """Length of a row."""
        return self.grid.n_bins * (1 + self.has_sigma) + len(self.columns)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON, without the checksum."""
        return {
            "format": _FORMAT,
            "version": _VERSION,
            "kind": self.kind,
            "created": self.created,
            "estimator": dict(self.estimator),
            "grid": self.grid.to_dict(),
            "space": self.space.to_dict(),
            "molecules": list(self.molecules),
            "presence": dict(self.presence),
            "units": _UNITS,
            "sigma": plain(self.sigma),
            "sigma_scale": list(self.sigma_scale),
            "has_sigma": self.has_sigma,
            "columns": list(self.columns),
            "n_training": self.n_training,
            "seed": self.seed,
            "metrics": plain(self.metrics),
            "provenance": plain(self.provenance),
            "versions": dict(self.versions),
            "files": dict(self.files),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ModelCard:
        """Build the card that :meth:`to_dict` described.

        Raises
        ------
        LookupError, TypeError, ValueError
            If something is missing or is not what it should be.
        """
        grid = SpectralGrid.from_dict(content["grid"])
        # None is a missing bin, which as a float is NaN.
        sigma = np.array(content["sigma"], dtype=float)
        low, high = (float(factor) for factor in content["sigma_scale"])
        if content["kind"] not in ("retriever", "detector"):
            raise ValueError(f"its kind is {content['kind']!r}")
        if sigma.shape != (grid.n_bins,):
            raise ValueError(f"{grid.n_bins} bins but {sigma.size} reference errors")
        if not 0 < low <= high < math.inf:
            raise ValueError(f"a noise range of {low:g} to {high:g}")
        return cls(
            kind=content["kind"],
            grid=grid,
            space=ParameterSpace.from_dict(content["space"]),
            molecules=tuple(map(str, content["molecules"])),
            sigma=sigma,
            sigma_scale=(low, high),
            has_sigma=bool(content["has_sigma"]),
            presence=dict(content["presence"]),
            estimator=dict(content["estimator"]),
            provenance=dict(content["provenance"]),
            n_training=int(content["n_training"]),
            seed=content["seed"],
            created=str(content["created"]),
            metrics=dict(content["metrics"]),
            versions=dict(content["versions"]),
            files=dict(content["files"]),
            columns=tuple(map(str, content.get("columns", ()))),
        )

    def write(self, folder: Path) -> None:
        """Write the card, with the checksum of its content."""
        content = self.to_dict()
        content["sha256"] = _checksum(content)
        (folder / CARD).write_text(_laid_out(content) + "\n", encoding="utf-8")


def read_card(folder: str | os.PathLike[str]) -> ModelCard:
    """Read the card of a model.

    Parameters
    ----------
    folder : path-like
        The model.

    Returns
    -------
    ModelCard

    Raises
    ------
    FileFormatError
        If there is no model, or its card is of a later exosk, damaged, or changed by hand.
    """
    path = Path(folder) / CARD
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise FileFormatError(
            f"{folder} is not a model: there is no {CARD} in it; a model is a folder that "
            f"`exosk train` or save_model wrote"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise FileFormatError(f"{path} is not readable: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FileFormatError(f"{path} is JSON but not the card of an exosk model")
    _check_versions(path, content)
    claimed = content.pop("sha256", None)
    if claimed != _checksum(content):
        raise FileFormatError(
            f"{path} is damaged or was changed after it was written: its content does not match "
            f"its checksum; get the model anew"
        )
    try:
        return ModelCard.from_dict(content)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise FileFormatError(f"{path} does not describe a model: {error}") from error


def _check_versions(path: Path, content: Mapping[str, Any]) -> None:
    version = content.get("version")
    if not isinstance(version, int):
        raise FileFormatError(f"{path} does not say which version of the format it is")
    if version > _VERSION:
        raise FileFormatError(
            f"{path} was written by a later exosk (model format {version}, this one reads up to "
            f"{_VERSION}); upgrade exosk"
        )
    versions = content.get("versions")
    theirs = str(versions.get("exosk")) if isinstance(versions, dict) else "unknown"
    mine = metadata.version("exosk")
    if theirs.split(".")[0] != mine.split(".")[0]:
        raise FileFormatError(
            f"{path} is of a model made with exosk {theirs}, and this is exosk {mine}; install "
            f"that version or train the model anew"
        )


def sha256(data: bytes) -> str:
    """Return the SHA-256 of some bytes, as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _checksum(content: Mapping[str, Any]) -> str:
    """Of the content, however it is laid out."""
    return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def _laid_out(value: Any, indent: str = "") -> str:
    """Return JSON in which lists of numbers take one line, however long."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        rows = [f"{json.dumps(key)}: {_laid_out(item, deeper)}" for key, item in value.items()]
        left, right = "{}"
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        rows = [_laid_out(item, deeper) for item in value]
        left, right = "[]"
    else:
        return json.dumps(value, allow_nan=False)
    return f"{left}\n{deeper}" + f",\n{deeper}".join(rows) + f"\n{indent}{right}"


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in _PACKAGES}


def plain(value: Any) -> Any:
    """Turn arrays and NumPy's numbers into what JSON has; no number at all is None.

    Raises
    ------
    TypeError
        If there is something else in it.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{value!r} of type {type(value).__name__} has no place on a card")
