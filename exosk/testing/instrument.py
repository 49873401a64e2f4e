"""The laws of instruments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exosk.exceptions import ExoskError
from exosk.instruments import Instrument
from exosk.spectra import SpectralGrid, Spectrum
from exosk.testing.suite import Suite, check_citation, check_pickle, check_refused

__all__ = ["InstrumentSuite"]

_DEPTH = 0.01
_SMALLEST, _LARGEST = 1e-7, 0.02


class InstrumentSuite(Suite):
    """What every instrument that a plugin registers obeys.

    A subclass defines :meth:`make`, which returns an :class:`exosk.instruments.Instrument`, as
    the registered factory does when it is called without options.
    """

    @pytest.fixture
    def instrument(self) -> Any:
        """Give the instrument under test, the same for the whole class."""
        return self._made()

    def test_it_is_an_instrument(self, instrument: Any) -> None:
        """Bins, errors, a name; the class checks their shapes when it is made."""
        assert isinstance(instrument, Instrument), (
            f"make() returned {type(instrument).__name__}, not an Instrument"
        )
        assert isinstance(instrument.grid, SpectralGrid), "grid must be a SpectralGrid"
        assert instrument.name.strip(), "the instrument has no name"

    def test_its_errors_are_fractions(self, instrument: Any) -> None:
        """Not ppm, not percent, and of a size that a telescope reaches."""
        sigma = np.asarray(instrument.sigma)
        assert sigma.shape == (instrument.grid.n_bins,), "sigma must have one error a bin"
        middle = float(np.median(sigma))
        assert _SMALLEST < middle < _LARGEST, (
            f"the median error is {middle:.3g}; as a plain fraction of (Rp/Rs)^2 it should lie "
            f"between {_SMALLEST:g} (0.1 ppm) and {_LARGEST:g}"
        )

    def test_its_errors_have_a_source(self, instrument: Any) -> None:
        """A reader must be able to look up whose errors these are."""
        check_citation(instrument.reference, "reference")

    def test_it_is_made_the_same_each_time(self, instrument: Any) -> None:
        """No random number is in it."""
        again = self.make()
        assert again.grid == instrument.grid, "two calls of make() differ in their bins"
        assert np.array_equal(again.sigma, instrument.sigma), "two calls of make() differ in sigma"

    def test_it_survives_pickling(self, instrument: Any) -> None:
        """Jobs in other processes get instruments that way."""
        copy = check_pickle(instrument, "the instrument")
        assert copy.grid == instrument.grid, "pickling changed the bins"
        assert np.array_equal(copy.sigma, instrument.sigma), "pickling changed the errors"

    def test_a_seed_settles_the_noise(self, instrument: Any) -> None:
        """The same seed, the same observation; another seed, another one."""
        before = np.random.get_state()[1].copy()  # noqa: NPY002  # what must not move
        first, again, other = (_observe(instrument, seed).depth for seed in (1, 1, 2))
        after = np.random.get_state()[1]  # noqa: NPY002
        assert np.array_equal(first, again), "the same random_state gave two observations"
        assert not np.array_equal(first, other), "another random_state gave the same noise"
        assert np.array_equal(before, after), "observe moves NumPy's global random state"

    def test_the_noise_is_what_sigma_says(self, instrument: Any) -> None:
        """Its mean is zero and its scatter one sigma, over all bins of many observations."""
        n = max(20, 2000 // instrument.grid.n_bins)
        spectra = [_observe(instrument, seed) for seed in range(n)]
        assert all(isinstance(s, Spectrum) for s in spectra), "observe must return a Spectrum"
        assert all(np.array_equal(s.sigma, instrument.sigma) for s in spectra), (
            "an observation states other errors than the instrument has"
        )
        pull = np.array([(s.depth - _DEPTH) / instrument.sigma for s in spectra])
        assert abs(pull.mean()) < 5 / np.sqrt(pull.size), (
            f"the noise has a mean of {pull.mean():.2g} sigma; a flat spectrum must stay flat"
        )
        assert 0.8 < pull.std() < 1.2, f"the noise is {pull.std():.3g} times what sigma says"

    def test_scaling_and_rebinning_keep_their_word(self, instrument: Any) -> None:
        """Half the error is half the error, and its own bins are its own bins."""
        assert np.allclose(instrument.scaled(0.5).sigma, instrument.sigma / 2), (
            "scaled(0.5) does not halve the errors"
        )
        same = instrument.rebinned(instrument.grid)
        assert np.allclose(same.sigma, instrument.sigma), "its own bins give other errors"

    def test_what_it_does_not_see_is_refused(self, instrument: Any) -> None:
        """A spectrum that leaves a bin empty, bins beyond its range, errors that are none."""
        low, high = instrument.grid.range
        short = np.linspace(low, (low + high) / 2, 50)
        check_refused(
            lambda: instrument.observe(short, np.full(50, _DEPTH), 0),
            "a spectrum that ends in the middle of the bins",
        )
        beyond = SpectralGrid.from_edges([1.5 * high, 1.6 * high])
        check_refused(lambda: instrument.rebinned(beyond), "a bin beyond the instrument's range")
        for factor in (0.0, -1.0, np.nan):
            check_refused(lambda f=factor: instrument.scaled(f), f"a scale of {factor:g}")


def _observe(instrument: Any, seed: int) -> Spectrum:
    """Observe a flat spectrum."""
    low, high = instrument.grid.range
    wavelength = np.geomspace(low, high, 4 * instrument.grid.n_bins + 2)
    wavelength[[0, -1]] = low, high
    try:
        return instrument.observe(wavelength, np.full(wavelength.size, _DEPTH), seed)
    except ExoskError as error:
        raise AssertionError(f"a flat spectrum of all bins was refused: {error}") from error
