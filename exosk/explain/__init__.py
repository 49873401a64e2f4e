"""Why a model answers as it does: in wavelength bands, on what the simulator finds plausible."""

from exosk.explain.background import Background
from exosk.explain.bands import BANDS
from exosk.explain.explaining import explain, explain_spectrum
from exosk.explain.explanation import Explanation
from exosk.explain.figure import plot_explanation
from exosk.explain.fitted import background_of, explain_model
from exosk.explain.groups import Groups
from exosk.explain.methods import METHODS
from exosk.explain.overall import explain_dataset
from exosk.explain.randomizing import randomize_weights
from exosk.explain.refit import REFIT, explain_fits
from exosk.explain.targets import Target
from exosk.explain.truth import ImportanceScore, score_importance, true_contribution

__all__ = [
    "BANDS",
    "METHODS",
    "REFIT",
    "Background",
    "Explanation",
    "Groups",
    "ImportanceScore",
    "Target",
    "background_of",
    "explain",
    "explain_dataset",
    "explain_fits",
    "explain_model",
    "explain_spectrum",
    "plot_explanation",
    "randomize_weights",
    "score_importance",
    "true_contribution",
]
