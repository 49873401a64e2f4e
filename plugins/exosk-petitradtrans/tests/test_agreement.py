"""petitRADTRANS and the built-in model see the same atmosphere in the same parameters."""

import numpy as np
import pytest

import exosk
from exosk.exceptions import RangeError
from exosk.opacities import OpacityTable, get_opacity
from exosk.spectra import SpectralGrid

PPM = 1e6

ORDINARY = {
    "planet_radius": 1.0,
    "planet_mass": 1.0,
    "star_radius": 1.0,
    "temperature": 1300.0,
    "log_x_h2o": -4.0,
    "log_x_co": -4.0,
}


def differences(first, second, theta):
    """Largest difference of each row, in ppm."""
    return np.abs(first.simulate(theta) - second.simulate(theta)).max(1) * PPM


def fixed(**changes):
    """One atmosphere, but for its temperature."""
    value = ORDINARY | changes
    space = exosk.ParameterSpace([exosk.Parameter("temperature", exosk.Uniform(500, 2000), "K")])
    return {"space": space, "fixed": {k: v for k, v in value.items() if k != "temperature"}}


def test_parameters_and_wavelengths_are_the_built_in_models(line_by_line, builtin):
    assert line_by_line.space == builtin.space
    assert line_by_line.molecules == builtin.molecules
    np.testing.assert_array_equal(line_by_line.wavelength, builtin.wavelength)


def test_random_cloudy_and_hazy_atmospheres_agree(line_by_line, builtin):
    assert differences(line_by_line, builtin, line_by_line.space.sample(8, 3)).max() < 15


def test_the_difference_shrinks_with_layers(make, builtin):
    theta = builtin.space.sample(3, 5)
    coarse, fine = (
        differences(make(n_layers=n), make("builtin", n_layers=400), theta) for n in (50, 200)
    )
    assert (fine < 0.15 * coarse + 0.6).all()


@pytest.mark.parametrize(
    "options",
    [
        {"temperature_profile": "4-point"},
        {"temperature_profile": "guillot", "fixed": {"t_int": 200.0, "log_kappa_ir": -2.0}},
        {"abundance_profiles": {"H2O": "two-layer"}},
        {"chemistry": "equilibrium"},
        {"chemistry": "equilibrium", "temperature_profile": "4-point"},
        {"he_h2_ratio": 0.05},
        {"reference_pressure": 1e-3},
        {"reference_pressure": 100.0},
        {"pressure_range": (1e-7, 3.0), "fixed": {"log_p_cloud": -1.0}},
    ],
    ids=lambda options: next(iter(options.values())) if isinstance(options, dict) else None,
)
def test_every_setting_means_the_same(make, options):
    first, second = make(**options), make("builtin", **options)
    assert first.space == second.space
    theta = first.space.sample(3, 1)
    if "t_irr" in first.space:
        theta[:, first.space.index("log_gamma")] = -0.5
    assert differences(first, second, theta).max() < 15


@pytest.mark.parametrize("deck", [1.0, 0.9999, -1.234, -5.0, -8.9999, -9.0])
def test_a_deck_lies_where_it_is_said_to_lie(make, deck):
    options = fixed(log_p_cloud=deck)
    assert differences(make(**options), make("builtin", **options), [[1300.0]])[0] < 6


def test_a_patchy_deck_mixes_areas(make):
    depth = [
        make(**fixed(log_p_cloud=-3.0, cloud_fraction=share)).simulate([[1300.0]])[0]
        for share in (0.0, 0.3, 1.0)
    ]
    np.testing.assert_allclose(depth[1], 0.7 * depth[0] + 0.3 * depth[2], rtol=1e-12)


def test_both_modes_give_the_same_spectrum(make):
    nodes = {"nodes_per_decade": 2, "temperature_step": 0.2}
    theta = make().space.sample(2, 0)
    assert differences(make(mode="c-k", **nodes), make(mode="lbl", **nodes), theta).max() < 1e-3


def test_tables_of_ones_own_are_used(make):
    water = get_opacity("H2O").select(1.0, 2.0)
    stronger = OpacityTable(
        "H2O",
        water.wavelength,
        water.temperature,
        water.pressure,
        water.log_cross_section + 1,
        {"source": "test"},
    )
    space = fixed(log_x_h2o=-5.0, log_x_co=-12.0)
    del space["fixed"]["log_x_co"]
    mine = make(molecules=(stronger,), **space)
    space["fixed"]["log_x_h2o"] = -4.0
    assert differences(mine, make(molecules=("H2O",), **space), [[1300.0]])[0] < 0.5
    assert mine.provenance["opacities"]["H2O"] == {"source": "test"}


def test_uneven_wavelengths_are_for_line_by_line_only(make):
    water = get_opacity("H2O").select(1.0, 2.0)
    keep = np.arange(water.wavelength.size) % 10 < 2
    uneven = OpacityTable(
        "H2O",
        water.wavelength[keep],
        water.temperature,
        water.pressure,
        water.log_cross_section[..., keep],
        {},
    )
    with pytest.raises(RangeError, match="mode='lbl'"):
        make(molecules=(uneven,), mode="c-k")
    model = make(molecules=(uneven,))
    assert set(model.wavelength) <= set(uneven.wavelength)


def test_restricted_it_computes_only_what_the_bins_need(make):
    whole = make(grid=None, molecules=("CO",), temperature_step=1.0)
    grid = SpectralGrid.from_resolution(1.1, 1.7, 20)
    part = whole.restrict(grid)
    assert len(part.wavelength) < len(whole.wavelength) / 4
    assert part._transit.radtrans.frequencies.size == len(part.wavelength)
    theta = whole.space.sample(1, 0)
    np.testing.assert_allclose(
        grid.average(part.wavelength, part.simulate(theta)),
        grid.average(whole.wavelength, whole.simulate(theta)),
        rtol=1e-9,
    )


def test_names_of_molecules_are_found_in_any_case(make):
    assert make(molecules=("h2o", "co")).molecules == ("H2O", "CO")
