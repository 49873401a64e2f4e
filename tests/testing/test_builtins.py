"""What exosk registers itself obeys the laws that it asks of plugins."""

import numpy as np

from exosk.parameters import Uniform
from exosk.plugin import PluginManager
from exosk.simulators.quantities import default_space
from exosk.spectra import SpectralGrid
from exosk.testing import InstrumentSuite, OpacitySuite, SimulatorSuite, SourceSuite

BUILT_IN = PluginManager([])
SUITES = {
    "simulators": SimulatorSuite,
    "opacities": OpacitySuite,
    "instruments": InstrumentSuite,
    "sources": SourceSuite,
}
INFRARED = SpectralGrid.from_edges(np.geomspace(1.1, 5.0, 20))
OPTIONS = {"builtin": {"molecules": ("H2O", "CO2"), "grid": INFRARED}}


def suite_for(kind: str, name: str) -> type:
    """A class of tests for one registered name."""

    def make(self):
        return BUILT_IN.make(kind, name, **OPTIONS.get(name, {}))

    return type(f"Test_{kind}_{name}", (SUITES[kind],), {"make": make, "__module__": __name__})


globals().update(
    (suite.__name__, suite)
    for suite in (suite_for(kind, name) for kind in SUITES for name in BUILT_IN.names(kind))
)


class TestBuiltinWithProfilesAndContamination(SimulatorSuite):
    """Everything that the built-in model has beside the plain atmosphere."""

    def make(self):
        molecules = ("H2O", "CO2")
        priors = {
            "star_radius": Uniform(0.8, 1.2),
            "cloud_fraction": Uniform(0.0, 1.0),
            "star_temperature": Uniform(4500.0, 5500.0),
            "spot_temperature": Uniform(3500.0, 4500.0),
            "spot_fraction": Uniform(0.0, 0.2),
            "dilution": Uniform(0.0, 0.2),
            "offset_red": Uniform(-100.0, 100.0),
        }
        profile = ("t_irr", "t_int", "log_kappa_ir", "log_gamma")
        names = ("log_x_h2o", "log_x_h2o_top", "log_p_h2o", "log_x_co2")
        return BUILT_IN.make(
            "simulators",
            "builtin",
            molecules=molecules,
            space=default_space(molecules, priors, fixed=(), atmosphere=(*profile, *names)),
            temperature_profile="guillot",
            abundance_profiles={"H2O": "two-layer"},
            instruments={"red": (3.0, 5.0)},
            grid=INFRARED,
        )
