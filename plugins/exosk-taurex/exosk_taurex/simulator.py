"""TauREx's transmission model behind exosk's interface."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from taurex.model import TransmissionModel

from exosk.exceptions import RangeError, UnknownNameError
from exosk.opacities import OpacityTable
from exosk.parameters import ParameterSpace
from exosk.simulators.absorbers import NODES_PER_DECADE, pressure_nodes
from exosk.simulators.atmosphere import molar_mass
from exosk.simulators.configured import ConfiguredSimulator
from exosk.simulators.inputs import Inputs, changes_with_height
from exosk.simulators.structure import check_layers
from exosk.spectra import SpectralGrid
from exosk_taurex.assembly import assemble
from exosk_taurex.caches import lend_caches
from exosk_taurex.parameters import to_taurex
from exosk_taurex.shelf import Shelf

__all__ = ["TaurexSimulator"]

_VERSIONS = ("taurex", "exosk-taurex", "exosk", "numba")
_CITATION = "Al-Refaie et al. 2021, ApJ 917, 37 (TauREx 3)"


class TaurexSimulator(ConfiguredSimulator):
    """Transmission spectra by TauREx 3, one after the other.

    The same parameters mean the same atmosphere as in exosk's built-in model. By default the
    opacities are exosk's too, handed over in memory and interpolated by TauREx.

    Parameters
    ----------
    molecules : sequence of str or OpacityTable, default=("H2O", "CO2", "CO", "CH4")
        Absorbers beside H2 and He.
    space : ParameterSpace, optional
        The free parameters: those of the built-in model but for patchy clouds, stellar
        contamination, dilution and offsets. ExoGAN's priors by default.
    fixed : mapping of str to float, optional
        Values of parameters that are not free. What is neither free nor fixed is absent;
        `star_radius` is 1 by default.
    grid : SpectralGrid, optional
        Work only on the samples that these bins need.
    temperature_profile : str, default="isothermal"
        Or ``"guillot"`` or ``"<N>-point"``, as in the built-in model.
    abundance_profiles : mapping of str to str, optional
        ``{"H2O": "two-layer"}``, as in the built-in model.
    chemistry : {"free", "equilibrium"}
        As in the built-in model.
    n_layers : int, default=100
        Layers, equally spaced in log pressure.
    pressure_range : tuple of float, default=(1e-9, 10)
        Top and bottom of the atmosphere, in bar; it is opaque below the bottom.
    reference_pressure : float, default=10
        Where the radius is `planet_radius`, in bar. TauREx has its radius at the bottom; it is
        moved there along exosk's closed form of hydrostatic equilibrium.
    he_h2_ratio : float, default=0.17647
        Number of He atoms per H2 molecule in the background.
    nodes_per_decade : int, optional
        Pressures at which exosk's tables are handed over; by default as in the built-in model.
    layers : {"taurex", "exact"}
        TauREx's own layers, or exact ones (see :mod:`exosk_taurex.layers`).
    rayleigh : {"exosk", "taurex"}
        Cross sections of H2 and He from exosk, or TauREx's, which scatter off the absorbers too.
    interpolation : {"exp", "linear", "exosk"}
        TauREx's mode of interpolation in temperature, which follows that in pressure; or, with
        "exosk", its "exp" before pressure, as in the built-in model. exosk's tables are made for
        "exp".
    opacity_path : path, optional
        A folder of TauREx's own opacity files, from which molecules given by name are read.
    cia_path : path, optional
        A folder of TauREx's own files of collision-induced absorption.

    Raises
    ------
    UnknownNameError
        If a molecule, parameter or option is not known.
    RangeError
        If a needed parameter is neither free nor fixed, or a setting is out of range.
    FileFormatError
        If TauREx cannot read the files.

    Notes
    -----
    TauREx stops adding up the opacities of a ray once its optical depth exceeds ten at every
    wavelength asked for, so that a spectrum depends on its range by some hundredths of a ppm.
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
        nodes_per_decade: int | None = None,
        layers: str = "taurex",
        rayleigh: str = "exosk",
        interpolation: str = "exp",
        opacity_path: str | os.PathLike[str] | None = None,
        cia_path: str | os.PathLike[str] | None = None,
    ) -> None:
        for what, choice, known in (
            ("layers of TauREx", layers, ("taurex", "exact")),
            ("Rayleigh scattering of TauREx", rayleigh, ("exosk", "taurex")),
            ("interpolation of TauREx", interpolation, ("exp", "linear", "exosk")),
        ):
            if choice not in known:
                raise UnknownNameError.suggest(what, choice, known)
        if not (n_layers >= 2 and reference_pressure > 0 and he_h2_ratio >= 0):
            raise RangeError(
                f"need at least 2 layers, a positive reference pressure and a He/H2 ratio that is "
                f"not negative; got {n_layers} layers, {reference_pressure:g} bar and "
                f"{he_h2_ratio:g}"
            )
        if nodes_per_decade is None:
            changes = changes_with_height(temperature_profile, abundance_profiles, chemistry)
            nodes_per_decade = NODES_PER_DECADE[changes]
        self._sources = tuple(molecules)
        self._grid = grid
        self._settings: dict[str, Any] = {
            "temperature_profile": temperature_profile,
            "abundance_profiles": dict(abundance_profiles or {}),
            "chemistry": chemistry,
            "n_layers": int(n_layers),
            "pressure_range": tuple(float(p) for p in pressure_range),
            "reference_pressure": float(reference_pressure),
            "he_h2_ratio": float(he_h2_ratio),
            "nodes_per_decade": int(nodes_per_decade),
            "layers": layers,
            "rayleigh": rayleigh,
            "interpolation": interpolation,
            "opacity_path": None if opacity_path is None else os.fspath(opacity_path),
            "cia_path": None if cia_path is None else os.fspath(cia_path),
        }
        #: The opacities that TauREx gets.
        self.shelf = Shelf.stock(
            self._sources,
            grid,
            pressure_nodes(pressure_range, nodes_per_decade),
            interpolation,
            opacity_path,
            cia_path,
        )
        for gas in ("H2", "He"):
            if gas in self.shelf.opacities:
                raise RangeError(
                    f"{gas} fills the atmosphere in TauREx and cannot be an absorber too; leave "
                    f"it out of the molecules"
                )
        self._inputs = Inputs(
            "the TauREx simulator",
            tuple(self.shelf.opacities),
            space=space,
            fixed=fixed,
            temperature_profile=temperature_profile,
            abundance_profiles=abundance_profiles,
            chemistry=chemistry,
            pressure_range=pressure_range,
        )
        self._masses = {name: molar_mass(name) for name in ("H2", "He", *self.molecules)}
        wavenumber = 1e4 / self.wavelength[::-1]
        with lend_caches(self.shelf.opacities, self.shelf.pairs):
            self._model = assemble(wavenumber, self._inputs, self._settings)

    @property
    def wavelength(self) -> np.ndarray:
        """Native sample points, ascending, in um, shape (n_wavelengths,)."""
        return self.shelf.wavelength

    @property
    def model(self) -> TransmissionModel:
        """TauREx's model, as it was set for the last spectrum.

        It finds its opacities only while the simulator works.
        """
        return self._model

    @property
    def provenance(self) -> dict[str, Any]:
        """Code, versions, settings, opacities and what to cite."""
        return self._describe("taurex", _VERSIONS, _CITATION, self.shelf.provenance)

    def simulate(self, theta: Any) -> np.ndarray:
        """Compute transit depths.

        Parameters
        ----------
        theta : array-like of shape (n, n_parameters)
            In the order of :attr:`space`.

        Returns
        -------
        numpy.ndarray of shape (n, n_wavelengths)
            Transit depths.

        Raises
        ------
        RangeError
            Before TauREx runs, if a temperature is outside the tables, abundances add up to more
            than one, the cloud top is outside the atmosphere, or the atmosphere is not bound.
        """
        value = self._inputs.values(theta)
        bottom = check_layers(
            self._inputs, value, self._settings, self._masses, self.shelf.temperature_range
        )
        # Guillot's optical depth goes with 1/g, and TauREx's g is the one at the bottom.
        if "log_kappa_ir" in value:
            shift = 2 * np.log10(value["planet_radius"] / bottom)
            value["log_kappa_ir"] = value["log_kappa_ir"] + shift
        value["planet_radius"] = bottom
        if "log_haze" not in value:
            value.pop("haze_slope", None)
        depth = np.empty((len(bottom), len(self.wavelength)))
        with lend_caches(self.shelf.opacities, self.shelf.pairs):
            for k in range(len(bottom)):
                parameters = {name: x[k] for name, x in value.items()}
                for name, number in to_taurex(parameters, self.molecules).items():
                    self._model[name] = number
                depth[k] = self._model.model()[1][::-1]
        return depth
