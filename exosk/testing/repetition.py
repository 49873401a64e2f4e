"""The same parameters give the same spectrum: again, alone, in any order, in another process."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.testing.refusals import SimulatorRefusals
from exosk.testing.suite import check_pickle

__all__ = ["SimulatorRepetition"]


class SimulatorRepetition(SimulatorRefusals):
    """The part of :class:`exosk.testing.SimulatorSuite` that asks for one spectrum twice."""

    tolerance = 1e-6

    def depth(self, simulator: Any) -> np.ndarray:
        """Return the batch's depths, computed once."""
        return np.array(self._once("depth", lambda: simulator.simulate(self.theta(simulator))))

    def same(self, first: Any, second: Any) -> bool:
        """Whether depths agree within the tolerance."""
        first, second = np.asarray(first), np.asarray(second)
        return first.shape == second.shape and np.allclose(first, second, self.tolerance, 0)

    def test_the_same_parameters_give_the_same_spectrum(self, simulator: Any) -> None:
        """Whatever NumPy's global seed, and whatever a caller does to the last result."""
        theta = self.theta(simulator)[:1]
        results = []
        for seed in (0, 1):
            np.random.seed(seed)  # noqa: NPY002  # the global state is what must not matter
            before = np.random.get_state()[1].copy()  # noqa: NPY002
            depth = simulator.simulate(theta)
            after = np.random.get_state()[1]  # noqa: NPY002
            assert np.array_equal(before, after), "simulate moves NumPy's global random state"
            results.append(np.array(depth))
            if depth.flags.writeable:
                depth[:] = -1.0
        assert np.array_equal(*results), "the same theta gave two spectra; noise is not its part"

    def test_parameters_are_left_alone(self, simulator: Any) -> None:
        """Plain lists do as well as arrays, and neither is changed."""
        theta = self.theta(simulator)[:1]
        kept = theta.copy()
        simulator.simulate(theta)
        assert np.array_equal(theta, kept), "simulate changed the caller's theta; copy it first"
        assert self.same(simulator.simulate(theta.tolist()), self.depth(simulator)[:1]), (
            "a list gives another spectrum than the array"
        )

    def test_a_batch_is_its_spectra_one_by_one(self, simulator: Any) -> None:
        """In any order, and for none at all."""
        theta, depth = self.theta(simulator), self.depth(simulator)
        for k in (0, len(theta) - 1):
            assert self.same(simulator.simulate(theta[k : k + 1]), depth[k : k + 1]), (
                f"row {k} alone gives another spectrum than within the batch"
            )
        assert self.same(simulator.simulate(theta[::-1])[::-1], depth), (
            "spectra depend on the order of the rows; something is kept from row to row"
        )
        none = np.asarray(simulator.simulate(theta[:0]))
        assert none.shape == (0, depth.shape[1]), f"no rows give shape {none.shape}"

    def test_it_survives_pickling(self, simulator: Any) -> None:
        """Jobs in other processes get simulators that way."""
        copy = check_pickle(simulator, "the simulator")
        assert self.same(copy.simulate(self.theta(simulator)[:1]), self.depth(simulator)[:1]), (
            "an unpickled simulator gives another spectrum"
        )
