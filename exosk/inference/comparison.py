r"""Is a molecule there? Evidence with it against evidence without.

A model without the molecule is the same simulator with the same priors of all else. With both
models as likely before the data, the odds after them are the ratio of their evidences,

.. math:: \ln O = \ln Z_\mathrm{with} - \ln Z_\mathrm{without}, \qquad
          \sigma^2(\ln O) = \sigma^2(\ln Z_\mathrm{with}) + \sigma^2(\ln Z_\mathrm{without}).

Odds are given as odds, and **not as a number of sigmas**. The usual conversion (Benneke & Seager
2013, ApJ 778, 153, after Sellke, Bayarri & Berger 2001 and Trotta 2008) reads a bound on what a
p-value can mean the other way round, and overstates detections: odds of 21 to 1, a probability of
0.95, are called 3 sigma. See Thorngren 2025 (arXiv:2510.00169).

Odds depend on the priors, since the evidence is a mean over them: with a prior on its log abundance
that is twice as wide, the odds for a molecule of well-measured abundance are half as large. And
they depend on the set of models: a molecule may be favoured because the right one, or a cloud, or
a spotted star, is in neither model (Welbanks et al. 2025, arXiv:2504.21788). They say which of two
models is better, not that either is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from exosk.exceptions import ExoskError, RangeError, UnknownNameError
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior
from exosk.simulators import Simulator
from exosk.simulators.binned import bin_matrix
from exosk.simulators.quantities import abundance_name, abundance_names
from exosk.simulators.removal import without_molecule
from exosk.spectra import SpectralGrid

__all__ = ["MoleculeOdds", "Odds", "lacking", "molecule_odds"]


@dataclass(frozen=True)
class Odds:
    """How much more probable the data are with a molecule than without.

    Attributes
    ----------
    molecule : str
        Which.
    log_odds : float
        Natural logarithm of the odds for it.
    error : float or None
        1-sigma error of `log_odds`; None where a method states no error of its evidence.
    log_evidence_without, error_without : float
        Of the model that lacks it.
    """

    molecule: str
    log_odds: float
    error: float | None
    log_evidence_without: float
    error_without: float | None

    @property
    def text(self) -> str:
        """As in ``"4e6 : 1 for"``, ``"1 : 12 against"`` or ``"1 : 1"``."""
        number = _number(abs(self.log_odds))
        if number == "1":
            return "1 : 1"
        return f"{number} : 1 for" if self.log_odds >= 0 else f"1 : {number} against"

    @property
    def probability(self) -> float:
        """Of the model with it, of the two, if either was as likely before the data."""
        return float(special.expit(self.log_odds))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "molecule": self.molecule,
            "log_odds": self.log_odds,
            "error": self.error,
            "odds": self.text,
            "probability": self.probability,
            "log_evidence_without": self.log_evidence_without,
            "error_without": self.error_without,
        }


@dataclass(frozen=True)
class MoleculeOdds:
    """The odds for several molecules, each against the same full model.

    Attributes
    ----------
    log_evidence : float
        Of the full model.
    error : float or None
        Its 1-sigma error.
    odds : tuple of Odds
        One a molecule.
    n_simulations : int
        In all fits; 0 where they do not tell.
    """

    log_evidence: float
    error: float | None
    odds: tuple[Odds, ...]
    n_simulations: int

    def __getitem__(self, molecule: str) -> Odds:
        """Return the odds for one molecule, by name.

        Raises
        ------
        UnknownNameError
            If it is not among them.
        """
        for each in self.odds:
            if each.molecule == molecule:
                return each
        known = [each.molecule for each in self.odds]
        raise UnknownNameError.suggest("molecule with odds", molecule, known)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "log_evidence": self.log_evidence,
            "error": self.error,
            "odds": [each.to_dict() for each in self.odds],
            "n_simulations": self.n_simulations,
        }


def molecule_odds(
    fit: Callable[[Simulator], Posterior],
    simulator: Simulator,
    *,
    molecules: Sequence[str] | None = None,
    full: Posterior | None = None,
    progress: Callable[[float], None] | None = None,
) -> MoleculeOdds:
    """Compare a model with the same model without each of its molecules.

    Parameters
    ----------
    fit : callable
        From a simulator to a posterior whose ``meta`` has ``log_evidence`` and, where the method
        states it, ``log_evidence_error``; as in ``lambda simulator:
        nested_sample(gaussian_log_likelihood(simulator, spectrum), simulator.space)``. Errors of
        data and model must be the same each time it is called.
    simulator : Simulator
        The full model.
    molecules : sequence of str, optional
        Which to leave out, one at a time; by default all whose abundance is free.
    full : Posterior, optional
        The full model's posterior if there is one already, by the same `fit`.
    progress : callable, optional
        Called with the share of the fits that are done.

    Returns
    -------
    MoleculeOdds

    Raises
    ------
    UnknownNameError
        If the abundance of a molecule is not free.
    ExoskError
        If a posterior has no evidence.
    """
    if molecules is None:
        molecules = [m for m in simulator.molecules if abundance_name(m) in simulator.space]
    # Every name is checked before the first fit, which may take hours.
    reduced = {molecule: lacking(simulator, molecule) for molecule in molecules}
    n_fits = len(reduced) + (full is None)
    posterior = fit(simulator) if full is None else full
    top, top_error = _evidence(posterior, "the full model")
    n_simulations = int(posterior.meta.get("n_simulations", 0)) if full is None else 0
    odds = []
    for k, (molecule, without) in enumerate(reduced.items()):
        if progress is not None:
            progress((k + (full is None)) / n_fits)
        posterior = fit(without)
        below, error = _evidence(posterior, f"the model without {molecule}")
        n_simulations += int(posterior.meta.get("n_simulations", 0))
        both = None if top_error is None or error is None else math.hypot(top_error, error)
        odds.append(Odds(molecule, top - below, both, below, error))
    if progress is not None:
        progress(1.0)
    return MoleculeOdds(top, top_error, tuple(odds), n_simulations)


def lacking(simulator: Simulator, molecule: str) -> Simulator:
    """Make the simulator that lacks a molecule, with the priors of all else.

    Parameters
    ----------
    simulator : Simulator
        Any, of whichever code.
    molecule : str
        Of free abundance.

    Returns
    -------
    Simulator
        Without the molecule's parameters; H2 and He fill its place.

    Raises
    ------
    UnknownNameError
        If its abundance is not free.
    RangeError
        If its abundance is free in one part of the atmosphere and fixed in another, or nothing
        else is free.
    """
    kind = _DifferentiableLacking if hasattr(simulator, "depth") else _Lacking
    return kind(simulator, molecule)


class _Lacking:
    """A simulator without one of its molecules.

    The molecule's columns are filled in, its abundance with zero, before the simulator is asked.
    """

    def __init__(self, simulator: Simulator, molecule: str) -> None:
        self._simulator, self._molecule = simulator, molecule
        whole = simulator.space
        # A pressure at which nothing changes may be anywhere that the prior allows.
        middle = whole.from_unit_cube(np.full((1, len(whole)), 0.5))
        self._filling = without_molecule(simulator, middle, molecule)[0]
        dropped = abundance_names(molecule, "two-layer")
        self._kept = [k for k, name in enumerate(whole.names) if name not in dropped]
        self.space = ParameterSpace([whole[k] for k in self._kept])

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points, ascending, in um, shape (n_wavelengths,)."""
        return self._simulator.wavelength

    def bin_matrix(self, grid: SpectralGrid) -> Any:
        """Return the matrix that takes the simulator's samples to bins."""
        return bin_matrix(self._simulator, grid)

    @property
    def molecules(self) -> tuple[str, ...]:
        """The absorbers that are left."""
        return tuple(m for m in self._simulator.molecules if m != self._molecule)

    @property
    def provenance(self) -> dict[str, Any]:
        """That of the simulator, and what it lacks."""
        return {**self._simulator.provenance, "without": self._molecule}

    def simulate(self, theta: Any) -> np.ndarray:
        """Map (n, n_parameters) to transit depths (n, n_wavelengths), fractions."""
        theta = np.asarray(theta, dtype=float)
        if theta.ndim != 2 or theta.shape[1] != len(self._kept):
            raise RangeError(
                f"theta must be of shape (n, {len(self._kept)}), one column for each of "
                f"{', '.join(self.space.names)}; got {theta.shape}"
            )
        full = np.tile(self._filling, (len(theta), 1))
        full[:, self._kept] = theta
        return self._simulator.simulate(full)

    def restrict(self, grid: SpectralGrid) -> Simulator:
        """Return the simulator on the samples that the bins of `grid` need."""
        return type(self)(self._simulator.restrict(grid), self._molecule)


class _DifferentiableLacking(_Lacking):
    """The same of a simulator with derivatives."""

    @property
    def device(self) -> Any:
        """Where tensors live."""
        return getattr(self._simulator, "device", "cpu")

    def depth(self, theta: Any) -> Any:
        """Compute transit depths of a tensor of parameters, differentiably."""
        import torch

        filling = torch.as_tensor(self._filling, dtype=theta.dtype, device=theta.device)
        full = filling.repeat(len(theta), 1)
        full[:, self._kept] = theta
        return self._simulator.depth(full)  # type: ignore[attr-defined]


def _evidence(posterior: Posterior, model: str) -> tuple[float, float | None]:
    """Log evidence and its error."""
    value = posterior.meta.get("log_evidence")
    if value is None or not math.isfinite(value):
        raise ExoskError(
            f"the posterior of {model} has no log_evidence to compare; fit by nested_sample, "
            f"hmc_sample, refine_posterior or importance sampling"
        )
    error = posterior.meta.get("log_evidence_error")
    return float(value), None if error is None else float(error)


def _number(log: float) -> str:
    """Write exp(log), for a log that is not negative, in two digits, however large it is."""
    exponent = math.floor(log / math.log(10.0))
    if exponent < 3:
        return f"{math.exp(log):.2g}" if exponent < 2 else f"{math.exp(log):.0f}"
    mantissa = round(10 ** (log / math.log(10.0) - exponent))
    return f"1e{exponent + 1}" if mantissa == 10 else f"{mantissa}e{exponent}"
