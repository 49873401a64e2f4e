"""k-tables: means over g are means over wavelength, whatever code wrote the points of g."""

import h5py
import numpy as np
import pytest

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.opacities import LOG_FLOOR, KTable, load_embedded, read_opacity, write_opacity
from exosk.opacities.binning import bin_average
from exosk.opacities.formats.petitradtrans import g_quadrature

EDGES = np.geomspace(1.0, 2.0, 21)
TEMPERATURE, PRESSURE = np.array([300.0, 1000.0]), np.array([1e-6, 1.0])
CARD = {"source": "a random number generator", "limits": []}
each_mode = pytest.mark.parametrize("mode", ["mean", "log_mean", "power_mean"])


def k_table(n_g=200, **changes) -> KTable:
    rng = np.random.default_rng(2)
    shape = (PRESSURE.size, TEMPERATURE.size, EDGES.size - 1, n_g)
    fields = {
        "name": "SO2",
        "wavelength_edges": EDGES,
        "temperature": TEMPERATURE,
        "pressure": PRESSURE,
        "weights": np.full(n_g, 1 / n_g),
        "log_k": np.sort(rng.uniform(-30, -18, shape), axis=-1),
        "provenance": CARD,
    }
    return KTable(**{**fields, **changes})


@each_mode
def test_a_mean_over_g_is_the_mean_over_the_bin(mode):
    """With as many equal weights as wavelengths, g is only another order of them."""
    table = k_table()
    rng = np.random.default_rng(3)
    k = 10.0 ** table.log_k.astype(float)
    shuffled = rng.permuted(k, axis=-1).reshape(*k.shape[:2], -1)
    expected = np.log10(bin_average(shuffled, EDGES.size - 1, mode))
    assert np.allclose(table.to_opacity(mode).log_cross_section, expected, rtol=0, atol=4e-6)


@each_mode
def test_a_bin_without_opacity_has_none_and_the_card_says_how(mode):
    log_k = k_table().log_k.copy()
    log_k[..., 4, :] = LOG_FLOOR
    reduced = k_table(log_k=log_k).to_opacity(mode)
    assert np.all(reduced.log_cross_section[..., 4] == LOG_FLOOR)
    assert reduced.provenance["sampling"] == mode
    assert "200 points of g" in reduced.provenance["reduced_from"]
    assert "R about 28.9" in reduced.provenance["limits"][-1]


def test_means_are_ordered():
    log, power, mean = (
        k_table().to_opacity(m).log_cross_section for m in ("log_mean", "power_mean", "mean")
    )
    assert np.all(log < power)
    assert np.all(power < mean)


def test_other_points_of_g_keep_the_mean():
    table = k_table(8, weights=np.array([0.165, 0.31, 0.31, 0.165, 0.0125, 0.0125, 0.0125, 0.0125]))
    again = table.at_weights(g_quadrature()[1])
    before, after = (t.to_opacity("mean").log_cross_section for t in (table, again))
    assert np.allclose(before, after, rtol=0, atol=1e-5)
    assert np.all(np.diff(again.log_k, axis=-1) >= 0)


def test_a_k_table_survives_petitradtrans_s_format(tmp_path):
    samples, weights = g_quadrature()
    assert np.isclose(weights.sum(), 1.0)
    assert np.all(np.diff(samples) > 0)
    table = k_table(16, weights=weights)
    write_opacity(table, tmp_path / "x.h5", "petitradtrans-ck")
    again = read_opacity(tmp_path / "x.h5")
    assert np.allclose(again.log_k, table.log_k, rtol=0, atol=4e-6)
    assert np.allclose(again.weights, weights, rtol=1e-12)
    assert np.allclose(again.wavelength_edges, EDGES, rtol=1e-12)


def test_negative_values_of_petitradtrans_are_none_as_it_takes_them(tmp_path):
    write_opacity(k_table(16, weights=g_quadrature()[1]), tmp_path / "x.h5", "petitradtrans-ck")
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["kcoeff"][0, 1, 19, :3] = -1e-30
    again = read_opacity(tmp_path / "x.h5")
    assert np.all(again.log_k[0, 1, 0, :3] == LOG_FLOOR)
    assert again.provenance["limits"] == ["3 negative values are taken for none"]
    with h5py.File(tmp_path / "x.h5", "r+") as file:
        file["kcoeff"][...] = np.log10(np.abs(file["kcoeff"][()]))
    with pytest.raises(FileFormatError, match="logarithms"):
        read_opacity(tmp_path / "x.h5")


def test_cross_sections_are_not_written_of_a_k_table(tmp_path):
    for name in ("exosk", "taurex", "taurex-pickle", "petitradtrans"):
        with pytest.raises(FileFormatError, match="to_opacity"):
            write_opacity(k_table(), tmp_path / "SO2.pickle", name)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"weights": np.full(200, 0.1)}, FileFormatError),
        ({"wavelength_edges": EDGES[::-1]}, FileFormatError),
        ({"wavelength_edges": EDGES[:-1]}, FileFormatError),
        ({"temperature": np.array([0.0, 1.0])}, RangeError),
        ({"pressure": PRESSURE[None]}, FileFormatError),
        ({"log_k": np.zeros((2, 2, 2, 2))}, FileFormatError),
        ({"log_k": np.full((2, 2, 20, 200), np.nan)}, RangeError),
    ],
)
def test_a_malformed_k_table_is_refused(changes, error):
    with pytest.raises(error, match="SO2"):
        k_table(**changes)
    with pytest.raises(UnknownNameError, match="power_mean"):
        k_table().to_opacity("sample")


@pytest.mark.parametrize("name", ["CO", "H2O", "CO2", "CH4", "NH3", "SO2"])
def test_helios_k_tables_are_read_in_the_right_order(name, shared_data):
    """Against the file's own numbers, entry by entry."""
    path = shared_data / "opacity" / f"{name}.h5"
    table = read_opacity(path)
    assert table.name == name
    with h5py.File(path) as file:
        for bin_, t, p, g in [(20, 5, 3, 7), (31, 20, 18, 0), (40, 33, 0, 4)]:
            assert np.isclose(table.log_k[p, t, bin_, g], max(file["log10k"][bin_, t, p, g], -38))
        assert np.allclose(table.pressure, 10.0 ** file["log10P"][()], rtol=1e-6)
        assert np.array_equal(table.temperature, file["T"][()])
        assert np.allclose(table.wavelength_edges, file["wavelengths"][()])
    assert table.provenance["source_version"].startswith("These k-coefficients")


def test_helios_k_and_exosk_agree_on_the_bands_of_co(shared_data):
    """HITEMP against HITRAN: the same strength of the fundamental at room temperature."""
    ours, theirs = load_embedded("CO"), read_opacity(shared_data / "opacity" / "CO.h5")
    low, high = 4.4, 5.1
    mean = theirs.to_opacity("power_mean")
    inside = (mean.wavelength > low) & (mean.wavelength < high)
    outside = (mean.wavelength > 3.0) & (mean.wavelength < 4.0)
    band = np.log10(mean.cross_section(300.0, 0.1)[0])
    assert band[inside].max() > band[outside].max() + 3
    same = np.log10(ours.cross_section(300.0, 0.1)[0])
    fundamental = (ours.wavelength > low) & (ours.wavelength < high)
    assert abs(same[fundamental].max() - band[inside].max()) < 1.0


def test_files_that_only_lie_beside_k_tables_are_refused(shared_data):
    for name in ("bins", "H2-H2"):
        with pytest.raises(FileFormatError, match="no known format"):
            read_opacity(shared_data / "opacity" / f"{name}.h5")


def test_a_damaged_helios_k_table_is_refused(tmp_path, shared_data):
    content = (shared_data / "opacity" / "SO2.h5").read_bytes()
    path = tmp_path / "SO2.h5"
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match="truncated"):
        read_opacity(path)
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        file["log10k"][0, 0, 0, 0] = np.nan
    with pytest.raises(FileFormatError, match="NaN"):
        read_opacity(path)
    with h5py.File(path, "r+") as file:
        del file["weights"]
        file["weights"] = np.full(7, 1 / 7)
    with pytest.raises(FileFormatError):
        read_opacity(path)
