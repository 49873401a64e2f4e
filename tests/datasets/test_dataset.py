"""The training set: rows, labels, splits and files."""

import pickle

import numpy as np
import pytest

from exosk.datasets import PRESENCE_THRESHOLD, Dataset
from exosk.exceptions import GridError, RangeError
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.spectra import SpectralGrid

SPACE = ParameterSpace(
    [
        Parameter("temperature", Uniform(500, 2000), "K"),
        Parameter("log_x_h2o", Uniform(-12, -1)),
        Parameter("log_x_co2", Uniform(-12, -1)),
    ]
)


def make(n: int, rows_a_parent: int = 1) -> Dataset:
    grid = SpectralGrid.from_edges(np.linspace(1, 2, 7))
    return Dataset(
        np.random.default_rng(0).random((n, 6)).astype(np.float32),
        SPACE.sample(n, random_state=0),
        grid,
        SPACE,
        ("H2O", "CO2"),
        np.arange(n) // rows_a_parent * 10,
        {"simulator": "toy", "seed": 1},
    )


@pytest.mark.parametrize("rows_a_parent", [1, 4])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_parent_is_never_split(rows_a_parent, seed):
    data = make(400, rows_a_parent)
    parts = data.split(random_state=seed)
    parents = [set(part.parent.tolist()) for part in parts]
    assert not parents[0] & parents[1]
    assert not parents[0] & parents[2]
    assert not parents[1] & parents[2]
    assert set.union(*parents) == set(data.parent.tolist())
    assert sum(map(len, parts)) == len(data)
    assert [len(part) for part in parts] == [280, 60, 60]


@pytest.mark.parametrize("n", [20, 100, 200, 1000, 20_000])
def test_the_shares_are_70_15_15(n):
    parts = make(n).split(random_state=0)
    assert [len(part) for part in parts] == [n * 7 // 10, n * 3 // 20, n * 3 // 20]


def test_other_shares():
    parts = make(100).split(test=0.3, validation=0.1, random_state=0)
    assert [len(part) for part in parts] == [60, 10, 30]
    assert [len(part) for part in make(3).split(random_state=0)] == [1, 1, 1]
    assert min(len(part) for part in make(5).split(test=0.6, validation=0.3)) >= 1


def test_rows_of_x_and_y_stay_together():
    data = make(100)
    where = {row.tobytes(): k for k, row in enumerate(data.X)}
    for part in data.split(random_state=0):
        rows = [where[row.tobytes()] for row in part.X]
        np.testing.assert_array_equal(part.Y, data.Y[rows])
        np.testing.assert_array_equal(part.parent, data.parent[rows])
        assert part.Y.space == part.space == SPACE
        assert (part.molecules, part.provenance) == (data.molecules, data.provenance)


def test_a_seed_reproduces_the_split():
    first, again, other = (make(100).split(random_state=seed) for seed in (0, 0, 1))
    for a, b, c in zip(first, again, other):
        np.testing.assert_array_equal(a.X, b.X)
        assert not np.array_equal(a.X, c.X)


@pytest.mark.parametrize(
    ("n", "shares"), [(2, (0.15, 0.15)), (100, (0, 0.1)), (100, (0.1, 0)), (100, (0.5, 0.5))]
)
def test_a_split_that_leaves_a_part_empty_is_refused(n, shares):
    with pytest.raises(RangeError, match=f"cannot split {n} parent spectra into shares of"):
        make(n).split(*shares)


def test_presence_is_the_abundance_above_the_threshold():
    data = make(50)
    expected = np.asarray(data.Y)[:, 1:] > PRESENCE_THRESHOLD
    np.testing.assert_array_equal(data.presence(), expected)
    assert data.presence().dtype.kind == "i"
    assert data.presence(-13).all()
    assert not data.presence(0).any()
    reordered = Dataset(data.X, data.Y, data.grid, SPACE, ("CO2", "H2O"))
    np.testing.assert_array_equal(reordered.presence(), data.presence()[:, ::-1])


def test_parents_are_rows_by_default():
    data = make(10)
    assert Dataset(data.X, data.Y, data.grid, SPACE).parent.tolist() == list(range(10))


def test_a_selection_of_rows_is_a_data_set():
    data = make(10)
    mask = np.arange(10) % 2 == 0
    for rows in (slice(0, 10, 2), np.arange(0, 10, 2), mask):
        part = data[rows]
        np.testing.assert_array_equal(part.X, data.X[mask])
        assert part.Y.space == SPACE
    assert repr(part).startswith("Dataset(5 spectra, SpectralGrid(6 bins")


def test_y_knows_its_space_and_keeps_it_in_another_process():
    assert make(5).Y.space == SPACE
    assert pickle.loads(pickle.dumps(make(5))).Y.space == SPACE


def test_a_file_gives_back_every_bit(tmp_path):
    data = make(30, rows_a_parent=3)
    data.save(tmp_path / "set.h5")
    loaded = Dataset.load(tmp_path / "set.h5")
    for name in ("X", "Y", "parent"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(data, name))
        assert getattr(loaded, name).dtype == getattr(data, name).dtype
    assert loaded.grid == data.grid
    assert loaded.space == loaded.Y.space == SPACE
    assert (loaded.molecules, loaded.provenance) == (data.molecules, data.provenance)


def test_a_grid_of_thousands_of_bins_is_saved(tmp_path):
    """Such a header is larger than the 64 kB of an HDF5 attribute."""
    grid = SpectralGrid.from_resolution(0.5, 10, 2000)
    data = Dataset(np.zeros((2, len(grid))), SPACE.sample(2), grid, SPACE)
    data.save(tmp_path / "set.h5")
    assert Dataset.load(tmp_path / "set.h5").grid == grid


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"X": np.zeros((4, 5))}, GridError, "the grid has 6 bins"),
        ({"X": np.zeros(4)}, GridError, "the grid has 6 bins"),
        ({"Y": np.zeros((3, 3))}, RangeError, r"Y is of shape \(3, 3\); expected \(4, 3\)"),
        ({"Y": np.zeros((4, 2))}, RangeError, "Y is of shape"),
        ({"parent": np.zeros(3)}, RangeError, "4 spectra but parents of shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, error, message):
    data = make(4)
    parts = {name: getattr(data, name) for name in ("X", "Y", "grid", "space", "parent")}
    with pytest.raises(error, match=message):
        Dataset(**parts | changes)
