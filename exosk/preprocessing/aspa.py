r"""Spectra and parameters as pictures, and back.

An ASPA (atmospheric spectrum and parameters array) is what ExoGAN (Zingales & Waldmann 2018, AJ
156, 268, arXiv:1806.02906) trains its network on: one picture that holds a spectrum and the
parameters behind it, so that filling in what is masked completes the spectrum and retrieves the
parameters at once. :class:`~exosk.preprocessing.aspa_layout.AspaLayout` tells which pixel shows
what. This is what they show. In a band with least depth :math:`d_-` and greatest :math:`d_+`,

.. math:: s_j = \frac{d_j - d_-}{d_+ - d_-}, \qquad d_j = d_- + s_j (d_+ - d_-),

and 0 where the band is flat. The extremes, the mean and the parameters v become

.. math:: s = (v - o) / c, \qquad v = o + s c,

with offsets o and scales c that bring them to [0, 1]. ExoGAN's scales have no offsets, its
abundances have :math:`c = -8`, and its minima are the reciprocal
:math:`s = 0.00650370296635 / d_-`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_is_fitted

from exosk.exceptions import RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.parameters import ParameterSpace
from exosk.preprocessing.aspa_layout import AspaLayout
from exosk.preprocessing.aspa_scales import (
    band_extremes,
    learnt_scales,
    parameter_ends,
    published_scales,
    refuse_dark,
    refuse_outside,
)
from exosk.preprocessing.bands import EXOGAN_BAND_EDGES, band_starts
from exosk.preprocessing.exogan import (
    EXOGAN_PARAMETERS,
    MINIMUM_SCALE,
    exogan_bins,
    filling_order,
)
from exosk.preprocessing.transformer import SpectrumTransformer

__all__ = ["AspaEncoder"]

_SCALINGS = ("range", "exogan")


class AspaEncoder(SpectrumTransformer):
    """Lay spectra and parameters out as square pictures, and read these.

    Parameters
    ----------
    grid : SpectralGrid, optional
        The bins of X. With it, X may hold errors, which are no part of an ASPA and are dropped.
    space : ParameterSpace, optional
        The parameters of Y. By default the space that y brings along in `fit`; the columns of a
        plain y are called ``parameter_0``, ``parameter_1``, ... Without either the pictures show
        spectra only.
    edges : array-like or Quantity of shape (n_bands - 1,), optional
        Ascending edges between the bands that are scaled by themselves, in um. By default
        ExoGAN's, :data:`~exosk.preprocessing.bands.EXOGAN_BAND_EDGES`; one band without `grid`.
    scaling : {"range", "exogan"}, default="range"
        How maxima, minima, means and parameters become pixels:

        - ``"range"``: by the range that each had in training; parameters with a space by the
          bounds of their priors.
        - ``"exogan"``: by the constants of ExoGAN's code. Only for abundances, temperature,
          planet_radius and planet_mass, the latter two in exosk's own Jupiter units.

    Attributes
    ----------
    aspa_layout_ : AspaLayout
        Which pixel shows what: ExoGAN's own picture if the parameters are its seven, the bins are
        among its 515 with some in each of its 14 bands, and no edges are given; the general
        form otherwise.
    names_ : list of str
        Names of the parameters.
    bands_ : ndarray of int
        Numbers of the bands that have bins, from 0 in ascending wavelength.
    offset_, scale_ : ndarray of shape (n_code - n_bins,)
        Of maxima, minima, mean and parameters.
    parameter_range_ : ndarray of shape (n_parameters, 2)
        Least and greatest value of each parameter that a picture can show.
    layout_ : RowLayout
        What the columns of X are.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    NaN is what is not known. A band with a missing bin is scaled by the extremes of the bins that
    it has, but its own extremes are not known: their pixels are NaN, so :meth:`decode` cannot
    tell the depths of that band. The mean is known when all bins are.

    Depths may lie beyond those seen in training, and their extremes' pixels then lie beyond 0 and
    1; parameters may not.

    The mean follows from the other pixels. It is shown, and not used in decoding.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[0.020, 0.021, 0.022], [0.010, 0.012, 0.011]]), np.array([[1.0], [2.0]])
    >>> encoder = AspaEncoder().fit(X, Y)
    >>> encoder.encode(X, Y)[0].round(4)
    array([[1. , 0.5, 1. ],
           [0. , 1. , 1. ],
           [1. , 1. , 0. ]])
    >>> depth, theta = encoder.decode(encoder.encode(X, Y))
    >>> bool(np.allclose(depth, X) and np.allclose(theta, Y))
    True
    """

    def __init__(
        self,
        grid: SpectralGrid | None = None,
        space: ParameterSpace | None = None,
        edges: Any = None,
        scaling: str = "range",
    ) -> None:
        self.grid = grid
        self.space = space
        self.edges = edges
        self.scaling = scaling

    def fit(self, X: Any, y: Any = None) -> AspaEncoder:
        """Lay out the picture, and learn the scales.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, then errors if `grid` says so; NaN is missing.
        y : array-like of shape (n, n_parameters), optional
            Parameters, such as `Dataset.Y`; NaN is not known.

        Raises
        ------
        GridError
            If X does not match the grid, or there is none and edges are given.
        RangeError
            If a spectrum has no value, a band or a parameter has none in any row, y does not match
            X or the space, or a parameter lies outside its prior or, with ``scaling="exogan"``,
            outside what ExoGAN's pixels can show.
        UnknownNameError
            If ``scaling="exogan"`` has no constant for a parameter.
        """
        if self.scaling not in _SCALINGS:
            raise UnknownNameError.suggest("scaling", self.scaling, _SCALINGS)
        depth, _, _ = self._read(X, reset=True)
        space = self.space if self.space is not None else getattr(y, "space", None)
        theta = None if y is None else _columns(y, len(depth))
        self.names_ = _names(space, theta)
        self.aspa_layout_ = self._lay_out()
        if self.scaling == "exogan":
            offset, scale = published_scales(self.aspa_layout_.n_bands, self.names_)
        else:
            ends = parameter_ends(theta, space, self.names_)
            offset, scale = learnt_scales(depth, self._starts, self.bands_, ends)
        self.offset_, self.scale_ = offset, scale
        ends = np.stack([offset, offset + scale], axis=1)[len(offset) - len(self.names_) :]
        self.parameter_range_ = np.sort(ends, axis=1)
        if theta is not None:
            self._check(theta, getattr(y, "space", None))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Paint spectra whose parameters are not known, as flat pictures.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, then errors if `fit` saw them; NaN is missing.

        Returns
        -------
        ndarray of shape (n, side * side)
            Row by row; NaN where something is not known, the parameters among it.

        Raises
        ------
        RangeError
            If a spectrum has no value, or, with ``scaling="exogan"``, a depth is not positive.
        """
        images = self.encode(X)
        return images.reshape(len(images), -1)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Read the depths, of shape (n, n_bins), from pictures; see :meth:`decode`."""
        return self.decode(X)[0]

    def encode(self, X: Any, Y: Any = None) -> np.ndarray:
        """Paint spectra and parameters.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, then errors if `fit` saw them; NaN is missing.
        Y : array-like of shape (n, n_parameters), optional
            Parameters; NaN is not known, and by default none is.

        Returns
        -------
        ndarray of shape (n, side, side)
            Of the type of X; NaN where something is not known.

        Raises
        ------
        RangeError
            If a spectrum has no value, Y does not match X, a parameter lies outside what the
            pixels can show, or, with ``scaling="exogan"``, a depth is not positive.
        """
        code = self.encode_code(X, Y)  # which refuses what is not fitted
        return self.aspa_layout_.paint(code)

    def encode_code(self, X: Any, Y: Any = None) -> np.ndarray:
        """Return the codes, of shape (n, n_code), that :meth:`encode` paints."""
        depth, _, _ = self._read(X, reset=False)
        layout, sections = self.aspa_layout_, self.aspa_layout_.sections
        theta = np.full((len(depth), layout.n_parameters), np.nan)
        if Y is not None:
            theta = _columns(Y, len(depth))
            self._check(theta, getattr(Y, "space", None))
        if self.scaling == "exogan":
            refuse_dark(depth)
        low, high = band_extremes(depth, self._starts)
        spread = high - low
        # What is flat but for rounding becomes zeros.
        rounding = 10 * np.finfo(depth.dtype).eps * np.maximum(np.abs(low), np.abs(high))
        spread[spread <= rounding] = np.inf
        code = np.empty((len(depth), layout.n_code), dtype=depth.dtype)
        band = layout.band_of_bin
        shape = code[:, sections["depth"]]
        np.subtract(depth, low[:, band], out=shape)
        shape /= spread[:, band]
        gaps = np.add.reduceat(np.isnan(depth), self._starts, axis=1, dtype=int) > 0
        low[gaps] = high[gaps] = np.nan
        mean = depth.mean(axis=1, keepdims=True, dtype=float)
        rest = np.hstack([high, low, mean, theta])
        code[:, layout.n_bins :] = (rest - self.offset_) / self.scale_
        if self.scaling == "exogan":
            code[:, sections["minimum"]] = MINIMUM_SCALE / low
        return code

    def decode(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Read pictures.

        Parameters
        ----------
        images : array-like of shape (n, side, side) or (n, side * side)
            NaN is what is not known.

        Returns
        -------
        depth : ndarray of shape (n, n_bins)
            Transit depths, of the images' type; NaN where they, or the extremes of their band,
            are not known.
        theta : ndarray of shape (n, n_parameters)
            Parameters; NaN where not known.

        Raises
        ------
        RangeError
            If the images are of another size or infinite, or, with ``scaling="exogan"``, the
            pixels of a minimum are not positive.
        """
        check_is_fitted(self)
        images = np.asarray(images)
        images = images if images.dtype.kind == "f" else images.astype(float)
        infinite = np.argwhere(np.isinf(images))
        if infinite.size:
            raise RangeError(
                f"image {infinite[0, 0]} has an infinite pixel; pixels are finite, or NaN where "
                f"something is not known"
            )
        code = self.aspa_layout_.read(images)
        if self.scaling == "exogan":
            wrong = np.argwhere(code[:, self.aspa_layout_.sections["minimum"]] <= 0)
            if wrong.size:
                row, band = wrong[0]
                raise RangeError(
                    f"the pixels of the minimum of band {self.bands_[band]} of image {row} are not "
                    f"positive, but show {MINIMUM_SCALE:.4g} over a depth; it is no ASPA"
                )
        return self.decode_code(code)

    def decode_code(self, code: Any) -> tuple[Any, Any]:
        """Turn codes into depths and parameters.

        Parameters
        ----------
        code : ndarray or torch.Tensor of shape (..., n_code)
            As :meth:`encode_code` gives them. With ``scaling="exogan"``, elements of minima are
            not 0.

        Returns
        -------
        depth : ndarray or torch.Tensor of shape (..., n_bins)
            Transit depths.
        theta : ndarray or torch.Tensor of shape (..., n_parameters)
            Parameters.

        Notes
        -----
        Arithmetic only, so that gradients of tensors pass.
        """
        layout, sections = self.aspa_layout_, self.aspa_layout_.sections
        rest = code[..., layout.n_bins :] * _like(self.scale_, code) + _like(self.offset_, code)
        high, low = rest[..., : layout.n_bands], rest[..., layout.n_bands : 2 * layout.n_bands]
        if self.scaling == "exogan":
            low = MINIMUM_SCALE / code[..., sections["minimum"]]
        band = layout.band_of_bin.tolist()
        depth = low[..., band] + code[..., sections["depth"]] * (high - low)[..., band]
        return depth, rest[..., 2 * layout.n_bands + 1 :]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the pixels, row by row.

        A bin's pixel has the name of its column of X; the others are called
        ``maximum_band0_pixel0``, ``mean_pixel0``, ``temperature_pixel0``, ``empty_pixel0`` and so
        on.
        """
        depth, _, _ = self._names_in(input_features)
        ends = [f"{end}_band{k}" for end in ("maximum", "minimum") for k in self.bands_]
        shown = [*depth, *ends, "mean", *self.names_, "empty"]  # -1 picks the last
        n_seen = dict.fromkeys(shown, 0)
        names = []
        for owner in self.aspa_layout_.owner.ravel():
            name = shown[owner]
            names.append(name if 0 <= owner < len(depth) else f"{name}_pixel{n_seen[name]}")
            n_seen[name] += 1
        return np.array(names, dtype=object)

    def _lay_out(self) -> AspaLayout:
        """Choose the picture, and keep the numbers of the bands."""
        if self.grid is None and self.edges is None:
            self.bands_, self._starts = np.array([0]), np.array([0])
        else:
            self.bands_, self._starts = band_starts(self.grid, self.edges)
        if (
            self.grid is not None
            and self.edges is None
            and sorted(self.names_) == sorted(EXOGAN_PARAMETERS)
            and len(self.bands_) == len(EXOGAN_BAND_EDGES) + 1
            and exogan_bins(self.grid) is not None
        ):
            return AspaLayout.exogan(self.names_, self.grid)
        n_bins, order = self.layout_.n_bins, filling_order(self.names_)
        return AspaLayout.of(n_bins, self._starts, len(order), order=order)

    def _check(self, theta: np.ndarray, space: ParameterSpace | None) -> None:
        """Refuse parameters that the pixels cannot show, or that are others by their own space."""
        if space is not None and list(space.names) != self.names_:
            raise RangeError(
                f"the parameters are {', '.join(space.names)}, but the encoding shows "
                f"{', '.join(self.names_) or 'none'}, in this order; give Y so"
            )
        remedy = "use scaling='range'" if self.scaling == "exogan" else "fit on a wider prior"
        refuse_outside(theta, self.names_, self.parameter_range_, remedy)


def _names(space: Any, theta: np.ndarray | None) -> list[str]:
    """Return the names of the parameters."""
    if space is None:
        return [f"parameter_{k}" for k in range(0 if theta is None else theta.shape[1])]
    if not isinstance(space, ParameterSpace):
        raise RangeError(f"space must be a ParameterSpace or None, not {type(space).__name__}")
    return list(space.names)


def _columns(Y: Any, n: int) -> np.ndarray:
    """Return parameters as columns; a single one may be flat."""
    Y = check_array(
        Y,
        dtype=float,
        ensure_2d=False,
        ensure_all_finite="allow-nan",
        ensure_min_features=0,
        input_name="y",
    ).view(np.ndarray)
    Y = Y.reshape(-1, 1) if Y.ndim == 1 else Y
    if len(Y) != n:
        raise RangeError(f"{n} spectra, but parameters of {len(Y)}; give one row for each")
    return Y


def _like(constant: np.ndarray, code: Any) -> Any:
    """Return constants as a tensor beside a tensor, an array beside an array."""
    if hasattr(code, "new_tensor"):
        return code.new_tensor(constant)
    return constant.astype(code.dtype)
