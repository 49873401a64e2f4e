"""Progress bars on a terminal, silence elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["stages"]


@contextmanager
def stages() -> Iterator[Callable[[str, float], None]]:
    """Give a function that draws a bar for each stage it hears of, on standard error.

    Yields
    ------
    callable
        Takes a stage's name and the share of it that is done.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stage, share: None
        return
    bars: dict[str, TaskID] = {}
    columns = (TextColumn("{task.description:<30}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def tell(stage: str, share: float) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=1.0)
            progress.update(bars[stage], completed=share)

        yield tell
