"""Scores of a retriever: of its values, and of what it says of their uncertainty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.utils import check_random_state

from exosk.evaluation.bootstrap import bootstrap_means
from exosk.evaluation.coverage import binomial_error, pit_coverage
from exosk.evaluation.density import kernel_log_density
from exosk.evaluation.document import as_json
from exosk.exceptions import RangeError
from exosk.models.final_step import FinalStep
from exosk.models.marginals import marginals_of
from exosk.parameters import ParameterSpace

__all__ = ["LEVELS", "RetrieverEvaluation", "evaluate_retriever", "retrieval_row"]

#: Probabilities of the intervals whose coverage is measured.
LEVELS = (0.5, 0.68, 0.9, 0.95)

#: Where negative log densities came from.
_OWN, _KERNELS = (
    "the model's own density",
    "kernels on the samples, reflected at the priors' bounds",
)


@dataclass(frozen=True, eq=False)
class RetrieverEvaluation:
    """What a retriever said of spectra whose parameters are known, and scores of that.

    Selecting rows (``evaluation[rows]``) gives the evaluation of those spectra alone.

    Attributes
    ----------
    space : ParameterSpace
        The parameters; all numbers are in their units.
    truth, mean, std : ndarray of shape (n, n_parameters)
        True parameters; mean and standard deviation of the posteriors.
    levels : tuple of float
        Probabilities of the intervals.
    intervals : ndarray of shape (n_levels, 2, n, n_parameters)
        Lower and upper ends; the retriever's own intervals if it has them (a
        :class:`~exosk.inference.ConformalRetriever` has), central ones of the posterior if not.
    pit : ndarray of shape (n, n_parameters)
        Probability integral transform of the truth, uniform if the intervals are honest; drawn at
        random within steps of the posterior.
    crps, nll : ndarray of shape (n, n_parameters)
        Continuous ranked probability score and negative log density (nats) of each truth, under
        the posterior's marginals.
    density : str
        Where the densities came from.
    joint_nll : ndarray of shape (n,) or None
        Negative log density of all parameters together, if the retriever offers it.
    conformal : bool
        Whether intervals (and `pit`) are corrected ones, which the posterior is not.
    """

    space: ParameterSpace
    truth: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    levels: tuple[float, ...]
    intervals: np.ndarray
    pit: np.ndarray
    crps: np.ndarray
    nll: np.ndarray
    density: str
    joint_nll: np.ndarray | None = None
    conformal: bool = False

    def __len__(self) -> int:
        return len(self.truth)

    def __getitem__(self, rows: Any) -> RetrieverEvaluation:
        """Return the evaluation of the selected spectra (slice, mask or indices)."""
        picked = {
            name: getattr(self, name)[rows]
            for name in ("truth", "mean", "std", "pit", "crps", "nll")
        }
        joint = None if self.joint_nll is None else self.joint_nll[rows]
        return replace(self, **picked, intervals=self.intervals[:, :, rows], joint_nll=joint)

    @classmethod
    def joined(cls, parts: Sequence[RetrieverEvaluation]) -> RetrieverEvaluation:
        """Put evaluations of one model together, of other spectra each."""
        first = parts[0]
        whole = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("truth", "mean", "std", "pit", "crps", "nll")
        }
        joint = None
        if first.joint_nll is not None:
            joint = np.concatenate([part.joint_nll for part in parts])
        intervals = np.concatenate([part.intervals for part in parts], axis=2)
        return replace(first, **whole, intervals=intervals, joint_nll=joint)

    def metrics(self, n_bootstrap: int = 200) -> dict[str, dict[str, Any]]:
        """Score each parameter.

        Parameters
        ----------
        n_bootstrap : int, default=200
            Draws behind the 95 % intervals (``*_interval``) of scores.

        Returns
        -------
        dict of str to dict
            By parameter: ``r2``, ``rmse``, ``bias`` (mean of prediction less truth), ``crps``,
            ``nll``; ``coverage``, a list with for each level the ``observed`` share of truths
            within (see :func:`~exosk.evaluation.pit_coverage`), the binomial ``error`` of an
            exact method's, the share within the ``closed`` interval (which differs if the
            parameter has atoms) and the mean ``width``; ``undefined``, reasons by the names of
            scores that are NaN.
        """
        intervals = self._intervals_of_scores(n_bootstrap)
        return {
            name: self._score(k) | each
            for k, (name, each) in enumerate(zip(self.space.names, intervals, strict=True))
        }

    def _score(self, k: int) -> dict[str, Any]:
        truth, mean = self.truth[:, k], self.mean[:, k]
        error = mean - truth
        found: dict[str, Any] = {
            "unit": self.space[k].unit,
            "n": len(self),
            "r2": float("nan"),
            "rmse": float(root_mean_squared_error(truth, mean)),
            "bias": float(error.mean()),
            "crps": float(self.crps[:, k].mean()),
            "nll": float(self.nll[:, k].mean()),
        }
        undefined = {}
        if np.ptp(truth) > 0:
            found["r2"] = float(r2_score(truth, mean))
        else:
            undefined["r2"] = f"all {len(self)} true values are the same"
        lost = int((~np.isfinite(self.nll[:, k])).sum())
        if lost:
            undefined["nll"] = f"{lost} of {len(self)} true values have no density"
        closed = (self.intervals[:, 0, :, k] <= truth) & (truth <= self.intervals[:, 1, :, k])
        widths = np.mean(self.intervals[:, 1, :, k] - self.intervals[:, 0, :, k], axis=1)
        found["coverage"] = [
            {
                "level": level,
                "observed": float(pit_coverage(self.pit[:, k], level)),
                "error": float(binomial_error(level, len(self))),
                "closed": float(inside.mean()),
                "width": float(width),
            }
            for level, inside, width in zip(self.levels, closed, widths, strict=True)
        ]
        found["undefined"] = undefined
        return found

    def _intervals_of_scores(self, n_bootstrap: int) -> list[dict[str, tuple[float, float]]]:
        """95 % intervals by the bootstrap; all scores are functions of averages."""
        error = self.mean - self.truth
        # Averages of squares lose digits far from zero.
        centered = self.truth - self.truth.mean(axis=0)
        known = np.where(np.isfinite(self.nll), self.nll, 0.0)
        columns = [error, error**2, centered, centered**2, self.crps, known]
        means = bootstrap_means(np.hstack(columns), n_bootstrap)
        found = []
        for k in range(error.shape[1]):
            bias, square, level, power, crps, nll = means[:, k :: error.shape[1]].T
            scores = {"rmse": np.sqrt(square), "bias": bias, "crps": crps}
            variance = power - level**2
            if (variance > 0).all():
                scores["r2"] = 1 - square / variance
            if np.isfinite(self.nll[:, k]).all():
                scores["nll"] = nll
            found.append(
                {
                    f"{name}_interval": tuple(map(float, np.quantile(draws, [0.025, 0.975])))
                    for name, draws in scores.items()
                }
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the scores for JSON: numbers, and None with a reason where there is none."""
        metrics = self.metrics()
        r2 = [each["r2"] for each in metrics.values() if np.isfinite(each["r2"])]
        return as_json(
            {
                "n": len(self),
                "mean_r2": np.mean(r2) if r2 else None,
                "joint_nll": None if self.joint_nll is None else self.joint_nll.mean(),
                "density": self.density,
                "intervals": "conformal" if self.conformal else "posterior",
                "parameters": metrics,
            }
        )

    def table(self) -> list[dict[str, Any]]:
        """Return one flat row a parameter, for CSV and other tables."""
        return [retrieval_row(name, scores) for name, scores in self.metrics().items()]


def retrieval_row(name: str, scores: dict[str, Any]) -> dict[str, Any]:
    """Flatten the scores of one parameter."""
    row = {"parameter": name}
    row |= {key: scores[key] for key in ("unit", "n", "r2", "rmse", "bias", "crps", "nll")}
    for each in scores["coverage"]:
        percent = f"{100 * each['level']:g}"
        row[f"coverage_{percent}"] = each["observed"]
        row[f"coverage_{percent}_closed"] = each["closed"]
        row[f"coverage_{percent}_error"] = each["error"]
        row[f"width_{percent}"] = each["width"]
    return row


def evaluate_retriever(
    model: Any,
    X: Any,
    Y: Any,
    *,
    levels: Sequence[float] = LEVELS,
    random_state: Any = 0,
    batch_size: int = 250,
    progress: Callable[[float], None] | None = None,
) -> RetrieverEvaluation:
    """Compare a retriever's posteriors with the parameters behind the spectra.

    Parameters
    ----------
    model : retriever, Pipeline that ends in one, or search over either
        Fitted.
    X : array-like of shape (n, n_features)
        Spectra that the model was not trained on, with the noise of observations: scores on
        noise-free spectra are those of no observation.
    Y : array-like of shape (n, n_parameters)
        The parameters behind them.
    levels : sequence of float
        Probabilities of the intervals.
    random_state : int, RandomState or None, default=0
        Of draws within steps of the posterior.
    batch_size : int, default=250
        Spectra at a time; the samples of all of them need not fit into memory.
    progress : callable, optional
        Told the share of spectra that are done.

    Returns
    -------
    RetrieverEvaluation

    Raises
    ------
    RangeError
        If there are no spectra, not as many as rows of Y, Y is not finite, or its parameters are
        not the model's.
    """
    final = FinalStep(model)
    retriever = final.estimator
    if not hasattr(retriever, "posterior"):
        raise RangeError(
            f"{type(retriever).__name__} has no posterior, so that only its values could be "
            f"scored; give a retriever, or use sklearn.metrics on what it predicts"
        )
    levels = tuple(float(level) for level in levels)
    if not levels or not all(0 < level < 1 for level in levels):
        raise RangeError(f"levels of intervals lie between 0 and 1, got {levels}")
    space, truth = _checked_truth(Y, retriever.space_, len(X))
    n, d = truth.shape
    random = check_random_state(random_state)
    X = final.transform(X)
    conformal = final.offers("interval") and final.offers("pit")
    own_density = final.offers("log_prob")
    found = {key: np.empty((n, d)) for key in ("mean", "std", "pit", "crps", "nll")}
    intervals = np.empty((len(levels), 2, n, d))
    joint = np.empty(n) if own_density else None
    for rows, marginals in marginals_of(retriever, X, batch_size):
        true = truth[rows]
        spectra = X.iloc[rows] if hasattr(X, "iloc") else X[rows]
        found["mean"][rows] = np.reshape(retriever.predict(spectra), true.shape)
        found["std"][rows] = marginals.std
        found["crps"][rows] = marginals.crps(true)
        if joint is not None:
            found["nll"][rows] = -retriever.log_prob(spectra, true, marginal=True)
            joint[rows] = -retriever.log_prob(spectra, true)
        else:
            found["nll"][rows] = -kernel_log_density(marginals, true, retriever.space_)
        if conformal:
            found["pit"][rows] = retriever.pit(spectra, true, random)
            intervals[:, :, rows] = retriever.interval(spectra, levels)
        else:
            found["pit"][rows] = marginals.pit(true, random)
            for k, level in enumerate(levels):
                intervals[k, 0, rows] = marginals.quantile((1 - level) / 2)
                intervals[k, 1, rows] = marginals.quantile((1 + level) / 2)
        if progress is not None:
            progress(rows.stop / n)
    return RetrieverEvaluation(
        space=space,
        truth=truth,
        levels=levels,
        intervals=intervals,
        density=_OWN if own_density else _KERNELS,
        joint_nll=joint,
        conformal=conformal,
        **found,
    )


def _checked_truth(Y: Any, known: ParameterSpace, n: int) -> tuple[ParameterSpace, np.ndarray]:
    """Return the space and the true parameters, shape (n, n_parameters)."""
    space = getattr(Y, "space", None)
    truth = np.array(Y, dtype=float)
    truth = truth[:, None] if truth.ndim == 1 else truth
    if truth.shape != (n, len(known)) or not n:
        raise RangeError(
            f"{n} spectra and a model of {len(known)} parameters, but true parameters of shape "
            f"{truth.shape}"
        )
    if not np.isfinite(truth).all():
        row, column = np.argwhere(~np.isfinite(truth))[0]
        raise RangeError(
            f"the true {known.names[column]} of spectrum {row} is {truth[row, column]}; leave the "
            f"spectrum out"
        )
    # A retriever that was fitted on a bare array has made its names up.
    unnamed = all(name == f"parameter_{k}" for k, name in enumerate(known.names))
    if space is not None and not unnamed and space.names != known.names:
        raise RangeError(
            f"the model retrieves {', '.join(known.names)}, but Y holds {', '.join(space.names)}; "
            f"select and order its columns by name"
        )
    return (space if space is not None and unnamed else known), truth
