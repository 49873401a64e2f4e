"""How the posterior came about, in sentences, and what to cite for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from exosk.posterior import Posterior
from exosk.report.wording import join, number, parameter_title
from exosk.retrieval import Retrieval

__all__ = ["LEARNER_NAMES", "METHOD_CITATIONS", "method_sentences"]

_FOREST = "Marquez-Neila et al. 2018, Nature Astronomy 2, 719 (random-forest retrieval)"
_SMC = "Del Moral, Doucet & Jasra 2006, J. R. Stat. Soc. B 68, 411 (sequential Monte Carlo)"
_FLOW = [
    "Papamakarios & Murray 2016, arXiv:1605.06376 (neural posterior estimation)",
    "Durkan et al. 2019, arXiv:1906.04032 (neural spline flows)",
]
_OF_ALL = [
    "MacDonald, Goyal & Lewis 2020, ApJL 893, L43 (cold bias of 1-D retrievals)",
    "Foreman-Mackey 2016, JOSS 1, 24 (corner.py)",
]

_WEIGHED = [
    *_FLOW,
    "Gebhard et al. 2025, A&A 693, A42, arXiv:2410.21477 (importance sampling)",
    *_OF_ALL,
]

#: What to cite, by method.
METHOD_CITATIONS = {
    "pretrained": _WEIGHED,
    "forest": [_FOREST, _SMC, *_OF_ALL],
    "flow": [*_FLOW, *_OF_ALL],
    "flow+is": _WEIGHED,
    "gan": ["Zingales & Waldmann 2018, AJ 156, 268 (ExoGAN)", *_OF_ALL],
    "nested": [
        "Lange 2023, MNRAS 525, 3181, arXiv:2306.16923 (nautilus, nested sampling)",
        *_OF_ALL,
    ],
    "hmc": [_FOREST, _SMC, "Neal 2011, arXiv:1206.1901 (Hamiltonian dynamics)", *_OF_ALL],
}
#: What the retriever of a first look is called, by method.
LEARNER_NAMES = {
    "pretrained": "pretrained flow",
    "forest": "forest",
    "flow": "flow",
    "flow+is": "flow",
    "gan": "GAN",
    "hmc": "forest",
}
_MISSING = float("nan")


def method_sentences(retrieval: Retrieval) -> list[str]:
    """Say how the posterior came about, and what makes it less than certain.

    Returns
    -------
    list of str
        Plain text, a paragraph each.
    """
    meta: Mapping[str, Any] = retrieval.posterior.meta
    paragraphs = []
    if "n_simulations" in meta:
        paragraphs.append(_sampled(retrieval, meta))
        if retrieval.first_look is not None:
            paragraphs.append(_moved(retrieval, retrieval.first_look))
    elif retrieval.first_look is not None:
        paragraphs.append(_unchecked(retrieval.method, retrieval.first_look))
    if retrieval.predictive is not None:
        check = retrieval.predictive
        paragraphs.append(
            f"Of replications of the observation that the model makes from the posterior, with all "
            f"errors as given, a share of {number(check.p_values['chi2'], 3)} fits as badly, "
            f"{number(check.p_values['autocorrelation'], 3)} has residuals as alike in "
            f"neighbouring bins, and {number(check.p_values['largest'], 3)} has as large a single "
            f"residual (posterior predictive p-values; Gelman, Meng & Stern 1996)."
        )
    return paragraphs


def _sampled(retrieval: Retrieval, meta: Mapping[str, Any]) -> str:
    n = f"{meta['n_simulations']:,}"
    size = f"{len(retrieval.posterior):,}"
    evidence = number(meta.get("log_evidence", _MISSING), 2)
    error = meta.get("log_evidence_error")
    evidence += f" ± {number(error, 2)}" if error is not None else ""
    end = f"Natural log evidence {evidence}; it compares models of the same data only."
    if retrieval.method == "nested":
        return (
            f"The posterior was sampled with the simulator’s likelihood by nested sampling: {n} "
            f"simulations, {size} weighted samples of an effective size of "
            f"{retrieval.posterior.effective_size:,.0f}. {end}"
        )
    if "verdict" in meta:
        return (
            f"Draws from the flow’s posterior were weighted with the simulator’s likelihood: {n} "
            f"simulations, of which a share of {number(_efficiency(meta), 3)} is effective. "
            f"Verdict on the weights: {meta['verdict']}, {meta.get('verdict_text', '')} {end}"
        )
    distinct = len(np.unique(retrieval.posterior.samples, axis=0))
    name, effective = "forest", _MISSING
    if retrieval.first_look is not None:
        effective = retrieval.first_look.effective_size
    moves = "Hamiltonian Monte Carlo" if retrieval.method == "hmc" else "sequential Monte Carlo"
    return (
        f"The {name}’s posterior (effective sample size {number(effective, 0)}) was refined with "
        f"the simulator’s likelihood by tempered {moves}: {n} simulations in "
        f"{meta.get('n_stages', '—')} stages, last acceptance "
        f"{number(meta.get('acceptance', _MISSING), 2)}, {size} samples of which {distinct} are "
        f"distinct. {end}"
    )


def _efficiency(meta: Mapping[str, Any]) -> float:
    return float(meta.get("efficiency", meta.get("importance", {}).get("efficiency", _MISSING)))


def _moved(retrieval: Retrieval, look: Posterior) -> str:
    """Name the parameters whose final median lies outside the first look's 68 % interval."""
    low, high = look.interval(0.68)
    final = retrieval.posterior.median
    names = np.array(retrieval.posterior.space.names)[(final < low) | (final > high)]
    titles = [parameter_title(name, list(retrieval.molecules)) for name in names]
    if not titles:
        return "Every refined median lies inside the first look’s 68 % interval."
    return (
        f"Refined medians that lie outside the first look’s 68 % interval: {join(titles)}. For "
        f"these a second run with another seed is worth its while."
    )


def _unchecked(method: str, look: Posterior) -> str:
    if method == "forest":
        return (
            f"The posterior is the forest’s first look (effective sample size "
            f"{number(look.effective_size, 0)} of {len(look)} training spectra in the leaves); it "
            f"was not refined, so there are no refined medians to compare with."
        )
    return (
        f"The posterior is the {LEARNER_NAMES[method]}’s own, {len(look):,} samples; the "
        f"simulator’s likelihood has not been asked."
    )
