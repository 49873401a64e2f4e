"""Simulated training sets: how they are made, kept and split."""

from exosk.datasets.dataset import PRESENCE_THRESHOLD, Dataset
from exosk.datasets.generate import simulate_dataset

__all__ = ["PRESENCE_THRESHOLD", "Dataset", "simulate_dataset"]
