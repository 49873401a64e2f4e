"""The laws of every format: what is written comes back, and a file is known by its content."""

import dataclasses
import pickle

import h5py
import numpy as np
import pytest

from exosk.exceptions import FileFormatError, UnitError, UnknownNameError
from exosk.opacities import LOG_FLOOR, KTable, OpacityTable, read_opacity, write_opacity
from exosk.opacities.formats import FORMATS, find_format

WRITTEN = [name for name, entry in FORMATS.items() if entry.write]
each_written = pytest.mark.parametrize("name", WRITTEN)


def as_opacity(table: OpacityTable | KTable) -> OpacityTable:
    """All points of g are the same in what is written from cross sections: any mean will do."""
    return table.to_opacity("log_mean") if isinstance(table, KTable) else table


@each_written
def test_what_is_written_comes_back(name, table, tmp_path):
    path = tmp_path / f"SO2{FORMATS[name].suffix}"
    write_opacity(table, path, name)
    again = as_opacity(read_opacity(path))
    step = np.ptp(table.log_cross_section[table.log_cross_section > LOG_FLOOR]) / 65534 / 2
    tolerance = step + 4e-6 if name == "exosk" else 4e-6  # float32 near -38
    assert again.name == "SO2"
    assert np.abs(again.log_cross_section - table.log_cross_section).max() <= tolerance
    for axis in ("wavelength", "temperature", "pressure"):
        assert np.allclose(getattr(again, axis), getattr(table, axis), rtol=1e-12, atol=0)


@each_written
def test_no_opacity_stays_none_and_is_finite_to_others(name, table, tmp_path):
    path = tmp_path / f"SO2{FORMATS[name].suffix}"
    write_opacity(table, path, name)
    none = table.log_cross_section == LOG_FLOOR
    assert none.sum() >= 7
    assert np.array_equal(as_opacity(read_opacity(path)).log_cross_section == LOG_FLOOR, none)


@each_written
def test_the_card_travels_with_the_numbers(name, table, tmp_path):
    path = tmp_path / f"SO2{FORMATS[name].suffix}"
    write_opacity(table, path, name)
    card = read_opacity(path).provenance
    assert card["source"] == "a random number generator"
    assert card["limits"] == ["none of it is true"]


@each_written
def test_a_file_is_known_by_its_content_and_not_its_name(name, table, tmp_path):
    path = tmp_path / f"SO2{FORMATS[name].suffix}"
    write_opacity(table, path, name)
    disguised = tmp_path / "SO2.dat"
    path.rename(disguised)
    assert find_format(disguised).name == name
    assert as_opacity(read_opacity(disguised)).name == "SO2"


@each_written
def test_half_a_file_is_refused_in_one_sentence(name, table, tmp_path):
    path = tmp_path / f"SO2{FORMATS[name].suffix}"
    write_opacity(table, path, name)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match="truncated"):
        read_opacity(path)


def test_a_damaged_byte_in_exosk_s_format_never_is_another_opacity(table, tmp_path):
    path = tmp_path / "SO2.h5"
    write_opacity(table, path)
    whole, content = read_opacity(path), path.read_bytes()
    rng = np.random.default_rng(4)
    refused = 0
    for position in rng.integers(0, len(content), 80):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(bytes(damaged))
        try:
            again = read_opacity(path)
        except FileFormatError:
            refused += 1
            continue
        for name in ("log_cross_section", "wavelength", "temperature", "pressure"):
            assert np.array_equal(getattr(again, name), getattr(whole, name))
        assert (again.name, again.provenance) == (whole.name, whole.provenance)
    assert refused > 40


def test_a_long_card_in_any_script_is_kept(table, tmp_path):
    card = {"source": "\u00b5m \u6f22", "limits": ["x" * 100] * 2000}
    for name in WRITTEN:
        path = tmp_path / f"SO2{FORMATS[name].suffix}"
        write_opacity(dataclasses.replace(table, provenance=card), path, name)
        again = read_opacity(path).provenance
        assert {key: again[key] for key in card} == card


@pytest.mark.parametrize("axis", ["bin_edges", "p", "t"])
def test_a_descending_axis_is_turned_round(axis, table, write_hdf5, cross_section):
    number = {"p": 0, "t": 1, "bin_edges": 2}[axis]
    with h5py.File(write_hdf5()) as file:
        values, cube = file[axis][()][::-1], np.flip(file["xsecarr"][()], number)
    again = read_opacity(write_hdf5(**{axis: values, "xsecarr": cube}))
    assert np.allclose(again.log_cross_section, table.log_cross_section, rtol=0, atol=4e-6)
    assert np.allclose(again.wavelength, table.wavelength, rtol=1e-12)


@pytest.mark.parametrize("end", ["first", "last"])
def test_one_wavenumber_repeated_at_an_end_is_dropped(end, table, write_hdf5, cross_section):
    """As in some of petitRADTRANS's own files."""
    grid, cube = 1e4 / table.wavelength[::-1], cross_section[..., ::-1]
    at = 0 if end == "first" else grid.size - 1
    path = write_hdf5(
        bin_edges=np.insert(grid, at, grid[at]), xsecarr=np.insert(cube, at, cube[..., at], axis=-1)
    )
    again = read_opacity(path)
    assert np.allclose(again.log_cross_section, table.log_cross_section, rtol=0, atol=4e-6)
    path = write_hdf5(
        bin_edges=np.insert(grid, 5, grid[5]), xsecarr=np.insert(cube, 5, cube[..., 5], axis=-1)
    )
    with pytest.raises(FileFormatError, match="repeats"):
        read_opacity(path)


def test_exo_transmit_is_read(tmp_path, table, cross_section):
    lines = [" ".join(f"{t:.3f}" for t in table.temperature)]
    lines.append(" ".join(f"{p * 1e5:.6e}" for p in table.pressure))
    for k, wavelength in enumerate(table.wavelength):
        lines.append(f"{wavelength * 1e-6:.12e}")
        for row, pressure in zip(cross_section[..., k], table.pressure):
            values = [np.log10(pressure * 1e5), *row * 1e-4]
            lines.append(" ".join(f"{value:.9e}" for value in values))
    path = tmp_path / "opacSO2.dat"
    path.write_text("\n".join(lines) + "\n")
    again = read_opacity(path)
    assert again.name == "SO2"
    assert np.allclose(again.log_cross_section, table.log_cross_section, rtol=0, atol=4e-6)
    assert np.allclose(again.wavelength, table.wavelength, rtol=1e-10)
    assert np.array_equal(again.pressure, table.pressure)
    path.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(FileFormatError, match="truncated"):
        read_opacity(path)


def test_a_name_with_isotopes_becomes_a_formula(write_hdf5):
    assert read_opacity(write_hdf5(mol_name=np.array([b"32S-16O2"]))).name == "SO2"
    assert read_opacity(write_hdf5(mol_name="1H2-16O__POKAZATEL")).name == "H2O"
    assert read_opacity(write_hdf5(), name="SO2").name == "SO2"
    assert read_opacity(write_hdf5(), name="SO").name == "SO"


def test_an_unknown_file_is_answered_with_the_known_formats(tmp_path):
    for content in (b"wavelength,sigma\n1.0,1e-20\n", b"\x00\x01\x02"):
        (tmp_path / "x.h5").write_bytes(content)
        with pytest.raises(FileFormatError, match=r"no known format.*taurex.*exo-transmit"):
            read_opacity(tmp_path / "x.h5")
    with h5py.File(tmp_path / "y.h5", "w") as file:
        file["alpha"] = np.zeros(3)
    with pytest.raises(FileFormatError, match=r"holds alpha.*known:.*petitradtrans"):
        read_opacity(tmp_path / "y.h5")


def test_what_is_no_file_is_said_to_be_none(tmp_path):
    with pytest.raises(FileFormatError, match="there is no file"):
        read_opacity(tmp_path / "absent.h5")
    with pytest.raises(FileFormatError, match="folder"):
        read_opacity(tmp_path)
    (tmp_path / "empty.h5").write_bytes(b"")
    with pytest.raises(FileFormatError, match="empty"):
        read_opacity(tmp_path / "empty.h5")


def test_unknown_and_unsuitable_formats_are_refused(table, tmp_path):
    with pytest.raises(UnknownNameError, match="taurex"):
        read_opacity(tmp_path, "taurix")
    with pytest.raises(FileFormatError, match="not written"):
        write_opacity(table, tmp_path / "x.dat", "exo-transmit")
    with pytest.raises(FileFormatError, match=r"SO2\.pickle"):
        write_opacity(table, tmp_path / "mine.pickle", "taurex-pickle")
    assert not list(tmp_path.iterdir())


def test_a_name_without_a_molar_mass_is_refused_by_petitradtrans(table, tmp_path):
    strange = dataclasses.replace(table, name="grey stuff")
    for name in ("petitradtrans", "petitradtrans-ck"):
        with pytest.raises(UnknownNameError, match="molar mass"):
            write_opacity(strange, tmp_path / "x.h5", name)
    assert not list(tmp_path.iterdir())


def test_a_format_that_says_its_units_takes_no_others(table, tmp_path):
    write_opacity(table, tmp_path / "SO2.h5")
    with pytest.raises(UnitError, match="says its units"):
        read_opacity(tmp_path / "SO2.h5", pressure_unit="Pa")
    with pytest.raises(FileFormatError, match="holds SO2 and not CO"):
        read_opacity(tmp_path / "SO2.h5", name="CO")


def test_a_forced_format_that_is_wrong_is_refused(table, tmp_path):
    path = tmp_path / "SO2.pickle"
    path.write_bytes(pickle.dumps({"wno": [1.0]}))
    for name in FORMATS:
        with pytest.raises(FileFormatError, match=r"SO2\.pickle"):
            read_opacity(path, name)
