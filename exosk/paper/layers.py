"""What a network is made of, read off its torch modules while a spectrum goes through it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from zuko.flows.coupling import GeneralCouplingTransform

from exosk.models.adversarial import GanNet
from exosk.models.nets import SpectralNet, SpectrumInput
from exosk.models.nets.flows import FlowHead
from exosk.models.nets.heads import MixtureHead

__all__ = ["Layer", "Path", "paths_of"]

_WEIGHTY = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.MultiheadAttention)
# Modules that are one box, however many layers they have.
_WHOLE = (SpectrumInput, MixtureHead, GeneralCouplingTransform)

# Linear layers of their own kind, by their place; and what modules do without calling others.
_LINEAR: dict[str, tuple[str, tuple[str, ...]]] = {
    ".whitening.layer": ("Whitening", ("from features", "to parameters")),
    ".context": ("Context", ("from features", "to couplings")),
    ".linear": ("Linear", ("in parallel,", "added at end")),
}
_AROUND = {"_ResidualLayer": ("SiLU", "residual")}


@dataclass(frozen=True)
class Layer:
    """One box of a diagram.

    Attributes
    ----------
    name : str
        What has the weights, as ``Linear``.
    details : tuple of str
        What goes with it: kernel, normalisation, activation, dropout.
    shape : tuple of int
        Of what it makes of one spectrum; empty where that is no array.
    n_weights : int
        Of all like it.
    repeats : int
        How many like it follow each other.
    """

    name: str
    details: tuple[str, ...]
    shape: tuple[int, ...]
    n_weights: int
    repeats: int = 1


@dataclass(frozen=True)
class Path:
    """Layers from an input to an output.

    Attributes
    ----------
    source, target : str
        What goes in and what comes out, in words.
    layers : tuple of Layer
        In order.
    """

    source: str
    target: str
    layers: tuple[Layer, ...]

    @property
    def n_weights(self) -> int:
        """Of all its layers."""
        return sum(layer.n_weights for layer in self.layers)


def paths_of(estimator: Any) -> list[Path]:
    """Return the paths through one network of a fitted estimator.

    Parameters
    ----------
    estimator : SpectralNetwork or InpaintingGANRetriever
        Fitted.

    Returns
    -------
    list of Path
        One of a network; generator and critic of a GAN.
    """
    net = estimator.members_[0]
    if isinstance(net, GanNet):
        return _of_gan(net)
    return [_of_spectral(net, estimator.n_features_in_)]


def _of_spectral(net: SpectralNet, n_columns: int) -> Path:
    dtype = next(net.parameters()).dtype
    rows = torch.linspace(1.0, 2.0, n_columns, dtype=dtype).repeat(2, 1)

    def run() -> None:
        out = net(rows)
        if isinstance(net.head, FlowHead):
            # Couplings are asked for when a density is.
            out.head.log_prob(torch.zeros(2, net.head.n_parameters, dtype=dtype), out.features)

    layout = net.layer_in.layout
    told = "depths and errors" if layout.has_sigma else "depths"
    d = getattr(net.head, "n_parameters", None)
    target = f"posterior of {d} parameters" if d else "logit of each molecule"
    return Path(f"{told} of {layout.n_bins} bins", target, _traced(net, run))


def _of_gan(net: GanNet) -> list[Path]:
    dtype = next(net.parameters()).dtype
    first = next(m for m in net.generator.modules() if isinstance(m, nn.Linear))
    n_latent = _latent_size(net.generator, first)
    z = torch.zeros(2, n_latent, dtype=dtype)
    made = net(z)
    return [
        Path(
            f"{n_latent} latent variables",
            f"{made.shape[1]} values: spectrum and parameters",
            _traced(net.generator, lambda: net.generator(z)),
        ),
        Path(
            f"{made.shape[1]} values",
            "one number",
            _traced(net.critic, lambda: net.critic(made)),
        ),
    ]


def _latent_size(generator: nn.Module, first: nn.Linear) -> int:
    """Find how many variables a generator takes; it may take their products too."""
    rows = getattr(generator, "rows", None)
    return first.in_features - (len(rows) if rows is not None else 0)


@dataclass(frozen=True)
class _Call:
    """A module that was called, where it is, and what it made."""

    module: nn.Module
    path: str
    parent: nn.Module
    shape: tuple[int, ...]


def _traced(net: nn.Module, run: Callable[[], Any]) -> tuple[Layer, ...]:
    """Run, note each module as it is called, and gather what follows a weighty one to it."""
    calls: list[_Call] = []

    def noting(path: str, parent: nn.Module) -> Callable[[nn.Module, Any, Any], None]:
        return lambda module, _, out: calls.append(_Call(module, path, parent, _shape(out)))

    hooks = [
        module.register_forward_hook(noting(path, parent))
        for path, module, parent in _parts(net, "", net)
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(_merged(_boxes(calls)))


def _parts(
    module: nn.Module, path: str, parent: nn.Module
) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """Yield modules that are drawn, with path and parent: leaves, and those that are one box."""
    if isinstance(module, (*_WHOLE, nn.MultiheadAttention)) or not list(module.children()):
        yield path, module, parent
        return
    # A sequence only says what follows what: its owner is the parent of what is in it.
    owner = parent if isinstance(module, nn.Sequential) else module
    for name, child in module.named_children():
        yield from _parts(child, f"{path}.{name}", owner)


def _shape(out: Any) -> tuple[int, ...]:
    out = out[0] if isinstance(out, tuple) else out
    return tuple(out.shape[1:]) if isinstance(out, torch.Tensor) else ()


def _boxes(calls: list[_Call]) -> Iterator[Layer]:
    box: Layer | None = None
    for call in calls:
        n_weights = _n_weights(call.module)
        if box is not None and call.path.endswith(".carried"):
            # The shortcut beside a block's convolution.
            n = box.n_weights + n_weights
            box = dataclasses.replace(box, details=(*box.details, "residual"), n_weights=n)
        elif isinstance(call.module, (*_WEIGHTY, *_WHOLE)):
            if box is not None:
                yield box
            box = Layer(*_described(call), call.shape, n_weights)
        elif box is not None:
            word = _word(call.module)
            box = dataclasses.replace(
                box,
                details=box.details + ((word,) if word else ()),
                shape=call.shape or box.shape,
                n_weights=box.n_weights + n_weights,
            )
    if box is not None:
        yield box


def _merged(boxes: Iterator[Layer]) -> Iterator[Layer]:
    """Count like boxes that follow each other; their weights may differ by a parameter's."""
    for _, group in itertools.groupby(boxes, key=lambda b: (b.name, b.details, b.shape)):
        alike = list(group)
        n = sum(box.n_weights for box in alike)
        yield dataclasses.replace(alike[0], n_weights=n, repeats=len(alike))


def _n_weights(module: nn.Module) -> int:
    return int(np.sum([p.numel() for p in module.parameters()], dtype=int))


def _described(call: _Call) -> tuple[str, tuple[str, ...]]:
    """Say what a module is, with its sizes."""
    module = call.module
    if isinstance(module, SpectrumInput):
        numbers = f"{module.n_numbers} numbers"
        return "Input", (f"{module.n_channels} channels", numbers)
    if isinstance(module, MixtureHead):
        return "Mixture", (f"{module.n_components} Gaussians", "with full", "covariances")
    if isinstance(module, GeneralCouplingTransform):
        widths = [p.shape[0] for p in module.parameters() if p.ndim == 2][:-1]
        pieces = module.shapes[0][0]
        return "Coupling", (f"{pieces}-piece splines", "hidden " + ", ".join(map(str, widths)))
    if isinstance(module, nn.MultiheadAttention):
        return "Attention", (f"{module.num_heads} heads",)
    if isinstance(module, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d):
        kind = "Upconv." if isinstance(module, nn.ConvTranspose2d) else "Conv."
        return f"{kind} {module.kernel_size[0]}", (f"stride {module.stride[0]}",)
    for end, named in _LINEAR.items():
        if call.path.endswith(end):
            return named
    around = _AROUND.get(type(call.parent).__name__, ())
    return "Linear", around + (("residual",) if _adds(call.parent) else ())


def _adds(parent: nn.Module) -> bool:
    return getattr(parent, "residual", None) is True


def _word(module: nn.Module) -> str:
    """Name what has few weights or none; nothing for what does nothing."""
    if isinstance(module, nn.LayerNorm | nn.GroupNorm):
        return "layer norm"
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return "batch norm"
    if isinstance(module, nn.Dropout | nn.Dropout1d):
        return f"dropout {module.p:g}" if module.p else ""
    names = {nn.SiLU: "SiLU", nn.ReLU: "ReLU", nn.LeakyReLU: "leaky ReLU", nn.Sigmoid: "sigmoid"}
    return names.get(type(module), "")
