"""ExoGAN's training set made with exosk's simulators, in a script and by commands."""

import json
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from exosk_exogan import PRIORS, exogan_grid, exogan_simulator, exogan_space, simulate_exogan

import exosk
from exosk.cli import main
from exosk.datasets import Dataset, simulate_dataset
from exosk.exceptions import ExoskError, GridError, RangeError, UnknownNameError
from exosk.parameters import Uniform, prior_from_dict
from exosk.testing import InstrumentSuite

WFC3 = {"low": 1.1, "high": 1.8}


class TestExoganGrid(InstrumentSuite):
    def make(self):
        return exosk.get_instrument("exogan")


class TestWholeGrid(InstrumentSuite):
    def make(self):
        return exosk.get_instrument("exogan-50um")


def test_the_priors_are_those_of_the_paper():
    space = exogan_space()
    expected = [[0.8, 1.5], [0.8, 2.0], [1000, 2000]] + [[-8, -1]] * 4
    assert space.names[3:] == ["log_x_h2o", "log_x_co2", "log_x_co", "log_x_ch4"]
    np.testing.assert_allclose(space.bounds, expected)


def test_the_file_of_priors_says_the_same():
    content = tomllib.loads(PRIORS.read_text())
    found = {name: prior_from_dict(prior, name) for name, prior in content["priors"].items()}
    assert found == {p.name: p.prior for p in exogan_space()}


def test_the_set_reaches_as_far_as_the_opacities():
    data = simulate_exogan(3, random_state=0)
    assert data.X.shape == (3, 462)
    assert data.X.dtype == np.float32
    assert data.grid == exogan_grid(high=30) == exosk.get_instrument("exogan").grid
    assert exosk.get_instrument("exogan-50um").grid == exogan_grid()
    assert np.isfinite(data.X).all()


def test_it_is_what_exosk_simulates():
    grid = exogan_grid(**WFC3)
    told = []
    data = simulate_exogan(300, random_state=5, progress=told.append, **WFC3)
    expected = simulate_dataset(exogan_simulator(), 300, grid, random_state=5)
    assert np.array_equal(data.Y, expected.Y)
    np.testing.assert_allclose(data.X, expected.X, rtol=1e-6)
    assert (data.grid, data.space) == (grid, exogan_space())
    assert told == [256, 44]
    assert data.provenance["fixed"]["star_radius"] == 1
    assert (data.provenance["sampling"], data.provenance["seed"]) == ("continuous", 5)


def test_every_corner_of_the_priors_is_an_atmosphere():
    simulator = exogan_simulator(grid=exogan_grid(1.1, 1.2))
    corners = np.array(np.meshgrid(*simulator.space.bounds)).reshape(7, -1).T
    assert len(corners) == 2**7
    assert np.isfinite(simulator.simulate(corners)).all()


def test_the_grid_has_ten_values_of_each_parameter():
    data = simulate_exogan(400, sampling="grid", random_state=0, **WFC3)
    Y = np.asarray(data.Y)
    assert len(np.unique(Y, axis=0)) == 400
    for column, (low, high) in zip(Y.T, exogan_space().bounds):
        np.testing.assert_allclose(np.unique(column), np.linspace(low, high, 10), atol=1e-12)
    train, _, test = data.split(random_state=0)
    assert set(np.asarray(test.Y).ravel()) <= set(np.asarray(train.Y).ravel())
    assert data.provenance["sampling"] == "grid"


@pytest.mark.parametrize("sampling", ["continuous", "grid"])
def test_a_seed_settles_the_set(sampling):
    first, again, other = (
        simulate_exogan(4, sampling=sampling, random_state=seed, low=1.1, high=1.2)
        for seed in (0, 0, 1)
    )
    assert np.array_equal(first.X, again.X)
    assert not np.array_equal(first.Y, other.Y)


def test_taurex_makes_the_same_set():
    """To the 0.1 ppm to which the codes agree with the same layers and interpolation."""
    pytest.importorskip("exosk_taurex", reason="the plugin exosk-taurex is not installed")
    band = {"low": 1.3, "high": 1.5}
    theirs = exogan_simulator("taurex", layers="exact", interpolation="exosk")
    ours = exogan_simulator("builtin", layer_density="uniform", device="cpu")
    sets = [simulate_exogan(3, sim, random_state=2, **band) for sim in (theirs, ours)]
    assert np.array_equal(sets[0].Y, sets[1].Y)
    assert np.abs(sets[0].X - sets[1].X).max() < 0.1e-6
    assert sets[0].provenance["simulator"] == "taurex"
    untouched = simulate_exogan(3, "taurex", random_state=2, **band)
    assert np.abs(untouched.X - sets[1].X).max() < 15e-6


@pytest.mark.parametrize(
    ("n", "options", "kind", "message"),
    [
        (0, {}, RangeError, "positive whole number, got 0"),
        (2.5, {}, RangeError, "positive whole number, got 2.5"),
        (1, {"sampling": "regular"}, UnknownNameError, "unknown sampling"),
        (1, {"simulator": "bultin"}, UnknownNameError, "did you mean 'builtin'"),
        (10**7 + 1, {"sampling": "grid"}, RangeError, "has 10000000 nodes"),
        (1, {"low": 20.0, "high": 50.0}, RangeError, "the opacities only"),
        (1, {"low": 60.0, "high": 70.0}, GridError, "no bin of ExoGAN's grid"),
        (1, {"low": 1.0, "high": 1.001}, GridError, "no bin of ExoGAN's grid"),
    ],
)
def test_what_cannot_be_simulated_is_refused(n, options, kind, message):
    with pytest.raises(kind, match=message) as told:
        simulate_exogan(n, **options)
    assert isinstance(told.value, ExoskError)


def test_another_task_is_refused():
    narrow = exogan_simulator(space=exogan_space().replace(temperature=Uniform(1000, 1100)))
    for simulator in (narrow, exosk.get_simulator("builtin", molecules=("H2O",))):
        with pytest.raises(RangeError, match="are not ExoGAN's"):
            simulate_exogan(1, simulator)


@pytest.mark.parametrize("ppm", [0, -20, np.nan, 1e6])
def test_errors_without_a_meaning_are_refused(ppm):
    with pytest.raises(RangeError, match="positive ppm"):
        exosk.get_instrument("exogan", ppm=ppm)


def test_an_instrument_may_be_part_of_the_grid():
    wfc3 = exosk.get_instrument("exogan", ppm=50, **WFC3)
    assert wfc3.grid == exogan_grid(**WFC3)
    assert wfc3.sigma == pytest.approx(50e-6)


def test_the_command_simulates_the_same_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = "simulate --n 20 --instrument exogan --out training --json --seed 4 --priors"
    assert main([*command.split(), str(PRIORS)]) == 0, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["n_bins"] == 462
    found = Dataset.load("training/dataset.h5")
    expected = simulate_exogan(20, random_state=4)
    assert found.space == expected.space
    assert np.array_equal(found.Y, expected.Y)
    np.testing.assert_allclose(found.X, expected.X, rtol=1e-6)
    assert found.sigma == pytest.approx(20e-6)


def test_bins_beyond_the_opacities_are_refused_by_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = "simulate --n 20 --instrument exogan-50um --out training --priors"
    assert main([*command.split(), str(PRIORS)]) == 2
    assert "the bins span 0.3-50.42 um but the opacities only" in capsys.readouterr().err
    assert not (tmp_path / "training" / "dataset.h5").exists()


def test_looking_for_plugins_loads_nothing_heavy():
    heavy = "{'torch', 'scipy', 'sklearn', 'exosk_exogan.chunks', 'exosk_exogan.recipe'}"
    command = f"import sys, exosk_exogan.hooks; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", command], check=True)
