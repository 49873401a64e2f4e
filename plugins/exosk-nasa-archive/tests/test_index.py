"""Names of spectra are short, stable and theirs alone."""

from __future__ import annotations

import random

import pytest
from astropy.table import Table
from exosk_nasa_archive.index import best, of_planet, read_index

from exosk.sources import fold_name


def table(*rows, **common):
    defaults = {
        "pl_name": "WASP-39 b",
        "spec_type": "Transmission",
        "authors": "Somebody et al. 2020",
        "bibcode": "2020ApJ...900....1S",
        "num_datapoints": 10,
        "instrument": "",
        "facility": "",
        "minwavelng": 1.0,
        "maxwavelng": 2.0,
        "note": "",
        "spec_path": "",
    }
    return Table(rows=[defaults | common | row for row in rows])


def names(*paths, **common):
    return [entry.name for entry in read_index(table(*({"spec_path": p} for p in paths), **common))]


def test_a_name_is_the_planet_and_two_numbers():
    assert names("40/24/96/78/WASP_39_b_3.11466_5502_6.tbl") == ["WASP-39 b 5502.6"]
    assert names("1/HD_189733_b_3.1_0012_03.tbl", pl_name="HD 189733 b") == ["HD 189733 b 12.3"]


def test_numbers_are_not_run_together():
    """Which folding does with blanks, so that 5295 1 would be 529 51."""
    found = names("a/X_1_5295_1.tbl", "a/X_1_529_51.tbl", "a/X_1_52_951.tbl")
    assert len({fold_name(name) for name in found}) == 3


def test_a_name_is_no_path():
    """exosk takes what ends as a file's name does for a file."""
    from exosk.sources.load import _is_path

    for path in ("a/X_3.1_5295_1.tbl", "a/new.style.tbl", "a/b/X_1.tbl"):
        assert not any(map(_is_path, names(path)))
    assert not any(map(_is_path, names("a/X_1_5_1.tbl", "b/X_2_5_1.tbl")))


def test_another_form_of_file_name_is_a_name_too():
    assert names("a/new.style.tbl") == ["WASP-39 b new-style"]


def test_two_files_of_one_number_are_called_by_their_paths():
    found = names("a/X_1_5_1.tbl", "b/X_1_5_1.tbl", "c/X_1_5_2.tbl")
    assert found == ["WASP-39 b 5.2", "WASP-39 b a-X_1_5_1", "WASP-39 b b-X_1_5_1"]


def test_a_file_that_is_listed_twice_is_one():
    assert names("a/X_1_5_1.tbl", "a/X_1_5_1.tbl") == ["WASP-39 b 5.1"]


def test_rows_without_a_planet_or_a_file_are_left_out():
    rows = [
        {"spec_path": "a/X_1_5_1.tbl"},
        {"spec_path": "a/X_1_5_2.tbl", "pl_name": ""},
        {"spec_path": ""},
        {"spec_path": "null"},
    ]
    assert len(read_index(table(*rows))) == 1


def test_the_order_of_the_answer_does_not_matter():
    rows = [{"spec_path": f"a/X_1_{k}_1.tbl", "num_datapoints": k % 7} for k in range(1, 60)]
    expected = read_index(table(*rows))
    random.Random(0).shuffle(rows)
    shuffled = read_index(table(*rows))
    assert shuffled == expected
    assert best(shuffled) == best(expected)
    assert [entry.name for entry in expected] == sorted(entry.name for entry in expected)


def test_the_best_has_most_points_then_is_the_newest():
    rows = [
        {"spec_path": "a/X_1_1_1.tbl", "num_datapoints": 20, "bibcode": "2015ApJ...1....1A"},
        {"spec_path": "a/X_1_2_1.tbl", "num_datapoints": 20, "bibcode": "2023ApJ...1....1A"},
        {"spec_path": "a/X_1_3_1.tbl", "num_datapoints": 19, "bibcode": "2025ApJ...1....1A"},
        {"spec_path": "a/X_1_4_1.tbl", "num_datapoints": 20, "bibcode": "", "authors": "B 2021"},
    ]
    assert best(read_index(table(*rows))).name == "WASP-39 b 2.1"


def test_spectra_of_a_planet_in_any_spelling():
    rows = [{"spec_path": "a/X_1_1_1.tbl"}, {"spec_path": "a/Y_1_2_1.tbl", "pl_name": "WASP-3 b"}]
    entries = read_index(table(*rows))
    assert [entry.name for entry in of_planet(entries, "wasp_039B")] == ["WASP-39 b 1.1"]


@pytest.mark.parametrize(
    ("facility", "instrument", "said"),
    [
        (
            "NASA 6.5m James Webb Space Telescope (JWST) Satellite Mission",
            "Near Infrared Spectrograph (NIRSpec) - G395H",
            "JWST NIRSpec G395H",
        ),
        ("Hubble Space Telescope satellite", "Space Telescope Imaging Spectrograph", "HST STIS"),
        ("Spitzer Space Telescope satellite", "Infrared Array Camera (IRAC)", "Spitzer IRAC"),
        ("Very Large Telescope (Antu)", "FORS2", "VLT FORS2"),
        (
            "X's 2.1m Telescope",
            "Marconi CCD",
            "X's 2.1m Telescope Marconi CCD",
        ),
        ("", "", ""),
    ],
)
def test_instruments_are_called_as_people_do(facility, instrument, said):
    (entry,) = read_index(
        table({"spec_path": "a/X_1_1_1.tbl"}, facility=facility, instrument=instrument)
    )
    assert entry.observed_with == said
