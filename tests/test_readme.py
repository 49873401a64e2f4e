"""What the README promises."""

import json
import re
from pathlib import Path

import exosk

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    scope: dict = {}
    exec(example, scope)
    assert scope["posterior"].space == scope["space"]
    assert len(exosk.Posterior.load(tmp_path / "wasp-39b.h5")) == 10_000


def test_the_pictures_are_there():
    for target in re.findall(r"!\[.*?\]\((.*?)\)", README.read_text(encoding="utf-8")):
        assert (README.parent / target).is_file()


def test_the_numbers_are_those_that_were_measured():
    """Of `exosk retrieve wasp-39b`, as benchmarks/documentation.py ran it."""
    kept = json.loads((README.parent / "benchmarks/results/documentation.json").read_text("utf-8"))
    found = kept["result"]["retrieval"]
    text = README.read_text(encoding="utf-8")
    rows = re.findall(r"^    (\w+) +(-?[\d.]+) +(-?[\d.]+) to (-?[\d.]+) +\S", text, re.MULTILINE)
    assert len(rows) > 3
    for name, *numbers in rows:
        told = [found["parameters"][name][key] for key in ("median", "lower", "upper")]
        assert numbers == [f"{value:.4g}" for value in told]
    molecules = re.findall(r"^    ([A-Z]\w*) +([01]\.\d{3}) +([01]\.\d{3})$", text, re.MULTILINE)
    assert {name: (p, before) for name, p, before in molecules} == {
        name: (f"{p:.3f}", f"{found['prior_presence'][name]:.3f}")
        for name, p in found["molecules"].items()
    }
    (chi2,) = re.findall(r"reduced chi-squared ([\d.]+)", text)
    assert chi2 == f"{found['reduced_chi2']:.2f}"
