r"""Area under the ROC curve with its error.

The area is the share of pairs (a spectrum with the molecule, one without) that the detector puts
in the right order. Its variance is that of the two means behind it (DeLong, DeLong & Clarke-Pearson
1988, Biometrics 44, 837): with :math:`V_i` the share of spectra without the molecule that spectrum
i with it is above, and :math:`V_j` likewise, :math:`S^2 = \mathrm{var}(V_i) / n_1 +
\mathrm{var}(V_j) / n_0`. All V follow from ranks (Sun & Xu 2014, IEEE Signal Proc. Lett. 21, 1389).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats
from sklearn.metrics import roc_auc_score

__all__ = ["auc_with_interval"]

_Z95 = float(stats.norm.ppf(0.975))


def auc_with_interval(presence: Any, probability: Any) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval.

    The interval is DeLong's, taken in the logit of the area, so that it stays between 0 and 1.
    Where all pairs are in order there is no variance to take it from; then its lower end is the
    area that the fewer of both kinds, n of them, would show as perfect with a probability of
    2.5 %, were each a trial of its own: ``0.025^(1/n)``.

    Parameters
    ----------
    presence : array-like of shape (n,) of 0 and 1
        Whether the molecule is there.
    probability : array-like of shape (n,)
        What the detector says, or any other score.

    Returns
    -------
    tuple of float
        Area, lower and upper end; all NaN if all or none of the spectra hold the molecule.
    """
    present = np.asarray(presence).astype(bool)
    probability = np.asarray(probability, dtype=float)
    with_it, without = probability[present], probability[~present]
    n1, n0 = len(with_it), len(without)
    if not n1 or not n0:
        return (float("nan"),) * 3
    area = float(roc_auc_score(present, probability))
    if not 0 < area < 1:
        least = 0.025 ** (1 / min(n1, n0))
        return (area, least, 1.0) if area == 1 else (area, 0.0, 1 - least)
    if min(n1, n0) < 2:
        return area, 0.0, 1.0
    ranks = stats.rankdata(probability)
    above = (ranks[present] - stats.rankdata(with_it)) / n0
    below = 1 - (ranks[~present] - stats.rankdata(without)) / n1
    error = np.sqrt(above.var(ddof=1) / n1 + below.var(ddof=1) / n0)
    reach = _Z95 * error / (area * (1 - area))
    low, high = special.expit(special.logit(area) + np.array([-reach, reach]))
    return area, float(low), float(high)
