"""What a pretrained model says of a planet: a density, the same before any star."""

import numpy as np
import pytest

from exosk.exceptions import GridError, RangeError
from exosk.inference.proposal import mixture_proposal


@pytest.fixture(scope="module")
def proposal(wfc3, planet):
    return wfc3.proposal(planet.spectrum, 0.8, planet.space)


def test_its_priors_are_the_retrievals(proposal, planet):
    assert proposal.space == planet.space


def test_draws_lie_within_the_priors_and_a_seed_repeats_them(proposal, planet):
    first, again, other = (proposal.sample(500, seed) for seed in (0, 0, 1))
    assert np.isfinite(planet.space.log_prior(first)).all()
    assert np.isfinite(proposal.log_density(first)).all()
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_density_is_normalised(proposal, planet):
    """For h within q, h / q averages to one over draws of q."""
    center = mixture_proposal(
        proposal.sample(2000, 0), None, planet.space, coordinates=proposal.coordinates
    )
    theta = proposal.sample(20_000, 1)
    ratio = np.exp(center.log_density(theta) - proposal.log_density(theta))
    assert ratio.mean() == pytest.approx(1, abs=0.05)


def test_coordinates_go_there_and_back(proposal):
    theta = proposal.sample(200, 0)
    u, change = proposal.coordinates.normalize(theta)
    np.testing.assert_allclose(proposal.coordinates.restore(u), theta, rtol=1e-4, atol=1e-4)
    normal = -0.5 * np.sum(u**2 + np.log(2 * np.pi), axis=1)
    np.testing.assert_allclose(normal + change, proposal.log_density(theta), atol=1e-3)
    outside = theta[:1].copy()
    outside[0, 0] = 9.0
    u, change = proposal.coordinates.normalize(outside)
    assert np.isnan(u).all()
    assert np.isneginf(change).all()


def test_the_star_drops_out(wfc3, planet):
    """Before a star twice as wide depths are a quarter, and the answer is the same."""
    spectrum = planet.spectrum.replace(
        depth=planet.spectrum.depth / 4, sigma=planet.spectrum.sigma / 4
    )
    one = wfc3.row(planet.spectrum, 0.8, planet.space)
    other = wfc3.row(spectrum, 1.6, planet.space)
    np.testing.assert_allclose(other, one, rtol=1e-9)


def test_the_simulators_error_counts(wfc3, planet):
    n = wfc3.grid.n_bins
    plain = wfc3.row(planet.spectrum, 0.8, planet.space)[0, n : 2 * n]
    more = wfc3.row(planet.spectrum, 0.8, planet.space, planet.spectrum.sigma)[0, n : 2 * n]
    np.testing.assert_allclose(more, np.sqrt(2) * plain)


def test_larger_errors_and_fewer_bins_widen(wfc3, planet):
    def spread(spectrum):
        return wfc3.proposal(spectrum, 0.8, planet.space).sample(4000, 0)[:, 3].std()

    whole = spread(planet.spectrum)
    assert spread(planet.spectrum.replace(sigma=6 * planet.spectrum.sigma)) > whole
    assert spread(planet.spectrum.between(1.12, 1.3)) > whole


def test_other_parameters_and_other_wavelengths_are_refused(wfc3, planet):
    space = planet.simulator.space
    fewer = type(space)([p for p in space if p.name != "log_haze"])
    with pytest.raises(RangeError, match="log_haze"):
        wfc3.row(planet.spectrum, 0.8, fewer)
    far = planet.spectrum.replace(
        grid=type(wfc3.grid)(wfc3.grid.lower[:22] * 4, wfc3.grid.upper[:22] * 4)
    )
    with pytest.raises(GridError, match="covers none"):
        wfc3.row(far, 0.8, space)


def test_the_guard_knows_its_own_and_not_a_strange_one(wfc3, planet):
    def judge(spectrum):
        return wfc3.judge(spectrum, 0.8)

    assert not judge(planet.spectrum)["outside"]
    depth = planet.spectrum.depth.copy()
    depth[::3] += 10 * planet.spectrum.sigma[::3]
    strange = judge(planet.spectrum.replace(depth=depth))
    assert strange["outside"]
    assert strange["verdict"]


def test_a_model_by_itself_says_what_it_wants_more(wfc3, planet):
    spectrum = wfc3.fitted.rebin(planet.spectrum, partial=True)
    with pytest.raises(RangeError, match="equilibrium temperature"):
        wfc3.fitted.posterior(spectrum)
