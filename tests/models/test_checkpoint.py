"""A training that was killed goes on, and comes to what an undisturbed one comes to."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

import exosk
from exosk.exceptions import FileFormatError, RangeError

RNG = np.random.default_rng(0)
Z = RNG.uniform(-1, 1, (300, 2))
X = 0.01 + 1e-4 * (Z @ RNG.normal(size=(2, 12)))
NOISE = exosk.NoiseInjector(np.full(12, 1e-5))


def flow(**changes):
    settings = {
        "hidden": (16, 16),
        "n_transforms": 2,
        "flow_hidden": (16,),
        "n_context": 8,
        "max_epochs": 6,
        "dropout": 0.1,
        "augmentation": NOISE,
        "random_state": 0,
    }
    return exosk.FlowRetriever(**settings | changes)


class Killed(Exception):
    pass


def killed_after(share):
    def progress(done):
        if done > share:
            raise Killed

    return progress


def weights(model):
    return model.export_weights()


def assert_equal(a, b):
    a, b = weights(a), weights(b)
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) for name in a)


MAKERS = {
    "flow": flow,
    "mlp": lambda **k: exosk.MLPRetriever(
        (16,), max_epochs=6, augmentation=NOISE, random_state=0, **k
    ),
    "cnn": lambda **k: exosk.CNNRetriever(
        (4,), max_epochs=6, augmentation=NOISE, random_state=0, **k
    ),
    "detector": lambda **k: exosk.MLPDetector(
        (16,), max_epochs=6, augmentation=NOISE, random_state=0, **k
    ),
}


@pytest.mark.parametrize("kind", list(MAKERS))
def test_an_interrupted_training_comes_to_the_same(kind, tmp_path):
    make = MAKERS[kind]
    y = (Z > 0).astype(int) if kind == "detector" else Z
    whole = make().fit(X, y)
    for share in (0.1, 0.5):
        with pytest.raises(Killed):
            make(checkpoint=tmp_path, progress=killed_after(share)).fit(X, y)
    again = make(checkpoint=tmp_path).fit(X, y)
    assert_equal(whole, again)
    for one, other in zip(whole.history_[0], again.history_[0], strict=True):
        assert one["train_loss"] == other["train_loss"]
        assert one["valid_loss"] == other["valid_loss"]
        assert one["learning_rate"] == other["learning_rate"]


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": "plateau"},
        {"schedule": "constant", "validation_fraction": 0},
        {"n_members": 2},
        {"patience": 1, "learning_rate": 0.3, "max_epochs": 12},
        {"learning_rate": np.float64(0.003)},
    ],
    ids=["plateau", "constant", "ensemble", "early stopping", "a number of NumPy"],
)
def test_whatever_the_settings(changes, tmp_path):
    whole = flow(**changes).fit(X, Z)
    with pytest.raises(Killed):
        flow(checkpoint=tmp_path, progress=killed_after(0.4), **changes).fit(X, Z)
    assert_equal(whole, flow(checkpoint=tmp_path, **changes).fit(X, Z))


def test_a_finished_training_is_not_done_again(tmp_path):
    first = flow(checkpoint=tmp_path).fit(X, Z)
    calls = []
    again = flow(checkpoint=tmp_path, progress=calls.append).fit(X, Z)
    assert_equal(first, again)
    assert calls == []
    assert first.history_ == again.history_


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda: flow().fit(X + 1e-5, Z), "spectra"),
        (lambda: flow().fit(X, Z * 0.9), "parameters"),
        (lambda: flow(max_epochs=7).fit(X, Z), "settings"),
        (lambda: flow(random_state=1).fit(X, Z), "settings"),
    ],
    ids=["spectra", "parameters", "epochs", "seed"],
)
def test_another_training_is_refused(tmp_path, change, named, monkeypatch):
    with pytest.raises(Killed):
        flow(checkpoint=tmp_path, progress=killed_after(0.4)).fit(X, Z)
    original = exosk.FlowRetriever.fit

    def with_checkpoint(self, *arguments):
        self.checkpoint = tmp_path
        return original(self, *arguments)

    monkeypatch.setattr(exosk.FlowRetriever, "fit", with_checkpoint)
    with pytest.raises(RangeError, match=f"other {named}"):
        change()


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_told(tmp_path, damage):
    with pytest.raises(Killed):
        flow(checkpoint=tmp_path, progress=killed_after(0.4)).fit(X, Z)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:500] if damage is None else damage)
    with pytest.raises(FileFormatError, match="no checkpoint"):
        flow(checkpoint=tmp_path).fit(X, Z)


def test_nothing_in_the_file_is_executed(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (exec, ("raise SystemExit('executed')",))

    (tmp_path / "member-0.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FileFormatError):
        flow(checkpoint=tmp_path).fit(X, Z)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_a_seed_is_needed(tmp_path, seed):
    with pytest.raises(RangeError, match="random_state"):
        flow(checkpoint=tmp_path, random_state=seed).fit(X, Z)


def test_a_checkpoint_changes_nothing(tmp_path):
    assert_equal(flow().fit(X, Z), flow(checkpoint=str(tmp_path / "new" / "folder")).fit(X, Z))


_SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_checkpoint import X, Z, flow
model = flow(checkpoint=sys.argv[2], max_epochs=40).fit(X, Z)
np.savez(sys.argv[3], **model.export_weights())
"""


def test_sigkill(tmp_path):
    import pathlib

    here = str(pathlib.Path(__file__).parent)
    command = [sys.executable, "-c", _SCRIPT, here, str(tmp_path / "kept"), str(tmp_path / "w.npz")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while not (tmp_path / "kept" / "member-0.pt").exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    whole = flow(max_epochs=40).fit(X, Z).export_weights()
    with np.load(tmp_path / "w.npz") as kept:
        assert all(np.array_equal(kept[name], whole[name]) for name in whole)
