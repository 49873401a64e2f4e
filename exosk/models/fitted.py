"""A model that was read from disk, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from exosk.exceptions import GridError, RangeError
from exosk.models.card import ModelCard
from exosk.models.final_step import FinalStep
from exosk.posterior import Posterior
from exosk.spectra import Spectrum

__all__ = ["NOISE_TOLERANCE", "FittedModel"]

#: By how much the errors of a spectrum may exceed, or fall short of, those that a model was trained
#: for. A posterior computed with errors that are wrong by a quarter is too wide or too narrow by
#: about as much.
NOISE_TOLERANCE = 1.25


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted estimator, and the card that says what it was made for.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Takes rows of X.
    card : ModelCard
        What is known of it.
    """

    estimator: Any
    card: ModelCard

    @property
    def completes(self) -> bool:
        """Whether the model takes spectra of few of its bins, and can tell what the others hold."""
        return self.card.kind == "retriever" and FinalStep(self.estimator).offers("complete")

    def rows(self, spectrum: Spectrum, *, allow_noise: bool = False) -> np.ndarray:
        """Turn a spectrum into the row of X that the model takes.

        Parameters
        ----------
        spectrum : Spectrum
            In the model's bins.
        allow_noise : bool, default=False
            Go on where the errors are not those that the model was trained for.

        Returns
        -------
        ndarray of shape (1, n_bins) or (1, 2 n_bins)
            Depths, or depths and errors.

        Raises
        ------
        GridError
            If the spectrum has other bins.
        RangeError
            If the median ratio of its errors to the reference errors is more than a quarter
            (:data:`NOISE_TOLERANCE`) above or below the noise range of the model.
        """
        card = self.card
        if card.columns:
            raise RangeError(
                f"the model wants more than a spectrum ({', '.join(card.columns)}); ask it through "
                f"exosk.pretrained, which knows them"
            )
        if spectrum.grid != card.grid:
            raise GridError(
                f"the spectrum is in {_text(spectrum.grid)} and the model takes "
                f"{_text(card.grid)}; bring it there with FittedModel.rebin (--rebin on the "
                f"command line), or train a model in the spectrum's own bins"
            )
        if not allow_noise:
            self._check_noise(spectrum)
        return spectrum.to_row(sigma=card.has_sigma)

    def noise_factor(self, spectrum: Spectrum) -> float:
        """Return the median ratio of a spectrum's errors to the reference errors.

        Raises
        ------
        RangeError
            If no bin has both.
        """
        ratio = spectrum.sigma / self.card.sigma
        ratio = ratio[np.isfinite(ratio)]
        if not ratio.size:
            raise RangeError(
                "the spectrum has no bin that the observation behind the model had; train a model "
                "with the spectrum's own errors"
            )
        return float(np.median(ratio))

    def _check_noise(self, spectrum: Spectrum) -> None:
        factor, (low, high) = self.noise_factor(spectrum), self.card.sigma_scale
        if low / NOISE_TOLERANCE <= factor <= high * NOISE_TOLERANCE:
            return
        span = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        raise RangeError(
            f"the errors of the spectrum are {factor:.3g} times the model's reference errors and "
            f"it was trained for {span} times; train one with a noise range that holds them "
            f"(--noise-scale), or go on all the same with allow_noise=True (--allow-noise)"
        )

    def rebin(self, spectrum: Spectrum, *, partial: bool = False) -> Spectrum:
        r"""Average a spectrum into the model's bins, errors with it.

        A bin of the spectrum that several of the model's share makes their depths correlated,
        which errors alone cannot say. Each error here is that of the bin with its covariances,
        :math:`\sigma_i^2 = \sum_k C_{ik}`, so that means over bins are not more certain than they
        were: a bin cut into n gives n errors that are larger by :math:`\sqrt n`.

        Parameters
        ----------
        spectrum : Spectrum
            In any bins.
        partial : bool, default=False
            Whether bins may stay missing (NaN) of which it covers less than half.

        Returns
        -------
        Spectrum

        Raises
        ------
        GridError
            If it does not cover one of them or, where bins may be missing, any.
        """
        grid = self.card.grid
        if spectrum.grid == grid:
            return spectrum
        from exosk.preprocessing import Rebinner

        whole = spectrum.without_missing()
        row = whole.to_row()
        rebinner = Rebinner(grid, whole.grid, uncovered="missing" if partial else "error").fit(row)
        if rebinner.coverage_.max() < rebinner.min_coverage:
            raise GridError(
                f"the spectrum, {_text(whole.grid)}, covers none of the model's {_text(grid)}; "
                f"use a model of its wavelengths"
            )
        depth = rebinner.transform(row)[0]
        weights = rebinner.matrix_[~np.isnan(depth)]
        sigma = np.full(grid.n_bins, np.nan)
        sigma[~np.isnan(depth)] = np.sqrt(weights @ (whole.sigma**2 * weights.sum(axis=0)))
        return spectrum.replace(grid=grid, depth=depth, sigma=sigma)

    def posterior(
        self,
        spectrum: Spectrum,
        n: int | None = None,
        *,
        random_state: Any = None,
        allow_noise: bool = False,
    ) -> Posterior:
        """Retrieve one spectrum.

        Parameters
        ----------
        spectrum : Spectrum
            In the model's bins.
        n : int, optional
            Number of samples of equal weight; by default the model's own posterior.
        random_state : int, RandomState or None
            As in scikit-learn.
        allow_noise : bool, default=False
            As in :meth:`rows`.

        Returns
        -------
        Posterior

        Raises
        ------
        RangeError
            If the model is a detector.
        """
        if self.card.kind != "retriever":
            raise RangeError("the model detects molecules and has no posterior of parameters")
        last = FinalStep(self.estimator)
        row = self._transformed(spectrum, last, allow_noise)
        space, meta = last.estimator.space_, {"spectrum": spectrum.name}
        if n is not None:
            samples = last.estimator.sample_posterior(row, n, random_state)[0]
            return Posterior(samples, space, meta=meta)
        own: Posterior = last.estimator.posterior(row)[0]
        return Posterior(own.samples, space, own.weights, meta)

    def complete(
        self, spectrum: Spectrum, *, allow_noise: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the whole spectrum behind one of which bins may be missing.

        Parameters
        ----------
        spectrum : Spectrum
            In the model's bins.
        allow_noise : bool, default=False
            As in :meth:`rows`.

        Returns
        -------
        depth, std : ndarray of shape (n_bins,)
            Posterior mean and standard deviation in every bin, without observational noise.

        Raises
        ------
        RangeError
            If the model completes no spectra.
        """
        if not self.completes:
            raise RangeError(
                "the model completes no spectra; train one that does (exosk train --model gan)"
            )
        last = FinalStep(self.estimator)
        row = self.rows(spectrum, allow_noise=allow_noise)
        fed = np.asarray(last.transform(row))
        if not np.array_equal(fed, row, equal_nan=True):
            raise RangeError(
                "the model changes spectra before it completes them, so what it gives back is no "
                "depth in these bins; train one without steps before the retriever"
            )
        depth, std = last.estimator.complete(row, return_std=True)
        return np.asarray(depth[0], dtype=float), np.asarray(std[0], dtype=float)

    def probabilities(self, spectrum: Spectrum, *, allow_noise: bool = False) -> dict[str, float]:
        """Return the probability that each molecule is present.

        Raises
        ------
        RangeError
            If the model is a retriever.
        """
        if self.card.kind != "detector":
            raise RangeError("the model retrieves parameters and detects no molecules")
        last = FinalStep(self.estimator)
        row = self._transformed(spectrum, last, allow_noise)
        shares = last.estimator.predict_proba(row)[0]
        return dict(zip(self.card.molecules, map(float, shares), strict=True))

    def predict(self, spectrum: Spectrum, *, allow_noise: bool = False) -> dict[str, Any]:
        """Answer for one spectrum.

        Returns
        -------
        dict
            ``{parameter: {median, lower, upper, unit}}`` with 68 % intervals, or
            ``{molecule: probability}``.
        """
        if self.card.kind == "detector":
            return self.probabilities(spectrum, allow_noise=allow_noise)
        return self.summary(spectrum, self.posterior(spectrum, allow_noise=allow_noise))

    def summary(self, spectrum: Spectrum, posterior: Posterior) -> dict[str, dict[str, Any]]:
        """Summarise the posterior of a spectrum: ``{name: {median, lower, upper, unit}}``.

        The 68 % intervals are the model's own where it has them, as a
        :class:`~exosk.inference.ConformalRetriever` does.
        """
        found, last = posterior.summary(), FinalStep(self.estimator)
        if last.offers("interval"):
            row = self._transformed(spectrum, last, allow_noise=True)
            ends = last.estimator.interval(row)[:, 0].T.tolist()
            for summary, (lower, upper) in zip(found.values(), ends, strict=True):
                summary |= {"lower": lower, "upper": upper}
        return found

    def _transformed(self, spectrum: Spectrum, last: FinalStep, allow_noise: bool) -> Any:
        row = self.rows(spectrum, allow_noise=allow_noise)
        missing = ~spectrum.observed
        try:
            row = last.transform(row)
            if missing.any() and not self.completes:
                last.estimator.predict(row)
        except ValueError as error:
            if not missing.any() or "NaN" not in str(error):
                raise
            raise GridError(
                f"{missing.sum()} of the {len(spectrum)} bins are missing and the model cannot do "
                f"without them; train one that can, with a SpectrumImputer say"
            ) from error
        return row


def _text(grid: Any) -> str:
    low, high = grid.range
    return f"{grid.n_bins} bins of {low:.4g}-{high:.4g} um"
