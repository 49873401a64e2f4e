"""Making a retriever's posterior exact, with the simulator, or its intervals honest, without."""

from exosk.inference.conformal import ConformalRetriever
from exosk.inference.likelihood import gaussian_log_likelihood
from exosk.inference.refine import refine_posterior
from exosk.inference.sampling_error import sampling_error

__all__ = [
    "ConformalRetriever",
    "gaussian_log_likelihood",
    "refine_posterior",
    "sampling_error",
]
