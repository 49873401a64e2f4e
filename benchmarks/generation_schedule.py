"""What a campaign on many workers waits for: a simulated schedule.

A worker simulates a shard, sends it to the file server and waits until it is on the disk; the
process that keeps the manifest then hears of it and records it. Network, disk and that process
serve one shard after the other. How long each takes of a shard is measured, or stated.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any

import numpy as np

STATIONS = ("network", "disk", "scheduler")


@dataclass(frozen=True)
class Costs:
    """Seconds that a shard takes of a worker and of what all workers share."""

    simulate: float
    network: float
    disk: float
    scheduler: float
    spread: float = 0.05  # of the simulation's time, relative


def run(costs: Costs, n_workers: int, n_shards: int, seed: int = 0) -> dict[str, Any]:
    """Work off the shards, and tell how busy each station was."""
    random = np.random.default_rng(seed)

    def work() -> float:
        return costs.simulate * max(0.1, 1 + costs.spread * random.standard_normal())

    ready = [(work(), k) for k in range(min(n_workers, n_shards))]
    heapq.heapify(ready)
    free = dict.fromkeys(STATIONS, 0.0)
    started, done = len(ready), 0.0
    for _ in range(n_shards):
        now, worker = heapq.heappop(ready)
        for station in STATIONS:
            free[station] = now = max(now, free[station]) + getattr(costs, station)
            if station == "disk" and started < n_shards:  # the worker goes on
                started += 1
                heapq.heappush(ready, (now + work(), worker))
        done = max(done, now)
    busy = {station: n_shards * getattr(costs, station) / done for station in STATIONS}
    return {
        "workers": n_workers,
        "hours": done / 3600,
        "efficiency": n_shards * costs.simulate / (done * n_workers),
        "busy": {station: round(share, 4) for station, share in busy.items()},
    }


def schedule(costs: Costs, n_shards: int, workers: tuple[int, ...]) -> dict[str, Any]:
    """Tell how a campaign grows with workers, and what is saturated first and when."""
    alone = costs.simulate + costs.network + costs.disk
    saturated = {
        station: alone / getattr(costs, station) for station in STATIONS if getattr(costs, station)
    }
    first = min(saturated, key=saturated.__getitem__)
    return {
        "seconds_a_shard": {
            name: round(getattr(costs, name), 5) for name in ("simulate", *STATIONS)
        },
        "runs": [run(costs, n, n_shards) for n in workers],
        "saturated_at_workers": {name: round(n) for name, n in saturated.items()},
        "saturated_first": first,
    }
