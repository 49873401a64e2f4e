"""What every table does: interpolate between its nodes, refuse all else, survive a disk."""

import pickle

import h5py
import numpy as np
import pytest

from exosk.exceptions import FileFormatError, RangeError
from exosk.opacities import COLLISION_LOG_FLOOR, LOG_FLOOR, CollisionTable, OpacityTable

WAVELENGTH = np.geomspace(1.0, 2.0, 40)
TEMPERATURE = np.array([300.0, 500.0, 1000.0, 2000.0])
PRESSURE = np.array([1e-6, 1e-3, 1.0])
CARD = {"source": "a random number generator", "limits": ["none of it is true"]}


def opacity_table(**changes) -> OpacityTable:
    rng = np.random.default_rng(0)
    log_sigma = rng.uniform(-32, -18, (PRESSURE.size, TEMPERATURE.size, WAVELENGTH.size))
    log_sigma[:, :2, 5] = LOG_FLOOR
    fields = {
        "name": "X",
        "wavelength": WAVELENGTH,
        "temperature": TEMPERATURE,
        "pressure": PRESSURE,
        "log_cross_section": log_sigma,
        "provenance": CARD,
    }
    return OpacityTable(**{**fields, **changes})


def collision_table() -> CollisionTable:
    rng = np.random.default_rng(1)
    log_k = rng.uniform(-50, -44, (TEMPERATURE.size, WAVELENGTH.size))
    log_k[:, :3] = COLLISION_LOG_FLOOR
    return CollisionTable("X-Y", WAVELENGTH, TEMPERATURE, log_k, CARD)


TABLES = {"opacity": opacity_table, "collision": collision_table}
VALUES = {"opacity": "log_cross_section", "collision": "log_coefficient"}
each_kind = pytest.mark.parametrize("kind", list(TABLES))


def evaluate(table: OpacityTable | CollisionTable, temperature) -> np.ndarray:
    if isinstance(table, OpacityTable):
        return table.cross_section(temperature, 1e-3)
    return table.coefficient(temperature)


@each_kind
def test_round_trip_within_the_quantisation(kind, tmp_path):
    table = TABLES[kind]()
    table.save(tmp_path / "x.h5")
    again = type(table).load(tmp_path / "x.h5")
    before, after = getattr(table, VALUES[kind]), getattr(again, VALUES[kind])
    above = before[before > before.min()]
    assert np.abs(after - before).max() <= np.ptp(above) / 65534 / 2 + 4e-6  # float32 near -38
    assert np.array_equal(before == before.min(), after == after.min())
    assert np.array_equal(again.wavelength, table.wavelength)
    assert (again.name, again.provenance) == (table.name, table.provenance)


@each_kind
def test_saving_is_reproducible(kind, tmp_path):
    for name in ("a.h5", "b.h5"):
        TABLES[kind]().save(tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@each_kind
def test_exact_at_the_nodes(kind):
    table = TABLES[kind]()
    log_value = getattr(table, VALUES[kind])
    expected = 10.0 ** (log_value[1] if kind == "opacity" else log_value).astype(float)
    assert np.allclose(evaluate(table, TEMPERATURE), expected, rtol=1e-12, atol=0)


@each_kind
def test_between_two_temperatures_lies_between_their_values(kind):
    table = TABLES[kind]()
    low, middle, high = evaluate(table, [500.0, 700.0, 1000.0])
    assert np.all(middle > 0)
    assert np.all(middle >= np.minimum(low, high) * (1 - 1e-12))
    assert np.all(middle <= np.maximum(low, high) * (1 + 1e-12))


def test_a_boltzmann_factor_is_interpolated_exactly():
    log_sigma = np.log10(np.exp(-1500.0 / TEMPERATURE) * 1e-20)
    cube = np.broadcast_to(log_sigma[None, :, None], opacity_table().log_cross_section.shape)
    table = opacity_table(log_cross_section=cube)
    expected = 1e-20 * np.exp(-1500.0 / 730.0)
    assert np.allclose(table.cross_section(730.0, 0.1), expected, rtol=2e-5, atol=0)


def test_linear_in_log_pressure():
    table = opacity_table()
    low, middle, high = table.cross_section(500.0, [1e-6, 10**-4.5, 1e-3])
    assert np.allclose(middle, 0.5 * (low + high), rtol=1e-12, atol=0)


def test_temperature_and_pressure_are_paired():
    table = opacity_table()
    both = table.cross_section([400.0, 800.0], [1e-5, 1e-2])
    assert both.shape == (2, WAVELENGTH.size)
    assert np.array_equal(both[1], table.cross_section(800.0, 1e-2)[0])


def test_pressures_can_be_refined_in_log_log():
    sigma = 1e-22 * PRESSURE[:, None, None] * np.ones((1, TEMPERATURE.size, WAVELENGTH.size))
    table = opacity_table(log_cross_section=np.log10(sigma))
    finer = table.at_pressures(np.geomspace(1e-6, 1.0, 13))
    assert np.allclose(finer.cross_section(500.0, 10**-1.5), 1e-22 * 10**-1.5, rtol=1e-5, atol=0)
    with pytest.raises(RangeError, match="pressure"):
        table.at_pressures([1e-6, 10.0])


@pytest.mark.parametrize(
    ("temperature", "pressure", "named"),
    [
        (299.0, 1e-3, "299 K"),
        (2001.0, 1e-3, "2001 K"),
        (500.0, 1e-7, "1e-07 bar"),
        (500.0, 2.0, "2 bar"),
        (np.nan, 1e-3, "nan K"),
    ],
)
def test_nothing_is_extrapolated(temperature, pressure, named):
    with pytest.raises(RangeError, match=f"{named} is outside the X table"):
        opacity_table().cross_section([500.0, temperature], [1e-3, pressure])
    if pressure == 1e-3:
        with pytest.raises(RangeError, match="X-Y table"):
            collision_table().coefficient(temperature)


@each_kind
def test_select_keeps_what_lies_between(kind):
    table = TABLES[kind]()
    part = table.select(1.2, 1.5)
    inside = (WAVELENGTH >= 1.2) & (WAVELENGTH <= 1.5)
    assert np.array_equal(part.wavelength, WAVELENGTH[inside])
    assert np.array_equal(evaluate(part, 700.0), evaluate(table, 700.0)[:, inside])
    for limits in [(0.9, 1.5), (1.2, 2.1), (1.2, 1.2)]:
        with pytest.raises(RangeError, match="X"):
            table.select(*limits)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"wavelength": WAVELENGTH[::-1]}, FileFormatError),
        ({"wavelength": WAVELENGTH[:-1]}, FileFormatError),
        ({"temperature": np.array([300.0, 300.0, 500.0, 600.0])}, FileFormatError),
        ({"temperature": np.array([0.0, 300.0, 500.0, 600.0])}, RangeError),
        ({"pressure": np.array([1e-6, np.nan, 1.0])}, RangeError),
        ({"pressure": PRESSURE[None]}, FileFormatError),
        ({"log_cross_section": np.zeros((2, 2, 2))}, FileFormatError),
        ({"log_cross_section": np.full((3, 4, 40), np.nan)}, RangeError),
    ],
)
def test_a_malformed_table_is_refused(changes, error):
    with pytest.raises(error, match=next(iter(changes))):
        opacity_table(**changes)


def test_zero_is_the_floor_and_nan_is_not():
    sigma = np.zeros((PRESSURE.size, TEMPERATURE.size, WAVELENGTH.size))
    axes = ("X", WAVELENGTH, TEMPERATURE, PRESSURE)
    table = OpacityTable.from_cross_section(*axes, sigma, {})
    assert np.all(table.log_cross_section == LOG_FLOOR)
    sigma[0, 0, 0] = np.nan
    with pytest.raises(RangeError, match="finite"):
        OpacityTable.from_cross_section(*axes, sigma, {})


@each_kind
def test_tables_cannot_be_changed_and_can_be_pickled(kind):
    table = TABLES[kind]()
    with pytest.raises(ValueError, match="read-only"):
        getattr(table, VALUES[kind])[:] = 0
    again = pickle.loads(pickle.dumps(table))
    assert np.array_equal(getattr(again, VALUES[kind]), getattr(table, VALUES[kind]))


def test_a_pair_is_resampled_linearly_in_wavenumber():
    table = collision_table()
    same = table.at_wavelengths(table.wavelength)
    assert np.allclose(same.log_coefficient, table.log_coefficient, rtol=1e-6)
    middle = 2 / (1 / table.wavelength[1:] + 1 / table.wavelength[:-1])
    between = (table.log_coefficient[:, 1:] + table.log_coefficient[:, :-1]) / 2
    assert np.allclose(table.at_wavelengths(middle).log_coefficient, between, rtol=1e-6)
    with pytest.raises(RangeError, match="not extrapolated"):
        table.at_wavelengths([2 * table.wavelength[-1]])


def spoil_unit(path):
    with h5py.File(path, "r+") as file:
        file["temperature"].attrs["unit"] = "degC"


def spoil_schema(path):
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99


def remove_axis(path):
    with h5py.File(path, "r+") as file:
        del file["wavelength"]


def truncate(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def replace_with_text(path):
    path.write_text("wavelength,sigma\n1.0,1e-20\n")


def replace_with_foreign(path):
    with h5py.File(path, "w") as file:
        file["log10k"] = np.zeros(3)


@each_kind
@pytest.mark.parametrize(
    "damage",
    [spoil_unit, spoil_schema, remove_axis, truncate, replace_with_text, replace_with_foreign],
)
def test_a_damaged_file_is_refused(kind, damage, tmp_path):
    path = tmp_path / "x.h5"
    TABLES[kind]().save(path)
    damage(path)
    with pytest.raises(FileFormatError, match=r"x\.h5"):
        type(TABLES[kind]()).load(path)


def test_the_other_kind_of_file_is_refused(tmp_path):
    collision_table().save(tmp_path / "x.h5")
    with pytest.raises(FileFormatError, match="exosk-collision"):
        OpacityTable.load(tmp_path / "x.h5")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        OpacityTable.load(tmp_path / "x.h5")
