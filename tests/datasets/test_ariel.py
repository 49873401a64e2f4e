"""The layout of the Ariel data challenges, written here and read back."""

from __future__ import annotations

import csv
import shutil

import h5py
import numpy as np
import pytest
from astropy import constants

import exosk
from exosk.datasets import read_ariel
from exosk.exceptions import FileFormatError, RangeError

N, N_BINS = 12, 52
CENTER = np.geomspace(0.55, 7.3, N_BINS)
WIDTH = CENTER * 0.045
COLUMNS = ("planet_radius", "planet_temp", "log_H2O", "log_CO2", "log_CO", "log_CH4", "log_NH3")


def write(path, header, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope="module")
def challenge(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ariel")
    rng = np.random.default_rng(0)
    names = [f"train{k + 1}" for k in range(N)]
    depth = 0.01 + 1e-4 * rng.standard_normal((N, N_BINS))
    theta = np.column_stack(
        [rng.uniform(0.5, 1.5, N), rng.uniform(500, 2500, N), *rng.uniform(-9, -3, (5, N))]
    )
    with h5py.File(folder / "SpectralData.hdf5", "w") as file:
        # HDF5 lists groups by the alphabet; the tables have another order.
        for k in rng.permutation(N):
            group = file.create_group(f"Planet_{names[k]}")
            group["instrument_wlgrid"] = CENTER[::-1]
            group["instrument_width"] = WIDTH[::-1]
            group["instrument_spectrum"] = depth[k, ::-1]
            group["instrument_noise"] = np.full(N_BINS, 1e-5 * (k + 1))
    systems = [
        [name, 10.0, constants.M_sun.value, 0.9 * constants.R_sun.value, 5500,
         0.5 * constants.M_jup.value, 3.0, 0.04, 10.0]
        for name in names
    ]  # fmt: skip
    header = ["planet_ID", "star_distance", "star_mass_kg", "star_radius_m", "star_temperature",
              "planet_mass_kg", "planet_orbital_period", "planet_distance",
              "planet_surface_gravity"]  # fmt: skip
    write(folder / "AuxillaryTable.csv", header, systems)
    truth = [[k, name, *row] for k, (name, row) in enumerate(zip(names, theta.tolist()))]
    write(folder / "Ground Truth Package" / "FM_Parameter_Table.csv",
          ["", "planet_ID", *COLUMNS], truth)  # fmt: skip
    return folder, depth, theta


@pytest.fixture
def copy(challenge, tmp_path):
    return shutil.copytree(challenge[0], tmp_path / "copy")


def test_everything_is_where_it_belongs(challenge):
    folder, depth, theta = challenge
    found = read_ariel(folder)
    assert np.allclose(found.depth, depth)
    assert np.allclose(found.sigma[:, 0], 1e-5 * np.arange(1, N + 1))
    assert np.allclose(found.grid.wavelength, CENTER)
    assert np.allclose(found.grid.half_width, WIDTH / 2)
    assert found.space.names == ["planet_radius", "temperature", "log_x_h2o", "log_x_co2",
                                 "log_x_co", "log_x_ch4", "log_x_nh3"]  # fmt: skip
    assert np.allclose(found.theta, theta)
    assert np.isfinite(found.space.log_prior(found.theta)).all()
    assert found.X.shape == (N, 2 * N_BINS)


def test_a_spectrum_knows_its_system(challenge):
    spectrum = read_ariel(challenge[0]).spectrum(3)
    assert spectrum.name == "train4"
    assert spectrum.meta["star_radius"] == pytest.approx(0.9)
    assert spectrum.meta["planet_mass"] == pytest.approx(0.5)
    # 5500 K sqrt(0.9 R_sun / 0.08 au)
    assert spectrum.meta["equilibrium_temperature"] == pytest.approx(1258, abs=2)


def test_a_forest_learns_from_it(challenge):
    data = read_ariel(challenge[0]).to_dataset()
    assert data.molecules == ("H2O", "CO2", "CO", "CH4", "NH3")
    exosk.ForestRetriever(5, random_state=0).fit(data.X, data.Y).predict(data.X)


def test_some_are_drawn(challenge):
    few = read_ariel(challenge[0], limit=5, random_state=0)
    again = read_ariel(challenge[0], limit=5, random_state=0)
    assert len(few) == 5
    assert few.names == again.names
    every = read_ariel(challenge[0])
    rows = [every.names.index(name) for name in few.names]
    assert np.array_equal(few.depth, every.depth[rows])


def test_a_test_set_has_no_truth(copy):
    shutil.rmtree(copy / "Ground Truth Package")
    found = read_ariel(copy)
    assert found.theta is None
    with pytest.raises(RangeError, match="test set"):
        found.to_dataset()


def test_those_without_a_label_are_left_out(copy):
    path = copy / "Ground Truth Package" / "FM_Parameter_Table.csv"
    lines = path.read_text().splitlines()
    lines[2] = "1,train2" + "," * len(COLUMNS)
    path.write_text("\n".join(lines[:-1]))
    names = read_ariel(copy).names
    assert len(names) == N - 2
    assert not {"train2", f"train{N}"} & set(names)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("SpectralData.hdf5", "layout"), ("AuxillaryTable.csv", "there is no")],
)
def test_a_file_that_is_missing(copy, name, reason):
    (copy / name).unlink()
    with pytest.raises(FileFormatError, match=reason):
        read_ariel(copy)


def test_a_file_cut_short(copy):
    path = copy / "SpectralData.hdf5"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FileFormatError, match=r"SpectralData\.hdf5"):
        read_ariel(copy)


def test_planets_in_other_bins(copy):
    with h5py.File(copy / "SpectralData.hdf5", "a") as file:
        file["Planet_train3/instrument_wlgrid"][0] += 0.01
    with pytest.raises(FileFormatError, match="train3 has other bins"):
        read_ariel(copy)


def test_a_parameter_that_is_no_number(copy):
    path = copy / "Ground Truth Package" / "FM_Parameter_Table.csv"
    path.write_text(path.read_text().replace("train5,", "train5,x", 1))
    with pytest.raises(FileFormatError, match="planet_radius of train5"):
        read_ariel(copy)


@pytest.mark.parametrize("settings", [{"limit": 0}, {"width": "double"}])
def test_settings_that_make_no_sense(challenge, settings):
    with pytest.raises(RangeError):
        read_ariel(challenge[0], **settings)
