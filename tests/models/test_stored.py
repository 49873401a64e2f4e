"""Networks learn from a store as from arrays, with a part of it in memory at a time."""

from __future__ import annotations

import numpy as np
import pytest

import exosk
from exosk.datasets import Store, simulate_store
from exosk.exceptions import RangeError

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
    assert np.array_equal(X[rows], store.X[rows])
    assert np.array_equal(y[rows], store.Y[rows])
    assert np.array_equal(np.asarray(X), store.X)
    told = store.spectra(SIGMA)
    assert np.array_equal(told[rows][:, 12:], np.broadcast_to(SIGMA.astype("f4"), (4, 12)))


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
    assert np.array_equal(X[others], store.X[:5])
    assert np.array_equal(X[rows], store.X[10:20])


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
    with pytest.raises(RangeError, match="own parameters"):
        flow().fit(store.spectra(), store.Y)


def test_a_part_of_a_store(store):
    train, _, _ = store.split(test=0.3, validation=0.3, random_state=0)
    assert isinstance(train, Store)
    flow(max_epochs=1).fit(train.spectra(), train.parameters())
