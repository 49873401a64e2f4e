"""Distributions as pip leaves them, in fresh processes: found, too new, light, silent."""

import json

import pytest

GOOD = (
    "from exosk.plugin import hookimpl\n@hookimpl\ndef exosk_register_simulators():\n"
    "    return {'Toy': lambda **options: ('toy', options)}\n"
)
ASK = "from exosk.plugin import default_manager as m; "


def record(fresh, name: str = "shelf") -> tuple:
    """What the manager says of a plugin in a fresh process."""
    done = fresh(
        "-c",
        ASK + "import dataclasses, json; print(json.dumps([dataclasses.astuple(r) "
        f"for r in m().records if r.name == {name!r}]))",
    )
    (found,) = json.loads(done.stdout)
    return tuple(found)


def test_an_installed_distribution_is_found(install, fresh):
    install("shelf", GOOD)
    assert record(fresh) == ("shelf", "exosk-shelf", "1.2", "loaded", "")
    done = fresh("-c", ASK + "print(m().get('simulators', 'toy')(a=1))")
    assert done.stdout.strip() == "('toy', {'a': 1})"


@pytest.mark.parametrize(
    ("requires", "reason"),
    [
        ("exosk>=9", "needs exosk >=9, this is 0.1.0"),
        ("Exosk (<0.1)", "needs exosk <0.1, this is 0.1.0"),
    ],
)
def test_one_for_another_version_is_not_loaded(install, fresh, tmp_path, requires, reason):
    install("shelf", f"open({str(tmp_path / 'loaded')!r}, 'w')\n" + GOOD, requires)
    assert record(fresh) == ("shelf", "exosk-shelf", "1.2", "incompatible", reason)
    assert not (tmp_path / "loaded").exists()
    done = fresh("-c", ASK + "m().get('simulators', 'toy')", check=False)
    assert f"shelf ({reason})" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "requires",
    [
        "exosk>=0.1",
        "exosk",
        "numpy>=99",
        "exosk>=9; extra == 'new'",
        "exosk>=9; python_version<'3'",
    ],
)
def test_one_for_this_version_is_loaded(install, fresh, requires):
    install("shelf", GOOD, requires)
    assert record(fresh)[3:] == ("loaded", "")


def test_a_version_that_cannot_be_read_is_told(install, fresh):
    install("shelf", GOOD, "exosk >>> 9")
    assert record(fresh)[3] == "failed"
    assert "InvalidRequirement" in record(fresh)[4]


def test_a_plugin_that_asks_exosk_while_it_is_loaded_is_told_to_wait(install, fresh):
    install("shelf", "from exosk.opacities import get_opacity\nget_opacity('H2O')\n" + GOOD)
    assert record(fresh)[3] == "failed"
    assert "do that in the factory" in record(fresh)[4]


def test_nothing_is_loaded_before_a_name_is_asked_for(install, fresh, tmp_path):
    install("shelf", f"open({str(tmp_path / 'loaded')!r}, 'w').close()\n" + GOOD)
    fresh("-c", "import exosk, exosk.cli; from exosk.plugin import default_manager as m; m()")
    assert not (tmp_path / "loaded").exists()
    fresh("-c", "import exosk; exosk.get_opacity('H2O')")
    assert (tmp_path / "loaded").exists()


def test_a_lookup_loads_no_heavy_package(fresh):
    """With whatever plugins are installed here: their hook modules must be light."""
    done = fresh("-c", "import sys, exosk; exosk.get_opacity('H2O'); print(*sorted(sys.modules))")
    heavy = {"torch", "matplotlib", "taurex", "petitRADTRANS", "numba", "astroquery", "pytest"}
    assert not heavy & set(done.stdout.split())


def test_what_a_plugin_prints_and_asks_stays_off_standard_output(install, fresh):
    install("shelf", "print('hello from the plugin')\ninput('Go on? ')\n" + GOOD)
    done = fresh("-c", ASK + "print(len(m().names('simulators')) > 0)")
    assert done.stdout == "True\n"
    assert "hello from the plugin" in done.stderr
    assert "Go on?" in done.stderr


def test_every_way_of_asking_checks_what_is_made(install, fresh):
    install("shelf", GOOD)
    done = fresh("-c", "import exosk; exosk.get_simulator('toy')", check=False)
    told = done.stderr.splitlines()[-1]
    assert "the plugin 'shelf' (exosk-shelf 1.2) returned for the simulator 'Toy'" in told
    assert "an object of tuple where exosk needs a Simulator" in told


def test_a_source_that_cannot_be_made_hides_no_other(install, fresh):
    text = GOOD.replace("simulators", "sources").replace("Toy", "archive")
    install("shelf", text)
    assert (
        fresh("-c", "import exosk; print(len(exosk.load_spectrum('wasp-39b')))").stdout == "112\n"
    )
    done = fresh("-c", "import exosk; exosk.load_spectrum('wasp-39c')", check=False)
    told = done.stderr.splitlines()[-1]
    assert "did you mean 'wasp-39b'" in told
    assert "the plugin 'shelf' (exosk-shelf 1.2) returned for the source 'archive'" in told
