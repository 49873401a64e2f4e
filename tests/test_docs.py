"""The site: it builds without a warning, knows every public name, and its examples run."""

import ast
import doctest
import importlib
import os
import re
import shutil
import subprocess
import sys
import types
import warnings
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from filelock import FileLock

from exosk.testing import SimulatorSuite

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
GALLERY = sorted((DOCS / "gallery").glob("plot_*.py"))
# What Sphinx and sphinx-gallery write beside the sources.
MADE = ("_build", "auto_gallery", "generated", "sg_execution_times.rst", "__pycache__")
# Packages without pages, each with its reason.
WITHOUT_PAGES = {
    "cli": "its help is `exosk --help`",
}
# What each example must print, so that its text stays true.
PRINTED = {
    "plot_01_first_retrieval": r"log_x_co2 +-[23]\.\d+",
    "plot_02_my_own_spectrum": r"give depth_unit='ppm'(.|\n)*missing bins: \[20\]",
    "plot_03_new_instrument": r"log_x_co2 +R2 +0\.[5-8]",
    "plot_04_new_molecule": r"round trip: 0\.0e\+00 dex",
    "plot_05_plugin": r"haze +loaded",
    "plot_06_tune": r"noise 1 times(.|\n)*without noise in the score: noise 0\.1 times",
    "plot_07_detect": r"H2O +(1\.000|0\.99\d)(.|\n)*outside what this model knows",
    "plot_08_explain": r"most of all at 4\.[23]\d um(.|\n)*trained: rank correlation +0\.[4-9]",
    "plot_09_scale_out": r"never stopped: True",
    "plot_10_reproduce": r"log x\(H2O\): -[45]\.\d to -[12]\.\d(.|\n)*C/O: 0\.[12]\d to 0\.[67]\d",
}

sys.path.insert(0, str(DOCS / "_extensions"))
try:
    api_names = pytest.importorskip("api_names", exc_type=ImportError)
finally:
    sys.path.pop(0)


def listed() -> list[str]:
    """Names in the tables of docs/api, as they are imported."""
    names = []
    for page in (DOCS / "api").glob("*.rst"):
        for table in re.findall(
            r"^\.\. autosummary::\n(?:   :.*\n)*\n((?:   \S+\n)+)", page.read_text("utf-8"), re.M
        ):
            names += [f"exosk.{name}" for name in table.split()]
    return names


def with_doctests() -> list[str]:
    """Modules whose docstrings have examples."""
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "exosk").rglob("*.py"))
        if ">>> " in path.read_text("utf-8")
    ]


def test_every_public_name_is_in_one_table_of_the_api():
    names = listed()
    assert len(names) == len(set(names))
    assert set(api_names.public_names()) - set(names) == set(), "add it to a page of docs/api"


@pytest.mark.parametrize("name", listed())
def test_a_name_in_the_api_is_there(name):
    module, _, attribute = name.rpartition(".")
    assert hasattr(importlib.import_module(module), attribute)


def test_every_package_that_says_what_is_public_has_pages():
    public = set()
    for path in (ROOT / "exosk").glob("*/__init__.py"):
        if "__all__" in path.read_text("utf-8"):
            public.add(path.parent.name)
    assert public == {*api_names.PACKAGES, *WITHOUT_PAGES}


@pytest.mark.parametrize("module", with_doctests())
def test_the_examples_of_docstrings_are_true(module):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize("script", GALLERY, ids=lambda path: path.stem)
def test_an_example_of_the_gallery_is_short_and_uses_what_is_public(script):
    text = script.read_text("utf-8")
    tree = ast.parse(text)
    title, line, *_ = ast.get_docstring(tree).splitlines()
    assert line == "=" * len(title)
    assert len(text.splitlines()) <= 160
    assert not re.search(r"^(from|import) \S*[. ]_", text, re.MULTILINE)
    assert not re.search(r"https?://|shared/data", text), "examples need no network and no files"


def test_what_examples_print_is_known_of_all():
    assert set(PRINTED) == {script.stem for script in GALLERY}


@pytest.mark.slow
@pytest.mark.parametrize("script", GALLERY, ids=lambda path: path.stem)
def test_an_example_of_the_gallery_runs(script, tmp_path):
    """As a user would run it, with warnings as errors; it leaves nothing behind."""
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    run = subprocess.run(
        [sys.executable, "-W", "error", script],
        cwd=here,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "TMPDIR": str(elsewhere)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr
    assert re.search(PRINTED[script.stem], run.stdout)
    assert "Warning" not in run.stderr
    assert list(here.iterdir()) == []


def simulator_of_the_plugin_example():
    """Run the example as far as its simulator, as a module, so that it can be pickled."""
    text = (DOCS / "gallery" / "plot_05_plugin.py").read_text("utf-8")
    module = types.ModuleType("plot_05_plugin")
    sys.modules[module.__name__] = module
    exec(text.partition("# %%\n# The hook")[0], module.__dict__)
    return module.HazeModel()


class TestSimulatorOfThePluginExample(SimulatorSuite):
    """The example says that it is held to these laws."""

    def make(self):
        return simulator_of_the_plugin_example()


def build_site(folder):
    """Build the site from a copy, with the gallery as it is and not executed."""
    shutil.copytree(DOCS, folder / "docs", ignore=shutil.ignore_patterns(*MADE))
    for text in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "benchmarks/README.md"):
        (folder / text).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / text, folder / text)
    shutil.copytree(
        ROOT / "benchmarks" / "results",
        folder / "benchmarks" / "results",
        ignore=shutil.ignore_patterns("*.json", "*.md"),
    )
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-D", "plot_gallery=0"]
    run = subprocess.run(
        [*command, folder / "docs", folder / "html"], capture_output=True, text=True, timeout=900
    )
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory, worker_id):
    """Build it once, for all processes that test."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "site"
    with FileLock(f"{folder}.lock"):
        if not (folder / "whole").exists():
            shutil.rmtree(folder, ignore_errors=True)
            build_site(folder)
            (folder / "whole").touch()
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site):
    """All pages, parsed."""
    from bs4 import BeautifulSoup

    return {
        path: BeautifulSoup(path.read_text("utf-8"), "html.parser")
        for path in site.rglob("*.html")
        if not {"_modules", "_static"} & set(path.relative_to(site).parts)
    }


@pytest.mark.slow
def test_the_site_builds_without_a_warning(site):
    assert (site / "index.html").is_file()


@pytest.mark.slow
def test_every_public_name_has_a_page_with_its_docstring(site, pages):
    for name in api_names.public_names():
        page = pages[site / "api" / "generated" / f"{name}.html"]
        described = page.find(id=name)
        assert described is not None, name
        value = getattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])
        if callable(value):
            word = next(word for word in value.__doc__.split() if word.isalpha())
            assert word in described.parent.get_text(), name


@pytest.mark.slow
def test_every_example_has_a_page_and_a_notebook(site, pages):
    index = pages[site / "auto_gallery" / "index.html"]
    shown = {Path(a["href"]).name for a in index.find_all("a", href=True)}
    for script in GALLERY:
        page = pages[site / "auto_gallery" / f"{script.stem}.html"]
        assert f"{script.stem}.html" in shown
        downloads = {Path(a["href"]).name for a in page.find_all("a", class_="download")}
        assert {f"{script.stem}.py", f"{script.stem}.ipynb"} <= downloads


@pytest.mark.slow
def test_links_within_the_site_lead_somewhere(site, pages):
    ids = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    lost = []
    for path, page in pages.items():
        for tag, key in [(t, "href") for t in page.find_all("a", href=True)] + [
            (t, "src") for t in page.find_all("img", src=True)
        ]:
            link = urlsplit(tag[key])
            if link.scheme or link.netloc or tag[key] == "#":
                continue
            target = (path.parent / unquote(link.path)).resolve() if link.path else path
            known = target.is_file() and (
                not link.fragment or target not in ids or unquote(link.fragment) in ids[target]
            )
            if not known:
                lost.append(f"{path.relative_to(site)}: {tag[key]}")
    assert not lost


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site, pages):
    """No font, script, style or picture of another server: the site works offline."""
    for path, page in pages.items():
        loaded = [t["src"] for t in page.find_all(["script", "img", "iframe"], src=True)]
        loaded += [t["href"] for t in page.find_all("link", href=True)]
        assert not [link for link in loaded if urlsplit(link).netloc], path
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text("utf-8"))
