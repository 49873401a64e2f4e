"""Draws differ from each other, and repeat with the seed of their generator."""

import numpy as np
import pytest
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from exosk.augmentation import BinDropout, NoiseInjector, OffsetInjector, redraw, reseeded

X = np.full((3000, 4), 0.02)
LABELS = ["a", "a", "b", "b"]
SEEDED = make_pipeline(OffsetInjector(LABELS, random_state=7), NoiseInjector(1e-4, 7))


@pytest.mark.parametrize(
    "augmentation", [NoiseInjector(1e-4), NoiseInjector(1e-4, random_state=7), SEEDED], ids=repr
)
def test_epochs_are_independent_and_their_sequence_repeats(augmentation):
    rng, again = np.random.RandomState(0), np.random.RandomState(0)
    epochs = [redraw(augmentation, X, rng) - X for _ in range(3)]
    for epoch in epochs:
        np.testing.assert_array_equal(redraw(augmentation, X, again) - X, epoch)
    for k in (1, 2):
        between = np.corrcoef(epochs[0].T, epochs[k].T)[:4, 4:]
        assert (abs(between) < 5 / len(X) ** 0.5).all()


def test_a_number_gives_one_draw():
    first, again, other = (redraw(SEEDED, X, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).all()


def test_steps_have_seeds_of_their_own():
    twice = make_pipeline(NoiseInjector(1e-4, 3), NoiseInjector(1e-4, 3))
    # The same noise twice would have twice the spread, two independent ones have sqrt(2).
    assert (redraw(twice, X, 0) - X).std() == pytest.approx(2**0.5 * 1e-4, rel=0.03)
    assert (twice.fit_transform(X) - X).std() == pytest.approx(2e-4, rel=0.03)


def test_what_was_given_stays_as_it_was():
    augmentation = make_pipeline(NoiseInjector(1e-4, random_state=7))
    redraw(augmentation, X, 0)
    assert augmentation[0].random_state == 7
    assert not hasattr(augmentation[0], "n_features_in_")
    np.testing.assert_array_equal(X, 0.02)


def test_seeds_are_found_at_any_depth():
    deep = make_pipeline(FeatureUnion([("a", SEEDED), ("b", BinDropout(random_state=7))]))
    parameters = reseeded(deep, 0).get_params()
    seeds = [value for name, value in parameters.items() if name.endswith("random_state")]
    assert len(set(seeds)) == 3
    assert 7 not in seeds


def test_the_answer_is_an_array_and_nothing_need_be_random():
    table = NoiseInjector(1e-4).set_output(transform="pandas")
    assert type(redraw(table, X, 0)) is np.ndarray
    np.testing.assert_allclose(redraw(StandardScaler(), X, 0), 0, atol=1e-12)


def test_precision_is_kept():
    assert redraw(SEEDED, X.astype(np.float32), 0).dtype == np.float32
