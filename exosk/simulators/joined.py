r"""One planet seen by several instruments, each of which has an offset.

Instruments, and visits, differ in the depth of the white light by tens to hundreds of ppm, by
calibration, by limb darkening and by the star's changes. Bin b of instrument k sees

.. math:: D_b = \sum_i W_{bi} D(\lambda_i) + 10^{-6}\, o_k,

with W the average over the bin and :math:`o_k` a free parameter, in ppm. One instrument has none:
an offset of all bins together is another radius of the planet.

A bin belongs to an instrument by what its spectrum says of it, and not by its wavelength, so that
instruments may overlap. The rows of W sum to one, so that an offset of a bin is one of its samples:
the native samples here are, instrument after instrument, those of the simulator which the
instrument's bins need. They are linear in the simulator's, and cost no further simulation.
"""

from __future__ import annotations

import copy
import functools
import math
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.parameters import Parameter, ParameterSpace, Prior
from exosk.simulators.binned import bin_matrix
from exosk.simulators.protocol import Simulator
from exosk.simulators.quantities import make_parameter, offset_name
from exosk.spectra import SpectralGrid, Spectrum, find_bins

__all__ = ["JoinedSimulator", "instruments_of", "offset_names"]

_PPM = 1e-6


def offset_names(instruments: Iterable[str]) -> dict[str, str]:
    """Return the parameter of each instrument's offset, by the instrument's name.

    Parameters
    ----------
    instruments : iterable of str
        As in ``"JWST NIRSpec PRISM"``, whose parameter is ``offset_jwst_nirspec_prism``.

    Raises
    ------
    RangeError
        If two instruments would have one parameter.
    """
    names: dict[str, str] = {}
    for k, instrument in enumerate(instruments):
        word = re.sub(r"[^a-z0-9]+", "_", instrument.lower()).strip("_")
        name = offset_name(word or f"instrument_{k + 1}")
        if instrument in names or name in names.values():
            raise RangeError(
                f"the offset of {instrument!r} would be {name}, which is that of another "
                f"instrument; give them names that differ in a letter or a digit"
            )
        names[instrument] = name
    return names


def instruments_of(bins: Spectrum | SpectralGrid, instruments: Any = None) -> dict[str, np.ndarray]:
    """Return the mask of the bins of each instrument, by its name.

    Parameters
    ----------
    bins : Spectrum or SpectralGrid
        A spectrum may know whose its bins are; unnamed instruments of several are numbered.
    instruments : array-like of str, shape (n_bins,), optional
        The instrument of each bin, where `bins` do not tell.

    Raises
    ------
    GridError
        If `instruments` are not as many as the bins.
    """
    if instruments is not None:
        labels = np.array([str(label) for label in np.ravel(instruments)])
        if len(labels) != len(bins):
            raise GridError(
                f"instruments names those of {len(labels)} bins, but there are {len(bins)}; give "
                f"one name for each bin"
            )
        return {str(name): labels == name for name in dict.fromkeys(labels.tolist())}
    if isinstance(bins, SpectralGrid):
        return {"": np.ones(len(bins), dtype=bool)}
    found = bins.by_instrument()
    if len(found) == 1:
        return dict(found)
    return {name or f"instrument {k + 1}": mine for k, (name, mine) in enumerate(found)}


class JoinedSimulator:
    """A simulator of joined spectra, with an offset for each instrument but one.

    Parameters
    ----------
    simulator : Simulator
        Any; its parameters come first.
    bins : Spectrum or SpectralGrid
        The bins that it is for. A spectrum that :func:`exosk.join_spectra` made, or that was read
        from a file with a column of instruments, knows whose they are.
    offsets : prior, or mapping of str to prior or float, optional
        Priors in ppm, such as ``Normal(0, 100)``. One serves every instrument but the reference;
        it is uniform between -500 and 500 ppm by default. With a mapping from instruments, those
        that it leaves out have no offset, and a number is a known one.
    instruments : array-like of str, shape (n_bins,), optional
        The instrument of each bin, where `bins` do not tell.
    reference : str, optional
        The instrument without an offset; that of most bins (that are not missing) by default.

    Raises
    ------
    GridError
        If `instruments` are not as many as the bins.
    RangeError
        If there is one instrument only, every one has a free offset, or the simulator does not
        cover the bins or has such a parameter itself.
    UnknownNameError
        If `offsets` or `reference` name an instrument that has no bins.

    Examples
    --------
    >>> import exosk
    >>> a = exosk.Spectrum.from_arrays([1.2, 1.4], [0.02] * 2, [1e-4] * 2, 0.1, instrument="WFC3")
    >>> b = exosk.Spectrum.from_arrays([0.8, 4], [0.02] * 2, [1e-4] * 2, 0.1, instrument="NIRSpec")
    >>> simulator = exosk.get_simulator("builtin", molecules=("H2O",))
    >>> joined = exosk.JoinedSimulator(simulator, exosk.join_spectra([a, b]), exosk.Normal(0, 100))
    >>> joined.space.names[-1]
    'offset_nirspec'
    """

    def __init__(
        self,
        simulator: Simulator,
        bins: Spectrum | SpectralGrid,
        offsets: Prior | Mapping[str, Prior | float] | None = None,
        *,
        instruments: Any = None,
        reference: str | None = None,
    ) -> None:
        members = instruments_of(bins, instruments)
        if len(members) < 2:
            raise RangeError(
                f"every bin is one of {next(iter(members)) or 'an unnamed instrument'}, and an "
                f"offset of all is another radius of the planet; join the spectra of several "
                f"instruments (join_spectra), or do without offsets"
            )
        self._names = offset_names(members)
        chosen = _chosen(members, getattr(bins, "observed", True), offsets, reference)
        fixed = {n: float(x) for n, x in chosen.items() if isinstance(x, Real)}
        free = [
            Parameter(self._names[name], prior, "ppm", _label(name))
            for name, prior in chosen.items()
            if name not in fixed
        ]
        self._take(
            ParameterSpace([*_without(simulator, self._names), *free]),
            {self._names[name]: value for name, value in fixed.items()},
        )
        grid = bins if isinstance(bins, SpectralGrid) else bins.grid
        self._see(simulator, grid, np.argmax(list(members.values()), axis=0))

    def _take(self, space: ParameterSpace, constants: Mapping[str, float]) -> None:
        """Choose the parameters, in any order, and the offsets that are known, in ppm."""
        names = list(self._names.values())
        both = [name for name in constants if name in space]
        if both:
            raise RangeError(f"{both[0]} is both free and fixed; choose one")
        if all(name in space for name in names):
            raise RangeError(
                f"every instrument ({', '.join(self._names)}) has a free offset, and an offset of "
                f"all is another radius of the planet; leave one out"
            )
        self._space, self._constants = space, dict(constants)
        self._base_columns = [k for k, name in enumerate(space.names) if name not in names]
        # From theta, and from nothing, to the offset of each instrument.
        self._selection = np.array([[name == own for own in names] for name in space.names], float)
        self._known = np.array([float(constants.get(name, 0.0)) for name in names])

    def _see(self, simulator: Simulator, grid: SpectralGrid, owner: np.ndarray) -> None:
        """Choose the bins, and whose they are, by the instruments' index."""
        self._base, self._grid, self._owner = simulator.restrict(grid), grid, owner
        matrix = bin_matrix(self._base, grid)
        row_owner = np.repeat(owner, np.diff(matrix.indptr))
        columns, blocks = np.empty_like(matrix.indices), []
        start = 0
        for k in range(len(self._names)):
            mine = row_owner == k
            samples = np.unique(matrix.indices[mine])
            columns[mine] = start + np.searchsorted(samples, matrix.indices[mine])
            blocks.append(samples)
            start += len(samples)
        self._samples = np.concatenate(blocks)
        self._sample_owner = np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
        self._matrix = sparse.csr_array((matrix.data, columns, matrix.indptr), (len(owner), start))

    @property
    def space(self) -> ParameterSpace:
        """The simulator's parameters and the offsets that are free, in ppm."""
        return self._space

    @property
    def fixed(self) -> dict[str, float]:
        """Values of the parameters that are not free."""
        return {**getattr(self._base, "fixed", {}), **self._constants}

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points of one instrument after the other, each ascending, in um."""
        return np.asarray(self._base.wavelength)[self._samples]

    @property
    def molecules(self) -> tuple[str, ...]:
        """The absorbers whose abundance may vary."""
        return self._base.molecules

    @property
    def device(self) -> Any:
        """Where the simulator's tensors live, if it has any."""
        return self._base.device  # type: ignore[attr-defined]

    @property
    def provenance(self) -> dict[str, Any]:
        """That of the simulator, and the instruments: bins, range in um, offset.

        An offset is the name of its parameter, a number of ppm, or None where there is none.
        """
        instruments: dict[str, Any] = {}
        for k, (instrument, name) in enumerate(self._names.items()):
            mine = np.flatnonzero(self._owner == k)
            range_um = list(self._grid[mine].range) if mine.size else None
            offset = name if name in self.space else self._constants.get(name)
            instruments[instrument] = {"n_bins": mine.size, "range_um": range_um, "offset": offset}
        told = self._base.provenance
        fixed = {**told.get("fixed", {}), **self.fixed}
        return {**told, "fixed": fixed, "instruments": instruments}

    def bin_matrix(self, grid: SpectralGrid) -> sparse.csr_array:
        """Return the matrix that takes the samples to bins, shape (n_bins, n_wavelengths).

        Raises
        ------
        GridError
            If some of the bins are none of this simulator's.
        """
        return self._matrix[self._places(grid)]

    def restrict(self, grid: SpectralGrid) -> JoinedSimulator:
        """Return the simulator for some of its bins; all parameters stay.

        Raises
        ------
        GridError
            If some of the bins are none of this simulator's.
        """
        places = self._places(grid)
        if np.array_equal(places, np.arange(self._grid.n_bins)):
            return self
        part = copy.copy(self)
        part._see(self._base, grid, self._owner[places])
        return part

    def replace(self, **changes: Any) -> JoinedSimulator:
        """Return a simulator with some arguments of the one below it changed.

        `space` and `fixed` hold offsets too. An instrument whose offset is in neither has none.
        """
        whole = self.restrict(changes.pop("grid", self._grid))
        space, fixed = changes.pop("space", self.space), changes.pop("fixed", self.fixed)
        own = set(self._names.values())
        other = copy.copy(whole)
        other._take(space, {name: value for name, value in fixed.items() if name in own})
        base = whole._base.replace(  # type: ignore[attr-defined]
            space=ParameterSpace([p for p in space if p.name not in own]),
            fixed={name: value for name, value in fixed.items() if name not in own},
            **changes,
        )
        other._see(base, whole._grid, whole._owner)
        return other

    def _places(self, grid: SpectralGrid) -> np.ndarray:
        """Return the index of each of some bins among one's own."""
        places = find_bins(grid, self._grid)
        unknown = np.flatnonzero(places < 0)
        if unknown.size:
            k = unknown[0]
            raise GridError(
                f"bin {k} ({grid.lower[k]:.5g}-{grid.upper[k]:.5g} um) is none of those that this "
                f"simulator of several instruments was made for, so that no instrument is known; "
                f"make a JoinedSimulator for these bins ({unknown.size} of {len(grid)} are unknown)"
            )
        return places

    def simulate(self, theta: Any) -> np.ndarray:
        """Compute transit depths with offsets.

        Parameters
        ----------
        theta : array-like of shape (n, n_parameters)
            In the order of :attr:`space`.

        Returns
        -------
        ndarray of shape (n, n_wavelengths)

        Raises
        ------
        RangeError
            If the shape is another, an offset is not finite, or the simulator refuses.
        """
        theta = np.array(theta, dtype=float)
        if theta.ndim != 2 or theta.shape[1] != len(self.space):
            raise RangeError(
                f"theta must be of shape (n, {len(self.space)}), one column for each of "
                f"{', '.join(self.space.names)}; got {theta.shape}"
            )
        for k in sorted(set(range(len(self.space))) - set(self._base_columns)):
            bad = theta[~np.isfinite(theta[:, k]), k]
            if bad.size:
                name = self.space.names[k]
                raise RangeError(f"{name} = {bad[0]:g}; an offset is a finite number of ppm")
        depth = np.asarray(self._base.simulate(theta[:, self._base_columns]), dtype=float)
        offset = _PPM * (self._known + theta @ self._selection)
        return depth[:, self._samples] + offset[:, self._sample_owner]

    @property
    def depth(self) -> Callable[[Any], Any]:
        """Transit depths of a tensor of parameters, differentiably, where the simulator can."""
        return functools.partial(self._depth, self._base.depth)  # type: ignore[attr-defined]

    def _depth(self, base: Callable[[Any], Any], theta: Any) -> Any:
        """Compute as `simulate` does, by tensors and without checks."""
        known, selection = (theta.new_tensor(a) for a in (self._known, self._selection))
        offset = _PPM * (known + theta @ selection)
        depth = base(theta[:, self._base_columns]).to(theta.dtype)
        return depth[:, self._samples] + offset[:, self._sample_owner]


def _chosen(
    members: Mapping[str, np.ndarray],
    observed: Any,
    offsets: Prior | Mapping[str, Prior | float] | None,
    reference: str | None,
) -> dict[str, Any]:
    """Prior, or known value in ppm, of each instrument that has an offset."""
    for name in [*(offsets if isinstance(offsets, Mapping) else ()), *filter(None, [reference])]:
        if name not in members:
            raise UnknownNameError.suggest("instrument", name, members)
    if isinstance(offsets, Mapping):
        if reference in offsets:
            raise RangeError(f"{reference} is the reference and has an offset; choose one")
        chosen = dict(offsets)
    else:
        sizes = {name: int(np.sum(mine & observed)) for name, mine in members.items()}
        still = reference or max(sizes, key=sizes.__getitem__)
        default = make_parameter(offset_name("any"), ()).prior
        chosen = {n: default if offsets is None else offsets for n in members if n != still}
    for name, value in chosen.items():
        # A number by itself may be meant as the width of a prior.
        number = isinstance(value, Real) and not isinstance(value, bool)
        known = number and isinstance(offsets, Mapping)
        if not (math.isfinite(value) if known else hasattr(value, "distribution")):  # type: ignore[arg-type]
            raise RangeError(
                f"the offset of {name} must have a prior in ppm, as Normal(0, 100), or be a number "
                f"of ppm by the instrument's name; got {value!r}"
            )
    return chosen


def _without(simulator: Simulator, names: Mapping[str, str]) -> ParameterSpace:
    """Return the simulator's space, which must not have the offsets already."""
    known = [*simulator.space.names, *getattr(simulator, "fixed", {})]
    twice = [name for name in names.values() if name in known]
    if twice:
        raise RangeError(
            f"the simulator has an {twice[0]} of its own; leave it out there (its `instruments`), "
            f"or give the instrument another name"
        )
    return simulator.space


def _label(instrument: str) -> str:
    """Return the label of an offset, in lines that fit a panel; a dollar sign would begin TeX."""
    text = f"offset of {instrument.replace('$', '')} (ppm)"
    return textwrap.fill(text, 15, break_long_words=False)
