"""Models on disk: a folder of plain files, in which nothing is unpickled.

===================== =======================================================================
``card.json``         what the model is and was made for, and the SHA-256 of the other files
                      (:mod:`exosk.models.card`)
``model.skops``       the estimator or pipeline, all but networks' weights
                      (:mod:`exosk.models.trusted`)
``weights.safetensors`` those weights; absent where there is no network
                      (:mod:`exosk.models.weights`)
===================== =======================================================================

A pickle runs whatever code its author put into it; here a file that holds anything but known types
is refused before any of it is made.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from exosk.datasets import PRESENCE_THRESHOLD, Dataset, Store
from exosk.datasets.detectability import errors_in
from exosk.exceptions import FileFormatError, RangeError
from exosk.models.card import CARD, ModelCard, read_card, sha256
from exosk.models.final_step import FinalStep
from exosk.models.fitted import FittedModel
from exosk.models.trusted import dump, restore
from exosk.models.weights import attach_weights, detach_weights
from exosk.rows import RowLayout

__all__ = ["FittedModel", "check_target", "load_model", "save_model"]

_STRUCTURE, _WEIGHTS = "model.skops", "weights.safetensors"
_BY_ABUNDANCE = {"threshold": PRESENCE_THRESHOLD, "delta_chi2": None}


def save_model(
    estimator: Any,
    folder: str | os.PathLike[str],
    data: Dataset | Store,
    *,
    sigma: Any,
    sigma_scale: tuple[float, float] = (1.0, 1.0),
    presence: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    seed: int | None = None,
    columns: Sequence[str] = (),
) -> None:
    """Write a fitted model, whole or not at all.

    Parameters
    ----------
    estimator : estimator, Pipeline or search
        Fitted. Of a search (GridSearchCV) the best model that it found is written.
    folder : path-like
        Where it shall be. A model that is there already is replaced when the new one is complete.
    data : Dataset or Store
        What it was trained on.
    sigma : float, array-like of shape (n_bins,), Instrument or Spectrum
        Reference 1-sigma errors of the training, as a fraction; NaN where a bin was missing.
    sigma_scale : (float, float), default=(1, 1)
        Smallest and largest factor on `sigma` in the training.
    presence : mapping, optional
        Of a detector: the arguments of :meth:`exosk.Dataset.presence` that gave the labels; its
        defaults when left out.
    metrics : mapping, optional
        Of held-out spectra, as JSON has it.
    seed : int, optional
        Of the training.
    columns : sequence of str, default=()
        What rows hold behind depths and errors.

    Raises
    ------
    GridError
        If the model takes other bins than the data's.
    RangeError
        If the estimator is neither retriever nor detector, or the noise is none.
    FileFormatError
        If it holds something that cannot be read again without running code, or `folder` holds
        something else than a model.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    check_is_fitted(estimator)
    kind = _kind(estimator)
    layout = RowLayout.of(estimator.n_features_in_ - len(columns), data.grid)
    card = ModelCard(
        kind=kind,
        grid=data.grid,
        space=data.space,
        molecules=data.molecules,
        sigma=errors_in(sigma, data.grid),
        sigma_scale=_range(sigma_scale),
        has_sigma=layout.has_sigma,
        presence=dict(presence or _BY_ABUNDANCE) if kind == "detector" else {},
        estimator={"class": _class_name(estimator), "text": repr(estimator)},
        provenance=data.provenance,
        n_training=len(data),
        seed=seed,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        metrics=metrics or {},
        columns=tuple(columns),
    )
    structure, weights = detach_weights(estimator)
    files = {_STRUCTURE: dump(structure)}
    if weights:
        from safetensors import numpy as safetensors

        files[_WEIGHTS] = safetensors.save(weights)
    card = replace(card, files={name: sha256(content) for name, content in files.items()})
    with _atomic_folder(folder) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        card.write(temporary)


def load_model(folder: str | os.PathLike[str], device: str | None = None) -> FittedModel:
    """Read a model that :func:`save_model` wrote.

    Parameters
    ----------
    folder : path-like
        The model.
    device : str, optional
        Where its networks shall compute, as in ``"cpu"`` or ``"cuda"``.

    Returns
    -------
    FittedModel

    Raises
    ------
    FileFormatError
        If it is no model, is incomplete, damaged or of a later exosk, or holds a type that no
        model of exosk holds.
    RangeError
        If the device is not there.
    """
    folder = Path(folder)
    card = read_card(folder)
    if _STRUCTURE not in card.files or not set(card.files) <= {_STRUCTURE, _WEIGHTS}:
        raise FileFormatError(f"{folder / CARD} names files that are not those of a model")
    content = {name: _read(folder / name, digest) for name, digest in card.files.items()}
    estimator = restore(content[_STRUCTURE], str(folder / _STRUCTURE))
    weights: dict[str, np.ndarray] = {}
    if _WEIGHTS in content:
        from safetensors import SafetensorError
        from safetensors import numpy as safetensors

        try:
            weights = safetensors.load(content[_WEIGHTS])
        except (SafetensorError, LookupError, TypeError, ValueError) as error:
            raise FileFormatError(f"{folder / _WEIGHTS} is not readable: {error}") from error
    attach_weights(estimator, weights, str(folder / _WEIGHTS), device)
    _check_against(card, estimator, folder)
    return FittedModel(estimator, card)


def check_target(folder: str | os.PathLike[str]) -> None:
    """Find out before the work whether a model may be written there.

    Raises
    ------
    FileFormatError
        If there is something else than a model.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileFormatError(f"{folder} is a file, and a model is a folder; choose another name")
    names = {path.name for path in folder.iterdir()}
    strangers = sorted(names - {CARD, _STRUCTURE, _WEIGHTS})
    if strangers:
        raise FileFormatError(
            f"{folder} holds more than a model ({', '.join(strangers[:3])}), which would be lost "
            f"with the old one; choose another folder"
        )
    if names and CARD not in names:
        raise FileFormatError(f"{folder} is not empty and not a model; choose another folder")


def _kind(estimator: Any) -> str:
    last = FinalStep(estimator)
    if last.offers("sample_posterior"):
        return "retriever"
    if last.offers("predict_proba"):
        return "detector"
    raise RangeError(
        f"a {type(last.estimator).__name__} is neither a retriever (it has no sample_posterior) "
        f"nor a detector (no predict_proba), so there is nothing that a saved model would answer"
    )


def _class_name(estimator: Any) -> str:
    """Of what answers in the end, whatever is wrapped around it."""
    last = FinalStep(estimator).estimator
    for inner in ("estimator", "retriever"):
        if hasattr(last, inner):
            return _class_name(getattr(last, inner))
    return f"{type(last).__module__}.{type(last).__qualname__}"


def _range(scale: tuple[float, float]) -> tuple[float, float]:
    low, high = (float(factor) for factor in scale)
    if not 0 < low <= high < np.inf:
        raise RangeError(
            f"the noise range must be two positive factors, low <= high; got {low:g} and {high:g}"
        )
    return low, high


def _read(path: Path, digest: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FileFormatError(f"the model is incomplete: {path} cannot be read ({error})") from None
    if sha256(content) != digest:
        raise FileFormatError(
            f"{path} is damaged, cut off or of another model: its checksum is not the one on the "
            f"card; get the model anew"
        )
    return content


def _check_against(card: ModelCard, estimator: Any, folder: Path) -> None:
    """Refuse a model that is not what the card says; else an error would come late and unclear."""
    try:
        check_is_fitted(estimator)
        agrees = _kind(estimator) == card.kind and estimator.n_features_in_ == card.n_columns
    except (AttributeError, TypeError, ValueError, LookupError):
        agrees = False
    if not agrees:
        raise FileFormatError(f"the card of {folder} describes another model than the one in it")


@contextlib.contextmanager
def _atomic_folder(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder that becomes `folder` when the block ends well.

    An older model is moved aside, and back if its place cannot be taken.
    """
    check_target(folder)
    # A link to a model stays a link.
    target = Path(folder).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    new, old = temporary / "new", temporary / "old"
    try:
        new.mkdir()
        yield new
        try:
            if target.exists():
                target.rename(old)
            new.rename(target)
        except BaseException:
            if old.exists() and not target.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
