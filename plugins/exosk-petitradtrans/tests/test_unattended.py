"""petitRADTRANS never asks, searches, prints or writes into a home folder."""

import textwrap

import numpy as np
import pytest

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError

MAKE = textwrap.dedent("""
    import exosk
    from exosk.spectra import SpectralGrid
    from exosk.exceptions import ExoskError
    def make(**options):
        grid = SpectralGrid.from_resolution(1.1, 1.7, 20)
        return exosk.get_simulator("petitradtrans", molecules=("H2O", "CO"), grid=grid, **options)
""")
CONFIGURATION = textwrap.dedent("""
    [Default files]
    [Paths]
    prt_input_data_path = {}
    prt_outputs_path = somewhere
    [URLs]
    prt_input_data_url = nowhere
""")


def configure(home, folder):
    (home / ".petitradtrans").mkdir(parents=True)
    path = home / ".petitradtrans" / "petitradtrans_config_file.ini"
    path.write_text(CONFIGURATION.format(folder))
    return path


@pytest.mark.parametrize("mode", ["c-k", "lbl"])
def test_a_users_own_folder_is_used(make, user_folder, mode):
    mine = make(input_data=user_folder, mode=mode)
    theirs = make(mode=mode)
    np.testing.assert_allclose(mine.wavelength, theirs.wavelength, rtol=1e-6)
    theta = mine.space.sample(2, 0)
    np.testing.assert_allclose(mine.simulate(theta), theirs.simulate(theta), rtol=1e-6)
    assert mine.provenance["opacities"]["H2O"].endswith(".h5")


def test_the_configured_folder_is_found_and_its_configuration_left_alone(
    run, user_folder, tmp_path
):
    path = configure(tmp_path / "home", user_folder)
    before = path.read_text()
    done = run(MAKE + "print(make().provenance['settings']['input_data'])")
    assert done.stdout.strip() == str(user_folder), done.stderr
    assert path.read_text() == before


def test_without_one_exosks_tables_are_used_and_no_home_is_written_to(run, tmp_path):
    code = MAKE + (
        "model = make(); print(model.provenance['settings']['input_data'])\n"
        "model.simulate(model.space.sample(1, 0))\n"
        "import sys; print('mpi4py' in sys.modules)"
    )
    done = run(code)
    assert done.stdout.split() == ["exosk", "False"], done.stderr
    assert done.stderr == ""
    assert not (tmp_path / "home" / ".petitradtrans").exists()


def test_petitradtrans_can_still_be_configured_afterwards(run, tmp_path):
    code = MAKE + (
        "make()\n"
        "from petitRADTRANS.config import petitradtrans_config_parser as configuration\n"
        "configuration.set_input_data_path('/data/input_data')"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    written = tmp_path / "home" / ".petitradtrans" / "petitradtrans_config_file.ini"
    assert "/data/input_data" in written.read_text()


def ambiguous(folder):
    (path,) = (folder / "opacities/lines/line_by_line/H2O").rglob("*.h5")
    path.with_name(path.name.replace("Someone", "Other")).write_bytes(path.read_bytes())


def test_several_files_are_an_error_and_no_question(run, user_folder):
    ambiguous(user_folder)
    code = MAKE + (
        "import sys; sys.stdin.close()\n"
        f"try: make(input_data={str(user_folder)!r}, mode='lbl')\n"
        "except ExoskError as error: print(error)"
    )
    done = run(code)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert "1H2-16O__Someone" in line
    assert "1H2-16O__Other" in line
    assert "species=" in line


def test_one_of_several_files_can_be_named(make, user_folder):
    ambiguous(user_folder)
    options = {"input_data": user_folder, "mode": "lbl"}
    with pytest.raises(FileFormatError, match="several files match"):
        make(**options)
    model = make(species={"H2O": "H2O__Other"}, **options)
    assert "1H2-16O__Other" in model.provenance["opacities"]["H2O"]


@pytest.mark.parametrize("pattern", ["line_by_line/CO", "H2--He"])
def test_a_missing_file_is_named_with_the_remedy(make, user_folder, pattern):
    for path in user_folder.rglob("*.h5"):
        if pattern in str(path):
            path.unlink()
    name = pattern.rpartition("/")[2]
    with pytest.raises(FileFormatError, match=rf"opacities of {name}.*input_data='exosk'") as error:
        make(input_data=user_folder, mode="lbl")
    assert "\n" not in str(error.value)


def test_a_damaged_file_is_named(make, user_folder):
    (path,) = (user_folder / "opacities/lines/line_by_line/CO").rglob("*.h5")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(FileFormatError, match=r"CO/12C-16O/.*replace it"):
        make(input_data=user_folder, mode="lbl")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"input_data": "/nowhere/at/all"}, FileFormatError, "/nowhere/at/all is no folder"),
        ({"input_data": "user"}, FileFormatError, "no folder of input data configured"),
        ({"mode": "ck"}, UnknownNameError, "c-k"),
        ({"resolution": 100.0}, RangeError, "input_data"),
        ({"species": {"H2O": "H2O__POKAZATEL"}}, RangeError, "input_data"),
        ({"molecules": ()}, RangeError, "at least one molecule"),
        ({"molecules": ("H2O", "H2O")}, RangeError, "named twice"),
        ({"molecules": ("H2O", "Unobtainium")}, UnknownNameError, "Unobtainium"),
        ({"n_layers": 1}, RangeError, "at least 2 layers"),
        ({"nodes_per_decade": 0}, RangeError, "at least one node"),
        ({"temperature_step": np.inf}, RangeError, "step of temperature"),
        ({"pressure_range": (1e-12, 1.0)}, RangeError, "outside the H2O table"),
        ({"fixed": {"spot_fraction": 0.1}}, UnknownNameError, "parameter of petitRADTRANS"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_settings_that_make_no_sense_are_refused(make, options, error, message):
    with pytest.raises(error, match=message):
        make(**options)


@pytest.mark.parametrize("changes", [{"molecules": ()}, {"species": {"CO2": "CO2__UCL"}}])
def test_names_are_checked_against_a_users_folder_too(make, user_folder, changes):
    with pytest.raises((RangeError, UnknownNameError), match="molecule"):
        make(input_data=user_folder, **changes)
