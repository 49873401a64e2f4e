r"""What may be said of a posterior, and what may not.

All rules work in the unit cube, where every prior is uniform: there a posterior that is no
narrower than its prior, or that is piled up against an end of it, looks the same for every
parameter, whatever its unit and its prior.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from exosk.parameters import Parameter
from exosk.posterior import Posterior
from exosk.retrieval import Retrieval
from exosk.simulators.quantities import abundance_name

__all__ = [
    "DETECTED",
    "MoleculeJudgement",
    "ParameterJudgement",
    "judge_molecules",
    "judge_parameters",
]

Kind = Literal["measured", "upper limit", "not constrained"]
Edge = Literal["", "lower", "upper"]

# Probability above which a molecule counts as found, and one minus which as excluded.
DETECTED = 0.9

# A posterior wider than this share of its prior has learned nothing worth the name.
_WIDE = 0.8
# The outermost share of the prior at either end, and the weight in it that counts as piled up.
_EDGE, _PILED_UP = 0.02, 0.05
# A lower tail is open when the density in the lowest tenth of the prior is at least a tenth
# of the prior's: the data do not tell the abundance from nothing.
_TAIL, _OPEN = 0.1, 0.01

# Ends of priors that stand for the absence of something, where a pile is a limit and no fault of
# the prior.
_ABSENCE = {
    "log_p_cloud": ("upper", "no opaque cloud is needed"),
    "log_haze": ("lower", "no haze is needed"),
}


@dataclass(frozen=True)
class ParameterJudgement:
    """One parameter's posterior, and the warnings that go with it.

    Attributes
    ----------
    parameter : Parameter
        With its prior and unit.
    median, lower, upper : float
        Median and 68 % interval.
    limit : float
        95 % upper limit.
    width_ratio : float
        68 % width over the prior's, both in the unit cube.
    kind : str
        'measured', 'upper limit' (abundances with an open lower tail) or 'not constrained'.
    edge : str
        'lower' or 'upper' when the posterior is piled up at that end of its prior, else ''.
    flags : tuple of str
        Warnings, in words.
    """

    parameter: Parameter
    median: float
    lower: float
    upper: float
    limit: float
    width_ratio: float
    kind: Kind
    edge: Edge
    flags: tuple[str, ...]


@dataclass(frozen=True)
class MoleculeJudgement:
    """One molecule: is it there, and how much of it.

    Attributes
    ----------
    name : str
        As in ``"H2O"``.
    probability, prior_probability : float
        That the mixing ratio is above the threshold, after and before the data.
    detector_probability, auc : float
        The same from the trained detector, and how well that one separates held-out spectra.
    abundance : ParameterJudgement
        Of the log10 volume mixing ratio.
    """

    name: str
    probability: float
    prior_probability: float
    detector_probability: float
    auc: float
    abundance: ParameterJudgement

    @property
    def found(self) -> bool:
        """Whether the probability is above 0.9."""
        return self.probability > DETECTED

    @property
    def excluded(self) -> bool:
        """Whether the probability is below 0.1."""
        return self.probability < 1 - DETECTED


def judge_parameters(posterior: Posterior) -> list[ParameterJudgement]:
    """Judge every parameter of a posterior, in its order.

    A parameter is *at an edge* of its prior when more than 5 % of the weight lies within 2 % (in
    the unit cube) of an end, and the density there exceeds the prior's by more than two standard
    errors of so many effective samples. It is *not constrained* when its 68 % interval is
    wider than 0.8 times the prior's.
    """
    unit = posterior.space.to_unit_cube(posterior.samples)
    # Of all parameters at once: each look at a large weighted posterior sorts or sums all of it.
    quantiles = posterior.quantiles([0.16, 0.5, 0.84, 0.95])
    size = posterior.effective_size
    return [
        _judge(posterior, unit[:, k], parameter, quantiles[:, k], size)
        for k, parameter in enumerate(posterior.space)
    ]


def judge_molecules(retrieval: Retrieval) -> list[MoleculeJudgement]:
    """Judge every molecule of a retrieval's model, in the model's order."""
    by_name = {j.parameter.name: j for j in judge_parameters(retrieval.posterior)}
    return [
        MoleculeJudgement(
            name=name,
            probability=probability,
            prior_probability=retrieval.prior_presence.get(name, float("nan")),
            detector_probability=retrieval.detector.get(name, float("nan")),
            auc=retrieval.detector_auc.get(name, float("nan")),
            abundance=by_name[abundance_name(name)],
        )
        for name, probability in retrieval.molecules.items()
    ]


def _judge(
    posterior: Posterior,
    unit: np.ndarray,
    parameter: Parameter,
    quantiles: np.ndarray,
    effective_size: float,
) -> ParameterJudgement:
    lower, median, upper, limit = quantiles
    low, high = np.quantile(unit, [0.16, 0.84], weights=posterior.weights, method="inverted_cdf")
    ratio = float(high - low) / 0.68
    edge = _edge(posterior, unit, effective_size)
    kind: Kind = "measured"
    if ratio > _WIDE:
        kind = "not constrained"
    elif _is_abundance(parameter) and posterior.weights @ (unit < _TAIL) > _OPEN:
        kind = "upper limit"
    return ParameterJudgement(
        parameter=parameter,
        median=float(median),
        lower=float(lower),
        upper=float(upper),
        limit=float(limit),
        width_ratio=ratio,
        kind=kind,
        edge=edge,
        flags=tuple(_flags(parameter, kind, edge)),
    )


def _edge(posterior: Posterior, unit: np.ndarray, effective_size: float) -> Edge:
    """Tell at which end of the prior the posterior is piled up; the fuller one of two."""
    noise = 2 * np.sqrt(_EDGE * (1 - _EDGE) / effective_size)
    weight = {
        "lower": float(posterior.weights @ (unit <= _EDGE)),
        "upper": float(posterior.weights @ (unit >= 1 - _EDGE)),
    }
    end: Edge = "lower" if weight["lower"] > weight["upper"] else "upper"
    return end if weight[end] > max(_PILED_UP, _EDGE + noise) else ""


def _is_abundance(parameter: Parameter) -> bool:
    return parameter.name.startswith("log_x_")


def _flags(parameter: Parameter, kind: Kind, edge: Edge) -> list[str]:
    flags = []
    absence, words = _ABSENCE.get(parameter.name, ("", ""))
    if edge and edge == absence:
        flags.append(words)
    elif edge and not (edge == "lower" and _is_abundance(parameter)):
        if parameter.prior.kind == "normal":
            flags.append(f"in the {edge} tail of its prior")
        else:
            flags.append(f"at the {edge} edge of its prior")
    if kind == "not constrained":
        flags.append("not constrained by these data")
    elif kind == "upper limit":
        flags.append("upper limit only")
    return flags
