"""What holds for every spectrum of the built-in model, whatever its opacities."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
import torch

from exosk.opacities import get_opacity
from exosk.parameters import ParameterSpace
from exosk.simulators import Simulator, TransmissionModel, atmosphere, get_simulator
from exosk.spectra import SpectralGrid

MOLECULES = ("H2O", "CO2", "CO", "CH4", "Na", "K")
BANDS = np.array([0.4, 0.59, 0.95, 1.4, 1.9, 2.7, 3.3, 4.3, 4.7, 6.0, 9.0, 15.0])
GRID = SpectralGrid(BANDS * 0.98, BANDS * 1.02)
PPM = 1e-6


@pytest.fixture(scope="module")
def model() -> TransmissionModel:
    return TransmissionModel(MOLECULES, grid=GRID)


@pytest.fixture(scope="module")
def theta(model) -> np.ndarray:
    return model.space.sample(40, 1)


def with_column(model, theta, **values):
    theta = theta.copy()
    for name, value in values.items():
        theta[:, model.space.index(name)] = value
    return theta


def test_it_is_a_simulator_and_registered_as_one(model):
    assert isinstance(model, Simulator)
    assert isinstance(get_simulator("builtin", molecules=("H2O",)), TransmissionModel)


def test_depths_are_finite_and_at_least_the_bare_disc(model, theta):
    depth = model.simulate(theta)
    bare = model.simulate(with_column(model, theta, log_p_cloud=1.0)).min(axis=1)
    assert depth.shape == (len(theta), len(model.wavelength))
    assert depth.dtype == np.float32
    assert np.isfinite(depth).all()
    assert (depth.min(axis=1) >= bare * (1 - 2e-7)).all()


@pytest.mark.parametrize("molecule", MOLECULES)
def test_more_of_a_gas_never_lowers_the_depth(model, theta, molecule, monkeypatch):
    """At a fixed weight, and while it is too rare to replace the hydrogen that scatters."""
    monkeypatch.setattr(
        atmosphere,
        "mean_molecular_mass",
        lambda x, *_: 0 * x[..., 0] + 2.3 * atmosphere.ATOMIC_MASS,
    )
    column = f"log_x_{molecule.lower()}"
    few, more, many = (
        model.simulate(with_column(model, theta, **{column: x})) for x in (-12.0, -7.0, -5.0)
    )
    assert (more - few).min() > -0.005 * PPM  # float32
    assert (many - more).min() > -0.01 * PPM
    assert (many - few).max() > 20 * PPM


def test_a_heavier_mixture_is_thinner(model, theta):
    """Where a gas hardly absorbs, much of it lowers the depth through its weight alone."""
    dry = with_column(model, theta, log_x_co2=-12.0, log_p_cloud=1.0, log_x_na=-12.0)
    heavy = with_column(model, dry, log_x_co2=np.log10(0.3))
    k = np.argmin(np.abs(model.wavelength - 0.4))
    assert (model.simulate(heavy)[:, k] < model.simulate(dry)[:, k]).all()


def test_a_higher_cloud_blocks_more(model, theta):
    depths = [
        model.simulate(with_column(model, theta, log_p_cloud=p)) for p in np.linspace(1, -8.9, 12)
    ]
    assert (np.diff(depths, axis=0) >= -0.002 * PPM).all()
    # At last little is left above it.
    assert np.ptp(depths[-1], axis=1).max() < 10 * PPM


def test_a_cloud_below_everything_and_a_thin_haze_are_a_clear_sky(model, theta):
    clear = model.replace(
        space=ParameterSpace([p for p in model.space if p.name not in ("log_p_cloud", "log_haze")])
    )
    hidden = with_column(model, theta, log_p_cloud=1.0, log_haze=-30.0)
    keep = [k for k, name in enumerate(model.space.names) if name in clear.space.names]
    assert np.allclose(model.simulate(hidden), clear.simulate(hidden[:, keep]), rtol=2e-7, atol=0)


def test_a_larger_star_makes_all_shallower(model, theta):
    small, large = (model.replace(fixed={"star_radius": r}).simulate(theta[:5]) for r in (0.8, 1.6))
    assert np.allclose(small / large, 4.0, rtol=5e-7)


def test_a_hundred_layers_are_enough(model):
    """Within what instruments can tell, over the default priors: measured, not hoped."""
    theta = model.space.sample(150, 7)
    error = np.abs(model.simulate(theta) - model.replace(n_layers=400).simulate(theta))
    assert np.sqrt(np.mean(error**2)) < 0.02 * PPM
    assert error.max() < 1 * PPM


@pytest.mark.parametrize("log_p_cloud", [1.0, -0.52, -2.31])
def test_plain_sums_come_nearer_with_more_layers(model, theta, log_p_cloud):
    """The two ways to integrate differ by their errors alone, at a second order of the step."""
    theta = with_column(model, theta[:10], log_p_cloud=log_p_cloud)
    exact = model.replace(n_layers=400).simulate(theta)
    errors = [
        np.abs(model.replace(n_layers=n, layer_density="uniform").simulate(theta) - exact).max()
        for n in (100, 200, 400)
    ]
    assert errors[1] < 0.6 * errors[0]
    assert errors[2] < 0.6 * errors[1]


def test_tables_may_have_any_wavelengths_in_common(model, theta):
    """Every third sample of the tables gives every third sample of the spectrum."""
    tables = [get_opacity(name) for name in MOLECULES]
    thinned = [dataclasses.replace(
        table, wavelength=table.wavelength[::3], log_cross_section=table.log_cross_section[..., ::3]
    ) for table in tables]  # fmt: skip
    whole, part = (TransmissionModel(some, space=model.space) for some in (tables, thinned))
    assert np.array_equal(part.wavelength, whole.wavelength[::3])
    difference = part.simulate(theta[:5]) - whole.simulate(theta[:5])[:, ::3]
    assert np.abs(difference).max() < 0.01 * PPM


def test_a_batch_is_its_spectra_one_by_one(model, theta):
    together = model.simulate(theta)
    alone = np.concatenate([model.simulate(row[None]) for row in theta])
    assert np.allclose(together, alone, rtol=3e-7, atol=0)
    assert model.simulate(theta[:0]).shape == (0, len(model.wavelength))


def test_spectra_do_not_depend_on_the_number_of_threads(theta):
    model = TransmissionModel(MOLECULES)  # the whole range: several pieces of work
    n_threads = torch.get_num_threads()
    try:
        depths = []
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            depths.append(model.simulate(theta))
            assert torch.get_num_threads() == n
    finally:
        torch.set_num_threads(n_threads)
    assert np.array_equal(depths[0], depths[1])
    assert np.array_equal(depths[0], depths[2])


def test_the_same_seed_gives_the_same_spectra(model):
    first, again, other = (model.simulate(model.space.sample(3, seed)) for seed in (5, 5, 6))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)


def test_the_restricted_model_gives_the_same_bins(theta):
    whole = TransmissionModel(MOLECULES)
    part = whole.restrict(GRID)
    assert len(part.wavelength) < len(whole.wavelength) / 5
    assert part.space == whole.space
    assert np.allclose(
        GRID.average(part.wavelength, part.simulate(theta)),
        GRID.average(whole.wavelength, whole.simulate(theta)),
        rtol=3e-7,
        atol=0,
    )


def test_gradients_are_those_of_finite_differences(model):
    theta = torch.from_numpy(model.space.sample(6, 11))
    # A visible cloud in the middle of a layer, where its edge moves smoothly.
    theta[:, model.space.index("log_p_cloud")] = torch.linspace(-3.96, 0.04, 6)
    step = 1e-3 * torch.from_numpy(np.diff(model.space.bounds, axis=1)[:, 0])
    free = theta.clone().requires_grad_(True)
    depth = model.depth(free).double()
    weights = torch.linspace(0.5, 1.5, depth.shape[1], dtype=torch.float64) / depth.shape[1]
    (gradient,) = torch.autograd.grad((depth @ weights).sum(), free)
    assert torch.isfinite(gradient).all()
    scale = (gradient * step).abs().max()
    for k, name in enumerate(model.space.names):
        shift = torch.zeros_like(theta)
        shift[:, k] = step[k]
        with torch.no_grad():
            difference = (model.depth(theta + shift) - model.depth(theta - shift)).double()
        expected = difference @ weights / 2
        actual = gradient[:, k] * step[k]
        assert torch.allclose(actual, expected, rtol=0.01, atol=1e-4 * float(scale)), name


def test_it_survives_pickling(model, theta):
    """Jobs in other processes get models that way."""
    model.simulate(theta[:2])
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.simulate(theta), model.simulate(theta))


def test_its_provenance_is_json_and_names_what_matters(model):
    said = json.loads(json.dumps(model.provenance))
    assert said["simulator"] == "builtin"
    assert set(said["opacities"]) == {*MOLECULES, "H2-H2", "H2-He"}
    assert said["settings"]["n_layers"] == 100
    assert said["fixed"]["star_radius"] == 1.0


def test_fixed_values_are_those_of_a_free_parameter(model, theta):
    fixed = model.replace(space=model.space[1:], fixed={"planet_radius": 1.21})
    free = with_column(model, theta, planet_radius=1.21)
    assert np.array_equal(fixed.simulate(theta[:, 1:]), model.simulate(free))
