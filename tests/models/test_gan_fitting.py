"""How an inpainting GAN is trained: what is kept, what is drawn, and what is refused before."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import make_pipeline

from exosk.augmentation import BinDropout, NoiseInjector
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.models import ForestRetriever, InpaintingGANRetriever, MLPRetriever
from exosk.parameters import LogUniform, Normal, Parameter, ParameterArray, ParameterSpace, Uniform
from exosk.preprocessing import AspaEncoder, SpectrumScaler
from exosk.rows import join_rows

N_BINS, SIGMA = 9, 1e-4
GRID = SpectralGrid.from_edges(np.linspace(1, 2, N_BINS + 1))
SPACE = ParameterSpace([Parameter("a", Uniform(-1, 1)), Parameter("b", Uniform(0, 2))])
PHASE = np.linspace(0, np.pi, N_BINS)


class Told(MLPRetriever):
    """A first guess that notes what it is trained on."""

    rows: list[np.ndarray] = []
    targets: list[np.ndarray] = []

    def fit(self, X, y, groups=None):
        self.rows.append(np.array(X))
        self.targets.append(np.array(y))
        return super().fit(X, y, groups)


@pytest.fixture
def told() -> type[Told]:
    Told.rows.clear()
    Told.targets.clear()
    return Told


def gan(**changes) -> InpaintingGANRetriever:
    settings = {
        "hidden": (16,),
        "critic_hidden": (8,),
        "max_epochs": 2,
        "batch_size": 32,
        "n_particles": 16,
        "n_moves": 1,
        "n_generated": 200,
        "proposal": MLPRetriever((8,), n_components=1, max_epochs=2),
        "random_state": 0,
    }
    return InpaintingGANRetriever(**settings | changes)


@pytest.fixture(scope="module")
def Y() -> ParameterArray:
    return ParameterArray(SPACE.sample(240, 0), SPACE)


@pytest.fixture(scope="module")
def X(Y) -> np.ndarray:
    a, b = np.asarray(Y)[:, :1], np.asarray(Y)[:, 1:]
    return 0.02 + 3e-4 * (a * np.cos(PHASE) + b * np.sin(PHASE))


# --- what is kept ----------------------------------------------------------------------------


def test_progress_goes_up_to_one(X, Y):
    for sampler in ("posterior", "restarts"):
        told = []
        gan(progress=told.append, sampler=sampler, max_epochs=3).fit(X, Y)
        assert told[0] > 0
        assert told == sorted(told)
        assert told[-1] == 1
        assert len(told) > 3


def test_errors_of_the_generator_are_a_covariance(X, Y):
    """Of as many directions as there are, and what is left of each bin."""
    model = gan(decay=0.5, max_epochs=10).fit(X, Y)
    assert model.factor_.shape[1] == N_BINS
    assert model.factor_.shape[0] < N_BINS
    assert (model.variance_ > 0).all()
    assert len(model.history_) == 10
    z = model._targets.to_normal(np.asarray(Y))
    with torch.no_grad():
        made, _ = model.members_[0].decode(torch.tensor(z))
    missed = np.sqrt(((made.numpy() - X) ** 2).mean(axis=0))
    told = np.sqrt(model.variance_ + (model.factor_**2).sum(axis=0))
    np.testing.assert_allclose(told, missed, rtol=0.5)


def test_spectra_of_one_parent_are_held_out_together(X, Y):
    model = gan(validation_fraction=0.3, sampler="restarts")
    groups = np.repeat(np.arange(24), 10)
    train, held_out = model._split(240, np.random.RandomState(0), groups)
    assert set(groups[train]).isdisjoint(groups[held_out])
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(240))
    assert 60 <= len(held_out) <= 80
    model.fit(X, Y, groups=groups)
    with pytest.raises(RangeError, match=r"240 spectra but groups of shape \(7,\)"):
        model.fit(X, Y, groups=np.zeros(7))
    # Too few to hold any out: all do both.
    for few, share in ((20, 0.3), (240, 0.0)):
        model.set_params(validation_fraction=share)
        both = model._split(few, np.random.RandomState(0), None)
        np.testing.assert_array_equal(both[0], np.arange(few))
        np.testing.assert_array_equal(both[1], np.arange(few))


@pytest.mark.parametrize("n_rows", [5, 240])
def test_the_noise_of_observations_is_that_of_the_augmentation(X, Y, n_rows):
    sigma = SIGMA * np.linspace(0.5, 2, N_BINS)
    model = gan(augmentation=NoiseInjector(sigma), sampler="restarts", max_epochs=1)
    model.fit(X[:n_rows], Y[:n_rows])
    np.testing.assert_allclose(model.sigma_, sigma, rtol=0.1)
    gappy = make_pipeline(NoiseInjector(sigma), BinDropout((0, 0.5), 0))
    model = clone(model).set_params(augmentation=gappy).fit(X[:n_rows], Y[:n_rows])
    np.testing.assert_allclose(model.sigma_, sigma, rtol=0.15)
    quiet = clone(model).set_params(augmentation=None).fit(X[:n_rows], Y[:n_rows])
    np.testing.assert_array_equal(quiet.sigma_, 0)
    rows = join_rows(X, sigma)
    model = gan(augmentation=NoiseInjector("columns", grid=GRID), grid=GRID, sampler="restarts")
    assert model.fit(rows, Y).sigma_ is None


def test_a_seed_reproduces_and_leaves_other_generators_alone(X, Y):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, same = gan().fit(X, Y), gan().fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before)
    one.predict(X[:2])
    assert torch.equal(torch.get_rng_state(), before)
    for name, array in one.export_weights().items():
        np.testing.assert_array_equal(same.export_weights()[name], array)
    np.testing.assert_array_equal(same.factor_, one.factor_)


def test_parameters_given_are_stored_and_not_changed(X, Y):
    model = gan(augmentation=NoiseInjector(SIGMA, random_state=3))
    before = {k: repr(v) for k, v in model.get_params().items()}
    model.fit(X, Y)
    assert {k: repr(v) for k, v in model.get_params().items()} == before
    assert not hasattr(model.proposal, "members_")


# --- first guesses ---------------------------------------------------------------------------


def test_first_guesses_are_trained_on_generated_spectra(X, Y, told):
    model = gan(proposal=told((8,), n_components=1, max_epochs=1), n_generated=150).fit(X, Y)
    (rows,), (targets,) = told.rows, told.targets
    assert rows.shape == (150, N_BINS)
    assert targets.shape == (150, 2)
    with torch.no_grad():
        made, _ = model.members_[0].decode(torch.tensor(targets))
    missed = (rows - made.numpy()) / np.sqrt(model.variance_ + (model.factor_**2).sum(axis=0))
    # With the errors of the generator on them, and no others: noise is drawn every epoch.
    assert missed.std() == pytest.approx(1, abs=0.15)
    assert abs(targets.mean()) < 0.2
    assert model.proposal_.progress is None
    assert list(model.proposal_.space_.names) == ["latent_0", "latent_1"]


def test_few_spectra_make_few_generated_ones(X, Y, told):
    gan(proposal=told((8,), n_components=1, max_epochs=1), n_generated=10**6).fit(X[:12], Y[:12])
    assert len(told.rows[0]) == 120


def test_first_guesses_see_errors_noise_and_gaps(X, Y, told):
    rows = join_rows(X, SIGMA * np.linspace(1, 2, 240)[:, None] * np.ones(N_BINS))
    noise = NoiseInjector("columns", grid=GRID)
    model = gan(proposal=told((8,), n_components=1, max_epochs=1), grid=GRID, augmentation=noise)
    model.fit(rows, Y)
    sigma = told.rows[0][:, N_BINS:]
    assert sigma.shape == (200, N_BINS)
    assert set(sigma[:, 0]) <= set(rows[:, N_BINS])
    assert len(set(sigma[:, 0])) > 50
    drawn = model.proposal_.augmentation_.fit_transform(told.rows[0])
    assert np.isnan(drawn).any()
    assert model.proposal_.grid == GRID
    without = clone(model).set_params(gaps=False).fit(rows, Y)
    drawn = without.proposal_.augmentation_.fit_transform(told.rows[-1])
    assert not np.isnan(drawn).any()
    np.testing.assert_array_equal(drawn[:, N_BINS:], told.rows[-1][:, N_BINS:])
    assert gan(gaps=False).fit(X, Y).proposal_.augmentation is None


def test_it_goes_without_a_proposal_of_ones_own(X, Y):
    model = gan(proposal=None, n_generated=50).fit(X, Y)
    assert isinstance(model.proposal_, MLPRetriever)


# --- spectra of any kind ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["one bin", "flat", "a constant bin", "all the same"])
def test_spectra_without_structure_are_learned(Y, kind, dtype):
    """Bins that do not vary must not take over the loss."""
    level = 0.02 + 5e-4 * np.asarray(Y)[:, :1]
    X = {
        "one bin": level,
        "flat": np.repeat(level, 5, axis=1),
        "a constant bin": np.hstack([level, 0.04 - level, 0 * level + 0.02]),
        "all the same": np.full((240, 3), 1 / 30),
    }[kind].astype(dtype)
    model = gan(max_epochs=60, learning_rate=0.01, augmentation=NoiseInjector(SIGMA), decay=0.9)
    model.fit(X, Y)
    told = np.sqrt(model.variance_ + (model.factor_**2).sum(axis=0))
    assert (told < 1e-4).all()
    assert np.isfinite(model.predict(X[:5])).all()


@pytest.mark.parametrize("prior", [Uniform(-5, 5), Normal(0, 2), LogUniform(0.1, 10)])
@pytest.mark.parametrize("network", ["dense", "picture"])
def test_parameters_of_any_prior(X, prior, network):
    space = ParameterSpace([Parameter("p", prior)])
    Y = space.sample(240, 0)
    latent = {"n_latent": 2, "n_filters": 2, "sampler": "restarts"} if network == "picture" else {}
    model = gan(network=network, n_restarts=4, n_iterations=3, max_epochs=1, **latent)
    model.fit(X, ParameterArray(Y, space))
    low, high = space.bounds.T
    samples = model.sample_posterior(X[:3], 8, random_state=0)
    assert ((samples >= low) & (samples <= high)).all()
    assert model.space_ == space


@pytest.mark.parametrize("n", [2, 3, 12])
def test_a_handful_of_spectra_will_do(X, Y, n):
    model = gan().fit(X[:n], Y[:n])
    assert np.isfinite(model.predict(X[:2])).all()
    # As many directions as so few spectra can tell of.
    assert len(model.factor_) == n // 10


def test_a_parameter_that_does_not_vary_is_kept(X, Y):
    both = np.column_stack([np.asarray(Y)[:, 0], np.full(240, 7.0)])
    mean = gan().fit(X, both).predict(X[:4])
    np.testing.assert_allclose(mean[:, 1], 7)


# --- what is refused -------------------------------------------------------------------------


def bad_spectra(X: np.ndarray) -> dict[str, tuple]:
    wild, gappy = X.copy(), X.copy()
    wild[1, 2], gappy[1, 2] = np.inf, np.nan
    sigma = np.full_like(X, SIGMA)
    none, negative, absent = sigma.copy(), sigma.copy(), sigma.copy()
    none[1, 2], negative[1, 2], absent[1, 2] = 0, -1e-4, np.nan
    return {
        "infinite": (wild, ValueError, "infinity"),
        "a gap": (gappy, RangeError, "bin 2 of training spectrum 1 is missing; .* simulate all"),
        "no error": (join_rows(X, none), RangeError, "error of bin 2 of spectrum 1 is 0"),
        "negative": (join_rows(X, negative), RangeError, "error of bin 2 of spectrum 1 is -0.0001"),
        "absent": (join_rows(X, absent), RangeError, "error of bin 2 of spectrum 1 is nan"),
        "few": (X[:, :5], GridError, "X has 5 columns"),
        "many": (np.hstack([X, X, X]), GridError, "X has 27 columns"),
    }


@pytest.mark.parametrize("name", list(bad_spectra(np.zeros((3, 9)))))
def test_spectra_that_are_none_are_refused(X, Y, name):
    wrong, error, says = bad_spectra(X)[name]
    with pytest.raises(error, match=says):
        gan(grid=GRID).fit(wrong, Y)


def test_one_spectrum_is_too_few(X, Y):
    with pytest.raises(ValueError, match="minimum of 2"):
        gan().fit(X[:1], Y[:1])


@pytest.mark.parametrize("network", ["dense", "picture"])
def test_a_parameter_outside_its_prior_is_named(X, Y, network):
    wrong = np.asarray(Y).copy()
    wrong[3, 1] = 2.5
    with pytest.raises(RangeError, match=r"^b = 2.5 in row 3 .* outside its prior, 0 to 2"):
        gan(network=network, n_latent=2).fit(X, ParameterArray(wrong, SPACE))


def test_a_parameter_outside_what_pictures_show_is_named(X, Y):
    space = ParameterSpace([Parameter("a", Uniform(-1, 1)), Parameter("b", Uniform(0, 1))])
    encoder = AspaEncoder(GRID, space)
    with pytest.raises(RangeError, match=r"b = 1\.\d+ "):
        gan(network="picture", n_latent=2, encoder=encoder).fit(X, np.asarray(Y))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_training_parameters_are_numbers(X, Y, value):
    wrong = np.asarray(Y).copy()
    wrong[3, 1] = value
    with pytest.raises(ValueError, match=r"y contains|Input y"):
        gan().fit(X, wrong)


def test_wild_values_end_training_with_a_word(X, Y):
    with pytest.raises(RangeError, match="wild values in X"):
        gan().fit(np.where(np.eye(240, N_BINS), 1e200, X), Y)


class Doubling(TransformerMixin, BaseEstimator):
    """Noise-free, and changes observations."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * X


@pytest.mark.parametrize("step", [Doubling(), SpectrumScaler()])
def test_an_augmentation_that_changes_observations_is_refused_before_training(X, Y, step):
    told = []
    with pytest.raises(RangeError, match=r"must leave observations as they are; .* before it in a"):
        gan(augmentation=step, progress=told.append).fit(X, Y)
    assert not told


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("hidden", (), "hidden must be a sequence of at least one width"),
        ("critic_hidden", (0,), r"critic_hidden must be .* got \(0,\)"),
        ("n_filters", 0, "n_filters must be a whole number from 1 up, got 0"),
        ("n_latent", 0, "n_latent must be .* None to take the parameters, got 0"),
        ("adversarial_weight", -1, "adversarial_weight must be a number from 0 up, got -1"),
        ("critic_steps", 0, "critic_steps"),
        ("generator_steps", 1.5, "generator_steps"),
        ("decay", 1.0, "decay must be a share from 0 up, less than 1, got 1.0"),
        ("n_restarts", 0, "n_restarts"),
        ("n_iterations", 0, "n_iterations"),
        ("n_particles", 7, "n_particles must be a whole number from 8 up, got 7"),
        ("n_moves", 0, "n_moves"),
        ("n_generated", 0, "n_generated"),
        ("learning_rate", np.nan, "learning_rate must be a positive number, got nan"),
        ("batch_size", 1, "batch_size must be a whole number from 2 up"),
        ("max_epochs", 0, "max_epochs"),
        ("validation_fraction", 1, "validation_fraction"),
        ("progress", "yes", "progress must be callable, or None, got 'yes'"),
        ("proposal", ForestRetriever(), "proposal must be .* got ForestRetriever"),
        ("encoder", SpectrumScaler(), "encoder must be .* got SpectrumScaler"),
        ("device", "cudo", "device 'cudo'"),
        ("grid", "grid", "grid must be a SpectralGrid or None, not str"),
        ("network", "picture", "network='picture' .* n_latent=100"),
        ("sampler", "published", "sampler='published' .* network='picture'"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_training(X, Y, name, value, says):
    told = []
    with pytest.raises((RangeError, GridError), match=says):
        gan(**{"progress": told.append, name: value}).fit(X, Y)
    assert not told


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("network", "pictures", "picture"),
        ("objective", "wassertein", "wasserstein"),
        ("sampler", "restart", "restarts"),
        ("schedule", "one_cycle", "one-cycle"),
    ],
)
def test_names_that_are_not_known_are_corrected(X, Y, name, value, meant):
    with pytest.raises(UnknownNameError, match=f"{value}.*{meant}"):
        gan(**{name: value}).fit(X, Y)


def test_so_are_the_settings_of_the_proposal(X, Y):
    told = []
    with pytest.raises(RangeError, match="n_components must be a whole number from 1 up, got 0"):
        gan(progress=told.append, proposal=MLPRetriever((8,), n_components=0)).fit(X, Y)
    assert not told
