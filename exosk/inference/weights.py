r"""What importance weights say: the evidence, how sure it is, and whether to believe them.

With N draws from q and :math:`w_i = p(\theta_i)\, p(x | \theta_i) / q(\theta_i)`,

.. math:: \hat Z = \frac{1}{N} \sum_i w_i, \qquad
          n_\mathrm{eff} = \frac{(\sum_i w_i)^2}{\sum_i w_i^2}, \qquad
          \epsilon = \frac{n_\mathrm{eff}}{N}, \qquad
          \sigma_{\ln Z} = \sqrt{\frac{1 - \epsilon}{N \epsilon}},

the last by the delta method: :math:`\mathrm{var}(w) / \bar w^2 = 1/\epsilon - 1` (Dax et al. 2023,
Phys. Rev. Lett. 130, 171403, arXiv:2210.05686; of atmospheres, Gebhard et al. 2025, A&A,
arXiv:2410.21477).

All of this is estimated from the same weights, and a proposal that is too narrow hides how bad it
is until a draw falls where it should have been. The largest weights tell earlier: beyond a high
threshold they follow a generalised Pareto distribution, whose shape k says how many moments the
weights have (1/k of them). The variance is finite for k < 1/2; the mean converges at a useful rate
for

.. math:: k < \min(1 - 1 / \log_{10} N,\; 0.7)

(Vehtari et al. 2024, JMLR 25(72), arXiv:1507.02646, eq. 13). k is estimated from the
:math:`\min(N / 5, 3 \sqrt N)` largest weights as there: the profile posterior mean of Zhang &
Stephens (2009, Technometrics 51, 316), drawn towards 1/2 as by ten further observations.

None of this sees a mode that no draw has come near.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

__all__ = ["appraise", "effective_size", "pareto_k", "temper"]

# Below, quantiles and the evidence's error mean little.
_LEAST_EFFECTIVE = 100
# Vehtari et al. 2021 (arXiv:1903.08008) ask for as many before means and quantiles are quoted.
_GOOD_EFFECTIVE = 400
_GOOD_K, _MOST_K = 0.5, 0.7
# Fewer large weights have no shape.
_LEAST_TAIL = 5


def effective_size(log_weights: np.ndarray) -> float:
    """Kish's effective sample size of weights given by their logarithms, shape (n,)."""
    log_weights = log_weights[np.isfinite(log_weights)]
    if not log_weights.size:
        return 0.0
    return float(np.exp(2 * special.logsumexp(log_weights) - special.logsumexp(2 * log_weights)))


def temper(log_weights: np.ndarray, least_effective: float) -> np.ndarray:
    r"""Flatten weights as little as is needed for a wanted effective size.

    They become :math:`w^\beta` with the largest :math:`\beta \le 1` that gives it (Koblents &
    Miguez 2015, Stat. Comput. 25, 407, with a power in place of their clipping).

    Parameters
    ----------
    log_weights : ndarray of shape (n,)
        Minus infinity for zero.
    least_effective : float
        The wanted size; no more than half of the weights that are not zero.

    Returns
    -------
    ndarray of shape (n,)
        Logarithms of the weights to use.
    """
    finite = np.isfinite(log_weights)
    wanted = min(least_effective, finite.sum() / 2)
    low, high = 0.0, 1.0
    if effective_size(log_weights) >= wanted:
        return log_weights
    # The size falls as beta rises.
    for _ in range(50):
        beta = (low + high) / 2
        low, high = (beta, high) if effective_size(beta * log_weights) >= wanted else (low, beta)
    return np.where(finite, low * np.where(finite, log_weights, 0.0), -np.inf)


def pareto_k(log_weights: np.ndarray) -> float | None:
    """Estimate the shape of the weights' tail.

    Parameters
    ----------
    log_weights : ndarray of shape (n,)
        Minus infinity for zero.

    Returns
    -------
    float or None
        Zero where the largest weights are all the same; None where fewer than five weights stand
        out of zero.
    """
    n = len(log_weights)
    n_tail = int(min(n / 5, 3 * math.sqrt(n)))
    ordered = np.sort(log_weights)[::-1]
    if n_tail < _LEAST_TAIL or not np.isfinite(ordered[0]):
        return None
    largest = np.exp(ordered[: n_tail + 1] - ordered[0])
    excess = largest[:-1] - largest[-1]
    if excess[0] < 1e-9:
        return 0.0
    excess = excess[excess > 0][::-1]
    return _shape(excess) if len(excess) >= _LEAST_TAIL else None


def _shape(excess: np.ndarray) -> float:
    """Shape of a generalised Pareto distribution, from values above zero in ascending order."""
    n = len(excess)
    n_nodes = 30 + int(math.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    node = 1 / excess[-1] + (1 - np.sqrt(n_nodes / (np.arange(n_nodes) + 0.5))) / (3 * quartile)

    def shape(b: Any) -> Any:
        return np.mean(np.log1p(-np.multiply.outer(b, excess)), axis=-1)

    # Where b is zero the distribution is exponential, and b / k is the limit -1 / mean.
    k = shape(node)
    ratio = np.where(np.abs(k) > 1e-12, node / np.where(k == 0, 1, k), -1 / excess.mean())
    weight = special.softmax(n * (np.log(-ratio) - k - 1))
    return float((n * shape(weight @ node) + 10 * 0.5) / (n + 10))


def appraise(log_weights: np.ndarray) -> dict[str, Any]:
    """Say what the weights say.

    Parameters
    ----------
    log_weights : ndarray of shape (n,)
        Not normalised; minus infinity for zero, and at least one that is not.

    Returns
    -------
    dict
        ``log_evidence``, ``log_evidence_error``, ``n_effective``, ``efficiency``, ``pareto_k``,
        ``verdict`` and ``verdict_text``. The verdict is "failed" with an effective size below 100
        or k above min(1 - 1 / log10 n, 0.7); "good" with one of at least 400 and k up to 0.5; and
        "usable" between.
    """
    n = len(log_weights)
    size = min(effective_size(log_weights), float(n))
    k = pareto_k(log_weights)
    verdict, text = _verdict(n, size, k)
    return {
        "log_evidence": float(special.logsumexp(log_weights) - np.log(n)),
        "log_evidence_error": math.sqrt(max(1 / size - 1 / n, 0.0)),
        "n_effective": size,
        "efficiency": size / n,
        "pareto_k": k,
        "verdict": verdict,
        "verdict_text": text,
    }


def _verdict(n: int, size: float, k: float | None) -> tuple[str, str]:
    most_k = min(1 - 1 / math.log10(n), _MOST_K) if n > 10 else 0.0
    found = f"{n:,} draws are worth {size:,.0f} of the posterior ({size / n:.1%})"
    if size < _LEAST_EFFECTIVE:
        return "failed", f"{found}, fewer than the {_LEAST_EFFECTIVE} that an answer takes"
    if k is None or k > most_k:
        shape = "unknown" if k is None else f"{k:.2f}"
        return "failed", (
            f"{found} if the weights can be believed, but these have a heavy tail (Pareto k "
            f"{shape}, above {most_k:.2f}): the proposal is missing part of the posterior"
        )
    tail = f"Pareto k {k:.2f}"
    if size < _GOOD_EFFECTIVE or k > _GOOD_K:
        why = (
            f"fewer than {_GOOD_EFFECTIVE}"
            if size < _GOOD_EFFECTIVE
            else f"with a tail of weights ({tail}) in which errors are larger than stated"
        )
        return "usable", f"{found}, {why}; more draws would help"
    return "good", f"{found}, and no weight stands out ({tail})"
