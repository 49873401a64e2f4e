"""The archive as a source: laws, names, and spectra that are what their files say."""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from astropy import units as u
from exosk_nasa_archive import CITATION, NasaArchiveSource

from exosk.downloads import Cache
from exosk.exceptions import DownloadError, GridError, UnknownNameError
from exosk.plugin import default_manager
from exosk.simulators.system import space_for_spectrum
from exosk.sources import complete_system, load_spectrum, read_spectrum, search_spectra
from exosk.testing import Answer, LocalServer, SourceSuite

PAGE = "/cgi-bin/atmospheres/nph-firefly"
SYNC = "/TAP/sync"
FILE = "/workspace/*"
# The one with most points, and how many there are.
LARGEST, N_FILES = "WASP-39 b 5077.1", 17
# One point without a width, of which no bin can be made.
POINT = "WASP-39 b 3491.1"


class TestArchive(SourceSuite):
    @pytest.fixture(autouse=True)
    def at_the_archive(self, request, archive, client, cache):
        """Make a fresh source for each test: servers live as long as one."""
        self.made = NasaArchiveSource(archive.url, client=client, cache=cache)

    @pytest.fixture
    def source(self):
        return self.made

    def examples(self, source):
        return [LARGEST, "WASP-39 b 4988.2", "WASP-39 b 3717.1"]

    def planets(self, source):
        return ["WASP-39 b", "WASP-12 b", "GJ 3470 b", "TOI-836 b"]


def test_nothing_is_asked_before_it_must_be(archive, client, cache):
    source = NasaArchiveSource(archive.url, client=client, cache=cache)
    pickle.loads(pickle.dumps(source))
    assert source.citation == CITATION
    assert archive.server.requests == []


def test_exosk_knows_it():
    assert "nasa-archive" in default_manager().names("sources")
    source = default_manager().make("sources", "nasa-archive")
    assert source.url == "https://exoplanetarchive.ipac.caltech.edu"


def test_the_environment_names_another_address(monkeypatch):
    monkeypatch.setenv("EXOSK_NASA_ARCHIVE_URL", "http://127.0.0.1:9/mirror/")
    assert NasaArchiveSource().url == "http://127.0.0.1:9/mirror"
    assert NasaArchiveSource("http://127.0.0.1:8").url == "http://127.0.0.1:8"


def test_an_unpickled_source_loads(source):
    source.load(LARGEST)
    copy = pickle.loads(pickle.dumps(source))
    name = "WASP-39 b 4132.1"
    assert np.array_equal(copy.load(name).depth, source.load(name).depth)


def test_all_are_listed(source, archive):
    listings = source.listings()
    assert len(listings) == N_FILES
    assert [listing.name for listing in listings] == source.names() == sorted(source.names())
    prism = next(listing for listing in listings if listing.name == "WASP-39 b 5087.1")
    assert prism.planet == "WASP-39 b"
    assert prism.instrument == "JWST NIRSpec PRISM"
    assert prism.reference == "Rustamkulov et al. 2022, 2022arXiv221110487R"
    assert (prism.n_bins, prism.low, prism.high) == (207, 0.53146, 5.34413)
    assert len(archive.queries()) == 1, "the index is asked for once"


def test_reductions_of_one_publication_are_told_apart(source):
    notes = {one.name: one.reference for one in source.listings() if " 4988." in one.name}
    assert notes["WASP-39 b 4988.1"].endswith("; Eureka! pipeline")
    assert len(set(notes.values())) == 4


@pytest.mark.parametrize("number", range(N_FILES))
def test_a_spectrum_is_what_its_file_says(source, archive, data, number, parse_tbl):
    """Depths and errors of the published one of depth (percent) and radius ratio."""
    file = archive.index[number]["spec_path"].rpartition("/")[2]
    _, rows = parse_tbl(data / file)
    name = f"WASP-39 b {'.'.join(file.removesuffix('.tbl').split('_')[-2:])}"
    reading = {"bin_width": 0.1} if name == POINT else {}
    spectrum = source.load(name, **reading)
    assert len(spectrum) == len(rows) == archive.index[number]["num_datapoints"]
    rows.sort(key=lambda row: float(row["CENTRALWAVELNG"]))
    centres = np.array([float(row["CENTRALWAVELNG"]) for row in rows])
    assert (spectrum.grid.lower < centres).all()
    assert (spectrum.grid.upper > centres).all()
    if all(row["BANDWIDTH"] not in ("null", "0.00000") for row in rows):
        # Bins of one centre are moved apart by a millionth.
        np.testing.assert_allclose(spectrum.wavelength, centres, rtol=2e-5)
        widths = np.sort([float(row["BANDWIDTH"]) for row in rows])
        np.testing.assert_allclose(np.sort(2 * spectrum.half_width), widths, rtol=1e-3)
    if rows[0]["PL_TRANDEP_AUTHORS"] != "Calculated":
        unit = u.percent.to(u.dimensionless_unscaled)
        depth = [unit * float(row["PL_TRANDEP"]) for row in rows]
        sides = [[float(row[f"PL_TRANDEPERR{k}"]) for row in rows] for k in (1, 2)]
        sigma = unit * np.abs(sides).mean(axis=0)
    else:
        ratio = np.array([float(row["PL_RATROR"]) for row in rows])
        sides = [[float(row[f"PL_RATRORERR{k}"]) for row in rows] for k in (1, 2)]
        depth, sigma = ratio**2, 2 * ratio * np.abs(sides).mean(axis=0)
    # Rows of one wavelength may change places.
    np.testing.assert_allclose(np.sort(spectrum.depth), np.sort(depth), rtol=1e-12)
    np.testing.assert_allclose(np.sort(spectrum.sigma), np.sort(sigma), rtol=1e-12)
    assert not [note for note in spectrum.meta["notes"] if "index has" in note]


def test_it_is_what_exosk_reads_from_the_file(source, data):
    """With more said of it."""
    ours = source.load("WASP-39 b 5078.1")
    theirs = read_spectrum(data / "WASP_39_b_3.11466_5078_1.tbl")
    assert np.array_equal(ours.depth, theirs.depth)
    assert np.array_equal(ours.sigma, theirs.sigma)
    assert ours.grid == theirs.grid
    assert set(theirs.meta["notes"]) <= set(ours.meta["notes"])


def test_it_says_whose_it_is(source):
    spectrum = source.load("WASP-39 b 5295.1")
    assert spectrum.name == "WASP-39 b"
    assert spectrum.instrument == "HST WFC3"
    assert spectrum.reference == "Panek et al. 2023, 2023A&A...677A..51P"
    meta = spectrum.meta
    assert meta["bibcode"] == "2023A&A...677A..51P"
    assert meta["ads"] == "https://ui.adsabs.harvard.edu/abs/2023A%26A...677A..51P/abstract"
    assert meta["facility"] == "Hubble Space Telescope satellite"
    assert meta["instrument_name"] == "Wide Field Camera 3"
    assert meta["citation"] == f"{spectrum.reference}. {CITATION}"
    assert meta["licence"] == "none stated; cite each publication and the archive"
    assert "40/24/96/78/WASP_39_b_3.11466_5295_1.tbl" in meta["provenance"]
    assert "remarks" not in meta
    assert source.load("WASP-39 b 4988.4").meta["remarks"] == "Tiberius pipeline"


def test_of_a_planet_the_one_with_most_points_is_taken(source):
    for name in ("WASP-39 b", "wasp39b", "WASP_039_B"):
        spectrum = source.load(name)
        assert len(spectrum) == 344
        (note,) = (note for note in spectrum.meta["notes"] if "17 transmission spectra" in note)
        assert repr(LARGEST) in note
        others = [other for other in source.names() if repr(other) in note]
        assert len(set(others) - {LARGEST}) == 1
    assert not [n for n in source.load(LARGEST).meta["notes"] if "transmission spectra of" in n]


def test_the_only_one_of_a_planet_needs_no_note(source, archive):
    archive.index[:] = [row for row in archive.index if "5295" in row["spec_path"]]
    notes = source.load("wasp-39b").meta["notes"]
    assert not [note for note in notes if "transmission spectra of" in note]


def test_a_files_name_is_a_name_too(source):
    spectrum = source.load("WASP_39_b_3.11466_5295_1")
    assert np.array_equal(spectrum.depth, source.load("WASP-39 b 5295.1").depth)


def test_a_point_without_a_width_says_what_to_do(source):
    with pytest.raises(GridError, match=r"3491_1\.tbl: .*bin_width.*; the file is .*3491_1\.tbl"):
        source.load(POINT)
    assert source.load(POINT, bin_width=0.2).half_width == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({"num_datapoints": 21}, "index has 21 points of this spectrum, its file 20 depths"),
        ({"minwavelng": 1.2}, "index has 1.2 um as the shortest wavelength .* its file 1.0994 um"),
        ({"maxwavelng": 1.9}, "index has 1.9 um as the longest wavelength"),
        ({"pl_name": "WASP-96 b"}, "one of WASP-96 b, its file as one of WASP-39 b"),
    ],
    ids=["points", "shortest", "longest", "planet"],
)
def test_where_index_and_file_disagree_there_is_a_note(source, archive, changed, note):
    row = next(row for row in archive.index if "5295" in row["spec_path"])
    row.update(changed)
    spectrum = source.load("WASP_39_b_3.11466_5295_1")
    found = [said for said in spectrum.meta["notes"] if "archive's index has" in said]
    assert len(found) == 1
    assert re.search(note, found[0])


def test_what_the_index_does_not_say_is_no_disagreement(source, archive):
    row = next(row for row in archive.index if "5295" in row["spec_path"])
    empty = ("num_datapoints", "minwavelng", "maxwavelng", "note", "bibcode", "instrument")
    row.update(dict.fromkeys(empty))
    spectrum = source.load("WASP-39 b 5295.1")
    assert spectrum.reference == "Panek et al. 2023"
    assert spectrum.meta["bibcode"] == "2023A&A...677A..51P", "the file has it"
    assert not [said for said in spectrum.meta["notes"] if "index has" in said]


def test_other_kinds_of_spectra_are_not_ours(source, archive):
    archive.index[0]["spec_type"] = "Eclipse"
    assert len(source.names()) == N_FILES - 1


def test_offline_it_gives_what_was_fetched(source, archive, cache):
    first, system = source.load(LARGEST), source.system("WASP-39 b")
    asked = len(archive.server.requests)
    offline = NasaArchiveSource(archive.url, cache=Cache(cache.folder, offline=True))
    assert np.array_equal(offline.load(LARGEST).depth, first.depth)
    assert np.array_equal(offline.load("wasp-39b").depth, first.depth)
    assert offline.load(LARGEST).meta == first.meta
    assert offline.system("wasp 39 b") == system
    assert len(offline.listings()) == N_FILES
    assert len(archive.server.requests) == asked
    with pytest.raises(DownloadError, match="EXOSK_OFFLINE"):
        offline.load("WASP-39 b 5087.1")
    with pytest.raises(UnknownNameError):
        offline.load("no such planet")


def test_it_knows_what_was_fetched(source, archive):
    assert source.at_hand() == []
    assert archive.server.requests == []
    names = ["WASP-39 b 3717.1", LARGEST]
    for name in names:
        source.load(name)
    asked = len(archive.server.requests)
    assert source.at_hand() == names
    assert len(archive.server.requests) == asked


def test_what_was_fetched_serves_when_the_archive_is_down(source, archive, cache, monkeypatch):
    source.load(LARGEST)
    monkeypatch.setattr("exosk_nasa_archive.source._INDEX_AGE", -1.0)
    archive.server.answer(SYNC, Answer(b"<html>Maintenance</html>", "text/html"))
    spectrum = source.load(LARGEST)
    (note,) = (note for note in spectrum.meta["notes"] if "a newer one could not be had" in note)
    assert "web page" in note


def test_an_archive_that_cannot_be_reached_is_told_as_such(client, cache):
    with LocalServer() as gone:
        url = gone.url()
    source = NasaArchiveSource(url, client=client, cache=cache)
    for call in (source.names, lambda: source.load("x"), lambda: source.system("x")):
        with pytest.raises(DownloadError, match="no connection"):
            call()


def test_exosk_finds_and_loads_through_it(source):
    found, failures = search_spectra("wasp 39 niriss", [("nasa-archive", source)])
    assert failures == []
    assert [listing.name for _, listing in found] == ["WASP-39 b 5078.1"]
    spectrum = load_spectrum("WASP-39 b 5078.1", [source])
    assert len(spectrum) == 331
    with pytest.raises(UnknownNameError):
        load_spectrum("no such planet", [source])


def test_a_spectrum_gets_its_system(source):
    spectrum = complete_system(source.load(LARGEST), [("nasa-archive", source)])
    assert spectrum.meta["planet_mass"] == pytest.approx(0.281)
    assert spectrum.meta["planet_mass_err"] == pytest.approx(0.032)
    assert spectrum.meta["star_radius"] == 0.895, "the file's own stays"
    space, fixed = space_for_spectrum(spectrum, ["H2O"])
    assert fixed["star_radius"] == 0.895
    assert "planet_mass" in space.names


_LOAD = """
import sys
from pathlib import Path
from exosk.downloads import Cache
from exosk_nasa_archive import NasaArchiveSource
source = NasaArchiveSource(sys.argv[1], cache=Cache(Path(sys.argv[2])))
print(repr(source.load("WASP-39 b 5087.1").depth.sum()), len(source.listings()))
"""


def test_two_processes_ask_once(archive, cache):
    whole = archive.file
    archive.server.answer(FILE, lambda request: slow(whole(request)))
    command = [sys.executable, "-c", _LOAD, archive.url, str(cache.folder)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert len(archive.queries()) == 1
    assert len(archive.workspaces) == 1
    assert len([r for r in archive.server.requests if r.path.endswith("5087_1.tbl")]) == 1


def slow(answer):
    return Answer(answer.body, answer.content_type, answer.status, drip=0.05, piece=30_000)
