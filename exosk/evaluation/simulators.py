"""Whether simulators agree: the same atmospheres through each of them.

One simulator is the reference. Where another has the same native wavelengths the two are compared
sample by sample, elsewhere as averages over the same bins. What one simulator cannot do (load, a
parameter, an atmosphere) is recorded, and does not keep the others from being compared.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from exosk.evaluation.atmospheres import comparison_atmospheres
from exosk.evaluation.comparison import Comparison, Difference
from exosk.exceptions import PluginError, RangeError
from exosk.parameters import ParameterSpace
from exosk.plugin import PluginManager, default_manager
from exosk.simulators import Simulator
from exosk.spectra import SpectralGrid

__all__ = ["compare_simulators"]

Tell = Callable[[str, float], None]


class _Run:
    """The spectra of one simulator, how long one takes, and what it refused."""

    def __init__(
        self, simulator: Simulator, table: Mapping[str, np.ndarray], names: Sequence[str]
    ) -> None:
        self.simulator = simulator
        theta = np.stack([table[name] for name in simulator.space.names], axis=-1)
        self.refused: dict[str, str] = {}
        # The first call sets up what later ones need.
        with contextlib.suppress(Exception):
            simulator.simulate(theta[-1:])
        started = time.perf_counter()
        try:
            self.depth = self._simulate(theta)
            self.seconds = (time.perf_counter() - started) / len(theta)
        except Exception:  # a simulator may raise anything, of some atmospheres only
            self._one_by_one(theta, names)

    def _one_by_one(self, theta: np.ndarray, names: Sequence[str]) -> None:
        self.depth = np.full((len(theta), len(self.simulator.wavelength)), np.nan)
        spent = []
        for k, name in enumerate(names):
            started = time.perf_counter()
            try:
                self.depth[k] = self._simulate(theta[k : k + 1])[0]
                spent.append(time.perf_counter() - started)
            except Exception as error:
                self.refused[name] = f"{type(error).__name__}: {error}"
        if not spent:
            raise PluginError(f"it refused every atmosphere; {names[0]}: {self.refused[names[0]]}")
        self.seconds = float(np.mean(spent))

    def _simulate(self, theta: np.ndarray) -> np.ndarray:
        depth = np.asarray(self.simulator.simulate(theta), dtype=float)
        expected = (len(theta), len(self.simulator.wavelength))
        if depth.shape != expected:
            raise PluginError(f"simulate() gave depths of shape {depth.shape}, not {expected}")
        if not np.isfinite(depth).all():
            raise PluginError("simulate() gave depths that are no numbers")
        return depth


def compare_simulators(
    simulators: Sequence[str] | None = None,
    *,
    reference: str = "builtin",
    n: int = 10,
    molecules: Sequence[str] = ("H2O", "CO2", "CO", "CH4", "Na", "K"),
    wavelength_range: tuple[float, float] | None = None,
    temperature_profile: str = "isothermal",
    n_layers: int = 100,
    resolution: float = 100.0,
    random_state: int = 0,
    manager: PluginManager | None = None,
    progress: Tell | None = None,
) -> Comparison:
    """Run the same atmospheres through several simulators, each on one thread.

    Parameters
    ----------
    simulators : sequence of str, optional
        All that are installed by default.
    reference : str, default="builtin"
        What the others are compared with.
    n : int, default=10
        Number of draws of the default priors, beside the extremes of
        :data:`exosk.evaluation.atmospheres.EXTREMES`.
    molecules : sequence of str
        Absorbers.
    wavelength_range : tuple of float, optional
        Compare between these wavelengths only, in um.
    temperature_profile, n_layers
        As simulators take them.
    resolution : float, default=100
        Of the bins in which simulators of other native wavelengths are compared.
    random_state : int
        Seed of the draws.
    manager : PluginManager, optional
        Where simulators come from; the process's by default.
    progress : callable, optional
        Takes a stage's name and the share of it that is done.

    Returns
    -------
    Comparison

    Raises
    ------
    UnknownNameError
        If no plugin offers one of the simulators.
    PluginError
        If there is none but the reference.
    ExoskError
        If the reference does not run.
    """
    manager = manager or default_manager()
    tell = progress or (lambda stage, share: None)
    names = list(dict.fromkeys(manager.names("simulators") if simulators is None else simulators))
    factories = {name: manager.get("simulators", name) for name in [reference, *names]}
    others = [name for name in names if name.casefold() != reference.casefold()]
    if not others:
        raise PluginError(
            f"there is no simulator to compare {reference!r} with; install one, as in "
            f"pip install exosk-taurex, or name it (exosk plugins lists those that failed to load)"
        )
    settings: dict[str, Any] = {
        "molecules": tuple(molecules),
        "temperature_profile": temperature_profile,
        "n_layers": n_layers,
    }
    with _one_thread():
        tell(reference, 0.0)
        first = factories[reference](**settings)
        bins = _bins(first.wavelength, wavelength_range, resolution)
        first = first.restrict(bins)
        space = first.space
        atmospheres, theta = comparison_atmospheres(space, n, random_state)
        table = dict(zip(space.names, theta.T, strict=True))
        runs = {tuple(space.names): _Run(first, table, atmospheres)}
        tell(reference, 1.0)

        def reference_run(common: ParameterSpace) -> _Run:
            key = tuple(common.names)
            if key not in runs:
                again = factories[reference](**settings, space=common).restrict(bins)
                runs[key] = _Run(again, table, atmospheres)
            return runs[key]

        differences, failures = [], {}
        for name in others:
            tell(name, 0.0)
            try:
                simulator, common, notes = _make(factories[name], settings, space)
                lacking = tuple(n for n in space.names if n not in common)
                run = _Run(simulator.restrict(bins), table, atmospheres)
                differences.append(
                    _difference(name, run, reference_run(common), bins, notes, lacking)
                )
            except Exception as error:  # the other simulators are not to blame
                failures[name] = f"{type(error).__name__}: {error}"
            tell(name, 1.0)
    main = runs[tuple(space.names)]
    low, high = bins.range
    return Comparison(
        reference=reference,
        seconds=main.seconds,
        space=space,
        atmospheres=tuple(atmospheres),
        theta=theta,
        differences=tuple(differences),
        failures=failures,
        refused=main.refused,
        settings={
            **settings,
            "molecules": list(molecules),
            "n": n,
            "range": [low, high],
            "resolution": resolution,
            "seed": random_state,
        },
        provenance=first.provenance,
    )


def _bins(
    wavelength: np.ndarray, wanted: tuple[float, float] | None, resolution: float
) -> SpectralGrid:
    """Bins over the part of the reference's wavelengths that is wanted."""
    low, high = (float(wavelength[0]), float(wavelength[-1])) if wanted is None else wanted
    return SpectralGrid.from_resolution(low, high, resolution)


def _make(
    factory: Callable[..., Any], settings: Mapping[str, Any], space: ParameterSpace
) -> tuple[Simulator, ParameterSpace, tuple[str, ...]]:
    """Make a simulator with as many of the settings and parameters as it has.

    Returns
    -------
    simulator, common, notes
        The simulator; the parameters that it shares with the reference; settings it lacks.
    """
    taken, notes = dict(settings), []
    while True:
        try:
            simulator = factory(**taken)
            break
        except TypeError as error:
            found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
            if found is None or found[1] not in taken or found[1] == "molecules":
                raise
            del taken[found[1]]
            notes.append(f"it takes no {found[1]}")
    if not isinstance(simulator, Simulator):
        raise PluginError(f"it made a {type(simulator).__name__}, which is no simulator")
    strange = [name for name in simulator.space.names if name not in space]
    common = ParameterSpace([p for p in space if p.name in simulator.space])
    if strange:
        simulator = factory(**taken, space=common)
    return simulator, common, tuple(notes)


def _difference(
    name: str,
    run: _Run,
    reference: _Run,
    bins: SpectralGrid,
    notes: tuple[str, ...],
    lacking: tuple[str, ...],
) -> Difference:
    """Bring two runs onto common wavelengths."""
    ours, theirs = reference.simulator.wavelength, run.simulator.wavelength
    native = len(ours) == len(theirs) and np.allclose(ours, theirs, rtol=1e-9, atol=0)
    low, high = bins.range
    if native:
        inside = (ours >= low) & (ours <= high)
        wavelength = ours[inside]
        depths = (run.depth[:, inside], reference.depth[:, inside])
    else:
        low, high = max(low, theirs[0], ours[0]), min(high, theirs[-1], ours[-1])
        both = (bins.lower >= low) & (bins.upper <= high)
        if not both.any():
            raise RangeError(
                f"it covers {theirs[0]:.4g}-{theirs[-1]:.4g} um, none of what is compared"
            )
        grid = bins[both]
        wavelength = grid.wavelength
        depths = (grid.average(theirs, run.depth), grid.average(ours, reference.depth))
    done = np.isfinite(depths[0] + depths[1]).all(axis=1)
    if not done.any():
        raise RangeError("no atmosphere is answered by both it and the reference")
    depth, truth = (np.where(done[:, None], d, np.nan) for d in depths)
    resolution = None if native else float(np.mean(bins.wavelength / (2 * bins.half_width)))
    return Difference(
        simulator=name,
        wavelength=wavelength,
        depth=depth,
        reference=truth,
        resolution=resolution,
        seconds=run.seconds,
        lacking=lacking,
        notes=(*notes, *_other_opacities(run.simulator, reference.simulator)),
        refused=run.refused,
        provenance=dict(run.simulator.provenance),
    )


def _other_opacities(simulator: Simulator, reference: Simulator) -> list[str]:
    """Say of which species the opacities are others: then not the codes alone are compared."""
    theirs, ours = (one.provenance.get("opacities", {}) for one in (simulator, reference))
    changed = [
        name
        for name, card in ours.items()
        if name in theirs and _source(theirs[name]) != _source(card)
    ]
    return [f"its opacities of {', '.join(changed)} are not the reference's"] if changed else []


def _source(card: Any) -> Any:
    return card.get("source") if isinstance(card, Mapping) else card


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch and the linear algebra to one thread, so that times can be compared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)
