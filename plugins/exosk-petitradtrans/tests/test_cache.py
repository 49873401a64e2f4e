"""Files in petitRADTRANS's format are written once, whole, and again when they are damaged."""

import multiprocessing
import os

import h5py
import numpy as np
import pytest
from exosk_petitradtrans import tables

import exosk
from exosk.opacities import get_opacity
from exosk.spectra import SpectralGrid


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    monkeypatch.setenv("EXOSK_CACHE_DIR", str(tmp_path))
    return tmp_path / "petitradtrans"


def water():
    return get_opacity("H2O").select(1.2, 1.3).at_pressures([1e-3, 1.0])


def write(folder, mode="lbl"):
    name = tables.line_file(water(), mode, folder)
    (path,) = folder.rglob(f"*{name.partition('__')[2]}*.h5")
    return path


def state(folder):
    return {str(p): p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def test_a_second_model_writes_nothing(make, fresh):
    make()
    before = state(fresh)
    assert len(before) == 4  # two molecules and two pairs
    make()
    assert state(fresh) == before


def test_another_table_has_another_name(fresh):
    other = get_opacity("H2O").select(1.2, 1.31).at_pressures([1e-3, 1.0])
    names = {tables.line_file(table, "lbl", fresh) for table in (water(), other, water())}
    assert len(names) == 2


@pytest.mark.parametrize("mode", ["lbl", "c-k"])
def test_the_file_holds_the_table(fresh, mode):
    with h5py.File(write(fresh, mode)) as file:
        sections = file["xsecarr" if mode == "lbl" else "kcoeff"][()]
        np.testing.assert_allclose(file["p"][()], [1e-3, 1.0])
        if mode == "c-k":
            assert file["weights"][()].sum() == pytest.approx(1, abs=1e-15)
            assert (sections == sections[..., :1]).all()
            wavelength = 1e4 / file["bin_centers"][()][::-1]
            np.testing.assert_allclose(wavelength, water().wavelength, rtol=1e-6)
            sections = sections[..., 0]
    np.testing.assert_allclose(
        np.log10(sections[..., ::-1]), water().log_cross_section, rtol=0, atol=1e-5
    )


def damage_bytes(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-5000])


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_bytes, cut_short, empty])
def test_a_damaged_file_is_written_again(fresh, damage):
    path = write(fresh)
    before = h5py.File(path)["xsecarr"][()]
    damage(path)
    # What was checked before is known by its time and size.
    os.utime(path, ns=(1, 1))
    assert write(fresh) == path
    np.testing.assert_array_equal(h5py.File(path)["xsecarr"][()], before)


def test_an_interrupted_write_leaves_nothing(fresh, monkeypatch):
    monkeypatch.setattr(tables, "_hash_arrays", lambda file: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(fresh)
    assert not [path for path in fresh.rglob("*") if path.is_file()]


def work(folder, seed):
    os.environ["EXOSK_CACHE_DIR"] = str(folder)
    grid = SpectralGrid.from_resolution(1.1, 1.7, 20)
    model = exosk.get_simulator(
        "petitradtrans", molecules=("H2O",), grid=grid, input_data="exosk", temperature_step=1.0
    )
    return model.simulate(model.space.sample(1, 0))


def test_two_processes_may_write_at_once(tmp_path):
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        first, second = pool.starmap(work, [(tmp_path, 0), (tmp_path, 1)])
    np.testing.assert_array_equal(first, second)
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3


def test_the_folder_is_the_users_cache_by_default(monkeypatch):
    monkeypatch.delenv("EXOSK_CACHE_DIR")
    assert tables.cache_folder().parts[-2:] == ("exosk", "petitradtrans")
