"""`exosk train`: from a training set to a model on disk."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from exosk.cli import options
from exosk.cli.progress import stages
from exosk.exceptions import GridError, RangeError

if TYPE_CHECKING:
    import numpy as np

    from exosk.datasets import Dataset, Store

__all__ = ["train"]


def train(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="Training set, as `exosk simulate` writes it: a file or a folder of shards.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the model; an older model there is replaced.")
    ] = Path("model"),
    task: Annotated[
        str, typer.Option(help="`retrieve` parameters, or `detect` molecules.")
    ] = "retrieve",
    model: Annotated[str, typer.Option(help="`forest`, `mlp`, `cnn`, `flow` or `gan`.")] = "forest",
    noise: Annotated[
        str | None,
        typer.Option(
            help="Errors of this observation (embedded, or a file) or instrument, or one error "
            "for all bins in ppm. Default: those of the observation or instrument that the "
            "training set was simulated for.",
            metavar="NAME|PPM",
        ),
    ] = None,
    noise_scale: Annotated[
        tuple[float, float],
        typer.Option(
            help="Train for errors from LOW to HIGH times these. If the two differ, the model is "
            "told the errors of each spectrum.",
            metavar="LOW HIGH",
        ),
    ] = (1.0, 1.0),
    detectable: Annotated[
        bool,
        typer.Option(
            "--detectable",
            help="For detection: count a molecule as present only where its absence would show at "
            "the spectrum's noise; needs a set of `exosk simulate --detectability`.",
        ),
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(help="Most passes of a network through the set.", min=1)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Processor cores for a forest; all by default.", min=1)
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            help="Folder that a network's training is written to after each epoch; the same "
            "command goes on from there.",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Train a model and write it with a card of what it was made for.

    Of the set 70 % train, and 15 % are held out: the scores are of these, with noise. The rest is
    left for your own validation. Spectra of one parent stay together. Scores are of 20,000 spectra
    at most, and of 200 for a GAN, which takes a second or two for each. Of a store of eight shards
    or more a part is in memory at a time, and a forest learns from 100,000 spectra at most.

    **Examples**

    - `exosk train training/dataset.h5 --out my-retriever`

    - `exosk train training/dataset.h5 --model cnn --noise wasp-39b --noise-scale 0.5 5`

    - `exosk train training/dataset.h5 --model flow --noise wasp-39b --noise-scale 0.5 5`

    - `exosk train training/dataset.h5 --model gan --noise 30 --noise-scale 0.5 5`

    - `exosk train training/dataset.h5 --task detect --noise 50`

    - `exosk train /scratch/training --model flow --noise 30 --checkpoint kept`
    """
    started = time.perf_counter()
    from exosk.datasets import DETECTABLE, PRESENCE_THRESHOLD, open_set
    from exosk.models.persistence import check_target, save_model
    from exosk.models.recipes import (
        NoiseRange,
        fit_model,
        noise_in_training,
        spectra_to_score,
    )

    check_target(out)
    if detectable and task != "detect":
        raise RangeError("--detectable is about labels of molecules; it goes with --task detect")
    data = open_set(dataset)
    noise_range = NoiseRange(_errors(noise, data), *noise_scale)
    rule = {"threshold": PRESENCE_THRESHOLD, "delta_chi2": DETECTABLE if detectable else None}
    if detectable:
        _check_labels(data, noise_range.sigma)
    trained, _, held_out = data.split(random_state=seed)
    held_out = spectra_to_score(model, held_out, random_state=seed)
    with stages() as tell:
        tell("training", 0.0)
        estimator = fit_model(
            task,
            model,
            trained,
            noise_range,
            presence=rule,
            n_jobs=jobs or -1,
            epochs=epochs,
            random_state=seed,
            checkpoint=checkpoint,
            progress=lambda share: tell("training", share),
        )
        tell("training", 1.0)
        X, factors = noise_range.observe(held_out, random_state=seed)
        metrics = _score(
            task, estimator, X, factors, held_out, rule, lambda share: tell("testing", share)
        )
        tell("writing the model", 0.0)
        save_model(
            estimator,
            out,
            trained,
            sigma=noise_in_training(model, noise_range).sigma,
            sigma_scale=(noise_range.low, noise_range.high),
            presence=rule,
            metrics=metrics,
            seed=seed,
        )
        tell("writing the model", 1.0)
    document = {
        "files": {"model": str(out)},
        "task": task,
        "model": model,
        "n_training": len(trained),
        "n_test": len(held_out),
        "noise": {
            "median_ppm": 1e6 * float(_median(noise_range.sigma)),
            "scale": [noise_range.low, noise_range.high],
            "errors_are_told": noise_range.is_told,
        },
        "metrics": metrics,
        "seconds": round(time.perf_counter() - started, 2),
    }
    if as_json:
        print(json.dumps(document, allow_nan=False))
    else:
        _print(document)


def _errors(name: str | None, data: Dataset | Store) -> np.ndarray:
    """Return the reference errors, shape (n_bins,)."""
    from exosk.datasets.detectability import errors_in
    from exosk.instruments import get_instrument
    from exosk.plugin import default_manager
    from exosk.sources import load_spectrum

    if name is None:
        if data.sigma is None:
            raise RangeError(
                "the training set has no errors of its own; say whose errors observations will "
                "have: --noise NAME, or --noise PPM"
            )
        return data.sigma
    try:
        ppm = float(name)
    except ValueError:
        pass
    else:
        if not 0 < ppm < 1e5:
            raise RangeError(f"--noise in ppm must be a positive number below 100000, got {name}")
        return errors_in(1e-6 * ppm, data.grid)
    if name in default_manager().names("instruments"):
        instrument = get_instrument(name)
        same = instrument.grid == data.grid
        return errors_in(instrument if same else instrument.rebinned(data.grid), data.grid)
    spectrum = load_spectrum(name)
    if spectrum.grid != data.grid:
        raise GridError(
            f"{name} has {len(spectrum)} bins that are not the {data.grid.n_bins} of the training "
            f"set; simulate the set for it (exosk simulate --like {name}), or give the errors in "
            f"ppm"
        )
    return errors_in(spectrum, data.grid)


def _check_labels(data: Dataset | Store, sigma: np.ndarray) -> None:
    import numpy as np

    if data.sigma is not None and not np.allclose(sigma, data.sigma, equal_nan=True):
        raise RangeError(
            "what is detectable was computed for the training set's own errors; leave out --noise "
            "(--noise-scale makes them larger or smaller), or simulate the set anew"
        )


def _median(values: Any) -> Any:
    import numpy as np

    return np.nanmedian(values)


def _score(
    task: str,
    estimator: Any,
    X: np.ndarray,
    factors: np.ndarray,
    held_out: Dataset,
    rule: dict[str, Any],
    progress: Any,
) -> dict[str, Any]:
    from exosk.evaluation import evaluate_detector, evaluate_retriever

    if task == "retrieve":
        # In twenty steps or more, for the progress bar.
        size = min(max(len(X) // 20, 1), 250)
        return evaluate_retriever(
            estimator, X, held_out.Y, batch_size=size, progress=progress
        ).to_dict()
    scale: Any = 1.0 if rule["delta_chi2"] is None else factors
    presence = held_out.presence(**rule, scale=scale)
    return evaluate_detector(
        estimator, X, presence, held_out.molecules, progress=progress
    ).to_dict()


def _print(document: dict[str, Any]) -> None:
    console = Console(highlight=False)
    noise, metrics = document["noise"], document["metrics"]
    low, high = noise["scale"]
    scale = "" if low == high == 1 else f" x {low:g}" if low == high else f" x {low:g} to {high:g}"
    console.print(
        f"[bold]{document['model']}[/], trained on {document['n_training']} spectra, "
        f"{noise['median_ppm']:.0f} ppm{scale}; scores of {document['n_test']} held-out spectra "
        f"with noise:",
        soft_wrap=True,
    )
    console.print(_parameters(metrics) if document["task"] == "retrieve" else _molecules(metrics))
    console.print(
        f"{document['seconds']:.0f} s. The model: {document['files']['model']}", soft_wrap=True
    )


def _parameters(metrics: dict[str, Any]) -> Table:
    table = Table("parameter", "unit")
    for header in ("R2", "RMSE", "CRPS", "in 68 %", "in 95 %"):
        table.add_column(header, justify="right")
    for name, row in metrics["parameters"].items():
        coverage = {each["level"]: f"{each['observed']:.1%}" for each in row["coverage"]}
        scores = (_number(row[key]) for key in ("r2", "rmse", "crps"))
        table.add_row(name, row["unit"], *scores, coverage[0.68], coverage[0.95])
    return table


def _molecules(metrics: dict[str, Any]) -> Table:
    table = Table("molecule")
    for header in ("present", "ROC-AUC", "precision", "recall", "Brier", "ECE"):
        table.add_column(header, justify="right")
    for name, row in metrics["molecules"].items():
        scores = (_number(row[key]) for key in ("auc", "precision", "recall", "brier", "ece"))
        table.add_row(name, f"{row['prevalence']:.1%}", *scores)
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
