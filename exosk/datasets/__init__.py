"""Simulated training sets: how they are made, labelled, kept and split."""

from exosk.datasets.ariel import ArielSet, read_ariel
from exosk.datasets.campaign import Progress, simulate_store
from exosk.datasets.dataset import PRESENCE_THRESHOLD, Dataset
from exosk.datasets.detectability import DETECTABLE, delta_chi2
from exosk.datasets.exchange import export_store, merge_stores, split_store
from exosk.datasets.folder import StoreError
from exosk.datasets.generate import simulate_dataset
from exosk.datasets.inspection import StoreCheck, verify_store
from exosk.datasets.opening import open_set
from exosk.datasets.repair import Repair, repair_store
from exosk.datasets.store import Store

__all__ = [
    "DETECTABLE",
    "PRESENCE_THRESHOLD",
    "ArielSet",
    "Dataset",
    "Progress",
    "Repair",
    "Store",
    "StoreCheck",
    "StoreError",
    "delta_chi2",
    "export_store",
    "merge_stores",
    "open_set",
    "read_ariel",
    "repair_store",
    "simulate_dataset",
    "simulate_store",
    "split_store",
    "verify_store",
]
