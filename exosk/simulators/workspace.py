"""Memory that is used again, and threads that do not wait for each other.

Fresh memory costs a page fault every 4 kB, which on large batches takes longer than the
arithmetic done in it. Buffers serve only where no gradient is wanted: autograd keeps what it
needs, and must not find it overwritten.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

__all__ = ["Workspace", "share_out"]


class Workspace(threading.local):
    """Named buffers of one thread, for the `out` argument of torch's functions."""

    def __init__(self) -> None:
        self._buffers: dict[str, torch.Tensor] = {}

    def __reduce__(self) -> tuple[type[Workspace], tuple[()]]:
        """Copy and pickle as an empty one: models are sent to other processes."""
        return Workspace, ()

    def __call__(self, name: str, *shape: int, like: torch.Tensor) -> torch.Tensor | None:
        """Return a float32 buffer of that shape, or None when gradients are recorded.

        A buffer's content lasts until the same name is asked for again.
        """
        if torch.is_grad_enabled():
            return None
        size = math.prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.numel() < size or buffer.device != like.device:
            buffer = torch.empty(size, dtype=torch.float32, device=like.device)
            self._buffers[name] = buffer
        return buffer[:size].view(shape)


def share_out(work: Callable[[int], None], n_pieces: int) -> None:
    """Do pieces of work on as many threads as torch may use, each piece on one of them.

    The tensors are small: threads that share out one operation at a time spend most of theirs
    waiting for each other, and far worse so when the machine is busy.
    """
    n_threads = torch.get_num_threads()

    def prepare_thread() -> None:
        torch.set_num_threads(1)
        # The transmission of an opaque ray is subnormal, on which arithmetic is slow.
        torch.set_flush_denormal(True)

    try:
        with ThreadPoolExecutor(min(n_threads, n_pieces) or 1, initializer=prepare_thread) as pool:
            list(pool.map(work, range(n_pieces)))
    finally:
        torch.set_num_threads(n_threads)
