"""The report in a real browser: nothing complains, all is drawn, and the spectrum can be zoomed.

Chromium is asked through its own protocol over two pipes, so that nothing but it is needed.
"""

import base64
import dataclasses
import io
import itertools
import json
import os
import select
import shutil
import subprocess
import time

import numpy as np
import pytest
from matplotlib import image

from exosk.report import write_report

PATIENCE = 60  # seconds, for one answer
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
]


class Chromium:
    """One tab of a browser, and what its console says."""

    def __init__(self, program, profile):
        # The browser reads its third file and writes its fourth.
        child_in, self._write = os.pipe()
        self._read, child_out = os.pipe()
        line = f'exec "$@" 3<&{child_in} 4>&{child_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", program, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(child_in, child_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(child_in)
        os.close(child_out)
        self._numbers, self._rest, self._session = itertools.count(1), b"", None
        self.events = []
        target = self("Target.createTarget", url="about:blank")["targetId"]
        attached = self("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self(f"{domain}.enable")

    def close(self):
        self._session = None
        self("Browser.close")
        os.close(self._write)
        os.close(self._read)
        self._process.wait(PATIENCE)

    def __call__(self, method, **parameters):
        """Ask, and return the answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + PATIENCE
        while True:
            answer = self._next(until)
            if answer.get("id") == number:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _next(self, until):
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(until - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            read = os.read(self._read, 1 << 20)
            assert read, "the browser has gone"
            self._rest += read
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def run(self, expression):
        """Evaluate JavaScript in the page, after whatever it has yet to draw."""
        self.ask("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return self.ask(expression)

    def ask(self, expression):
        """Evaluate JavaScript in the page."""
        found = self(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def open(self, address, width=1200, height=900, media=(), script=True):
        """Load a page anew, in a window of a size."""
        self.events.clear()
        self("Emulation.setScriptExecutionDisabled", value=not script)
        self(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        features = [{"name": name, "value": value} for name, value in media]
        self("Emulation.setEmulatedMedia", media="", features=features)
        # Away first, for a new fragment alone would not load the page again.
        self("Page.navigate", url="about:blank")
        self("Page.navigate", url=address)
        until = time.monotonic() + PATIENCE
        while self.ask("location.href + document.readyState") != f"{address}complete":
            assert time.monotonic() < until, "the page does not load"

    @property
    def complaints(self):
        """What the console was told, what was thrown and what could not be loaded."""
        names = (
            "Runtime.consoleAPICalled",
            "Runtime.exceptionThrown",
            "Log.entryAdded",
            "Network.loadingFailed",
        )
        return [event for event in self.events if event.get("method") in names]

    @property
    def requests(self):
        """Addresses that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def press(self, key, text="", shift=False):
        for kind in ("keyDown", "keyUp"):
            down = {"text": text} if text and kind == "keyDown" else {}
            self("Input.dispatchKeyEvent", type=kind, key=key, modifiers=8 * shift, **down)

    def mouse(self, kind, x, y, **more):
        self("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def touch(self, kind, *points):
        fingers = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        self("Input.dispatchTouchEvent", type=kind, touchPoints=fingers)

    def picture(self):
        data = self("Page.captureScreenshot", format="png")["data"]
        return image.imread(io.BytesIO(base64.b64decode(data)), format="png")[..., :3]


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium is installed (on Debian: apt-get install chromium)")
    browser = Chromium(program, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def address(retrieval, tmp_path_factory):
    return write_report(retrieval, tmp_path_factory.mktemp("page"))["report"].as_uri()


@pytest.fixture
def page(browser, address):
    """The report, on a desk, with the plot in the middle of the window."""
    browser.open(address)
    browser.run(TO_PLOT)
    return browser


TICKS = "[...document.querySelectorAll('#plot .tick.x')].map(t => Number(t.textContent))"
BOX = "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('#plot .main')\
.previousElementSibling.getBoundingClientRect())"
TO_PLOT = "document.getElementById('plot').scrollIntoView({block: 'center', behavior: 'instant'})"
READOUT = "document.getElementById('readout').textContent"


def view(page):
    return [float(um) for um in page.run("document.getElementById('plot').dataset.view").split()]


def number_drawn(page, selector):
    return page.run(f"document.querySelectorAll('#plot {selector}').length")


@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_complains_and_every_figure_is_there(browser, address, width, scheme):
    browser.open(address, width=width, media=[("prefers-color-scheme", scheme)])
    sizes = browser.run("[...document.images].map(i => [i.complete, i.naturalWidth])")
    assert len(sizes) == 2
    assert all(complete and size > 500 for complete, size in sizes)
    assert number_drawn(browser, ".median") >= 2  # one for each run of bins
    assert number_drawn(browser, ".band") > 0
    assert browser.complaints == []
    # Pictures stand in the page and nothing comes from elsewhere.
    assert [a for a in browser.requests if not a.startswith("data:")] == [address]
    pixels = browser.picture()
    assert pixels.std() > 0.05, "the page is blank"
    assert (np.median(pixels) < 0.3) == (scheme == "dark")


def test_the_page_never_scrolls_sideways_on_a_phone(browser, address):
    browser.open(address, width=390, height=844)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("document.documentElement.scrollWidth") == 390
    assert browser.run("document.getElementById('plot').getBoundingClientRect().right") <= 390
    # What is wider scrolls by itself, and the keyboard reaches it.
    inside = "[...document.querySelectorAll('.wide')]"
    wide = browser.run(
        f"{inside}.filter(e => e.scrollWidth > e.clientWidth + 1).map(e => [\
e.tabIndex, getComputedStyle(e).overflowX, e.getAttribute('aria-label')])"
    )
    assert wide
    assert all(index == 0 and flow == "auto" and label for index, flow, label in wide)


def test_without_its_script_the_page_shows_the_picture(browser, address):
    browser.open(address, script=False)
    assert browser.ask("document.querySelector('.still img').checkVisibility()")
    assert not browser.ask("document.querySelector('.live').checkVisibility()")
    assert browser.complaints == []


def test_printed_is_the_picture(page):
    page("Emulation.setEmulatedMedia", media="print")
    assert page.run("document.querySelector('.still img').checkVisibility()")
    assert not page.run("document.getElementById('plot').checkVisibility()")


def test_dragging_zooms_to_what_was_marked_and_a_button_undoes_it(page):
    whole = view(page)
    before = page.run(TICKS)
    x, y, width, _ = page.run(BOX)
    page.mouse("mousePressed", x + 0.6 * width, y + 50, button="left", clickCount=1)
    page.mouse("mouseMoved", x + 0.7 * width, y + 50, button="left", buttons=1)
    page.mouse("mouseMoved", x + 0.8 * width, y + 50, button="left", buttons=1)
    assert number_drawn(page, ".range") == 1
    page.mouse("mouseReleased", x + 0.8 * width, y + 50, button="left", clickCount=1)
    # The axis is logarithmic.
    span = np.log(whole[1] / whole[0])
    expected = whole[0] * np.exp(span * np.array([0.6, 0.8]))
    assert view(page) == pytest.approx(expected, rel=0.005)
    after = page.run(TICKS)
    assert after != before
    assert len(after) >= 3
    assert all(expected[0] * 0.99 < um < expected[1] * 1.01 for um in after)
    page.run("document.querySelector('[data-act=all]').click()")
    assert view(page) == whole
    assert page.run(TICKS) == before


def test_the_keyboard_reads_bins_and_zooms(page, retrieval):
    whole = view(page)
    page.run("document.getElementById('plot').focus()")
    page.press("Home")
    page.press("Home")
    spectrum = retrieval.spectrum
    for k in (0, 1, 2):
        said = page.run(READOUT)
        residual = (spectrum.depth[k] - retrieval.best_depth[k]) / spectrum.sigma[k]
        assert f"{spectrum.wavelength[k]:.4f} µm" in said
        assert f"depth {1e6 * spectrum.depth[k]:,.0f} ± {1e6 * spectrum.sigma[k]:,.0f} ppm" in said
        assert f"residual {abs(residual):.1f} σ".replace("residual ", "") in said
        assert ("−" if residual < 0 else "+") in said
        assert page.run("document.getElementById('readout').getAttribute('aria-live')") == "polite"
        page.press("ArrowRight")
    page.press("End")
    assert f"{spectrum.wavelength[-1]:.4f} µm" in page.run(READOUT)
    page.press("+", "+")
    inner = view(page)
    assert inner[1] - inner[0] < whole[1] - whole[0]
    assert inner[0] < spectrum.wavelength[-1] < inner[1]  # about the bin that was read
    page.press("ArrowLeft", shift=True)
    assert view(page)[0] < inner[0]
    page.press("Home")  # to a bin outside: the view follows
    assert view(page)[0] < spectrum.wavelength[0] < view(page)[1]
    page.press("0", "0")
    assert view(page) == whole


def test_the_wheel_is_the_pages_until_the_plot_has_the_focus(page):
    whole = view(page)
    x, y, width, height = page.run(BOX)
    at = (x + width / 2, y + height / 2)
    page.mouse("mouseWheel", *at, deltaX=0, deltaY=-100)
    assert view(page) == whole
    page.run("document.getElementById('plot').focus()")
    page.run(TO_PLOT)
    x, y, width, height = page.run(BOX)
    page.mouse("mouseWheel", x + width / 2, y + height / 2, deltaX=0, deltaY=-100)
    zoomed = view(page)
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]


def test_two_fingers_zoom_and_one_reads(browser, address):
    browser.open(address, width=390, height=844)
    browser.run(TO_PLOT)
    whole = view(browser)
    x, y, width, height = browser.run(BOX)
    middle = y + height / 2
    browser.touch("touchStart", (x + 0.75 * width, middle), (x + 0.85 * width, middle))
    for share in (0.05, 0.1):
        near = (x + (0.75 - share) * width, middle)
        far = (x + (0.85 + share) * width, middle)
        browser.touch("touchMove", near, far)
    browser.touch("touchEnd")
    zoomed = view(browser)
    assert whole[0] < zoomed[0] < zoomed[1] < whole[1]
    # The fingers keep what they hold.
    span = np.log(whole[1] / whole[0])
    held = whole[0] * np.exp(span * np.array([0.75, 0.85]))
    now = np.log(held / zoomed[0]) / np.log(zoomed[1] / zoomed[0])
    assert now == pytest.approx([0.65, 0.95], abs=0.02)
    browser.touch("touchStart", (x + 0.9 * width, middle))
    browser.touch("touchEnd")
    assert "residual" in browser.run(READOUT)


def test_a_gap_without_bins_can_be_looked_at(browser, address):
    browser.open(f"{address}#spectrum=1-2", media=[("prefers-reduced-motion", "reduce")])
    browser.run(TO_PLOT)
    x, y, width, height = browser.run(BOX)
    browser.mouse("mouseMoved", x + width / 2, y + height / 2)
    assert view(browser) == [1.0, 2.0]
    assert number_drawn(browser, "circle") == 0
    assert len(browser.run(TICKS)) >= 3
    assert "NaN" not in browser.run("document.getElementById('plot').innerHTML")
    browser.run("document.getElementById('plot').focus()")
    browser.press("ArrowRight")
    assert number_drawn(browser, "circle") == 2
    assert browser.complaints == []


def test_pointing_reads_without_reading_out(page, retrieval):
    x, y, width, height = page.run(BOX)
    low, high = view(page)
    wavelength = retrieval.spectrum.wavelength
    for k in (7, 20):
        share = np.log(wavelength[k] / low) / np.log(high / low)
        page.mouse("mouseMoved", x + share * width, y + height / 2)
        assert page.run(READOUT).startswith(f"{wavelength[k]:.4f} µm")
        assert page.run("document.getElementById('readout').getAttribute('aria-live')") == "off"


def test_switches_hide_and_show(page):
    for name, selector in {
        "data": ".bar",
        "median": ".median",
        "band": ".b68",
        "best": ".main .best",
        "molecules": ".band",
    }.items():
        drawn = number_drawn(page, selector)
        assert drawn > 0, name
        page.run(f"document.getElementById('show-{name}').click()")
        assert number_drawn(page, selector) == 0, name
        page.run(f"document.getElementById('show-{name}').click()")
        assert number_drawn(page, selector) == drawn, name
    distances = "(t => t.slice(1).map((x, k) => x - t[k]))([...document.querySelectorAll(\
'#plot .tick.x')].map(t => [Number(t.textContent), Number(t.getAttribute('x'))])\
.sort((a, b) => a[0] - b[0]).map(t => t[1]))"
    page.run("document.getElementById('show-log').click()")
    linear = page.run(distances)
    assert linear == pytest.approx([linear[0]] * len(linear), rel=1e-6)


def test_a_link_leads_to_a_part_of_the_spectrum(browser, address):
    browser.open(f"{address}#spectrum=2.6-4.4")
    assert view(browser) == pytest.approx([2.6, 4.4])
    assert all(2.6 <= um <= 4.4 for um in browser.run(TICKS))
    browser.run("location.hash = 'spectrum=3-3.5'")
    assert view(browser) == pytest.approx([3.0, 3.5])


def test_several_instruments_are_told_apart(browser, retrieval, tmp_path):
    index = [k % 2 for k in range(len(retrieval.spectrum))]
    meta = {**retrieval.spectrum.meta, "instruments": ["A<1>, x", "B"], "instrument": index}
    joined = dataclasses.replace(retrieval, spectrum=retrieval.spectrum.replace(meta=meta))
    browser.open(write_report(joined, tmp_path)["report"].as_uri())
    assert number_drawn(browser, ".main .data-0.dot") == 1
    assert number_drawn(browser, ".main .data-1.dot") == 1
    browser.run("document.getElementById('plot').focus()")
    browser.press("Home")
    browser.press("Home")
    assert browser.run(READOUT).startswith("A<1> x, ")
    assert browser.complaints == []


def test_every_retrieval_is_drawn_without_complaint(browser, each, tmp_path):
    browser.open(write_report(each, tmp_path)["report"].as_uri())
    assert number_drawn(browser, ".dot") >= 2
    assert browser.complaints == []
    assert "NaN" not in browser.run("document.getElementById('plot').innerHTML")


def test_the_bibtex_file_is_copied_or_at_least_selected(page):
    text = page.run("document.getElementById('bibtex').textContent")
    button = "document.querySelector('[data-copy]')"
    page("Page.bringToFront")
    page("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.run(f"{button}.click()")
    page.run("new Promise(done => setTimeout(done, 100))")
    assert page.run(f"{button}.textContent") == "Copied"
    assert page.run("navigator.clipboard.readText()").replace("\r", "") == text
    page.run("navigator.clipboard.writeText = () => Promise.reject()")
    page.run(f"{button}.click()")
    assert "Ctrl+C" in page.run(f"{button}.textContent")
    assert page.run("getSelection().toString().trim()") == text.strip()


def test_colours_have_contrast(browser, address):
    """Text against what lies behind it: at least 4.5 to 1, in light and dark (WCAG 2, AA)."""
    script = """(() => {
      const parse = c => c.match(/[\\d.]+/g).map(Number);
      const light = c => { const [r, g, b] = parse(c).map(v => v / 255).map(
        v => v <= 0.04045 ? v / 12.92 : Math.pow((v + 0.055) / 1.055, 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = e => { for (; e; e = e.parentElement) {
        const c = getComputedStyle(e).backgroundColor;
        if ((parse(c)[3] ?? 1) === 1) return c; } return 'rgb(255, 255, 255)'; };
      const texts = [...document.body.querySelectorAll('*')].filter(e => e.checkVisibility() &&
        [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()));
      return texts.map(e => { const style = getComputedStyle(e);
        const color = e instanceof SVGElement ? style.fill : style.color;
        const [a, b] = [light(color), light(ground(e))].sort((x, y) => y - x);
        return [(a + 0.05) / (b + 0.05), e.tagName + '.' + e.getAttribute('class')]; })
        .filter(([ratio]) => ratio < 4.5);
    })()"""
    for scheme in ("light", "dark"):
        browser.open(address, media=[("prefers-color-scheme", scheme)])
        browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert browser.run(script) == []
