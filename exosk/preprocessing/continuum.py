r"""Taking out what is smooth.

Scattering makes the radius of a planet rise towards short wavelengths in a straight line of
:math:`\ln\lambda`: for a cross section :math:`\propto \lambda^{\alpha}`,
:math:`dR_p / d\ln\lambda = \alpha H`, H the scale height (Lecavelier des Etangs et al. 2008, A&A
481, L83). A low polynomial in :math:`\ln\lambda` therefore takes out a spectrum's level, which is
the planet's radius, and its slope, which is haze, and leaves the absorption bands. With Legendre
polynomials :math:`P_k` of :math:`x`, :math:`\ln\lambda` brought to [-1, 1] from end to end of the
grid, the continuum is :math:`\sum_k c_k P_k(x)` and

.. math:: c = \arg\min \sum_j w_j \Big(d_j - \sum_k c_k P_k(x_j)\Big)^2, \qquad w_j = 1/\sigma_j^2,

(1 without errors). Molecules add depth, so the continuum proper is a lower envelope: the same fit
with bins above the curve weighted by `asymmetry` and bins below it by 1 - `asymmetry`, in turns
until no bin changes sides (asymmetric least squares: Newey & Powell 1987, Econometrica 55, 819).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from exosk.exceptions import GridError, RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.preprocessing.transformer import SpectrumTransformer

__all__ = ["ContinuumRemover"]

_THROUGH = ("middle", "lower", "upper")
_MODES = ("subtract", "divide")
_MAX_TURNS = 100


class ContinuumRemover(SpectrumTransformer):
    """Subtract a smooth continuum from each spectrum, or divide by it.

    Parameters
    ----------
    degree : int, default=1
        Of the polynomial in log wavelength: 0 is the level, 1 level and slope.
    grid : SpectralGrid, optional
        The bins of X. With it, X may hold errors, whose inverse squares weigh the bins. Without,
        bins are taken as evenly spaced in log wavelength.
    through : {"middle", "lower", "upper"}, default="middle"
        Whether the curve runs through the middle of the spectrum or is an envelope of it.
    mode : {"subtract", "divide"}, default="subtract"
        What to do with it. Dividing makes relative depths.
    keep : bool, default=False
        Whether the degree + 1 coefficients follow as columns ``continuum0``, ... Only then
        is nothing lost, and :meth:`inverse_transform` exact.
    asymmetry : float, default=0.05
        Weight of bins on the far side of an envelope, relative to all; below one half. The
        smaller, the fewer bins lie beyond the envelope, and the more noise moves it.

    Attributes
    ----------
    basis_ : ndarray of shape (n_bins, degree + 1)
        The Legendre polynomials at the bins.
    layout_ : RowLayout
        What the columns of X are.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    NaN is a missing bin: it stays, and has no say in the fit. A spectrum with fewer bins than
    coefficients gets a polynomial of as many terms as it has bins, and becomes zeros.

    The continuum is taken as known: ``"subtract"`` leaves errors as they are, ``"divide"`` divides
    them. A fit to n bins takes their noise along, so the residuals' own variance is smaller, by
    about the share (degree + 1) / n; the errors stay on the safe side.

    Examples
    --------
    >>> import numpy as np
    >>> slope = 0.02 - 1e-3 * np.linspace(-1, 1, 5)
    >>> band = np.array([0, 0, 1e-3, 0, 0])
    >>> remover = ContinuumRemover(through="lower", asymmetry=1e-3, keep=True)
    >>> remover.fit_transform([slope + band]).round(4) + 0.0
    array([[ 0.   ,  0.   ,  0.001,  0.   ,  0.   ,  0.02 , -0.001]])
    """

    def __init__(
        self,
        degree: int = 1,
        grid: SpectralGrid | None = None,
        through: str = "middle",
        mode: str = "subtract",
        keep: bool = False,
        asymmetry: float = 0.05,
    ) -> None:
        self.degree = degree
        self.grid = grid
        self.through = through
        self.mode = mode
        self.keep = keep
        self.asymmetry = asymmetry

    def fit(self, X: Any, y: Any = None) -> ContinuumRemover:
        """Prepare the polynomials; nothing is learnt from the spectra.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, or depths and errors; NaN is missing.
        y : ignored

        Raises
        ------
        GridError
            If X does not match the grid, or has too few bins for the degree.
        RangeError
            If the degree or the asymmetry is out of range.
        """
        for kind, name, known in (("curve", self.through, _THROUGH), ("mode", self.mode, _MODES)):
            if name not in known:
                raise UnknownNameError.suggest(kind, name, known)
        whole = isinstance(self.degree, int | np.integer) and not isinstance(self.degree, bool)
        if not whole or self.degree < 0:
            raise RangeError(f"degree must be a whole number from 0 up, got {self.degree!r}")
        if not 0 < self.asymmetry < 0.5:
            raise RangeError(f"asymmetry must lie between 0 and 0.5, got {self.asymmetry!r}")
        self._read(X, reset=True)
        n_bins = self.layout_.n_bins
        if n_bins <= self.degree:
            raise GridError(
                f"a continuum of degree {self.degree} needs more than {self.degree} bins, but X "
                f"has {n_bins} feature(s); lower the degree"
            )
        if self.grid is None:
            x = np.linspace(-1, 1, n_bins)
        else:
            log = np.log(self.grid.wavelength)
            x = 2 * (log - log[0]) / max(log[-1] - log[0], np.finfo(float).tiny) - 1
        self.basis_ = np.polynomial.legendre.legvander(x, self.degree)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Remove the continuum.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Transit depths, or depths and errors; NaN is missing.

        Returns
        -------
        ndarray of shape (n, n_columns) or (n, n_columns + degree + 1)
            Depths without their continuum, errors, and coefficients if they are kept.

        Raises
        ------
        RangeError
            If a spectrum has no value, an error is 0, or the continuum to divide by is not
            positive.
        """
        depth, sigma, _ = self._read(X, reset=False)
        present = ~np.isnan(depth)
        coefficients = self._envelope(depth, self._weights(present, sigma))
        continuum = coefficients @ self.basis_.T
        if self.mode == "subtract":
            blocks = [depth - continuum] if sigma is None else [depth - continuum, sigma]
        else:
            low = np.flatnonzero(((continuum <= 0) & present).any(axis=1))
            if low.size:
                raise RangeError(
                    f"the continuum of spectrum {low[0]} is not positive everywhere, so it cannot "
                    f"be divided by; subtract it"
                )
            continuum = np.where(continuum > 0, continuum, np.nan)  # under missing bins only
            blocks = [block / continuum for block in (depth, sigma) if block is not None]
        if self.keep:
            blocks.append(coefficients)
        return np.hstack(blocks).astype(depth.dtype, copy=False)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Put the continuum back.

        Parameters
        ----------
        X : array-like of shape (n, n_columns + degree + 1)
            What `transform` gives with ``keep=True``.

        Returns
        -------
        ndarray of shape (n, n_columns)

        Raises
        ------
        RangeError
            If the coefficients were not kept.
        """
        check_is_fitted(self)
        if not self.keep:
            raise RangeError("the continuum was not kept, so it cannot be put back; set keep=True")
        X = np.asarray(X, dtype=float)
        if X.ndim != 2 or X.shape[1] != self.n_features_in_ + self.degree + 1:
            raise ValueError(
                f"expected {self.n_features_in_} columns and {self.degree + 1} coefficients in "
                f"each row, as transform gives them; got shape {X.shape}"
            )
        continuum = X[:, self.n_features_in_ :] @ self.basis_.T
        depth, sigma = self.layout_.split(X)
        if self.mode == "subtract":
            blocks = [depth + continuum] if sigma is None else [depth + continuum, sigma]
        else:
            blocks = [block * continuum for block in (depth, sigma) if block is not None]
        return np.hstack(blocks)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of X, then ``continuum0``, ... if they are kept."""
        depth, sigma, _ = self._names_in(input_features)
        kept = [f"continuum{k}" for k in range(self.degree + 1)] if self.keep else []
        return np.array([*depth, *sigma, *kept], dtype=object)

    def _weights(self, present: np.ndarray, sigma: np.ndarray | None) -> np.ndarray:
        """Return the weight of each bin in its spectrum's fit, at most 1."""
        if sigma is None:
            return present.astype(float)
        zero = np.argwhere(present & (sigma == 0))
        if zero.size:
            raise RangeError(
                f"the error of bin {zero[0, 1]} of spectrum {zero[0, 0]} is 0, so its inverse "
                f"square is no weight; give positive errors"
            )
        sigma = np.where(present, sigma, np.inf).astype(float)
        return (sigma.min(axis=1, keepdims=True) / sigma) ** 2

    def _envelope(self, depth: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Fit the curves; those of envelopes in turns, each spectrum until its own rests."""
        values = np.nan_to_num(depth).astype(float)
        coefficients = self._fitted(values, weights)
        if self.through == "middle":
            return coefficients
        far, near = self.asymmetry, 1 - self.asymmetry
        sign = 1 if self.through == "lower" else -1
        beyond = np.zeros(depth.shape, dtype=bool)
        moving = np.arange(len(depth))
        for _ in range(_MAX_TURNS):
            above = sign * (values[moving] - coefficients[moving] @ self.basis_.T) > 0
            changed = (above != beyond[moving]).any(axis=1)
            moving, above = moving[changed], above[changed]
            if not moving.size:
                break
            beyond[moving] = above
            turned = weights[moving] * np.where(above, far, near)
            coefficients[moving] = self._fitted(values[moving], turned)
        return coefficients

    def _fitted(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Solve the weighted least squares of all spectra, shape (n, degree + 1)."""
        coefficients = np.zeros((len(values), self.degree + 1))
        n_terms = np.minimum((weights > 0).sum(axis=1), self.degree + 1)
        for size in np.unique(n_terms):
            rows, V = n_terms == size, self.basis_[:, :size]
            products = (V[:, :, np.newaxis] * V[:, np.newaxis]).reshape(len(V), -1)
            normal = (weights[rows] @ products).reshape(-1, size, size)
            right = (weights[rows] * values[rows]) @ V
            # Not solve: errors that differ by orders leave the high ones without a say.
            solution = np.linalg.pinv(normal, hermitian=True) @ right[..., np.newaxis]
            coefficients[rows, :size] = solution[..., 0]
        return coefficients
