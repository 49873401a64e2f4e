"""
Explain an answer
=================

A detector finds carbon dioxide. Did it see carbon dioxide, or something that goes with it in the
training set? An explanation says which wavelengths the answer rests on, and the simulator which it
should rest on.
"""

import exosk
from exosk.explain import (
    Background,
    Target,
    explain,
    randomize_weights,
    score_importance,
    true_contribution,
)

# %%
# A detector
# ----------
# In the bins of the observation, with its noise, as in the example before.

spectrum = exosk.load_spectrum("wasp-39b")
molecules = ("H2O", "CO2", "CO", "Na")
space, fixed = exosk.space_for_spectrum(spectrum, molecules)
simulator = exosk.get_simulator("builtin", molecules=molecules, space=space, fixed=fixed)
data = exosk.simulate_dataset(simulator, 3000, spectrum, random_state=0, detectability=True)
train, _, test = data.split(validation=0.05, random_state=0)
detector = exosk.MLPDetector(
    augmentation=exosk.NoiseInjector(spectrum), max_epochs=25, random_state=0
)
detector.fit(train.X, train.presence(delta_chi2=9))
probability = detector.predict_proba(spectrum.to_row())[0, 1]
print(f"probability of CO2: {probability:.3f}")

# %%
# One observation
# ---------------
# Bands of 5 % of the wavelength are hidden, and what may have stood there is drawn from simulated
# spectra without CO2 that agree with the bins in sight. Shapley values share the answer out among
# the bands: what is orange speaks for CO2.

target = Target.molecule(detector, "CO2", data.molecules)
background = Background.simulate(simulator, spectrum, without="CO2", n=1000, random_state=0)
found = exosk.explain_spectrum(target, spectrum, background, random_state=0)
share = found.in_bands()["CO2"]
print(f"most of all at {found.peak:.2f} um; {share:.0%} lie in the bands of CO2")
found.plot(spectrum)

# %%
# Is it true?
# -----------
# Of simulated spectra the simulator knows what each bin tells of CO2: by how much it changes, in
# units of its error, when the gas is taken out. Here is the mean explanation of thirty spectra
# with CO2, and in green the mean of that. The question is another one this time: what does each
# band tell alone?

rich = test[test.presence(delta_chi2=100)[:, 1] == 1][:30]
noisy = exosk.NoiseInjector(spectrum, random_state=1).fit_transform(rich.X)
every = Background.of_dataset(train)
overall = explain(target, noisy, every, method="inclusion")
truth = true_contribution(simulator, rich.Y, "CO2", spectrum.grid, spectrum.sigma)
truth = (truth / truth.sum(axis=1, keepdims=True)).mean(axis=0)
overall.plot(spectrum, truth=truth)

# %%
# Two numbers compare them: the rank correlation over all bins, and the share of the most important
# fifth that is right (0.2 by chance). Networks of random weights know nothing. What explanations
# of them are worth is chance, though one of them may be lucky:

score = score_importance(overall.per_bin, truth)
print(f"trained: rank correlation {score.rank_correlation:5.2f}, overlap {score.overlap:.2f}")
for seed in range(3):
    blind = Target.molecule(randomize_weights(detector, seed), "CO2", data.molecules)
    nothing = explain(blind, noisy, every, method="inclusion")
    score = score_importance(nothing.per_bin, truth)
    print(f"random:  rank correlation {score.rank_correlation:5.2f}, overlap {score.overlap:.2f}")

# %%
# :doc:`../explaining` has four methods and says what each asks; in a shell it is ``exosk explain
# MODEL wasp-39b --molecule CO2``.
