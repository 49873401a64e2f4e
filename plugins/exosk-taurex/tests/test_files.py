"""Opacities from the user's TauREx files."""

import h5py
import numpy as np
import pytest

from exosk import get_simulator
from exosk.exceptions import FileFormatError, UnknownNameError
from exosk.opacities import get_opacity
from exosk.spectra import SpectralGrid

NODES = np.geomspace(1e-9, 10.0, 21)
GRID = SpectralGrid.from_edges([2.2, 2.3, 2.4])
THETA = [[1.1, 1.0, 1300.0, -3.5, 1.0, -4.0, -4.0]]


def write(path, table, unit="bar", pascal=1.0, cross_section=None):
    """Write what ExoMolOP and TauREx write."""
    with h5py.File(path, "w") as file:
        file["bin_edges"] = 1e4 / table.wavelength[::-1]
        file["t"] = table.temperature
        file["p"] = table.pressure * pascal
        file["p"].attrs["units"] = unit
        if cross_section is None:
            cross_section = 10.0 ** table.log_cross_section[..., ::-1].astype(float)
        file["xsecarr"] = cross_section
        file["mol_name"] = np.array([table.name.encode()])


@pytest.fixture(scope="module")
def water():
    return get_opacity("H2O").select(2.1, 2.5).at_pressures(NODES)


@pytest.fixture
def folder(tmp_path, water):
    write(tmp_path / "H2O.h5", water)
    return tmp_path


def simulate(folder, **options):
    arguments = {"molecules": ["H2O"], "opacity_path": folder, "fixed": {"star_radius": 1.0}}
    model = get_simulator("taurex", **arguments | options)
    return model, model.simulate(THETA)


@pytest.mark.parametrize(("unit", "pascal"), [("bar", 1.0), ("Pa", 1e5)])
def test_a_file_gives_the_same_spectrum_whatever_unit_its_pressures_have(
    tmp_path, water, unit, pascal
):
    write(tmp_path / "H2O.h5", water, unit, pascal)
    model, depth = simulate(tmp_path)
    expected = get_simulator("taurex", molecules=[water], fixed={"star_radius": 1.0})
    assert model.wavelength == pytest.approx(expected.wavelength, rel=1e-12)
    assert depth == pytest.approx(expected.simulate(THETA), rel=1e-9)


def test_names_are_found_in_any_case_and_restricting_cuts_the_file(folder):
    whole, depth = simulate(folder, molecules=["h2o"])
    part = whole.restrict(GRID)
    assert whole.molecules == part.molecules == ("H2O",)
    assert len(part.wavelength) < len(whole.wavelength)
    assert GRID.average(part.wavelength, part.simulate(THETA)) == pytest.approx(
        GRID.average(whole.wavelength, depth), rel=1e-6
    )


def test_zeros_in_a_file_are_no_opacity_and_not_nan(tmp_path, water):
    nothing = np.zeros(water.log_cross_section.shape)
    write(tmp_path / "H2O.h5", water, cross_section=nothing)
    _, depth = simulate(tmp_path)
    assert np.isfinite(depth).all()
    assert (depth < simulate_from_memory(water)).all()


def simulate_from_memory(table):
    return get_simulator("taurex", molecules=[table], fixed={"star_radius": 1.0}).simulate(THETA)


def test_molecules_on_different_wavelengths_are_brought_together_by_taurex(tmp_path, water):
    write(tmp_path / "H2O.h5", water)
    write(tmp_path / "CO.h5", get_opacity("CO").select(2.15, 2.6).at_pressures(NODES))
    model = get_simulator(
        "taurex", molecules=["H2O", "CO"], opacity_path=tmp_path, fixed={"star_radius": 1.0}
    )
    theta = model.space.sample(1, random_state=0)
    assert np.isfinite(model.simulate(theta)).all()


def test_what_is_not_there_is_refused(folder):
    with pytest.raises(UnknownNameError, match="molecule in"):
        simulate(folder, molecules=["CO2"])
    with pytest.raises(FileFormatError, match="is not a folder"):
        simulate(folder / "absent")
    with pytest.raises(UnknownNameError, match="collision-induced absorption of H2-H2"):
        simulate(folder, cia_path=folder)


def test_a_file_that_is_none_is_refused(folder):
    (folder / "CO.h5").write_bytes(b"not HDF5 at all")
    with pytest.raises(FileFormatError, match="TauREx cannot read its files"):
        simulate(folder)


def test_cross_sections_that_are_no_numbers_are_refused(tmp_path, water):
    bad = np.full(water.log_cross_section.shape, np.nan)
    write(tmp_path / "H2O.h5", water, cross_section=bad)
    with pytest.raises(FileFormatError, match="H2O contain NaN"):
        simulate(tmp_path)


def test_collisions_are_read_from_hitrans_format(folder, tmp_path_factory):
    """H2-H2 and H2-He made opaque at all wavelengths hide what lies below."""
    cia = tmp_path_factory.mktemp("cia")
    wavenumber = np.linspace(3900.0, 4900.0, 60)
    for pair in ("H2-H2", "H2-He"):
        lines = []
        for temperature in (200.0, 3000.0):
            lines.append(
                f"{pair:>20}{wavenumber[0]:10.3f}{wavenumber[-1]:10.3f}{wavenumber.size:7d}"
                f"{temperature:7.1f}{1e-40:10.3E}  0.0"
            )
            lines += [f"{w:10.4f} {1e-40:10.3E}" for w in wavenumber]
        (cia / f"{pair}_2011.cia").write_text("\n".join(lines) + "\n", "utf-8")
    _, depth = simulate(folder, cia_path=cia)
    _, clear = simulate(folder)
    assert (depth > clear).all()
