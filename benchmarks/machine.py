"""The machine and the versions that a measurement belongs to, and where results are kept."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
_PACKAGES = ("exosk", "numpy", "scipy", "scikit-learn", "torch")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, load, versions and date."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "n_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_1min": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
    }


def report(name: str, machine: dict[str, Any], result: dict[str, Any]) -> None:
    """Print where and when, and keep the result as results/<name>.json."""
    versions = ", ".join(f"{package} {v}" for package, v in machine["versions"].items())
    print(f"\n{machine['processor']}, {machine['n_cores']} cores, {machine['system']}")
    print(f"{machine['date']}, load before {machine['load_1min']}, Python {machine['python']}")
    print(versions)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"machine": machine, "result": result}, indent=2) + "\n", "utf-8")
    print(f"results/{path.name} written")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"
