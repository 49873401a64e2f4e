"""Estimators as they are by default, fitted for a moment: enough to read their layers off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from exosk.models import (
    CNNRetriever,
    FlowRetriever,
    ForestRetriever,
    InpaintingGANRetriever,
    MLPRetriever,
)
from exosk.parameters import ParameterArray, ParameterSpace
from exosk.spectra import Spectrum

__all__ = ["DEFAULTS", "example_networks", "settings_of"]

#: Retrievers as they are by default, by the name that commands have for them.
DEFAULTS: Mapping[str, type[BaseEstimator]] = {
    "forest": ForestRetriever,
    "mlp": MLPRetriever,
    "cnn": CNNRetriever,
    "flow": FlowRetriever,
    "gan": InpaintingGANRetriever,
}

_ROWS = 96
# What says how a run goes, and nothing of the method.
_NO_SETTING = {
    "checkpoint", "device", "grid", "augmentation", "progress", "verbose", "random_state", "space",
    "encoder", "proposal", "n_jobs", "warm_start",
}  # fmt: skip


def example_networks(spectrum: Spectrum, space: ParameterSpace) -> dict[str, Any]:
    """Fit the networks for one epoch, in the bins of an observation, with its errors beside.

    Parameters
    ----------
    spectrum : Spectrum
        Of whose bins the input is.
    space : ParameterSpace
        What is retrieved.

    Returns
    -------
    dict of str to estimator
        ``mlp``, ``cnn``, ``flow`` and ``gan``, fitted to made-up depths: their layers have the
        sizes that they would have of a real training set, and their answers mean nothing.
    """
    random = np.random.RandomState(0)
    n = len(spectrum)
    depth = spectrum.depth + spectrum.sigma * random.standard_normal((_ROWS, n))
    X = np.hstack([depth, np.broadcast_to(spectrum.sigma, (_ROWS, n))])
    Y = ParameterArray(space.sample(_ROWS, random), space)
    fitted = {}
    for name, kind in DEFAULTS.items():
        if name == "forest":
            continue
        settings: dict[str, Any] = {"grid": spectrum.grid, "max_epochs": 1, "random_state": 0}
        if name == "gan":
            settings |= {"n_generated": _ROWS, "proposal": MLPRetriever(max_epochs=1)}
        with torch.random.fork_rng(devices=[]):
            fitted[name] = kind(**settings).fit(X[:, :n] if name == "gan" else X, Y)
    return fitted


def settings_of(kind: type[BaseEstimator]) -> dict[str, Any]:
    """Return an estimator's settings by default, without those that say nothing of the method."""
    found = kind().get_params(deep=False)
    return {name: value for name, value in found.items() if name not in _NO_SETTING}
