"""The rules that decide what may be said of a posterior."""

import numpy as np
import pytest

from exosk.parameters import LogUniform, Normal, Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.report.judgement import judge_molecules, judge_parameters

PRIORS = [Uniform(-12, -1), LogUniform(1, 1e4), Normal(5, 2)]


def judge(unit, name="temperature", prior=PRIORS[0], weights=None):
    """Judge a posterior given by its places in the unit cube."""
    space = ParameterSpace([Parameter(name, prior)])
    return judge_parameters(Posterior(space.from_unit_cube(unit[:, None]), space, weights))[0]


def between(low, high, n=2000):
    return low + (high - low) * (np.arange(n) + 0.5) / n


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.kind)
def test_the_prior_itself_is_not_constrained_and_at_no_edge(prior):
    judged = judge(between(0, 1), prior=prior)
    assert judged.kind == "not constrained"
    assert judged.flags == ("not constrained by these data",)
    assert judged.width_ratio == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.kind)
def test_a_narrow_posterior_inside_its_prior_has_no_flag(prior):
    judged = judge(between(0.4, 0.5), prior=prior)
    assert (judged.kind, judged.edge, judged.flags) == ("measured", "", ())
    assert judged.lower < judged.median < judged.upper < judged.limit


@pytest.mark.parametrize("prior", PRIORS, ids=lambda p: p.kind)
@pytest.mark.parametrize(("low", "high", "edge"), [(0, 0.1, "lower"), (0.9, 1, "upper")])
def test_a_posterior_piled_up_at_an_end_is_flagged(prior, low, high, edge):
    judged = judge(between(low, high), prior=prior)
    assert judged.edge == edge
    word = "tail" if prior.kind == "normal" else "edge"
    assert judged.flags == (f"{'in' if word == 'tail' else 'at'} the {edge} {word} of its prior",)


def test_a_few_lucky_samples_are_no_pile():
    unit = np.append(between(0.3, 0.7, 28), [0.99, 0.995])
    assert judge(unit).edge == ""
    assert judge(np.repeat(unit, 20)).edge == "upper"


def test_weights_count():
    unit = np.concatenate([between(0.4, 0.5, 500), between(0.98, 1, 500)])
    assert judge(unit, weights=np.repeat([1.0, 0.0], 500)).flags == ()
    assert judge(unit, weights=np.repeat([0.0, 1.0], 500)).edge == "upper"


def test_an_abundance_with_an_open_lower_tail_is_an_upper_limit_not_an_edge():
    judged = judge(between(0, 0.3), name="log_x_ch4")
    assert (judged.kind, judged.flags) == ("upper limit", ("upper limit only",))
    assert judged.limit == pytest.approx(-12 + 11 * 0.3 * 0.95, abs=0.02)
    assert judge(between(0, 0.3), name="temperature").kind == "measured"


def test_an_end_that_stands_for_absence_is_said_as_such():
    assert judge(between(0.7, 1), name="log_p_cloud").flags == ("no opaque cloud is needed",)
    assert judge(between(0, 0.3), name="log_haze").flags == ("no haze is needed",)
    assert judge(between(0, 0.3), name="log_p_cloud").flags == ("at the lower edge of its prior",)


def test_all_samples_alike_are_judged_too():
    judged = judge(np.full(50, 0.5))
    assert judged.width_ratio == 0
    assert judged.flags == ()


def test_molecules(retrieval):
    water, methane, potassium = judge_molecules(retrieval)
    assert (water.name, water.found, water.abundance.kind) == ("H2O", True, "measured")
    assert (methane.found, methane.abundance.kind) == (False, "upper limit")
    assert potassium.abundance.kind == "not constrained"
    assert np.isnan(potassium.auc)
