"""A worked plugin: lithium, JWST MIRI LRS, and an analytic simulator."""

from importlib import import_module

from exosk.plugin import hookimpl


def later(module, name):
    """Make a factory that imports its module when it is called: this one must stay light."""

    def make(**options):
        return getattr(import_module(f"exosk_example.{module}"), name)(**options)

    return make


@hookimpl
def exosk_register_opacities():
    return {"Li": later("lithium", "lithium_table")}


@hookimpl
def exosk_register_instruments():
    return {"miri-lrs": later("miri", "make_miri_lrs")}


@hookimpl
def exosk_register_simulators():
    return {"analytic": later("analytic", "AnalyticModel")}
