"""A model's last step, and all that comes before it."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

__all__ = ["FinalStep"]


class FinalStep:
    """The retriever or detector that ends a model, fed through the steps before it.

    scikit-learn's pipelines pass on ``predict`` and ``predict_proba``, and none of what a
    retriever offers beside.

    Parameters
    ----------
    model : estimator, Pipeline or search
        Fitted. A search (GridSearchCV) stands for the best model that it found.

    Attributes
    ----------
    estimator : estimator
        The last step.
    """

    def __init__(self, model: Any) -> None:
        self._before: list[Any] = []
        while True:
            if hasattr(model, "best_estimator_"):
                model = model.best_estimator_
            elif isinstance(model, Pipeline):
                if len(model) > 1:
                    self._before.append(model[:-1])
                model = model[-1]
            else:
                break
        self.estimator = model

    def transform(self, X: Any) -> Any:
        """Return what the last step is given for these spectra."""
        for steps in self._before:
            X = steps.transform(X)
        return X

    def offers(self, method: str) -> bool:
        """Whether the last step has such a method."""
        return hasattr(self.estimator, method)
