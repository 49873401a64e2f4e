"""`--join` and `--offset`: spectra of several instruments, and the simulator that allows for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from exosk.cli.options import System
from exosk.exceptions import RangeError

if TYPE_CHECKING:
    from exosk.parameters import Prior
    from exosk.simulators import Simulator
    from exosk.spectra import Spectrum

__all__ = ["choose_offsets", "load_joined", "make_simulator", "with_system"]

# What a prior or a fixed value of a simulator's parameter makes it needless to know.
_SETTLES = {"temperature": "equilibrium_temperature", "t_irr": "equilibrium_temperature"}


def load_joined(targets: Sequence[str], reading: dict[str, Any]) -> Spectrum:
    """Load one spectrum, or several of one planet as one.

    Parameters
    ----------
    targets : sequence of str
        Names or files; the first gives the name and what is published of the system.
    reading : dict
        How to read files.
    """
    from exosk.sources import load_spectrum

    spectra = [load_spectrum(target, **reading) for target in targets]
    if len(spectra) == 1:
        return spectra[0]
    from exosk.preprocessing import join_spectra

    return join_spectra(spectra)


def with_system(spectrum: Spectrum, system: System) -> Spectrum:
    """Add to a spectrum's meta what was stated of its system, and what catalogues know besides.

    What is taken from a catalogue is told on standard error.
    """
    from rich.console import Console
    from rich.markup import escape

    from exosk.sources import complete_system

    spectrum = spectrum.replace(meta={**spectrum.meta, **system.meta})
    settled = {_SETTLES.get(name, name) for name in (*system.priors, *system.fixed)}
    complete = complete_system(spectrum, stated=settled)
    before = spectrum.meta.get("notes", [])
    for note in complete.meta.get("notes", [])[len(before) :]:
        Console(stderr=True, highlight=False, soft_wrap=True).print(escape(note))
    return complete


def choose_offsets(spectrum: Spectrum, width: float | None, joined: bool) -> Prior | None:
    """Choose the prior of offsets between instruments; None where there are none.

    Parameters
    ----------
    spectrum : Spectrum
        The observation.
    width : float or None
        As stated: 1-sigma, in ppm, of a normal prior.
    joined : bool
        Whether the spectrum was joined from several just now, which have offsets by default.

    Raises
    ------
    RangeError
        If offsets are wanted and there is one instrument.
    """
    if width == 0 or (width is None and not joined):
        return None
    known = spectrum.without_missing().by_instrument()
    if len(known) < 2:
        raise RangeError(
            f"offsets are between instruments, and all {len(spectrum)} bins are of one "
            f"({known[0][0] or 'unnamed'}); --join another's spectrum, name each bin's in a column "
            f"'instrument', or take --offset 0 for none"
        )
    from exosk.parameters import Normal
    from exosk.simulators.quantities import make_parameter, offset_name

    return make_parameter(offset_name("any"), ()).prior if width is None else Normal(0.0, width)


def make_simulator(system: System, spectrum: Spectrum, offsets: Prior | None = None) -> Simulator:
    """Make the simulator of an observation.

    Parameters
    ----------
    system : System
        What was stated. Priors and values of offsets win.
    spectrum : Spectrum
        The observation.
    offsets : prior, optional
        Of every instrument but that of most bins.
    """
    from exosk.simulators.system import space_for_spectrum

    priors, fixed = dict(system.priors), dict(system.fixed)
    chosen: dict[str, Any] = {}
    if offsets is not None:
        from exosk.simulators.joined import JoinedSimulator, instruments_of, offset_names

        spectrum = spectrum.without_missing()
        sizes = {name: int(bins.sum()) for name, bins in instruments_of(spectrum).items()}
        for instrument, name in offset_names(sizes).items():
            for stated in (priors, fixed):
                if name in stated:
                    chosen[instrument] = stated.pop(name)
        # An offset that is stated makes its instrument no reference.
        others = sorted(sizes.keys() - chosen.keys(), key=lambda name: -sizes[name])
        chosen |= dict.fromkeys(others[1:], offsets)
    space, values = space_for_spectrum(
        spectrum, system.molecules, priors=priors, fixed=fixed, **system.profiles
    )
    simulator = system.make_simulator(space, values)
    return simulator if offsets is None else JoinedSimulator(simulator, spectrum, chosen)
