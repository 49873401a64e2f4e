"""Posteriors made exact with the simulator, intervals made honest, and what no model knows."""

from exosk.inference.comparison import MoleculeOdds, Odds, lacking, molecule_odds
from exosk.inference.conformal import ConformalRetriever
from exosk.inference.gradient import hmc_sample
from exosk.inference.guard import SpectrumGuard
from exosk.inference.importance import importance_sample
from exosk.inference.likelihood import GaussianLikelihood, gaussian_log_likelihood
from exosk.inference.nested import nested_sample
from exosk.inference.proposal import mixture_proposal, proposal_of
from exosk.inference.refine import refine_posterior
from exosk.inference.sampling_error import sampling_error

__all__ = [
    "ConformalRetriever",
    "GaussianLikelihood",
    "MoleculeOdds",
    "Odds",
    "SpectrumGuard",
    "gaussian_log_likelihood",
    "hmc_sample",
    "importance_sample",
    "lacking",
    "mixture_proposal",
    "molecule_odds",
    "nested_sample",
    "proposal_of",
    "refine_posterior",
    "sampling_error",
]
