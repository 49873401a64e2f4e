"""Scores of a retriever, against formulas where the posterior is known."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from exosk.evaluation import binomial_error, evaluate_retriever
from exosk.exceptions import RangeError
from exosk.inference import ConformalRetriever
from exosk.models import ForestRetriever
from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform


@pytest.fixture(scope="module")
def exact(normal):
    return evaluate_retriever(normal.Exact(), *normal.draw(4000))


def test_values_are_scored_as_scikit_learn_does(normal, exact):
    X, Y = normal.draw(4000)
    predicted = normal.Exact().predict(X)
    for k, scores in enumerate(exact.metrics().values()):
        assert scores["r2"] == pytest.approx(r2_score(Y[:, k], predicted[:, k]))
        assert scores["rmse"] ** 2 == pytest.approx(mean_squared_error(Y[:, k], predicted[:, k]))
        assert scores["bias"] == pytest.approx((predicted - Y)[:, k].mean())


def test_the_exact_posterior_scores_as_theory_says(normal, exact):
    for scores in exact.metrics().values():
        assert scores["r2"] == pytest.approx(normal.shrink, abs=0.02)
        assert scores["rmse"] == pytest.approx(normal.std, rel=0.03)
        # The mean CRPS of an exact normal is std / sqrt(pi); its entropy is the mean NLL.
        assert scores["crps"] == pytest.approx(normal.std / np.sqrt(np.pi), rel=0.03)
        assert scores["nll"] == pytest.approx(stats.norm(scale=normal.std).entropy(), abs=0.04)
        for each in scores["coverage"]:
            assert each["observed"] == pytest.approx(each["level"], abs=4 * each["error"])
            assert each["closed"] == pytest.approx(each["observed"], abs=0.01)
            assert each["error"] == binomial_error(each["level"], 4000)
            reach = normal.std * stats.norm.ppf((1 + each["level"]) / 2)
            assert each["width"] == pytest.approx(2 * reach, rel=0.02)
    assert (stats.kstest(exact.pit, "uniform").pvalue > 0.01).all()
    np.testing.assert_allclose(exact.std, normal.std, rtol=0.01)


def test_a_model_s_own_density_is_used_where_there_is_one(normal, exact):
    data = normal.draw(4000)
    known = evaluate_retriever(normal.KnowsDensity(), *data)
    assert known.density != exact.density
    np.testing.assert_allclose(known.joint_nll, known.nll.sum(axis=1))
    # Kernels widen the posterior by their bandwidth, little next to its width.
    np.testing.assert_allclose(exact.nll.mean(axis=0), known.nll.mean(axis=0), atol=0.02)
    assert exact.joint_nll is None


@pytest.mark.parametrize(("width", "sign"), [(0.5, -1), (2.0, 1)])
def test_wrong_widths_cost_in_every_proper_score(normal, exact, width, sign):
    wrong = evaluate_retriever(normal.Exact(width), *normal.draw(4000)).metrics()
    for name, scores in exact.metrics().items():
        assert wrong[name]["r2"] == scores["r2"]
        assert wrong[name]["crps"] > scores["crps"]
        assert wrong[name]["nll"] > scores["nll"]
        at_68 = wrong[name]["coverage"][1]["observed"] - 0.68
        assert sign * at_68 > 0.1


def test_batches_and_selections_make_no_difference(normal):
    X, Y = normal.draw(100)
    whole = evaluate_retriever(normal.Exact(), X, Y)
    parts = evaluate_retriever(normal.Exact(), X, Y, batch_size=7)
    np.testing.assert_array_equal(whole.crps, parts.crps)
    np.testing.assert_array_equal(whole.intervals, parts.intervals)
    rows = np.arange(10, 40)
    some = evaluate_retriever(normal.Exact(), X[rows], Y[rows])
    np.testing.assert_array_equal(whole[rows].crps, some.crps)
    assert whole[rows].metrics()["a"]["rmse"] == some.metrics()["a"]["rmse"]


def test_intervals_of_scores_hold_the_expected_score(normal):
    """Of 40 sets of 300 spectra, some 95 % of the intervals of the RMSE hold the true one."""
    held = 0
    for seed in range(40):
        scores = evaluate_retriever(normal.Exact(), *normal.draw(300, seed)).metrics()["a"]
        low, high = scores["rmse_interval"]
        held += low < normal.std < high
        assert scores["r2_interval"][0] < scores["r2"] < scores["r2_interval"][1]
    assert held >= 33


def test_conformal_intervals_are_the_ones_scored(normal):
    X, Y = normal.draw(1500)
    forest = ForestRetriever(20, min_samples_leaf=10, random_state=0)
    model = ConformalRetriever(forest, 0.5, random_state=0).fit(X[:1000], Y[:1000])
    found = evaluate_retriever(model, X[1000:], Y[1000:])
    assert found.conformal
    np.testing.assert_array_equal(found.intervals[1], model.interval(X[1000:], 0.68))
    assert found.to_dict()["intervals"] == "conformal"


def test_atoms_are_scored_fairly():
    """Half of all truths are one value, and a posterior that knows it is not too cautious."""
    random = np.random.default_rng(0)
    Y = np.maximum(random.standard_normal((3000, 1)), 0.0)
    X = random.standard_normal((3000, 1))  # tells nothing: the posterior is the prior
    space = ParameterSpace([Parameter("a", Uniform(0, 6))])
    forest = ForestRetriever(3, min_samples_leaf=400, random_state=0)
    forest.fit(X[:2000], ParameterArray(Y[:2000], space))
    half, at_68, *_ = evaluate_retriever(forest, X[2000:], Y[2000:]).metrics()["a"]["coverage"]
    for each in (half, at_68):
        assert each["observed"] == pytest.approx(each["level"], abs=0.06)
        assert each["closed"] > each["level"] + 0.1


def test_tables_pipelines_and_one_parameter(normal):
    X, Y = normal.draw(60)
    frame = pd.DataFrame(X, columns=["x0", "x1"])
    forest = ForestRetriever(5, random_state=0)
    model = make_pipeline(FunctionTransformer(feature_names_out="one-to-one"), forest)
    model.set_output(transform="pandas").fit(frame, Y)
    found = evaluate_retriever(model, frame, Y)
    assert [row["parameter"] for row in found.table()] == ["a", "log_x_b"]
    single = evaluate_retriever(ForestRetriever(5, random_state=0).fit(X, X[:, 0]), X, X[:, 0])
    assert list(single.metrics()) == ["parameter_0"]


def test_the_document_is_json_and_says_why_a_number_is_missing(normal):
    X, Y = normal.draw(50)
    constant = ParameterArray(np.full_like(Y, 0.3), normal.space)
    found = evaluate_retriever(normal.Exact(), X, constant).to_dict()
    json.dumps(found, allow_nan=False)
    scores = found["parameters"]["a"]
    assert scores["r2"] is None
    assert "the same" in scores["undefined"]["r2"]
    assert found["mean_r2"] is None
    assert scores["rmse"] > 0

    one = evaluate_retriever(normal.Exact(), X[:1], Y[:1])
    json.dumps(one.to_dict(), allow_nan=False)


def test_a_density_of_zero_is_named(normal):
    class NoDensity(normal.KnowsDensity):
        def log_prob(self, X, Y, marginal=False):
            found = super().log_prob(X, Y, marginal)
            found[3] = -np.inf
            return found

    scores = evaluate_retriever(NoDensity(), *normal.draw(20)).to_dict()["parameters"]["a"]
    assert scores["nll"] is None
    assert "1 of 20" in scores["undefined"]["nll"]


def test_what_cannot_be_scored_is_refused(normal):
    X, Y = normal.draw(10)
    model = normal.Exact()
    with pytest.raises(RangeError, match="no posterior"):
        evaluate_retriever(LinearRegression().fit(X, Y), X, Y)
    with pytest.raises(RangeError, match="10 spectra and a model of 2 parameters"):
        evaluate_retriever(model, X, np.asarray(Y)[:, :1])
    with pytest.raises(RangeError, match="0 spectra"):
        evaluate_retriever(model, X[:0], Y[:0])
    broken = np.array(Y)
    broken[4, 1] = np.nan
    with pytest.raises(RangeError, match="log_x_b of spectrum 4 is nan"):
        evaluate_retriever(model, X, broken)
    other = ParameterSpace([Parameter("a", Uniform(0, 1)), Parameter("c", Uniform(0, 1))])
    with pytest.raises(RangeError, match="Y holds a, c"):
        evaluate_retriever(model, X, ParameterArray(Y, other))
    with pytest.raises(RangeError, match="between 0 and 1"):
        evaluate_retriever(model, X, Y, levels=[68])
