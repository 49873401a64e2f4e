"""Importances over a data set, in memory or on disk."""

from __future__ import annotations

import numpy as np
import pytest

import exosk
from exosk.datasets import Store, simulate_store
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain import Background, Explanation, Groups, explain_dataset, explain_model
from exosk.models.persistence import load_model, save_model

MOLECULES = ("H2O", "CH4")
QUICK = {"method": "occlusion", "n_draws": 4, "n_background": 60}


@pytest.fixture(scope="module")
def observed():
    return exosk.load_spectrum("wasp-12b")


@pytest.fixture(scope="module")
def store(tmp_path_factory, observed):
    space, fixed = exosk.space_for_spectrum(observed, MOLECULES)
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=fixed)
    folder = tmp_path_factory.mktemp("store") / "set"
    return simulate_store(
        simulator, 800, observed, folder, 0, shard_size=100, n_jobs=1, detectability=True
    )


@pytest.fixture(scope="module")
def data(store):
    return store.read()


@pytest.fixture(scope="module")
def folder(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("models")
    detector = exosk.MoleculeDetector(20, random_state=0).fit(data.X, data.presence())
    save_model(detector, path / "detector", data, sigma=data.sigma)
    told = exosk.MLPDetector((8,), grid=data.grid, max_epochs=2, random_state=0)
    told.fit(data.with_sigma(data.sigma), data.presence())
    save_model(told, path / "told", data, sigma=data.sigma, sigma_scale=(0.5, 4.0))
    retriever = exosk.ForestRetriever(10, random_state=0).fit(data.X, data.Y)
    save_model(retriever, path / "retriever", data, sigma=data.sigma)
    return path


@pytest.mark.parametrize("name", ["detector", "told"])
def test_the_mean_over_spectra_that_show_the_molecule(folder, data, name):
    found, mean = explain_dataset(load_model(folder / name), data, "H2O", n=12, **QUICK)
    assert len(found) == 12
    assert found.error == pytest.approx(found.importances.std(axis=0, ddof=1) / np.sqrt(12))
    assert mean.grid == data.grid
    # They are some of those that show it: the mean lies among these.
    shown = data.X[data.delta_chi2[:, data.molecules.index("H2O")] > 9]
    assert (mean.depth >= shown.min(axis=0)).all()
    assert (mean.depth <= shown.max(axis=0)).all()
    found.plot(mean)


def test_a_seed_reproduces_and_another_differs(folder, data):
    model = load_model(folder / "detector")
    first, mean = explain_dataset(model, data, "H2O", n=5, **QUICK, random_state=1)
    again, same = explain_dataset(model, data, "H2O", n=5, **QUICK, random_state=1)
    other, _ = explain_dataset(model, data, "H2O", n=5, **QUICK, random_state=2)
    assert (first.importances == again.importances).all()
    assert (mean.depth == same.depth).all()
    assert not np.array_equal(first.importances, other.importances)


def test_a_detector_that_finds_water_rests_on_its_band(folder, data):
    settings = {"n_draws": 8, "method": "occlusion", "groups": Groups.bands(data.grid, 0.08)}
    found, _ = explain_dataset(load_model(folder / "detector"), data, "H2O", n=25, **settings)
    low, high = data.grid.range
    assert 1.3 < found.peak < 1.55
    assert low < found.peak < high


def test_of_a_parameter_all_spectra_count(folder, data):
    model = load_model(folder / "retriever")
    found, _ = explain_dataset(model, data[:9], "temperature", n=30, background=data, **QUICK)
    assert len(found) == 9
    assert found.unit == "K"


def test_of_a_store_a_sample_is_read(folder, store, monkeypatch):
    """Of thousands of shards only what is asked for is ever in memory."""
    read = []
    gather = Store._gather

    def watched(self, arrays, rows):
        out = gather(self, arrays, rows)
        read.append(max(len(each) for each in out.values()))
        return out

    monkeypatch.setattr(Store, "_gather", watched)
    monkeypatch.setattr(Store, "column", lambda self, name: pytest.fail("read as a whole"))
    settings = QUICK | {"n_background": 30}
    model = load_model(folder / "detector")
    found, _ = explain_dataset(model, store, "H2O", n=3, **settings)
    assert len(found) == 3
    assert max(read) == 8 * 30
    found = explain_model(model, exosk.load_spectrum("wasp-12b"), "H2O", data=store, **settings)
    assert max(read) == 8 * 30
    background = Background.of_dataset(store, "H2O", n=30)
    again = Background.of_dataset(store, "H2O", n=30)
    assert len(background.depth) == 30
    assert (background.depth == again.depth).all()


def test_what_is_refused(folder, data):
    model = load_model(folder / "detector")
    with pytest.raises(UnknownNameError, match="CO2"):
        explain_dataset(model, data, "CO2", **QUICK)
    with pytest.raises(RangeError, match="positive"):
        explain_dataset(model, data, "H2O", n=0, **QUICK)
    dry = data[data.delta_chi2[:, data.molecules.index("CH4")] < 1]
    with pytest.raises(RangeError, match="CH4 shows in none of"):
        explain_dataset(model, dry, "CH4", **QUICK)
    other = exosk.get_instrument("hst-wfc3-g141")
    space, fixed = exosk.space_for_spectrum(exosk.load_spectrum("wasp-12b"), MOLECULES)
    simulator = exosk.get_simulator("builtin", molecules=MOLECULES, space=space, fixed=fixed)
    elsewhere = exosk.simulate_dataset(simulator, 30, other, random_state=0)
    with pytest.raises(GridError, match="the model's bins"):
        explain_dataset(model, elsewhere, "H2O", **QUICK)


def test_explanations_of_several_are_put_together(folder, observed):
    model = load_model(folder / "detector")
    parts = [
        explain_model(model, observed, "H2O", **QUICK, random_state=seed) for seed in (0, 1, 2)
    ]
    joined = Explanation.joined(parts)
    assert len(joined) == 3
    assert joined.importance == pytest.approx(np.mean([p.importance for p in parts], axis=0))
    other = explain_model(model, observed, "CH4", **QUICK)
    with pytest.raises(RangeError, match="different questions"):
        Explanation.joined([parts[0], other])
    with pytest.raises(RangeError, match="no explanations"):
        Explanation.joined([])
