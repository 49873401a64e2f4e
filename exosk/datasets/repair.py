"""A damaged store made whole again."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exosk.datasets.campaign import Progress, finish_store
from exosk.datasets.folder import StoreError, sole_writer, writing_to
from exosk.datasets.generate import Recipe
from exosk.datasets.inspection import adopt, tidy, verify_store
from exosk.datasets.manifest import MANIFEST, Header, Manifest, environment, first_difference
from exosk.datasets.shard_job import described
from exosk.datasets.shards import read_header, shard_path
from exosk.exceptions import ExoskError, FileFormatError

if TYPE_CHECKING:
    from exosk.simulators import Simulator

__all__ = ["Repair", "repair_store"]

_DAMAGED = ".damaged"


@dataclass
class Repair:
    """What :func:`repair_store` did.

    Attributes
    ----------
    rebuilt_manifest : bool
        Whether the manifest was made again from the shards.
    damaged : dict of int to str
        What was wrong, by the shard's index.
    changed : list of int
        Shards that came out otherwise than they were recorded.
    missing : list of int
        Shards that still are not there.
    """

    rebuilt_manifest: bool = False
    damaged: dict[int, str] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "rebuilt_manifest": self.rebuilt_manifest,
            "damaged": {str(k): text for k, text in self.damaged.items()},
            "changed": self.changed,
            "missing": self.missing,
        }


def repair_store(
    folder: str | os.PathLike[str],
    simulator: Simulator | None = None,
    *,
    simulate: bool = True,
    n_jobs: int | None = None,
    scheduler: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Repair:
    """Find what is damaged in a store, put it aside, and make it again.

    A manifest that is lost or damaged is made again from the shards. A damaged shard is renamed
    (``.damaged``) until it was simulated again.

    Parameters
    ----------
    folder : path-like
        Of the store.
    simulator : Simulator, optional
        What the spectra were made with; by default it is made from the provenance, which does where
        it was made by :func:`exosk.get_simulator` from names alone.
    simulate : bool, default=True
        Whether to make what is missing; otherwise it is only put aside.
    n_jobs, scheduler, progress
        As of :func:`exosk.simulate_store`.

    Returns
    -------
    Repair

    Raises
    ------
    FileFormatError
        If there is nothing of a store, or shards of several.
    StoreError
        If shards are lost that cannot be made again here; what can be done stays done.
    """
    folder = Path(folder).absolute()
    if not any(folder.glob("shard-*.h5")) and not (folder / MANIFEST).exists():
        raise FileFormatError(f"there is nothing of a store of spectra in {folder}")
    done = Repair()
    with sole_writer(folder):
        try:
            manifest = Manifest.load(folder)
        except FileFormatError as error:
            if "later exosk" in str(error):
                raise
            manifest = _rebuild(folder)
            manifest.save(folder)
            done.rebuilt_manifest = True
        before = manifest.shards
        done.damaged = _put_aside(folder, manifest)
        manifest = tidy(folder, manifest)
        manifest.save(folder)
        if manifest.missing and simulate:
            recipe = _recipe(folder, manifest, simulator)
            manifest = finish_store(folder, recipe, manifest, n_jobs, scheduler, progress)
            for index in done.damaged:
                shard_path(folder, index).with_suffix(_DAMAGED).unlink(missing_ok=True)
    done.missing = manifest.missing
    remade = {k: manifest.shards[k] for k in done.damaged if k in before and k in manifest.shards}
    done.changed = [k for k, shard in remade.items() if shard != before[k]]
    return done


def _rebuild(folder: Path) -> Manifest:
    """Make a manifest of what the shards say of themselves."""
    headers: dict[str, Header] = {}
    for path in sorted(folder.glob("shard-*.h5")):
        try:
            header, _ = read_header(path)
        except ExoskError:
            continue
        headers[header.fingerprint] = header
    if len(headers) != 1:
        found = "no shard can be read" if not headers else f"shards of {len(headers)} stores"
        raise FileFormatError(f"{folder} cannot be mended: {found}; sort them into folders")
    return Manifest(next(iter(headers.values())), {})


def _put_aside(folder: Path, manifest: Manifest) -> dict[int, str]:
    """Rename damaged shards, and say what is wrong with them and those that are lost."""
    damaged = {}
    for index, problem in verify_store(folder).problems.items():
        path, recorded = shard_path(folder, index), index in manifest.shards
        if path.exists() and (recorded or adopt(folder, index, manifest.header) is None):
            with writing_to(folder):
                path.replace(path.with_suffix(_DAMAGED))
            damaged[index] = problem
        elif recorded:
            damaged[index] = problem
    return damaged


def _recipe(folder: Path, manifest: Manifest, simulator: Simulator | None) -> Recipe:
    """Return what missing shards are made with."""
    header = manifest.header
    kept = (
        f"{len(manifest.missing)} of {header.n_shards} shards of {folder} are missing; `exosk "
        f"dataset merge {folder} --partial --out NEW` makes a store of the others"
    )
    if header.seed is None:
        raise StoreError(f"the set was put together from others and cannot be made again. {kept}")
    try:
        made = _from_provenance(header) if simulator is None else simulator
        recipe = Recipe(made.restrict(header.grid), header.grid, header.sigma, header.detectability)
        mine = {
            "provenance": described(recipe, header.n, header.seed),
            "environment": environment(),
        }
    except (ExoskError, LookupError, TypeError) as error:
        raise StoreError(
            f"the simulator cannot be made from the provenance ({error}): run the command that "
            f"made the set again, which makes what is missing. {kept}"
        ) from error
    whole = header.to_dict()
    changed = first_difference({name: whole[name] for name in mine}, mine)
    if changed:
        raise StoreError(f"the simulator is not that of the set: {changed}. {kept}")
    return recipe


def _from_provenance(header: Header) -> Simulator:
    from exosk.simulators import get_simulator

    said = header.provenance
    return get_simulator(
        said["simulator"],
        molecules=tuple(said["molecules"]),
        space=header.space,
        fixed=said["fixed"],
        **said["settings"],
    )
