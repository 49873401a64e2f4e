"""The folder: what is written anew each time, and what is the author's."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from exosk.benchmark import Result, read_results
from exosk.exceptions import FileFormatError, RangeError
from exosk.paper.figures import made_figures, pictures_of
from exosk.paper.marks import Mark, find_marks, included, macros_in
from exosk.paper.networks import DEFAULTS, example_networks, settings_of
from exosk.paper.numbers import numbers_of
from exosk.paper.other_tables import planet_table, settings_table
from exosk.paper.references import cited_keys, keys_of, merged_bibliography, references_for
from exosk.paper.rendering import Content, render, render_numbers
from exosk.paper.sections import in_order
from exosk.paper.tables import overview_table, result_table
from exosk.report import bibliography
from exosk.report.bibtex import Reference, known_references
from exosk.retrieval import Retrieval
from exosk.simulators.system import space_for_spectrum
from exosk.sources import load_spectrum
from exosk.storage import atomic_path

__all__ = ["Written", "prepare_folder", "results_for_paper", "write_paper"]

_MANIFEST, _NUMBERS, _BIBLIOGRAPHY = "paper.json", "numbers.tex", "references.bib"
_TEXTS = ("manuscript.tex", "note.tex")
_SCHEMA = 1
_TABLE_HEAD = "% Written by `exosk paper`; each run replaces this file.\n"
# Where no planet is retrieved, networks are drawn for this one's bins.
_EXAMPLE, _GASES = "wasp-39b", ("H2O", "CO2", "CO", "CH4", "Na", "K")


@dataclass(frozen=True)
class Written:
    """What a run left.

    Attributes
    ----------
    text : Path
        The manuscript or the note.
    kept : bool
        Whether it is the author's own, as it was.
    backup : Path or None
        Where the text is that was replaced.
    files : sequence of Path
        Those that each run writes anew.
    marks : sequence of Mark
        What the author must still write.
    notes : sequence of str
        What a kept text lacks or has too much, in sentences.
    """

    text: Path
    kept: bool
    backup: Path | None
    files: Sequence[Path]
    marks: Sequence[Mark]
    notes: Sequence[str]


def results_for_paper(folder: Path, *, allow_smoke: bool = False) -> dict[str, Result]:
    """Read results that may stand in a paper.

    Parameters
    ----------
    folder : Path
        With a JSON file a task.
    allow_smoke : bool, default=False
        Whether those of smoke runs may, with a mark.

    Returns
    -------
    dict of str to Result
        In the order of the manuscript. Those without any entry are left out.

    Raises
    ------
    FileFormatError
        If there is no result, or one cannot be read, or none has an entry.
    RangeError
        If one is of a smoke run.
    """
    found = {r.task: r for r in in_order(read_results(folder)) if r.entries}
    if not found:
        raise FileFormatError(f"no result in {folder} has an entry, so there is nothing to tell of")
    smoke = [name for name, result in found.items() if result.size == "smoke"]
    if smoke and not allow_smoke:
        raise RangeError(
            f"results of {', '.join(smoke)} in {folder} are of smoke runs, which only show that a "
            f"task works; `exosk benchmark run {' '.join(smoke)}` measures them, and --allow-smoke "
            "lets them in with a mark"
        )
    return found


def prepare_folder(out: Path) -> None:
    """Make the folder, or say why it cannot be written.

    Raises
    ------
    RangeError
        If it cannot.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RangeError(f"{out} cannot be the folder of the paper: {error}") from error
    if not os.access(out, os.W_OK | os.X_OK):
        raise RangeError(f"{out} cannot be written; choose another folder")


def write_paper(
    results: Mapping[str, Result],
    out: Path,
    *,
    note: bool = False,
    title: str | None = None,
    authors: Sequence[str] = (),
    retrieval: Retrieval | None = None,
    overwrite: bool = False,
) -> Written:
    """Fill a manuscript, or renew the numbers, tables and figures of one.

    Everything is made before anything is written. A text that is there stays as it is, and in
    ``references.bib`` what is there does too.

    Parameters
    ----------
    results : mapping of str to Result
        As :func:`results_for_paper` returns them.
    out : Path
        The folder.
    note : bool, default=False
        A Research Note (``note.tex``) in place of ``manuscript.tex``.
    title : str, optional
        Plain text.
    authors : sequence of str, optional
        Names, plain text.
    retrieval : Retrieval, optional
        Of an observed planet.
    overwrite : bool, default=False
        Whether a text that is there is replaced; it is kept beside, under another name.

    Returns
    -------
    Written

    Raises
    ------
    RangeError
        If the folder cannot be written, or holds a file of another origin where one is to be.
    FileFormatError
        If a picture cannot be read.
    """
    prepare_folder(out)
    path = out / _TEXTS[note]
    kept = path.exists() and not overwrite
    if kept and (title or authors):
        raise RangeError(
            f"{path} is there and is not changed, so a title or an author would have no effect; "
            "write them into it, or take --overwrite"
        )
    spectrum = load_spectrum(_EXAMPLE) if retrieval is None else retrieval.spectrum
    space = (
        space_for_spectrum(spectrum, _GASES)[0] if retrieval is None else retrieval.posterior.space
    )
    networks = example_networks(spectrum, space)
    pictures = {task: pictures_of(result) for task, result in results.items()}
    content = Content(
        results=results,
        numbers=numbers_of(results, retrieval),
        retrieval=retrieval,
        cited=None if retrieval is None else bibliography(retrieval),
        networks={name: (len(spectrum), len(space)) for name in networks},
        pictures={task: [(p.name, p.ratio) for p in found] for task, found in pictures.items()},
        title=title,
        authors=authors,
    )
    text = path.read_text("utf-8") if kept else render(_TEXTS[note], content)
    texts = {name: (out / name).read_text("utf-8") for name in _TEXTS if (out / name).exists()}
    texts[path.name] = text
    files = {f"figures/{p.name}": p.content for found in pictures.values() for p in found}
    files |= made_figures(results, retrieval, networks)
    files |= {f"tables/{n}.tex": (_TABLE_HEAD + t).encode() for n, t in _tables(content).items()}
    used = {macro for each in texts.values() for macro in macros_in(each)}
    gone = sorted(used - content.numbers.values.keys())
    files[_NUMBERS] = render_numbers(content.numbers, gone).encode()
    bib, notes = _bibliography(out / _BIBLIOGRAPHY, text, content, kept=kept)
    if kept:
        notes += _differences(text, set(files), gone)
    backup = _write(out, path, text, files, bib, results, kept=kept)
    return Written(path, kept, backup, [out / name for name in files], find_marks(text), notes)


def _tables(content: Content) -> dict[str, str]:
    tables = {task: result_table(result) for task, result in content.results.items()}
    tables["overview"] = overview_table(content.results)
    tables["settings"] = settings_table({n: settings_of(kind) for n, kind in DEFAULTS.items()})
    if content.retrieval is not None:
        tables["planet"] = planet_table(content.retrieval)
    return tables


def _bibliography(path: Path, text: str, content: Content, *, kept: bool) -> tuple[str, list[str]]:
    """Return the file's new text, and what is cited and known nowhere."""
    old = path.read_text("utf-8") if path.exists() else None
    own = keys_of(old or "")
    cited = content.cited.references if content.cited else ()
    more: dict[str, Reference] = {r.key: r for r in cited}
    # A reference without a year is printed with question marks: that of the latest result.
    exosk = more.get("exosk", known_references()["exosk"])
    years = [str(r.machine.get("date", ""))[:4] for r in content.results.values()]
    more["exosk"] = exosk.with_fields(year=max(years))
    keys = cited_keys(text)
    unknown = [key for key in keys if key not in {*own, *more, *known_references()}]
    if kept:
        keys = [key for key in keys if key not in unknown]
    new = merged_bibliography(old, references_for(keys, more, own))
    missing = f"{path.name} lacks {', '.join(unknown)}, which the text cites" if unknown else ""
    return new, [missing] if missing else []


def _differences(text: str, files: set[str], gone: Sequence[str]) -> list[str]:
    """Say what a kept text includes in vain, and what it could include."""
    used = included(text)
    there = {("figure", Path(f).name) for f in files if f.startswith("figures/")}
    there |= {("table", Path(f).stem) for f in files if f.startswith("tables/")}
    notes = [f"the text includes the {kind} {name}, which is no more" for kind, name in
             sorted(used - there)]  # fmt: skip
    tables = sorted(name for kind, name in there - used if kind == "table")
    if tables:
        notes.append(f"the text does not include the tables {', '.join(tables)}")
    if gone:
        notes.append(f"the text uses numbers that are no more: {', '.join(gone)}")
    return notes


def _write(
    out: Path,
    path: Path,
    text: str,
    files: Mapping[str, bytes],
    bib: str,
    results: Mapping[str, Result],
    *,
    kept: bool,
) -> Path | None:
    before = _files_of(out)
    for name in files:
        if (out / name).exists() and name not in before:
            raise RangeError(
                f"{out / name} is there and was not written by `exosk paper`; choose another "
                "folder, or move it away"
            )
    # Should this be interrupted, the next run still knows which files are not the author's.
    _write_manifest(out, before | set(files), results)
    for name, content in files.items():
        with atomic_path(out / name) as temporary:
            temporary.write_bytes(content)
    with atomic_path(out / _BIBLIOGRAPHY) as temporary:
        temporary.write_text(bib, "utf-8")
    backup = None
    if not kept:
        if path.exists():
            numbers = (out / f"{path.name}.{k}" for k in range(1, 10_000))
            backup = next(place for place in numbers if not place.exists())
            os.replace(path, backup)
        with atomic_path(path) as temporary:
            temporary.write_text(text, "utf-8")
    for name in before - set(files):
        (out / name).unlink(missing_ok=True)
    _write_manifest(out, set(files), results)
    return backup


def _files_of(out: Path) -> set[str]:
    """Return the files that earlier runs wrote, as far as they lie in the folder."""
    path = out / _MANIFEST
    if not path.exists():
        return set()
    try:
        document = json.loads(path.read_text("utf-8"))
        if document["schema"] != _SCHEMA:
            raise ValueError(f"schema {document['schema']}")
        names = set(document["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileFormatError(
            f"{path} does not say what an earlier run wrote ({error}); choose another folder"
        ) from error
    # It decides what is replaced and removed, so nothing else may slip in.
    allowed = ("figures", "tables")
    return {n for n in names if n == _NUMBERS or (n.count("/") == 1 and n.split("/")[0] in allowed)}


def _write_manifest(out: Path, files: set[str], results: Mapping[str, Result]) -> None:
    document = {
        "schema": _SCHEMA,
        "exosk": metadata.version("exosk"),
        "results": {
            task: {"size": r.size, "date": r.machine.get("date"), "file": str(r.path)}
            for task, r in results.items()
        },
        "files": sorted(files),
    }
    with atomic_path(out / _MANIFEST) as temporary:
        temporary.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
