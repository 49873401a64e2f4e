"""Flow matching beside spline flows: which learns posteriors better, and what does each cost?

Flow matching (Lipman et al. 2023, arXiv:2210.02747; of atmospheres, Gebhard et al. 2025) learns a
velocity field that carries noise to the posterior,

.. math:: \\min_v E \\| v(z_t, t, x) - (z - \\epsilon) \\|^2, \\qquad
          z_t = (1 - t)\\, \\epsilon + t z,

and costs an integration of it for every sample or density. Both methods learn the same spectra of
WASP-12 b with WFC3 (HELA's, one fold of five, 13 depths and five parameters) with networks of
about the same number of weights and the same reading of the spectrum, in the same time. NH3, of
which most rows share one value, is left out: a density of it is none.

    python benchmarks/flow_matching.py
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from places import SHARED_DATA, report
from sklearn.model_selection import KFold
from torch import nn

import exosk
from exosk.benchmark import Cost, Entry, Score, Task, describe_machine
from exosk.models.nets import DenseBody
from exosk.models.nets.inputs import SpectrumInput
from exosk.models.targets import make_targets
from exosk.rows import RowLayout

TASK = Task(
    title="Flow matching beside spline flows",
    question="Does flow matching learn posteriors better than a spline flow in the same time?",
    smoke=("--hidden", "32", "--rows", "1000"),
    data=("hela",),
    minutes=10,
)

KEPT = [0, 1, 2, 4]
N_STEPS = 20  # of the integration, by Runge and Kutta's fourth order


class VelocityField(nn.Module):
    """Velocity of z at a time, given a spectrum."""

    def __init__(self, rows: np.ndarray, d: int, hidden: int) -> None:
        super().__init__()
        self.layer_in = SpectrumInput(RowLayout(rows.shape[1]))
        self.layer_in.learn(torch.tensor(rows, dtype=torch.float64))
        n_numbers = self.layer_in.n_numbers
        self.body = DenseBody(
            self.layer_in.n_channels, rows.shape[1], n_numbers, (256, 256, 256), carries=True
        )
        self.field = DenseBody(1, d, 7 + self.body.n_features, (hidden,) * 4)
        self.out = nn.Linear(hidden, d)

    def features(self, rows: torch.Tensor) -> torch.Tensor:
        """What is told of a spectrum."""
        return self.body(*self.layer_in(rows))

    def forward(self, z: torch.Tensor, t: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
        """Velocity at (n, d), times (n, 1)."""
        waves = [f(k * torch.pi * t) for k in (1, 2, 4) for f in (torch.sin, torch.cos)]
        return self.out(self.field(z[:, None], torch.cat([t, *waves, features], dim=1)))


def train_field(X: np.ndarray, z: np.ndarray, seconds: float, hidden: int) -> VelocityField:
    """Learn for so many seconds."""
    torch.manual_seed(0)
    net = VelocityField(X, z.shape[1], hidden).float()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-4)
    X, z = torch.tensor(X, dtype=torch.float32), torch.tensor(z, dtype=torch.float32)
    started, share = time.perf_counter(), 0.0
    while share < 1:
        share = min((time.perf_counter() - started) / seconds, 1.0)
        # One cycle, as the other has it.
        rate = share / 0.25 if share < 0.25 else 0.5 * (1 + np.cos(np.pi * (share - 0.25) / 0.75))
        optimizer.param_groups[0]["lr"] = 2e-3 * max(rate, 1e-3)
        rows = torch.randint(len(X), (256,))
        noise, t = torch.randn(256, z.shape[1]), torch.rand(256, 1)
        there = z[rows]
        guess = net((1 - t) * noise + t * there, t, net.features(X[rows]))
        loss = ((guess - (there - noise)) ** 2).sum(dim=1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


def log_density(net: VelocityField, X: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Integrate backwards, with the exact divergence of the field."""
    features = net.features(torch.tensor(X, dtype=torch.float32)).detach()
    place, change = torch.tensor(z, dtype=torch.float32), torch.zeros(len(z))
    d, step = z.shape[1], -1.0 / N_STEPS

    def slope(at: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
        at = at.detach().requires_grad_(True)
        v = net(at, torch.full((len(at), 1), t), features)
        rows = [torch.autograd.grad(v[:, k].sum(), at, retain_graph=True)[0] for k in range(d)]
        return v.detach(), sum(rows[k][:, k] for k in range(d)).detach()

    t = 1.0
    for _ in range(N_STEPS):
        k1, d1 = slope(place, t)
        k2, d2 = slope(place + step / 2 * k1, t + step / 2)
        k3, d3 = slope(place + step / 2 * k2, t + step / 2)
        k4, d4 = slope(place + step * k3, t + step)
        place = place + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        change = change + step / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
        t += step
    normal = -0.5 * (place**2 + np.log(2 * np.pi)).sum(dim=1)
    return (normal + change).numpy()


def entries(result: dict[str, Any]) -> list[Entry]:
    """Return the scores of each network."""
    made = []
    for label, found in result.items():
        if not isinstance(found, dict):
            continue
        scores = [
            Score("NLL (of the parameters' normal scores)", found["negative_log_density"]),
            Score(
                "standard error beside the spline flow", found.get("standard_error_of_difference")
            ),
            Score("weights", found["weights"]),
        ]
        inference = found["density_seconds_per_1000"] * result["n_test"] / 1e3
        made.append(Entry(label, scores, Cost(None, found["training_seconds"], inference)))
    return made


def main(arguments: argparse.Namespace) -> None:
    """Measure, print, keep."""
    machine = describe_machine()
    torch.set_num_threads(1)
    with np.load(SHARED_DATA / "hela" / "wasp12b_wfc3_16000.npz") as file:
        rows = slice(arguments.rows)
        X, Y = file["depth_percent"][rows] / 100, file["theta"][rows, KEPT]
    train, test = next(KFold(5, shuffle=True, random_state=0).split(X))
    found: dict[str, Any] = {"n_training": len(train), "n_test": len(test)}

    started = time.perf_counter()
    flow = exosk.FlowRetriever(random_state=0).fit(X[train], Y[train])
    seconds = time.perf_counter() - started
    targets = make_targets(Y[train], None)
    inside = np.isfinite(targets.log_density(Y[test])).all(axis=1)
    z = targets.to_normal(Y[test][inside])
    rows = X[test][inside]
    normal = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=1)
    change = targets.log_density(Y[test][inside]).sum(axis=1) - normal
    started = time.perf_counter()
    own = flow.log_prob(rows, Y[test][inside]) - change
    found["spline flow"] = {
        "weights": sum(p.numel() for p in flow.members_[0].parameters()),
        "training_seconds": round(seconds, 1),
        "negative_log_density": float(-own.mean()),
        "density_seconds_per_1000": round(1e3 * (time.perf_counter() - started) / len(rows), 3),
    }
    for hidden in arguments.hidden:
        net = train_field(X[train], targets.to_normal(Y[train]), seconds, hidden)
        started = time.perf_counter()
        matched = log_density(net, rows, z)
        found[f"flow matching, 4 x {hidden}"] = {
            "weights": sum(p.numel() for p in net.parameters()),
            "training_seconds": round(seconds, 1),
            "negative_log_density": float(-matched.mean()),
            "standard_error_of_difference": float((matched - own).std() / np.sqrt(len(own))),
            "density_seconds_per_1000": round(1e3 * (time.perf_counter() - started) / len(rows), 3),
        }
    for name, values in found.items():
        print(name, values, flush=True)
    report("flow_matching", TASK, machine, found, entries(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--rows", type=int, default=16_000)
    main(parser.parse_args())
