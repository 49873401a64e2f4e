r"""Whether posteriors are as honest at one place as at another.

Averaged over the prior a model may be right that is too sure of hot planets and too cautious of
cold ones. If its posteriors are exact, the transforms u of truths (see
:mod:`exosk.evaluation.sbc`) are uniform given the spectrum, so that for every level

.. math:: r_\alpha(x) = P(u \le \alpha \mid x) = \alpha.

A regression of :math:`1\{u \le \alpha\}` on features of the spectrum shows where that fails (Zhao
et al. 2021, arXiv:2102.10473, section 3.1). Here it is a ridge regression on radial functions of
the leading principal components. With H its matrix, the statistic

.. math:: T = \sum_\alpha \frac{1}{n\, \alpha (1 - \alpha)}
          \left|H \left(1\{u \le \alpha\} - \overline{1\{u \le \alpha\}}\right)\right|^2

is large where levels depend on the spectrum, and does not see what all spectra share, which the
global tests see. If they don't depend on it, the rows of u may change places, and a permutation
test is exact; H stays as it is, so that a thousand permutations are one product of matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state

from exosk.evaluation.document import as_json
from exosk.evaluation.expected_coverage import central_levels
from exosk.evaluation.sbc import LEAST_SPECTRA
from exosk.exceptions import RangeError

__all__ = ["LocalTest", "local_test", "spectrum_features"]

# Levels of the regressions.
_LEVELS = np.linspace(0.1, 0.9, 5)
# Radial functions at most, and spectra to each of them at least.
_MOST_FUNCTIONS, _LEAST_ROWS = 30, 10
# Ridge, as a share of the largest eigenvalue: functions below this are noise.
_RIDGE = 1e-2
# Spectra whose distances tell the width of the radial functions.
_N_WIDTH = 500
_LEVEL = 0.68


@dataclass(frozen=True, eq=False)
class LocalTest:
    """Whether transforms of truths depend on the spectrum.

    Attributes
    ----------
    names : tuple of str
        What each column belongs to.
    statistic : ndarray of shape (n_columns,)
        T, over its mean under permutations; about 1 if nothing depends on the spectrum.
    p_values : ndarray of shape (n_columns,)
        Of each column by itself.
    p_value : float
        Of the largest statistic of all columns, permuted together.
    coverage : ndarray of shape (n, n_columns)
        Estimated probability that the 68 % region of each spectrum holds its truth.
    """

    names: tuple[str, ...]
    statistic: np.ndarray
    p_values: np.ndarray
    p_value: float
    coverage: np.ndarray

    @property
    def worst(self) -> str:
        """Name of the column with the largest statistic."""
        return self.names[int(np.argmax(self.statistic))]

    @property
    def passed(self) -> bool:
        """Whether the p-value of all columns is above .05."""
        return self.p_value > 0.05

    def to_dict(self) -> dict[str, Any]:
        """Return statistics, p-values and the range of local coverage for JSON."""
        low, middle, high = np.quantile(self.coverage, [0.05, 0.5, 0.95], axis=0)
        columns = {
            name: {
                "statistic": self.statistic[k],
                "p_value": self.p_values[k],
                "coverage_of_68": {"q05": low[k], "median": middle[k], "q95": high[k]},
            }
            for k, name in enumerate(self.names)
        }
        found = {"n": len(self.coverage), "p_value": self.p_value, "passed": self.passed}
        return as_json(found | {"quantities": columns})


def local_test(
    transform: Any,
    features: Any,
    names: Sequence[str] | None = None,
    *,
    one_sided: Sequence[bool] | None = None,
    n_permutations: int = 999,
    random_state: Any = None,
) -> LocalTest:
    """Test whether transforms of truths depend on the spectrum.

    Parameters
    ----------
    transform : array-like of shape (n,) or (n, n_columns)
        Between 0 and 1, uniform if posteriors are exact: of ranks, of levels of highest density
        or of TARP.
    features : array-like of shape (n, n_features)
        What a place is, as :func:`spectrum_features` makes it of spectra. A few are enough.
    names : sequence of str, optional
        What the columns of `transform` belong to.
    one_sided : sequence of bool, optional
        Which columns are levels already, as those of highest density are; regions of the others
        are central ones. None are by default.
    n_permutations : int, default=999
        The least p-value is 1 / (n_permutations + 1).
    random_state : int, RandomState or None
        Of permutations and of the places of the radial functions.

    Returns
    -------
    LocalTest

    Raises
    ------
    RangeError
        If shapes don't fit, a number is not finite, there are fewer than 20 spectra, or all
        features are the same.
    """
    transform, features, names = _checked(transform, features, names)
    if n_permutations < 1:
        raise RangeError(f"n_permutations must be at least 1, got {n_permutations}")
    random = check_random_state(random_state)
    n, k = transform.shape
    basis, shrink = _smoother(features, random)
    below = (transform[:, :, None] <= _LEVELS).astype(float)
    below -= below.mean(axis=0)
    flat = below.reshape(n, -1)
    observed = _statistic(flat, basis, shrink, k)
    null = np.empty((n_permutations, k))
    for row in null:
        row[:] = _statistic(flat[random.permutation(n)], basis, shrink, k)
    scale = null.mean(axis=0)
    if not (scale > 0).all():
        raise RangeError("transforms of truths are all the same, which no posterior gives")
    beyond = np.sum(null >= observed, axis=0)
    joint = np.sum((null / scale).max(axis=1) >= (observed / scale).max())
    return LocalTest(
        names,
        observed / scale,
        (1 + beyond) / (n_permutations + 1),
        float((1 + joint) / (n_permutations + 1)),
        _local_coverage(transform, one_sided, basis, shrink),
    )


def spectrum_features(X: Any, n_features: int = 6) -> np.ndarray:
    """Leading principal components of spectra, each of unit variance.

    Parameters
    ----------
    X : array-like of shape (n, n_columns)
        Spectra; a missing bin (NaN) counts as the mean over spectra.
    n_features : int, default=6
        Components at most.

    Returns
    -------
    ndarray of shape (n, <= n_features)

    Raises
    ------
    RangeError
        If all spectra are the same, or there are fewer than 20.
    """
    X = np.asarray(X, dtype=float)
    if X.ndim != 2 or len(X) < LEAST_SPECTRA or np.isinf(X).any():
        raise RangeError(
            f"features need at least {LEAST_SPECTRA} spectra of finite depths, one a row; got an "
            f"array of shape {X.shape}"
        )
    X = X[:, ~np.isnan(X).all(axis=0)]
    varies = np.nanmax(X, axis=0) > np.nanmin(X, axis=0) if X.size else np.zeros(0, dtype=bool)
    if not varies.any():
        raise RangeError("all spectra are the same; places need spectra that differ")
    X = X[:, varies]
    components = min(n_features, *X.shape)
    steps = make_pipeline(
        SimpleImputer(), StandardScaler(), PCA(components, svd_solver="covariance_eigh")
    )
    scores = steps.fit_transform(X)
    scores = scores[:, scores.std(axis=0) > 1e-6 * scores[:, 0].std()]
    return np.asarray(scores / scores.std(axis=0))


def _smoother(features: np.ndarray, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal functions (n, m) of the place, and the regression's factor on each."""
    n = len(features)
    some = features[random.permutation(n)[:_N_WIDTH]]
    width = np.median(pdist(some, "sqeuclidean"))
    if not width > 0:
        width = float(np.mean(pdist(some, "sqeuclidean"))) or 1.0
    m = min(_MOST_FUNCTIONS, n // _LEAST_ROWS)
    radial = Nystroem(gamma=1 / width, n_components=m, random_state=random)
    functions = radial.fit_transform(features)
    # Linear functions go on where radial ones have ended; a constant has no place.
    functions = np.hstack([functions, features])
    functions -= functions.mean(axis=0)
    basis, size, _ = np.linalg.svd(functions, full_matrices=False)
    return basis, size**2 / (size**2 + _RIDGE * size[0] ** 2)


def _statistic(flat: np.ndarray, basis: np.ndarray, shrink: np.ndarray, k: int) -> np.ndarray:
    """T of each of k columns, whose levels lie side by side."""
    fitted = shrink[:, None] * (basis.T @ flat)
    power = np.sum(fitted**2, axis=0).reshape(k, -1)
    return np.asarray(np.sum(power / (_LEVELS * (1 - _LEVELS)), axis=1) / len(flat))


def _local_coverage(
    transform: np.ndarray,
    one_sided: Sequence[bool] | None,
    basis: np.ndarray,
    shrink: np.ndarray,
) -> np.ndarray:
    sides = np.zeros(transform.shape[1], dtype=bool) if one_sided is None else np.array(one_sided)
    if sides.shape != transform.shape[1:]:
        raise RangeError(f"one_sided has shape {sides.shape} for {transform.shape[1]} columns")
    inside = (np.where(sides, transform, central_levels(transform)) <= _LEVEL).astype(float)
    mean = inside.mean(axis=0)
    smooth = basis @ (shrink[:, None] * (basis.T @ (inside - mean)))
    return np.asarray(np.clip(mean + smooth, 0.0, 1.0))


def _checked(
    transform: Any, features: Any, names: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    transform = np.asarray(transform, dtype=float)
    transform = transform[:, None] if transform.ndim == 1 else transform
    features = np.asarray(features, dtype=float)
    if (
        transform.ndim != 2
        or features.ndim != 2
        or len(transform) != len(features)
        or len(transform) < LEAST_SPECTRA
        or not transform.size
        or not features.size
    ):
        raise RangeError(
            f"transforms of shape {transform.shape} and features of shape {features.shape}; both "
            f"want one row a spectrum, and at least {LEAST_SPECTRA} spectra"
        )
    if not (np.isfinite(transform).all() and np.isfinite(features).all()):
        raise RangeError("transforms and features must be finite numbers; leave other rows out")
    if not np.ptp(features, axis=0).any():
        raise RangeError("all features are the same; places need spectra that differ")
    names = tuple((f"quantity_{k}" for k in range(transform.shape[1])) if names is None else names)
    if len(names) != transform.shape[1]:
        raise RangeError(f"{len(names)} names for {transform.shape[1]} columns")
    return transform, features, names
