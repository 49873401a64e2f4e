r"""Tell whether a spectrum looks like anything that a model was trained on.

A network answers whatever it is asked, a spectrum of another kind as surely as one that it knows.
The guard says which it is, with a false-alarm rate that is stated and kept.

It learns what noise-free training spectra there are and scores how strange an observation is
beside them (:mod:`exosk.inference.guard_scores`): by its scatter, more or less than the errors
say; by the size and combination of its features; by single bins, bands and steps that no training
spectrum has; by the correlation of neighbours; and, with a network at hand, by the Mahalanobis
distance of the features that it computes (Lee et al. 2018, arXiv:1807.03888).

None of these has a distribution that does not depend on the noise and on which bins are there. So
it is asked for afresh: reference spectra, which the guard did not learn from, are given noise of
the observation's own errors in the observation's own bins, and the observation is ranked among
them. If it is like them in kind, all ranks are equally likely (they are exchangeable), so that

.. math:: P(p \le \alpha) \le \alpha

in finite samples, at any noise and with any gaps. That is true of the smallest of several p-values
too when it is ranked in its turn among those that the others of the pool have.

The noise is Gaussian and independent from bin to bin, as in the likelihood. What the guard cannot
see is what training spectra resemble: a feature that fits one of them is no stranger to it, nor
is one that lies within the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.inference.guard_arrays import pack, unpack
from exosk.inference.guard_features import FeatureDistance, embedded
from exosk.inference.guard_reference import ReferenceSpectra
from exosk.inference.guard_scores import PARTS, KnownSpectra, ObservedBins, pool_p_values
from exosk.inference.guard_verdict import ROUNDING, explanations, sentence
from exosk.rows import RowLayout

__all__ = ["SpectrumGuard"]

# Share of the training spectra that at most are kept for reference.
_REFERENCE_SHARE = 1 / 3
# Of the errors in training: which are taken as each bin's smallest.
_SMALL_ERRORS = 0.05
# In units of the errors: beyond it nothing could be told of an observation.
_MOST_LEFT_OUT = 0.5
# How many times beyond the training's errors those of an observation may lie.
_NOISE_MARGIN = 1.5
# Noisy training spectra from which the distribution of a network's features is learned.
_EMBEDDED_ROWS = 4000


class SpectrumGuard(OutlierMixin, BaseEstimator):
    """Tell spectra that a model knows from others.

    Parameters
    ----------
    grid : SpectralGrid, optional
        The bins of X. With it, X may hold errors after the depths, and wavelengths are named.
    sigma : float or array-like of shape (n_bins,), default=1e-4
        1-sigma errors of all spectra, where X holds depths alone.
    embed : callable, optional
        From rows like those of X, (n, n_columns), to a network's features, (n, n_features).
    false_alarm_rate : float, default=0.05
        Share of the spectra of the training's kind that :meth:`predict` calls strange.
    n_reference : int, default=1000
        Spectra to rank an observation among; at most a third of those given. p-values come in
        steps of one over their number and one.
    n_components : int, default=40
        Principal components at most; fewer where fewer leave out far less than the noise.
    n_gaussians : int, default=60
        Gaussians at most, which describe how the components go together. More are sharper and
        want more training spectra: some hundred each.
    random_state : int, RandomState or None, default=None
        Seed of the split, the first guess, and the reference's noise.

    Attributes
    ----------
    known_ : KnownSpectra
        What noise-free spectra there are.
    n_reference_ : int
        Number of reference spectra.
    noise_range_ : ndarray of shape (2,)
        Least and largest errors of the training, as factors on each bin's smallest.
    layout_ : RowLayout
        What the columns of X are.
    offset_ : float
        Log of the false-alarm rate: :meth:`decision_function` is :meth:`score_samples` less this.
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    Spectra of equal errors and bins are scored together; each other noise takes some tenths of a
    second, for the reference to be observed with it.

    Examples
    --------
    >>> import numpy as np
    >>> random = np.random.default_rng(0)
    >>> slope = np.linspace(-1, 1, 20)
    >>> depth = 0.01 + 1e-3 * random.standard_normal((900, 1)) * slope
    >>> guard = SpectrumGuard(sigma=1e-4, random_state=0).fit(depth)
    >>> strange = depth[:1] + 1e-3 * (np.arange(20) % 9 == 0)
    >>> guard.predict(strange)
    array([-1])
    """

    def __init__(
        self,
        grid: SpectralGrid | None = None,
        sigma: Any = 1e-4,
        embed: Callable[[np.ndarray], np.ndarray] | None = None,
        false_alarm_rate: float = 0.05,
        n_reference: int = 1000,
        n_components: int = 40,
        n_gaussians: int = 60,
        random_state: Any = None,
    ) -> None:
        self.grid = grid
        self.sigma = sigma
        self.embed = embed
        self.false_alarm_rate = false_alarm_rate
        self.n_reference = n_reference
        self.n_components = n_components
        self.n_gaussians = n_gaussians
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> SpectrumGuard:
        """Learn what the simulator makes.

        Parameters
        ----------
        X : array-like of shape (n, n_bins) or (n, 2 n_bins)
            Simulated spectra without noise (the guard adds it), and beside them, as of
            :meth:`exosk.Dataset.with_sigma`, the errors that the model is trained with. Other
            augmentations (contamination, offsets) are in the depths if the model knows them. A
            bin may be missing (NaN) in all spectra, not in some.
        y : ignored

        Raises
        ------
        GridError
            If the columns do not fit the grid.
        RangeError
            If a setting is out of its range, an error is not positive, a bin is missing in some
            spectra, spectra have noise, or they are too few for the false-alarm rate.
        """
        X = validate_data(
            self, X, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2
        )
        self.layout_ = RowLayout.of(X.shape[1], self.grid)
        n_reference = self._n_reference(len(X))
        depth, sigma = self._split(X)
        self._bins = ~np.isnan(depth).all(axis=0)
        if not self._bins.any():
            raise RangeError("no spectrum has a depth in any bin")
        if np.isnan(depth[:, self._bins]).any():
            raise RangeError(
                "some training spectra lack bins that others have (NaN); the guard learns from "
                "whole spectra, and puts in the gaps of the spectrum in question itself"
            )
        depth, sigma = depth[:, self._bins], sigma[:, self._bins]
        random = check_random_state(self.random_state)
        rows = random.permutation(len(X))
        kept, learned = rows[:n_reference], rows[n_reference:]
        self._scale = np.quantile(sigma, _SMALL_ERRORS, axis=0)
        relative = sigma / self._scale
        self.noise_range_ = np.quantile(np.median(relative, axis=1), [0, 1])
        settings = self.n_components, self.n_gaussians, random
        self.known_ = KnownSpectra.learn(depth[learned] / self._scale, 1 / self._scale, *settings)
        left_out = np.sqrt(np.mean(self.known_.rest**2 / np.mean(relative**2, axis=0)))
        if self.layout_.has_sigma and left_out > _MOST_LEFT_OUT:
            raise RangeError(
                f"{len(self.known_.basis) - 1} principal components leave out of the training "
                f"spectra {left_out:.2g} times their errors; give spectra without noise, or more "
                f"of them, or raise n_components"
            )
        seed = int(random.randint(np.iinfo(np.int32).max))
        self._reference = ReferenceSpectra.of(depth[kept] / self._scale, self.known_, seed)
        self._features = None
        if self.embed is not None:
            some, errors = X[learned[:_EMBEDDED_ROWS]].copy(), sigma[learned[:_EMBEDDED_ROWS]]
            some[:, np.flatnonzero(self._bins)] += random.standard_normal(errors.shape) * errors
            self._features = FeatureDistance.learn(embedded(self.embed, some))
        return self

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log of the p-value of each spectrum, shape (n,); less is stranger."""
        return np.log(self.p_value(X))

    def decision_function(self, X: Any) -> np.ndarray:
        """Return :meth:`score_samples` less ``offset_``, shape (n,); negative is strange."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Return +1 for spectra that the model knows and -1 for others, shape (n,).

        An alarm is a p-value up to the false-alarm rate.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def p_value(self, X: Any) -> np.ndarray:
        """Return the probability that a spectrum of the training's kind is at least as strange.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra; NaN is a missing bin.

        Returns
        -------
        ndarray of shape (n,)
            Uniform between 0 and 1 for spectra of the training's kind, in steps.

        Raises
        ------
        RangeError
            If a spectrum has no bin, or an error is not positive or no error of a depth.
        """
        return self._judge(X)[0]

    def explain(self, X: Any) -> list[dict[str, Any]]:
        """Return how strange each spectrum is, by what and where.

        Parameters
        ----------
        X : array-like of shape (n, n_columns)
            Observed spectra.

        Returns
        -------
        list of dict
            As JSON has it: ``p_value``; ``parts``, the p-value of each (``excess`` and
            ``deficit`` of scatter, ``shape``, ``correlation``, ``bin``, ``band``, ``embedding``,
            and ``errors``, which is 1 or the least there is); ``most_telling``, one of them;
            ``error_ratio``, how many times larger than stated the errors seem; ``noise_ratio``,
            by which factor they lie beyond those of the training; ``bin`` and ``band``, first
            and last bin of where it is strangest, with a grid also in um (``bin_um``,
            ``band_um``).
        """
        return self._judge(X)[1]

    def verdict(self, X: Any) -> list[str]:
        """Say in a sentence for each spectrum whether the model knows it, and if not why."""
        return [sentence(found, self.false_alarm_rate) for found in self.explain(X)]

    @property
    def n_reference_(self) -> int:
        """Number of reference spectra."""
        check_is_fitted(self)
        return len(self._reference)

    @property
    def offset_(self) -> float:
        """Log of the false-alarm rate, or a rounding error above."""
        check_is_fitted(self)
        # A p-value that is the rate itself, rounding aside, is an alarm.
        return math.log(self.false_alarm_rate * (1 + ROUNDING))

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the fitted guard as arrays and settings, to be kept beside a model's weights.

        The network is not among them.

        Returns
        -------
        arrays : dict of str to ndarray
        settings : dict
            As JSON has it.
        """
        check_is_fitted(self)
        return pack(self)

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any], embed: Any = None
    ) -> SpectrumGuard:
        """Build the guard that :meth:`to_arrays` took apart.

        Parameters
        ----------
        arrays, settings : mapping
            As :meth:`to_arrays` gave them.
        embed : callable, optional
            The same network's features; without, a guard that had them does without that part.

        Raises
        ------
        FileFormatError
            If they are not those of a guard, or do not fit each other.
        """
        return unpack(cls, arrays, settings, embed)

    def _n_reference(self, n: int) -> int:
        rate = self.false_alarm_rate
        if not 0 < rate < 1:
            raise RangeError(f"the false-alarm rate must lie between 0 and 1, got {rate}")
        for name, least in (("n_reference", 1), ("n_components", 0), ("n_gaussians", 1)):
            if getattr(self, name) < least:
                raise RangeError(f"{name} must be at least {least}, got {getattr(self, name)}")
        n_reference = min(int(self.n_reference), int(n * _REFERENCE_SHARE))
        needed = math.ceil(1 / rate - 1e-9) - 1
        if n_reference < max(needed, 1):
            raise RangeError(
                f"a false-alarm rate of {rate:g} takes {max(needed, 1)} reference spectra at "
                f"least, which are a third of those given ({n}, n_samples={n}) and no more than "
                f"n_reference={self.n_reference}; simulate more, or raise the rate"
            )
        return n_reference

    def _split(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return depths and errors, with NaN in both where a bin is missing."""
        depth, sigma = self.layout_.split(X)
        if sigma is None:
            sigma = np.asarray(self.sigma, dtype=float)
            if sigma.shape not in ((), (self.layout_.n_bins,)):
                raise GridError(
                    f"sigma has shape {sigma.shape} but the spectra have {self.layout_.n_bins} bins"
                )
        missing = np.isnan(depth)
        sigma = np.where(missing, np.nan, np.broadcast_to(sigma, depth.shape))
        bad = ~missing & ~((sigma > 0) & (sigma < 1))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise RangeError(
                f"the error of bin {column} of spectrum {row} is {sigma[row, column]:g}; errors of "
                f"a transit depth, which is a fraction, are positive and below 1 (is it in ppm?)"
            )
        return depth, sigma

    def _judge(self, X: Any) -> tuple[np.ndarray, list[dict[str, Any]]]:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        depth, sigma = self._split(X)
        depth, sigma = depth[:, self._bins], sigma[:, self._bins]
        empty = np.flatnonzero(np.isnan(depth).all(axis=1))
        if empty.size:
            raise RangeError(
                f"spectrum {empty[0]} has no depth in any bin that the guard knows; there is "
                f"nothing to judge"
            )
        p, found = np.empty(len(X)), [{} for _ in range(len(X))]
        alike = np.unique(np.nan_to_num(sigma), axis=0, return_inverse=True)[1].reshape(-1)
        for group in range(alike.max() + 1):
            rows = np.flatnonzero(alike == group)
            p[rows], those = self._judge_alike(X[rows], depth[rows], sigma[rows[0]])
            for row, one in zip(rows, those, strict=True):
                found[row] = one
        return p, found

    def _judge_alike(
        self, X: np.ndarray, depth: np.ndarray, sigma: np.ndarray
    ) -> tuple[np.ndarray, list[dict[str, Any]]]:
        """Judge spectra that have the same errors in the same bins."""
        observed = ~np.isnan(sigma)
        relative = np.where(observed, sigma / self._scale, 1.0)
        bins = ObservedBins(self.known_, relative, observed)
        pool = self._reference.observed(self.known_, relative)
        reference = bins.scores(pool[:, observed])
        asked = bins.scores((depth / self._scale)[:, observed])
        names, theirs, own = list(PARTS), reference.parts, asked.parts
        if self._features is not None and self.embed is not None:
            rows = np.repeat(X[:1], len(pool), axis=0)
            rows[:, np.flatnonzero(self._bins)] = np.where(observed, pool * self._scale, np.nan)
            names.append("embedding")
            theirs = np.column_stack([theirs, self._features.of(embedded(self.embed, rows))])
            own = np.column_stack([own, self._features.of(embedded(self.embed, X))])
        p, parts = pool_p_values(theirs, own)
        noise = self._beyond(float(np.median(relative[observed])))
        if noise != 1:
            p = np.full_like(p, 1 / (len(pool) + 1))
        middle, high = np.quantile(theirs, [0.5, 0.95], axis=0)
        how_far = (own - middle) / np.maximum(high - middle, 1e-9)
        where = np.flatnonzero(self._bins)[observed]
        return p, explanations(names, p, parts, how_far, asked, noise, where, self.grid)

    def _beyond(self, noise: float) -> float:
        """By which factor errors lie beyond those of the training; 1 if about within."""
        low, high = self.noise_range_
        if low / _NOISE_MARGIN <= noise <= high * _NOISE_MARGIN:
            return 1.0
        return float(noise / high if noise > high else noise / low)

    def __sklearn_tags__(self) -> Any:
        """Missing bins are NaN."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
