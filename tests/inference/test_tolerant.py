"""A likelihood that goes on where single atmospheres are refused."""

import numpy as np
import pytest

from exosk.exceptions import RangeError, UnitError
from exosk.inference.tolerant import TolerantLikelihood

THETA = np.random.default_rng(0).uniform(-1, 1, (300, 2))


class Choosy:
    """Refuses a whole batch for one row whose first parameter is above `limit`."""

    def __init__(self, limit):
        self.limit = limit
        self.answered = 0
        self.calls = 0

    def __call__(self, theta):
        self.calls += 1
        bad = theta[:, 0] > self.limit
        if bad.any():
            raise RangeError(f"row {np.argmax(bad)} is too large")
        self.answered += len(theta)
        return -(theta[:, 1] ** 2)


@pytest.mark.parametrize("limit", [2.0, 0.98, 0.5, -0.9, -2.0])
@pytest.mark.parametrize("batch_size", [1, 7, 300, 1000])
def test_only_the_refused_rows_are_minus_infinity(limit, batch_size):
    choosy = Choosy(limit)
    tolerant = TolerantLikelihood(choosy, batch_size)
    values = tolerant(THETA)
    bad = THETA[:, 0] > limit
    assert np.isneginf(values[bad]).all()
    assert np.array_equal(values[~bad], -(THETA[~bad, 1] ** 2))
    assert tolerant.n_refused == bad.sum()
    assert tolerant.n_simulations == len(THETA)
    assert tolerant.n_not_finite == 0
    assert choosy.answered == (~bad).sum()  # no row is simulated twice
    assert (tolerant.refusal is None) == (not bad.any())


def test_a_few_refused_rows_cost_few_calls():
    choosy = Choosy(np.sort(THETA[:, 0])[-4])
    TolerantLikelihood(choosy)(THETA)
    assert choosy.calls <= 1 + 2 * 3 * np.ceil(np.log2(len(THETA)))


def test_nan_and_plus_infinity_are_counted_and_minus_infinity_is_an_answer():
    answers = np.array([0.5, np.nan, -np.inf, np.inf, -3.0])
    tolerant = TolerantLikelihood(lambda theta: answers[: len(theta)])
    assert np.array_equal(tolerant(THETA[:5]), [0.5, -np.inf, -np.inf, -np.inf, -3.0])
    assert tolerant.n_not_finite == 2
    assert tolerant.n_refused == 0


def test_progress_counts_rows():
    told = []
    TolerantLikelihood(Choosy(2.0), 100, told.append)(THETA)
    assert told == [100, 200, 300]


def test_other_errors_are_not_hidden():
    def broken(theta):
        raise UnitError("the grid is in nm")

    with pytest.raises(UnitError, match="nm"):
        TolerantLikelihood(broken)(THETA)


def test_a_likelihood_of_the_wrong_shape():
    with pytest.raises(RangeError, match=r"shape \(300,\), got \(300, 1\)"):
        TolerantLikelihood(lambda theta: theta[:, :1])(THETA)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_a_batch_is_a_whole_number(batch_size):
    with pytest.raises(RangeError, match="batch_size"):
        TolerantLikelihood(Choosy(2.0), batch_size)
