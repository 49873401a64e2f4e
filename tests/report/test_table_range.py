"""Notes on results that lean on a table where it holds too little."""

import copy
import dataclasses

from exosk.report.table_range import beyond_tables
from exosk.report.verdict import verdict


def with_water_card(retrieval, **card):
    provenance = copy.deepcopy(retrieval.provenance)
    provenance["simulator"]["opacities"]["H2O"] |= card
    return dataclasses.replace(retrieval, provenance=provenance)


def test_a_table_that_covers_the_result_needs_no_note(retrieval):
    assert beyond_tables(retrieval) == []
    wide = with_water_card(retrieval, valid_temperature=[100, 900], valid_wavelength=[0.3, 30])
    assert beyond_tables(wide) == []


def test_a_hotter_atmosphere_than_the_lines_were_listed_for(retrieval):
    noted = with_water_card(retrieval, valid_temperature=[100, 500])
    (sentence,) = beyond_tables(noted)
    assert "H₂O are complete up to 500 K only" in sentence
    median = retrieval.posterior.quantiles([0.5])[0, retrieval.posterior.space.index("temperature")]
    assert f"at {median:.0f} K it absorbs more" in sentence
    assert sentence in verdict(noted)


def test_bins_beyond_the_lines(retrieval):
    low, high = retrieval.spectrum.grid.range
    noted = with_water_card(retrieval, valid_wavelength=[low + 0.5, high - 0.5])
    (sentence,) = beyond_tables(noted)
    assert f"below {low + 0.5:.3g} µm and above {high - 0.5:.3g} µm" in sentence


def test_a_molecule_that_was_not_found_needs_no_note(retrieval):
    provenance = copy.deepcopy(retrieval.provenance)
    provenance["simulator"]["opacities"]["CH4"]["valid_temperature"] = [100, 300]
    assert beyond_tables(dataclasses.replace(retrieval, provenance=provenance)) == []
