"""ExoGAN's grid as an instrument, with the constant error of its sample spectrum."""

from __future__ import annotations

from exosk.exceptions import RangeError
from exosk.instruments import Instrument
from exosk_exogan.grid import exogan_grid

__all__ = ["make_exogan_instrument"]


def make_exogan_instrument(
    low: float | None = None, high: float | None = 30.0, ppm: float = 20.0
) -> Instrument:
    """Make ExoGAN's grid with one error for all bins.

    Parameters
    ----------
    low, high : float, optional
        Keep the bins that lie wholly between these wavelengths, in um. By default the 462 up to
        30 um, where exosk's own opacities end; None keeps all up to that end (515).
    ppm : float, default=20
        1-sigma error of each bin: 20 ppm in ExoGAN's sample spectrum. Its tests go from 0 to 100.

    Returns
    -------
    Instrument

    Raises
    ------
    GridError
        If no bin lies between the wavelengths.
    RangeError
        If the error is not positive.
    """
    if not 0 < ppm < 1e5:
        raise RangeError(f"the error of ExoGAN's bins must be positive ppm below 1e5, got {ppm}")
    reference = "grid and error of the sample spectrum of Zingales & Waldmann 2018, AJ 156, 268"
    return Instrument("ExoGAN grid", exogan_grid(low, high), 1e-6 * ppm, reference)
