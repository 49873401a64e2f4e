"""One number of a model's answer, of models of all kinds."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import exosk
from exosk.exceptions import RangeError, UnknownNameError
from exosk.explain import Target
from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform

NAMES = ("H2O", "CO2")


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).standard_normal((200, 4))


@pytest.fixture(scope="module")
def presence(X):
    return (X[:, :2] > 0).astype(int)


DETECTORS = {
    "forest of exosk's": lambda: exosk.MoleculeDetector(10, random_state=0),
    "network of exosk's": lambda: exosk.MLPDetector((8,), max_epochs=3, random_state=0),
    "forest of scikit-learn's": lambda: RandomForestClassifier(10, random_state=0),
    "one classifier each": lambda: MultiOutputClassifier(LogisticRegression()),
    "pipeline": lambda: make_pipeline(StandardScaler(), exosk.MoleculeDetector(5, random_state=0)),
}


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_molecule_of_several(kind, X, presence):
    model = DETECTORS[kind]().fit(X, presence)
    target = Target.molecule(model, "CO2", NAMES, scale="probability")
    answer = model.predict_proba(X)
    expected = answer[1][:, 1] if isinstance(answer, list) else answer[:, 1]
    assert target(X) == pytest.approx(expected)
    odds = Target.molecule(model, "CO2", NAMES, least=1e-3)(X)
    p = np.clip(expected, 1e-3, 1 - 1e-3)
    assert odds == pytest.approx(np.log(p / (1 - p)))


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=["classifier", "search", "pipeline"],
)
def test_a_classifier_of_two_classes(model, X, presence):
    model.fit(X, presence[:, 0])
    target = Target.molecule(model, "H2O", scale="probability")
    assert (target(X) == model.predict_proba(X)[:, 1]).all()


def test_one_molecule_of_exosks(X, presence):
    model = exosk.MoleculeDetector(5, random_state=0).fit(X, presence[:, :1])
    target = Target.molecule(model, "H2O", scale="probability")
    assert (target(X) == model.predict_proba(X)[:, 0]).all()


def test_the_mean_of_a_parameter(X):
    space = ParameterSpace(
        [Parameter("temperature", Uniform(0, 1), "K"), Parameter("log_x_h2o", Uniform(-9, -1))]
    )
    y = ParameterArray(np.random.default_rng(0).random((200, 2)), space)
    model = make_pipeline(StandardScaler(), exosk.ForestRetriever(5, random_state=0)).fit(X, y)
    target = Target.parameter(model, "log_x_h2o")
    assert (target(X) == model.predict(X)[:, 1]).all()
    assert Target.parameter(model, "temperature").unit == "K"
    other = RandomForestRegressor(5, random_state=0).fit(X, np.asarray(y))
    with pytest.raises(RangeError, match="give space"):
        Target.parameter(other, "log_x_h2o")
    target = Target.parameter(other, "log_x_h2o", space)
    assert (target(X) == other.predict(X)[:, 1]).all()


def test_many_rows_are_asked_in_parts(X, presence):
    model = LogisticRegression().fit(X, presence[:, 0])
    many = np.tile(X, (100, 1))
    assert Target.molecule(model, "H2O")(many) == pytest.approx(
        np.tile(Target.molecule(model, "H2O")(X), 100)
    )


def test_refusals(X, presence, world):
    model = LogisticRegression().fit(X, presence[:, 0])
    with pytest.raises(UnknownNameError, match="did you mean 'H2O'"):
        Target.molecule(model, "h2o", NAMES)
    with pytest.raises(UnknownNameError, match="scale"):
        Target.molecule(model, "H2O", scale="odds")
    with pytest.raises(RangeError, match="least"):
        Target.molecule(model, "H2O", least=0.5)
    with pytest.raises(RangeError, match="no predict_proba"):
        Target.molecule(RandomForestRegressor(), "H2O")
    with pytest.raises(RangeError, match="answer 3 of the model"):
        Target.molecule(model, "CO", ("H2O", "CO2", "CO"))(X)
    for two in (presence, np.hstack([presence, presence])):
        detector = exosk.MoleculeDetector(5, random_state=0).fit(X, two)
        with pytest.raises(RangeError, match="give the names of the molecules"):
            Target.molecule(detector, "H2O")(X)
    forest = exosk.ForestRetriever(5).fit(X, X[:, :1])
    with pytest.raises(UnknownNameError, match="parameter of the model"):
        Target.parameter(forest, "temperature")


def test_no_number_is_refused(X):
    class Broken:
        def predict(self, X):
            return np.full(len(X), np.nan)

    with pytest.raises(RangeError, match="not a number"):
        Target(Broken(), 0, "temperature", "K")(X)
