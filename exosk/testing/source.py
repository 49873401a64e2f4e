"""The laws of sources of observed spectra."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exosk.exceptions import UnknownNameError
from exosk.sources import Listing, Source, fold_name
from exosk.sources.load import SYSTEM
from exosk.spectra import Spectrum
from exosk.testing.suite import Suite, check_citation, check_json, check_pickle, check_refused

__all__ = ["SourceSuite"]


class SourceSuite(Suite):
    """What every :class:`exosk.sources.Source` obeys.

    A subclass defines :meth:`make`. A source that asks an archive is given recorded answers
    there, so that the suite runs without a network.

    Attributes
    ----------
    n : int
        How many spectra are loaded, of those that the source lists first.
    """

    n = 3

    @pytest.fixture
    def source(self) -> Any:
        """Give the source under test, the same for the whole class."""
        return self._made()

    def examples(self, source: Any) -> list[str]:
        """Return the names that are loaded: the first ones unless overridden."""
        return list(source.names()[: self.n])

    def planets(self, source: Any) -> list[str]:
        """Return planets whose systems are asked for: those of the examples unless overridden."""
        return sorted({source.load(name).name for name in self.examples(source)})

    def test_it_is_a_source(self, source: Any) -> None:
        """It has all that exosk asks for."""
        missing = [name for name in ("citation", "names", "load") if not hasattr(source, name)]
        assert isinstance(source, Source), f"the source lacks {', '.join(missing)}"

    def test_it_can_be_cited(self, source: Any) -> None:
        """A report says where its spectrum came from."""
        check_citation(source.citation, "citation")

    def test_names_are_listed_in_order(self, source: Any) -> None:
        """Each once, the same at each call."""
        names = source.names()
        assert isinstance(names, list), f"names() returned {type(names).__name__}, not a list"
        assert names, "the source lists nothing, so that nothing can be tested"
        assert all(isinstance(name, str) for name in names), "names are text"
        assert names == sorted(names), "names() is not sorted"
        folded = [fold_name(name) for name in names]
        twice = sorted({n for n, f in zip(names, folded) if folded.count(f) > 1})
        assert not twice, f"names() lists one observation twice: {', '.join(twice)}"
        names.clear()
        assert source.names(), "clearing the list that names() returned emptied the source"

    def test_what_is_listed_can_be_loaded(self, source: Any) -> None:
        """As a Spectrum with positive errors, of transit depths that are fractions."""
        for name in self.examples(source):
            spectrum = source.load(name)
            assert isinstance(spectrum, Spectrum), (
                f"load({name!r}) returned {type(spectrum).__name__}, not a Spectrum"
            )
            size = float(np.nanmedian(spectrum.depth))
            assert 1e-6 < size < 0.25, (
                f"the median depth of {name} is {size:.3g}; give (Rp/Rs)^2 as a plain fraction"
            )

    def test_what_is_loaded_says_where_it_is_from(self, source: Any) -> None:
        """Name, publication, and what is known of the system, as JSON has it."""
        for name in self.examples(source):
            spectrum = source.load(name)
            assert spectrum.name, f"the spectrum of {name} has no name"
            check_citation(spectrum.reference, f"the reference of {name}")
            check_json(spectrum.meta, f"the meta of {name}")

    def test_loading_twice_gives_the_same(self, source: Any) -> None:
        """Whatever a caller did to the first."""
        for name in self.examples(source):
            first = source.load(name)
            meta = dict(first.meta)
            first.meta["changed by the caller"] = True
            again = source.load(name)
            assert again.grid == first.grid, f"the bins of {name} differ from call to call"
            assert np.array_equal(again.depth, first.depth, equal_nan=True), (
                f"the depths of {name} differ from call to call"
            )
            assert again.meta == meta, (
                f"meta of {name} differs from call to call, or is shared between callers"
            )

    def test_spelling_does_not_matter(self, source: Any) -> None:
        """Case, spaces, hyphens and underscores vary from catalogue to catalogue."""
        for name in self.examples(source):
            expected = source.load(name)
            for spelling in (name.upper(), name.replace("-", " "), name.replace(" ", "_")):
                try:
                    found = source.load(spelling)
                except UnknownNameError as error:
                    raise AssertionError(
                        f"{spelling!r} is not found where {name!r} is; compare names by "
                        f"exosk.sources.fold_name"
                    ) from error
                assert np.array_equal(found.depth, expected.depth, equal_nan=True), (
                    f"{spelling!r} and {name!r} are two spectra"
                )

    def test_an_unknown_name_is_told_as_such(self, source: Any) -> None:
        """So that exosk can ask the next source."""
        for name in ("no such planet", ""):
            error = check_refused(lambda name=name: source.load(name), f"the unknown name {name!r}")
            assert isinstance(error, UnknownNameError), (
                f"the unknown name {name!r} raises {type(error).__name__}; raise UnknownNameError "
                f"(UnknownNameError.suggest names the nearest)"
            )

    def test_what_it_describes_it_can_load(self, source: Any) -> None:
        """Where it describes its observations without loading them."""
        if not hasattr(source, "listings"):
            pytest.skip("the source describes nothing beforehand")
        listings = source.listings()
        assert all(isinstance(listing, Listing) for listing in listings)
        strangers = sorted({listing.name for listing in listings} - set(source.names()))
        assert not strangers, f"listings() has names that names() lacks: {', '.join(strangers)}"
        examples = self.examples(source)
        for listing in (one for one in listings if one.name in examples):
            spectrum = source.load(listing.name)
            assert fold_name(spectrum.name) == fold_name(listing.planet), (
                f"{listing.name} is listed as {listing.planet} and loaded as {spectrum.name}"
            )

    def test_what_it_knows_of_a_system_says_whose_it_is(self, source: Any) -> None:
        """Where it knows the parameters of planets and stars, which become priors."""
        if not hasattr(source, "system"):
            pytest.skip("the source knows no systems")
        for planet in self.planets(source):
            system = source.system(planet)
            check_json(system, f"the system of {planet}")
            assert system.get("origin"), f"the system of {planet} does not say who was asked"
            known = [name for name in SYSTEM if name in system]
            assert known, f"nothing is known of the system of {planet}; raise UnknownNameError"
            for name in known:
                assert system[name] > 0, f"{name} of {planet} is {system[name]}"
                assert system["references"].get(name), f"nobody is named for {name} of {planet}"
        error = check_refused(lambda: source.system("no such planet"), "an unknown planet")
        assert isinstance(error, UnknownNameError), "an unknown planet raises UnknownNameError"

    def test_it_survives_pickling(self, source: Any) -> None:
        """Jobs in other processes may load spectra."""
        copy = check_pickle(source, "the source")
        assert copy.names() == source.names(), "an unpickled source lists other names"
