"""A known truth: x = theta + noise, both normal, and a retriever that knows its posterior."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin

from exosk.parameters import Normal, Parameter, ParameterArray, ParameterSpace
from exosk.posterior import Posterior

SPACE = ParameterSpace([Parameter("a", Normal(0, 1), "K"), Parameter("log_x_b", Normal(0, 1))])
SIGMA = 0.5
SHRINK = 1 / (1 + SIGMA**2)
STD = SIGMA * np.sqrt(SHRINK)
_STEPS = stats.norm.ppf((np.arange(400) + 0.5) / 400)[:, None]


class ExactRetriever(RegressorMixin, BaseEstimator):
    """The posterior is N(SHRINK x, STD^2), as 400 evenly spread quantiles, times a width."""

    def __init__(self, width=1.0):
        self.width = width
        self.space_ = SPACE

    def __sklearn_is_fitted__(self):
        return True

    def predict(self, X):
        return SHRINK * np.asarray(X)

    def posterior(self, X):
        return [Posterior(mean + self.width * STD * _STEPS, SPACE) for mean in self.predict(X)]


class KnowsDensity(ExactRetriever):
    """With the density of the posterior beside its samples."""

    def log_prob(self, X, Y, marginal=False):
        each = stats.norm.logpdf(np.asarray(Y), self.predict(X), self.width * STD)
        return each if marginal else each.sum(axis=1)


class Setting:
    """What tests need of the above: test modules can't import each other."""

    space, sigma, shrink, std = SPACE, SIGMA, SHRINK, STD
    Exact, KnowsDensity = ExactRetriever, KnowsDensity

    @staticmethod
    def draw(n, seed=0):
        random = np.random.default_rng(seed)
        Y = random.standard_normal((n, 2))
        return Y + SIGMA * random.standard_normal((n, 2)), ParameterArray(Y, SPACE)


@pytest.fixture(scope="session")
def normal() -> type[Setting]:
    return Setting
