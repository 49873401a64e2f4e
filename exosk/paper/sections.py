"""The benchmarks that have words of their own in the manuscript, in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exosk.benchmark import Result

__all__ = ["KNOWN", "TaskText", "in_order", "lacking"]


@dataclass(frozen=True)
class TaskText:
    """What is said of a task beside its title, question and table.

    Attributes
    ----------
    task : str
        Its name.
    text : str
        LaTeX, with citations of what it is about; no numbers, for those are the table's.
    mark : str
        What the author must write.
    """

    task: str
    text: str
    mark: str = "what the table shows, and why"


KNOWN: Mapping[str, TaskText] = {
    text.task: text
    for text in (
        TaskText(
            "forward_model",
            "Training sets are as large as the forward model allows, so its speed comes first.",
        ),
        TaskText(
            "layer_convergence",
            "The pressure grid of the built-in model is compared with a finer one, over random "
            "atmospheres and extreme ones.",
        ),
        TaskText(
            "against_taurex",
            "TauREx~3 \\citep{AlRefaie2021} is run on the same opacities and layers, so that what "
            "differs is the radiative transfer alone.",
        ),
        TaskText(
            "against_petitradtrans",
            "petitRADTRANS \\citep{Molliere2019,Blain2024} is run on the same opacities, so that "
            "what differs is the radiative transfer alone.",
        ),
        TaskText(
            "exogan_spectrum",
            "The sample spectrum of ExoGAN \\citep{Zingales2018} was made by an earlier TauREx "
            "\\citep{Waldmann2015} with other line lists, so that its differences from ours show "
            "what opacities do.",
        ),
        TaskText(
            "line_list_build",
            "Tables of cross sections are computed from lines of HITRAN \\citep{Gordon2022,"
            "Kochanov2016} and compared with HELIOS-K \\citep{Grimm2015}.",
        ),
        TaskText(
            "hela",
            "The training set of \\citet{MarquezNeila2018} for WASP-12~b with WFC3 "
            "\\citep{Kreidberg2015} is public, and a random forest is what it was made for: "
            "every other estimator is measured beside it.",
        ),
        TaskText(
            "exogan_task",
            "ExoGAN \\citep{Zingales2018} retrieves by completing a picture of spectrum and "
            "parameters. Its task is repeated here with the inpainting GAN and its rivals.",
        ),
        TaskText(
            "flow_matching",
            "Flow matching was proposed for retrieval by \\citet{Gebhard2025}; here it is given "
            "the time that a spline flow \\citep{Durkan2019} takes.",
        ),
        TaskText(
            "posterior_task",
            "Posteriors of a flow \\citep{Papamakarios2016,Durkan2019} are checked for "
            "calibration, made exact by importance sampling \\citep{Dax2023,Gebhard2025}, and "
            "compared with nested sampling \\citep{Lange2023}.",
        ),
        TaskText(
            "pretrained_task",
            "Pretrained flows serve any planet of their wavelengths. They are asked about planets "
            "that they never saw, simulated and observed.",
        ),
        TaskText("molecule_detection", "A detector gives each molecule a calibrated probability."),
        TaskText(
            "detection_ceiling",
            "No detector can do better than Bayes' theorem, which can be computed where there are "
            "few parameters.",
        ),
        TaskText(
            "explanations",
            "Explanations by occlusion \\citep{Zeiler2014}, Shapley values \\citep{Lundberg2017,"
            "Aas2021} and LIME \\citep{Ribeiro2016} are compared with where a molecule truly "
            "shows, which the simulator knows.",
        ),
        TaskText("generation", "Training sets are kept in stores that many processes fill."),
        TaskText("streamed_training", "Networks are trained from stores larger than memory."),
        TaskText("survey", "All observed spectra at hand are retrieved in one go."),
        TaskText(
            "real_spectra", "Detectors are asked about observed spectra with published results."
        ),
    )
}


def in_order(results: Mapping[str, Result]) -> list[Result]:
    """Return results in the manuscript's order, those of unknown tasks last."""
    rank = {name: k for k, name in enumerate(KNOWN)}
    return sorted(results.values(), key=lambda r: (rank.get(r.task, len(rank)), r.task))


def lacking(results: Mapping[str, Result]) -> Sequence[str]:
    """Return the tasks that the manuscript has words for, and that have no result."""
    return [name for name in KNOWN if name not in results]
