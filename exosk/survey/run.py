"""One retrieval after another, each kept when it is done, so that a survey can be gone on with."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from exosk.exceptions import ExoskError
from exosk.sources import complete_system, fold_name
from exosk.spectra import Spectrum
from exosk.storage import atomic_path
from exosk.survey.claims import read_claims
from exosk.survey.targets import SurveyTarget

if TYPE_CHECKING:
    from exosk.simulators import Simulator

__all__ = ["run_survey"]

_VERSION = 1
_FOLDER = "observations"


def run_survey(
    targets: Iterable[SurveyTarget],
    folder: Path,
    molecules: Sequence[str],
    *,
    systems: Mapping[str, Mapping[str, float]] | None = None,
    n_jobs: int = 1,
    random_state: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[dict[str, Any]]:
    """Retrieve each observation by a pretrained model, made exact, or else by a forest.

    Parameters
    ----------
    targets : iterable of SurveyTarget
        The observations.
    folder : Path
        For results: one JSON file an observation, written when it is done. What is there, of the
        same data, settings and version, is not done again.
    systems : mapping, optional
        What is known of planets and stars, as :func:`exosk.survey.read_systems` has it; it wins
        over what the spectra and catalogues say.
    n_jobs : int, default=1
        Processes, of one thread each.
    random_state : int, default=0
        Seed of each retrieval.
    progress : callable, optional
        Called with how many are done, and of how many.

    Returns
    -------
    list of dict
        In the order of the targets, as JSON has it: ``label``, ``planet``, ``instrument``,
        ``reference``, ``n_bins``, ``range_um``, ``method``, ``probability`` and ``prior`` (of each
        molecule's presence), ``parameters``, ``log_evidence``, ``reduced_chi2``, ``guard``,
        ``published``, ``notes`` and ``seconds``. One that could not be retrieved has a ``problem``.
    """
    targets = list(targets)
    (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    settings = _Settings(tuple(molecules), dict(systems or {}), random_state)
    jobs = (delayed(_keep)(target, folder / _FOLDER, settings) for target in targets)
    rows: list[dict[str, Any]] = []
    for row in Parallel(n_jobs=n_jobs, return_as="generator")(jobs):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(targets))
    return rows


@dataclass(frozen=True)
class _Settings:
    molecules: tuple[str, ...]
    systems: dict[str, Mapping[str, float]]
    random_state: int


def _keep(target: SurveyTarget, folder: Path, settings: _Settings) -> dict[str, Any]:
    """Return what is found of one observation, from its file if that is of the same question."""
    path = folder / f"{target.slug}.json"
    try:
        spectrum = _prepared(target, settings.systems)
    except (ExoskError, OSError) as error:
        return {"label": target.label, "planet": target.planet, "problem": str(error)}
    question = _question(target, spectrum, settings)
    try:
        kept = json.loads(path.read_text("utf-8"))
        if kept["question"] == question:
            return dict(kept["row"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    row = {
        "label": target.label,
        "planet": spectrum.name,
        "instrument": spectrum.instrument,
        "reference": spectrum.reference,
        "n_bins": int(spectrum.observed.sum()),
        "range_um": [round(float(end), 4) for end in spectrum.grid.range],
    }
    try:
        with threadpool_limits(1):
            row |= _retrieved(target, spectrum, settings)
    except ExoskError as error:
        return row | {"problem": str(error)}
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps({"question": question, "row": row}, allow_nan=False, indent=1), "utf-8"
        )
    return row


def _prepared(target: SurveyTarget, systems: dict[str, Any]) -> Spectrum:
    spectrum = target.load()
    stated = systems.get(fold_name(spectrum.name), {})
    if stated:
        known = {k: v for k, v in spectrum.meta.items() if k.removesuffix("_err") not in stated}
        spectrum = spectrum.replace(meta={**known, **stated})
    return complete_system(spectrum)


def _question(target: SurveyTarget, spectrum: Spectrum, settings: _Settings) -> str:
    """Return a checksum of all that the answer depends on."""
    told = {key: value for key, value in spectrum.meta.items() if key != "notes"}
    said = json.dumps(
        [
            _VERSION,
            metadata.version("exosk"),
            settings.random_state,
            settings.molecules,
            told,
            spectrum.name,
            spectrum.instrument,
            spectrum.reference,
            target.reported,
        ],
        sort_keys=True,
        default=str,
    )
    digest = hashlib.sha256(said.encode())
    for array in (spectrum.grid.lower, spectrum.grid.upper, spectrum.depth, spectrum.sigma):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _retrieved(target: SurveyTarget, spectrum: Spectrum, settings: _Settings) -> dict[str, Any]:
    import torch

    from exosk.retrieval import choose_method, retrieve

    torch.set_num_threads(1)
    started = time.perf_counter()
    spectrum, notes = _within_opacities(spectrum)
    method, simulator = choose_method(
        spectrum,
        lambda molecules: _simulator(spectrum, molecules or settings.molecules),
        lambda reason: notes.append(f"A forest was trained: {reason}."),
    )
    # Nobody reads explanations of many planets.
    result = retrieve(
        spectrum,
        simulator,
        method=method,
        explain=None,
        n_jobs=1,
        random_state=settings.random_state,
    )
    guard = result.guard or {}
    return {
        "method": method,
        "probability": result.molecules,
        "prior": result.prior_presence,
        "threshold": result.threshold,
        "parameters": result.posterior.summary(),
        "log_evidence": result.posterior.meta.get("log_evidence"),
        "reduced_chi2": result.reduced_chi2,
        "outside": bool(guard.get("outside", False)),
        "guard": guard.get("verdict"),
        "published": read_claims(target.reported, result.molecules),
        "reported": target.reported,
        "notes": [*spectrum.meta.get("notes", []), *notes],
        "seconds": round(time.perf_counter() - started, 2),
    }


def _simulator(spectrum: Spectrum, molecules: tuple[str, ...]) -> Simulator:
    from exosk.simulators import get_simulator
    from exosk.simulators.system import space_for_spectrum

    space, fixed = space_for_spectrum(spectrum, molecules)
    return get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)


def _within_opacities(spectrum: Spectrum) -> tuple[Spectrum, list[str]]:
    """Leave out the bins that no opacity reaches."""
    from exosk.simulators import get_simulator

    low, high = get_simulator("builtin", molecules=("H2O",)).wavelength[[0, -1]]
    inside = (spectrum.grid.lower >= low) & (spectrum.grid.upper <= high)
    if inside.all():
        return spectrum, []
    n_out = int((~inside).sum())
    note = (
        f"{n_out} {'bin' if n_out == 1 else 'bins'} beyond {low:.3g}-{high:.3g} um, where the "
        f"opacities end, left out."
    )
    return spectrum.between(low, high), [note]
