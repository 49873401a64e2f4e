"""The last step of whatever a user fitted."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.models import ForestRetriever
from exosk.models.final_step import FinalStep
from exosk.preprocessing import SpectrumScaler

FOREST = ForestRetriever(5, random_state=0)
SEARCH = GridSearchCV(FOREST, {"min_samples_leaf": [2, 3]}, cv=2)
MODELS = {
    "estimator": FOREST,
    "pipeline": make_pipeline(NoiseInjector(1e-5), SpectrumScaler(), FOREST),
    "pipeline of one": make_pipeline(FOREST),
    "pipeline in a pipeline": make_pipeline(
        NoiseInjector(1e-5), make_pipeline(SpectrumScaler(), FOREST)
    ),
    "search": SEARCH,
    "search in a pipeline": make_pipeline(SpectrumScaler(), SEARCH),
    "search over a pipeline": GridSearchCV(
        make_pipeline(SpectrumScaler(), FOREST), {"forestretriever__min_samples_leaf": [2, 3]}, cv=2
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_found_and_fed_what_the_model_feeds_it(name):
    X = 0.02 + 1e-3 * np.random.default_rng(0).standard_normal((40, 6))
    model = MODELS[name].fit(X, X[:, :2])
    final = FinalStep(model)
    assert isinstance(final.estimator, ForestRetriever)
    assert final.offers("posterior")
    assert not final.offers("predict_proba")
    np.testing.assert_array_equal(final.estimator.predict(final.transform(X)), model.predict(X))
