r"""The built-in 1-D transmission model, batched over atmospheres.

A planet in transit blocks, at each wavelength, its opaque disc and the part of each annulus of
its atmosphere that absorbs:

.. math:: D = \frac{1}{R_\star^2}\left[r_0^2
          + \sum_i (r_{i+1}^2 - r_i^2)\left(1 - e^{-\tau_i}\right)\right],
          \qquad \tau_i = \sum_{j \ge i} \int_{\ell_{ij}} n\, \sigma\, ds

(e.g. Brown 2001, ApJ 553, 1006). The layers and the integrals over them are those of
:mod:`exosk.simulators.layers`. Cross sections of the mixture are computed at some nodes of
pressure :math:`P_k`, each with its own temperature and composition, and interpolated linearly in
log pressure with weights :math:`w`, so that

.. math:: \tau_i = \sum_k \Big(\sum_j \int_{\ell_{ij}} n\, w_k\, ds\Big)
          \sigma_\mathrm{mix}(T_k, P_k).

The first factor has one row a ray and a few dozen columns and knows no wavelength; the second
knows no ray. Collision-induced absorption goes with density squared and has columns of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from exosk.exceptions import RangeError
from exosk.opacities import OpacityTable, get_opacity
from exosk.parameters import ParameterSpace
from exosk.simulators.absorbers import (
    NODES_PER_DECADE,
    LineAbsorbers,
    PairAbsorbers,
    pressure_nodes,
)
from exosk.simulators.atmosphere import molar_mass
from exosk.simulators.binned import samples_for
from exosk.simulators.configured import ConfiguredSimulator
from exosk.simulators.inputs import Inputs, changes_with_height
from exosk.simulators.layers import Layering, Shells
from exosk.simulators.limits import check_opacities
from exosk.simulators.observation import contaminate, instrument_masks
from exosk.simulators.quantities import CONTAMINATION, offset_name
from exosk.simulators.scattering import Scatterers
from exosk.simulators.slant import SlantColumns
from exosk.simulators.structure import check_atmospheres, lay_out
from exosk.simulators.workspace import Workspace, share_out
from exosk.spectra import SpectralGrid

__all__ = ["TransmissionModel"]

# Elements of the largest tensor (spectra x rays x wavelengths) worked on at once: it stays
# in cache, and memory does not grow with the number of spectra.
_CHUNK_ELEMENTS = 3_000_000
_CITATION = "exosk; the method is Brown's (2001, ApJ 553, 1006)"


class TransmissionModel(ConfiguredSimulator):
    """Transmission spectra of clear, cloudy and hazy H2/He atmospheres.

    In hydrostatic equilibrium with g(r); line absorption from opacity tables, H2 and He Rayleigh
    scattering, H2-H2 and H2-He collision-induced absorption, an opaque grey cloud deck that may
    be patchy, a Rayleigh-like haze; and what the star, a neighbour and the instruments add.

    Parameters
    ----------
    molecules : sequence of str or OpacityTable, default=("H2O", "CO2", "CO", "CH4")
        Absorbers beside H2 and He; others are absent.
    space : ParameterSpace, optional
        The free parameters: ``planet_radius`` (R_jup, at the reference pressure), ``planet_mass``
        (M_jup), ``star_radius`` (R_sun), those of the temperature profile, ``log_x_<molecule>``
        (log10 volume mixing ratio), ``log_p_cloud`` (log10 bar; opaque below), ``cloud_fraction``,
        ``log_haze``, ``haze_slope``; ``star_temperature``, ``spot_temperature``,
        ``spot_fraction``, ``faculae_temperature``, ``faculae_fraction``, ``dilution``,
        ``offset_<instrument>`` (ppm). ExoGAN's priors by default.
    fixed : mapping of str to float, optional
        Values of parameters that are not free. What is neither free nor fixed is absent;
        `star_radius` is 1 by default.
    grid : SpectralGrid, optional
        Work only on the samples of the tables' 0.3-30 um that these bins need.
    temperature_profile : str, default="isothermal"
        Of ``temperature``; or ``"guillot"``, of ``t_irr``, ``t_int``, ``log_kappa_ir`` and
        ``log_gamma``; or ``"<N>-point"``, of ``temperature_1`` (bottom) to ``temperature_<N>``.
    abundance_profiles : mapping of str to str, optional
        ``{"H2O": "two-layer"}`` adds ``log_x_h2o_top`` and ``log_p_h2o``, where it changes.
    chemistry : {"free", "equilibrium"}
        With "equilibrium", ``log_metallicity`` and ``c_o_ratio`` take the place of abundances
        (:mod:`exosk.simulators.chemistry`).
    instruments : mapping of str to (float, float), optional
        Wavelength ranges, in um, of instruments that may have an offset.
    n_layers : int, default=100
        Shells, equally spaced in log pressure.
    layer_density : {"exponential", "uniform"}
        Within a shell; "uniform" takes plain sums as other codes do, for comparison with them.
    nodes_per_decade : int, optional
        Pressures at which cross sections are mixed: 2 a decade, 5 where temperature changes with
        height, or 10 where composition does.
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
        molecules: Sequence[str | OpacityTable] = ("H2O", "CO2", "CO", "CH4"),
        *,
        space: ParameterSpace | None = None,
        fixed: Mapping[str, float] | None = None,
        grid: SpectralGrid | None = None,
        temperature_profile: str = "isothermal",
        abundance_profiles: Mapping[str, str] | None = None,
        chemistry: str = "free",
        instruments: Mapping[str, tuple[float, float]] | None = None,
        n_layers: int = 100,
        layer_density: str = "exponential",
        nodes_per_decade: int | None = None,
        pressure_range: tuple[float, float] = (1e-9, 10.0),
        reference_pressure: float = 10.0,
        he_h2_ratio: float = 0.17647,
        device: str | None = None,
    ) -> None:
        tables = [get_opacity(m) if isinstance(m, str) else m for m in molecules]
        pairs = [get_opacity("H2-H2"), get_opacity("H2-He")]
        check_opacities(tables)
        pairs = [pair.at_wavelengths(tables[0].wavelength) for pair in pairs]
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._sources = tuple(molecules)
        self._inputs = Inputs(
            "the built-in model",
            tuple(table.name for table in tables),
            space=space,
            fixed=fixed,
            temperature_profile=temperature_profile,
            abundance_profiles=abundance_profiles,
            chemistry=chemistry,
            device=self.device,
            pressure_range=pressure_range,
            also_known=("cloud_fraction", *CONTAMINATION, *map(offset_name, instruments or {})),
        )
        changes = changes_with_height(temperature_profile, abundance_profiles, chemistry)
        if nodes_per_decade is None:
            nodes_per_decade = NODES_PER_DECADE[changes]
        self._settings = {
            "temperature_profile": temperature_profile,
            "abundance_profiles": dict(abundance_profiles or {}),
            "chemistry": chemistry,
            "instruments": {name: tuple(ends) for name, ends in (instruments or {}).items()},
            "n_layers": int(n_layers),
            "layer_density": layer_density,
            "nodes_per_decade": int(nodes_per_decade),
            "pressure_range": tuple(float(p) for p in pressure_range),
            "reference_pressure": float(reference_pressure),
            "he_h2_ratio": float(he_h2_ratio),
        }
        nodes = pressure_nodes(pressure_range, nodes_per_decade)
        tables = [table.at_pressures(nodes) for table in tables]
        needed = samples_for(grid, tables[0].wavelength)
        self._grid = grid
        self._wavelength = tables[0].wavelength[needed]
        self._masses = {name: molar_mass(name) for name in ("H2", "He", *self.molecules)}
        self._opacity_provenance = {t.name: t.provenance for t in [*tables, *pairs]}
        self._layers = Layering(
            n_layers, pressure_range, reference_pressure, self.device, layer_density
        )
        plain, step = self._layers.plain, self._layers.step
        self._lines = LineAbsorbers(
            tables, self._layers.pressure, needed, 0.0 if plain else step
        ).to(self.device)
        self._columns = SlantColumns(
            self._lines.weights,
            self._lines.slopes,
            step,
            plain=plain,
            one_pair_column=changes == "uniform",
        ).to(self.device)
        self._pairs = PairAbsorbers(pairs, needed).to(self.device)
        if not he_h2_ratio >= 0:
            raise RangeError(f"he_h2_ratio must not be negative, got {he_h2_ratio:g}")
        self._background = {"H2": 1 / (1 + he_h2_ratio), "He": he_h2_ratio / (1 + he_h2_ratio)}
        self._scatterers = Scatterers(self._wavelength, self._background).to(self.device)
        self._samples = self._tensor(self._wavelength)
        self._masks = {
            name: mask.to(self.device)
            for name, mask in instrument_masks(instruments, self._wavelength).items()
        }
        self._work = Workspace()

    def _tensor(self, values: Any, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.as_tensor(np.asarray(values), dtype=dtype, device=self.device)

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points, ascending, in um, shape (n_wavelengths,)."""
        return self._wavelength

    @property
    def pressure(self) -> np.ndarray:
        """Pressure in the middle of each layer, bottom first, in bar, shape (n_layers,)."""
        return self._layers.pressure

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, version, settings and opacities."""
        return self._describe("builtin", ["exosk"], _CITATION, self._opacity_provenance)

    def _arguments(self) -> dict[str, Any]:
        return super()._arguments() | {"device": str(self.device)}

    # Its tensors travel faster than they are made again.
    __reduce__ = object.__reduce__

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
        theta = self._inputs.rows(theta)
        check_atmospheres(
            self._inputs,
            self._inputs.values(theta),
            self._layers,
            self._lines.pressure,
            self._settings,
            self._masses,
            self._lines.temperature_range,
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
        value = self._named(theta)
        shells = self._shells(value)
        columns = self._columns(shells)
        sigma = self._cross_sections(value)
        shape = (*columns.shape[:2], len(self._wavelength))
        transmission = torch.bmm(
            columns, sigma, out=self._work("transmission", *shape, like=columns)
        ).exp2_()
        disc, area = self._layers.annuli(shells, value)
        opaque = (disc + area.sum(-1)).to(torch.float32)
        passed = area.to(torch.float32)[:, None, :] @ transmission
        depth = opaque[:, None] - passed[:, 0, :]
        return contaminate(depth, value, self._samples, self._masks)

    def _shells(self, value: dict[str, torch.Tensor]) -> Shells:
        """Lay out the atmospheres."""
        ratio = self._settings["he_h2_ratio"]
        return lay_out(self._inputs, value, self._layers, self._masses, ratio)

    def _cross_sections(self, value: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross sections at the nodes, then of pairs at one amagat, (n, n_columns, n_samples)."""
        nodes = self._lines.pressure
        temperature = self._inputs.temperature(value, nodes)
        log_x = self._inputs.log_abundances(value, nodes)
        background = 1 - torch.pow(10.0, log_x).sum(-1)
        sigma = self._lines(temperature, log_x)
        sigma += self._scatterers(value, background)
        h2, he = (background * self._background[gas] for gas in ("H2", "He"))
        pairs = self._pairs(temperature, torch.stack([h2 * h2, h2 * he], -1))
        return torch.cat([sigma, pairs], 1)

    def _named(self, theta: torch.Tensor) -> dict[str, torch.Tensor]:
        """Name the columns of theta and add the fixed values."""
        value = {name: theta[:, k] for k, name in enumerate(self.space.names)}
        for name, number in self.fixed.items():
            value[name] = theta.new_full((len(theta),), float(number))
        return value
