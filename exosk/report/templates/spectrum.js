"use strict";
// The spectrum that can be zoomed. Without this script the page shows the same as a picture.
(() => {
  const figure = document.getElementById("spectrum");
  const plot = document.getElementById("plot");
  const readout = document.getElementById("readout");
  const settings = JSON.parse(document.getElementById("plot-settings").textContent);
  const shown = (name) => document.getElementById("show-" + name).checked;

  // The numbers are the file's that can be downloaded: the page has them once.
  const link = document.getElementById("spectrum-csv").getAttribute("href");
  const [head, ...lines] = decodeURIComponent(link.slice(link.indexOf(",") + 1)).trim().split("\n");
  const names = head.split(",");
  const bins = lines.map((line) => {
    const bin = {};
    line.split(",").forEach((text, k) => {
      bin[names[k]] = names[k] === "instrument" ? text : Number(text);
    });
    bin.low = bin.wavelength_um - bin.half_width_um;
    bin.high = bin.wavelength_um + bin.half_width_um;
    bin.total = Math.hypot(bin.sigma_ppm, bin.model_error_ppm);
    bin.residual = (bin.depth_ppm - bin.best_ppm) / bin.sigma_ppm;
    return bin;
  });
  const instruments = settings.instruments;
  const sorted = bins.map((bin) => bin.sigma_ppm).sort((a, b) => a - b);
  const longest = 3 * sorted[sorted.length >> 1];

  // Bins that a line joins: of one instrument, with no wide gap between.
  const runs = [];
  for (const instrument of instruments) {
    let last = null;
    for (const bin of bins.filter((b) => b.instrument === instrument)) {
      const width = last && Math.max(Math.log(bin.high / bin.low), Math.log(last.high / last.low));
      if (!last || Math.log(bin.low / last.high) > Math.max(0.02, width)) runs.push([]);
      runs[runs.length - 1].push(bin);
      last = bin;
    }
  }

  const ends = [Math.min(...bins.map((b) => b.low)), Math.max(...bins.map((b) => b.high))];
  const margin = Math.pow(ends[1] / ends[0], 0.02);
  const all = [ends[0] / margin, ends[1] * margin];
  let view = [...all];
  let current = -1;
  let frame = null;
  let drag = null;

  const bend = (x) => (shown("log") ? Math.log(x) : x);
  const unbend = (t) => (shown("log") ? Math.exp(t) : t);
  const toX = (um) =>
    frame.left + (frame.width * (bend(um) - bend(view[0]))) / (bend(view[1]) - bend(view[0]));
  const toUm = (x) =>
    unbend(bend(view[0]) + ((x - frame.left) / frame.width) * (bend(view[1]) - bend(view[0])));
  const minus = (text) => text.replace("-", "−");
  const grouped = (ppm) => minus(Math.round(ppm).toLocaleString("en"));
  const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(1);

  function draw(parent, tag, attributes, text) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function ticks(low, high, most) {
    const rough = (high - low) / Math.max(most, 1);
    const power = Math.pow(10, Math.floor(Math.log10(rough)));
    const step = power * [1, 2, 2.5, 5, 10].find((m) => m * power >= rough * 0.999);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) {
      found.push(Number((k * step).toPrecision(12)));
    }
    return found;
  }

  function wavelengthTicks() {
    const most = frame.width / 70;
    if (!shown("log") || view[1] / view[0] < 2.5) return ticks(view[0], view[1], most);
    const found = [];
    for (const mantissa of [1, 2, 5, 3, 1.5, 7, 4]) {
      for (let power = -2; power < 3; power++) {
        const um = Number((mantissa * Math.pow(10, power)).toPrecision(3));
        const near = found.some((other) => Math.abs(toX(other) - toX(um)) < 45);
        if (um >= view[0] && um <= view[1] && !near) found.push(um);
      }
    }
    return found;
  }

  const visible = () => bins.filter((bin) => bin.high > view[0] && bin.low < view[1]);

  function depthRange(seen) {
    if (!seen.length) return [0, 1];
    const reach = (bin) => Math.min(bin.sigma_ppm, longest);
    const low = Math.min(...seen.map((b) => b.depth_ppm - reach(b)));
    const high = Math.max(...seen.map((b) => b.depth_ppm + reach(b)));
    const most = 0.5 * (high - low); // so that a wide band does not press the data into a line
    const floor = Math.max(Math.min(low, ...seen.map((b) => b.low95_ppm)), low - most);
    const top = Math.min(Math.max(high, ...seen.map((b) => b.high95_ppm)), high + most);
    return [floor - 0.05 * (top - floor), top + 0.07 * (top - floor)];
  }

  function path(run, x, y) {
    // A lone bin is drawn across its width, for a line needs two points.
    const points = run.length > 1 ? run.map((b) => [x(b.wavelength_um), y(b)])
      : [[x(run[0].low), y(run[0])], [x(run[0].high), y(run[0])]];
    return points.map((p) => p[0].toFixed(1) + " " + p[1].toFixed(1));
  }

  function panel(className, top, height, low, high) {
    const y = (value) => top + height * (1 - (value - low) / (high - low));
    const box = { x: frame.left, y: top, width: frame.width, height };
    const clip = draw(plot, "clipPath", { id: "clip-" + className });
    draw(clip, "rect", box);
    draw(plot, "rect", { ...box, class: "frame" });
    const inside = draw(plot, "g", { "clip-path": `url(#clip-${className})`, class: className });
    return { y, top, bottom: top + height, inside };
  }

  function drawBars(where, seen, y, error) {
    const middle = (b) => toX(b.wavelength_um).toFixed(1);
    instruments.forEach((instrument, k) => {
      const mine = seen.filter((b) => b.instrument === instrument);
      const bars = mine.map((b) => {
        const [low, high] = error(b).map((value) => y(value).toFixed(1));
        const [left, right] = [toX(b.low).toFixed(1), toX(b.high).toFixed(1)];
        const at = y(error(b)[2]).toFixed(1);
        return `M${middle(b)} ${low}V${high}M${left} ${at}H${right}`;
      });
      const dots = mine.map((b) => `M${middle(b)} ${y(error(b)[2]).toFixed(1)}h0`);
      draw(where, "path", { d: bars.join(""), class: `bar data-${k % 5}` });
      draw(where, "path", { d: dots.join(""), class: `dot data-${k % 5}` });
    });
  }

  function render() {
    const width = Math.max(plot.parentNode.clientWidth, 240);
    const rows = shown("molecules") ? settings.molecules : [];
    const narrow = width < 560;
    const strip = 15 * rows.length;
    frame = { left: narrow ? 46 : 62, width: width - (narrow ? 46 : 62) - 12 };
    const tall = narrow ? 230 : 330;
    const small = narrow ? 80 : 110;
    const height = strip + tall + small + 62;
    plot.setAttribute("width", width);
    plot.setAttribute("height", height);
    plot.replaceChildren();

    rows.forEach((molecule, row) => {
      const y = 10 + 15 * row;
      const className = molecule.found ? "band found" : "band";
      draw(plot, "text", { x: frame.left - 6, y: y + 4, class: className }, molecule.name);
      for (const [low, high] of molecule.bands) {
        const [x, right] = [Math.max(low, view[0]), Math.min(high, view[1])].map(toX);
        const box = { x, y: y - 4, width: right - x, height: 8, class: className };
        if (right > x) draw(plot, "rect", box);
      }
    });

    const seen = visible();
    const [low, high] = depthRange(seen);
    const main = panel("main", strip + 12, tall, low, high);
    const reach = Math.max(3.2, ...seen.map((b) => Math.abs(b.residual) + 1.2));
    const rest = panel("rest", main.bottom + 10, small, -reach, reach);
    const within = runs.filter((run) => run.some((b) => b.high > view[0] && b.low < view[1]));
    for (const run of within) {
      for (const level of [95, 68]) {
        if (!shown("band")) continue;
        const upper = path(run, toX, (b) => main.y(b[`high${level}_ppm`]));
        const lower = path(run, toX, (b) => main.y(b[`low${level}_ppm`])).reverse();
        const d = "M" + [...upper, ...lower].join("L") + "Z";
        draw(main.inside, "path", { d, class: "b" + level });
      }
      const curves = { median: "median_ppm", best: "best_ppm" };
      for (const [name, column] of Object.entries(curves)) {
        const points = path(run, toX, (b) => main.y(b[column]));
        if (shown(name)) draw(main.inside, "path", { d: "M" + points.join("L"), class: name });
      }
    }
    for (const factor of [2, 1]) {
      const boxes = seen.map((b) => {
        const y = factor * (b.total / b.sigma_ppm);
        return `M${toX(b.low)} ${rest.y(y)}H${toX(b.high)}V${rest.y(-y)}H${toX(b.low)}Z`;
      });
      draw(rest.inside, "path", { d: boxes.join(""), class: "error" + factor });
    }
    draw(rest.inside, "path", { d: `M${frame.left} ${rest.y(0)}h${frame.width}`, class: "best" });
    if (shown("data")) {
      drawBars(main.inside, seen, main.y, (b) =>
        [b.depth_ppm - b.sigma_ppm, b.depth_ppm + b.sigma_ppm, b.depth_ppm]);
      drawBars(rest.inside, seen, rest.y, (b) => [b.residual - 1, b.residual + 1, b.residual]);
    }

    for (const um of wavelengthTicks()) {
      draw(plot, "path", { d: `M${toX(um)} ${rest.bottom}v-5`, class: "axis" });
      draw(plot, "path", { d: `M${toX(um)} ${main.bottom}v-5`, class: "axis" });
      draw(plot, "text", { x: toX(um), y: rest.bottom + 17, class: "tick x" }, um);
    }
    const depths = ticks(low / 1e4, high / 1e4, tall / 55);
    const step = depths.length > 1 ? depths[1] - depths[0] : 0.01;
    const places = Math.max(0, Math.ceil(0.3 - Math.log10(step)));
    for (const depth of depths) {
      draw(plot, "path", { d: `M${frame.left} ${main.y(1e4 * depth)}h5`, class: "axis" });
      draw(plot, "text", { x: frame.left - 5, y: main.y(1e4 * depth) + 4, class: "tick y" },
        minus(depth.toFixed(Math.min(places, 4))));
    }
    for (const sigma of ticks(-reach, reach, 4).filter((t) => t === Math.round(t))) {
      draw(plot, "path", { d: `M${frame.left} ${rest.y(sigma)}h5`, class: "axis" });
      const at = { x: frame.left - 5, y: rest.y(sigma) + 4, class: "tick y" };
      draw(plot, "text", at, minus(String(sigma)));
    }
    const title = (text, x, y, className) => draw(plot, "text", { x, y, class: className }, text);
    title("Transit depth, %", frame.left + 6, main.top + 16, "title");
    title("Residual, σ of data", frame.left + 6, rest.top + 15, "title");
    title("Wavelength, µm", frame.left + frame.width / 2, height - 5, "x");

    if (current >= 0 && seen.includes(bins[current])) {
      const x = toX(bins[current].wavelength_um);
      draw(plot, "path", { d: `M${x} ${main.top}V${rest.bottom}`, class: "chosen" });
      for (const [where, y] of [[main, bins[current].depth_ppm], [rest, bins[current].residual]]) {
        draw(where.inside, "circle", { cx: x, cy: where.y(y), r: 6, class: "chosen" });
      }
    }
    if (drag && drag.kind === "range" && drag.moved) {
      const [x, right] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
      const [y, height] = [main.top, rest.bottom - main.top];
      draw(plot, "rect", { x, y, width: right - x, height, class: "range" });
    }
  }

  let waiting = false;
  function redraw() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      render();
    });
  }

  // What the pointer passes is shown, and read out only when a key or a tap chose it.
  function tell(text, aloud) {
    readout.setAttribute("aria-live", aloud ? "polite" : "off");
    readout.textContent = text;
  }

  function describe(bin) {
    const digits = bin.half_width_um < 0.001 ? 5 : 4;
    const which = instruments.length > 1 ? `${bin.instrument}, ` : "";
    const alike = bin.model_error_ppm > 0
      ? `, ${signed((bin.depth_ppm - bin.best_ppm) / bin.total)} σ in total` : "";
    return `${which}${bin.wavelength_um.toFixed(digits)} µm: depth ${grouped(bin.depth_ppm)} ± ` +
      `${grouped(bin.sigma_ppm)} ppm; model’s median ${grouped(bin.median_ppm)} ppm ` +
      `(68 %: ${grouped(bin.low68_ppm)} to ${grouped(bin.high68_ppm)}), best draw ` +
      `${grouped(bin.best_ppm)} ppm; residual ${signed(bin.residual)} σ of the data${alike}`;
  }

  function choose(index, aloud) {
    current = Math.min(Math.max(index, 0), bins.length - 1);
    const um = bins[current].wavelength_um;
    if (um < view[0] || um > view[1]) look(bend(um) - (bend(view[0]) + bend(view[1])) / 2, 1);
    tell(describe(bins[current]), aloud);
    redraw();
  }

  // The bin in view that lies nearest, or -1 where none is in view.
  const nearest = (x) => {
    let [best, least] = [-1, Infinity];
    bins.forEach((bin, k) => {
      const distance = Math.abs(toX(bin.wavelength_um) - x);
      const seen = bin.high > view[0] && bin.low < view[1];
      if (seen && distance < least) [best, least] = [k, distance];
    });
    return best;
  };

  function point(x, aloud) {
    const index = nearest(x);
    if (index >= 0) choose(index, aloud);
  }

  // Nearer than a few bins there is nothing to see.
  const least = 1 + 3 * Math.min(...bins.map((bin) => bin.half_width_um / bin.wavelength_um));
  function set(low, high) {
    if (!(high / low > least)) return;
    view = [Math.max(low, all[0]), Math.min(high, all[1])];
    if (!(view[1] / view[0] > least)) view = [...all];
    plot.dataset.view = view.map((um) => um.toPrecision(6)).join(" ");
    redraw();
  }

  // Shift by so much of the axis, then widen about a wavelength.
  function look(shift, factor, about) {
    let [low, high] = view.map(bend);
    const [first, last] = all.map(bend);
    shift = Math.min(Math.max(shift, first - low), last - high);
    const middle = about === undefined ? (low + high) / 2 : bend(about);
    [low, high] = [low, high].map((t) => middle + (t - middle) * factor + shift);
    if (high - low > 0) set(unbend(low), unbend(high));
  }

  const middleOfInterest = () => {
    const bin = bins[current];
    return bin && bin.high > view[0] && bin.low < view[1] ? bin.wavelength_um : undefined;
  };
  const span = () => bend(view[1]) - bend(view[0]);
  const actions = {
    in: () => look(0, 0.6, middleOfInterest()),
    out: () => look(0, 1 / 0.6, middleOfInterest()),
    left: () => look(-0.25 * span(), 1),
    right: () => look(0.25 * span(), 1),
    all: () => set(...all),
  };
  function act(name) {
    actions[name]();
    const [low, high] = view.map((um) => um.toPrecision(3));
    tell(`Shown: ${low} to ${high} µm, ${visible().length} bins`, true);
  }
  const keys = { "+": "in", "=": "in", "-": "out", _: "out", 0: "all", Escape: "all" };
  const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
  plot.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.shiftKey && event.key.startsWith("Arrow")
      ? { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "in", ArrowDown: "out" }[event.key]
      : keys[event.key];
    if (name) act(name);
    else if (!(event.key in steps)) return;
    else if (current >= 0) choose(current + steps[event.key], true);
    else choose(nearest(frame.left + frame.width / 2), true);
    event.preventDefault();
  });
  for (const button of figure.querySelectorAll("button[data-act]")) {
    button.addEventListener("click", () => act(button.dataset.act));
  }
  for (const box of figure.querySelectorAll("input")) box.addEventListener("change", redraw);

  const place = (event) => event.clientX - plot.getBoundingClientRect().left;
  const fingers = new Map();
  plot.addEventListener("wheel", (event) => {
    // Otherwise the page could not be scrolled across the figure.
    if (!event.ctrlKey && document.activeElement !== plot) return;
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? 30 : 1);
    look(0, Math.exp(0.0015 * pixels), toUm(place(event)));
  }, { passive: false });
  plot.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, place(event));
    const kind = event.pointerType === "touch" || event.shiftKey ? "shift" : "range";
    const from = place(event);
    drag = { kind: fingers.size > 1 ? "pinch" : kind, from, to: from, moved: false };
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    const x = place(event);
    if (!drag) return point(x, false);
    const before = fingers.get(event.pointerId) ?? x;
    if (drag.kind === "pinch" && fingers.size === 2) {
      const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const factor = Math.abs(before - other) / Math.max(Math.abs(x - other), 1);
      look(0, Math.min(Math.max(factor, 0.5), 2), toUm(other));
    } else if (drag.kind === "shift") {
      look(((before - x) / frame.width) * span(), 1);
    }
    fingers.set(event.pointerId, x);
    drag.to = x;
    drag.moved = drag.moved || Math.abs(x - drag.from) > 5;
    redraw();
  });
  const release = (event) => {
    fingers.delete(event.pointerId);
    const done = drag;
    if (fingers.size || !done) return;
    drag = null;
    redraw();
    if (event.type === "pointercancel") return;
    if (!done.moved) return point(done.to, true);
    if (done.kind !== "range") return;
    set(...[done.from, done.to].sort((a, b) => a - b).map(toUm));
  };
  plot.addEventListener("pointerup", release);
  plot.addEventListener("pointercancel", release);
  plot.addEventListener("dblclick", () => act("all"));

  // A part of the spectrum can be linked to: report.html#spectrum=4.1-4.6
  function follow() {
    const found = /^#spectrum=([\d.]+)-([\d.]+)$/.exec(location.hash);
    if (!found) return;
    set(Number(found[1]), Number(found[2]));
    figure.scrollIntoView();
  }

  figure.querySelector(".still").classList.add("replaced");
  figure.querySelector(".live").hidden = false;
  new ResizeObserver(redraw).observe(plot.parentNode);
  addEventListener("hashchange", follow);
  set(...all);
  render();
  follow();
})();

for (const button of document.querySelectorAll("button[data-copy]")) {
  const source = document.getElementById(button.dataset.copy);
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
    } catch {
      source.closest("details").open = true;
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: copy it with Ctrl+C";
    }
  });
}
