"""One retrieval from end to end: simulate, train, retrieve, make exact, and judge the result."""

from exosk.retrieval.ready import choose_method, find_ready_model
from exosk.retrieval.result import Retrieval
from exosk.retrieval.run import METHODS, retrieve

__all__ = ["METHODS", "Retrieval", "choose_method", "find_ready_model", "retrieve"]
