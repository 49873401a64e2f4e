"""The training of generator and critic in a file, from which it goes on after a kill.

The proposal's training, which follows, is kept as any network's
(:class:`~exosk.models.checkpoint.TrainingCheckpoint`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from exosk.models.checkpoint import from_tensors, load_state, save_state, to_tensors

if TYPE_CHECKING:
    from exosk.models.adversarial import AdversarialTrainer

__all__ = ["GanCheckpoint"]


class GanCheckpoint:
    """The state of an adversarial training, in a file.

    Parameters
    ----------
    path : Path
        The file.
    marks : mapping of str to str
        Digests of what the training is of; a file with others is refused.
    """

    def __init__(self, path: Path, marks: Mapping[str, str]) -> None:
        self.path = path
        self.marks = marks

    def resume(self, trainer: AdversarialTrainer) -> bool:
        """Set everything as it was after the last epoch that was written, if there is a file.

        Returns
        -------
        bool
            Whether that training is over.

        Raises
        ------
        FileFormatError
            If the file is no checkpoint, damaged or of a later version.
        RangeError
            If it is of another training.
        """
        state = load_state(self.path, self.marks)
        if state is None:
            return False
        trainer.net.load_state_dict(state["net"])
        trainer.mean.load_state_dict(state["mean"])
        trainer.of_critic.load_state_dict(state["of_critic"])
        trainer.of_generator.load_state_dict(state["of_generator"])
        trainer.step, trainer.history = state["step"], json.loads(state["history"])
        trainer.random.set_state(from_tensors(state["draws"]))
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None and trainer.plan.device.startswith("cuda"):
            torch.cuda.set_rng_state(state["cuda"], trainer.plan.device)
        return bool(state["complete"])

    def save(self, trainer: AdversarialTrainer, complete: bool) -> None:
        """Write the state, of a training that is over or not."""
        device = trainer.plan.device
        state: dict[str, Any] = {
            "complete": complete,
            "net": trainer.net.state_dict(),
            "mean": trainer.mean.state_dict(),
            "of_critic": trainer.of_critic.state_dict(),
            "of_generator": trainer.of_generator.state_dict(),
            "step": trainer.step,
            "history": json.dumps(trainer.history, default=lambda number: number.item()),
            "draws": to_tensors(trainer.random.get_state()),
            "torch": torch.get_rng_state(),
            # Where latent variables are drawn.
            "cuda": torch.cuda.get_rng_state(device) if device.startswith("cuda") else None,
        }
        save_state(self.path, self.marks, state)
