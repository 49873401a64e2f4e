"""Which molecules a spectrum can show: by abundance, and by what it changes when one is removed."""

import h5py
import numpy as np
import pytest
from scipy import optimize

import exosk
from exosk.datasets import DETECTABLE, Dataset, delta_chi2, simulate_dataset
from exosk.datasets.detectability import errors_in
from exosk.exceptions import FileFormatError, GridError, RangeError, UnitError, UnknownNameError
from exosk.parameters import Uniform
from exosk.rows import RowLayout
from exosk.simulators.quantities import default_space
from exosk.simulators.removal import ABSENT, without_molecule
from exosk.spectra import Spectrum

MOLECULES = ("H2O", "CO2", "K")
WFC3 = exosk.get_instrument("hst-wfc3-g141")
RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def simulator():
    return exosk.get_simulator("builtin", molecules=MOLECULES)


@pytest.fixture(scope="module")
def data(simulator):
    return simulate_dataset(simulator, 60, WFC3, random_state=0, detectability=True)


def abundance(data: Dataset) -> np.ndarray:
    return np.asarray(data.Y)[:, [data.space.index(f"log_x_{m.lower()}") for m in data.molecules]]


# What is measured


def test_it_is_the_least_chi_squared_over_a_constant_offset():
    """Against a numerical minimum, with weights that differ."""
    sigma = RANDOM.uniform(1e-5, 1e-4, 20)
    depth, without = 0.02 + 1e-4 * RANDOM.standard_normal((2, 20))

    def chi2(offset):
        return float((((depth - without - offset * 1e-4) / sigma) ** 2).sum())

    least = optimize.minimize_scalar(chi2, options={"xtol": 1e-12})
    assert delta_chi2(depth, without, sigma) == pytest.approx(least.fun, rel=1e-9)


def test_a_constant_offset_of_either_counts_for_nothing():
    depth, without = 0.02 + 1e-4 * RANDOM.standard_normal((2, 5, 20))
    found = delta_chi2(depth, without, 1e-4 * np.ones(20))
    np.testing.assert_allclose(delta_chi2(depth + 1e-3, without, 1e-4 * np.ones(20)), found)
    assert delta_chi2(depth + 1e-3, depth, np.ones(20)) == pytest.approx(0, abs=1e-20)
    assert found.shape == (5,)


def test_a_bin_without_error_does_not_count():
    sigma = np.full(20, 1e-4)
    depth, without = 0.02 + 1e-4 * RANDOM.standard_normal((2, 20))
    whole = delta_chi2(depth[1:], without[1:], sigma[1:])
    sigma[0] = np.nan
    assert delta_chi2(depth, without, sigma) == pytest.approx(whole)
    depth[0] = np.nan
    assert delta_chi2(depth, without, sigma) == pytest.approx(whole)


def test_one_spectrum_by_hand(simulator, data):
    """Native spectra of a model that never knew the gas, averaged and compared in plain NumPy."""
    row = int(np.argmax(data.delta_chi2[:, 0]))
    theta = np.asarray(data.Y[row : row + 1])
    others = tuple(m for m in MOLECULES if m != "H2O")
    names = [name for name in data.space.names if name != "log_x_h2o"]
    space = exosk.ParameterSpace([data.space[name] for name in names])
    dry = exosk.get_simulator("builtin", molecules=others, space=space)
    columns = [data.space.index(name) for name in names]
    with_gas = WFC3.grid.average(simulator.wavelength, simulator.simulate(theta)[0])
    without = WFC3.grid.average(dry.wavelength, dry.simulate(theta[:, columns])[0])
    change = with_gas - without
    level = np.average(change, weights=WFC3.sigma**-2)
    expected = (((change - level) / WFC3.sigma) ** 2).sum()
    assert expected > 100
    assert data.delta_chi2[row, 0] == pytest.approx(expected, rel=1e-4)


def test_a_gas_that_is_not_there_changes_nothing(simulator):
    space = simulator.space.replace(log_x_h2o=Uniform(-60, -50))
    absent = simulate_dataset(
        exosk.get_simulator("builtin", molecules=MOLECULES, space=space), 10, WFC3, 0, None, 1e-5
    )
    np.testing.assert_allclose(absent.delta_chi2[:, 0], 0, atol=1e-4)
    assert absent.delta_chi2[:, 1].max() > 1


def test_more_of_a_gas_shows_more(simulator):
    """In one clear atmosphere that has no other gas."""
    theta = np.repeat(simulator.space.sample(1, 0), 8, axis=0)
    for name, value in (("log_p_cloud", 1), ("log_haze", -4), ("log_x_co2", -12), ("log_x_k", -12)):
        theta[:, simulator.space.index(name)] = value
    theta[:, simulator.space.index("log_x_h2o")] = np.linspace(-9, -3, 8)
    to_bins = WFC3.grid.averaging_matrix(simulator.wavelength)
    spectra = [
        (to_bins @ simulator.simulate(t).T).T
        for t in (theta, without_molecule(simulator, theta, "H2O"))
    ]
    found = delta_chi2(*spectra, WFC3.sigma)
    assert (np.diff(found) > 0).all()
    assert found[0] < 1e-3 < 30 < found[-1]


def test_the_scale_of_the_errors_enters_squared(data, simulator):
    np.testing.assert_allclose(data.delta_chi2_at(2), data.delta_chi2 / 4)
    each = np.linspace(0.5, 3, len(data))
    np.testing.assert_allclose(data.delta_chi2_at(each), data.delta_chi2 / each[:, None] ** 2)
    louder = simulate_dataset(simulator, 20, WFC3, 0, detectability=WFC3.scaled(3))
    quieter = simulate_dataset(simulator, 20, WFC3, 0, detectability=True)
    np.testing.assert_allclose(louder.delta_chi2, quieter.delta_chi2_at(3))


# Labels


def test_both_rules(data):
    seen = data.delta_chi2 > DETECTABLE
    there = abundance(data) > -8
    np.testing.assert_array_equal(data.presence(), there)
    np.testing.assert_array_equal(data.presence(delta_chi2=DETECTABLE), there & seen)
    assert (there & ~seen).any()
    assert not np.array_equal(data.presence(-5), data.presence(-8))
    np.testing.assert_array_equal(data.presence([-8, -6, -9]), abundance(data) > [-8, -6, -9])


def test_more_noise_hides_more(data):
    shares = [data.presence(delta_chi2=9, scale=s).mean() for s in (0.1, 1, 10, 1e6)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[2]
    assert shares[3] == 0
    noise = np.where(np.arange(len(data)) % 2, 1.0, 1e6)
    labels = data.presence(delta_chi2=9, scale=noise)
    assert not labels[::2].any()
    np.testing.assert_array_equal(labels[1::2], data.presence(delta_chi2=9)[1::2])


def test_nonsense_is_refused(data):
    with pytest.raises(RangeError, match="scale of the errors has no bearing"):
        data.presence(scale=2)
    with pytest.raises(RangeError, match="must be a positive number, got -1"):
        data.delta_chi2_at(-1)
    with pytest.raises(RangeError, match=r"60 spectra but scales of shape \(2,\)"):
        data.delta_chi2_at([1, 2])
    plain = Dataset(data.X, data.Y, data.grid, data.space, data.molecules)
    with pytest.raises(RangeError, match="simulate it with detectability=True"):
        plain.presence(delta_chi2=9)


# Made, kept and split


def test_spectra_are_the_same_with_and_without(simulator, data):
    plain = simulate_dataset(simulator, 60, WFC3, random_state=0)
    np.testing.assert_array_equal(plain.X, data.X)
    assert plain.delta_chi2 is None
    np.testing.assert_array_equal(plain.sigma, WFC3.sigma)


def test_errors_may_come_from_anything(simulator):
    sigma = np.array(WFC3.sigma)
    spectrum = Spectrum(WFC3.grid, np.full(WFC3.grid.n_bins, 0.02), sigma)
    sets = [
        simulate_dataset(simulator, 3, WFC3.grid, 0, detectability=errors)
        for errors in (sigma, WFC3, spectrum)
    ]
    for one in sets:
        np.testing.assert_allclose(one.delta_chi2, sets[0].delta_chi2)
        np.testing.assert_array_equal(one.sigma, sigma)
    assert simulate_dataset(simulator, 2, WFC3.grid, 0).sigma is None
    number = simulate_dataset(simulator, 2, WFC3.grid, 0, detectability=1e-4)
    np.testing.assert_array_equal(number.sigma, np.full(WFC3.grid.n_bins, 1e-4))


def test_errors_that_do_not_fit_are_refused(simulator):
    with pytest.raises(RangeError, match="bins alone have no errors"):
        simulate_dataset(simulator, 2, WFC3.grid, 0, detectability=True)
    with pytest.raises(GridError, match=r"errors are those of SpectralGrid\(218 bins"):
        simulate_dataset(simulator, 2, WFC3, 0, detectability=exosk.get_instrument("nirspec-prism"))
    for errors, error, message in (
        (np.full(3, 1e-4), GridError, r"18 bins but errors of shape \(3,\)"),
        (-1e-4, RangeError, "got -0.0001"),
        (0.0, RangeError, "must be positive numbers, at least one of them; got 0"),
        (np.full(18, np.nan), RangeError, "got nan"),
        (120.0, UnitError, "looks like ppm"),
    ):
        with pytest.raises(error, match=message):
            simulate_dataset(simulator, 2, WFC3, 0, detectability=errors)
        with pytest.raises(error):
            errors_in(errors, WFC3.grid)


def test_rows_and_splits_carry_it_along(data):
    where = {row.tobytes(): k for k, row in enumerate(data.X)}
    for part in (*data.split(random_state=0), data[::7], data[np.arange(60) % 2 == 0]):
        rows = [where[row.tobytes()] for row in part.X]
        np.testing.assert_array_equal(part.delta_chi2, data.delta_chi2[rows])
        np.testing.assert_array_equal(part.sigma, data.sigma)


def test_a_file_gives_it_back(data, tmp_path):
    data.save(tmp_path / "set.h5")
    loaded = Dataset.load(tmp_path / "set.h5")
    for name in ("delta_chi2", "sigma", "X", "Y"):
        np.testing.assert_array_equal(getattr(loaded, name), getattr(data, name))


def test_files_of_the_first_version_are_still_read_and_written(data, tmp_path):
    """One without delta chi-squared holds nothing that an older exosk would miss."""
    plain = Dataset(data.X, data.Y, data.grid, data.space, data.molecules)
    plain.save(tmp_path / "plain.h5")
    data.save(tmp_path / "labelled.h5")
    versions = []
    for name in ("plain", "labelled"):
        with h5py.File(tmp_path / f"{name}.h5") as file:
            versions.append(file.attrs["version"])
    assert versions == [1, 2]
    loaded = Dataset.load(tmp_path / "plain.h5")
    assert loaded.delta_chi2 is None
    assert loaded.sigma is None


def test_a_damaged_column_is_refused(data, tmp_path):
    data.save(tmp_path / "set.h5")
    with h5py.File(tmp_path / "set.h5", "r+") as file:
        del file["sigma"]
    with pytest.raises(FileFormatError, match="sigma"):
        Dataset.load(tmp_path / "set.h5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"delta_chi2": np.zeros((60, 2))}, r"expected \(60, 3\)"),
        ({"delta_chi2": np.full((60, 3), -1.0)}, "numbers from 0 up, got -1"),
        ({"delta_chi2": np.full((60, 3), np.nan)}, "numbers from 0 up, got nan"),
        ({"sigma": None}, "without the errors sigma"),
        ({"sigma": np.zeros(3)}, "18 bins but errors of shape"),
    ],
)
def test_parts_that_do_not_fit_are_refused(data, changes, message):
    parts = {n: getattr(data, n) for n in ("X", "Y", "grid", "space", "molecules")}
    labels = {n: getattr(data, n) for n in ("delta_chi2", "sigma")}
    with pytest.raises((RangeError, GridError), match=message):
        Dataset(**parts | labels | changes)


# Errors beside the depths


def test_errors_stand_beside_the_depths(data):
    n_bins = data.grid.n_bins
    each = np.outer(np.linspace(1, 2, len(data)), WFC3.sigma)
    for errors, expected in ((None, WFC3.sigma), (WFC3, WFC3.sigma), (1e-4, 1e-4), (each, each)):
        X = data.with_sigma(errors)
        depth, sigma = RowLayout.of(X.shape[1], data.grid).split(X)
        np.testing.assert_array_equal(depth, data.X)
        np.testing.assert_allclose(sigma, np.broadcast_to(expected, depth.shape), rtol=1e-6)
        assert X.shape == (len(data), 2 * n_bins)


def test_a_bin_that_the_observation_lacks_is_missing(data):
    depth = np.full(data.grid.n_bins, 0.02)
    depth[4] = np.nan
    X = data.with_sigma(Spectrum(data.grid, depth, WFC3.sigma))
    assert np.isnan(X[:, [4, 4 + data.grid.n_bins]]).all()
    assert np.isnan(X).sum() == 2 * len(data)


def test_errors_of_other_bins_are_refused(data):
    with pytest.raises(GridError, match="errors are those of"):
        data.with_sigma(exosk.get_instrument("nirspec-prism"))
    with pytest.raises(GridError, match=r"spectra of shape \(60, 18\) but errors of \(2, 18\)"):
        data.with_sigma(np.full((2, 18), 1e-4))
    each = np.full((60, 18), 1e-4)
    each[5, 2] = 0
    with pytest.raises(RangeError, match="those of spectrum 5 are not"):
        data.with_sigma(each)
    with pytest.raises(RangeError, match="no errors of its own"):
        Dataset(data.X, data.Y, data.grid, data.space).with_sigma()


# Taking a gas out


def test_the_deep_and_the_upper_abundance_go_together():
    simulator = exosk.get_simulator(
        "builtin", molecules=("H2O",), abundance_profiles={"H2O": "two-layer"}
    )
    theta = simulator.space.sample(3, 0)
    without = without_molecule(simulator, theta, "H2O")
    gone = [simulator.space.index(name) for name in ("log_x_h2o", "log_x_h2o_top")]
    assert (without[:, gone] == ABSENT).all()
    kept = np.setdiff1d(np.arange(len(simulator.space)), gone)
    np.testing.assert_array_equal(without[:, kept], theta[:, kept])


def test_a_gas_that_cannot_be_taken_out_is_named():
    simulator = exosk.get_simulator("builtin", molecules=("H2O", "CO2"), fixed={"log_x_co2": -4})
    theta = simulator.space.sample(1, 0)
    with pytest.raises(UnknownNameError, match="molecule of free abundance 'CO2'"):
        without_molecule(simulator, theta, "CO2")
    names = ("log_x_h2o_top", "log_p_h2o")
    half = exosk.get_simulator(
        "builtin",
        molecules=("H2O",),
        abundance_profiles={"H2O": "two-layer"},
        space=default_space(("H2O",), fixed=("star_radius",)),
        fixed=dict(zip(names, (-4.0, -2.0))),
    )
    with pytest.raises(RangeError, match="cannot be taken out while log_x_h2o_top is fixed"):
        without_molecule(half, half.space.sample(1, 0), "H2O")


def test_an_atmosphere_that_would_not_be_bound_without_the_gas_is_named():
    """H2O makes up half of it and holds it down."""
    space = default_space(
        ("H2O",),
        {
            "log_x_h2o": Uniform(-0.3, -0.25),
            "planet_mass": Uniform(0.03, 0.031),
            "planet_radius": Uniform(1.2, 1.21),
            "temperature": Uniform(990.0, 1000.0),
        },
    )
    simulator = exosk.get_simulator("builtin", molecules=("H2O",), space=space)
    with pytest.raises(RangeError, match=r"without H2O: the atmosphere of row 0 is not bound"):
        simulate_dataset(simulator, 3, WFC3, 0, detectability=True)
