"""What dask must be told of exosk's arrays, so that a search on a cluster scores as one at home.

dask sends arrays by a way of its own that makes plain ones of all subclasses: a retriever on a
worker would not learn from y what its parameters and their priors are. dask finds :func:`register`
by the entry point ``dask.sizeof`` when it is imported, so this module imports nothing itself.
"""

from __future__ import annotations

from typing import Any

__all__ = ["register"]


def register(sizeof: Any) -> None:
    """Let dask send a :class:`~exosk.parameters.ParameterArray` with its space.

    Parameters
    ----------
    sizeof : dask.utils.Dispatch
        dask's measure of sizes. It is asked about every object before that is sent, here and on the
        workers, and runs what is registered for a package when it first meets an object of it.
    """

    @sizeof.register_lazy("exosk")
    def register_arrays() -> None:
        try:
            from distributed.protocol import dask_serialize
        except ImportError:  # dask alone sends nothing
            return
        from exosk.parameters import ParameterArray

        @dask_serialize.register(ParameterArray)
        def leave_to_pickle(array: ParameterArray) -> Any:
            raise NotImplementedError("pickle keeps the space")
