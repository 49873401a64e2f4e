"""What a store of spectra is: a folder of shards, and a manifest that says what is in them.

    manifest.json          what all shards have in common, and each finished one with its SHA-256
    progress.jsonl         shards that were finished since, one a line; only while a set is made
    shard-000000.h5 ...    see :mod:`exosk.datasets.shards`
    writer.lock            held by the process that writes

A shard is recorded after it lies there whole, so that whatever is recorded can be relied on. No
file holds a date: the same set is the same bytes, whenever and in however many attempts it was
made.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from exosk.datasets.folder import writing_to
from exosk.exceptions import ExoskError, FileFormatError
from exosk.parameters import ParameterSpace
from exosk.spectra import SpectralGrid
from exosk.storage import atomic_path

__all__ = [
    "Header",
    "Manifest",
    "ShardRecord",
    "environment",
    "first_difference",
]

_VERSION = 1
_FORMAT = "exosk store"
MANIFEST, JOURNAL = "manifest.json", "progress.jsonl"


@dataclass(frozen=True)
class ShardRecord:
    """A finished shard.

    Attributes
    ----------
    n : int
        Its spectra.
    n_bytes : int
        The size of its file.
    sha256 : str
        The checksum of its file.
    n_refused : int
        Draws from the prior that the simulator refused, beside those that became spectra.
    """

    n: int
    n_bytes: int
    sha256: str
    n_refused: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it: refusals only where there were some."""
        content = asdict(self)
        if not self.n_refused:
            del content["n_refused"]
        return content


@dataclass(frozen=True, eq=False)
class Header:
    """What all shards of a store have in common, and what decides what is in them.

    Attributes
    ----------
    n : int
        Spectra of the whole store.
    shard_size : int
        Spectra of each shard but the last, which has the rest.
    grid : SpectralGrid
        The bins.
    space : ParameterSpace
        The parameters, with the priors that they were drawn from.
    molecules : tuple of str
        Absorbers whose abundance is among the parameters.
    sigma : ndarray of shape (n_bins,) or None
        Reference 1-sigma errors.
    detectability : bool
        Whether it is stored how much each molecule shows.
    provenance : dict
        Simulator, opacities, seed, as JSON has it.
    seed : int or None
        From which each shard has its own by ``SeedSequence.spawn``; None for a store that was put
        together from others.
    chunk_rows : int
        Spectra that are read at once.
    compression : str or None
        ``"gzip"`` or nothing.
    environment : dict
        Versions of what the last bits depend on.
    """

    n: int
    shard_size: int
    grid: SpectralGrid
    space: ParameterSpace
    molecules: tuple[str, ...]
    sigma: np.ndarray | None
    detectability: bool
    provenance: dict[str, Any]
    seed: int | None
    chunk_rows: int
    compression: str | None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def n_shards(self) -> int:
        """How many shards the finished store has."""
        return math.ceil(self.n / self.shard_size)

    def shard_rows(self, index: int) -> int:
        """Return how many spectra a shard has."""
        return min(self.shard_size, self.n - index * self.shard_size)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        sigma = None
        if self.sigma is not None:  # JSON has no NaN
            sigma = [None if math.isnan(value) else value for value in self.sigma.tolist()]
        content = {
            "n": self.n,
            "shard_size": self.shard_size,
            "chunk_rows": self.chunk_rows,
            "compression": self.compression,
            "seed": self.seed,
            "grid": self.grid.to_dict(),
            "space": self.space.to_dict(),
            "molecules": list(self.molecules),
            "sigma": sigma,
            "detectability": self.detectability,
            "units": {
                "X": "transit depth (Rp/Rs)^2, a fraction",
                "wavelength": "um",
                "Y": dict(zip(self.space.names, self.space.units)),
            },
            "provenance": self.provenance,
            "environment": self.environment,
        }
        return json.loads(json.dumps(content))

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Header:
        """Build the header that :meth:`to_dict` described."""
        sigma = content["sigma"]
        if sigma is not None:
            sigma = np.array([np.nan if value is None else value for value in sigma], dtype=float)
        return cls(
            int(content["n"]),
            int(content["shard_size"]),
            SpectralGrid.from_dict(content["grid"]),
            ParameterSpace.from_dict(content["space"]),
            tuple(content["molecules"]),
            sigma,
            bool(content["detectability"]),
            content["provenance"],
            content["seed"],
            int(content["chunk_rows"]),
            content["compression"],
            content["environment"],
        )

    @functools.cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides what the shards hold."""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Manifest:
    """What a store holds.

    Attributes
    ----------
    header : Header
        What is common to all shards.
    shards : dict of int to ShardRecord
        Those that are finished, by their index.
    """

    header: Header
    shards: dict[int, ShardRecord]

    @property
    def missing(self) -> list[int]:
        """Shards that are not finished."""
        return [k for k in range(self.header.n_shards) if k not in self.shards]

    @property
    def n_refused(self) -> int:
        """Draws that the simulator refused, of the shards that are finished."""
        return sum(shard.n_refused for shard in self.shards.values())

    def record(self, folder: Path, index: int, shard: ShardRecord) -> Manifest:
        """Return the manifest with one more shard, and keep that on disk."""
        with writing_to(folder), (folder / JOURNAL).open("a", encoding="utf-8") as file:
            # On a line of its own even if an earlier one was cut off.
            file.write("\n" + json.dumps({"shard": index, **shard.to_dict()}) + "\n")
        return replace(self, shards={**self.shards, index: shard})

    def save(self, folder: Path) -> None:
        """Write it to a folder, whole or not at all."""
        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "fingerprint": self.header.fingerprint,
            **self.header.to_dict(),
            "shards": {str(k): self.shards[k].to_dict() for k in sorted(self.shards)},
        }
        with writing_to(folder):
            with atomic_path(folder / MANIFEST) as path:
                path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
            (folder / JOURNAL).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Read the manifest of a folder.

        Raises
        ------
        FileFormatError
            If there is none, it was written by a later exosk, or it is damaged.
        """
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_text("utf-8"))
            if content["format"] != _FORMAT:
                raise FileFormatError(f"{path} is no manifest of an exosk store")
            if content["version"] > _VERSION:
                raise FileFormatError(
                    f"{folder} was written by a later exosk (store version {content['version']}, "
                    f"this one reads up to {_VERSION}); upgrade exosk"
                )
            header = Header.from_dict(content)
            shards = {int(k): ShardRecord(**shard) for k, shard in content["shards"].items()}
            stated = content["fingerprint"]
        except FileFormatError:
            raise
        except (FileNotFoundError, NotADirectoryError):
            raise FileFormatError(
                f"there is no store of spectra in {folder} (no {MANIFEST}); `exosk simulate` makes "
                f"one, and `exosk dataset repair` mends one that has lost its manifest"
            ) from None
        except (OSError, ExoskError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise FileFormatError(
                f"{path} is damaged ({' '.join(str(error).split())}); `exosk dataset repair "
                f"{folder}` makes it again from the shards"
            ) from error
        if header.fingerprint != stated:
            raise FileFormatError(
                f"{path} was changed by hand: what it says of the set is not what the set was made "
                f"with; `exosk dataset repair {folder}` makes it again from the shards"
            )
        shards |= _journal(folder)
        return cls(header, {k: shards[k] for k in sorted(shards) if k < header.n_shards})


def _journal(folder: Path) -> dict[int, ShardRecord]:
    """Read what was finished since; a line that was cut off counts for nothing."""
    found = {}
    with contextlib.suppress(OSError):
        for line in (folder / JOURNAL).read_text("utf-8", "replace").splitlines():
            with contextlib.suppress(ValueError, LookupError, TypeError):
                entry = json.loads(line)
                index = int(entry.pop("shard"))
                found[index] = ShardRecord(**entry)
    return found


def environment() -> dict[str, str]:
    """Return the versions on which the last bits of spectra and files depend."""
    names = ("exosk", "numpy", "scipy", "torch")
    return {name: metadata.version(name) for name in names} | {"hdf5": h5py.version.hdf5_version}


def first_difference(
    there: Any, here: Any, name: str = "", labels: tuple[str, str] = ("there", "here")
) -> str | None:
    """Name the first thing in which two documents differ, as ``"seed: 1 there, 2 here"``.

    Returns
    -------
    str or None
        None if they are equal.
    """
    if isinstance(there, dict) and isinstance(here, dict):
        pairs = [(key, there.get(key), here.get(key)) for key in [*there, *here]]
    elif isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        pairs = [(str(k), a, b) for k, (a, b) in enumerate(zip(there, here))]
    elif there == here:
        return None
    else:
        return f"{name}: {_short(there)} {labels[0]}, {_short(here)} {labels[1]}"
    differences = (
        first_difference(a, b, f"{name}.{key}".lstrip("."), labels) for key, a, b in pairs
    )
    return next(filter(None, differences), None)


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > 5:
        return f"{len(value)} values"
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
