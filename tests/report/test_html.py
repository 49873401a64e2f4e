"""The report: one file that stands by itself, whatever the retrieval lacks."""

import base64
import dataclasses
import io
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from matplotlib import image

from exosk.posterior import Posterior
from exosk.report import write_report
from exosk.report.html import render_html
from exosk.report.verdict import verdict

VOID = {"meta", "link", "img", "br", "hr"}
# Chromium's own plumbing on a machine without a bus or a graphics card is not the page's.
CONSOLE = re.compile(r"CONSOLE|Uncaught|Refused to")


class Page(HTMLParser):
    """Tags in balance, images, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict] = []
        self.addresses: list[str] = []
        self.tags: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.addresses += [attributes[key] for key in ("src", "href") if key in attributes]
        if tag == "img":
            self.images.append(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def paths(each, tmp_path_factory):
    return write_report(each, tmp_path_factory.mktemp("report") / "out")


@pytest.fixture(scope="module")
def page(paths):
    return Page(paths["report"].read_text(encoding="utf-8"))


def test_all_files_are_written_and_the_posterior_reads_back(each, paths):
    assert set(paths) == {"posterior", "spectrum", "corner", "report"}
    assert sorted(p.name for p in paths["report"].parent.iterdir()) == sorted(
        p.name for p in paths.values()
    )
    assert len(Posterior.load(paths["posterior"])) == len(each.posterior)


def test_the_page_is_well_formed_and_loads_nothing(page, paths):
    assert page.open == []
    assert "script" not in page.tags
    assert all(address.startswith("data:") for address in page.addresses)
    assert "url(" not in paths["report"].read_text(encoding="utf-8")


def test_images_have_alternatives_and_are_pictures(page):
    assert len(page.images) == 2
    for attributes in page.images:
        assert len(attributes["alt"]) > 20
        head, _, content = attributes["src"].partition(",")
        assert head == "data:image/png;base64"
        assert image.imread(io.BytesIO(base64.b64decode(content)), format="png").ndim == 3


def test_every_section_is_there_and_nothing_is_nan(each, page):
    for heading in (
        "Molecules",
        "Parameters",
        "How well the model fits",
        "What this cannot know",
        "How the method does on held-out spectra",
        "Provenance",
        "To cite",
    ):
        assert heading in page.text
    assert not re.search(r"\b(nan|None|undefined)\b", page.text)
    assert ("Comparison with published values" in page.text) == bool(each.spectrum.meta)


def test_what_others_wrote_is_escaped(retrieval, tmp_path):
    text = write_report(retrieval, tmp_path)["report"].read_text(encoding="utf-8")
    assert "<b>made-up" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_what_the_report_says_of_a_known_case(retrieval, tmp_path):
    page = Page(write_report(retrieval, tmp_path)["report"].read_text(encoding="utf-8"))
    assert "Nature 614, 659" in page.text
    assert "SO₂ was reported at 4.05 µm" in page.text
    assert "54,321 simulations in 6 stages" in page.text
    assert "H₂O, CH₄ : wet" in page.text.replace("CH₄:", "CH₄ :")
    assert page.text.count("Waters 2001") == 1
    assert "1.279 ± 0.040" in page.text
    assert "not yet compared with this paper" in page.text
    assert "upper limit only" in page.text
    assert re.search(r"< −7\.[23] \(95 %\)", page.text)


def test_instruments_and_their_offsets_are_told(retrieval):
    index = [k % 3 for k in range(len(retrieval.spectrum))]
    meta = {**retrieval.spectrum.meta, "instruments": ["A<1>", "B", ""], "instrument": index}
    offsets = {"A<1>": "offset_a_1", "B": -12.5, "instrument 3": None}
    told = {name: {"n_bins": 10, "offset": offset} for name, offset in offsets.items()}
    simulator = {**retrieval.provenance["simulator"], "instruments": told}
    joined = dataclasses.replace(
        retrieval,
        spectrum=retrieval.spectrum.replace(meta=meta),
        provenance={**retrieval.provenance, "simulator": simulator},
    )
    page, plain = (" ".join(render_html(r, b"", b"").split()) for r in (joined, retrieval))
    assert (
        "<dd>A&lt;1&gt;, 10 bins, offset free; B, 10 bins, offset −12.5 ppm; instrument 3, 10 bins"
        in page
    )
    assert "offsets within an instrument" in page
    assert "<dt>Instruments</dt>" not in plain
    assert "offsets between detectors or visits" in plain


def test_so2_is_mentioned_for_its_planet_only(retrieval, tmp_path):
    other = retrieval.spectrum.replace(name="WASP-12 b", meta={})
    other = dataclasses.replace(retrieval, spectrum=other)
    text = write_report(other, tmp_path)["report"].read_text(encoding="utf-8")
    assert "was reported at 4.05" not in text


def test_the_verdict_names_what_was_found(retrieval):
    first, fit, *others = verdict(retrieval)
    assert first.startswith("Found: water (H₂O), with a probability above 0.9")
    assert "10⁻⁸" in first
    assert "reduced χ²" in fit
    assert any("Neither found nor excluded: CH₄ and K" in sentence for sentence in others)
    none = dataclasses.replace(retrieval, molecules=dict.fromkeys(retrieval.molecules, 0.05))
    assert verdict(none)[0].startswith("No molecule was found")
    assert any("Unlikely above that level" in sentence for sentence in verdict(none))
    both = dataclasses.replace(retrieval, molecules={"H2O": 0.95, "CH4": 0.99, "K": 0.5})
    assert "water (H₂O) and methane (CH₄), each with" in verdict(both)[0]


def test_an_unrefined_result_says_so(real):
    assert any("first look" in sentence for sentence in verdict(real))


def test_a_failure_leaves_no_file(retrieval, tmp_path, monkeypatch):
    monkeypatch.setattr("exosk.report.render_html", lambda *a: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(retrieval, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_chromium_renders_it_without_complaint(retrieval, tmp_path):
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        pytest.skip("no chromium is installed (on Debian: apt-get install chromium)")
    report = write_report(retrieval, tmp_path / "out")["report"]
    run = subprocess.run(
        [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--enable-logging=stderr",
            "--v=0",
            "--window-size=1200,4000",
            f"--screenshot={tmp_path / 'shot.png'}",
            report.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert not [line for line in run.stderr.splitlines() if CONSOLE.search(line)]
    pixels = image.imread(tmp_path / "shot.png")
    assert pixels.shape[:2] == (4000, 1200)
    assert pixels[..., :3].std() > 0.05, "the page is blank"
