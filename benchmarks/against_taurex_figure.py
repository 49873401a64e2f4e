"""Differences from TauREx by wavelength, as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def draw(curves: dict[str, Any], path: Path) -> None:
    """Draw the largest differences by wavelength."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        3, 1, figsize=(9, 9.5), sharex=True, sharey=True, layout="constrained"
    )
    for label, (wavelength, difference, keys) in curves.items():
        n = len(difference) - len(keys)
        largest = np.abs(difference[:n]).max(0)
        axes[0].plot(wavelength, largest, lw=0.6, label=label)
    axes[0].set_title("largest over the random atmospheres", fontsize="medium", loc="left")
    for axis, label in zip(axes[1:], ("+ clouds and haze, alike", "clouds and haze, as they are")):
        wavelength, difference, keys = curves[label]
        for k, key in enumerate(keys, len(difference) - len(keys)):
            axis.plot(wavelength, np.abs(difference[k]), lw=0.6, label=key)
        axis.set_title(f"extremes: {label}", fontsize="medium", loc="left")
    for axis in axes:
        axis.axhline(1.0, color="0.6", lw=0.8, ls=":")
        axis.set_ylabel("|built-in model - TauREx| (ppm)")
        axis.legend(fontsize="x-small", ncols=2 if axis is axes[0] else 6, loc="upper left")
    axes[0].set_yscale("log")
    axes[0].set_ylim(1e-5, 1e5)
    axes[-1].set_xscale("log")
    axes[-1].set_xlabel(r"wavelength ($\mu$m)")
    ticks = [0.3, 0.5, 1, 2, 3, 5, 10, 20, 30]
    axes[-1].set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[-1].set_xticks([], minor=True)
    axes[-1].set_xlim(0.3, 30.0)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
