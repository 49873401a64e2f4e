"""A network's posterior against one that is a formula, and what holds whatever it learned."""

import copy
import dataclasses
import pickle

import joblib
import numpy as np
import pytest
import torch
from scipy import special, stats
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import make_pipeline

from exosk.augmentation import BinDropout, NoiseInjector
from exosk.exceptions import FileFormatError, GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.models import CNNRetriever, FlowRetriever, MLPRetriever
from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform
from exosk.rows import join_rows

GRID = SpectralGrid.from_edges(np.linspace(1, 2, 9))
# Deep enough for the toy, and quick.
SMALL = {"n_components": 2, "max_epochs": 20, "batch_size": 128, "dropout": 0, "random_state": 0}
TINY = {"n_components": 2, "max_epochs": 3, "batch_size": 64, "random_state": 0}
FLOW = {"n_transforms": 4, "n_knots": 4, "flow_hidden": (32,), "n_context": 16}


def clean(toy, n, random_state):
    """Spectra without noise, and their parameters."""
    return dataclasses.replace(toy, sigma=0.0).sample(n, random_state)


def exact_log_prob(toy, X, Y, marginal=False):
    offset, covariance = Y - toy.mean(X), toy.covariance
    if marginal:
        return stats.norm.logpdf(offset, scale=np.sqrt(np.diag(covariance)))
    return stats.multivariate_normal(np.zeros(len(covariance)), covariance).logpdf(offset)


@pytest.fixture(scope="module")
def tied(toy):
    """The toy with lines so alike that the posterior ties the parameters together."""
    first = toy.A[:, 0]
    return dataclasses.replace(toy, A=np.column_stack([first, 0.8 * first + 0.4 * toy.A[:, 1]]))


def make(kind, hidden, settings, **more):
    """A mixture of Gaussians or a flow, of about the same settings."""
    if kind == "mixture":
        return MLPRetriever(hidden, **settings | more)
    settings = {key: value for key, value in settings.items() if key != "n_components"}
    return FlowRetriever(hidden, **FLOW | settings | more)


@pytest.fixture(scope="module", params=["mixture", "flow"])
def retriever(request, tied):
    model = make(request.param, (64, 64), SMALL, augmentation=NoiseInjector(tied.sigma))
    return model.fit(*clean(tied, 5000, 0))


@pytest.fixture(scope="module")
def held_out(tied):
    X, Y = tied.sample(1500, 1)
    return X, np.asarray(Y)


@pytest.fixture(scope="module")
def data(toy):
    return clean(toy, 300, 0)


@pytest.fixture(scope="module", params=["mixture", "flow"])
def quick(request, data):
    return make(request.param, (16,), TINY, augmentation=NoiseInjector(1e-4)).fit(*data)


# --- against the exact posterior -------------------------------------------------------------


def test_mean_and_spread_are_the_exact_ones(tied, retriever, held_out):
    mean, std = retriever.predict(held_out[0], return_std=True)
    exact = np.sqrt(np.diag(tied.covariance))
    distance = np.sqrt(((mean - tied.mean(held_out[0])) ** 2).mean(axis=0))
    assert (distance < 0.2 * exact).all()
    np.testing.assert_allclose(std.mean(axis=0), exact, rtol=0.1)


def test_the_density_is_the_exact_one(tied, retriever, held_out):
    """It can only be lower on average; the difference is Kullback and Leibler's."""
    for marginal in (False, True):
        exact = exact_log_prob(tied, *held_out, marginal)
        missing = exact - retriever.log_prob(*held_out, marginal=marginal)
        assert (missing.mean(axis=0) < 0.05).all()
        assert (missing.mean(axis=0) > -4 * missing.std(axis=0) / 1500**0.5).all()


def test_parameters_are_tied_together_as_they_should_be(tied, retriever, held_out):
    covariance = tied.covariance
    exact = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert exact < -0.7
    samples = retriever.sample_posterior(held_out[0][:50], 2000, random_state=0)
    found = [np.corrcoef(one.T)[0, 1] for one in samples]
    assert abs(np.mean(found) - exact) < 0.06


@pytest.mark.parametrize("level", [0.5, 0.68, 0.95])
def test_intervals_hold_the_truth(retriever, held_out, level):
    X, Y = held_out
    samples = retriever.sample_posterior(X, 500, random_state=0)
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=1)
    coverage = ((low < Y) & (high > Y)).mean(axis=0)
    assert (abs(coverage - level) < 0.02 + 3 * np.sqrt(level * (1 - level) / 1500)).all()


@pytest.mark.parametrize("kind", ["mixture", "flow"])
def test_a_value_that_many_share_gets_the_exact_probability(kind, toy):
    """y cut off at zero: the posterior's share below zero sits there."""
    X, Y = clean(toy, 4000, 0)
    cut = np.maximum(np.asarray(Y)[:, 0], 0)
    model = make(kind, (64, 64), SMALL, augmentation=NoiseInjector(toy.sigma)).fit(X, cut)
    X, Y = toy.sample(600, 1)
    std = np.sqrt(toy.covariance[0, 0])
    exact = stats.norm.cdf(0, toy.mean(X)[:, 0], std)
    share = (model.sample_posterior(X, 1000, random_state=0)[..., 0] == 0).mean(axis=1)
    assert abs(share - exact).mean() < 0.04
    for marginal in (False, True):
        density = np.exp(model.log_prob(X, np.zeros((600, 1)), marginal=marginal)).reshape(600)
        assert (density < 1 + 1e-12).all()
        assert abs(density - share).mean() < 0.01
    # Where the parameter is not cut off, the density is the exact one.
    sure = (np.asarray(Y)[:, 0] > 0.3) & (exact < 0.01)
    found = model.log_prob(X[sure], np.asarray(Y)[sure, :1])
    expected = stats.norm.logpdf(np.asarray(Y)[sure, 0], toy.mean(X[sure])[:, 0], std)
    assert abs((expected - found).mean()) < 0.1


def test_one_network_serves_a_range_of_noise(toy):
    """Trained on errors from 0.3 to 3 times the usual ones, told what they are."""
    X, Y = clean(toy, 5000, 0)
    noise = NoiseInjector("columns", scale=(0.3, 3), grid=GRID)
    model = MLPRetriever((64, 64), grid=GRID, augmentation=noise, **SMALL | {"max_epochs": 25})
    model.fit(join_rows(X, np.full(8, toy.sigma)), Y)
    widths = []
    for factor in (0.5, 1.0, 2.0):
        at = dataclasses.replace(toy, sigma=factor * toy.sigma)
        X, _ = at.sample(500, 1)
        mean, std = model.predict(join_rows(X, np.full(8, at.sigma)), return_std=True)
        exact = np.sqrt(np.diag(at.covariance))
        np.testing.assert_allclose(std.mean(axis=0), exact, rtol=0.15)
        assert (np.sqrt(((mean - at.mean(X)) ** 2).mean(axis=0)) < 0.35 * exact).all()
        # The same depths with other errors are another observation.
        widths.append(model.predict(join_rows(X[:9], np.full(8, at.sigma)), return_std=True)[1])
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()


def test_a_missing_bin_costs_information_and_no_more(toy):
    X, Y = clean(toy, 5000, 0)
    gappy = make_pipeline(NoiseInjector(toy.sigma), BinDropout((0, 0.5), 0))
    model = MLPRetriever((64, 64), augmentation=gappy, **SMALL).fit(X, Y)
    X, _ = toy.sample(500, 1)
    seen = np.array([0, 2, 3, 6, 7])
    X[:, np.setdiff1d(np.arange(8), seen)] = np.nan
    part = dataclasses.replace(toy, A=toy.A[seen])
    mean, std = model.predict(X, return_std=True)
    exact = np.sqrt(np.diag(part.covariance))
    np.testing.assert_allclose(std.mean(axis=0), exact, rtol=0.15)
    assert (np.sqrt(((mean - part.mean(X[:, seen])) ** 2).mean(axis=0)) < 0.35 * exact).all()


# --- what holds for every network ------------------------------------------------------------


def test_mean_and_spread_are_those_of_the_samples(quick, retriever, data, held_out):
    for model, X in ((quick, data[0][:5]), (retriever, held_out[0][:5])):
        samples = model.sample_posterior(X, 40_000, random_state=0)
        mean, std = model.predict(X, return_std=True)
        np.testing.assert_array_equal(model.predict(X), mean)
        assert (abs(samples.mean(axis=1) - mean) < 5 * std / 200).all()
        np.testing.assert_allclose(samples.std(axis=1), std, rtol=0.03)


@pytest.mark.parametrize("values", [[0.0, 1.0], [-3.0, 5.0, 6.0]])
def test_mean_and_spread_are_those_of_the_samples_where_y_has_steps(data, values):
    y = np.random.default_rng(0).choice(values, len(data[0]))
    model = MLPRetriever((16,), **TINY).fit(data[0], y)
    samples = model.sample_posterior(data[0][:20], 20_000, random_state=0)[..., 0]
    assert set(np.unique(samples)) <= set(values)
    mean, std = model.predict(data[0][:20], return_std=True)
    np.testing.assert_allclose(mean, samples.mean(axis=1), atol=0.03 * np.ptp(values))
    np.testing.assert_allclose(std, samples.std(axis=1), atol=0.03 * np.ptp(values))


@pytest.mark.parametrize("kind", ["mixture", "flow"])
def test_nothing_leaks_out_of_a_bounded_prior(kind, data):
    """Not even where the truth lies at its limit, and the network has learned little."""
    space = ParameterSpace([Parameter("a", Uniform(-2, 3)), Parameter("b", Uniform(500, 501))])
    Y = ParameterArray(special.ndtr(np.asarray(data[1])) * [5, 1] + [-2, 500], space)
    model = make(kind, (16,), TINY, augmentation=NoiseInjector(1e-4)).fit(data[0], Y)
    X = np.vstack([data[0], data[0] + 0.1, 100 * data[0]])
    samples = model.sample_posterior(X, 200, random_state=0)
    assert (samples >= [-2, 500]).all()
    assert (samples <= [3, 501]).all()
    outside = np.tile([[0.0, 499.9]], (len(X), 1))
    np.testing.assert_array_equal(model.log_prob(X, outside), -np.inf)
    marginal = model.log_prob(X, outside, marginal=True)
    assert np.isfinite(marginal[:, 0]).all()
    assert (marginal[:, 1] == -np.inf).all()
    assert model.space_ == space == model.posterior(X[:1])[0].space


@pytest.mark.parametrize("kind", ["mixture", "flow"])
@pytest.mark.parametrize("bare", [False, True])
def test_the_density_integrates_to_the_share_of_samples(data, bare, kind):
    y = np.asarray(data[1])[:, :1]
    space = ParameterSpace([Parameter("a", Uniform(-6, 6))])
    model = make(kind, (16,), TINY).fit(data[0], y if bare else ParameterArray(y, space))
    at = np.linspace(*np.quantile(y, [0.02, 0.98]), 20_001)
    if bare:  # its density jumps at the knots of its distribution function
        knots = model._targets.columns[0][0]
        knots = knots[(at[0] < knots) & (knots < at[-1])]
        at = np.unique(np.concatenate([at, knots, np.nextafter(knots, -np.inf)]))
    for row in data[0][:3]:
        density = np.exp(model.log_prob(row[None], at[None, :, None])[0])
        samples = model.sample_posterior(row[None], 40_000, random_state=0)[0, :, 0]
        share = ((at[0] < samples) & (samples < at[-1])).mean()
        assert np.trapezoid(density, at) == pytest.approx(share, abs=0.01)


def test_the_density_is_that_of_the_samples(retriever, held_out):
    samples = retriever.sample_posterior(held_out[0][:1], 50_000, random_state=0)[0]
    at = samples[:20]
    found = retriever.log_prob(np.repeat(held_out[0][:1], 20, axis=0), at, marginal=True)
    for k in range(2):
        np.testing.assert_allclose(
            np.exp(found[:, k]), stats.gaussian_kde(samples[:, k])(at[:, k]), rtol=0.1, atol=0.03
        )


@pytest.mark.parametrize("kind", ["mixture", "flow"])
def test_an_ensemble_believes_the_mean_of_its_members_and_does_no_worse(kind, data, toy):
    model = make(kind, (16,), TINY, n_members=3, augmentation=NoiseInjector(1e-4)).fit(*data)
    X, Y = toy.sample(400, 1)
    each = []
    for member in model.members_:
        alone = copy.copy(model)
        alone.members_ = [member]
        each.append(alone.log_prob(X, Y))
    together = model.log_prob(X, Y)
    np.testing.assert_allclose(together, special.logsumexp(each, axis=0) - np.log(3), rtol=1e-9)
    assert together.mean() >= np.mean(each)
    assert len(model.history_) == 3
    assert not np.array_equal(each[0], each[1])


def test_one_spectrum_does_not_know_of_the_others(retriever, held_out):
    X, Y = held_out[0][:7], held_out[1][:7]
    alone = np.vstack([retriever.predict(row[None]) for row in X])
    np.testing.assert_allclose(retriever.predict(X), alone, rtol=1e-12)
    alone = [retriever.log_prob(x[None], y[None])[0] for x, y in zip(X, Y)]
    np.testing.assert_allclose(retriever.log_prob(X, Y), alone, rtol=1e-12)


def test_posteriors_repeat(quick, data):
    one, again = quick.posterior(data[0][:2], 50), quick.posterior(data[0][:2], 50)
    for a, b in zip(one, again, strict=True):
        assert len(a) == 50
        np.testing.assert_array_equal(a.samples, b.samples)


def test_several_points_of_one_spectrum_are_as_each_by_itself(quick, data):
    X, points = data[0][:3], np.random.default_rng(0).normal(size=(3, 5, 2))
    found = quick.log_prob(X, points)
    assert found.shape == (3, 5)
    for k in range(5):
        np.testing.assert_allclose(found[:, k], quick.log_prob(X, points[:, k]), rtol=1e-9)
        marginal = quick.log_prob(X, points, marginal=True)[:, k]
        np.testing.assert_allclose(marginal, quick.log_prob(X, points[:, k], marginal=True))
    with pytest.raises(RangeError, match=r"\(3, 'n_points', 2\)"):
        quick.log_prob(X, np.zeros((3, 0, 2)))


def test_embeddings_are_what_posteriors_are_made_of(quick, data):
    features = quick.embed(data[0])
    # A flow is told level and spread of a spectrum too.
    assert features.shape == (300, 18 if isinstance(quick, FlowRetriever) else 16)
    same = data[0][:2].copy()
    same[1] = same[0]
    np.testing.assert_array_equal(*quick.embed(same))
    assert np.unique(features.round(9), axis=0).shape == features.shape


# --- seeds, copies, processes ----------------------------------------------------------------


def test_a_seed_reproduces_and_leaves_other_generators_alone(quick, data):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002 - that of the caller's own code
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = clone(quick).fit(*data)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    np.testing.assert_array_equal(again.predict(data[0]), quick.predict(data[0]))
    other = clone(quick).set_params(random_state=1).fit(*data)
    assert (other.predict(data[0]) != quick.predict(data[0])).any()
    draws = [quick.sample_posterior(data[0][:2], 9, random_state=seed) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_a_copy_through_pickle_or_weights_predicts_the_same(quick, data):
    expected = quick.predict(data[0], return_std=True)
    restored = pickle.loads(pickle.dumps(quick))
    np.testing.assert_array_equal(restored.predict(data[0], return_std=True), expected)
    weights = quick.export_weights()
    assert all(isinstance(array, np.ndarray) for array in weights.values())
    blank = copy.copy(quick)
    blank.members_ = None
    blank.import_weights(weights)
    np.testing.assert_array_equal(blank.predict(data[0], return_std=True), expected)
    assert {key: array.tobytes() for key, array in blank.export_weights().items()} == {
        key: array.tobytes() for key, array in weights.items()
    }
    for array in weights.values():
        array += np.ones((), dtype=array.dtype)
    np.testing.assert_array_equal(quick.predict(data[0], return_std=True), expected)


def test_weights_of_another_network_are_refused(quick, data):
    weights = quick.export_weights()
    name = next(iter(weights))
    wider = clone(quick).set_params(hidden=(17,)).fit(*data).export_weights()
    several = clone(quick).set_params(n_members=2).fit(*data).export_weights()
    wrong = [
        {},
        {k: v for k, v in weights.items() if k != name},
        weights | {"0.stranger": np.zeros(3)},
        weights | {"7.body": np.zeros(3)},
        weights | {name: np.zeros((2, 2, 2))},
        weights | {name: np.array(["a"])},
        wider,
        several,
    ]
    before = quick.predict(data[0])
    for one in wrong:
        with pytest.raises(FileFormatError, match="another network's weights"):
            quick.import_weights(one)
    np.testing.assert_array_equal(quick.predict(data[0]), before)


def test_other_processes_train_the_same(data):
    models = [MLPRetriever((16,), **TINY | {"random_state": seed}) for seed in range(2)]
    serial = [clone(model).fit(*data) for model in models]
    parallel = joblib.Parallel(n_jobs=2)(joblib.delayed(model.fit)(*data) for model in models)
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_allclose(other.predict(data[0]), one.predict(data[0]), rtol=1e-6)
        assert other.space_ == one.space_


# --- augmentation ----------------------------------------------------------------------------


class Spy(TransformerMixin, BaseEstimator):
    """Noise that notes each of its draws."""

    drawn: list[np.ndarray] = []
    observed: list[np.ndarray] = []

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y=None):
        return self

    def fit_transform(self, X, y=None):
        noise = np.random.RandomState(self.random_state).normal(0, 1e-4, X.shape)
        self.drawn.append(X + noise)
        return X + noise

    def transform(self, X):
        self.observed.append(X)
        return X


@pytest.fixture
def spy():
    Spy.drawn.clear()
    Spy.observed.clear()
    return Spy(random_state=0)


def test_noise_is_new_every_epoch_and_the_same_for_validation(spy, data):
    model = MLPRetriever((16,), n_members=2, augmentation=spy, **TINY).fit(*data)
    sizes = [len(X) for X in Spy.drawn]
    # Once to learn what spectra look like; then every epoch, and one draw validates.
    assert sizes.count(270) == 1 + 2 * 3
    assert sizes.count(30) == 2
    assert not Spy.observed
    training = [X for X in Spy.drawn if len(X) == 270]
    assert len({X.tobytes() for X in training}) == 7
    validation = [X for X in Spy.drawn if len(X) == 30]
    np.testing.assert_array_equal(*validation)
    assert not np.isin(validation[0], training[0]).any()
    model.predict(data[0])
    np.testing.assert_array_equal(Spy.observed[-1], data[0])
    assert len(Spy.drawn) == 9, "observations get no noise"


def test_validation_goes_without_noise_if_asked_to(spy, data):
    MLPRetriever((16,), augmentation=spy, augment_validation=False, **TINY).fit(*data)
    assert {len(X) for X in Spy.drawn} == {270}
    (observed,) = Spy.observed
    assert np.isin(observed, data[0]).all()
    assert observed.shape == (30, 8)


def test_spectra_of_one_parent_train_or_validate_together(spy, data):
    parent = np.random.default_rng(0).integers(60, size=300)
    model = MLPRetriever((16,), augmentation=spy, augment_validation=False, **TINY)
    model.fit(*data, groups=parent)
    (observed,) = Spy.observed
    validates = np.isin(data[0], observed).all(axis=1)
    assert validates.sum() == len(observed) >= 10
    assert {len(X) for X in Spy.drawn} == {300 - len(observed)}
    assert len(np.unique(parent[validates])) == 6
    assert not np.isin(parent[validates], parent[~validates]).any()
    with pytest.raises(RangeError, match=r"300 spectra but groups of shape \(7,\)"):
        model.fit(*data, groups=parent[:7])


def test_one_parent_alone_does_not_validate(data):
    model = MLPRetriever((16,), **TINY).fit(*data, groups=np.zeros(300))
    assert model.history_[0][-1]["valid_loss"] is None


@pytest.mark.parametrize(("n", "size"), [(300, 32), (4000, 80)])
def test_a_small_set_is_trained_in_small_steps(toy, n, size):
    """A fiftieth of it, if no size is given."""
    settings = TINY | {"max_epochs": 1}
    X, Y = clean(toy, n, 0)
    automatic = MLPRetriever((8,), **settings | {"batch_size": None}).fit(X, Y)
    given = MLPRetriever((8,), **settings | {"batch_size": size}).fit(X, Y)
    np.testing.assert_array_equal(automatic.predict(X), given.predict(X))


def test_columns_that_the_augmentation_adds_are_known(data):
    """As a scaler in the same pipeline gives: the level and the spread of each spectrum."""
    from exosk.preprocessing import SpectrumScaler

    steps = make_pipeline(NoiseInjector(1e-4), SpectrumScaler())
    model = MLPRetriever((16,), grid=GRID, augmentation=steps, **TINY).fit(*data)
    assert (model.layout_.n_bins, model.layout_.has_sigma, model.layout_.n_extra) == (8, False, 2)
    assert model.n_features_in_ == 8
    assert np.isfinite(model.predict(data[0])).all()


# --- what is told ----------------------------------------------------------------------------


def test_progress_rises_to_one_over_all_members(data):
    told = []
    MLPRetriever((16,), n_members=2, progress=told.append, **TINY).fit(*data)
    np.testing.assert_allclose(told, np.arange(1, 7) / 6)
    told.clear()
    settings = TINY | {"max_epochs": 300, "learning_rate": 0.05}
    model = MLPRetriever((16,), n_members=2, patience=2, progress=told.append, **settings)
    model.fit(data[0], np.random.default_rng(0).normal(size=(300, 2)))
    assert max(map(len, model.history_)) < 300
    assert (np.diff(told) > 0).all()
    assert told[-1] == 1.0


def test_an_interrupt_is_not_swallowed(data):
    def progress(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        MLPRetriever((16,), progress=progress, **TINY).fit(*data)


def test_history_tells_losses_in_nats(quick, retriever):
    (history,) = quick.history_
    assert len(history) == 3
    losses = [row["valid_loss"] for row in retriever.history_[0]]
    # Of standard normal targets without a spectrum: the entropy of two.
    assert losses[0] < 1.1 * (1 + np.log(2 * np.pi))
    assert losses[-1] < losses[0]
    assert min(losses) > 0.5, "and no less than the exact posterior's"


# --- what is given ---------------------------------------------------------------------------


@pytest.mark.parametrize("column", [True, False])
def test_one_parameter(data, column):
    """A column gives columns, a flat y gives a flat prediction; the numbers are the same."""
    y = np.asarray(data[1])[:, 0]
    flat = MLPRetriever((16,), **TINY).fit(data[0], y)
    single = MLPRetriever((16,), **TINY).fit(data[0], y[:, None])
    assert flat.predict(data[0]).shape == (300,)
    assert single.predict(data[0]).shape == (300, 1)
    for a, b in zip(flat.predict(data[0], True), single.predict(data[0], True), strict=True):
        np.testing.assert_array_equal(a, b[:, 0])
    assert flat.sample_posterior(data[0][:2], 3).shape == (2, 3, 1)
    np.testing.assert_array_equal(flat.log_prob(data[0], y), single.log_prob(data[0], y[:, None]))


@pytest.mark.parametrize("constant", [0.0, 1500.0, -1e9])
def test_a_constant_parameter_is_known(data, constant):
    Y = np.column_stack([np.asarray(data[1]), np.full(300, constant)])
    model = MLPRetriever((16,), **TINY).fit(data[0], Y)
    mean, std = model.predict(data[0], return_std=True)
    np.testing.assert_allclose(mean[:, 2], constant, rtol=1e-12)
    np.testing.assert_allclose(std[:, 2], 0, atol=1e-12 * max(1, abs(constant)))
    assert (std[:, :2] > 0).all()
    np.testing.assert_allclose(model.log_prob(data[0], Y, marginal=True)[:, 2], 0, atol=1e-12)
    plain = model.log_prob(data[0], Y + np.eye(3)[2] * max(1, abs(constant)), marginal=True)
    assert (plain[:, 2] == -np.inf).all()
    assert np.isfinite(plain[:, :2]).all()


@pytest.mark.parametrize("n", [1, 2, 3, 12])
@pytest.mark.parametrize("normalization", ["layer", "batch", None])
def test_a_handful_of_spectra_will_do(toy, n, normalization):
    X, Y = toy.sample(n, 0)
    for model in (
        MLPRetriever((16,), normalization=normalization, **TINY),
        CNNRetriever((4,), hidden=(16,), normalization=normalization, **TINY),
    ):
        if n == 1 and normalization == "batch":
            with pytest.raises(RangeError, match="one spectrum"):
                model.fit(X, Y)
        else:
            assert np.isfinite(model.fit(X, Y).predict(X)).all()
            assert model.history_[0][-1]["valid_loss"] is None, "too few to validate on"


def test_gaps_in_observations_alone_are_taken(quick, data):
    X = data[0].copy()
    X[:, 1] = np.nan
    mean, std = quick.predict(X, return_std=True)
    assert np.isfinite(mean).all()
    assert (std > 0).all()


def bad_spectra(X):
    wild, empty = X.copy(), X.copy()
    wild[1, 2], empty[1] = np.inf, np.nan
    sigma = np.full_like(X, 1e-4)
    negative, endless, absent = sigma.copy(), sigma.copy(), sigma.copy()
    negative[1, 2], endless[1, 2], absent[1, 2] = -1e-4, np.inf, np.nan
    return {
        "infinite": (wild, ValueError, "infinity"),
        "empty": (empty, RangeError, "spectrum 1 has no bin that is not missing"),
        "negative": (join_rows(X, negative), RangeError, "error of bin 2 of spectrum 1 is -0.0001"),
        "endless": (join_rows(X, endless), ValueError, "infinity"),
        "absent": (join_rows(X, absent), RangeError, "error of bin 2 of spectrum 1 is nan"),
        "few": (X[:, :5], GridError, "X has 5 columns"),
        "many": (np.hstack([X, X, X]), GridError, "X has 24 columns"),
    }


@pytest.mark.parametrize("name", list(bad_spectra(np.zeros((3, 8)))))
@pytest.mark.parametrize("model", [MLPRetriever, CNNRetriever])
def test_spectra_that_are_none_are_refused(data, model, name):
    X, error, says = bad_spectra(data[0])[name]
    with pytest.raises(error, match=says):
        model(grid=GRID, **TINY).fit(X, data[1])


@pytest.mark.parametrize("name", ["infinite", "empty", "few"])
def test_so_are_observations(quick, data, name):
    X, _, says = bad_spectra(data[0])[name]
    with pytest.raises(ValueError, match=says if name != "few" else "5 features"):
        quick.predict(X)


def test_errors_of_observations_are_looked_at_too(data):
    sigma = np.full(8, 1e-4)
    model = MLPRetriever((16,), grid=GRID, **TINY).fit(join_rows(data[0], sigma), data[1])
    with pytest.raises(RangeError, match="error of bin 0 of spectrum 0"):
        model.predict(join_rows(data[0], -sigma))
    assert np.isfinite(model.predict(join_rows(data[0], 0 * sigma))).all(), "none at all"


@pytest.mark.parametrize(
    ("Y", "says"),
    [
        (np.zeros((300, 3)), r"\(300, 3\); 300 spectra and 2 parameters"),
        (np.zeros((7, 2)), r"\(7, 2\); 300 spectra"),
        (np.zeros(600), r"\(600,\)"),
        (np.full((300, 2), np.nan), "NaN"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(quick, data, Y, says):
    with pytest.raises(RangeError, match=says):
        quick.log_prob(data[0], Y)
    bare = MLPRetriever((16,), **TINY).fit(data[0], np.asarray(data[1]))
    with pytest.raises(RangeError, match=says):
        bare.log_prob(data[0], Y)


@pytest.mark.parametrize("n", [0, -1, 2.5])
def test_a_number_of_samples_is_one(quick, data, n):
    with pytest.raises(RangeError, match="n must be a whole number from 1 up"):
        quick.sample_posterior(data[0], n)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_training_parameters_are_numbers(data, value):
    Y = np.asarray(data[1]).copy()
    Y[3, 1] = value
    with pytest.raises(ValueError, match=r"y contains|Input y"):
        MLPRetriever((16,), **TINY).fit(data[0], Y)


def test_a_parameter_outside_its_prior_is_named(data):
    space = ParameterSpace([Parameter("a", Uniform(-9, 9)), Parameter("b", Uniform(0, 1))])
    with pytest.raises(RangeError, match=r"^b = .* outside its prior, 0 to 1"):
        MLPRetriever((16,), **TINY).fit(data[0], ParameterArray(np.asarray(data[1]), space))


def test_wild_values_end_training_with_a_word(data):
    with pytest.raises(RangeError, match="wild values in X"):
        MLPRetriever((16,), **TINY).fit(np.where(np.eye(300, 8), 1e200, data[0]), data[1])
