"""
A new molecule
==============

An absorber that exosk does not carry: its cross sections become a table, the table a name, and the
name a free parameter of every simulator.
"""

import os
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exosk
from exosk.opacities import OpacityTable, read_opacity, write_opacity
from exosk.opacities.alkali import ALKALIS, Alkali, alkali_cross_sections
from exosk.opacities.resampling import model_wavelength

# Tables of one's own lie in this folder; without the variable, in one of the system's for data.
own = tempfile.TemporaryDirectory()
folder = Path(own.name)
os.environ["EXOSK_OPACITY_DIR"] = own.name

# %%
# Cross sections
# --------------
# Most come from a database and need no code: ``exosk opacity convert FILE --name TiO`` reads
# tables of ExoMol, TauREx, petitRADTRANS, Exo_Transmit and HELIOS-K, ``exosk opacity build`` a
# HITRAN line list. Here one is computed, of the simplest absorber there is: lithium, with a single
# doublet at 0.671 µm.

sodium = ALKALIS["Na"]
lithium = Alkali(
    "Li",
    mass=6.94,
    wavenumber=(14903.648, 14903.983),  # cm-1 in vacuum: Sansonetti et al. 2011, PRL 107, 023001
    log_gf=(-0.303, -0.002),  # NIST
    half_width=sodium.half_width,
    detuning=sodium.detuning,
)
wavelength = model_wavelength()  # of exosk's own tables, so that they can be mixed
temperature = np.geomspace(100, 3000, 12)
pressure = np.geomspace(1e-9, 1e3, 13)
sigma = alkali_cross_sections(lithium, wavelength, temperature, pressure, samples_per_bin=50)
table = OpacityTable.from_cross_section(
    "Li",
    wavelength,
    temperature,
    pressure,
    sigma,
    provenance={
        "source": "computed from the doublet of 7Li",
        "citation": ["Sansonetti et al. 2011, PRL 107, 023001", "NIST Atomic Spectra Database"],
        "limits": ["broadening and wings are sodium's"],
    },
)

figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
near = (wavelength > 0.55) & (wavelength < 0.82)
for name, shown in (("Na", exosk.get_opacity("Na")), ("Li", table), ("K", exosk.get_opacity("K"))):
    axis.semilogy(wavelength[near], shown.cross_section(1500, 0.01)[0, near], label=name)
axis.set_ylim(1e-28, 1e-13)
axis.set_xlabel("wavelength (µm)")
axis.set_ylabel("cross section (cm² per atom)")
axis.set_title("1500 K, 0.01 bar")
axis.legend(frameon=False)
plt.show()

# %%
# A name
# ------
# Saved in the folder, the table is there for every simulator and command. Other codes can have it
# too: what is written for TauREx comes back as it was.

table.save(folder / "Li.h5")
found = exosk.get_opacity("Li")
print(found.name, found.log_cross_section.shape, found.provenance["citation"])

with tempfile.TemporaryDirectory() as elsewhere:
    written = write_opacity(table, Path(elsewhere) / "Li.TauREx.pickle", "taurex-pickle")
    again = read_opacity(Path(elsewhere) / "Li.TauREx.pickle", name="Li")
strong = table.log_cross_section > -30
difference = np.abs(again.log_cross_section - table.log_cross_section)[strong].max()
print(f"largest difference after a round trip: {difference:.1e} dex")

# %%
# A parameter
# -----------
# The name brings ``log_x_li``, beside the others.

molecules = ("H2O", "Na", "K", "Li")
system = {"planet_radius": 1.2, "planet_mass": 0.5, "temperature": 1400.0, "star_radius": 1.0}
space = exosk.ParameterSpace(
    [
        exosk.Parameter("log_x_li", exosk.Uniform(-12, -5), "log VMR"),
        exosk.Parameter("log_p_cloud", exosk.Uniform(-4, 1), "log bar"),
    ]
)
simulator = exosk.get_simulator(
    "builtin",
    molecules=molecules,
    space=space,
    fixed=system | {"log_x_h2o": -3.3, "log_x_na": -5.7, "log_x_k": -6.9},
)
abundances = [-12.0, -9.0, -8.0, -7.0]
grid = exosk.SpectralGrid.from_resolution(0.55, 0.85, 150)
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
for abundance in abundances:
    depth = simulator.simulate([[abundance, 0.0]])[0]
    axis.step(
        grid.wavelength,
        100 * grid.average(simulator.wavelength, depth),
        where="mid",
        label=f"log x(Li) = {abundance:g}",
    )
axis.set_xlabel("wavelength (µm)")
axis.set_ylabel("transit depth (%)")
axis.legend(frameon=False)
plt.show()

# %%
# Could it be seen?
# -----------------
# Each spectrum is simulated without lithium as well. Delta chi-squared says how much that changes
# it, at the errors of an instrument: 50 ppm in bins of R = 150, here. Clouds hide it.

instrument = exosk.Instrument("a spectrograph", grid, 50e-6)
data = exosk.simulate_dataset(simulator, 1500, instrument, random_state=0, detectability=True)
change = data.delta_chi2[:, data.molecules.index("Li")]
figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
shown = axis.scatter(data.Y[:, 0], change, c=data.Y[:, 1], s=6, cmap="viridis")
axis.axhline(9, color="0.2", linestyle="--", linewidth=0.8)
axis.set_yscale("log")
axis.set_ylim(1e-3, None)
axis.set_xlabel("log x(Li)")
axis.set_ylabel("delta chi-squared")
figure.colorbar(shown, label="log cloud-top pressure (bar)")
plt.show()

seen = change > 9
least = data.Y[seen, 0].min()
print(f"{seen.mean():.0%} of these atmospheres show it; none below log x(Li) = {least:.1f}")

# %%
# To share a molecule, put its table into a plugin: ``plugins/exosk-example`` does it with this
# one.

del os.environ["EXOSK_OPACITY_DIR"]
own.cleanup()
