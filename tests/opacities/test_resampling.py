"""Bringing a table to the model's grid: averages are averages, and nothing is assumed unsaid."""

import dataclasses

import numpy as np
import pytest

from exosk.exceptions import RangeError, UnknownNameError
from exosk.opacities import LOG_FLOOR, OpacityTable, load_embedded
from exosk.opacities.binning import bin_average, bin_edges, bin_samples
from exosk.opacities.resampling import model_wavelength, on_model_grid, resample

TEMPERATURE, PRESSURE = np.array([300.0, 1000.0]), np.array([1e-9, 1e-3, 100.0])
GRID = np.geomspace(1.0, 2.0, 60)
each_mean = pytest.mark.parametrize("mode", ["mean", "log_mean", "power_mean"])


def table_on(wavelength, log_sigma=None, *, pressure=PRESSURE, temperature=TEMPERATURE):
    shape = (len(pressure), len(temperature), len(wavelength))
    if log_sigma is None:
        log_sigma = np.random.default_rng(0).uniform(-30, -18, shape)
    cube = np.broadcast_to(log_sigma, shape)
    return OpacityTable("SO2", wavelength, temperature, pressure, cube, {"limits": ["of before"]})


def limits(table) -> str:
    return "; ".join(table.provenance["limits"])


@each_mean
def test_finer_points_are_averaged_as_the_builders_do(mode):
    fine = bin_samples(GRID, "mean", 25)
    table = table_on(fine)
    result = resample(table, GRID, mode)
    sigma = 10.0 ** table.log_cross_section.astype(float)
    expected = np.log10(bin_average(sigma, GRID.size, mode))
    # Cells at the bins' edges are cut by rounding; no more.
    assert np.allclose(result.log_cross_section, expected, rtol=0, atol=1e-4)
    assert result.provenance["sampling"] == mode
    assert limits(result) == "of before"


@each_mean
def test_a_constant_stays_itself_on_any_grid(mode):
    for n in (7, 60, 61, 5000):
        source = np.geomspace(0.9, 2.2, n)
        result = resample(table_on(source, -22.0), GRID, mode)
        assert np.allclose(result.log_cross_section, -22.0, atol=1e-5)


def test_the_arithmetic_mean_keeps_the_strength_of_a_line():
    fine = np.geomspace(0.9, 2.2, 20001)
    log_sigma = np.full(fine.size, -30.0)
    line = np.argmin(np.abs(fine - 1.5))
    log_sigma[line] = -20.0
    result = resample(table_on(fine, log_sigma), GRID, "mean")
    strength = (10.0 ** result.log_cross_section.astype(float)[0, 0]) @ np.diff(
        np.log(bin_edges(GRID))
    )
    expected = 1e-20 * np.diff(np.log(bin_edges(fine)))[line]
    assert strength == pytest.approx(expected, rel=1e-4)


def test_the_same_grid_changes_nothing():
    table = load_embedded("CO2")
    shifted = dataclasses.replace(table, wavelength=table.wavelength * (1 + 1e-12))
    result = on_model_grid(shifted)
    assert np.array_equal(result.wavelength, model_wavelength())
    assert np.array_equal(result.log_cross_section, table.log_cross_section)
    assert result.provenance == table.provenance


def test_a_part_of_the_model_s_grid_keeps_its_values():
    table = load_embedded("CO2")
    result = on_model_grid(table.select(1.0, 5.0))
    inside = (table.wavelength > 1.01) & (table.wavelength < 4.99)
    assert np.allclose(
        result.log_cross_section[..., inside],
        table.log_cross_section[..., inside],
        rtol=0,
        atol=1e-3,
    )
    assert "no data below 1 um and above 5 um: taken for no absorption" in limits(result)


def test_where_there_is_no_data_there_is_no_opacity_and_the_card_says_so():
    result = on_model_grid(table_on(np.geomspace(2.0, 5.0, 20000), -22.0))
    w, cube = result.wavelength, result.log_cross_section
    assert np.all(cube[..., (w > 2.01) & (w < 4.99)] > -23)
    assert np.all(cube[..., (w < 1.99) | (w > 5.01)] == LOG_FLOOR)
    assert "no data below 2 um and above 5 um" in limits(result)


def test_coarse_points_are_joined_by_power_laws_and_the_card_says_how_coarse():
    source = np.geomspace(0.2, 40, 54)
    result = on_model_grid(table_on(source, -22 + 3 * np.log10(source)))
    assert np.allclose(result.log_cross_section, -22 + 3 * np.log10(result.wavelength), atol=1e-5)
    assert "interpolated from R about 10 between 0.3 and 30 um" in limits(result)


def test_no_slope_is_drawn_into_nothing():
    source = np.geomspace(0.9, 2.2, 12)
    log_sigma = np.where(np.arange(12) < 6, -20.0, LOG_FLOOR)
    cube = resample(table_on(source, log_sigma), GRID).log_cross_section
    assert set(np.unique(cube)) == {np.float32(-20.0), np.float32(LOG_FLOOR)}


def test_below_a_millibar_the_lowest_pressure_stands_for_all_lower():
    table = table_on(model_wavelength(), pressure=[1e-5, 1.0, 100.0])
    result = on_model_grid(table)
    assert result.pressure[0] == 1e-9
    assert np.array_equal(result.log_cross_section[0], table.log_cross_section[0])
    assert np.array_equal(result.log_cross_section[1:], table.log_cross_section)
    assert "constant below 1e-05 bar" in limits(result)
    kept = on_model_grid(table, hold_low_pressure=False)
    assert kept.pressure[0] == 1e-5
    assert limits(kept) == "of before"


def test_other_pressures_are_assumed_on_demand_only():
    high = table_on(model_wavelength(), pressure=[0.1, 1.0, 100.0])
    with pytest.raises(RangeError, match="broadened by pressure"):
        on_model_grid(high)
    shallow = table_on(model_wavelength(), pressure=[1e-5, 1e-3, 1.0])
    with pytest.raises(RangeError, match="ends at 1 bar"):
        on_model_grid(shallow)
    for table in (high, shallow):
        result = on_model_grid(table, extend_pressure=True)
        assert result.pressure[0] == 1e-9
        assert result.pressure[-1] >= 10
        assert "constant" in limits(result)
    assert "up to a factor of 10 at 10 bar" in limits(on_model_grid(shallow, extend_pressure=True))


def test_what_the_model_cannot_use_is_refused():
    with pytest.raises(RangeError, match="one temperature"):
        on_model_grid(table_on(model_wavelength(), temperature=[296.0]))
    with pytest.raises(RangeError, match="spectral_unit"):
        on_model_grid(table_on(np.geomspace(40.0, 80.0, 100)))
    with pytest.raises(UnknownNameError, match="power_mean"):
        resample(table_on(GRID), GRID * 1.01, "powermean")


def test_samples_are_taken_where_they_are_asked_for():
    fine = np.geomspace(0.9, 2.2, 5001)
    table = table_on(fine)
    result = resample(table, fine[1000:4000:50], "sample")
    assert np.allclose(result.log_cross_section, table.log_cross_section[..., 1000:4000:50])
    assert "samples" in limits(result)
