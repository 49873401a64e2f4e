"""The laws of opacity tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exosk.exceptions import ExoskError
from exosk.opacities import COLLISION_LOG_FLOOR, LOG_FLOOR, CollisionTable, OpacityTable
from exosk.opacities.masses import molar_mass
from exosk.spectra import SpectralGrid
from exosk.testing.suite import Suite, check_citation, check_json, check_pickle, check_refused
from exosk.units import canonical

__all__ = ["OpacitySuite"]

# log10 of the largest value that a table may have: the core of a strong resonance line, in cm2,
# and the far-infrared maximum of a pair, in cm5.
_LARGEST = {OpacityTable: -9.0, CollisionTable: -40.0}


class OpacitySuite(Suite):
    """What every opacity that a plugin registers obeys.

    A subclass defines :meth:`make`, which returns an :class:`exosk.opacities.OpacityTable` or a
    :class:`exosk.opacities.CollisionTable`, as the registered factory does.
    """

    @pytest.fixture
    def table(self) -> Any:
        """Give the table under test, the same for the whole class."""
        return self._made()

    def test_it_is_a_table(self, table: Any) -> None:
        """The classes check shapes, order and finiteness when they are made."""
        assert isinstance(table, OpacityTable | CollisionTable), (
            f"make() returned {type(table).__name__}, neither an OpacityTable nor a CollisionTable"
        )

    def test_its_name_is_a_formula(self, table: Any) -> None:
        """A simulator must know the mass of what it mixes."""
        parts = table.name.split("-")
        expected = 2 if isinstance(table, CollisionTable) else 1
        assert len(parts) == expected, (
            f"{table.name!r} must be a formula as in 'H2O', or of a pair as in 'H2-He'"
        )
        for formula in parts:
            try:
                molar_mass(formula)
            except ExoskError as error:
                raise AssertionError(str(error)) from error

    def test_its_axes_are_in_um_kelvin_and_bar(self, table: Any) -> None:
        """Values of another unit lie far out."""
        for axis, kind in _axes(table).items():
            try:
                canonical(getattr(table, axis), kind)
            except ExoskError as error:
                raise AssertionError(f"the axis {axis} is in another unit: {error}") from error
        assert table.temperature[-1] > 50, "the temperatures end below 50 K; they must be in K"

    def test_its_values_are_in_cgs(self, table: Any) -> None:
        """As log10; a table of linear values, or all of it at the floor, is a mistake."""
        values, floor = _values(table)
        assert values.max() > floor, "every value is at the floor: the table absorbs nowhere"
        limit = _LARGEST[type(table)]
        assert values.max() < limit, (
            f"the largest value is 10^{values.max():.1f}; in cm2 per molecule (cm5 for a pair) it "
            f"should be below 10^{limit:.0f}: give log10 of values in these units"
        )

    def test_it_is_made_the_same_each_time(self, table: Any) -> None:
        """No random number and no state of the process is in it."""
        again = self.make()
        for name in (*_axes(table), _field(table)):
            assert np.array_equal(getattr(table, name), getattr(again, name)), (
                f"two calls of make() differ in {name}"
            )

    def test_it_survives_pickling(self, table: Any) -> None:
        """Simulators that hold it are sent to other processes."""
        copy = check_pickle(table, "the table")
        assert np.array_equal(_values(copy)[0], _values(table)[0]), "pickling changed the values"

    def test_what_is_outside_is_refused(self, table: Any) -> None:
        """It does not extrapolate."""
        inside, pressure = table.temperature[0], getattr(table, "pressure", [1.0])
        evaluate = getattr(table, "cross_section", None)
        for wrong in (table.temperature[0] / 2, table.temperature[-1] * 2, np.nan):
            check_refused(
                lambda wrong=wrong: (
                    evaluate(wrong, pressure[0]) if evaluate else table.coefficient(wrong)
                ),
                f"a temperature of {wrong:g} K, outside the table,",
            )
        if evaluate is not None:
            for wrong in (pressure[0] / 2, pressure[-1] * 2, np.nan):
                check_refused(
                    lambda wrong=wrong: evaluate(inside, wrong),
                    f"a pressure of {wrong:g} bar, outside the table,",
                )

    def test_the_built_in_model_can_use_it(self, table: Any) -> None:
        """At once, with no code: a molecule of 1e-3 is seen where it absorbs most."""
        if isinstance(table, CollisionTable):
            pytest.skip("the built-in model takes H2-H2 and H2-He only")
        from exosk.simulators.quantities import abundance_name
        from exosk.simulators.transmission import TransmissionModel

        name, strongest = abundance_name(table.name), _strongest_bin(table)
        low, high = max(1e-9, table.pressure[0]), min(10.0, table.pressure[-1])
        middle = table.temperature[len(table.temperature) // 2]
        try:
            model = TransmissionModel((table,), grid=strongest, pressure_range=(low, high))
            theta = model.space.sample(1, random_state=0)
            columns = {"temperature": middle, "log_p_cloud": np.log10(high), "log_haze": -10.0}
            for column, value in columns.items():
                theta[:, model.space.index(column)] = value
            depths = []
            for abundance in (-12.0, -3.0):
                theta[:, model.space.index(name)] = abundance
                depths.append(model.simulate(theta))
        except ExoskError as error:
            raise AssertionError(f"the built-in model cannot use the table: {error}") from error
        assert (depths[1] - depths[0]).max() > 1e-6, (
            f"{table.name} at 1e-3 changes no depth by 1 ppm where it absorbs most"
        )

    def test_its_card_can_be_kept_and_cited(self, table: Any) -> None:
        """Source, limits and citation go into the provenance of every result."""
        card = table.provenance
        check_json(card, "the table's provenance")
        assert isinstance(card.get("source"), str), (
            "provenance needs 'source': where the numbers come from"
        )
        assert card.get("limits"), (
            "provenance needs 'limits': what the table does not hold, as a list of sentences"
        )
        check_citation(card.get("citation"), "provenance['citation']")


def _axes(table: OpacityTable | CollisionTable) -> dict[str, str]:
    names = ("wavelength", "temperature", "pressure")
    return {name: name for name in names if hasattr(table, name)}


def _field(table: OpacityTable | CollisionTable) -> str:
    return "log_coefficient" if isinstance(table, CollisionTable) else "log_cross_section"


def _values(table: OpacityTable | CollisionTable) -> tuple[np.ndarray, float]:
    floor = COLLISION_LOG_FLOOR if isinstance(table, CollisionTable) else LOG_FLOOR
    return getattr(table, _field(table)), floor


def _strongest_bin(table: OpacityTable) -> SpectralGrid:
    """One bin around the wavelength at which the table has its largest value."""
    k = int(np.argmax(table.log_cross_section.max(axis=(0, 1))))
    k = int(np.clip(k, 1, table.wavelength.size - 2))
    return SpectralGrid.from_edges(table.wavelength[[k - 1, k + 1]])
