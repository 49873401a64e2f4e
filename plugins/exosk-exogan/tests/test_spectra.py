"""ExoGAN's `.dat` and `.par`, and the source of them."""

import shutil

import numpy as np
import pytest
from astropy import units as u
from exosk_exogan import ExoganSource, exogan_grid, exogan_simulator, read_exogan_spectrum
from exosk_exogan.grid import CENTRES

import exosk
from exosk.exceptions import ExoskError, FileFormatError, UnitError, UnknownNameError
from exosk.plugin import default_manager
from exosk.testing import SourceSuite

PAR = """
[General]
wavemax = 10.  # not used

[Star]
radius = 0.9

[Planet]
radius = 1.2
mass = 1.1

[Atmosphere]
tp_type = isothermal
tp_iso_temp = 1500
active_gases = H2O, CO, CO2, CH4
active_gases_mixratios = 1e-3, 1e-4, 1e-5, 1e-6
"""


def lines(places=range(514, -1, -1), depth=0.01, sigma=2e-5):
    """The columns of a file, from the longest wavelength to the shortest."""
    return "\n".join(f"{CENTRES[k]:.5e} {depth + 1e-6 * k:.8e} {sigma}" for k in places)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a_planet.dat").write_text(lines())
    (tmp_path / "a_planet.par").write_text(PAR)
    (tmp_path / "WFC3 only.dat").write_text("# a comment\n" + lines(range(180, 130, -1)) + "\n\n")
    (tmp_path / "notes.txt").write_text("none")
    return tmp_path


@pytest.fixture(scope="module")
def lasting_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exogan")
    (folder / "a_planet.dat").write_text(lines())
    (folder / "a_planet.par").write_text(PAR)
    (folder / "wfc3-only.dat").write_text(lines(range(180, 130, -1)))
    return folder


class TestExoganSource(SourceSuite):
    @pytest.fixture(autouse=True)
    def take_folder(self, lasting_folder):
        self.folder = lasting_folder

    def make(self):
        return ExoganSource(self.folder)


def test_depths_are_the_files_own_in_ascending_bins(folder):
    spectrum = read_exogan_spectrum(folder / "a_planet.dat")
    assert spectrum.grid == exogan_grid()
    np.testing.assert_allclose(spectrum.depth, 0.01 + 1e-6 * np.arange(515), rtol=1e-7)
    assert (spectrum.sigma == 2e-5).all()
    assert (spectrum.name, spectrum.meta["file"]) == ("a_planet", "a_planet.dat")


def test_the_planet_is_told_in_exosks_units(folder):
    meta = read_exogan_spectrum(folder / "a_planet.dat").meta
    assert meta["star_radius"] == pytest.approx((0.9 * 695500 * u.km).to_value(u.R_sun))
    truth = meta["truth"]
    assert truth["planet_radius"] == pytest.approx((1.2 * 69911 * u.km).to_value(u.R_jup))
    assert truth["planet_mass"] == pytest.approx((1.1 * 1.898e27 * u.kg).to_value(u.M_jup))
    assert truth["temperature"] == 1500
    found = [truth[f"log_x_{gas}"] for gas in ("h2o", "co", "co2", "ch4")]
    assert found == pytest.approx([-3, -4, -5, -6])
    assert "planet_mass" not in meta, "a retrieval would take it for a prior"


def test_bins_that_a_file_lacks_are_missing(folder):
    spectrum = read_exogan_spectrum(folder / "WFC3 only.dat")
    assert spectrum.meta["missing_bins"] == 515 - 50
    assert np.flatnonzero(spectrum.observed).tolist() == list(range(131, 181))
    assert 1.1 < spectrum.without_missing().wavelength[0] < 1.2
    assert "truth" not in spectrum.meta


def test_exosk_loads_it_by_name(folder, monkeypatch):
    monkeypatch.setenv("EXOSK_EXOGAN_DIR", str(folder))
    assert "exogan" in default_manager().names("sources")
    assert ExoganSource().names() == ["WFC3 only", "a_planet"]
    assert len(exosk.load_spectrum("wfc3-only").without_missing()) == 50
    assert exosk.load_spectrum("A planet").name == "a_planet"


def test_without_a_folder_there_is_nothing():
    source = ExoganSource()
    assert source.names() == []
    with pytest.raises(UnknownNameError, match="unknown spectrum of ExoGAN's 'a_planet'"):
        source.load("a_planet")


def test_a_folder_that_is_not_there_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("EXOSK_EXOGAN_DIR", str(tmp_path / "absent"))
    with pytest.raises(FileFormatError, match=r"EXOSK_EXOGAN_DIR\) cannot be read: no such file"):
        ExoganSource().names()
    with pytest.raises(UnknownNameError, match="EXOSK_EXOGAN_DIR"):
        exosk.load_spectrum("no-such-planet")
    assert len(exosk.load_spectrum("wasp-39b")) == 112  # the other sources still answer


def test_a_name_that_fits_two_files_is_refused(folder):
    shutil.copy(folder / "a_planet.dat", folder / "A-Planet.dat")
    assert ExoganSource(folder).load("a_planet").name == "a_planet"
    with pytest.raises(FileFormatError, match="'a planet' may be A-Planet or a_planet"):
        ExoganSource(folder).load("a planet")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("", FileFormatError, "is empty"),
        ("# only a comment", FileFormatError, "no line of numbers"),
        ("1.0 0.01", FileFormatError, "line 1 is not three numbers"),
        ("wavelength depth error\n", FileFormatError, "line 1 is not three numbers"),
        ("nan 0.01 1e-5", FileFormatError, "line 1 is not three numbers"),
        ("-1 0.01 1e-5", FileFormatError, "line 1 is not three numbers"),
        ("1.4 0.01 1e-5", FileFormatError, "1.4 um is no bin of ExoGAN's grid"),
        ("80.0 0.01 1e-5", FileFormatError, "80 um is no bin of ExoGAN's grid"),
        ("0.3015 0.01 1e-5\n0.30151 0.01 1e-5", FileFormatError, "two lines for one bin"),
        ("0.3015 1.1 1e-5", UnitError, "looks like percent"),
        ("0.3015 0.01 0", UnitError, "errors must be positive"),
        ("0.3015 nan nan", ExoskError, "every transit depth is missing"),
        ("0.3015 \x00", FileFormatError, "binary data"),
    ],
)
def test_a_spectrum_that_cannot_be_read_is_refused(text, kind, message, tmp_path):
    path = tmp_path / "bad.dat"
    path.write_text(text)
    with pytest.raises(kind, match=message) as told:
        read_exogan_spectrum(path)
    assert "bad.dat" in str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("radius = 0.9", "", r"no 'radius' in its section \[Star\]"),
        ("radius = 1.2", "radius = big", r"\[Planet\] radius is 'big', no positive number"),
        ("tp_iso_temp = 1500", "tp_iso_temp = -5", "tp_iso_temp is '-5'"),
        ("tp_iso_temp = 1500", "tp_iso_temp = nan", "tp_iso_temp is 'nan'"),
        ("1e-3, 1e-4, ", "", "4 active gases but 2 ratios"),
        ("1e-3", "0", "mixing ratio of H2O is '0'"),
        ("1e-3", "1.5", "mixing ratio of H2O is 1.5, above one"),
        ("[Planet]", "[Star]", "is no parameter file"),
        ("[General]", "", "is no parameter file"),
    ],
)
def test_a_planet_that_cannot_be_read_is_refused(old, new, message, folder):
    (folder / "a_planet.par").write_text(PAR.replace(old, new))
    with pytest.raises(FileFormatError, match=message) as told:
        read_exogan_spectrum(folder / "a_planet.dat")
    assert "a_planet.par" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UnknownNameError, match="there is no file"):
        read_exogan_spectrum(tmp_path / "absent.dat")


def test_the_grid_is_that_of_exogans_file(exogan_folder):
    wavelength = np.loadtxt(exogan_folder / "wnw_grid.txt")
    np.testing.assert_allclose(CENTRES[::-1], wavelength, rtol=1e-14)
    grid = exogan_grid()
    assert ((grid.lower < CENTRES) & (grid.upper > CENTRES)).all()
    assert np.array_equal(grid.lower[1:], grid.upper[:-1])
    np.testing.assert_allclose(grid.upper / grid.lower, 1.01)


def test_exogans_own_spectrum_is_that_of_its_planet(exogan_folder):
    """Another code and other line lists; 405 ppm lower if the radius were not converted."""
    spectrum = ExoganSource(exogan_folder).load("input_spectrum")
    assert len(spectrum.without_missing()) == 515
    assert (spectrum.sigma == 2e-5).all()
    grid = exogan_grid(0.5, 30)
    simulator = exogan_simulator(fixed={"star_radius": spectrum.meta["star_radius"]}, grid=grid)
    theta = [[spectrum.meta["truth"][name] for name in simulator.space.names]]
    ours = grid.average(simulator.wavelength, simulator.simulate(theta))[0]
    theirs = spectrum.between(0.5, 30)
    assert theirs.grid == grid
    assert np.median(np.abs(ours - theirs.depth)) < 45e-6
    assert np.corrcoef(ours, theirs.depth)[0, 1] > 0.94
