"""Temperatures and abundances inside TauREx are exosk's, layer by layer."""

import numpy as np
import pytest
import torch

from exosk import get_simulator
from exosk.simulators import profiles
from exosk.spectra import SpectralGrid

GRID = SpectralGrid.from_edges([2.0, 2.05])


@pytest.mark.parametrize("n_layers", [30, 100])
@pytest.mark.parametrize("name", ["isothermal", "2-point", "3-point", "7-point", "guillot"])
def test_temperatures_are_those_of_exosk(name, n_layers):
    model = get_simulator(
        "taurex", molecules=["H2O"], grid=GRID, temperature_profile=name, n_layers=n_layers
    )
    theta = model.space.sample(1, random_state=3)
    model.simulate(theta)
    pressure = model.model.pressureProfile / 1e5
    value = {n: torch.tensor([x]) for n, x in zip(model.space.names, theta[0])}
    profile = profiles.temperature_profile(name, (1e-9, 10.0))
    expected = profile(value, torch.from_numpy(pressure.copy()))[0].numpy()
    assert model.model.temperatureProfile == pytest.approx(
        np.broadcast_to(expected, n_layers), rel=1e-9
    )


@pytest.mark.parametrize("n_layers", [30, 100])
def test_abundances_are_those_of_exosk(n_layers):
    kinds = {"H2O": "two-layer", "CO": "constant"}
    model = get_simulator(
        "taurex",
        molecules=["H2O", "CO"],
        grid=GRID,
        abundance_profiles={"H2O": "two-layer"},
        n_layers=n_layers,
    )
    theta = model.space.sample(1, random_state=5)
    model.simulate(theta)
    pressure = torch.from_numpy(model.model.pressureProfile / 1e5)
    value = {n: torch.tensor([x]) for n, x in zip(model.space.names, theta[0])}
    expected = profiles.log_abundances(value, kinds, pressure)[0].numpy()
    chemistry = model.model.chemistry
    for k, gas in enumerate(kinds):
        found = np.log10(chemistry.get_gas_mix_profile(gas))
        assert found == pytest.approx(np.broadcast_to(expected[:, k], n_layers), abs=1e-9)
    helium = chemistry.get_gas_mix_profile("He") / chemistry.get_gas_mix_profile("H2")
    assert helium == pytest.approx(0.17647)
