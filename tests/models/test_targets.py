"""Parameters are standard normal before the data, and come back as they were."""

import numpy as np
import pytest
from scipy import stats

from exosk.exceptions import RangeError
from exosk.models.targets import EmpiricalTargets, PriorTargets, make_targets, uniform_jumps
from exosk.parameters import LogUniform, Normal, Parameter, ParameterSpace, Uniform

PRIORS = {
    "uniform": (Uniform(-12, -1), stats.uniform(-12, 11)),
    "loguniform": (LogUniform(1e-3, 1e2), stats.loguniform(1e-3, 1e2)),
    "normal": (Normal(1000, 50), stats.norm(1000, 50)),
    "cut": (Normal(0, 1, 0, 2), stats.truncnorm(0, 2)),
}
each_prior = pytest.mark.parametrize(("prior", "exact"), PRIORS.values(), ids=PRIORS)
# Samples whose distribution the empirical targets learn, without and with values of their own.
N = 4000
SAMPLES = {
    "even": np.random.default_rng(0).uniform(-3, 5, N),
    "skew": np.random.default_rng(0).lognormal(0, 1, N),
    "cut below": np.maximum(np.random.default_rng(0).normal(size=N), -0.2),
    "cut above": np.minimum(np.random.default_rng(0).normal(size=N), 0.2),
    "cut twice": np.clip(np.random.default_rng(0).normal(size=N), -1, 1),
    "inner": np.where(
        np.random.default_rng(0).uniform(size=N) < 0.3,
        0.5,
        SKEW := np.sort(np.random.default_rng(1).uniform(0, 1, N)),
    ),
    "steps": np.random.default_rng(0).choice([0.0, 1.0, 4.0], N, p=[0.2, 0.5, 0.3]),
    "constant": np.full(N, 7.0),
    "pair": np.array([1.0, 2.0]),
    "one": np.array([3.0]),
}
each_sample = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
ATOMS = {"cut below": [-0.2], "cut above": [0.2], "cut twice": [-1, 1], "inner": [0.5],
         "steps": [0, 1, 4], "constant": [7]}  # fmt: skip


def by_prior(prior, y):
    return PriorTargets(np.reshape(y, (-1, 1)), ParameterSpace([Parameter("y", prior)]))


def empirical(y):
    return EmpiricalTargets(np.reshape(y, (-1, 1)))


def jumps(n):
    return np.random.default_rng(9).uniform(size=(n, 1))


# --- by priors -------------------------------------------------------------------------------


@each_prior
def test_a_prior_becomes_a_standard_normal(prior, exact):
    y = exact.rvs(5000, random_state=0)
    z = by_prior(prior, y).to_normal(y[:, None])
    assert stats.kstest(z[:, 0], stats.norm.cdf).pvalue > 1e-3
    np.testing.assert_allclose(z[:, 0], stats.norm.ppf(exact.cdf(y)), rtol=1e-6, atol=1e-9)


@each_prior
def test_parameters_come_back(prior, exact):
    y = exact.ppf(np.linspace(0.001, 0.999, 50))
    targets = by_prior(prior, y)
    np.testing.assert_allclose(targets.from_normal(targets.to_normal(y[:, None]))[:, 0], y)


@each_prior
def test_the_density_is_the_priors(prior, exact):
    y = np.linspace(*exact.ppf([0.01, 0.99]), 50)
    density = by_prior(prior, y).log_density(y[:, None])[:, 0]
    np.testing.assert_allclose(density, exact.logpdf(y), rtol=1e-9)


@each_prior
@pytest.mark.parametrize("far", [9.0, 1e3, np.inf])
def test_however_far_a_normal_variable_lies_its_parameter_is_a_number_within_the_prior(
    prior, exact, far
):
    y = by_prior(prior, exact.ppf([0.5])).from_normal(np.array([[-far], [far]]))[:, 0]
    low, high = exact.support()
    assert np.isfinite(y).all()
    assert low <= y[0] < y[1] <= high


def test_the_limits_of_a_prior_are_numbers():
    z = by_prior(Uniform(0, 1), [0.0, 1.0]).to_normal(np.array([[0.0], [1.0]]))
    np.testing.assert_array_equal(z, [[-8], [8]])


def test_a_parameter_outside_its_prior_is_named():
    with pytest.raises(RangeError, match=r"y = 7 in row 1 of y lies outside its prior, 0 to 1"):
        by_prior(Uniform(0, 1), [0.5, 7.0])


def test_a_space_decides(toy):
    Y = toy.space.sample(50, 0)
    assert isinstance(make_targets(Y, toy.space), PriorTargets)
    bare = make_targets(Y, None)
    assert isinstance(bare, EmpiricalTargets)
    assert bare.space.names == ["parameter_0", "parameter_1"]


# --- by the training set ---------------------------------------------------------------------


@each_sample
def test_training_parameters_become_standard_normal(sample):
    targets = empirical(sample)
    z = targets.to_normal(sample[:, None], jumps(len(sample)))[:, 0]
    assert np.isfinite(z).all()
    if len(sample) > 10:
        assert stats.kstest(z, stats.norm.cdf).pvalue > 1e-3


@each_sample
def test_training_parameters_come_back(sample):
    """Values with a probability of their own exactly, wherever in the jump they were drawn."""
    targets = empirical(sample)
    back = targets.from_normal(targets.to_normal(sample[:, None], jumps(len(sample))))[:, 0]
    np.testing.assert_allclose(back, sample, rtol=1e-9, atol=1e-6 * np.ptp(sample))
    below, above = targets.unit_range(sample[:, None])
    shared = (above > below)[:, 0]
    np.testing.assert_array_equal(back[shared], sample[shared])


@pytest.mark.parametrize("name", SAMPLES)
def test_values_that_many_rows_share_have_their_share_of_probability(name):
    sample, atoms = SAMPLES[name], np.array(ATOMS.get(name, []), dtype=float)
    targets = empirical(sample)
    assert targets.has_jumps == (len(atoms) > 0 or len(np.unique(sample)) == 1)
    share = np.exp(targets.log_density(atoms[:, None])[:, 0])
    np.testing.assert_allclose(share, [(sample == atom).mean() for atom in atoms], rtol=1e-9)
    # So do the samples of the prior: a normal variable falls into the jump as often.
    z = np.random.default_rng(5).standard_normal((40_000, 1))
    drawn = targets.from_normal(z)[:, 0]
    for atom, p in zip(atoms, share, strict=True):
        assert abs((drawn == atom).mean() - p) < 5 * 0.5 / 200


@each_sample
def test_the_density_integrates_to_one(sample):
    targets = empirical(sample)
    at = targets.columns[0][0]
    jump = np.concatenate([a - b for _, b, a in targets.columns])
    assert targets.log_density(at[:, None]).max() < np.inf
    middle = (at[1:] + at[:-1]) / 2  # constant between knots
    density = np.exp(targets.log_density(middle[:, None])[:, 0])
    np.testing.assert_allclose((density * np.diff(at)).sum() + jump.sum(), 1, rtol=1e-9)


def test_the_density_is_that_of_many_samples():
    y = stats.norm(2, 3).rvs(200_000, random_state=0)
    at = np.linspace(-3, 7, 20)
    density = empirical(y).log_density(at[:, None])[:, 0]
    np.testing.assert_allclose(density, stats.norm(2, 3).logpdf(at), atol=0.15)


@each_sample
def test_far_outside_there_is_nothing(sample):
    targets = empirical(sample)
    span = max(np.ptp(sample), 1.0)
    far = np.array([[sample.min() - span], [sample.max() + span], [-np.inf], [np.inf]])
    with np.errstate(all="raise"):
        np.testing.assert_array_equal(targets.log_density(far), -np.inf)
        z = targets.to_normal(far)[:, 0]
    np.testing.assert_array_equal(z, [-8, 8, -8, 8])


@each_sample
def test_the_order_is_kept(sample):
    targets = empirical(sample)
    z = targets.to_normal(np.linspace(sample.min(), sample.max(), 500)[:, None])
    assert (np.diff(z[:, 0]) >= 0).all()
    y = targets.from_normal(np.linspace(-9, 9, 500)[:, None])[:, 0]
    assert (np.diff(y) >= 0).all()
    assert y[0] >= sample.min() - 0.011 * np.ptp(sample)
    assert y[-1] <= sample.max() + 0.011 * np.ptp(sample)


def test_columns_are_independent_of_each_other():
    names = ["even", "cut below", "steps"]
    Y = np.column_stack([SAMPLES[name] for name in names])
    together, jump = EmpiricalTargets(Y), np.random.default_rng(0).uniform(size=Y.shape)
    for k, name in enumerate(names):
        alone = empirical(SAMPLES[name])
        np.testing.assert_array_equal(
            together.to_normal(Y, jump)[:, [k]], alone.to_normal(Y[:, [k]], jump[:, [k]])
        )
        np.testing.assert_array_equal(together.log_density(Y)[:, [k]], alone.log_density(Y[:, [k]]))


def test_points_of_a_jump_are_spread_evenly():
    points = uniform_jumps(16, 3)
    assert points.shape == (16, 3)
    for column in points.T:
        assert sorted((column * 16).astype(int)) == list(range(16))
