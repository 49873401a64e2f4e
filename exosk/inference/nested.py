r"""Nested sampling: posterior and evidence without a proposal.

The evidence is the likelihood's mean over the prior,

.. math:: Z = \int L(\theta)\, p(\theta)\, d\theta = \sum_i V_i\, \langle L \rangle_i,

here as a sum over shells of prior volume :math:`V_i`, one within the other, each around higher
likelihoods. nautilus (Lange 2023, MNRAS 525, 3181, arXiv:2306.16923) finds the shells with small
neural networks that learn where the likelihood is high, and draws evenly from each, so that all
points count with the weight :math:`V_i L / n_i`. A shell's volume is that of an outer bound times
the shares of draws that fell into the bound and into the shell.

nautilus states no error of the evidence. Of the shares and the mean likelihoods it is

.. math:: \sigma^2(\ln Z) = \sum_i \left(\frac{Z_i}{Z}\right)^2 \left[
          \frac{1}{n_{\mathrm{eff},i}} - \frac{1}{n_i} + \frac{1 - s_i}{n_i}
          + \frac{1 - b_i}{b_i m_i} \right],

with :math:`n_{\mathrm{eff},i}` Kish's effective number of the shell's :math:`n_i` points,
:math:`s_i` the share of draws from the bound that fell into the shell, and :math:`b_i` the share
of the :math:`m_i` draws from the outer bound that fell into the bound.
"""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from nautilus import Sampler
from scipy import special
from sklearn.utils import check_random_state

from exosk.exceptions import ExoskError, FileFormatError, RangeError
from exosk.inference.checkpoint import Checkpoint
from exosk.inference.likelihood import check_parameters
from exosk.inference.tempering import CUBE_EDGE
from exosk.parameters import ParameterSpace
from exosk.posterior import Posterior

__all__ = ["nested_sample"]

# nautilus's own networks, (100, 50, 20), take longer to train than the calls of the built-in
# simulator that they save. They must be trained to the end: one that was stopped early cuts off
# part of the posterior, and nothing in the result tells.
_NETWORK = {"hidden_layer_sizes": (32, 32)}
# Draws from the prior after which a likelihood that was never finite is given up; and draws after
# which one that nearly never was, because no bound can be drawn around a handful of points.
_HOPELESS, _SPARSE, _HANDFUL = 10_000, 300_000, 50
# Log weights below that of the largest beyond which a sample adds nothing to any sum.
_NEGLIGIBLE = 40.0
# Share of the whole time that finding the shells takes, by experience.
_EXPLORATION = 0.8


def nested_sample(
    log_likelihood: Callable[[np.ndarray], np.ndarray],
    space: ParameterSpace,
    *,
    n_live: int = 1000,
    n_eff: int = 5000,
    n_networks: int = 1,
    n_like_max: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    problem: Any = None,
    resume: bool = True,
    save_every: float = 10.0,
    random_state: Any = None,
    progress: Callable[[float], None] | None = None,
) -> Posterior:
    """Sample the posterior, and compute the evidence, by nested sampling.

    Parameters
    ----------
    log_likelihood : callable
        From (n, n_parameters) to (n,), as :func:`gaussian_log_likelihood` makes, of any
        simulator. Not finite counts as impossible.
    space : ParameterSpace
        The priors.
    n_live : int, default=1000
        Live points, around which bounds are drawn.
    n_eff : int, default=5000
        Effective samples at least.
    n_networks : int, default=1
        Networks of each bound, trained one after the other on one thread; with 0, bounds are
        ellipsoids. Several save calls of a slow simulator.
    n_like_max : int, optional
        Calls of the likelihood after which a run that has not ended is given up.
    checkpoint : path-like, optional
        A file that the run is saved in, and goes on from if it is there. Whatever kills the run,
        a later one ends as it would have ended.
    problem : Mapping or str, optional
        What is fitted, as JSON has it, to tell a checkpoint of another problem; the likelihood's
        ``description`` by default.
    resume : bool, default=True
        Whether to go on from a checkpoint that is there; else it is overwritten.
    save_every : float, default=10
        Seconds between two checkpoints.
    random_state : int, RandomState or None
        As in scikit-learn. A run that goes on has the random numbers of its beginning.
    progress : callable, optional
        Called with the estimated share done, which never falls.

    Returns
    -------
    Posterior
        Weighted. ``meta`` has ``method``, ``log_evidence``, ``log_evidence_error``,
        ``n_simulations``, ``efficiency`` (effective samples a call), ``n_shells`` and
        ``versions``.

    Raises
    ------
    ExoskError
        If the likelihood is never finite, or `n_like_max` does not suffice.
    RangeError
        If there are too few live points, the parameters are not the likelihood's, or it returns
        another shape.
    FileFormatError
        If the checkpoint is damaged, of another problem, or no checkpoint.
    """
    check_parameters(log_likelihood, space)
    _check_settings(space, n_live, n_eff, n_networks)
    run = _Run(log_likelihood, space, n_live, n_networks, random_state)
    store = None
    if checkpoint is not None:
        if problem is None:
            problem = getattr(log_likelihood, "description", None)
        settings = {"n_live": n_live, "n_networks": n_networks}
        store = Checkpoint(checkpoint, "nested-sampling", space, problem, settings)
        if store and resume:
            run.load(store)
    saved = time.monotonic()
    done = False
    while not done:
        done = run.advance(n_eff)
        if not done and n_like_max is not None and run.sampler.n_like >= n_like_max:
            if store is not None:
                run.save(store)
            raise ExoskError(
                f"nested sampling has not ended after {run.sampler.n_like} calls of the "
                f"likelihood; allow more (n_like_max), which a checkpoint goes on from, or "
                f"narrow the priors"
            )
        if store is not None and (done or time.monotonic() - saved >= save_every):
            run.save(store)
            saved = time.monotonic()
        if progress is not None:
            progress(run.share(n_eff) if not done else 1.0)
    return run.posterior()


def _check_settings(space: ParameterSpace, n_live: int, n_eff: int, n_networks: int) -> None:
    least = len(space) + 50
    if n_live < least:
        raise RangeError(
            f"{n_live} live points are too few to draw bounds around in {len(space)} dimensions; "
            f"take {least} or more"
        )
    if not (n_eff > 0 and n_networks >= 0):
        raise RangeError(
            f"need n_eff > 0 and n_networks >= 0; got n_eff={n_eff} and n_networks={n_networks}"
        )


class _Run:
    """One run of nautilus, batch by batch."""

    def __init__(
        self,
        log_likelihood: Callable[[np.ndarray], np.ndarray],
        space: ParameterSpace,
        n_live: int,
        n_networks: int,
        random_state: Any,
    ) -> None:
        self._log_likelihood, self._space = log_likelihood, space
        self._arguments: dict[str, Any] = {
            "prior": self._prior,
            "likelihood": self._finite,
            # nautilus has no single parameter; one that nothing depends on changes no evidence.
            "n_dim": max(len(space), 2),
            "n_live": n_live,
            "n_networks": n_networks,
            "neural_network_kwargs": dict(_NETWORK),
            "n_batch": max(100, n_live // 4),
            "vectorized": True,
            "pass_dict": False,
            "pool": None,
            "seed": int(check_random_state(random_state).randint(2**31 - 1)),
        }
        self.sampler = Sampler(**self._arguments)
        self._widest = 0.0
        self._share = 0.0

    def _prior(self, unit: np.ndarray) -> np.ndarray:
        unit = np.clip(unit[:, : len(self._space)], CUBE_EDGE, 1 - CUBE_EDGE)
        return self._space.from_unit_cube(unit)

    def _finite(self, theta: np.ndarray) -> np.ndarray:
        """Log likelihood, minus infinity where it is no number."""
        value = np.asarray(self._log_likelihood(theta), dtype=float)
        if value.shape != (len(theta),):
            raise RangeError(
                f"the log likelihood of {len(theta)} rows must have shape ({len(theta)},), "
                f"got {value.shape}"
            )
        if (value == np.inf).any():
            raise RangeError("the log likelihood is plus infinity; check the spectrum's errors")
        return np.where(np.isnan(value), -np.inf, value)

    def advance(self, n_eff: int) -> bool:
        """Run one more batch; tell whether that was the last."""
        # Before a first finite likelihood there are differences of infinities, which are right.
        with np.errstate(invalid="ignore"):
            done = self.sampler.run(n_eff=n_eff, n_like_max=self.sampler.n_like + 1)
        n_drawn = self.sampler.n_like
        if n_drawn >= _HOPELESS and len(self.sampler.bounds) == 1:
            n_finite = int(sum(np.isfinite(part).sum() for part in self.sampler.log_l))
            if not n_finite or (n_finite < _HANDFUL and n_drawn >= _SPARSE):
                reason = getattr(self._log_likelihood, "refusal", "")
                raise ExoskError(
                    f"of {n_drawn} draws from the prior {n_finite or 'none'} had a finite "
                    f"likelihood; check the spectrum's errors and the priors"
                    + (f" (the simulator says: {reason})" if reason else "")
                )
        return bool(done)

    def save(self, store: Checkpoint) -> None:
        """Write the state: nautilus's own file within ours, which is whole and has checksums."""
        with tempfile.TemporaryDirectory() as folder, store.write() as file:
            path = Path(folder) / "nautilus.h5"
            self.sampler.write(path)
            content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
            file.create_dataset("nautilus", data=content, chunks=True, fletcher32=True)

    def load(self, store: Checkpoint) -> None:
        """Go on from a saved state."""
        with store.read() as file:
            content = file["nautilus"][:].tobytes()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "nautilus.h5"
            path.write_bytes(content)
            try:
                self.sampler = Sampler(**self._arguments, filepath=path)
            except (OSError, LookupError, ValueError, TypeError, AttributeError) as error:
                raise FileFormatError(
                    f"{store.path} holds no run that this version of nautilus can go on with "
                    f"({error}); start afresh (resume=False)"
                ) from error
        self.sampler.filepath = None

    def share(self, n_eff: int) -> float:
        """Estimate the share done.

        The likelihoods of the live points close in on the largest by the same factor with each
        bound, until they span as much as a Gaussian posterior does.
        """
        sampler = self.sampler
        if sampler.explored:
            share = _EXPLORATION + (1 - _EXPLORATION) * min(sampler.n_eff / n_eff, 1.0)
        else:
            live = np.sort(np.concatenate(sampler.log_l))[-sampler.n_live :]
            live = live[np.isfinite(live)]
            span = float(np.ptp(live)) if len(live) else 0.0
            end = 0.5 * sampler.n_dim
            self._widest = max(self._widest, span, end * math.e)
            left = math.log(max(span, end) / end) / math.log(self._widest / end)
            share = _EXPLORATION * (1 - left) if len(sampler.bounds) > 1 else 0.0
        self._share = max(self._share, float(share))
        return self._share

    def posterior(self) -> Posterior:
        """Return what was found."""
        theta, log_weight, _ = self.sampler.posterior()
        kept = log_weight > log_weight.max() - _NEGLIGIBLE
        n_simulations = int(self.sampler.n_like)
        meta = {
            "method": "nested sampling",
            "log_evidence": float(self.sampler.log_z),
            "log_evidence_error": self._log_evidence_error(),
            "n_simulations": n_simulations,
            "efficiency": float(self.sampler.n_eff) / n_simulations,
            "n_shells": len(self.sampler.bounds),
            "versions": {n: metadata.version(n) for n in ("exosk", "nautilus-sampler")},
        }
        return Posterior(theta[kept], self._space, np.exp(log_weight[kept]), meta)

    def _log_evidence_error(self) -> float:
        s = self.sampler
        log_z = s.shell_log_l + s.shell_log_v
        share = np.exp(log_z - special.logsumexp(log_z))
        # That of the points and of the share of draws within the shell; the 1/n cancel.
        variance = 1 / s.shell_n_eff - 1 / s.shell_n_sample
        # The first bound is the whole cube, whose volume is known.
        for k, bound in enumerate(s.bounds[1:], start=1):
            variance[k] += bound.n_reject / (bound.n_sample * (bound.n_sample - bound.n_reject))
        return float(np.sqrt(np.sum(share**2 * variance)))
