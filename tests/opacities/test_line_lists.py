"""Readers of line lists: what they read, and what they refuse."""

import json

import numpy as np
import pytest

from exosk.exceptions import FileFormatError, RangeError, UnknownNameError
from exosk.opacities.hitran import MOLECULES, molecule_number
from exosk.opacities.line_lists import read_line_list

ROWS = [  # molecule, isotopologue, nu, S, gamma_air, gamma_self, E, n_air, delta_air
    (5, "1", 2150.0, 1.0e-20, 0.06, 0.07, 2000.0, 0.70, -0.003),
    (5, "1", 2100.0, 3.0e-20, 0.07, 0.08, 100.0, 0.60, 0.0),
    (5, "A", 2110.0, 2.0e-21, 0.08, 0.09, 0.0, 0.50, -0.005),
]


def record(m, iso, nu, s, air, own, energy, n, delta) -> str:
    """One line of 160 characters, as HITRAN writes it."""
    width = f"{air:6.4f}"[1:] if air < 1 else f"{air:5.3f}"
    text = f"{m:2d}{iso}{nu:12.6f}{s:10.3E}{1.0:10.3E}{width}{own:5.3f}{energy:10.4f}{n:4.2f}"
    return f"{text}{delta:8.5f}".ljust(160)


def write(path, rows=ROWS, ends=("",) * 3, join="\n") -> None:
    lines = [record(*row) + end for row, end in zip(rows, ends)]
    path.write_text(join.join(lines) + join, "ascii", newline="")


def header(**changes) -> str:
    positions = {
        "molec_id": (0, "%2d"),
        "local_iso_id": (2, "%1d"),
        "nu": (3, "%12.6f"),
        "sw": (15, "%10.3E"),
        "a": (25, "%10.3E"),
        "gamma_air": (35, "%5.4f"),
        "gamma_self": (40, "%5.3f"),
        "elower": (45, "%10.4f"),
        "n_air": (55, "%4.2f"),
        "delta_air": (59, "%8.6f"),
        "gpp": (153, "%7.1f"),
    }
    content = {
        "position": {name: start for name, (start, _) in positions.items()},
        "format": {name: form for name, (_, form) in positions.items()},
        "extra": ["gamma_H2", "gamma_He", "n_H2", "n_He"],
        "extra_separator": ",",
    }
    return json.dumps({**content, **changes})


@pytest.fixture
def hapi_table(tmp_path):
    path = tmp_path / "CO.data"
    ends = (",0.08,0.05,0.75,0.55", ",0.07,0.04,0.70,0.50", ",#,#,#,#")
    write(path, ends=ends)
    path.with_suffix(".header").write_text(header())
    return path


def test_records_are_read_and_sorted(tmp_path):
    path = tmp_path / "co.par"
    write(path)
    file = read_line_list(path)
    lines = file.lines
    assert (file.name, file.molecule, file.file) == ("CO", 5, "co.par")
    assert np.array_equal(lines.wavenumber, [2100.0, 2110.0, 2150.0])
    assert np.array_equal(lines.intensity, [3e-20, 2e-21, 1e-20])
    assert np.array_equal(lines.gamma_foreign, [0.07, 0.08, 0.06])
    assert np.array_equal(lines.gamma_self, [0.08, 0.09, 0.07])
    assert np.array_equal(lines.elower, [100.0, 0.0, 2000.0])
    assert np.array_equal(lines.n_foreign, [0.6, 0.5, 0.7])
    assert np.array_equal(lines.delta_foreign, [0.0, -0.005, -0.003])
    assert np.array_equal(lines.isotopologue, [1, 11, 1])
    assert "by air" in file.broadening


def test_windows_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "co.par"
    write(path, join="\r\n")
    assert len(read_line_list(path).lines) == 3


def test_widths_by_hydrogen_and_helium_are_mixed_by_number(hapi_table):
    file = read_line_list(hapi_table)
    strong = file.lines.wavenumber == 2150.0
    gamma = 0.85 * 0.08 + 0.15 * 0.05
    slope = (0.85 * 0.08 * 0.75 + 0.15 * 0.05 * 0.55) / gamma
    assert file.lines.gamma_foreign[strong] == pytest.approx(gamma)
    assert file.lines.n_foreign[strong] == pytest.approx(slope)
    assert file.lines.delta_foreign[strong] == 0
    # '#' is HAPI's "not known": that line keeps its width by air.
    assert file.lines.gamma_foreign[file.lines.wavenumber == 2110.0] == 0.08
    assert file.broadening == "widths by 85 % H2 and 15 % He (1 lines by air)"
    pure = read_line_list(hapi_table, helium_fraction=0.0)
    assert pure.lines.gamma_foreign[pure.lines.wavenumber == 2150.0] == pytest.approx(0.08)


def test_a_table_is_found_by_its_header_too(hapi_table):
    by_header = read_line_list(hapi_table.with_suffix(".header"))
    assert by_header.sha256 == read_line_list(hapi_table).sha256


def test_hydrogen_alone_and_its_shift(hapi_table):
    write(hapi_table, ends=(",0.08,0.75,0.002",) * 3)
    names = ["gamma_H2", "n_H2", "delta_H2"]
    hapi_table.with_suffix(".header").write_text(header(extra=names))
    file = read_line_list(hapi_table)
    assert np.all(file.lines.gamma_foreign == 0.08)
    assert np.all(file.lines.delta_foreign == 0.002)
    assert file.broadening == "widths by 100 % H2"


def arrays(**changes) -> dict:
    fields = {
        "molec_id": 5,
        "nu": [2100.0, 2150.0],
        "S": [1e-20, 1e-22],
        "gair": [0.07, 0.06],
        "gself": [0.08, 0.07],
        "E": [100.0, -1.0],
        "nair": [0.6, 0.7],
        "dair": [0.0, -0.001],
        "iso": [1, 2],
    }
    both = {**fields, **changes}
    return {key: np.array(value) for key, value in both.items() if value is not None}


def test_arrays_are_read_and_unknown_lower_states_counted(tmp_path):
    path = tmp_path / "lines.npz"
    np.savez(path, **arrays())
    file = read_line_list(path, molecule="co")
    assert file.name == "CO"
    assert np.array_equal(file.lines.elower, [100.0, 0.0])
    assert file.unassigned == pytest.approx(1e-22 / 1.01e-20)
    np.savez(path, **arrays(dair=None, molec_id=None))
    assert np.all(read_line_list(path, molecule="CO").lines.delta_foreign == 0)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"E": None}, FileFormatError, "has no E"),
        ({"molec_id": None}, FileFormatError, "--molecule"),
        ({"molec_id": 99}, FileFormatError, "99"),
        ({"nu": [1.0]}, FileFormatError, "lengths"),
        ({"nu": ["a", "b"]}, FileFormatError, "numbers"),
        ({"S": [1e-20, np.nan]}, RangeError, "not finite"),
        ({"S": [1e-20, -1e-20]}, RangeError, "negative"),
        ({"nu": [0.0, 1.0]}, RangeError, "not positive"),
    ],
)
def test_malformed_arrays_are_refused(tmp_path, changes, error, words):
    path = tmp_path / "lines.npz"
    np.savez(path, **arrays(**changes))
    with pytest.raises(error, match=words) as caught:
        read_line_list(path)
    assert "lines.npz" in str(caught.value)


@pytest.mark.parametrize("suffix", [".par", ".npz", ".data"])
@pytest.mark.parametrize(
    "content",
    [b"", b"\n \n", b"\x89HDF\r\n\x1a\n\x00\x00", b"2100.0,1e-20,0.07\n", b"PK\x03\x04 cut"],
    ids=["empty", "blank", "hdf5", "foreign", "zip"],
)
def test_what_is_no_line_list_is_refused_in_one_sentence(tmp_path, suffix, content):
    path = tmp_path / f"lines{suffix}"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match="lines"):
        read_line_list(path)


def test_a_truncated_file_is_refused(tmp_path, hapi_table):
    path = tmp_path / "co.par"
    write(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileFormatError, match=r"record 3 of 3 .* truncated"):
        read_line_list(path)
    hapi_table.write_bytes(hapi_table.read_bytes()[:-10])
    with pytest.raises(FileFormatError, match=r"record 3 .* truncated"):
        read_line_list(hapi_table)
    arrays_path = tmp_path / "lines.npz"
    np.savez(arrays_path, **arrays())
    arrays_path.write_bytes(arrays_path.read_bytes()[:-100])
    with pytest.raises(FileFormatError, match="fetch it again"):
        read_line_list(arrays_path)


def test_text_that_is_not_ascii_is_refused(tmp_path):
    path = tmp_path / "co.par"
    write(path)
    path.write_bytes(path.read_bytes() + "é".encode() * 160)
    with pytest.raises(FileFormatError, match="not ASCII"):
        read_line_list(path)


def test_another_molecule_is_refused(tmp_path):
    path = tmp_path / "co.par"
    write(path)
    with pytest.raises(FileFormatError, match=r"lines of CO .*not of NH3"):
        read_line_list(path, molecule="NH3")
    write(path, rows=[ROWS[0], (11, *ROWS[1][1:])])
    with pytest.raises(FileFormatError, match="select the lines of one"):
        read_line_list(path)
    with pytest.raises(UnknownNameError, match="NH3"):
        read_line_list(path, molecule="NH33")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileFormatError, match=r"nothing\.par"):
        read_line_list(tmp_path / "nothing.par")


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"position": 3}', header(position={"nu": 3}), header(format={})],
)
def test_a_broken_header_is_refused(hapi_table, content):
    hapi_table.with_suffix(".header").write_text(content)
    with pytest.raises(FileFormatError, match="header"):
        read_line_list(hapi_table)


def test_a_share_of_helium_is_one(hapi_table):
    with pytest.raises(RangeError, match="between 0 and 1"):
        read_line_list(hapi_table, helium_fraction=85)


def test_numbers_are_hitran_s():
    assert [molecule_number(name) for name in ("H2O", "co", "SO2", "NH3", "H2S")] == [
        *(1, 5, 9, 11, 31)
    ]
    hapi = pytest.importorskip("hapi", reason="hitran-api has HITRAN's own names")
    known = {m: hapi.moleculeName(m).replace("NOp", "NO+") for m, _ in hapi.ISO}
    assert {m: MOLECULES[m - 1] for m in known if m <= len(MOLECULES)} == {
        m: name for m, name in known.items() if m <= len(MOLECULES)
    }


def test_the_shared_lists_are_read_whole(shared_data):
    counts = {"NH3": 89485, "SO2": 95121, "HCN": 4253, "C2H2": 20410, "PH3": 22189, "H2S": 20788}
    for name, count in counts.items():
        path = shared_data / "opacity" / "lines" / f"lines_{name}.npz"
        file = read_line_list(path, molecule=name)
        assert len(file.lines) == count
        assert np.all(file.lines.elower >= 0)
    co = read_line_list(shared_data / "opacity" / "CO_hitran.header")
    assert len(co.lines) == 1344
    assert co.broadening == "widths by 85 % H2 and 15 % He"
