r"""Where the data themselves speak for a gas: the best fit with it against the best fit without.

A simulator is fitted to a spectrum twice, the second time without one of its gases and with all
else free to take its place. With depths :math:`d_b`, errors :math:`\sigma_b` and the two fits
:math:`f_b` and :math:`f_b^{(-m)}`, bin b speaks for the gas by

.. math:: c_b = \frac{w}{2} \left[
          \left(\frac{d_b - f_b^{(-m)}}{\sigma_b}\right)^2
          - \left(\frac{d_b - f_b}{\sigma_b}\right)^2 \right],

its share of the difference of the log likelihoods, in which w is below one where all errors may be
larger than they are said to be. By an error of one sigma in the depth, :math:`c_b` changes by
:math:`w\,|f_b - f_b^{(-m)}| / \sigma_b`.

A gas that is only taken out, with all else left as it was, is no fair rival: water at a tenth of
all particles makes the air heavier, and every bin changes without it. Bayesian leave-one-out
cross-validation (Welbanks et al. 2023, AJ 165, 112) asks the same by bin of whole posteriors, and
needs one for each gas. Fits overfit, each as much as it can; a gas that no data ask for has
contributions about as large as one parameter is worth, of a log likelihood of one half.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from scipy import optimize

from exosk.exceptions import RangeError
from exosk.explain.explanation import Explanation
from exosk.explain.groups import Groups
from exosk.parameters import Normal
from exosk.simulators import Simulator
from exosk.simulators.binned import simulate_in_bins
from exosk.simulators.halving import in_halves
from exosk.simulators.quantities import abundance_names
from exosk.simulators.removal import ABSENT, without_molecule
from exosk.spectra import Spectrum

__all__ = ["REFIT", "explain_fits"]

#: What such an explanation has for its method.
REFIT = "refit"
# Of the likeliest draws, how many are climbed from: the highest of what they reach is taken.
_N_STARTS = 2
# Of a prior's standard deviation: finite differences, wide for simulators in float32.
_STEP = 3e-3
# Relative, of chi-squared and of parameters. At 1e-3 fits stop short by several in chi-squared.
_TOLERANCE, _MOST_STEPS = 1e-4, 60
# Two chi-squared nearer than that say nothing of the slope between them.
_NEAR = 0.1
_WIDTH = 0.02


def explain_fits(
    simulator: Simulator,
    spectrum: Spectrum,
    molecules: Iterable[str],
    draws: Any,
    *,
    model_error: Any = 0.0,
    log_likelihood: Callable[[np.ndarray], np.ndarray] | None = None,
    groups: Groups | None = None,
    progress: Callable[[float], None] | None = None,
) -> list[Explanation]:
    """Say in which bins the data speak for molecules, by fits with and without each.

    Parameters
    ----------
    simulator : Simulator
        With the priors in its space; fits stay within them.
    spectrum : Spectrum
        The observation, without missing bins.
    molecules : iterable of str
        Gases whose abundances are free.
    draws : array-like of shape (n, n_parameters)
        Atmospheres near the observation, as a posterior has them: fits start from the best.
    model_error : float or array-like of shape (n_bins,), default=0
        1-sigma error of the simulator, added in quadrature.
    log_likelihood : callable, optional
        From (n, n_parameters) to log likelihoods. Contributions add up to its difference between
        the fits; by default to half the difference in chi-squared.
    groups : Groups, optional
        Bins whose contributions are added up; bands of 2 % of the wavelength by default.
    progress : callable, optional
        Told the share of molecules that are done.

    Returns
    -------
    list of Explanation
        One for each molecule. Its ``value`` is the difference of the log likelihoods, its
        ``errors`` what errors of one sigma in the depths change, and its ``fits`` the two spectra.

    Raises
    ------
    UnknownNameError
        If the abundance of a molecule is not free.
    RangeError
        If bins are missing, or the simulator refuses all draws.
    """
    if not spectrum.observed.all():
        raise RangeError("the spectrum has missing bins; leave them out with without_missing()")
    fitter = _Fitter(simulator, spectrum, np.hypot(spectrum.sigma, model_error))
    draws = np.atleast_2d(np.asarray(draws, dtype=float))
    if groups is None:
        groups = Groups.bands(spectrum.grid, _WIDTH)
    molecules = list(molecules)
    fitted = fitter.best(draws) if molecules else draws[0]
    found = []
    for k, molecule in enumerate(molecules):
        found.append(_compare(fitter, fitted, draws, molecule, log_likelihood, groups))
        if progress is not None:
            progress((k + 1) / len(molecules))
    return found


def _compare(
    fitter: _Fitter,
    fitted: np.ndarray,
    draws: np.ndarray,
    molecule: str,
    log_likelihood: Callable[[np.ndarray], np.ndarray] | None,
    groups: Groups,
) -> Explanation:
    without = fitter.best(without_molecule(fitter.simulator, draws, molecule))
    # What fits without the gas fits with a trace of it too.
    if fitter.cost(without[np.newaxis]) < fitter.cost(fitted[np.newaxis]):
        fitted = fitter.best(fitter.within(without)[np.newaxis])
    fits = fitter.depth(np.stack([fitted, without]))
    pull = (fitter.spectrum.depth - fits) / fitter.sigma
    by_bin = pull[1] ** 2 - pull[0] ** 2
    weight = 0.5
    chi2 = (pull**2).sum(axis=1)
    if log_likelihood is not None:
        high, low = log_likelihood(np.stack([fitted, without]))
        if abs(chi2[1] - chi2[0]) > _NEAR:
            weight = float((high - low) / (chi2[1] - chi2[0]))
        else:
            weight = 0.5 / max(1.0, chi2[0] / len(by_bin))
    noise = 2 * weight * np.abs(pull[1] - pull[0])
    share = groups.members.astype(float) / groups.members.sum(axis=0)
    return Explanation(
        molecule,
        "log-likelihood",
        REFIT,
        groups,
        (share @ (weight * by_bin))[np.newaxis],
        np.sqrt(share**2 @ noise**2)[np.newaxis],
        value=np.array([weight * by_bin.sum()]),
        base=np.zeros(1),
        meta={
            "delta_chi2": float(by_bin.sum()),
            "chi2": float(chi2[0]),
            "n_draws": len(draws),
            "n_groups": len(groups),
            "parameters": _named(fitter, fitted),
            "parameters_without": _named(fitter, without, molecule),
        },
        fits={"with": fits[0], "without": fits[1]},
    )


def _named(fitter: _Fitter, theta: np.ndarray, without: str | None = None) -> dict[str, float]:
    gone = () if without is None else abundance_names(without, "two-layer")
    names = fitter.simulator.space.names
    return {name: float(x) for name, x in zip(names, theta, strict=True) if name not in gone}


class _Fitter:
    """Least squares within the priors, from atmospheres near the observation."""

    def __init__(self, simulator: Simulator, spectrum: Spectrum, sigma: np.ndarray) -> None:
        self.simulator = simulator.restrict(spectrum.grid)
        self.spectrum, self.sigma = spectrum, sigma
        self._binned = simulate_in_bins(self.simulator, spectrum.grid)
        space = self.simulator.space
        self._low, self._high = space.bounds.T
        self._scale = np.array([p.prior.distribution.std() for p in space])
        normal = [k for k, p in enumerate(space) if isinstance(p.prior, Normal)]
        self._normal = np.array(normal, dtype=int)
        self._centre = np.array([space[k].prior.mean for k in normal])
        self._spread = np.array([space[k].prior.std for k in normal])

    def depth(self, theta: np.ndarray) -> np.ndarray:
        """Depths in bins, shape (n, n_bins); NaN in the rows that the simulator refuses."""
        missing = np.full((1, len(self.spectrum)), np.nan)
        return in_halves(self._binned, theta, lambda error: missing)

    def within(self, theta: np.ndarray) -> np.ndarray:
        """Move an atmosphere to within the priors, so that an absent gas is there in traces."""
        low, high = self._inside(np.arange(len(theta)))
        return np.clip(theta, low, high)

    def best(self, starts: np.ndarray) -> np.ndarray:
        """Return the best fit that the likeliest of some atmospheres lead to.

        Parameters that are :data:`~exosk.simulators.removal.ABSENT` stay so.

        Raises
        ------
        RangeError
            If the simulator refuses all of them.
        """
        cost = self.cost(starts)
        order = np.argsort(cost)[:_N_STARTS]
        if not np.isfinite(cost[order[0]]):
            raise RangeError(
                f"the simulator refuses all {len(starts)} atmospheres that a fit could start from; "
                f"give draws from a posterior"
            )
        kept = [k for k in order if np.isfinite(cost[k])]
        ends = np.stack([starts[order[0]], *(self._climb(starts[k]) for k in kept)])
        return np.asarray(ends[np.argmin(self.cost(ends))])

    def cost(self, theta: np.ndarray) -> np.ndarray:
        """Chi-squared, with what normal priors add, shape (n,); infinite where refused."""
        cost = (self._residuals(theta) ** 2).sum(axis=1)
        return np.where(np.isnan(cost), np.inf, cost)

    def _climb(self, start: np.ndarray) -> np.ndarray:
        """Return the nearest place from which no way leads to less cost."""
        free = np.flatnonzero(start != ABSENT)
        low, high = self._inside(free)

        def whole(x: np.ndarray) -> np.ndarray:
            theta = np.tile(start, (len(x), 1))
            theta[:, free] = x
            return theta

        def slopes(x: np.ndarray) -> np.ndarray:
            step = _STEP * self._scale[free]
            # Towards the inside: beyond its prior a parameter may have no meaning.
            step = np.where(x + step > high, -step, step)
            residuals = self._residuals(whole(np.vstack([x, x + np.diag(step)])))
            change = (residuals[1:] - residuals[0]) / step[:, np.newaxis]
            # Where the simulator refuses a step nothing is known of the slope.
            return np.nan_to_num(change, nan=0.0).T

        begin = np.clip(start[free], low, high)
        if not np.isfinite(self.cost(whole(begin[np.newaxis])))[0]:
            return start
        fit = optimize.least_squares(
            lambda x: self._residuals(whole(x[np.newaxis]))[0],
            begin,
            slopes,
            bounds=(low, high),
            x_scale=self._scale[free],
            ftol=_TOLERANCE,
            xtol=_TOLERANCE,
            max_nfev=_MOST_STEPS,
        )
        return np.asarray(whole(fit.x[np.newaxis])[0])

    def _inside(self, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return bounds that keep off the priors' ends, at which a logarithm may not exist."""
        margin = 1e-6 * self._scale[which]
        return self._low[which] + margin, self._high[which] - margin

    def _residuals(self, theta: np.ndarray) -> np.ndarray:
        """Of depths in units of their errors, and of normal priors; NaN where refused."""
        pull = (self.depth(theta) - self.spectrum.depth) / self.sigma
        return np.hstack([pull, (theta[:, self._normal] - self._centre) / self._spread])
