"""Offsets between the instruments that a spectrum was joined from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exosk.augmentation.augmenter import Augmenter
from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout
from exosk.units import canonical

__all__ = ["OffsetInjector"]


class OffsetInjector(Augmenter):
    """Shift the depths of each instrument by an offset of its own in training.

    Instruments differ in the white-light depth that they find, by calibration and by the star's
    changes between visits. One instrument always stays put: an offset of all of them together
    would be another radius of the planet.

    Parameters
    ----------
    instruments : mapping of str to (float, float), or array-like of shape (n_bins,), optional
        Shortest and longest wavelength of each in um, as in ``{"miri": (5, 12)}`` (needs a grid;
        a bin belongs where its centre is, and bins in no range make one more instrument that has
        no offset); or the name of each bin's instrument. Without it all bins are one
        instrument's, and nothing is shifted.
    offset : float, Quantity, (low, high), or mapping of str to these, default=1e-4
        In transit depth (a plain fraction): the standard deviation of normal offsets, or the
        limits of uniform ones. A number or a pair serves every instrument but one: the bins in
        no range where there are such, else the instrument of most bins. With a mapping, those
        that it leaves out have none.
    random_state : int, RandomState or None, default=None
        Seed of the offsets.
    grid : SpectralGrid, optional
        The bins of X. With it X may hold errors after the depths, which stay.

    Attributes
    ----------
    free_ : list of str
        The instruments that get an offset.
    n_features_in_ : int
        Number of columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> shifted = OffsetInjector(["nircam", "nircam", "miri"], random_state=0)
    >>> X = shifted.fit_transform(np.full((1000, 3), 0.02))
    >>> shifted.free_, X.std(axis=0).round(4)
    (['miri'], array([0.    , 0.    , 0.0001]))
    """

    def __init__(
        self,
        instruments: Any = None,
        offset: Any = 1e-4,
        random_state: Any = None,
        *,
        grid: SpectralGrid | None = None,
    ) -> None:
        self.instruments = instruments
        self.offset = offset
        self.random_state = random_state
        self.grid = grid

    def _prepare(self, layout: RowLayout) -> None:
        members = self._members(layout)
        rest = ~np.any(list(members.values()), axis=0) if members else np.ones(1, dtype=bool)
        offsets = self.offset if isinstance(self.offset, Mapping) else None
        if offsets is None:
            fixed = None
            if members and not rest.any():
                fixed = max(members, key=lambda name: members[name].sum())
            offsets = {name: self.offset for name in members if name != fixed}
        for name in offsets:
            if name not in members:
                raise UnknownNameError.suggest("instrument", name, members)
        if members and not rest.any() and len(offsets) == len(members):
            raise RangeError(
                f"every instrument ({', '.join(members)}) has an offset, and an offset of all is "
                f"another radius of the planet; leave one out"
            )
        self.free_ = list(offsets)
        self._spread, self._low, self._high = (
            np.array([_distribution(offsets[name], name) for name in self.free_]).reshape(-1, 3).T
        )
        self._masks = np.array([members[name] for name in self.free_], dtype=float)

    def _members(self, layout: RowLayout) -> dict[str, np.ndarray]:
        """Bins of each instrument, by its name."""
        if self.instruments is None:
            return {}
        if isinstance(self.instruments, Mapping):
            return self._within_ranges(self.instruments)
        labels = [str(label) for label in np.ravel(self.instruments)]
        if len(labels) != layout.n_bins:
            raise GridError(
                f"instruments names those of {len(labels)} bins, but the spectra have "
                f"{layout.n_bins}; give one name for each bin"
            )
        return {name: np.array(labels) == name for name in dict.fromkeys(labels)}

    def _within_ranges(self, ranges: Mapping[str, Any]) -> dict[str, np.ndarray]:
        # Here, since it brings torch along. The simulators' own rule for who sees what.
        from exosk.simulators.observation import instrument_masks

        wavelength = self._wavelength("instruments given by their ranges")
        members = {}
        for name, ends in ranges.items():
            pair = canonical(ends, "wavelength", f"range of {name}")
            if pair.shape != (2,):
                raise RangeError(f"the range of {name} must be two wavelengths in um, got {ends!r}")
            members[name] = (float(pair[0]), float(pair[1]))
        instrument_masks(members, wavelength)  # refuses overlaps
        for name, ends in members.items():
            (mask,) = instrument_masks({name: ends}, wavelength).values()
            members[name] = mask.numpy()
            if not members[name].any():
                raise GridError(
                    f"no bin lies in {name}'s range, {ends[0]:g} to {ends[1]:g} um; the grid "
                    f"covers {wavelength[0]:.4g}-{wavelength[-1]:.4g} um"
                )
        return members

    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        if not self.free_:
            return
        shape = (len(depth), len(self.free_))
        drawn = self._spread * rng.standard_normal(shape)
        drawn += rng.uniform(self._low, self._high, shape)
        depth += drawn.astype(depth.dtype) @ self._masks.astype(depth.dtype)


def _distribution(offset: Any, name: str) -> tuple[float, float, float]:
    """Return the normal part's standard deviation and the uniform part's limits."""
    values = canonical(offset, "depth", f"offset of {name}")
    if values.shape == () and values >= 0:
        return float(values), 0.0, 0.0
    if values.shape == (2,) and values[0] <= values[1]:
        return 0.0, float(values[0]), float(values[1])
    raise RangeError(
        f"the offset of {name} must be a standard deviation from 0 up, or (low, high); got "
        f"{offset!r}"
    )
