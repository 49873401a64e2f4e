"""Simulated training sets: how they are made, labelled, kept and split."""

from exosk.datasets.ariel import ArielSet, read_ariel
from exosk.datasets.dataset import PRESENCE_THRESHOLD, Dataset
from exosk.datasets.detectability import DETECTABLE, delta_chi2
from exosk.datasets.generate import simulate_dataset

__all__ = [
    "DETECTABLE",
    "PRESENCE_THRESHOLD",
    "ArielSet",
    "Dataset",
    "delta_chi2",
    "read_ariel",
    "simulate_dataset",
]
