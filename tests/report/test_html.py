"""The report: one file that stands by itself, whatever the retrieval lacks."""

import base64
import csv
import dataclasses
import hashlib
import html
import io
import itertools
import json
import re
from collections import Counter
from html.parser import HTMLParser
from types import SimpleNamespace
from urllib.parse import unquote

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from exosk.evaluation.predictive import DISCREPANCIES, PredictiveCheck
from exosk.explain import REFIT, Explanation, Groups
from exosk.posterior import Posterior
from exosk.report import write_report
from exosk.report.citations import bibliography
from exosk.report.html import render_html
from exosk.report.verdict import verdict

VOID = {"meta", "link", "img", "br", "hr", "input"}
UNSEEN = {"style", "script"}


class Page(HTMLParser):
    """Tags in balance, images, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict] = []
        self.addresses: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.headings: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.addresses += [attributes[key] for key in ("src", "href") if key in attributes]
        if tag == "img":
            self.images.append(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)
        if not self.open or self.open[-1] not in UNSEEN:
            self.words.append(data)
        elif self.open[-1] == "script":
            self.scripts.append(data)

    def find(self, name: str) -> list[dict]:
        """Attributes of every tag of that name."""
        return [attributes for tag, attributes in self.tags if tag == name]

    def by_id(self, ident: str) -> dict:
        (found,) = (a for _, a in self.tags if a.get("id") == ident)
        return found

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
    assert set(paths) == {"posterior", "spectrum", "corner", "report", "citations"}
    assert sorted(p.name for p in paths["report"].parent.iterdir()) == sorted(
        p.name for p in paths.values()
    )
    assert len(Posterior.load(paths["posterior"])) == len(each.posterior)


def test_the_page_is_well_formed_and_loads_nothing(page, paths):
    assert page.open == []
    # Links into the page itself lead somewhere.
    inside = [address[1:] for address in page.addresses if address.startswith("#")]
    assert all(page.by_id(ident) for ident in inside)
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    text = paths["report"].read_text(encoding="utf-8")
    assert not re.search(r"url\((?!#)", text)
    assert len(text) < 3_000_000


def test_a_browser_may_run_the_pages_own_script_only(page):
    (policy,) = (a["content"] for a in page.find("meta") if "http-equiv" in a)
    settings, script = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert json.loads(settings).keys() == {"molecules", "instruments"}
    assert [a.get("type") for a in page.find("script")] == ["application/json", None]


def test_images_have_alternatives_and_are_pictures(page):
    assert len(page.images) == 2
    for attributes in page.images:
        assert len(re.findall(r"\d", attributes["alt"])) > 10, "numbers, not only words"
        head, _, content = attributes["src"].partition(",")
        assert head == "data:image/png;base64"
        assert image.imread(io.BytesIO(base64.b64decode(content)), format="png").ndim == 3


def test_every_section_is_there_and_nothing_is_nan(each, page):
    for heading in (
        "Observation",
        "Molecules",
        "Parameters",
        "How well the model fits",
        "Checks",
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
    assert len(re.findall(r"Waters 2001 Waters2001-\w{6}", page.text)) == 1
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
    monkeypatch.setattr("exosk.report.render_html", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_report(retrieval, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_headings_and_landmarks_make_an_outline(page):
    tags = [tag for tag, _ in page.tags]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for landmark in ("header", "nav", "main", "footer"):
        assert tags.count(landmark) == 1
    assert page.find("html")[0]["lang"] == "en"
    assert page.find("a")[0] == {"class": "skip", "href": "#result"}
    identities = Counter(a["id"] for _, a in page.tags if "id" in a)
    assert set(identities.values()) == {1}
    named = [a["aria-labelledby"] for _, a in page.tags if "aria-labelledby" in a]
    assert set(named) <= identities.keys()
    regions = [a["aria-label"] for _, a in page.tags if a.get("role") == "region"]
    assert max(Counter([*regions, *page.headings]).values()) == 1


def test_tables_say_what_their_heads_are_of(page):
    assert page.find("table")
    assert all(a.get("scope") in ("col", "row") for a in page.find("th"))
    assert all(a.get("tabindex") == "0" for _, a in page.tags if a.get("class") == "wide")
    assert all(a.get("aria-label") for _, a in page.tags if a.get("class") == "wide")


def test_the_numbers_behind_the_plot_are_the_retrievals(each, page):
    link = page.by_id("spectrum-csv")
    head, _, content = link["href"].partition(",")
    assert head == "data:text/csv;charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(unquote(content))))
    assert len(rows) == len(each.spectrum)
    low95, low68, median, high68, high95 = 1e6 * each.bands()
    for name, expected in {
        "depth_ppm": 1e6 * each.spectrum.depth,
        "sigma_ppm": 1e6 * each.spectrum.sigma,
        "model_error_ppm": 1e6 * each.model_error,
        "best_ppm": 1e6 * each.best_depth,
        "low95_ppm": low95,
        "low68_ppm": low68,
        "median_ppm": median,
        "high68_ppm": high68,
        "high95_ppm": high95,
    }.items():
        np.testing.assert_allclose([float(row[name]) for row in rows], expected, atol=0.00501)
    centres = [float(row["wavelength_um"]) for row in rows]
    np.testing.assert_allclose(centres, each.spectrum.wavelength, rtol=1e-6)
    half = [float(row["half_width_um"]) for row in rows]
    np.testing.assert_allclose(half, each.spectrum.half_width, rtol=1e-4)


def test_the_bibliography_can_be_read_and_downloaded(each, page, paths):
    bibtex = bibliography(each).bibtex
    assert paths["citations"].name == "citations.bib"
    assert paths["citations"].read_text("utf-8") == bibtex
    (link,) = (a for a in page.find("a") if a.get("download") == "citations.bib")
    head, _, content = link["href"].partition(",")
    assert head == "data:application/x-bibtex;charset=utf-8"
    assert unquote(content) == bibtex
    shown = re.search(
        r'<pre id="bibtex"[^>]*>(.*?)</pre>', paths["report"].read_text("utf-8"), re.DOTALL
    )
    assert html.unescape(shown[1]) == bibtex
    for key in re.findall(r"^@\w+\{(.*),$", bibtex, re.MULTILINE):
        assert page.text.count(key) >= 2  # beside its line, too


def test_the_table_has_every_bin_unless_there_are_too_many(retrieval, monkeypatch):
    page = Page(render_html(retrieval, b"", b""))
    assert "Data and model as a table" in page.text
    for depth in 1e6 * retrieval.spectrum.depth:
        assert f" {depth:.0f} " in page.text
    monkeypatch.setattr("exosk.report.interactive.MOST_ROWS", len(retrieval.spectrum) - 1)
    page = Page(render_html(retrieval, b"", b""))
    assert "Data and model as a table" not in page.text
    assert f"The {len(retrieval.spectrum)} bins are too many for a table" in page.text


def test_a_thousand_bins_make_no_large_page(retrieval):
    many = np.arange(len(retrieval.spectrum)).repeat(200)
    index = np.linspace(0, len(many) - 1, 6000).astype(int)
    edges = np.geomspace(0.6, 5.0, 6001)
    grid = type(retrieval.spectrum.grid)(edges[:-1], edges[1:])
    long = dataclasses.replace(
        retrieval,
        spectrum=type(retrieval.spectrum)(
            grid,
            retrieval.spectrum.depth[many[index]],
            retrieval.spectrum.sigma[many[index]],
            meta=retrieval.spectrum.meta,
        ),
        model_depth=retrieval.model_depth[:, many[index]],
        best_depth=retrieval.best_depth[many[index]],
        model_error=retrieval.model_error[many[index]],
    )
    assert len(render_html(long, b"", b"")) < 1_000_000


def test_what_others_wrote_cannot_end_the_script(retrieval):
    names = ["</script><script>alert(1)</script>", 'B", "x']
    index = [k % 2 for k in range(len(retrieval.spectrum))]
    meta = {**retrieval.spectrum.meta, "instruments": names, "instrument": index}
    joined = dataclasses.replace(retrieval, spectrum=retrieval.spectrum.replace(meta=meta))
    page = Page(render_html(joined, b"", b""))
    assert page.open == []
    assert len(page.find("script")) == 2
    assert json.loads(page.scripts[0])["instruments"] == [names[0], "B x"]


def checked(retrieval, **p_values):
    found = {name: np.zeros(500) for name in DISCREPANCIES}
    return dataclasses.replace(
        retrieval,
        guard={
            "p_value": 0.01,
            "parts": {"band": 0.004, "shape": 0.5, "errors": 1.0},
            "band_um": [4.1, 4.35],
            "verdict": "unlike the spectra of the training <1>",
            "outside": True,
        },
        predictive=PredictiveCheck(found, found, p_values, np.zeros(30), np.ones(30)),
        posterior=Posterior(
            retrieval.posterior.samples,
            retrieval.posterior.space,
            meta={"n_simulations": 9000, "efficiency": 0.1234, "n_effective": 1111.0}
            | {"pareto_k": 0.34, "verdict": "good"},
        ),
        method="flow+is",
    )


def test_checks_and_guard_are_told_with_their_numbers(retrieval):
    page = Page(
        render_html(checked(retrieval, chi2=0.0, autocorrelation=0.5, largest=0.25), b"", b"")
    )
    assert "The observation is unlike the spectra of the training <1>." in page.text
    assert "a band or step 0.004 at 4.1 to 4.35 µm" in page.text
    assert page.text.index("a band or step") < page.text.index("size and combination of features")
    assert "chi-squared < 0.002" in page.text
    assert "largest residual 0.250" in page.text
    assert "hardly ever makes such data" in page.text
    assert "effective sample size 1,111" in page.text
    assert "efficiency 0.123" in page.text
    assert "shape k of the largest weights 0.34" in page.text
    # Once, and not in the paragraphs on the method as well.
    assert page.text.count("posterior predictive p-values") == 1
    good = checked(retrieval, chi2=0.6, autocorrelation=0.5, largest=0.25)
    assert "None is so small" in Page(render_html(good, b"", b"")).text
    plain = Page(render_html(retrieval, b"", b"")).text
    assert "No guard looked at the observation" in plain
    assert "Replications of the observation were not compared" in plain
    assert "Importance weights" not in plain


def test_explanations_have_a_section_if_there_are_any(retrieval):
    explained = SimpleNamespace(
        target="H2O",
        unit="log-odds",
        method="shap",
        groups=SimpleNamespace(names=[f"band <{k}>" for k in range(20)]),
        importance=np.linspace(-1, 2, 20),
        error=np.full(20, 0.05),
        value=np.array([3.25]),
        base=np.array([-1.5]),
        plot=lambda spectrum: Figure(figsize=(2, 1)),
    )
    text = render_html(retrieval, b"", b"", explanations=iter([explained, explained]))
    page = Page(text)
    assert page.open == []
    assert len(page.images) == 4
    assert "H₂O, by Shapley values (SHAP)" in page.text
    assert "band <19> +2.000 0.050" in page.text
    assert "The model’s answer is 3.250, with everything hidden −1.500" in page.text
    assert "8 groups of less importance are left out" in page.text
    assert "Lundberg2017" in page.text
    assert page.by_id("explanation")
    without = Page(render_html(retrieval, b"", b""))
    assert "explanation" not in [a.get("id") for _, a in without.tags]
    assert "#explanation" not in without.addresses


def test_a_retrieval_brings_its_explanations(retrieval):
    """Fits of the simulator, and what a model looks at, each with what it is."""
    grid = retrieval.spectrum.grid
    groups = Groups.bands(grid, 0.1)
    importance = np.linspace(-1, 2, len(groups))[None]
    fits = {"with": retrieval.best_depth, "without": retrieval.best_depth * 1.001}
    refit = Explanation(
        "H2O",
        "log-likelihood",
        REFIT,
        groups,
        importance,
        np.abs(importance) / 3,
        importance.sum(axis=1),
        np.zeros(1),
        {"delta_chi2": 23.45},
        fits,
    )
    page = Page(render_html(dataclasses.replace(retrieval, explanations=(refit,)), b"", b""))
    assert len(page.images) == 3
    assert "H₂O, by best fits with and without it" in page.text
    assert "fitted to the data with the molecule and again without it" in page.text
    assert "larger by 23.4" in page.text
    assert "answers of a trained model" not in page.text
    assert "and a log-likelihood that is lower by" in page.text


def test_figures_are_described_by_what_they_show(retrieval):
    spectrum, corner = (a["alt"] for a in Page(render_html(retrieval, b"", b"")).images)
    assert f"{len(retrieval.spectrum)} bins from" in spectrum
    assert f"{1e6 * np.median(retrieval.spectrum.sigma):.0f} ppm" in spectrum
    temperature = retrieval.posterior.median[2]
    assert f"Temperature {temperature:.3g} (" in corner
    assert "Most correlated" not in corner
    samples = retrieval.posterior.samples.copy()
    samples[:, 3] = -4 - 0.3 * (samples[:, 2] - 800) / 40
    tied = dataclasses.replace(retrieval, posterior=Posterior(samples, retrieval.posterior.space))
    _, corner = (a["alt"] for a in Page(render_html(tied, b"", b"")).images)
    assert "Most correlated: Temperature and H₂O abundance (−1.00)." in corner
