"""Noise-free spectra to rank an observation among, kept in little room."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from exosk.inference.guard_scores import KnownSpectra

__all__ = ["ReferenceSpectra"]

_STEPS = 127


@dataclass(frozen=True, eq=False)
class ReferenceSpectra:
    """Coefficients in the basis of the known spectra, and what that leaves out.

    What is left out is far below the noise, so that a byte a bin holds it to a hundredth.

    Parameters
    ----------
    coefficients : ndarray of float32, shape (n, n_coefficients)
        In the basis.
    rest : ndarray of int8, shape (n, n_bins)
        What is left, in steps.
    step : ndarray of float32, shape (n,)
        Size of a step, in units of each bin's smallest error.
    seed : int
        Of the noise.
    """

    coefficients: np.ndarray
    rest: np.ndarray
    step: np.ndarray
    seed: int

    @classmethod
    def of(cls, x: np.ndarray, known: KnownSpectra, seed: int) -> ReferenceSpectra:
        """Take spectra of shape (n, n_bins), in units of each bin's smallest error."""
        coefficients = known.coefficients(x).astype(np.float32)
        return cls.kept(
            coefficients, x - known.mean - coefficients.astype(float) @ known.basis, seed
        )

    @classmethod
    def kept(cls, coefficients: np.ndarray, rest: np.ndarray, seed: int) -> ReferenceSpectra:
        """Take coefficients, and what they leave out, of shape (n, n_bins)."""
        step = (np.abs(rest).max(axis=1) / _STEPS).astype(np.float32)
        steps = np.rint(rest / np.where(step > 0, step, 1.0)[:, None].astype(float))
        return cls(coefficients, np.clip(steps, -_STEPS, _STEPS).astype(np.int8), step, seed)

    def __len__(self) -> int:
        return len(self.coefficients)

    def observed(self, known: KnownSpectra, sigma: np.ndarray) -> np.ndarray:
        """Return all with noise, shape (n, n_bins); `sigma` is of shape (n_bins,).

        The noise is the same at each call but for its size.
        """
        whole = known.mean + self.coefficients.astype(float) @ known.basis
        whole = whole + self.rest * self.step[:, None].astype(float)
        return whole + np.random.default_rng(self.seed).standard_normal(whole.shape) * sigma
