"""The laws of simulators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exosk.exceptions import ExoskError
from exosk.parameters import ParameterSpace
from exosk.simulators import Simulator
from exosk.simulators.quantities import make_parameter
from exosk.spectra import SpectralGrid
from exosk.testing.refusals import with_values
from exosk.testing.repetition import SimulatorRepetition
from exosk.testing.suite import check_citation, check_json
from exosk.units import JUPITER_RADIUS, SOLAR_RADIUS, canonical

__all__ = ["SimulatorSuite"]

_PPM = 1e-6


class SimulatorSuite(SimulatorRepetition):
    """What every :class:`exosk.simulators.Simulator` obeys.

    A subclass defines :meth:`make`. About fifteen spectra are computed in all, so give a slow
    code few wavelengths there.

    Attributes
    ----------
    n : int
        Spectra in the batch, at least 2.
    tolerance : float
        Relative difference between depths that should be the same; the default is a few units
        in the last place of float32.
    own_parameters : tuple of str
        Parameters that exosk does not know and the simulator adds on purpose.
    """

    own_parameters: tuple[str, ...] = ()

    def test_it_is_a_simulator(self, simulator: Any) -> None:
        """It has all that exosk asks for."""
        wanted = ("space", "wavelength", "molecules", "provenance", "simulate", "restrict")
        missing = [name for name in wanted if not hasattr(simulator, name)]
        assert isinstance(simulator, Simulator), f"the simulator lacks {', '.join(missing)}"
        assert isinstance(simulator.space, ParameterSpace), "space must be a ParameterSpace"
        molecules = simulator.molecules
        assert isinstance(molecules, tuple), "molecules must be a tuple of names"
        assert all(isinstance(name, str) for name in molecules), "molecules are names (str)"

    def test_its_parameters_are_those_that_exosk_knows(self, simulator: Any) -> None:
        """Names and units, so that one prior file and one posterior serve every simulator."""
        for parameter in simulator.space:
            if parameter.name in self.own_parameters:
                continue
            try:
                known = make_parameter(parameter.name, simulator.molecules)
            except ExoskError as error:
                raise AssertionError(
                    f"{error} Take the name from exosk.simulators.quantities, or list it in "
                    f"own_parameters of the test class"
                ) from error
            assert parameter.unit == known.unit, (
                f"{parameter.name} is in {parameter.unit!r}, exosk's is in {known.unit!r}; take "
                f"the parameter from exosk.simulators.quantities.make_parameter and convert inside"
            )

    def test_wavelengths_ascend_in_um(self, simulator: Any) -> None:
        """Codes that work in wavenumbers, nm or cm convert and turn round."""
        wavelength = np.asarray(simulator.wavelength)
        assert wavelength.ndim == 1, f"wavelength has shape {wavelength.shape}; make it 1-D"
        assert wavelength.size >= 2, f"{wavelength.size} wavelengths; at least two are needed"
        assert np.isfinite(wavelength).all(), "a wavelength is not finite"
        try:
            canonical(wavelength, "wavelength")
        except ExoskError as error:
            raise AssertionError(f"wavelength must be in um: {error}") from error
        assert (np.diff(wavelength) > 0).all(), (
            "wavelengths must ascend; a code that ascends in wavenumber turns them, and the depths "
            "with them, round"
        )

    def test_depths_are_fractions(self, simulator: Any) -> None:
        """One finite (Rp/Rs)^2 a spectrum and wavelength, near the square of the radii's ratio."""
        depth, theta = self.depth(simulator), self.theta(simulator)
        expected = (len(theta), len(simulator.wavelength))
        assert depth.shape == expected, (
            f"simulate returned shape {depth.shape} where (n, n_wavelengths) is {expected}"
        )
        assert np.issubdtype(depth.dtype, np.floating), f"depths are {depth.dtype}, not floats"
        assert np.isfinite(depth).all(), "a depth is NaN or infinite; raise an error instead"
        assert (depth > 0).all(), "a depth is not positive"
        disc = self._disc(simulator, theta)
        ratio = np.median(depth / disc)
        assert 0.25 < ratio < 4, (
            f"depths are {ratio:.3g} times (Rp/Rs)^2; return the square of the ratio as a plain "
            f"fraction, of planet_radius in R_jup and star_radius in R_sun"
        )

    def test_a_larger_planet_blocks_more(self, simulator: Any) -> None:
        """At every wavelength, if the columns are read in the space's order."""
        self.need(simulator, "planet_radius")
        theta = self.theta(simulator)[:1]
        radius = theta[:, simulator.space.index("planet_radius")]
        larger = with_values(simulator, theta, planet_radius=1.02 * radius)
        assert (simulator.simulate(larger) > self.depth(simulator)[:1]).all(), (
            "a planet 2 % larger is not deeper everywhere; are the columns of theta read in the "
            "order of space.names?"
        )

    def test_more_absorbers_absorb_more(self, simulator: Any) -> None:
        """Traces do not make the atmosphere heavier by much, so that nothing gets shallower."""
        names = [n for n in simulator.space.names if n.startswith("log_x_")]
        if not names:
            pytest.skip("no abundance is free")
        theta = self.theta(simulator)[:1]
        clear = {"log_p_cloud": 1, "log_haze": 0}  # the upper and the lower end of the prior
        ends = {n: simulator.space[n].bounds[k] for n, k in clear.items() if n in simulator.space}
        none, some = (
            simulator.simulate(with_values(simulator, theta, **ends, **dict.fromkeys(names, x)))
            for x in (-12.0, -5.0)
        )
        assert (some - none).max() > 5 * _PPM, (
            "1e-5 of every molecule changes no depth by 5 ppm; are log_x_* read as log10 volume "
            "mixing ratios, and is make()'s range of wavelengths one where they absorb?"
        )
        assert (some - none).min() > -1e-3 * none.min(), (
            "adding traces of absorbers makes the transit shallower; are log_x_* read as log10 "
            "volume mixing ratios?"
        )

    def test_restricted_it_gives_the_same_bins(self, simulator: Any) -> None:
        """On no more than the samples that the bins need, and leaving the whole one as it was."""
        wavelength = np.array(simulator.wavelength)
        middle = wavelength[len(wavelength) // 3], wavelength[2 * len(wavelength) // 3]
        grid = SpectralGrid.from_edges(np.geomspace(*middle, 3))
        part = simulator.restrict(grid)
        assert np.array_equal(simulator.wavelength, wavelength), (
            "restrict changed the simulator itself; return a new one"
        )
        assert part.space == simulator.space, "the restricted simulator has another space"
        bins = grid.average(part.wavelength, part.simulate(self.theta(simulator)[:1]))
        assert self.same(bins, grid.average(wavelength, self.depth(simulator)[:1])), (
            "the restricted simulator gives other bins; keep every sample next to a bin's edges"
        )

    def test_its_provenance_can_be_kept_and_cited(self, simulator: Any) -> None:
        """It goes into every data set and every report."""
        provenance = simulator.provenance
        assert isinstance(provenance, dict), "provenance must be a dictionary"
        check_json(provenance, "the simulator's provenance")
        assert isinstance(provenance.get("simulator"), str), (
            "provenance needs 'simulator': the name under which it is registered"
        )
        check_citation(provenance.get("citation"), "provenance['citation']")

    def _disc(self, simulator: Any, theta: np.ndarray) -> np.ndarray:
        """(Rp/Rs)^2 of the bare planet, of what is free or stated as fixed, shape (n, 1)."""
        fixed = simulator.provenance.get("fixed", {})
        radii = [
            theta[:, simulator.space.index(name)]
            if name in simulator.space
            else fixed.get(name, np.nan)
            for name in ("planet_radius", "star_radius")
        ]
        disc = (radii[0] * JUPITER_RADIUS / (radii[1] * SOLAR_RADIUS)) ** 2
        if not np.isfinite(disc).all():
            pytest.skip("planet_radius and star_radius are neither free nor in provenance['fixed']")
        return np.broadcast_to(disc, len(theta))[:, None]
