"""Units are honoured, asked for, or refused; never guessed."""

import pickle

import numpy as np
import pytest

from exosk.exceptions import ExoskError, FileFormatError, UnitError
from exosk.opacities import read_opacity
from exosk.opacities.formats.file_units import choose_unit, to_um


def same(table, other) -> bool:
    return np.array_equal(table.pressure, other.pressure) and np.allclose(
        table.log_cross_section, other.log_cross_section, rtol=0, atol=4e-6
    )


@pytest.mark.parametrize(
    ("unit", "factor"), [("bar", 1.0), ("Pa", 1e5), ("mbar", 1e3), ("hPa", 1e3), ("kPa", 1e2)]
)
def test_pressures_mean_the_same_in_any_unit(unit, factor, table, write_hdf5):
    """TauREx multiplied tables already in Pa by 1e5 (its issue 172)."""
    path = write_hdf5(pressure_unit=unit, p=table.pressure * factor)
    again = read_opacity(path)
    assert same(again, table)
    assert again.provenance["units"]["pressure"] == f"{unit} (from the file)"


def test_taurex_itself_agrees_on_pascal(table, write_hdf5):
    """The same file gives TauREx, which honours the unit today, the same pressures."""
    hdf5opacity = pytest.importorskip("taurex.opacity.hdf5opacity")
    path = write_hdf5(pressure_unit="Pa", p=table.pressure * 1e5)
    theirs = hdf5opacity.HDF5Opacity(path, in_memory=True)
    assert np.allclose(theirs.pressureGrid * 1e-5, read_opacity(path).pressure, rtol=1e-12)


@pytest.mark.parametrize("unit", [None, "", "furlong", "K"])
def test_a_missing_or_unknown_unit_is_asked_for(unit, table, write_hdf5):
    path = write_hdf5(pressure_unit=unit, p=table.pressure * 1e5)
    with pytest.raises(UnitError, match="pressure_unit="):
        read_opacity(path)
    again = read_opacity(path, pressure_unit="Pa")
    assert same(again, table)
    assert "stated by the user" in again.provenance["units"]["pressure"]


def test_the_user_wins_over_the_file_and_the_card_says_so(table, write_hdf5):
    path = write_hdf5(pressure_unit="bar", p=table.pressure * 1e5)
    again = read_opacity(path, pressure_unit="Pa")
    assert same(again, table)
    assert (
        again.provenance["units"]["pressure"] == "Pa (stated by the user, against the file's 'bar')"
    )


def test_square_metres_are_ten_thousand_square_centimetres(table, write_hdf5, cross_section):
    cube = cross_section[..., ::-1] * 1e-4
    assert same(read_opacity(write_hdf5(cross_section_unit="m^2/molecule", xsecarr=cube)), table)
    with pytest.raises(UnitError, match="cross_section_unit="):
        read_opacity(write_hdf5(cross_section_unit=None, xsecarr=cube))
    with pytest.raises(UnitError, match="cm2/g"):
        read_opacity(write_hdf5(cross_section_unit="cm2/g"))


@pytest.mark.parametrize("spelling", ["cm2", "cm^2", "cm**2", "cm^2/molecule", "cm2 molecule-1"])
def test_spellings_of_a_unit(spelling):
    assert choose_unit("x", "cross section", stated=spelling, found=None).unit == "cm2"


@pytest.mark.parametrize(
    ("values", "unit"),
    [(5000.0, "cm-1"), (2.0, "um"), (2000.0, "nm"), (2e4, "angstrom"), (2e-6, "m"), (5e5, "1/m")],
)
def test_two_micrometres_in_any_unit(values, unit):
    known = choose_unit("x", "spectral axis", stated=unit, found=None).unit
    assert to_um(np.array([values]), known) == pytest.approx(2.0)


def test_wavelengths_in_a_field_for_wavenumbers(table, write_hdf5, cross_section):
    path = write_hdf5(spectral_unit="um", bin_edges=table.wavelength, xsecarr=cross_section)
    assert same(read_opacity(path), table)
    # The layout's definition is cm-1, and then this would be 5000-10000 um.
    path = write_hdf5(spectral_unit=None, bin_edges=table.wavelength, xsecarr=cross_section)
    with pytest.raises(UnitError, match="looks like um"):
        read_opacity(path)
    assert same(read_opacity(path, spectral_unit="um"), table)


def test_what_cannot_be_true_is_refused_with_the_likely_unit(table, write_hdf5, cross_section):
    with pytest.raises(UnitError, match=r"bar \(from the file\); it looks like Pa"):
        read_opacity(write_hdf5(pressure_unit="bar", p=table.pressure * 1e8))
    with pytest.raises(UnitError, match="it looks like bar"):
        read_opacity(write_hdf5(pressure_unit="Pa", p=table.pressure * 1e-4))
    with pytest.raises(UnitError, match="log10 of a pressure"):
        read_opacity(write_hdf5(p=np.log10(table.pressure) - 1))
    with pytest.raises(UnitError, match="more than any line of SO2"):
        read_opacity(write_hdf5(xsecarr=cross_section * 1e23))
    with pytest.raises(UnitError, match="it looks like cm2"):
        read_opacity(write_hdf5(cross_section_unit="m2", xsecarr=cross_section * 1e4))
    with pytest.raises(UnitError, match="cannot be K"):
        read_opacity(write_hdf5(t=np.array([-100.0, 0.0, 50.0, 90.0])))


def test_an_atom_s_line_core_is_no_unit_error(write_hdf5, cross_section):
    """Na D, cold and unbroadened: 3e-12 cm2."""
    cube = cross_section / cross_section.max() * 3e-12
    read_opacity(write_hdf5(xsecarr=cube), name="Na")
    with pytest.raises(UnitError):
        read_opacity(write_hdf5(xsecarr=cube), name="SO2")


def test_a_pickle_in_pascal_is_found_out(table, tmp_path):
    """TauREx's pickles have no unit; they are in bar by its definition."""
    content = {
        "wno": 1e4 / table.wavelength[::-1],
        "t": table.temperature,
        "p": np.array([1.0, 1e5, 1e7]),
        "xsecarr": 10.0 ** table.log_cross_section[..., ::-1].astype(float),
    }
    path = tmp_path / "SO2.pickle"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(UnitError, match="it looks like Pa"):
        read_opacity(path)
    assert np.array_equal(read_opacity(path, pressure_unit="Pa").pressure, [1e-5, 1.0, 100.0])


def with_nan(cube):
    cube = cube.copy()
    cube[0, 0, 0] = np.nan
    return cube


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"xsecarr": lambda cube: with_nan(cube)}, "NaN"),
        ({"xsecarr": lambda cube: -cube}, "negative"),
        ({"xsecarr": lambda cube: np.log10(cube + 1e-38)}, "logarithms"),
        ({"xsecarr": lambda cube: cube[:, :, :-1]}, "shape"),
        ({"xsecarr": lambda cube: cube[0]}, "shape"),
        ({"p": lambda _: np.array([1e-6, 1.0, 1e-3])}, "neither ascends nor descends"),
        ({"p": lambda _: np.array([1e-6, 1.0, 1.0])}, "repeats"),
        ({"t": lambda _: np.array([300.0, 500.0, np.nan, 2000.0])}, "NaN"),
        ({"t": lambda _: np.zeros((2, 2))}, "list of numbers"),
        ({"bin_edges": lambda _: np.linspace(-1, 5000, 40)}, "positive"),
        ({"bin_edges": lambda _: np.full(40, 5000.0)}, "repeats"),
        ({"t": lambda _: np.array([b"hot", b"hotter", b"x", b"y"])}, "cannot be read"),
    ],
)
def test_malformed_content_is_refused_in_one_sentence(
    changes, complaint, write_hdf5, cross_section
):
    made = {key: change(cross_section[..., ::-1]) for key, change in changes.items()}
    with pytest.raises(FileFormatError, match=complaint) as caught:
        read_opacity(write_hdf5(**made))
    assert "table.h5" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_field_is_named(write_hdf5):
    import h5py

    path = write_hdf5()
    with h5py.File(path, "r+") as file:
        del file["t"]
    with pytest.raises(ExoskError, match="t"):
        read_opacity(path, "taurex")
