r"""How probable an observation is, given an atmosphere.

With errors :math:`\sigma_i` that are known, residuals are Gaussian and the log likelihood is
:math:`-\chi^2/2` and a constant. Where no atmosphere of the model fits to within the errors, these
are too small, be it that the data's were underestimated or that the model lacks something, and so
would be every interval. Then let the true errors be s times larger, with s unknown and
:math:`p(s) = 1/s^2` for :math:`s \ge 1` (as likely beyond 2 as below). With n bins, s integrates
out:

.. math:: \int_1^\infty \frac{ds}{s^2}\, s^{-n} e^{-\chi^2 / 2 s^2}
          = \tfrac{1}{2} \left(\tfrac{\chi^2}{2}\right)^{-a}
          \gamma\!\left(a, \tfrac{\chi^2}{2}\right), \qquad a = \tfrac{n + 1}{2},

with :math:`\gamma` the lower incomplete gamma function. A good fit leaves s near 1 and changes
little; a reduced chi-squared of c widens intervals by about the root of c. (Sivia & Skilling 2006,
Data Analysis, section 8.3, put the same prior on the error of each datum by itself.)

Where the simulator has derivatives, so has the likelihood: residuals are taken back through the
bins to the native samples, and from there to the parameters by automatic differentiation. By
half of :math:`\chi^2`, the log of the integral falls at the mean of :math:`1/s^2`,

.. math:: \left\langle s^{-2} \right\rangle = \frac{\gamma(a + 1, h)}{h\, \gamma(a, h)},
          \qquad h = \tfrac{\chi^2}{2}.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from exosk.exceptions import ExoskError, RangeError
from exosk.parameters import ParameterSpace
from exosk.simulators import Simulator
from exosk.simulators.binned import bin_matrix
from exosk.simulators.halving import in_halves
from exosk.spectra import Spectrum

__all__ = ["GaussianLikelihood", "check_parameters", "gaussian_log_likelihood"]

# Native samples that a batch of gradients holds at once: their rays stay in cache, and memory
# does not grow with the number of atmospheres.
_GRADIENT_SAMPLES = 15_000


def gaussian_log_likelihood(
    simulator: Simulator,
    spectrum: Spectrum,
    model_error: Any = 0.0,
    *,
    free_scale: bool = False,
) -> GaussianLikelihood:
    """Build the log likelihood of an observation with independent Gaussian errors.

    Parameters
    ----------
    simulator : Simulator
        The forward model.
    spectrum : Spectrum
        The observation; missing bins are left out.
    model_error : float or array-like of shape (n_bins,), default=0
        1-sigma error of the model, added in quadrature.
    free_scale : bool, default=False
        Whether all errors may be larger by a common unknown factor, which is integrated out.

    Returns
    -------
    GaussianLikelihood
        A callable from (n, n_parameters) to (n,).
    """
    return GaussianLikelihood(simulator, spectrum, model_error, free_scale=free_scale)


class GaussianLikelihood:
    """The log likelihood of one observation, as a function of the parameters.

    Parameters
    ----------
    simulator, spectrum, model_error, free_scale
        As for :func:`gaussian_log_likelihood`.

    Attributes
    ----------
    n_refused : int
        Atmospheres so far that the simulator refused.
    refusal : str
        Why it refused the last of them; empty while there was none.

    Notes
    -----
    The corners of a prior may hold what has no spectrum: abundances that add up to more than one,
    an atmosphere that is not bound. Where the simulator raises RangeError the likelihood is zero,
    its log minus infinity, and the other rows of the batch have theirs. So the prior is cut off
    there, but not normalised anew: the evidence counts what was cut off as a bad fit.
    """

    def __init__(
        self,
        simulator: Simulator,
        spectrum: Spectrum,
        model_error: Any = 0.0,
        *,
        free_scale: bool = False,
    ) -> None:
        observed = spectrum.observed
        error = np.broadcast_to(np.asarray(model_error, dtype=float), (len(spectrum),))
        self._whole = spectrum.without_missing()
        self._variance = self._whole.sigma**2 + error[observed] ** 2
        self._constant = -0.5 * np.sum(np.log(2 * np.pi * self._variance))
        self._free_scale = free_scale
        self._simulator = simulator.restrict(self._whole.grid)
        self._to_bins = bin_matrix(self._simulator, self._whole.grid)
        self._judge: Simulator | None = None
        self.n_refused, self.refusal = 0, ""

    @property
    def space(self) -> ParameterSpace:
        """The simulator's parameters."""
        return self._simulator.space

    @property
    def description(self) -> dict[str, Any]:
        """What makes this likelihood another than others, as JSON has it."""
        grid = self._whole.grid
        arrays = (grid.lower, grid.upper, self._whole.depth, self._variance)
        data = b"".join(np.ascontiguousarray(array, dtype=float).tobytes() for array in arrays)
        return {
            "simulator": dict(self._simulator.provenance),
            "data": hashlib.sha256(data).hexdigest(),
            "free_scale": self._free_scale,
        }

    @property
    def is_differentiable(self) -> bool:
        """Whether the simulator has derivatives."""
        return callable(getattr(self._simulator, "depth", None))

    def __call__(self, theta: Any) -> np.ndarray:
        """Compute the log likelihood.

        Parameters
        ----------
        theta : array-like of shape (n, n_parameters)
            In the order of the simulator's space.

        Returns
        -------
        ndarray of shape (n,)
            Minus infinity where the simulator refuses.

        Raises
        ------
        RangeError
            If theta has another number of columns, or contains NaN.
        """
        depth = self._depth(self._simulator, self._rows(theta))
        _, half = self._misfit((self._to_bins @ depth.T).T)
        return np.where(np.isnan(half), -np.inf, self._log_likelihood(np.nan_to_num(half)))

    def value_and_gradient(self, theta: Any) -> tuple[np.ndarray, np.ndarray]:
        """Compute the log likelihood and its derivatives to the parameters.

        Parameters
        ----------
        theta : array-like of shape (n, n_parameters)
            In the order of the simulator's space.

        Returns
        -------
        value : ndarray of shape (n,)
            Minus infinity where the simulator refuses.
        gradient : ndarray of shape (n, n_parameters)
            Zero where it does.

        Raises
        ------
        ExoskError
            If the simulator has no derivatives.
        RangeError
            If theta has another number of columns, or contains NaN.

        Notes
        -----
        The built-in simulator works in float32 in places. Against central differences of a
        spectrum at JWST's precision, a gradient errs by a ten-thousandth of its length, where it is
        small by a thousandth.
        """
        theta = self._rows(theta)
        if not self.is_differentiable:
            name = self._simulator.provenance.get("simulator", type(self._simulator).__name__)
            raise ExoskError(
                f"the simulator {name!r} has no derivatives, which this method needs; take the "
                f"built-in simulator, or a method without gradients such as nested sampling"
            )
        value, gradient = np.full(len(theta), -np.inf), np.zeros(theta.shape)
        accepted = np.flatnonzero(self._accepted(theta))
        step = max(1, _GRADIENT_SAMPLES // len(self._simulator.wavelength))
        parts = [accepted[start : start + step] for start in range(0, len(accepted), step)]

        def fill(k: int) -> None:
            value[parts[k]], gradient[parts[k]] = self._differentiate(theta[parts[k]])

        if self._device == "cpu":
            from exosk.simulators.workspace import share_out

            share_out(fill, len(parts))
        else:
            for k in range(len(parts)):
                fill(k)
        return value, gradient

    @property
    def _device(self) -> str:
        return str(getattr(self._simulator, "device", "cpu"))

    def _differentiate(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Value and gradient of one batch of atmospheres that the simulator accepts."""
        import torch

        with torch.enable_grad():
            point = torch.tensor(theta, device=self._device, requires_grad=True)
            depth = self._simulator.depth(point)  # type: ignore[attr-defined]
            binned = (self._to_bins @ depth.detach().cpu().numpy().T).T
            residual, half = self._misfit(binned)
            slope = self._slope(half)[:, None] * residual / self._variance
            upstream = torch.as_tensor((self._to_bins.T @ slope.T).T).to(depth)
            (gradient,) = torch.autograd.grad(depth, point, upstream)
        return self._log_likelihood(half), gradient.cpu().numpy()

    def _misfit(self, binned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (n, n_bins), and half of chi-squared (n,)."""
        residual = binned - self._whole.depth
        return residual, 0.5 * np.sum(residual**2 / self._variance, axis=1)

    def _log_likelihood(self, half: np.ndarray) -> np.ndarray:
        """Log likelihood by half of chi-squared."""
        if self._free_scale:
            return np.asarray(self._constant + _log_over_scale(half, len(self._whole)))
        return np.asarray(self._constant - half)

    def _slope(self, half: np.ndarray) -> np.ndarray:
        """Differentiate the log likelihood by half of chi-squared."""
        return -_mean_precision(half, len(self._whole)) if self._free_scale else -np.ones(len(half))

    def _rows(self, theta: Any) -> np.ndarray:
        """Check what no atmosphere can be blamed for."""
        theta = np.array(theta, dtype=float)
        if theta.ndim != 2 or theta.shape[1] != len(self.space):
            raise RangeError(
                f"theta must be of shape (n, {len(self.space)}), one column for each of "
                f"{', '.join(self.space.names)}; got {theta.shape}"
            )
        if np.isnan(theta).any():
            raise RangeError("theta contains NaN; every parameter must be a number")
        return theta

    def _depth(self, simulator: Simulator, theta: np.ndarray) -> np.ndarray:
        """Native depths, NaN in the rows that the simulator refuses."""

        def refuse(error: RangeError) -> np.ndarray:
            self.n_refused, self.refusal = self.n_refused + 1, str(error)
            return np.full((1, len(simulator.wavelength)), np.nan)

        return in_halves(simulator.simulate, theta, refuse)

    def _accepted(self, theta: np.ndarray) -> np.ndarray:
        """Tell which atmospheres the simulator accepts: gradients come without checks.

        That does not depend on wavelength, so a single bin tells.
        """
        if self._judge is None:
            self._judge = self._simulator.restrict(self._whole.grid[:1])
        return np.isfinite(self._depth(self._judge, theta)).all(axis=1)


def check_parameters(log_likelihood: Callable[..., np.ndarray], space: ParameterSpace) -> None:
    """Check that a likelihood which knows its parameters has those of a space.

    Parameters
    ----------
    log_likelihood : callable
        With or without the attribute ``space``.
    space : ParameterSpace
        In which it will be sampled; its priors may be others.

    Raises
    ------
    RangeError
        If names differ, or their order.
    """
    names = space.names
    known = getattr(getattr(log_likelihood, "space", None), "names", names)
    if known != names:
        raise RangeError(
            f"the likelihood takes {', '.join(known)}; the parameters to sample are "
            f"{', '.join(names)}. They must be the same, in the same order"
        )


def _log_over_scale(half_chi2: np.ndarray, n_bins: int) -> np.ndarray:
    """Log of the integral over the scale of the errors."""
    a = (n_bins + 1) / 2
    # Both forms are exact, but gamma(a, x) underflows for small x and 1F1 overflows for large.
    small = np.minimum(half_chi2, a)
    large = np.maximum(half_chi2, a)
    below = -small - np.log(a) + np.log(special.hyp1f1(1.0, a + 1, small))
    above = special.gammaln(a) + np.log(special.gammainc(a, large)) - a * np.log(large)
    return np.asarray(np.where(half_chi2 < a, below, above) - np.log(2.0))


def _mean_precision(half_chi2: np.ndarray, n_bins: int) -> np.ndarray:
    """Mean of 1/s^2 over the scale s of the errors."""
    a = (n_bins + 1) / 2
    small = np.minimum(half_chi2, a)
    large = np.maximum(half_chi2, a)
    below = a / (a + 1) * special.hyp1f1(1.0, a + 2, small) / special.hyp1f1(1.0, a + 1, small)
    above = a / large * special.gammainc(a + 1, large) / special.gammainc(a, large)
    return np.asarray(np.where(half_chi2 < a, below, above))
