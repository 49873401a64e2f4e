"""Many observations at once: what their spectra say of molecules beside what was published."""

from exosk.survey.claims import CLAIMS, read_claims
from exosk.survey.figure import survey_figure
from exosk.survey.run import run_survey
from exosk.survey.table import agreement, survey_table, to_markdown
from exosk.survey.targets import SurveyTarget, gather_targets, read_systems

__all__ = [
    "CLAIMS",
    "SurveyTarget",
    "agreement",
    "gather_targets",
    "read_claims",
    "read_systems",
    "run_survey",
    "survey_figure",
    "survey_table",
    "to_markdown",
]
