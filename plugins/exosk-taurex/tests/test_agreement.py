"""TauREx against the built-in model, with the same opacities."""

import numpy as np
import pytest

from exosk import get_simulator
from exosk.opacities import get_opacity
from exosk.simulators import TransmissionModel
from exosk.simulators.quantities import default_space, make_parameter
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_resolution(1.3, 2.5, 16)[::2]
MOLECULES = ("H2O", "CO")
ORDINARY = {
    "planet_radius": 1.1,
    "planet_mass": 1.0,
    "star_radius": 1.0,
    "temperature": 1300.0,
    "log_x_h2o": -3.5,
    "log_x_co": -4.0,
}
POINTS = {f"temperature_{k + 1}": t for k, t in enumerate((2100.0, 1700.0, 1200.0, 900.0))}
GUILLOT = {"t_irr": 1500.0, "t_int": 250.0, "log_kappa_ir": -2.1, "log_gamma": -0.6}
# The built-in model mixes cross sections at nodes of pressure; these are the layers' own.
FINE = {"nodes_per_decade": 20}


def both(values, *, exact=True, **options):
    """Depths by the built-in model and by TauREx, in ppm."""
    common = {"grid": GRID, "space": space_of(values), "fixed": {}} | options
    common["molecules"] = [get_opacity(name).select(1.29, 2.51) for name in MOLECULES]
    density = "uniform" if exact else "exponential"
    builtin = TransmissionModel(device="cpu", layer_density=density, **common)
    own = {"layers": "exact", "interpolation": "exosk"} if exact else {}
    taurex = get_simulator("taurex", **own, **common)
    theta = [list(values.values())]
    assert np.array_equal(builtin.wavelength, taurex.wavelength)
    return builtin.simulate(theta)[0] * 1e6, taurex.simulate(theta)[0] * 1e6


def space_of(values):
    known = default_space(MOLECULES)
    return type(known)([make_parameter(name, MOLECULES) for name in values])


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"temperature": 2950.0, "planet_radius": 1.6},
        {"temperature": 150.0},
        {"planet_radius": 0.16, "planet_mass": 0.02, "star_radius": 0.3, "temperature": 500.0},
        {"planet_radius": 1.8, "planet_mass": 0.25, "temperature": 1400.0},
        {"log_x_h2o": -0.3, "temperature": 700.0},
    ],
    ids=["ordinary", "hot", "cold", "small", "puffy", "steam"],
)
def test_with_exact_layers_and_the_same_interpolation_only_rounding_is_left(change):
    builtin, taurex = both(ORDINARY | change)
    assert np.abs(builtin - taurex).max() < 0.1
    assert np.ptp(taurex) > 10


def test_haze_is_the_same():
    builtin, taurex = both(ORDINARY | {"log_haze": 4.0, "haze_slope": -2.0})
    assert np.abs(builtin - taurex).max() < 0.1


def test_a_cloud_deck_on_a_layer_boundary_is_the_same():
    builtin, taurex = both(ORDINARY | {"log_p_cloud": -3.0})
    assert np.abs(builtin - taurex).max() < 0.1


def test_a_cloud_deck_within_a_layer_is_rounded_to_its_boundary_by_taurex():
    """Layers whose middle lies below the deck are opaque."""
    first, last = (both(ORDINARY | {"log_p_cloud": p})[1] for p in (-3.04, -2.96))
    assert np.array_equal(first, last)
    assert not np.array_equal(both(ORDINARY | {"log_p_cloud": -2.94})[1], last)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "as it is"])
def test_a_point_profile_is_the_same_atmosphere(exact):
    values = {n: x for n, x in ORDINARY.items() if n != "temperature"} | POINTS
    builtin, taurex = both(values, exact=exact, temperature_profile="4-point", **FINE)
    assert np.abs(builtin - taurex).max() < (0.1 if exact else 15)


@pytest.mark.parametrize("reference", [10.0, 1e-2])
def test_guillots_profile_is_the_same_atmosphere(reference):
    """Also where the radius is not the one at the bottom: g belongs to the profile."""
    values = {n: x for n, x in ORDINARY.items() if n != "temperature"} | GUILLOT
    options = {"temperature_profile": "guillot", "reference_pressure": reference}
    builtin, taurex = both(values, **options, **FINE)
    assert np.abs(builtin - taurex).max() < 0.1


def test_a_two_layer_abundance_is_the_same_atmosphere():
    values = ORDINARY | {"log_x_h2o_top": -7.0, "log_p_h2o": -2.5}
    builtin, taurex = both(values, abundance_profiles={"H2O": "two-layer"}, **FINE)
    assert np.abs(builtin - taurex).max() < 0.1


@pytest.mark.parametrize("profile", ["isothermal", "4-point"])
@pytest.mark.parametrize("elements", [(0.0, 0.5), (1.5, 1.2)], ids=["solar", "metals and carbon"])
def test_equilibrium_is_the_same_atmosphere(profile, elements):
    free = {n: x for n, x in ORDINARY.items() if not n.startswith("log_x_")}
    values = free | dict(zip(("log_metallicity", "c_o_ratio"), elements))
    if profile == "4-point":
        del values["temperature"]
        values |= POINTS
    options = {"chemistry": "equilibrium", "temperature_profile": profile, **FINE}
    builtin, taurex = both(values, **options)
    assert np.abs(builtin - taurex).max() < 0.1
    assert np.ptp(taurex) > 10


@pytest.mark.parametrize("reference", [1e-3, 1.0])
def test_the_radius_may_be_that_at_any_pressure(reference):
    builtin, taurex = both(ORDINARY, reference_pressure=reference)
    assert np.abs(builtin - taurex).max() < 0.1


def test_untouched_taurex_comes_nearer_with_more_layers():
    values = ORDINARY | {"temperature": 2500.0, "planet_radius": 1.5}
    truth = both(values, exact=False, n_layers=400)[0]
    off = [np.abs(both(values, exact=False, n_layers=n)[1] - truth).max() for n in (50, 100, 200)]
    assert off[0] > 1.5 * off[1] > 1.5 * 1.5 * off[2]


def test_tables_of_ones_own_serve_both():
    low = get_opacity("CO").select(2.0, 2.6)
    model = get_simulator("taurex", molecules=[low], fixed={"star_radius": 1.0}, layers="exact")
    builtin = TransmissionModel(
        [low], fixed={"star_radius": 1.0}, layer_density="uniform", device="cpu"
    )
    theta = [[1.1, 1.0, 1300.0, -4.0, 1.0, -4.0, -4.0]]
    difference = builtin.simulate(theta) - model.simulate(theta)
    assert np.abs(difference).max() < 0.1e-6
    assert model.provenance["opacities"]["CO"] == low.provenance


def test_taurexs_own_rayleigh_scattering_adds_the_absorbers():
    """Its H2 is exosk's, and its He within a per cent; water scatters too."""
    model = get_simulator(
        "taurex",
        molecules=["H2O"],
        grid=SpectralGrid.from_edges([0.35, 0.4]),
        space=space_of({"log_x_h2o": 0}),
        fixed={n: x for n, x in ORDINARY.items() if n[:4] != "log_"},
    )
    traces, steam = (
        model.replace(rayleigh="taurex").simulate([[-9.0], [-0.3]])
        - model.simulate([[-9.0], [-0.3]])
    ) * 1e6
    assert np.abs(traces).max() < 0.1
    assert steam.min() > 5
