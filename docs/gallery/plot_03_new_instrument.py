"""
Train for a new instrument
==========================

A retriever of your own for an instrument that nobody has trained one for: define its bins and
noise, simulate, train, judge, save.
"""

import tempfile
from pathlib import Path

import numpy as np

import exosk
from exosk.report.retriever_figures import plot_coverage, plot_predictions

# %%
# The instrument
# --------------
# Bins, and a 1-sigma error in each. Here a survey telescope of a small aperture: three photometric
# bands in the visible, and two channels of low resolution in the infrared.

edges = np.concatenate([[0.5, 0.6, 0.8, 1.1], np.geomspace(1.1, 1.95, 9)[1:]])
infrared = np.geomspace(1.95, 7.8, 42)[1:]
grid = exosk.SpectralGrid.from_edges(np.concatenate([edges, infrared]))
sigma = np.where(grid.wavelength < 1.1, 40e-6, 70e-6) * (1 + (grid.wavelength / 7) ** 4)
instrument = exosk.Instrument("survey telescope", grid, sigma, "an example of the documentation")
print(instrument)

# %%
# Training spectra
# ----------------
# Atmospheres drawn from the priors, in these bins, without noise. All spectra of one parent stay
# on one side of the split.

simulator = exosk.get_simulator("builtin", molecules=("H2O", "CO2", "CH4"))
data = exosk.simulate_dataset(simulator, 6000, like=instrument, random_state=0)
train, validation, test = data.split(random_state=0)
print(data)

# %%
# The network
# -----------
# It is given new noise in every epoch, between a third and three times the instrument's, and it is
# told the errors: so one model serves bright stars and faint ones.

noise = exosk.NoiseInjector("columns", scale=(0.3, 3), grid=grid)
model = exosk.MLPRetriever((128, 128), grid=grid, augmentation=noise, max_epochs=40, random_state=0)
model.fit(train.with_sigma(instrument.sigma), train.Y)
print(f"{len(model.history_[0])} epochs")

# %%
# How good is it?
# ---------------
# On spectra that it has not seen, with the noise of one transit. R2 says how good the values are,
# the coverage whether the intervals hold the truth as often as they say; those of the radius are
# too wide here, and more spectra mend that.

one_transit = exosk.NoiseInjector("columns", random_state=1, grid=grid)
X = one_transit.fit_transform(test.with_sigma(instrument.sigma))
evaluation = exosk.evaluate_retriever(model, X, test.Y)
for row in evaluation.table():
    print(f"{row['parameter']:15s} R2 {row['r2']:6.3f}   in 68 %: {row['coverage_68']:.3f}")

# %%
# Retrieved against true values. Haze and cloud are known only where they can be seen.

plot_predictions(evaluation)

# %%
# The share of truths within intervals of each size: honest ones follow the diagonal.

plot_coverage(evaluation)

# %%
# Save and ask
# ------------
# A saved model is a folder of plain files with a card: bins, priors, noise, simulator, versions.
# Loaded, it refuses what it was not trained for, in a sentence.

with tempfile.TemporaryDirectory() as folder:
    exosk.save_model(model, Path(folder) / "survey", train, sigma=instrument, sigma_scale=(0.3, 3))
    loaded = exosk.load_model(Path(folder) / "survey")

k = 3
depth = simulator.simulate(test.Y[k : k + 1])[0]
spectrum = instrument.scaled(0.5).observe(simulator.wavelength, depth, random_state=2)
posterior = loaded.posterior(spectrum)
for name in ("temperature", "log_x_h2o", "log_x_co2", "log_x_ch4"):
    row, truth = posterior.summary()[name], test.Y[k, data.space.index(name)]
    interval = f"{row['lower']:.2f} to {row['upper']:.2f}"
    print(f"{name:12s} {row['median']:8.2f} ({interval}), is {truth:.2f}")

try:
    loaded.posterior(exosk.load_spectrum("wasp-39b"))
except exosk.ExoskError as error:
    print(error)

# %%
# 6,000 spectra make it quick. Take 20,000 or more for work, and see how :doc:`../models` chooses
# among forests, networks and flows. In a shell: ``exosk simulate``, ``exosk train``, ``exosk
# evaluate``.
