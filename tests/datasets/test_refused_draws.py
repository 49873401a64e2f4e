"""Draws that a simulator refuses: others take their place, the same ones for the same seed."""

from __future__ import annotations

import json

import numpy as np
import pytest

from exosk.datasets import Store, simulate_dataset
from exosk.datasets.generate import BATCH
from exosk.datasets.manifest import Manifest, ShardRecord
from exosk.exceptions import RangeError
from exosk.instruments import get_instrument

N = 1100


def hot(theta: np.ndarray) -> np.ndarray:
    """A third of the prior."""
    return theta[:, 0] > 0.01 + 0.01 * 2 / 3


def plainly(space, n, random):
    """Draw one batch after the other, each until none of it is refused: Y and the refusals."""
    Y, refused = space.sample(n, random), 0
    for start in range(0, n, BATCH):
        batch = Y[start : start + BATCH]
        while hot(batch).any():
            refused += hot(batch).sum()
            batch[hot(batch)] = space.sample(hot(batch).sum(), random)
    return Y, refused


@pytest.fixture
def fussy(line_simulator):
    return line_simulator(refuse=hot)


def test_others_take_their_place(fussy, line_simulator, grid):
    data, seen = simulate_dataset(fussy, N, grid, 0), []
    Y, refused = plainly(fussy.space, N, np.random.RandomState(0))
    np.testing.assert_array_equal(data.Y, Y)
    assert data.provenance == {
        "simulator": "line", "n_spectra": N, "seed": 0, "n_refused": refused,
    }  # fmt: skip
    expected = Y[:, :1] + 1e-4 * Y[:, 1:] * (grid.wavelength - 1)
    np.testing.assert_allclose(data.X, expected, rtol=1e-6)
    first = fussy.space.sample(N, 0)
    np.testing.assert_array_equal((first == data.Y).all(axis=1), ~hot(first))
    assert 0.25 < refused / (N + refused) < 0.42
    simulate_dataset(fussy, N, grid, 0, progress=seen.append)
    assert sum(seen) == N


def test_what_is_left_is_the_prior_cut_off(fussy, grid):
    """Which is what is left of a larger set that nothing was refused of."""
    from scipy.stats import ks_2samp

    Y = np.asarray(simulate_dataset(fussy, 3000, grid, 1).Y)
    plain = fussy.space.sample(9000, 2)
    for k in range(2):
        assert ks_2samp(Y[:, k], plain[~hot(plain), k]).pvalue > 1e-3


def test_without_refusals_nothing_is_said_and_each_batch_is_one_call(line_simulator, grid):
    calls = []
    simulator = line_simulator(refuse=lambda theta: calls.append(len(theta)) or np.zeros(1, bool))
    data = simulate_dataset(simulator, N, grid, 0)
    assert "n_refused" not in data.provenance
    assert calls == [BATCH] * (N // BATCH) + [N % BATCH]
    np.testing.assert_array_equal(data.Y, simulator.space.sample(N, 0))


def test_what_is_not_refused_is_simulated_once(line_simulator, grid):
    """And one bad row in a batch costs few calls."""
    taken, bad = [], {7, 300}

    def refuse(theta):
        rows = np.array([tuple(row) in wrong for row in theta])
        taken.append(0 if rows.any() else len(theta))
        return rows

    simulator = line_simulator(refuse=refuse)
    first = simulator.space.sample(512, 0)
    wrong = {tuple(first[k]) for k in bad}
    assert simulate_dataset(simulator, 512, grid, 0).provenance["n_refused"] == 2
    assert sum(taken) == 512
    assert len(taken) <= 2 * (2 + 2 * np.log2(BATCH))


def test_a_molecule_without_which_there_is_no_atmosphere(line_simulator):
    """What shows cannot be said then: the draw is left out, though its spectrum could be made."""
    simulator = line_simulator(refuse=lambda theta: (theta[:, 1] < -50) & (theta[:, 0] > 0.018))
    instrument = get_instrument("hst-wfc3-g141")
    assert "n_refused" not in simulate_dataset(simulator, 100, instrument, 0).provenance
    data = simulate_dataset(simulator, 100, instrument, 0, detectability=True)
    assert data.provenance["n_refused"] > 0
    assert np.asarray(data.Y)[:, 0].max() <= 0.018
    assert np.isfinite(data.delta_chi2).all()


@pytest.mark.parametrize(("share", "most"), [(1.0, 17), (0.8, 200)])
def test_most_of_a_prior_must_not_be_refused(line_simulator, grid, share, most):
    refused = []

    def refuse(theta):
        bad = theta[:, 0] < 0.01 + 0.01 * share
        if len(theta) == 1:
            refused.append(bad[0])
        return bad

    said = r"refuses (\d+) of \d+ draws from the priors; narrow them\. The first: row 0 is too hot"
    with pytest.raises(RangeError, match=said):
        simulate_dataset(line_simulator(refuse=refuse), 100_000, grid, 0)
    assert sum(refused) <= most


def test_a_few_that_are_refused_by_chance_are_no_error(line_simulator, grid):
    """A set may be as small as one spectrum."""
    for seed in range(50):
        simulate_dataset(line_simulator(refuse=lambda theta: theta[:, 0] > 0.0155), 1, grid, seed)


# --- in shards -------------------------------------------------------------------------------


def test_a_store_has_them_by_shard(tmp_path, make_store, fussy):
    steps = []
    store = make_store(tmp_path / "set", fussy, progress=steps.append)
    found = {k: shard.n_refused for k, shard in store.manifest.shards.items()}
    assert steps[-1].n_done == N
    for k, seed in enumerate(np.random.SeedSequence(5).spawn(4)):
        random = np.random.RandomState(np.random.MT19937(seed))
        Y, refused = plainly(store.space, min(300, N - 300 * k), random)
        np.testing.assert_array_equal(store[300 * k : 300 * (k + 1)].Y, Y)
        assert found[k] == refused
    assert store.manifest.n_refused == sum(found.values())
    np.testing.assert_array_equal(store.parent, np.arange(N))
    assert "n_refused" not in store.provenance


def test_the_bytes_are_the_same_whoever_makes_them_and_whenever(
    tmp_path, make_store, interrupt, contents, fussy
):
    expected = contents(make_store(tmp_path / "whole", fussy).folder)
    interrupt(tmp_path / "set", 700, simulator=fussy)
    steps = []
    make_store(tmp_path / "set", fussy, n_jobs=2, progress=steps.append)
    assert contents(tmp_path / "set") == expected
    total = Store(tmp_path / "set").manifest.n_refused
    assert 0 < steps[0].n_refused < steps[-1].n_refused == total


def test_a_shard_of_which_most_is_refused_names_its_spectra(tmp_path, make_store, line_simulator):
    simulator = line_simulator(refuse=lambda theta: np.ones(len(theta), bool))
    with pytest.raises(RangeError, match="spectra 0 to 299: the simulator refuses 17 of 17 draws"):
        make_store(tmp_path / "set", simulator)


def test_a_manifest_of_before_can_be_read(tmp_path, make_store):
    """Where nothing was refused, the files are those of versions that knew no refusals."""
    folder = make_store(tmp_path / "set").folder
    shards = json.loads((folder / "manifest.json").read_text())["shards"]
    assert all(sorted(shard) == ["n", "n_bytes", "sha256"] for shard in shards.values())
    assert {k: ShardRecord(**shard) for k, shard in shards.items()} == {
        str(k): shard for k, shard in Manifest.load(folder).shards.items()
    }
