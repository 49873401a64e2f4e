"""Several instruments' spectra of one planet as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exosk.exceptions import GridError
from exosk.grids import SpectralGrid
from exosk.spectra import Spectrum

__all__ = ["join_spectra"]


def join_spectra(spectra: Sequence[Spectrum], name: str | None = None) -> Spectrum:
    """Put the bins of several spectra into one spectrum, by ascending wavelength.

    Nothing is averaged: bins of different instruments may overlap and leave gaps, and each keeps
    its own depth and error. Instruments have offsets against each other; which bin belongs to
    which is kept, so that :class:`exosk.JoinedSimulator` can allow for them.

    Parameters
    ----------
    spectra : sequence of Spectrum
        At least one.
    name : str, optional
        What was observed; the first spectrum's name by default.

    Returns
    -------
    Spectrum
        With the `meta` of all (the first that has a key counts), and in it ``"instruments"``, a
        list of their names, and ``"instrument"``, the index into it of each bin. Spectra of one
        name count as one instrument, but unnamed ones do not; one that tells the instruments of
        its own bins apart (:meth:`exosk.Spectrum.by_instrument`) brings all of them.

    Raises
    ------
    GridError
        If there is none, two of them have a bin at the same centre, or they overlap so much that
        they are two spectra of one range.

    Examples
    --------
    >>> from exosk.spectra import Spectrum
    >>> a = Spectrum.from_arrays([1.2, 1.4], [0.02, 0.02], [1e-4, 1e-4], 0.1, instrument="WFC3")
    >>> b = Spectrum.from_arrays([0.8, 3.6], [0.02, 0.02], [1e-4, 1e-4], 0.1, instrument="other")
    >>> joined = join_spectra([a, b])
    >>> joined.wavelength, joined.meta
    (array([0.8, 1.2, 1.4, 3.6]), {'instruments': ['WFC3', 'other'], 'instrument': [1, 0, 0, 1]})
    """
    spectra = list(spectra)
    if not spectra:
        raise GridError("there are no spectra to join; give at least one")
    instruments: list[str] = []
    owners = []
    for spectrum in spectra:
        owner = np.empty(len(spectrum), dtype=int)
        for instrument, bins in spectrum.by_instrument():
            if not instrument or instrument not in instruments:
                instruments.append(instrument)
                owner[bins] = len(instruments) - 1
            else:
                owner[bins] = instruments.index(instrument)
        owners.append(owner)
    owner = np.concatenate(owners)
    lower, upper, depth, sigma = (
        np.concatenate([getattr(source, attribute) for source in sources])
        for attribute, sources in (
            ("lower", [spectrum.grid for spectrum in spectra]),
            ("upper", [spectrum.grid for spectrum in spectra]),
            ("depth", spectra),
            ("sigma", spectra),
        )
    )
    centers = (lower + upper) / 2
    order = np.argsort(centers, kind="stable")
    equal = np.flatnonzero(np.diff(centers[order]) <= 0)
    if equal.size:
        k = order[equal[0]]
        raise GridError(
            f"two of the spectra have a bin at {centers[k]:.4f} um ({equal.size} such pairs); "
            f"average them to one, or leave one of the spectra out"
        )
    try:
        grid = SpectralGrid(lower[order], upper[order])
    except GridError as error:
        raise GridError(
            "most bins of these spectra overlap, as those of two spectra of one range do; rebin "
            "one to the other's bins and average them, or leave one out"
        ) from error
    meta = {key: value for spectrum in reversed(spectra) for key, value in spectrum.meta.items()}
    # One spectrum's ranges would hold bins of another.
    meta.pop("instrument_ranges_um", None)
    return Spectrum(
        grid,
        depth[order],
        sigma[order],
        name=spectra[0].name if name is None else name,
        instrument=" + ".join(filter(None, instruments)),
        reference="; ".join(dict.fromkeys(s.reference for s in spectra if s.reference)),
        meta=meta | {"instruments": instruments, "instrument": owner[order].tolist()},
    )
