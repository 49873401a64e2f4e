"""What stands in for hidden bins."""

import numpy as np
import pytest

import exosk
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.explain import Background
from exosk.explain.background import FILLINGS
from exosk.parameters import Parameter, ParameterSpace, Uniform


@pytest.fixture(scope="module")
def seen(grid):
    return np.random.default_rng(5).random((4, grid.n_bins)) < 0.5


def fill(world, filling, row, seen, n=8, **settings):
    background = Background(world.grid, world.depth, sigma=world.sigma, filling=filling, **settings)
    return background.fill(row, seen, n, 1)


@pytest.mark.parametrize("sigma", [False, True])
@pytest.mark.parametrize("filling", FILLINGS)
def test_what_is_seen_stays(world, seen, filling, sigma):
    row = world.spectrum.to_row(sigma=sigma)[0]
    rows = fill(world, filling, row, seen)
    assert rows.shape == (4, 8, len(row))
    both = np.tile(seen, 1 + sigma)
    for case, mask in zip(rows, both, strict=True):
        assert (case[:, mask] == row[mask]).all()
        hidden = ~mask[: world.grid.n_bins]
        assert (case[:, : world.grid.n_bins][:, hidden] != row[: world.grid.n_bins][hidden]).all()


@pytest.mark.parametrize("filling", FILLINGS)
def test_missing_bins_stay_missing(world, seen, filling):
    row = world.spectrum.to_row(sigma=True)[0].copy()
    n = world.grid.n_bins
    row[[2, n + 2]] = np.nan
    rows = fill(world, filling, row, seen)
    assert np.isnan(rows[..., [2, n + 2]]).all()
    if filling != "missing":
        assert np.isnan(rows).sum() == rows.shape[0] * rows.shape[1] * 2


def test_a_missing_bin_is_missing_with_its_error(world, seen):
    rows = fill(world, "missing", world.spectrum.to_row(sigma=True)[0], seen)
    n = world.grid.n_bins
    assert (np.isnan(rows[..., :n]) == ~seen[:, None]).all()
    assert (np.isnan(rows[..., n:]) == ~seen[:, None]).all()


def test_something_is_left_where_all_is_hidden(world):
    nothing = np.zeros((1, world.grid.n_bins), dtype=bool)
    rows = fill(world, "missing", world.spectrum.to_row(sigma=True)[0], nothing, n=500)
    assert np.isfinite(rows).all()
    depths = rows[0, :, : world.grid.n_bins]
    assert depths.std(axis=0) == pytest.approx(world.depth.std(axis=0), rel=0.15)


def test_hidden_bins_agree_with_those_seen(world):
    """Of two bins that are alike in all spectra, one tells the other; unlike independent pixels."""
    seen = np.ones((1, world.grid.n_bins), dtype=bool)
    seen[0, 0] = False
    row = world.spectrum.depth
    drawn = fill(world, "conditional", row, seen, n=4000)[0, :, 0]
    # Five bins of its band, each with noise, and the noise of its own.
    assert drawn.mean() == pytest.approx(row[1:4].mean(), abs=3e-5)
    assert drawn.std() < 1.4 * world.sigma[0] < 0.4 * world.depth[:, 0].std()


def test_columns_behind_depths_and_errors_pass(world, seen):
    row = np.append(world.spectrum.to_row(sigma=True)[0], [7.0, 8.0])
    assert (fill(world, "conditional", row, seen)[..., -2:] == [7, 8]).all()


def test_errors_are_hidden_with_depths(world, seen):
    """Spectra are observed with errors of one shape: those seen tell those hidden."""
    n = world.grid.n_bins
    factors = np.random.default_rng(0).uniform(-1, 1, (500, 1))
    log_sigma = np.log(world.sigma) + factors
    row = world.spectrum.to_row(sigma=True)[0]
    rows = fill(world, "conditional", row, seen, log_sigma=log_sigma)
    assert rows[..., n:] == pytest.approx(
        np.broadcast_to(world.sigma, rows[..., n:].shape), rel=0.02
    )
    nothing = np.zeros((1, n), dtype=bool)
    blind = fill(world, "conditional", row, nothing, n=3000, log_sigma=log_sigma)[0, :, n:]
    assert np.log(blind).std(axis=0) == pytest.approx(log_sigma.std(axis=0), rel=0.1)


def test_the_level_is_that_of_what_is_seen(world):
    row = world.spectrum.depth + 0.003
    half = np.arange(world.grid.n_bins) < 9
    rows = fill(world, "level", row, half[None], n=300)[0]
    assert rows[:, ~half].mean() - row.mean() == pytest.approx(0, abs=2e-4)


def test_the_same_seed_the_same_draws(world, seen):
    row = world.spectrum.depth
    first, again = (world.background.fill(row, seen, 3, 7) for _ in range(2))
    assert (first == again).all()
    assert (world.background.fill(row, seen, 3, 8) != first)[:, :, ~seen.any(axis=0)].all()


@pytest.fixture(scope="module")
def simulator():
    space = ParameterSpace(
        [
            Parameter("temperature", Uniform(800, 1200), "K"),
            Parameter("log_x_h2o", Uniform(-12, -3), "log VMR"),
            Parameter("log_x_co2", Uniform(-6, -3), "log VMR"),
        ]
    )
    return exosk.get_simulator(
        "builtin",
        molecules=("H2O", "CO2"),
        space=space,
        fixed={"planet_radius": 1.2, "planet_mass": 0.3, "star_radius": 0.9},
    )


def test_a_simulated_background_lacks_the_molecule(simulator):
    spectrum = exosk.load_spectrum("wasp-39b")
    with_it, without = (
        Background.simulate(simulator, spectrum, name, n=40) for name in (None, "CO2")
    )
    band = (spectrum.wavelength > 4.2) & (spectrum.wavelength < 4.5)
    other = (spectrum.wavelength > 3.2) & (spectrum.wavelength < 3.5)
    change = (with_it.depth - without.depth).mean(axis=0)
    assert change[band].min() > 20 * np.abs(change[other]).max() > 0
    assert (without.sigma == spectrum.sigma).all()
    with pytest.raises(UnknownNameError, match="CH4"):
        Background.simulate(simulator, spectrum, "CH4")


def test_chosen_from_a_data_set(simulator):
    instrument = exosk.get_instrument("hst-wfc3-g141")
    data = exosk.simulate_dataset(simulator, 200, instrument, 0, detectability=instrument)
    background = Background.of_dataset(data, "H2O")
    rows = data.delta_chi2[:, 0] <= 1
    assert (background.depth == data.X[rows]).all()
    assert (background.sigma == data.sigma).all()
    assert len(Background.of_dataset(data, n=50).depth) == 50
    with pytest.raises(UnknownNameError, match="molecule 'CH4'"):
        Background.of_dataset(data, "CH4")
    with pytest.raises(RangeError, match="shows in all but"):
        Background.of_dataset(data[data.delta_chi2[:, 0] > 1], "H2O")


def test_refusals(world):
    with pytest.raises(UnknownNameError, match="filling"):
        Background(world.grid, world.depth, filling="pixels")
    with pytest.raises(GridError, match="background depth"):
        Background(world.grid, world.depth[:, :4])
    with pytest.raises(RangeError, match="simulate more"):
        Background(world.grid, world.depth[:3])
    with pytest.raises(GridError, match="columns"):
        world.background.fill(np.ones(5), np.ones((1, world.grid.n_bins), dtype=bool), 1)
