"""Flows are bijections whose density is the one of their samples, whatever their weights."""

import numpy as np
import pytest
import torch
from scipy import stats

from exosk.models.conditional_flow import FlowPosterior
from exosk.models.nets.flows import FlowHead


@pytest.fixture(autouse=True)
def seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def posterior(n_parameters, n_members=1, n=4, wild=1.0) -> FlowPosterior:
    """Untrained flows that do something all the same."""
    members = []
    for _ in range(n_members):
        head = FlowHead(5, n_parameters, 4, (16,), 5, 6).double().requires_grad_(False)
        for weight in head.parameters():
            weight.add_(0.3 * wild * torch.randn_like(weight))
        members.append(head(wild * torch.randn(n, 5, dtype=torch.float64)))
    return FlowPosterior(members)


@pytest.mark.parametrize("d", [1, 2, 3, 7])
def test_there_and_back(d):
    flow = posterior(d).members[0]
    normal = torch.randn(4, 9, d, dtype=torch.float64)
    z = flow.head.sample(normal, flow.features[:, None])
    back, _ = flow.head._transform(flow.features[:, None]).call_and_ladj(z)
    torch.testing.assert_close(back, normal, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_the_density_is_that_of_the_change_of_variables(d):
    flow = posterior(d, n=1).members[0]
    z = torch.randn(d, dtype=torch.float64)

    def to_normal(point):
        return flow.head._transform(flow.features[0])(point)

    jacobian = torch.autograd.functional.jacobian(to_normal, z)
    expected = stats.norm.logpdf(to_normal(z)).sum() + torch.linalg.slogdet(jacobian)[1]
    assert float(flow.log_prob(z[None])) == pytest.approx(float(expected), abs=1e-9)


@pytest.mark.parametrize("n_members", [1, 3])
def test_it_integrates_to_one(n_members):
    at = np.linspace(-8, 8, 401)
    grid = np.stack(np.meshgrid(at, at, indexing="ij"), axis=-1).reshape(1, -1, 2)
    flow = posterior(2, n_members, n=2, wild=0.5)
    density = flow.log_prob(torch.as_tensor(np.repeat(grid, 2, axis=0))).exp().numpy()
    inside = density.reshape(2, 401, 401)
    total = np.trapezoid(np.trapezoid(inside, at), at)
    np.testing.assert_allclose(total, 1, atol=0.01)


@pytest.mark.parametrize("n_members", [1, 2])
def test_samples_have_the_density(n_members):
    """The mean of any function over samples is its integral, here by importance weights."""
    flow = posterior(3, n_members, n=1)
    z = flow.sample(20_000, np.random.RandomState(0))
    wide = 2.0
    other = wide * np.random.default_rng(1).standard_normal((1, 60_000, 3))
    log_q = stats.norm.logpdf(other, scale=wide).sum(-1)
    weight = np.exp(flow.log_prob(torch.as_tensor(other)).numpy() - log_q)
    for function in (np.tanh, np.cos):
        expected = (weight[..., None] * function(other)).mean(axis=1)
        error = (weight[..., None] * function(other)).std(axis=1) / 60_000**0.5
        found = function(z).mean(axis=1)
        assert (abs(found - expected) < 5 * (error + function(z).std(axis=1) / 20_000**0.5)).all()


def test_samples_of_single_precision_are_those_of_double():
    flow = posterior(4).members[0]
    normal = np.random.default_rng(0).standard_normal((4, 300, 4))
    single, double = flow.transport(normal), flow.transport(normal, double=True)
    np.testing.assert_allclose(single, double, atol=2e-4)


def test_members_share_the_samples_evenly():
    flow = posterior(2, 3, n=2)
    z = flow.sample(7, np.random.RandomState(0))
    assert z.shape == (2, 7, 2)
    assert np.unique(z.reshape(-1, 2), axis=0).shape == (14, 2)
    assert flow.sample(1, np.random.RandomState(0)).shape == (2, 1, 2), "fewer than members"
    again = flow.sample(7, np.random.RandomState(0))
    np.testing.assert_array_equal(z, again)


def test_many_points_are_worked_on_in_parts(monkeypatch):
    flow, z = posterior(3, 2), torch.randn(4, 50, 3, dtype=torch.float64)
    whole = flow.log_prob(z)
    monkeypatch.setattr("exosk.models.conditional_flow._AT_ONCE", 7)
    torch.testing.assert_close(flow.log_prob(z), whole, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("limits", [(-0.5, 1.0), (-np.inf, 0.0), (0.3, np.inf)])
def test_the_probability_of_an_interval_is_the_share_of_samples_in_it(limits):
    flow = posterior(1, n=3, wild=0.5)
    low, high = (np.full((3, 1), end) for end in limits)
    points = stats.qmc.Sobol(1, rng=0).random(1024)
    z = flow.sample(40_000, np.random.RandomState(0))[..., 0]
    share = ((limits[0] < z) & (z < limits[1])).mean(axis=1)
    np.testing.assert_allclose(np.exp(flow.log_mass(low, high, points)), share, atol=0.01)
    np.testing.assert_allclose(
        np.exp(flow.marginal_log_mass(low, high))[:, 0], share, atol=0.04, err_msg="by kernels"
    )


def test_moments_are_those_of_samples():
    flow = posterior(3, 2, wild=0.7)
    mean, std = flow.moments(np.tanh)
    y = np.tanh(flow.sample(20_000, np.random.RandomState(0)))
    np.testing.assert_allclose(mean, y.mean(axis=1), atol=0.03)
    np.testing.assert_allclose(std, y.std(axis=1), rtol=0.06)
