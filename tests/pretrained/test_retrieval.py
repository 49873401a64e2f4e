"""A retrieval by a pretrained model, from end to end."""

import numpy as np
import pytest

import exosk
from exosk.exceptions import RangeError
from exosk.parameters import Normal, Uniform
from exosk.report import write_report
from exosk.retrieval import find_ready_model, retrieve


@pytest.fixture(scope="module")
def result(planet):
    return retrieve(planet.spectrum, planet.simulator, method="pretrained")


def test_the_truth_lies_within(result, planet):
    low, high = result.posterior.interval(0.997)
    assert ((planet.truth > low) & (planet.truth < high)).all()
    assert result.molecules["H2O"] > 0.99
    assert result.reduced_chi2 < 3


def test_the_weights_can_be_believed(result):
    meta = result.posterior.meta
    assert meta["verdict"] in ("good", "usable")
    assert meta["n_simulations"] >= 8000
    assert result.guard is not None
    assert not result.guard["outside"]
    assert result.scores == []


def test_nested_sampling_agrees(result, planet):
    spectrum = planet.spectrum
    likelihood = exosk.gaussian_log_likelihood(
        planet.simulator, spectrum, result.model_error, free_scale=True
    )
    other = exosk.nested_sample(likelihood, planet.space, n_live=500, random_state=0)
    for name in ("log_x_h2o", "planet_radius", "temperature"):
        width = np.std(other.resample(4000, 0)[:, planet.space.index(name)])
        difference = np.median(result.posterior.resample(4000, 0)[:, planet.space.index(name)])
        difference -= np.median(other.resample(4000, 0)[:, planet.space.index(name)])
        assert abs(difference) < 0.35 * width
    evidence = result.posterior.meta["log_evidence"]
    assert evidence == pytest.approx(other.meta["log_evidence"], abs=0.6)


def test_the_report_says_how(result, tmp_path):
    text = write_report(result, tmp_path)["report"].read_text("utf-8")
    assert "weighted with the simulator" in text
    assert "Gebhard" in text


def test_other_priors_count_in_the_first_look_already(planet):
    priors = {"planet_mass": Normal(0.35, 0.01), "temperature": Uniform(900.0, 1100.0)}
    space, fixed = exosk.space_for_spectrum(
        planet.spectrum, planet.simulator.molecules, priors=priors
    )
    simulator = exosk.get_simulator(
        "builtin", molecules=planet.simulator.molecules, space=space, fixed=fixed
    )
    look = find_ready_model(planet.spectrum, simulator).first_look()
    temperature = look.resample(1000, 0)[:, space.index("temperature")]
    assert ((temperature > 900) & (temperature < 1100)).all()


def test_priors_elsewhere_are_refused(planet):
    priors = {"temperature": Uniform(2000.0, 2900.0)}
    space, fixed = exosk.space_for_spectrum(
        planet.spectrum, planet.simulator.molecules, priors=priors
    )
    simulator = exosk.get_simulator(
        "builtin", molecules=planet.simulator.molecules, space=space, fixed=fixed
    )
    with pytest.raises(RangeError, match="temperature, 2000 to 2900"):
        retrieve(planet.spectrum, simulator, method="pretrained")


def test_why_there_is_no_model(planet):
    space, fixed = exosk.space_for_spectrum(planet.spectrum, ("H2O",))
    simulator = exosk.get_simulator("builtin", molecules=("H2O",), space=space, fixed=fixed)
    assert "choose a method that trains" in str(find_ready_model(planet.spectrum, simulator))
    with pytest.raises(RangeError, match="wfc3"):
        retrieve(planet.spectrum, simulator, method="pretrained")
