"""The methods where importances are formulas."""

import numpy as np
import pytest

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain import METHODS, Background, Groups, Target, explain, explain_spectrum

N_DRAWS = 64


def target(world, unit="log-odds"):
    return Target(world.model, 0, "CO2", unit)


@pytest.fixture(scope="module")
def groups(grid):
    return Groups.bands(grid, 0.12)


@pytest.fixture(scope="module")
def independent(grid):
    """Spectra whose bins are independent, without noise."""
    random = np.random.default_rng(3)
    return Background(grid, 0.01 + 1e-4 * random.standard_normal((60_000, grid.n_bins)))


@pytest.mark.parametrize("method", METHODS)
def test_of_independent_bins_and_a_linear_model_all_are_one(world, groups, independent, method):
    """Each group's importance is its own part of the sum, whatever else is seen."""
    found = explain(
        target(world, "1"),
        world.spectrum.to_row(),
        independent,
        method=method,
        groups=groups,
        n_draws=1500,
        n_samples=6 if method == "shap" else None,
    )
    own = world.model.weight * (world.spectrum.depth - 0.01)
    expected = groups.members @ own
    noise = np.sqrt(groups.members @ (1e-4 * world.model.weight) ** 2 / 1500)
    # LIME shrinks a little.
    slack = 0.05 if method == "lime" else 0.01
    assert (np.abs(found.importance - expected) < 5 * noise + slack * np.abs(expected).max()).all()


def test_shapley_values_of_spectra_that_go_together(world):
    """Against all subsets, with expectations by the conditional Gaussian of the textbook."""
    grid, weight = world.grid, world.model.weight
    groups = Groups(grid, np.arange(grid.n_bins) // 6 == np.arange(3)[:, None])
    found = explain(
        Target(world.model, 0, "x", "1"),
        world.spectrum.to_row(),
        world.background,
        method="shap",
        groups=groups,
        n_draws=4000,
        n_samples=20,
    )
    mean, covariance = world.depth.mean(axis=0), np.cov(world.depth.T)
    noise = np.diag(world.sigma**2)

    def value(chosen):
        seen = np.isin(np.arange(grid.n_bins) // 6, chosen)
        y = world.spectrum.depth
        if not seen.any():
            return weight @ mean
        inverse = np.linalg.inv((covariance + noise)[np.ix_(seen, seen)])
        guess = mean + covariance[:, seen] @ inverse @ (y - mean)[seen]
        return weight @ np.where(seen, y, guess)

    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    exact = np.zeros(3)
    for order in orders:
        for k, group in enumerate(order):
            exact[group] += (value(order[: k + 1]) - value(order[:k])) / 6
    # Forwards and backwards, 20 random orders of three groups are as good as all.
    assert found.importance == pytest.approx(exact, abs=0.12 * np.abs(exact).max())


def test_shapley_values_add_up_to_the_answer(world, groups):
    found = explain(
        target(world), world.spectrum.to_row(), world.background, method="shap", groups=groups
    )
    assert found.base + found.importances.sum(axis=1) == pytest.approx(found.value)


def test_what_others_tell_counts_when_shown_and_not_when_hidden(grid):
    """Two groups that say the same: one alone tells all, and hiding one takes nothing."""
    random = np.random.default_rng(0)
    level = 0.01 + 1e-4 * random.standard_normal((500, 1))
    background = Background(grid, level + 1e-9 * random.standard_normal((500, grid.n_bins)))
    halves = Groups(grid, np.stack([grid.wavelength < 1.4, grid.wavelength >= 1.4]))

    class Sum:
        def predict(self, X):
            return X.sum(axis=1)

    row = np.full((1, grid.n_bins), 0.0102)
    shown, hidden, shared = (
        explain(Target(Sum(), 0, "x", "1"), row, background, method=name, groups=halves)
        for name in ("inclusion", "occlusion", "shap")
    )
    whole = grid.n_bins * (0.0102 - level.mean())
    assert shown.importance == pytest.approx(whole, rel=0.2)
    assert hidden.importance == pytest.approx(0, abs=1e-3 * whole)
    assert shared.importance.sum() == pytest.approx(whole, rel=0.2)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_the_same_result(world, method):
    np.random.seed(4)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    first, again, other = (
        explain(
            target(world),
            world.spectrum.to_row(),
            world.background,
            method=method,
            n_draws=4,
            random_state=seed,
        ).importance
        for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()
    # The caller's own random numbers are not touched.
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002


@pytest.mark.parametrize("method", ["inclusion", "occlusion"])
def test_standard_errors_are_those_of_repeating(world, groups, method):
    found = [
        explain(
            target(world),
            world.spectrum.to_row(),
            world.background,
            method=method,
            groups=groups,
            n_draws=30,
            random_state=seed,
        )
        for seed in range(60)
    ]
    scatter = np.std([each.importance for each in found], axis=0, ddof=1)
    claimed = np.mean([each.error for each in found], axis=0)
    assert claimed / scatter == pytest.approx(1, abs=0.35)


def test_importance_over_a_data_set(world, groups):
    random = np.random.default_rng(1)
    X = world.depth[:12] + world.sigma * random.standard_normal((12, world.grid.n_bins))
    told = []
    found = explain(
        target(world), X, world.background, groups=groups, n_draws=4, progress=told.append
    )
    assert found.importances.shape == (12, len(groups))
    assert found.importance == pytest.approx(found.importances.mean(axis=0))
    assert (found.mean_absolute >= np.abs(found.importance) - 1e-12).all()
    assert told == pytest.approx(np.arange(1, 13) / 12)
    assert len(found[3]) == 1
    assert (found[2:5].importances == found.importances[2:5]).all()
    # The first spectrum alone gets the same draws.
    alone = explain(target(world), X[:1], world.background, groups=groups, n_draws=4)
    assert alone.importance == pytest.approx(found[0].importance)


def test_a_spectrum_becomes_the_row_that_the_model_takes(world, groups):
    class Told:
        n_features_in_ = 2 * world.grid.n_bins

        def predict_proba(self, X):
            assert (X[:, world.grid.n_bins :] == world.sigma).all()
            return world.model.predict_proba(X)

    told = explain_spectrum(
        Target(Told(), 0, "CO2", "log-odds"), world.spectrum, world.background, groups=groups
    )
    untold = explain_spectrum(target(world), world.spectrum, world.background, groups=groups)
    assert told.importance == pytest.approx(untold.importance)


def test_refusals(world, grid):
    row = world.spectrum.to_row()
    with pytest.raises(UnknownNameError, match="method of explanation"):
        explain(target(world), row, world.background, method="gradients")
    for method in ("shap", "lime"):
        with pytest.raises(RangeError, match="do not overlap"):
            explain(
                target(world), row, world.background, method=method, groups=Groups.windows(grid)
            )
    with pytest.raises(RangeError, match="more samples than groups"):
        explain(target(world), row, world.background, method="lime", n_samples=3)
    with pytest.raises(RangeError, match="at least once"):
        explain(target(world), row, world.background, n_draws=0)
    with pytest.raises(RangeError, match="shape"):
        explain(target(world), row[0], world.background)
    with pytest.raises(GridError, match="groups are of"):
        explain(target(world), row, world.background, groups=Groups.bins(grid[:4]))
    with pytest.raises(GridError, match="bring one to the other"):
        explain_spectrum(target(world), world.spectrum[:5], world.background)
    world.model.n_features_in_ = 7
    with pytest.raises(GridError, match="fitted on 7 columns"):
        explain_spectrum(target(world), world.spectrum, world.background)
    del world.model.n_features_in_
