r"""The built-in 1-D transmission model, batched over atmospheres.

A planet in transit blocks, at each wavelength, its opaque disc and the part of each annulus of
its atmosphere that absorbs:

.. math:: D = \frac{1}{R_\star^2}\left[r_0^2
          + \sum_i (r_{i+1}^2 - r_i^2)\left(1 - e^{-\tau_i}\right)\right],
          \qquad \tau_i = \sum_{j \ge i} \ell_{ij}\, n_j\, \sigma_j

(e.g. Brown 2001, ApJ 553, 1006; the layering is that of TauREx, Waldmann et al. 2015, ApJ 802,
107: shells equally spaced in log pressure, rays through their middles, densities at the
geometric mean of their boundary pressures). The atmosphere is isothermal and well mixed, so

.. math:: \sigma_j = \sum_k w_{jk} \sum_m x_m \sigma_m(T, P_k)
          \quad\Rightarrow\quad
          \tau_i = \sum_k \Big(\sum_j \ell_{ij} n_j w_{jk}\Big) \sigma_\mathrm{mix}(T, P_k)

with :math:`w` the weights of linear interpolation in log pressure between the table's pressures
:math:`P_k`. The first factor has one row a ray and a dozen columns and knows no wavelength; the
second knows no ray. Rayleigh scattering and haze do not depend on pressure and are added to every
:math:`\sigma_\mathrm{mix}(P_k)`; collision-induced absorption goes with density squared and is one
more column.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any

import numpy as np
import torch

from exosk.exceptions import RangeError, UnknownNameError
from exosk.opacities import get_opacity, rayleigh_h2, rayleigh_he
from exosk.parameters import ParameterSpace
from exosk.simulators import atmosphere as hydro
from exosk.simulators.absorbers import LineAbsorbers, PairAbsorbers, pressure_nodes
from exosk.simulators.limits import check_atmospheres, check_opacities
from exosk.simulators.quantities import OPTIONAL, REQUIRED, abundance_name, default_space
from exosk.simulators.workspace import Workspace, share_out
from exosk.spectra import SpectralGrid
from exosk.units import JUPITER_MASS, JUPITER_RADIUS, SOLAR_RADIUS

__all__ = ["TransmissionModel"]

_DEFAULTS = {"star_radius": 1.0, "haze_slope": -4.0}
_BAR = 1e6  # dyn cm^-2
_LN10 = math.log(10.0)
_LOG2_E = math.log2(math.e)
# Haze: a times H2's Rayleigh cross section at 0.35 um, with a slope of its own
# (Lecavelier des Etangs et al. 2008; MacDonald & Madhusudhan 2017, eq. 6).
_HAZE_CROSS_SECTION = 5.31e-27  # cm^2
_HAZE_WAVELENGTH = 0.35  # um
# Elements of the largest tensor (spectra x rays x wavelengths) worked on at once: it stays
# in cache, and memory does not grow with the number of spectra.
_CHUNK_ELEMENTS = 3_000_000


class TransmissionModel:
    """Transmission spectra of clear, cloudy and hazy H2/He atmospheres.

    Isothermal and well mixed, in hydrostatic equilibrium with g(r); line absorption from
    opacity tables, H2 and He Rayleigh scattering, H2-H2 and H2-He collision-induced
    absorption, an opaque grey cloud deck and a Rayleigh-like haze.

    Parameters
    ----------
    molecules : sequence of str, default=("H2O", "CO2", "CO", "CH4")
        Absorbers beside H2 and He; others are absent.
    space : ParameterSpace, optional
        The free parameters, of ``planet_radius`` (R_jup, at the reference pressure),
        ``planet_mass`` (M_jup), ``star_radius`` (R_sun), ``temperature`` (K), ``log_x_<molecule>``
        (log10 volume mixing ratio), ``log_p_cloud`` (log10 bar; the deck is opaque below),
        ``log_haze`` and ``haze_slope``. ExoGAN's priors by default.
    fixed : mapping of str to float, optional
        Values of parameters that are not free. Without ``log_p_cloud`` the atmosphere is clear,
        without ``log_haze`` there is no haze; `star_radius` is 1 by default.
    grid : SpectralGrid, optional
        Work only on the samples of the tables' 0.3-30 um that these bins need.
    n_layers : int, default=100
        Shells, equally spaced in log pressure.
    pressure_range : tuple of float, default=(1e-9, 10)
        Top and bottom of the atmosphere, in bar; it is opaque below the bottom.
    reference_pressure : float, default=10
        Where the radius is `planet_radius`, in bar.
    he_h2_ratio : float, default=0.17647
        Number of He atoms per H2 molecule in the background (ExoGAN's, near solar).
    device : str, optional
        A torch device; a GPU by default when there is one.

    Raises
    ------
    UnknownNameError
        If a molecule or parameter is not known.
    RangeError
        If a needed parameter is neither free nor fixed, or a setting is out of the tables' range.

    Notes
    -----
    Accuracy is limited by the tables: they sample the spectrum at R = 1000, so an average over
    an instrument's bin rests on few samples when the bin is narrow; the tables' provenance
    states the error.
    """

    def __init__(
        self,
        molecules: Sequence[str] = ("H2O", "CO2", "CO", "CH4"),
        *,
        space: ParameterSpace | None = None,
        fixed: Mapping[str, float] | None = None,
        grid: SpectralGrid | None = None,
        n_layers: int = 100,
        pressure_range: tuple[float, float] = (1e-9, 10.0),
        reference_pressure: float = 10.0,
        he_h2_ratio: float = 0.17647,
        device: str | None = None,
    ) -> None:
        nodes = pressure_nodes(pressure_range)
        tables = [get_opacity(name) for name in molecules]
        pairs = [get_opacity("H2-H2"), get_opacity("H2-He")]
        check_opacities(tables, pairs)
        tables = [table.at_pressures(nodes) for table in tables]
        self._molecules = tuple(table.name for table in tables)
        needed = _samples_for(grid, tables[0].wavelength)
        self._grid = grid
        self._wavelength = tables[0].wavelength[needed]
        self._settings = {
            "n_layers": int(n_layers),
            "pressure_range": tuple(float(p) for p in pressure_range),
            "reference_pressure": float(reference_pressure),
            "he_h2_ratio": float(he_h2_ratio),
        }
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        if space is None:
            space = default_space(self._molecules, fixed={"star_radius", *(fixed or {})})
        self._space = space
        defaults = {name: x for name, x in _DEFAULTS.items() if name not in space}
        self.fixed = defaults | dict(fixed or {})
        self._check_parameters()
        self._molar_masses = self._tensor([hydro.molar_mass(name) for name in self._molecules])
        self._opacity_provenance = {t.name: t.provenance for t in tables}
        self._opacity_provenance |= {p.name: p.provenance for p in pairs}
        self._set_up_layers()
        self._lines = LineAbsorbers(tables, self._pressure, needed).to(self.device)
        self._pairs = PairAbsorbers(pairs, needed).to(self.device)
        self._set_up_continuum()
        self._work = Workspace()

    def _check_parameters(self) -> None:
        """Check that every parameter is known, and every needed one has a value or a prior."""
        needed = [*REQUIRED, *(abundance_name(m) for m in self._molecules)]
        known = [*needed, *OPTIONAL]
        for name in [*self._space.names, *self.fixed]:
            if name not in known:
                raise UnknownNameError.suggest("parameter of the built-in model", name, known)
            if name in self._space and name in self.fixed:
                raise RangeError(f"{name} is both free and fixed; choose one")
        for name in needed:
            if name not in self._space and name not in self.fixed:
                raise RangeError(
                    f"{name} is neither free nor fixed; put it into the space with a prior, or "
                    f"into fixed with a value"
                )

    def _set_up_layers(self) -> None:
        """Set the boundaries and middles of the layers, bottom first."""
        n_layers = self._settings["n_layers"]
        top, bottom = self._settings["pressure_range"]
        reference = self._settings["reference_pressure"]
        if not (n_layers >= 2 and reference > 0):
            raise RangeError(
                f"need at least 2 layers and a positive reference pressure; got {n_layers} layers "
                f"and {reference:g} bar"
            )
        levels = np.geomspace(bottom, top, n_layers + 1)
        self._pressure = np.sqrt(levels[1:] * levels[:-1])
        self._log_pressure_ratio = self._tensor(np.log(levels / reference))

    def _set_up_continuum(self) -> None:
        """Set what scatters at each wavelength."""
        ratio = self._settings["he_h2_ratio"]
        self._background = {"H2": 1 / (1 + ratio), "He": ratio / (1 + ratio)}
        scattering = self._background["H2"] * rayleigh_h2(self._wavelength)
        scattering += self._background["He"] * rayleigh_he(self._wavelength)
        self._scattering = self._tensor(scattering, torch.float32)
        self._log_haze_wavelength = self._tensor(np.log(self._wavelength / _HAZE_WAVELENGTH))

    def _tensor(self, values: Any, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.as_tensor(np.asarray(values), dtype=dtype, device=self.device)

    @property
    def space(self) -> ParameterSpace:
        """The free parameters."""
        return self._space

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points, ascending, in um, shape (n_wavelengths,)."""
        return self._wavelength

    @property
    def molecules(self) -> tuple[str, ...]:
        """The absorbers whose abundance may vary."""
        return self._molecules

    @property
    def pressure(self) -> np.ndarray:
        """Pressure in the middle of each layer, bottom first, in bar, shape (n_layers,)."""
        return self._pressure

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, version, settings and opacities."""
        return {
            "simulator": "builtin",
            "exosk": metadata.version("exosk"),
            "molecules": list(self._molecules),
            "fixed": dict(self.fixed),
            "settings": {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in self._settings.items()
            },
            "opacities": self._opacity_provenance,
        }

    def restrict(self, grid: SpectralGrid) -> TransmissionModel:
        """Return the model on the samples that the bins of `grid` need.

        Raises
        ------
        RangeError
            If the model has no opacities in some bin.
        """
        return self.replace(grid=grid)

    def replace(self, **changes: Any) -> TransmissionModel:
        """Return a model with some of the constructor's arguments changed."""
        arguments: dict[str, Any] = {
            "molecules": self._molecules,
            "space": self._space,
            "fixed": self.fixed,
            "grid": self._grid,
            "device": str(self.device),
            **self._settings,
        }
        return TransmissionModel(**arguments | changes)

    def simulate(self, theta: Any) -> np.ndarray:
        """Compute transit depths.

        Parameters
        ----------
        theta : array-like of shape (n, n_parameters)
            In the order of :attr:`space`.

        Returns
        -------
        numpy.ndarray of shape (n, n_wavelengths)
            Transit depths, float32 (a relative rounding of 1e-7, that is 0.001 ppm).

        Raises
        ------
        RangeError
            If a temperature is outside the tables, abundances add up to more than one, the
            cloud top is outside the atmosphere, or the atmosphere is not bound.
        """
        theta = np.asarray(theta, dtype=float)
        if theta.ndim != 2 or theta.shape[1] != len(self._space):
            raise RangeError(
                f"theta must be of shape (n, {len(self._space)}), one column for each of "
                f"{', '.join(self._space.names)}; got {theta.shape}"
            )
        check_atmospheres(
            {name: column.numpy() for name, column in self._columns(torch.tensor(theta)).items()},
            self._molecules,
            self._lines.temperature_range,
            self._settings["pressure_range"],
            self._settings["reference_pressure"],
            self._background_mass,
        )
        step = max(1, _CHUNK_ELEMENTS // (self._settings["n_layers"] * len(self._wavelength)))
        chunks = [theta[start : start + step] for start in range(0, len(theta), step)]
        depth = np.empty((len(theta), len(self._wavelength)), dtype=np.float32)

        def fill(k: int) -> None:
            with torch.inference_mode():
                chunk = self.depth(self._tensor(chunks[k]))
                depth[k * step : k * step + len(chunk)] = chunk.cpu().numpy()

        if self.device.type == "cpu":
            share_out(fill, len(chunks))
        else:
            for k in range(len(chunks)):
                fill(k)
        return depth

    def depth(self, theta: torch.Tensor) -> torch.Tensor:
        """Compute transit depths of one batch, differentiably and without checks.

        Parameters
        ----------
        theta : tensor of shape (n, n_parameters), float64
            In the order of :attr:`space`.

        Returns
        -------
        tensor of shape (n, n_wavelengths)
        """
        value = self._columns(theta)
        log_x = torch.stack([value[abundance_name(m)] for m in self._molecules], -1)
        x = torch.pow(10.0, log_x)
        background = 1 - x.sum(-1)
        mass = hydro.mean_molecular_mass(x, self._molar_masses, self._background_mass)
        scale = hydro.inverse_scale(value["temperature"], mass, value["planet_mass"] * JUPITER_MASS)
        bottom_radius = value["planet_radius"] * JUPITER_RADIUS
        radius = hydro.hydrostatic_radius(self._log_pressure_ratio, bottom_radius, scale)
        density = (
            self._tensor(self._pressure) * _BAR / (hydro.BOLTZMANN * value["temperature"][:, None])
        )
        # Scaled so that 2 to the power of what follows is the transmission.
        column = hydro.slant_paths(radius) * (-_LOG2_E * density[:, None, :])

        sigma = self._lines(value["temperature"], log_x)
        sigma = sigma + self._continuum(value, background)[:, None, :]
        pair_column = column @ (density / PairAbsorbers.LOSCHMIDT**2)[:, :, None]
        h2, he = (background * self._background[gas] for gas in ("H2", "He"))
        pairs = self._pairs(value["temperature"], torch.stack([h2 * h2, h2 * he], -1))
        columns = torch.cat([column @ self._lines.weights, pair_column], -1).to(torch.float32)
        shape = (*columns.shape[:2], len(self._wavelength))
        transmission = torch.bmm(
            columns,
            torch.cat([sigma, pairs[:, None, :]], 1),
            out=self._work("transmission", *shape, like=columns),
        ).exp2_()

        disc, area = self._annuli(value, radius, bottom_radius, scale)
        opaque = (disc + area.sum(-1)).to(torch.float32)
        passed = area.to(torch.float32)[:, None, :] @ transmission
        return opaque[:, None] - passed[:, 0, :]

    def _columns(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """Name the columns of theta and add the fixed values."""
        value = {name: theta[:, k] for k, name in enumerate(self._space.names)}
        for name, number in self.fixed.items():
            value.setdefault(name, theta.new_full((len(theta),), float(number)))
        return value

    def _continuum(self, value: dict[str, torch.Tensor], background: torch.Tensor) -> torch.Tensor:
        """Cross section per particle that does not depend on pressure, (n, n_wavelengths)."""
        sigma = background.to(torch.float32)[:, None] * self._scattering
        if "log_haze" in value:
            strength = (
                math.log(_HAZE_CROSS_SECTION)
                + value["log_haze"] * _LN10
                + (background * self._background["H2"]).log()
            )
            slope = value["haze_slope"][:, None] * self._log_haze_wavelength
            sigma = sigma + (strength[:, None] + slope).to(torch.float32).exp()
        return sigma

    def _annuli(
        self,
        value: dict[str, torch.Tensor],
        radius: torch.Tensor,
        reference_radius: torch.Tensor,
        scale: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Areas of the opaque disc (n,) and of each shell (n, n_layers), in units of the star's."""
        star = (value["star_radius"] * SOLAR_RADIUS).square()
        edges = radius
        if "log_p_cloud" in value:
            reference = math.log(self._settings["reference_pressure"])
            ratio = (value["log_p_cloud"] * _LN10 - reference)[:, None]
            deck = hydro.hydrostatic_radius(ratio, reference_radius, scale)
            # Shells below the deck shrink to nothing, and the one it cuts keeps its upper part.
            edges = torch.maximum(radius, deck)
        square = edges.square() / star[:, None]
        return square[:, 0], square[:, 1:] - square[:, :-1]

    @property
    def _background_mass(self) -> float:
        return sum(share * hydro.molar_mass(gas) for gas, share in self._background.items())


def _samples_for(grid: SpectralGrid | None, wavelength: np.ndarray) -> np.ndarray:
    """Mask of the table's samples that the bins need."""
    if grid is None:
        return np.ones(len(wavelength), dtype=bool)
    low, high = grid.range
    if low < wavelength[0] or high > wavelength[-1]:
        raise RangeError(
            f"the bins span {low:.4g}-{high:.4g} um but the opacities only "
            f"{wavelength[0]:.4g}-{wavelength[-1]:.4g} um; leave out the bins beyond "
            f"(Spectrum.between, or --range on the command line)"
        )
    return grid.samples_needed(wavelength)
