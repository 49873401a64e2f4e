"""What the README promises."""

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
