"""What is damaged is put aside and made again, to the same bits; nothing that is whole is lost."""

from __future__ import annotations

import os

import pytest

import exosk
from exosk.datasets import Store, StoreError, merge_stores, repair_store, verify_store
from exosk.exceptions import FileFormatError
from exosk.instruments import get_instrument


def flip(path, place=0.5):
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


def test_a_store_that_is_whole_stays_as_it_is(tmp_path, make_store, contents):
    folder = make_store(tmp_path / "set").folder
    before = contents(folder)
    done = repair_store(folder)
    assert done.to_dict() == {
        "rebuilt_manifest": False, "damaged": {}, "changed": [], "missing": [],
    }  # fmt: skip
    assert contents(folder) == before


def test_damaged_and_lost_shards_are_made_again(tmp_path, make_store, line_simulator, contents):
    folder = make_store(tmp_path / "set").folder
    before = contents(folder)
    flip(folder / "shard-000000.h5")
    (folder / "shard-000001.h5").unlink()
    os.truncate(folder / "shard-000003.h5", 50)
    (folder / ".shard-000002.x.h5").write_bytes(b"left")
    kept = (folder / "shard-000002.h5").stat().st_mtime_ns
    done = repair_store(folder, line_simulator(), n_jobs=1)
    assert list(done.damaged) == [0, 1, 3]
    assert (done.changed, done.missing) == ([], [])
    assert contents(folder) == before
    assert (folder / "shard-000002.h5").stat().st_mtime_ns == kept


@pytest.mark.parametrize("state", ["lost", "damaged", "changed"])
def test_the_manifest_is_made_again_from_the_shards(tmp_path, make_store, contents, state):
    folder = make_store(tmp_path / "set").folder
    before = contents(folder)
    manifest = folder / "manifest.json"
    if state == "lost":
        manifest.unlink()
    else:
        text = manifest.read_text()
        manifest.write_text(
            text[:100] if state == "damaged" else text.replace('"seed": 5', '"seed": 6')
        )
    done = repair_store(folder)
    assert done.rebuilt_manifest
    assert not done.damaged
    assert contents(folder) == before


def test_what_the_simulator_refused_is_known_without_the_manifest(
    tmp_path, make_store, line_simulator, contents
):
    simulator = line_simulator(refuse=lambda theta: theta[:, 0] > 0.018)
    folder = make_store(tmp_path / "set", simulator).folder
    before = contents(folder)
    assert Store(folder).manifest.n_refused
    (folder / "manifest.json").unlink()
    assert repair_store(folder).rebuilt_manifest
    assert contents(folder) == before


def test_a_manifest_and_a_shard_are_lost_together(tmp_path, make_store, line_simulator, contents):
    folder = make_store(tmp_path / "set").folder
    before = contents(folder)
    (folder / "manifest.json").unlink()
    flip(folder / "shard-000001.h5")
    done = repair_store(folder, line_simulator(), n_jobs=1)
    assert done.rebuilt_manifest
    assert list(done.damaged) == [1]
    assert contents(folder) == before


def test_the_simulator_is_made_from_the_provenance(tmp_path, make_store, contents):
    simulator = exosk.get_simulator(
        "builtin",
        molecules=("H2O", "CH4"),
        fixed={"log_x_ch4": -5.0},
        temperature_profile="guillot",
        n_layers=30,
    )
    like = get_instrument("hst-wfc3-g141")
    folder = make_store(tmp_path / "set", simulator, n=20, shard_size=10, like=like).folder
    before = contents(folder)
    flip(folder / "shard-000001.h5")
    assert list(repair_store(folder, n_jobs=1).damaged) == [1]
    assert contents(folder) == before


def test_what_cannot_be_made_again_is_put_aside_and_the_rest_stays(
    tmp_path, make_store, line_simulator, contents
):
    folder = make_store(tmp_path / "set").folder
    before = contents(folder)
    flip(folder / "shard-000001.h5")
    damaged = (folder / "shard-000001.h5").read_bytes()
    with pytest.raises(StoreError, match=r"cannot be made from the provenance .*run the command"):
        repair_store(folder)
    with pytest.raises(StoreError, match=r"is not that of the set: provenance\.simulator"):
        repair_store(folder, line_simulator({"simulator": "curve"}))
    assert (folder / "shard-000001.damaged").read_bytes() == damaged
    assert list(verify_store(folder).problems) == [1]
    assert len(Store(folder, partial=True)) == 800
    make_store(folder)  # the command that made it
    (folder / "shard-000001.damaged").unlink()
    assert contents(folder) == before


def test_without_simulating(tmp_path, make_store):
    folder = make_store(tmp_path / "set").folder
    (folder / "shard-000001.h5").unlink()
    done = repair_store(folder, simulate=False)
    assert (list(done.damaged), done.missing) == ([1], [1])


def test_a_merged_store_that_lost_a_shard_is_merged_again_without_it(tmp_path, make_store):
    store = merge_stores([make_store(tmp_path / "set")], tmp_path / "merged")
    (store.folder / "shard-000000.h5").unlink()
    with pytest.raises(StoreError, match=r"put together from others .*merge .* --partial"):
        repair_store(store.folder)
    left = merge_stores([Store(store.folder, partial=True)], tmp_path / "left")
    assert len(left) == 800
    assert verify_store(left.folder).ok


def test_shards_of_two_stores_cannot_be_told_apart(tmp_path, make_store):
    folder, other = (make_store(tmp_path / str(seed), random_state=seed).folder for seed in (1, 2))
    (folder / "manifest.json").unlink()
    (folder / "shard-000001.h5").write_bytes((other / "shard-000001.h5").read_bytes())
    with pytest.raises(FileFormatError, match="cannot be mended: shards of 2 stores"):
        repair_store(folder)


def test_there_is_nothing_to_mend(tmp_path):
    with pytest.raises(FileFormatError, match="there is nothing of a store"):
        repair_store(tmp_path)
    assert not list(tmp_path.iterdir())


def test_nobody_else_writes_meanwhile(tmp_path, make_store):
    def second(progress):
        with pytest.raises(StoreError, match="another process is writing to"):
            repair_store(tmp_path / "set")

    make_store(tmp_path / "set", progress=second)
