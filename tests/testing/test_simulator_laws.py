"""Every law of simulators catches a simulator that breaks it, and says what is wrong."""

import inspect
import re

import numpy as np
import pytest

from exosk.exceptions import RangeError
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.simulators.quantities import default_space
from exosk.testing import SimulatorSuite
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS

LAWS = [name for name in dir(SimulatorSuite) if name.startswith("test_")]
HIGH = {"temperature": 3000.0, "log_p_cloud": 2.0, "planet_radius": 10.0, "planet_mass": 99.0}
LOW = {"temperature": 100.0, "log_p_cloud": -9.0, "planet_radius": 0.1, "planet_mass": 0.1}


class Toy:
    """An atmosphere of nothing but sense: its radius grows with temperature and absorbers."""

    molecules = ("H2O",)
    space = default_space(("H2O",), optional=("log_p_cloud",))

    def __init__(self, wavelength=None):
        self.wavelength = np.geomspace(1.0, 2.0, 60) if wavelength is None else wavelength

    @property
    def provenance(self):
        return {"simulator": "toy", "citation": "none", "fixed": {"star_radius": 1.0}}

    def check(self, theta):
        theta = np.array(theta, dtype=float)
        if theta.ndim != 2 or theta.shape[1] != len(self.space):
            raise RangeError(f"theta has shape {theta.shape}")
        for name in self.space.names:
            column = theta[:, self.space.index(name)]
            low, high = LOW.get(name, -np.inf), HIGH.get(name, 0.0)
            if not ((column >= low) & (column <= high)).all():
                raise RangeError(f"{name} is outside {low} to {high}")
        return theta

    def simulate(self, theta):
        return self.compute(self.check(theta))

    def compute(self, theta):
        value = dict(zip(self.space.names, theta.T[:, :, None]))
        line = np.exp(-(((self.wavelength - 1.4) / 0.1) ** 2))
        height = 1e-6 * value["temperature"] * (1 + 1e5 * 10 ** value["log_x_h2o"] * line)
        return ((value["planet_radius"] + height) * JUPITER_RADIUS / SOLAR_RADIUS) ** 2

    def restrict(self, grid):
        return type(self)(self.wavelength[grid.samples_needed(self.wavelength)])


class Suite(SimulatorSuite):
    def make(self):
        return Toy()


class TestToy(Suite):
    """The toy keeps every law, so that each breach below is the only one."""


def _space(**changes):
    parameters = {p.name: p for p in Toy.space} | changes
    return ParameterSpace(list(parameters.values()))


class Lacking:
    space, wavelength, molecules = Toy.space, np.geomspace(1, 2, 60), ("H2O",)


class ListOfMolecules(Toy):
    molecules = ["H2O"]


class OwnName(Toy):
    space = _space(temperature=Parameter("temp", Uniform(1000, 2000), "K"))


class OwnUnit(Toy):
    space = _space(planet_mass=Parameter("planet_mass", Uniform(1, 2), "M_earth"))


class Nanometres(Toy):
    def __init__(self, wavelength=None):
        self.wavelength = np.geomspace(1000.0, 2000.0, 60)


class Descending(Toy):
    def __init__(self, wavelength=None):
        self.wavelength = np.geomspace(2.0, 1.0, 60)


class Percent(Toy):
    def compute(self, theta):
        return 100 * super().compute(theta)


class Ratio(Toy):
    def compute(self, theta):
        return np.sqrt(super().compute(theta))


class Transposed(Toy):
    def compute(self, theta):
        return super().compute(theta).T


class NotANumber(Toy):
    def compute(self, theta):
        return np.where(theta[:, :1] > 0, np.nan, super().compute(theta))


class ColumnsMixed(Toy):
    def compute(self, theta):
        return super().compute(theta[:, [1, 0, *range(2, len(self.space))]])


class AbundancesIgnored(Toy):
    def compute(self, theta):
        return super().compute(np.where(np.array(self.space.names) == "log_x_h2o", -12, theta))


class AbundancesReversed(Toy):
    def compute(self, theta):
        return super().compute(
            np.where(np.array(self.space.names) == "log_x_h2o", -12 - theta, theta)
        )


class Noisy(Toy):
    def compute(self, theta):
        return super().compute(theta) + 1e-5 * np.random.standard_normal()  # noqa: NPY002


class Buffered(Toy):
    buffer = None

    def compute(self, theta):
        if self.buffer is None:
            self.buffer = super().compute(theta)
        return self.buffer


class Meddling(Toy):
    def simulate(self, theta):
        depth = super().simulate(theta)
        np.asarray(theta)[:] = 0
        return depth


class NoLists(Toy):
    def simulate(self, theta):
        return super().simulate(theta) * (1.001 if isinstance(theta, list) else 1.0)


class Normalised(Toy):
    def compute(self, theta):
        depth = super().compute(theta)
        return depth + 1e-3 * (depth - depth.mean())


class Ordered(Toy):
    def compute(self, theta):
        return super().compute(theta) * (1 + 1e-4 * np.sign(theta[-1, 0] - theta[0, 0]))


class NoneFails(Toy):
    def compute(self, theta):
        return super().compute(theta) if len(theta) else np.zeros(0)


class Unpicklable(Toy):
    def __init__(self, wavelength=None):
        super().__init__(wavelength)
        self.handle = lambda: None


class Forgetful(Toy):
    def __getstate__(self):
        return {"wavelength": self.wavelength * 1.01}


class RestrictsTooMuch(Toy):
    def restrict(self, grid):
        return type(self)(np.array(grid.range))


class RestrictsItself(Toy):
    def restrict(self, grid):
        self.wavelength = super().restrict(grid).wavelength
        return self


class Extrapolates(Toy):
    def restrict(self, grid):
        return type(self)(np.linspace(*grid.range, 50))


class Careless(Toy):
    def check(self, theta):
        return np.array(theta, dtype=float)


class Clipping(Toy):
    def check(self, theta):
        theta = np.nan_to_num(np.array(theta, dtype=float).reshape(-1, len(self.space)))
        return np.clip(theta, *np.array(self.space.bounds).T)


class BareErrors(Toy):
    def check(self, theta):
        try:
            return super().check(theta)
        except RangeError as error:
            raise ValueError(str(error)) from error


class Silent(Toy):
    def check(self, theta):
        try:
            return super().check(theta)
        except RangeError as error:
            raise RangeError("") from error


class Arrays(Toy):
    provenance = {"simulator": "toy", "citation": "x", "wavelength": np.arange(3)}


class Tuples(Toy):
    provenance = {"simulator": "toy", "citation": "x", "molecules": ("H2O",)}


class Anonymous(Toy):
    provenance = {"citation": "x"}


class Uncited(Toy):
    provenance = {"simulator": "toy"}


@pytest.mark.parametrize(
    ("law", "broken", "complaint"),
    [
        ("test_it_is_a_simulator", Lacking, "lacks provenance, simulate, restrict"),
        ("test_it_is_a_simulator", ListOfMolecules, "molecules must be a tuple"),
        ("test_its_parameters_are_those_that_exosk_knows", OwnName, "'temp'.*own_parameters"),
        ("test_its_parameters_are_those_that_exosk_knows", OwnUnit, "'M_earth', exosk's is in"),
        ("test_wavelengths_ascend_in_um", Nanometres, "must be in um.*looks like nm"),
        ("test_wavelengths_ascend_in_um", Descending, "must ascend"),
        ("test_depths_are_fractions", Percent, "100 times"),
        ("test_depths_are_fractions", Ratio, "return the square of the ratio"),
        ("test_depths_are_fractions", Transposed, r"shape \(60, 3\) where .* is \(3, 60\)"),
        ("test_depths_are_fractions", NotANumber, "NaN or infinite"),
        ("test_a_larger_planet_blocks_more", ColumnsMixed, "order of space.names"),
        ("test_more_absorbers_absorb_more", AbundancesIgnored, "changes no depth by 5 ppm"),
        ("test_more_absorbers_absorb_more", AbundancesReversed, "log10 volume mixing ratios"),
        ("test_the_same_parameters_give_the_same_spectrum", Noisy, "global random state"),
        ("test_the_same_parameters_give_the_same_spectrum", Buffered, "gave two spectra"),
        ("test_parameters_are_left_alone", Meddling, "copy it first"),
        ("test_parameters_are_left_alone", NoLists, "a list gives another spectrum"),
        ("test_a_batch_is_its_spectra_one_by_one", Normalised, "alone gives another spectrum"),
        (
            "test_a_batch_is_its_spectra_one_by_one",
            Ordered,
            "alone gives another|order of the rows",
        ),
        ("test_a_batch_is_its_spectra_one_by_one", NoneFails, r"no rows give shape \(0,\)"),
        ("test_it_survives_pickling", Unpicklable, "cannot be pickled .*__reduce__"),
        ("test_it_survives_pickling", Forgetful, "unpickled simulator gives another"),
        ("test_restricted_it_gives_the_same_bins", RestrictsTooMuch, "keep every sample next to"),
        ("test_restricted_it_gives_the_same_bins", RestrictsItself, "return a new one"),
        ("test_bins_beyond_its_range_are_refused", Extrapolates, "190-199 um.*is accepted"),
        ("test_what_is_no_number_is_refused", Careless, "nan as planet_radius is accepted"),
        ("test_what_is_no_number_is_refused", Clipping, "nan as planet_radius is accepted"),
        (
            "test_impossible_atmospheres_are_refused",
            Clipping,
            "negative planet_mass .* is accepted",
        ),
        ("test_impossible_atmospheres_are_refused", BareErrors, "raises ValueError"),
        ("test_impossible_atmospheres_are_refused", Silent, "refused without a word"),
        ("test_rows_of_the_wrong_shape_are_refused", BareErrors, "shape .* raises ValueError"),
        ("test_rows_of_the_wrong_shape_are_refused", Clipping, "raises ValueError|is accepted"),
        ("test_its_provenance_can_be_kept_and_cited", Arrays, "is not JSON"),
        ("test_its_provenance_can_be_kept_and_cited", Tuples, "changes in JSON"),
        ("test_its_provenance_can_be_kept_and_cited", Anonymous, "needs 'simulator'"),
        ("test_its_provenance_can_be_kept_and_cited", Uncited, "should cite"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_breach_is_told(law_broken_by, law, broken, complaint):
    arguments = {
        "test_what_is_no_number_is_refused": (np.nan,),
        "test_impossible_atmospheres_are_refused": ("a negative planet_mass",),
    }.get(law, ())
    assert law_broken_by(Suite, law, Toy(), *arguments) is None
    told = law_broken_by(Suite, law, broken(), *arguments)
    assert told
    assert re.search(complaint, told), told


def test_every_law_has_a_breach():
    (marks,) = test_a_breach_is_told.pytestmark
    assert {case[0] for case in marks.args[1]} == set(LAWS)
    assert all(inspect.getdoc(getattr(SimulatorSuite, law)) for law in LAWS)


def test_a_class_without_make_is_told():
    with pytest.raises(NotImplementedError, match="SimulatorSuite needs a method make"):
        SimulatorSuite().make()
