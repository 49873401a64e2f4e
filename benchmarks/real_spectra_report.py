"""The results of ``real_spectra.py`` as a table and as a picture.

Run by itself it makes both anew from ``results/real_spectra.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from places import RESULTS
from sklearn.metrics import roc_auc_score

from exosk.report.panels import STYLE
from exosk.report.wording import formula
from exosk.storage import atomic_path

_BEGIN, _END = "<!-- table: begin -->", "<!-- table: end -->"
_MARK = {"yes": "+", "weak": "~", "no": "-"}
CLAIMS = {
    "yes": "seen (+)",
    "weak": "weak, muted or contested (~)",
    "no": "not seen (-)",
    "nothing": "nothing said",
}
MODELS = ("network", "forest")
# In which of the WFC3 files Cubillos & Blecic (2021, MNRAS 505, 2675) favour a model with molecules
# by a log Bayes factor above 3: the list of code/fig_WFC3_detections.py in their compendium
# (github.com/pcubillos/CubillosBlecic2021_pyratbayI), which is where these files come from.
_THEIR_FILES = "HST WFC3 G141"
_THEIR_DETECTIONS = {
    "HATP-18b_tsiaras_2018.csv",
    "HATP-32b_tsiaras_2018.csv",
    "HATP-38b_bruno_2017.csv",
    "HATP-41b_tsiaras_2018.csv",
    "K2-018b_benneke_2019.csv",
    "WASP-043b_stevenson_2017.csv",
    "WASP-063b_kilpatrick_2018.csv",
    "WASP-069b_tsiaras_2018.csv",
    "WASP-103b_kreidberg_2018.csv",
    "XO-1b_tsiaras_2018.csv",
}
# Where fewer of the simulated atmospheres show a gas than this, a spectrum can say nothing of it.
VISIBLE = 0.01
_INK = "#1a1a1a"


def _label(spectrum: dict[str, Any]) -> str:
    """``"WASP-39 b  NIRSpec PRISM, Carter 2024"``."""
    instrument = spectrum["instrument"].split("(")[0]
    for word in ("JWST ", "HST ", " 3-5.5um", "+F444W", "/ACS"):
        instrument = instrument.replace(word, "")
    # The manifest names the first instrument alone.
    if "WFC3" in instrument and "Spitzer" not in instrument and spectrum["range_um"][1] > 3:
        instrument = instrument.strip() + " + Spitzer"
    words = spectrum["publication"].split("(")[0].replace("&", " ").split()
    year = next(word for word in words if word.rstrip(";").isdigit()).rstrip(";")
    return f"{spectrum['planet']}  {instrument.strip()}, {_first_author(words)} {year}"


def _first_author(words: list[str]) -> str:
    return "JTEC" if words[0] == "JWST" else words[0]


def _cell(spectrum: dict[str, Any], molecule: str) -> str:
    said = [spectrum[model]["detectable"][molecule]["probability"] for model in MODELS]
    mark = _MARK.get(spectrum["published"].get(molecule, ""), "")
    return f"{said[0]:.2f} / {said[1]:.2f} {mark}".rstrip()


def agreement(results: list[dict[str, Any]], model: str) -> dict[str, dict[str, int]]:
    """Count what a model says of gases published as seen, weakly seen, not seen, or not at all.

    Gases that a spectrum cannot show are left out.
    """
    sorted_cells: dict[str, list[dict[str, float]]] = {claim: [] for claim in CLAIMS}
    for result in results:
        for molecule, cell in result[model]["detectable"].items():
            if cell["prior"] >= VISIBLE:
                sorted_cells[result["published"].get(molecule, "nothing")].append(cell)
    return {
        claim: {
            "n": len(cells),
            "above_0.9": sum(cell["probability"] > 0.9 for cell in cells),
            "above_0.5": sum(cell["probability"] > 0.5 for cell in cells),
            "odds_raised_20_fold": sum(cell["log_odds_gain"] > 3 for cell in cells),
        }
        for claim, cells in sorted_cells.items()
    }


def against_retrievals(results: list[dict[str, Any]], model: str) -> dict[str, Any]:
    """Compare the probability of water with retrievals of the same WFC3 files."""
    theirs = [result for result in results if result["instrument"] == _THEIR_FILES]
    favoured = [result["file"] in _THEIR_DETECTIONS for result in theirs]
    water = [result[model]["detectable"]["H2O"]["probability"] for result in theirs]
    above = [f for f, p in zip(favoured, water, strict=True) if p > 0.5]
    return {
        "n": len(theirs),
        "favoured": sum(favoured),
        "favoured_above_0.5": sum(above),
        "others_above_0.5": len(above) - sum(above),
        "auc": round(float(roc_auc_score(favoured, water)), 3) if len(set(favoured)) > 1 else None,
    }


def table(document: dict[str, Any], machine: dict[str, Any]) -> str:
    """Return the table and the counts of agreement, in Markdown."""
    molecules = list(document["spectra"][0]["network"]["detectable"])
    lines = [
        f"{document['n_training']:,} training spectra a file, {document['members']} networks of "
        f"{document['epochs']} epochs, a forest of 100 trees; {machine['date']}, "
        f"{document['seconds'] / 60:.0f} minutes on {machine['n_cores']} cores, load "
        f"{machine['load_1min']:g} before and {document['load_after']:g} after.",
        "",
        "| spectrum | bins | error, model's (ppm) | " + " | ".join(molecules) + " | nearer |",
        "|---|---|---|" + "---|" * (len(molecules) + 1),
    ]
    for spectrum in document["spectra"]:
        errors = f"{spectrum['median_sigma_ppm']:.0f}, {spectrum['median_model_error_ppm']:.0f}"
        cells = " | ".join(_cell(spectrum, molecule) for molecule in molecules)
        lines.append(
            f"| {_label(spectrum)} | {spectrum['n_bins']} | {errors} | {cells} | "
            f"{spectrum['distance']['share_nearer']:.2f} |"
        )
    lines += [
        "",
        "| published | gases | network > 0.9 | > 0.5 | odds x20 | forest > 0.9 | > 0.5 | x20 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for claim, text in CLAIMS.items():
        counts = [document["agreement"][model][claim] for model in MODELS]
        numbers = [c[k] for c in counts for k in ("above_0.9", "above_0.5", "odds_raised_20_fold")]
        lines.append(f"| {text} | {counts[0]['n']} | " + " | ".join(map(str, numbers)) + " |")
    for model in MODELS:
        found = against_retrievals(document["spectra"], model)
        lines += [
            "",
            f"Water, {model}, in the {found['n']} WFC3 files of Cubillos & Blecic (2021): above "
            f"0.5 in {found['favoured_above_0.5']} of the {found['favoured']} where they favour "
            f"molecules, and in {found['others_above_0.5']} of the others; AUC {found['auc']}.",
        ]
    read = [s for s in document["spectra"] if s["reading"]]
    lines += ["", *(f"- `{s['file']}`: {s['reading']}." for s in read)]
    return "\n".join(lines)


def write_table(document: dict[str, Any], machine: dict[str, Any], path: Path) -> None:
    """Put the table between its two marks, and leave the discussion around it."""
    text = path.read_text("utf-8") if path.exists() else f"{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    content = f"{before}{_BEGIN}\n{table(document, machine)}\n{_END}{after}"
    with atomic_path(path) as temporary:
        temporary.write_text(content, "utf-8")


def draw(document: dict[str, Any], path: Path) -> None:
    """Draw probabilities of all gases and spectra, with what was published on top."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    from exosk.report.figures import save_figure

    spectra = document["spectra"]
    molecules = list(spectra[0]["network"]["detectable"])
    with rc_context(STYLE):
        figure = Figure(figsize=(9.6, 0.235 * len(spectra) + 1.6), layout="constrained")
        axes = figure.subplots(1, 2, sharey=True)
        for axis, model, title in zip(
            axes, MODELS, ("Network (MLPDetector)", "Forest (MoleculeDetector)"), strict=True
        ):
            image = _panel(axis, spectra, molecules, model)
            axis.set_title(title, fontsize=10.5, pad=20)
        axes[0].set_yticks(range(len(spectra)), [_label(s) for s in spectra], fontsize=8)
        bar = figure.colorbar(image, ax=axes, shrink=0.5, aspect=28, pad=0.015)
        bar.set_label("probability: abundance above $10^{-8}$, and visible at these errors")
        figure.legend(
            handles=_legend(),
            loc="outside lower center",
            ncols=4,
            frameon=False,
            fontsize=8.5,
            title="Marks: what was published, as recalled and not checked",
            title_fontsize=8.5,
        )
    save_figure(figure, path, dpi=150)


def _panel(axis: Any, spectra: list[dict[str, Any]], molecules: list[str], model: str) -> Any:
    import numpy as np

    cells = [[s[model]["detectable"][m] for m in molecules] for s in spectra]
    probability = np.array([[cell["probability"] for cell in row] for row in cells])
    image = axis.imshow(probability, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for row, spectrum in enumerate(spectra):
        for column, molecule in enumerate(molecules):
            p, dark = probability[row, column], probability[row, column] < 0.55
            if cells[row][column]["prior"] < VISIBLE:
                box = (column - 0.5, row - 0.5)
                axis.add_patch(_hatched(box))
                continue
            ink = "white" if dark else _INK
            axis.text(
                column + 0.1, row, f"{p:.2f}", ha="center", va="center", fontsize=7, color=ink
            )
            if claim := spectrum["published"].get(molecule):
                axis.plot(column - 0.33, row, **_mark(claim, ink))
    for row in range(1, len(spectra)):
        if spectra[row]["planet"] != spectra[row - 1]["planet"]:
            axis.axhline(row - 0.5, color="white", linewidth=1.6)
    axis.set_xticks(range(len(molecules)), [formula(m) for m in molecules])
    axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for side in axis.spines.values():
        side.set_visible(False)
    return image


def _hatched(corner: tuple[float, float]) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, 1, 1, facecolor="#f2f2f2", edgecolor="0.8", hatch="////", linewidth=0)


def _mark(claim: str, ink: str) -> dict[str, Any]:
    """Full for seen, empty for weak, a cross for not seen."""
    style = {"markersize": 5.5, "color": ink, "linestyle": "none", "markeredgewidth": 1.3}
    return (
        style
        | {
            "yes": {"marker": "o"},
            "weak": {"marker": "o", "markerfacecolor": "none"},
            "no": {"marker": "x"},
        }[claim]
    )


def _legend() -> list[Any]:
    from matplotlib.lines import Line2D

    marks = [
        Line2D([], [], label=text, **_mark(claim, _INK))
        for claim, text in {
            "yes": "published as seen",
            "weak": "weak, muted or contested",
            "no": "not seen",
        }.items()
    ]
    hatched = _hatched((0, 0))
    hatched.set_label("cannot show: < 1 % of simulated atmospheres do")
    return [*marks, hatched]


def main() -> None:
    """Make table and picture from the stored results."""
    stored = json.loads((RESULTS / "real_spectra.json").read_text("utf-8"))
    write_table(stored["result"], stored["machine"], RESULTS / "real_spectra.md")
    draw(stored["result"], RESULTS / "real_spectra.png")


if __name__ == "__main__":
    main()
