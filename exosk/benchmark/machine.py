"""The machine and the versions that a measurement belongs to."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["describe_machine"]

_PACKAGES = ("exosk", "numpy", "scipy", "scikit-learn", "torch")


def describe_machine() -> dict[str, Any]:
    """Describe processor, cores, load, versions and date, as results keep them.

    Returns
    -------
    dict
        Keys ``date`` (UTC), ``processor``, ``n_cores`` (that this process may use), ``load_1min``,
        ``system``, ``python`` and ``versions``, of packages.
    """
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "n_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_1min": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
