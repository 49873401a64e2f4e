"""
My own spectrum
===============

A table of your own, with its units, a gap and a missing depth, becomes a spectrum, and its
atmosphere is retrieved. What the table does not say has to be stated: exosk guesses no unit.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import exosk
from exosk.pretrained import choose_pretrained, load_pretrained
from exosk.report import plot_spectrum

# %%
# A table
# -------
# This one is made here, so that the truth is known: a warm Saturn as NIRSpec G395H would see it,
# with the gap between its two detectors. Wavelengths are in nm, depths in ppm, and one bin has no
# depth.

edges = np.geomspace(2.87, 5.17, 91)
grid = exosk.SpectralGrid.from_edges(edges)
grid = grid[(grid.upper < 3.72) | (grid.lower > 3.82)]
truth = {
    "planet_radius": 0.90,
    "planet_mass": 0.31,
    "temperature": 850.0,
    "log_x_h2o": -2.7,
    "log_x_co2": -4.2,
    "log_x_co": -3.2,
    "log_x_ch4": -5.0,
}
nature = exosk.get_simulator(
    "builtin",
    molecules=("H2O", "CO2", "CO", "CH4"),
    space=exosk.ParameterSpace([exosk.Parameter("temperature", exosk.Uniform(400, 1500), "K")]),
    fixed={name: value for name, value in truth.items() if name != "temperature"}
    | {"star_radius": 0.80},
)
instrument = exosk.Instrument("JWST NIRSpec G395H", grid, 60e-6)
depth = nature.simulate([[truth["temperature"]]])[0]
observed = instrument.observe(nature.wavelength, depth, random_state=4)

folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "my-planet.csv"
rows = zip(1e3 * grid.wavelength, 2e3 * grid.half_width, 1e6 * observed.depth, strict=True)
lines = [f"{centre:.3f},{width:.3f},{ppm:.1f},60" for centre, width, ppm in rows]
centre, width, *_ = lines[20].split(",")
lines[20] = f"{centre},{width},,"
header = "wavelength,bin_width,transit_depth,transit_depth_err"
path.write_text("\n".join([header, *lines]), encoding="utf-8")
print("\n".join(path.read_text().splitlines()[:4]))

# %%
# Reading it
# ----------
# The header names no unit, so the file alone is refused, and the message says what to do.

try:
    exosk.load_spectrum(path)
except exosk.ExoskError as error:
    print(error)

# %%
# Stated, it is read into micrometres and plain fractions. Units in the header, as in
# ``wavelength_nm,transit_depth_ppm``, would have served as well.

spectrum = exosk.load_spectrum(
    path, wavelength_unit="nm", depth_unit="ppm", name="my planet", instrument=instrument.name
)
print(spectrum)
print("missing bins:", np.flatnonzero(np.isnan(spectrum.depth)))
print("notes:", *spectrum.meta.get("notes", ["none"]), sep="\n  ")

figure, axis = plt.subplots(figsize=(8, 3.2), layout="constrained")
axis.errorbar(
    spectrum.wavelength,
    1e2 * spectrum.depth,
    1e2 * spectrum.sigma,
    spectrum.grid.half_width,
    fmt=".",
    color="0.2",
    linewidth=0.8,
)
axis.set_xlabel("wavelength (µm)")
axis.set_ylabel("transit depth (%)")
plt.show()

# %%
# The system
# ----------
# The priors need the star's radius, the planet's mass and its equilibrium temperature. A table
# rarely says them; they are ``meta`` of the spectrum, or options of ``exosk retrieve``.

spectrum = replace(
    spectrum,
    meta=spectrum.meta
    | {
        "star_radius": 0.80,
        "planet_mass": 0.30,
        "planet_mass_err": 0.03,
        "equilibrium_temperature": 950.0,
    },
)

# %%
# The retrieval
# -------------
# Of the models that come with exosk, the one for NIRSpec knows such bins, with such gaps. It
# proposes, the simulator decides.

name = choose_pretrained(spectrum)
molecules = load_pretrained(name).molecules
space, fixed = exosk.space_for_spectrum(spectrum, molecules)
simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
result = exosk.retrieve(spectrum, simulator, method="pretrained", random_state=0)
print(f"model {name!r}: {result.posterior.meta['verdict']}")
print(f"reduced chi-squared {result.reduced_chi2:.2f}")

found = result.posterior.summary(0.95)
for parameter, value in truth.items():
    row = found[parameter]
    inside = "" if row["lower"] <= value <= row["upper"] else "  (outside)"
    print(f"{parameter:14s} {row['lower']:8.3f} to {row['upper']:8.3f}, truth {value:8.3f}{inside}")

# %%
# These are 95 % intervals, with the truth beside them. Sodium and potassium have no bands here,
# and stay as probable as they were before the data:

for molecule in molecules:
    print(f"{molecule:4s} probability {result.molecules[molecule]:.2f}")

# %%

plot_spectrum(result)

# %%
# In a shell it is ``exosk retrieve my-planet.csv --wavelength-unit nm --depth-unit ppm
# --star-radius 0.8 --planet-mass 0.3 --temperature 950``.

folder.cleanup()
