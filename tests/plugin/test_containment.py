"""A plugin's code can neither ask nor print; all others can."""

import io
import sys
import threading

import pytest

from exosk.plugin.containment import Prompted, contained


@pytest.fixture
def replace_streams(monkeypatch):
    """Put streams in place that can be read afterwards: standard input, output, error."""

    def replace():
        made = io.StringIO("an answer\n" * 5), io.StringIO(), io.StringIO()
        for name, stream in zip(("stdin", "stdout", "stderr"), made):
            monkeypatch.setattr(sys, name, stream)
        return made

    return replace


@pytest.mark.parametrize(
    "ask",
    [
        lambda: input("Yes or no? "),
        lambda: sys.stdin.readline(),
        lambda: sys.stdin.read(),
        lambda: next(sys.stdin),
        lambda: list(sys.stdin),
        lambda: sys.stdin.readlines(),
    ],
)
def test_nobody_answers(replace_streams, ask):
    streams = replace_streams()
    with pytest.raises(Prompted), contained():
        ask()
    assert streams[0].tell() == 0
    assert input() == "an answer"


def test_who_catches_the_end_of_input_can_go_on(replace_streams):
    replace_streams()
    with contained():
        try:
            answer = input()
        except EOFError:
            answer = "default"
    assert answer == "default"


def test_print_goes_to_standard_error(replace_streams):
    streams = replace_streams()
    _, out, err = streams
    print("before")
    with contained():
        print("inside")
        sys.stdout.write("and here\n")
        with contained():
            print("deeper")
        print("again")
    print("after")
    assert out.getvalue() == "before\nafter\n"
    assert err.getvalue() == "inside\nand here\ndeeper\nagain\n"


def test_streams_are_put_back(replace_streams):
    streams = replace_streams()
    with pytest.raises(KeyError), contained():
        raise KeyError
    assert (sys.stdin, sys.stdout, sys.stderr) == streams
    with contained():
        sys.stdout = replaced = io.StringIO()
    assert sys.stdin is streams[0]
    assert sys.stdout is replaced


def test_other_threads_keep_their_streams(replace_streams):
    """While two threads are contained at once, and leave in the order in which they came."""
    streams = replace_streams()
    _, out, err = streams
    entered, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def work(k: int) -> None:
        with contained():
            entered.wait(10)
            leave[k].wait(10)
            print(f"worker {k}")

    workers = [threading.Thread(target=work, args=(k,)) for k in (0, 1)]
    for worker in workers:
        worker.start()
    entered.wait(10)
    answers = [input("main? ")]
    for k, worker in enumerate(workers):
        leave[k].set()
        worker.join(10)
        answers.append(input())
        print("main")
    assert answers == ["an answer"] * 3
    assert out.getvalue() == "main? main\nmain\n"
    assert err.getvalue() == "worker 0\nworker 1\n"
    assert (sys.stdin, sys.stdout) == streams[:2]
