"""An inpainting GAN learns from a store as from arrays, with a part of it in memory at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, TransformerMixin

from exosk.augmentation import NoiseInjector
from exosk.datasets import Dataset, Store, merge_stores
from exosk.datasets.lazy import StoredSpectra
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.models import InpaintingGANRetriever, MLPRetriever, batches, gan_fitting
from exosk.parameters import Parameter, ParameterSpace, Uniform

N, N_BINS, SHARD, SIGMA = 1200, 9, 200, 1e-4
GRID = SpectralGrid.from_edges(np.linspace(1, 2, N_BINS + 1))
SPACE = ParameterSpace([Parameter("a", Uniform(-1, 1)), Parameter("b", Uniform(0, 2))])
PHASE = np.linspace(0, np.pi, N_BINS)


def gan(**changes) -> InpaintingGANRetriever:
    settings = {
        "hidden": (16,),
        "critic_hidden": (8,),
        "max_epochs": 3,
        "batch_size": 32,
        "n_particles": 16,
        "n_moves": 1,
        "n_generated": 200,
        "proposal": MLPRetriever((8,), n_components=1, max_epochs=2),
        "random_state": 0,
    }
    return InpaintingGANRetriever(**settings | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    Y = SPACE.sample(N, 0)
    X = 0.02 + 3e-4 * (Y[:, :1] * np.cos(PHASE) + Y[:, 1:] * np.sin(PHASE))
    parent = np.arange(N)
    parent[:20] = parent[-20:]
    data = Dataset(X, Y, GRID, SPACE, parent=parent, provenance={"simulator": "toy"})
    return merge_stores([data], tmp_path_factory.mktemp("store") / "set", shard_size=SHARD)


def arrays_of(model: InpaintingGANRetriever) -> dict[str, np.ndarray]:
    """All that was learned."""
    arrays = {f"net.{name}": array for name, array in model.export_weights().items()}
    arrays |= {"factor": model.factor_, "variance": model.variance_}
    if model.proposal_ is not None:
        guess = model.proposal_.export_weights()
        arrays |= {f"proposal.{name}": array for name, array in guess.items()}
    return arrays


@pytest.fixture
def reads(monkeypatch) -> list[tuple[str, np.ndarray]]:
    """What is read of spectra, or asked for ahead, in order."""
    told: list[tuple[str, np.ndarray]] = []
    for name in ("read", "prefetch"):
        original = getattr(StoredSpectra, name)

        def noted(self, rows, name=name, original=original):
            told.append((name, rows))
            return original(self, rows)

        monkeypatch.setattr(StoredSpectra, name, noted)
    return told


def missed(model: InpaintingGANRetriever, store: Store) -> float:
    """By how much reconstructed spectra miss those of a store, of their spread."""
    z = torch.as_tensor(model._targets.to_normal(store.Y))
    with torch.no_grad():
        made, _ = model.members_[0].decode(z)
    return float(np.sqrt(((made.numpy() - store.X) ** 2).mean()) / store.X.std(axis=0).mean())


# --- what it learns --------------------------------------------------------------------------


@pytest.mark.parametrize("told", [False, True], ids=["depths", "errors told"])
def test_it_learns_as_well_as_from_arrays(store, told):
    noise = NoiseInjector("columns", grid=GRID) if told else NoiseInjector(SIGMA)
    settings = {"max_epochs": 10, "learning_rate": 0.02, "decay": 0.9, "augmentation": noise}
    settings |= {"validation_fraction": SHARD / N}  # as a chunk has it
    sigma = np.full(N_BINS, SIGMA) if told else None
    streamed = gan(grid=GRID, **settings).fit(store.spectra(sigma), store.parameters())
    data = store.read()
    X = data.with_sigma(sigma) if told else data.X
    direct = gan(grid=GRID, **settings).fit(X, data.Y)
    shares = [missed(model, store) for model in (streamed, direct)]
    assert max(shares) < 0.05
    assert abs(np.log(shares[0] / shares[1])) < 1
    if not told:
        np.testing.assert_allclose(streamed.sigma_, direct.sigma_, rtol=0.1)
    sizes = [np.sqrt(m.variance_ + (m.factor_**2).sum(axis=0)).mean() for m in (streamed, direct)]
    assert abs(np.log(sizes[0] / sizes[1])) < 1
    assert streamed.space_ == direct.space_ == SPACE
    assert streamed.n_features_in_ == direct.n_features_in_
    assert streamed.predict(X[:3]).shape == (3, 2)


def test_pictures_too(store):
    model = gan(
        network="picture", n_latent=3, n_filters=2, objective="minimax", max_epochs=1,
        sampler="restarts", n_restarts=4, n_iterations=3,
    )  # fmt: skip
    model.fit(store.spectra()[:300], store.parameters()[:300])
    assert np.isfinite(model.predict(store.X[:2])).all()
    # Of the priors, whatever the spectra that the scales were learned from.
    np.testing.assert_allclose(model.encoder_.parameter_range_, SPACE.bounds)


def test_a_seed_gives_the_same(store):
    one, two, other = (
        arrays_of(gan(random_state=seed).fit(store.spectra(), store.parameters()))
        for seed in (0, 0, 1)
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["variance"], other["variance"])


def test_a_part_of_a_store(store):
    rows = np.random.default_rng(0).permutation(N)[:500]
    model = gan(max_epochs=1).fit(store.spectra()[rows], store.parameters()[rows])
    assert np.isfinite(model.predict(store.X[:2])).all()


@pytest.mark.parametrize("n", [2, 5, 12])
def test_a_handful_of_spectra_will_do(store, n):
    model = gan().fit(store.spectra()[:n], store.parameters()[:n])
    assert np.isfinite(model.predict(store.X[:2])).all()
    assert len(model.factor_) == n // 10


# --- what it reads ---------------------------------------------------------------------------


def test_every_epoch_reads_all_training_rows_once_in_an_order_of_its_own(store, reads, monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 256)
    model = gan(sampler="restarts", max_epochs=3)
    X = store.spectra()
    train, _ = model._split_stored(X, np.random.RandomState(0))
    reads.clear()
    model.fit(X, store.parameters())
    rows = [rows for name, rows in reads if name == "read"][2:]
    per_epoch = -(-(len(train) // 32 * 32) // 256)
    assert len(rows) == 3 * per_epoch
    epochs = [np.concatenate(rows[k : k + per_epoch]) for k in range(0, len(rows), per_epoch)]
    for epoch in epochs:
        assert len(np.unique(epoch)) == len(epoch) == len(train) // 32 * 32
        assert set(epoch) <= set(train)
    assert not np.array_equal(epochs[0], epochs[1])
    # A block lies in few shards, so that each is read once.
    assert all(len(np.unique(each // SHARD)) <= 3 for each in rows)


def test_each_block_is_asked_for_while_the_one_before_is_used(store, reads, monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 256)
    gan(sampler="restarts", max_epochs=2).fit(store.spectra(), store.parameters())
    ahead = [rows for name, rows in reads if name == "prefetch"]
    read = [rows for name, rows in reads if name == "read"]
    # The very array, by which the store knows it; the first of an epoch is read when it is due.
    assert all(any(rows is other for other in read) for rows in ahead)
    assert len(read) - 2 - len(ahead) == 2


def test_memory_does_not_grow_with_the_store(store, reads, monkeypatch):
    monkeypatch.setattr(batches, "_BLOCK", 64)
    monkeypatch.setattr(gan_fitting, "_MOST_LEARNED", 100)
    monkeypatch.setattr(gan_fitting, "_MOST_HELD_OUT", 50)
    shown = []
    original = gan_fitting.GanFitting._learn_errors

    def noted(self, depth, normal):
        shown.append(len(depth))
        original(self, depth, normal)

    monkeypatch.setattr(gan_fitting.GanFitting, "_learn_errors", noted)
    gan(validation_fraction=0.3, augmentation=NoiseInjector(SIGMA)).fit(
        store.spectra(), store.parameters()
    )
    assert max(len(rows) for _, rows in reads) == 100
    assert shown == [50]


def test_held_out_spectra_share_no_parent_with_those_that_train(store):
    X = store.spectra()
    parent = store.parent
    for seed in range(10):
        train, held_out = gan()._split_stored(X, np.random.RandomState(seed))
        assert not set(parent[train]) & set(parent[held_out])
        assert len(train) + len(held_out) == N


def test_too_few_spectra_do_both(store):
    for X, share in ((store.spectra()[:20], 0.3), (store.spectra(), 0.0)):
        model = gan(validation_fraction=share)
        train, held_out = model._split_stored(X, np.random.RandomState(0))
        np.testing.assert_array_equal(train, np.arange(len(X)))
        np.testing.assert_array_equal(np.sort(held_out), train)


# --- what is refused -------------------------------------------------------------------------


class Holes(TransformerMixin, BaseEstimator):
    """Misses a bin of the spectrum whose depths are highest there."""

    def __init__(self, above: float) -> None:
        self.above = above

    def transform(self, X):
        X = X.copy()
        X[X[:, 4] > self.above, 4] = np.nan
        return X


@pytest.mark.parametrize("row", [7, 700, 1199])
def test_a_gap_is_refused_when_it_is_read(store, row, monkeypatch):
    monkeypatch.setattr(gan_fitting, "_MOST_LEARNED", 50)
    rows = np.argsort(store.X[:, 4])
    # The highest comes to stand where it is asked for.
    rows[[row, -1]] = rows[[-1, row]]
    highest, second = np.sort(store.X[:, 4])[[-1, -2]]
    X = store.spectra()[rows].through(Holes(float(highest + second) / 2))
    with pytest.raises(RangeError, match=f"bin 4 of training spectrum {row} is missing; .* all"):
        gan(batch_size=2).fit(X, store.parameters()[rows])


@pytest.mark.parametrize("factor", [0.0, -1.0, np.nan])
def test_so_is_an_error_that_is_none(store, factor, monkeypatch):
    monkeypatch.setattr(gan_fitting, "_MOST_LEARNED", 50)
    factors = np.ones(N)
    factors[801] = factor
    X = store.spectra(np.full(N_BINS, SIGMA), factors)
    says = "bin 0 of training spectrum 801 is missing" if np.isnan(factor) else "spectrum 801 is"
    with pytest.raises(RangeError, match=says):
        gan(grid=GRID, batch_size=2).fit(X, store.parameters())


def test_other_parameters_are_refused(store):
    for others in (store.Y, store.parameters()[1:], store.parameters()[::-1]):
        with pytest.raises(RangeError, match="own parameters"):
            gan().fit(store.spectra(), others)


def test_so_are_other_columns_and_a_single_spectrum(store):
    with pytest.raises(GridError, match="X has 9 columns"):
        gan(grid=SpectralGrid.from_edges([1, 2, 3])).fit(store.spectra(), store.parameters())
    with pytest.raises(RangeError, match="two spectra or more, got 1"):
        gan().fit(store.spectra()[:1], store.parameters()[:1])


def test_so_is_an_augmentation_that_changes_observations(store):
    with pytest.raises(RangeError, match="must leave observations as they are"):
        gan(augmentation=Doubling()).fit(store.spectra(), store.parameters())


class Doubling(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * X
