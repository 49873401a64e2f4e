"""What the settings of an inpainting GAN may be, checked in one place before it is trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from exosk.exceptions import RangeError, UnknownNameError
from exosk.models.adversarial import OBJECTIVES
from exosk.models.mixture_retriever import MixtureRetriever
from exosk.models.settings import (
    Rule,
    apply_rules,
    check_settings,
    is_number,
    is_whole,
    is_widths,
)
from exosk.preprocessing import AspaEncoder

__all__ = ["NETWORKS", "SAMPLERS", "check_gan_settings"]

#: Kinds of generators and critics.
NETWORKS = ("dense", "picture")
#: Ways to the posterior.
SAMPLERS = ("posterior", "restarts", "published")
_SCHEDULES = ("one-cycle", "constant")


def check_gan_settings(settings: Mapping[str, Any]) -> None:
    """Refuse a setting that no GAN can be trained with.

    Parameters
    ----------
    settings : mapping
        From names to values: the parameters of an
        :class:`~exosk.models.gan.InpaintingGANRetriever`.

    Raises
    ------
    RangeError
        If a setting is out of its range, or two do not go together.
    UnknownNameError
        If a network, an objective, a sampler or a schedule is not known.
    """
    apply_rules(settings, _RULES)
    choices = {
        "network": NETWORKS,
        "objective": OBJECTIVES,
        "sampler": SAMPLERS,
        "schedule": _SCHEDULES,
    }
    for name, known in choices.items():
        if settings[name] not in known:
            raise UnknownNameError.suggest(name, settings[name], known)
    if settings["network"] == "picture" and settings["n_latent"] is None:
        raise RangeError(
            "network='picture' makes parameters as pixels, so its latent variables are others; "
            "give their number, as n_latent=100"
        )
    if settings["sampler"] == "published" and settings["network"] != "picture":
        raise RangeError(
            "sampler='published' completes pictures; it goes with network='picture', see "
            "InpaintingGANRetriever.as_published"
        )
    if settings["proposal"] is not None:
        check_settings(settings["proposal"].get_params(deep=False))


_RULES: dict[tuple[str, ...], Rule] = {
    (
        "n_filters",
        "critic_steps",
        "generator_steps",
        "n_restarts",
        "n_iterations",
        "n_moves",
        "n_generated",
        "max_epochs",
    ): (lambda value: is_whole(value, 1), "a whole number from 1 up"),
    ("n_particles",): (lambda value: is_whole(value, 8), "a whole number from 8 up"),
    ("n_latent",): (
        lambda value: value is None or is_whole(value, 1),
        "a whole number from 1 up, or None to take the parameters",
    ),
    ("batch_size",): (
        lambda value: value is None or is_whole(value, 2),
        "a whole number from 2 up, or None to go by the number of spectra",
    ),
    ("hidden", "critic_hidden"): (
        is_widths,
        "a sequence of at least one width, whole numbers from 1 up",
    ),
    ("learning_rate",): (lambda value: is_number(value) and value > 0, "a positive number"),
    ("adversarial_weight",): (
        lambda value: is_number(value) and value >= 0,
        "a number from 0 up",
    ),
    ("decay", "validation_fraction"): (
        lambda value: is_number(value) and 0 <= value < 1,
        "a share from 0 up, less than 1",
    ),
    ("checkpoint",): (
        lambda value: value is None or isinstance(value, str | os.PathLike),
        "the path of a folder, or None",
    ),
    ("progress",): (lambda value: value is None or callable(value), "callable, or None"),
    ("proposal",): (
        lambda value: value is None or isinstance(value, MixtureRetriever),
        "a network whose posterior is a mixture, as an MLPRetriever, or None for that",
    ),
    ("encoder",): (
        lambda value: value is None or isinstance(value, AspaEncoder),
        "an AspaEncoder, or None to make one",
    ),
}
