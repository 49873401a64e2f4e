"""A GAN whose training was killed goes on, and comes to what an undisturbed one comes to."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exosk.augmentation import NoiseInjector
from exosk.datasets import Dataset, Store, merge_stores
from exosk.exceptions import FileFormatError, RangeError
from exosk.grids import SpectralGrid
from exosk.models import InpaintingGANRetriever, MLPRetriever, load_model, save_model
from exosk.parameters import Normal, Parameter, ParameterArray, ParameterSpace, Uniform

N, N_BINS, SIGMA = 240, 9, 1e-4
GRID = SpectralGrid.from_edges(np.linspace(1, 2, N_BINS + 1))
SPACE = ParameterSpace([Parameter("a", Uniform(-1, 1)), Parameter("b", Uniform(0, 2))])
PHASE = np.linspace(0, np.pi, N_BINS)
Y = ParameterArray(SPACE.sample(N, 0), SPACE)
X = 0.02 + 3e-4 * (np.asarray(Y)[:, :1] * np.cos(PHASE) + np.asarray(Y)[:, 1:] * np.sin(PHASE))
DATA = Dataset(X, Y, GRID, SPACE, provenance={"simulator": "toy"})


def gan(**changes) -> InpaintingGANRetriever:
    settings = {
        "hidden": (16,),
        "critic_hidden": (8,),
        "max_epochs": 6,
        "batch_size": 32,
        "n_particles": 16,
        "n_moves": 1,
        "n_generated": 300,
        "augmentation": NoiseInjector(SIGMA),
        "proposal": MLPRetriever((8,), n_components=1, max_epochs=5),
        "random_state": 0,
    }
    return InpaintingGANRetriever(**settings | changes)


PICTURES = {
    "network": "picture",
    "n_latent": 3,
    "n_filters": 2,
    "objective": "minimax",
    "generator_steps": 2,
    "max_epochs": 4,
    "decay": 0.9,
    "n_generated": 60,
}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return merge_stores([DATA], tmp_path_factory.mktemp("store") / "set", shard_size=50)


class Killed(Exception):
    pass


def killed_after(share):
    def progress(done):
        if done > share:
            raise Killed

    return progress


def learned(model: InpaintingGANRetriever) -> dict[str, np.ndarray]:
    arrays = {f"net.{name}": array for name, array in model.export_weights().items()}
    arrays |= {"factor": model.factor_, "variance": model.variance_, "sigma": model.sigma_}
    if model.proposal_ is not None:
        guess = model.proposal_.export_weights()
        arrays |= {f"proposal.{name}": array for name, array in guess.items()}
    return arrays


def assert_equal(one: InpaintingGANRetriever, other: InpaintingGANRetriever) -> None:
    a, b = learned(one), learned(other)
    assert a.keys() == b.keys()
    assert [name for name in a if not np.array_equal(a[name], b[name])] == []
    mine, its = ([row | {"seconds": 0} for row in model.history_] for model in (one, other))
    assert mine == its


# The generator's training has three quarters of the progress, the proposal's the rest.
KILLS = {"in the generator's": (0.1, 0.5), "in the proposal's": (0.85,), "in both": (0.3, 0.85)}


@pytest.mark.parametrize("kills", list(KILLS.values()), ids=list(KILLS))
@pytest.mark.parametrize("kind", ["arrays", "pictures", "store"])
def test_an_interrupted_training_comes_to_the_same(kind, kills, store, tmp_path):
    changes = PICTURES if kind == "pictures" else {}
    data = (store.spectra(), store.parameters()) if kind == "store" else (X[:150], Y[:150])
    whole = gan(**changes).fit(*data)
    for share in kills:
        with pytest.raises(Killed):
            gan(checkpoint=tmp_path, progress=killed_after(share), **changes).fit(*data)
    again = gan(checkpoint=tmp_path, **changes).fit(*data)
    assert_equal(whole, again)
    np.testing.assert_array_equal(whole.predict(X[:1]), again.predict(X[:1]))


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "constant", "decay": 0.0},
        {"n_latent": 3, "critic_steps": 2},
        {"adversarial_weight": 0.0, "sampler": "restarts"},
        {"learning_rate": np.float64(0.002), "validation_fraction": 0.0},
        {"proposal": None, "max_epochs": 3, "n_generated": 40},
    ],
    ids=["last weights", "latent variables", "no critic", "a number of NumPy", "own proposal"],
)
def test_whatever_the_settings(changes, tmp_path):
    whole = gan(**changes).fit(X, Y)
    for share in (0.3, 0.76):
        with pytest.raises(Killed):
            gan(checkpoint=tmp_path, progress=killed_after(share), **changes).fit(X, Y)
    assert_equal(whole, gan(checkpoint=tmp_path, **changes).fit(X, Y))


@pytest.mark.parametrize("stored", [False, True])
def test_it_goes_on_and_does_not_begin_anew(stored, store, tmp_path):
    data = (store.spectra(), store.parameters()) if stored else (X, Y)
    with pytest.raises(Killed):
        gan(checkpoint=tmp_path, progress=killed_after(0.3)).fit(*data)
    calls = []
    model = gan(checkpoint=tmp_path, progress=calls.append).fit(*data)
    # The third epoch of six was the last that was written.
    assert calls[0] == pytest.approx(0.75 * 4 / 6)
    assert [row["epoch"] for row in model.history_] == [1, 2, 3, 4, 5, 6]


def test_a_finished_training_is_not_done_again(tmp_path):
    first = gan(checkpoint=tmp_path).fit(X, Y)
    calls = []
    again = gan(checkpoint=tmp_path, progress=calls.append).fit(X, Y)
    assert_equal(first, again)
    assert calls == [1.0]
    # Seconds and all.
    assert first.history_ == again.history_


def test_a_checkpoint_changes_nothing(tmp_path):
    kept = gan(checkpoint=str(tmp_path / "new" / "folder")).fit(X, Y)
    assert_equal(gan().fit(X, Y), kept)
    assert kept.proposal_.checkpoint is None
    assert kept.get_params()["proposal"].checkpoint is None


def test_what_changes_no_result_may_change(tmp_path, capsys):
    whole = gan().fit(X, Y)
    with pytest.raises(Killed):
        gan(checkpoint=tmp_path, progress=killed_after(0.85)).fit(X, Y)
    proposal = MLPRetriever(
        (8,), n_components=1, max_epochs=5, random_state=7, progress=print, checkpoint="elsewhere"
    )
    again = gan(checkpoint=tmp_path, verbose=1, device="cpu", proposal=proposal).fit(X, Y)
    assert_equal(whole, again)
    assert not Path("elsewhere").exists()
    capsys.readouterr()


OTHERS = {
    "spectra": lambda model: model.fit(X + 1e-6, Y),
    "parameters": lambda model: model.fit(X, ParameterArray(np.asarray(Y) * 0.9, SPACE)),
    "priors": lambda model: model.fit(
        X,
        ParameterArray(Y, ParameterSpace([SPACE["a"], Parameter("b", Normal(1, 1))])),
    ),
    "parents": lambda model: model.fit(X, Y, groups=np.arange(N) // 2),
    "settings": lambda model: model.set_params(max_epochs=7).fit(X, Y),
    "settings, the seed": lambda model: model.set_params(random_state=1).fit(X, Y),
    "settings, of the proposal": lambda model: model.set_params(proposal__hidden=(9,)).fit(X, Y),
}


@pytest.mark.parametrize("named", list(OTHERS))
@pytest.mark.parametrize("share", [0.3, 0.85])
def test_another_training_is_refused(named, share, tmp_path):
    with pytest.raises(Killed):
        gan(checkpoint=tmp_path, progress=killed_after(share)).fit(X, Y)
    with pytest.raises(RangeError, match=f"other {named.partition(',')[0]}; give another check"):
        OTHERS[named](gan(checkpoint=tmp_path))


def test_so_is_another_part_of_the_store(store, tmp_path):
    with pytest.raises(Killed):
        gan(checkpoint=tmp_path, progress=killed_after(0.3)).fit(
            store.spectra(), store.parameters()
        )
    with pytest.raises(RangeError, match="other spectra"):
        gan(checkpoint=tmp_path).fit(store.spectra()[1:], store.parameters()[1:])


@pytest.mark.parametrize("name", ["generator.pt", "proposal/member-0.pt"])
@pytest.mark.parametrize("damage", [b"", b"nonsense", None], ids=["empty", "nonsense", "cut off"])
def test_a_damaged_file_is_told(tmp_path, damage, name):
    with pytest.raises(Killed):
        gan(checkpoint=tmp_path, progress=killed_after(0.9)).fit(X, Y)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:500] if damage is None else damage)
    with pytest.raises(FileFormatError, match="no checkpoint"):
        gan(checkpoint=tmp_path).fit(X, Y)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_a_seed_is_needed(tmp_path, seed):
    told = []
    with pytest.raises(RangeError, match="random_state that is a number"):
        gan(checkpoint=tmp_path, random_state=seed, progress=told.append).fit(X, Y)
    assert not told


def test_a_checkpoint_is_a_path(tmp_path):
    with pytest.raises(RangeError, match="checkpoint must be the path of a folder, or None, got 3"):
        gan(checkpoint=3).fit(X, Y)


def test_a_saved_model_knows_nothing_of_it(tmp_path):
    model = gan(checkpoint=tmp_path / "kept").fit(X, Y)
    save_model(model, tmp_path / "model", DATA, sigma=SIGMA)
    again = load_model(tmp_path / "model").estimator
    assert again.checkpoint is None
    np.testing.assert_array_equal(again.predict(X[:2]), model.predict(X[:2]))


_SCRIPT = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from test_gan_checkpoint import X, Y, gan
def die(done):
    if done > float(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
gan(checkpoint=sys.argv[2], progress=die).fit(X, Y)
"""


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.85])
def test_sigkill(share, tmp_path):
    here, kept = str(Path(__file__).parent), tmp_path / "kept"
    command = [sys.executable, "-c", _SCRIPT, here, str(kept), json.dumps(share)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == -9, run.stderr
    assert (kept / "generator.pt").exists()
    assert (kept / "proposal").exists() == (share > 0.75)
    assert_equal(gan().fit(X, Y), gan(checkpoint=kept).fit(X, Y))
