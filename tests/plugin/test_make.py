"""What a factory returns is checked in one place, and whose fault it is is said."""

import pytest

from exosk.exceptions import PluginError, RangeError
from exosk.instruments import Instrument
from exosk.opacities import OpacityTable
from exosk.plugin import PluginManager

TEXT = """
from exosk.plugin import hookimpl

@hookimpl
def exosk_register_{kind}():
    return {{"toy": make}}

def make(**options):
    {body}
"""


@pytest.fixture
def make(plugin):
    """Make the toy that a plugin of one kind offers, whose factory has a given body."""

    def call(kind: str, body: str, **options):
        manager = PluginManager([plugin("toys", TEXT.format(kind=kind, body=body))])
        return manager.make(kind, "Toy", **options)

    return call


def test_what_is_right_is_handed_over(make):
    body = """
    from exosk.instruments import Instrument
    from exosk.spectra import SpectralGrid
    return Instrument("x", SpectralGrid.from_edges([1, 2]), options["sigma"])
"""
    made = make("instruments", body, sigma=1e-4)
    assert isinstance(made, Instrument)
    assert made.sigma == 1e-4
    assert isinstance(PluginManager([]).make("opacities", "h2o"), OpacityTable)


@pytest.mark.parametrize(
    ("kind", "body", "complaint"),
    [
        ("simulators", "return None", "object of NoneType where exosk needs a Simulator; it lacks"),
        ("simulators", "return 'taurex'", "lacks molecules, provenance, restrict, simulate, space"),
        ("simulators", "return type('Model', (), {})", "the class Model where exosk needs a Sim"),
        ("sources", "return {}", "object of dict where exosk needs a Source; it lacks citation, l"),
        ("opacities", "return []", "object of list where exosk needs a OpacityTable or Collision"),
        ("instruments", "return 3", "object of int where exosk needs a Instrument"),
    ],
)
def test_what_is_something_else_is_refused(make, kind, body, complaint):
    with pytest.raises(PluginError, match=complaint) as caught:
        make(kind, body)
    assert "the plugin 'toys' (unknown unknown) returned for the" in str(caught.value)
    assert "'toy'" in str(caught.value)
    assert "EXOSK_DISABLED_PLUGINS=toys" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("import a_code_that_is_not_there", "ModuleNotFoundError: No module named 'a_code_that"),
        ("raise ValueError('one\\n\\ntwo')", "ValueError: one"),
        ("raise ValueError", "simulator 'toy': ValueError"),
        ("exit(3)", "SystemExit: 3"),
        ("input('Where are your tables? ')", "asked a question at a prompt, where nobody answers"),
        ("import getpass, sys; sys.stdin.readline()", "asked a question at a prompt"),
        (
            "\n    try: input()\n    except EOFError as e: raise RuntimeError('no answer') from e",
            "asked a question at a prompt",
        ),
    ],
)
def test_a_failure_is_one_sentence_that_names_the_plugin(make, body, why):
    with pytest.raises(PluginError, match=why) as caught:
        make("simulators", body)
    assert str(caught.value).startswith("the plugin 'toys' (unknown unknown) could not make the")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is not None


def test_an_error_about_the_options_is_the_users(make):
    with pytest.raises(RangeError, match="resolution = -1"):
        make(
            "simulators",
            "from exosk.exceptions import RangeError; raise RangeError('resolution = -1')",
        )


def test_a_mistake_in_calling_a_built_in_keeps_its_name():
    with pytest.raises(TypeError, match="unexpected keyword argument 'resolutoin'"):
        PluginManager([]).make("instruments", "nirspec-prism", resolutoin=50)


def test_ctrl_c_is_the_users(make):
    with pytest.raises(KeyboardInterrupt):
        make("simulators", "raise KeyboardInterrupt")
