"""Third-party plugins: real entry points, real pluggy, modules made on the spot."""

from importlib.metadata import EntryPoint, version

import pytest

from exosk.exceptions import PluginError, UnknownNameError
from exosk.plugin import PluginManager, default_manager

BUILT_IN = [
    "exosk.opacities.hooks",
    "exosk.instruments.hooks",
    "exosk.simulators.hooks",
    "exosk.sources.hooks",
]
HEADER = "from exosk.plugin import hookimpl\n@hookimpl\ndef exosk_register_simulators():\n"
GOOD = HEADER + "    return {'Toy': lambda **options: ('toy', options)}\n"


def status(manager: PluginManager) -> dict[str, str]:
    return {record.name: record.status for record in manager.records}


def reason(manager: PluginManager, name: str) -> str:
    return next(record.reason for record in manager.records if record.name == name)


def test_built_ins_are_registered_like_plugins():
    manager = PluginManager([])
    assert [record.name for record in manager.records] == BUILT_IN
    assert set(status(manager).values()) == {"loaded"}
    assert {(r.distribution, r.version) for r in manager.records} == {("exosk", version("exosk"))}
    assert "builtin" in manager.names("simulators")
    assert {"hst-wfc3-g141", "nirspec-prism"} <= set(manager.names("instruments"))
    assert {"H2O", "CO2", "CO", "CH4", "H2-H2"} <= set(manager.names("opacities"))
    assert "embedded" in manager.names("sources")
    assert default_manager() is default_manager()


def test_a_third_party_plugin_is_loaded(plugin):
    manager = PluginManager([plugin("toys", GOOD)])
    assert status(manager)["toys"] == "loaded"
    assert manager.names("simulators") == ["Toy", "builtin"]
    for spelling in ("Toy", "toy", "TOY"):
        assert manager.get("simulators", spelling)(a=1) == ("toy", {"a": 1})


def test_an_object_may_be_the_plugin(plugin):
    text = (
        "from exosk.plugin import hookimpl\nclass Hooks:\n    @hookimpl\n"
        "    def exosk_register_sources(self):\n        return {'mine': object}\nhooks = Hooks()\n"
    )
    point = plugin("objects", text)
    manager = PluginManager([EntryPoint(point.name, f"{point.value}:hooks", "exosk")])
    assert manager.get("sources", "mine") is object


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import a_package_that_is_not_there\n", "ModuleNotFoundError"),
        ("def broken(:\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        (GOOD.replace("simulators", "simulator"), "unknown hook 'exosk_register_simulator'"),
        (GOOD.replace("()", "(config)"), "exosk_register_simulators"),
        (HEADER + "    raise OSError('no tables')\n", "simulators: OSError: no tables"),
        (HEADER + "    return ['Toy']\n", "['Toy'] is no mapping of names to factories"),
        (HEADER + "    return None\n", "None is no mapping"),
        (HEADER + "    return {3: object}\n", "3 is no name"),
        (HEADER + "    return {'Toy2': 3}\n", "3, offered as 'Toy2', is no factory"),
        (HEADER + "    raise SystemExit(1)\n", "simulators: SystemExit: 1"),
        ("raise SystemExit\n", "SystemExit"),
        (GOOD.replace("@hookimpl\n", ""), "offers nothing; mark its hooks with @hookimpl"),
        ("input('Where are the tables? ')\n", "asked a question at a prompt"),
        ("import sys\nfor line in sys.stdin: pass\n", "asked a question at a prompt"),
        (HEADER + "    return {input(): object}\n", "simulators: asked a question at a prompt"),
    ],
    ids=[
        *("import", "syntax", "error", "misspelt", "argument", "hook", "list", "none", "number"),
        *("factory", "exit in hook", "exit", "unmarked", "prompt", "stdin", "prompt in hook"),
    ],
)
def test_a_broken_plugin_stops_no_other(plugin, text, why):
    manager = PluginManager([plugin("bad", text), plugin("toys", GOOD)])
    assert manager.names("simulators") == ["Toy", "builtin"]
    assert status(manager) == dict.fromkeys(BUILT_IN, "loaded") | {
        "bad": "failed",
        "toys": "loaded",
    }
    assert why in reason(manager, "bad")
    # The reason is told when a name is missing, since it may be that plugin's.
    with pytest.raises(UnknownNameError, match="did you mean 'Toy'") as caught:
        manager.get("simulators", "toyy")
    assert "Plugins that are not loaded: bad (" in str(caught.value)
    assert why in str(caught.value)


def test_a_missing_name_without_failures_is_only_that():
    with pytest.raises(UnknownNameError) as caught:
        PluginManager([]).get("instruments", "nirspec-prsm")
    assert str(caught.value) == ("unknown instrument 'nirspec-prsm'; did you mean 'nirspec-prism'?")


@pytest.mark.parametrize("through", ["argument", "environment"])
def test_a_plugin_can_be_blocked(plugin, monkeypatch, through):
    broken, toys = plugin("bad", "raise SystemExit\n"), plugin("toys", GOOD)
    if through == "environment":
        monkeypatch.setenv("EXOSK_DISABLED_PLUGINS", "bad, toys,")
        manager = PluginManager([broken, toys])
    else:
        manager = PluginManager([broken, toys], blocked=["bad", "toys"])
    assert status(manager) == dict.fromkeys(BUILT_IN, "loaded") | {
        "bad": "blocked",
        "toys": "blocked",
    }
    assert "EXOSK_DISABLED_PLUGINS" in reason(manager, "toys")
    assert manager.names("simulators") == ["builtin"]


def test_a_built_in_can_be_blocked():
    manager = PluginManager([], blocked=["exosk.simulators.hooks"])
    assert manager.names("simulators") == []
    with pytest.raises(UnknownNameError, match="none is known"):
        manager.get("simulators", "builtin")


@pytest.mark.parametrize("name", ["Toy", "TOY", "builtin"])
def test_two_plugins_that_claim_one_name_are_both_named(plugin, name):
    points = [plugin("toys", GOOD), plugin("rival", GOOD.replace("Toy", name))]
    manager = PluginManager(points)
    other = "exosk.simulators.hooks" if name == "builtin" else "toys"
    with pytest.raises(PluginError, match="block one with EXOSK_DISABLED_PLUGINS") as caught:
        manager.get("simulators", name)
    assert name.casefold() in str(caught.value).casefold()
    assert "'rival'" in str(caught.value)
    assert repr(other) in str(caught.value)
    assert manager.clashes("rival") == manager.clashes(other) == [str(caught.value)]
    # All other names are as they were.
    assert callable(manager.get("simulators", "toy" if name == "builtin" else "builtin"))
    assert len(manager.names("simulators")) == 2
    assert PluginManager(points, blocked=["rival"]).names("simulators") == ["Toy", "builtin"]


@pytest.mark.parametrize("name", ["toys", "exosk.simulators.hooks"])
def test_two_plugins_of_one_name(plugin, name):
    """The first stays; the second is recorded as failed."""
    second = plugin("second", GOOD.replace("Toy", "Second"))
    points = [plugin("toys", GOOD), EntryPoint(name, second.value, "exosk")]
    manager = PluginManager(points)
    assert manager.names("simulators") == ["Toy", "builtin"]
    assert [r.status for r in manager.records if r.name == name] == ["loaded", "failed"]
    assert (
        "has a plugin of the same name" in [r for r in manager.records if r.name == name][1].reason
    )


def test_hooks_are_asked_when_a_name_is(plugin, tmp_path):
    """And a factory only when it is called: a hook module may be light."""
    text = GOOD.replace(
        "    return", f"    open({str(tmp_path / 'asked')!r}, 'w').close()\n    return"
    )
    manager = PluginManager([plugin("toys", text)])
    assert not (tmp_path / "asked").exists()
    manager.names("instruments")
    assert not (tmp_path / "asked").exists()
    manager.names("simulators")
    assert (tmp_path / "asked").exists()
