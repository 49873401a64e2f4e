"""Residuals, bin by bin and in the bands of absorbers that the model lacks."""

import dataclasses

import numpy as np
import pytest

from exosk.report.fit import ABSENT_BANDS, absent_bands, error_ratio, fit_in_words, worst_bins


def test_worst_bins_come_first(retrieval):
    worst = worst_bins(retrieval, 5)
    sizes = [abs(bin.by_total) for bin in worst]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(np.abs(retrieval.residuals).max())
    assert all(abs(bin.by_data) >= abs(bin.by_total) for bin in worst)
    assert len(worst_bins(retrieval, 1000)) == len(retrieval.spectrum)


def test_an_excess_in_a_band_is_measured(retrieval):
    bands = {(b.molecule, b.low): b for b in absent_bands(retrieval)}
    so2 = bands["SO2", 3.95]
    assert so2.mean > 3 * so2.mean_error
    assert so2.excess == pytest.approx(2e-4, abs=4 * so2.excess_error)
    assert so2.mean_error == pytest.approx(1 / np.sqrt(so2.n_bins))
    assert ("SO2", 7.2) not in bands, "the data end at 5 um"


def test_bands_of_molecules_in_the_model_are_left_out(retrieval):
    known = {name: 0.5 for name, _, _ in ABSENT_BANDS}
    assert absent_bands(dataclasses.replace(retrieval, molecules=known)) == []


@pytest.mark.parametrize(
    ("chi2", "words"),
    [
        (1.0, "fits the data within"),
        (1.9, "not fully within"),
        (5.0, "does not fit"),
        (0.1, "closer than"),
    ],
)
def test_the_verdict_on_the_fit_follows_chi_squared(retrieval, chi2, words):
    sentence = fit_in_words(dataclasses.replace(retrieval, reduced_chi2_with_model_error=chi2))
    assert words in sentence
    assert f"{chi2:.2f}" in sentence
    assert "2.50" in sentence, "with the data's errors alone"


def test_no_judgement_without_degrees_of_freedom(retrieval):
    n = len(retrieval.posterior.space)
    few = retrieval.spectrum.replace(
        grid=retrieval.spectrum.grid[:n],
        depth=retrieval.spectrum.depth[:n],
        sigma=retrieval.spectrum.sigma[:n],
    )
    assert "cannot be judged" in fit_in_words(dataclasses.replace(retrieval, spectrum=few))


def test_error_ratio(retrieval):
    assert error_ratio(retrieval) == pytest.approx(0.6)
