"""The plugin author's guide quotes the example as it is, and names only what exists."""

import re
from pathlib import Path

import pytest

import exosk.testing

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "plugins" / "exosk-example"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
SUFFIX = {"python": ".py", "toml": ".toml"}


@pytest.mark.parametrize(
    ("language", "block"), BLOCKS, ids=lambda text: text.split("\n")[0].strip()
)
def test_a_quoted_block_is_in_the_example(language, block):
    files = [path for path in EXAMPLE.rglob(f"*{SUFFIX[language]}") if "build" not in path.parts]
    assert [path for path in files if block in path.read_text(encoding="utf-8")]


def test_blocks_of_every_file_are_quoted():
    quoted = "".join(block for _, block in BLOCKS)
    for path in (EXAMPLE / "exosk_example").glob("*.py"):
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert any(line in quoted for line in lines if "def " in line or "self." in line), path.name


def test_what_the_guide_names_exists():
    for name in re.findall(r"`(\w+Suite)`", GUIDE):
        assert hasattr(exosk.testing, name)
    for path in re.findall(r"`((?:plugins|exosk|docs)/[\w/.-]+)`", GUIDE):
        assert (ROOT / path).exists(), path
    for dotted in re.findall(r"`(exosk(?:\.\w+)+)`", GUIDE):
        module, _, attribute = dotted.rpartition(".")
        found = pytest.importorskip(module)
        assert hasattr(found, attribute) or pytest.importorskip(dotted), dotted
    for attribute in ("tolerance", "own_parameters"):
        assert hasattr(exosk.testing.SimulatorSuite, attribute)
