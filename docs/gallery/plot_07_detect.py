"""
Detect molecules
================

Which molecules show in a spectrum? A network that was trained on simulations gives a probability
for each, and held-out spectra tell what these probabilities are worth.
"""

import matplotlib.pyplot as plt
import numpy as np

import exosk
from exosk.report.detection_figure import plot_curves, plot_reliability

# %%
# What counts as present
# ----------------------
# The observation is WASP-39 b's, and the training spectra are in its bins. Each is simulated
# without each molecule as well: a molecule counts where its abundance is above 1e-8 *and* the
# spectrum would be another without it, by a delta chi-squared of 9. Below a cloud deck it is not
# there to be seen.

spectrum = exosk.load_spectrum("wasp-39b")
molecules = ("H2O", "CO2", "CO", "CH4", "Na", "K", "SO2")
space, fixed = exosk.space_for_spectrum(spectrum, molecules)
simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
data = exosk.simulate_dataset(simulator, 4000, spectrum, random_state=0, detectability=True)
train, _, test = data.split(validation=0.05, random_state=0)
before = train.presence(delta_chi2=9).mean(axis=0)
print({name: round(float(share), 2) for name, share in zip(molecules, before, strict=True)})

# %%
# Training
# --------
# New noise in every epoch, and a part of the spectra kept aside to calibrate the probabilities.

detector = exosk.MLPDetector(
    augmentation=exosk.NoiseInjector(spectrum), max_epochs=25, n_members=2, random_state=0
)
detector.fit(train.X, train.presence(delta_chi2=9))
print(*(len(epochs) for epochs in detector.history_), "epochs")

# %%
# What is it worth?
# -----------------
# On held-out spectra with noise: how well molecules are told apart (the area under the ROC curve),
# and whether what is called 70 % happens in 70 % of cases.

noisy = exosk.NoiseInjector(spectrum, random_state=1).fit_transform(test.X)
evaluation = exosk.evaluate_detector(detector, noisy, test.presence(delta_chi2=9), molecules)
for name, scores in evaluation.metrics().items():
    low, high = scores["auc_interval"]
    area = f"{scores['auc']:.3f} ({low:.3f} to {high:.3f})"
    print(f"{name:4s} AUC {area}, calibration error {scores['ece']:.3f}")

plot_curves(evaluation)

# %%

plot_reliability(evaluation)

# %%
# And WASP-39 b?
# --------------

probability = detector.predict_proba(spectrum.to_row())[0]
figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
place = np.arange(len(molecules))
axis.bar(place, probability, color="#0072b2", label="with the observed spectrum")
axis.scatter(place, before, marker="_", s=500, color="#d55e00", label="before")
axis.set_xticks(place, molecules)
axis.set_ylabel("probability that it is there to see")
axis.set_ylim(0, 1.25)
axis.legend(frameon=False, ncols=2, loc="upper left")
plt.show()
for name, value in zip(molecules, probability, strict=True):
    print(f"{name:4s} {value:.3f}")

# %%
# A network answers whatever it is asked. A guard says whether the spectrum is like any that the
# simulator makes at the observation's errors; if it is not, the scores above are not about it.

guard = exosk.SpectrumGuard(data.grid, n_reference=300, n_gaussians=5, random_state=0)
guard.fit(train.with_sigma(spectrum.sigma))
print(guard.verdict(spectrum.to_row(sigma=True))[0])

# %%
# It objects, and it is right: these errors are smaller than what the simulator misses in such
# narrow bins. The first example of this gallery adds the simulator's own error to them, and lets
# all be larger by a common factor; a detector is told so by ``NoiseInjector(spectrum, scale=(1,
# 3))``.
