"""Every hook is documented, tested and used, and has a suite of laws.

In the manner of datasette, whose hooks cannot be added without these.
"""

import inspect
import re
from pathlib import Path

import pytest

import exosk.testing
from exosk.plugin import PluginManager, hookspecs
from exosk.plugin.kinds import KINDS
from exosk.testing.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
HOOKS = sorted(name for name in vars(hookspecs) if name.startswith("exosk_register_"))
SUITES = {
    "simulators": "SimulatorSuite",
    "sources": "SourceSuite",
    "opacities": "OpacitySuite",
    "instruments": "InstrumentSuite",
}

each_hook = pytest.mark.parametrize("hook", HOOKS)


def texts(pattern: str) -> dict[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in sorted(ROOT.glob(pattern))}


def implements(text: str, hook: str) -> bool:
    return bool(re.search(rf"@hookimpl\ndef {hook}\(\)", text))


def test_there_is_a_hook_a_kind_and_a_suite():
    assert [f"exosk_register_{kind}" for kind in sorted(KINDS)] == HOOKS
    assert sorted(SUITES) == sorted(KINDS)
    suites = [name for name in exosk.testing.__all__ if name.endswith("Suite")]
    assert sorted(SUITES.values()) == sorted(suites)
    assert all(issubclass(getattr(exosk.testing, name), Suite) for name in suites)


@each_hook
def test_it_is_documented(hook):
    guide = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    assert hook in guide, "say in docs/plugins.md what the hook is for"
    assert SUITES[hook.removeprefix("exosk_register_")] in guide, "and which suite tests it"
    text = inspect.getdoc(getattr(hookspecs, hook))
    assert "A factory takes" in text, "say in its docstring what the factory takes and returns"
    assert "returns an" in text.replace("\n", " ")


@each_hook
def test_it_has_a_test(hook):
    tests = "".join(texts("tests/plugin/test_*.py").values())
    kind = hook.removeprefix("exosk_register_")
    assert re.search(rf"\"{kind}\", \"|exosk_register_{kind}", tests), "test the hook"
    users = texts("tests/**/test_*.py") | texts("plugins/*/tests/**/test_*.py")
    subclass = re.compile(rf"\b{SUITES[kind]}\b")
    assert any(subclass.search(text) for text in users.values()), "subclass its suite"


@each_hook
def test_it_has_a_real_user(hook):
    modules = texts("exosk/*/hooks.py") | texts("plugins/exosk-*/exosk_*/**/*.py")
    assert [path for path, text in modules.items() if implements(text, hook)]
    assert PluginManager([]).names(hook.removeprefix("exosk_register_")), "nothing is built in"


@pytest.mark.parametrize("kind", list(KINDS))
def test_it_takes_no_argument(kind):
    """A hook that took one could not be asked before there is a configuration."""
    assert not inspect.signature(getattr(hookspecs, f"exosk_register_{kind}")).parameters


@pytest.mark.parametrize("folder", sorted((ROOT / "plugins").glob("exosk-*")), ids=lambda p: p.name)
def test_every_first_party_plugin_is_a_complete_distribution(folder):
    """With a README, a licence, tests that subclass a suite, and one hook at least."""
    package = folder.name.replace("-", "_")
    for name in ("pyproject.toml", "README.md", "LICENSE", package, "tests"):
        assert (folder / name).exists(), f"{folder.name} lacks {name}"
    code = "".join(texts(f"plugins/{folder.name}/{package}/**/*.py").values())
    used = [hook for hook in HOOKS if implements(code, hook)]
    assert used, "it implements no hook"
    tests = "".join(texts(f"plugins/{folder.name}/tests/**/*.py").values())
    for hook in used:
        suite = SUITES[hook.removeprefix("exosk_register_")]
        assert f"({suite})" in tests, f"subclass {suite} in its tests"
