"""`exosk retrieve` by a pretrained model, which is what it does by itself."""

import json


def test_the_program_takes_one_by_default(program, tmp_path):
    done = program("retrieve", "wasp-39b", "--json", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["method"] == "pretrained"
    assert document["molecules"]["CO2"] > 0.99
    assert document["molecules"]["H2O"] > 0.99
    assert document["guard"]["verdict"]


def test_the_program_says_why_it_trains(program, tmp_path):
    arguments = ("--method", "pretrained", "--molecules", "H2O", "--out", str(tmp_path))
    done = program("retrieve", "wasp-39b", *arguments)
    assert done.returncode != 0
    assert "leave molecules and priors at the model's" in " ".join(done.stderr.split())
