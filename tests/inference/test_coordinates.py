"""Coordinates in which posteriors are nearly normal: bijections that know their volume."""

import numpy as np
import pytest

import exosk
from exosk.exceptions import RangeError
from exosk.inference.coordinates import LatentCoordinates, PriorCoordinates
from exosk.inference.proposal import RetrieverProposal, mixture_proposal, proposal_of
from exosk.parameters import LogUniform, Normal, Parameter, ParameterArray, ParameterSpace, Uniform

SPACE = ParameterSpace(
    [
        Parameter("a", Uniform(-5.0, 3.0)),
        Parameter("b", LogUniform(1.0, 1000.0)),
        Parameter("c", Normal(1.0, 0.5, low=0.2)),
    ]
)
NET = {"hidden": (32,), "n_transforms": 3, "flow_hidden": (16,), "n_context": 8}


@pytest.fixture(scope="module")
def taught():
    """A flow that knows where a is, and one observation of it."""
    theta = SPACE.sample(1500, 0)
    unit = SPACE.to_unit_cube(theta)
    X = unit @ np.random.default_rng(0).normal(size=(3, 6))
    flow = exosk.FlowRetriever(**NET, max_epochs=8, random_state=0)
    return flow.fit(X, ParameterArray(theta, SPACE)), X[:1]


@pytest.fixture(scope="module", params=["prior", "flow"])
def coordinates(request, taught):
    return PriorCoordinates(SPACE) if request.param == "prior" else LatentCoordinates(*taught)


def test_there_and_back(coordinates):
    theta = SPACE.sample(300, 1)
    u, change = coordinates.normalize(theta)
    assert np.isfinite(u).all()
    assert np.isfinite(change).all()
    np.testing.assert_allclose(coordinates.restore(u), theta, rtol=1e-5, atol=1e-5)


def test_the_volume_is_that_of_finite_differences(coordinates):
    theta = SPACE.from_unit_cube(np.random.default_rng(0).uniform(0.2, 0.8, (20, 3)))
    step = 1e-5 * theta.std(axis=0)
    columns = [
        (coordinates.normalize(theta + move)[0] - coordinates.normalize(theta - move)[0]) / 2
        for move in np.diag(step)
    ]
    matrix = np.stack(columns, axis=-1) / step
    expected = np.log(np.abs(np.linalg.det(matrix)))
    np.testing.assert_allclose(coordinates.normalize(theta)[1], expected, atol=2e-3)


def test_outside_the_prior_there_is_nothing(coordinates):
    u, change = coordinates.normalize(np.array([[0.0, 10.0, 1.0], [4.0, 10.0, 1.0]]))
    assert np.isfinite(u[0]).all()
    assert np.isnan(u[1]).all()
    assert np.isneginf(change[1])


def test_in_its_own_coordinates_a_flow_is_standard_normal(taught):
    flow, X = taught
    proposal = proposal_of(flow, X)
    u, change = proposal.coordinates.normalize(proposal.sample(4000, 0))
    assert np.abs(u.mean(axis=0)).max() < 0.08
    np.testing.assert_allclose(np.cov(u.T), np.eye(3), atol=0.1)
    theta = proposal.sample(50, 1)
    u, change = proposal.coordinates.normalize(theta)
    normal = -0.5 * np.sum(u**2 + np.log(2 * np.pi), axis=1)
    np.testing.assert_allclose(normal + change, proposal.log_density(theta), atol=1e-3)


def test_a_mixture_in_them_has_the_density_that_it_says(taught):
    proposal = proposal_of(*taught)
    fitted = mixture_proposal(
        proposal.sample(1500, 0), None, SPACE, coordinates=proposal.coordinates, random_state=0
    )
    theta = fitted.sample(20_000, 1)
    assert np.isfinite(SPACE.log_prior(theta)).all()
    ratio = np.exp(proposal.log_density(theta) - fitted.log_density(theta))
    assert ratio.mean() == pytest.approx(1, abs=0.05), "the flow's density over it integrates to 1"


def test_an_ensemble_has_no_such_coordinates(taught):
    _flow, X = taught
    two = exosk.FlowRetriever(**NET, n_members=2, max_epochs=1, random_state=0)
    two.fit(np.repeat(X, 100, axis=0), ParameterArray(SPACE.sample(100, 0), SPACE))
    assert not two.has_latent
    assert RetrieverProposal(two, X).coordinates is None
    with pytest.raises(RangeError, match="n_members=1"):
        two.normalize(X, SPACE.sample(3, 0)[None])
