"""All checks of a model's posteriors on one data set, at several sizes of the noise.

Simulation-based calibration, coverage of intervals and of regions of highest density, TARP and a
test of whether any of these depends on the spectrum: see the modules of each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.augmentation import BinDropout, redraw
from exosk.datasets import Dataset, Store
from exosk.evaluation.check_results import CheckRow, ModelChecks, StratumChecks
from exosk.evaluation.expected_coverage import central_levels, coverage_test, density_levels
from exosk.evaluation.local import local_test, spectrum_features
from exosk.evaluation.model import factors_within, parameters_of, unseen
from exosk.evaluation.sbc import (
    LEAST_SPECTRA,
    posterior_ranks,
    rank_transform,
    uniformity_test,
)
from exosk.evaluation.tarp import prior_normal, tarp_credibility, tarp_test
from exosk.exceptions import GridError, RangeError
from exosk.models.final_step import FinalStep
from exosk.models.fitted import FittedModel
from exosk.parameters import ParameterSpace
from exosk.rows import join_rows

__all__ = ["CheckRow", "ModelChecks", "StratumChecks", "check_model"]

# The joint density stands beside the parameters among the quantities that are ranked.
_DENSITY = "joint density"
_N_REFERENCES = 5
_FEW = 200


def check_model(
    model: FittedModel,
    data: Dataset | Store,
    *,
    n: int = 1000,
    n_samples: int = 300,
    noise_scale: tuple[float, float] | None = None,
    missing: float = 0.0,
    random_state: Any = 0,
    batch_size: int = 100,
    progress: Callable[[float], None] | None = None,
) -> ModelChecks:
    """Show a model noisy spectra whose parameters are known, and check its posteriors.

    The same spectra are shown with errors of the smallest, middle (geometric mean) and largest
    factor on the model's reference errors, and noise of that size. Of the data set that a model
    was trained on, only the part is used that was held out.

    Parameters
    ----------
    model : FittedModel
        A retriever, as :func:`exosk.models.persistence.load_model` returns it.
    data : Dataset
        Noise-free spectra in the model's bins, whose parameters were drawn from its priors.
    n : int, default=1000
        Spectra, at random; all where there are fewer.
    n_samples : int, default=300
        Samples of each posterior.
    noise_scale : (float, float), optional
        Smallest and largest factor, within the range of the model, which is the default.
    missing : float, default=0
        Where it is above 0, one more set of checks at the middle noise in which this share of the
        bins is missing: half of it singly, half in one run.
    random_state : int, RandomState or None, default=0
        Seed of everything.
    batch_size : int, default=100
        Spectra at a time; the samples of all of them need not fit into memory.
    progress : callable, optional
        Told the share that is done.

    Returns
    -------
    ModelChecks

    Raises
    ------
    GridError
        If the data set has other bins than the model, or bins are to be missing and the model
        can't do without.
    RangeError
        If the model is a detector, the data set lacks one of its parameters or goes beyond its
        priors, there are fewer than 20 spectra, or the noise is outside the model's range.
    """
    card, final = model.card, FinalStep(model.estimator)
    if card.kind != "retriever" or not final.offers("sample_posterior"):
        raise RangeError(
            "the model detects molecules and has no posterior to check; score it with "
            "evaluate_model (exosk evaluate)"
        )
    if data.grid != card.grid:
        raise GridError(
            f"the data set has {data.grid.n_bins} bins of {_span(data.grid)} and the model takes "
            f"{card.grid.n_bins} of {_span(card.grid)}; simulate one in the model's bins (exosk "
            f"simulate --like or --instrument)"
        )
    if n_samples < 1 or not 0 <= missing < 1:
        raise RangeError(
            f"{n_samples} samples a spectrum and a share {missing:g} of missing bins; samples are "
            f"1 or more, and the share from 0 to below 1"
        )
    random = check_random_state(random_state)
    low, high = factors_within(card, noise_scale)
    data, notes = _chosen(model, data, n, random)
    truth = np.asarray(parameters_of(card, data))
    _check_prior(card.space, truth)
    settings = [(factor, 0.0) for factor in _levels_between(low, high)]
    if missing > 0:
        settings.append((float(np.sqrt(low * high)), float(missing)))
    asked = _Asked(final, card.space, truth, n_samples, batch_size, notes)
    strata = []
    for k, (factor, share) in enumerate(settings):
        X = _observed(model, data, factor, share, random)
        tell = None if progress is None else _part(progress, k, len(settings))
        try:
            strata.append(asked.stratum(X, factor, share, random, tell))
        except ValueError as error:
            if not share or "NaN" not in str(error):
                raise
            raise GridError(
                "bins are to be missing and the model cannot do without them; train one that can, "
                "with a SpectrumImputer say, or check it without missing bins"
            ) from error
    context = {
        "model": {
            "estimator": card.estimator.get("class"),
            "created": card.created,
            "n_training": card.n_training,
        },
        "data": {"n_spectra": len(data), "n_bins": data.grid.n_bins, "n_samples": n_samples},
        "noise": {
            "scale": [low, high],
            "median_reference_error": float(np.nanmedian(card.sigma)),
            "errors_are_told": card.has_sigma,
        },
    }
    return ModelChecks(card.space, tuple(strata), context, tuple(notes))


class _Asked:
    """A retriever, and the truths that its posteriors are compared with."""

    def __init__(
        self,
        final: FinalStep,
        space: ParameterSpace,
        truth: np.ndarray,
        n_samples: int,
        batch_size: int,
        notes: list[str],
    ) -> None:
        self.final, self.space, self.truth = final, space, truth
        self.n_samples, self.batch_size, self.notes = n_samples, batch_size, notes
        self.has_density = final.offers("log_prob")
        if final.offers("interval") and final.offers("pit"):
            notes.append(
                "the model has conformal intervals of its own; these checks are of the posterior "
                "behind them, which is not corrected"
            )

    def stratum(
        self,
        X: np.ndarray,
        factor: float,
        missing: float,
        random: np.random.RandomState,
        progress: Callable[[float], None] | None,
    ) -> StratumChecks:
        """Check the posteriors of these spectra."""
        n, d = self.truth.shape
        transform, levels = np.empty((n, d)), np.empty(n)
        credibility = np.empty((_N_REFERENCES, n))
        z = prior_normal(self.space, self.truth)
        references = random.standard_normal((_N_REFERENCES, n, d))
        fed = self.final.transform(X)
        for start in range(0, n, self.batch_size):
            rows = slice(start, min(start + self.batch_size, n))
            part = fed.iloc[rows] if hasattr(fed, "iloc") else fed[rows]
            true = self.truth[rows]
            samples = self._samples(part, rows, random)
            ranks = posterior_ranks(samples, true, random)
            transform[rows] = rank_transform(ranks, self.n_samples, random)
            there = prior_normal(self.space, samples)
            credibility[:, rows] = tarp_credibility(there, z[rows], references[:, rows], random)
            if self.has_density:
                levels[rows] = self._density_levels(part, samples, true, random)
            if progress is not None:
                progress(rows.stop / n)
        names = tuple(self.space.names)
        intervals = coverage_test(central_levels(transform), names)
        columns, regions = [transform], None
        if self.has_density:
            columns.append(levels[:, None])
            regions = coverage_test(levels, [_DENSITY])
            names = (*names, _DENSITY)
        transform = np.hstack(columns)
        local = local_test(
            np.column_stack([transform, credibility[0]]),
            spectrum_features(X),
            (*names, "TARP"),
            one_sided=[*(name == _DENSITY for name in names), True],
            random_state=random,
        )
        return StratumChecks(
            _label(factor, missing),
            factor,
            missing,
            uniformity_test(transform, names),
            intervals,
            regions,
            tarp_test(credibility),
            local,
        )

    def _samples(self, X: Any, rows: slice, random: np.random.RandomState) -> np.ndarray:
        samples = np.asarray(self.final.estimator.sample_posterior(X, self.n_samples, random))
        bad = ~np.isfinite(samples).all(axis=(1, 2))
        if bad.any():
            raise RangeError(
                f"the model's posterior of spectrum {rows.start + int(np.argmax(bad))} has samples "
                f"that are not finite; train it anew"
            )
        return samples

    def _density_levels(
        self, X: Any, samples: np.ndarray, true: np.ndarray, random: np.random.RandomState
    ) -> Any:
        """Levels of highest density; NaN, and no more of them, if the density takes no samples."""
        density = self.final.estimator.log_prob
        try:
            return density_levels(density(X, samples), density(X, true), random)
        except RangeError as error:
            self.has_density = False
            self.notes.append(f"no regions of highest density: {error}")
            return np.nan


def _chosen(
    model: FittedModel, data: Dataset | Store, n: int, random: np.random.RandomState
) -> tuple[Dataset, list[str]]:
    """Return n spectra that the model was not trained on, one a parent, and notes."""
    card = model.card
    data, notes = unseen(card, data)
    _, first = np.unique(np.asarray(data.parent), return_index=True)
    if min(n, len(first)) < LEAST_SPECTRA:
        raise RangeError(
            f"{min(n, len(first))} spectra decide nothing; checks need at least {LEAST_SPECTRA}, "
            f"and a thousand to be sharp"
        )
    if n > len(first):
        notes.append(f"{n} spectra were asked for and the data set has {len(first)}")
    elif len(first) > n:
        first = random.choice(first, n, replace=False)
    data = data[np.sort(first)]
    if len(data) < _FEW:
        notes.append(f"{len(data)} spectra show gross errors only; give a thousand")
    known = [p for p in card.space if p.name in data.space]
    if any(data.space[parameter.name] != parameter for parameter in known):
        notes.append(
            "the priors of the data set are not those of the training: an exact posterior may "
            "fail every check here"
        )
    return data, notes


def _check_prior(space: ParameterSpace, truth: np.ndarray) -> None:
    low, high = space.bounds.T
    outside = np.argwhere((truth < low) | (truth > high) | ~np.isfinite(truth))
    if outside.size:
        row, k = outside[0]
        raise RangeError(
            f"the true {space.names[k]} of spectrum {row} is {truth[row, k]:g}, outside the "
            f"model's prior of {low[k]:g} to {high[k]:g}; posteriors are calibrated for truths "
            f"from the prior alone: simulate a data set with the model's priors"
        )


def _observed(
    model: FittedModel,
    data: Dataset | Store,
    factor: float,
    missing: float,
    random: np.random.RandomState,
) -> np.ndarray:
    """Return rows as the model takes them, with noise."""
    card = model.card
    sigma = np.broadcast_to(factor * np.asarray(card.sigma, dtype=float), data.X.shape)
    # A bin that observations lack has no error, and becomes no depth.
    depth = np.asarray(data.X, dtype=float) + sigma * random.standard_normal(sigma.shape)
    X = join_rows(depth, sigma) if card.has_sigma else depth
    if missing > 0:
        X = redraw(BinDropout(missing / 2, missing / 2, grid=card.grid), X, random)
    return X


def _levels_between(low: float, high: float) -> list[float]:
    if high <= low * (1 + 1e-9):
        return [float(low)]
    return [float(low), float(np.sqrt(low * high)), float(high)]


def _label(factor: float, missing: float) -> str:
    errors = f"errors x {factor:.3g}"
    return f"{errors}, {100 * missing:g} % missing" if missing else errors


def _part(progress: Callable[[float], None], k: int, n: int) -> Callable[[float], None]:
    return lambda share: progress((k + share) / n)


def _span(grid: Any) -> str:
    low, high = grid.range
    return f"{low:.4g}-{high:.4g} um"
