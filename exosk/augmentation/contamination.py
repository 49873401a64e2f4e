"""Spots and faculae that the planet does not cross."""

from __future__ import annotations

from typing import Any

import numpy as np

from exosk.augmentation.augmenter import Augmenter, limits
from exosk.exceptions import RangeError
from exosk.grids import SpectralGrid
from exosk.rows import RowLayout

__all__ = ["ContaminationInjector"]

_SURFACES = ("spot", "faculae")
_TEMPERATURES = (1.0, 1e5)  # K


class ContaminationInjector(Augmenter):
    """Contaminate training spectra with the light of an uneven star.

    Unocculted spots make transits deeper, most of all at short wavelengths, and faculae make
    them shallower (Rackham, Apai & Giampapa 2018, ApJ 853, 122, eqs 2-3); the formula is that of
    :mod:`exosk.simulators.observation`, with surfaces as black bodies. A model that was trained
    so takes no contamination for an atmosphere. Each spectrum gets a star of its own at each
    draw. It goes before the noise, whose errors are those of the depths that are seen.

    Parameters
    ----------
    star_temperature : float or (float, float), optional
        Of the photosphere, in K; uniform between two numbers, as all that follow.
    spot_fraction, faculae_fraction : float or (float, float), optional
        Share of the disc; none by default, and then nothing is changed.
    spot_temperature, faculae_temperature : float or (float, float), optional
        In K.
    random_state : int, RandomState or None, default=None
        Seed.
    grid : SpectralGrid, optional
        The bins of X; needed where there are spots or faculae. With it X may hold errors after
        the depths, which stay.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns of X.

    Notes
    -----
    The factor is that at each bin's centre.

    Examples
    --------
    >>> import numpy as np
    >>> from exosk import SpectralGrid
    >>> spotted = ContaminationInjector(
    ...     5000, 0.1, 4000, grid=SpectralGrid.from_edges([0.5, 1.0, 5.0]), random_state=0
    ... )
    >>> spotted.fit_transform(np.full((1, 2), 0.02)).round(4)
    array([[0.0213, 0.0206]])
    """

    def __init__(
        self,
        star_temperature: Any = None,
        spot_fraction: Any = None,
        spot_temperature: Any = None,
        faculae_fraction: Any = None,
        faculae_temperature: Any = None,
        random_state: Any = None,
        *,
        grid: SpectralGrid | None = None,
    ) -> None:
        self.star_temperature = star_temperature
        self.spot_fraction = spot_fraction
        self.spot_temperature = spot_temperature
        self.faculae_fraction = faculae_fraction
        self.faculae_temperature = faculae_temperature
        self.random_state = random_state
        self.grid = grid

    def _prepare(self, layout: RowLayout) -> None:
        self._limits: dict[str, tuple[float, float]] = {}
        surfaces = [name for name in _SURFACES if getattr(self, f"{name}_fraction") is not None]
        for name in surfaces:
            fraction = f"{name}_fraction"
            self._limits[fraction] = limits(getattr(self, fraction), fraction, 0, 1)
            self._add_temperature(f"{name}_temperature", fraction)
        if not surfaces:
            return
        self._add_temperature("star_temperature", f"{surfaces[0]}_fraction")
        covered = sum(self._limits[f"{name}_fraction"][1] for name in surfaces)
        if covered > 1:
            raise RangeError(
                f"{' and '.join(surfaces)} may cover {covered:g} of the star, more than all of it; "
                f"lower the fractions"
            )
        self._centers = self._wavelength("contamination")

    def _add_temperature(self, name: str, needed_by: str) -> None:
        value = getattr(self, name)
        if value is None:
            raise RangeError(f"{needed_by} means nothing without {name}; give it in K")
        self._limits[name] = limits(value, name, *_TEMPERATURES)

    def _augment(
        self, depth: np.ndarray, sigma: np.ndarray | None, rng: np.random.Generator
    ) -> None:
        if not self._limits:
            return
        import torch

        from exosk.simulators.observation import contaminate

        value = {
            name: torch.from_numpy(rng.uniform(*ends, len(depth)).astype(depth.dtype))
            for name, ends in self._limits.items()
        }
        centers = torch.from_numpy(self._centers.astype(depth.dtype))
        depth[:] = contaminate(torch.from_numpy(depth), value, centers, {}).numpy()
