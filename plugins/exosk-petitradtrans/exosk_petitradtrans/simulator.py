r"""petitRADTRANS's transmission model, seen as a simulator of exosk.

Its own calculation is run for each atmosphere (``Radtrans.calculate_transit_radii``: Molliere et
al. 2019): opacities are interpolated linearly in temperature and pressure, levels lie at radii
from a parabola's integral of :math:`dP/\rho`, optical depths and annuli are trapezoidal sums
between levels. :mod:`exosk_petitradtrans.mapping` tells how parameters are translated.

Two things are arranged so that the same parameters mean the same atmosphere as in other codes. Its
opaque deck fills the levels below the cloud top, so that a deck between two levels would move by
up to a layer: here two of the levels lie at the deck. And it mixes radii where a deck is patchy;
here, as the light does, areas (Line & Parmentier 2016, ApJ 820, 78), of two runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from exosk.exceptions import RangeError, UnknownNameError
from exosk.grids import SpectralGrid
from exosk.opacities import OpacityTable
from exosk.parameters import ParameterSpace
from exosk.simulators.binned import samples_for
from exosk.simulators.configured import ConfiguredSimulator
from exosk.simulators.inputs import Inputs
from exosk.simulators.structure import check_layers
from exosk_petitradtrans import mapping
from exosk_petitradtrans.inputs import exosk_opacities, input_folder, user_opacities
from exosk_petitradtrans.levels import DECK, levels_around, planet_within
from exosk_petitradtrans.transit import Transit

__all__ = ["PetitRadtransModel"]

_VERSIONS = ("petitRADTRANS", "exosk-petitradtrans", "exosk")
_CITATION = [
    "Molliere et al. 2019, A&A 627, A67 (petitRADTRANS)",
    "Blain et al. 2024, JOSS 9(96), 7028 (petitRADTRANS 3)",
]


class PetitRadtransModel(ConfiguredSimulator):
    """Transmission spectra by petitRADTRANS.

    Line absorption, H2 and He Rayleigh scattering, H2-H2 and H2-He collision-induced absorption, an
    opaque grey cloud deck that may be patchy, and the built-in model's haze.

    Parameters
    ----------
    molecules : sequence of str or OpacityTable, default=("H2O", "CO2", "CO", "CH4")
        Absorbers beside H2 and He.
    space, fixed, grid
        As of :class:`exosk.TransmissionModel`, with the same parameters: ``planet_radius``,
        ``planet_mass``, ``star_radius``, those of the temperature and abundance profiles,
        ``log_p_cloud``, ``cloud_fraction``, ``log_haze``, ``haze_slope``.
    temperature_profile, abundance_profiles, chemistry
        The same.
    n_layers : int, default=100
        Shells, equally spaced in log pressure, between ``n_layers + 1`` levels.
    pressure_range : tuple of float, default=(1e-9, 10)
        Top and bottom of the atmosphere, in bar; it is opaque below the bottom.
    reference_pressure : float, default=10
        Where the radius is `planet_radius`, in bar.
    he_h2_ratio : float, default=0.17647
        Number of He atoms per H2 molecule in the background.
    mode : {"c-k", "lbl"}, optional
        petitRADTRANS's correlated-k or line-by-line mode. With exosk's tables, which have one
        cross section a wavelength, both give the same, "lbl" in a sixteenth of time and
        memory; it is the default there, and "c-k" with petitRADTRANS's own data.
    input_data : str or path, default="auto"
        ``"exosk"`` takes exosk's tables; ``"user"`` the folder of input data that petitRADTRANS is
        configured for; a path that folder; ``"auto"`` the configured one if it exists and
        exosk's tables otherwise.
    species : mapping of str to str, optional
        petitRADTRANS's names of molecules where the formula alone is ambiguous in its folder, as
        in ``{"H2O": "H2O__POKAZATEL"}``.
    resolution : float, optional
        Resolving power to which petitRADTRANS's own data are thinned out.
    nodes_per_decade : int, optional
        Pressures at which exosk's tables are handed over: 3 a decade line by line, 2 in c-k mode.
    temperature_step : float, optional
        Longest step of ln T between the temperatures at which exosk's tables are handed over: 0.05
        line by line, 0.2 in c-k mode. More of either follow exosk's own interpolation more
        closely, and take memory in proportion.

    Raises
    ------
    UnknownNameError
        If a molecule, parameter or mode is not known.
    RangeError
        If a needed parameter is neither free nor fixed, or tables do not reach far enough.
    FileFormatError
        If a file of petitRADTRANS's data is missing, ambiguous or damaged.
    PluginError
        If petitRADTRANS cannot be imported.
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
        n_layers: int = 100,
        pressure_range: tuple[float, float] = (1e-9, 10.0),
        reference_pressure: float = 10.0,
        he_h2_ratio: float = 0.17647,
        mode: str | None = None,
        input_data: str | Path = "auto",
        species: Mapping[str, str] | None = None,
        resolution: float | None = None,
        nodes_per_decade: int | None = None,
        temperature_step: float | None = None,
    ) -> None:
        self._sources = tuple(molecules)
        self._grid = grid
        folder = input_folder(input_data)
        mode = mode or ("lbl" if folder is None else "c-k")
        if mode not in ("c-k", "lbl"):
            raise UnknownNameError.suggest("mode of petitRADTRANS", mode, ["c-k", "lbl"])
        if not (n_layers >= 2 and reference_pressure > 0 and he_h2_ratio >= 0):
            raise RangeError(
                f"need at least 2 layers, a positive reference pressure and no negative ratio of "
                f"He to H2; got {n_layers}, {reference_pressure:g} bar and {he_h2_ratio:g}"
            )
        if nodes_per_decade is None:
            nodes_per_decade = 3 if mode == "lbl" else 2
        if temperature_step is None:
            temperature_step = 0.05 if mode == "lbl" else 0.2
        if not (nodes_per_decade >= 1 and 0 < temperature_step < np.inf):
            raise RangeError(
                f"need at least one node of pressure a decade and a positive step of temperature; "
                f"got {nodes_per_decade} and {temperature_step:g}"
            )
        if folder is None and (species or resolution):
            raise RangeError(
                "species and resolution choose among petitRADTRANS's own data; name its folder as "
                "input_data, or leave them out"
            )
        self._settings: dict[str, Any] = {
            "temperature_profile": temperature_profile,
            "abundance_profiles": dict(abundance_profiles or {}),
            "chemistry": chemistry,
            "n_layers": int(n_layers),
            "pressure_range": tuple(float(p) for p in pressure_range),
            "reference_pressure": float(reference_pressure),
            "he_h2_ratio": float(he_h2_ratio),
            "mode": mode,
            "input_data": "exosk" if folder is None else str(folder),
            "species": dict(species or {}),
            "resolution": resolution,
            "nodes_per_decade": int(nodes_per_decade),
            "temperature_step": float(temperature_step),
        }
        if folder is None:
            self._opacities = exosk_opacities(
                self._sources,
                grid,
                mode,
                self._settings["pressure_range"],
                self._settings["nodes_per_decade"],
                self._settings["temperature_step"],
            )
        else:
            self._opacities = user_opacities(
                folder, self._sources, grid, mode, self._settings["species"], resolution
            )
        self._inputs = Inputs(
            "petitRADTRANS",
            tuple(self._opacities.species),  # spelt as the tables are
            space=space,
            fixed=fixed,
            temperature_profile=temperature_profile,
            abundance_profiles=abundance_profiles,
            chemistry=chemistry,
            pressure_range=pressure_range,
            also_known=("cloud_fraction",),
        )
        self._levels = np.geomspace(*self._settings["pressure_range"], n_layers + 1)
        self._transit = Transit(self._opacities, self._levels, mode)
        self._kept = samples_for(
            grid if self._opacities.wavelength is None else None, self._transit.wavelength
        )

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points, ascending, in um, shape (n_wavelengths,)."""
        return self._transit.wavelength[self._kept]

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, versions, settings, opacities and what to cite."""
        return self._describe("petitradtrans", _VERSIONS, _CITATION, self._opacities.provenance)

    def simulate(self, theta: Any) -> np.ndarray:
        """Compute transit depths.

        Parameters
        ----------
        theta : array-like of shape (n, n_parameters)
            In the order of :attr:`space`.

        Returns
        -------
        numpy.ndarray of shape (n, n_wavelengths)
            Transit depths, float64.

        Raises
        ------
        RangeError
            If a temperature is outside the tables, abundances add up to more than one, the
            cloud top is outside the atmosphere, or the atmosphere is not bound.
        """
        value = self._inputs.values(theta)
        opacities = self._opacities
        check_layers(
            self._inputs, value, self._settings, opacities.masses, opacities.temperature_range
        )
        n = len(value["planet_radius"])
        depth = np.empty((n, int(self._kept.sum())))
        for row in range(n):
            one = {name: column[row : row + 1] for name, column in value.items()}
            depth[row] = self._depth(one, row)[self._kept]
        return depth

    def _depth(self, value: Mapping[str, np.ndarray], row: int) -> np.ndarray:
        """Depths of one atmosphere at all of petitRADTRANS's wavelengths."""
        number = {name: float(column[0]) for name, column in value.items()}
        deck = 10 ** number["log_p_cloud"] if "log_p_cloud" in number else None
        share = number.get("cloud_fraction", 1.0) if deck is not None else 0.0
        depth = np.zeros(self._transit.wavelength.shape)
        for weight, top in ((share, deck), (1 - share, None)):
            if weight > 0:
                radii = self._transit_radii(value, number, top, row)
                depth += weight * mapping.depth(radii, number["star_radius"])
        return depth

    def _transit_radii(
        self,
        value: Mapping[str, np.ndarray],
        number: Mapping[str, float],
        deck: float | None,
        row: int,
    ) -> np.ndarray:
        """Run petitRADTRANS, under an opaque deck (bar) or a clear sky; radii in cm."""
        pressure = levels_around(self._levels, deck)
        tensors = {name: torch.from_numpy(column) for name, column in value.items()}
        levels = torch.from_numpy(pressure)
        temperature, log_x = (
            tensor.expand(-1, len(pressure), *tensor.shape[2:])[0].numpy()
            for tensor in (
                self._inputs.temperature(tensors, levels),
                self._inputs.log_abundances(tensors, levels),
            )
        )
        x = dict(zip(self.molecules, 10.0**log_x.T))
        ratios = x | mapping.background(sum(x.values()), self._settings["he_h2_ratio"])
        masses = self._opacities.masses
        mean = mapping.mean_molar_mass(ratios, masses)
        fractions = mapping.mass_fractions(ratios, masses)
        haze = None
        if "log_haze" in number:

            def haze(wavelength: np.ndarray, _: np.ndarray) -> np.ndarray:
                return mapping.haze_opacity(
                    wavelength, number["log_haze"], number["haze_slope"], ratios["H2"], mean
                )

        reference, radius = planet_within(
            self._levels,
            self._settings["reference_pressure"],
            number["planet_mass"],
            number["planet_radius"],
            temperature,
            mean,
        )
        gravity, radius = mapping.planet_to_cgs(number["planet_mass"], radius)
        try:
            return self._transit.radii(
                pressure,
                temperatures=temperature,
                mass_fractions=fractions,
                mean_molar_masses=mean,
                reference_gravity=gravity,
                reference_pressure=reference,
                planet_radius=radius,
                opaque_cloud_top_pressure=None if deck is None else deck * (1 + DECK / 2),
                additional_scattering_opacities_function=haze,
            )
        except RangeError as error:
            raise RangeError(f"row {row}: {error}") from None
