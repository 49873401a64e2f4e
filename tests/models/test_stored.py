"""Networks learn from a store as from arrays, with a part of it in memory at a time."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, ShuffleSplit
from sklearn.pipeline import make_pipeline

import exosk
from exosk.datasets import Store, simulate_store
from exosk.exceptions import RangeError
from exosk.models import batches, network
from exosk.preprocessing import transformer

GRID = exosk.SpectralGrid.from_edges(np.linspace(1.12, 1.65, 13))
SIGMA = np.full(GRID.n_bins, 5e-5)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    simulator = exosk.get_simulator("builtin", molecules=("H2O",), fixed={"star_radius": 1.0})
    folder = tmp_path_factory.mktemp("store") / "set"
    return simulate_store(simulator, 1500, GRID, folder, 0, shard_size=500, n_jobs=1)


def flow(grid=None, **changes):
    settings = {
        "hidden": (32, 32),
        "n_transforms": 2,
        "flow_hidden": (16,),
        "n_context": 8,
        "max_epochs": 8,
        "augmentation": exosk.NoiseInjector(SIGMA),
        "random_state": 0,
    }
    return exosk.FlowRetriever(**settings | changes, grid=grid)


def test_rows_are_those_of_the_store(store):
    X, y = store.spectra(), store.parameters()
    rows = np.array([1400, 3, 700, 3])
    assert X.shape == (1500, 12)
    assert np.array_equal(X.read(rows), store.X[rows])
    assert np.array_equal(y.read(rows), store.Y[rows])
    assert np.array_equal(np.asarray(X), store.X)
    told = store.spectra(SIGMA)
    assert np.array_equal(told.read(rows)[:, 12:], np.broadcast_to(SIGMA.astype("f4"), (4, 12)))


@pytest.mark.parametrize(
    "rows", [slice(5, 900, 3), np.array([1400, 3, 700]), np.arange(1500) % 2 == 0],
    ids=["slice", "numbers", "mask"],
)  # fmt: skip
def test_a_part_is_that_part_of_the_array(store, rows):
    for stored in (store.spectra(SIGMA), store.parameters()):
        whole, part = np.asarray(stored), stored[rows]
        assert part.shape == whole[rows].shape
        assert np.array_equal(np.asarray(part), whole[rows])
        assert np.array_equal(part[1:].read([1, 0]), whole[rows][1:][[1, 0]])
        assert part.digest != stored.digest
    assert store.parameters()[rows].space == store.space


def test_a_part_of_the_columns_is_refused(store):
    with pytest.raises(IndexError, match="read"):
        store.spectra()[:, 3]


def test_each_row_has_its_errors(store):
    factors = np.linspace(1, 2, len(store))
    holed = np.where(np.arange(12) == 4, np.nan, SIGMA)
    X = store.spectra(holed, factors)
    rows = np.array([900, 2])
    expected = store[rows].with_sigma(factors[rows, None] * holed)
    np.testing.assert_allclose(X.read(rows), expected, rtol=1e-6)
    np.testing.assert_allclose(X[rows].read(), expected, rtol=1e-6)
    with pytest.raises(RangeError, match="factors"):
        store.spectra(SIGMA, factors[:5])


def test_a_stored_array_travels_light(store):
    whole = len(pickle.dumps(np.asarray(store.spectra())))
    assert len(pickle.dumps((store.spectra(), store.parameters()))) < whole / 4


def test_labels_are_those_in_memory(store):
    assert np.array_equal(store.presence(-6), store.read().presence(-6))


def test_an_order_has_every_row_once_and_reads_each_chunk_once(store):
    X = store.spectra()
    rows = np.arange(0, 1500, 2)
    order = X.order(rows, np.random.RandomState(0), 256)
    assert sorted(order) == rows.tolist()
    assert not np.array_equal(order, rows)
    again = X.order(rows, np.random.RandomState(0), 256)
    assert np.array_equal(order, again)
    assert not np.array_equal(order, X.order(rows, np.random.RandomState(1), 256))


def test_what_is_fetched_ahead_is_what_is_asked_for(store):
    X = store.spectra()
    rows, others = np.arange(10, 20), np.arange(5)
    X.prefetch(rows)
    assert np.array_equal(X.read(others), store.X[:5])
    assert np.array_equal(X.read(rows), store.X[10:20])


@pytest.mark.parametrize("told", [False, True], ids=["depths", "errors told"])
def test_a_flow_learns_as_well_as_from_arrays(store, told):
    injector = exosk.NoiseInjector("columns", grid=GRID) if told else exosk.NoiseInjector(SIGMA)
    settings = {"grid": GRID if told else None, "augmentation": injector}
    sigma = SIGMA if told else None
    streamed = flow(**settings).fit(store.spectra(sigma), store.parameters())
    data = store.read()
    X = data.with_sigma(SIGMA) if told else data.X
    direct = flow(**settings).fit(X, data.Y)
    losses = [model.history_[0][-1]["valid_loss"] for model in (streamed, direct)]
    assert abs(losses[0] - losses[1]) < 0.6
    assert streamed.space_ == direct.space_
    assert streamed.predict(X[:5]).shape == (5, len(store.space))


@pytest.mark.parametrize("kind", [exosk.MLPRetriever, exosk.CNNRetriever])
def test_the_other_networks_too(store, kind):
    model = kind((4,), max_epochs=2, random_state=0)
    model.fit(store.spectra(), store.parameters())
    assert np.isfinite(model.predict(store.X[:3])).all()


def test_a_seed_gives_the_same(store):
    one, two = (
        flow(max_epochs=2).fit(store.spectra(), store.parameters()).export_weights()
        for _ in range(2)
    )
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_it_goes_on_from_a_checkpoint(store, tmp_path):
    class Killed(Exception):
        pass

    def kill(share):
        if share > 0.5:
            raise Killed

    whole = flow().fit(store.spectra(), store.parameters()).export_weights()
    with pytest.raises(Killed):
        flow(checkpoint=tmp_path, progress=kill).fit(store.spectra(), store.parameters())
    again = flow(checkpoint=tmp_path).fit(store.spectra(), store.parameters()).export_weights()
    assert all(np.array_equal(whole[name], again[name]) for name in whole)


def test_validation_rows_share_no_parent(store):
    X = store.spectra()
    held = X.hold_out(150, np.random.RandomState(0))
    parent = store.parent
    assert 0 < held.sum() < len(held)
    assert not set(parent[held]) & set(parent[~held])


def test_other_parameters_are_refused(store):
    for others in (store.Y, store.parameters()[1:], store.parameters()[::-1]):
        with pytest.raises(RangeError, match="own parameters"):
            flow().fit(store.spectra(), others)


def test_an_order_of_a_part_has_its_rows(store):
    mixed = np.random.RandomState(3).permutation(1500)[:700]
    part = store.spectra()[mixed]
    order = part.order(np.arange(700), np.random.RandomState(0), 128)
    assert sorted(order) == list(range(700))
    # A block lies in few chunks.
    assert len(np.unique(mixed[order[:100]] // 500)) < 3
    held = part.hold_out(70, np.random.RandomState(0))
    assert 0 < held.sum() < 700


@pytest.mark.parametrize("kind", [exosk.MLPDetector, exosk.CNNDetector])
def test_detectors(store, kind):
    present = store.presence(-6)
    model = kind((4,), max_epochs=2, random_state=0, augmentation=exosk.NoiseInjector(SIGMA))
    probability = model.fit(store.spectra(), present).predict_proba(store.X[:3])
    assert probability.shape == (3, 1)
    assert np.isfinite(probability).all()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        kind().fit(store.spectra(), present[1:])


def test_a_detector_learns_what_it_learns_from_arrays(store):
    settings = {"hidden": (32,), "max_epochs": 20, "augmentation": exosk.NoiseInjector(SIGMA)}
    present = store.presence(-6)
    aucs = [
        roc_auc_score(present, exosk.MLPDetector(**settings, random_state=0).fit(X, present)
                      .predict_proba(store.X))
        for X in (store.spectra(), store.X)
    ]  # fmt: skip
    assert min(aucs) > 0.8
    assert abs(aucs[0] - aucs[1]) < 0.03


@pytest.mark.parametrize("n", [200, 10_000])
def test_a_forest_learns_from_a_sample(store, n):
    forest = exosk.ForestRetriever(10, random_state=0, max_spectra=n)
    forest.fit(store.spectra(), store.parameters())
    assert len(forest._Y) == min(n, 1500)
    assert forest.space_ == store.space
    again = exosk.ForestRetriever(10, random_state=0, max_spectra=n)
    again.fit(store.spectra(), store.parameters())
    assert np.array_equal(forest.predict(store.X[:9]), again.predict(store.X[:9]))
    detector = exosk.MoleculeDetector(10, random_state=0, max_spectra=n)
    assert detector.fit(store.spectra(), store.presence(-6)).predict_proba(store.X).shape[1] == 1


def test_a_pipeline_of_scalers_streams(store, monkeypatch):
    """No more is read at a time than a block, a sample or a chunk of validation rows."""
    largest = []
    take = Store.take

    def watched(self, name, rows=slice(None)):
        found = take(self, name, rows)
        largest.append(len(found) if name == "X" else 0)
        return found

    monkeypatch.setattr(Store, "take", watched)
    monkeypatch.setattr(batches, "_BLOCK", 256)
    monkeypatch.setattr(transformer, "_MOST_LEARNED", 300)
    monkeypatch.setattr(network, "_MOST_LEARNED", 300)
    model = make_pipeline(
        exosk.SpectrumScaler("bins"),
        exosk.SpectrumImputer(),
        flow(max_epochs=2, augmentation=None),
    ).fit(store.spectra(), store.parameters())
    assert max(largest) <= 500  # a chunk
    monkeypatch.undo()
    assert model.predict(store.X[:4]).shape == (4, len(store.space))
    sampled = exosk.SpectrumScaler("bins").fit(store.spectra())
    whole = exosk.SpectrumScaler("bins").fit(store.X)
    np.testing.assert_allclose(sampled.mean_, whole.mean_, rtol=1e-5)


def searched(store, **options):
    """Search in a store of spectra, with folds that are read as they are needed."""
    search = options.pop("search", GridSearchCV)
    return search(
        make_pipeline(exosk.SpectrumScaler(), exosk.MLPRetriever(max_epochs=2, random_state=0)),
        {"mlpretriever__hidden": [(8,), (16,)]},
        cv=ShuffleSplit(2, test_size=200, random_state=0),
        scoring=exosk.noisy_scorer("r2", SIGMA),
        error_score="raise",
        **options,
    ).fit(store.spectra(), store.parameters())


def test_a_search_hands_out_parts_that_are_not_read(store, monkeypatch):
    kinds = []
    fit = exosk.MLPRetriever.fit

    def watched(self, X, y, groups=None):
        kinds.append(type(X).__name__)
        return fit(self, X, y, groups)

    monkeypatch.setattr(exosk.MLPRetriever, "fit", watched)
    found = searched(store)
    assert set(kinds) == {"StoredSpectra"}
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert found.best_estimator_[-1].space_ == store.space


def test_a_halving_search(store):
    found = searched(store, search=HalvingGridSearchCV, min_resources=700, random_state=0)
    assert found.n_resources_ == [700]
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
def test_a_search_on_a_cluster_finds_the_same_and_copies_no_spectra(store):
    distributed = pytest.importorskip("distributed")
    here = searched(store)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        there = searched(store, n_jobs=2)
    for name, values in here.cv_results_.items():
        if name.startswith("split"):
            np.testing.assert_array_equal(there.cv_results_[name], values)


def test_a_part_of_a_store(store):
    train, _, _ = store.split(test=0.3, validation=0.3, random_state=0)
    assert isinstance(train, Store)
    flow(max_epochs=1).fit(train.spectra(), train.parameters())
