"""The interval of the area under the ROC curve."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from exosk.evaluation import auc_with_interval


def draw(n, seed, shift=1.0):
    random = np.random.default_rng(seed)
    y = random.uniform(size=n) < 0.3
    return y, random.standard_normal(n) + shift * y


def test_the_error_is_delong_s_by_its_definition():
    """Shares of pairs counted one by one, ties by half."""
    y, score = draw(60, 0)
    score = score.round(1)
    area, low, high = auc_with_interval(y, score)
    pairs = (score[y][:, None] > score[~y]) + 0.5 * (score[y][:, None] == score[~y])
    assert area == pytest.approx(pairs.mean()) == roc_auc_score(y, score)
    variance = pairs.mean(1).var(ddof=1) / y.sum() + pairs.mean(0).var(ddof=1) / (~y).sum()
    reach = 1.959964 * np.sqrt(variance) / (area * (1 - area))
    logit = np.log(area / (1 - area))
    np.testing.assert_allclose([low, high], 1 / (1 + np.exp([-logit + reach, -logit - reach])))


@pytest.mark.parametrize("shift", [0.3, 1.5, 3.0])
def test_it_holds_the_true_area_as_often_as_it_says(shift):
    true = stats.norm.cdf(shift / np.sqrt(2))
    held = []
    for seed in range(300):
        _, low, high = auc_with_interval(*draw(150, seed, shift))
        held.append(low <= true <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.04)


def test_a_perfect_order_is_not_certain():
    y = np.repeat([0, 1], [50, 5])
    area, low, high = auc_with_interval(y, y)
    assert (area, high) == (1, 1)
    assert low == pytest.approx(0.025 ** (1 / 5))
    assert auc_with_interval(1 - y, y) == (0, 0, pytest.approx(1 - low))


def test_one_class_has_none_and_one_spectrum_no_interval():
    assert np.isnan(auc_with_interval([1, 1], [0.2, 0.3])).all()
    assert auc_with_interval([1, 0, 0], [0.5, 0.2, 0.7]) == (0.5, 0, 1)
