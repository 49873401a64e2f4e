"""Benchmarks: tasks that are scripts, results with what they cost, and the leaderboard."""

from exosk.benchmark.community import with_community
from exosk.benchmark.leaderboard import leaderboard
from exosk.benchmark.machine import describe_machine
from exosk.benchmark.results import (
    Cost,
    Entry,
    Result,
    Score,
    read_result,
    read_results,
    report,
    write_result,
)
from exosk.benchmark.running import Outcome, run_task, run_tasks
from exosk.benchmark.task import Task, choose_tasks, find_tasks

__all__ = [
    "Cost",
    "Entry",
    "Outcome",
    "Result",
    "Score",
    "Task",
    "choose_tasks",
    "describe_machine",
    "find_tasks",
    "leaderboard",
    "read_result",
    "read_results",
    "report",
    "run_task",
    "run_tasks",
    "with_community",
    "write_result",
]
