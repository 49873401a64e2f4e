"""ExoGAN's training chunks, read as a data set."""

import gzip

import numpy as np
import pytest
from astropy import units as u
from exosk_exogan import exogan_grid, exogan_space, read_chunk, read_chunks
from scipy import stats

from exosk.cli import main
from exosk.datasets import Dataset
from exosk.exceptions import ExoskError, FileFormatError, RangeError

NAMES = ["planet_radius", "planet_mass", "temperature"]
NAMES += [f"log_x_{molecule}" for molecule in ("h2o", "co2", "co", "ch4")]


@pytest.mark.parametrize("protocol", range(3))
def test_a_chunk_is_read_in_exosks_units_and_order(protocol, write, chunk):
    content = chunk(4)
    data = read_chunks(write(content, protocol=protocol))
    assert data.space.names == NAMES
    assert data.molecules == ("H2O", "CO2", "CO", "CH4")
    assert data.grid == exogan_grid()
    assert data.X.dtype == np.float32
    for row, theta, entry in zip(data.X, np.asarray(data.Y), content.values()):
        assert np.array_equal(row, entry["data"]["spectrum"][::-1].astype(np.float32))
        param = entry["param"]
        assert theta[0] == pytest.approx((param["planet_radius"] * u.m).to_value(u.R_jup))
        assert theta[1] == pytest.approx((param["planet_mass"] * u.kg).to_value(u.M_jup))
        assert theta[2] == pytest.approx(param["temperature_profile"])
        shares = [param[f"{name}_mixratio"] for name in ("h2o", "co2", "co", "ch4")]
        assert 10 ** theta[3:] == pytest.approx(shares)


def test_numbers_may_be_numpys_own(write, chunk):
    content = chunk(2)
    for entry in content.values():
        entry["param"] = {
            name: np.float64(x) if k % 2 else np.array([x])
            for k, (name, x) in enumerate(entry["param"].items())
        }
        entry["data"]["spectrum"] = entry["data"]["spectrum"].astype(">f4")
    data = read_chunks(write(content))
    assert np.array_equal(data.Y, read_chunks(write(chunk(2), "chunck_1.pkgz")).Y)
    assert np.array_equal(data.X[0], content["0_0"]["data"]["spectrum"][::-1])


def test_the_priors_are_exogans_in_exosks_units(write, chunk):
    space = read_chunks(write(chunk(4))).space
    jupiter = u.R_jup.to(u.km)
    expected = exogan_space().bounds
    expected[0] = 0.8 * 69911 / jupiter, 1.5 * 69911 / jupiter
    expected[1] = [(m * 1.898e27 * u.kg).to_value(u.M_jup) for m in (0.8, 2.0)]
    np.testing.assert_allclose(space.bounds, expected, rtol=1e-12)


def test_the_priors_hold_every_spectrum(write, chunk):
    """Nodes of the regular grid lie on the bounds, to the last digit or beyond it."""
    content = chunk(4)
    first, second, third, _ = (entry["param"] for entry in content.values())
    for low, entry in ((True, first), (False, second)):
        entry.update(
            planet_radius=6.9911e7 * (0.8 if low else 1.5),
            planet_mass=1.898e27 * (0.8 if low else 2.0),
            temperature_profile=1000.0 if low else 2000.0,
        )
        entry.update({f"{m}_mixratio": 1e-8 if low else 1e-1 for m in ("h2o", "co2", "co", "ch4")})
    third.update(planet_radius=1.2e8, co_mixratio=1e-9)
    data = read_chunks(write(content))
    assert np.isfinite(data.space.log_prior(data.Y)).all()
    assert data.space.bounds[0, 1] == pytest.approx((1.2e8 * u.m).to_value(u.R_jup))
    assert data.space.bounds[5].tolist() == pytest.approx([-9, -1])
    assert data.space.bounds[3].tolist() == pytest.approx([-8, -1])


def test_its_star_and_its_origin_are_told(write, chunk):
    data = read_chunks(write(chunk(2)), limit=5, random_state=3)
    radius = data.provenance["fixed"]["star_radius"]
    assert radius == pytest.approx((695500 * u.km).to_value(u.R_sun))
    assert data.provenance["files"] == ["chunck_0.pkgz"]
    assert (data.provenance["n_read"], data.provenance["seed"]) == (2, 3)
    assert any("Zingales" in line for line in data.provenance["citation"])


def test_folders_and_files_are_read_once_each(write, chunk, tmp_path):
    first = write(chunk(3, seed=1), "chunck_1.pkgz")
    write(chunk(2, seed=2), "chunck_2.pkgz")
    told = []
    whole = read_chunks([tmp_path, first, str(first)], progress=told.append)
    assert told == [3, 2]
    assert np.array_equal(whole.X[:3], read_chunk(first)[0])
    assert np.array_equal(whole.X, read_chunks(tmp_path).X)


def test_a_limit_draws_evenly_from_all_chunks(write, chunk, tmp_path):
    for seed in range(4):
        write(chunk(10, seed=seed), f"chunck_{seed}.pkgz")
    whole = read_chunks(tmp_path)
    number = {float(t): k for k, t in enumerate(np.asarray(whole.Y)[:, 2])}
    counts = np.zeros(40)
    for seed in range(250):
        part = read_chunks(tmp_path, limit=12, random_state=seed)
        rows = [number[float(t)] for t in np.asarray(part.Y)[:, 2]]
        assert len(set(rows)) == 12
        assert np.array_equal(part.X, whole.X[rows])
        counts[rows] += 1
    assert counts.sum() == 250 * 12
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_seed_settles_the_draw(write, chunk, tmp_path):
    for seed in range(2):
        write(chunk(10, seed=seed), f"chunck_{seed}.pkgz")
    first, again, other = (
        read_chunks(tmp_path, limit=7, random_state=seed).X for seed in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(read_chunks(tmp_path, limit=100)) == 20


def test_exosk_trains_on_it(write, chunk, tmp_path, monkeypatch, capsys):
    """Saved, it is an ordinary training set."""
    monkeypatch.chdir(tmp_path)
    read_chunks(write(chunk(60))).save("chunks.h5")
    assert Dataset.load("chunks.h5").space.names == NAMES
    arguments = ["train", "chunks.h5", "--noise", "20", "--out", "model", "--jobs", "1", "--json"]
    assert main(arguments) == 0, capsys.readouterr().err
    assert '"n_training": 42' in capsys.readouterr().out


def without(group, key):
    return lambda entry: entry[group].pop(key)


def with_value(group, key, value):
    return lambda entry: entry[group].update({key: value})


DEPTHS = np.full(515, 0.01)
NEGATIVE, MISSING, PERCENT = DEPTHS.copy(), DEPTHS.copy(), 100 * DEPTHS
NEGATIVE[7], MISSING[8] = -0.01, np.nan


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda entry: entry.pop("data"), r"'0_2' has no \['data'\]\['spectrum'\]"),
        (without("data", "spectrum"), r"'0_2' has no \['data'\]\['spectrum'\]"),
        (without("param", "co_mixratio"), r"'0_2' has no \['param'\]\['co_mixratio'\]"),
        (with_value("data", "spectrum", DEPTHS[1:]), r"an array of shape \(514,\) as its spectrum"),
        (with_value("data", "spectrum", DEPTHS[None]), r"an array of shape \(1, 515\)"),
        (with_value("data", "spectrum", [0.01] * 515), "a list as its spectrum"),
        (with_value("data", "spectrum", NEGATIVE), "'0_2' has the transit depth -0.01"),
        (with_value("data", "spectrum", MISSING), "'0_2' has the transit depth nan"),
        (with_value("data", "spectrum", PERCENT), "'0_2' has the transit depth 1;"),
        (with_value("data", "spectrum", 0 * DEPTHS), "'0_2' has the transit depth 0;"),
        (with_value("param", "ch4_mixratio", 0.0), "ch4_mixratio = 0, outside 1e-30 to 1$"),
        (with_value("param", "ch4_mixratio", -3.0), "ch4_mixratio = -3, outside"),
        (with_value("param", "ch4_mixratio", float("nan")), "ch4_mixratio = nan, outside"),
        (with_value("param", "ch4_mixratio", "0.1"), "a str as its ch4_mixratio; it is a number"),
        (with_value("param", "ch4_mixratio", None), "a NoneType as its ch4_mixratio"),
        (with_value("param", "planet_radius", 1.2), "planet_radius = 1.2, outside .* m$"),
        (with_value("param", "planet_mass", 1.2), "planet_mass = 1.2, outside .* kg$"),
        (with_value("param", "temperature_profile", np.ones(100)), "an array of shape"),
        (
            lambda entry: entry["param"].update(h2o_mixratio=0.6, co_mixratio=0.6),
            "mixing ratios that add up to 1.2",
        ),
    ],
)
def test_a_wrong_entry_is_refused_by_name(spoil, message, write, chunk):
    content = chunk(4)
    spoil(content["0_2"])
    with pytest.raises(FileFormatError, match=message) as told:
        read_chunks(write(content))
    assert "chunck_0.pkgz" in str(told.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no spectra but an empty dict"),
        ([1, 2], "holds no spectra but a list"),
        (DEPTHS, r"holds no spectra but an array of shape \(515,\)"),
        (None, "holds no spectra but a NoneType"),
        ({"a": DEPTHS}, "too few bytes|has no"),
        ({"a": {"param": DEPTHS, "data": DEPTHS}}, "has no"),
    ],
)
def test_what_is_no_chunk_is_refused(content, message, write):
    with pytest.raises(FileFormatError, match=message):
        read_chunks(write(content))


def test_one_spectrum_named_many_times_is_no_chunk(write, chunk, python2):
    """A few kB must not become gigabytes."""
    entry = b"K\x00" + python2(chunk(1)["0_0"], 1)[:-1] + b"r\xff\xff\x00\x00"
    keys = [b"J" + k.to_bytes(4, "little") for k in range(1, 3000)]
    again = b"".join(key + b"j\xff\xff\x00\x00" for key in keys)
    with pytest.raises(FileFormatError, match="has 3000 spectra and too few bytes for them"):
        read_chunks(write(b"}(" + entry + again + b"u."))


def test_an_integer_of_a_thousand_digits_is_refused(write, chunk, python2):
    content = chunk(1)
    content["0_0"]["param"]["planet_radius"] = 77
    data = python2(content, 0).replace(b"I77\n", b"L" + b"9" * 1000 + b"L\n")
    with pytest.raises(FileFormatError, match="planet_radius = inf"):
        read_chunks(write(data))


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_damaged_byte_is_an_error_or_another_number(protocol, write, chunk, python2):
    data = bytearray(python2(chunk(1), protocol))
    rng = np.random.default_rng(0)
    # Where the structure is, rather than among the depths.
    places = rng.choice(np.flatnonzero(np.arange(len(data)) % 4000 < 400), 400)
    refused = 0
    for place in places:
        before = data[place]
        data[place] ^= 1 << rng.integers(8)
        try:
            X, _ = read_chunk(write(bytes(data)))
            assert X.shape == (1, 515)
        except FileFormatError:
            refused += 1
        data[place] = before
    assert refused > 50


def test_a_damaged_gzip_file_is_an_error(write, chunk):
    path = write(chunk(2))
    whole = path.read_bytes()
    expected = read_chunk(path)
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 200):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            found = read_chunk(path)
        except FileFormatError:
            continue
        # A flag or the time in gzip's header means nothing.
        assert place < 10
        assert all(map(np.array_equal, found, expected))


def test_one_bad_chunk_stops_the_reading_and_is_named(write, chunk, tmp_path):
    write(chunk(2), "chunck_1.pkgz")
    write(b"cos\ngetcwd\n(tR.", "chunck_2.pkgz")
    with pytest.raises(FileFormatError, match=r"chunck_2\.pkgz .* names os\.getcwd"):
        read_chunks(tmp_path)


@pytest.mark.parametrize(
    ("paths", "options", "kind", "message"),
    [
        ([], {}, RangeError, "no chunk is given"),
        ("absent.pkgz", {}, FileFormatError, "there is no file absent.pkgz"),
        ("empty", {}, FileFormatError, "there is no chunk"),
        ("a.pkgz", {"limit": 0}, RangeError, "positive whole number of spectra, got 0"),
        ("a.pkgz", {"limit": 2.5}, RangeError, "positive whole number of spectra, got 2.5"),
    ],
)
def test_arguments_without_a_meaning_are_refused(
    paths, options, kind, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.pkgz").write_bytes(gzip.compress(b"N."))
    (tmp_path / "empty").mkdir()
    with pytest.raises(kind, match=message) as told:
        read_chunks(paths, **options)
    assert isinstance(told.value, ExoskError)
