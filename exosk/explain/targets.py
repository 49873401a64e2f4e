"""What is explained: one number of a model's answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from exosk.exceptions import RangeError, UnknownNameError
from exosk.models.final_step import FinalStep
from exosk.models.fitted import FittedModel

__all__ = ["SCALES", "Target"]

#: Scales of a probability.
SCALES = ("log-odds", "probability")
# Rows that a model is asked about at once.
_BATCH = 16_384


@dataclass(frozen=True, eq=False)
class Target:
    """A number that a model gives each spectrum.

    Parameters
    ----------
    model : estimator or Pipeline
        Any of scikit-learn's kind.
    column : int or None
        Of its answer; None if it has one answer: a probability, or those of absence and presence.
    name : str
        A molecule or a parameter.
    unit : str
        ``"log-odds"`` and ``"probability"`` are of a detector's ``predict_proba``; any other is
        that of a parameter, whose posterior mean ``predict`` returns.
    least : float, default=1e-6
        Probabilities below it, or above one minus it, are moved there before their log-odds are
        taken. Of a forest of n trees 1/n is as fine as probabilities come.
    """

    model: Any
    column: int | None
    name: str
    unit: str
    least: float = 1e-6

    @classmethod
    def molecule(
        cls,
        model: Any,
        name: str,
        molecules: Sequence[str] | None = None,
        *,
        scale: str = "log-odds",
        least: float = 1e-6,
    ) -> Target:
        """Explain the probability of a molecule.

        Parameters
        ----------
        model : FittedModel, or estimator with ``predict_proba``
            A detector of exosk or any classifier of scikit-learn's kind: of several labels, or of
            two classes, the second of which is presence.
        name : str
            The molecule.
        molecules : sequence of str, optional
            Those that the model answers for, in its order; a FittedModel knows them, and a model
            of one needs none.
        scale : {"log-odds", "probability"}, default="log-odds"
            A probability near 1 hardly changes when a band is hidden; its log-odds do.
        least : float, default=1e-6
            As for :class:`Target`.

        Raises
        ------
        UnknownNameError
            If the model does not answer for the molecule, or the scale is not known.
        RangeError
            If the model gives no probabilities, or it is not said which are whose.
        """
        if isinstance(model, FittedModel):
            if model.card.kind != "detector":
                raise RangeError(
                    f"the model retrieves parameters and has no probability of {name}; explain "
                    f"one of its parameters: {', '.join(model.card.space.names)}"
                )
            model, molecules = model.estimator, model.card.molecules
        if scale not in SCALES:
            raise UnknownNameError.suggest("scale", scale, SCALES)
        if not 0 < least < 0.5:
            raise RangeError(f"least must be a probability between 0 and 0.5, got {least:g}")
        if not hasattr(model, "predict_proba"):
            raise RangeError(f"{type(model).__name__} has no predict_proba; give a classifier")
        if molecules is None:
            return cls(model, None, name, scale, least)
        if name not in molecules:
            raise UnknownNameError.suggest("molecule of the model", name, molecules)
        column = list(molecules).index(name) if len(molecules) > 1 else None
        return cls(model, column, name, scale, least)

    @classmethod
    def parameter(cls, model: Any, name: str, space: Any = None) -> Target:
        """Explain the posterior mean of a parameter.

        Parameters
        ----------
        model : FittedModel, or estimator with ``predict``
            A retriever of exosk or any regressor of scikit-learn's kind.
        name : str
            The parameter.
        space : ParameterSpace, optional
            Those that the model answers with, in its order; a model of exosk knows it.

        Raises
        ------
        UnknownNameError
            If the model does not retrieve the parameter.
        RangeError
            If it is not said which parameters the model has.
        """
        if isinstance(model, FittedModel):
            if model.card.kind != "retriever":
                raise RangeError(
                    f"the model detects molecules and has no {name}; explain the probability of "
                    f"one: {', '.join(model.card.molecules)}"
                )
            model, space = model.estimator, model.card.space
        if space is None:
            space = getattr(FinalStep(model).estimator, "space_", None)
        if space is None:
            raise RangeError(
                f"{type(model).__name__} does not know the names of its parameters; give space"
            )
        if name not in space:
            raise UnknownNameError.suggest("parameter of the model", name, space.names)
        return cls(model, space.index(name), name, str(space[name].unit) or "1")

    @property
    def is_probability(self) -> bool:
        """Whether it is of a molecule."""
        return self.unit in SCALES

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Ask the model.

        Parameters
        ----------
        rows : ndarray of shape (n, n_columns)

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        RangeError
            If the model does not answer with as many columns as it should, or with no number.
        """
        ask = self._probability if self.is_probability else self._mean
        parts = [ask(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)]
        values = np.concatenate(parts)
        if not np.isfinite(values).all():
            raise RangeError(f"the model's answer for {self.name} is not a number")
        return values

    def _probability(self, rows: np.ndarray) -> np.ndarray:
        answer = self.model.predict_proba(rows)
        several = isinstance(answer, list)
        if several:
            # scikit-learn's forests give (n, 2) for each of several labels.
            answer = np.stack([each[:, -1] for each in answer], axis=1)
        answer = np.asarray(answer, dtype=float)
        column = self.column
        if column is None:
            several = several or isinstance(getattr(self.model, "classes_", None), list)
            column = 1 if answer.shape[1:] == (2,) and not several else 0
            if answer.ndim != 2 or answer.shape[1] > 1 + (column == 1):
                raise RangeError(
                    f"the model gives probabilities of shape {answer.shape}; give the names of "
                    f"the molecules that it answers for, to tell which is that of {self.name}"
                )
        p = _column(answer, column, self.name)
        if self.unit == "probability":
            return p
        return special.logit(np.clip(p, self.least, 1 - self.least))

    def _mean(self, rows: np.ndarray) -> np.ndarray:
        answer = np.asarray(self.model.predict(rows), dtype=float)
        return _column(answer.reshape(len(rows), -1), self.column or 0, self.name)


def _column(answer: np.ndarray, column: int, name: str) -> np.ndarray:
    if answer.ndim != 2 or column >= answer.shape[1]:
        raise RangeError(
            f"{name} is answer {column + 1} of the model, which gave an array of shape "
            f"{answer.shape}; give the names of what it answers for"
        )
    return answer[:, column]
