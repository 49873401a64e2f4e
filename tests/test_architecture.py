"""The shape of the library: which way imports run, what a module is called, how long it is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "exosk"

# Low to high. A module imports what stands on a lower line or lies in its own package.
ORDER = [
    ["exceptions"],
    ["units", "storage", "averaging"],
    ["grids"],
    ["spectra", "rows", "parameters", "posterior"],
    ["plugin", "cluster", "downloads"],
    ["opacities", "instruments"],
    ["simulators", "sources"],
    ["datasets", "preprocessing", "augmentation"],
    ["models"],
    ["inference", "evaluation", "explain"],
    ["pretrained"],
    ["retrieval"],
    ["report"],
    ["survey"],
    ["benchmark"],
    ["paper"],
    ["cli", "testing"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}

# Imports between two of one line, one way only, each with its reason.
PEERS = {
    ("posterior", "parameters"): "a Posterior is a set of samples in a ParameterSpace",
}

# Modules above MAX_LINES that are one room all the same, each with its reason.
MAX_LINES = 400
LONG: dict[str, str] = {}

VAGUE = {"util", "utils", "helper", "helpers", "common", "misc"}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)


def dotted(path: Path) -> str:
    """``exosk.plugin.manager`` for its path; a package goes by its own name."""
    parts = ("exosk", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {dotted(path) for path in MODULES}
each_module = pytest.mark.parametrize("path", MODULES, ids=dotted)


def imported(path: Path) -> set[tuple[int, str]]:
    """Line and absolute name of all that a module imports, in functions and for types too."""
    found = set()
    package = dotted(path) if path.name == "__init__.py" else dotted(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(node.lineno, alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            found |= {(node.lineno, f"{base}.{alias.name}") for alias in node.names}
    return found


def complaint(importer: str, target: str) -> str | None:
    """Tell what is wrong with an import of ``target``, a name below exosk, in ``importer``."""
    if importer == "exosk" or target == "exosk.__version__":
        return None
    above = target.split(".")[1:2]
    if not above or f"exosk.{above[0]}" not in NAMES:
        return "imports from the facade, which hides the arrow: name the module that defines it"
    low, high = above[0], importer.split(".")[1]
    if low == high or LEVEL[low] < LEVEL[high] or (high, low) in PEERS:
        return None
    return f"{high} stands {'beside' if LEVEL[low] == LEVEL[high] else 'below'} {low}"


def test_every_module_has_its_place_in_the_order():
    strangers = {name.split(".")[1] for name in NAMES if "." in name} - set(LEVEL)
    assert not strangers, f"add {sorted(strangers)} to ORDER and to the design"


@each_module
def test_imports_run_down(path):
    importer = dotted(path)
    wrong = [
        f"line {line}: {target} ({reason})"
        for line, target in sorted(imported(path))
        if target.split(".")[0] == "exosk" and (reason := complaint(importer, target))
    ]
    assert not wrong, f"{importer} imports\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("importer", "target", "allowed"),
    [
        ("exosk.units", "exosk.exceptions.ExoskError", True),
        ("exosk.exceptions", "exosk.units.to_um", False),
        ("exosk.posterior", "exosk.parameters.ParameterSpace", True),
        ("exosk.parameters", "exosk.posterior.Posterior", False),
        ("exosk.plugin.manager", "exosk.plugin.hookspecs", True),
        ("exosk.plugin.manager", "exosk.Spectrum", False),
        ("exosk.plugin.manager", "exosk.__version__", True),
    ],
)
def test_the_rule_itself(importer, target, allowed):
    assert (complaint(importer, target) is None) == allowed


@each_module
def test_no_plugin_is_imported(path):
    assert not [name for _, name in imported(path) if name.split(".")[0].startswith("exosk_")], (
        "the library knows plugins by their entry points only"
    )


@each_module
def test_a_module_says_what_it_is(path):
    public = not any(part.startswith("_") for part in dotted(path).split("."))
    text = path.read_text(encoding="utf-8")
    assert path.stem.strip("_") not in VAGUE, "name the module after what it holds"
    assert ast.get_docstring(ast.parse(text)) or not public, "add a docstring to the module"


@each_module
def test_a_module_is_one_room(path):
    name, lines = dotted(path), len(path.read_text(encoding="utf-8").splitlines())
    if name in LONG:
        assert lines > MAX_LINES, f"{name} has {lines} lines now: take it off LONG"
    else:
        assert lines <= MAX_LINES, f"{lines} lines: two modules, or a reason in LONG"


def test_importing_exosk_is_light():
    """The facade is lazy: no torch, no figures and no plugin until one is asked for."""
    code = "import sys, exosk; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.split()}
    assert not loaded & {"torch", "matplotlib"}
    assert not [name for name in loaded if name.startswith("exosk_")]
