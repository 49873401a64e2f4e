"""ExoGAN's published training set: the files ``chunck_*.pkgz`` (OSF 6dxps).

Each is a gzipped pickle of Python 2 with 10,000 spectra that TauREx 2 made: a dictionary whose
entries have ``param`` (planet radius in m, mass in kg, temperature in K, volume mixing ratios) and
``data`` with ``spectrum``, the transit depths in the 515 bins from the longest wavelength to the
shortest. All chunks together are the nodes of a regular grid of ten values a parameter.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from exosk.datasets import Dataset
from exosk.exceptions import FileFormatError, RangeError
from exosk.parameters import ParameterSpace, Uniform
from exosk.units import CANONICAL, JUPITER_MASS, JUPITER_RADIUS
from exosk_exogan.grid import N_BINS, exogan_grid
from exosk_exogan.parameters import CITATION, MASS, MOLECULES, RADIUS, STAR_RADIUS, exogan_space
from exosk_exogan.unpickling import MAX_BYTES, load_plain

__all__ = ["read_chunk", "read_chunks"]

# By the order of exogan_space: key, unit, and the range outside of which a value is damaged or in
# another unit.
_PARAMETERS = (
    ("planet_radius", "m", 1e6, 1e9),
    ("planet_mass", "kg", 1e24, 2e29),
    ("temperature_profile", "K", 1.0, 1e5),
    ("h2o_mixratio", "", 1e-30, 1.0),
    ("co2_mixratio", "", 1e-30, 1.0),
    ("co_mixratio", "", 1e-30, 1.0),
    ("ch4_mixratio", "", 1e-30, 1.0),
)
_CM, _GRAM = 100.0, 1000.0


def read_chunks(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    limit: int | None = None,
    random_state: Any = None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Read ExoGAN's training spectra.

    Parameters
    ----------
    paths : path-like or iterable of path-like
        Chunks, or folders of them. A file that is named twice is read once.
    limit : int, optional
        Keep at most so many spectra, drawn evenly from all of them (Vitter 1985, ACM Trans. Math.
        Softw. 11, 37, algorithm R): chunks may follow the grid of parameters, and the first ones
        would then be no sample of it. Every file is read, one after the other; this number of
        spectra and one chunk are in memory. All ten million spectra take 20 GB.
    random_state : int, RandomState or None
        Of that draw, as in scikit-learn.
    progress : callable, optional
        Called with the number of spectra read since the last call.

    Returns
    -------
    Dataset
        Depths as float32 in the 515 ascending bins of :func:`exosk_exogan.exogan_grid`; parameters
        in exosk's names and units, in the order of :func:`exosk_exogan.exogan_space`. The star has
        0.9997 solar radii, one of TauREx 2's. The priors are ExoGAN's in exosk's units, so that the
        radius goes from 0.782 to 1.467 R_jup; where a file has values beyond, a prior is widened to
        hold them.

    Raises
    ------
    FileFormatError
        If there is no such file, or one is damaged, holds something else, or holds code (see
        :mod:`exosk_exogan.unpickling`; nothing is run).
    RangeError
        If no path is given, or `limit` is no positive whole number.

    Notes
    -----
    Each parameter has ten values, and each value a tenth of all spectra. A random split of this set
    tests no value that was not trained on.
    """
    files = _list_files(paths)
    if limit is not None and (int(limit) != limit or limit < 1):
        raise RangeError(f"limit must be a positive whole number of spectra, got {limit}")
    rng = check_random_state(random_state)
    kept = _Sample(limit, rng)
    for file in files:
        depth, theta = read_chunk(file)
        kept.add(depth, theta)
        if progress is not None:
            progress(len(depth))
    X, Y = kept.rows()
    seed = int(random_state) if isinstance(random_state, int | np.integer) else None
    provenance = {
        "simulator": "TauREx 2, in the training set of ExoGAN (OSF 6dxps)",
        "citation": [CITATION, "Waldmann et al. 2015, ApJ 802, 107 (TauREx)"],
        "molecules": list(MOLECULES),
        "fixed": {"star_radius": STAR_RADIUS},
        "files": [file.name for file in files],
        "n_read": kept.n_seen,
        "n_spectra": len(X),
        "seed": None if limit is None else seed,
    }
    return Dataset(X, Y, exogan_grid(), _space_of(Y), MOLECULES, provenance=provenance)


def read_chunk(
    path: str | os.PathLike[str], max_bytes: int = MAX_BYTES
) -> tuple[np.ndarray, np.ndarray]:
    """Read one chunk.

    Parameters
    ----------
    path : path-like
        A file ``chunck_*.pkgz``.
    max_bytes : int, default=512 MiB
        Most bytes that it may have when it is unpacked.

    Returns
    -------
    depth : ndarray of shape (n, 515), float32
        Transit depths, ascending in wavelength.
    theta : ndarray of shape (n, 7)
        Parameters in exosk's units, in the order of :func:`exosk_exogan.exogan_space`.

    Raises
    ------
    FileFormatError
        As :func:`read_chunks`.
    """
    content, n_bytes = load_plain(path, max_bytes)
    if not isinstance(content, dict) or not content:
        raise FileFormatError(f"{path} holds no spectra but {_describe(content)}")
    if len(content) * N_BINS * 4 > n_bytes:  # one spectrum named a million times
        raise FileFormatError(f"{path} has {len(content)} spectra and too few bytes for them")
    depth, theta = [], []
    for name, entry in content.items():
        where = f"{path}: the entry {str(name)[:40]!r}"
        depth.append(_spectrum(entry, where))
        theta.append(_parameters(entry, where))
    depths = np.stack(depth)
    bad = ~((depths > 0) & (depths <= CANONICAL["depth"].high))  # NaN is none of both
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise FileFormatError(
            f"{path}: the entry {str(list(content)[row])[:40]!r} has the transit depth "
            f"{depths[row, column]:g}; depths are positive fractions"
        )
    return depths[:, ::-1].astype(np.float32), _convert(np.array(theta))


def _spectrum(entry: Any, where: str) -> np.ndarray:
    spectrum = _part(entry, "data", "spectrum", where)
    if not isinstance(spectrum, np.ndarray) or spectrum.shape != (N_BINS,):
        raise FileFormatError(
            f"{where} has {_describe(spectrum)} as its spectrum; ExoGAN's have {N_BINS} depths"
        )
    return np.asarray(spectrum, dtype=np.float64)


def _parameters(entry: Any, where: str) -> list[float]:
    values = []
    for key, unit, low, high in _PARAMETERS:
        found = _part(entry, "param", key, where)
        if not isinstance(found, int | float | np.number | np.ndarray) or np.size(found) != 1:
            raise FileFormatError(f"{where} has {_describe(found)} as its {key}; it is a number")
        try:
            value = float(np.asarray(found).item())
        except OverflowError:  # an integer of hundreds of digits
            value = np.inf
        if not low <= value <= high:
            raise FileFormatError(
                f"{where} has {key} = {value:g}, outside {low:g} to {high:g} {unit}".rstrip()
            )
        values.append(value)
    if sum(values[3:]) > 1:
        raise FileFormatError(f"{where} has mixing ratios that add up to {sum(values[3:]):.3g}")
    return values


def _part(entry: Any, group: str, key: str, where: str) -> Any:
    held = entry.get(group) if isinstance(entry, dict) else None
    if not isinstance(held, dict) or key not in held:
        raise FileFormatError(f"{where} has no [{group!r}][{key!r}], as every entry of a chunk has")
    return held[key]


def _convert(theta: np.ndarray) -> np.ndarray:
    """Turn m, kg, K and volume mixing ratios into exosk's units."""
    converted = theta.copy()
    converted[:, 0] *= _CM / JUPITER_RADIUS
    converted[:, 1] *= _GRAM / JUPITER_MASS
    converted[:, 3:] = np.log10(theta[:, 3:])
    return converted


def _space_of(Y: np.ndarray) -> ParameterSpace:
    """Return ExoGAN's priors in exosk's units, wide enough for all rows."""
    space = exogan_space()
    factor = {"planet_radius": RADIUS, "planet_mass": MASS}
    priors = {}
    for name, (low, high), column in zip(space.names, space.bounds, Y.T):
        low, high = (end * factor.get(name, 1.0) for end in (low, high))
        priors[name] = Uniform(min(low, float(column.min())), max(high, float(column.max())))
    return space.replace(**priors)


class _Sample:
    """All rows that come, or so many of them at random."""

    def __init__(self, limit: int | None, rng: np.random.RandomState) -> None:
        self._limit, self._rng = None if limit is None else int(limit), rng
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self.n_seen = 0

    def add(self, X: np.ndarray, Y: np.ndarray) -> None:
        first = len(X) if self._limit is None else max(0, self._limit - self.n_seen)
        if first:
            self._parts.append((X[:first], Y[:first]))
        later = np.arange(first, len(X))
        if later.size:
            kept = self._parts[:] = [self.rows()]
            # The t-th row of all takes one of t places at random, and is lost at those beyond the
            # limit; later rows push out earlier ones.
            place = self._rng.uniform(size=later.size) * (self.n_seen + later + 1)
            for row, slot in zip(later, place.astype(np.int64)):
                if slot < self._limit:
                    for columns, new in zip(kept[0], (X, Y)):
                        columns[slot] = new[row]
        self.n_seen += len(X)

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Join the parts; what is one already is not copied."""
        if len(self._parts) == 1:
            return self._parts[0]
        X, Y = (np.concatenate(columns) for columns in zip(*self._parts))
        return X, Y


def _list_files(paths: Any) -> list[Path]:
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise RangeError("no chunk is given; name files chunck_*.pkgz or a folder of them")
    files = []
    for path in (Path(one).expanduser() for one in given):
        if path.is_dir():
            found = sorted(path.glob("*.pkgz"))
            if not found:
                raise FileFormatError(f"there is no chunk (*.pkgz) in the folder {path}")
            files += found
        else:
            files.append(path)
    return list({file.resolve(): file for file in files}.values())


def _describe(value: Any) -> str:
    """Say what something is, without printing what it holds."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    if isinstance(value, dict | list | tuple) and not value:
        return f"an empty {type(value).__name__}"
    return f"a {type(value).__name__}"
