"""Every law of opacities, instruments and sources catches what breaks it, and says so."""

import dataclasses
import inspect
import itertools
import re

import numpy as np
import pytest

from exosk.exceptions import RangeError, UnknownNameError
from exosk.instruments import Instrument
from exosk.opacities import LOG_FLOOR, CollisionTable, OpacityTable, get_opacity
from exosk.sources import Listing, fold_name
from exosk.spectra import SpectralGrid, Spectrum
from exosk.testing import InstrumentSuite, OpacitySuite, SourceSuite

# ---------------------------------------------------------------- opacities

CARD = {"source": "made up", "citation": "none", "limits": ["all of it"]}
WAVELENGTH = get_opacity("H2O").wavelength
TEMPERATURE, PRESSURE = np.array([100.0, 3000.0]), np.array([1e-9, 10.0])
COUNT = itertools.count()


def table(kind=OpacityTable, **changes):
    """A table of 1e-20 cm2 at 2 um and of nothing elsewhere."""
    wavelength = changes.get("wavelength", WAVELENGTH)
    log_sigma = np.where(np.abs(wavelength / 2 - 1) < 0.1, -20.0, LOG_FLOOR)
    shape = (2, len(changes.get("temperature", TEMPERATURE)), len(wavelength))
    fields = {
        "name": "H2O",
        "wavelength": wavelength,
        "temperature": TEMPERATURE,
        "pressure": PRESSURE,
        "log_cross_section": np.broadcast_to(log_sigma, shape),
        "provenance": CARD,
    }
    return kind(**fields | changes)


class Extrapolating(OpacityTable):
    def cross_section(self, temperature, pressure):
        inside = np.clip(temperature, *self.temperature[[0, -1]])
        return super().cross_section(np.nan_to_num(inside, nan=500.0), pressure)


class Growing(OpacityTable):
    def __reduce__(self):
        louder = dataclasses.replace(self, log_cross_section=self.log_cross_section + 1)
        return OpacityTable, tuple(vars(louder).values())


class Local(OpacityTable):
    def __reduce__(self):
        raise TypeError("it holds an open file")


OPACITIES = [
    ("test_it_is_a_table", lambda: {"H2O": 1}, "dict, neither an OpacityTable nor"),
    ("test_its_name_is_a_formula", lambda: table(name="POKAZATEL"), "molar mass of 'POKAZATEL'"),
    ("test_its_name_is_a_formula", lambda: table(name="H2-He"), "must be a formula as in 'H2O'"),
    (
        "test_its_axes_are_in_um_kelvin_and_bar",
        lambda: table(wavelength=WAVELENGTH * 1000),
        "axis wavelength is in another unit.*looks like nm",
    ),
    (
        "test_its_axes_are_in_um_kelvin_and_bar",
        lambda: table(pressure=PRESSURE * 1e5),
        "axis pressure is in another unit.*looks like Pa",
    ),
    (
        "test_its_axes_are_in_um_kelvin_and_bar",
        lambda: table(temperature=TEMPERATURE / 100),
        "must be in K",
    ),
    (
        "test_its_values_are_in_cgs",
        lambda: table(log_cross_section=np.full((2, 2, WAVELENGTH.size), 1e-20)),
        "give log10 of values",
    ),
    (
        "test_its_values_are_in_cgs",
        lambda: table(log_cross_section=np.full((2, 2, WAVELENGTH.size), LOG_FLOOR)),
        "absorbs nowhere",
    ),
    (
        "test_it_is_made_the_same_each_time",
        lambda: table(temperature=TEMPERATURE + next(COUNT)),
        "differ in temperature",
    ),
    ("test_it_survives_pickling", lambda: table(Local), "cannot be pickled.*an open file"),
    ("test_it_survives_pickling", lambda: table(Growing), "pickling changed the values"),
    ("test_what_is_outside_is_refused", lambda: table(Extrapolating), "temperature of 50 K.*accep"),
    (
        "test_the_built_in_model_can_use_it",
        lambda: table(log_cross_section=np.full((2, 2, WAVELENGTH.size), -33.0)),
        "changes no depth by 1 ppm",
    ),
    ("test_its_card_can_be_kept_and_cited", lambda: table(provenance={}), "needs 'source'"),
    (
        "test_its_card_can_be_kept_and_cited",
        lambda: table(provenance=CARD | {"citation": ""}),
        "should cite",
    ),
    (
        "test_its_card_can_be_kept_and_cited",
        lambda: table(provenance=CARD | {"limits": []}),
        "needs 'limits'",
    ),
    (
        "test_its_card_can_be_kept_and_cited",
        lambda: table(provenance=CARD | {"range": np.arange(2)}),
        "is not JSON",
    ),
]

# ---------------------------------------------------------------- instruments

GRID = SpectralGrid.from_edges(np.linspace(1.0, 2.0, 11))


def instrument(kind=Instrument, sigma=1e-4, name="x", reference="made up"):
    return kind(name, GRID, sigma, reference)


class Forgiving(Instrument):
    def observe(self, wavelength, depth, random_state=None):
        whole = np.interp(self.grid.wavelength, wavelength, depth)
        return Spectrum(self.grid, whole, self.sigma)


class GlobalNoise(Instrument):
    def observe(self, wavelength, depth, random_state=None):
        noise = np.random.standard_normal(self.grid.n_bins) * self.sigma  # noqa: NPY002
        return Spectrum(self.grid, self.grid.average(wavelength, depth) + noise, self.sigma)


class Biased(Instrument):
    def observe(self, wavelength, depth, random_state=None):
        return super().observe(wavelength, np.asarray(depth) + self.sigma[0], random_state)


class Loud(Instrument):
    def observe(self, wavelength, depth, random_state=None):
        seen = super().observe(wavelength, depth, random_state)
        return seen.replace(depth=0.01 + 2 * (seen.depth - 0.01))


class Squaring(Instrument):
    def scaled(self, factor):
        return super().scaled(factor**2)


class Unpicklable(Instrument):
    def __reduce__(self):
        raise TypeError("no")


INSTRUMENTS = [
    ("test_it_is_an_instrument", lambda: "miri", "str, not an Instrument"),
    ("test_it_is_an_instrument", lambda: instrument(name=" "), "has no name"),
    ("test_its_errors_are_fractions", lambda: instrument(sigma=0.2), "median error is 0.2"),
    ("test_its_errors_are_fractions", lambda: instrument(sigma=1e-9), "plain fraction"),
    ("test_its_errors_have_a_source", lambda: instrument(reference=""), "should cite"),
    (
        "test_it_is_made_the_same_each_time",
        lambda: instrument(sigma=1e-5 * (1 + next(COUNT))),
        "di",
    ),
    ("test_it_survives_pickling", lambda: instrument(Unpicklable), "cannot be pickled"),
    ("test_a_seed_settles_the_noise", lambda: instrument(GlobalNoise), "two observations"),
    ("test_a_seed_settles_the_noise", lambda: instrument(Forgiving), "gave the same noise"),
    ("test_the_noise_is_what_sigma_says", lambda: instrument(Biased), "noise has a mean of"),
    ("test_the_noise_is_what_sigma_says", lambda: instrument(Loud), "times what sigma says"),
    ("test_scaling_and_rebinning_keep_their_word", lambda: instrument(Squaring), "does not halve"),
    ("test_what_it_does_not_see_is_refused", lambda: instrument(Forgiving), "middle.*is accepted"),
]

# ---------------------------------------------------------------- sources


class Shelf:
    """Two spectra in memory."""

    citation = "made up"

    def names(self):
        return ["hd-1b", "hd-2b"]

    def load(self, name):
        found = [known for known in self.names() if fold_name(known) == fold_name(name)]
        if not found:
            raise UnknownNameError.suggest("observation", name, self.names())
        return self.spectrum(found[0])

    def spectrum(self, name):
        depth = np.full(10, 0.01)
        return Spectrum(GRID, depth, depth / 100, name, reference="made up", meta={"a": 1})

    def listings(self):
        return [Listing(name, self.spectrum(name).name) for name in self.names()]

    def system(self, planet):
        if fold_name(planet) not in ("hd1b", "hd2b"):
            raise UnknownNameError.suggest("planet", planet, self.names())
        return {"star_radius": 1.0, "references": {"star_radius": "made up"}, "origin": "a shelf"}


def shelf(**changes):
    return type("Changed", (Shelf,), changes)()


def changed(**changes):
    return shelf(spectrum=lambda self, name: Shelf().spectrum(name).replace(**changes))


ONE = Shelf().spectrum("hd-1b")
SHARED_LIST = ["hd-1b"]


def exact(self, name):
    if name not in self.names():
        raise UnknownNameError(f"no {name}")
    return self.spectrum(name)


def lookup(self, name):
    return {"hd-1b": ONE}[name]


def out_of_range(self, name):
    raise RangeError(f"no {name}")


SOURCES = [
    ("test_it_is_a_source", lambda: object(), "lacks citation, names, load"),
    ("test_it_can_be_cited", lambda: shelf(citation=None), "should cite"),
    ("test_names_are_listed_in_order", lambda: shelf(names=lambda self: ["b", "a"]), "not sorted"),
    ("test_names_are_listed_in_order", lambda: shelf(names=lambda self: ()), "tuple, not a list"),
    ("test_names_are_listed_in_order", lambda: shelf(names=lambda self: []), "lists nothing"),
    (
        "test_names_are_listed_in_order",
        lambda: shelf(names=lambda self: ["a b", "ab"]),
        "one observation twice: a b, ab",
    ),
    ("test_names_are_listed_in_order", lambda: shelf(names=lambda self: SHARED_LIST), "emptied"),
    (
        "test_what_is_listed_can_be_loaded",
        lambda: shelf(spectrum=lambda self, name: None),
        "NoneType, not a Spectrum",
    ),
    ("test_what_is_listed_can_be_loaded", lambda: changed(depth=np.full(10, 1e-8)), "plain fracti"),
    ("test_what_is_loaded_says_where_it_is_from", lambda: changed(name=""), "has no name"),
    ("test_what_is_loaded_says_where_it_is_from", lambda: changed(reference=""), "should cite"),
    (
        "test_what_is_loaded_says_where_it_is_from",
        lambda: changed(meta={"star_radius": np.float32(1)}),
        "is not JSON",
    ),
    (
        "test_loading_twice_gives_the_same",
        lambda: shelf(spectrum=lambda self, name: ONE),
        "shared between callers",
    ),
    (
        "test_loading_twice_gives_the_same",
        lambda: shelf(
            spectrum=lambda self, name: ONE.replace(depth=np.full(10, 0.01 + 1e-5 * next(COUNT)))
        ),
        "differ from call to call",
    ),
    ("test_spelling_does_not_matter", lambda: shelf(load=exact), "fold_name"),
    ("test_an_unknown_name_is_told_as_such", lambda: shelf(load=lookup), "raises KeyError"),
    ("test_an_unknown_name_is_told_as_such", lambda: shelf(load=out_of_range), "UnknownNameError"),
    (
        "test_what_it_describes_it_can_load",
        lambda: shelf(listings=lambda self: [Listing("hd-3b", "HD 3 b")]),
        "names.. lacks: hd-3b",
    ),
    (
        "test_what_it_describes_it_can_load",
        lambda: shelf(listings=lambda self: [Listing("hd-1b", "HD 2 b")]),
        "listed as HD 2 b and loaded as hd-1b",
    ),
    (
        "test_what_it_knows_of_a_system_says_whose_it_is",
        lambda: shelf(system=lambda self, planet: {"origin": "a shelf"}),
        "nothing is known",
    ),
    (
        "test_what_it_knows_of_a_system_says_whose_it_is",
        lambda: shelf(system=lambda self, planet: {"star_radius": 1.0, "references": {}}),
        "who was asked",
    ),
    (
        "test_what_it_knows_of_a_system_says_whose_it_is",
        lambda: shelf(
            system=lambda self, planet: {"star_radius": 1.0, "references": {}, "origin": "a shelf"}
        ),
        "nobody is named",
    ),
    ("test_it_survives_pickling", lambda: shelf(), "cannot be pickled"),
]

SUITES = {OpacitySuite: OPACITIES, InstrumentSuite: INSTRUMENTS, SourceSuite: SOURCES}
SOUND = {OpacitySuite: table, InstrumentSuite: instrument, SourceSuite: Shelf}
CASES = [(suite, *case) for suite, cases in SUITES.items() for case in cases]


@pytest.mark.parametrize(
    ("suite", "law", "make", "complaint"), CASES, ids=[f"{c[1]}-{c[3]}" for c in CASES]
)
def test_a_breach_is_told(law_broken_by, suite, law, make, complaint):
    told = law_broken_by(suite, law, make(), make=lambda self: make())
    assert told
    assert re.search(complaint, told), told


@pytest.mark.parametrize("suite", list(SUITES))
def test_what_is_sound_breaks_no_law(law_broken_by, suite):
    laws = [name for name in dir(suite) if name.startswith("test_")]
    make = SOUND[suite]
    told = {law: law_broken_by(suite, law, make(), make=lambda self: make()) for law in laws}
    assert told == dict.fromkeys(laws)


@pytest.mark.parametrize("suite", list(SUITES))
def test_every_law_has_a_breach(suite):
    laws = {name for name in dir(suite) if name.startswith("test_")}
    assert {law for law, *_ in SUITES[suite]} == laws
    assert all(inspect.getdoc(getattr(suite, law)) for law in laws)


def test_a_pair_has_two_formulas(law_broken_by):
    pair = CollisionTable("H2", [1.0, 2.0], TEMPERATURE, np.full((2, 2), -45.0), CARD)
    told = law_broken_by(OpacitySuite, "test_its_name_is_a_formula", pair)
    assert "of a pair as in 'H2-He'" in told
