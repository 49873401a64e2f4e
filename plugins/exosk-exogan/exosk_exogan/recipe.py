"""ExoGAN's training set made anew, by any of exosk's simulators.

ExoGAN trained on the nodes of a regular grid, ten values a parameter, and tested on nodes that it
had left out: every value that it was tested on, it had seen. By default parameters are drawn
continuously here; the grid remains for comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.random import sample_without_replacement

from exosk.datasets import Dataset
from exosk.exceptions import RangeError, UnknownNameError
from exosk.parameters import ParameterSpace
from exosk.simulators import Simulator, get_simulator
from exosk.simulators.binned import simulate_in_bins
from exosk_exogan.grid import exogan_grid
from exosk_exogan.parameters import MOLECULES, exogan_space

__all__ = ["N_NODES", "exogan_simulator", "simulate_exogan"]

#: Values of each parameter in ExoGAN's grid, both ends of the prior among them.
N_NODES = 10
_SAMPLINGS = ("continuous", "grid")
_BATCH = 256  # spectra between two calls of `progress`


def exogan_simulator(name: str = "builtin", **options: Any) -> Simulator:
    """Make a simulator of ExoGAN's planets.

    Parameters
    ----------
    name : str, default="builtin"
        As `exosk plugins` lists them: ``"taurex"``, ``"petitradtrans"``.
    **options
        The simulator's own.

    Returns
    -------
    Simulator
        H2O, CO2, CO and CH4 in a clear, isothermal, well-mixed atmosphere of H2 and He, before a
        star of one solar radius, with the priors of :func:`exosk_exogan.exogan_space`.
    """
    wanted = {"molecules": MOLECULES, "space": exogan_space(), "fixed": {"star_radius": 1.0}}
    return get_simulator(name, **wanted | options)


def simulate_exogan(
    n: int,
    simulator: str | Simulator = "builtin",
    sampling: str = "continuous",
    low: Any = None,
    high: Any = None,
    random_state: Any = None,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Simulate a training set for ExoGAN's task.

    Parameters
    ----------
    n : int
        Number of spectra; ExoGAN has ten million.
    simulator : str or Simulator, default="builtin"
        A name for :func:`exogan_simulator`, or a simulator with ExoGAN's parameters.
    sampling : {"continuous", "grid"}
        Draw from the priors; or take `n` different nodes of ExoGAN's regular grid at random (ten
        evenly spaced values of each parameter, of the logarithm for abundances, the ends of the
        priors among them). However the rows of the latter are split, every value that is tested
        was trained on, so that scores say nothing of the values in between.
    low, high : float or Quantity, optional
        Keep ExoGAN's bins that lie wholly between these wavelengths, in um. By default as many as
        the simulator's opacities cover: 462 of 515, up to 29.76 um, with exosk's own.
    random_state : int, RandomState or None
        As in scikit-learn.
    progress : callable, optional
        Called with the number of spectra done since the last call.

    Returns
    -------
    Dataset
        Noise-free, float32.

    Raises
    ------
    UnknownNameError
        If there is no such simulator or way of sampling.
    RangeError
        If `n` is not positive, or more than the grid has nodes; if the simulator has other
        parameters; or if it does not cover the bins asked for.
    GridError
        If no bin lies between `low` and `high`.
    """
    if int(n) != n or n < 1:
        raise RangeError(f"the number of spectra must be a positive whole number, got {n}")
    if sampling not in _SAMPLINGS:
        raise UnknownNameError.suggest("sampling of ExoGAN's priors", sampling, _SAMPLINGS)
    if isinstance(simulator, str):
        simulator = exogan_simulator(simulator)
    space = simulator.space
    if space != exogan_space():
        raise RangeError(
            f"the simulator's parameters ({', '.join(space.names)}) or their priors are not "
            f"ExoGAN's; make it with exogan_simulator"
        )
    ends = simulator.wavelength[[0, -1]]
    low, high = (end if given is None else given for given, end in zip((low, high), ends))
    grid = exogan_grid(low, high)
    binned = simulate_in_bins(simulator, grid)
    draw = {"continuous": space.sample, "grid": lambda *how: _draw_nodes(space, *how)}[sampling]
    theta = draw(int(n), random_state)
    depth = np.empty((len(theta), grid.n_bins), dtype=np.float32)
    for start in range(0, len(theta), _BATCH):
        rows = slice(start, start + _BATCH)
        depth[rows] = binned(theta[rows])
        if progress is not None:
            progress(len(theta[rows]))
    seed = int(random_state) if isinstance(random_state, int | np.integer) else None
    provenance = {
        **simulator.provenance,
        "task": "ExoGAN (Zingales & Waldmann 2018, AJ 156, 268)",
        "sampling": sampling,
        "n_spectra": int(n),
        "seed": seed,
    }
    return Dataset(depth, theta, grid, space, MOLECULES, provenance=provenance)


def _draw_nodes(space: ParameterSpace, n: int, random_state: Any) -> np.ndarray:
    """Draw different nodes of the regular grid, shape (n, n_parameters)."""
    n_nodes = N_NODES ** len(space)
    if n > n_nodes:
        raise RangeError(f"the regular grid has {n_nodes} nodes, so not {n} different ones")
    nodes = sample_without_replacement(n_nodes, n, random_state=random_state)
    axes = [np.linspace(low, high, N_NODES) for low, high in space.bounds]
    places = np.unravel_index(nodes, (N_NODES,) * len(space))
    return np.column_stack([axis[place] for axis, place in zip(axes, places)])
