"""A manuscript for the journals of the AAS, filled from results of benchmarks."""

from exosk.paper.writing import Written, prepare_folder, results_for_paper, write_paper

__all__ = ["Written", "prepare_folder", "results_for_paper", "write_paper"]
