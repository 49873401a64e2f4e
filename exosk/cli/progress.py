"""Progress bars on a terminal, silence elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["stages"]


@contextmanager
def stages() -> Iterator[Callable[..., None]]:
    """Give a function that draws a bar for each stage it hears of, on standard error.

    Yields
    ------
    callable
        Takes a stage's name, the share of it that is done and, if there is more to say (a rate, the
        time left), a note.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stage, share, note="": None
        return
    bars: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description:<30}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:

        def tell(stage: str, share: float, note: str = "") -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=1.0, note=note)
            progress.update(bars[stage], completed=share, note=note)

        yield tell
