"""The files around the library agree with each other and hold nothing of one machine."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]


def declared() -> list[Requirement]:
    """All that the metadata ask for, but the extras that only name other extras."""
    texts = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    return [req for req in map(Requirement, texts) if req.name != PROJECT["name"]]


def constraints() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def project_files() -> list[Path]:
    """What git tracks or would track; without git or its folder, all but what set-up makes."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if shutil.which("git") and (ROOT / ".git").exists():
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if run.returncode == 0:
            paths = [ROOT / name for name in run.stdout.split("\0") if name]
            return [path for path in paths if path.is_file()]
    made = re.compile(r"\.(?!ci$|git[ai]|pre-commit)|__pycache__|demo$|build$|dist$|.*\.egg-info")
    files = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not made.match(name)]
        files += [Path(folder) / name for name in names if not made.match(name)]
    return files


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_metadata_give_lower_bounds_only(requirement):
    assert [bound.operator for bound in requirement.specifier] == [">="]


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_tested_versions_satisfy_the_metadata(requirement):
    tested = {canonicalize_name(pin.name): pin.specifier for pin in constraints()}
    pins = tested.get(canonicalize_name(requirement.name))
    assert pins, "give a tested version in constraints.txt"
    versions = [pin.version for pin in pins if pin.operator in ("==", ">=")]
    assert len(versions) == 1
    assert requirement.specifier.contains(versions[0])


def test_constraints_are_exact_and_said_once():
    # Where no version serves every Python, each Python has its own.
    names = [(canonicalize_name(pin.name), str(pin.marker)) for pin in constraints()]
    assert len(names) == len(set(names))
    ranges = [pin.name for pin in constraints() if [s.operator for s in pin.specifier] != ["=="]]
    assert ranges == ["torch"], "only torch is a range: its builds differ between machines"


def test_dev_is_every_extra_that_needs_no_compiler():
    (everything,) = map(Requirement, EXTRAS["dev"])
    assert everything.extras == set(EXTRAS) - {"dev", "chemistry"}
    assert "chemistry" in (ROOT / ".ci" / "setup").read_text(encoding="utf-8")


def test_changelog_knows_the_version():
    version = Version(PROJECT["version"])
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_package_data_reach_the_wheel():
    """Every file beside the modules matches a pattern of the package data."""
    package = ROOT / "exosk"
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["exosk"]
    shipped = {path for pattern in patterns for path in package.glob(pattern)}
    beside = {path for path in project_files() if path.is_relative_to(package)}
    lost = {path for path in beside - shipped if path.suffix != ".py"}
    assert not lost, "add a pattern to [tool.setuptools.package-data]"
    folders = {path.parent for path in beside if path.suffix == ".py"}
    assert not [path for path in folders if not (path / "__init__.py").exists()]


def test_no_file_holds_a_place_of_one_machine():
    """Neither a home or checkout folder nor the host of a package registry, in text or tables."""
    # Written in a way that this file does not match itself.
    hosts = [r"py[p]i\.org", r"python[h]osted\.org", r"[d]ownload\.pytorch\.org"]
    places = [re.escape(str(ROOT)), r"/(?:[h]ome|[U]sers)/\w", r"(?<![\w.])/[r]oot/"]
    pattern = re.compile("|".join(places + hosts).encode())
    found = {
        str(path.relative_to(ROOT)): match[0].decode()
        for path in project_files()
        if (match := pattern.search(path.read_bytes()))
    }
    assert not found


def test_pip_always_gets_the_constraints():
    """Without them a plain torch may bring gigabytes of CUDA."""
    text = "\n".join((ROOT / name).read_text("utf-8") for name in ("Makefile", ".ci/setup"))
    joined = re.sub(r"[ \t]+", " ", text.replace("\\\n", " "))
    calls = re.findall(r"""(?:pip"?|bin/python) install\b.*""", joined)
    assert calls
    assert [call for call in calls if "-c constraints.txt" not in call] == []


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_help_lists_every_target():
    help_text = subprocess.run(["make", "-s"], cwd=ROOT, capture_output=True, text=True, check=True)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    rules = set(re.findall(r"^([a-z-]+):(?! export)", makefile, re.MULTILINE))
    assert set(targets) == rules
    assert re.findall(r"^  make ([a-z-]+) ", help_text.stdout, re.MULTILINE) == targets


def test_ci_runs_the_tests_as_a_developer_does():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text(encoding="utf-8")
