"""Equilibrium chemistry: laws of chemistry, easychem itself, and the file of the table."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.simulators import equilibrium_table
from exosk.simulators.chemistry import EquilibriumChemistry
from exosk.simulators.embedded import build
from exosk.simulators.equilibrium_table import AXES, EquilibriumTable, load_equilibrium_table

# Solar, by number, relative to all atoms: Asplund et al. 2009 as easychem has them.
CARBON, HYDROGEN, HELIUM, NITROGEN = 2.478241e-4, 0.9207539, 0.0783689, 6.225061e-5


def mixture(
    molecules: tuple[str, ...],
    temperature: object = 1000.0,
    pressure: object = 0.1,
    log_metallicity: object = 0.0,
    c_o_ratio: object = 0.55,
) -> dict[str, np.ndarray]:
    """Mixing ratios of each molecule, of broadcast 1-D inputs; pressures pair with the others."""
    chemistry = EquilibriumChemistry(molecules)
    columns = np.broadcast_arrays(
        *(np.atleast_1d(x).astype(float) for x in (temperature, log_metallicity, c_o_ratio))
    )
    temperature, metallicity, ratio = map(torch.tensor, columns)
    log_x = chemistry(
        {"log_metallicity": metallicity, "c_o_ratio": ratio},
        torch.tensor(np.atleast_1d(pressure).astype(float)),
        temperature[:, None],
    )
    values = 10.0 ** log_x.numpy()
    values = values[:, 0] if values.shape[1] == 1 else values[0]
    return {name: values[:, k] for k, name in enumerate(chemistry.molecules)}


def test_carbon_is_methane_when_cold_and_carbon_monoxide_when_hot():
    """CO + 3 H2 = CH4 + H2O: equal near 1000-1200 K at a bar (Burrows & Sharp 1999, eq. 5)."""
    temperature = np.array([400.0, 600, 800, 1000, 1200, 1400, 1600, 2000])
    x = mixture(("CO", "CH4"), temperature, 1.0)
    ratio = x["CO"] / x["CH4"]
    assert (np.diff(ratio) > 0).all()
    assert ratio[0] < 1e-6
    assert ratio[-1] > 1e3
    equal = np.interp(0, np.log(ratio), temperature)
    assert 950 < equal < 1250
    # High pressure favours the side with fewer molecules.
    low, high = (mixture(("CO", "CH4"), 1200.0, p) for p in (1e-3, 10.0))
    assert (low["CO"] / low["CH4"]) > 1e4 * (high["CO"] / high["CH4"])


def test_the_mass_action_law_of_methane():
    """x(CH4) x(H2O) / (x(CO) x(H2)^3 P^2) is a number of the temperature alone.

    Gibbs energies of formation at 1000 K, in kJ/mol: CH4 19.492, H2O -192.590, CO -200.275
    (NIST-JANAF, Chase 1998).
    """
    pressure = np.logspace(-3, 2, 11)
    x = mixture(("CO", "CH4", "H2O", "H2"), 1000.0, pressure)
    constant = x["CH4"] * x["H2O"] / (x["CO"] * x["H2"] ** 3 * pressure**2)
    expected = -(19.492 - 192.590 + 200.275) / (8.314462e-3 * 1000 * np.log(10))
    np.testing.assert_allclose(np.log10(constant), expected, atol=0.1)


def test_ammonia_is_cold_and_nitrogen_hot():
    x = mixture(("NH3",), np.array([300.0, 500, 700, 900, 1200, 1800]), 1.0)
    assert (np.diff(x["NH3"]) < 0).all()
    # All nitrogen in ammonia: twice its share of the molecules, since hydrogen pairs up.
    assert x["NH3"][0] == pytest.approx(NITROGEN / (HYDROGEN / 2 + HELIUM), rel=0.03)


def test_water_falls_when_carbon_outnumbers_oxygen():
    x = mixture(("H2O", "CH4", "C2H2", "HCN", "CO"), 2200.0, 1e-3, 0.0, np.array([0.5, 0.9, 1.5]))
    assert x["H2O"][0] > 1e-4 > 1e-8 > x["H2O"][2]
    for molecule in ("CH4", "C2H2", "HCN"):
        assert x[molecule][2] > 1e3 * x[molecule][0]
    # CO holds whichever is scarcer.
    total = HYDROGEN / 2 + HELIUM
    assert x["CO"][0] == pytest.approx(CARBON / total, rel=0.1)
    assert x["CO"][2] == pytest.approx(CARBON / 1.5 / total, rel=0.1)


def test_carbon_is_conserved():
    """With oxygen in excess it is in five gases and no condensate, until CO itself falls apart."""
    table = load_equilibrium_table()
    below = table.axes["temperature"] < 2300
    rich = table.axes["c_o_ratio"] < 0.65
    x = {
        name: 10.0 ** table.log_x[table.index(name)][below][..., rich]
        for name in ("CO", "CH4", "CO2", "HCN", "C2H2", "He")
    }
    carbon = x["CO"] + x["CH4"] + x["CO2"] + x["HCN"] + 2 * x["C2H2"]
    expected = CARBON / HELIUM * 10 ** table.axes["log_metallicity"][:, None]
    np.testing.assert_allclose(carbon / x["He"] / expected, 1, atol=0.01)


def test_between_nodes_carbon_is_nearly_conserved():
    """What is lost is the corner where CO gives way to CH4, which interpolation cuts off."""
    random = np.random.RandomState(4)
    n = 300
    temperature, metals = random.uniform(600, 2300, n), random.uniform(-1, 2, n)
    x = mixture(
        ("CO", "CH4", "CO2", "HCN", "He"), temperature, 0.03, metals, random.uniform(0.15, 0.6, n)
    )
    carbon = x["CO"] + x["CH4"] + x["CO2"] + x["HCN"]
    error = np.log10(carbon / x["He"] / (CARBON / HELIUM * 10**metals))
    assert np.median(np.abs(error)) < 0.01
    assert np.abs(error).max() < 0.15


def test_metals_scale_with_metallicity():
    # Too hot for silicates, which would take a share of the oxygen that grows with pressure.
    solar, rich = (mixture(("H2O", "CO", "CO2"), 1900.0, 1e-2, z) for z in (0.0, 1.0))
    assert np.log10(rich["H2O"] / solar["H2O"])[0] == pytest.approx(1, abs=0.1)
    assert np.log10(rich["CO"] / solar["CO"])[0] == pytest.approx(1, abs=0.1)
    # CO2 goes with the square (Lodders & Fegley 2002).
    assert np.log10(rich["CO2"] / solar["CO2"])[0] == pytest.approx(2, abs=0.1)


def test_alkalis_condense():
    x = mixture(("Na", "K"), np.array([500.0, 1500.0]), 0.1)
    for metal in ("Na", "K"):
        assert x[metal][0] < 1e-10
        assert x[metal][1] > 5e-8


def test_hydrogen_falls_apart_when_hot_and_thin():
    """The mixture of all gases adds up, whichever form hydrogen has."""
    x = mixture(("H2", "He", "H", "H2O", "CO"), np.array([1000.0, 2000, 3000]), 1e-5)
    assert (np.diff(x["H"]) > 0).all()
    assert x["H"][2] > x["H2"][2]
    np.testing.assert_allclose(sum(x.values()), 1, atol=0.02)


def test_between_nodes_it_is_what_easychem_says():
    """At random points; the worst lie where a condensate appears or C/O crosses its threshold."""
    pytest.importorskip("easychem", reason="the extra 'chemistry' is not installed")
    direct = build.Chemistry()
    random = np.random.RandomState(0)
    n = 60
    temperature = random.uniform(500, 2800, n)
    pressure = 10 ** random.uniform(-7, 1, n)
    metallicity = random.uniform(-0.9, 1.9, n)
    ratio = random.uniform(0.15, 1.4, n)
    names = ("H2O", "CO2", "CO", "CH4", "NH3", "HCN", "C2H2", "H2S", "SO2", "PH3", "Na", "K")
    columns = [list(build.SPECIES).index(name) for name in names]
    truth = np.array(
        [
            direct(*map(float, point))[columns]
            for point in zip(temperature, pressure, metallicity, ratio, strict=True)
        ]
    )
    chemistry = EquilibriumChemistry(names)
    found = np.array(
        [
            chemistry(
                {"log_metallicity": torch.tensor([z]), "c_o_ratio": torch.tensor([c])},
                torch.tensor([p]),
                torch.tensor([[t]]),
            )[0, 0].numpy()
            for t, p, z, c in zip(temperature, pressure, metallicity, ratio, strict=True)
        ]
    )
    # What a spectrum can show.
    solved = np.isfinite(truth)
    assert solved.mean() > 0.95
    seen = solved & (np.maximum(found, np.nan_to_num(truth, nan=-99)) > -9)
    error = np.abs(found - truth)[seen]
    assert seen.sum() > 300
    assert np.median(error) < 0.02
    assert np.quantile(error, 0.9) < 0.2


def test_nodes_are_what_easychem_says():
    pytest.importorskip("easychem", reason="the extra 'chemistry' is not installed")
    table, direct = load_equilibrium_table(), build.Chemistry()
    random = np.random.RandomState(1)
    for _ in range(15):
        place = [random.randint(len(table.axes[name])) for name in AXES]
        place[0] = random.randint(12, len(table.axes["temperature"]))
        node = [float(table.axes[name][k]) for name, k in zip(AXES, place, strict=True)]
        truth = direct(*node)
        if np.isfinite(truth).all():
            found = table.log_x[(slice(None), *place)]
            np.testing.assert_allclose(found, truth, atol=0.002, err_msg=str(node))


def test_gradients_are_those_of_the_interpolation():
    """Against central differences, away from nodes, with temperatures of their own a level."""
    chemistry = EquilibriumChemistry(("H2O", "CO", "CH4", "CO2"), (1e-6, 10.0))
    pressure = torch.tensor([2e-5, 3e-3, 0.4, 7.0], dtype=torch.float64)
    temperature = torch.tensor([[811.0, 903, 1207, 1511], [1303.0, 1404, 1705, 2309]]).double()
    metallicity = torch.tensor([0.21, 1.13], dtype=torch.float64)
    ratio = torch.tensor([0.43, 0.925], dtype=torch.float64)
    for tensor in (temperature, metallicity, ratio):
        tensor.requires_grad_()

    def call(t, z, c):
        return chemistry({"log_metallicity": z, "c_o_ratio": c}, pressure, t)

    assert torch.autograd.gradcheck(call, (temperature, metallicity, ratio), eps=1e-5, atol=1e-5)


def test_batches_are_loops_and_levels_are_free():
    chemistry = EquilibriumChemistry(("H2O", "Na"))
    random = np.random.RandomState(2)
    value = {
        "log_metallicity": torch.tensor(random.uniform(-1, 2, 5)),
        "c_o_ratio": torch.tensor(random.uniform(0.1, 2, 5)),
    }
    pressure = torch.logspace(-8, 1, 7, dtype=torch.float64)
    temperature = torch.tensor(random.uniform(100, 3000, (5, 1)))
    together = chemistry(value, pressure, temperature)
    assert together.shape == (5, 7, 2)
    assert together.dtype == torch.float64
    for k in range(5):
        one = {name: column[k : k + 1] for name, column in value.items()}
        alone = chemistry(one, pressure[3:4], temperature[k : k + 1].expand(1, 1))
        torch.testing.assert_close(alone[0, 0], together[k, 3], rtol=0, atol=1e-12)
    full = chemistry(value, pressure, temperature.expand(5, 7).contiguous())
    torch.testing.assert_close(full, together, rtol=0, atol=1e-12)
    copied = pickle.loads(pickle.dumps(chemistry))
    assert torch.equal(copied(value, pressure, temperature), together)


def test_everywhere_it_is_finite_and_adds_up_to_no_more_than_one():
    chemistry = EquilibriumChemistry(load_equilibrium_table().species)
    random = np.random.RandomState(3)
    value = {
        "log_metallicity": torch.tensor(random.uniform(-1, 2, 2000)),
        "c_o_ratio": torch.tensor(random.uniform(0.1, 2, 2000)),
    }
    log_x = chemistry(
        value,
        torch.logspace(-9, 2, 9, dtype=torch.float64),
        torch.tensor(random.uniform(100, 3000, (2000, 1))),
    )
    assert torch.isfinite(log_x).all()
    assert log_x.min() > equilibrium_table.FLOOR - 1e-6
    assert (10**log_x).sum(-1).max() < 1.002


@pytest.mark.parametrize(
    ("name", "found", "words"),
    [
        ("log_metallicity", 2.5, "log_metallicity = 2.5 in row 8 is outside -1 to 2"),
        ("c_o_ratio", 0.05, "c_o_ratio = 0.05 in row 8 is outside 0.1 to 2"),
        ("c_o_ratio", np.nan, "c_o_ratio = nan in row 8"),
        ("temperature", 3500.0, "temperature = 3500 in row 8 is outside 100 to 3000 K"),
        ("temperature", 20.0, "temperature = 20 in row 8"),
    ],
)
def test_what_the_table_lacks_is_refused(name, found, words):
    chemistry = EquilibriumChemistry(("H2O",))
    columns = {
        "log_metallicity": [0.0, 0.0],
        "c_o_ratio": [0.5, 0.5],
        "temperature": [900.0, 900.0],
    }
    chemistry.check(columns, np.array(columns["temperature"])[:, None])
    columns[name][1] = found
    value = {key: torch.tensor(column) for key, column in columns.items()}
    with pytest.raises(RangeError, match="narrow its prior") as caught:
        chemistry.check(value, value["temperature"][:, None], first_row=7)
    assert words in str(caught.value)


def test_the_edges_are_within():
    chemistry = EquilibriumChemistry(("H2O",), (1e-9, 100.0))
    for which in (0, 1):
        value = {name: [chemistry.ranges[name][which]] for name in ("log_metallicity", "c_o_ratio")}
        chemistry.check(value, [[chemistry.ranges["temperature"][which]]])


def test_an_atmosphere_beyond_the_pressures_and_an_unknown_species():
    with pytest.raises(RangeError, match="pressure = 1000 is outside 1e-09 to 100 bar"):
        EquilibriumChemistry(("H2O",), (1e-6, 1000.0))
    with pytest.raises(UnknownNameError, match="Equilibrium chemistry has H2O, CO2") as caught:
        EquilibriumChemistry(("H2O", "O3"))
    assert "let abundances be free" in str(caught.value)
    assert EquilibriumChemistry(("h2o", "NA")).molecules == ("H2O", "Na")


def small_table() -> EquilibriumTable:
    axes = {
        "temperature": np.array([500.0, 1000.0]),
        "pressure": np.array([1e-3, 1.0]),
        "log_metallicity": np.array([0.0, 1.0]),
        "c_o_ratio": np.array([0.5, 1.0]),
    }
    log_x = np.linspace(-14, 0, 32).reshape(2, 2, 2, 2, 2).astype(np.float32)
    return EquilibriumTable(("H2O", "CO"), axes, log_x, {"code": "none"})


def test_a_table_comes_back_from_its_file(tmp_path):
    table = small_table()
    table.save(tmp_path / "small.h5")
    again = EquilibriumTable.load(tmp_path / "small.h5")
    np.testing.assert_allclose(again.log_x, table.log_x, atol=6e-4)
    assert again.species == table.species
    assert again.provenance == table.provenance
    for name in AXES:
        np.testing.assert_array_equal(again.axes[name], table.axes[name])


def test_nodes_without_a_solution_are_filled_in_along_temperature():
    temperature = np.array([500.0, 625.0, 1000.0, 2000.0])
    law = -3 - 1000 / temperature
    full = np.broadcast_to(law[None, :, None, None, None], (2, 4, 10, 10, 10)).copy()
    log_x = full.copy()
    log_x[:, 1, 4, 5, 6] = log_x[:, 2, 7, 8, 9] = np.nan
    filled, n_filled = build.fill_in(log_x, temperature)
    assert n_filled == 2
    np.testing.assert_allclose(filled, full, atol=1e-12)
    log_x[:, 1] = np.nan
    with pytest.raises(RuntimeError, match="no equilibrium at 25"):
        build.fill_in(log_x, temperature)


def test_interpolation_is_exact_for_power_laws():
    """log x linear in 1/T, log P, log Z and log C/O."""
    axes = {
        "temperature": np.array([500.0, 800, 2000]),
        "pressure": np.array([1e-3, 1e-2, 1.0]),
        "log_metallicity": np.array([0.0, 1.0, 1.5]),
        "c_o_ratio": np.array([0.5, 0.8, 1.0]),
    }

    def law(t, p, z, c):
        return -6 + 800 / t + 0.3 * np.log10(p) + 1.2 * z - 2 * np.log10(c)

    log_x = law(*np.meshgrid(*axes.values(), indexing="ij"))[None].astype(np.float32)
    chemistry = EquilibriumChemistry(("H2O",), table=EquilibriumTable(("H2O",), axes, log_x, {}))
    value = {"log_metallicity": torch.tensor([0.33]), "c_o_ratio": torch.tensor([0.93])}
    pressure = torch.tensor([2e-3, 0.5], dtype=torch.float64)
    found = chemistry(value, pressure, torch.tensor([[700.0, 1500.0]]))[0, :, 0]
    expected = law(np.array([700.0, 1500.0]), pressure.numpy(), 0.33, 0.93)
    np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.parametrize("damage", ["truncated", "text", "flipped"])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "small.h5"
    small_table().save(path)
    content = bytearray(path.read_bytes())
    if damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "text":
        content = bytearray(b"temperature,pressure\n")
    else:
        content[-200:] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=r"small\.h5"):
        EquilibriumTable.load(path)


def test_the_embedded_table_says_where_it_comes_from():
    table = load_equilibrium_table()
    assert table is load_equilibrium_table()
    assert set(table.species) == set(build.SPECIES)
    assert table.provenance["code"] == "easychem"
    assert "2410.21364" in table.provenance["citation"]
    for name, nodes in build.nodes().items():
        np.testing.assert_allclose(table.axes[name], nodes)


def test_without_easychem_the_builder_names_the_extra():
    code = (
        "import sys; sys.modules['easychem'] = None\n"
        "from exosk.simulators.embedded.build import Chemistry\n"
        "Chemistry()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'exosk[chemistry]'" in run.stderr.splitlines()[-1]
