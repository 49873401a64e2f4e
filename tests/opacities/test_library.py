"""Names: the user's own tables, the embedded ones, and what stands in whose place."""

import json

import numpy as np
import pytest

from exosk.exceptions import ExoskError, FileFormatError, RangeError, UnknownNameError
from exosk.opacities import OpacityTable, embedded_names, get_opacity, load_embedded, read_opacity
from exosk.opacities.catalogue import catalogue
from exosk.opacities.resampling import model_wavelength, on_model_grid
from exosk.opacities.user_tables import user_folder, user_tables
from exosk.plugin import default_manager


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder for the user's own tables."""
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path / "own"))
    (tmp_path / "own").mkdir()
    return tmp_path / "own"


def own_table(name="SiO", **changes) -> OpacityTable:
    fields = {
        "wavelength": model_wavelength(),
        "temperature": np.array([200.0, 900.0, 2500.0]),
        "pressure": np.array([1e-9, 1e-4, 100.0]),
        **changes,
    }
    shape = tuple(fields[axis].size for axis in ("pressure", "temperature", "wavelength"))
    card = {"source": "my own", "limits": ["a constant"]}
    return OpacityTable(name, **fields, log_cross_section=np.full(shape, -21.0), provenance=card)


def entry(name):
    (found,) = (e for e in catalogue() if e.name.casefold() == name.casefold())
    return found


def test_a_table_in_the_folder_is_there_at_once(folder):
    with pytest.raises(UnknownNameError):
        get_opacity("SiO")
    own_table().save(folder / "SiO.h5")
    for spelling in ("SiO", "sio", "SIO"):
        assert get_opacity(spelling).provenance["source"] == "my own"
    assert "SiO" in default_manager().names("opacities")
    assert entry("SiO").origin == "user"
    (folder / "SiO.h5").unlink()
    with pytest.raises(UnknownNameError):
        get_opacity("SiO")


def test_the_built_in_model_uses_it_with_no_code(folder):
    from exosk.simulators.transmission import TransmissionModel

    own_table().save(folder / "SiO.h5")
    model = TransmissionModel(("H2O", "SiO"))
    theta = model.space.sample(2, random_state=0)
    column = model.space.names.index("log_x_sio")
    theta[:, column] = -12.0
    absent = model.simulate(theta)
    theta[:, column] = -5.0  # too little to weigh the atmosphere down
    assert np.max(model.simulate(theta) - absent) > 1e-5


def test_the_user_s_own_table_wins_over_the_embedded_one(folder):
    own_table("H2O").save(folder / "h2o.h5")
    assert get_opacity("H2O").provenance["source"] == "my own"
    assert load_embedded("H2O").provenance["source"] != "my own"
    assert default_manager().get("opacities", "H2O")().provenance["source"] == "my own"
    assert entry("H2O").replaces == "embedded"
    assert [e.name.casefold() for e in catalogue()].count("h2o") == 1


def spoil(path):
    path.write_bytes(path.read_bytes()[:3000])


def empty(path):
    path.write_bytes(b"")


def not_a_table(path):
    path.write_text("SO2, 1e-20\n")


def another_s_name(path):
    own_table("CO").save(path)


def a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [spoil, empty, not_a_table, another_s_name, a_folder])
@pytest.mark.parametrize("name", ["SiO", "CO2"])
def test_a_damaged_file_harms_no_other_name(damage, name, folder):
    own_table(name).save(folder / f"{name}.h5")
    damage(folder / f"{name}.h5")
    with pytest.raises(FileFormatError, match=rf"{name}\.h5"):
        get_opacity(name)
    assert get_opacity("H2O") is load_embedded("H2O")
    listed = {e.name: e for e in catalogue()}
    assert listed[name].problem
    assert set(embedded_names()) <= set(listed)
    assert not any(e.problem for e in listed.values() if e.origin == "embedded")


def test_files_that_differ_in_case_only_do_not_clash(folder):
    own_table("SiO").save(folder / "SiO.h5")
    own_table("SiO").save(folder / "sio.h5")
    assert len(user_tables()) == 1
    assert get_opacity("SiO").name == "SiO"
    assert get_opacity("H2O").name == "H2O"


def test_hidden_and_other_files_are_left_alone(folder):
    own_table().save(folder / ".SiO.h5")
    (folder / "notes.txt").write_text("mine")
    assert user_tables() == {}


def test_no_folder_is_no_tables(monkeypatch, tmp_path):
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path / "absent"))
    assert user_tables() == {}
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EXOSK_OPACITY_DIR", str(tmp_path / "file"))
    assert user_tables() == {}
    monkeypatch.setenv("EXOSK_OPACITY_DIR", "  ")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folder().parts[-2:] == ("exosk", "opacities")


def test_one_temperature_is_refused_when_it_is_asked_for(folder):
    own_table(temperature=np.array([296.0])).save(folder / "SiO.h5")
    with pytest.raises(RangeError, match="one temperature"):
        get_opacity("SiO")
    assert "one temperature" in entry("SiO").problem


def test_other_wavelengths_are_listed_with_the_remedy(folder):
    own_table(wavelength=np.geomspace(1, 2, 50)).save(folder / "SiO.h5")
    assert "exosk opacity convert" in entry("SiO").problem
    assert get_opacity("SiO").wavelength.size == 50


def test_the_catalogue_says_what_the_tables_say(folder):
    own_table().save(folder / "SiO.h5")
    for found in catalogue():
        table = get_opacity(found.name)
        assert found.card == table.provenance
        for axis, (low, high, n) in found.ranges.items():
            values = getattr(table, axis)
            assert (low, high, n) == (values[0], values[-1], values.size)
        assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
    assert {e.kind for e in catalogue()} == {"molecule", "atom", "pair"}


def test_a_plugin_s_failure_is_listed_with_its_reason(folder, monkeypatch):
    class Manager:
        def names(self, kind):
            return ["XeF2"]

        def make(self, kind, name):
            raise ExoskError("no such luck")

    monkeypatch.setattr("exosk.opacities.catalogue.default_manager", Manager)
    assert entry("XeF2").problem == "no such luck"
    assert entry("XeF2").origin == "plugin"


def test_so2_of_a_k_table_absorbs_at_four_micrometres(folder, shared_data):
    """SO2 at 4.05 um, as on WASP-39b (Alderson et al. 2023, Nature 614, 664)."""
    from exosk.simulators.transmission import TransmissionModel

    table = read_opacity(shared_data / "opacity" / "SO2.h5").to_opacity()
    on_model_grid(table).save(folder / "SO2.h5")
    model = TransmissionModel(("H2O", "SO2"), fixed={"star_radius": 0.93})
    theta = model.space.sample(1, random_state=0)
    names = model.space.names
    known = {
        "planet_radius": 1.27,
        "planet_mass": 0.28,
        "temperature": 1100.0,
        "log_p_cloud": 1.0,
        "log_x_h2o": -3.0,
    }
    for name, value in known.items():
        if name in names:
            theta[:, names.index(name)] = value
    depth = []
    for log_x in (-12.0, -5.0):
        theta[:, names.index("log_x_so2")] = log_x
        depth.append(model.simulate(theta)[0])
    rise = depth[1] - depth[0]
    w = model.wavelength
    assert rise[(w > 3.95) & (w < 4.15)].mean() > 5 * rise[(w > 4.6) & (w < 4.9)].mean()
    assert rise[(w > 3.95) & (w < 4.15)].mean() > 3e-5
