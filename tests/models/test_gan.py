"""Completed spectra and parameters against posteriors on a fine grid, and what always holds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from exosk.augmentation import NoiseInjector
from exosk.datasets import Dataset
from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.inference.conformal import ConformalRetriever
from exosk.models import InpaintingGANRetriever, MLPRetriever, load_model, save_model
from exosk.parameters import Parameter, ParameterArray, ParameterSpace, Uniform
from exosk.preprocessing import SpectrumImputer
from exosk.rows import join_rows

N_BINS, SIGMA = 12, 1e-4
GRID = SpectralGrid.from_edges(np.linspace(1, 2, N_BINS + 1))
SPACE = ParameterSpace([Parameter("a", Uniform(-1, 1)), Parameter("b", Uniform(0, 2))])
PHASE = np.linspace(0, np.pi, N_BINS)
FIRST = np.arange(N_BINS) < 4


def spectra(theta: np.ndarray) -> np.ndarray:
    """Smooth in two parameters, without noise."""
    a, b = np.asarray(theta)[:, :1], np.asarray(theta)[:, 1:]
    return 0.02 + 3e-4 * (a * np.cos(PHASE) + b * np.sin(PHASE) + 0.3 * a * b * np.sin(2 * PHASE))


def parameters(n: int, random_state: int) -> ParameterArray:
    return ParameterArray(SPACE.sample(n, random_state), SPACE)


def observed(n: int, sigma: float, seen: np.ndarray | None = None, seed: int = 1) -> tuple:
    """Rows of noisy depths and their errors, the parameters, and depths without noise."""
    theta = np.asarray(parameters(n, seed))
    truth = spectra(theta)
    depth = truth + sigma * np.random.default_rng(seed).standard_normal(truth.shape)
    rows = join_rows(depth, np.full(N_BINS, sigma))
    if seen is not None:
        rows[:, np.tile(~seen, 2)] = np.nan
    return rows, theta, truth


def exact(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of the posteriors, on a fine grid of parameters."""
    axes = np.linspace(-1, 1, 161), np.linspace(0, 2, 161)
    theta = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    made, moments = spectra(theta), []
    for depth, sigma in zip(*np.split(rows, 2, axis=1), strict=True):
        there = ~np.isnan(depth)
        log_p = -0.5 * (((made[:, there] - depth[there]) / sigma[there]) ** 2).sum(axis=1)
        weight = np.exp(log_p - log_p.max())
        weight /= weight.sum()
        mean = weight @ theta
        moments.append((mean, np.sqrt(weight @ (theta - mean) ** 2)))
    mean, std = (np.array(part) for part in zip(*moments))
    return mean, std


GUESS = MLPRetriever(
    (48, 48), n_components=1, max_epochs=12, learning_rate=0.005, batch_size=128, dropout=0
)
TINY = {
    "critic_hidden": (8,),
    "max_epochs": 2,
    "batch_size": 64,
    "n_particles": 128,
    "n_moves": 1,
    "n_generated": 300,
    "proposal": MLPRetriever((8,), n_components=1, max_epochs=2),
    "random_state": 0,
}


@pytest.fixture(scope="module")
def model() -> InpaintingGANRetriever:
    """Told the errors, of a range of noise."""
    Y = parameters(3000, 0)
    gan = InpaintingGANRetriever(
        (32, 32),
        critic_hidden=(16,),
        grid=GRID,
        augmentation=NoiseInjector("columns", scale=(0.3, 3), grid=GRID),
        max_epochs=20,
        batch_size=64,
        learning_rate=0.01,
        decay=0.99,
        n_generated=5000,
        proposal=GUESS,
        random_state=0,
    )
    return gan.fit(join_rows(spectra(Y), np.full(N_BINS, SIGMA)), Y)


@pytest.fixture(scope="module")
def data() -> Dataset:
    Y = parameters(240, 0)
    return Dataset(spectra(Y), Y, GRID, SPACE, provenance={"simulator": "toy"})


@pytest.fixture(scope="module")
def tiny(data) -> InpaintingGANRetriever:
    """Not told the errors, and not trained to be good."""
    gan = InpaintingGANRetriever((16,), augmentation=NoiseInjector(SIGMA, grid=GRID), **TINY)
    return gan.set_params(grid=GRID).fit(data.X, data.Y)


# --- against the exact posterior -------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.5e-4, 2e-4])
@pytest.mark.parametrize("seen", [None, FIRST], ids=["whole", "a third"])
def test_the_posterior_is_the_exact_one(model, sigma, seen):
    rows, _, truth = observed(100, sigma, seen)
    samples, depth = model.sample_completion(rows, 256, random_state=0)
    mean, std = exact(rows)
    # Of 256 samples a mean scatters by a sixteenth.
    distance = np.sqrt((((samples.mean(axis=1) - mean) / std) ** 2).mean(axis=0))
    assert (distance < 0.2).all()
    np.testing.assert_allclose(samples.std(axis=1).mean(axis=0), std.mean(axis=0), rtol=0.05)
    # Completed bins have the same posterior: they are functions of the parameters.
    made = spectra(samples.reshape(-1, 2)).reshape(depth.shape)
    np.testing.assert_allclose(depth, made, atol=1e-5)
    off = (depth.mean(axis=1) - truth) / depth.std(axis=1)
    assert np.sqrt((off**2).mean()) == pytest.approx(1, abs=0.15)


def test_intervals_hold_the_truth(model):
    rows, theta, _ = observed(300, SIGMA, seed=3)
    rows[::2, np.tile(~FIRST, 2)] = np.nan
    rows[1::4, N_BINS:] *= 3  # told more than there is, which widens
    rows = rows[np.arange(300) % 4 != 1]
    theta = theta[np.arange(300) % 4 != 1]
    samples = model.sample_posterior(rows, 256, random_state=0)
    for level in (0.68, 0.95):
        low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=1)
        coverage = ((low < theta) & (high > theta)).mean()
        assert abs(coverage - level) < 0.02 + 3 * np.sqrt(level * (1 - level) / len(rows))


def test_more_noise_and_fewer_bins_make_it_wider(model):
    rows, _, _ = observed(8, SIGMA)

    def widths(rows: np.ndarray) -> np.ndarray:
        return model.predict(rows, return_std=True)[1].mean(axis=0)

    noisier, gappy = rows.copy(), rows.copy()
    noisier[:, N_BINS:] *= 2
    gappy[:, np.tile(~FIRST, 2)] = np.nan
    assert (widths(noisier) > 1.3 * widths(rows)).all()
    assert (widths(gappy) > 1.3 * widths(rows)).all()


def test_errors_without_end_are_missing_bins(model):
    rows, _, _ = observed(20, SIGMA, FIRST)
    endless = np.where(np.isnan(rows), 1e4, rows)
    (mean, std), (same, width) = (model.predict(r, return_std=True) for r in (rows, endless))
    assert (abs(mean - same) < 0.5 * std).all()
    np.testing.assert_allclose(width.mean(axis=0), std.mean(axis=0), rtol=0.1)


def test_completed_bins_are_the_truth_within_their_deviation(model):
    rows, _, truth = observed(60, 0.5e-4, FIRST)
    depth, std = model.complete(rows, return_std=True)
    np.testing.assert_allclose(model.complete(rows[:3]), depth[:3], rtol=1e-12)
    assert depth.shape == std.shape == truth.shape
    off = ((depth - truth) / std)[:, ~FIRST]
    assert np.sqrt((off**2).mean()) == pytest.approx(1, abs=0.2)
    assert (abs(off) < 5).all()
    # What is seen is known better than by its own error alone, what is not less well.
    assert (std[:, FIRST] < 0.5e-4).all()
    assert std[:, ~FIRST].mean() > 1.5 * std[:, FIRST].mean()


def test_first_guesses_are_good_where_they_were_trained(model):
    usual = model.efficiency(observed(30, SIGMA)[0])
    assert ((usual > 0) & (usual <= 1)).all()
    assert usual.mean() > 0.3
    # Errors a hundred times smaller than any it was trained for.
    assert model.efficiency(observed(30, SIGMA / 100)[0]).mean() < 0.1 * usual.mean()


def test_the_errors_of_the_generator_are_those_on_other_spectra(model):
    theta = np.asarray(parameters(500, 9))
    z = model._targets.to_normal(theta)
    with torch.no_grad():
        made, _ = model.members_[0].decode(torch.tensor(z))
    missed = np.sqrt(((made.numpy() - spectra(theta)) ** 2).mean())
    told = np.sqrt((model.variance_ + (model.factor_**2).sum(axis=0)).mean())
    assert told == pytest.approx(missed, rel=0.5)
    assert told < 0.1 * SIGMA


# --- as an imputer ---------------------------------------------------------------------------


def test_missing_bins_are_filled_and_others_left_alone(model):
    rows, _, _ = observed(6, SIGMA)
    rows[1, [3, 3 + N_BINS]] = np.nan
    rows[2, 5] = np.nan  # whose error is there
    rows[4, np.tile(FIRST, 2)] = np.nan
    before = rows.copy()
    filled = model.transform(rows)
    np.testing.assert_array_equal(rows, before)
    assert np.isfinite(filled).all()
    depth, std = model.complete(rows, return_std=True)
    hidden = np.isnan(before[:, :N_BINS])
    np.testing.assert_array_equal(filled[:, :N_BINS][~hidden], before[:, :N_BINS][~hidden])
    np.testing.assert_array_equal(filled[:, N_BINS:][~hidden], before[:, N_BINS:][~hidden])
    np.testing.assert_allclose(filled[:, :N_BINS][hidden], depth[hidden], rtol=1e-9)
    np.testing.assert_allclose(filled[:, N_BINS:][hidden], std[hidden], rtol=1e-6)
    assert (filled[:, N_BINS:] > 0).all()


def test_whole_spectra_pass_an_imputer_bit_for_bit(model, tiny):
    for gan, width in ((model, 2 * N_BINS), (tiny, N_BINS)):
        rows = observed(4, SIGMA)[0][:, :width]
        np.testing.assert_array_equal(gan.transform(rows), rows)
        single = rows.astype(np.float32)
        assert gan.transform(single).dtype == np.float32
        np.testing.assert_array_equal(gan.transform(single), single)


def test_an_imputer_knows_its_columns(tiny):
    names = GRID.feature_names()
    assert list(tiny.get_feature_names_out(names)) == list(names)


# --- rows, seeds, kinds of numbers ------------------------------------------------------------


def test_one_spectrum_does_not_know_of_the_others(model):
    rows, _, _ = observed(11, SIGMA)
    rows[3, np.tile(FIRST, 2)] = np.nan
    mean, std = model.predict(rows, return_std=True)
    order = np.array([7, 3, 0, 9])
    some = model.predict(rows[order], return_std=True)
    np.testing.assert_allclose(some[0], mean[order], rtol=1e-9)
    np.testing.assert_allclose(some[1], std[order], rtol=1e-9)
    np.testing.assert_allclose(model.complete(rows[order]), model.complete(rows)[order], rtol=1e-9)


def test_posteriors_repeat_and_seeds_reproduce(tiny, data):
    one, again = tiny.posterior(data.X[:2], 50), tiny.posterior(data.X[:2], 50)
    for a, b in zip(one, again, strict=True):
        assert len(a) == 50
        assert a.space == SPACE == tiny.space_
        np.testing.assert_array_equal(a.samples, b.samples)
    draws = [tiny.sample_posterior(data.X[:2], 9, random_state=seed) for seed in (0, 0, 1)]
    assert draws[0].shape == (2, 9, 2)
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    state = np.random.RandomState(0)
    first, second = (tiny.sample_posterior(data.X[:2], 9, random_state=state) for _ in range(2))
    np.testing.assert_array_equal(first, draws[0])
    assert (first != second).any()
    # Two spectra alike are two observations, and drawn for apart.
    twins = tiny.sample_posterior(data.X[[0, 0]], 9, random_state=0)
    assert (twins[0] != twins[1]).any()


def test_parameters_and_spectra_are_drawn_together(tiny, data):
    theta, depth = tiny.sample_completion(data.X[:3], 7, random_state=0)
    assert theta.shape == (3, 7, 2)
    assert depth.shape == (3, 7, N_BINS)
    np.testing.assert_array_equal(tiny.sample_posterior(data.X[:3], 7, random_state=0), theta)


@pytest.mark.parametrize("n", [1, 5, 128, 300])
def test_any_number_of_samples(tiny, data, n):
    assert tiny.sample_posterior(data.X[:2], n, random_state=0).shape == (2, n, 2)


def test_what_is_in_memory_together_does_not_grow_with_what_is_asked_for(model, monkeypatch):
    """Whole spectra of all samples of all spectra would not find room."""
    largest, decode = [], type(model.members_[0]).decode

    def spy(net, z):
        largest.append(len(z))
        return decode(net, z)

    rows = observed(40, SIGMA)[0]
    expected = model.predict(rows)
    monkeypatch.setattr(type(model.members_[0]), "decode", spy)
    np.testing.assert_array_equal(model.predict(rows), expected)
    model.sample_posterior(rows[:12], 3000, random_state=0)
    assert max(largest) <= 16_384
    assert max(largest) >= 3000


def test_more_spectra_than_fit_into_one_batch(tiny, data):
    """Of few particles each, many go together."""
    few = pickle.loads(pickle.dumps(tiny)).set_params(n_particles=8)
    many = np.tile(data.X, (10, 1))
    share = few.efficiency(many)
    assert share.shape == (2400,)
    np.testing.assert_allclose(share[:240], share[240:480], rtol=1e-6)
    assert few.sample_posterior(data.X[:3], 1, random_state=0).shape == (3, 1, 2)
    lots = pickle.loads(pickle.dumps(tiny)).set_params(n_particles=5000)
    assert lots.efficiency(data.X[:2]).shape == (2,)


def test_single_precision_gives_the_same_but_for_rounding(model):
    rows, _, _ = observed(20, SIGMA, FIRST)
    mean, std = model.predict(rows, return_std=True)
    single = rows.astype(np.float32)
    same, width = model.predict(single, return_std=True)
    assert same.dtype == model.complete(single[:2]).dtype == np.float32
    # Random numbers follow from the content, which rounding changes.
    assert (abs(same - mean) < 0.4 * std).all()
    np.testing.assert_allclose(width.mean(axis=0), std.mean(axis=0), rtol=0.1)


def test_samples_lie_within_the_prior(model):
    """Not even wild spectra drive them out."""
    rows, _, _ = observed(12, SIGMA)
    rows[4:8, :N_BINS] *= 1.3
    rows[8:, :N_BINS] -= 0.01
    low, high = SPACE.bounds.T
    for X in (rows, rows.astype(np.float32)):
        samples = model.sample_posterior(X, 64, random_state=0)
        assert np.isfinite(samples).all()
        assert (samples >= low - 1e-6).all()
        assert (samples <= high + 1e-6).all()


def test_one_parameter_may_be_a_flat_y(data):
    y = np.asarray(data.Y)[:, 0]
    gan = InpaintingGANRetriever((16,), augmentation=NoiseInjector(SIGMA), **TINY).fit(data.X, y)
    mean, std = gan.predict(data.X[:5], return_std=True)
    assert mean.shape == std.shape == (5,)
    assert gan.sample_posterior(data.X[:5], 3).shape == (5, 3, 1)
    column = clone(gan).fit(data.X, y[:, None]).predict(data.X[:5])
    np.testing.assert_array_equal(column[:, 0], mean)
    assert isinstance(gan.score(data.X[:9], y[:9]), float)


# --- other networks and samplers --------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["posterior", "restarts"])
def test_latent_variables_may_be_others_than_the_parameters(data, sampler):
    gan = InpaintingGANRetriever(
        (16,), n_latent=3, sampler=sampler, n_restarts=16, n_iterations=20, **TINY
    )
    gan.fit(data.X[:100], data.Y[:100])
    assert gan.history_[-1]["reconstruction_loss"] is None
    X = data.X[:4].copy()
    X[:, :3] = np.nan
    mean, std = gan.predict(X, return_std=True)
    assert mean.shape == std.shape == (4, 2)
    assert (std > 0).all()
    assert np.isfinite(gan.transform(X)).all()
    low, high = SPACE.bounds.T
    samples = gan.sample_posterior(X, 40, random_state=0)
    assert ((samples >= low) & (samples <= high)).all()


@pytest.mark.parametrize("sampler", ["published", "restarts"])
@pytest.mark.parametrize("objective", ["minimax", "wasserstein"])
def test_pictures_are_completed(data, sampler, objective):
    settings = TINY | {"proposal": None, "max_epochs": 1}
    gan = InpaintingGANRetriever(
        network="picture",
        n_filters=2,
        n_latent=3,
        objective=objective,
        sampler=sampler,
        n_restarts=6,
        n_iterations=10,
        grid=GRID,
        **settings,
    )
    gan.fit(data.X, data.Y)
    assert gan.proposal_ is None
    X = data.X[:3].copy()
    X[0, 4:] = X[1, :6] = np.nan
    mean, std = gan.predict(X, return_std=True)
    low, high = SPACE.bounds.T
    assert ((mean >= low) & (mean <= high)).all()
    assert (std > 0).all()
    filled = gan.transform(X)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    # There are as many ends as restarts; more samples repeat them evenly.
    samples = gan.sample_posterior(X, 12, random_state=0)
    np.testing.assert_array_equal(samples[:, :6], samples[:, 6:])
    np.testing.assert_array_equal(gan.predict(X[[2, 0]]), mean[[2, 0]])
    with pytest.raises(RangeError, match="makes no first guesses"):
        gan.efficiency(X)
    again = pickle.loads(pickle.dumps(gan))
    np.testing.assert_array_equal(again.predict(X), mean)


def test_as_published_has_the_published_settings():
    """Zingales & Waldmann 2018, and its code: 100 variables, two steps of the generator a batch."""
    gan = InpaintingGANRetriever.as_published(GRID, verbose=1)
    assert isinstance(gan, InpaintingGANRetriever)
    wanted = {
        "network": "picture",
        "n_filters": 64,
        "n_latent": 100,
        "objective": "minimax",
        "critic_steps": 1,
        "generator_steps": 2,
        "decay": 0.0,
        "sampler": "published",
        "n_iterations": 1000,
        "learning_rate": 2e-4,
        "schedule": "constant",
        "batch_size": 64,
        "grid": GRID,
        "verbose": 1,
    }
    assert {name: gan.get_params(deep=False)[name] for name in wanted} == wanted
    assert clone(gan).get_params(deep=False)["n_latent"] == 100
    assert InpaintingGANRetriever.as_published(n_restarts=8).n_restarts == 8


# --- beside scikit-learn and exosk ------------------------------------------------------------


def test_a_copy_through_pickle_answers_the_same(tiny, data):
    again = pickle.loads(pickle.dumps(tiny))
    np.testing.assert_array_equal(again.predict(data.X[:4]), tiny.predict(data.X[:4]))
    again.predict(data.X[:1])
    assert again.space_ == SPACE


@pytest.mark.parametrize("told", [False, True])
def test_a_saved_model_answers_the_same(told, tiny, model, data, tmp_path):
    gan = model if told else tiny
    X = observed(3, SIGMA, FIRST)[0][:, : gan.n_features_in_]
    save_model(gan, tmp_path / "model", data, sigma=SIGMA, sigma_scale=(0.3, 3))
    restored = load_model(tmp_path / "model")
    again = restored.estimator
    np.testing.assert_array_equal(again.predict(X), gan.predict(X))
    np.testing.assert_array_equal(again.transform(X), gan.transform(X))
    np.testing.assert_array_equal(
        again.sample_posterior(X, 20, random_state=0), gan.sample_posterior(X, 20, random_state=0)
    )
    assert restored.completes


@pytest.mark.parametrize("network", ["dense", "picture"])
def test_so_does_one_of_any_network_in_a_pipeline(network, data, tmp_path):
    latent = {"n_latent": 2, "n_filters": 2, "sampler": "restarts"}
    gan = InpaintingGANRetriever(
        (16,), network=network, grid=GRID, n_restarts=4, n_iterations=5, **latent, **TINY
    )
    pipeline = make_pipeline(SpectrumImputer(), gan.set_params(max_epochs=1))
    pipeline.fit(data.X, data.Y)
    save_model(pipeline, tmp_path / "model", data, sigma=SIGMA)
    again = load_model(tmp_path / "model").estimator
    np.testing.assert_array_equal(again.predict(data.X[:3]), pipeline.predict(data.X[:3]))


def test_a_clone_trains_the_same(tiny, data):
    again = clone(tiny).fit(data.X, data.Y)
    np.testing.assert_array_equal(again.predict(data.X[:4]), tiny.predict(data.X[:4]))
    other = clone(tiny).set_params(random_state=1).fit(data.X, data.Y)
    assert (other.predict(data.X[:4]) != tiny.predict(data.X[:4])).any()


def test_it_fills_gaps_for_a_step_that_follows(tiny, data):
    gappy = data.X[:4].copy()
    gappy[:, 2] = np.nan
    after = make_pipeline(clone(tiny), MLPRetriever((8,), n_components=1, max_epochs=1))
    after.fit(data.X, data.Y)
    assert np.isfinite(after.predict(gappy)).all()


def test_settings_are_searched(data):
    gan = InpaintingGANRetriever((16,), **TINY)
    search = GridSearchCV(
        make_pipeline(SpectrumImputer(), gan),
        {
            "inpaintingganretriever__max_epochs": [1, 2],
            "inpaintingganretriever__proposal__max_epochs": [1],
        },
        cv=2,
    )
    search.fit(data.X[:40], np.asarray(data.Y)[:40])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(data.X[:2]).shape == (2, 2)


def test_conformal_intervals_come_with_it(data):
    noise = NoiseInjector(SIGMA, 0)
    gan = InpaintingGANRetriever((16,), augmentation=noise, **TINY)
    conformal = ConformalRetriever(gan, noise=noise, random_state=0).fit(data.X, data.Y)
    low, high = conformal.interval(data.X[:5])
    assert low.shape == (5, 2)
    assert (low < high).all()


# --- what is refused -------------------------------------------------------------------------


def test_what_is_not_fitted_says_so(data):
    gan = InpaintingGANRetriever()
    for method in (gan.predict, gan.complete, gan.transform, gan.posterior, gan.efficiency):
        with pytest.raises(NotFittedError):
            method(data.X)
    with pytest.raises(NotFittedError):
        _ = gan.space_


def test_a_spectrum_that_covers_nothing_is_named(tiny, model, data):
    X = data.X[:4].copy()
    X[[1, 3]] = np.nan
    for method in (tiny.predict, tiny.complete, tiny.transform, tiny.posterior, tiny.efficiency):
        with pytest.raises(RangeError, match=r"spectrum 1 covers no bin .* leave it out \(2 are"):
            method(X)
    rows = observed(2, SIGMA)[0]
    rows[0, :N_BINS] = np.nan
    with pytest.raises(RangeError, match="spectrum 0 covers no bin"):
        model.predict(rows)


@pytest.mark.parametrize("error", [0.0, -1e-4, np.nan])
def test_errors_that_are_none_are_named(model, error):
    rows = observed(3, SIGMA)[0]
    rows[1, N_BINS + 2] = error
    for method in (model.predict, model.complete, model.transform):
        with pytest.raises(RangeError, match=f"error of bin 2 of spectrum 1 is {error:g}"):
            method(rows)


def test_infinite_depths_and_errors_are_refused(tiny, model, data):
    X = data.X[:3].copy()
    X[1, 1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        tiny.predict(X)
    rows = observed(3, SIGMA)[0]
    rows[1, -1] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.predict(rows)


def test_other_bins_are_refused(tiny, model, data):
    with pytest.raises(ValueError, match="11 features"):
        tiny.predict(data.X[:, :11])
    with pytest.raises(ValueError, match="12 features"):
        model.predict(data.X)


@pytest.mark.parametrize("n", [0, -1, 2.5, None])
def test_a_number_of_samples_is_one(tiny, data, n):
    for method in (tiny.sample_posterior, tiny.sample_completion, tiny.posterior):
        with pytest.raises(RangeError, match="n must be a whole number from 1 up"):
            method(data.X[:2], n)
