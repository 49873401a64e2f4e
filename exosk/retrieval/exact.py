"""From a first look, or from nothing, to the posterior that the simulator's likelihood gives.

In the likelihood all errors may be larger by a common unknown factor
(:mod:`exosk.inference.likelihood`), and the model's own error from coarse opacity sampling
(:mod:`exosk.inference.sampling_error`) is added to the data's in quadrature. That error hardly
depends on the atmosphere; it is taken for those that come near the observation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exosk.inference import (
    GaussianLikelihood,
    MoleculeOdds,
    gaussian_log_likelihood,
    hmc_sample,
    importance_sample,
    molecule_odds,
    nested_sample,
    refine_posterior,
    sampling_error,
)
from exosk.inference.proposal import Proposal
from exosk.posterior import Posterior
from exosk.simulators import Simulator
from exosk.spectra import Spectrum

__all__ = ["Exact"]

_N_ERRORS = 100  # draws that the model's error is taken for
# Draws from the prior, and how many of them, the likeliest, stand for atmospheres near the
# observation where nothing was trained.
_N_BLIND, _N_NEAR = 2000, 50
# Simulations of importance sampling at least and at most, rounds between which its proposal learns
# (of the least), and what the draws shall be worth.
_N_DRAWS, _MOST_DRAWS, _N_ROUNDS, _N_EFFECTIVE = 8000, 40_000, 4, 250
# Particles of Hamiltonian moves, each of which costs several simulations with gradients.
_N_SLIDING = 300


@dataclass(frozen=True, eq=False)
class Exact:
    """An observation, a simulator, and ways to the posterior.

    Parameters
    ----------
    simulator : Simulator
        With the priors in its space.
    spectrum : Spectrum
        Without missing bins.
    n_particles : int
        Samples of particle methods.
    random_state : int
        Seed.
    progress : callable
        Takes the share done.
    """

    simulator: Simulator
    spectrum: Spectrum
    n_particles: int
    random_state: int
    progress: Callable[[float], None]

    def likelihood(self, error: Any) -> GaussianLikelihood:
        """Return the log likelihood with this error of the model."""
        return gaussian_log_likelihood(self.simulator, self.spectrum, error, free_scale=True)

    def error(self, near: Posterior) -> np.ndarray:
        """Return the model's error for atmospheres such as these, shape (n_bins,)."""
        theta = near.resample(_N_ERRORS, self.random_state)
        return sampling_error(self.simulator, theta, self.spectrum.grid)

    def blind_error(self) -> np.ndarray:
        """Return the model's error where nothing is known of the atmosphere."""
        theta = self.simulator.space.sample(_N_BLIND, self.random_state)
        likely = self.likelihood(0.0)(theta)
        near = theta[np.argsort(likely)[-_N_NEAR:]]
        return sampling_error(self.simulator, near, self.spectrum.grid)

    def refine(self, first_look: Posterior) -> tuple[Posterior, np.ndarray]:
        """Refine twice: quickly, to learn how large the model's error is; then with it."""
        rough = refine_posterior(
            first_look,
            # A first error from the first look keeps one lucky draw from taking all the weight.
            self.likelihood(self.error(first_look)),
            n_particles=max(self.n_particles // 4, 100),
            random_state=self.random_state,
            progress=lambda share: self.progress(0.25 * share),
        )
        error = self.error(rough)
        refined = refine_posterior(
            rough,
            self.likelihood(error),
            n_particles=self.n_particles,
            random_state=self.random_state,
            progress=lambda share: self.progress(0.25 + 0.75 * share),
        )
        return refined, error

    def weigh(self, proposal: Proposal, error: np.ndarray) -> Posterior:
        """Weigh draws from a proposal by the likelihood."""
        return importance_sample(
            proposal,
            self.likelihood(error),
            self.simulator.space,
            n=_N_DRAWS,
            n_rounds=_N_ROUNDS,
            n_effective=_N_EFFECTIVE,
            n_most=_MOST_DRAWS,
            fall_back=True,
            random_state=self.random_state,
            progress=self.progress,
        )

    def nest(self, checkpoint: Path | None) -> tuple[Posterior, np.ndarray]:
        """Sample by nested sampling, without a first look."""
        error = self.blind_error()
        posterior = nested_sample(
            self.likelihood(error),
            self.simulator.space,
            checkpoint=checkpoint,
            random_state=self.random_state,
            progress=self.progress,
        )
        return posterior, error

    def odds(
        self, posterior: Posterior, error: np.ndarray, progress: Callable[[float], None]
    ) -> MoleculeOdds:
        """Compare the model with the same one without each of its molecules.

        All are sampled alike, by particles that start from this posterior, so that what is wrong
        with one evidence is wrong with the other.

        Parameters
        ----------
        posterior : Posterior
            Of the full model, whatever it came from.
        error : ndarray of shape (n_bins,)
            The model's error, the same for all.
        progress : callable
            Takes the share of the comparison that is done.
        """

        def fit(simulator: Simulator) -> Posterior:
            likelihood = gaussian_log_likelihood(simulator, self.spectrum, error, free_scale=True)
            columns = [posterior.space.index(name) for name in simulator.space.names]
            start = Posterior(posterior.samples[:, columns], simulator.space, posterior.weights)
            return refine_posterior(
                start, likelihood, n_particles=self.n_particles, random_state=self.random_state
            )

        return molecule_odds(fit, self.simulator, progress=progress)

    def slide(self, first_look: Posterior, checkpoint: Path | None) -> tuple[Posterior, np.ndarray]:
        """Sample along the simulator's gradients, from a first look."""
        error = self.error(first_look)
        posterior = hmc_sample(
            self.likelihood(error),
            first_look,
            n_particles=min(self.n_particles, _N_SLIDING),
            checkpoint=checkpoint,
            random_state=self.random_state,
            progress=self.progress,
        )
        return posterior, error
