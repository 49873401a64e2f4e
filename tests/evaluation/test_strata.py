"""Strata: every spectrum in one, and the scores of each those of its spectra."""

import json

import numpy as np
import pytest

from exosk.evaluation import (
    DetectorEvaluation,
    bootstrap_means,
    detections_by,
    detections_by_abundance,
    evaluate_retriever,
    retrievals_by,
    retrievals_by_truth,
    strata,
)
from exosk.exceptions import RangeError


def test_quantiles_share_spectra_out_equally():
    values = np.random.default_rng(0).permutation(60.0 * np.arange(60))
    found = strata(values, 6)
    assert [len(each) for each in found] == [10] * 6
    assert sorted(np.concatenate([each.rows for each in found])) == list(range(60))
    for each in found:
        assert ((values[each.rows] >= each.low) & (values[each.rows] <= each.high)).all()
        assert each.low < each.center < each.high


def test_limits_are_closed_below_and_the_last_above_too():
    found = strata([0, 1, 2, 3, np.nan, 9], [0, 1, 3])
    assert [each.rows.tolist() for each in found] == [[0], [1, 2, 3]]


def test_ties_and_a_single_value():
    assert [len(each) for each in strata([1, 1, 1, 1, 5], 3)] == [5]
    assert [len(each) for each in strata([2, 2], 3)] == [2]


@pytest.mark.parametrize(
    ("values", "edges", "match"),
    [
        ([np.nan], 3, "one number for each"),
        ([[1, 2]], 3, "one number for each"),
        ([1, 2], 0, "at least 1"),
        ([1, 2], [2, 1], "ascending"),
        ([1, 2], [1], "two or more"),
    ],
)
def test_what_makes_no_strata_is_refused(values, edges, match):
    with pytest.raises(RangeError, match=match):
        strata(values, edges)


def test_a_retriever_s_scores_of_a_stratum_are_those_of_its_spectra(normal):
    X, Y = normal.draw(300)
    whole = evaluate_retriever(normal.Exact(), X, Y)
    snr = np.random.default_rng(1).uniform(1, 30, 300)
    records = retrievals_by(whole, snr, [1, 10, 30])
    json.dumps(records, allow_nan=False)
    for record, rows in zip(records, (snr < 10, snr >= 10)):
        assert record["n"] == rows.sum()
        assert record["parameters"]["a"]["rmse"] == whole[rows].metrics()["a"]["rmse"]
    by_truth = retrievals_by_truth(whole, ["log_x_b"], 5)
    assert list(by_truth) == ["log_x_b"]
    bias = [record["bias"] for record in by_truth["log_x_b"]]
    assert bias[0] > 0 > bias[-1], "an exact posterior is drawn towards the prior's mean"


def test_a_detector_s_scores_by_quantity_and_abundance():
    random = np.random.default_rng(0)
    abundance = random.uniform(-12, -2, (2000, 2))
    presence = (abundance > -7).astype(int)
    snr = 10 ** random.uniform(0, 1, 2000)
    score = snr[:, None] * (abundance + 7) / 8 + random.standard_normal((2000, 2))
    found = DetectorEvaluation(("H2O", "CO"), presence, 1 / (1 + np.exp(-score)))
    records = detections_by(found, snr, 4)
    areas = [record["molecules"]["H2O"]["auc"] for record in records]
    assert areas == sorted(areas)
    by_abundance = detections_by_abundance(found, abundance, 5)
    json.dumps(by_abundance, allow_nan=False)
    for records in by_abundance.values():
        assert sum(record["n"] for record in records) == 2000
        detected = [record["detected"] for record in records]
        assert detected == sorted(detected)
        assert records[0]["recall"] is None, "none of them holds the molecule"
        assert "none of the" in records[0]["undefined"]["auc"]
        assert records[-1]["auc"] > records[-2]["auc"] > 0.8


def test_resampled_means_scatter_as_means_do():
    columns = np.random.default_rng(0).standard_normal((500, 2)) * [1, 3] + [0, 10]
    draws = bootstrap_means(columns, 2000)
    np.testing.assert_allclose(draws.mean(axis=0), columns.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(draws.std(axis=0), columns.std(axis=0) / np.sqrt(500), rtol=0.06)
    np.testing.assert_array_equal(draws, bootstrap_means(columns, 2000))
