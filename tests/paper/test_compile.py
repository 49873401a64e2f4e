"""The draft through LaTeX, where it is installed with AASTeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from exosk.benchmark import Entry, Score
from exosk.paper import results_for_paper, write_paper
from exosk.paper.latex import latex_text

from .conftest import made_result

_PACKAGES = "texlive-publishers texlive-plain-generic texlive-fonts-recommended"


def _lacking() -> str:
    """Say what is missing, or nothing."""
    for program in ("pdflatex", "bibtex", "kpsewhich"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    for name in ("aastex631.cls", "epsf.sty", "phvr7t.tfm"):
        if subprocess.run(["kpsewhich", name], capture_output=True, check=False).returncode:
            return f"TeX lacks {name}"
    return ""


pytestmark = [
    pytest.mark.skipif(
        bool(_lacking()), reason=f"{_lacking()}; on Debian: apt-get install {_PACKAGES}"
    ),
    pytest.mark.slow,
]


def compile_text(text: Path) -> str:
    """Run LaTeX as often as it takes, and return its last log."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(text.parent), "max_print_line": "10000"}
    commands = [["pdflatex", "-interaction=nonstopmode", "-halt-on-error", text.name]] * 4
    commands.insert(1, ["bibtex", text.stem])
    for command in commands:
        done = subprocess.run(
            command,
            cwd=text.parent,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout[-3000:]
    return text.with_suffix(".log").read_text("utf-8", errors="replace")


def check(text: Path) -> None:
    log = compile_text(text)
    assert not re.findall(r".*undefined (?:references|citations).*", log)
    assert not re.findall(r".*(?:Citation|Reference) .* undefined.*", log)
    assert not re.findall(r".*multiply.defined.*", log)
    wide = [float(pt) for pt in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide", log)]
    assert max(wide, default=0) <= 20
    pages = re.search(r"Output written on .*\((\d+) pages?", log)
    assert pages
    assert int(pages[1]) >= 1
    assert not re.findall(r"Warning--.*", text.with_suffix(".blg").read_text("utf-8"))


@pytest.mark.parametrize("note", [False, True])
def test_it_compiles(folder, tmp_path, planet, trained, monkeypatch, note):
    monkeypatch.setattr("exosk.paper.writing.example_networks", lambda *_: trained)
    written = write_paper(
        results_for_paper(folder),
        tmp_path / "paper",
        note=note,
        title="σ & 50 % of H2O_x",
        authors=["Zoë Müller-Łukasz", "A. B. O'Neil", "Šimůnek"],
        retrieval=planet,
    )
    check(written.text)


def test_it_compiles_without_planet_and_after_results_went(folder, tmp_path, trained, monkeypatch):
    monkeypatch.setattr("exosk.paper.writing.example_networks", lambda *_: trained)
    made_result("hela", [Entry("smoke", [Score("s", 1.0)])], folder, size="smoke")
    results = results_for_paper(folder, allow_smoke=True)
    write_paper(results, tmp_path / "paper")
    del results["exogan_task"]
    # Its text stays and uses numbers, a table and a figure that are no more.
    written = write_paper(results, tmp_path / "paper")
    assert written.kept
    assert written.notes
    text = written.text.read_text("utf-8")
    # The label went with the table.
    written.text.write_text(text.replace(r"Table~\ref{tab:exogan_task}", "A table"), "utf-8")
    check(written.text)


def test_all_letters_that_are_passed_on_are_known_to_latex(tmp_path):
    every = "".join(chr(code) for code in range(32, 0x2300))
    text = tmp_path / "letters.tex"
    lines = [latex_text(every[k : k + 40]) for k in range(0, 0x180, 40)]
    lines += [latex_text(every[k : k + 40]) for k in range(0x370, len(every), 40)]
    body = "\n\n".join(lines)
    text.write_text(
        "\\documentclass{aastex631}\n\\begin{document}\n" + body + "\n\\end{document}\n", "utf-8"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", text.name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "unavailable in encoding" not in done.stdout
