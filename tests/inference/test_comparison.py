"""Odds of molecules, where they are a formula, and on the built-in model."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

from exosk.exceptions import ExoskError, RangeError, UnknownNameError
from exosk.inference import gaussian_log_likelihood
from exosk.inference.comparison import MoleculeOdds, Odds, lacking, molecule_odds
from exosk.inference.gradient import hmc_sample
from exosk.parameters import Parameter, ParameterSpace, Uniform
from exosk.posterior import Posterior
from exosk.simulators import Simulator, TransmissionModel
from exosk.simulators.quantities import abundance_name, default_space
from exosk.spectra import SpectralGrid, Spectrum

NATIVE = np.linspace(1.0, 2.0, 41)
GRID = SpectralGrid.from_edges(np.linspace(1.0, 2.0, 6))
SIGMA = np.full(5, 1e-4)


class Linear:
    """Depths linear in a level and the log abundances of two gases; -99 is far below all."""

    molecules = ("H2O", "CO2")
    provenance: dict = {"simulator": "linear"}
    wavelength = NATIVE
    space = ParameterSpace(
        [
            Parameter("level", Uniform(0.0, 0.02)),
            Parameter("log_x_h2o", Uniform(-9.0, -1.0)),
            Parameter("log_x_co2", Uniform(-9.0, -1.0)),
        ]
    )

    def simulate(self, theta):
        theta = np.asarray(theta)
        strength = 1e-4 * np.maximum(theta[:, 1:] + 9.0, 0.0)
        shapes = np.stack([NATIVE - 1.0, (NATIVE - 1.5) ** 2])
        return theta[:, :1] + strength @ shapes

    def restrict(self, grid):
        return self


def exact(simulator) -> Posterior:
    """Posterior and evidence of a linear model, whose posterior the priors hold."""
    space = simulator.space
    middle = space.bounds.mean(axis=1)
    to_bins = GRID.averaging_matrix(NATIVE)
    design = np.stack(
        [
            to_bins @ (simulator.simulate([middle + e])[0] - simulator.simulate([middle])[0])
            for e in 1e-3 * np.eye(len(space))
        ],
        axis=1,
    ) / 1e-3  # fmt: skip
    residual = DEPTH - to_bins @ simulator.simulate([middle])[0]
    precision = design.T @ design / SIGMA[0] ** 2
    offset = np.linalg.solve(precision, design.T @ residual / SIGMA[0] ** 2)
    best = stats.norm(0, SIGMA).logpdf(residual - design @ offset).sum()
    volume = 0.5 * (len(space) * math.log(2 * math.pi) - np.linalg.slogdet(precision)[1])
    log_prior = -np.log(np.ptp(space.bounds, axis=1)).sum()
    meta = {"log_evidence": best + volume + log_prior, "log_evidence_error": 0.03}
    return Posterior([middle + offset], space, meta=meta | {"n_simulations": 7})


DEPTH = GRID.averaging_matrix(NATIVE) @ Linear().simulate([[0.01, -3.0, -8.0]])[0]


def test_odds_are_the_ratio_of_the_evidences_with_their_errors():
    result = molecule_odds(exact, Linear())
    assert [each.molecule for each in result.odds] == ["H2O", "CO2"]
    for each in result.odds:
        without = exact(lacking(Linear(), each.molecule)).meta["log_evidence"]
        assert each.log_odds == pytest.approx(result.log_evidence - without)
        assert each.error == pytest.approx(0.03 * math.sqrt(2))
        assert each.error_without == 0.03
    # H2O changes depths by several sigmas, CO2 by a fraction of one.
    assert result["H2O"].log_odds > 1
    assert result["H2O"].log_odds > result["CO2"].log_odds
    assert result.n_simulations == 21
    assert json.loads(json.dumps(result.to_dict()))["odds"][0]["molecule"] == "H2O"


def test_a_wider_prior_halves_the_odds():
    class Wider(Linear):
        space = Linear.space.replace(log_x_h2o=Uniform(-9.0, 7.0))

    narrow, wide = (
        molecule_odds(exact, simulator, molecules=["H2O"])["H2O"].log_odds
        for simulator in (Linear(), Wider())
    )
    assert narrow - wide == pytest.approx(math.log(2), abs=1e-6)


def test_a_posterior_at_hand_is_not_fitted_again():
    fitted, told = [], []

    def fit(simulator):
        fitted.append(simulator.molecules)
        return exact(simulator)

    result = molecule_odds(
        fit, Linear(), molecules=["CO2"], full=exact(Linear()), progress=told.append
    )
    assert fitted == [("H2O",)]
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert result["CO2"] == molecule_odds(exact, Linear())["CO2"]
    with pytest.raises(UnknownNameError, match="H2O"):
        result["H2O"]


def test_without_a_stated_error_there_is_none():
    def fit(simulator):
        posterior = exact(simulator)
        del posterior.meta["log_evidence_error"]
        return posterior

    (odds, _) = molecule_odds(fit, Linear()).odds
    assert odds.error is None
    assert odds.to_dict()["error"] is None


@pytest.mark.parametrize("value", [None, math.nan, -math.inf])
def test_a_posterior_without_evidence_is_refused(value):
    with pytest.raises(ExoskError, match="the full model has no log_evidence"):
        molecule_odds(
            lambda s: Posterior(s.space.sample(2, 0), s.space, meta={"log_evidence": value}),
            Linear(),
        )


def test_an_unknown_molecule_is_refused_before_the_first_fit():
    with pytest.raises(UnknownNameError, match="CO2"):
        molecule_odds(pytest.fail, Linear(), molecules=["H2O", "CO3"])


@pytest.mark.parametrize(
    ("log_odds", "text", "probability"),
    [
        (0.0, "1 : 1", 0.5),
        (math.log(1.3), "1.3 : 1 for", 1.3 / 2.3),
        (-math.log(12), "1 : 12 against", 1 / 13),
        (math.log(432), "432 : 1 for", 432 / 433),
        (math.log(999.9), "1000 : 1 for", 999.9 / 1000.9),
        (-math.log(4e6), "1 : 4e6 against", 2.5e-7),
        (math.log(9.7e6), "1e7 : 1 for", 1 - 1e-7),
        (5000.0, "3e2171 : 1 for", 1.0),
        (-5000.0, "1 : 3e2171 against", 0.0),
    ],
    ids=str,
)
def test_odds_in_words(log_odds, text, probability):
    odds = Odds("H2O", log_odds, 0.1, 0.0, 0.1)
    assert odds.text == text
    assert odds.probability == pytest.approx(probability, abs=1e-7)


@pytest.fixture(scope="module")
def two_gases() -> TransmissionModel:
    space = default_space(("H2O", "CO2"))[:5]
    grid = SpectralGrid.from_edges([1.2, 1.5, 1.8, 4.2, 4.4])
    return TransmissionModel(("H2O", "CO2"), space=space, grid=grid, n_layers=20)


def test_a_model_that_lacks_a_gas_is_the_one_that_never_knew_it(two_gases):
    without = lacking(two_gases, "CO2")
    assert isinstance(without, Simulator)
    assert without.molecules == ("H2O",)
    never = two_gases.replace(molecules=("H2O",), space=without.space)
    theta = without.space.sample(5, 0)
    assert np.allclose(without.simulate(theta), never.simulate(theta), rtol=1e-6)
    assert without.provenance != two_gases.provenance
    few = SpectralGrid.from_edges([1.2, 1.5])
    assert without.restrict(few).space == without.space
    assert len(without.restrict(few).wavelength) < len(without.wavelength)


def test_it_has_derivatives_where_the_whole_has(two_gases):
    without = lacking(two_gases, "H2O")
    theta = torch.tensor(without.space.sample(2, 0), requires_grad=True)
    (slope,) = torch.autograd.grad(without.depth(theta).sum(), theta)
    assert slope.shape == (2, 4)
    assert slope.abs().min() > 0
    assert not hasattr(lacking(Linear(), "H2O"), "depth")


def test_the_last_gas_may_go_too(two_gases):
    bare = lacking(lacking(two_gases, "H2O"), "CO2")
    assert bare.space.names == ["planet_radius", "planet_mass", "temperature"]
    assert np.isfinite(bare.simulate(bare.space.sample(3, 0))).all()


def test_all_parameters_of_a_layered_gas_go():
    simulator = TransmissionModel(("H2O", "CO"), abundance_profiles={"H2O": "two-layer"})
    names = lacking(simulator, "H2O").space.names
    assert not [name for name in names if "h2o" in name]
    assert abundance_name("CO") in names


def test_theta_of_the_whole_model_is_refused(two_gases):
    with pytest.raises(RangeError, match=r"shape \(n, 4\)"):
        lacking(two_gases, "CO2").simulate(two_gases.space.sample(2, 0))


def test_an_absorber_that_is_there_is_found_and_one_that_is_not_is_not(two_gases):
    """End to end, with the gradient sampler."""
    priors = [
        Parameter("planet_radius", Uniform(1.05, 1.15)),
        *(Parameter(abundance_name(m), Uniform(-8.0, -2.0)) for m in two_gases.molecules),
    ]
    fixed = {"planet_mass": 1.0, "temperature": 1300.0}
    simulator = two_gases.replace(space=ParameterSpace(priors), fixed=fixed)
    grid = SpectralGrid.from_edges([1.2, 1.5, 1.8, 4.2, 4.4])
    truth = [[1.1, -20.0, -4.0]]
    depth = grid.averaging_matrix(simulator.wavelength) @ simulator.simulate(truth)[0]
    spectrum = Spectrum(grid, depth, np.full(4, 2e-4))

    def fit(model):
        likelihood = gaussian_log_likelihood(model, spectrum)
        return hmc_sample(likelihood, model.space, n_particles=50, random_state=0)

    result = molecule_odds(fit, simulator)
    assert isinstance(result, MoleculeOdds)
    assert result["CO2"].log_odds > 5
    assert result["H2O"].log_odds < 1
    assert all(0 < each.error < 1.5 for each in result.odds)
