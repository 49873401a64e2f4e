"""What simulators have in common that are all that their constructor's arguments make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Self

from exosk.opacities import OpacityTable
from exosk.parameters import ParameterSpace
from exosk.simulators.inputs import Inputs
from exosk.spectra import SpectralGrid

__all__ = ["ConfiguredSimulator"]


class ConfiguredSimulator:
    """A simulator that can be made again from its arguments, some of them changed.

    The constructor of a subclass takes ``molecules``, ``space``, ``fixed``, ``grid`` and settings,
    and sets the attributes.

    Attributes
    ----------
    _sources : tuple of str or OpacityTable
        The molecules as they were given.
    _grid : SpectralGrid or None
        The bins that it works for.
    _inputs : Inputs
        Its parameters.
    _settings : dict
        All other arguments by their names, with what they are by default filled in.
    """

    _sources: tuple[str | OpacityTable, ...]
    _grid: SpectralGrid | None
    _inputs: Inputs
    _settings: dict[str, Any]

    @property
    def space(self) -> ParameterSpace:
        """The free parameters."""
        return self._inputs.space

    @property
    def fixed(self) -> dict[str, float]:
        """Values of the parameters that are not free."""
        return self._inputs.fixed

    @property
    def molecules(self) -> tuple[str, ...]:
        """The absorbers whose abundance may vary."""
        return tuple(self._inputs.abundances)

    def restrict(self, grid: SpectralGrid) -> Self:
        """Return the simulator on the samples that the bins of `grid` need.

        Raises
        ------
        RangeError
            If there are no opacities in some bin.
        """
        return self.replace(grid=grid)

    def replace(self, **changes: Any) -> Self:
        """Return a simulator with some of the constructor's arguments changed."""
        return type(self)(**self._arguments() | changes)

    def _arguments(self) -> dict[str, Any]:
        return {
            "molecules": self._sources,
            "space": self.space,
            "fixed": self.fixed,
            "grid": self._grid,
            **self._settings,
        }

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle the arguments: other codes hold what cannot travel, or is quickly read again."""
        return _make, (type(self), self._arguments())

    def _describe(
        self,
        simulator: str,
        distributions: Sequence[str],
        citation: str | Sequence[str],
        opacities: Mapping[str, Any],
    ) -> dict[str, Any]:
        """Return the provenance of a simulator, as JSON has it.

        Parameters
        ----------
        simulator : str
            The name that it is registered under.
        distributions : sequence of str
            Those whose versions matter.
        citation : str or sequence of str
            What to cite.
        opacities : mapping
            The provenance of each.
        """
        described = {
            "simulator": simulator,
            **{name: metadata.version(name) for name in distributions},
            "citation": _listed(citation),
            "molecules": list(self.molecules),
            "fixed": dict(self.fixed),
            "settings": _listed(self._settings),
            "opacities": dict(opacities),
        }
        if self._inputs.equilibrium is not None:
            described["chemistry"] = self._inputs.equilibrium.provenance
        return described


def _listed(value: Any) -> Any:
    """Turn tuples into lists, at any depth."""
    if isinstance(value, Mapping):
        return {key: _listed(one) for key, one in value.items()}
    return [_listed(one) for one in value] if isinstance(value, tuple | list) else value


def _make(kind: type[ConfiguredSimulator], arguments: dict[str, Any]) -> ConfiguredSimulator:
    return kind(**arguments)
