r"""Training a generator against a critic.

The published objective is the non-saturating one of Goodfellow et al. (2014, arXiv:1406.2661):
critic and generator minimise

.. math::
    L_D = -\mathrm{E} \log \sigma(D(x)) - \mathrm{E} \log(1 - \sigma(D(G(z)))), \qquad
    L_G = -\mathrm{E} \log \sigma(D(G(z))).

The other is Wasserstein's with a penalty on the critic's gradient (Gulrajani et al. 2017,
arXiv:1704.00028), whose critic measures how far generated spectra are from simulated ones:

.. math::
    L_D = \mathrm{E} D(G(z)) - \mathrm{E} D(x)
          + 10\, \mathrm{E} (|\nabla D(\hat x)| - 1)^2, \qquad
    L_G = -\mathrm{E} D(G(z)).

Where the latent variables begin with the parameters themselves, the spectrum that belongs to them
is known, and the generator minimises

.. math:: \frac{1}{n + 1} \sum_j \frac{(G_j(z(x)) - x_j)^2}{s^2} + w L_G

over the n bins, less their mean, and the mean, as image-to-image networks do (Isola et al. 2017,
arXiv:1611.07004). The weights that are kept are a running mean of the generator's (Yazici et al.
2019, arXiv:1806.04498).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from exosk.exceptions import RangeError
from exosk.models.gan_checkpoint import GanCheckpoint
from exosk.models.gan_data import ArrayRows, TrainingRows
from exosk.models.nets.aspa import structure_spread
from exosk.models.training import one_thread

__all__ = [
    "OBJECTIVES",
    "AdversarialPlan",
    "AdversarialTrainer",
    "GanNet",
    "train_gan",
    "train_gan_on",
]

OBJECTIVES = ("wasserstein", "minimax")
_PENALTY = 10.0
# Of the spread of the structure of spectra: the unit of the reconstruction's error.
_UNIT = 0.01
# Share of the steps over which the learning rate rises.
_RISE = 0.03
_BETAS = {"wasserstein": (0.0, 0.9), "minimax": (0.5, 0.999)}
_GENERATOR_BETAS = (0.9, 0.99)  # where it reconstructs, for which momentum is good


class GanNet(nn.Module):
    """A generator, its critic, and what they show.

    Parameters
    ----------
    generator, critic : Module
        From latent variables to values, and from values to a number.
    shown : AspaValues or AspaPictures
        What the values are.
    n_given : int
        How many of the latent variables, the first, are the parameters themselves; the generator
        makes the rest of the values then.
    """

    def __init__(
        self, generator: nn.Module, critic: nn.Module, shown: nn.Module, n_given: int
    ) -> None:
        super().__init__()
        self.generator, self.critic, self.shown, self.n_given = generator, critic, shown, n_given

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Map (n, n_latent), standard normal, to (n, n_values)."""
        made = self.generator(z)
        return torch.cat([made, z[:, : self.n_given]], dim=1) if self.n_given else made

    def decode(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (n, n_latent) to depths (n, n_bins) and parameters (n, n_parameters)."""
        depth, parameters = self.shown.decode(self(z))
        return depth, parameters


@dataclass(frozen=True)
class AdversarialPlan:
    """How to train.

    Attributes
    ----------
    objective : {"wasserstein", "minimax"}
    adversarial_weight : float
        Of the critic's opinion beside the reconstruction, where there is one.
    critic_steps, generator_steps : int
        Steps of each for a batch.
    n_latent : int
    learning_rate : float
    schedule : {"one-cycle", "constant"}
    batch_size, max_epochs : int
    decay : float
        Of the running mean of the generator's weights; 0 keeps the last ones.
    device : str
    verbose : int
        1 prints a line an epoch.
    """

    objective: str
    adversarial_weight: float
    critic_steps: int
    generator_steps: int
    n_latent: int
    learning_rate: float
    schedule: str
    batch_size: int
    max_epochs: int
    decay: float
    device: str
    verbose: int


def train_gan(
    net: GanNet,
    depth: np.ndarray,
    parameters: np.ndarray,
    plan: AdversarialPlan,
    random: np.random.RandomState,
    progress: Callable[[float], None] | None = None,
) -> list[dict[str, Any]]:
    """Train in place, on arrays.

    Parameters
    ----------
    depth : ndarray of shape (n, n_bins)
        Noise-free training spectra.
    parameters : ndarray of shape (n, n_parameters)
        As `net.shown` takes them.
    net, plan, random, progress
        As of :func:`train_gan_on`, which has the rest.
    """
    return train_gan_on(net, ArrayRows(depth, parameters), plan, random, progress)


def train_gan_on(
    net: GanNet,
    rows: TrainingRows,
    plan: AdversarialPlan,
    random: np.random.RandomState,
    progress: Callable[[float], None] | None = None,
    checkpoint: GanCheckpoint | None = None,
) -> list[dict[str, Any]]:
    """Train in place.

    Parameters
    ----------
    net : GanNet
        On the plan's device.
    rows : TrainingRows
        Noise-free training spectra, and parameters as `net.shown` takes them.
    plan : AdversarialPlan
    random : RandomState
        Of the order of the rows.
    progress : callable, optional
        Called with the share of the training that is done.
    checkpoint : GanCheckpoint, optional
        What the training is written to after each epoch, and goes on from.

    Returns
    -------
    list of dict
        Of each epoch: ``epoch``, ``critic_loss``, ``generator_loss``, ``reconstruction_loss``
        (None where there is none), ``learning_rate``, ``seconds``.

    Raises
    ------
    RangeError
        If a loss is no longer a number, the spectra are too few for a batch, or the checkpoint is
        of another training.
    FileFormatError
        If the checkpoint is damaged.
    """
    if len(rows) < 2:
        raise RangeError(f"a GAN is trained on batches of two spectra or more, got {len(rows)}")
    with one_thread(plan.device):
        return AdversarialTrainer(net, rows, plan, random).run(progress, checkpoint)


class AdversarialTrainer:
    """The loop, and what it carries along.

    Parameters
    ----------
    net, rows, plan, random
        See :func:`train_gan_on`.

    Attributes
    ----------
    step : int
        Batches so far.
    of_critic, of_generator : Optimizer
    mean : Module
        Running mean of the generator.
    history : list of dict
        Of each epoch so far.
    """

    def __init__(
        self,
        net: GanNet,
        rows: TrainingRows,
        plan: AdversarialPlan,
        random: np.random.RandomState,
    ) -> None:
        self.net, self.rows, self.plan, self.random = net, rows, plan, random
        self.size = min(plan.batch_size, len(rows))
        self.n_steps, self.step = len(rows) // self.size * plan.max_epochs, 0
        self.history: list[dict[str, Any]] = []
        self.reconstructs = net.n_given > 0
        betas = _BETAS[plan.objective]
        generator_betas = _GENERATOR_BETAS if self.reconstructs else betas
        rate = plan.learning_rate
        self.of_critic = torch.optim.Adam(net.critic.parameters(), rate, betas)
        self.of_generator = torch.optim.Adam(net.generator.parameters(), rate, generator_betas)
        self.mean = copy.deepcopy(net.generator).requires_grad_(False)
        unit = _UNIT * structure_spread(rows.typical)
        self.scale = net.shown.scale / unit if self.reconstructs else None

    def run(
        self,
        progress: Callable[[float], None] | None = None,
        checkpoint: GanCheckpoint | None = None,
    ) -> list[dict[str, Any]]:
        """Train, from where a checkpoint left off; returns the history."""
        if checkpoint is not None and checkpoint.resume(self):
            return self.history
        self.net.train()
        while len(self.history) < self.plan.max_epochs:
            self.history.append(self._epoch(len(self.history) + 1))
            if checkpoint is not None:
                checkpoint.save(self, complete=False)
            if progress is not None:
                progress(len(self.history) / self.plan.max_epochs)
        if self.plan.decay:
            self.net.generator.load_state_dict(self.mean.state_dict())
        if checkpoint is not None:
            checkpoint.save(self, complete=True)
        return self.history

    def _epoch(self, epoch: int) -> dict[str, Any]:
        """Go through the rows once; returns what the history has of it."""
        started = time.perf_counter()
        losses = [self._batch(*batch) for batch in self.rows.batches(self.size, self.random)]
        means = np.mean(losses, axis=0)
        critic, generator, reconstruction = (float(loss) for loss in means)
        if not np.isfinite(means).all():
            raise RangeError(
                f"a loss is no longer a number in epoch {epoch} (critic {critic:g}, "
                f"generator {generator:g}); lower the learning rate "
                f"({self.plan.learning_rate:g}), or look for wild values in X"
            )
        row = {
            "epoch": epoch,
            "critic_loss": critic,
            "generator_loss": generator,
            "reconstruction_loss": reconstruction if self.reconstructs else None,
            "learning_rate": self._rate(),
            "seconds": round(time.perf_counter() - started, 3),
        }
        if self.plan.verbose:
            shown = (f"{k} {v:.5g}" for k, v in row.items() if v is not None)
            print("  ".join(shown))  # noqa: T201 - verbose asks for it
        return row

    def _batch(self, depth: np.ndarray, parameters: np.ndarray) -> tuple[float, float, float]:
        """Make a step of both; returns the losses of critic, generator and reconstruction."""
        rate = self._rate()
        for optimizer in (self.of_critic, self.of_generator):
            optimizer.param_groups[0]["lr"] = rate
        real = self.net.shown.encode(depth, parameters)
        self.step += 1
        judged = not self.reconstructs or self.plan.adversarial_weight > 0
        critic = [self._critic_step(real) for _ in range(self.plan.critic_steps * judged)]
        generator = [self._generator_step(real, judged) for _ in range(self.plan.generator_steps)]
        opinion, reconstruction = np.mean(generator, axis=0)
        return float(np.mean(critic)) if critic else 0.0, opinion, reconstruction

    def _critic_step(self, real: torch.Tensor) -> float:
        with torch.no_grad():
            fake = self.net(self._draw(real))
        of_real, of_fake = self.net.critic(real), self.net.critic(fake)
        if self.plan.objective == "wasserstein":
            loss = of_fake.mean() - of_real.mean() + _PENALTY * self._penalty(real, fake)
        else:
            loss = nn.functional.softplus(-of_real).mean() + nn.functional.softplus(of_fake).mean()
        self.of_critic.zero_grad()
        loss.backward()
        self.of_critic.step()
        return float(loss.detach())

    def _penalty(self, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        share = torch.rand(len(real), 1, dtype=real.dtype, device=real.device)
        between = (share * real + (1 - share) * fake).requires_grad_()
        opinion = self.net.critic(between).sum()
        (gradient,) = torch.autograd.grad(opinion, between, create_graph=True)
        return ((gradient.norm(dim=1) - 1) ** 2).mean()

    def _generator_step(self, real: torch.Tensor, judged: bool) -> tuple[float, float]:
        opinion = reconstruction = torch.zeros((), dtype=real.dtype, device=real.device)
        if judged:
            of_fake = self.net.critic(self.net(self._draw(real)))
            if self.plan.objective == "wasserstein":
                opinion = -of_fake.mean()
            else:
                opinion = nn.functional.softplus(-of_fake).mean()
        if self.reconstructs:
            known = real[:, -self.net.n_given :]
            free = self._draw(real)[:, self.net.n_given :]
            made = self.net.generator(torch.cat([known, free], dim=1))
            wanted = real[:, : -self.net.n_given]
            reconstruction = (((made - wanted) * self.scale) ** 2).mean()
        weight = self.plan.adversarial_weight if self.reconstructs else 1.0
        self.of_generator.zero_grad()
        (reconstruction + weight * opinion).backward()
        self.of_generator.step()
        self._average()
        return float(opinion.detach()), float(reconstruction.detach())

    def _draw(self, like: torch.Tensor) -> torch.Tensor:
        return torch.randn(len(like), self.plan.n_latent, dtype=like.dtype, device=like.device)

    @torch.no_grad()
    def _average(self) -> None:
        # A mean over the first few steps is over few.
        decay = min(self.plan.decay, self.step / (self.step + 10))
        for mine, its in zip(self.mean.parameters(), self.net.generator.parameters(), strict=True):
            mine.lerp_(its, 1 - decay)
        for mine, its in zip(self.mean.buffers(), self.net.generator.buffers(), strict=True):
            mine.copy_(its)

    def _rate(self) -> float:
        """Up from nothing, then down along a cosine."""
        if self.plan.schedule == "constant":
            return self.plan.learning_rate
        done = self.step / self.n_steps
        rise = min(1.0, done / _RISE) if self.n_steps > 1 / _RISE else 1.0
        return self.plan.learning_rate * max(rise, 1e-3) * (0.5 + 0.5 * math.cos(math.pi * done))
