"""Parameters of planets and stars: units, errors, limits, and what is no measurement."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from astropy import constants
from astropy import units as u
from astropy.table import MaskedColumn, Table
from exosk_nasa_archive.rows import rows_of
from exosk_nasa_archive.system import describe_system

from exosk.exceptions import DownloadError, UnknownNameError
from exosk.sources.load import SYSTEM
from exosk.testing import Answer

SYNC = "/TAP/sync"
CALCULATED = (
    "<a refstr=CALCULATED_VALUE href=/docs/pscp_calc.html target=_blank>Calculated Value</a>"
)


def described(units=None, **values):
    table = Table({name: [value] for name, value in values.items()})
    for name, unit in (units or {}).items():
        table[name].unit = unit
    return describe_system(rows_of(table)[0])


@pytest.mark.parametrize(
    "planet",
    ["GJ 3470 b", "HAT-P-32 b", "TOI-836 b", "WASP-12 b", "WASP-17 b", "WASP-19 b", "WASP-43 b",
     "WASP-69 b", "WASP-80 b"],
)  # fmt: skip
def test_recorded_systems_come_in_exosks_units(source, data, planet):
    """Masses and radii that were recorded in the Earth's are the same in Jupiter's."""
    path = data / f"pscomppars_{planet.lower().replace(' ', '')}.csv"
    (row,) = csv.DictReader(path.read_text("utf-8").splitlines())
    system = source.system(planet)
    mass = float(row["pl_bmasse"]) * constants.M_earth / constants.M_jup
    radius = float(row["pl_rade"]) * constants.R_earth / constants.R_jup
    assert system["planet_mass"] == pytest.approx(mass.value, rel=1e-9)
    assert system["planet_radius"] == pytest.approx(radius.value, rel=1e-9)
    assert system["star_radius"] == float(row["st_rad"])
    assert system["star_temperature"] == float(row["st_teff"])
    assert system["equilibrium_temperature"] == float(row["pl_eqt"])
    assert system["orbital_period"] == float(row["pl_orbper"])
    assert not [name for name in system if name.endswith("_err")], "none were recorded"
    author = row["disc_refname"].partition(">")[2].partition("<")[0].strip()
    assert all(text.startswith(f"{author} (") for text in system["references"].values())
    assert system["origin"].startswith("the NASA Exoplanet Archive (pscomppars, 20")


def test_one_query_a_planet_is_kept(source, archive):
    first = source.system("wasp12b")
    assert source.system("WASP-12 b") == first
    assert len(archive.queries()) == 2, "the names, and the row"


@pytest.mark.parametrize(
    ("column", "name", "stated", "value", "expected"),
    [
        ("pl_bmassj", "planet_mass", "Mjupiter", 0.5, 0.5),
        ("pl_bmassj", "planet_mass", "Mearth", 317.828, 1.0),
        ("pl_bmassj", "planet_mass", "kg", 1.898e27, 1.0),
        ("pl_radj", "planet_radius", "Rjupiter", 1.2, 1.2),
        ("pl_radj", "planet_radius", "Rearth", 11.209, 1.0),
        ("pl_radj", "planet_radius", "km", 71492.0, 1.0),
        ("st_rad", "star_radius", "Rsun", 0.9, 0.9),
        ("st_rad", "star_radius", "km", 695700.0, 1.0),
        ("pl_orbper", "orbital_period", "days", 4.0, 4.0),
        ("pl_orbper", "orbital_period", "hours", 48.0, 2.0),
        ("pl_eqt", "equilibrium_temperature", "K", 900.0, 900.0),
        ("pl_eqt", "equilibrium_temperature", "[K]", 900.0, 900.0),
        ("st_teff", "star_temperature", None, 5400.0, 5400.0),
        ("st_teff", "star_temperature", "who knows", 5400.0, 5400.0),
    ],
)
def test_units_are_the_services_and_else_the_documented(column, name, stated, value, expected):
    unit = None if stated is None else u.Unit(stated, parse_strict="silent")
    system = described({column: unit}, **{column: value, f"{column}err1": 0.0})
    assert system[name] == pytest.approx(expected, rel=1e-3)


def test_a_unit_of_something_else_is_refused():
    with pytest.raises(DownloadError, match="pl_bmassj in K, which should be in jupiterMass"):
        described({"pl_bmassj": u.K}, pl_bmassj=1.0)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((0.03, -0.01), 0.02),
        ((0.03, 0.01), 0.02),
        ((0.03, np.nan), None),
        ((np.nan, -0.03), None),
        ((0.0, -0.0), None),
    ],
)
def test_errors_are_averaged_and_left_out_where_a_side_is_missing(errors, expected):
    system = described(pl_bmassj=0.3, pl_bmassjerr1=errors[0], pl_bmassjerr2=errors[1])
    assert system["planet_mass"] == 0.3
    assert system.get("planet_mass_err") == (None if expected is None else pytest.approx(expected))


def test_errors_have_the_units_of_their_values():
    system = described(
        dict.fromkeys(("pl_bmassj", "pl_bmassjerr1", "pl_bmassjerr2"), "Mearth"),
        pl_bmassj=100.0, pl_bmassjerr1=10.0, pl_bmassjerr2=-10.0,
    )  # fmt: skip
    assert system["planet_mass_err"] / system["planet_mass"] == pytest.approx(0.1)


@pytest.mark.parametrize(("flag", "said"), [(1, "upper limit"), (-1, "lower limit")])
def test_a_limit_is_no_value(flag, said, anchor):
    system = described(
        pl_bmassj=0.5,
        pl_bmassjlim=flag,
        pl_bmassj_reflink=anchor("Somebody 2020", "2020ApJ...900....1S"),
        st_rad=1.0,
    )
    assert "planet_mass" not in system
    assert "planet_mass" not in system["references"]
    (note,) = system["notes"]
    assert f"Of the planet mass only the {said} 0.5" in note
    assert "Somebody 2020 (2020ApJ...900....1S)" in note
    assert system["star_radius"] == 1.0


@pytest.mark.parametrize("value", [np.nan, 0.0, -1.0, np.ma.masked])
def test_what_is_no_value_is_left_out(value):
    table = Table({"pl_bmassj": MaskedColumn([1.0], mask=[value is np.ma.masked]), "st_rad": [1.0]})
    if value is not np.ma.masked:
        table["pl_bmassj"] = [value]
    system = describe_system(rows_of(table)[0])
    assert set(system) == {"star_radius", "references"}


def test_what_cannot_be_is_left_out_and_told():
    system = described(pl_bmassj=4000.0, st_rad=1.0)
    assert "planet_mass" not in system
    assert "planet mass was left out: planet mass = 4000 is outside 0 to 100" in system["notes"][0]


def test_a_missing_equilibrium_temperature_is_computed(anchor):
    """The Earth's, for zero albedo, is 278 K."""
    system = described(
        st_teff=5772.0,
        st_rad=1.0,
        pl_orbsmax=1.0,
        st_teff_reflink=anchor("Star et al. 2001", "2001ApJ...1....1S"),
        pl_orbsmax_reflink=anchor("Orbit et al. 2002", "2002ApJ...1....1O"),
    )
    assert system["equilibrium_temperature"] == pytest.approx(278.3, abs=0.2)
    assert "equilibrium_temperature_err" not in system
    said = system["references"]["equilibrium_temperature"]
    assert said.startswith("computed from")
    assert "zero albedo and full redistribution" in said
    assert "Star et al. 2001 (2001ApJ...1....1S)" in said
    assert "Orbit et al. 2002" in said


def test_the_computed_one_agrees_with_those_that_are_published(source, archive):
    """Of the recorded planets, most of which were published for zero albedo."""
    apart = []
    for planet in ("WASP-12 b", "WASP-17 b", "WASP-19 b", "WASP-69 b", "WASP-80 b", "HAT-P-32 b"):
        published = source.system(planet)["equilibrium_temperature"]
        row = next(row for row in archive.systems if row["pl_name"] == planet)
        system = described(**{k: row[k] for k in ("st_teff", "st_rad", "pl_orbsmax")})
        apart.append(system["equilibrium_temperature"] / published - 1)
    assert np.abs(apart).max() < 0.05


def test_its_error_follows_from_those_of_what_it_is_computed_from():
    values = {"st_teff": 5000.0, "st_rad": 0.9, "pl_orbsmax": 0.05}
    errors = {"st_teff": 100.0, "st_rad": 0.03, "pl_orbsmax": 0.002}
    both = {f"{k}err1": v for k, v in errors.items()} | {f"{k}err2": -v for k, v in errors.items()}
    system = described(**values, **both)
    rng = np.random.default_rng(0)
    t, r, a = (rng.normal(values[k], errors[k], 200_000) for k in values)
    drawn = t * np.sqrt(r * u.R_sun.to(u.au) / (2 * a))
    assert system["equilibrium_temperature_err"] == pytest.approx(drawn.std(), rel=0.02)


@pytest.mark.parametrize("missing", ["st_teff", "st_rad", "pl_orbsmax"])
def test_it_is_not_computed_from_what_is_not_known(missing):
    values = {"st_teff": 5000.0, "st_rad": 0.9, "pl_orbsmax": 0.05, "pl_orbper": 3.0}
    values.pop(missing)
    assert "equilibrium_temperature" not in described(**values)
    assert "equilibrium_temperature" not in described(
        **values, **{missing: 1.0, f"{missing}lim": 1}
    )


@pytest.mark.parametrize(
    "told", [{"pl_bmassprov": "M-R relationship"}, {"pl_bmassj_reflink": CALCULATED}]
)
def test_a_mass_that_was_never_measured_says_so(told):
    said = described(pl_bmassj=0.02, **told)["references"]["planet_mass"]
    assert said.startswith("calculated by the NASA Exoplanet Archive")
    assert "not measured" in said


def test_other_calculated_values_and_minimum_masses_say_so(anchor):
    link = anchor("Somebody 2020", "2020ApJ...900....1S")
    system = described(
        pl_bmassj=1.0, pl_bmassprov="Msini", pl_bmassj_reflink=link,
        pl_radj=1.0, pl_radj_reflink=CALCULATED, pl_eqt=900.0, pl_eqt_reflink=CALCULATED,
    )  # fmt: skip
    said = system["references"]
    assert said["planet_mass"] == "Somebody 2020 (2020ApJ...900....1S); the minimum mass, M sin i"
    assert "mass-radius relation" in said["planet_radius"]
    assert said["equilibrium_temperature"].startswith("calculated by the NASA Exoplanet Archive")


def test_a_measured_mass_is_its_authors(anchor):
    link = anchor("Somebody 2020", "2020ApJ...900....1S")
    system = described(pl_bmassj=1.0, pl_bmassprov="Mass", pl_bmassj_reflink=link)
    assert system["references"]["planet_mass"] == "Somebody 2020 (2020ApJ...900....1S)"


def test_a_planet_of_which_nothing_is_known_is_unknown(source, archive):
    archive.systems.append({"pl_name": "Nothing b", "hostname": "Nothing"})
    with pytest.raises(UnknownNameError, match="no parameters of Nothing b"):
        source.system("nothing b")


def test_a_planet_that_left_the_table_is_unknown(source, archive):
    source.system("WASP-12 b")
    archive.systems[:] = [row for row in archive.systems if row["pl_name"] != "WASP-17 b"]
    with pytest.raises(UnknownNameError, match="nothing of WASP-17 b in pscomppars"):
        source.system("WASP-17 b")


def test_a_name_with_a_quotation_mark_is_asked_for_as_such(source, archive):
    archive.systems.append({"pl_name": "Barnard's star b", "pl_bmassj": 0.001, "st_rad": 0.2})
    assert source.system("barnard's star b")["star_radius"] == 0.2
    assert archive.queries()[-1].endswith("pl_name = 'Barnard''s star b'")


def test_an_old_answer_says_so(source, archive, monkeypatch):
    source.system("WASP-12 b")
    monkeypatch.setattr("exosk_nasa_archive.source._SYSTEM_AGE", -1.0)
    archive.server.answer(SYNC, Answer(b"", status=500))
    system = source.system("WASP-12 b")
    assert set(SYSTEM) <= set(system)
    (note,) = system["notes"]
    assert "WASP-12 b, parameters (pscomppars) is of 20" in note
    assert "busy or down" in note


def test_all_publications_of_a_planet(source, archive):
    archive.systems.append({"pl_name": "K2-18 b"})
    table = source.published("k2-18b")
    rows = [row for row in archive.publications if row["pl_name"] == "K2-18 b"]
    assert len(table) == len(rows) == 9
    assert list(table["default_flag"]) == [1] + [0] * 8
    assert table["pl_refname"][0] == "Sarkis et al. 2018 (2018AJ....155..257S)"
    assert table["pl_bmassj"].unit == u.M_jup
    assert float(table["pl_bmassj"][0].to_value(u.M_earth)) == pytest.approx(8.92, abs=0.01)
    assert table["pl_bmassjerr1"].unit == u.M_jup
    assert float(table["pl_bmassjerr2"][0].value) == -0.00503
    assert table["pl_orbper"].unit == u.d
    assert table["st_rad"].unit == u.R_sun
    others = list(table["pl_refname"][1:])
    expected = [row["pl_refname"] for row in rows if not row["default_flag"]]
    assert all(other.split(" ")[0] in link for other, link in zip(others, expected))
    # Two of the nine have a mass that is not there.
    known = sum(row["pl_bmassj"] is not None for row in rows)
    assert int(np.sum(~table["pl_bmassj"].mask)) == known


def test_publications_of_an_unknown_planet(source):
    with pytest.raises(UnknownNameError):
        source.published("no such planet")
