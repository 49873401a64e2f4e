r"""Which pixel of an ASPA shows what.

An ASPA (atmospheric spectrum and parameters array; Zingales & Waldmann 2018, AJ 156, 268,
arXiv:1806.02906) is a spectrum and the parameters behind it laid out as one square picture. What it
shows is the *code* of the spectrum, a vector in the order

    depths, in ascending wavelength | maxima | minima, one a band each | mean | parameters

Each element of the code fills pixels of its own, so a picture is painted by copying and read by
averaging. With :math:`s = \lceil\sqrt{n_\mathrm{bins} + 1}\rceil`, the least square that holds all
bins and leaves a pixel for the mean::

    <------ s ------><-- m --><- p ->
    depths, longest  |        |       |   the first half of the bands, from the longest wavelength
    wavelength first,| maxima | first |   on, has one column each: the maximum in its upper half,
    row by row; the  | above, | para- |   the minimum in its lower; the second half has rows, the
    mean in the rest | minima | meters|   maximum on their left
    -----------------| below  |       |
    maxima | minima  |----------------|   p columns of parameters, p rows of others, and one more
    -----------------|  one more      |   in the corner of (m + p)^2 pixels
    other parameters |  parameter     |

Of an odd number of bands the middle one has both the last column, for its maximum, and the last
row, for its minimum. Of an odd number of parameters beside the corner's the middle one fills the
last column and the last row. For ExoGAN's 515 bins, 14 bands and 7 parameters this is its own
33 x 33 picture, pixel by pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.preprocessing.bands import EXOGAN_BAND_EDGES
from exosk.preprocessing.exogan import (
    EXOGAN_PARAMETERS,
    exogan_bins,
    exogan_wavelength,
    filling_order,
)

__all__ = ["AspaLayout"]


@dataclass(frozen=True, eq=False)
class AspaLayout:
    """The pixels of an ASPA; made by :meth:`of` or :meth:`exogan`.

    Parameters
    ----------
    owner : ndarray of int, shape (side, side)
        Which element of the code each pixel shows; -1 where it shows nothing, and is 0.
    band_of_bin : ndarray of int, shape (n_bins,)
        The band that each bin lies in; both ascend with wavelength.
    n_parameters : int
        Number of parameters.
    """

    owner: np.ndarray
    band_of_bin: np.ndarray
    n_parameters: int

    def __post_init__(self) -> None:
        for name in ("owner", "band_of_bin"):
            array = np.array(getattr(self, name), dtype=int)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def of(
        cls,
        n_bins: int,
        band_starts: Any = (0,),
        n_parameters: int = 0,
        *,
        order: Any = None,
    ) -> AspaLayout:
        """Lay out any bins, bands and parameters.

        Parameters
        ----------
        n_bins : int
            Number of bins.
        band_starts : array-like of int, shape (n_bands,), default=(0,)
            First bin of each band; the first is 0. One band by default.
        n_parameters : int, default=0
            Number of parameters. Without any the corner shows nothing.
        order : array-like of int, shape (n_parameters,), optional
            Which parameter fills the corner, which the columns from the left, which the rows from
            the top; as they come by default. See :func:`filling_order`.

        Raises
        ------
        GridError
            If there is no bin, or the bands do not start in ascending bins from 0 on.
        RangeError
            If the order does not name each parameter once.
        """
        starts = np.asarray(band_starts)
        if n_bins < 1 or n_parameters < 0:
            raise GridError(
                f"an ASPA has 1 bin and 0 parameters or more; got {n_bins} and {n_parameters}"
            )
        ascends = (
            starts.ndim == 1 and starts.size and starts[0] == 0 and (np.diff(starts) > 0).all()
        )
        if not ascends or starts[-1] >= n_bins:
            raise GridError(
                f"bands must start at bin 0 and then ascend below {n_bins}, the number of bins; "
                f"got {starts.tolist()}"
            )
        order = np.arange(n_parameters) if order is None else np.asarray(order)
        if sorted(order.tolist()) != list(range(n_parameters)):
            raise RangeError(
                f"the order must name each of the parameters 0 to {n_parameters - 1} once; got "
                f"{order.tolist()}"
            )
        band_of_bin = np.repeat(np.arange(starts.size), np.diff([*starts.tolist(), n_bins]))
        return cls(_place(n_bins, starts.size, order), band_of_bin, n_parameters)

    @classmethod
    def exogan(
        cls, names: Sequence[str] = EXOGAN_PARAMETERS, grid: SpectralGrid | None = None
    ) -> AspaLayout:
        """Lay out ExoGAN's 33 x 33 picture.

        Parameters
        ----------
        names : sequence of str
            ExoGAN's seven parameters, in the order that they have in Y.
        grid : SpectralGrid, optional
            Part of ExoGAN's 515 bins, with some in each of its 14 bands; all by default. Where
            the picture shows the others it shows nothing. So every bin keeps its pixel, and
            networks made for 33 x 33 pixels serve wherever the opacities end.

        Raises
        ------
        UnknownNameError
            If a name is none of ExoGAN's parameters.
        RangeError
            If one is missing.
        GridError
            If a bin is not ExoGAN's, or a band has none.
        """
        names = list(names)
        for name in names:
            if name not in EXOGAN_PARAMETERS:
                raise UnknownNameError.suggest("parameter of ExoGAN", name, EXOGAN_PARAMETERS)
        if sorted(names) != sorted(EXOGAN_PARAMETERS):
            raise RangeError(
                f"ExoGAN's picture shows {', '.join(EXOGAN_PARAMETERS)}, each once; got "
                f"{', '.join(names)}; AspaLayout.of lays out any other set"
            )
        bands = np.searchsorted(EXOGAN_BAND_EDGES, exogan_wavelength())
        starts = np.unique(bands, return_index=True)[1]
        whole = cls.of(len(bands), starts, len(names), order=filling_order(names))
        if grid is None:
            return whole
        bins = exogan_bins(grid)
        if bins is None:
            raise GridError(
                f"the bins of {grid!r} are not among ExoGAN's, 0.3015 um times whole powers of "
                f"1.01; AspaLayout.of lays out any other"
            )
        kept = whole.band_of_bin[bins]
        without = np.setdiff1d(whole.band_of_bin, kept)
        if without.size:
            raise GridError(
                f"{grid!r} has no bin in band {without[0]} of ExoGAN's ({without.size} are empty); "
                f"AspaLayout.of lays out fewer bands"
            )
        place = np.full(whole.n_code + 1, -1)  # the last stays -1, and is what -1 picks
        place[bins] = np.arange(bins.size)
        place[whole.n_bins : -1] = bins.size + np.arange(whole.n_code - whole.n_bins)
        return cls(place[whole.owner], kept, whole.n_parameters)

    @property
    def side(self) -> int:
        """Number of rows, and of columns."""
        return len(self.owner)

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self.band_of_bin)

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return int(self.band_of_bin[-1]) + 1

    @property
    def n_code(self) -> int:
        """Number of elements of a code."""
        return self.sections["parameters"].stop

    @property
    def sections(self) -> dict[str, slice]:
        """The places of depths, maxima, minima, mean and parameters in a code, by those names.

        They are ``"depth"``, ``"maximum"``, ``"minimum"``, ``"mean"`` and ``"parameters"``.
        """
        sizes = {
            "depth": self.n_bins,
            "maximum": self.n_bands,
            "minimum": self.n_bands,
            "mean": 1,
            "parameters": self.n_parameters,
        }
        ends = np.cumsum(list(sizes.values())).tolist()
        return {name: slice(end - sizes[name], end) for name, end in zip(sizes, ends)}

    @property
    def averaging(self) -> np.ndarray:
        """The matrix of shape (side * side, n_code) by which flat images are read.

        ``images.reshape(n, -1) @ averaging`` is :meth:`read` of images without NaN. It is made
        anew each time.
        """
        pixels = np.flatnonzero(self.owner.ravel() >= 0)
        owner = self.owner.ravel()[pixels]
        matrix = np.zeros((self.owner.size, self.n_code))
        matrix[pixels, owner] = 1 / np.bincount(owner)[owner]
        return matrix

    def paint(self, code: Any) -> np.ndarray:
        """Paint codes.

        Parameters
        ----------
        code : array-like of shape (n, n_code)
            NaN is what is not known.

        Returns
        -------
        ndarray of shape (n, side, side)
            NaN where it is not known.

        Raises
        ------
        RangeError
            If the codes are of another length.
        """
        code = np.asarray(code)
        if code.ndim != 2 or code.shape[1] != self.n_code:
            raise RangeError(
                f"codes of this ASPA are of shape (n, {self.n_code}), got {code.shape}"
            )
        nothing = np.zeros((len(code), 1), dtype=code.dtype)
        return np.hstack([code, nothing])[:, self.owner]

    def read(self, images: Any) -> np.ndarray:
        """Read images: the mean over the pixels of each element that are not NaN.

        Parameters
        ----------
        images : array-like of shape (n, side, side) or (n, side * side)
            NaN is what is not known.

        Returns
        -------
        ndarray of shape (n, n_code)
            NaN where no pixel is known.

        Raises
        ------
        RangeError
            If the images are of another size.
        """
        images = np.asarray(images)
        if images.shape[1:] not in ((self.side, self.side), (self.owner.size,)):
            raise RangeError(
                f"images of this ASPA are of shape (n, {self.side}, {self.side}) or "
                f"(n, {self.owner.size}), got {images.shape}"
            )
        owner = self.owner.ravel()
        pixels = np.argsort(owner, kind="stable")[np.count_nonzero(owner < 0) :]
        starts = np.searchsorted(owner[pixels], np.arange(self.n_code))
        shown = images.reshape(len(images), self.owner.size)[:, pixels]
        known = ~np.isnan(shown)
        shown[~known] = 0
        total = np.add.reduceat(shown, starts, axis=1, dtype=float)
        count = np.add.reduceat(known, starts, axis=1, dtype=int)
        code = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return code.astype(images.dtype if images.dtype.kind == "f" else float, copy=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AspaLayout):
            return NotImplemented
        return (
            np.array_equal(self.owner, other.owner)
            and np.array_equal(self.band_of_bin, other.band_of_bin)
            and self.n_parameters == other.n_parameters
        )

    __hash__ = None  # type: ignore[assignment]  # arrays do not hash

    def __repr__(self) -> str:
        return (
            f"AspaLayout({self.side} x {self.side} pixels: {self.n_bins} bins, {self.n_bands} "
            f"bands, {self.n_parameters} parameters)"
        )


def _place(n_bins: int, n_bands: int, order: np.ndarray) -> np.ndarray:
    """Return the owner of each pixel."""
    s = math.isqrt(n_bins) + 1  # the least with s * s > n_bins
    m, p = (n_bands + 1) // 2, len(order) // 2  # columns; a corner leaves len(order) - 1
    maximum, minimum = n_bins, n_bins + n_bands
    mean, parameter = minimum + n_bands, minimum + n_bands + 1
    owner = np.full((s + m + p, s + m + p), -1)
    spectrum = np.full(s * s, mean)
    spectrum[:n_bins] = np.arange(n_bins)[::-1]
    owner[:s, :s] = spectrum.reshape(s, s)
    half = (s + 1) // 2
    for k in range(m):  # bands from the longest wavelength on, which are numbered from the shortest
        owner[:half, s + k] = maximum + n_bands - 1 - k
        owner[half:s, s + k] = minimum + n_bands - 1 - k
    for k in range(n_bands - m):
        owner[s + k, :half] = maximum + n_bands - 1 - m - k
        owner[s + k, half:s] = minimum + n_bands - 1 - m - k
    if n_bands % 2:
        middle = n_bands - m  # of the bands, in either direction
        owner[:s, s + m - 1] = maximum + middle
        owner[s + m - 1, :s] = minimum + middle
    if len(order):
        owner[s:, s:] = parameter + order[0]
    for k, which in enumerate(order[1 : p + 1]):
        owner[:s, s + m + k] = parameter + which
    for k, which in enumerate(order[p + 1 :]):
        owner[s + m + k, :s] = parameter + which
    if len(order) > 1 and len(order) % 2 == 0:
        owner[-1, :s] = parameter + order[p]
    return owner
