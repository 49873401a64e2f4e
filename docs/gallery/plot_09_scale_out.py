"""
Scale out
=========

A training set in shards, made by several processes, stopped and gone on with; a network that
learns from it with a part of it in memory, stopped and gone on with. The same calls serve ten
million spectra on a cluster.
"""

import tempfile
from contextlib import suppress
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exosk
from exosk.datasets import verify_store

scratch = tempfile.TemporaryDirectory()
folder = Path(scratch.name)

# %%
# A store
# -------
# Shard k is drawn and simulated from a seed of its own. So the set is the same, byte for byte, for
# any number of processes, and however often it was stopped.

instrument = exosk.get_instrument("hst-wfc3-g141")
simulator = exosk.get_simulator("builtin", molecules=("H2O", "CH4"))


class Stop(Exception):
    """Somebody pulled the plug."""


def pull_the_plug(progress):
    """Stop a run in the middle."""
    if progress.n_done >= 6000:
        raise Stop


request = {"n": 12_000, "like": instrument, "random_state": 0, "shard_size": 1000}
with suppress(Stop):
    exosk.simulate_store(
        simulator, folder=folder / "store", n_jobs=2, progress=pull_the_plug, **request
    )

# %%
# The same call goes on where it was.

reports = []
store = exosk.simulate_store(
    simulator, folder=folder / "store", n_jobs=2, progress=reports.append, **request
)
print(f"{reports[0].n_before} spectra were there, {reports[-1].n_done} are now")
print(store)
print(verify_store(folder / "store"))

# %%
# Reading
# -------
# A store is indexed as a data set is, and reads what it is asked for. Batches come in random
# order, through a buffer, the next one being read meanwhile.

print(store[1000:1004].Y[:, store.space.index("temperature")])
sizes = [len(batch) for batch in store.batches(1024, random_state=0, epoch=0)]
print(sum(sizes), "spectra in", len(sizes), "batches")
train, _, test = store.split(validation=0.05, random_state=0)

# %%
# Training
# --------
# ``spectra()`` and ``parameters()`` stand for arrays and read nothing by themselves. With
# ``checkpoint`` the training is kept after each epoch. A first run is stopped half way:


def make(checkpoint=None, progress=None):
    """Return a network that is to see the spectra eight times."""
    return exosk.FlowRetriever(
        (64, 64),
        augmentation=exosk.NoiseInjector(instrument),
        n_transforms=4,
        max_epochs=8,
        checkpoint=checkpoint,
        progress=progress,
        random_state=0,
    )


def pull_again(share):
    """Stop a training in the middle."""
    if share > 0.5:
        raise Stop


kept = str(folder / "kept")
try:
    make(kept, pull_again).fit(train.spectra(), train.parameters())
except Stop:
    print("kept:", *(path.name for path in Path(kept).iterdir()))

# %%
# The same call goes on, and ends where it would have ended without the stop, to the last bit:

flow = make(kept).fit(train.spectra(), train.parameters())
straight = make().fit(train.spectra(), train.parameters())
noisy = exosk.NoiseInjector(instrument, random_state=1).fit_transform(test[:500].X)
same = np.array_equal(flow.predict(noisy), straight.predict(noisy))
print(f"the same as a training that was never stopped: {same}")

epochs = flow.history_[0]
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
numbers = np.arange(1, len(epochs) + 1)
for key, label in (("train_loss", "training"), ("valid_loss", "held out")):
    axis.plot(numbers, [epoch[key] for epoch in epochs], marker="o", label=label)
axis.axvline(4.5, color="0.4", linestyle="--", linewidth=0.8, label="stopped here")
axis.set_xlabel("epoch")
axis.set_ylabel("loss (nats)")
axis.legend(frameon=False)
plt.show()

# %%
# On a cluster, ``scheduler="tcp://..."`` takes the place of ``n_jobs``, and nothing else changes.
# In a shell: ``exosk simulate --n 10_000_000 --like wasp-39b --out training --jobs 2``, then
# ``exosk train training --model flow --checkpoint kept --out model``. See :doc:`../scale`.

scratch.cleanup()
