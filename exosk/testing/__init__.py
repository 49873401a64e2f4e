"""Suites of laws that simulators, opacities, instruments and sources obey.

A plugin's author subclasses one in a test module, says how to make the thing, and runs pytest:

    from exosk.testing import SimulatorSuite

    class TestMySimulator(SimulatorSuite):
        def make(self):
            return MySimulator(molecules=("H2O",))

Each law that fails says what is wrong and what to do. This package imports pytest, which exosk
itself does not need.
"""

from exosk.testing.instrument import InstrumentSuite
from exosk.testing.opacity import OpacitySuite
from exosk.testing.server import Answer, LocalServer, Request
from exosk.testing.simulator import SimulatorSuite
from exosk.testing.source import SourceSuite

__all__ = [
    "Answer",
    "InstrumentSuite",
    "LocalServer",
    "OpacitySuite",
    "Request",
    "SimulatorSuite",
    "SourceSuite",
]
