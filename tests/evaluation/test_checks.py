"""All checks at once, of a model whose posterior is a formula: linear, with Gaussian errors."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from sklearn.utils import check_random_state

from exosk.datasets import Dataset
from exosk.evaluation.check_results import ModelChecks
from exosk.evaluation.checks import check_model
from exosk.exceptions import GridError, RangeError
from exosk.grids import SpectralGrid
from exosk.models.card import ModelCard
from exosk.models.fitted import FittedModel
from exosk.parameters import Normal, Parameter, ParameterSpace, Uniform

GRID = SpectralGrid.from_edges(np.linspace(1.1, 1.7, 9))
SPACE = ParameterSpace(
    [Parameter("temperature", Normal(1000, 200), "K"), Parameter("log_x_h2o", Normal(-5, 2))]
)
CENTER, SPREAD = np.array([1000.0, -5.0]), np.array([200.0, 2.0])
# Depth of both parameters, in their standard deviations: alike, and so correlated afterwards.
RESPONSE = 1e-4 * np.stack([np.ones(8), 0.7 + 0.05 * np.arange(8)], axis=1)
SIGMA = np.full(8, 2e-4)
REFLECTION = np.diag([-1.0, 1.0])


class Linear:
    """The exact posterior of what is not missing, if `fault` is none."""

    space_ = SPACE

    def __init__(self, fault=None):
        self.fault = fault

    def _gaussian(self, X):
        depth, sigma = np.split(np.asarray(X, dtype=float), 2, axis=1)
        seen = np.isfinite(depth)
        weight = np.where(seen, 1 / np.where(seen, sigma, 1.0) ** 2, 0.0)
        precision = np.eye(2) + np.einsum("nb,bi,bj->nij", weight, RESPONSE, RESPONSE)
        covariance = np.linalg.inv(precision)
        pull = weight * np.where(seen, depth - 0.02, 0.0)
        mean = np.einsum("nij,bj,nb->ni", covariance, RESPONSE, pull)
        std = np.sqrt(np.einsum("nii->ni", covariance))
        if self.fault == "shifted":
            mean = mean + 0.4 * std
        elif self.fault == "local":
            mean = mean + 0.5 * np.sign(mean[:, :1]) * std
        elif self.fault == "turned":
            covariance = REFLECTION @ covariance @ REFLECTION
        covariance = covariance * {"narrow": 0.7, "wide": 1.4}.get(self.fault, 1.0) ** 2
        return mean, covariance

    def sample_posterior(self, X, n, random_state=None):
        mean, covariance = self._gaussian(X)
        noise = check_random_state(random_state).standard_normal((len(mean), n, 2))
        z = mean[:, None] + noise @ np.linalg.cholesky(covariance).transpose(0, 2, 1)
        return CENTER + SPREAD * z


class WithDensity(Linear):
    def log_prob(self, X, Y):
        mean, covariance = self._gaussian(X)
        z = (np.asarray(Y) - CENTER) / SPREAD
        z = (z[:, None] if z.ndim == 2 else z) - mean[:, None]
        log_q = -0.5 * np.einsum("nki,nij,nkj->nk", z, np.linalg.inv(covariance), z)
        return log_q[:, 0] if np.ndim(Y) == 2 else log_q


def make_model(estimator, sigma_scale=(0.5, 2.0), has_sigma=True):
    card = ModelCard(
        kind="retriever",
        grid=GRID,
        space=SPACE,
        molecules=("H2O",),
        sigma=SIGMA,
        sigma_scale=sigma_scale,
        has_sigma=has_sigma,
        presence={},
        estimator={"class": type(estimator).__name__},
        provenance={"simulator": "by hand", "seed": 0},
        n_training=100,
        seed=0,
        created="2026-01-01T00:00:00",
    )
    return FittedModel(estimator, card)


def make_data(n=500, seed=1, space=SPACE):
    Y = space.sample(n, seed)
    X = 0.02 + ((Y - CENTER) / SPREAD) @ RESPONSE.T
    return Dataset(X, Y, GRID, space, ("H2O",), provenance={"simulator": "by hand", "seed": seed})


def checked(fault=None, estimator=WithDensity, n=500, **options):
    options = {"n_samples": 150, "noise_scale": (1.0, 1.0)} | options
    return check_model(make_model(estimator(fault)), make_data(n), n=n, **options)


def verdicts(found):
    return {row.check: found.verdict(row) for row in found.rows}


def test_the_exact_posterior_passes_everywhere():
    found = checked(noise_scale=None, missing=0.3)
    assert found.passed
    assert [stratum.noise_factor for stratum in found.strata] == [0.5, 1.0, 2.0, 1.0]
    assert [stratum.missing for stratum in found.strata] == [0, 0, 0, 0.3]
    assert len(found.rows) == 20
    assert not found.notes


def test_exact_models_hardly_ever_fail():
    """One in twenty at most: verdicts allow for the number of checks."""
    failed = sum(not checked(n=60, n_samples=40, random_state=seed).passed for seed in range(40))
    assert failed <= 5


SEEN_BY = {
    "narrow": {"ranks", "intervals", "regions", "tarp"},
    "wide": {"ranks", "intervals", "regions", "tarp"},
    "shifted": {"ranks", "regions"},
    "turned": {"ranks", "regions"},
    "local": {"local"},
}


@pytest.mark.parametrize("fault", SEEN_BY)
def test_each_fault_is_seen_by_checks_that_are_for_it(fault):
    found = checked(fault)
    assert not found.passed
    assert {check for check, verdict in verdicts(found).items() if verdict == "fail"} >= SEEN_BY[
        fault
    ]
    if fault == "turned":
        assert found.rows[0].worst == "joint density"
        assert verdicts(found)["intervals"] == "pass"
        assert (found.strata[0].ranks.ks[:2] > 0.025).all(), "each parameter by itself is exact"


def test_without_a_density_tarp_still_sees_a_correlation_of_the_wrong_sign():
    found = checked("turned", Linear, n=1000)
    assert "regions" not in verdicts(found)
    assert verdicts(found)["ranks"] == verdicts(found)["intervals"] == "pass"
    assert verdicts(found)["tarp"] == "fail"


def test_a_density_that_takes_no_samples_is_said():
    class Shy(Linear):
        def log_prob(self, X, Y):
            raise RangeError("one row a spectrum")

    found = checked(estimator=Shy, noise_scale=None)
    assert all(stratum.regions is None for stratum in found.strata)
    assert found.notes == ("no regions of highest density: one row a spectrum",)


def test_a_slight_difference_is_tolerated():
    exact = checked()
    row = dataclasses.replace(exact.rows[1], p_value=1e-9, difference=0.02, tolerated=True)
    assert exact.verdict(row) == "pass"
    assert exact.verdict(dataclasses.replace(row, tolerated=False)) == "fail"
    assert exact.verdict(dataclasses.replace(row, p_value=0.04, tolerated=False)) == "doubtful"


def test_everything_is_json_and_repeats():
    one, same, other = (checked(n=100, n_samples=30, random_state=seed) for seed in (0, 0, 1))
    document = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    assert document == same.to_dict()
    assert document["strata"] != other.to_dict()["strata"]
    assert document["passed"] is one.passed
    assert {row["check"] for row in document["rows"]} == {
        "ranks",
        "intervals",
        "regions",
        "tarp",
        "local",
    }
    assert set(document["strata"][0]["ranks"]["quantities"]) == {*SPACE.names, "joint density"}


def test_batches_and_progress():
    told = []
    found = checked(n=100, batch_size=7, noise_scale=None, progress=told.append)
    assert isinstance(found, ModelChecks)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_one_spectrum_of_each_parent_and_no_more_than_asked_for():
    data = make_data(120)
    twice = dataclasses.replace(
        data,
        X=np.repeat(data.X, 2, axis=0),
        Y=np.repeat(np.asarray(data.Y), 2, axis=0),
        parent=np.repeat(np.arange(120), 2),
    )
    model = make_model(WithDensity())
    found = check_model(model, twice, n_samples=20, noise_scale=(1, 1))
    assert found.context["data"]["n_spectra"] == 120
    assert "1000 spectra were asked for and the data set has 120" in found.notes
    few = check_model(model, twice, n=30, n_samples=20, noise_scale=(1, 1))
    assert few.context["data"]["n_spectra"] == 30
    assert "gross errors only" in few.notes[0]


def test_other_priors_are_said_and_truths_beyond_the_prior_refused():
    model = make_model(WithDensity())
    narrow = SPACE.replace(temperature=Normal(1000, 50))
    found = check_model(model, make_data(100, space=narrow), n=100, n_samples=50)
    assert any("priors of the data set" in note for note in found.notes)
    assert not found.passed
    bounded = ParameterSpace([Parameter("temperature", Uniform(900, 1100), "K"), SPACE[1]])
    card = dataclasses.replace(model.card, space=bounded)
    with pytest.raises(RangeError, match="outside the model's prior of 900 to 1100"):
        check_model(FittedModel(model.estimator, card), make_data(100))


def test_what_cannot_be_checked_is_refused():
    model, data = make_model(WithDensity()), make_data(100)
    detector = FittedModel(model.estimator, dataclasses.replace(model.card, kind="detector"))
    with pytest.raises(RangeError, match="detects molecules"):
        check_model(detector, data)
    with pytest.raises(GridError, match="7 bins"):
        check_model(model, Dataset(data.X[:, 1:], np.asarray(data.Y), GRID[1:], SPACE))
    with pytest.raises(RangeError, match="1 spectra decide nothing"):
        check_model(model, data, n=1)
    with pytest.raises(RangeError, match="0 samples"):
        check_model(model, data, n_samples=0)
    with pytest.raises(RangeError, match="share 1 of missing bins"):
        check_model(model, data, missing=1)
    with pytest.raises(RangeError, match="not within the"):
        check_model(model, data, noise_scale=(1, 9))
    fewer = Dataset(data.X, np.asarray(data.Y)[:, :1], GRID, SPACE[:1])
    with pytest.raises(RangeError, match="retrieves log_x_h2o"):
        check_model(model, fewer)


def test_samples_that_are_not_finite_and_bins_that_may_not_be_missing():
    class Broken(Linear):
        def sample_posterior(self, X, n, random_state=None):
            samples = super().sample_posterior(X, n, random_state)
            samples[3] = np.nan
            return samples

    class NeedsAll(Linear):
        def sample_posterior(self, X, n, random_state=None):
            if np.isnan(X).any():
                raise ValueError("Input X contains NaN.")
            return super().sample_posterior(X, n, random_state)

    with pytest.raises(RangeError, match="posterior of spectrum 3 has samples"):
        checked(estimator=Broken, n=50)
    assert checked(estimator=NeedsAll, n=50).strata
    with pytest.raises(GridError, match="cannot do without them"):
        checked(estimator=NeedsAll, n=50, missing=0.5)
